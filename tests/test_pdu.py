"""The seven PDUs (PS3.8 9.3): bytes to values and back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests import strategies, vectors
from tests.vectors import EXPECTED_IN, SAMPLES, layer_in, pulled
from txdicom.errors import ProtocolViolation
from txdicom.negotiation import ApplicationEntity
from txdicom.upperlayer import pdu, reasons
from txdicom.upperlayer.pdu import (
    PDUS,
    Abort,
    AssociateAC,
    AssociateRJ,
    AssociateRQ,
    PDataTF,
    ReleaseRP,
    ReleaseRQ,
)
from txdicom.upperlayer.user_information import (
    MaximumLength,
    SOPClassExtendedNegotiation,
    UserIdentityAC,
    UserIdentityRQ,
)


def with_length(data: bytes) -> bytes:
    """The PDU with the length in its header made right for its bytes."""
    return data[:2] + (len(data) - 6).to_bytes(4, "big") + data[6:]


class VectorTests(SynchronousTestCase):
    """The bytes that the standard's tables lay out."""

    def test_decode(self) -> None:
        """Every PDU written by hand from the standard is read as what it says."""
        for vector in vectors.PDUS:
            self.assertEqual(pdu.decode(vector.data), vector.value, vector.section)

    def test_encode(self) -> None:
        """Every PDU is written as the standard lays it out, byte by byte."""
        for vector in vectors.PDUS:
            self.assertEqual(vector.value.encode(), vector.data, vector.section)

    def test_every_type(self) -> None:
        """There is a sample of each of the seven PDUs, under the standard's number."""
        self.assertEqual(sorted(SAMPLES), list(range(1, 8)))
        self.assertEqual(
            {number: type(vector.value) for number, vector in SAMPLES.items()}, dict(PDUS)
        )

    def test_whole(self) -> None:
        """A PDU that comes in one read is indicated at once."""
        for number, vector in SAMPLES.items():
            layer = layer_in(EXPECTED_IN[number])
            layer.receive_data(vector.data)
            self.assertEqual(pulled(layer), [vector.value], vector.section)

    def test_byte_by_byte(self) -> None:
        """A PDU that comes a byte at a time is indicated with its last byte, not before."""
        for number, vector in SAMPLES.items():
            layer = layer_in(EXPECTED_IN[number])
            for at in range(len(vector.data) - 1):
                layer.receive_data(vector.data[at : at + 1])
                self.assertIsNone(layer.next_event(), vector.section)
                self.assertTrue(layer.mid_pdu)
            layer.receive_data(vector.data[-1:])
            self.assertEqual(pulled(layer), [vector.value], vector.section)
            self.assertFalse(layer.mid_pdu)

    def test_with_the_next_behind(self) -> None:
        """A PDU ends where its length says, whatever comes behind it."""
        behind = Abort(0, 0).encode()
        for number, vector in SAMPLES.items():
            layer = layer_in(EXPECTED_IN[number])
            layer.receive_data(vector.data + behind)
            self.assertEqual(layer.next_event(), vector.value, vector.section)
            # RJ, RP and ABORT close the connection: nothing counts that comes after them.
            closed = number in (3, 6, 7)
            self.assertEqual(pulled(layer), [] if closed else [Abort(0, 0)], vector.section)


class ReservedTests(SynchronousTestCase):
    """Reserved fields are sent as zero and not tested (PS3.8 9.3.1)."""

    def test_not_tested(self) -> None:
        """A peer that fills reserved bytes is understood all the same."""
        for number, reserved in (
            (1, (1, 8, 9)),
            (2, (1, 8, 9)),
            (3, (1, 6)),
            (4, (1,)),
            (5, (1, 6, 7, 8, 9)),
            (6, (1, 6, 7, 8, 9)),
            (7, (1, 6, 7)),
        ):
            vector = SAMPLES[number]
            data = bytearray(vector.data)
            for at in reserved:
                data[at] = 0xFF
            self.assertEqual(pdu.decode(bytes(data)), vector.value, vector.section)

    def test_message_control_header(self) -> None:
        """Bits 2 to 7 of the message control header are never checked (PS3.8 E.2)."""
        data = bytearray(SAMPLES[4].data)
        data[11] |= 0xFC
        self.assertEqual(pdu.decode(bytes(data)), SAMPLES[4].value)

    def test_repeated(self) -> None:
        """The reserved 32 bytes of a request are kept, for the answer has to repeat them."""
        data = bytearray(SAMPLES[1].data)
        data[42:74] = bytes(range(32))
        request = pdu.decode(bytes(data))
        self.assertEqual(request.reserved, bytes(range(32)))
        self.assertEqual(request.encode(), bytes(data))


class AssociateTests(SynchronousTestCase):
    """A-ASSOCIATE-RQ and -AC in detail."""

    def test_titles_keep_their_bytes(self) -> None:
        """AE titles padded with NUL, or with spaces in front, come back as the peer sent them."""
        for called in (b"CALLED\0\0\0\0\0\0\0\0\0\0", b"  CALLED        ", b"\xc4E TITLE       X"):
            data = SAMPLES[1].data[:10] + called + SAMPLES[1].data[26:]
            self.assertEqual(pdu.decode(data).encode(), data)

    def test_unknown_items(self) -> None:
        """Unknown items and sub-items are passed over, as the standard asks (PS3.8 D.2)."""
        data = SAMPLES[1].data
        unknown_item = b"\x7f\x00\x00\x02??"
        in_user_information = data[:-23].replace(b"\x50\x00\x00\x17", b"\x50\x00\x00\x1d")
        for changed in (
            data + unknown_item,
            data[:74] + unknown_item + data[74:],
            in_user_information + b"\xfe\x00\x00\x02??" + data[-23:],
        ):
            self.assertEqual(pdu.decode(with_length(changed)), SAMPLES[1].value)

    def test_order_of_items(self) -> None:
        """The items are understood in whatever order they come."""
        data = SAMPLES[1].data
        turned = data[:74] + data[-27:] + data[99:-27] + data[74:99]
        self.assertEqual(pdu.decode(turned), SAMPLES[1].value)

    def test_without_optional_items(self) -> None:
        """Without user information or application context there is none, and no failure."""
        request = pdu.decode(with_length(SAMPLES[1].data[:74]))
        self.assertEqual(request, AssociateRQ("CALLED", "CALLING", (), (), ""))

    def test_twice(self) -> None:
        """Two application contexts or two user informations are refused: which one would count?"""
        data = SAMPLES[1].data
        for item in (data[74:99], data[-27:]):
            with self.assertRaises(ProtocolViolation) as caught:
                pdu.decode(with_length(data + item))
            self.assertEqual(caught.exception.abort_reason, reasons.UNEXPECTED_PARAMETER)

    def test_duplicate_context_id(self) -> None:
        """Two contexts with one ID are refused, in a request and in an answer."""
        for number in (1, 2):
            data = SAMPLES[number].data
            end = 99 + 4 + int.from_bytes(data[101:103], "big")
            with self.assertRaisesRegex(ProtocolViolation, "stands twice"):
                pdu.decode(with_length(data + data[99:end]))

    def test_too_short(self) -> None:
        """An association PDU shorter than its fixed fields is refused."""
        for number in (1, 2):
            with self.assertRaisesRegex(ProtocolViolation, "67 bytes"):
                pdu.decode(with_length(SAMPLES[number].data[:73]))

    def test_again(self) -> None:
        """What has come before is the same values again, also that of txdicom itself."""
        own = ApplicationEntity("SCU").user_information()
        for value in (
            SAMPLES[1].value,
            SAMPLES[2].value,
            AssociateRQ("CALLED", "SCU", SAMPLES[1].value.presentation_contexts, own),
        ):
            self.assertIs(*self.decoded_twice(value))

    def test_not_kept(self) -> None:
        """What has a user identity, or is long, is decoded anew each time, and kept by nobody."""
        secret, answer = UserIdentityRQ(2, b"jane", b"secret"), UserIdentityAC(b"ticket")
        long = SOPClassExtendedNegotiation("1.2.3", bytes(1_000))
        for kind, item in ((AssociateRQ, secret), (AssociateAC, answer), (AssociateRQ, long)):
            self.assertIsNot(*self.decoded_twice(kind("CALLED", "CALLING", (), (item,))))

    def test_how_many_are_kept(self) -> None:
        """However many different requests come, some are kept, and those are the last ones."""
        requests = [
            AssociateRQ("CALLED", "CALLING", (), (MaximumLength(number),)) for number in range(80)
        ]
        decoded = [pdu.decode(request.encode()).user_information for request in requests]
        again = [pdu.decode(request.encode()).user_information for request in requests[::-1]]
        kept = [one is other for one, other in zip(decoded[::-1], again, strict=True)]
        self.assertEqual(kept, [True] * 64 + [False] * 16)

    def decoded_twice(self, value: AssociateRQ | AssociateAC) -> list[object]:
        """The user information of a PDU that comes twice."""
        data = value.encode()
        received = [pdu.decode(data), pdu.decode(bytes(bytearray(data)))]
        self.assertEqual(received, [value, value])
        return [one.user_information for one in received]

    def test_too_long_to_encode(self) -> None:
        """What does not fit a length field of two bytes is refused, not cut."""
        item = strategies.UserIdentityAC(bytes(65_530))
        with self.assertRaises(ValueError):
            AssociateRQ("A", "B", (), (item,) * 2).encode()


class FixedTests(SynchronousTestCase):
    """A-ASSOCIATE-RJ, A-RELEASE-RQ, A-RELEASE-RP and A-ABORT have four bytes."""

    def test_length(self) -> None:
        """One byte less or more than four is refused."""
        for number in (3, 5, 6, 7):
            data = SAMPLES[number].data
            for changed in (data[:6], data[:-1], data + b"\0"):
                with self.assertRaises(ProtocolViolation):
                    pdu.decode(with_length(changed))

    def test_positions(self) -> None:
        """Result, source and reason stand where Tables 9-21 and 9-26 have them."""
        self.assertEqual(pdu.decode(b"\3\0\0\0\0\4\0\2\3\1"), AssociateRJ(2, 3, 1))
        self.assertEqual(pdu.decode(b"\7\0\0\0\0\4\0\0\2\5"), Abort(2, 5))


class PDataTests(SynchronousTestCase):
    """P-DATA-TF in detail."""

    def test_no_value(self) -> None:
        """A P-DATA-TF without a presentation data value is refused (9.3.5: one or more)."""
        with self.assertRaises(ProtocolViolation):
            pdu.decode(b"\4\0\0\0\0\0")

    def test_lengths_of_values(self) -> None:
        """A value that ends beyond its PDU, or has no room for its own header, is refused."""
        for body in (
            b"\0\0\0\7\1\3abcd",  # one byte too many announced
            b"\xff\xff\xff\xff\1\3abcd",
            b"\0\0\0\1\1\3abcd",  # no room for context ID and control header
            b"\0\0\0\0\1\3",
            b"\0\0\0\1\1\0\0\0\2\1\3",  # the same, and a good value behind it
            b"\0\0\0\0\0\0\0\2\1\3",
            b"\0\0\0\6\1\3abcd\0\0\0\2\1",  # the second value's header is cut
        ):
            with self.assertRaises(ProtocolViolation, msg=repr(body)):
                pdu.decode(with_length(b"\4\0\0\0\0\0" + body))


class HeaderTests(SynchronousTestCase):
    """What a PDU's header must say."""

    def test_unknown_type(self) -> None:
        """A type that is none of the seven is named in the failure, with its bytes."""
        for kind in (0, 8, 0x47, 0xFF):
            data = bytes((kind,)) + SAMPLES[5].data[1:]
            with self.assertRaisesRegex(ProtocolViolation, f"{kind:#04x}") as caught:
                pdu.decode(data)
            self.assertEqual(caught.exception.abort_reason, reasons.UNRECOGNIZED_PDU)
            self.assertEqual(caught.exception.seen, data)

    def test_length(self) -> None:
        """A length that is not that of the bytes behind it is refused."""
        data = SAMPLES[4].data
        for changed in (b"", data[:5], data[:-1], data + b"\0"):
            with self.assertRaises(ProtocolViolation):
                pdu.decode(changed)


class PropertyTests(SynchronousTestCase):
    """What holds for all PDUs and all bytes."""

    def test_strategies(self) -> None:
        """There is a strategy for every PDU, so the properties below are about all of them."""
        self.assertEqual(
            set(strategies.PDUS),
            {AssociateRQ, AssociateAC, AssociateRJ, PDataTF, ReleaseRQ, ReleaseRP, Abort},
        )

    @given(strategies.pdus)
    def test_round_trip(self, value) -> None:
        """What was encoded decodes to what it was."""
        self.assertEqual(pdu.decode(value.encode()), value)

    @given(st.data())
    def test_round_trip_of_each(self, data) -> None:
        """The same for each of the seven, so that none is drawn too seldom."""
        for strategy in strategies.PDUS.values():
            value = data.draw(strategy)
            self.assertEqual(pdu.decode(value.encode()), value)

    @given(strategies.pdus, st.data())
    def test_truncation(self, value, data) -> None:
        """A PDU that is cut off anywhere is a protocol violation, and never read as another."""
        encoded = value.encode()
        cut = data.draw(st.integers(0, len(encoded) - 1))
        self.assertRaises(ProtocolViolation, pdu.decode, encoded[:cut])

    @given(strategies.pdus, st.data())
    def test_truncation_that_the_header_hides(self, value, data) -> None:
        """Cut off, but with a length that fits: refused as a protocol violation if at all."""
        encoded = value.encode()
        cut = data.draw(st.integers(6, len(encoded)))
        try:
            pdu.decode(with_length(encoded[:cut]))
        except ProtocolViolation as violation:
            self.assertTrue(str(violation))

    @given(strategies.pdus, st.data())
    def test_changed_bytes(self, value, data) -> None:
        """Whatever one byte of a PDU is changed to: a PDU again, or a protocol violation."""
        encoded = bytearray(value.encode())
        encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(strategies.octets)
        try:
            decoded = pdu.decode(bytes(encoded))
        except ProtocolViolation:
            return
        self.assertEqual(pdu.decode(decoded.encode()), decoded)

    @given(st.sampled_from(sorted(PDUS)), st.binary(max_size=300))
    def test_noise(self, kind, body) -> None:
        """Noise behind a good header: a PDU, or a protocol violation and nothing else."""
        try:
            decoded = pdu.decode(with_length(bytes((kind, 0, 0, 0, 0, 0)) + body))
        except ProtocolViolation:
            return
        self.assertEqual(pdu.decode(decoded.encode()), decoded)

    @given(st.binary(max_size=200))
    def test_pure_noise(self, data) -> None:
        """Bytes that are nothing at all: a protocol violation, unless they happen to be a PDU."""
        try:
            self.assertIn(type(pdu.decode(data)), strategies.PDUS)
        except ProtocolViolation as violation:
            self.assertEqual(violation.stage, "associate")
