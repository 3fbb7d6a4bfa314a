"""TCP connections in a capture of tcpdump or Wireshark: the classic pcap format.

Segments are put in order and retransmissions dropped; what is kept is bounded.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from ipaddress import ip_address
from typing import BinaryIO, NamedTuple

from txdicom.cli.exchange import Line
from txdicom.upperlayer.pdu import HEADER, HEADER_LENGTH, PDUS

#: What is kept of a capture; above it, it has to be filtered first.
MOST_CONNECTIONS = 1_000
MOST_BYTES = 64 << 20
MOST_PDUS = 100_000
#: Segments of one direction that wait for one before them.
MOST_WAITING = 1_000
#: The longest packet, as libpcap has it.
MOST_PACKET = 262_144

# Byte order, and ticks a second.
_MAGICS = {
    b"\xa1\xb2\xc3\xd4": (">", 10**6),
    b"\xd4\xc3\xb2\xa1": ("<", 10**6),
    b"\xa1\xb2\x3c\x4d": (">", 10**9),
    b"\x4d\x3c\xb2\xa1": ("<", 10**9),
}
_PCAPNG = b"\x0a\x0d\x0d\x0a"

# Link types: how long the header is, and where in it the protocol stands, if it does.
_ETHERNET = 1
_LINKS: dict[int, tuple[int, int | None]] = {
    0: (4, None),  # BSD loopback
    108: (4, None),
    _ETHERNET: (14, 12),
    12: (0, None),  # raw IP
    14: (0, None),
    101: (0, None),
    228: (0, None),
    229: (0, None),
    113: (16, 14),  # Linux cooked, and its second version
    276: (20, 0),
}
_VLAN_TAGS = (0x8100, 0x88A8)
_IP_PROTOCOLS = (0x0800, 0x86DD)
_IPV6_OPTIONS = (0, 43, 60)
_TCP = 6
_FIN, _SYN, _RST, _ACK = 1, 2, 4, 16


class Segment(NamedTuple):
    """One TCP segment; source and destination are address and port."""

    seconds: float
    source: tuple[str, int]
    destination: tuple[str, int]
    sequence: int
    flags: int
    data: bytes


class _Stream:
    """One direction of a connection: bytes in order, cut into PDUs."""

    def __init__(self) -> None:
        self.expected: int | None = None
        self.buffer = bytearray()
        self.deaf = False
        self.pending: dict[int, bytes] = {}

    def add(self, sequence: int, data: bytes) -> None:
        """A segment's bytes, in whatever order and however often they come."""
        if self.expected is None:
            self.expected = sequence
        self.pending[sequence] = max(self.pending.get(sequence, b""), data, key=len)
        while (ready := self._ready()) is not None:
            piece = self.pending.pop(ready)[(self.expected - ready) % 2**32 :]
            self.buffer += piece
            self.expected = (self.expected + len(piece)) % 2**32
        if len(self.pending) > MOST_WAITING:  # what is missing will not come any more
            self.deaf = True
            self.pending.clear()

    def _ready(self) -> int | None:
        """A segment that begins where the last one ended, or before."""
        for sequence in self.pending:
            if ((self.expected or 0) - sequence) % 2**32 < 2**31:
                return sequence
        return None

    def pdus(self) -> Iterator[bytes]:
        """What is whole; what is no PDU is given as far as it came, once."""
        while not self.deaf and len(self.buffer) >= HEADER_LENGTH:
            kind, length = HEADER.unpack_from(self.buffer)
            if kind not in PDUS:
                self.deaf = True
                yield bytes(self.buffer[:64])
            elif len(self.buffer) >= HEADER_LENGTH + length:
                yield bytes(self.buffer[: HEADER_LENGTH + length])
                del self.buffer[: HEADER_LENGTH + length]
            else:
                return
        if self.deaf:
            self.buffer.clear()


class Connection:
    """One TCP connection.

    :ivar client: address and port of the side that opened it, or spoke first
    :ivar lines: its PDUs
    :ivar asked: whether the client's SYN was seen
    :ivar answered: whether the server sent anything, be it a segment without data
    :ivar refused: whether the server answered the SYN with a reset
    :ivar closed: whether the server closed or reset it
    :ivar seconds: how long it was seen
    """

    def __init__(self, first: Segment) -> None:
        self.client, self.server = first.source, first.destination
        self.lines: list[Line] = []
        self.asked = bool(first.flags & _SYN) and not first.flags & _ACK
        self.answered = self.refused = self.closed = False
        self.seconds = 0.0
        self._began = first.seconds
        self._streams = {True: _Stream(), False: _Stream()}

    def add(self, segment: Segment) -> None:
        """The next segment of either side."""
        by_client = segment.source == self.client
        self.seconds = max(0.0, segment.seconds - self._began)
        stream = self._streams[by_client]
        if not by_client:
            if self.asked and not self.answered:
                self.refused = bool(segment.flags & _RST)
            self.answered = True
            self.closed = self.closed or bool(segment.flags & (_FIN | _RST))
        if segment.flags & _SYN:
            stream.expected = (segment.sequence + 1) % 2**32
        if segment.data and not stream.deaf:
            begins = segment.sequence + bool(segment.flags & _SYN)
            stream.add(begins % 2**32, segment.data)
            for pdu in stream.pdus():
                self.lines.append(Line(by_client, self.seconds * 1000, pdu))


def is_capture(start: bytes) -> bool:
    """Whether a file that starts so is a capture, be it one that is not read here."""
    return start[:4] in _MAGICS or start[:4] == _PCAPNG


def connections(file: BinaryIO) -> list[Connection]:
    """The TCP connections of a capture, in the order in which they began.

    :raise ValueError: it is none, or there is too much in it
    """
    found: list[Connection] = []
    current: dict[frozenset[tuple[str, int]], Connection] = {}
    kept = pdus = 0
    for segment in segments(file):
        key = frozenset((segment.source, segment.destination))
        connection = current.get(key)
        opens = segment.flags & (_SYN | _ACK) == _SYN
        if connection is None or (opens and connection.answered):
            if len(found) >= MOST_CONNECTIONS:
                raise ValueError(f"more than {MOST_CONNECTIONS} TCP connections: filter them first")
            connection = current[key] = Connection(segment)
            found.append(connection)
        kept += len(segment.data)
        if kept > MOST_BYTES:
            raise ValueError(f"more than {MOST_BYTES >> 20} MiB of TCP: filter it first")
        pdus -= len(connection.lines)
        connection.add(segment)
        pdus += len(connection.lines)
        if pdus > MOST_PDUS:
            raise ValueError(f"more than {MOST_PDUS} PDUs: filter them first")
    return found


def segments(file: BinaryIO) -> Iterator[Segment]:
    """The TCP segments of a capture; a last packet that is cut off is left out.

    :raise ValueError: it is none
    """
    start = file.read(24)
    if start[:4] == _PCAPNG:
        raise ValueError("this is pcapng; make it pcap with: editcap -F pcap FILE NEWFILE")
    if start[:4] not in _MAGICS or len(start) < 24:
        raise ValueError("this is no pcap file")
    order, ticks = _MAGICS[start[:4]]
    link = struct.unpack_from(f"{order}I", start, 20)[0] & 0x0FFFFFFF
    if link not in _LINKS:
        raise ValueError(f"link type {link} is not known here: capture Ethernet, loopback or any")
    record = struct.Struct(f"{order}4I")
    while len(header := file.read(record.size)) == record.size:
        whole, part, length, _ = record.unpack(header)
        if length > MOST_PACKET:
            raise ValueError(f"a packet of {length} bytes: the file is damaged")
        packet = file.read(length)
        if len(packet) < length:
            return
        try:
            segment = _segment(whole + part / ticks, link, packet)
        except (struct.error, IndexError):  # a packet that is too short for its headers
            continue
        if segment is not None:
            yield segment


def _segment(seconds: float, link: int, packet: bytes) -> Segment | None:
    """The TCP segment in a packet, or None if it is something else."""
    at, protocol_at = _LINKS[link]
    if protocol_at is not None:
        (protocol,) = struct.unpack_from(">H", packet, protocol_at)
        while link == _ETHERNET and protocol in _VLAN_TAGS:
            (protocol,) = struct.unpack_from(">H", packet, at + 2)
            at += 4
        if protocol not in _IP_PROTOCOLS:
            return None
    found = _ip(packet[at:])
    if found is None:
        return None
    source, destination, tcp = found
    sport, dport, sequence, _, offset, flags = struct.unpack_from(">HHIIBB", tcp)
    data = tcp[max(20, (offset >> 4) * 4) :]
    return Segment(seconds, (source, sport), (destination, dport), sequence, flags, data)


def _ip(packet: bytes) -> tuple[str, str, bytes] | None:
    """Source, destination and TCP of an IP packet; None for a fragment or another protocol."""
    version = packet[0] >> 4
    if version == 4:
        begins = (packet[0] & 15) * 4
        (length,) = struct.unpack_from(">H", packet, 2)
        (fragment,) = struct.unpack_from(">H", packet, 6)
        if packet[9] != _TCP or fragment & 0x3FFF or begins < 20:
            return None
        source, destination = packet[12:16], packet[16:20]
        ends = length or len(packet)  # 0 where the network card cuts it into segments
    elif version == 6:
        (length,) = struct.unpack_from(">H", packet, 4)
        kind, begins, ends = packet[6], 40, 40 + length if length else len(packet)
        while kind in _IPV6_OPTIONS:
            kind, begins = packet[begins], begins + (packet[begins + 1] + 1) * 8
        if kind != _TCP:
            return None
        source, destination = packet[8:24], packet[24:40]
    else:
        return None
    return str(ip_address(source)), str(ip_address(destination)), packet[begins:ends]
