"""How long it takes to start: processes from nothing to their end, servers to their first echo.

All are run in turn, in this one run, and the figures are the medians. The first row of Twisted is
the import of its endpoints and its reactor, without which no Twisted program does anything.
``N x`` after a peer's figure says that txdicom's is N times as large.

    python -m benchmarks.start --rounds 5
"""

from __future__ import annotations

import argparse
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

if not __package__:  # run as a file: its package is to be found
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from benchmarks import table, wire
from benchmarks.peers import SCPS, SINK, START, Peer, environment, free_port, running

#: Seconds in which a process is to end.
PATIENCE = 30

#: Seconds from one attempt to reach a server to the next: what it is measured to.
STEP = 0.002

_IMPORT = "import twisted.internet.endpoints, twisted.internet.reactor"
_TWISTD = SCPS[0].command[:3]


class Start(NamedTuple):
    """What is started in one case, and what is waited for: its end, or its first echo."""

    case: str
    peer: Peer
    serves: bool = False


def _python(name: str, needs: str, *arguments: str) -> Peer:
    return Peer(name, (sys.executable, *arguments), needs)


_TWISTED = "Twisted alone"

# In the commands stands the port: of the server that is asked, or that is to be listened on.
STARTS = (
    Start("version", _python("txdicom", "txdicom", "-m", "txdicom", "--version")),
    Start("version", _python(_TWISTED, "twisted", "-c", _IMPORT)),
    Start("version", Peer("DCMTK", ("echoscu", "--help"), "echoscu")),
    Start("version", _python("pynetdicom", "pynetdicom", "-m", "pynetdicom", "echoscu", "-h")),
    Start("echo", _python("txdicom", "txdicom", "-m", "txdicom", "echo", "-q", "127.0.0.1:{port}")),
    Start("echo", _python(_TWISTED, "twisted", "-c", _IMPORT)),
    Start(
        "echo",
        Peer("DCMTK", ("echoscu", "127.0.0.1", "{port}"), "echoscu", {"TCP_NODELAY": "1"}),
    ),
    Start(
        "echo",
        _python("pynetdicom", "pynetdicom", "-m", "pynetdicom", "echoscu", "127.0.0.1", "{port}"),
    ),
    Start("server", SCPS[0], serves=True),
    Start(
        "server",
        Peer(
            _TWISTED,
            (
                *(*_TWISTD, "-n", "--pidfile=", "-y"),
                str(Path(__file__).with_name("canned_service.py")),
            ),
            "twisted",
            {"BENCHMARK_PORT": "{port}"},
        ),
        serves=True,
    ),
    Start("server", SCPS[2]._replace(name="DCMTK"), serves=True),
    Start("server", SCPS[3], serves=True),
)

ROWS = (
    table.Row("--version (others: --help), ms", "version", "ms", (table.at_most(1, _TWISTED),)),
    table.Row("one echo, ms", "echo", "ms", (table.at_most(1.3, _TWISTED),)),
    table.Row("server to its first echo, ms", "server", "ms", (table.at_most(1_000),)),
)


def _asked(port: int) -> bool:
    """Ask for an echo in canned bytes. Returns whether it was answered."""
    try:
        with (
            socket.create_connection(("127.0.0.1", port), START) as connection,
            connection.makefile("rb") as received,
        ):
            return all(
                _answered(connection, received, request, expected)
                for request, expected in (
                    (wire.REQUEST, wire.ASSOCIATE_AC),
                    (wire.echo_request(1), wire.P_DATA_TF),
                    (wire.RELEASE, wire.RELEASE_RP),
                )
            )
    except OSError:
        return False


def _answered(connection: socket.socket, received: Any, request: bytes, expected: int) -> bool:
    connection.sendall(request)
    header = received.read(wire.HEADER.size)
    if len(header) < wire.HEADER.size:
        return False
    kind, length = wire.HEADER.unpack(header)
    return kind == expected and len(received.read(length)) == length


def time_to_end(peer: Peer, port: int) -> float:
    """Milliseconds from a process's start to its end.

    :raise ValueError: it failed, or did not end
    """
    began = time.perf_counter()
    try:
        ended = subprocess.run(
            [part.replace("{port}", str(port)) for part in peer.command],
            env=environment(peer),
            capture_output=True,
            timeout=PATIENCE,
        )
    except subprocess.TimeoutExpired:
        raise ValueError(f"it did not end in {PATIENCE} s") from None
    if ended.returncode:
        raise ValueError(f"status {ended.returncode}")
    return (time.perf_counter() - began) * 1000


def time_to_first_echo(peer: Peer, _: int) -> float:
    """Milliseconds from a server's start to the first echo that it answered.

    :raise ValueError: it answered none
    """
    port = free_port()
    variables = {
        name: value.replace("{port}", str(port)) for name, value in environment(peer).items()
    }
    with tempfile.TemporaryDirectory() as directory:
        began = time.perf_counter()
        process = subprocess.Popen(
            [part.replace("{port}", str(port)) for part in peer.command],
            cwd=directory,
            env=variables,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            while not _asked(port):
                if process.poll() is not None or time.perf_counter() - began > START:
                    raise ValueError("it answered no echo")
                time.sleep(STEP)
            return (time.perf_counter() - began) * 1000
        finally:
            process.kill()
            process.wait()


def measure(rounds: int) -> tuple[dict[str, Any], list[str]]:
    """The results of each peer and case, for ``table.lines`` with ROWS, and what failed.

    Nothing of the first round counts: with it the files are read from the disk.
    """
    there = [start for start in STARTS if start.peer.is_there]
    for start in STARTS:
        if start not in there:
            print(f"{start.peer.name} is skipped: {start.peer.needs} is not there", file=sys.stderr)
    results: dict[str, Any] = {start.peer.name: defaultdict(list) for start in there}
    failed: list[str] = []
    with running(SINK) as sink:
        for number in range(rounds + 1):
            for start in there:
                timed: Callable[[Peer, int], float]
                timed = time_to_first_echo if start.serves else time_to_end
                try:
                    result = {"ms": timed(start.peer, sink.port)}
                except ValueError as error:
                    failed.append(f"{start.peer.name}, {start.case}: {error}")
                else:
                    if number:
                        results[start.peer.name][start.case].append(result)
    return results, failed


def main() -> int:
    """Measure and report; the status is 1 if txdicom failed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=11, help="of which the medians are taken")
    parser.add_argument("--json", action="store_true", help="print every result as JSON instead")
    chosen = parser.parse_args()
    if chosen.rounds < 1:
        parser.error("--rounds is to be more than 0")
    # A SystemExit, so that the servers are ended with this process.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    results, failed = measure(chosen.rounds)
    run = f"medians of {chosen.rounds} rounds"
    return table.report("start", "start", ROWS, results, failed, run, chosen.json)


if __name__ == "__main__":
    sys.exit(main())
