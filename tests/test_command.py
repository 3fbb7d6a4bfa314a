"""The command set (PS3.7 6.3.1 and Annex E): group 0000 to a dict and back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from pydicom._dicom_dict import DicomDictionary
from pydicom.dataset import Dataset
from pynetdicom.dsutils import encode as pynetdicom_encode
from twisted.trial.unittest import SynchronousTestCase

from tests import strategies
from txdicom.dimse import command
from txdicom.dimse.command import COMMAND_NAMES, ELEMENTS, command_name, decode, encode
from txdicom.errors import ProtocolViolation

# C-ECHO-RQ (PS3.7 Table 9.3-12), by hand: tag, length, value, little endian.
ECHO_RQ = (
    b"\0\0\0\0\4\0\0\0\x38\0\0\0"  # group length: 56 bytes follow
    b"\0\0\2\0\x12\0\0\x00" + b"1.2.840.10008.1.1\0"  # 18 bytes, padded to be even
    b"\0\0\0\1\2\0\0\0\x30\0"  # command field C-ECHO-RQ
    b"\0\0\x10\1\2\0\0\0\7\0"  # message ID 7
    b"\0\0\0\x08\2\0\0\0\1\1"  # no data set
)
ECHO_RQ_COMMAND = {
    "AffectedSOPClassUID": "1.2.840.10008.1.1",
    "CommandField": 0x0030,
    "MessageID": 7,
    "CommandDataSetType": 0x0101,
}
ECHO_RSP_COMMAND = {
    "AffectedSOPClassUID": "1.2.840.10008.1.1",
    "CommandField": 0x8030,
    "MessageIDBeingRespondedTo": 7,
    "CommandDataSetType": 0x0101,
    "Status": 0x0000,
}
ECHOES = (ECHO_RQ_COMMAND, ECHO_RSP_COMMAND)

# Where, how many bytes are taken out, and what is put in.
_changes = st.tuples(st.integers(0, 80), st.integers(0, 3), st.binary(max_size=3))


def element(number: int, value: bytes, group: int = 0) -> bytes:
    """One element, Implicit VR Little Endian."""
    return (
        group.to_bytes(2, "little")
        + number.to_bytes(2, "little")
        + len(value).to_bytes(4, "little")
        + value
    )


class TableTests(SynchronousTestCase):
    """Table E.1-1."""

    def test_elements(self) -> None:
        """All elements of group 0000 that are not retired are there, as pydicom has them."""
        current = {
            tag: (keyword, vr)
            for tag, (vr, _, _, retired, keyword) in DicomDictionary.items()
            if tag >> 16 == 0 and not retired
        }
        self.assertEqual(ELEMENTS, current)

    def test_multiplicity(self) -> None:
        """The elements that may have several values are those of VR AT."""
        several = {
            keyword
            for tag, (_, vm, _, retired, keyword) in DicomDictionary.items()
            if tag >> 16 == 0 and not retired and vm != "1"
        }
        self.assertEqual(several, {keyword for keyword, vr in ELEMENTS.values() if vr == "AT"})

    def test_names(self) -> None:
        """Every message of PS3.7 has its command field and name; C-CANCEL has no response."""
        self.assertEqual(
            COMMAND_NAMES,
            {
                0x0001: "C-STORE-RQ",
                0x8001: "C-STORE-RSP",
                0x0010: "C-GET-RQ",
                0x8010: "C-GET-RSP",
                0x0020: "C-FIND-RQ",
                0x8020: "C-FIND-RSP",
                0x0021: "C-MOVE-RQ",
                0x8021: "C-MOVE-RSP",
                0x0030: "C-ECHO-RQ",
                0x8030: "C-ECHO-RSP",
                0x0FFF: "C-CANCEL-RQ",
                0x0100: "N-EVENT-REPORT-RQ",
                0x8100: "N-EVENT-REPORT-RSP",
                0x0110: "N-GET-RQ",
                0x8110: "N-GET-RSP",
                0x0120: "N-SET-RQ",
                0x8120: "N-SET-RSP",
                0x0130: "N-ACTION-RQ",
                0x8130: "N-ACTION-RSP",
                0x0140: "N-CREATE-RQ",
                0x8140: "N-CREATE-RSP",
                0x0150: "N-DELETE-RQ",
                0x8150: "N-DELETE-RSP",
            },
        )
        self.assertEqual(command_name(0x8030), "C-ECHO-RSP")
        self.assertEqual(command_name(0x1234), "command 0x1234")
        self.assertEqual(command_name(None), "a message without a command field")


class CodecTests(SynchronousTestCase):
    """Bytes written by hand."""

    def test_encode(self) -> None:
        """A C-ECHO-RQ is written as the standard lays it out, with its length and its padding."""
        self.assertEqual(encode(ECHO_RQ_COMMAND), ECHO_RQ)

    def test_decode(self) -> None:
        """A C-ECHO-RQ is read as what it says, without its padding."""
        self.assertEqual(decode(ECHO_RQ), {"CommandGroupLength": 56, **ECHO_RQ_COMMAND})

    def test_order(self) -> None:
        """The elements are written in the order of their tags, however the dict has them."""
        self.assertEqual(encode(dict(reversed(ECHO_RQ_COMMAND.items()))), ECHO_RQ)

    def test_group_length(self) -> None:
        """What was decoded can be encoded again: its group length is computed, never copied."""
        self.assertEqual(encode(decode(ECHO_RQ)), ECHO_RQ)
        self.assertEqual(encode({**ECHO_RQ_COMMAND, "CommandGroupLength": 1}), ECHO_RQ)

    def test_tags(self) -> None:
        """A list of tags is written group first, each number little endian."""
        data = encode({"OffendingElement": (0x00100020, 0x7FE00010)})
        self.assertEqual(data[12:], element(0x0901, b"\x10\0\x20\0\xe0\x7f\x10\0"))
        self.assertEqual(decode(data)["OffendingElement"], (0x00100020, 0x7FE00010))

    def test_text(self) -> None:
        """Text is padded with a space to be even, and read without spaces or NUL around it."""
        self.assertEqual(encode({"MoveDestination": "ABC"})[12:], element(0x0600, b"ABC "))
        for padded in (b"ABC ", b" ABC\0", b"ABC"):
            self.assertEqual(decode(element(0x0600, padded)), {"MoveDestination": "ABC"})

    def test_unknown(self) -> None:
        """Retired and unknown elements of group 0000 are passed over."""
        data = element(0x0001, bytes(4)) + element(0x4000, b"x") + element(0x0110, b"\5\0")
        self.assertEqual(decode(data), {"MessageID": 5})

    def test_empty(self) -> None:
        """No bytes are no elements; that a command field is missing is not the codec's business."""
        self.assertEqual(decode(b""), {})


class RefusalTests(SynchronousTestCase):
    """What a peer or a program may not give."""

    def test_bytes(self) -> None:
        """Elements of other groups, beyond the end, or against their VR are violations."""
        for data in (
            ECHO_RQ[:-1],
            ECHO_RQ + b"\0" * 7,
            element(0x0010, b"PATIENT ", group=0x0010),
            element(0x0110, b"\1"),
            element(0x0110, b"\1\0\0"),
            element(0x0110, b""),
            element(0x0000, b"\0\0"),
            element(0x0002, b"1.2.\xb2\0"),
            element(0x0901, b"\1\0\2"),
            b"\0\0\2\0\xff\xff\xff\xff1.2.3",
        ):
            with self.assertRaises(ProtocolViolation, msg=repr(data)):
                decode(data)

    def test_names_the_element(self) -> None:
        """The violation names the element by tag and keyword."""
        with self.assertRaisesRegex(ProtocolViolation, r"\(0000,0110\) MessageID"):
            decode(element(0x0110, b"\1"))

    def test_values(self) -> None:
        """A value that its element cannot hold is the program's mistake, said at once."""
        for wrong in (
            {"MessageID": 65_536},
            {"MessageID": -1},
            {"AffectedSOPClassUID": "1.2.\u00b2"},
            {"ErrorComment": "\u20ac"},
            {"OffendingElement": (1 << 32,)},
        ):
            with self.assertRaises(ValueError, msg=repr(wrong)):
                encode(wrong)

    def test_keyword(self) -> None:
        """A keyword that is none of a command set is refused, not passed over."""
        self.assertRaises(KeyError, encode, {"PatientName": "X"})


class PynetdicomTests(SynchronousTestCase):
    """The same command sets as pynetdicom encodes them."""

    commands = (
        ("C_ECHO_RQ", {"MessageID": 1, "CommandDataSetType": 0x0101}),
        ("C_ECHO_RSP", {"MessageIDBeingRespondedTo": 65_535, "Status": 0}),
        ("C_ECHO_RSP", {"Status": 0x0122, "ErrorComment": "no such thing"}),
        (
            "C_STORE_RQ",
            {
                "Priority": 2,
                "AffectedSOPInstanceUID": "1.2.3.4",
                "MoveOriginatorApplicationEntityTitle": "ORIGIN",
                "MoveOriginatorMessageID": 3,
                "CommandDataSetType": 1,
            },
        ),
        ("C_FIND_RSP", {"Status": 0xFF00, "CommandDataSetType": 1}),
        ("C_MOVE_RQ", {"MoveDestination": "DEST", "MessageID": 9, "Priority": 0}),
        (
            "C_MOVE_RSP",
            {
                "NumberOfRemainingSuboperations": 4,
                "NumberOfCompletedSuboperations": 3,
                "NumberOfFailedSuboperations": 2,
                "NumberOfWarningSuboperations": 1,
                "Status": 0xFF00,
            },
        ),
        ("C_CANCEL_RQ", {"MessageIDBeingRespondedTo": 4}),
        (
            "N_EVENT_REPORT_RQ",
            {"EventTypeID": 2, "AffectedSOPInstanceUID": "1.2.3.4.5", "MessageID": 2},
        ),
        (
            "N_GET_RQ",
            {
                "RequestedSOPClassUID": "1.2.3",
                "RequestedSOPInstanceUID": "1.2.3.4",
                "AttributeIdentifierList": (0x00100010, 0x00100020),
            },
        ),
        ("N_ACTION_RQ", {"ActionTypeID": 1, "RequestedSOPInstanceUID": "1.2"}),
        ("N_CREATE_RSP", {"ErrorID": 5, "OffendingElement": (0x00100010, 0x00080018)}),
    )

    def test_same_bytes(self) -> None:
        """A command set of every kind has the bytes that pynetdicom gives it."""
        for name, elements in self.commands:
            ours = {
                "AffectedSOPClassUID": "1.2.840.10008.1.1",
                "CommandField": next(
                    field
                    for field, standard in COMMAND_NAMES.items()
                    if standard == name.replace("_", "-")
                ),
                **elements,
            }
            theirs = Dataset()
            for keyword, value in ours.items():
                setattr(theirs, keyword, list(value) if isinstance(value, tuple) else value)
            theirs.CommandGroupLength = len(encode(ours)) - 12
            self.assertEqual(encode(ours), pynetdicom_encode(theirs, True, True), name)


class PropertyTests(SynchronousTestCase):
    """What holds for all command sets and all bytes."""

    @given(strategies.command_sets)
    def test_round_trip(self, elements) -> None:
        """What was encoded decodes to what it was, its length in front."""
        data = encode(elements)
        self.assertEqual(decode(data), {"CommandGroupLength": len(data) - 12, **elements})

    @given(strategies.command_sets)
    def test_even(self, elements) -> None:
        """A command set, and every value in it, has an even length (PS3.7 6.3.1)."""
        data = encode(elements)
        at = 0
        while at < len(data):
            length = int.from_bytes(data[at + 4 : at + 8], "little")
            self.assertEqual(length % 2, 0)
            at += 8 + length
        self.assertEqual(at, len(data))

    @given(strategies.command_sets, st.data())
    def test_truncation(self, elements, data) -> None:
        """Cut off anywhere: a shorter command set, or a violation and nothing else."""
        whole = encode(elements)
        cut = data.draw(st.integers(0, len(whole)))
        try:
            decoded = decode(whole[:cut])
        except ProtocolViolation as violation:
            self.assertTrue(str(violation))
        else:
            self.assertLessEqual(decoded.items(), decode(whole).items())

    @given(st.sampled_from(ECHOES), st.lists(_changes, max_size=3))
    def test_prepared(self, elements, changes) -> None:
        """What is like a C-ECHO as it is prepared is coded like any other."""
        data = encode(elements)
        for at, cut, new in changes:
            data = data[:at] + new + data[at + cut :]
        try:
            expected = command._decode(data)
        except ProtocolViolation as violation:
            with self.assertRaises(ProtocolViolation) as caught:
                decode(data)
            self.assertEqual(str(caught.exception), str(violation))
            return
        self.assertEqual(list(decode(data).items()), list(expected.items()))
        expected.pop("CommandGroupLength", None)
        self.assertEqual(encode(expected), command._encode(expected))
        for keyword, value in elements.items():
            expected.setdefault(keyword, value)  # perhaps in another order
        self.assertEqual(encode(expected), command._encode(expected))

    def test_every_message_id(self) -> None:
        """The Message IDs are all that two C-ECHO messages differ in."""
        for elements in ECHOES:
            (keyword,) = [keyword for keyword in elements if keyword.startswith("MessageID")]
            for message_id in range(0x10000):
                elements = {**elements, keyword: message_id}
                data = encode(elements)
                self.assertEqual(data, command._encode(elements))
                self.assertEqual(decode(data)[keyword], message_id)

    @given(st.binary(max_size=100), st.booleans())
    def test_noise(self, noise, in_group_0) -> None:
        """Noise is a command set that encodes and decodes again, or a violation."""
        data = b"\0\0\2\0" + noise if in_group_0 else noise
        try:
            decoded = decode(data)
        except ProtocolViolation:
            return
        decoded.pop("CommandGroupLength", None)
        again = decode(encode(decoded))
        again.pop("CommandGroupLength")
        self.assertEqual(again, decoded)
