"""The variable items and sub-items of the association PDUs (PS3.8 9.3.2-3, PS3.7 Annex D)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests import strategies, vectors
from txdicom.errors import ProtocolViolation
from txdicom.upperlayer import items
from txdicom.upperlayer.items import PresentationContextAC, PresentationContextRQ
from txdicom.upperlayer.user_information import (
    SUB_ITEMS,
    ImplementationClassUID,
    MaximumLength,
    RoleSelection,
    SOPClassCommonExtendedNegotiation,
    SOPClassExtendedNegotiation,
    UserIdentityAC,
    UserIdentityRQ,
    decode_user_information,
    every,
    the,
)


def decode(kind, value: bytes):
    """The item that ``value`` is, in the midst of other bytes, which are none of its business."""
    return kind.decode(b"\xee" * 3 + value + b"\xee" * 3, 3, 3 + len(value))


class VectorTests(SynchronousTestCase):
    """The bytes that the standard's tables lay out."""

    def test_decode(self) -> None:
        """Every item written by hand from the standard is read as what it says."""
        for section, data, value in vectors.ITEMS:
            self.assertEqual(decode(type(value), data[4:]), value, section)

    def test_encode(self) -> None:
        """Every item is written as the standard lays it out, byte by byte."""
        for section, data, value in vectors.ITEMS:
            self.assertEqual(value.encode(), data, section)

    def test_every_item(self) -> None:
        """There is a sample and a strategy for each class of item and sub-item."""
        kinds = {PresentationContextRQ, PresentationContextAC, *SUB_ITEMS.values()}
        self.assertEqual({type(vector.value) for vector in vectors.ITEMS}, kinds)
        self.assertEqual(set(strategies.ITEMS), kinds)
        self.assertEqual(sorted(SUB_ITEMS), list(range(0x51, 0x5A)))


class ContextTests(SynchronousTestCase):
    """Presentation context items."""

    def test_even_id(self) -> None:
        """A context proposed under an even ID, 0 among them, is refused (9.3.2.2)."""
        body = vectors.ITEMS[0].data[5:]
        for context_id in (0, 2, 254):
            with self.assertRaisesRegex(ProtocolViolation, f"ID {context_id} is not odd"):
                decode(PresentationContextRQ, bytes((context_id,)) + body)

    def test_abstract_syntaxes(self) -> None:
        """A proposed context has one abstract syntax, not none and not two."""
        head, abstract, transfer = b"\1\0\0\0", b"\x30\0\0\x031.2", b"\x40\0\0\x031.3"
        decode(PresentationContextRQ, head + abstract + transfer)
        for body in (head, head + transfer, head + abstract + abstract + transfer):
            self.assertRaises(ProtocolViolation, decode, PresentationContextRQ, body)

    def test_transfer_syntax_of_an_answer(self) -> None:
        """An accepted context names its one transfer syntax; a refused one names anything."""
        transfer = b"\x40\0\0\x031.3"
        self.assertEqual(
            decode(PresentationContextAC, b"\1\0\3\0"), PresentationContextAC(1, 3, None)
        )
        for syntaxes in (b"", transfer * 2, b"\x40\0\0\1\xff", transfer[:-1]):
            body = b"\1\0\0\0" + syntaxes
            self.assertRaises(ProtocolViolation, decode, PresentationContextAC, body)
            refused = decode(PresentationContextAC, b"\1\0\3\0" + syntaxes)
            self.assertEqual((refused.context_id, refused.result), (1, 3))

    def test_reserved_bytes(self) -> None:
        """The three reserved bytes after a proposed ID are not tested; DCMTK sends 0xff there."""
        vector = vectors.ITEMS[0]
        self.assertEqual(
            decode(PresentationContextRQ, b"\1\xff\xff\xff" + vector.data[8:]), vector.value
        )

    def test_unknown_sub_items(self) -> None:
        """What stands in a context besides its syntaxes is passed over."""
        for vector in (vectors.ITEMS[0], vectors.ITEMS[2]):
            self.assertEqual(
                decode(type(vector.value), vector.data[4:] + b"\x99\0\0\1?"), vector.value
            )


class UIDTests(SynchronousTestCase):
    """UIDs within items."""

    def test_padding(self) -> None:
        """Peers that pad a UID to an even length, with NUL or space, are understood."""
        for padded in (b"1.2.3\0", b"1.2.3 ", b"1.2.3"):
            self.assertEqual(decode(ImplementationClassUID, padded).uid, "1.2.3")

    def test_length(self) -> None:
        """A UID has 64 characters at most; one byte of padding may follow."""
        longest = b"1." + b"2" * 62
        self.assertEqual(decode(ImplementationClassUID, longest).uid, longest.decode())
        self.assertEqual(decode(ImplementationClassUID, longest + b"\0").uid, longest.decode())
        for too_long in (longest + b"3", longest + b"\0\0", longest * 1000):
            self.assertRaises(ProtocolViolation, decode, ImplementationClassUID, too_long)

    def test_not_ascii(self) -> None:
        """Bytes outside ASCII are no UID."""
        self.assertRaises(ProtocolViolation, decode, ImplementationClassUID, b"1.2.\xb2")


class BoundsTests(SynchronousTestCase):
    """Every item stays within its parent."""

    def test_item_beyond_its_parent(self) -> None:
        """An item that announces more than its parent has is refused, though bytes follow."""
        data = b"\x51\0\0\4\0\0\0\1" + bytes(100)
        self.assertEqual(list(decode_user_information(data, 0, 8)), [MaximumLength(1)])
        for end in (1, 3, 4, 7):
            with self.assertRaises(ProtocolViolation, msg=str(end)):
                list(decode_user_information(data, 0, end))

    def test_field_beyond_its_item(self) -> None:
        """A length inside an item that ends beyond the item is refused."""
        for kind, body in (
            (RoleSelection, b"\0\5" + b"1.2\0\1"),  # the UID would take the roles
            (RoleSelection, b"\0\3" + b"1.2\0"),  # the SCP role is missing
            (RoleSelection, b"\0"),
            (SOPClassExtendedNegotiation, b"\0\4" + b"1.2"),
            (SOPClassCommonExtendedNegotiation, b"\0\0031.2\0\0031.3"),  # no related length
            (SOPClassCommonExtendedNegotiation, b"\0\0031.2\0\0031.3\0\5\0\0041.4"),
            (SOPClassCommonExtendedNegotiation, b"\0\0031.2\0\0031.3\0\1\0"),
            (UserIdentityRQ, b"\1"),
            (UserIdentityRQ, b"\1\0\0\4abc\0\0"),
            (UserIdentityRQ, b"\1\0\0\3abc"),
            (UserIdentityRQ, b"\1\0\0\3abc\0\1"),
            (UserIdentityAC, b"\0\3ab"),
            (UserIdentityAC, b""),
            (MaximumLength, b"\0\0\1"),
        ):
            with self.assertRaises(ProtocolViolation, msg=f"{kind.__name__} {body!r}"):
                decode(kind, body)

    def test_longest(self) -> None:
        """An item holds 65,535 bytes; more is refused by the encoder, not cut."""
        self.assertEqual(items.item(0x59, bytes(65_535))[:4], b"\x59\0\xff\xff")
        self.assertRaises(ValueError, items.item, 0x59, bytes(65_536))


class UserInformationTests(SynchronousTestCase):
    """The user information item as a whole."""

    data = b"\x51\0\0\4\0\0\0\1" + b"\xfe\0\0\1?" + b"\x51\0\0\4\0\0\0\2"
    decoded = (MaximumLength(1), MaximumLength(2))

    def test_unknown(self) -> None:
        """Sub-items that later editions may define are passed over, whatever they hold."""
        self.assertEqual(tuple(decode_user_information(self.data, 0, len(self.data))), self.decoded)

    def test_look_up(self) -> None:
        """Of several sub-items of a kind the first counts, and all can be had in their order."""
        self.assertEqual(the(MaximumLength, self.decoded), MaximumLength(1))
        self.assertIsNone(the(RoleSelection, self.decoded))
        self.assertEqual(every(MaximumLength, self.decoded), list(self.decoded))
        self.assertEqual(every(RoleSelection, self.decoded), [])

    def test_secrets(self) -> None:
        """Neither names nor passcodes nor tickets stand in a repr, so in no traceback either."""
        for item in (UserIdentityRQ(2, b"jane", b"hunter2"), UserIdentityAC(b"ticket")):
            for secret in ("jane", "hunter2", "ticket"):
                self.assertNotIn(secret, repr(item))


class PropertyTests(SynchronousTestCase):
    """What holds for all items and all bytes."""

    @given(st.data())
    def test_round_trip(self, data) -> None:
        """What was encoded decodes to what it was, for every kind of item and sub-item."""
        for kind, strategy in strategies.ITEMS.items():
            value = data.draw(strategy)
            encoded = value.encode()
            self.assertEqual(encoded[0], kind.ITEM_TYPE)
            self.assertEqual(int.from_bytes(encoded[2:4], "big"), len(encoded) - 4)
            self.assertEqual(decode(kind, encoded[4:]), value)

    @given(st.data())
    def test_truncation(self, data) -> None:
        """An item cut off anywhere is an item again, or a protocol violation and nothing else."""
        for kind, strategy in strategies.ITEMS.items():
            body = data.draw(strategy).encode()[4:]
            try:
                decode(kind, body[: data.draw(st.integers(0, len(body)))])
            except ProtocolViolation as violation:
                self.assertTrue(str(violation))

    @given(st.sampled_from(list(strategies.ITEMS)), st.binary(max_size=120))
    def test_noise(self, kind, body) -> None:
        """Noise is an item that encodes and decodes again, or a protocol violation."""
        try:
            value = decode(kind, body)
        except ProtocolViolation:
            return
        self.assertEqual(decode(kind, value.encode()[4:]), value)

    @given(st.binary(max_size=120))
    def test_noise_as_user_information(self, data) -> None:
        """Noise where sub-items should be: known ones, or a protocol violation."""
        try:
            for item in decode_user_information(data, 0, len(data)):
                self.assertIn(type(item), strategies.SUB_ITEMS)
        except ProtocolViolation as violation:
            self.assertTrue(str(violation))
