"""PDUs and messages in words: readable, escaped, and without secrets."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests import strategies
from tests.vectors import SAMPLES
from txdicom.dimse.message import Message
from txdicom.upperlayer.items import PresentationContextAC, PresentationContextRQ
from txdicom.upperlayer.pdu import Abort, AssociateAC, AssociateRJ, AssociateRQ, PDataTF
from txdicom.upperlayer.user_information import (
    AsynchronousOperationsWindow,
    ImplementationClassUID,
    ImplementationVersionName,
    MaximumLength,
    RoleSelection,
    SOPClassCommonExtendedNegotiation,
    SOPClassExtendedNegotiation,
    UserIdentityAC,
    UserIdentityRQ,
)
from txdicom.words import WIDTH, message_in_words, pdu_in_words, printable, uid_name

#: Clears a terminal, sets its title, ends a line, turns the reading direction, and rings.
HOSTILE = ("\x1b[2J", "\x1b]0;owned\x07", "\x9b31m", "\r\nFAKE", "\0\b\x7f", "\u202e", "\x85")


class SafetyTests(SynchronousTestCase):
    """Nothing that a peer gave gets through unescaped."""

    def check(self, lines: list[str]) -> None:
        for line in lines:
            self.assertTrue(line.isascii() and line.isprintable(), repr(line))
            self.assertLess(len(line), 250)

    @given(st.text())
    @example("".join(HOSTILE))
    def test_printable(self, text) -> None:
        """Any text becomes printable ASCII of 64 characters at most."""
        self.check([printable(text)])
        self.assertLessEqual(len(printable(text)), 64)

    def test_escapes(self) -> None:
        """Control characters are shown by their codes, ordinary text as it is."""
        self.assertEqual(printable("\x1b[2J\n"), r"\x1b[2J\n")
        self.assertEqual(printable("a\\b"), r"a\\b")
        self.assertEqual(printable("ECHOSCU_1.0 ~"), "ECHOSCU_1.0 ~")
        self.assertEqual(printable("\x9b\u202e"), r"\x9b\u202e")

    def test_cut(self) -> None:
        """Long text is cut, and says so."""
        self.assertEqual(printable("A" * 64), "A" * 64)
        self.assertEqual(printable("A" * 65), "A" * 61 + "...")
        self.assertEqual(printable("A" * 20, 16), "A" * 13 + "...")

    @given(strategies.pdus, st.booleans())
    def test_pdus(self, value, incoming) -> None:
        """Every PDU that can be decoded has words, and all of them are printable."""
        self.check(pdu_in_words(value, incoming))

    @given(strategies.messages, st.booleans())
    def test_messages(self, message, incoming) -> None:
        """Every message that can be decoded has words, and all of them are printable."""
        self.check(message_in_words(message, incoming))

    def test_every_field(self) -> None:
        """Hostile text in each field of a request, an answer or a message is escaped."""
        for text in HOSTILE:
            request = AssociateRQ(
                text,
                text,
                (PresentationContextRQ(1, text, (text,)),),
                (
                    ImplementationClassUID(text),
                    ImplementationVersionName(text),
                    RoleSelection(text, 1, 1),
                    SOPClassExtendedNegotiation(text, b""),
                    SOPClassCommonExtendedNegotiation(text, text, (text,)),
                    UserIdentityRQ(1, text.encode()),
                    UserIdentityRQ(2, text.encode(), text.encode()),
                ),
                text,
            )
            answer = AssociateAC(text, text, (PresentationContextAC(1, 0, text),))
            self.check(pdu_in_words(request, True) + pdu_in_words(answer, False))
            command = dict.fromkeys(
                ("AffectedSOPClassUID", "ErrorComment", "MoveDestination"), text
            )
            self.check(message_in_words(Message(1, command), True))


class SecretTests(SynchronousTestCase):
    """Passcodes, tickets, assertions and tokens are never shown."""

    def words(self, *items) -> str:
        request = replace(SAMPLES[1].value, user_information=items)
        return "\n".join([*pdu_in_words(request, True), repr(request)])

    def test_passcode(self) -> None:
        """A user name is shown, its passcode is not; nor is a second field that has no business."""
        for kind in (1, 2):
            lines = self.words(UserIdentityRQ(kind, b"jane", b"hunter2", True))
            self.assertIn("jane", lines)
            self.assertNotIn("hunter2", lines)
            self.assertIn("not shown", lines)

    def test_tickets(self) -> None:
        """Kerberos tickets, SAML assertions, JSON web tokens and what is unknown are not shown."""
        for kind in (0, 3, 4, 5, 6, 255):
            lines = self.words(UserIdentityRQ(kind, b"s3cret-ticket", b"hunter2"))
            self.assertNotIn("s3cret", lines)
            self.assertNotIn("hunter2", lines)
            self.assertIn("13 bytes, not shown", lines)

    def test_response(self) -> None:
        """The server's response, a ticket too, is not shown."""
        answer = replace(SAMPLES[2].value, user_information=(UserIdentityAC(b"s3cret"),))
        lines = "\n".join([*pdu_in_words(answer, False), repr(answer)])
        self.assertNotIn("s3cret", lines)
        self.assertIn("6 bytes, not shown", lines)

    @given(st.integers(0, 255), st.booleans())
    def test_every_type(self, kind, positive) -> None:
        """Whatever the type, the secondary field is never in the words nor in the repr."""
        lines = self.words(UserIdentityRQ(kind, b"first", b"SECOND-FIELD", positive))
        self.assertNotIn("SECOND-FIELD", lines)
        self.assertEqual("first" in lines, kind in (1, 2))

    def test_data_set(self) -> None:
        """Of a data set its length is shown, and not what it says of a patient."""
        message = Message(1, {"CommandField": 1, "CommandDataSetType": 0}, b"DOE^JANE")
        lines = "\n".join(message_in_words(message, True))
        self.assertNotIn("DOE", lines)
        self.assertIn("8 bytes", lines)
        values = PDataTF((replace(SAMPLES[4].value.values[0], data=b"DOE^JANE"),))
        self.assertNotIn("DOE", "\n".join(pdu_in_words(values, True)))


class WordsTests(SynchronousTestCase):
    """What the words say."""

    def test_frame(self) -> None:
        """Each block has a first and a last line with direction and name."""
        for vector in SAMPLES.values():
            name = vector.value.NAME
            first, *_, last = pdu_in_words(vector.value, True)
            self.assertEqual(first.strip("="), f" INCOMING {name} PDU ")
            self.assertEqual(last.strip("="), f" END INCOMING {name} PDU ")
            self.assertEqual(len(first), WIDTH)
        self.assertIn("OUTGOING", pdu_in_words(Abort(), False)[0])

    def rows(self, lines: list[str]) -> dict[str, str]:
        return {
            label.strip(): text.strip()
            for label, colon, text in (line.partition(":") for line in lines)
            if colon
        }

    def test_request(self) -> None:
        """A request shows titles, implementation, maximum length and contexts by name."""
        request = replace(
            SAMPLES[1].value,
            calling_ae_title=" SCU \0",
            user_information=(
                MaximumLength(0),
                ImplementationVersionName("TEST_1"),
                AsynchronousOperationsWindow(5, 2),
                RoleSelection("1.2.840.10008.1.1", 0, 1),
            ),
        )
        lines = pdu_in_words(request, True)
        rows = self.rows(lines)
        self.assertEqual(rows["Calling Application Name"], "SCU")
        self.assertEqual(rows["Called Application Name"], "CALLED")
        self.assertEqual(rows["Maximum PDU Length"], "no limit")
        self.assertEqual(rows["Implementation Class UID"], "none")
        self.assertEqual(rows["Implementation Version Name"], "TEST_1")
        self.assertEqual(rows["Operations Invoked / Performed"], "5 / 2")
        self.assertEqual(rows["Context ID"], "1 (Proposed)")
        self.assertEqual(rows["Abstract Syntax"], "1.2.840.10008.1.1 (Verification SOP Class)")
        self.assertEqual(rows["Proposed Role"], "SCP")
        self.assertIn("      1.2.840.10008.1.2 (Implicit VR Little Endian)", lines)

    def test_answer(self) -> None:
        """An answer shows each context's result in the standard's words."""
        for result, words in enumerate(
            (
                "acceptance",
                "user-rejection",
                "no-reason (provider rejection)",
                "abstract-syntax-not-supported (provider rejection)",
                "transfer-syntaxes-not-supported (provider rejection)",
                "undefined value 5",
            )
        ):
            context = PresentationContextAC(3, result, "1.2.840.10008.1.2")
            answer = replace(SAMPLES[2].value, presentation_contexts=(context,))
            lines = pdu_in_words(answer, False)
            self.assertIn(f"  Context ID:        3 ({words})", lines)
            accepted = any("Accepted Transfer Syntax" in line for line in lines)
            self.assertEqual(accepted, result == 0)

    def test_rejection(self) -> None:
        """A rejection shows result, source and reason in words."""
        rows = self.rows(pdu_in_words(AssociateRJ(2, 3, 2), True))
        self.assertEqual(
            rows,
            {
                "Result": "rejected-transient",
                "Source": "DICOM UL service-provider (Presentation related function)",
                "Reason": "local-limit-exceeded",
            },
        )

    def test_abort(self) -> None:
        """An abort's reason is shown when the provider is its source: else it means nothing."""
        rows = self.rows(pdu_in_words(Abort(2, 1), True))
        self.assertEqual(rows["Abort Reason"], "unrecognized-PDU")
        self.assertNotIn("Abort Reason", self.rows(pdu_in_words(Abort(0, 1), True)))

    def test_data(self) -> None:
        """A P-DATA-TF shows what each of its values is."""
        lines = pdu_in_words(SAMPLES[4].value, True)
        self.assertTrue(any("command" in line and "last" in line for line in lines[1:-1]))

    def test_message(self) -> None:
        """A message shows its name, and its elements as people say them."""
        message = Message(
            1,
            {
                "CommandGroupLength": 66,
                "AffectedSOPClassUID": "1.2.840.10008.1.1",
                "CommandField": 0x8030,
                "MessageIDBeingRespondedTo": 7,
                "CommandDataSetType": 0x0101,
                "Status": 0x0122,
                "OffendingElement": (0x00100020,),
            },
        )
        lines = message_in_words(message, False)
        self.assertEqual(lines[0].strip("="), " OUTGOING DIMSE MESSAGE C-ECHO-RSP ")
        rows = self.rows(lines)
        self.assertEqual(rows["CommandField"], "C-ECHO-RSP (0x8030)")
        self.assertEqual(rows["MessageIDBeingRespondedTo"], "7")
        self.assertEqual(rows["CommandDataSetType"], "none")
        self.assertEqual(rows["Status"], "0x0122 - Failure: Refused: SOP class not supported")
        self.assertEqual(rows["OffendingElement"], "(0010,0020)")
        self.assertNotIn("CommandGroupLength", rows)

    def test_message_without_name(self) -> None:
        """A message with an unknown or no command field has words too."""
        for command in ({}, {"CommandField": 0x1234}):
            lines = message_in_words(Message(1, command), True)
            self.assertIn("DIMSE MESSAGE unknown", lines[0])

    def test_uid_name(self) -> None:
        """A UID that is known here has its name behind it."""
        self.assertEqual(
            uid_name("1.2.840.10008.1.1"), "1.2.840.10008.1.1 (Verification SOP Class)"
        )
        self.assertEqual(uid_name("1.2.3"), "1.2.3")
