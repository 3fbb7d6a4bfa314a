"""The bytes of a C-ECHO exchange, made once: what load and sinks send without a DICOM library.

They are written out here, and not made with txdicom, so that what is measured does not measure
itself, and a mistake of its codec is not answered by the same mistake.
"""

from __future__ import annotations

import struct

ASSOCIATE_RQ, ASSOCIATE_AC, P_DATA_TF, RELEASE_RQ, RELEASE_RP = 1, 2, 4, 5, 6
HEADER = struct.Struct(">BxI")

_VERIFICATION = b"1.2.840.10008.1.1"
_IMPLICIT_VR_LITTLE_ENDIAN = b"1.2.840.10008.1.2"
_APPLICATION_CONTEXT = b"1.2.840.10008.3.1.1.1"
_IMPLEMENTATION = b"2.25.185920468401923740192837465"
_CONTEXT_ID = 1
_ID_MARK = b"\xab\xcd"


def _pdu(kind: int, body: bytes) -> bytes:
    return HEADER.pack(kind, len(body)) + body


def _item(kind: int, *parts: bytes) -> bytes:
    value = b"".join(parts)
    return struct.pack(">BxH", kind, len(value)) + value


def _associate(kind: int, contexts: bytes, *further: bytes) -> bytes:
    """An A-ASSOCIATE-RQ or -AC, with further items of its user information."""
    fixed = struct.pack(">Hxx16s16s32x", 1, b"ANY-SCP".ljust(16), b"BENCHMARK".ljust(16))
    user_information = _item(
        0x50, _item(0x51, struct.pack(">I", 16384)), _item(0x52, _IMPLEMENTATION), *further
    )
    return _pdu(kind, fixed + _item(0x10, _APPLICATION_CONTEXT) + contexts + user_information)


def _us(element: int, value: int) -> bytes:
    return struct.pack("<HHIH", 0, element, 2, value)


def _around_id(before: bytes, after: bytes) -> tuple[bytes, bytes]:
    """A P-DATA-TF with a command set, as what stands before and after the Message ID."""
    uid = _VERIFICATION + b"\0"
    elements = struct.pack("<HHI", 0, 0x0002, len(uid)) + uid + before + _ID_MARK + after
    command = struct.pack("<HHII", 0, 0, 4, len(elements)) + elements
    pdv = struct.pack(">IBB", len(command) + 2, _CONTEXT_ID, 3) + command
    head, tail = _pdu(P_DATA_TF, pdv).split(_ID_MARK)
    return head, tail


_ID_HEADER = struct.Struct("<HHI")
_REQUEST = _around_id(_us(0x0100, 0x0030) + _ID_HEADER.pack(0, 0x0110, 2), _us(0x0800, 0x0101))
_RESPONSE = _around_id(
    _us(0x0100, 0x8030) + _ID_HEADER.pack(0, 0x0120, 2), _us(0x0800, 0x0101) + _us(0x0900, 0)
)

_SYNTAX = _item(0x40, _IMPLICIT_VR_LITTLE_ENDIAN)
REQUEST = _associate(
    ASSOCIATE_RQ, _item(0x20, bytes((_CONTEXT_ID, 0, 0, 0)), _item(0x30, _VERIFICATION), _SYNTAX)
)
_ACCEPTED = _item(0x21, bytes((_CONTEXT_ID, 0, 0, 0)), _SYNTAX)
ACCEPT = _associate(ASSOCIATE_AC, _ACCEPTED)

#: So many operations may be outstanding where a window is asked for.
WINDOW = 16
_WINDOW_HEADER = struct.pack(">BxH", 0x53, 4)
_ACCEPT_WINDOW = _associate(ASSOCIATE_AC, _ACCEPTED, _WINDOW_HEADER + struct.pack(">HH", WINDOW, 1))
RELEASE = _pdu(RELEASE_RQ, bytes(4))
RELEASED = _pdu(RELEASE_RP, bytes(4))


def large_request(contexts: int = 128, syntaxes: int = 38) -> bytes:
    """An A-ASSOCIATE-RQ as large as DCMTK makes them, with UIDs of the usual lengths."""
    items = [
        _item(
            0x20,
            bytes((2 * number + 1, 0, 0, 0)),
            _item(0x30, b"1.2.840.10008.5.1.4.1.1.%d.1" % (100 + number)),
            *[_item(0x40, b"1.2.840.10008.1.2.4.%d" % (50 + n)) for n in range(syntaxes)],
        )
        for number in range(contexts)
    ]
    return _associate(ASSOCIATE_RQ, b"".join(items))


def data_pdu(length: int) -> bytes:
    """A P-DATA-TF of so many bytes, header included: part of a data set in one PDV."""
    size = length - HEADER.size - 4
    return _pdu(P_DATA_TF, struct.pack(">IBB", size, _CONTEXT_ID, 0) + bytes(size - 2))


def command_set(echo: bytes) -> bytes:
    """The command set that a P-DATA-TF carries in one PDV."""
    return echo[HEADER.size + 6 :]


def echo_request(message_id: int) -> bytes:
    """A P-DATA-TF with a C-ECHO-RQ."""
    return message_id.to_bytes(2, "little").join(_REQUEST)


def echo_response(message_id: bytes) -> bytes:
    """A P-DATA-TF with a C-ECHO-RSP, Success, to the two bytes of a Message ID."""
    return message_id.join(_RESPONSE)


class Answers:
    """What an acceptor answers on one connection, told by the type of each PDU alone."""

    def __init__(self) -> None:
        self._rest = b""

    def to(self, data: bytes) -> bytes:
        """The answers to what was received; the part of a PDU is kept for the next time."""
        data = self._rest + data
        answers = []
        at = 0
        while len(data) - at >= HEADER.size:
            kind, length = HEADER.unpack_from(data, at)
            end = at + HEADER.size + length
            if end > len(data):
                break
            if kind == P_DATA_TF:
                # The Message ID is the last value but for one whole element of ten bytes.
                answers.append(echo_response(data[end - 12 : end - 10]))
            elif kind == ASSOCIATE_RQ:
                asks = data.find(_WINDOW_HEADER, at, end) >= 0
                answers.append(_ACCEPT_WINDOW if asks else ACCEPT)
            elif kind == RELEASE_RQ:
                answers.append(RELEASED)
            at = end
        self._rest = data[at:]
        return b"".join(answers)


def elements_of(echo: bytes) -> dict[int, bytes]:
    """The values of the command set that a P-DATA-TF carries in one PDV, by element number."""
    values = {}
    at = HEADER.size + 6
    while at < len(echo):
        _, number, length = _ID_HEADER.unpack_from(echo, at)
        at += 8 + length
        values[number] = echo[at - length : at]
    return values
