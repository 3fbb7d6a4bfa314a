"""The sub-items of the user information item (PS3.8 Annex D.1, PS3.7 Annex D.3.3).

Each is a value that encodes itself; ``SUB_ITEMS`` says which class decodes which type.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, TypeVar, Union

from txdicom.errors import ProtocolViolation
from txdicom.upperlayer.items import decode_uid, fields, item, walk

_LENGTH = struct.Struct(">H")


def _prefixed(value: bytes) -> bytes:
    if len(value) > 0xFFFF:
        raise ValueError(f"a field of {len(value)} bytes; its length field ends at 65,535")
    return _LENGTH.pack(len(value)) + value


def _variable(data: bytes, start: int, end: int) -> tuple[int, int]:
    """Start and end of a field that its length (2 bytes) precedes."""
    (length,) = fields(_LENGTH, data, start, end)
    start += 2
    if length > end - start:
        raise ProtocolViolation(f"a field of {length} bytes where {end - start} are left")
    return start, start + length


@dataclass(frozen=True, slots=True)
class MaximumLength:
    """The longest P-DATA-TF variable field that the sender will receive; 0 is no limit.

    PS3.8 D.1.1; in bytes, without the six of the PDU's header.
    """

    ITEM_TYPE: ClassVar[int] = 0x51
    _FORM: ClassVar[struct.Struct] = struct.Struct(">I")

    maximum_length: int

    def encode(self) -> bytes:
        return item(self.ITEM_TYPE, self._FORM.pack(self.maximum_length))

    @classmethod
    def decode(cls, data: bytes, start: int, end: int) -> MaximumLength:
        return cls(*fields(cls._FORM, data, start, end))


@dataclass(frozen=True, slots=True)
class ImplementationClassUID:
    """Which implementation the sender is (PS3.7 D.3.3.2.1)."""

    ITEM_TYPE: ClassVar[int] = 0x52

    uid: str

    def encode(self) -> bytes:
        return item(self.ITEM_TYPE, self.uid.encode("ascii"))

    @classmethod
    def decode(cls, data: bytes, start: int, end: int) -> ImplementationClassUID:
        return cls(decode_uid(data, start, end))


@dataclass(frozen=True, slots=True)
class AsynchronousOperationsWindow:
    """How many operations may be outstanding at once; 0 is no limit (PS3.7 D.3.3.3)."""

    ITEM_TYPE: ClassVar[int] = 0x53
    _FORM: ClassVar[struct.Struct] = struct.Struct(">HH")

    invoked: int
    performed: int

    def encode(self) -> bytes:
        return item(self.ITEM_TYPE, self._FORM.pack(self.invoked, self.performed))

    @classmethod
    def decode(cls, data: bytes, start: int, end: int) -> AsynchronousOperationsWindow:
        return cls(*fields(cls._FORM, data, start, end))


@dataclass(frozen=True, slots=True)
class RoleSelection:
    """The SCU and SCP roles of the requestor for one SOP class (PS3.7 D.3.3.4)."""

    ITEM_TYPE: ClassVar[int] = 0x54
    _ROLES: ClassVar[struct.Struct] = struct.Struct(">BB")

    sop_class_uid: str
    scu_role: int
    scp_role: int

    def encode(self) -> bytes:
        uid = _prefixed(self.sop_class_uid.encode("ascii"))
        return item(self.ITEM_TYPE, uid + self._ROLES.pack(self.scu_role, self.scp_role))

    @classmethod
    def decode(cls, data: bytes, start: int, end: int) -> RoleSelection:
        at, until = _variable(data, start, end)
        scu_role, scp_role = fields(cls._ROLES, data, until, end)
        return cls(decode_uid(data, at, until), scu_role, scp_role)


@dataclass(frozen=True, slots=True)
class ImplementationVersionName:
    """The sender's version, 1 to 16 characters (PS3.7 D.3.3.2.3)."""

    ITEM_TYPE: ClassVar[int] = 0x55

    name: str

    def encode(self) -> bytes:
        return item(self.ITEM_TYPE, self.name.encode("latin-1"))

    @classmethod
    def decode(cls, data: bytes, start: int, end: int) -> ImplementationVersionName:
        return cls(str(data[start:end], "latin-1"))


@dataclass(frozen=True, slots=True)
class SOPClassExtendedNegotiation:
    """Service class application information about one SOP class (PS3.7 D.3.3.5)."""

    ITEM_TYPE: ClassVar[int] = 0x56

    sop_class_uid: str
    information: bytes

    def encode(self) -> bytes:
        return item(
            self.ITEM_TYPE, _prefixed(self.sop_class_uid.encode("ascii")) + self.information
        )

    @classmethod
    def decode(cls, data: bytes, start: int, end: int) -> SOPClassExtendedNegotiation:
        at, until = _variable(data, start, end)
        return cls(decode_uid(data, at, until), data[until:end])


@dataclass(frozen=True, slots=True)
class SOPClassCommonExtendedNegotiation:
    """The service class and related general SOP classes of a SOP class (PS3.7 D.3.3.6)."""

    ITEM_TYPE: ClassVar[int] = 0x57

    sop_class_uid: str
    service_class_uid: str
    related_general_sop_class_uids: tuple[str, ...] = ()

    def encode(self) -> bytes:
        related = b"".join(
            _prefixed(uid.encode("ascii")) for uid in self.related_general_sop_class_uids
        )
        return item(
            self.ITEM_TYPE,
            _prefixed(self.sop_class_uid.encode("ascii"))
            + _prefixed(self.service_class_uid.encode("ascii"))
            + _prefixed(related),
        )

    @classmethod
    def decode(cls, data: bytes, start: int, end: int) -> SOPClassCommonExtendedNegotiation:
        sop_class, until = _variable(data, start, end)
        service_class, until_service = _variable(data, until, end)
        at, related_end = _variable(data, until_service, end)
        related = []
        while at < related_end:
            begin, at = _variable(data, at, related_end)
            related.append(decode_uid(data, begin, at))
        return cls(
            decode_uid(data, sop_class, until),
            decode_uid(data, service_class, until_service),
            tuple(related),
        )


@dataclass(frozen=True, slots=True)
class UserIdentityRQ:
    """Who asks (PS3.7 D.3.3.7.1).

    The type is 1 user name, 2 user name and passcode, 3 Kerberos service ticket, 4 SAML assertion,
    5 JSON web token. The passcode and the tickets stay out of ``repr()``, so out of logs.
    """

    ITEM_TYPE: ClassVar[int] = 0x58
    _FORM: ClassVar[struct.Struct] = struct.Struct(">BB")

    user_identity_type: int
    primary_field: bytes = field(repr=False)
    secondary_field: bytes = field(default=b"", repr=False)
    positive_response_requested: bool = False

    def encode(self) -> bytes:
        return item(
            self.ITEM_TYPE,
            self._FORM.pack(self.user_identity_type, self.positive_response_requested)
            + _prefixed(self.primary_field)
            + _prefixed(self.secondary_field),
        )

    @classmethod
    def decode(cls, data: bytes, start: int, end: int) -> UserIdentityRQ:
        kind, positive = fields(cls._FORM, data, start, end)
        primary, until = _variable(data, start + cls._FORM.size, end)
        secondary, until_secondary = _variable(data, until, end)
        return cls(kind, data[primary:until], data[secondary:until_secondary], bool(positive))


@dataclass(frozen=True, slots=True)
class UserIdentityAC:
    """The positive response to a user identity; empty for types 1 and 2 (PS3.7 D.3.3.7.2)."""

    ITEM_TYPE: ClassVar[int] = 0x59

    server_response: bytes = field(default=b"", repr=False)

    def encode(self) -> bytes:
        return item(self.ITEM_TYPE, _prefixed(self.server_response))

    @classmethod
    def decode(cls, data: bytes, start: int, end: int) -> UserIdentityAC:
        at, until = _variable(data, start, end)
        return cls(data[at:until])


UserInformation = Union[
    MaximumLength,
    ImplementationClassUID,
    AsynchronousOperationsWindow,
    RoleSelection,
    ImplementationVersionName,
    SOPClassExtendedNegotiation,
    SOPClassCommonExtendedNegotiation,
    UserIdentityRQ,
    UserIdentityAC,
]

SUB_ITEMS: Mapping[int, type[UserInformation]] = {
    kind.ITEM_TYPE: kind
    for kind in (
        MaximumLength,
        ImplementationClassUID,
        AsynchronousOperationsWindow,
        RoleSelection,
        ImplementationVersionName,
        SOPClassExtendedNegotiation,
        SOPClassCommonExtendedNegotiation,
        UserIdentityRQ,
        UserIdentityAC,
    )
}


def decode_user_information(data: bytes, start: int, end: int) -> Iterator[UserInformation]:
    """The sub-items in their order; unknown ones are ignored, as PS3.8 D.2 asks."""
    for kind, at, until in walk(data, start, end):
        decoder = SUB_ITEMS.get(kind)
        if decoder is not None:
            yield decoder.decode(data, at, until)


SubItem = TypeVar("SubItem")


def the(kind: type[SubItem], user_information: tuple[UserInformation, ...]) -> SubItem | None:
    """The sub-item of this kind, the first if there are several, or None."""
    for sub_item in user_information:
        if isinstance(sub_item, kind):
            return sub_item
    return None


def every(kind: type[SubItem], user_information: tuple[UserInformation, ...]) -> list[SubItem]:
    """All sub-items of this kind, in their order."""
    return [sub_item for sub_item in user_information if isinstance(sub_item, kind)]
