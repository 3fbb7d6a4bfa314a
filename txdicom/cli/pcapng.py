"""Packets of a capture in pcapng, which Wireshark and tshark write unless they are told otherwise.

A file is a row of blocks; those that hold no packet, and describe none, are passed over.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from txdicom.cli.segments import LINKS, Damaged, Packet, check_length, unknown_link

#: What a file of this format begins with: it reads the same in both byte orders.
MAGIC = b"\x0a\x0d\x0d\x0a"
#: Interfaces of one section, and what is read of the options of one, in bytes.
MOST_INTERFACES = 1_000
MOST_OPTIONS = 4_096

_ORDERS = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}
_SECTION, _INTERFACE, _SIMPLE_PACKET, _ENHANCED_PACKET = 0x0A0D0D0A, 1, 3, 6
_TSRESOL, _TSOFFSET = 9, 14
_CHUNK = 65_536


class _Interface(NamedTuple):
    """What there is to know of an interface to read its packets."""

    link: int
    snap_length: int
    ticks: int = 10**6
    offset: int = 0


class _Block:
    """One block: its type, and its body as far as it was not read yet."""

    def __init__(self, file: BinaryIO, order: str, kind: int, length: int, taken: int) -> None:
        if length < 12 + taken or length % 4:
            raise Damaged(f"a block of {length} bytes: the file is damaged")
        self.kind, self.order = kind, order
        self._file, self._length = file, length
        self._left = length - 12 - taken

    def read(self, most: int) -> bytes:
        """The next bytes of the body: so many, or fewer where it ends before."""
        wanted = min(most, self._left)
        self._left -= wanted
        return _exactly(self._file, wanted)

    def unpack(self, form: str) -> tuple[int, ...]:
        """The next fields of the body.

        :raise Damaged: it is too short for them
        """
        fields = struct.Struct(self.order + form)
        data = self.read(fields.size)
        if len(data) < fields.size:
            raise Damaged(f"a block of {self._length} bytes: too short for what it is")
        return fields.unpack(data)

    def finish(self) -> None:
        """Pass over what is left of it."""
        while self._left:
            self.read(_CHUNK)
        (length,) = struct.unpack(f"{self.order}I", _exactly(self._file, 4))
        if length != self._length:
            raise Damaged("a block whose two lengths differ: the file is damaged")


def packets(file: BinaryIO) -> Iterator[Packet]:
    """The packets of a capture, from its beginning; those of links not known here are left out.

    :raise Damaged: it ends before its time, or does not go on as it should
    :raise ValueError: it has packets of links not known here, and no others
    """
    interfaces: list[_Interface] = []
    known = False
    unknown: int | None = None
    for block in _blocks(file):
        if block.kind == _SECTION:
            interfaces = []
        elif block.kind == _INTERFACE:
            if len(interfaces) >= MOST_INTERFACES:
                raise Damaged(f"more than {MOST_INTERFACES} interfaces")
            interfaces.append(_interface(block))
        elif block.kind in (_SIMPLE_PACKET, _ENHANCED_PACKET):
            packet = _packet(block, interfaces)
            if packet.link in LINKS:
                known = True
                yield packet
            else:
                unknown = packet.link
        block.finish()
    if unknown is not None and not known:
        raise unknown_link(unknown)


def _blocks(file: BinaryIO) -> Iterator[_Block]:
    """Each block, with its body still to be read; the caller finishes it."""
    order = ""
    while start := file.read(8):
        if len(start) < 8:
            raise _cut_off()
        if start[:4] == MAGIC:  # its byte order comes after its length
            mark = _exactly(file, 4)
            if mark not in _ORDERS:
                raise Damaged("a section without a byte order: the file is damaged")
            order = _ORDERS[mark]
            (length,) = struct.unpack(f"{order}I", start[4:])
            block = _Block(file, order, _SECTION, length, len(mark))
            (major, _) = block.unpack("HH")
            if major != 1:
                raise Damaged(f"version {major} of pcapng is not known here")
            yield block
        else:
            kind, length = struct.unpack(f"{order}II", start)
            yield _Block(file, order, kind, length, 0)


def _interface(block: _Block) -> _Interface:
    """An interface, and of its options the two that say how to read the time."""
    link, _, snap_length = block.unpack("HHI")
    options = block.read(MOST_OPTIONS)
    ticks, offset, at = 10**6, 0, 0
    while at + 4 <= len(options):
        code, length = struct.unpack_from(f"{block.order}HH", options, at)
        value = options[at + 4 : at + 4 + length]
        if code == 0:
            break
        if code == _TSRESOL and len(value) == 1:
            exponent = value[0] & 0x7F
            ticks = 2**exponent if value[0] & 0x80 else 10**exponent
        elif code == _TSOFFSET and len(value) == 8:
            (offset,) = struct.unpack(f"{block.order}q", value)
        at += 4 + (length + 3) // 4 * 4
    return _Interface(link, snap_length, ticks, offset)


def _packet(block: _Block, interfaces: list[_Interface]) -> Packet:
    """The packet in a block; a simple one is of the first interface, and has no time."""
    number, seconds = 0, None
    if block.kind == _ENHANCED_PACKET:
        number, high, low, length, original = block.unpack("IIIII")
    else:
        (original,) = block.unpack("I")
        high = low = 0
        length = original
    if number >= len(interfaces):
        raise Damaged(f"a packet of interface {number}, which is not there: the file is damaged")
    interface = interfaces[number]
    if block.kind == _ENHANCED_PACKET:
        seconds = ((high << 32) + low) / interface.ticks + interface.offset
    elif interface.snap_length:
        length = min(original, interface.snap_length)
    data = block.read(check_length(length))
    if len(data) < length:
        raise Damaged(f"a packet of {length} bytes in a shorter block: the file is damaged")
    return Packet(seconds, interface.link, data, length >= original)


def _exactly(file: BinaryIO, length: int) -> bytes:
    data = file.read(length)
    if len(data) < length:
        raise _cut_off()
    return data


def _cut_off() -> Damaged:
    return Damaged("the file ends in the middle of a block")
