"""Bytes to attack with, and plain sockets to send them on."""

from __future__ import annotations

import socket
import struct
from contextlib import suppress

from txdicom.dimse.command import C_ECHO_RQ, NO_DATA_SET
from txdicom.dimse.message import Message, fragment
from txdicom.uids import APPLICATION_CONTEXT, IMPLICIT_VR_LITTLE_ENDIAN, VERIFICATION
from txdicom.upperlayer import pdu
from txdicom.upperlayer.items import PresentationContextRQ
from txdicom.upperlayer.user_information import UserInformation

HOST = "127.0.0.1"

#: Seconds that a plain socket waits.
PATIENCE = 10.0


def request(called: str = "ANY-SCP", calling: str = "PEER", *items: UserInformation) -> bytes:
    """An A-ASSOCIATE-RQ for Verification on context 1."""
    context = PresentationContextRQ(1, VERIFICATION, (IMPLICIT_VR_LITTLE_ENDIAN,))
    return pdu.AssociateRQ(called, calling, (context,), items).encode()


def echo_rq(message_id: int) -> bytes:
    """A P-DATA-TF with a C-ECHO-RQ."""
    message = Message(
        1,
        {
            "AffectedSOPClassUID": VERIFICATION,
            "CommandField": C_ECHO_RQ,
            "MessageID": message_id,
            "CommandDataSetType": NO_DATA_SET,
        },
    )
    (only,) = fragment(message, 0)
    return only.encode()


def header(kind: int, length: int) -> bytes:
    """A PDU's header."""
    return pdu.HEADER.pack(kind, length)


def item(kind: int, value: bytes, length: int | None = None) -> bytes:
    """An item, with a length that may be a lie."""
    return struct.pack(">BxH", kind, len(value) if length is None else length) + value


def request_of(body: bytes) -> bytes:
    """An A-ASSOCIATE-RQ with these bytes where its items should be."""
    fixed = struct.pack(">Hxx16s16s32x", 1, b"ANY-SCP".ljust(16), b"PEER".ljust(16))
    items = item(0x10, APPLICATION_CONTEXT.encode()) + body
    return header(1, len(fixed) + len(items)) + fixed + items


def pdv(data: bytes, control: int) -> bytes:
    """A P-DATA-TF with one fragment on context 1."""
    value = pdu.PresentationDataValue(1, bool(control & 1), bool(control & 2), data)
    return pdu.PDataTF((value,)).encode()


REQUEST = request()
RELEASE_RQ = pdu.ReleaseRQ().encode()
ABORT = pdu.Abort().encode()


def receive_pdu(connection: socket.socket) -> bytes:
    """One PDU; OSError when none comes."""
    data = _receive(connection, 6)
    return data + _receive(connection, int.from_bytes(data[2:6], "big"))


def _receive(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise OSError(f"closed after {data.hex()!r}")
        data += more
    return data


def connected(port: int, *sent: bytes) -> socket.socket:
    """A connection on which something is sent."""
    connection = socket.create_connection((HOST, port), PATIENCE)
    for data in sent:
        connection.sendall(data)
    return connection


def associated(port: int, *sent: bytes) -> socket.socket:
    """A connection with an association, on which something is sent then."""
    connection = connected(port, REQUEST)
    answer = receive_pdu(connection)
    if answer[0] != 2:
        raise OSError(f"not accepted: {answer.hex()}")
    for data in sent:
        connection.sendall(data)
    return connection


def reset(connection: socket.socket) -> None:
    """Close with a RST and nothing else."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def answers(connection: socket.socket) -> bytes:
    """All that comes until the connection is closed, by whatever."""
    received = b""
    with suppress(ConnectionResetError):
        while more := connection.recv(65_536):
            received += more
    return received
