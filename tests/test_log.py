"""Log lines, and debug_logger."""

from __future__ import annotations

import io
from typing import Any

from twisted.internet.task import Clock
from twisted.logger import formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from tests.test_association import AssociationTestCase
from txdicom import debug_logger, evt
from txdicom.log import AssociationLog, stop_debug_logger
from txdicom.throttle import Throttle
from txdicom.upperlayer import pdu
from txdicom.upperlayer.user_information import UserIdentityRQ


class LogTests(AssociationTestCase):
    """What is logged without being asked for."""

    def setUp(self) -> None:
        super().setUp()
        self.events: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(self.observe)
        self.addCleanup(globalLogPublisher.removeObserver, self.observe)

    def observe(self, event: dict[str, Any]) -> None:
        if event["log_namespace"] == "txdicom":
            self.events.append(event)

    def test_lines(self) -> None:
        """Every line has the association's number, peer and titles, in words and as fields."""
        here = self.associate()
        there = self.accepted()
        here.release()
        self.wire.flush()
        lines = [formatEvent(event) for event in self.events]
        self.assertEqual(
            lines,
            [
                f"[{there.number} 127.0.0.1:50000 SCU>ANY-SCP] Association Released",
                f"[{here.number} 127.0.0.1:11112 SCU>ANY-SCP] Association Released",
            ],
        )
        event = self.events[-1]
        self.assertEqual((event["calling"], event["called"]), ("SCU", "ANY-SCP"))

    def test_crowds(self) -> None:
        """Of many associations in a second some have a line, and the next counts the others."""
        clock = Clock()
        throttle = Throttle(clock, 10)
        for number in range(15):
            AssociationLog(number, lambda: "127.0.0.1:1", throttle).ended("Association Released")
        self.assertEqual(len(self.events), 10)
        clock.advance(1)
        AssociationLog(15, lambda: "127.0.0.1:1", throttle).ended("Association Released")
        self.assertEqual(
            formatEvent(self.events[-1]),
            "[15 127.0.0.1:1 ?>?] Association Released (and 5 more like this)",
        )
        debug_logger(io.StringIO())
        self.addCleanup(stop_debug_logger)
        for number in range(20):
            AssociationLog(number, lambda: "127.0.0.1:1", throttle).ended("Association Released")
        self.assertEqual(len(self.events), 11 + 20)

    def test_hostile_titles(self) -> None:
        """A title with control characters or braces is escaped."""
        self.wire.listen(self.scp)
        request = pdu.AssociateRQ("{called}\n", "\x1b[31mred\x07")
        self.wire.join(_Peer(request.encode() + pdu.Abort().encode()), self.wire.factories["scp"])
        self.wire.flush()
        for event in self.events:
            line = formatEvent(event)
            self.assertTrue(line.isprintable(), line)
        self.assertIn("\\x1b[31mred\\x07>{called}\\n", formatEvent(self.events[-1]))

    def test_connect_and_close(self) -> None:
        """A connection that is closed without a word is a debug line, nothing more."""
        self.wire.listen(self.scp)
        self.wire.join(_Peer(b""), self.wire.factories["scp"]).transport.loseConnection()
        self.wire.flush()
        self.assertEqual([event["log_level"].name for event in self.events], ["debug"])

    def test_not_dicom(self) -> None:
        """A peer that speaks something else is named as such."""
        self.wire.listen(self.scp)
        self.wire.join(_Peer(b"GET / HTTP/1.1\r\n\r\n"), self.wire.factories["scp"])
        self.wire.advance(5)
        (event,) = self.events
        self.assertEqual(event["log_level"].name, "warn")
        self.assertIn("HTTP", formatEvent(event))


class PeerTests(AssociationTestCase):
    def test_after_the_end(self) -> None:
        """The log knows the peer also when the connection is gone."""
        here = self.associate()
        peer, text = here.log.peer, str(here.log)
        here.release()
        self.wire.flush()
        self.assertEqual((here.log.peer, str(here.log)), (peer, text))
        self.assertIn(peer, text)


class DebugLoggerTests(AssociationTestCase):
    """debug_logger shows everything, in words, and no secrets."""

    def setUp(self) -> None:
        super().setUp()
        self.stream = io.StringIO()
        debug_logger(self.stream)
        self.addCleanup(stop_debug_logger)

    def shown(self) -> str:
        return self.stream.getvalue()

    def test_blocks(self) -> None:
        """PDUs and messages are blocks of lines, each with its level's letter."""
        here = self.associate()
        here.echo()
        self.wire.flush()
        here.release()
        self.wire.flush()
        shown = self.shown()
        for words in (
            "OUTGOING A-ASSOCIATE-RQ PDU",
            "INCOMING A-ASSOCIATE-RQ PDU",
            "INCOMING A-ASSOCIATE-AC PDU",
            "OUTGOING DIMSE MESSAGE C-ECHO-RQ",
            "INCOMING DIMSE MESSAGE C-ECHO-RSP",
            "0x0000 - Success",
            "Verification SOP Class",
            "INCOMING A-RELEASE-RP PDU",
        ):
            self.assertIn(words, shown)
        for line in shown.splitlines():
            self.assertRegex(line, r"^[DIWC]: \[\d+ \S+ \S+>\S+\] ")

    def test_no_secrets(self) -> None:
        """Passcodes and tickets are not shown, user names are."""
        self.associate(ext_neg=[UserIdentityRQ(2, b"someone", b"s3cret")])
        self.scp.shutdown()
        self.wire.flush()
        self.associate(ext_neg=[UserIdentityRQ(3, b"t1cket")])
        self.assertIn("someone", self.shown())
        self.assertNotIn("s3cret", self.shown())
        self.assertNotIn("t1cket", self.shown())

    def test_twice(self) -> None:
        """Calling it again does not show everything twice."""
        again = io.StringIO()
        debug_logger(again)
        self.associate()
        self.assertEqual(self.shown(), "")
        self.assertEqual(again.getvalue().count("OUTGOING A-ASSOCIATE-RQ"), 1 * 2)

    def test_stopped(self) -> None:
        """It can be stopped."""
        stop_debug_logger()
        self.associate()
        self.assertEqual(self.shown(), "")

    def test_failure(self) -> None:
        """A failing handler is shown with its traceback."""

        def fails(event: Any) -> None:
            raise RuntimeError("broken handler")

        self.associate([(evt.EVT_REQUESTED, fails)])
        self.assertIn("RuntimeError: broken handler", self.shown())
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)


class _Peer:
    """Builds a protocol that sends something and collects what comes."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def buildProtocol(self, addr: object) -> Any:
        from twisted.internet.protocol import Protocol

        data = self.data

        class Peer(Protocol):
            received = b""

            def connectionMade(self) -> None:
                assert self.transport is not None
                self.transport.write(data)

            def dataReceived(self, data: bytes) -> None:
                self.received += data

        return Peer()


class ImportTests(SynchronousTestCase):
    """What importing costs."""

    def test_no_pydicom(self) -> None:
        """Importing txdicom imports neither pydicom nor a reactor."""
        import subprocess
        import sys

        code = (
            "import sys; from txdicom import *; import txdicom.tap;"
            "print([m for m in ('pydicom', 'twisted.internet.reactor') if m in sys.modules])"
        )
        path = {"PYTHONPATH": ":".join(p for p in sys.path if p)}
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, env=path, timeout=60
        )
        self.assertEqual(done.stdout.strip(), b"[]", done.stderr)
