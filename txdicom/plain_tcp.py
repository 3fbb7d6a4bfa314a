"""What a plain TCP connection can do and a wrapped one cannot: send, and acknowledge, at once.

``transport.write`` sends in the reactor's next turn, which takes it three system calls more than
sending now. And a peer that writes each PDU in two pieces with Nagle's algorithm on, as DCMTK does
by default, keeps the second one back until the first is acknowledged, which the kernel puts off for
40 ms.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Any

from twisted.internet.tcp import Connection

_QUICKACK = getattr(socket, "TCP_QUICKACK", None)


def is_plain_tcp(transport: object) -> bool:
    """Whether the transport is a TCP socket itself, and not wrapped in TLS or another protocol.

    A wrapper passes its attributes on, so that what they are named says nothing.
    """
    if not isinstance(transport, Connection) or transport.TLS:
        return False
    return transport.socket.family in (socket.AF_INET, socket.AF_INET6)


def send_now(transport: Any, data: bytes) -> bytes:
    """Send what the socket takes now. Returns the rest, which is to be written.

    Nothing may wait in the transport to be sent before it.
    """
    if transport.TLS or transport.disconnecting:  # startTLS may have been called
        return data
    sent = transport.writeSomeData(data)
    # What is not a number is a failure, which the transport comes upon when it is written to.
    return data[sent:] if isinstance(sent, int) else data


def acknowledge_now(transport: Any) -> None:
    """Have the kernel acknowledge what was received, where it can."""
    if _QUICKACK is not None:
        with suppress(OSError):  # the connection may be gone
            transport.socket.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
