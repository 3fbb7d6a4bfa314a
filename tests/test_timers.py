"""The timers of one connection."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.strategies import octets
from txdicom.timers import Timers


class StrictClock(Clock):
    """Asserts of its calls what a reactor does."""

    def callLater(self, delay: float, *call: Any, **arguments: Any) -> Any:
        assert delay >= 0, delay
        return super().callLater(delay, *call, **arguments)


class TimersTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = StrictClock()
        self.expired = 0
        self.timers = Timers(self.clock)

    def expire(self) -> None:
        self.expired += 1

    def test_expires(self) -> None:
        """A timer expires once, when its time has passed."""
        self.timers.start("one", 5, self.expire)
        self.clock.advance(4.9)
        self.assertEqual(self.expired, 0)
        self.clock.advance(0.1)
        self.assertEqual(self.expired, 1)
        self.clock.advance(10)
        self.assertEqual(self.expired, 1)
        self.assertEqual(self.timers.running, {})

    def test_start_again(self) -> None:
        """Starting again counts from then on, later or sooner."""
        self.timers.start("one", 5, self.expire)
        self.clock.advance(4)
        self.timers.start("one", 5, self.expire)
        self.clock.advance(4)
        self.assertEqual(self.expired, 0)
        self.timers.start("one", 0.5, self.expire)
        self.clock.advance(0.5)
        self.assertEqual(self.expired, 1)

    def test_stopped(self) -> None:
        """A stopped timer does not expire, and can be started again before its old time."""
        self.timers.start("one", 5, self.expire)
        self.timers.stop("one")
        self.clock.advance(3)
        self.timers.start("one", 5, self.expire)
        self.clock.advance(4)
        self.assertEqual(self.expired, 0)
        self.clock.advance(1)
        self.assertEqual(self.expired, 1)

    def test_none_is_for_ever(self) -> None:
        """A timer of None seconds never expires, even if it ran before."""
        self.timers.start("one", 5, self.expire)
        self.timers.start("one", None, self.expire)
        self.clock.advance(1000)
        self.assertEqual(self.expired, 0)

    def test_cancel_leaves_nothing(self) -> None:
        """A cancelled timer leaves no call in the reactor."""
        self.timers.start("one", 5, self.expire)
        self.timers.stop("one")
        self.timers.cancel()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.timers.cancel()

    def test_several(self) -> None:
        """Each expires at its own time, with one call of the reactor for all of them."""
        order: list[str] = []
        for name, seconds in (("late", 9.0), ("soon", 3.0), ("between", 6.0), ("never", 7.0)):
            self.timers.start(name, seconds, lambda name=name: order.append(name))  # type: ignore[misc]
            self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.timers.stop("never")
        for _ in range(9):
            self.clock.advance(1)
        self.assertEqual(order, ["soon", "between", "late"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_late(self) -> None:
        """When the reactor comes late, they expire in the order in which they were due."""
        order: list[str] = []
        for name, seconds in (("last", 9.0), ("first", 3.0), ("second", 6.0)):
            self.timers.start(name, seconds, lambda name=name: order.append(name))  # type: ignore[misc]
        self.timers.start("last", 10.0, lambda: order.append("last"))
        self.clock.advance(60)
        self.assertEqual(order, ["first", "second", "last"])

    def test_stopped_by_another(self) -> None:
        """One that is due is not called when one that is due with it has stopped it, or all."""
        for stop in (lambda: self.timers.stop("one"), self.timers.cancel):
            self.timers.start("other", 5, stop)
            self.timers.start("one", 5, self.expire)
            self.clock.advance(5)
            self.assertEqual(self.expired, 0)
            self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_started_by_another(self) -> None:
        """One that is due starts itself, or another, anew."""
        self.timers.start("one", 5, lambda: self.timers.start("one", 2, self.expire))
        self.timers.start("other", 100, self.expire)
        self.clock.advance(5)
        self.clock.advance(1.9)
        self.assertEqual(self.expired, 0)
        self.clock.advance(0.1)
        self.assertEqual(self.expired, 1)
        self.assertEqual(list(self.timers.running), ["other"])

    def test_put_off_by_another(self) -> None:
        """One that is due with another, which starts it again first, counts from then on."""
        self.timers.start("other", 5, lambda: self.timers.start("one", 2, self.expire))
        self.timers.start("one", 5, self.expire)
        self.clock.advance(5)
        self.assertEqual(self.expired, 0)
        self.clock.advance(2)
        self.assertEqual(self.expired, 1)

    def test_later_one_started_by_another(self) -> None:
        """One that starts a later one does not put off those that run."""
        self.timers.start("one", 7, self.expire)
        self.timers.start("other", 5, lambda: self.timers.start("late", 100, self.expire))
        self.clock.advance(5)
        self.clock.advance(2)
        self.assertEqual(self.expired, 1)

    def test_failing(self) -> None:
        """When what one calls fails, the others come in their time all the same."""
        self.timers.start("bad", 1, lambda: 1 / 0)
        self.timers.start("one", 5, self.expire)
        self.assertRaises(ZeroDivisionError, self.clock.advance, 1)
        self.clock.advance(4)
        self.assertEqual(self.expired, 1)

    def test_failing_late(self) -> None:
        """So does one that is overdue by then."""
        self.timers.start("bad", 1, lambda: 1 / 0)
        self.timers.start("one", 5, self.expire)
        self.assertRaises(ZeroDivisionError, self.clock.advance, 10)
        self.clock.advance(0)
        self.assertEqual(self.expired, 1)


_names = st.sampled_from("abc")


def _orders(soonest: int) -> st.SearchStrategy[tuple[str, str, float | None]]:
    """To start a timer, for ever if its seconds are None, or to stop one or all."""
    seconds = octets.map(lambda quarters: (soonest + quarters % 40) / 4)
    return st.tuples(st.sampled_from(("start", "stop", "cancel")), _names, st.none() | seconds)


class _Listed:
    """The timers as a list of when each is due, and what each orders when it expires."""

    def __init__(self, reactions: Any) -> None:
        self.due: dict[str, float] = {}
        self.expired: list[tuple[str, float]] = []
        self._reactions = reactions

    def obey(self, now: float, order: str, name: str, seconds: float | None) -> None:
        if order == "start" and seconds is not None:
            self.due[name] = now + seconds
        elif order == "cancel":
            self.due.clear()
        else:
            self.due.pop(name, None)

    def pass_until(self, now: float) -> None:
        for name, at in sorted(self.due.items(), key=lambda timer: timer[1]):
            if at <= now and self.due.get(name) == at:
                del self.due[name]
                self.expired.append((name, now))
                for reaction in self._reactions.get(name, ()):
                    self.obey(now, *reaction)


class PropertyTests(SynchronousTestCase):
    """What holds whatever is started and stopped."""

    @given(
        st.lists(_orders(0) | st.integers(1, 40), max_size=30),
        st.dictionaries(_names, st.lists(_orders(1), max_size=2)),
    )
    def test_as_listed(self, steps, reactions) -> None:
        """They expire as listed, also those that one that expires has started or stopped."""
        clock = Clock()
        timers = Timers(clock)
        listed = _Listed(reactions)
        expired: list[tuple[str, float]] = []

        def obey(order: str, name: str, seconds: float | None) -> None:
            if order == "start":
                timers.start(name, seconds, lambda: expire(name))
            elif order == "stop":
                timers.stop(name)
            else:
                timers.cancel()

        def expire(name: str) -> None:
            expired.append((name, clock.seconds()))
            for reaction in reactions.get(name, ()):
                obey(*reaction)

        for step in steps:
            if isinstance(step, int):
                clock.advance(step / 4)
                listed.pass_until(clock.seconds())
            else:
                obey(*step)
                listed.obey(clock.seconds(), *step)
            self.assertEqual(expired, listed.expired)
            self.assertEqual(set(timers.running), set(listed.due))
            self.assertLessEqual(len(clock.getDelayedCalls()), 1)
        timers.cancel()
        self.assertEqual(clock.getDelayedCalls(), [])
