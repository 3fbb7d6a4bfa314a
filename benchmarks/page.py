"""The tables of docs/performance.rst, made of a run's figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.parts import PARTS
from benchmarks.table import Results, Row, cell, figure, ratio, verdicts


def list_table(rows: Iterable[Sequence[str]], header: bool = True) -> list[str]:
    """A table in reStructuredText."""
    lines = [".. list-table::", "   :header-rows: 1", ""] if header else [".. list-table::", ""]
    for row in rows:
        lines.append(f"   * - {row[0]}".rstrip())
        lines += [f"     - {words}".rstrip() for words in row[1:]]
    return [*lines, ""]


def figures(rows: Sequence[Row], results: Results) -> list[list[str]]:
    """The rows of a part's table: after other peers' figures the ratio of the first to them."""
    first, *others = results
    targets = any(row.targets for row in rows)
    table = [["", first, *others, *(["target"] if targets else [])]]
    for row in rows:
        own = figure(results, first, row)
        line = [row.title.strip(), f"**{cell(own)}**"]
        for name in others:
            value = figure(results, name, row)
            times = ratio(own, value)
            line.append(f"{cell(value)} ({times})" if times else cell(value))
        if targets:
            line.append("; ".join(verdicts(results, row)))
        table.append(line)
    return table


def rst(report: Mapping[str, Any]) -> str:
    """All tables of a run, to be included in the page."""
    lines = [".. Made by python -m benchmarks --docs", ""]
    described = {**report["machine"], "run": report["run"]}
    lines += list_table(([name, words] for name, words in described.items()), header=False)
    for part in PARTS:
        results = report["results"].get(part.name)
        if results:
            lines += [part.heading, "~" * len(part.heading), ""]
            lines += list_table(figures(part.rows, results))
    if report["failed"]:
        lines += ["What failed in this run:", "", "::", ""]
        lines += [*(f"   {line}" for line in report["failed"]), ""]
    return "\n".join(lines)
