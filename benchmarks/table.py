"""The tables that are printed: a row for each figure, a column for each peer, and ratios."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import NamedTuple

#: Of each peer the results of each case, one for every round.
Results = Mapping[str, Mapping[str, Sequence[Mapping[str, float]]]]


class Row(NamedTuple):
    """One figure of one case: ``rate`` is per second, ``cpu_us`` is CPU microseconds each."""

    title: str
    case: str
    figure: str


SCP_ROWS = (
    Row("echoes/s, one outstanding", "echo", "rate"),
    Row("  server CPU, us each", "echo", "cpu_us"),
    Row("echoes/s, 16 outstanding", "echo16", "rate"),
    Row("  server CPU, us each", "echo16", "cpu_us"),
    Row("associations/s, one at a time", "associations", "rate"),
    Row("  server CPU, us each", "associations", "cpu_us"),
    Row("associations/s, 10 at a time", "associations10", "rate"),
    Row("  server CPU, us each", "associations10", "cpu_us"),
)

SCU_ROWS = (
    Row("echoes/s, send_c_echo()", "echo", "rate"),
    Row("  client CPU, us each", "echo", "cpu_us"),
    Row("echoes/s, lean", "lean", "rate"),
    Row("  client CPU, us each", "lean", "cpu_us"),
    Row("associations/s", "associations", "rate"),
    Row("  client CPU, us each", "associations", "cpu_us"),
)


def figure(results: Results, peer: str, row: Row) -> float | None:
    """The median over the rounds, or None where there is nothing."""
    values = [result[row.figure] for result in results[peer].get(row.case, ())]
    return median(values) if values else None


def cell(value: float | None) -> str:
    """A figure, to three or four digits."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def ratio(first: float | None, other: float | None) -> str:
    """How many times the other's figure the first one's is."""
    if first is None or other is None:
        return ""
    times = first / other
    return f"{times:,.0f} x" if times >= 100 else f"{times:.2g} x"


def lines(heading: str, rows: Sequence[Row], results: Results) -> list[str]:
    """A table; after each other peer's figure the first peer's ratio to it."""
    first, *others = results
    width = max(len(row.title) for row in rows) + 2
    head = f"{'':{width}}{first:>10}" + "".join(f"{name:>17}{'':9}" for name in others)
    printed = [heading, head.rstrip()]
    for row in rows:
        own = figure(results, first, row)
        line = f"{row.title:{width}}{cell(own):>10}"
        for name in others:
            value = figure(results, name, row)
            line += f"{cell(value):>17}{ratio(own, value):>9}"
        printed.append(line.rstrip())
    return printed
