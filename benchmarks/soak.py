"""A server among honest and broken peers, for as long as wanted.

It tells what was done, and the server's memory and descriptors at the start and at the end. It
fails when an honest peer did, or when they did not come back.

    python -m benchmarks.soak --seconds N
"""

from __future__ import annotations

import argparse
import collections
import os
import random
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from benchmarks import wire
from benchmarks.load import connect, receive_pdu, reset
from benchmarks.meter import memory
from benchmarks.peers import Peer, Server, running

#: Honest peers at once, broken peers at once, and those of them that only hold a connection.
HONEST, BROKEN, IDLE = 4, 12, 100

#: Memory that the server may keep, in MiB; seconds until all its connections have to be gone.
KEPT, SETTLE = 16, 15

# At this signal the server gives back what it has no use for, so that what is left is in use.
_TIDY = """
import ctypes, gc, signal
def tidy(number, frame):
    gc.collect()
    getattr(ctypes.CDLL(None), "malloc_trim", id)(0)
signal.signal(signal.SIGUSR2, tidy)
from twisted.scripts.twistd import run
run()
"""

_TIME_OUTS = {
    "artim": 3,
    "pdu-timeout": 3,
    "closing-timeout": 1,
    "write-timeout": 3,
    "network-timeout": 10,
}

SERVER = Peer(
    "txdicom",
    (
        *(sys.executable, "-c", _TIDY),
        *("-n", "--pidfile=", "dicom", "--listen", "tcp:{port}:interface=127.0.0.1"),
        *(f"--{name}={seconds}" for name, seconds in _TIME_OUTS.items()),
    ),
    "txdicom",
)


class Tally:
    """What was done, what the honest peers had to bear, and the server's figures meanwhile."""

    def __init__(self) -> None:
        self.done: collections.Counter[str] = collections.Counter()
        self.failures: list[str] = []
        self.seconds: list[float] = []
        self.stop = threading.Event()
        self.busy: Figures | None = None


def associated(port: int) -> socket.socket:
    """A connection with an association."""
    connection = connect(port)
    connection.sendall(wire.REQUEST)
    answer = receive_pdu(connection)
    if answer[0] != wire.ASSOCIATE_AC:
        raise OSError(f"not accepted: {answer.hex(' ')}")
    return connection


# Honest peers


def honest(port: int, draw: random.Random) -> None:
    """Associate, echo a few times, release."""
    with associated(port) as connection:
        for _ in range(draw.choice((1, 1, 5, 50))):
            message_id = draw.randrange(1 << 16)
            connection.sendall(wire.echo_request(message_id))
            said = wire.elements_of(receive_pdu(connection))
            if (said.get(0x0120), said.get(0x0900)) != (message_id.to_bytes(2, "little"), b"\0\0"):
                raise OSError(f"not the response to message {message_id}: {said}")
        connection.sendall(wire.RELEASE)
        if receive_pdu(connection) != wire.RELEASED:
            raise OSError("not released")


# Broken peers


def closes(port: int, draw: random.Random) -> None:
    """Connect and close."""
    connect(port).close()


def half_request(port: int, draw: random.Random) -> None:
    """Close in the request."""
    with connect(port) as connection:
        connection.sendall(wire.REQUEST[: draw.randrange(len(wire.REQUEST))])


def garbage(port: int, draw: random.Random) -> None:
    """Anything but DICOM, and wait for the end."""
    with connect(port) as connection:
        connection.sendall(draw.randbytes(draw.randrange(1, 2_000)))
        while connection.recv(65_536):
            pass


def mutated_request(port: int, draw: random.Random) -> None:
    """A request with some bytes wrong."""
    data = bytearray(wire.REQUEST)
    for _ in range(3):
        data[draw.randrange(6, len(data))] = draw.randrange(256)
    with connect(port) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65_536):
            pass


def too_long(port: int, draw: random.Random) -> None:
    """Announce more than may be, and send on."""
    with associated(port) as connection:
        connection.sendall(wire.HEADER.pack(wire.P_DATA_TF, 0xFFFFFFFF) + bytes(200_000))


def empty_pdus(port: int, draw: random.Random) -> None:
    """A flood of PDUs without anything in them."""
    with associated(port) as connection:
        connection.sendall(wire.HEADER.pack(wire.P_DATA_TF, 0) * 5_000)


def unread(port: int, draw: random.Random) -> None:
    """Thousands of echoes, none of them read, and a RST."""
    connection = associated(port)
    connection.sendall(wire.echo_request(1) * 3_000)
    reset(connection)


def vanishes(port: int, draw: random.Random) -> None:
    """RST in the middle of a PDU."""
    connection = associated(port)
    connection.sendall(wire.echo_request(1)[:40])
    reset(connection)


def leaves(port: int, draw: random.Random) -> None:
    """Close without a release."""
    associated(port).close()


BROKEN_PEERS: tuple[Callable[[int, random.Random], None], ...] = (
    *(closes, half_request, garbage, mutated_request, too_long),
    *(empty_pdus, unread, vanishes, leaves),
)


def honest_peers(port: int, tally: Tally, draw: random.Random) -> None:
    """Until it is over."""
    while not tally.stop.wait(draw.random() * 0.05):
        begin = time.monotonic()
        try:
            honest(port, draw)
        except (OSError, SystemExit) as error:
            tally.failures.append(f"{error!r}")
        else:
            tally.seconds.append(time.monotonic() - begin)
            tally.done["honest"] += 1


def broken_peers(port: int, tally: Tally, draw: random.Random) -> None:
    """Likewise."""
    while not tally.stop.wait(0.01):
        peer = draw.choice(BROKEN_PEERS)
        # The server may have had enough of it before it is through.
        with suppress(OSError, SystemExit):
            peer(port, draw)
        tally.done[peer.__name__] += 1


def idle_peers(port: int, tally: Tally, draw: random.Random) -> None:
    """Those that connect, say nothing or half a PDU, and wait until they are cut off."""
    while not tally.stop.is_set():
        with suppress(OSError):
            held = [connect(port) for _ in range(IDLE)]
            for connection in held[::2]:
                connection.sendall(wire.REQUEST[:50])
            tally.done["idle"] += len(held)
            tally.stop.wait(5)
            for connection in held:
                connection.close()


class Figures:
    """Memory and descriptors of a process."""

    def __init__(self, server: Server) -> None:
        self.memory = memory(server.pid) / 2**20
        self.descriptors = len(os.listdir(f"/proc/{server.pid}/fd"))

    def __str__(self) -> str:
        return f"{self.memory:.1f} MiB, {self.descriptors} descriptors"


def settled(server: Server, descriptors: int) -> Figures:
    """The figures once the connections are gone, or should be."""
    end = time.monotonic() + SETTLE
    while Figures(server).descriptors > descriptors and time.monotonic() < end:
        time.sleep(0.2)
    os.kill(server.pid, signal.SIGUSR2)
    time.sleep(0.5)
    return Figures(server)


def mixed(server: Server, seconds: float, seed: int) -> Tally:
    """All kinds of peers for so long."""
    tally = Tally()
    kinds = [honest_peers] * HONEST + [broken_peers] * BROKEN + [idle_peers]
    threads = [
        threading.Thread(target=kind, args=(server.port, tally, random.Random(f"{seed} {number}")))
        for number, kind in enumerate(kinds)
    ]
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    tally.busy = Figures(server)
    tally.stop.set()
    for thread in threads:
        thread.join()
    return tally


def soak(seconds: float, seed: int) -> int:
    """Returns how many things are wrong."""
    with running(SERVER) as server:
        honest(server.port, random.Random(seed))
        idle = Figures(server)
        # A tenth of the time, for what a server makes once.
        mixed(server, seconds / 10, seed)
        start = settled(server, idle.descriptors)
        print(f"idle:  {idle}\nstart: {start}", flush=True)
        tally = mixed(server, seconds * 9 / 10, seed + 1)
        end = settled(server, start.descriptors)
        honest(server.port, random.Random(seed))
    print(f"busy:  {tally.busy}\nend:   {end}")
    for name, count in sorted(tally.done.items()):
        print(f"{name:16} {count:8}")
    ordered = sorted(tally.seconds)
    if ordered:
        p99 = ordered[int(len(ordered) * 0.99)] * 1000
        print(f"honest: median {ordered[len(ordered) // 2] * 1000:.1f} ms, p99 {p99:.1f} ms")
    wrong = faults(tally, start, end)
    print("\n".join(wrong) or "all came back")
    return len(wrong)


def faults(tally: Tally, start: Figures, end: Figures) -> list[str]:
    """What is wrong, a line each."""
    wrong = []
    if tally.failures:
        wrong.append(f"{len(tally.failures)} honest peers failed: {tally.failures[0]}")
    if not tally.seconds:
        wrong.append("no honest peer was served")
    if end.descriptors > start.descriptors:
        wrong.append(f"{end.descriptors - start.descriptors} descriptors did not come back")
    if end.memory > start.memory + KEPT:
        wrong.append(f"{end.memory - start.memory:.1f} MiB did not come back")
    return wrong


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    sys.exit(min(1, soak(options.seconds, options.seed)))
