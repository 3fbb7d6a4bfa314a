"""How far a run over many targets is: a bar on a terminal, and nothing elsewhere."""

from __future__ import annotations

import sys
from typing import Any

#: Seconds from one drawing to the next.
PERIOD = 0.2


class Progress:
    """Shows nothing: where the standard error is no terminal.

    :ivar done: how many targets are done
    :ivar failed: how many of them failed
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self.done = 0
        self.failed = 0

    def add(self, verified: bool) -> None:
        """One more is done."""
        self.done += 1
        self.failed += not verified

    def draw(self) -> None:
        """Show how far it is."""

    def print(self, line: str) -> None:
        """Print a line of the result at once, above what is shown."""
        print(line, flush=True)

    def end(self) -> None:
        """Show nothing any more."""

    @property
    def words(self) -> str:
        return f"{self.done} of {self.total}, {self.failed} failed"


class Counter(Progress):
    """One line that counts."""

    def draw(self) -> None:
        print(f"\r\x1b[K{self.words}", end="", file=sys.stderr, flush=True)

    def print(self, line: str) -> None:
        self.end()
        super().print(line)

    def end(self) -> None:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


class Bar(Progress):
    """A bar of the library rich.

    :raise ImportError: it is not installed
    """

    def __init__(self, total: int) -> None:
        super().__init__(total)
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Shown

        self._shown: Any = Shown(
            BarColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            # The reactor draws it. Nor is a standard output taken over that may be a file.
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
            transient=True,
        )
        self._task = self._shown.add_task(self.words, total=total)
        self._shown.start()

    def draw(self) -> None:
        self._shown.update(self._task, completed=self.done, description=self.words, refresh=True)

    def print(self, line: str) -> None:
        if sys.stdout.isatty():
            self._shown.console.out(line, highlight=False)  # as it is: its print knows emoji
        else:
            super().print(line)

    def end(self) -> None:
        self._shown.stop()


def progress(total: int, shown: bool) -> Progress:
    """What shows how far it is: a bar, without the library a counter, or nothing."""
    if not shown:
        return Progress(total)
    try:
        return Bar(total)
    except ImportError:
        return Counter(total)
