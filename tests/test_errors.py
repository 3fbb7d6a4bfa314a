"""What can go wrong: each failure a sentence with its facts."""

from __future__ import annotations

import copy
import pickle

from hypothesis import given
from twisted.trial.unittest import SynchronousTestCase

from tests.strategies import octets
from txdicom import errors
from txdicom.errors import (
    AssociationAborted,
    AssociationError,
    AssociationRejected,
    AssociationReleased,
    AssociationTimeout,
    ConnectionFailed,
    DIMSETimeout,
    ListenFailed,
    NameNotResolved,
    NoAcceptedContext,
    NotEstablished,
    ProtocolViolation,
    TLSFailed,
)
from txdicom.upperlayer import reasons

VERIFICATION = "1.2.840.10008.1.1"

#: Each failure, its sentence, its stage and its facts.
SENTENCES = (
    (
        ConnectionFailed("pacs:104", "connection refused"),
        "no connection to pacs:104: connection refused",
        "connect",
        {"address": "pacs:104", "reason": "connection refused"},
    ),
    (
        NameNotResolved("pacs:104", "no such host"),
        "the host name of pacs:104 was not resolved: no such host",
        "resolve",
        {"address": "pacs:104", "reason": "no such host"},
    ),
    (
        TLSFailed("certificate has expired"),
        "TLS failed: certificate has expired",
        "tls",
        {"reason": "certificate has expired"},
    ),
    (
        AssociationRejected(1, 1, 7),
        "association rejected-permanent by the DICOM UL service-user:"
        " called-AE-title-not-recognized (check the called AE title)",
        "associate",
        {"result": 1, "source": 1, "reason": 7, "transient": False},
    ),
    (
        AssociationRejected(2, 3, 2),
        "association rejected-transient by the DICOM UL service-provider (Presentation related"
        " function): local-limit-exceeded (the peer has as many associations as it allows; try"
        " again later)",
        "associate",
        {"result": 2, "source": 3, "reason": 2, "transient": True},
    ),
    (
        AssociationRejected(9, 8, 7),
        "association undefined value 9 by the undefined value 8: undefined reason 7",
        "associate",
        {"result": 9, "source": 8, "reason": 7, "transient": False},
    ),
    (
        AssociationAborted(0, 0, "peer"),
        "the peer aborted the association, as DICOM UL service-user",
        "associate",
        {"source": 0, "reason": 0, "by": "peer", "detail": ""},
    ),
    (
        AssociationAborted(2, 1, "local", "more"),
        "this side aborted the association, as DICOM UL service-provider: unrecognized-PDU (more)",
        "associate",
        {"source": 2, "reason": 1, "by": "local", "detail": "more"},
    ),
    (
        AssociationAborted(1, 77, "peer"),
        "the peer aborted the association, as undefined value 1",
        "associate",
        {"source": 1, "reason": 77},
    ),
    (
        AssociationAborted(2, 77, "peer"),
        "the peer aborted the association, as DICOM UL service-provider: undefined value 77",
        "associate",
        {"source": 2, "reason": 77},
    ),
    (
        AssociationAborted(2, 0, "connection"),
        "the connection was closed without an A-ABORT or A-RELEASE",
        "associate",
        {"by": "connection"},
    ),
    (
        AssociationReleased("peer"),
        "the association was released by the peer",
        "release",
        {"by": "peer"},
    ),
    (
        AssociationReleased("local"),
        "the association was released by this side",
        "release",
        {"by": "local"},
    ),
    (
        NotEstablished("P-DATA-TF", 13),
        "P-DATA-TF cannot be sent in Sta13: the association is not established",
        "associate",
        {"request": "P-DATA-TF", "state": 13},
    ),
    (
        NoAcceptedContext(VERIFICATION, [(VERIFICATION, 3)]),
        "no accepted presentation context for 1.2.840.10008.1.1: 1.2.840.10008.1.1:"
        " abstract-syntax-not-supported (provider rejection)",
        "context",
        {"abstract_syntax": VERIFICATION, "results": ((VERIFICATION, 3),)},
    ),
    (
        NoAcceptedContext(None, [(f"1.2.{n}", n) for n in range(1, 8)]),
        "the peer accepted the association but none of its presentation contexts: 1.2.1:"
        " user-rejection; 1.2.2: no-reason (provider rejection); 1.2.3:"
        " abstract-syntax-not-supported (provider rejection); 1.2.4:"
        " transfer-syntaxes-not-supported (provider rejection); and 3 more",
        "context",
        {"abstract_syntax": None},
    ),
    (
        NoAcceptedContext(VERIFICATION, [], "the SCU role was refused"),
        "no accepted presentation context for 1.2.840.10008.1.1: the SCU role was refused",
        "context",
        {"why": "the SCU role was refused", "results": ()},
    ),
    (
        AssociationTimeout("acse_timeout", 30.0, "answer to the A-ASSOCIATE-RQ"),
        "no answer to the A-ASSOCIATE-RQ within 30 s (acse_timeout)",
        "associate",
        {"timer": "acse_timeout", "seconds": 30.0},
    ),
    (
        DIMSETimeout("dimse_timeout", 0.5, "response to the C-ECHO"),
        "no response to the C-ECHO within 0.5 s (dimse_timeout)",
        "echo",
        {"timer": "dimse_timeout", "seconds": 0.5},
    ),
    (
        ProtocolViolation("a PDU of 3 bytes"),
        "the peer violated the protocol: a PDU of 3 bytes",
        "associate",
        {"abort_reason": 6, "seen": b"", "protocol": None},
    ),
    (
        ProtocolViolation("unknown PDU type 0x47", 1, b"GET / ", "HTTP"),
        "the peer speaks HTTP, not DICOM (unknown PDU type 0x47)",
        "associate",
        {"abort_reason": 1, "seen": b"GET / ", "protocol": "HTTP"},
    ),
)


class SentenceTests(SynchronousTestCase):
    """``str()`` of each failure."""

    def test_sentences(self) -> None:
        """Each failure is one sentence for the person who has to act on it."""
        for error, sentence, _, _ in SENTENCES:
            self.assertEqual(str(error), sentence)
            self.assertNotIn("\n", str(error))

    def test_facts(self) -> None:
        """Each failure has its stage and its facts as attributes."""
        for error, sentence, stage, facts in SENTENCES:
            self.assertEqual(error.stage, stage, sentence)
            for name, value in facts.items():
                self.assertEqual(getattr(error, name), value, (sentence, name))

    def test_every_class(self) -> None:
        """No class of the tree is forgotten here, and all are one tree."""
        classes = {
            it
            for it in vars(errors).values()
            if isinstance(it, type)
            and issubclass(it, Exception)
            and it.__module__ == errors.__name__
        }
        tested = {type(error) for error, *_ in SENTENCES}
        self.assertEqual(classes, tested | {AssociationError, ListenFailed})
        for kind in classes - {ListenFailed}:
            self.assertTrue(issubclass(kind, AssociationError), kind)

    def test_copies(self) -> None:
        """A failure can be copied and pickled, facts and all, to be logged elsewhere."""
        for error, sentence, _, facts in SENTENCES:
            for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):
                self.assertEqual(str(twin), sentence)
                for name, value in facts.items():
                    self.assertEqual(getattr(twin, name), value)

    def test_stage_can_be_told(self) -> None:
        """The stage of one failure can be set without touching those of others."""
        error = ProtocolViolation("x")
        error.stage = "echo"
        self.assertEqual((error.stage, ProtocolViolation("y").stage), ("echo", "associate"))

    def test_pythons_own(self) -> None:
        """What is a mistake of the caller's can be caught as Python's own kind of error too."""
        self.assertIsInstance(NotEstablished("P-DATA-TF", 1), RuntimeError)
        self.assertIsInstance(NoAcceptedContext(None, []), ValueError)
        self.assertIsInstance(ListenFailed("in use"), OSError)
        self.assertNotIsInstance(ListenFailed("in use"), AssociationError)


class UndefinedTests(SynchronousTestCase):
    """Values that the standard does not define come from peers all the same."""

    @given(octets, octets, octets)
    def test_rejected(self, result, source, reason) -> None:
        """Any three bytes of a rejection make a sentence; undefined ones appear as numbers."""
        sentence = str(AssociationRejected(result, source, reason))
        for names, value in (
            (reasons.REJECT_RESULT, result),
            (reasons.REJECT_SOURCE, source),
        ):
            self.assertIn(names.get(value, f"undefined value {value}"), sentence)
        words = reasons.REJECT_REASON.get((source, reason), f"undefined reason {reason}")
        self.assertIn(words, sentence)

    @given(octets, octets)
    def test_aborted(self, source, reason) -> None:
        """Any two bytes of an abort make a sentence."""
        sentence = str(AssociationAborted(source, reason, "peer"))
        self.assertIn(reasons.ABORT_SOURCE.get(source, f"undefined value {source}"), sentence)
        if source == reasons.ABORT_BY_PROVIDER:
            words = reasons.ABORT_REASON.get(reason, f"undefined value {reason}")
            self.assertTrue(sentence.endswith(f": {words}"), sentence)


class TablesTests(SynchronousTestCase):
    """Tables 9-18, 9-21 and 9-26 of PS3.8."""

    def test_reject(self) -> None:
        """Each source has the reasons that Table 9-21 gives it, and no reserved one."""
        self.assertEqual(
            sorted(reasons.REJECT_REASON),
            [(1, 1), (1, 2), (1, 3), (1, 7), (2, 1), (2, 2), (3, 1), (3, 2)],
        )
        self.assertEqual(sorted(reasons.REJECT_RESULT), [1, 2])
        self.assertEqual(sorted(reasons.REJECT_SOURCE), [1, 2, 3])

    def test_abort(self) -> None:
        """Source 1 and reason 3 are reserved (Table 9-26)."""
        self.assertEqual(sorted(reasons.ABORT_SOURCE), [0, 2])
        self.assertEqual(sorted(reasons.ABORT_REASON), [0, 1, 2, 4, 5, 6])

    def test_context(self) -> None:
        """A presentation context has one of five results (Table 9-18)."""
        self.assertEqual(sorted(reasons.CONTEXT_RESULT), [0, 1, 2, 3, 4])
