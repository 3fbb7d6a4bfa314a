"""``txdicom explain``: of exchanges of any program nothing is said but what is to be seen."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.test_exchange import ACCEPT, ASK, ASSOCIATED, REQUEST, answer, lines
from txdicom.cli.exchange import Line
from txdicom.cli.explain import explain, explanation_lines
from txdicom.cli.kept import Kept
from txdicom.cli.reading import outcome_of
from txdicom.cli.target import Target
from txdicom.dimse.message import Message, fragment
from txdicom.uids import IMPLICIT_VR_LITTLE_ENDIAN, VERIFICATION
from txdicom.upperlayer.items import PresentationContextAC, PresentationContextRQ
from txdicom.upperlayer.pdu import (
    Abort,
    AssociateAC,
    AssociateRJ,
    AssociateRQ,
    ReleaseRP,
    ReleaseRQ,
)
from txdicom.upperlayer.user_information import AsynchronousOperationsWindow, UserIdentityRQ

FIND = "1.2.840.10008.5.1.4.1.2.2.1"
STORE = "1.2.840.10008.5.1.4.1.1.7"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"

RELEASED = ((">", ReleaseRQ().encode()), ("<", ReleaseRP().encode()))
ABORT = Abort().encode()

PDU = tuple[str, bytes]


def message(direction: str, field: int, data: bytes | None = None, **elements: Any) -> list[PDU]:
    """The PDUs of a message, one for its command and one for its data set."""
    kind = 0x0101 if data is None else 0
    command = {"AffectedSOPClassUID": STORE, "CommandField": field, "CommandDataSetType": kind}
    return [
        (direction, pdu.encode()) for pdu in fragment(Message(1, {**command, **elements}, data), 0)
    ]


def store(message_id: int = 1) -> list[PDU]:
    return message(">", 0x0001, b"data", MessageID=message_id)


def stored(status: int, message_id: int = 1, direction: str = "<", **elements: Any) -> list[PDU]:
    elements["MessageIDBeingRespondedTo"] = message_id
    return message(direction, 0x8001, Status=status, **elements)


def happens(exchanged: list[Line], direction: str, happening: str) -> list[Line]:
    """The exchange, and what happened then."""
    ms = exchanged[-1].ms
    assert ms is not None
    return [*exchanged, Line(direction == ">", ms + 1000, b"", happening)]


def told(exchanged: list[Line], target: Target | None = None, **facts: Any) -> str:
    """What is said about an exchange, as one line."""
    return " ".join(
        " ".join(explanation_lines(outcome_of(Kept(exchanged, target, **facts)))).split()
    )


def case(exchanged: list[Line]) -> str | None:
    """The name of the case that an exchange is."""
    explanation = explain(outcome_of(Kept(exchanged)))
    return explanation and explanation.case


class ContextTests(SynchronousTestCase):
    """What was proposed and refused."""

    def refused(self, result: int, *proposed: tuple[str, str]) -> str:
        """What is said where all of these, abstract and transfer syntaxes, are refused."""
        asked = tuple(
            PresentationContextRQ(2 * number + 1, abstract, (transfer,))
            for number, (abstract, transfer) in enumerate(proposed)
        )
        answered = tuple(PresentationContextAC(one.context_id, result, "") for one in asked)
        return told(
            lines(
                (">", AssociateRQ("YOU", "ME", asked).encode()),
                ("<", AssociateAC("YOU", "ME", answered).encode()),
            )
        )

    def test_other_service(self) -> None:
        """Where Verification was not proposed, nothing is said of it."""
        for result in (3, 4):
            said = self.refused(result, (FIND, IMPLICIT_VR_LITTLE_ENDIAN))
            self.assertNotIn("Verification", said)
            self.assertNotIn("every node", said)
            self.assertIn(f"Proposed: {FIND}, in 1.2.840.10008.1.2 (Implicit VR Little", said)

    def test_verification(self) -> None:
        """Where it was among what was proposed, what became of it counts."""
        said = self.refused(3, (FIND, JPEG_BASELINE), (VERIFICATION, IMPLICIT_VR_LITTLE_ENDIAN))
        self.assertIn("does not offer the Verification Service to ME", said)

    def test_transfer_syntaxes(self) -> None:
        """Implicit VR Little Endian is said to have been proposed where it was."""
        said = self.refused(4, (VERIFICATION, JPEG_BASELINE), (FIND, IMPLICIT_VR_LITTLE_ENDIAN))
        self.assertIn("has to take, was not among them", said)
        self.assertIn("Have it proposed, too: 1.2.840.10008.1.2", said)
        said = self.refused(4, (VERIFICATION, JPEG_BASELINE), (VERIFICATION, "1.2.840.10008.1.2"))
        self.assertIn("has to take, was among them", said)


class StatusTests(SynchronousTestCase):
    """Responses of all services."""

    def test_statuses(self) -> None:
        """A status that is neither success nor pending is told, whatever the command."""
        for status, words in (
            (0xA700, "C-STORE-RQ message 1 was answered 0xA700 - Failure (full). Usually means:"),
            (0x0124, "not authorized"),
            (0xB000, "0xB000 - Warning"),
            (0xFE00, "cancelled before its end"),
            (0x1234, "0x1234 - Unknown"),
        ):
            answered = stored(status, ErrorComment="full")
            self.assertIn(words, told(lines(*ASSOCIATED, *store(), *answered, *RELEASED)))
        for status in (0x0000, 0xFF00):
            answered = [*stored(status), *stored(0)]
            self.assertIsNone(case(lines(*ASSOCIATED, *store(), *answered, *RELEASED)))

    def test_many(self) -> None:
        """The first few are told one by one, the others counted."""
        failed = [pdu for number in range(9) for pdu in (*store(number), *stored(0xA700, number))]
        said = told(lines(*ASSOCIATED, *failed))
        self.assertIn("C-STORE-RQ message 3 was", said)
        self.assertNotIn("C-STORE-RQ message 4 was", said)
        self.assertIn("Further responses of a status other than success: 5.", said)

    def test_beside_an_echo(self) -> None:
        """So it is where an echo went well, or the association failed later."""
        echoed = [(">", ASK), ("<", answer())]
        exchanged = lines(*ASSOCIATED, *echoed, *store(2), *stored(0xA700, 2))
        self.assertIn("0xA700", told(exchanged))
        self.assertEqual(case(exchanged), "response-failure")
        exchanged += lines(*store(3), ("<", ABORT))
        self.assertIn("0xA700", told(exchanged))
        self.assertIn("After the C-STORE-RQ message 3: the peer aborted", told(exchanged))

    def test_by_the_requestor(self) -> None:
        """The requestor's response to what the peer stores is told as well."""
        get = message(">", 0x0010, b"query", MessageID=1)
        sub = [*message("<", 0x0001, b"data", MessageID=9), *stored(0xA700, 9, ">")]
        self.assertIn(
            "C-STORE-RQ message 9 was answered 0xA700", told(lines(*ASSOCIATED, *get, *sub))
        )

    def test_comment(self) -> None:
        """A hostile comment does not reach the terminal as it is."""
        answered = stored(0xA700, ErrorComment="\x1b[2J")
        self.assertNotIn("\x1b", told(lines(*ASSOCIATED, *store(), *answered)))


class PlaceTests(SynchronousTestCase):
    """Where it failed."""

    def test_abort(self) -> None:
        """An A-ABORT is placed after what was sent before it, and no echo is spoken of."""
        for before, place in (
            (store(), "After the C-STORE-RQ message 1: the peer aborted"),
            (store()[:1], "After the C-STORE-RQ message 1: the peer aborted"),
            ([*store(), *stored(0xFF00)], "After the C-STORE-RQ message 1: the peer aborted"),
            ([*store(), *stored(0)], "After the C-STORE-RSP to message 1: the peer aborted"),
            ([], "After the A-ASSOCIATE-AC: the peer aborted"),
        ):
            said = told(lines(*ASSOCIATED, *before, ("<", ABORT)))
            self.assertIn(place, said)
            self.assertNotIn("echo", said)

    def test_others(self) -> None:
        """So are a connection that is closed, a time-out, a violation, and an end."""
        stores = lines(*ASSOCIATED, *store())
        for exchanged, name in (
            (happens(stores, "<", "closed"), "echo-lost"),
            ([*happens(stores, ">", "timeout"), *lines((">", ABORT))], "request-timeout"),
            ([*stores, *lines((">", ABORT))], "given-up"),
            ([*stores, *lines(("<", b"\x99" * 10))], "violation"),
            (stores, "recording-ends"),
        ):
            said = told(exchanged)
            self.assertEqual(case(exchanged), name)
            self.assertIn("After the C-STORE-RQ message 1: ", said)
            self.assertNotIn(" echo", said)

    def test_echo(self) -> None:
        """Where an echo was sent, its stage is named as ever."""
        self.assertIn("At the stage echo: ", told(lines(*ASSOCIATED, (">", ASK), ("<", ABORT))))
        both = lines(*ASSOCIATED, *store(2), (">", ASK), ("<", ABORT))
        self.assertIn("After the C-STORE-RQ message 2: ", told(both))

    def test_nothing_awaited(self) -> None:
        """A peer that ends an idle association is not said to owe an answer."""
        window = AsynchronousOperationsWindow(2, 1)
        request = AssociateRQ("YOU", "ME", REQUEST.presentation_contexts, (window,))
        idle = lines((">", request.encode()), ASSOCIATED[1], (">", ASK), ("<", answer()))
        self.assertEqual(case(happens(idle, "<", "closed")), "aborted-idle")
        self.assertEqual(case([*idle, *lines(("<", ABORT))]), "aborted-idle")
        self.assertIsNone(case(happens(idle, ">", "closed")))

    def test_released(self) -> None:
        """A connection that is closed after a release or an A-ABORT is nothing wrong."""
        for last in (RELEASED, tuple((">" if d == "<" else "<", p) for d, p in RELEASED)):
            whole = lines(*ASSOCIATED, *store(), *stored(0), *last)
            for side in "<>":
                self.assertIsNone(case(happens(whole, side, "closed")))
        aborted = lines(*ASSOCIATED, (">", ASK), ("<", answer()), (">", ABORT))
        self.assertIsNone(case(happens(aborted, "<", "reset")))

    def test_released_by_the_peer(self) -> None:
        """A peer that releases before it answers is said to."""
        exchanged = lines(*ASSOCIATED, *store(), ("<", ReleaseRQ().encode()))
        self.assertEqual(case(exchanged), "echo-released")

    def test_violations(self) -> None:
        """An answer of another kind, on another context, or that the requestor finds wrong."""
        other = [("<", pdu.replace(b"\x01\x03", b"\x09\x03", 1)) for _, pdu in stored(0)]
        for after, words in (
            (message("<", 0x8020, MessageIDBeingRespondedTo=1, Status=0), "which is a C-STORE-RQ"),
            (other, "on context 9 to a request on context 1"),
            (message("<", 0x8001, MessageIDBeingRespondedTo=1), "without a status"),
            ([(">", Abort(2, 6).encode())], "invalid-PDU-parameter value"),
        ):
            exchanged = lines(*ASSOCIATED, *store(), *after)
            self.assertEqual(case(exchanged), "violation")
            self.assertIn(words, told(exchanged))

    def test_requestor(self) -> None:
        """What the requestor sent wrong is not laid at the peer's door."""
        part = lines((">", REQUEST.encode()[:20]))
        for exchanged, words in (
            (lines((">", b"GET / HTTP/1.1\r\n")), "what the requestor sent is wrong: HTTP"),
            (happens(part, "<", "closed"), "A-ASSOCIATE-RQ is not whole (its first 20 of"),
            (happens(part, ">", "closed"), "it closed the connection, and the requestor's"),
        ):
            self.assertEqual(case(exchanged), "requestor-fault")
            self.assertIn(words, told(exchanged))
            self.assertNotIn("web server", told(exchanged))
        self.assertEqual(case(part), "recording-ends")
        self.assertIsNone(case(part + lines(*ASSOCIATED, *RELEASED)))


class AnswerTests(SynchronousTestCase):
    """Answers that did not come, or not whole."""

    def test_closed(self) -> None:
        """The peer's closing is told as it is live, with what came before it."""
        asked = lines((">", REQUEST.encode()))
        part = asked + lines(("<", ACCEPT.encode()[:20]))
        scrap = asked + lines(("<", b"+OK"))
        self.assertEqual(case(happens(asked, "<", "closed")), "closed")
        self.assertIn("it was reset", told(happens(asked, "<", "reset")))
        said = told(happens(part, "<", "closed"))
        self.assertIn(
            "Of the peer's last PDU (A-ASSOCIATE-AC) its first 20 of 132 bytes came.", said
        )
        self.assertNotIn("--tls", said)
        self.assertEqual(case(happens(part, "<", "closed")), "closed-in-answer")
        self.assertEqual(case(scrap), "violation")

    def test_timeout(self) -> None:
        """A time-out is told as one, and an A-ABORT alone as no more than it is."""
        asked = lines((">", REQUEST.encode()))
        part = asked + lines(("<", ACCEPT.encode()[:20]))
        for exchanged, name in ((asked, "associate-timeout"), (part, "timeout-in-answer")):
            waited = [*happens(exchanged, ">", "timeout"), *lines((">", ABORT))]
            self.assertEqual(case(waited), name)
            self.assertEqual(case(exchanged + lines((">", ABORT))), "given-up")
            self.assertEqual(case(happens(exchanged, ">", "closed")), "given-up")
            self.assertEqual(case(exchanged), "recording-ends")
        self.assertIn(
            "Try with --tls.", told([*happens(asked, ">", "timeout"), *lines((">", ABORT))])
        )

    def test_over_tls(self) -> None:
        """Who used TLS is not told to."""
        asked = happens(lines((">", REQUEST.encode())), "<", "closed")
        self.assertIn("--tls", told(asked))
        self.assertNotIn("--tls", told(asked, over_tls=True))

    def test_whole_after_all(self) -> None:
        """A part that is followed by whole PDUs is no longer what came last."""
        exchanged = lines((">", REQUEST.encode()), ("<", ACCEPT.encode()[:20]), *ASSOCIATED[1:])
        self.assertNotIn("its first", told(exchanged + lines(*store(), ("<", ABORT))))

    def test_other_protocol(self) -> None:
        """What speaks HTTP after it has accepted an association is not said to be a web server."""
        http = b"HTTP/1.1 502 Bad Gateway\r\n"
        exchanged = lines(*ASSOCIATED, (">", ASK), ("<", http))
        self.assertEqual(case(exchanged), "changes-protocol")
        said = told(exchanged)
        self.assertIn("bytes of HTTP came where a PDU was due", said)
        self.assertNotIn("DICOM port", said)
        self.assertEqual(case(lines((">", REQUEST.encode()), ("<", http))), "speaks-http")

    def test_asked_for_nothing(self) -> None:
        """A requestor that aborts at once is said to have asked for nothing."""
        self.assertIn("asked for nothing", told(lines(*ASSOCIATED, (">", ABORT))))

    def test_left_out(self) -> None:
        """Where PDUs were left out, the last that was kept is not taken for the end."""
        self.assertEqual(told(lines(*ASSOCIATED, (">", ASK)), left_out=3), "")


class AdviceTests(SynchronousTestCase):
    """What to try, for who has the file and perhaps nothing else."""

    def test_target(self) -> None:
        """Host and port are those of the exchange, or not named where nobody knows them."""
        timed_out = happens(lines((">", REQUEST.encode())), ">", "timeout")
        timed_out += lines((">", ABORT))
        self.assertIn("Check the port: 11113.", told(timed_out, Target("pacs", 11113)))
        self.assertNotIn("port", told(timed_out))
        rejected = lines((">", REQUEST.encode()), ("<", AssociateRJ(1, 1, 7).encode()))
        self.assertIn("TITLE@pacs", told(rejected, Target("pacs", 11113)))
        for placeholder in ("TITLE@", "HOST", "104", "@"):
            self.assertNotIn(placeholder, told(rejected))

    def test_file(self) -> None:
        """Who has the file is not told to keep one, nor that it is about this computer."""
        wrong = told(lines(*ASSOCIATED, (">", ASK), ("<", answer(7))))
        self.assertTrue(wrong.endswith("of the peer's software, with this file"), wrong)
        self.assertNotIn("--save", wrong)
        identity = UserIdentityRQ(2, b"someone", b"s3cret")
        request = AssociateRQ("YOU", "ME", REQUEST.presentation_contexts, (identity,))
        named = lines((">", request.encode()), ASSOCIATED[1], (">", ASK), ("<", answer(7)))
        self.assertIn("this file (the user identity is in it)", told(named))
        rejected = lines((">", REQUEST.encode()), ("<", AssociateRJ(1, 1, 3).encode()))
        self.assertNotIn("this computer", told(rejected))
