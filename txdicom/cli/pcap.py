"""TCP connections in a capture: the classic pcap format here, pcapng beside it.

Segments are put in order and retransmissions dropped; what is kept is bounded.
"""

from __future__ import annotations

import heapq
import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from txdicom.cli import pcapng
from txdicom.cli.exchange import CLOSED, RESET, Line, is_by_acceptor, steps
from txdicom.cli.segments import (
    ACK,
    FIN,
    LINKS,
    RST,
    SYN,
    Damaged,
    Packet,
    Segment,
    check_length,
    segment_of,
    unknown_link,
)
from txdicom.upperlayer.pdu import HEADER, HEADER_LENGTH, PDUS

#: What is kept of a capture; above it, it has to be filtered first.
MOST_CONNECTIONS = 1_000
MOST_BYTES = 64 << 20
MOST_PDUS = 100_000
#: Segments of one direction that wait for one before them.
MOST_WAITING = 1_000

# Byte order, and ticks a second.
_MAGICS = {
    b"\xa1\xb2\xc3\xd4": (">", 10**6),
    b"\xd4\xc3\xb2\xa1": ("<", 10**6),
    b"\xa1\xb2\x3c\x4d": (">", 10**9),
    b"\x4d\x3c\xb2\xa1": ("<", 10**9),
}


class _Stream:
    """One direction of a connection: bytes in order, cut into PDUs."""

    def __init__(self) -> None:
        self.expected: int | None = None  # the sequence number of the next byte
        self.buffer = bytearray()
        self.deaf = False
        self._taken = 0  # bytes of the stream so far
        self._waiting: list[tuple[int, bytes]] = []  # a heap, by the place in the stream
        self.heard: tuple[int, float | None] = (0, None)  # its last bytes: after how many lines
        self.ended = False

    def begin(self, sequence: int) -> None:
        """The number of its first byte; one that comes again changes nothing."""
        if not self._taken:
            self.expected = sequence % 2**32

    def add(self, sequence: int, data: bytes) -> None:
        """A segment's bytes, in whatever order and however often they come."""
        if self.expected is None:
            self.expected = sequence
        ahead = (sequence - self.expected + 2**31) % 2**32 - 2**31
        heapq.heappush(self._waiting, (self._taken + ahead, data))
        while self._waiting and self._waiting[0][0] <= self._taken:
            place, data = heapq.heappop(self._waiting)
            piece = data[self._taken - place :]
            self.buffer += piece
            self._taken += len(piece)
            self.expected = (self.expected + len(piece)) % 2**32
        if len(self._waiting) > MOST_WAITING:  # what is missing will not come any more
            self.deaf = True
            self._waiting.clear()

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

    :ivar client: address and port of the side that opened it, or, where that was not captured, was
        seen first; in the end, of the requestor, where that is to be seen
    :ivar lines: its PDUs
    :ivar asked: whether the client's SYN was seen
    :ivar answered: whether the server sent anything, be it a segment without data
    :ivar refused: whether the server answered the SYN with a reset
    :ivar seconds: how long it was seen, or None if the capture does not say
    """

    def __init__(self, first: Segment) -> None:
        self.client, self.server = first.source, first.destination
        if first.flags & (SYN | ACK) == SYN | ACK:  # that of the client was not captured
            self.client, self.server = self.server, self.client
        self.lines: list[Line] = []
        self.asked = bool(first.flags & SYN) and not first.flags & ACK
        self.answered = self.refused = False
        self.seconds = None if first.seconds is None else 0.0
        self._began = first.seconds
        self._first_number = first.sequence if self.asked else None
        self._streams = {True: _Stream(), False: _Stream()}

    def is_over(self, segment: Segment) -> bool:
        """Whether a segment opens another connection between the same ports.

        A SYN that was captured twice does not: its sequence number is the same.
        """
        opens = segment.flags & (SYN | ACK) == SYN
        return opens and self.answered and segment.sequence != self._first_number

    def add(self, segment: Segment) -> None:
        """The next segment of either side."""
        by_client = segment.source == self.client
        if segment.seconds is not None and self._began is not None:
            self.seconds = max(0.0, segment.seconds - self._began)
        stream = self._streams[by_client]
        if not by_client:
            if self.asked and not self.answered:
                self.refused = bool(segment.flags & RST)
            self.answered = True
        if segment.flags & SYN:
            stream.begin(segment.sequence + 1)
        if segment.data and not stream.deaf:
            begins = segment.sequence + bool(segment.flags & SYN)
            stream.add(begins % 2**32, segment.data)
            for pdu in stream.pdus():
                self.lines.append(Line(by_client, self._ms, pdu))
            stream.heard = len(self.lines), self._ms
        if segment.flags & (FIN | RST) and not stream.ended:
            stream.ended = True
            self.lines.append(
                Line(by_client, self._ms, b"", RESET if segment.flags & RST else CLOSED)
            )

    def end(self) -> None:
        """There is nothing more: what came of PDUs that are not whole is put where it came."""
        for by_client in sorted(self._streams, key=lambda side: -self._streams[side].heard[0]):
            stream = self._streams[by_client]
            if stream.buffer:
                place, ms = stream.heard
                self.lines.insert(place, Line(by_client, ms, bytes(stream.buffer)))
        self._tell_requestor()

    def _tell_requestor(self) -> None:
        """Who opened the connection may not be seen, and need not be the requestor."""
        for step in steps(self.lines):
            by_acceptor = is_by_acceptor(step)
            if by_acceptor is None:
                continue
            if by_acceptor is step.line.by_requestor:
                self.client, self.server = self.server, self.client
                self.lines = [
                    line._replace(by_requestor=not line.by_requestor) for line in self.lines
                ]
            return

    @property
    def _ms(self) -> float | None:
        return None if self.seconds is None else self.seconds * 1000


class Capture(NamedTuple):
    """What a capture has in it.

    :ivar connections: in the order in which they began
    :ivar remarks: why it may not be all, a sentence each
    """

    connections: list[Connection]
    remarks: list[str]


def is_capture(start: bytes) -> bool:
    """Whether a file that starts so is a capture."""
    return start[:4] in _MAGICS or start[:4] == pcapng.MAGIC


def read(file: BinaryIO) -> Capture:
    """The TCP connections of a capture, as far as it can be read.

    :raise ValueError: it is none, or there is too much in it, or nothing before it is damaged
    """
    remarks = []
    found: list[Connection] = []
    partial = 0
    try:
        for packet in _assembled(file, found):
            partial += not packet.whole
    except Damaged as damaged:
        if not found:
            raise
        remarks.append(f"The capture could be read as far as this, and no further: {damaged}.")
    for connection in found:
        connection.end()
    if partial:
        remarks.append(
            f"Of {partial} packets only the beginning was captured, so PDUs may be missing:"
            " capture whole packets."
        )
    return Capture(found, remarks)


def _assembled(file: BinaryIO, found: list[Connection]) -> Iterator[Packet]:
    """Add each TCP segment to its connection, be it a new one; yields the packets that had one."""
    current: dict[frozenset[tuple[str, int]], Connection] = {}
    kept = pdus = 0
    for packet in packets(file):
        segment = segment_of(packet)
        if segment is None:
            continue
        key = frozenset((segment.source, segment.destination))
        connection = current.get(key)
        if connection is None or connection.is_over(segment):
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
        yield packet


def packets(file: BinaryIO) -> Iterator[Packet]:
    """The packets of a capture, in either format.

    :raise Damaged: it ends before its time, or does not go on as it should
    :raise ValueError: it is none
    """
    start = file.read(4)
    if start == pcapng.MAGIC:
        file.seek(0)
        return pcapng.packets(file)
    return _classic(start + file.read(20), file)


def _classic(start: bytes, file: BinaryIO) -> Iterator[Packet]:
    if start[:4] not in _MAGICS or len(start) < 24:
        raise ValueError("this is no pcap or pcapng file")
    order, ticks = _MAGICS[start[:4]]
    link = struct.unpack_from(f"{order}I", start, 20)[0] & 0x0FFFFFFF
    if link not in LINKS:
        raise unknown_link(link)
    record = struct.Struct(f"{order}4I")
    while header := file.read(record.size):
        if len(header) < record.size:
            raise Damaged("the file ends in the middle of a packet")
        whole, part, length, original = record.unpack(header)
        data = file.read(check_length(length))
        if len(data) < length:
            raise Damaged("the file ends in the middle of a packet")
        yield Packet(whole + part / ticks, link, data, length >= original)
