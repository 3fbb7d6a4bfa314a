"""Captures in pcapng: sections, interfaces and packets, whole and hostile; blocks are made here."""

from __future__ import annotations

import io
import struct
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.test_pcap import ACK, VERIFICATION, Talk, capture, ethernet, verification
from txdicom.cli import pcap, pcapng, reading

RAW = 101


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    length = 12 + len(body)
    return struct.pack(f"{order}II", kind, length) + body + struct.pack(f"{order}I", length)


def section(order: str = "<", options: bytes = b"") -> bytes:
    return block(0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1) + options, order)


def interface(link: int = RAW, order: str = "<", snap: int = 0, options: bytes = b"") -> bytes:
    return block(1, struct.pack(f"{order}HHI", link, 0, snap) + options, order)


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def option(code: int, value: bytes, order: str = "<") -> bytes:
    return padded(struct.pack(f"{order}HH", code, len(value)) + value)


def enhanced(ticks: int, data: bytes, number: int = 0, order: str = "<") -> bytes:
    fields = (number, ticks >> 32, ticks & 0xFFFFFFFF, len(data), len(data))
    return block(6, struct.pack(f"{order}5I", *fields) + padded(data) + option(1, b"a word"), order)


def simple(data: bytes, original: int | None = None) -> bytes:
    return block(3, struct.pack("<I", original or len(data)) + padded(data))


def packet_blocks(packets: list[bytes], order: str = "<", ms: int = 1_000) -> bytes:
    """A packet each millisecond, from a time above 32 bits; so many ticks a millisecond."""
    began = 2**33 * ms
    return b"".join(
        enhanced(began + at * ms, packet, order=order) for at, packet in enumerate(packets)
    )


def one_connection(content: bytes) -> pcap.Connection:
    (one,) = pcap.read(io.BytesIO(content)).connections
    return one


def kinds(one: pcap.Connection) -> list[int]:
    return [line.data[0] for line in one.lines]


class FormatTests(SynchronousTestCase):
    def test_orders(self) -> None:
        """Both byte orders are read, each for its section, with the time of each packet."""
        for order in "<>":
            content = section(order) + interface(order=order) + packet_blocks(verification(), order)
            one = one_connection(content)
            self.assertEqual(kinds(one), VERIFICATION)
            self.assertAlmostEqual(one.lines[0].ms or 0, 4.0, 2)
            self.assertAlmostEqual(one.seconds or 0, 0.009, 5)

    def test_resolutions(self) -> None:
        """Times are in the units of the interface, decimal or binary; the last one may be odd."""
        for resolution, ms in ((3, 1), (6, 1_000), (9, 1_000_000), (0x80 | 10, 1)):
            options = option(2, b"lo") + option(9, bytes([resolution])) + option(0, b"")
            content = section() + interface(options=options) + packet_blocks(verification(), ms=ms)
            expected = 0.009 if resolution < 0x80 else 9 / 1024
            self.assertAlmostEqual(one_connection(content).seconds or 0, expected, 4)

    def test_offset(self) -> None:
        """Interfaces whose times begin elsewhere are brought together."""
        packets = verification()
        first = interface(options=option(9, b"\x00"))
        second = interface(options=option(9, b"\x00") + option(14, struct.pack("<q", -100)))
        content = section() + first + second
        content += enhanced(5, packets[0]) + enhanced(107, packets[1], number=1)
        self.assertEqual(one_connection(content).seconds, 2.0)

    def test_interfaces(self) -> None:
        """Each packet is of the link type of its interface; those not known are passed over."""
        content = section() + interface(RAW) + interface(147) + interface(1)
        for at, packet in enumerate(verification()):
            content += enhanced(at, b"something else", 1)
            content += enhanced(at, ethernet(packet), 2) if at % 2 else enhanced(at, packet)
        self.assertEqual(kinds(one_connection(content)), VERIFICATION)

    def test_sections(self) -> None:
        """A further section has its own byte order and its own interfaces."""
        packets = verification()
        content = section() + interface() + packet_blocks(packets[:4])
        content += section(">") + interface(1, ">")
        content += packet_blocks([ethernet(packet) for packet in packets[4:]], ">")
        self.assertEqual(kinds(one_connection(content)), VERIFICATION)

    def test_simple_packets(self) -> None:
        """Simple packets have no time, and nobody makes one up."""
        content = section() + interface() + b"".join(map(simple, verification()))
        one = one_connection(content)
        self.assertEqual(kinds(one), VERIFICATION)
        self.assertEqual({line.ms for line in one.lines}, {None})
        self.assertIsNone(one.seconds)

    def test_other_blocks(self) -> None:
        """Blocks of no interest, long ones too, and options are passed over."""
        other = block(5, bytes(60)) + block(0x80000001, bytes(200_000))
        content = section(options=option(4, b"a program")) + other + interface() + other
        content += packet_blocks(verification()) + other
        self.assertEqual(kinds(one_connection(content)), VERIFICATION)


class DirectionTests(SynchronousTestCase):
    """Who is the client is known too when the capture began later."""

    def test_begun_later(self) -> None:
        for first in (1, 2):
            packets = verification()[first:]
            one = one_connection(capture(packets, RAW))
            self.assertEqual(one.client, ("10.0.0.1", 50000))
            self.assertEqual(kinds(one), VERIFICATION)

    def test_server_first(self) -> None:
        talk = Talk()
        talk.send(False, b"", ACK)
        packets = [talk.packets[-1], *verification()[2:]]
        one = one_connection(capture(packets, RAW))
        self.assertEqual(one.client, ("10.0.0.1", 50000))
        self.assertEqual(kinds(one), VERIFICATION)
        self.assertEqual(
            [line.by_requestor for line in one.lines], [True, False, True, False, True, False]
        )

    def test_opened_again(self) -> None:
        """A SYN that comes late, and again, does not change the order of the bytes."""
        packets = verification()
        packets.insert(4, packets[0])
        content = capture(packets[:1] + packets[2:], RAW)
        self.assertEqual(kinds(one_connection(content)), VERIFICATION)


WHOLE = section() + interface() + packet_blocks(verification())


class HostileTests(SynchronousTestCase):
    def test_cut_off(self) -> None:
        """A file that ends before its time gives what is there, and a sentence."""
        capture = pcap.read(io.BytesIO(WHOLE[:-3]))
        self.assertEqual(kinds(capture.connections[0]), VERIFICATION)
        self.assertIn("the middle of a block", capture.remarks[0])
        for end in range(4, len(WHOLE), 7):
            try:
                pcap.read(io.BytesIO(WHOLE[:end]))
            except ValueError as error:
                self.assertIn("ends in the middle", str(error))
        self.assertEqual(pcap.read(io.BytesIO(WHOLE)).remarks, [])

    def test_damaged(self) -> None:
        """What cannot be read on gives a sentence, and what is before it is kept."""
        packet = verification()[0]
        for rest, word in (
            (struct.pack("<II", 5, 11), "block of 11 bytes"),
            (struct.pack("<II", 5, 14), "block of 14 bytes"),
            (struct.pack("<II", 5, 0xFFFFFFFC), "middle of a block"),
            (block(6, bytes(8)), "too short"),
            (block(1, bytes(4)), "too short"),
            (struct.pack("<III", 0x0A0D0D0A, 12, 0x1A2B3C4D), "block of 12 bytes"),
            (struct.pack("<III", 0x0A0D0D0A, 28, 7), "without a byte order"),
            (block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 2, 0, -1)), "version 2"),
            (enhanced(0, packet, number=1), "interface 1"),
            (section() + enhanced(0, packet), "interface 0"),
            (simple(packet, 10_000), "shorter block"),
            (simple(packet, 2**31), "a packet of 2147483648 bytes"),
            (block(5, bytes(8))[:-4] + b"\xff\0\0\0", "two lengths differ"),
            (interface() * (pcapng.MOST_INTERFACES + 1), "interfaces"),
        ):
            capture = pcap.read(io.BytesIO(WHOLE + rest))
            self.assertEqual(kinds(capture.connections[0]), VERIFICATION)
            self.assertIn(word, capture.remarks[0])
        with self.assertRaisesRegex(ValueError, "block of 11 bytes"):
            pcap.read(io.BytesIO(section() + struct.pack("<II", 5, 11)))

    def test_link(self) -> None:
        """A capture of nothing but links that are not known is refused."""
        with self.assertRaisesRegex(ValueError, "link type 147"):
            pcap.read(io.BytesIO(section() + interface(147) + enhanced(0, b"something")))

    def test_partial(self) -> None:
        """That packets were not captured to their ends is said."""
        packets = verification()
        cut = b"".join(simple(packet[:60], len(packet)) for packet in packets)
        capture = pcap.read(io.BytesIO(section() + interface(snap=60) + cut))
        longer = sum(len(packet) > 60 for packet in packets)
        self.assertIn(f"Of {longer} packets only the beginning", capture.remarks[0])

    def test_report(self) -> None:
        """The remarks stand below the report."""
        path = self.mktemp()
        Path(path).write_bytes(WHOLE[:-3])
        told = list(reading.report(path, verbose=False))
        self.assertIn("no further: the file ends", told[-1])
        self.assertIn("10.0.0.1:50000 to 10.0.0.2:104, 0.009 s", told)

    @given(st.data())
    def test_changed(self, data: st.DataObject) -> None:
        """A capture in which bytes were changed gives a report or a ValueError."""
        content = bytearray(WHOLE)
        for _ in range(3):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        try:
            list(reading._captured(pcap.read(io.BytesIO(bytes(content))), verbose=True))
        except ValueError as error:
            self.assertTrue(str(error))
