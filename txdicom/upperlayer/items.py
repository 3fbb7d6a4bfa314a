"""The variable items of A-ASSOCIATE-RQ and A-ASSOCIATE-AC (PS3.8 9.3.2 and 9.3.3).

Every item is type, reserved byte, length (2 bytes, big endian), value. An item is decoded within
its parent's bounds, and nothing is copied before its length is known to fit.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from txdicom.errors import ProtocolViolation

HEADER = struct.Struct(">BxH")

APPLICATION_CONTEXT = 0x10
ABSTRACT_SYNTAX = 0x30
TRANSFER_SYNTAX = 0x40
USER_INFORMATION = 0x50

#: A UID has at most 64 characters (PS3.5 9.1).
UID_LENGTH = 64


def walk(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Item type, start and end of the value, of each item between ``start`` and ``end``."""
    while start < end:
        if end - start < 4:
            raise ProtocolViolation(f"{end - start} bytes where an item's header of 4 should be")
        kind, length = HEADER.unpack_from(data, start)
        start += 4
        if length > end - start:
            raise ProtocolViolation(
                f"item {kind:#04x} announces {length} bytes, {end - start} are left in its parent"
            )
        yield kind, start, start + length
        start += length


def item(kind: int, value: bytes) -> bytes:
    """An item with its header."""
    if len(value) > 0xFFFF:
        raise ValueError(f"an item of {len(value)} bytes; its length field ends at 65,535")
    return HEADER.pack(kind, len(value)) + value


def decode_uid(data: bytes, start: int, end: int) -> str:
    """A UID, without the padding that some peers add."""
    # One byte of padding makes it even; with the limit tested first, no long one is ever copied.
    if end - start <= UID_LENGTH + 1:
        return _uid(data[start:end])
    raise _too_long(end - start)


@lru_cache(maxsize=1024)  # the same few come again and again
def _uid(data: bytes) -> str:
    try:
        uid = str(data, "ascii").rstrip("\0 ")
    except UnicodeDecodeError:
        raise ProtocolViolation("a UID with bytes outside ASCII") from None
    if len(uid) > UID_LENGTH:
        raise _too_long(len(data))
    return uid


def _too_long(length: int) -> ProtocolViolation:
    return ProtocolViolation(f"a UID of {length} characters; {UID_LENGTH} are the limit")


def fields(form: struct.Struct, data: bytes, start: int, end: int) -> tuple[int, ...]:
    """The fixed fields at the start of an item's value."""
    if end - start < form.size:
        raise ProtocolViolation(f"an item of {end - start} bytes where {form.size} are needed")
    return form.unpack_from(data, start)


def _uids(data: bytes, start: int, end: int, expected: int) -> Iterator[str]:
    for kind, at, until in walk(data, start, end):
        if kind == expected:
            yield decode_uid(data, at, until)


@dataclass(frozen=True, slots=True)
class PresentationContextRQ:
    """A presentation context as proposed (PS3.8 9.3.2.2)."""

    ITEM_TYPE: ClassVar[int] = 0x20
    _FORM: ClassVar[struct.Struct] = struct.Struct(">Bxxx")

    context_id: int
    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...]

    def encode(self) -> bytes:
        return item(
            self.ITEM_TYPE,
            self._FORM.pack(self.context_id)
            + item(ABSTRACT_SYNTAX, self.abstract_syntax.encode("ascii"))
            + b"".join(
                [item(TRANSFER_SYNTAX, uid.encode("ascii")) for uid in self.transfer_syntaxes]
            ),
        )

    @classmethod
    def decode(cls, data: bytes, start: int, end: int) -> PresentationContextRQ:
        (context_id,) = fields(cls._FORM, data, start, end)
        if context_id % 2 == 0:
            raise ProtocolViolation(f"presentation context ID {context_id} is not odd")
        abstract_syntaxes: list[str] = []
        transfer_syntaxes: list[str] = []
        for kind, at, until in walk(data, start + cls._FORM.size, end):
            if kind == TRANSFER_SYNTAX:
                transfer_syntaxes.append(decode_uid(data, at, until))
            elif kind == ABSTRACT_SYNTAX:
                abstract_syntaxes.append(decode_uid(data, at, until))
        if len(abstract_syntaxes) != 1:
            raise ProtocolViolation(
                f"presentation context {context_id} has {len(abstract_syntaxes)} abstract syntaxes"
            )
        return cls(context_id, abstract_syntaxes[0], tuple(transfer_syntaxes))


@dataclass(frozen=True, slots=True)
class PresentationContextAC:
    """The acceptor's answer to one proposed context (PS3.8 9.3.3.2).

    ``result`` is one of Table 9-18; the transfer syntax is significant when it is 0, and None
    where the peer left it out.
    """

    ITEM_TYPE: ClassVar[int] = 0x21
    _FORM: ClassVar[struct.Struct] = struct.Struct(">BxBx")

    context_id: int
    result: int
    transfer_syntax: str | None

    def encode(self) -> bytes:
        syntax = self.transfer_syntax
        return item(
            self.ITEM_TYPE,
            self._FORM.pack(self.context_id, self.result)
            + (b"" if syntax is None else item(TRANSFER_SYNTAX, syntax.encode("ascii"))),
        )

    @classmethod
    def decode(cls, data: bytes, start: int, end: int) -> PresentationContextAC:
        context_id, result = fields(cls._FORM, data, start, end)
        try:
            syntaxes = list(_uids(data, start + cls._FORM.size, end, TRANSFER_SYNTAX))
        except ProtocolViolation:
            if result == 0:
                raise
            syntaxes = []  # that of a refused context is not to be tested (Table 9-18)
        if result == 0 and len(syntaxes) != 1:
            raise ProtocolViolation(
                f"presentation context {context_id} is answered with {len(syntaxes)} transfer"
                " syntaxes"
            )
        return cls(context_id, result, syntaxes[0] if syntaxes else None)
