"""Who is measured: the commands as data, and their processes."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent

#: Seconds for a server to answer after its start.
START = 20


class Peer(NamedTuple):
    """One who is measured.

    :ivar command: how it is started; ``{port}`` stands for the port
    :ivar needs: the module, or else the program, without which it is skipped
    :ivar environment: what it has in its environment besides
    :ivar lacks: the cases that it has no way to run
    """

    name: str
    command: tuple[str, ...]
    needs: str
    environment: Mapping[str, str] = {}
    lacks: tuple[str, ...] = ()

    @property
    def is_there(self) -> bool:
        """Whether it is installed."""
        return bool(shutil.which(self.needs) or find_spec(self.needs))


def module(name: str, *arguments: str) -> tuple[str, ...]:
    """The command that runs a module of this package."""
    return (sys.executable, "-m", f"benchmarks.{name}", *arguments)


STORESCP = Peer(
    "DCMTK storescp",
    ("storescp", "-ll", "fatal", "-dhl", "{port}"),
    "storescp",
    # Without it each answer waits for a delayed acknowledgement, and nothing else is measured.
    {"TCP_NODELAY": "1"},
    # It serves one association after the other, and few connections wait for their turn.
    lacks=("echo10", "echo100", "associations100"),
)

# The first is the one whose ratios to the others are printed.
SCPS = (
    Peer(
        "txdicom",
        (
            *(sys.executable, "-c", "from twisted.scripts.twistd import run; run()"),
            *("-n", "--pidfile=", "dicom", "--listen", "tcp:{port}:interface=127.0.0.1"),
        ),
        "txdicom",
    ),
    Peer("canned Twisted", module("canned_scp", "{port}"), "twisted"),
    STORESCP,
    Peer("pynetdicom", module("pynetdicom_scp", "{port}"), "pynetdicom"),
)

SINK = Peer("sink", module("sink", "{port}"), "socket")

ECHOSCU = Peer(
    "DCMTK echoscu",
    module("echoscu"),
    "echoscu",
    {"TCP_NODELAY": "1"},
    # It has one outstanding, and a process for each association.
    lacks=("lean16", "associations"),
)

# Their commands are continued with case, port, count and seconds.
SCUS = (
    Peer("txdicom", module("txdicom_scu"), "txdicom"),
    # It makes no data sets.
    Peer("canned Twisted", module("canned_scu"), "twisted", lacks=("echo", "lean16")),
    # It has send_c_echo() alone, one outstanding.
    Peer("pynetdicom", module("pynetdicom_scu"), "pynetdicom", lacks=("lean", "lean16")),
    ECHOSCU,
)


class NotServing(SystemExit):
    """A server did not start; ends the program with that message, unless it goes on without it."""


class Server(NamedTuple):
    """A server that runs."""

    pid: int
    port: int


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def environment(peer: Peer) -> dict[str, str]:
    """The peer's environment, in which this package is found."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, **peer.environment}


def pin(process: subprocess.Popen[Any], cpu: int | None) -> None:
    """Let a process that was just started, and the threads that it will have, run on one CPU."""
    if cpu is not None:
        os.sched_setaffinity(process.pid, {cpu})


@contextmanager
def running(peer: Peer, cpu: int | None = None) -> Iterator[Server]:
    """A server's process, from when it listens; it is ended afterwards, by its ID.

    :param cpu: the only one that it runs on
    """
    port = free_port()
    with tempfile.TemporaryDirectory() as directory:
        process = subprocess.Popen(
            [part.replace("{port}", str(port)) for part in peer.command],
            cwd=directory,
            env=environment(peer),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            pin(process, cpu)
            _wait_until_listening(process, port, peer.name)
            yield Server(process.pid, port)
        finally:
            _end(process)


def _wait_until_listening(process: subprocess.Popen[bytes], port: int, name: str) -> None:
    end = time.monotonic() + START
    while time.monotonic() < end:
        if process.poll() is not None:
            raise NotServing(f"{name} ended with status {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise NotServing(f"{name} does not listen after {START} seconds")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(3)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
