"""``txdicom echo`` for several targets as a process: healthy, refusing and silent ones."""

from __future__ import annotations

import csv
import json
import os
import sys
import time
from xml.etree import ElementTree

from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from txdicom import AE
from txdicom.sop_class import Verification


class FleetTests(TestCase):
    timeout = 60

    async def run_echo(self, *argv: str, stdin: bytes | None = None) -> tuple[str, str, int]:
        """Run ``python -m txdicom echo``. Returns what it printed, and its exit code."""
        return await self.run_python("-m", "txdicom", "echo", *argv, stdin=stdin)

    async def run_python(self, *argv: str, stdin: bytes | None = None) -> tuple[str, str, int]:
        """Run Python. Returns what it printed, and its exit code."""
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        out, err, code = await getProcessOutputAndValue(
            sys.executable, argv, environment, stdinBytes=stdin
        )
        return out.decode(), err.decode(), code

    async def serve(self, **attributes: object) -> int:
        """Start an SCP. Returns its port."""
        ae = AE("SCP")
        ae.add_supported_context(Verification)
        for name, value in attributes.items():
            setattr(ae, name, value)
        port = await ae.start_server(("127.0.0.1", 0), block=False)
        self.addCleanup(ae.shutdown)
        return int(port.getHost().port)

    async def silent(self) -> int:
        """Listen and never answer. Returns the port."""
        factory = Factory.forProtocol(Protocol)
        factory.noisy = False
        port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(factory)
        self.addCleanup(port.stopListening)
        return int(port.getHost().port)

    async def closed(self) -> int:
        """A port on which nobody listens."""
        port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(Factory())
        number = int(port.getHost().port)
        await port.stopListening()
        return number

    async def test_verified(self) -> None:
        """Several targets that answer are exit code 0, with a line for each."""
        port = await self.serve()
        out, err, code = await self.run_echo(f"127.0.0.1:{port}", f"PACS@127.0.0.1:{port}")
        self.assertEqual((code, err), (0, ""))
        self.assertIn(f"PACS@127.0.0.1:{port}: verified", out)
        self.assertIn("2 targets: 2 verified, 0 failed", out)

    async def test_mixed(self) -> None:
        """Each failure is told with its code; silent ones are waited for side by side."""
        healthy, silent, closed = await self.serve(), await self.silent(), await self.closed()
        picky = await self.serve(require_called_aet=True)
        roster = self.mktemp()
        with open(roster, "w") as file:
            file.write("Port;Host;AET\n")
            for port in [healthy, closed, silent, picky] * 8:
                file.write(f"{port};127.0.0.1;X\n")
        csv_path, junit_path = self.mktemp(), self.mktemp()
        began = time.monotonic()
        out, _, code = await self.run_echo(
            *("--targets", roster, "--timeout", "1.5", "--json"),
            *("--csv", csv_path, "--junit", junit_path),
        )
        self.assertLess(time.monotonic() - began, 8)  # one after the other it would be 12
        self.assertEqual(code, 12)
        *summaries, fleet = map(json.loads, out.splitlines())
        self.assertEqual(fleet["exit_codes"], {"0": 8, "4": 8, "6": 8, "10": 8})
        self.assertEqual({summary["type"] for summary in summaries}, {"summary"})
        self.assertEqual(len(summaries), 32)
        with open(csv_path, newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(sum(row["verified"] == "yes" for row in rows), 8)
        (suite,) = ElementTree.parse(junit_path).getroot()
        self.assertEqual((suite.get("tests"), suite.get("failures")), ("32", "24"))

    async def test_tls(self) -> None:
        """A roster says which targets have TLS: here a plain server is asked with and without."""
        port = await self.serve()
        roster = f"host,port,tls\n127.0.0.1,{port},yes\n127.0.0.1,{port},no\n".encode()
        out, _, code = await self.run_echo(
            "--targets", "-", "--json", "--tls-insecure", "--timeout=5", stdin=roster
        )
        self.assertEqual(code, 12)
        fleet = json.loads(out.splitlines()[-1])
        self.assertEqual(fleet["exit_codes"], {"0": 1, "5": 1})

    async def test_many_silent(self) -> None:
        """More silent ones than places do not keep others waiting, unless a number is asked for."""
        roster = "host,port\n" + f"127.0.0.1,{await self.silent()}\n" * 120
        roster += f"127.0.0.1,{await self.serve()}\n"
        for options, least, most in (((), 3, 5.5), (("--concurrency", "100"), 6, 30)):
            out, _, _ = await self.run_echo(
                *("--targets", "-", "--json", "--timeout=3", *options), stdin=roster.encode()
            )
            fleet = json.loads(out.splitlines()[-1])
            self.assertEqual(fleet["exit_codes"], {"0": 1, "10": 120})
            self.assertEqual(fleet["concurrency"], 100)
            self.assertTrue(least <= fleet["seconds"] < most, f"{options}: {fleet['seconds']} s")

    async def test_descriptors(self) -> None:
        """However few files may be open, no target fails for that."""
        roster = "host,port\n" + f"127.0.0.1,{await self.silent()}\n" * 60
        program = (
            "import resource, sys;"
            "resource.setrlimit(resource.RLIMIT_NOFILE, (90, 90));"
            "from txdicom.cli.main import main; sys.exit(main())"
        )
        out, err, _ = await self.run_python(
            *("-c", program, "echo", "--targets", "-", "--json", "--timeout=0.5"),
            stdin=roster.encode(),
        )
        self.assertEqual(json.loads(out.splitlines()[-1])["exit_codes"], {"10": 60}, out[:2000])
        self.assertIn("this process may not open more files", err)

    async def test_bad_roster(self) -> None:
        """Bad lines are exit code 2 with file, line and reason, and nothing is sent."""
        port = await self.serve()
        roster = f"aet,host,port\nA,127.0.0.1,{port}\nB,127.0.0.1,x\nC,,1\n".encode()
        out, err, code = await self.run_echo("--targets", "-", stdin=roster)
        self.assertEqual((out, code), ("", 2))
        self.assertIn("stdin:3: ", err)
        self.assertIn("stdin:4: it has no host", err)

    async def test_roster_from_stdin(self) -> None:
        """A roster of one target, through a pipe, has that target's exit code."""
        roster = f"[[target]]\nhost = '127.0.0.1'\nport = {await self.closed()}\n".encode()
        out, _, code = await self.run_echo("--targets", "-", "-q", stdin=roster)
        self.assertEqual((out, code), ("", 4))

    async def test_unwritable(self) -> None:
        """A file of results that cannot be written is told before anything is sent."""
        _, err, code = await self.run_echo("a.invalid", "b.invalid", "--csv", "/nosuch/dir")
        self.assertEqual(code, 2)
        self.assertIn("/nosuch/dir", err)

    async def test_interrupted(self) -> None:
        """Ctrl-C tells what there is so far, and what was not answered."""
        healthy, silent = await self.serve(), await self.silent()
        program = (
            "import os, signal, sys, threading;"
            "threading.Timer(2, os.kill, (os.getpid(), signal.SIGINT)).start();"
            "from txdicom.cli.main import main; sys.exit(main())"
        )
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        targets = [f"127.0.0.1:{port}" for port in (healthy, silent)]
        out, err, code = await getProcessOutputAndValue(
            sys.executable, ["-c", program, "echo", *targets, "--timeout=30"], environment
        )
        self.assertEqual((code, err), (12, b""))
        self.assertIn(b"2 targets: 1 verified, 0 failed, 1 interrupted", out)
