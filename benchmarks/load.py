"""The load on an SCP: a client on blocking sockets that sends bytes made before.

The first answer of each kind is taken apart and verified. All others have to be the same bytes,
but for the Message ID.

    python -m benchmarks.load CASE PORT COUNT SECONDS --pid PID_OF_THE_SERVER
"""

from __future__ import annotations

import re
import select
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache

from benchmarks import meter, wire
from benchmarks.meter import Meter

#: Seconds that an answer may take.
PATIENCE = 10

#: Message IDs go from 1 to this, and then again.
MESSAGE_IDS = 512

# Python has it from 3.12 on. Without it the port would be taken from all other addresses, too.
_IP_BIND_ADDRESS_NO_PORT = 24

# A presentation context item of an A-ASSOCIATE-AC: context 1, result 0.
_CONTEXT_ACCEPTED = re.compile(rb"\x21...\x01.\x00.\x40", re.DOTALL)

_REQUESTS = [wire.echo_request(number) for number in range(1, MESSAGE_IDS + 1)]


def connect(port: int, source: str | None = None) -> socket.socket:
    """A connection that gives up waiting: by socket options, as time-outs of Python's cost a poll
    before each call."""
    connection = socket.socket()
    connection.settimeout(PATIENCE)
    if source is not None:
        connection.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
        connection.bind((source, 0))
    connection.connect(("127.0.0.1", port))
    connection.setblocking(True)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        connection.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", PATIENCE, 0))
    return connection


def reset(connection: socket.socket) -> None:
    """Close with a RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def receive(connection: socket.socket, size: int) -> bytes:
    """So many bytes."""
    data = connection.recv(size)
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise SystemExit(f"the server closed the connection after {data!r}")
        data += more
    return data


def receive_pdu(connection: socket.socket) -> bytes:
    """A PDU of unknown length."""
    header = receive(connection, wire.HEADER.size)
    return header + receive(connection, wire.HEADER.unpack(header)[1])


def expect(seen: bytes, expected: bytes, what: str) -> None:
    """End the process if the answer is not the one that is to come."""
    if seen != expected:
        raise SystemExit(f"a wrong {what}: {seen.hex(' ')} instead of {expected.hex(' ')}")


@cache
def accept_of(port: int) -> bytes:
    """The server's A-ASSOCIATE-AC."""
    with connect(port) as connection:
        connection.sendall(wire.REQUEST)
        accept = receive_pdu(connection)
        if accept[0] != wire.ASSOCIATE_AC or not _CONTEXT_ACCEPTED.search(accept):
            raise SystemExit(f"not the A-ASSOCIATE-AC that was expected: {accept.hex(' ')}")
        connection.sendall(wire.RELEASE)
        expect(receive_pdu(connection), wire.RELEASED, "A-RELEASE-RP")
    return accept


@cache
def responses_of(port: int) -> list[bytes]:
    """The server's C-ECHO-RSP to each Message ID."""
    accept = accept_of(port)
    with connect(port) as connection:
        associate(connection, accept)
        marked_id = 0xA5C3
        connection.sendall(wire.echo_request(marked_id))
        response = receive_pdu(connection)
        release(connection)
    marked = marked_id.to_bytes(2, "little")
    values = wire.elements_of(response)
    said = (values.get(0x0100), values.get(0x0120), values.get(0x0900))
    if said != (b"\x30\x80", marked, b"\0\0") or response.count(marked) != 1:
        raise SystemExit(f"not the C-ECHO-RSP that was expected: {response.hex(' ')}")
    head, tail = response.split(marked)
    return [head + n.to_bytes(2, "little") + tail for n in range(1, MESSAGE_IDS + 1)]


def associate(connection: socket.socket, accept: bytes) -> None:
    """Associate on a connection."""
    connection.sendall(wire.REQUEST)
    expect(receive(connection, len(accept)), accept, "A-ASSOCIATE-AC")


def release(connection: socket.socket) -> None:
    """Release an association."""
    connection.sendall(wire.RELEASE)
    expect(receive(connection, len(wire.RELEASED)), wire.RELEASED, "A-RELEASE-RP")


def exchange(connection: socket.socket, responses: list[bytes], outstanding: int, m: Meter) -> None:
    """Echo with so many requests outstanding, a new one for each answer."""
    size = len(responses[0])
    connection.sendall(b"".join(_REQUESTS[:outstanding]))
    sent = outstanding
    rest = b""
    while m.goes_on:
        data = rest + connection.recv(65536)
        if data == rest:
            raise SystemExit("the server closed the connection")
        answers = len(data) // size
        for at in range(answers):
            expected = responses[m.done % MESSAGE_IDS]
            if not data.startswith(expected, at * size):
                expect(data[at * size :][:size], expected, "C-ECHO-RSP")
            m.done += 1
        rest = data[answers * size :]
        if answers:
            requests = [_REQUESTS[number % MESSAGE_IDS] for number in range(sent, sent + answers)]
            connection.sendall(b"".join(requests))
            sent += answers
    receive(connection, (sent - m.done) * size - len(rest))


def echoes(port: int, outstanding: int, m: Meter) -> None:
    """Echoes on one association."""
    responses = responses_of(port)
    accept = accept_of(port)
    with connect(port) as connection:
        associate(connection, accept)
        m.begin()
        exchange(connection, responses, outstanding, m)
        m.end()
        release(connection)


def echoes_at_once(port: int, at_once: int, m: Meter) -> None:
    """Echoes on so many associations, each with one outstanding."""
    responses = responses_of(port)
    size = len(responses[0])
    with ExitStack() as stack:
        readable = select.epoll()
        connections = {}
        for _ in range(at_once):
            connection = stack.enter_context(connect(port))
            associate(connection, accept_of(port))
            connections[connection.fileno()] = connection
            readable.register(connection, select.EPOLLIN)
        m.begin()
        for number, connection in enumerate(connections.values()):
            connection.sendall(_REQUESTS[number % MESSAGE_IDS])
        sent = dict(zip(connections, range(at_once), strict=True))
        while sent:
            ready = readable.poll(PATIENCE)
            if not ready:
                raise SystemExit(f"no answer in {PATIENCE} seconds")
            for descriptor, _ in ready:
                number = sent.pop(descriptor) % MESSAGE_IDS
                connection = connections[descriptor]
                expect(receive(connection, size), responses[number], "C-ECHO-RSP")
                m.done += 1
                if m.goes_on:
                    sent[descriptor] = number + 1
                    connection.sendall(_REQUESTS[(number + 1) % MESSAGE_IDS])
        m.end()
        for connection in connections.values():
            release(connection)


def one_association(port: int) -> Iterator[socket.socket]:
    """Connect, associate, echo, release, close; yields when an answer is to be waited for."""
    accept, response = accept_of(port), responses_of(port)[0]
    with connect(port) as connection:
        connection.sendall(wire.REQUEST)
        yield connection
        expect(receive(connection, len(accept)), accept, "A-ASSOCIATE-AC")
        connection.sendall(_REQUESTS[0])
        yield connection
        expect(receive(connection, len(response)), response, "C-ECHO-RSP")
        connection.sendall(wire.RELEASE)
        yield connection
        expect(receive(connection, len(wire.RELEASED)), wire.RELEASED, "A-RELEASE-RP")


def associations(port: int, m: Meter) -> None:
    """Associations, one after the other."""
    responses_of(port)
    while m.goes_on:
        for _ in one_association(port):
            pass  # the next step waits for its answer by itself
        m.done += 1


def associations_at_once(port: int, at_once: int, m: Meter) -> None:
    """Associations, so many at a time, each going on when it has its answer."""
    responses_of(port)
    readable = select.poll()
    waiting: dict[int, Iterator[socket.socket]] = {}

    def begin() -> None:
        steps = one_association(port)
        descriptor = next(steps).fileno()
        waiting[descriptor] = steps
        readable.register(descriptor, select.POLLIN)

    for _ in range(at_once):
        begin()
    while waiting:
        ready = readable.poll(PATIENCE * 1000)
        if not ready:
            raise SystemExit(f"no answer in {PATIENCE} seconds")
        for descriptor, _ in ready:
            if next(waiting[descriptor], None) is not None:
                continue
            del waiting[descriptor]
            readable.unregister(descriptor)
            m.done += 1
            if m.goes_on:
                begin()


CASES = {
    "echo": lambda port, m: echoes(port, 1, m),
    "echo10": lambda port, m: echoes_at_once(port, 10, m),
    "echo100": lambda port, m: echoes_at_once(port, 100, m),
    "echo16": lambda port, m: echoes(port, 16, m),
    "associations": associations,
    "associations10": lambda port, m: associations_at_once(port, 10, m),
    "associations100": lambda port, m: associations_at_once(port, 100, m),
}

if __name__ == "__main__":
    meter.main(CASES)
