"""Many targets, verified side by side in one process, with bounds on what that takes."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredSemaphore
from twisted.internet.interfaces import IDelayedCall

from txdicom.cli import exit_codes
from txdicom.cli.outcome import Outcome
from txdicom.cli.settings import Settings
from txdicom.cli.target import Target
from txdicom.cli.text import median
from txdicom.cli.verify import Verification
from txdicom.dimse.status import status_words
from txdicom.tcp import is_address
from txdicom.tls import TLSSettings
from txdicom.words import printable

#: Descriptors left for the rest: standard streams, the reactor, libraries, files of results.
RESERVED = 40

#: Seconds after which a target that has not answered does not keep others waiting, where it may.
PATIENCE = 0.25

#: Targets that have a connection, or wait for one, unless more are asked for: one takes 40 KiB.
MOST = 2_000

#: Threads that resolve names, at most; Twisted's ten would make names wait for slow ones.
MAX_THREADS = 50

# Where it failed, the worst first: the less of the way was gone, the worse. The stage ``tls``
# precedes the association, ``context`` follows it.
_WORST_FIRST = ("resolve", "connect", "tls", "associate", "context", "echo", "release")


@dataclass(frozen=True, slots=True)
class Result:
    """What is kept of one target's outcome.

    :ivar stage: where it failed, empty if it did not
    :ivar words: what failed or what is warned of, in a sentence, or the status
    :ivar seconds: from its beginning to its end
    :ivar echo: seconds of an echo, the median of several; None if none was answered
    """

    target: Target
    exit_code: int
    kind: str
    stage: str
    words: str
    seconds: float
    echo: float | None
    warned: bool = False

    @property
    def verified(self) -> bool:
        return self.exit_code == exit_codes.VERIFIED

    @property
    def badness(self) -> tuple[int, int, int, str]:
        """The order of a table: what is wrong first, the worst before the rest."""
        if self.verified:
            return (1, 0 if self.warned else 1, 0, str(self.target))
        at = _WORST_FIRST.index(self.stage) if self.stage in _WORST_FIRST else 0
        return (0, at, self.exit_code, str(self.target))


def result_of(outcome: Outcome, seconds: float) -> Result:
    """What is to be kept of an outcome, that took so long."""
    times = [echo.seconds for echo in outcome.answered if echo.seconds is not None]
    kind = stage = ""
    words = ["; ".join(outcome.warnings)] if outcome.warnings else []
    if outcome.error is not None:
        kind, stage = type(outcome.error).__name__, outcome.error.stage
        words.insert(0, str(outcome.error))
    elif outcome.exit_code != exit_codes.VERIFIED:
        kind, stage = "Status", "echo"
        wrong = (echo.status for echo in outcome.echoes if not echo.verified)
        words.insert(0, status_words(next(wrong, None) or 0))
    return Result(
        outcome.target,
        outcome.exit_code,
        kind,
        stage,
        printable("; ".join(words), 400),
        seconds,
        median(times) if times else None,
        bool(outcome.warnings),
    )


class Fleet:
    """One run against several targets.

    :ivar results: what came of those that are done, in the order in which they ended
    :ivar interrupted: whether it was ended before all were done
    :ivar seconds: how long the run took

    :param settings: for each; a target that says of itself whether it has TLS is believed
    :param tls: for targets that have TLS where the settings have none
    :param inspect: called with each outcome, to which it may add warnings
    :param on_outcome: called with each outcome when it is there, and what is kept of it
    :param concurrency: how many are under way at the same time
    :param room: how many connections there may be, with those that are still to close
    :param patient: whether a target that has not answered for a quarter of a second gives its
        place to another, and is waited for all the same
    """

    def __init__(
        self,
        reactor: Any,
        targets: Sequence[Target],
        settings: Settings,
        tls: TLSSettings | None = None,
        concurrency: int = 100,
        room: int = MOST,
        patient: bool = False,
        on_outcome: Callable[[Outcome, Result], None] = lambda outcome, result: None,
        inspect: Callable[[Outcome], None] = lambda outcome: None,
        verification: Callable[..., Any] = Verification,
    ) -> None:
        self._reactor = reactor
        self.targets = targets
        self.concurrency = concurrency
        self._settings = {
            None: settings,
            False: replace(settings, tls=None),
            True: replace(settings, tls=settings.tls or tls or TLSSettings()),
        }
        self._on_outcome = on_outcome
        self._inspect = inspect
        self._verification = verification
        self._patient = patient
        self._places = DeferredSemaphore(concurrency)
        self._room = DeferredSemaphore(max(concurrency, room))
        # In the order of their beginning, each with what will take its place from it.
        self._running: dict[Deferred[Any], IDelayedCall | None] = {}
        self._over: Deferred[None] | None = None  # waited for, when no other begins
        self._failure: BaseException | None = None
        self._begun = 0
        self.results: list[Result] = []
        self.interrupted = False
        self.seconds = 0.0

    @property
    def exit_code(self) -> int:
        """0 if all are verified; else that of the only target, or that some failed."""
        if len(self.results) == len(self.targets) == 1:
            return self.results[0].exit_code
        if len(self.results) == len(self.targets) and all(it.verified for it in self.results):
            return exit_codes.VERIFIED
        return exit_codes.SOME_FAILED

    @property
    def unfinished(self) -> list[tuple[Target, str]]:
        """The targets without a result, of a run that was interrupted, each with what was of it."""
        done = {id(result.target) for result in self.results}
        return [
            (target, "not answered yet" if number < self._begun else "not begun")
            for number, target in enumerate(self.targets)
            if id(target) not in done
        ]

    def run(self) -> Deferred[None]:
        """Verify all; fires when all are done. To cancel it ends those that are under way."""
        return Deferred.fromCoroutine(self._run())

    async def _run(self) -> None:
        began = self._reactor.seconds()
        try:
            for target in self.targets:
                await self._room.acquire()
                await self._places.acquire()
                if self._failure is not None:
                    break
                self._start(target)
            await self._all_ended()
        except CancelledError:
            self.interrupted = True
            await self._give_up()
        self.seconds = self._reactor.seconds() - began
        if self._failure is not None:
            raise self._failure

    def _start(self, target: Target) -> None:
        self._begun += 1
        verification = self._verification(self._reactor, target, self._settings[target.tls])
        running = verification.run()
        self._running[running] = None
        if self._patient:
            self._have_patience(running, verification)
        running.addCallback(self._done, self._reactor.seconds())
        running.addErrback(self._failed)
        running.addBoth(self._ended, running, verification)

    def _done(self, outcome: Outcome, began: float) -> None:
        if self.interrupted and outcome.error is None and not outcome.answered:
            return  # it was not given the time
        self._inspect(outcome)
        result = result_of(outcome, self._reactor.seconds() - began)
        self.results.append(result)
        self._on_outcome(outcome, result)

    def _failed(self, failure: Any) -> None:
        """What is no outcome is a fault of the program, or nobody reads its output any more."""
        self._failure = self._failure or failure.value

    def _have_patience(self, running: Deferred[Any], verification: Any) -> None:
        self._running[running] = self._reactor.callLater(
            PATIENCE, self._move_on, running, verification
        )

    def _move_on(self, running: Deferred[Any], verification: Any) -> None:
        """Let another one have the place of one that lets us wait, but for a thread."""
        if verification.is_resolving:
            self._have_patience(running, verification)
        else:
            self._places.release()

    def _ended(self, _: object, running: Deferred[Any], verification: Any) -> None:
        patience = self._running.pop(running)
        if patience is None:
            self._places.release()
        elif patience.active():
            patience.cancel()
            self._places.release()
        verification.closed.addCallback(lambda _: self._room.release())
        if not self._running and self._over is not None:
            over, self._over = self._over, None
            over.callback(None)

    async def _give_up(self) -> None:
        """Cancel what is under way, and when that is cancelled, what it does to end."""
        while self._running:
            for running in list(self._running):
                running.cancel()
            with suppress(CancelledError):
                await self._all_ended()

    async def _all_ended(self) -> None:
        if self._running:
            self._over = Deferred()
            await self._over


def sockets_each(targets: Sequence[Target]) -> int:
    """How many connections one target may have under way: two addresses of a name are tried."""
    return 2 if any(not is_address(target.host) for target in targets) else 1


def affordable(concurrency: int, sockets: int, descriptors: int | None, used: int) -> int:
    """How many targets at the same time there are descriptors for, but no more than asked.

    :param sockets: how many one target takes
    :param descriptors: how many the process may have open, or None for no limit
    :param used: how many it has open
    """
    if descriptors is None:
        return concurrency
    return max(1, min(concurrency, (descriptors - used - RESERVED) // sockets))


def descriptors() -> tuple[int | None, int]:
    """How many the process may have open (None where that is not known), and has."""
    try:
        import resource
    except ImportError:  # not on Windows
        return None, 0
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    try:
        used = len(os.listdir("/dev/fd"))
    except OSError:
        used = 0
    return None if limit == resource.RLIM_INFINITY else limit, used


def prepare(reactor: Any, targets: Sequence[Target], concurrency: int) -> None:
    """Let as many names be resolved at the same time as there are targets under way."""
    if sockets_each(targets) > 1:
        reactor.suggestThreadPoolSize(max(10, min(MAX_THREADS, concurrency)))
