"""The seven protocol data units (PS3.8 9.3).

Every PDU is type, reserved byte, length (4 bytes, big endian), fields. Each is a value that
encodes itself, with ``decode`` beside it; ``PDUS`` says which class decodes which type. Values are
not to be changed. Items are frozen, since several PDUs may share them; the PDUs that are made often
are not, which takes four times as long.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar, Union

from txdicom.errors import ProtocolViolation
from txdicom.uids import APPLICATION_CONTEXT as APPLICATION_CONTEXT_NAME
from txdicom.upperlayer import items, reasons
from txdicom.upperlayer.items import PresentationContextAC, PresentationContextRQ
from txdicom.upperlayer.user_information import (
    UserIdentityAC,
    UserIdentityRQ,
    UserInformation,
    decode_user_information,
)

HEADER = struct.Struct(">BxI")
HEADER_LENGTH = HEADER.size

Context = TypeVar("Context", PresentationContextRQ, PresentationContextAC)
Self = TypeVar("Self", bound="Associate[Any]")
_ContextKind = Union[type[PresentationContextRQ], type[PresentationContextAC]]


@dataclass(slots=True)
class Associate(Generic[Context]):
    """What A-ASSOCIATE-RQ and A-ASSOCIATE-AC have in common (PS3.8 Tables 9-11 and 9-17).

    A title is kept as it came but for the spaces after it, so that the acceptor can repeat the
    same 16 bytes; :func:`txdicom.titles.significant` is the part of it to compare.
    """

    PDU_TYPE: ClassVar[int]
    CONTEXT: ClassVar[_ContextKind]
    _FIXED: ClassVar[struct.Struct] = struct.Struct(">Hxx16s16s32s")

    called_ae_title: str
    calling_ae_title: str
    presentation_contexts: tuple[Context, ...] = ()
    user_information: tuple[UserInformation, ...] = ()
    application_context_name: str = APPLICATION_CONTEXT_NAME
    protocol_version: int = 1
    reserved: bytes = bytes(32)

    def encode(self) -> bytes:
        body = b"".join(
            [
                self._FIXED.pack(
                    self.protocol_version,
                    self.called_ae_title.encode("latin-1").ljust(16),
                    self.calling_ae_title.encode("latin-1").ljust(16),
                    self.reserved,
                ),
                items.item(
                    items.APPLICATION_CONTEXT, self.application_context_name.encode("ascii")
                ),
                *[context.encode() for context in self.presentation_contexts],
                items.item(
                    items.USER_INFORMATION,
                    b"".join([sub_item.encode() for sub_item in self.user_information]),
                ),
            ]
        )
        return HEADER.pack(self.PDU_TYPE, len(body)) + body

    @classmethod
    def decode(cls: type[Self], data: bytes, start: int, end: int) -> Self:
        at = start + cls._FIXED.size
        if at > end:
            raise ProtocolViolation(f"an association PDU of {end - start} bytes; 68 are fixed")
        version, called, calling, reserved = cls._FIXED.unpack_from(data, start)
        return cls(
            str(called.rstrip(b" "), "latin-1"),
            str(calling.rstrip(b" "), "latin-1"),
            *_variable_items(cls.CONTEXT, data[at:end]),
            version,
            reserved,
        )


# The same few requests and answers come again and again, so their variable items are remembered;
# but none that are large, with which hostile peers would fill the memory, and no user identity: it
# may have a passcode.
_Items = tuple[tuple[Any, ...], tuple[UserInformation, ...], str]
_remembered: dict[tuple[_ContextKind, bytes], _Items] = {}
_MOST_REMEMBERED = 64
_LONGEST_REMEMBERED = 1_024
_SECRET = frozenset((UserIdentityRQ, UserIdentityAC))


def _variable_items(context_kind: _ContextKind, data: bytes) -> _Items:
    """Presentation contexts, user information and application context name."""
    if len(data) > _LONGEST_REMEMBERED:
        return _decode_items(context_kind, data)
    found = _remembered.get((context_kind, data))
    if found is None:
        found = _decode_items(context_kind, data)
        _, user_information, _ = found
        if _SECRET.isdisjoint(map(type, user_information)):
            if len(_remembered) >= _MOST_REMEMBERED:
                del _remembered[next(iter(_remembered))]  # the oldest
            _remembered[context_kind, data] = found
    return found


def _decode_items(context_kind: _ContextKind, data: bytes) -> _Items:
    application_contexts = []
    contexts: dict[int, Any] = {}
    user_information = []
    for kind, at, until in items.walk(data, 0, len(data)):
        if kind == context_kind.ITEM_TYPE:
            context = context_kind.decode(data, at, until)
            # Tested here, so that there are never more than there are IDs.
            if context.context_id in contexts:
                raise ProtocolViolation("a presentation context ID stands twice")
            contexts[context.context_id] = context
        elif kind == items.APPLICATION_CONTEXT:
            application_contexts.append(items.decode_uid(data, at, until))
        elif kind == items.USER_INFORMATION:
            user_information.append(tuple(decode_user_information(data, at, until)))
    if len(application_contexts) > 1 or len(user_information) > 1:
        raise ProtocolViolation(
            "an item that may stand once stands twice", reasons.UNEXPECTED_PARAMETER
        )
    return (
        tuple(contexts.values()),
        user_information[0] if user_information else (),
        application_contexts[0] if application_contexts else "",
    )


@dataclass(slots=True)
class AssociateRQ(Associate[PresentationContextRQ]):
    """A-ASSOCIATE-RQ (PS3.8 9.3.2)."""

    NAME: ClassVar[str] = "A-ASSOCIATE-RQ"
    PDU_TYPE: ClassVar[int] = 0x01
    CONTEXT = PresentationContextRQ


@dataclass(slots=True)
class AssociateAC(Associate[PresentationContextAC]):
    """A-ASSOCIATE-AC (PS3.8 9.3.3); titles and reserved field repeat those of the request."""

    NAME: ClassVar[str] = "A-ASSOCIATE-AC"
    PDU_TYPE: ClassVar[int] = 0x02
    CONTEXT = PresentationContextAC


def _four(data: bytes, start: int, end: int) -> tuple[int, int, int]:
    """The last three of the four bytes that RJ, RELEASE and ABORT consist of."""
    if end - start != 4:
        raise ProtocolViolation(f"a PDU of {end - start} bytes where 4 are fixed")
    return data[start + 1], data[start + 2], data[start + 3]


@dataclass(frozen=True, slots=True)
class AssociateRJ:
    """A-ASSOCIATE-RJ (PS3.8 9.3.4); the values are those of Table 9-21."""

    NAME: ClassVar[str] = "A-ASSOCIATE-RJ"
    PDU_TYPE: ClassVar[int] = 0x03

    result: int
    source: int
    reason: int

    def encode(self) -> bytes:
        return HEADER.pack(self.PDU_TYPE, 4) + bytes((0, self.result, self.source, self.reason))

    @classmethod
    def decode(cls, data: bytes, start: int, end: int) -> AssociateRJ:
        return cls(*_four(data, start, end))


@dataclass(slots=True)
class PresentationDataValue:
    """A fragment of a message on one presentation context (PS3.8 9.3.5.1, Annex E.2)."""

    HEADER: ClassVar[struct.Struct] = struct.Struct(">IBB")

    context_id: int
    is_command: bool
    is_last: bool
    data: bytes


@dataclass(slots=True)
class PDataTF:
    """P-DATA-TF (PS3.8 9.3.5)."""

    NAME: ClassVar[str] = "P-DATA-TF"
    PDU_TYPE: ClassVar[int] = 0x04

    values: tuple[PresentationDataValue, ...]

    def encode(self) -> bytes:
        parts = [b""]
        length = 0
        for value in self.values:
            size = len(value.data) + 2
            length += size + 4
            control = value.is_command | value.is_last << 1
            parts.append(PresentationDataValue.HEADER.pack(size, value.context_id, control))
            parts.append(value.data)
        parts[0] = HEADER.pack(self.PDU_TYPE, length)
        return b"".join(parts)

    @classmethod
    def decode(cls, data: bytes, start: int, end: int) -> PDataTF:
        values = []
        while start < end:
            if end - start < 6:
                raise ProtocolViolation(f"{end - start} bytes where a PDV's header of 6 should be")
            length, context_id, control = PresentationDataValue.HEADER.unpack_from(data, start)
            until = start + 4 + length
            if length < 2 or until > end:
                raise ProtocolViolation(
                    f"a PDV announces {length} bytes, {end - start - 4} are left in its PDU"
                )
            values.append(
                PresentationDataValue(
                    context_id, control & 1 == 1, control & 2 == 2, data[start + 6 : until]
                )
            )
            start = until
        if not values:
            raise ProtocolViolation("a P-DATA-TF without a PDV")
        return cls(tuple(values))


@dataclass(frozen=True, slots=True)
class ReleaseRQ:
    """A-RELEASE-RQ (PS3.8 9.3.6)."""

    NAME: ClassVar[str] = "A-RELEASE-RQ"
    PDU_TYPE: ClassVar[int] = 0x05

    def encode(self) -> bytes:
        return HEADER.pack(self.PDU_TYPE, 4) + bytes(4)

    @classmethod
    def decode(cls, data: bytes, start: int, end: int) -> ReleaseRQ:
        _four(data, start, end)
        return cls()


@dataclass(frozen=True, slots=True)
class ReleaseRP:
    """A-RELEASE-RP (PS3.8 9.3.7)."""

    NAME: ClassVar[str] = "A-RELEASE-RP"
    PDU_TYPE: ClassVar[int] = 0x06

    def encode(self) -> bytes:
        return HEADER.pack(self.PDU_TYPE, 4) + bytes(4)

    @classmethod
    def decode(cls, data: bytes, start: int, end: int) -> ReleaseRP:
        _four(data, start, end)
        return cls()


@dataclass(frozen=True, slots=True)
class Abort:
    """A-ABORT (PS3.8 9.3.8); the values are those of Table 9-26."""

    NAME: ClassVar[str] = "A-ABORT"
    PDU_TYPE: ClassVar[int] = 0x07

    source: int = reasons.ABORT_BY_USER
    reason: int = reasons.NOT_SPECIFIED

    def encode(self) -> bytes:
        return HEADER.pack(self.PDU_TYPE, 4) + bytes((0, 0, self.source, self.reason))

    @classmethod
    def decode(cls, data: bytes, start: int, end: int) -> Abort:
        _, source, reason = _four(data, start, end)
        return cls(source, reason)


PDU = Union[AssociateRQ, AssociateAC, AssociateRJ, PDataTF, ReleaseRQ, ReleaseRP, Abort]

PDUS: Mapping[int, type[PDU]] = {
    kind.PDU_TYPE: kind
    for kind in (AssociateRQ, AssociateAC, AssociateRJ, PDataTF, ReleaseRQ, ReleaseRP, Abort)
}


def decode(data: bytes) -> PDU:
    """The PDU that ``data`` is, header and all.

    :raise ProtocolViolation: it is none, or not a whole one
    """
    if len(data) < HEADER_LENGTH:
        raise ProtocolViolation(f"{len(data)} bytes where a PDU's header of 6 should be")
    kind, length = HEADER.unpack_from(data)
    if kind not in PDUS:
        raise ProtocolViolation(
            f"unknown PDU type {kind:#04x}", reasons.UNRECOGNIZED_PDU, data[:64]
        )
    if length != len(data) - HEADER_LENGTH:
        raise ProtocolViolation(
            f"a PDU announces {length} bytes and has {len(data) - HEADER_LENGTH}"
        )
    return PDUS[kind].decode(data, HEADER_LENGTH, len(data))
