"""A server as a process of its own, measured from outside, and honest clients beside an attack."""

from __future__ import annotations

import json
import math
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import ClientFactory, Protocol
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure
from twisted.trial.unittest import SkipTest

from tests.hostile.honest import BEGUN, LEAST
from tests.hostile.wire import HOST
from tests.interop.peers import InteropTestCase, Peer, free_port, poll

#: The plugin's options for time-outs that a test can wait for, in seconds.
ARTIM, PDU_TIMEOUT, CLOSING, WRITE, NETWORK = 2.0, 2.0, 1.0, 2.0, 3.0
OPTIONS = {
    "artim": ARTIM,
    "pdu-timeout": PDU_TIMEOUT,
    "closing-timeout": CLOSING,
    "write-timeout": WRITE,
    "network-timeout": NETWORK,
}

#: How late a time-out may be on a loaded machine, in seconds.
LATE = 2.0

#: How long honest clients may wait for the end of an association, in seconds: 99 of 100.
USUAL = 1.0

MIB = 1 << 20

# Python frees what refers to itself when it likes, and an allocator keeps what is free: neither is
# a leak. At this signal the server does both, so that what is left is what it still refers to.
_TIDY = """
import ctypes, gc, signal
def tidy(number, frame):
    gc.collect()
    getattr(ctypes.CDLL(None), "malloc_trim", id)(0)
signal.signal(signal.SIGUSR2, tidy)
"""
_TWISTD = (sys.executable, "-c", f"{_TIDY}\nfrom twisted.scripts.twistd import run\nrun()")


class Server:
    """A running server.

    :ivar port: where it listens
    :ivar peer: its process
    """

    def __init__(self, peer: Peer, port: int) -> None:
        self.peer = peer
        self.port = port
        self._proc = f"/proc/{peer.transport.pid}"

    def _status(self, name: str) -> int:
        with open(f"{self._proc}/status") as status:
            for line in status:
                if line.startswith(f"{name}:"):
                    return int(line.split()[1]) * 1024
        raise AssertionError(f"no {name}")

    @property
    def memory(self) -> int:
        """Resident memory, in bytes."""
        return self._status("VmRSS")

    def tidy(self) -> None:
        """Have it give back what it has no use for any more."""
        self.peer.transport.signalProcess(signal.SIGUSR2)

    @property
    def most_memory(self) -> int:
        """The most resident memory that there has been."""
        return self._status("VmHWM")

    @property
    def descriptors(self) -> int:
        """How many descriptors are open."""
        return len(os.listdir(f"{self._proc}/fd"))

    @property
    def cpu(self) -> float:
        """Seconds of CPU used so far."""
        with open(f"{self._proc}/stat") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / float(os.sysconf("SC_CLK_TCK"))


class Rounds:
    """What honest clients had to tell.

    :ivar seconds: how long each association took
    :ivar failures: what went wrong with the others
    """

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.failures: list[str] = []

    @property
    def p99(self) -> float:
        """What 99 of 100 took at most."""
        ordered = sorted(self.seconds)
        return ordered[math.ceil(len(ordered) * 0.99) - 1]


class Attacker(Protocol):
    """One bad peer.

    :ivar received: the first 64 KiB that came
    :ivar lived: seconds from the connection to its end, or None while it lasts

    :param said: what it sends at once
    :param then: called with the attacker when the first answer has come
    :param reads: whether it reads at all
    """

    def __init__(
        self,
        said: bytes = b"",
        then: Callable[[Attacker], None] | None = None,
        reads: bool = True,
    ) -> None:
        self.received = bytearray()
        self.lived: float | None = None
        self._said = said
        self._then = then
        self._reads = reads
        self._stream: bytes = b""
        self._left = 0
        self._dripping: IDelayedCall | None = None
        self._gone: list[Deferred[None]] = []

    def connectionMade(self) -> None:
        self._begin = reactor.seconds()
        if not self._reads:
            self.transport.pauseProducing()
        self.transport.write(self._said)

    def dataReceived(self, data: bytes) -> None:
        if len(self.received) < 65_536:
            self.received += data
        then, self._then = self._then, None
        if then is not None:
            then(self)

    def connectionLost(self, reason: Failure) -> None:
        self.lived = reactor.seconds() - self._begin
        if self._dripping is not None:
            self._dripping.cancel()
        gone, self._gone = self._gone, []
        for deferred in gone:
            deferred.callback(None)

    def send(self, data: bytes) -> None:
        """Send something, unless the connection is gone."""
        if self.lived is None:
            self.transport.write(data)

    def stream(self, chunk: bytes, total: int) -> None:
        """Send a chunk again and again, up to so many bytes, as fast as the server takes them."""
        self._stream = chunk
        self._left = total
        self.transport.registerProducer(self, False)

    def drip(self, data: bytes, interval: float) -> None:
        """Send byte after byte, for as long as the connection lasts."""
        self._dripping = None
        if self.lived is None and data:
            self.transport.write(data[:1])
            self._dripping = reactor.callLater(interval, self.drip, data[1:], interval)

    # IPullProducer

    def resumeProducing(self) -> None:
        if self._left <= 0:
            self.transport.unregisterProducer()
            return
        self._left -= len(self._stream)
        self.transport.write(self._stream)

    def stopProducing(self) -> None:
        self._left = 0

    def gone(self) -> Deferred[None]:
        """Fires when the connection is lost."""
        deferred: Deferred[None] = Deferred()
        if self.lived is None:
            self._gone.append(deferred)
        else:
            deferred.callback(None)
        return deferred


class _Connecting(ClientFactory):
    noisy = False

    def __init__(self, attacker: Attacker, connected: Deferred[Attacker]) -> None:
        self._attacker = attacker
        self._connected = connected

    def buildProtocol(self, addr: object) -> Attacker:
        reactor.callLater(0, self._connected.callback, self._attacker)
        return self._attacker

    def clientConnectionFailed(self, connector: Any, reason: Failure) -> None:
        # Crowded out by others before this side knew of the connection.
        reason.trap(ConnectError)
        self._attacker.lived = 0.0
        self._connected.callback(self._attacker)


class HostileTestCase(InteropTestCase):
    """A test with a server that is attacked."""

    timeout = 150

    def setUp(self) -> None:
        if not os.path.exists("/proc/self/status") or not os.path.isdir("/proc/self/fd"):
            raise SkipTest("no /proc here to measure a process by")
        self._attackers: list[Attacker] = []
        self.addCleanup(self._disperse)

    async def _disperse(self) -> None:
        for attacker in self._attackers:
            if attacker.lived is None:
                attacker.transport.abortConnection()
        for attacker in self._attackers:
            await attacker.gone()

    def need_descriptors(self, count: int) -> None:
        """Have so many descriptors here and in the server, or skip the test."""
        from resource import RLIM_INFINITY, RLIMIT_NOFILE, getrlimit, setrlimit

        soft, hard = getrlimit(RLIMIT_NOFILE)
        if soft != RLIM_INFINITY and soft < count:
            if hard != RLIM_INFINITY and hard < count:
                raise SkipTest(f"{count} descriptors are needed, {hard} are to be had")
            setrlimit(RLIMIT_NOFILE, (count, hard))
            self.addCleanup(setrlimit, RLIMIT_NOFILE, (soft, hard))

    async def serve(self, *flags: str, descriptors: int = 0, **options: float) -> Server:
        """Start ``twistd dicom``; it has answered a few echoes when it is measured first.

        :param descriptors: how many it may have
        """
        port = free_port()
        named = {name.replace("_", "-"): value for name, value in options.items()}
        return await self._started(
            port,
            descriptors,
            *(*_TWISTD, "-n", "--pidfile=", "dicom", "--listen", f"tcp:{port}:interface={HOST}"),
            *[f"--{name}={value:g}" for name, value in {**OPTIONS, **named}.items()],
            *flags,
        )

    async def serve_script(self, name: str, *arguments: str) -> Server:
        """Start a server script of this folder; its first argument is the port."""
        port = free_port()
        path = os.path.join(os.path.dirname(os.path.abspath(__file__)), name)
        return await self._started(port, 0, sys.executable, path, str(port), *arguments)

    async def _started(self, port: int, descriptors: int, *command: str) -> Server:
        if descriptors:
            command = ("/bin/sh", "-c", f'ulimit -n {descriptors}; exec "$@"', "sh", *command)
        return Server(await self.start_serving(port, *command), port)

    async def warm(self, server: Server) -> None:
        """Have it answer, so that what it makes once is made, and tidy up."""
        async with self.honest(server):
            await self.sleep(0.5)
        server.tidy()
        await self.sleep(0.2)

    async def sleep(self, seconds: float) -> None:
        """Let an attack go on for a while."""
        await deferLater(reactor, seconds)

    async def in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run what uses plain sockets."""
        return await deferToThread(function, *arguments)

    async def attack(self, server: Server, make: Callable[[], Attacker], count: int) -> list[Any]:
        """So many bad peers, connected."""
        attackers = [make() for _ in range(count)]
        for at in range(0, count, 100):
            connecting = []
            for attacker in attackers[at : at + 100]:
                connected: Deferred[Attacker] = Deferred()
                reactor.connectTCP(HOST, server.port, _Connecting(attacker, connected), 10)
                connecting.append(connected)
            for connected in connecting:
                self._attackers.append(await connected)
        return attackers

    @asynccontextmanager
    async def honest(self, server: Server) -> AsyncIterator[Rounds]:
        """Honest clients while the block runs; what they had to tell is there after it."""
        path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "honest.py")
        rounds = Rounds()
        peer = self.start(sys.executable, path, str(server.port))
        await peer.says(BEGUN)
        try:
            yield rounds
        finally:
            peer.transport.closeStdin()
            await peer.ended()
        told = json.loads(peer.output.splitlines()[-1])
        rounds.seconds, rounds.failures = told["seconds"], told["failures"]

    def assert_served(self, rounds: Rounds) -> None:
        """The honest clients were served, in their usual time."""
        self.assertEqual(rounds.failures, [])
        self.assertGreaterEqual(len(rounds.seconds), LEAST)
        self.assertLess(rounds.p99, USUAL)

    def assert_lived(self, attackers: list[Attacker], seconds: float) -> None:
        """Each was cut off when its time was over, and not before."""
        for attacker in attackers:
            self.assertIsNotNone(attacker.lived, "not cut off")
            self.assertGreater(attacker.lived, seconds - 0.1)
            self.assertLess(attacker.lived, seconds + LATE)

    async def all_gone(self, attackers: list[Attacker]) -> None:
        """Wait until the server has cut them all off."""
        await poll(
            lambda: all(attacker.lived is not None for attacker in attackers),
            lambda: f"{sum(a.lived is None for a in attackers)} are still connected",
        )

    async def assert_comes_back(
        self, server: Server, descriptors: int, memory: int, kept: int = 3 * MIB
    ) -> None:
        """Descriptors and memory are where they were, and an honest client is served.

        :param kept: how much may be kept for the next time, by Python's own allocator
        """
        await poll(
            lambda: server.descriptors <= descriptors,
            lambda: f"{server.descriptors} descriptors, {descriptors} before",
        )
        await self.assert_serves(server.port)
        server.tidy()
        await self.sleep(0.2)
        self.assertLess(server.memory - memory, kept)
