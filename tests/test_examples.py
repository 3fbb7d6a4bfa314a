"""The programs of docs/examples, run as a reader would run them."""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Iterable
from pathlib import Path
from textwrap import dedent

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import Factory, ProcessProtocol, Protocol
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase
from twisted.web.client import Agent, readBody

from txdicom import AE, evt
from txdicom.events import HandlerSpec
from txdicom.negotiation import LOCAL_LIMIT_EXCEEDED
from txdicom.sop_class import Verification

EXAMPLES = Path(__file__).resolve().parent.parent / "docs" / "examples"


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Program(ProcessProtocol):
    """An example that runs as a process of its own.

    :ivar ended: fires with its exit code, None if a signal ended it
    """

    def __init__(self) -> None:
        self.ended: Deferred[int | None] = Deferred()
        self.running = True
        self._out = bytearray()
        self._err = bytearray()

    @property
    def out(self) -> str:
        return self._out.decode()

    @property
    def err(self) -> str:
        return self._err.decode()

    def outReceived(self, data: bytes) -> None:
        self._out += data

    def errReceived(self, data: bytes) -> None:
        self._err += data

    def processEnded(self, reason: Failure) -> None:
        self.running = False
        self.ended.callback(reason.value.exitCode)


class ExampleCase(TestCase):
    """Runs examples, each on a port of its own so that parallel runs do not collide."""

    timeout = 60

    def start(self, name: str, replaced: dict[str, object], *options: str) -> Program:
        """Start an example in which some numbers, like the port 11112, are others."""
        return self.run_source(name, (EXAMPLES / name).read_text(), replaced, *options)

    def run_source(
        self, name: str, source: str, replaced: dict[str, object], *options: str
    ) -> Program:
        """Run the text of a program."""
        for old, new in replaced.items():
            self.assertIn(old, source)
            source = source.replace(old, str(new))
        directory = Path(self.mktemp())
        directory.mkdir()
        (directory / name).write_text(source)
        program = Program()
        process = reactor.spawnProcess(
            program,
            sys.executable,
            [sys.executable, *options, os.path.join(os.curdir, name)],
            {
                **os.environ,
                # trial runs in a directory of its own, from where the checkout is not seen.
                "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
                "PYTHONUNBUFFERED": "1",
            },
            str(directory),
        )

        async def finish() -> None:
            if program.running:
                process.signalProcess("KILL")
                await program.ended

        self.addCleanup(lambda: Deferred.fromCoroutine(finish()))
        return program

    async def answering(self, program: Program, port: int) -> None:
        """Wait until a server listens."""
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except ConnectionRefusedError:
                self.assertTrue(program.running, program.err)
            await deferLater(reactor, 0.05)

    async def stop(self, program: Program) -> int | None:
        """End a server by its process ID, and wait for its exit code."""
        try:
            program.transport.signalProcess("TERM")
        except ProcessExitedAlready:
            self.fail(f"it ended by itself: {program.err}")
        return await program.ended

    async def serve(self, ae: AE, evt_handlers: Iterable[HandlerSpec] = ()) -> int:
        """Let an application entity of this process listen. Returns its port."""
        if not ae.supported_contexts:
            ae.add_supported_context(Verification)
        listening = await ae.start_server(("127.0.0.1", 0), False, evt_handlers)
        self.addCleanup(ae.shutdown)
        return listening.getHost().port

    async def serve_bytes(self, protocol: type[Protocol]) -> int:
        """Let something else listen, that is not DICOM. Returns its port."""
        endpoint = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
        listening = await endpoint.listen(Factory.forProtocol(protocol))
        self.addCleanup(listening.stopListening)
        return listening.getHost().port


class ExamplesTests(TestCase):
    """The collection."""

    def test_all_are_run(self):
        """No example is there that the tests do not run."""
        source = Path(__file__).read_text()
        names = sorted(path.name for path in EXAMPLES.glob("*.py"))
        self.assertEqual([name for name in names if f'"{name}"' not in source], [])
        self.assertEqual(len(names), 12)


class SCPExampleTests(ExampleCase):
    """The servers."""

    async def verified(self, name: str) -> Program:
        """A server, after three C-ECHOs by the example of a client."""
        port = free_port()
        scp = self.start(name, {"11112": port})
        await self.answering(scp, port)
        scu = self.start("scu_async_with.py", {"11112": port})
        self.assertEqual(await scu.ended, 0, scu.err)
        self.assertEqual(scu.out.splitlines(), ["0x0000"] * 3 + ["released: True"])
        return scp

    async def test_plain(self):
        """A few lines are a server, which ends without complaint when it is told to."""
        scp = await self.verified("scp.py")
        self.assertEqual(await self.stop(scp), 0)
        self.assertEqual(scp.out + scp.err, "")

    async def test_handler(self):
        """The program's own handler is asked about each C-ECHO, and knows who sent it."""
        scp = await self.verified("scp_handler.py")
        self.assertEqual(await self.stop(scp), 0)
        self.assertEqual(scp.out.splitlines(), ["C-ECHO from TXDICOM"] * 3)

    async def test_deferred(self):
        """A handler may answer later."""
        scp = await self.verified("scp_deferred.py")
        self.assertEqual(await self.stop(scp), 0)
        self.assertEqual(scp.out.splitlines(), ["the archive is well"] * 3)

    async def test_events(self):
        """A program can see each PDU, as bytes and as a value."""
        scp = await self.verified("scp_events.py")
        self.assertEqual(await self.stop(scp), 0)
        lines = scp.out.splitlines()
        self.assertEqual(
            [line.split(" at ")[0] for line in lines[1::2]],
            ["A-ASSOCIATE-RQ", "P-DATA-TF", "P-DATA-TF", "P-DATA-TF", "A-RELEASE-RQ"],
        )
        self.assertEqual(lines[-2], "10 bytes from 127.0.0.1")

    async def test_debug(self):
        """The debug logger shows PDUs and messages in words, on standard error."""
        scp = await self.verified("scp_debug.py")
        self.assertEqual(await self.stop(scp), 0)
        self.assertIn(" INCOMING A-ASSOCIATE-RQ PDU ", scp.err)
        self.assertIn(" INCOMING DIMSE MESSAGE C-ECHO-RQ ", scp.err)
        self.assertIn("TXDICOM>ANY-SCP] Association Released", scp.err)

    async def test_embedded(self):
        """A web page and an SCP share one program, and what it counts."""
        port, web = free_port(), free_port()
        scp = self.start("scp_embedded.py", {"11112": port, "8080": web})
        await self.answering(scp, web)
        scu = self.start("scu.py", {"11112": port})
        self.assertEqual(await scu.ended, 0, scu.err)
        response = await Agent(reactor).request(b"GET", f"http://127.0.0.1:{web}/".encode())
        self.assertEqual(await readBody(response), b"1 C-ECHO answered\n")
        self.assertEqual(await self.stop(scp), 0)


class ReadmeTests(ExampleCase):
    """The programs in the README."""

    async def test_both(self):
        """The first one asks the second one."""
        text = (EXAMPLES.parent.parent / "README.rst").read_text()
        blocks = re.findall(r"^\.\. code-block:: python\n((?:\n|    .*\n)+)", text, re.MULTILINE)
        scu_source, scp_source = map(dedent, blocks)
        port = free_port()
        scp = self.run_source("scp.py", scp_source, {"11112": port})
        await self.answering(scp, port)
        scu = self.run_source("scu.py", scu_source, {"11112": port})
        self.assertEqual(await scu.ended, 0, scu.err)
        self.assertEqual(scu.out, "0x0000\n")
        self.assertEqual(await self.stop(scp), 0)


class SCUExampleTests(ExampleCase):
    """The clients, against a server of this process."""

    async def echoed(self, name: str) -> Program:
        scu = self.start(name, {"11112": await self.serve(AE())})
        self.assertEqual(await scu.ended, 0, scu.err)
        return scu

    async def test_plain(self):
        """The shortest client prints the status of its C-ECHO."""
        scu = await self.echoed("scu.py")
        self.assertEqual((scu.out, scu.err), ("0x0000\n", ""))

    async def test_contexts(self):
        """The ready-made list of contexts serves as well."""
        scu = await self.echoed("scu_contexts.py")
        self.assertEqual((scu.out, scu.err), ("0x0000\n", ""))

    async def test_debug(self):
        """The debug logger leaves standard output to the program."""
        scu = await self.echoed("scu_debug.py")
        self.assertEqual(scu.out, "0x0000\n")
        self.assertIn(" INCOMING A-ASSOCIATE-AC PDU ", scu.err)
        self.assertIn(" OUTGOING DIMSE MESSAGE C-ECHO-RQ ", scu.err)

    async def test_no_server(self):
        """A client that does not look after failures ends with the reason, and not with 0."""
        scu = self.start("scu.py", {"11112": free_port()})
        self.assertEqual(await scu.ended, 1)
        self.assertIn("ConnectionFailed: no connection to 127.0.0.1:", scu.err)

    async def test_testing(self):
        """A program's own test of a time-out of 30 seconds passes, and does not take them."""
        tests = self.start("testing_timeout.py", {}, "-m", "twisted.trial")
        self.assertEqual(await tests.ended, 0, tests.out)
        self.assertIn("PASSED (successes=2)", tests.out)


class Silent(Protocol):
    """Says nothing."""


class Hasty(Protocol):
    """Closes the connection at the first bytes."""

    def dataReceived(self, data: bytes) -> None:
        self.transport.loseConnection()


class Web(Protocol):
    """Answers as a web server does."""

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")


class FailureExampleTests(ExampleCase):
    """One program tells all failures apart."""

    async def said(self, port: int) -> str:
        """What the program says of whatever listens there."""
        scu = self.start("scu_failures.py", {"11112": port, "SECONDS = 10": "SECONDS = 1"})
        exit_code = await scu.ended
        self.assertEqual(scu.err, "")
        self.assertEqual(exit_code, 0 if scu.out.startswith("answered:") else 1)
        return scu.out.rstrip("\n")

    async def test_answered(self):
        """A status is an answer."""
        self.assertEqual(await self.said(await self.serve(AE())), "answered: 0x0000")

    async def test_never_connected(self):
        """Nobody listens."""
        port = free_port()
        self.assertRegex(
            await self.said(port), f"^never connected: no connection to 127.0.0.1:{port}: .*refused"
        )

    async def test_rejected(self):
        """The peer does not know our name for it."""
        ae = AE("ARCHIVE")
        ae.require_called_aet = True
        self.assertEqual(
            await self.said(await self.serve(ae)),
            "rejected: association rejected-permanent by the DICOM UL service-user: "
            "called-AE-title-not-recognized (check the called AE title)",
        )

    async def test_rejected_for_now(self):
        """The peer has too many associations at the moment."""
        handlers = [(evt.EVT_REQUESTED, lambda event: event.assoc.reject(LOCAL_LIMIT_EXCEEDED))]
        self.assertRegex(
            await self.said(await self.serve(AE(), handlers)),
            "^rejected for now: .* local-limit-exceeded",
        )

    async def test_aborted(self):
        """The peer aborts instead of answering."""

        def handle_echo(event):
            event.assoc.abort()
            return 0x0000

        self.assertEqual(
            await self.said(await self.serve(AE(), [(evt.EVT_C_ECHO, handle_echo)])),
            "aborted (peer): the peer aborted the association, as DICOM UL service-user",
        )

    async def test_closed(self):
        """The peer closes the connection without a word."""
        self.assertEqual(
            await self.said(await self.serve_bytes(Hasty)),
            "aborted (connection): the connection was closed without an A-ABORT or A-RELEASE",
        )

    async def test_association_not_answered(self):
        """The peer takes the connection and says nothing."""
        self.assertEqual(
            await self.said(await self.serve_bytes(Silent)),
            "not answered (associate): no answer to the A-ASSOCIATE-RQ within 1 s (acse_timeout)",
        )

    async def test_echo_not_answered(self):
        """The peer accepts the association and does not answer the C-ECHO."""
        handlers = [(evt.EVT_C_ECHO, lambda event: Deferred())]
        self.assertRegex(
            await self.said(await self.serve(AE(), handlers)),
            r"^not answered \(echo\): .* within 1 s \(dimse_timeout\)$",
        )

    async def test_answered_wrongly(self):
        """A web server listens there."""
        self.assertRegex(
            await self.said(await self.serve_bytes(Web)),
            "^answered wrongly: the peer speaks HTTP, not DICOM",
        )

    async def test_no_context(self):
        """The peer has no Verification Service."""
        ae = AE()
        ae.add_supported_context("1.2.840.10008.5.1.4.1.1.2")  # CT Image Storage
        self.assertRegex(
            await self.said(await self.serve(ae)),
            r"^failed \(context\): .* abstract-syntax-not-supported",
        )
