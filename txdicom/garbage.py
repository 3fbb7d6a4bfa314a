"""Python's search for cyclic garbage, made rare in a process that serves."""

from __future__ import annotations

import gc

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

    def startService(self) -> None:
        super().startService()
        self._before = gc.get_threshold()
        gc.collect()
        gc.freeze()
        gc.set_threshold(*THRESHOLDS)

    def stopService(self) -> None:
        """As it was before."""
        super().stopService()
        gc.set_threshold(*self._before)
        gc.unfreeze()
