"""``-d`` and ``--save``: the exchange of one run, shown as a ladder and kept in a file."""

from __future__ import annotations

import sys
import time
from typing import Any

from txdicom.cli import exchange, kept, terminal
from txdicom.cli.outcome import Outcome


class Recording:
    """Records the exchange of one run.

    :param path: the file to keep it in, or None
    :raise OSError: the file cannot be created
    """

    def __init__(self, path: str | None) -> None:
        self._exchange = exchange.Exchange(time.monotonic)
        # It is created first, so that nothing is sent when it cannot be.
        self._file = None if path is None else kept.create(path)

    @property
    def handlers(self) -> tuple[Any, ...]:
        """The event handlers that record."""
        return self._exchange.handlers

    def finish(self, outcome: Outcome, show: bool) -> None:
        """Keep it, and print the ladder, where the log of ``-d`` is printed."""
        recorded = self._exchange
        recorded.end(outcome.error or outcome.release_error)
        if self._file is not None:
            kept.save(self._file, recorded.lines, outcome, recorded.left_out)
        if show:
            width = terminal.width(sys.stderr)
            for line in exchange.ladder(recorded.lines, recorded.left_out, width):
                print(line, file=sys.stderr)
