"""``txdicom echo`` as a process, against servers that answer and that do not."""

from __future__ import annotations

import json
import os
import sys

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.protocol import Factory, ProcessProtocol, Protocol
from twisted.internet.utils import getProcessOutputAndValue
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from txdicom import AE, evt
from txdicom.sop_class import Verification


async def run_echo(*argv: str) -> tuple[str, str, int]:
    """Run ``python -m txdicom echo``. Returns what it printed, and its exit code."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    out, err, code = await getProcessOutputAndValue(
        sys.executable, ["-m", "txdicom", "echo", *argv], environment
    )
    return out.decode(), err.decode(), code


class CLITests(TestCase):
    timeout = 60

    async def serve(self, handlers: list[object] = [], **attributes: object) -> str:  # noqa: B006
        """Start an SCP. Returns host and port."""
        ae = AE("SCP")
        ae.add_supported_context(Verification)
        for name, value in attributes.items():
            setattr(ae, name, value)
        port = await ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        self.addCleanup(ae.shutdown)
        return f"127.0.0.1:{port.getHost().port}"

    async def listen(self, answer: bytes | None) -> str:
        """Listen with a protocol that answers what it is sent with this, or not at all."""

        class Answer(Protocol):
            def dataReceived(self, data: bytes) -> None:
                if answer is not None:
                    self.transport.write(answer)

        port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(
            Factory.forProtocol(Answer)
        )
        self.addCleanup(port.stopListening)
        return f"127.0.0.1:{port.getHost().port}"

    async def test_verified(self) -> None:
        """A node that answers is verified: exit code 0, a line for each echo, the stages."""
        out, err, code = await run_echo(await self.serve(), "--count=3", "--interval=0.01", "-v")
        self.assertEqual((code, err), (0, ""))
        self.assertEqual(out.count("0x0000 - Success"), 3)
        for words in ("3 sent, 3 answered, 0 lost", "associate ", "release ", "TXDICOM_"):
            self.assertIn(words, out)

    async def test_json(self) -> None:
        """--json prints an object for the echo and one for the summary, and nothing else."""
        out, _, code = await run_echo(await self.serve(), "--json")
        echo, summary = map(json.loads, out.splitlines())
        self.assertEqual((echo["status"], summary["exit_code"], code), (0, 0, 0))

    async def test_quiet(self) -> None:
        """-q prints nothing."""
        out, err, code = await run_echo(await self.serve(), "-q")
        self.assertEqual((out, err, code), ("", "", 0))

    async def test_status(self) -> None:
        """A status other than success is exit code 9."""
        address = await self.serve([(evt.EVT_C_ECHO, lambda event: 0x0110)])
        out, _, code = await run_echo(address)
        self.assertEqual(code, 9)
        self.assertIn("0x0110 - Failure: Processing failure", out)

    async def test_rejected(self) -> None:
        """A rejection is exit code 6, with its reason in words."""
        out, _, code = await run_echo(await self.serve(require_called_aet=True))
        self.assertEqual(code, 6)
        self.assertIn("called-AE-title-not-recognized", out)

    async def test_no_context(self) -> None:
        """Where Verification is not accepted, it is exit code 8."""
        _, _, code = await run_echo(await self._other_sop_class())
        self.assertEqual(code, 8)

    async def _other_sop_class(self) -> str:
        ae = AE("SCP")
        ae.add_supported_context("1.2.840.10008.5.1.4.1.1.2")
        port = await ae.start_server(("127.0.0.1", 0), block=False)
        self.addCleanup(ae.shutdown)
        return f"127.0.0.1:{port.getHost().port}"

    async def test_aborted(self) -> None:
        """An abort during the echo is exit code 7."""

        def abort(event: object) -> Deferred[int]:
            event.assoc.abort()  # type: ignore[attr-defined]
            return Deferred(lambda _: None)

        _, _, code = await run_echo(await self.serve([(evt.EVT_C_ECHO, abort)]))
        self.assertEqual(code, 7)

    async def test_not_answered(self) -> None:
        """No answer to the echo is exit code 10, and names the stage."""
        address = await self.serve([(evt.EVT_C_ECHO, lambda event: Deferred(lambda _: None))])
        out, _, code = await run_echo(address, "--timeout=0.5")
        self.assertEqual(code, 10)
        self.assertIn("stage echo", out)

    async def test_silent(self) -> None:
        """Nor is a silent listener waited for."""
        out, _, code = await run_echo(await self.listen(None), "--timeout=0.5")
        self.assertEqual(code, 10)
        self.assertIn("stage associate", out)

    async def test_http(self) -> None:
        """A web server is exit code 11, and named."""
        out, _, code = await run_echo(await self.listen(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
        self.assertEqual(code, 11)
        self.assertIn("HTTP", out)

    async def test_refused(self) -> None:
        """A closed port is exit code 4, a monitoring plugin's CRITICAL."""
        port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(Factory())
        address = f"127.0.0.1:{port.getHost().port}"
        await port.stopListening()
        _, _, code = await run_echo(address)
        self.assertEqual(code, 4)
        out, _, code = await run_echo(address, "--nagios")
        self.assertEqual(code, 2)
        self.assertTrue(out.startswith("DICOM CRITICAL - "))

    async def test_not_resolved(self) -> None:
        """A name without an address is exit code 3."""
        _, _, code = await run_echo("nosuchhost.invalid:104")
        self.assertEqual(code, 3)

    async def test_usage(self) -> None:
        """What is wrong with the arguments is exit code 2, UNKNOWN for a monitoring plugin."""
        _, err, code = await run_echo("pacs:104", "--tls", "--ca", "/nosuchfile")
        self.assertEqual(code, 2)
        self.assertIn("nosuchfile", err)
        _, _, code = await run_echo("pacs:104", "--tls", "--ca", "/nosuchfile", "--nagios")
        self.assertEqual(code, 3)

    async def test_loads_no_more_than_it_needs(self) -> None:
        """Help and version load nothing of Twisted; an echo nothing that it does not use."""
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}

        async def loaded(*argv: str) -> str:
            _, err, _ = await getProcessOutputAndValue(
                sys.executable, ["-X", "importtime", "-m", "txdicom", *argv], environment
            )
            self.assertIn(b"txdicom.cli.main", err)
            return str(err, "utf-8")

        for argv in (("--version",), ("--help",), ("echo", "--help")):
            self.assertNotIn("twisted", await loaded(*argv))
        for word in ("statistics", "getpass", "pydicom", "cli.resolving", "cli.fleet", "explain"):
            self.assertNotIn(word, await loaded("echo", await self.serve(), "-q"))

    async def test_colours(self) -> None:
        """On a terminal success is green, but not where NO_COLOR says so, nor for programs."""
        address = await self.serve()
        for options, variables, is_green in (
            ((), {}, True),
            ((), {"NO_COLOR": "1"}, False),
            ((), {"TERM": "dumb"}, False),
            (("--json",), {}, False),
            (("--nagios",), {}, False),
        ):
            out = await self._on_a_terminal({"TERM": "xterm", **variables}, address, *options)
            self.assertIn(b"0x0000" if "--json" not in options else b'"status": 0', out)
            self.assertEqual(b"\x1b[32m0x0000 - Success\x1b[0m" in out, is_green, out)
            self.assertEqual(b"\x1b" in out, is_green, out)

    async def _on_a_terminal(self, variables: dict[str, str], *argv: str) -> bytes:
        ended: Deferred[bytes] = Deferred()

        class Terminal(ProcessProtocol):
            said = b""

            def outReceived(self, data: bytes) -> None:
                self.said += data

            def processEnded(self, reason: Failure) -> None:
                ended.callback(self.said)

        environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
        environment |= {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p), **variables}
        command = [sys.executable, "-m", "txdicom", "echo", *argv]
        reactor.spawnProcess(Terminal(), sys.executable, command, environment, usePTY=True)
        return await ended
