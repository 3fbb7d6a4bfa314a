"""``--explain``: each kind of failure is told from the others, by what was seen; no sockets."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError, NoRouteError, TimeoutError
from twisted.trial.unittest import SynchronousTestCase

from txdicom import errors
from txdicom.cli import further
from txdicom.cli.certificate import HOSTNAME_MISMATCH, CertificateProblem
from txdicom.cli.conditions import GivenUp, NotWhole, RecordingEnds, RequestorFault
from txdicom.cli.explain import (
    CASES,
    WIDTH,
    explain,
    explanation_json,
    explanation_lines,
    which_title,
)
from txdicom.cli.outcome import Echo, Outcome, Response
from txdicom.cli.settings import Settings
from txdicom.cli.target import Target

ECHO = "1.2.840.10008.1.1"
FIND = "1.2.840.10008.5.1.4.1.2.2.1"
IMPLICIT, JPEG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.4.50"

#: The beginning of an A-ASSOCIATE-AC.
PART = bytes.fromhex("0200000000b800010000")


def failed(
    error: errors.AssociationError | None, stage: str | None = None, **facts: Any
) -> Outcome:
    """The outcome that this failure is."""
    if error is not None and stage is not None:
        error.stage = stage
    return Outcome(Target("pacs", 11112), "YOU", "ME", error=error, **facts)


def unconnected(cause: BaseException) -> Outcome:
    error = errors.ConnectionFailed("pacs:11112", str(cause))
    error.__cause__ = cause
    return failed(error)


def timed_out(stage: str, **facts: Any) -> Outcome:
    return failed(errors.AssociationTimeout("timeout", 3, "answer"), stage, **facts)


def responded(*statuses: int, field: int = 0x0001, **facts: Any) -> Outcome:
    """An exchange of another service, with responses of these statuses."""
    return failed(
        None,
        recorded=True,
        responses=[
            Response(f"C-STORE-RQ message {number}", status, "ignored", field)
            for number, status in enumerate(statuses, 1)
        ],
        **facts,
    )


def tls(reason: str, code: int | None = None) -> Outcome:
    outcome = failed(errors.TLSFailed(reason), tls_wanted=True, server_name="pacs.example")
    if code is not None:
        day = datetime(2020, 1, 2, tzinfo=timezone.utc)
        names = ("other.example", "192.0.2.7") if code == HOSTNAME_MISMATCH else ()
        outcome.certificate = CertificateProblem(code, 0, "CN=pacs", "CN=issuer", day, day, names)
    return outcome


def speaks(protocol: str, stage: str = "associate") -> Outcome:
    return failed(errors.ProtocolViolation("unknown PDU type", 1, b"", protocol), stage)


def lost(stage: str, **facts: Any) -> Outcome:
    return failed(errors.AssociationAborted(2, 0, "connection"), stage, **facts)


def aborted(stage: str, **facts: Any) -> Outcome:
    return failed(errors.AssociationAborted(0, 0, "peer"), stage, **facts)


def answered(status: int, **facts: Any) -> Outcome:
    return failed(None, echoes=[Echo(1, 1, 0.01, status)], **facts)


def other_message_id() -> Outcome:
    return failed(
        errors.ProtocolViolation("C-ECHO-RSP to message ID 7, which is not outstanding", 0),
        "echo",
        echoes=[Echo(1, 1)],
        last_response={"CommandField": 0x8030, "MessageIDBeingRespondedTo": 7},
    )


def release_failed() -> errors.AssociationError:
    error = errors.AssociationTimeout("t", 1, "x")
    error.stage = "release"
    return error


#: What was seen, the case that it is, and words that have to be in its explanation.
SEEN = (
    (failed(errors.NameNotResolved("pacs:11112", "no")), "not-resolved", "misspelt"),
    (timed_out("resolve"), "resolve-timeout", "name servers"),
    (unconnected(ConnectionRefusedError()), "refused", "Nothing listens on port 11112"),
    (unconnected(NoRouteError()), "unreachable", "knows no way"),
    (unconnected(TimeoutError()), "filtered", "no answer to the TCP SYN"),
    (timed_out("connect"), "filtered", "firewall"),
    (unconnected(OSError("too many")), "not-connected", "operating system"),
    (tls("certificate verify failed", 10), "certificate-expired", "2020-01-02"),
    (tls("certificate verify failed", 9), "certificate-not-yet-valid", "later"),
    (tls("certificate verify failed", 18), "certificate-issuer", "--ca"),
    (tls("certificate verify failed", 20), "certificate-issuer", "CN=issuer"),
    (tls("certificate verify failed", 66), "certificate-refused", "demands"),
    (
        tls("Certificate does not contain any `subjectAltName`s."),
        "certificate-without-name",
        "9525",
    ),
    (tls("the peer's certificate is not for pacs.example"), "certificate-name", "pacs.example"),
    (
        tls("the peer's certificate is not for pacs.example", HOSTNAME_MISMATCH),
        "certificate-name",
        "for other.example, 192.0.2.7, issued by",
    ),
    (tls("tlsv13 alert certificate required"), "client-certificate-wanted", "--cert"),
    (tls("tlsv1 alert unknown ca"), "client-certificate-refused", "does not take"),
    (tls("tlsv1 alert protocol version"), "tls-version", "TLS 1.2"),
    (tls("wrong version number"), "not-tls", "Try without --tls"),
    (tls("tls alert handshake failure"), "tls-handshake", "for both"),
    (tls("the peer closed the connection during the TLS handshake"), "tls-closed", "2762"),
    (timed_out("tls"), "tls-timeout", "does not answer"),
    (tls("bad length"), "tls", "did not come about"),
    (speaks("TLS"), "speaks-tls", "Try with --tls"),
    (speaks("HTTP"), "speaks-http", "web server"),
    (speaks("HL7 (MLLP)"), "speaks-hl7", "HL7"),
    (speaks("SSH"), "speaks-ssh", "secure shell"),
    (speaks("SMTP or FTP"), "speaks-other", "Another service"),
    (failed(errors.AssociationRejected(1, 1, 7)), "called-title", "title YOU"),
    (failed(errors.AssociationRejected(1, 1, 3)), "calling-title", "Have ME"),
    (failed(errors.AssociationRejected(1, 1, 2)), "application-context", "context"),
    (failed(errors.AssociationRejected(2, 3, 2)), "congestion", "Try again"),
    (failed(errors.AssociationRejected(2, 1, 1)), "congestion", "for now"),
    (failed(errors.AssociationRejected(1, 1, 1)), "rejected-without-reason", "ME calls YOU"),
    (failed(errors.AssociationRejected(1, 2, 2)), "rejected", "refuses"),
    (
        failed(errors.NoAcceptedContext(None, [(ECHO, 3)])),
        "verification-not-supported",
        "association itself is fine",
    ),
    (
        failed(errors.NoAcceptedContext(None, [(ECHO, 3), (FIND, 4)])),
        "verification-not-supported",
        "Have Verification",
    ),
    (
        failed(errors.NoAcceptedContext(None, [(ECHO, 4)]), proposed=[(ECHO, [JPEG, IMPLICIT])]),
        "transfer-syntaxes",
        "was among them",
    ),
    (
        failed(errors.NoAcceptedContext(None, [(ECHO, 4)]), proposed=[(ECHO, [JPEG])]),
        "only-other-transfer-syntaxes",
        "was not among them",
    ),
    (failed(errors.NoAcceptedContext(None, [(ECHO, 2)])), "no-context", "is fine"),
    (failed(errors.NoAcceptedContext(None, [(FIND, 3)])), "no-context", f"{FIND}: abstract-syntax"),
    (failed(errors.NoAcceptedContext(None, [(FIND, 4)])), "no-context", f"{FIND}: transfer-syntax"),
    (lost("associate", unfinished=PART), "closed-in-answer", "its first 10 of 190 bytes"),
    (lost("associate", unfinished=PART[:3]), "closed-in-answer", "its first 3 bytes came"),
    (lost("echo", unfinished=PART), "closed-in-answer", "began to answer"),
    (lost("associate", unfinished=PART, identity_proposed=True), "closed-in-answer", "whole"),
    (timed_out("associate", unfinished=PART), "timeout-in-answer", "did not come in time"),
    (timed_out("echo", unfinished=PART), "timeout-in-answer", "(A-ASSOCIATE-AC)"),
    (lost("associate", unfinished=b"+OK"), "no-pdu", "are no PDU: +OK"),
    (timed_out("associate", unfinished=b"\x1b[2J"), "no-pdu", "no PDU: \\x1b[2J"),
    (aborted("associate", identity_proposed=True), "identity", "--user"),
    (lost("associate", identity_proposed=True), "identity", "did not say"),
    (aborted("associate", window_proposed=True), "window", "asynchronous"),
    (lost("echo", window_proposed=True), "window", "--window"),
    (
        aborted("associate", window_proposed=True, identity_proposed=True),
        "identity-or-window",
        "either",
    ),
    (lost("associate"), "closed", "--tls"),
    (lost("associate", tls_wanted=True), "closed", "certificate"),
    (aborted("associate"), "aborted", "ME calls YOU"),
    (timed_out("associate"), "associate-timeout", "Try with --tls"),
    (timed_out("associate", tls_wanted=True), "associate-timeout", "no whole answer"),
    (aborted("exchange", nothing_awaited=True), "aborted-idle", "nothing that was asked"),
    (lost("exchange", answer_begun=True), "answered-in-part", "before that was done"),
    (aborted("exchange", answer_begun=True), "answered-in-part", "had begun to answer"),
    (timed_out("exchange", after="the C-STORE-RQ message 1"), "request-timeout", "C-STORE-RQ"),
    (speaks("HTTP", "echo"), "changes-protocol", "bytes of HTTP came where a PDU was due"),
    (failed(GivenUp("the requestor aborted"), "echo"), "given-up", "time-out of its own"),
    (failed(RequestorFault("its PDU is not whole")), "requestor-fault", "look at the requestor"),
    (failed(NotWhole("its message is not whole")), "requestor-fault", "the logs of both"),
    (failed(RecordingEnds("nothing more is there"), "echo"), "recording-ends", "nothing more"),
    (other_message_id(), "other-message-id", "another message"),
    (lost("echo"), "echo-lost", "without a word"),
    (aborted("echo"), "echo-aborted", "instead of answering"),
    (failed(errors.AssociationReleased("peer")), "echo-released", "released"),
    (timed_out("echo"), "echo-timeout", "no whole answer"),
    (failed(errors.ProtocolViolation("nonsense"), "echo"), "violation", "nonsense"),
    (failed(errors.NotEstablished("C-ECHO-RQ", 1)), "failed", "cannot be sent"),
    (answered(0x0122), "status-not-supported", "SOP class not supported"),
    (answered(0x0124), "status-not-authorized", "does not allow ME"),
    (answered(0x0110), "status", "Processing failure"),
    (responded(0xA700), "response-failure", "C-STORE-RQ message 1 was answered 0xA700 - Failure"),
    (responded(0xB000, 0xA700, 0x1234), "response-failure", "0x1234 - Unknown"),
    (responded(0xB000, 0x1234), "response-unknown", "does not say"),
    (responded(0xFE00), "response-cancel", "cancelled"),
    (responded(0xB000), "response-warning", "0xB000 - Warning (ignored)"),
    (responded(0xB000, field=0x0010), "response-suboperations", "one or more failed"),
    (responded(0xB000, field=0x0021), "response-suboperations", "one or more failed"),
    (responded(0xB007, field=0x0021), "response-warning", "was done"),
    (
        answered(0, responses=[Response("N-SET-RQ message 2", 0x106, None)]),
        "response-failure",
        "SET",
    ),
    (answered(0, release_error=release_failed()), "release", "stage release: no x within 1 s (t)"),
    (failed(None, release_error=release_failed()), "release", "All that was asked for"),
    (
        answered(0, release_error=release_failed(), unfinished=b"\x06\0\0\0"),
        "release",
        "(A-RELEASE-RP) its first 4 bytes came",
    ),
    (answered(0x0110, release_error=release_failed()), "status", "stage release: no x"),
    (responded(0xA700, release_error=release_failed()), "response-failure", "stage release: no x"),
)


class CaseTests(SynchronousTestCase):
    def test_each(self) -> None:
        """Each kind of failure is told from the others, in words for an administrator."""
        for outcome, case, words in SEEN:
            explanation = explain(outcome)
            assert explanation is not None, case
            self.assertEqual(explanation.case, case)
            whole = " ".join((*explanation.happened, explanation.means, *explanation.tries))
            self.assertIn(words, whole)
            self.assertNotIn("{", whole)

    def test_all_there(self) -> None:
        """There is no row of the table that nothing leads to."""
        self.assertEqual({case.name for case in CASES}, {case for _, case, _ in SEEN})

    def test_with_tls(self) -> None:
        """Who used TLS is not told to try it."""
        for outcome in (
            lost("associate", tls_wanted=True),
            timed_out("associate", tls_wanted=True),
        ):
            self.assertNotIn("--tls", "".join(explain(outcome).tries))  # type: ignore[union-attr]

    def test_nothing_to_explain(self) -> None:
        """A verification that succeeded, or was interrupted at once, needs no explanation."""
        self.assertIsNone(explain(answered(0)))
        self.assertIsNone(explain(failed(None)))
        self.assertEqual(list(explanation_lines(answered(0))), [])
        self.assertIsNone(explanation_json(answered(0)))

    def test_stages_before(self) -> None:
        """What went well before it failed is said too, and nothing that was not seen."""
        outcome = lost("echo", seconds={"connect": 0.002, "associate": 0.003}, address="10.0.0.1")
        explanation = explain(outcome)
        assert explanation is not None
        self.assertEqual(explanation.stage, "echo")
        self.assertEqual(
            explanation.happened[:2],
            (
                "A TCP connection to 10.0.0.1 port 11112 came about in 2.0 ms.",
                "The peer accepted the association in 3.0 ms.",
            ),
        )
        self.assertEqual(len(explain(lost("echo")).happened), 1)  # type: ignore[union-attr]

    def test_release(self) -> None:
        """Where only the release failed it is the stage, but not where an answer was bad, too."""
        for outcome, stage in (
            (answered(0), "release"),
            (failed(None), "release"),
            (answered(0x0110), "echo"),
            (responded(0xA700), "exchange"),
        ):
            outcome.release_error = release_failed()
            self.assertEqual(explain(outcome).stage, stage)  # type: ignore[union-attr]

    def test_good_certificate(self) -> None:
        """A TLS failure without a fault in the certificate says nothing about the certificate."""
        self.assertNotIn("certificate", " ".join(explain(tls("wrong version number")).happened))  # type: ignore[union-attr]

    def test_hostile_words(self) -> None:
        """What the peer said is escaped, and braces in it do no harm."""
        outcome = failed(errors.ConnectionFailed("pacs", "\x1b[2J{host}"))
        lines = "\n".join(explanation_lines(outcome))
        self.assertNotIn("\x1b", lines)
        self.assertIn("{host}", lines)

    def test_width(self) -> None:
        """It fits into 80 columns."""
        for outcome, case, _ in SEEN:
            for line in explanation_lines(outcome):
                self.assertLessEqual(len(line), WIDTH, case)


class JSONTests(SynchronousTestCase):
    def test_explanation(self) -> None:
        """Programs are given the same as an object."""
        outcome = failed(errors.AssociationRejected(1, 1, 7))
        good = answered(0, seconds={"associate": 0.1})
        outcome.tried = [failed(errors.AssociationRejected(1, 1, 7)), good]
        found = json.loads(explanation_json(outcome) or "")
        self.assertEqual(
            (found["type"], found["case"], found["stage"]),
            ("explanation", "called-title", "associate"),
        )
        self.assertEqual([title["accepted"] for title in found["titles"]], [False, True])
        self.assertEqual([title["exit_code"] for title in found["titles"]], [6, 0])


class TitleTests(SynchronousTestCase):
    """``--try-titles``."""

    def test_which(self) -> None:
        """Only a rejection by the service user, because of a title or without reason, counts."""
        for triple, which in (
            ((1, 1, 7), "called"),
            ((1, 1, 3), "calling"),
            ((1, 1, 1), "called"),
            ((1, 1, 2), None),
            ((1, 2, 1), None),
            ((2, 3, 1), None),
        ):
            self.assertEqual(which_title(failed(errors.AssociationRejected(*triple))), which)
        self.assertIsNone(which_title(answered(0)))

    def test_advice(self) -> None:
        """Who has let titles be tried is told which to say, and not to let some be tried."""
        for reason, option in ((7, "-aec YOU"), (3, "-aet ME")):
            outcome = failed(errors.AssociationRejected(1, 1, reason))
            before = self.advice(outcome)
            self.assertIn("--try-titles", before[-1])
            outcome.tried = [failed(errors.AssociationRejected(1, 1, reason))]
            self.assertEqual(self.advice(outcome), before[:-1])
            outcome.tried += [answered(0), answered(0)]
            told, *others = self.advice(outcome)
            self.assertEqual(told, f"Say a title that is accepted: {option}")
            self.assertNotIn("TITLE", "".join(others))

    def advice(self, outcome: Outcome) -> tuple[str, ...]:
        explanation = explain(outcome)
        assert explanation is not None
        return explanation.tries

    def tried(self, outcome: Outcome, results: list[Outcome]) -> list[tuple[str | None, str]]:
        """Try as many titles as there are results. Returns what was called, and by whom."""
        asked: list[tuple[str | None, str]] = []

        class Scripted:
            def __init__(self, reactor: object, target: Target, settings: Settings) -> None:
                asked.append((target.ae_title, settings.calling_ae_title))

            async def run(self) -> Outcome:
                return results[len(asked) - 1]

        self.patch(further, "Verification", Scripted)
        self.successResultOf(
            Deferred.fromCoroutine(
                further.try_titles(outcome, None, Target("pacs"), Settings("ME"), ("A", "B"))
            )
        )
        return asked

    def test_called(self) -> None:
        """Where the called title is rejected, each title is called, and what came of it is told."""
        outcome = failed(errors.AssociationRejected(1, 1, 7))
        no = failed(errors.AssociationRejected(1, 1, 7))
        no.called_ae_title = "A"
        yes = answered(0, seconds={"associate": 0.1})
        yes.called_ae_title = "B"
        self.assertEqual(self.tried(outcome, [no, yes]), [("A", "ME"), ("B", "ME")])
        lines = "\n".join(explanation_lines(outcome))
        self.assertIn("called AE title A: not accepted: association rejected", lines)
        self.assertIn("called AE title B: accepted", lines)

    def test_calling(self) -> None:
        """Where the calling title is rejected, each title calls."""
        outcome = failed(errors.AssociationRejected(1, 1, 3))
        self.assertEqual(self.tried(outcome, [answered(0)] * 2), [(None, "A"), (None, "B")])

    def test_not_tried(self) -> None:
        """Where no title is to blame, none is tried."""
        self.assertEqual(self.tried(failed(errors.AssociationRejected(2, 3, 2)), []), [])

    def test_interrupted(self) -> None:
        """An interrupt ends the trying."""
        outcome = failed(errors.AssociationRejected(1, 1, 7))
        self.assertEqual(len(self.tried(outcome, [failed(None)])), 1)
        self.assertEqual(outcome.tried, [])
