"""``txdicom explain``: of exchanges of any program nothing is said but what is to be seen."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.test_exchange import ACCEPT, ASK, ASSOCIATED, REQUEST, answer, echo, lines
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
    PDataTF,
    ReleaseRP,
    ReleaseRQ,
    decode,
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
    return None if explanation is None else explanation.case


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
        for answered in (stored(0), [*stored(0xFF00), *stored(0)]):
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
            (store()[:1], "After the A-ASSOCIATE-AC: the peer aborted"),
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
            (happens(part, ">", "closed"), "the requestor closed the connection, and its A-A"),
        ):
            self.assertEqual(case(exchanged), "requestor-fault")
            self.assertIn(words, told(exchanged))
            self.assertNotIn("web server", told(exchanged))
        self.assertEqual(case(part), "recording-ends")
        self.assertIsNone(case(part + lines(*ASSOCIATED, *RELEASED)))


class ReleaseTests(SynchronousTestCase):
    """Releases that fail, and others that come too early."""

    RELEASE = (">", ReleaseRQ().encode())

    def test_only_the_release(self) -> None:
        """Where all was answered, only the release is said to have failed, whatever the service."""
        part = ("<", ReleaseRP().encode()[:4])
        for before in ([(">", ASK), ("<", answer())], [*store(), *stored(0)], []):
            asked = lines(*ASSOCIATED, *before, self.RELEASE)
            for exchanged in (
                asked,
                happens(asked, "<", "closed"),
                [*asked, *lines(("<", ABORT))],
                [*asked, *lines((">", ABORT))],
                happens([*asked, *lines(part)], "<", "closed"),
                [*asked, *lines(("<", b"\xf9\xff"), (">", Abort(2, 1).encode()))],
            ):
                self.assertEqual(case(exchanged), "release")
                said = told(exchanged)
                self.assertIn("At the stage release: ", said)
                self.assertIn("All that was asked for was answered; only the end", said)
                self.assertNotIn("echo", said.replace("Echoes", ""))
            said = told(happens([*asked, *lines(part)], "<", "closed"))
            self.assertIn("Of the peer's last PDU (A-RELEASE-RP) its first 4 bytes came.", said)

    def test_once(self) -> None:
        """The requestor's A-ABORT after a release that failed is no further failure."""
        garbled = ("<", b"\xf9\xff\xff\xff\xff\xfb"), (">", Abort(2, 1).encode())
        exchanged = lines(*ASSOCIATED, (">", ASK), ("<", answer()), self.RELEASE, *garbled)
        outcome = outcome_of(Kept(happens(exchanged, "<", "closed")))
        self.assertEqual((outcome.exit_code, outcome.error), (0, None))
        self.assertIn("unknown PDU type 0xf9", str(outcome.release_error))

    def test_after_a_status(self) -> None:
        """A status that is not of success counts for more than the release."""
        for before, name in (
            ([(">", ASK), ("<", answer(status=0x0110))], "status"),
            ([*store(), *stored(0xA700)], "response-failure"),
        ):
            exchanged = happens(lines(*ASSOCIATED, *before, self.RELEASE), "<", "closed")
            self.assertEqual(case(exchanged), name)
            self.assertIn("At the stage release: ", told(exchanged))
        self.assertEqual(
            outcome_of(
                Kept(lines(*ASSOCIATED, (">", ASK), ("<", answer(status=0x0110)), self.RELEASE))
            ).exit_code,
            9,
        )

    def test_too_early(self) -> None:
        """A release that leaves a request unanswered is said to, and is the requestor's."""
        for asked, words in (
            ([(">", ASK)], "without an answer to the C-ECHO-RQ message 1, 0.003 s after it"),
            (
                [*store(), *stored(0xFF00)],
                "without a final answer to the C-STORE-RQ message 1 after 1 pending one,",
            ),
            (store()[:1], "and its C-STORE-RQ message 1 is not whole"),
        ):
            exchanged = lines(*ASSOCIATED, *asked, *RELEASED)
            for whole in (exchanged, happens(exchanged, "<", "closed")):
                self.assertIn("the requestor released the association", told(whole))
                self.assertIn(words, told(whole))
        closed = happens(lines(*ASSOCIATED, (">", ASK), self.RELEASE), "<", "closed")
        self.assertEqual(case(closed), "echo-lost")
        self.assertIn("At the stage echo: ", told(closed))

    def test_both(self) -> None:
        """Where both ask for the release, it is not over before both have answered."""
        asked = (*ASSOCIATED, self.RELEASE, ("<", ReleaseRQ().encode()), (">", RELEASED[1][1]))
        self.assertEqual(case(lines(*asked)), "release")
        self.assertIsNone(case(lines(*asked, RELEASED[1])))
        crossed = (*ASSOCIATED, ("<", ReleaseRQ().encode()), self.RELEASE, (">", RELEASED[1][1]))
        self.assertIsNone(case(lines(*crossed, RELEASED[1])))


class MiddleTests(SynchronousTestCase):
    """Exchanges whose beginning was not recorded."""

    def test_associated(self) -> None:
        """Where something was sent, an association had been accepted."""
        asked = lines((">", ASK))
        for exchanged, name in (
            (happens(asked, "<", "closed"), "echo-lost"),
            ([*happens(asked, ">", "timeout"), *lines((">", ABORT))], "echo-timeout"),
            (asked, "recording-ends"),
        ):
            self.assertEqual(case(exchanged), name)
            self.assertIn("At the stage echo: ", told(exchanged))
        for whole in (
            lines((">", ASK), ("<", answer()), *RELEASED),
            lines(*RELEASED),
            lines(RELEASED[1]),
            lines(("<", ReleaseRQ().encode()), (">", ReleaseRP().encode())),
            lines((">", ReleaseRP().encode())),
            lines((">", ABORT)),
        ):
            self.assertIsNone(case(whole))
        self.assertNotIn("titles", told(lines(("<", ABORT))))

    def test_unknown_request(self) -> None:
        """A response whose request may have been made before is nothing wrong."""
        for response in ([("<", answer(7))], stored(0, 7)):
            self.assertIsNone(case(lines(*response, *RELEASED)))
            self.assertIn("not outstanding", told(lines(ASSOCIATED[1], *response)))
        for response, words in (
            ([("<", answer(7, 0x0110))], "C-ECHO-RQ message 7 was answered 0x0110"),
            (stored(0xA700, 7), "C-STORE-RQ message 7 was answered 0xA700"),
        ):
            self.assertIn(words, told(lines(*response, *RELEASED)))

    def test_within_a_message(self) -> None:
        """So is the rest of a message whose beginning was not seen."""
        self.assertIsNone(case(lines(*store()[1:], *stored(0), *store(2), *stored(0, 2))))
        whole = lines(*ASSOCIATED, *store()[1:])
        self.assertIn("a data set fragment out of its turn", told(whole))


class TurnTests(SynchronousTestCase):
    """What may not come where it comes."""

    def test_acceptor(self) -> None:
        """A PDU that the peer may not send there is a violation, whichever it is."""
        rejected = AssociateRJ(1, 1, 7).encode()
        asking = [ASSOCIATED[0]]
        echoing = [*ASSOCIATED, (">", ASK)]
        for before, unexpected, name in (
            (echoing, rejected, "A-ASSOCIATE-RJ"),
            (echoing, ACCEPT.encode(), "A-ASSOCIATE-AC"),
            (echoing, ReleaseRP().encode(), "A-RELEASE-RP"),
            (echoing, REQUEST.encode(), "A-ASSOCIATE-RQ"),
            (asking, ReleaseRP().encode(), "A-RELEASE-RP"),
            (asking, ReleaseRQ().encode(), "A-RELEASE-RQ"),
            (asking, answer(), "P-DATA-TF"),
            (ASSOCIATED, ReleaseRP().encode(), "A-RELEASE-RP"),
            ([*ASSOCIATED, ("<", ReleaseRQ().encode())], answer(), "P-DATA-TF"),
        ):
            exchanged = lines(*before, ("<", unexpected))
            self.assertEqual(case(exchanged), "violation")
            self.assertIn(f"{name} is not expected here", told(exchanged))

    def test_requestor(self) -> None:
        """So it is of the requestor's, and is not laid at the peer's door."""
        for before, unexpected in (
            (ASSOCIATED, REQUEST.encode()),
            (ASSOCIATED[:1], ASK),
            (ASSOCIATED, ACCEPT.encode()),
            (ASSOCIATED, ReleaseRP().encode()),
        ):
            exchanged = lines(*before, (">", unexpected))
            self.assertEqual(case(exchanged), "requestor-fault")
            self.assertIn("is not expected here", told(exchanged))

    def test_nameless(self) -> None:
        """A message without a message ID, or without a command field, can be no request."""
        without = message("<", 0x0021, MessageIDBeingRespondedTo=1, Status=0)
        for after, words in (
            (without, "C-MOVE-RQ without a message ID"),
            (message("<", 0x0030), "C-ECHO-RQ without a message ID"),
        ):
            exchanged = lines(*ASSOCIATED, (">", ASK), *after)
            self.assertEqual(case(exchanged), "violation")
            self.assertIn(words, told(exchanged))
            mirrored = [(">", pdu) for _, pdu in after]
            self.assertEqual(case(lines(*ASSOCIATED, *mirrored)), "requestor-fault")
        no_field = answer().replace(b"\0\0\0\x01\x02\0\0\0", b"\0\0\x99\x01\x02\0\0\0")
        self.assertIn(
            "a message without a command field", told(lines(*ASSOCIATED, ("<", no_field)))
        )
        none = message("<", 0x8030, Status=0)
        self.assertIn("to message ID None, which", told(lines(*ASSOCIATED, (">", ASK), *none)))

    def test_asks_itself(self) -> None:
        """The peer may ask, too; what the requestor answers is told as what others answer."""
        asked = (*ASSOCIATED, ("<", ASK))
        self.assertIsNone(case(lines(*asked, (">", answer()), *RELEASED)))
        refused = lines(*asked, (">", answer(status=0x0110)), *RELEASED)
        self.assertEqual(case(refused), "response-failure")
        self.assertIn("C-ECHO-RQ message 1 was answered 0x0110", told(refused))

    def test_used_message_id(self) -> None:
        """A message ID that is outstanding is not to be used again, by whom is said."""
        exchanged = lines(*ASSOCIATED, (">", ASK), (">", ASK), ("<", answer()), ("<", answer()))
        self.assertEqual(case(exchanged), "requestor-fault")
        self.assertIn("while another message 1 is outstanding", told(exchanged))
        again = lines(*ASSOCIATED, *store(), *stored(0), *store(), *stored(0), *RELEASED)
        self.assertIsNone(case(again))

    def test_two_in_one(self) -> None:
        """Two messages in one P-DATA-TF are two."""
        asked = [decode(echo(0x0030, MessageID=number)) for number in (1, 2)]
        both = PDataTF(tuple(value for pdu in asked for value in pdu.values)).encode()  # type: ignore[union-attr]
        exchanged = lines(*ASSOCIATED, (">", both), ("<", answer(2)), ("<", answer(1)), *RELEASED)
        self.assertIsNone(case(exchanged))


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

    def test_pending(self) -> None:
        """How many pending responses came is told, and that the final one did not."""
        asked = [*store(), *stored(0xFF00), *stored(0xFF01)]
        without = "without a final answer to the C-STORE-RQ message 1 after 2 pending ones"
        pending = lines(*ASSOCIATED, *asked)
        for exchanged, name in (
            (happens(pending, "<", "closed"), "answered-in-part"),
            ([*pending, *lines(("<", ABORT))], "answered-in-part"),
            ([*pending, *lines((">", ABORT))], "given-up"),
            (pending, "recording-ends"),
        ):
            self.assertEqual(case(exchanged), name)
            self.assertIn(without, told(exchanged))
        waited = [*happens(pending, ">", "timeout"), *lines((">", ABORT))]
        self.assertIn("no final answer to the C-STORE-RQ message 1 after 2 pending", told(waited))
        half = message("<", 0x8001, b"data", MessageIDBeingRespondedTo=1, Status=0xFF00)[:1]
        exchanged = happens(lines(*ASSOCIATED, *store(), *half), "<", "closed")
        self.assertEqual(case(exchanged), "answered-in-part")
        self.assertIn("without a whole answer", told(exchanged))

    def test_pending_echo(self) -> None:
        """Each response to an echo is final."""
        exchanged = lines(*ASSOCIATED, (">", ASK), ("<", answer(status=0xFF00)), *RELEASED)
        self.assertEqual(case(exchanged), "status")

    def test_not_whole(self) -> None:
        """Who sent only a part of what it asks for is told so, and the peer not blamed."""
        half = lines((">", REQUEST.encode()[:50]))
        find = lines(*ASSOCIATED, *store()[:1])
        for asked, words in (
            (half, "A-ASSOCIATE-RQ is not whole (its first 50 of"),
            (lines(*ASSOCIATED, (">", ASK[:20])), "P-DATA-TF is not whole (its first 20 of"),
            (find, "C-STORE-RQ message 1 is not whole"),
        ):
            for exchanged in (
                happens(asked, "<", "closed"),
                [*asked, *lines(("<", ABORT))],
                happens(asked, ">", "closed"),
            ):
                self.assertEqual(case(exchanged), "requestor-fault")
                self.assertIn(words, told(exchanged))
                self.assertNotIn("crashed", told(exchanged))
                self.assertNotIn("?", told(exchanged))
            self.assertEqual(case(asked), "recording-ends")
        self.assertEqual(case([*find, *lines(("<", ReleaseRQ().encode()))]), "requestor-fault")
        given_up = told([*find, *lines((">", ABORT))])
        self.assertIn("the requestor aborted, and its C-STORE-RQ message 1 is not", given_up)

    def test_answered_early(self) -> None:
        """A request that is answered before it is whole is answered."""
        first, second = store()
        exchanged = lines(*ASSOCIATED, first, *stored(0xA700), second, *RELEASED)
        self.assertEqual(case(exchanged), "response-failure")

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
