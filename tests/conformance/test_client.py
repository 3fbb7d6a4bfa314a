"""The requestor, and whatever an acceptor may answer it: what the program is told, in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from tests.conformance.peer import (
    AC,
    CT_IMAGE,
    ECHO_RQ,
    ECHO_RSP,
    RELEASE_RP,
    RELEASE_RQ,
    ConformanceTestCase,
    RawPeer,
    c_echo_rq,
    c_echo_rsp,
    p_data,
)
from tests.conformance.test_negotiation import (
    APPLICATION,
    CLASS_UID,
    FIXED,
    LENGTH,
    TRANSFER,
    USER,
    answer,
    with_reserved,
)
from txdicom import build_context
from txdicom.dimse.status import code_to_category, status_words
from txdicom.errors import (
    AssociationAborted,
    AssociationError,
    AssociationRejected,
    AssociationTimeout,
    DIMSETimeout,
    NoAcceptedContext,
    ProtocolViolation,
)
from txdicom.uids import EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, VERIFICATION
from txdicom.upperlayer.items import PresentationContextAC, item
from txdicom.upperlayer.pdu import HEADER, PDU, Abort, AssociateRJ

BY_USER, UNEXPECTED_PDU = Abort(0, 0), Abort(2, 2)
UNEXPECTED, INVALID = Abort(2, 5), Abort(2, 6)


def context(context_id: int, result: int, *sub_items: bytes) -> bytes:
    """A presentation context item, as answered."""
    return item(0x21, bytes((context_id, 0, result, 0)) + b"".join(sub_items))


ACCEPTED = context(1, 0, TRANSFER)


class Answer(NamedTuple):
    """An A-ASSOCIATE-AC, and what comes of it.

    The failure is None where there is an association; ``sent`` is what the acceptor is sent.
    """

    section: str
    what: str
    ac: bytes
    failure: type[AssociationError] | None = None
    sent: tuple[PDU, ...] = ()
    note: str = ""


def useless(section: str, what: str, *contexts: bytes, note: str = "") -> Answer:
    """An answer that leaves no context: the program is told, and the acceptor is aborted."""
    ac = answer(APPLICATION, *contexts, USER)
    return Answer(section, what, ac, NoAcceptedContext, (BY_USER,), note)


def broken(section: str, what: str, *items: bytes, sent: Abort = INVALID, note: str = "") -> Answer:
    return Answer(section, what, answer(*items), ProtocolViolation, (sent,), note)


ANSWERS = (
    Answer("PS3.8 9.3.3", "as it should be", answer(APPLICATION, ACCEPTED, USER)),
    # Contexts
    Answer(
        "PS3.8 9.3.3.2",
        "contexts that were never proposed, besides the one that was",
        answer(APPLICATION, context(3, 0, TRANSFER), ACCEPTED, context(2, 0, TRANSFER), USER),
        note="they are passed over",
    ),
    useless("PS3.8 9.3.3.2", "only a context that was never proposed", context(3, 0, TRANSFER)),
    useless("PS3.8 9.3.3.2", "an even context ID", context(2, 0, TRANSFER)),
    useless("PS3.8 7.1.1.14", "no context", note="one that is left out counts as refused"),
    *[
        useless("PS3.8 Table 9-18", f"result {result}", context(1, result, TRANSFER))
        for result in (1, 2, 3, 4, 5, 255)
    ],
    useless(
        "PS3.8 9.3.3.2",
        "accepted with a transfer syntax that was not proposed",
        context(1, 0, item(0x40, b"1.2.3")),
        note="it cannot be used; the standard does not say what to do",
    ),
    useless("PS3.8 9.3.3.2.1", "accepted with an empty one", context(1, 0, item(0x40, b""))),
    broken("PS3.8 9.3.3.2", "accepted with no transfer syntax", APPLICATION, context(1, 0), USER),
    broken(
        "PS3.8 9.3.3.2",
        "accepted with two",
        APPLICATION,
        context(1, 0, TRANSFER, TRANSFER),
        USER,
    ),
    # Of a context that is refused, the transfer syntax is not to be tested.
    *[
        useless("PS3.8 Table 9-18", f"refused with {what}", context(1, 3, *sub_items))
        for what, sub_items in (
            ("no transfer syntax", ()),
            ("two transfer syntaxes", (TRANSFER, TRANSFER)),
            ("an empty one", (item(0x40, b""),)),
            ("one that is no UID", (item(0x40, b"\xff\x00garbage"),)),
            ("one of 100 characters", (item(0x40, b"1" * 100),)),
        )
    ],
    broken("PS3.8 9.3.3.2", "a context twice", APPLICATION, ACCEPTED, ACCEPTED, USER),
    # Fixed fields
    *[
        Answer(
            "PS3.8 Table 9-17",
            f"version {version:#06x}",
            answer(APPLICATION, ACCEPTED, USER, fixed=version.to_bytes(2, "big") + FIXED[2:]),
            None if version & 1 else ProtocolViolation,
            () if version & 1 else (INVALID,),
        )
        for version in (0x0000, 0x0001, 0x0002, 0x0003, 0xFFFF)
    ],
    *[
        Answer(
            "PS3.8 Table 9-17",
            f"titles {title!r}",
            answer(APPLICATION, ACCEPTED, USER, fixed=FIXED[:4] + title * 2 + FIXED[36:]),
            note="they are not tested",
        )
        for title in (b"SOMEBODY ELSE   ", b" " * 16, bytes(16), b"\xff" * 16)
    ],
    Answer(
        "PS3.8 9.3.3, Tables 9-17 to 9-19",
        "non-zero reserved bytes everywhere",
        with_reserved(
            answer(
                with_reserved(APPLICATION),
                with_reserved(item(0x21, b"\1\xff\0\xff" + with_reserved(TRANSFER))),
                with_reserved(item(0x50, with_reserved(LENGTH) + with_reserved(CLASS_UID))),
                fixed=b"\0\1\xff\xff" + FIXED[4:36] + b"\xff" * 32,
            )
        ),
    ),
    # Items
    Answer("PS3.8 9.3.1", "items backwards", answer(USER, ACCEPTED, APPLICATION), note="tolerated"),
    Answer(
        "PS3.8 9.3.1",
        "unknown items",
        answer(item(0xEE, b"?"), APPLICATION, item(0x20, b"\2\0\0\0"), ACCEPTED, USER),
    ),
    Answer(
        "PS3.8 9.3.3",
        "no application context",
        answer(ACCEPTED, USER),
        note="the item is mandatory; the contexts say all that is needed",
    ),
    broken(
        "PS3.8 7.1.1.2",
        "another application context, which the acceptor may name",
        item(0x10, b"1.2.3"),
        ACCEPTED,
        USER,
        sent=BY_USER,
        note="there is only one in which txdicom can operate",
    ),
    Answer(
        "PS3.8 9.3.3",
        "no user information",
        answer(APPLICATION, ACCEPTED),
        note="the item is mandatory; what it would say has defaults",
    ),
    Answer(
        "PS3.8 9.3.3.3", "empty user information", answer(APPLICATION, ACCEPTED, item(0x50, b""))
    ),
    broken(
        "PS3.8 9.3.1", "user information twice", APPLICATION, ACCEPTED, USER, USER, sent=UNEXPECTED
    ),
    broken(
        "PS3.8 9.3.1",
        "application context twice",
        APPLICATION,
        APPLICATION,
        ACCEPTED,
        USER,
        sent=UNEXPECTED,
    ),
    broken("PS3.8 9.3.3", "an item longer than its PDU", APPLICATION, ACCEPTED, USER[:-1]),
    broken("PS3.8 9.3.3", "a context of 3 bytes", APPLICATION, item(0x21, b"\1\0\0"), USER),
    Answer(
        "PS3.8 9.3.3", "67 bytes", HEADER.pack(2, 67) + FIXED[1:], ProtocolViolation, (INVALID,)
    ),
    Answer("PS3.8 9.3.3", "no bytes", HEADER.pack(2, 0), ProtocolViolation, (INVALID,)),
)


class AnswerTests(ConformanceTestCase):
    """An A-ASSOCIATE-AC of any kind."""

    def test_table(self) -> None:
        """There is an association when a context can be used, else the reason why there is none."""
        for row in ANSWERS:
            self.setUp()
            where = f"{row.section}: {row.what}"
            peer = self.requested()
            self.assertEqual(tuple(self.tell(peer, row.ac)), row.sent, where)
            (outcome,) = self.outcome
            if row.failure is not None:
                assert isinstance(outcome, Failure), where
                self.assertIs(outcome.type, row.failure, where)
                self.assertEqual(self.seen, ["aborted"], where)
                self.assertGone(peer, 5, where=where)
                continue
            self.assertIs(outcome, self.association, where)
            echo = self.association.echo()
            self.wire.flush()
            self.tell(peer, ECHO_RSP)
            self.assertEqual(self.successResultOf(echo).Status, 0, where)

    def test_some_refused(self) -> None:
        """Of several contexts each has its own result; one is enough."""
        self.scu.requested_contexts = [
            build_context(VERIFICATION, IMPLICIT_VR_LITTLE_ENDIAN),
            build_context(CT_IMAGE),
            build_context(VERIFICATION, EXPLICIT_VR_LITTLE_ENDIAN),
            build_context("1.2.3"),
        ]
        self.accepted_by(
            replace(
                AC,
                presentation_contexts=(
                    PresentationContextAC(1, 4, None),
                    PresentationContextAC(5, 0, EXPLICIT_VR_LITTLE_ENDIAN),
                    PresentationContextAC(3, 3, None),
                ),
            )
        )
        rejected = [(it.context_id, it.result) for it in self.association.rejected_contexts]
        self.assertEqual(rejected, [(1, 4), (3, 3), (7, 2)])
        (accepted,) = self.association.accepted_contexts
        self.assertEqual(accepted.as_tuple, (5, VERIFICATION, EXPLICIT_VR_LITTLE_ENDIAN))

    def test_words(self) -> None:
        """When all contexts are refused, each is named with its result, also undefined ones."""
        for result, words in (
            (1, "user-rejection"),
            (2, "no-reason"),
            (3, "abstract-syntax-not-supported"),
            (4, "transfer-syntaxes-not-supported"),
            (5, "undefined value 5"),
        ):
            self.setUp()
            peer = self.requested()
            self.tell(peer, answer(APPLICATION, context(1, result), USER))
            (failure,) = self.outcome
            self.assertEqual(failure.value.results, ((VERIFICATION, result),))
            self.assertEqual(failure.value.stage, "context")
            self.assertIn(words, failure.getErrorMessage())


#: Result, source and reason in the words of Table 9-21; all others are undefined.
RESULTS = {1: "rejected-permanent", 2: "rejected-transient"}
SOURCES = {
    1: "DICOM UL service-user",
    2: "DICOM UL service-provider (ACSE related function)",
    3: "DICOM UL service-provider (Presentation related function)",
}
REASONS = {
    (1, 1): "no-reason-given",
    (1, 2): "application-context-name-not-supported",
    (1, 3): "calling-AE-title-not-recognized",
    (1, 7): "called-AE-title-not-recognized",
    (2, 1): "no-reason-given",
    (2, 2): "protocol-version-not-supported",
    (3, 1): "temporary-congestion",
    (3, 2): "local-limit-exceeded",
}


class RejectionTests(ConformanceTestCase):
    """An A-ASSOCIATE-RJ with any values (PS3.8 9.3.4, Table 9-21)."""

    def test_every_value(self) -> None:
        """Every result, source and reason is told by number and in words, undefined ones too."""
        for result, source, reason in product(range(4), range(5), range(11)):
            self.setUp()
            peer = self.requested()
            self.assertEqual(self.tell(peer, AssociateRJ(result, source, reason)), [])
            (failure,) = self.outcome
            error = failure.value
            self.assertIs(type(error), AssociationRejected)
            self.assertEqual((error.result, error.source, error.reason), (result, source, reason))
            self.assertEqual(error.transient, result == 2)
            self.assertEqual(error.stage, "associate")
            for words in (
                RESULTS.get(result, f"undefined value {result}"),
                SOURCES.get(source, f"undefined value {source}"),
                REASONS.get((source, reason), f"undefined reason {reason}"),
            ):
                self.assertIn(words, str(error))
            self.assertEqual(self.seen, ["rejected"])
            self.assertGone(peer)

    def test_reserved(self) -> None:
        """The reserved byte is not tested; a length other than 4 is a violation."""
        peer = self.requested()
        self.tell(peer, b"\3\xff\0\0\0\4\xff\1\1\7")
        self.outcome[0].trap(AssociationRejected)
        for length in (0, 3, 5):
            self.setUp()
            peer = self.requested()
            self.tell(peer, HEADER.pack(3, length) + bytes(length))
            self.outcome[0].trap(ProtocolViolation)


#: The statuses of PS3.7 Annex C, each with its class and name.
STATUSES = (
    ("C.1.1", 0x0000, "Success", "Success"),
    ("C.2.1", 0xFF00, "Pending", "Pending"),
    ("C.2.1", 0xFF01, "Pending", "Pending"),
    ("C.3.1", 0xFE00, "Cancel", "Cancel"),
    ("C.4.2", 0x0107, "Warning", "Attribute list error"),
    ("C.4.3", 0x0116, "Warning", "Attribute value out of range"),
    ("C.5.6", 0x0122, "Failure", "Refused: SOP class not supported"),
    ("C.5.7", 0x0119, "Failure", "Class-instance conflict"),
    ("C.5.8", 0x0111, "Failure", "Duplicate SOP instance"),
    ("C.5.9", 0x0210, "Failure", "Duplicate invocation"),
    ("C.5.10", 0x0115, "Failure", "Invalid argument value"),
    ("C.5.11", 0x0106, "Failure", "Invalid attribute value"),
    ("C.5.12", 0x0117, "Failure", "Invalid SOP instance"),
    ("C.5.13", 0x0120, "Failure", "Missing attribute"),
    ("C.5.14", 0x0121, "Failure", "Missing attribute value"),
    ("C.5.15", 0x0212, "Failure", "Mistyped argument"),
    ("C.5.16", 0x0114, "Failure", "No such argument"),
    ("C.5.17", 0x0105, "Failure", "No such attribute"),
    ("C.5.18", 0x0113, "Failure", "No such event type"),
    ("C.5.19", 0x0112, "Failure", "No such SOP instance"),
    ("C.5.20", 0x0118, "Failure", "No such SOP class"),
    ("C.5.21", 0x0110, "Failure", "Processing failure"),
    ("C.5.22", 0x0213, "Failure", "Resource limitation"),
    ("C.5.23", 0x0211, "Failure", "Unrecognized operation"),
    ("C.5.24", 0x0123, "Failure", "No such action type"),
    ("C.5.25", 0x0124, "Failure", "Refused: not authorized"),
    # Those that services define for themselves, by their ranges
    ("C.4", 0xB000, "Warning", "Warning"),
    ("C.5", 0xA700, "Failure", "Failure"),
    ("C.5", 0xC000, "Failure", "Failure"),
    ("none", 0x8000, "Unknown", "Unknown"),
    ("none", 0xFFFF, "Unknown", "Unknown"),
)


class EchoTestCase(ConformanceTestCase):
    """A requestor whose C-ECHO-RQ is outstanding."""

    def echoing(self, **arguments: Any) -> tuple[RawPeer, Deferred[Any]]:
        peer = self.accepted_by(**arguments)
        echo = self.association.echo()
        self.wire.flush()
        self.assertEqual(peer.taken(), [ECHO_RQ])
        return peer, echo


class StatusTests(EchoTestCase):
    """Every status is an answer (PS3.7 Annex C)."""

    def test_statuses(self) -> None:
        """Whatever the status, it is given to the program, and has a class and a name."""
        for section, status, category, name in STATUSES:
            self.setUp()
            peer, echo = self.echoing()
            self.assertEqual(self.tell(peer, p_data(c_echo_rsp(Status=status))), [])
            self.assertEqual(self.successResultOf(echo).Status, status, section)
            self.assertEqual(code_to_category(status), category, section)
            self.assertTrue(status_words(status).startswith(f"0x{status:04X} - {category}"))
            self.assertIn(name, status_words(status), section)
            self.assertTrue(self.association.is_established, section)

    def test_every_code(self) -> None:
        """Every code of two bytes has words."""
        for status in range(0x10000):
            self.assertTrue(status_words(status).startswith(f"0x{status:04X} - "))

    def test_comment(self) -> None:
        """An error comment, and whatever else the acceptor adds, is given along."""
        peer, echo = self.echoing()
        self.tell(
            peer,
            p_data(
                c_echo_rsp(
                    Status=0x0110,
                    ErrorComment="disk full",
                    ErrorID=7,
                    OffendingElement=(0x00000902,),
                )
            ),
        )
        response = self.successResultOf(echo)
        self.assertEqual(
            (response.ErrorComment, response.ErrorID, response.OffendingElement),
            ("disk full", 7, (0x00000902,)),
        )


class Response(NamedTuple):
    """What an acceptor sends when a C-ECHO-RQ with message ID 1 is outstanding on context 1."""

    section: str
    what: str
    message: PDU
    status: int | None = None
    sent: tuple[PDU, ...] = ()
    words: str = ""


RESPONSES = (
    Response("PS3.7 9.3.5.2", "the response", ECHO_RSP, 0),
    *[
        Response(
            "PS3.7 E.1",
            f"message ID {number}",
            p_data(c_echo_rsp(number)),
            None,
            (BY_USER,),
            f"C-ECHO-RSP to message ID {number}, which is not outstanding",
        )
        for number in (0, 2, 256, 65_535)
    ],
    Response(
        "PS3.7 9.3.5.2",
        "no message ID",
        p_data(c_echo_rsp(MessageIDBeingRespondedTo=None)),
        None,
        (BY_USER,),
        "C-ECHO-RSP to message ID None",
    ),
    *[
        Response(
            "PS3.7 E.1",
            f"command {field:#06x}",
            p_data(c_echo_rsp(CommandField=field)),
            None,
            (BY_USER,),
            f"{name} to message ID 1, which is a C-ECHO-RQ",
        )
        for field, name in ((0x8001, "C-STORE-RSP"), (0x8020, "C-FIND-RSP"), (0x8031, "0x8031"))
    ],
    Response(
        "PS3.8 E.1, PS3.7 6.1",
        "another context",
        p_data(c_echo_rsp(), 3),
        None,
        (BY_USER,),
        "C-ECHO-RSP on context 3 to a request on context 1",
    ),
    Response(
        "PS3.8 9.3.5.1",
        "a context that was not accepted",
        p_data(c_echo_rsp(), 5),
        None,
        (INVALID,),
        "context 5, which was not accepted",
    ),
    Response(
        "PS3.7 9.3.5.2", "no status", p_data(c_echo_rsp(Status=None)), None, (BY_USER,), "status"
    ),
    Response(
        "PS3.7 9.3.5.2",
        "no command field",
        p_data(c_echo_rsp(CommandField=None)),
        None,
        (INVALID,),
        "without a command field",
    ),
    Response(
        "PS3.7 9.3.5.2, E.1",
        "a data set is announced",
        p_data(c_echo_rsp(CommandDataSetType=0x0000)),
        None,
        (UNEXPECTED,),
        "C-ECHO-RSP announces a data set",
    ),
    # What is missing or other but says nothing that is needed: answers, by choice.
    Response("PS3.7 9.3.5.2", "no SOP class", p_data(c_echo_rsp(AffectedSOPClassUID=None)), 0),
    Response("PS3.7 9.3.5.2", "another one", p_data(c_echo_rsp(AffectedSOPClassUID=CT_IMAGE)), 0),
    Response("PS3.7 9.3.5.2", "no data set type", p_data(c_echo_rsp(CommandDataSetType=None)), 0),
    Response("PS3.7 9.3.5.2", "a message ID of its own", p_data(c_echo_rsp(MessageID=99)), 0),
)


class ResponseTests(EchoTestCase):
    """Only the response to what was asked is an answer."""

    TWO = replace(
        AC,
        presentation_contexts=tuple(
            PresentationContextAC(number, 0, IMPLICIT_VR_LITTLE_ENDIAN) for number in (1, 3)
        ),
    )

    def test_table(self) -> None:
        """A response to something else is no answer: the request fails, and says what came."""
        for row in RESPONSES:
            self.setUp()
            where = f"{row.section}: {row.what}"
            self.scu.requested_contexts = [build_context(VERIFICATION)] * 2
            peer, echo = self.echoing(answer=self.TWO)
            self.assertEqual(tuple(self.tell(peer, row.message)), row.sent, where)
            if row.status is not None:
                self.assertEqual(self.successResultOf(echo).Status, row.status, where)
                continue
            error = self.failureResultOf(echo, ProtocolViolation).value
            self.assertIn(row.words, str(error), where)
            self.assertEqual(error.stage, "echo", where)
            self.assertGone(peer, 5, where=where)

    def test_a_request_is_no_answer(self) -> None:
        """A request of the acceptor's own leaves ours outstanding, even with its message ID."""
        peer, echo = self.echoing()
        self.tell(peer, p_data(c_echo_rq(1)))
        self.assertNoResult(echo)
        self.tell(peer, ECHO_RSP)
        self.assertEqual(self.successResultOf(echo).Status, 0)

    def test_once(self) -> None:
        """A second response to the same request is one to nothing."""
        peer, echo = self.echoing()
        self.assertEqual(self.tell(peer, ECHO_RSP), [])
        self.successResultOf(echo)
        self.assertEqual(self.tell(peer, ECHO_RSP), [BY_USER])

    def test_in_order(self) -> None:
        """Without a window the next request is sent when the one before is answered."""
        peer, first = self.echoing()
        second = self.association.echo(0)
        self.wire.flush()
        self.assertEqual(peer.taken(), [])
        self.assertEqual(self.tell(peer, ECHO_RSP), [p_data(c_echo_rq(0))])
        self.successResultOf(first)
        self.assertNoResult(second)
        self.tell(peer, p_data(c_echo_rsp(0)))
        self.successResultOf(second)

    def test_requested_ids(self) -> None:
        """A program may ask for any message ID of two bytes."""
        for number in (0, 1, 65_535):
            self.setUp()
            peer = self.accepted_by()
            echo = self.association.echo(number)
            self.wire.flush()
            self.assertEqual(peer.taken(), [p_data(c_echo_rq(number))])
            self.tell(peer, p_data(c_echo_rsp(number)))
            self.assertEqual(self.successResultOf(echo).MessageIDBeingRespondedTo, number)


#: What else may listen where a DICOM node was expected, or call one: its first bytes.
FOREIGN = (
    ("HTTP", b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\n\r\n"),
    ("HTTP", b"HTTP/1.0 200 OK\r\n\r\n<html>"),
    ("HTTP", b"GET / HTTP/1.1\r\nHost: pacs\r\n\r\n"),
    ("HTTP", b"POST /dicom-web/studies HTTP/1.1\r\n\r\n"),
    ("HTTP", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ("TLS", b"\x15\x03\x01\0\x02\x02\x46"),  # alert: protocol_version
    ("TLS", b"\x15\x03\x03\0\x02\x02\x0a"),  # alert: unexpected_message
    ("TLS", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"),  # ClientHello
    ("HL7 (MLLP)", b"\x0bMSH|^~\\&|RIS|HOSPITAL\r\x1c\r"),
    ("HL7", b"MSH|^~\\&|RIS|HOSPITAL\r"),
    ("SSH", b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"),
)


class ForeignTests(EchoTestCase):
    """Peers that speak something else are named."""

    def check(self, error: Any, protocol: str) -> None:
        self.assertIs(type(error), ProtocolViolation)
        self.assertEqual(error.protocol, protocol)
        self.assertIn(f"the peer speaks {protocol}, not DICOM", str(error))

    def test_instead_of_an_answer(self) -> None:
        """A client says what it found in place of a DICOM node, however the bytes are cut."""
        for protocol, data in FOREIGN:
            for pieces in ([data], [data[:2], data[2:5], data[5:]], [bytes((it,)) for it in data]):
                self.setUp()
                peer = self.requested()
                for piece in pieces:
                    self.tell(peer, piece)
                self.check(self.outcome[0].value, protocol)
                self.assertEqual(self.outcome[0].value.stage, "associate")
                self.assertEqual(peer.pdus()[1:], [Abort(2, 1)])

    def test_closed_behind_it(self) -> None:
        """It is named, too, when the peer closes right after, as they do."""
        for protocol, data in FOREIGN:
            self.setUp()
            peer = self.requested()
            peer.send(data)
            peer.transport.loseConnection()
            self.wire.flush()
            self.check(self.outcome[0].value, protocol)
            self.assertNothingLeft()

    def test_callers(self) -> None:
        """A server notes who called it by mistake, and closes after 5 seconds."""
        for protocol, data in FOREIGN:
            self.setUp()
            peer = self.connect()
            self.assertEqual(self.tell(peer, data), [BY_USER])
            self.assertGone(peer, 5)
            self.check(self.association.failure, protocol)

    def test_unknown(self) -> None:
        """What is none of them is a PDU type that does not exist."""
        for data in (b"\0" * 6, b"\x08\0\0\0\0\0", b"\xff" * 6, b"hello, world"):
            self.setUp()
            peer = self.requested()
            self.tell(peer, data)
            error = self.outcome[0].value
            self.assertIsNone(error.protocol)
            self.assertIn(f"unknown PDU type {data[0]:#04x}", str(error))


class _Never:
    """An endpoint to which no connection ever comes about."""

    def connect(self, factory: object) -> Deferred[Any]:
        return Deferred()


class TimeoutTests(EchoTestCase):
    """A peer that does not answer, with nothing but the default limits."""

    def check(self, waiting: Any, seconds: float, timer: str, stage: str, kind: Any = None) -> None:
        """The Deferred fails after just so many seconds, and the error names the timer."""
        self.wire.advance(seconds - 0.1)
        self.assertNoResult(waiting)
        self.wire.advance(0.1)
        error = self.failureResultOf(waiting, kind or AssociationTimeout).value
        self.assertEqual((error.timer, error.seconds, error.stage), (timer, seconds, stage))
        self.assertIn(f"within {seconds:g} s ({timer})", str(error))

    def test_connect(self) -> None:
        """No connection within 10 seconds."""
        connecting = self.scu.connect(_Never())
        self.check(connecting, 10, "connection_timeout", "connect")
        self.assertNothingLeft()

    def test_associate(self) -> None:
        """No answer to the A-ASSOCIATE-RQ within 30 seconds; then an abort, and the end."""
        peer = self.requested()
        waiting: Deferred[Any] = Deferred()
        self.associating.addBoth(lambda _: waiting.callback(self.outcome[0]))
        self.check(waiting, 30, "acse_timeout", "associate")
        self.assertEqual(peer.taken(), [BY_USER])
        self.assertGone(peer, 5)

    def test_echo(self) -> None:
        """No response within 30 seconds."""
        peer, echo = self.echoing()
        self.check(echo, 30, "dimse_timeout", "echo", DIMSETimeout)
        self.assertEqual(peer.taken(), [BY_USER])
        self.assertGone(peer, 5)

    def test_release(self) -> None:
        """No answer to the A-RELEASE-RQ within 5 seconds: aborted, and told when all is closed."""
        peer = self.accepted_by()
        releasing = self.association.release()
        self.wire.advance(5)
        self.assertEqual(peer.taken(), [RELEASE_RQ, BY_USER])
        self.assertNoResult(releasing)
        self.assertGone(peer, 5)
        error = self.failureResultOf(releasing, AssociationTimeout).value
        self.assertEqual(
            (error.timer, error.seconds, error.stage), ("release_timeout", 5, "release")
        )

    def test_dripping(self) -> None:
        """Bytes do not lengthen any of these times: an answer has to be there whole."""
        ways: tuple[tuple[Callable[[], RawPeer], PDU, int, str], ...] = (
            (self.requested, AC, 30, "acse_timeout"),
            (self.waiting, ECHO_RSP, 30, "dimse_timeout"),
            (self.releasing, RELEASE_RP, 5, "release_timeout"),
        )
        for way, pdu, seconds, timer in ways:
            self.setUp()
            peer = way()
            data = pdu.encode()[: seconds - 1]
            for byte in data:
                self.assertIsNone(self.association.failure)
                self.tell(peer, bytes((byte,)))
                self.wire.advance(1)
            self.wire.advance(seconds - len(data) - 0.1)
            self.assertIsNone(self.association.failure)
            self.wire.advance(0.1)
            self.assertEqual(self.association.failure.timer, timer)

    def waiting(self) -> RawPeer:
        peer, echo = self.echoing()
        echo.addErrback(lambda failure: None)
        return peer

    def releasing(self) -> RawPeer:
        peer = self.accepted_by()
        self.association.release().addErrback(lambda failure: None)
        self.wire.flush()
        return peer

    def test_half_a_response(self) -> None:
        """A PDU that begins has 30 seconds to be whole, while nothing else is waited for."""
        peer = self.accepted_by()
        self.tell(peer, ECHO_RQ.encode()[:20])
        self.wire.advance(30)
        self.assertEqual(peer.taken(), [BY_USER])
        self.assertEqual(self.association.failure.timer, "pdu_timeout")
        self.assertGone(peer, 5)

    def test_flooding(self) -> None:
        """What else an acceptor sends does not lengthen the time for the response either."""
        peer, echo = self.echoing()
        for _ in range(30):
            self.assertNoResult(echo)
            self.tell(peer, *[ECHO_RQ] * 50)
            self.wire.advance(1)
        self.assertEqual(self.failureResultOf(echo, DIMSETimeout).value.timer, "dimse_timeout")

    def test_never_closes_after_our_release(self) -> None:
        """A peer that confirms the release, and then neither reads nor closes, is cut off."""
        self.accepted_by()
        releasing = self.association.release()
        self.wire.flush()
        self.wire.silent = True
        self.ours.dataReceived(RELEASE_RP.encode())
        self.wire.advance(4.9)
        self.assertNoResult(releasing)
        self.wire.advance(0.1)
        self.assertIsNone(self.successResultOf(releasing))
        self.assertEqual(self.scu.active_associations, [])

    def test_never_closes_after_its_release(self) -> None:
        """A peer that releases by itself and does not close is cut off after 5 seconds."""
        peer = self.accepted_by()
        self.assertEqual(self.tell(peer, RELEASE_RQ), [RELEASE_RP])
        self.assertTrue(self.association.is_released)
        self.assertGone(peer, 5)

    def test_never_closes_after_its_rejection(self) -> None:
        """After an A-ASSOCIATE-RJ or A-ABORT the client closes at once, and is told at once."""
        for does in (AssociateRJ(1, 1, 1), Abort(0, 0)):
            self.setUp()
            peer = self.requested()
            self.tell(peer, does)
            self.assertIsInstance(self.outcome[0], Failure)
            self.assertGone(peer)


class AbortTests(EchoTestCase):
    """The acceptor aborts, or just closes, at each stage."""

    STAGES = ("associate", "idle", "echo", "release")

    def at(self, stage: str) -> tuple[RawPeer, Deferred[Any] | None]:
        """A peer, and what waits for it at this stage."""
        if stage == "associate":
            waiting: Deferred[Any] = Deferred()
            peer = self.requested()
            self.associating.addBoth(lambda _: waiting.callback(self.outcome[0]))
            return peer, waiting
        if stage == "echo":
            return self.echoing()
        peer = self.accepted_by()
        if stage == "idle":
            return peer, None
        releasing = self.association.release()
        self.wire.flush()
        return peer, releasing

    def check(self, stage: str, waiting: Deferred[Any] | None, facts: tuple[Any, ...]) -> None:
        error = self.association.failure
        if waiting is not None:
            self.assertIs(self.failureResultOf(waiting, AssociationAborted).value, error)
        self.assertEqual((error.source, error.reason, error.by), facts)
        self.assertEqual(error.stage, "echo" if stage == "idle" else stage)
        self.assertEqual(self.seen, ["aborted"])
        self.assertTrue(self.association.is_aborted)
        self.assertNothingLeft()
        later = self.association.echo()
        self.assertIs(self.failureResultOf(later, AssociationAborted).value, error)

    def test_abort(self) -> None:
        """An A-ABORT ends what waits, with its source and reason, and closes the connection."""
        for stage, source, reason in product(self.STAGES, (0, 1, 2), (0, 1, 6)):
            self.setUp()
            peer, waiting = self.at(stage)
            peer.taken()
            self.assertEqual(self.tell(peer, Abort(source, reason)), [])
            self.check(stage, waiting, (source, reason, "peer"))

    def test_close(self) -> None:
        """A connection that is closed without a word is told as such."""
        for stage in self.STAGES:
            self.setUp()
            peer, waiting = self.at(stage)
            peer.transport.loseConnection()
            self.wire.flush()
            self.check(stage, waiting, (2, 0, "connection"))

    def test_reset(self) -> None:
        """So is one that is reset, in half a PDU too."""
        for stage in self.STAGES:
            self.setUp()
            peer, waiting = self.at(stage)
            self.tell(peer, b"\2\0\0")
            peer.transport.abortConnection()
            self.wire.flush()
            self.check(stage, waiting, (2, 0, "connection"))
