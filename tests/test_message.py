"""Messages and the fragments that carry them (PS3.7 6.3, PS3.8 Annex E)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests import strategies
from txdicom.dimse import command
from txdicom.dimse.message import (
    LEAST_MAXIMUM_LENGTH,
    UNLIMITED_PEER_LENGTH,
    Assembler,
    Message,
    fragment,
    response_to,
)
from txdicom.errors import ProtocolViolation
from txdicom.upperlayer import pdu
from txdicom.upperlayer.pdu import PDataTF, PresentationDataValue

ECHO = {
    "AffectedSOPClassUID": "1.2.840.10008.1.1",
    "CommandField": 0x0030,
    "MessageID": 7,
    "CommandDataSetType": 0x0101,
}
STORE = {"CommandField": 0x0001, "MessageID": 8, "CommandDataSetType": 0x0000}


def assembler(data_set_limit: int = 1_000_000) -> Assembler:
    return Assembler(16_384, 1_024, lambda context_id, command: data_set_limit)


def without_length(message: Message) -> Message:
    """The message as it was before its group length was computed."""
    elements = {key: it for key, it in message.command.items() if key != "CommandGroupLength"}
    return Message(message.context_id, elements, message.data_set)


class FragmentTests(SynchronousTestCase):
    """Message to P-DATA-TF."""

    def test_one(self) -> None:
        """A C-ECHO fits one PDU with one value: command, last."""
        (whole,) = fragment(Message(3, ECHO), 16_382)
        self.assertEqual(
            whole, PDataTF((PresentationDataValue(3, True, True, command.encode(ECHO)),))
        )

    def test_data_set_apart(self) -> None:
        """Command set and data set come in fragments of their own, the last of each marked."""
        parts = [part.values[0] for part in fragment(Message(5, STORE, bytes(250)), 106)]
        self.assertEqual(
            [(part.is_command, part.is_last, len(part.data)) for part in parts],
            [(True, True, 42), (False, False, 100), (False, False, 100), (False, True, 50)],
        )
        self.assertEqual({part.context_id for part in parts}, {5})

    def test_exact_fit(self) -> None:
        """A fragment that fills the PDU to its last byte is the last one: no empty one follows."""
        parts = list(fragment(Message(1, STORE, bytes(200)), 106))
        self.assertEqual([len(part.values[0].data) for part in parts], [42, 100, 100])
        self.assertEqual([len(part.encode()) - 6 for part in parts], [48, 106, 106])

    def test_no_limit(self) -> None:
        """A peer that announces 0 sets no limit, and is still not sent a PDU of any length."""
        parts = list(fragment(Message(1, STORE, bytes(300_000)), 0))
        self.assertEqual(len(parts), 4)
        self.assertEqual(max(len(part.encode()) - 6 for part in parts), UNLIMITED_PEER_LENGTH)

    def test_empty_data_set(self) -> None:
        """An empty data set is a data set: an empty last fragment says so."""
        _, data_set = fragment(Message(1, STORE, b""), 0)
        self.assertEqual(data_set.values, (PresentationDataValue(1, False, True, b""),))

    def test_even(self) -> None:
        """Every fragment has an even number of bytes, for an odd maximum length too (PS3.8 E.1)."""
        for maximum_length in (9, 11, 107, 16_383):
            for part in fragment(Message(1, STORE, bytes(40_000)), maximum_length):
                self.assertEqual(len(part.values[0].data) % 2, 0, maximum_length)

    @given(strategies.messages, st.integers(LEAST_MAXIMUM_LENGTH, 300) | st.just(0))
    def test_round_trip(self, message, maximum_length) -> None:
        """Any message assembles again from its fragments, none longer than the peer allows."""
        parts = list(fragment(message, maximum_length))
        assembling = assembler()
        results = []
        for part in parts:
            encoded = part.encode()
            self.assertLessEqual(len(encoded) - 6, maximum_length or UNLIMITED_PEER_LENGTH)
            (value,) = pdu.decode(encoded).values
            results.append(assembling.feed(value))
        self.assertEqual(results[:-1], [None] * (len(parts) - 1))
        self.assertEqual(without_length(results[-1]), message)
        self.assertFalse(assembling.mid_message)


class AssemblerTests(SynchronousTestCase):
    """P-DATA-TF to message."""

    def test_one_after_another(self) -> None:
        """One assembler puts together message after message, on whatever contexts they come."""
        assembling = assembler()
        for context_id, elements, data_set in ((1, ECHO, None), (3, STORE, b"ab"), (1, ECHO, None)):
            message = Message(context_id, elements, data_set)
            *before, last = fragment(message, 20)
            for part in before:
                self.assertIsNone(assembling.feed(part.values[0]))
                self.assertTrue(assembling.mid_message)
            self.assertEqual(without_length(assembling.feed(last.values[0])), message)
            self.assertFalse(assembling.mid_message)

    def test_several_values_in_one_pdu(self) -> None:
        """It does not matter how the fragments are spread over PDUs."""
        message = Message(1, STORE, bytes(100))
        values = tuple(part.values[0] for part in fragment(message, 30))
        assembling = assembler()
        results = [assembling.feed(value) for value in pdu.decode(PDataTF(values).encode()).values]
        self.assertEqual(without_length(results[-1]), message)

    def test_empty_fragments(self) -> None:
        """Empty fragments add nothing, and a last one that is empty ends the message."""
        data = command.encode(ECHO)
        assembling = assembler()
        for part in (b"", data[:10], b"", data[10:]):
            self.assertIsNone(assembling.feed(PresentationDataValue(1, True, False, part)))
        message = assembling.feed(PresentationDataValue(1, True, True, b""))
        self.assertEqual(without_length(message), Message(1, ECHO))

    def test_no_data_set_type(self) -> None:
        """A command set that says nothing of a data set has none."""
        data = command.encode({"CommandField": 0x8030, "Status": 0})
        message = assembler().feed(PresentationDataValue(1, True, True, data))
        self.assertIsNone(message.data_set)

    def test_bad_command_set(self) -> None:
        """A command set that is none is a protocol violation."""
        with self.assertRaises(ProtocolViolation):
            assembler().feed(PresentationDataValue(1, True, True, b"GET / HTTP/1.1"))

    @given(st.lists(strategies.values, max_size=8))
    def test_noise(self, values) -> None:
        """Whatever fragments come: messages, or protocol violations and nothing else."""
        assembling = assembler(100)
        for value in values:
            try:
                message = assembling.feed(value)
            except ProtocolViolation as violation:
                self.assertTrue(str(violation))
                return
            self.assertIsInstance(message, (Message, type(None)))


class MessageTests(SynchronousTestCase):
    """Messages as programs see them."""

    def test_elements(self) -> None:
        """The elements of a command set are attributes, None where they are not given."""
        message = Message(1, ECHO)
        self.assertEqual(message.MessageID, 7)
        self.assertEqual(message.AffectedSOPClassUID, "1.2.840.10008.1.1")
        self.assertIsNone(message.Status)
        with self.assertRaisesRegex(AttributeError, "MesageID"):
            _ = message.MesageID

    def test_response(self) -> None:
        """A response repeats SOP class and message ID, on the context of its request."""
        response = response_to(Message(9, ECHO), 0x0110, ErrorComment="disk full")
        self.assertEqual(
            response,
            Message(
                9,
                {
                    "AffectedSOPClassUID": "1.2.840.10008.1.1",
                    "CommandField": 0x8030,
                    "MessageIDBeingRespondedTo": 7,
                    "CommandDataSetType": 0x0101,
                    "Status": 0x0110,
                    "ErrorComment": "disk full",
                },
            ),
        )

    def test_response_without_sop_class(self) -> None:
        """A request without a SOP class is answered without; a requested one is then affected."""
        plain = {"CommandField": 0x0030, "MessageID": 1}
        self.assertIsNone(response_to(Message(1, plain), 0).AffectedSOPClassUID)
        action = {"RequestedSOPClassUID": "1.2.3", "CommandField": 0x0130, "MessageID": 1}
        self.assertEqual(response_to(Message(1, action), 0).AffectedSOPClassUID, "1.2.3")
