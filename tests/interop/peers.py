"""Programs beside a test: foreign DICOM peers, and txdicom's own server under twistd and twist.

Nothing here blocks the reactor or waits for a fixed time, and nothing outlives its test.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import SkipTest, TestCase

from txdicom import AE, Limits
from txdicom.sop_class import Verification

HOST = "127.0.0.1"

#: Seconds that a program may take to start, to answer or to end, on a loaded machine.
PATIENCE = 30.0

PYNETDICOM = (sys.executable, "-m", "pynetdicom")


def _console_script(name: str) -> tuple[str, ...]:
    """What runs an installed script of that name, wherever it was installed to."""
    code = (
        "from importlib.metadata import entry_points\n"
        f"script, *_ = entry_points(group='console_scripts', name='{name}')\n"
        "script.load()()"
    )
    return (sys.executable, "-c", code)


TWISTD = _console_script("twistd")
TWIST = _console_script("twist")
PYTHON_M_TWISTED = (sys.executable, "-m", "twisted")


def dcmtk(name: str) -> str:
    """The path of a program of DCMTK; skips the test where it is not installed."""
    return _program(name, "DCMTK", "dcmtk")


def orthanc() -> str:
    """The path of Orthanc; skips the test where it is not installed."""
    return _program("Orthanc", "Orthanc", "orthanc")


def _program(name: str, product: str, package: str) -> str:
    # Daemons like Orthanc are in a directory that is not on everybody's path.
    directories = [*os.get_exec_path(), "/usr/sbin"]
    for directory in filter(None, directories):
        found = shutil.which(name, path=directory)
        if found and not _is_script(found):
            return found
    raise SkipTest(f"{product} is not installed: apt-get install {package}")


def _is_script(path: str) -> bool:
    """Whether it is a script: pynetdicom installs some under the names of DCMTK's programs."""
    with open(path, "rb") as file:
        return file.read(2) == b"#!"


def script(name: str) -> tuple[str, ...]:
    """What runs a Python script of this folder."""
    return (sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), name))


def free_port(host: str = HOST) -> int:
    """A port that nobody listens on."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def accepts(port: int) -> bool:
    """Whether somebody listens on a port; on the loopback interface the answer comes at once."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


async def poll(condition: Callable[[], object], what: Callable[[], str]) -> None:
    """Wait for what cannot be waited for otherwise, but not for ever."""
    deadline = reactor.seconds() + PATIENCE
    while not condition():
        if reactor.seconds() > deadline:
            raise AssertionError(f"not within {PATIENCE:g} s: {what()}")
        await deferLater(reactor, 0.02)


class Peer(ProcessProtocol):
    """A running program.

    :ivar status: its exit code, minus the signal that ended it, or None while it runs
    """

    def __init__(self, command: tuple[str, ...]) -> None:
        self.status: int | None = None
        self._command = command
        self._output = bytearray()
        self._waiting: list[Deferred[None]] = []

    @property
    def output(self) -> str:
        """All that it wrote so far, to its standard output and error."""
        return self._output.decode("utf-8", "replace")

    def lines_with(self, text: str) -> list[str]:
        """The lines of its output that hold a text."""
        return [line for line in self.output.splitlines() if text in line]

    def outReceived(self, data: bytes) -> None:
        self._output += data
        self._changed()

    errReceived = outReceived

    def processEnded(self, reason: Failure) -> None:
        by_signal = reason.value.signal
        self.status = -by_signal if by_signal is not None else reason.value.exitCode
        self._changed()

    def _changed(self) -> None:
        waiting, self._waiting = self._waiting, []
        for deferred in waiting:
            deferred.callback(None)

    async def until(self, condition: Callable[[], object], what: str) -> None:
        """Wait until what it wrote, or its end, makes a condition true."""
        deadline = reactor.seconds() + PATIENCE
        while not condition():
            if self.status is not None:
                raise AssertionError(self._describe(f"ended before {what}"))
            change: Deferred[None] = Deferred()
            self._waiting.append(change)
            try:
                await change.addTimeout(max(0, deadline - reactor.seconds()), reactor)
            except DeferredTimeout:
                self._waiting.remove(change)
                raise AssertionError(self._describe(f"no {what}")) from None

    async def says(self, text: str) -> None:
        """Wait until a text is in its output."""
        await self.until(lambda: text in self.output, repr(text))

    async def ended(self) -> int:
        """Wait for its end; returns its status."""
        await self.until(lambda: self.status is not None, "end")
        assert self.status is not None
        return self.status

    async def serving(self, *ports: int) -> None:
        """Wait until it listens on these ports."""
        for port in ports:
            await poll(
                lambda port=port: self.status is not None or accepts(port),
                lambda port=port: self._describe(f"does not listen on {port}"),
            )
            if self.status is not None:
                raise AssertionError(self._describe("ended instead of listening"))

    def terminate(self) -> None:
        """Ask it to end, as a service manager does."""
        self.transport.signalProcess("TERM")

    async def kill(self) -> None:
        """End it; what it would still do is of no interest."""
        if self.status is None:
            with suppress(ProcessExitedAlready):  # only its end is still to be told, then
                self.transport.signalProcess("KILL")
            await self.ended()

    def _describe(self, what: str) -> str:
        return f"{' '.join(self._command)}: {what} (status {self.status})\n{self.output}"


class InteropTestCase(TestCase):
    """A test with programs and application entities that end with it."""

    timeout = 2 * PATIENCE

    def directory(self) -> str:
        """A new directory of this test's."""
        directory = os.path.abspath(self.mktemp())
        os.makedirs(directory)
        return directory

    def start(self, *command: str) -> Peer:
        """Start a program in a directory of its own."""
        environment = {
            **os.environ,
            # trial changes the directory, so that a relative path would lead nowhere.
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            # Else DCMTK and Orthanc wait 44 ms for each acknowledgement.
            "TCP_NODELAY": "1",
        }
        peer = Peer(command)
        self.addCleanup(lambda: Deferred.fromCoroutine(peer.kill()))
        reactor.spawnProcess(peer, command[0], command, environment, self.directory())
        return peer

    async def run_to_end(self, *command: str) -> Peer:
        """Start a program and wait for its end."""
        peer = self.start(*command)
        await peer.ended()
        return peer

    async def start_serving(self, port: int, *command: str) -> Peer:
        """Start a program and wait until it listens on a port."""
        peer = self.start(*command)
        await peer.serving(port)
        return peer

    async def start_dcmqrscp(self, title: str) -> int:
        """Start DCMTK's dcmqrscp, which answers to this AE title alone. Returns its port."""
        port, directory = free_port(), self.directory()
        configuration = os.path.join(directory, "dcmqrscp.cfg")
        with open(configuration, "w") as file:
            file.write(
                f"NetworkTCPPort = {port}\nMaxPDUSize = 16384\nMaxAssociations = 16\n"
                "HostTable BEGIN\nHostTable END\nVendorTable BEGIN\nVendorTable END\n"
                f"AETable BEGIN\n{title} {directory} R (1, 1mb) ANY\nAETable END\n"
            )
        await self.start_serving(port, dcmtk("dcmqrscp"), "-c", configuration)
        return port

    def ae(self, **limits: float) -> AE:
        """An application entity that requests and supports Verification, with these limits."""
        ae = AE(limits=Limits(**limits))
        ae.add_requested_context(Verification)
        ae.add_supported_context(Verification)
        self.addCleanup(ae.shutdown)
        return ae

    async def assert_serves(self, port: int, called: str = "ANY-SCP") -> None:
        """Whoever listens on the port answers an echo with success."""
        association = await self.ae().associate(HOST, port, ae_title=called)
        status = await association.send_c_echo()
        self.assertEqual(status.Status, 0x0000)
        await association.release()

    def end_daemon(self, pid_file: str) -> None:
        """End the daemon that a file has the process ID of, if there is one."""
        with suppress(FileNotFoundError, ProcessLookupError), open(pid_file) as file:
            os.kill(int(file.read()), signal.SIGKILL)
