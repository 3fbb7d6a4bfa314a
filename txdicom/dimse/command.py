"""The command set: group 0000, Implicit VR Little Endian (PS3.7 6.3.1 and Annex E).

A command set is a dict from keyword to value here: int for US and UL, str for UI, AE and LO, and
for AT a tuple of tags, each an int of four bytes. ``ELEMENTS`` is Table E.1-1.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from txdicom.errors import ProtocolViolation
from txdicom.uids import VERIFICATION

CommandSet = Mapping[str, Any]

# Table E.1-1, Command Field
C_GET_RQ = 0x0010
C_MOVE_RQ = 0x0021
C_ECHO_RQ = 0x0030
C_CANCEL_RQ = 0x0FFF

#: A response's command field is its request's with this bit set (PS3.7 E.1).
RESPONSE = 0x8000

#: Command Data Set Type: this value says that no data set follows, any other that one does.
NO_DATA_SET = 0x0101

COMMAND_NAMES = {
    0x0001: "C-STORE-RQ",
    0x0010: "C-GET-RQ",
    0x0020: "C-FIND-RQ",
    0x0021: "C-MOVE-RQ",
    0x0030: "C-ECHO-RQ",
    0x0100: "N-EVENT-REPORT-RQ",
    0x0110: "N-GET-RQ",
    0x0120: "N-SET-RQ",
    0x0130: "N-ACTION-RQ",
    0x0140: "N-CREATE-RQ",
    0x0150: "N-DELETE-RQ",
    0x0FFF: "C-CANCEL-RQ",
}
COMMAND_NAMES.update(
    {
        field | RESPONSE: name.replace("-RQ", "-RSP")
        for field, name in COMMAND_NAMES.items()
        if field != C_CANCEL_RQ
    }
)


def command_name(field: int | None) -> str:
    """The message's name in the standard, or its number."""
    if field is None:
        return "a message without a command field"
    return COMMAND_NAMES.get(field) or f"command {field:#06x}"


_US = struct.Struct("<H")
_UL = struct.Struct("<I")
_AT = struct.Struct("<HH")
_HEADER = struct.Struct("<HHI")


def _decode_us(value: bytes) -> int:
    return int(_US.unpack(value)[0])


def _decode_ul(value: bytes) -> int:
    return int(_UL.unpack(value)[0])


def _decode_ui(value: bytes) -> str:
    return str(value, "ascii").rstrip("\0 ")


def _decode_text(value: bytes) -> str:
    return str(value, "latin-1").strip(" \0")


def _decode_at(value: bytes) -> tuple[int, ...]:
    return tuple(group << 16 | element for group, element in _AT.iter_unpack(value))


def _encode_ui(value: str) -> bytes:
    uid = value.encode("ascii")
    return uid if len(uid) % 2 == 0 else uid + b"\0"


def _encode_text(value: str) -> bytes:
    text = value.encode("latin-1")
    return text if len(text) % 2 == 0 else text + b" "


def _encode_at(value: tuple[int, ...]) -> bytes:
    return b"".join([_AT.pack(tag >> 16, tag & 0xFFFF) for tag in value])


class _VR(NamedTuple):
    decode: Callable[[bytes], Any]
    encode: Callable[[Any], bytes]


_VRS = {
    "UL": _VR(_decode_ul, _UL.pack),
    "US": _VR(_decode_us, _US.pack),
    "UI": _VR(_decode_ui, _encode_ui),
    "AE": _VR(_decode_text, _encode_text),
    "LO": _VR(_decode_text, _encode_text),
    "AT": _VR(_decode_at, _encode_at),
}

# Table E.1-1: element number, VR, keyword; the group is 0000, the VM 1, but 1-n for AT.
TABLE_E_1_1 = """
0000  UL  CommandGroupLength
0002  UI  AffectedSOPClassUID
0003  UI  RequestedSOPClassUID
0100  US  CommandField
0110  US  MessageID
0120  US  MessageIDBeingRespondedTo
0600  AE  MoveDestination
0700  US  Priority
0800  US  CommandDataSetType
0900  US  Status
0901  AT  OffendingElement
0902  LO  ErrorComment
0903  US  ErrorID
1000  UI  AffectedSOPInstanceUID
1001  UI  RequestedSOPInstanceUID
1002  US  EventTypeID
1005  AT  AttributeIdentifierList
1008  US  ActionTypeID
1020  US  NumberOfRemainingSuboperations
1021  US  NumberOfCompletedSuboperations
1022  US  NumberOfFailedSuboperations
1023  US  NumberOfWarningSuboperations
1030  AE  MoveOriginatorApplicationEntityTitle
1031  US  MoveOriginatorMessageID
"""

_ROWS = [line.split() for line in TABLE_E_1_1.strip().splitlines()]

#: Element number to keyword and VR.
ELEMENTS = {int(number, 16): (keyword, vr) for number, vr, keyword in _ROWS}
ELEMENT_KEYWORDS = frozenset(keyword for keyword, _ in ELEMENTS.values())

_DECODERS = {number: (keyword, _VRS[vr].decode) for number, (keyword, vr) in ELEMENTS.items()}
_ENCODERS = {keyword: (number, _VRS[vr].encode) for number, (keyword, vr) in ELEMENTS.items()}


def decode(data: bytes) -> dict[str, Any]:
    """The command set that ``data`` is; elements that Table E.1-1 does not have are passed over.

    :raise ProtocolViolation: an element of another group, one that does not fit, or a value that
        its VR does not allow
    """
    prepared = _PREPARED_BY_LENGTH.get(len(data))
    command = None if prepared is None else prepared.decode(data)
    return _decode(data) if command is None else command


def _decode(data: bytes) -> dict[str, Any]:
    command: dict[str, Any] = {}
    at, end = 0, len(data)
    while at < end:
        if end - at < 8:
            raise ProtocolViolation(f"{end - at} bytes where an element's header of 8 should be")
        group, number, length = _HEADER.unpack_from(data, at)
        at += 8
        if group != 0:
            raise ProtocolViolation(f"element ({group:04x},{number:04x}) in a command set")
        if length > end - at:
            raise ProtocolViolation(
                f"element (0000,{number:04x}) announces {length} bytes, {end - at} are left"
            )
        known = _DECODERS.get(number)
        if known is not None:
            keyword, decode_value = known
            try:
                command[keyword] = decode_value(data[at : at + length])
            except (struct.error, UnicodeDecodeError):
                raise ProtocolViolation(
                    f"element (0000,{number:04x}) {keyword} has a value that its VR does not allow"
                ) from None
        at += length
    return command


def encode(command: CommandSet) -> bytes:
    """The bytes of a command set, its group length computed.

    :raise KeyError: a keyword that Table E.1-1 does not have
    :raise ValueError: a value that its element cannot hold
    """
    prepared = _PREPARED.get(command.get("CommandField", 0))
    try:
        data = None if prepared is None else prepared.encode(command)
        return _encode(command) if data is None else data
    except (struct.error, UnicodeEncodeError) as error:
        raise ValueError(f"command set {command!r} cannot be encoded: {error}") from None


def _encode(command: CommandSet) -> bytes:
    parts = []
    last = 0  # so that the group length of a decoded command set is left out
    for keyword, value in command.items():
        number, encode_value = _ENCODERS[keyword]
        if number <= last:
            return _encode(_in_order(command))
        last = number
        data = encode_value(value)
        parts.append(_HEADER.pack(0, number, len(data)))
        parts.append(data)
    body = b"".join(parts)
    return _HEADER.pack(0, 0, 4) + _UL.pack(len(body)) + body


def _in_order(command: CommandSet) -> CommandSet:
    """The same elements by ascending number, as they are sent (PS3.7 6.3.1)."""
    keywords = sorted(command, key=lambda keyword: _ENCODERS[keyword][0])
    return {keyword: command[keyword] for keyword in keywords if keyword != "CommandGroupLength"}


class _Prepared:
    """A command set that is always the same but for its Message ID, with its bytes.

    It is coded by the same functions as all others, once.
    """

    __slots__ = ("_after", "_before", "_command", "_decoded", "_keyword", "length")

    def __init__(self, keyword: str, command: CommandSet) -> None:
        self._keyword = keyword
        self._command = {**command, keyword: 0}
        data = _encode(self._command)
        self._decoded = _decode(data)
        number, encode_value = _ENCODERS[keyword]
        header = _HEADER.pack(0, number, 2)
        before, self._after = data.split(header + encode_value(0))
        self._before = before + header
        self.length = len(data)

    def decode(self, data: bytes) -> dict[str, Any] | None:
        """The command set that the bytes are, which have the same length; None if another one."""
        if not (data.startswith(self._before) and data.endswith(self._after)):
            return None
        command = self._decoded.copy()
        (command[self._keyword],) = _US.unpack_from(data, len(self._before))
        return command

    def encode(self, command: CommandSet) -> bytes | None:
        """The bytes of the command set, or None if it is another one.

        :raise struct.error: the Message ID is none
        """
        message_id = command.get(self._keyword)
        if message_id is None or {**command, self._keyword: 0} != self._command:
            return None
        return self._before + _US.pack(message_id) + self._after


# The messages of the Verification Service as nearly all of them are (PS3.7 9.3.5).
_C_ECHO = {"AffectedSOPClassUID": VERIFICATION, "CommandDataSetType": NO_DATA_SET}
_PREPARED = {
    C_ECHO_RQ: _Prepared("MessageID", {**_C_ECHO, "CommandField": C_ECHO_RQ}),
    C_ECHO_RQ | RESPONSE: _Prepared(
        "MessageIDBeingRespondedTo",
        {**_C_ECHO, "CommandField": C_ECHO_RQ | RESPONSE, "Status": 0x0000},
    ),
}
_PREPARED_BY_LENGTH = {prepared.length: prepared for prepared in _PREPARED.values()}
