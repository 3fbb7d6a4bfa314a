"""The tables that are printed: a row for each figure, a column for each peer, ratios, targets."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Mapping, Sequence
from math import ceil
from statistics import median
from typing import NamedTuple

#: Of each peer the results of each case, one for every round. The first peer is compared.
Results = Mapping[str, Mapping[str, Sequence[Mapping[str, float]]]]


class Target(NamedTuple):
    """What the first peer's figure is to be.

    :ivar least: whether it is to be at least this, and not at most
    :ivar value: the bound, or by what the figure it is held against is multiplied
    :ivar peer: whose figure that is; None for the first one's own
    :ivar case: in which case; None for the same
    :ivar figure: which figure; None for the same
    :ivar words: how it is called; without, the bound is a number by itself
    """

    least: bool
    value: float
    peer: str | None = None
    case: str | None = None
    figure: str | None = None
    words: str = ""

    def __str__(self) -> str:
        sign = ">=" if self.least else "<="
        return f"{sign} {self.value:,g}" + (f" x {self.words}" if self.words else "")


def at_least(value: float, peer: str | None = None, **other: str) -> Target:
    """A target that is met by as much or more."""
    return Target(True, value, peer, **{"words": peer or "", **other})


def at_most(value: float, peer: str | None = None, **other: str) -> Target:
    """A target that is met by as much or less."""
    return Target(False, value, peer, **{"words": peer or "", **other})


class Row(NamedTuple):
    """One figure of one case: ``rate`` is per second, ``cpu_us`` is CPU microseconds each."""

    title: str
    case: str
    figure: str
    targets: tuple[Target, ...] = ()


def percentile(values: Iterable[float], per_cent: float) -> float:
    """The least value that so many per cent of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, ceil(len(ordered) * per_cent / 100) - 1)]


def figure(results: Results, peer: str, row: Row) -> float | None:
    """The median over the rounds, or None where there is nothing."""
    values = [result[row.figure] for result in results.get(peer, {}).get(row.case, ())]
    return median(values) if values else None


def verdict(results: Results, row: Row, target: Target) -> str:
    """Whether the first peer's figure is what it is to be: ``met``, ``missed``, or nothing."""
    first = next(iter(results))
    own = figure(results, first, row)
    bound: float | None = target.value
    if target.words:
        case, of = target.case or row.case, target.figure or row.figure
        other = figure(results, target.peer or first, row._replace(case=case, figure=of))
        bound = None if other is None else target.value * other
    if own is None or bound is None:
        return "not measured"
    return "met" if (own >= bound if target.least else own <= bound) else "missed"


def verdicts(results: Results, row: Row) -> list[str]:
    """The row's targets, each with what became of it."""
    return [f"{target}: {verdict(results, row, target)}" for target in row.targets]


def cell(value: float | None) -> str:
    """A figure, to three or four digits."""
    if value is None:
        return "-"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def ratio(first: float | None, other: float | None) -> str:
    """How many times the other's figure the first one's is."""
    if first is None or not other:
        return ""
    times = first / other
    if times < 0.001:
        return "<0.001 x"
    return f"{times:,.0f} x" if times >= 100 else f"{times:.2g} x"


def lines(heading: str, rows: Sequence[Row], results: Results) -> list[str]:
    """A table; after each other peer's figure the first peer's ratio to it, then the targets."""
    first, *others = results
    width = max(len(row.title) for row in rows) + 2
    head = f"{'':{width}}{first:>10}" + "".join(f"{name:>17}{'':9}" for name in others)
    targets = any(row.targets for row in rows)
    printed = [heading, (f"{head}  target" if targets else head).rstrip()]
    for row in rows:
        own = figure(results, first, row)
        line = f"{row.title:{width}}{cell(own):>10}"
        for name in others:
            value = figure(results, name, row)
            line += f"{cell(value):>17}{ratio(own, value):>9}"
        printed.append(f"{line}  {'; '.join(verdicts(results, row))}".rstrip())
    return printed


def report(
    part: str,
    heading: str,
    rows: Sequence[Row],
    results: Results,
    failed: Sequence[str],
    run: str,
    as_json: bool,
) -> int:
    """Print what one part measured; the status is 1 if txdicom failed.

    :param run: how it was run, in words
    """
    machine = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    if as_json:
        print(json.dumps({"machine": machine, "failed": failed, part: results}, indent=1))
    else:
        print(f"{machine}; {run}\n")
        print(*lines(heading, rows, results), sep="\n")
        if failed:
            print("", "failed:", *failed, sep="\n")
    return 1 if any(line.startswith("txdicom,") for line in failed) else 0
