"""Python's search for cyclic garbage, made rare in a process that serves."""

from __future__ import annotations

import gc
from typing import ClassVar

from twisted.application.service import Service

#: Objects made and not freed before the youngest are searched, and how often that is done before
#: the next older ones are: Python's own are 700, 10 and 10.
THRESHOLDS = (10_000, 20, 100)


class RareCollection(Service):
    """Has Python search for cyclic garbage seldom, while the service runs.

    An association leaves none: it is freed when it ends. But with 10,000 of them open, a whole
    search stops the server for a tenth of a second, and opening them makes several necessary. What
    the process has loaded before is not searched at all.
    """

    _running: ClassVar[int] = 0  # the search is the process's, and it may have several of these
    _before: ClassVar[tuple[int, int, int]]

    def startService(self) -> None:
        super().startService()
        RareCollection._running += 1
        if RareCollection._running == 1:
            RareCollection._before = gc.get_threshold()
            gc.collect()
            gc.freeze()
            gc.set_threshold(*THRESHOLDS)

    def stopService(self) -> None:
        """With the last one, it is as it was before."""
        if not self.running:
            return
        super().stopService()
        RareCollection._running -= 1
        if RareCollection._running == 0:
            gc.set_threshold(*RareCollection._before)
            gc.unfreeze()
