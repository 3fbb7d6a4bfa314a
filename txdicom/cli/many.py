"""``txdicom echo`` for several targets: the run of a fleet, and what is told of it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from twisted.internet.task import LoopingCall

from txdicom.cli import fleet_report, terminal
from txdicom.cli.fleet import MOST, Fleet, Result, affordable, descriptors, prepare, sockets_each
from txdicom.cli.options import DEFAULT_CONCURRENCY
from txdicom.cli.outcome import Outcome
from txdicom.cli.progress import PERIOD, Progress, progress
from txdicom.cli.running import run
from txdicom.cli.settings import Settings
from txdicom.cli.target import Target
from txdicom.tls import TLSSettings, check_files

# What makes sense for one target at a time.
_FOR_ONE = ("nagios", "forever")


def verify_many(
    parsed: argparse.Namespace,
    targets: Sequence[Target],
    settings: Settings,
    tls: TLSSettings,
    inspect: Callable[[Outcome], None],
) -> int:
    """Verify them and tell what came of it. Returns the exit code.

    :param inspect: called with each outcome before it is told
    :raise ValueError: the arguments are for one target
    :raise OSError: a file cannot be read or written
    """
    for option in _FOR_ONE:
        if getattr(parsed, option):
            raise ValueError(f"--{option} is for one target")
    if any(it.tls or (it.tls is None and settings.tls) for it in targets):
        check_files(tls)  # what is wrong with them is told at once
    concurrency = _affordable(parsed.concurrency or DEFAULT_CONCURRENCY, targets)
    room = _possible(max(MOST, concurrency), targets)
    patient = parsed.concurrency is None  # a number that is asked for is kept to
    with ExitStack() as stack:
        files = _Files(stack, parsed)
        is_seen = sys.stderr.isatty() and not (parsed.quiet or parsed.debug)
        shown = progress(len(targets), is_seen)
        stack.callback(shown.end)

        tell = _teller(parsed, shown, files)

        from twisted.internet import reactor

        fleet = Fleet(reactor, targets, settings, tls, concurrency, room, patient, tell, inspect)
        prepare(reactor, targets, concurrency)
        _run(reactor, fleet, shown.draw)
        shown.end()
        files.finish(fleet)
    if parsed.json:
        print(fleet_report.fleet_json(fleet))
    elif not parsed.quiet:
        width, paint = terminal.width(sys.stdout), terminal.paint(sys.stdout)
        print("", *fleet_report.table(fleet, parsed.verbose, width, paint), sep="\n")
    return fleet.exit_code


def _teller(
    parsed: argparse.Namespace, shown: Progress, files: _Files
) -> Callable[[Outcome, Result], None]:
    """What is called with each outcome."""

    paint = terminal.paint(sys.stdout)

    def tell(outcome: Outcome, result: Result) -> None:
        shown.add(result.verified)
        files.add(result)
        if parsed.json:
            from txdicom.cli import machine

            shown.print(machine.summary_json(outcome))
        elif not parsed.quiet:
            shown.print(fleet_report.line(result, paint))

    return tell


class _Files:
    """The files of results; they are opened before anything is sent."""

    def __init__(self, stack: ExitStack, parsed: argparse.Namespace) -> None:
        self._csv: Any = None
        self._junit: Any = None
        if parsed.csv is not None:
            import csv

            file = open(parsed.csv, "w", encoding="utf-8", newline="", buffering=1)  # noqa: SIM115
            self._csv = csv.writer(stack.enter_context(file))
            self._csv.writerow(fleet_report.COLUMNS)
        if parsed.junit is not None:
            self._junit = stack.enter_context(open(parsed.junit, "w", encoding="utf-8"))  # noqa: SIM115

    def add(self, result: Result) -> None:
        if self._csv is not None:
            self._csv.writerow(fleet_report.csv_row(result))

    def finish(self, fleet: Fleet) -> None:
        if self._junit is not None:
            self._junit.writelines(f"{line}\n" for line in fleet_report.junit(fleet))


def _affordable(concurrency: int, targets: Sequence[Target]) -> int:
    """The concurrency that there are descriptors for; warns where that is less than asked."""
    wanted = min(concurrency, len(targets))
    possible = _possible(wanted, targets)
    if possible < wanted:
        warning = terminal.paint(sys.stderr)("warning:", terminal.YELLOW)
        print(
            f"{warning} {possible} targets at the same time, not {wanted}:"
            " this process may not open more files (ulimit -n)",
            file=sys.stderr,
        )
    return possible


def _possible(wanted: int, targets: Sequence[Target]) -> int:
    return affordable(min(wanted, len(targets)), sockets_each(targets), *descriptors())


def _run(reactor: Any, fleet: Fleet, draw: Callable[[], None]) -> None:
    """Run the reactor until the fleet is done, or interrupted with Ctrl-C."""
    drawing = LoopingCall(draw)
    drawing.clock = reactor

    def start() -> Any:
        drawing.start(PERIOD, now=False)
        return fleet.run()

    run(reactor, start, drawing.stop)
