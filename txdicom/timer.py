"""A timer that is cheap to stop and to start again."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

#: Seconds that it may expire too early: sums of floats are no more exact than the reactor's calls.
_EXACTNESS = 1e-6


def _nothing() -> None:
    """What a cancelled timer would call."""


class Timer:
    """Calls ``expired`` once the time has passed since the last start.

    Stopping leaves the reactor's call where it is, and starting again, which is done for every
    read, only notes the time: a call that comes too early is made again for the rest.
    :meth:`cancel` gives the call back.

    :ivar running: whether it was started and neither stopped nor expired
    """

    __slots__ = ("_call", "_called_at", "_clock", "_due", "_expired", "running")

    def __init__(self, clock: IReactorTime, expired: Callable[[], None]) -> None:
        self._clock = clock
        self._expired = expired
        self._call: IDelayedCall | None = None
        self._called_at = 0.0
        self._due = 0.0
        self.running = False

    def start(self, seconds: float | None) -> None:
        """Start, or start again; None is a timer that never expires."""
        if seconds is None:
            self.running = False
            return
        self.running = True
        self._due = due = self._clock.seconds() + seconds
        if self._call is None:
            self._call_at(due, seconds)
        elif due < self._called_at:
            self._call.cancel()  # to move it up, a reactor looks through all the calls it has
            self._call_at(due, seconds)

    def stop(self) -> None:
        self.running = False

    def cancel(self) -> None:
        """Stop for good: nothing is left in the reactor, and its owner can be freed."""
        self.running = False
        self._expired = _nothing
        call, self._call = self._call, None
        if call is not None:
            call.cancel()

    def _call_at(self, due: float, seconds: float) -> None:
        self._called_at = due
        self._call = self._clock.callLater(seconds, self._called)

    def _called(self) -> None:
        self._call = None
        if not self.running:
            return
        left = self._due - self._clock.seconds()
        if left > _EXACTNESS:
            self._call_at(self._due, left)
        else:
            self.running = False
            self._expired()
