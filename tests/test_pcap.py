"""Captures: TCP connections read from pcap, whole and hostile; packets are made here."""

from __future__ import annotations

import io
import struct
from ipaddress import ip_address
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.test_exchange import ACCEPT, ASK, REQUEST, answer
from txdicom.cli import pcap, reading, segments
from txdicom.dimse.message import Message, fragment
from txdicom.upperlayer.pdu import Abort, AssociateRJ, ReleaseRP, ReleaseRQ

SCU, SCP = ("10.0.0.1", 50000), ("10.0.0.2", 104)
FIN, SYN, RST, ACK = 1, 2, 4, 16
ABORT = Abort().encode()


def tcp(sport: int, dport: int, sequence: int, flags: int, data: bytes) -> bytes:
    return struct.pack(">HHIIBBHHH", sport, dport, sequence, 0, 5 << 4, flags, 0, 0, 0) + data


def ip(source: str, destination: str, payload: bytes, protocol: int = 6) -> bytes:
    addresses = ip_address(source).packed + ip_address(destination).packed
    if ":" in source:
        return struct.pack(">IHBB", 6 << 28, len(payload), protocol, 64) + addresses + payload
    header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0)
    return header + addresses + payload


def ethernet(packet: bytes, vlan: bool = False) -> bytes:
    kind = b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\x00"
    return bytes(12) + (b"\x81\x00\x00\x07" if vlan else b"") + kind + packet


def capture(frames: list[bytes], link: int = 1, order: str = "<", magic: int = 0xA1B2C3D4) -> bytes:
    """A pcap file, a frame each millisecond."""
    tick = 1_000_000 if magic == 0xA1B23C4D else 1_000
    parts = [struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, 262144, link)]
    for number, frame in enumerate(frames):
        header = struct.pack(f"{order}IIII", 1000, number * tick, len(frame), len(frame))
        parts.append(header + frame)
    return b"".join(parts)


class Talk:
    """The packets of one connection, in order."""

    def __init__(
        self, client: tuple[str, int] = SCU, server: tuple[str, int] = SCP, first: int = 2**32 - 50
    ) -> None:
        self.ends = {True: client, False: server}
        self.sequence = {True: first, False: 7000}  # the client's wraps around
        self.packets: list[bytes] = []
        self.send(True, flags=SYN)
        self.send(False, flags=SYN | ACK)

    def send(self, by_client: bool, data: bytes = b"", flags: int = ACK) -> None:
        source, destination = self.ends[by_client], self.ends[not by_client]
        sequence = self.sequence[by_client]
        segment = tcp(source[1], destination[1], sequence, flags, data)
        self.packets.append(ip(source[0], destination[0], segment))
        self.sequence[by_client] = (sequence + len(data) + bool(flags & SYN)) % 2**32


def verification(
    client: tuple[str, int] = SCU, server: tuple[str, int] = SCP, first: int = 2**32 - 50
) -> list[bytes]:
    """The IP packets of a whole verification; its request is in three segments."""
    talk = Talk(client, server, first)
    request = REQUEST.encode()
    for part in (request[:3], request[3:90], request[90:]):
        talk.send(True, part)
    talk.send(False, ACCEPT.encode())
    talk.send(True, ASK)
    talk.send(False, answer())
    talk.send(True, ReleaseRQ().encode())
    talk.send(False, ReleaseRP().encode())
    return talk.packets


def connections(content: bytes) -> list[pcap.Connection]:
    """The connections in a capture."""
    return pcap.read(io.BytesIO(content)).connections


def kinds(content: bytes) -> list[list[int]]:
    """The PDU types of each connection in a capture."""
    return [[line.data[0] for line in one.lines] for one in connections(content)]


VERIFICATION = [1, 2, 4, 4, 5, 6]


class FormatTests(SynchronousTestCase):
    def test_magics(self) -> None:
        """Both byte orders are read, and micro- and nanoseconds."""
        frames = [ethernet(packet) for packet in verification()]
        for order in "<>":
            for magic in (0xA1B2C3D4, 0xA1B23C4D):
                content = capture(frames, order=order, magic=magic)
                (one,) = connections(content)
                self.assertEqual([line.data[0] for line in one.lines], VERIFICATION)
                self.assertAlmostEqual(one.lines[0].ms or 0, 4.0, 2)

    def test_links(self) -> None:
        """Ethernet, with VLAN tags too, raw IP, loopback and Linux cooked are read."""
        for link, wrap in (
            (1, ethernet),
            (1, lambda packet: ethernet(packet, vlan=True)),
            (101, lambda packet: packet),
            (0, lambda packet: b"\x02\0\0\0" + packet),
            (113, lambda packet: bytes(14) + b"\x08\x00" + packet),
            (276, lambda packet: b"\x08\x00" + bytes(18) + packet),
        ):
            frames = [wrap(packet) for packet in verification()]
            self.assertEqual(kinds(capture(frames, link)), [VERIFICATION], link)

    def test_ipv6(self) -> None:
        """IPv6 is read as IPv4 is."""
        packets = verification(("fe80::1", 50000), ("fe80::2", 104))
        (one,) = connections(capture([ethernet(p) for p in packets]))
        self.assertEqual([line.data[0] for line in one.lines], VERIFICATION)
        self.assertEqual(one.server, ("fe80::2", 104))

    def test_others(self) -> None:
        """What is not TCP over IP is passed over."""
        arp = bytes(12) + b"\x08\x06" + bytes(28)
        udp = ethernet(ip("10.0.0.1", "10.0.0.2", bytes(20), protocol=17))
        frames = [arp, udp, b"", b"\0", *[ethernet(packet) for packet in verification()]]
        self.assertEqual(kinds(capture(frames)), [VERIFICATION])

    def test_cut_off(self) -> None:
        """A capture that was interrupted is read as far as it goes."""
        content = capture([ethernet(packet) for packet in verification()])
        self.assertEqual(kinds(content[:-3]), [VERIFICATION[:-1]])


class OrderTests(SynchronousTestCase):
    def test_any_order(self) -> None:
        """Segments that come late, twice or with an overlap are put in order, without copies."""
        packets = verification()
        late = [*packets[:2], packets[4], packets[3], packets[2], packets[2], *packets[4:]]
        self.assertEqual(kinds(capture(late, 101)), [VERIFICATION])

    def test_overlap(self) -> None:
        """A retransmission that has more than the first one adds what is new."""
        talk = Talk()
        request = REQUEST.encode()
        began = talk.sequence[True]
        talk.send(True, request[:20])
        talk.sequence[True] = began
        talk.send(True, request)
        (one,) = connections(capture(talk.packets, 101))
        self.assertEqual([line.data for line in one.lines], [request])

    def test_two(self) -> None:
        """Connections whose packets are mixed are told apart, and a used port begins anew."""
        first, second = verification(), verification(("10.0.0.3", 50000))
        mixed = [packet for both in zip(first, second, strict=True) for packet in both]
        self.assertEqual(kinds(capture(mixed, 101)), [VERIFICATION] * 2)
        again = verification(first=90_000)
        self.assertEqual(kinds(capture(first + again, 101)), [VERIFICATION] * 2)
        self.assertEqual(kinds(capture(first + first, 101)), [VERIFICATION])  # captured twice


class EndTests(SynchronousTestCase):
    """How a connection ends."""

    def test_closed(self) -> None:
        """Each side's closing is told once, and whether it was a reset."""
        talk = Talk()
        for by_client, flags in ((False, FIN | ACK), (False, FIN | ACK), (True, RST), (True, RST)):
            talk.send(by_client, flags=flags)
        (one,) = connections(capture(talk.packets, 101))
        self.assertEqual(
            [(line.by_requestor, line.happening) for line in one.lines],
            [(False, "closed"), (True, "reset")],
        )

    def test_part(self) -> None:
        """What came of a PDU stands where its last byte came, with what was sent after it."""
        talk = Talk()
        talk.send(True, REQUEST.encode())
        talk.send(False, ACCEPT.encode()[:9])
        talk.send(False, ACCEPT.encode()[9:20])
        talk.send(True, ABORT)
        talk.send(True, ASK[:7])
        talk.send(False, flags=FIN | ACK)
        (one,) = connections(capture(talk.packets, 101))
        self.assertEqual(
            [(line.by_requestor, line.data or line.happening) for line in one.lines],
            [
                (True, REQUEST.encode()),
                (False, ACCEPT.encode()[:20]),
                (True, ABORT),
                (True, ASK[:7]),
                (False, "closed"),
            ],
        )
        self.assertAlmostEqual(one.lines[1].ms or 0, 4.0, 2)


class SideTests(SynchronousTestCase):
    """Which side is the requestor, where it is not seen who opened the connection."""

    def sides(self, *sent: tuple[bool, bytes]) -> tuple[tuple[str, int], list[bool]]:
        """The requestor, and of each line whether it is its own, without the handshake."""
        talk = Talk()
        del talk.packets[:]
        for by_client, data in sent:
            talk.send(by_client, data)
        (one,) = connections(capture(talk.packets, 101))
        return one.client, [line.by_requestor for line in one.lines]

    def test_joined(self) -> None:
        """The first message that tells it does, whoever is seen first."""
        release, released = ReleaseRQ().encode(), ReleaseRP().encode()
        command = {"CommandField": 1, "CommandDataSetType": 0, "MessageID": 1}
        first, second = [pdu.encode() for pdu in fragment(Message(1, command, b"data"), 0)]
        for sent, requestor in (
            ([(False, answer()), (True, release), (False, released)], [False, True, False]),
            ([(True, ASK), (False, answer())], [True, False]),
            ([(False, b""), (True, ASK), (False, answer())], [True, False]),
            ([(False, ACCEPT.encode()), (True, ASK)], [False, True]),
            ([(False, AssociateRJ(1, 1, 7).encode())], [False]),
            ([(False, b""), (True, first), (True, second)], [True, True]),
            ([(False, b""), (True, first)], [True]),
            ([(True, second), (False, answer())], [True, False]),
        ):
            self.assertEqual(self.sides(*sent), (SCU, requestor))

    def test_other_way_round(self) -> None:
        """Who accepted the connection may propose the association."""
        talk = Talk()
        talk.send(False, REQUEST.encode())
        talk.send(True, ACCEPT.encode())
        talk.send(True, flags=FIN | ACK)
        (one,) = connections(capture(talk.packets, 101))
        self.assertEqual((one.client, one.server), (SCP, SCU))
        self.assertEqual([line.by_requestor for line in one.lines], [True, False, False])


class HostileTests(SynchronousTestCase):
    def test_refused(self) -> None:
        """What is no capture that can be read is refused with a sentence."""
        for content, word in (
            (b"", "no pcap"),
            (b"\xd4\xc3\xb2\xa1", "no pcap"),
            (capture([], link=147), "link type 147"),
            (capture([]) + struct.pack("<IIII", 0, 0, 2**31, 2**31), "damaged"),
        ):
            with self.assertRaisesRegex(ValueError, word):
                connections(content)

    def test_bounds(self) -> None:
        """More connections, bytes or PDUs than are kept end with a sentence."""
        syns = [
            ip("10.0.0.1", "10.0.0.2", tcp(port, 104, 0, SYN, b""))
            for port in range(1, pcap.MOST_CONNECTIONS + 2)
        ]
        with self.assertRaisesRegex(ValueError, "connections"):
            connections(capture(syns, 101))
        self.patch(pcap, "MOST_BYTES", 300)
        with self.assertRaisesRegex(ValueError, "MiB"):
            connections(capture(verification(), 101))
        self.patch(pcap, "MOST_BYTES", 10**6)
        self.patch(pcap, "MOST_PDUS", 5)
        with self.assertRaisesRegex(ValueError, "PDUs"):
            connections(capture(verification(), 101))

    def test_hole(self) -> None:
        """What waits for a segment that never comes is given up at some length."""
        talk = Talk()
        talk.sequence[True] += 5
        for _ in range(pcap.MOST_WAITING + 5):
            talk.send(True, b"x")
        (one,) = connections(capture(talk.packets, 101))
        self.assertEqual(one.lines, [])
        self.assertEqual(one._streams[True]._waiting, [])

    @given(st.binary(max_size=300), st.sampled_from(sorted(segments.LINKS)), st.booleans())
    def test_noise(self, noise: bytes, link: int, framed: bool) -> None:
        """Noise raises ValueError, and nothing else."""
        content = capture([noise] if framed else [], link) + (b"" if framed else noise)
        for given_content in (content, noise):
            try:
                connections(given_content)
            except ValueError as error:
                self.assertTrue(str(error))

    @given(st.data())
    def test_changed(self, data: st.DataObject) -> None:
        """Nor does a capture in which bytes were changed, and its report is one."""
        content = bytearray(capture([ethernet(packet) for packet in verification()]))
        for _ in range(3):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        try:
            found = pcap.read(io.BytesIO(bytes(content)))
            list(reading._captured(found, verbose=True))
        except ValueError as error:
            self.assertTrue(str(error))


class ReportTests(SynchronousTestCase):
    """``txdicom explain`` of a capture."""

    def told(self, packets: list[bytes]) -> str:
        path = self.mktemp()
        Path(path).write_bytes(capture(packets, 101))
        return " ".join(" ".join(reading.report(path, verbose=False)).split())

    def test_each(self) -> None:
        """What went wrong on a connection is told from its packets."""
        rejected = Talk()
        rejected.send(True, REQUEST.encode())
        rejected.send(False, AssociateRJ(1, 1, 7).encode())
        closed = Talk()
        closed.send(True, REQUEST.encode())
        closed.send(False, flags=FIN | ACK)
        refused = Talk()
        del refused.packets[1]
        refused.send(False, flags=RST | ACK)
        part = Talk()
        part.send(True, REQUEST.encode())
        part.send(False, ACCEPT.encode()[:20])
        ends = list(part.packets)
        part.send(False, flags=RST)
        joined = Talk()
        joined.send(True, ASK)
        joined.send(False, flags=FIN | ACK)
        del joined.packets[:2]
        http = Talk()
        http.send(True, b"GET / HTTP/1.1\r\n\r\n")
        idle = Talk()
        idle.send(False, flags=FIN | ACK)
        tls = Talk()
        tls.send(True, b"\x16\x03\x01\x00\x05hello")
        for packets, words in (
            (verification(), "10.0.0.1:50000 to 10.0.0.2:104, 0.009 s"),
            (verification(), "Nothing that went wrong"),
            (rejected.packets, "does not answer to the title YOU"),
            (closed.packets, "closed it without an answer"),
            (Talk().packets[:1], "no answer to the TCP SYN"),
            (refused.packets, "Nothing listens on port 104"),
            (joined.packets, "At the stage echo: the connection was closed"),
            (joined.packets, "without an answer to the C-ECHO-RQ message 1)"),
            (tls.packets, "encrypted by TLS"),
            (Talk().packets, "No PDU"),
            (idle.packets, "No PDU"),
            (
                part.packets,
                "its first 20 of 132 bytes came. At the stage associate: the connection",
            ),
            (part.packets, "|<- reset --------------| the connection"),
            (ends, "the recording was ended here"),
            (http.packets, "what the requestor sent is wrong: HTTP"),
            (verification() + Talk(("10.0.0.9", 1)).packets, "not shown: 1."),
        ):
            self.assertIn(words, self.told(packets))

    def test_nothing(self) -> None:
        """A capture without TCP is said to have none."""
        with self.assertRaisesRegex(ValueError, "no TCP connection"):
            self.told([])
