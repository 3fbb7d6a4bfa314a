"""Timers that are cheap to stop and to start again."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txdicom.timer import Timer


class TimerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.expired = 0
        self.timer = Timer(self.clock, self.expire)

    def expire(self) -> None:
        self.expired += 1

    def test_expires(self) -> None:
        """A timer expires once, when its time has passed."""
        self.timer.start(5)
        self.clock.advance(4.9)
        self.assertEqual(self.expired, 0)
        self.clock.advance(0.1)
        self.assertEqual(self.expired, 1)
        self.clock.advance(10)
        self.assertEqual(self.expired, 1)
        self.assertFalse(self.timer.running)

    def test_start_again(self) -> None:
        """Starting again counts from then on, later or sooner."""
        self.timer.start(5)
        self.clock.advance(4)
        self.timer.start(5)
        self.clock.advance(4)
        self.assertEqual(self.expired, 0)
        self.timer.start(0.5)
        self.clock.advance(0.5)
        self.assertEqual(self.expired, 1)

    def test_stopped(self) -> None:
        """A stopped timer does not expire, and can be started again before its old time."""
        self.timer.start(5)
        self.timer.stop()
        self.clock.advance(3)
        self.timer.start(5)
        self.clock.advance(4)
        self.assertEqual(self.expired, 0)
        self.clock.advance(1)
        self.assertEqual(self.expired, 1)

    def test_none_is_for_ever(self) -> None:
        """A timer of None seconds never expires, even if it ran before."""
        self.timer.start(5)
        self.timer.start(None)
        self.clock.advance(1000)
        self.assertEqual(self.expired, 0)

    def test_cancel_leaves_nothing(self) -> None:
        """A cancelled timer leaves no call in the reactor."""
        self.timer.start(5)
        self.timer.stop()
        self.timer.cancel()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.timer.cancel()
