"""The sink for SCUs: canned answers on blocking sockets, one connection at a time.

python -m benchmarks.sink PORT
"""

from __future__ import annotations

import socket
import struct
import sys

from benchmarks.meter import bound_lifetime
from benchmarks.wire import Answers

#: Seconds after which a silent client is left.
PATIENCE = 10


def serve(connection: socket.socket) -> None:
    """Answer until the client closes."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", PATIENCE, 0))
    answers = Answers()
    try:
        while data := connection.recv(65536):
            connection.sendall(answers.to(data))
    except OSError:
        pass  # reset, or silent for too long: the client's own count says what it missed


def main() -> None:
    """Serve one client after the other, for the lifetime of a benchmark's process."""
    bound_lifetime()
    with socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=128) as listening:
        while True:
            connection, _ = listening.accept()
            with connection:
                serve(connection)


if __name__ == "__main__":
    main()
