"""So many log lines a second about each kind of fault, however many peers commit it."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime


class Throttle:
    """Counts what is held back, for each reason by itself.

    The reasons are words of this program, never a peer's, so they are few.

    :ivar rate: how many lines a second pass
    """

    __slots__ = ("_clock", "_reasons", "rate")

    def __init__(self, clock: IReactorTime, rate: int) -> None:
        self._clock = clock
        self.rate = rate
        # Reason to: the second it is about, the lines that passed in it, those held back since.
        self._reasons: dict[str, tuple[int, int, int]] = {}

    def passes(self, reason: str) -> int | None:
        """How many were held back before this one, which passes; None when it does not."""
        now = int(self._clock.seconds())
        second, passed, held = self._reasons.get(reason, (now, 0, 0))
        if second != now:
            passed = 0
        if passed >= self.rate:
            self._reasons[reason] = (now, passed, held + 1)
            return None
        self._reasons[reason] = (now, passed + 1, 0)
        return held
