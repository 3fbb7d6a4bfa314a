"""``txdicom`` in pipes, in cron and interrupted: its streams, signals and exit codes."""

from __future__ import annotations

import os
import sys

from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.trial.unittest import SkipTest

from tests.interop.peers import HOST, InteropTestCase, Peer, poll
from txdicom.testing import FaultyFactory


class StreamsTests(InteropTestCase):
    async def serve(self, *faults: str) -> str:
        """Start a server that commits these faults. Returns host and port."""
        server = self.ae().server_factory()
        factory = FaultyFactory(server, list(faults), reactor)
        port = await TCP4ServerEndpoint(reactor, 0, interface=HOST).listen(factory)
        self.addCleanup(server.shutdown)
        self.addCleanup(lambda: [p.transport.abortConnection() for p in list(factory.protocols)])
        self.addCleanup(port.stopListening)
        return f"{HOST}:{port.getHost().port}"

    async def shell(self, script: str, *arguments: str) -> Peer:
        """Run a shell script; ``$0`` is Python, and ``$1`` the first of the arguments."""
        return await self.run_to_end("/bin/sh", "-c", script, sys.executable, *arguments)

    async def test_pipe(self) -> None:
        """Who stops reading is no reason for an error message, nor for code 2."""
        target = await self.serve()
        ran = await self.shell(
            '{ "$0" -m txdicom echo "$1" --count 5 --interval 0.1; echo "code $?" >&2; } | head -1',
            target,
        )
        self.assertIn("echo 1: 0x0000", ran.output)
        self.assertNotIn("echo 2", ran.output)
        self.assertNotIn("Broken pipe", ran.output)
        self.assertIn("code 141", ran.output)

    async def test_closed(self) -> None:
        """Without standard input, output or error it works all the same."""
        target = await self.serve()
        for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
            for arguments in ('"$1" --explain', '"$1" "$1"'):
                ran = await self.shell(
                    f'"$0" -m txdicom echo {arguments} {closed}; echo "code $?"', target
                )
                self.assertIn("code 0", ran.output, closed)
                self.assertNotIn("Traceback", ran.output, closed)

    async def test_full(self) -> None:
        """Where the output cannot be written it is said, and the code is not 0."""
        if not os.path.exists("/dev/full"):
            raise SkipTest("this system has no /dev/full")
        target = await self.serve()
        ran = await self.shell('"$0" -m txdicom echo "$1" > /dev/full; echo "code $?"', target)
        self.assertIn("txdicom echo: [Errno 28]", ran.output)
        self.assertNotIn("ignored", ran.output)
        self.assertIn("code 2", ran.output)
        ran = await self.shell('"$0" -m txdicom echo "$1" --save /dev/full; echo "code $?"', target)
        for said in ("stages: connect", "txdicom echo: [Errno 28]", "code 2"):
            self.assertIn(said, ran.output)

    async def test_interrupted(self) -> None:
        """Ctrl-C ends it at each stage, without a traceback; nothing that was not is reported."""
        for fault, sent, code, said in (
            ("silence:on-associate", "A-ASSOCIATE-RQ", 130, "interrupted before it was answered"),
            (
                "silence:on-echo",
                "DIMSE MESSAGE C-ECHO-RQ",
                130,
                "interrupted before it was answered",
            ),
            ("silence:on-release", "A-RELEASE-RQ", 0, "echo 1: 0x0000"),
        ):
            target = await self.serve(fault)
            command = self.start(sys.executable, "-m", "txdicom", "echo", target, "-d")
            await command.says(f"END OUTGOING {sent}")
            command.transport.signalProcess("INT")
            self.assertEqual(await command.ended(), code, command.output)
            self.assertNotIn("Traceback", command.output)
            self.assertIn(said, command.output)

    async def test_interrupted_again(self) -> None:
        """A second signal does not wait for what the first one ends, and is no traceback."""
        target = await self.serve("silence:on-release")
        for name in ("INT", "TERM"):
            self.assertIn("stages: connect", await self.interrupted_twice(name, target))
            self.assertIn("2 verified", await self.interrupted_twice(name, target, target))

    async def interrupted_twice(self, name: str, *targets: str) -> str:
        """What a run prints that is ended with this signal after its echoes, and once more."""
        command = self.start(
            *(sys.executable, "-m", "txdicom", "echo", *targets, "-d", "--count", "2"),
            *("--interval", "600", "--timeout", "600"),
        )

        async def shown(words: str) -> None:
            await poll(
                lambda: len(command.lines_with(words)) == len(targets), lambda: command.output
            )

        await shown("END INCOMING DIMSE MESSAGE C-ECHO-RSP")
        command.transport.signalProcess(name)
        await shown("END OUTGOING A-RELEASE-RQ")
        command.transport.signalProcess(name)
        self.assertEqual(await command.ended(), 0, command.output)
        self.assertNotIn("Traceback", command.output)
        return command.output

    async def test_probe_interrupted(self) -> None:
        """What was answered before a probe was interrupted is told."""
        target = await self.serve("silence:on-release")
        command = self.start(sys.executable, "-m", "txdicom", "echo", target, "-d", "--probe")
        await command.says("END OUTGOING A-RELEASE-RQ")
        command.transport.signalProcess("INT")
        self.assertEqual(await command.ended(), 130, command.output)
        self.assertRegex(command.output, r"association +accepted")
        self.assertNotIn("Traceback", command.output)
