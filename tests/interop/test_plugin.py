"""The plugin under the programs that run it: ``twistd``, ``twist`` and ``python -m twisted``."""

from __future__ import annotations

import os
import signal

from tests.interop.peers import (
    HOST,
    PYTHON_M_TWISTED,
    TWIST,
    TWISTD,
    InteropTestCase,
    Peer,
    accepts,
    free_port,
    poll,
)
from txdicom.upperlayer import reasons

TWISTD_N = (*TWISTD, "-n", "--pidfile=")


def listen(port: int) -> tuple[str, str]:
    """The option that listens on a port of this machine alone."""
    return ("--listen", f"tcp:{port}:interface={HOST}")


class ServingTests(InteropTestCase):
    """The server starts, answers and stops."""

    async def _assert_program_serves(self, *program: str) -> Peer:
        port = free_port()
        peer = await self.start_serving(port, *program, "dicom", *listen(port))
        await self.assert_serves(port)
        return peer

    async def test_twistd(self) -> None:
        """``twistd dicom`` answers echoes."""
        await self._assert_program_serves(*TWISTD_N)

    async def test_twist(self) -> None:
        """``twist dicom`` answers echoes."""
        await self._assert_program_serves(*TWIST)

    async def test_python_m_twisted(self) -> None:
        """``python -m twisted dicom`` answers echoes."""
        await self._assert_program_serves(*PYTHON_M_TWISTED)

    async def _assert_reactor_serves(self, name: str, kind: str) -> None:
        twistd = await self._assert_program_serves(*TWISTD_N, f"--reactor={name}")
        self.assertEqual(len(twistd.lines_with(f"reactor class: {kind}")), 1, twistd.output)
        await self._assert_program_serves(*TWIST, f"--reactor={name}")

    async def test_select_reactor(self) -> None:
        """Echoes are answered under ``--reactor=select``, too."""
        await self._assert_reactor_serves("select", "twisted.internet.selectreactor")

    async def test_poll_reactor(self) -> None:
        """Echoes are answered under ``--reactor=poll``, too."""
        await self._assert_reactor_serves("poll", "twisted.internet.pollreactor")

    async def test_asyncio_reactor(self) -> None:
        """Echoes are answered under ``--reactor=asyncio``, too."""
        await self._assert_reactor_serves("asyncio", "twisted.internet.asyncioreactor")

    async def test_two_listeners(self) -> None:
        """Each of several ``--listen`` options is served."""
        first, second = free_port(), free_port()
        peer = self.start(*TWIST, "dicom", *listen(first), *listen(second))
        await peer.serving(first, second)
        await self.assert_serves(first)
        await self.assert_serves(second)

    async def _assert_ends_orderly(self, *program: str) -> None:
        port = free_port()
        peer = await self.start_serving(port, *program, "dicom", *listen(port))
        association = await self.ae().associate(HOST, port)
        peer.terminate()
        # Newer versions of Twisted end with the signal that they were sent, once all is done.
        self.assertIn(await peer.ended(), (0, -signal.SIGTERM))
        self.assertNotIn("Traceback", peer.output)
        await association.when_closed()
        self.assertEqual(association.failure.by, "peer")
        self.assertEqual(association.failure.source, reasons.ABORT_BY_USER)

    async def test_twistd_is_terminated(self) -> None:
        """``twistd`` that is told to end aborts the associations that are open."""
        await self._assert_ends_orderly(*TWISTD_N)

    async def test_twist_is_terminated(self) -> None:
        """``twist`` that is told to end aborts the associations that are open."""
        await self._assert_ends_orderly(*TWIST)


class RefusingTests(InteropTestCase):
    """What cannot be served is one line that says why, and a failure for scripts to see."""

    def _assert_refused(self, peer: Peer, why: str) -> None:
        assert peer.status is not None
        self.assertGreater(peer.status, 0, peer.output)
        self.assertEqual(len(peer.lines_with(why)), 1, peer.output)
        self.assertNotIn("Traceback", peer.output)

    async def _assert_refuses(self, why: str, *options: str) -> None:
        for program in (TWISTD_N, TWIST):
            free = free_port()
            peer = await self.run_to_end(*program, "dicom", *listen(free), *options)
            self._assert_refused(peer, why)
            self.assertFalse(accepts(free))

    async def test_bad_endpoint(self) -> None:
        """An endpoint that does not exist is named."""
        await self._assert_refuses("--listen nonsense:104: ", "--listen", "nonsense:104")

    async def test_bad_port(self) -> None:
        """An endpoint with a port that is no number is named."""
        await self._assert_refuses("--listen tcp:dicom", "--listen", "tcp:dicom")

    async def test_bad_number(self) -> None:
        """A number that is none is named."""
        await self._assert_refuses("not a number: many", "--max-associations", "many")

    async def test_negative_time(self) -> None:
        """A time-out below zero is told what it may be."""
        await self._assert_refuses("positive number of seconds", "--artim=-1")

    async def test_bad_title(self) -> None:
        """An AE title that is too long is told how long it may be."""
        await self._assert_refuses("16 are the limit", "--ae-title", "A TITLE OF 20 LETTERS")

    async def test_unknown_option(self) -> None:
        """An option that does not exist is named."""
        await self._assert_refuses("--nonsense not recognized", "--nonsense")

    async def test_port_in_use(self) -> None:
        """A port in use ends the program, with another port that is free too."""
        used = await self._used_port()
        why = f"Couldn't listen on {HOST}:{used}: "
        await self._assert_refuses(why, *listen(used))

    async def test_twist_port_in_use(self) -> None:
        """``twist`` says nothing else of a port in use: it logs to standard output."""
        used = await self._used_port()
        peer = await self.run_to_end(*TWIST, "dicom", *listen(used))
        (line,) = peer.output.splitlines()
        self.assertIn("Address already in use", line)

    async def _used_port(self) -> int:
        started = self.ae().start_server((HOST, 0), block=False)
        port: int = (await started).getHost().port
        return port


class DaemonTests(InteropTestCase):
    """``twistd dicom`` in the background."""

    def setUp(self) -> None:
        directory = self.directory()
        self.pid_file = os.path.join(directory, "twistd.pid")
        self.log_file = os.path.join(directory, "twistd.log")
        self.addCleanup(self.end_daemon, self.pid_file)

    async def _twistd(self, *options: str) -> Peer:
        """What the program in the foreground says, while the daemon stays."""
        return await self.run_to_end(
            *TWISTD, f"--pidfile={self.pid_file}", f"--logfile={self.log_file}", "dicom", *options
        )

    async def test_serves(self) -> None:
        """The daemon answers echoes, logs to its file, and goes when it is told to."""
        port = free_port()
        twistd = await self._twistd(*listen(port))
        self.assertEqual(twistd.status, 0, twistd.output)
        await poll(lambda: accepts(port), lambda: "the daemon does not listen")
        await self.assert_serves(port)
        with open(self.pid_file) as file:
            os.kill(int(file.read()), signal.SIGTERM)
        await poll(lambda: not os.path.exists(self.pid_file), lambda: "the daemon stays")
        self.assertFalse(accepts(port))
        with open(self.log_file) as log:
            self.assertIn("TXDICOM>ANY-SCP] Association ", log.read())

    async def test_port_in_use(self) -> None:
        """A port in use is told to the user who started the daemon, and no daemon stays."""
        started = self.ae().start_server((HOST, 0), block=False)
        used, free = (await started).getHost().port, free_port()
        twistd = await self._twistd(*listen(free), *listen(used))
        assert twistd.status is not None
        self.assertGreater(twistd.status, 0)
        self.assertEqual(len(twistd.lines_with("Address already in use")), 1, twistd.output)
        self.assertNotIn("Traceback", twistd.output)
        # It tells its parent first, and ends then.
        await poll(
            lambda: not os.path.exists(self.pid_file) and not accepts(free),
            lambda: "the daemon stays",
        )


class ListingTests(InteropTestCase):
    """Other plugins do not pay for this one."""

    async def test_imports(self) -> None:
        """To list the plugins imports neither pydicom nor the application entity."""
        for python, *program in (TWISTD, PYTHON_M_TWISTED):
            peer = await self.run_to_end(python, "-X", "importtime", *program, "--help")
            self.assertEqual(peer.status, 0)
            self.assertIn("A DICOM Verification SCP", peer.output)
            self.assertIn("twisted.plugin\n", peer.output)  # the imports are in the output
            self.assertNotIn("pydicom", peer.output)
            self.assertNotIn("txdicom.ae", peer.output)
