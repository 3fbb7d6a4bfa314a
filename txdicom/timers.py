"""The timers of one connection."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

#: Seconds that one may expire too early: sums of floats are no more exact than the reactor's calls.
EXACTNESS = 1e-6


class Timers:
    """Any number of timers, each by its name, with one call of the reactor for all of them.

    To start one again, as is done with every read, and to stop one only notes it: the call comes
    when the first one was due, looks what has become of them, and is made again for the rest.

    :ivar running: those that were started and neither stopped nor expired: when each is due, and
        what it then calls
    """

    __slots__ = ("_call", "_called_at", "clock", "running")

    def __init__(self, clock: IReactorTime) -> None:
        self.clock = clock
        self.running: dict[str, tuple[float, Callable[[], None]]] = {}
        self._call: IDelayedCall | None = None
        self._called_at = 0.0

    def start(self, name: str, seconds: float | None, expired: Callable[[], None]) -> None:
        """Start it, or start it again; None is a timer that never expires."""
        if seconds is None:
            self.stop(name)
            return
        due = self.clock.seconds() + seconds
        self.running[name] = (due, expired)
        if self._call is None or due < self._called_at:
            self._call_at(due, seconds)

    def stop(self, name: str) -> None:
        self.running.pop(name, None)

    def cancel(self) -> None:
        """Stop all: nothing is left in the reactor, and who would be called can be freed."""
        self.running.clear()
        call, self._call = self._call, None
        if call is not None:
            call.cancel()

    def _call_at(self, due: float, seconds: float) -> None:
        if self._call is not None:
            self._call.cancel()  # to move it up, a reactor looks through all the calls it has
        self._called_at = due
        self._call = self.clock.callLater(max(0.0, seconds), self._called)

    def _called(self) -> None:
        self._call = None
        now = self.clock.seconds()
        try:
            for name, timer in sorted(self.running.items(), key=_due):
                due, expired = timer
                # One that expired before it may have stopped this one, or started it again.
                if due <= now + EXACTNESS and self.running.get(name) is timer:
                    del self.running[name]
                    expired()
        finally:
            first = min((due for due, _ in self.running.values()), default=None)
            if first is not None and (self._call is None or first < self._called_at):
                self._call_at(first, first - now)


def _due(running: tuple[str, tuple[float, Callable[[], None]]]) -> float:
    return running[1][0]
