"""Running the reactor for as long as one thing takes, and not longer."""

from __future__ import annotations

import gc
from collections.abc import Callable
from functools import partial
from signal import SIG_DFL, SIGINT, SIGTERM, signal
from threading import Thread
from typing import Any

from twisted.internet.defer import Deferred


def run(
    reactor: Any, start: Callable[[], Deferred[Any]], ended: Callable[[], None] = lambda: None
) -> bool:
    """Run the reactor until what was started is done, or interrupted with Ctrl-C.

    An interrupt cancels it, and waits until it has ended: until associations are released. A second
    one cancels that too, so that they are aborted. Returns whether there was one.

    :param ended: called then, before the reactor stops
    :raise Exception: what the Deferred failed with
    """
    failures: list[Any] = []
    interrupted: list[bool] = []
    pool = _threads(reactor)

    def begin() -> None:
        running = start()
        running.addErrback(failures.append)
        interrupt = reactor.addSystemEventTrigger("before", "shutdown", cancel, running)
        running.addBoth(end, interrupt)

    def cancel(running: Deferred[Any]) -> Deferred[Any]:
        interrupted.append(True)
        _at_signals(lambda *_: reactor.callFromThread(running.cancel))
        running.cancel()
        return running

    def end(_: object, interrupt: Any) -> None:
        ended()
        if pool.working:  # to stop in an orderly way would be to wait for that thread
            reactor.crash()
        elif not interrupted:
            reactor.removeSystemEventTrigger(interrupt)
            reactor.stop()

    gc.freeze()  # what is loaded by now stays: it need not be looked through for garbage
    reactor.callWhenRunning(begin)
    reactor.run()
    if interrupted:  # one more ends the process, as it would any, and not with a traceback
        _at_signals(SIG_DFL)
    for failure in failures:
        failure.raiseException()
    return bool(interrupted)


def _threads(reactor: Any) -> Any:
    """The reactor's threads; one that waits for a name server in vain does not keep the process."""
    pool = reactor.getThreadPool()
    pool.threadFactory = partial(Thread, daemon=True)
    return pool


def _at_signals(handler: Any) -> None:
    for number in (SIGINT, SIGTERM):
        signal(number, handler)
