"""How many log lines about faults pass."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.logger import formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from tests.test_association import AssociationTestCase
from txdicom.throttle import Throttle


class ThrottleTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.throttle = Throttle(self.clock, 3)

    def test_rate(self) -> None:
        """So many pass in a second, the others are counted and told with the next that passes."""
        passed = [self.throttle.passes("fault") for _ in range(5)]
        self.assertEqual(passed, [0, 0, 0, None, None])
        self.clock.advance(1)
        self.assertEqual([self.throttle.passes("fault") for _ in range(2)], [2, 0])

    def test_reasons(self) -> None:
        """Each reason has a count of its own."""
        for _ in range(4):
            self.throttle.passes("one")
        self.assertEqual(self.throttle.passes("other"), 0)


class FloodTests(AssociationTestCase):
    def test_bad_peers(self) -> None:
        """A flood of bad peers leaves ten lines a second in the log, and their count."""
        lines: list[str] = []

        def observe(event: dict[str, Any]) -> None:
            if event["log_namespace"] == "txdicom" and "calling" in event:
                lines.append(formatEvent(event))

        self.scp.require_called_aet = True
        self.wire.listen(self.scp)
        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        for _ in range(50):
            self.failureResultOf(self.wire.associate(self.scu))
        accepting = [line for line in lines if "Rejecting Association" in line]
        self.assertEqual(len(accepting), 10)
        self.wire.advance(1)
        self.failureResultOf(self.wire.associate(self.scu))
        (line,) = [line for line in lines if "Rejecting Association" in line][10:]
        self.assertIn("(and 40 more like this)", line)
