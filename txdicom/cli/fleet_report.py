"""What a run over many targets prints and writes: lines, a table, JSON, CSV, JUnit XML."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from txdicom.cli import exit_codes
from txdicom.cli.fleet import Fleet, Result
from txdicom.cli.terminal import GREEN, RED, YELLOW, Paint, plain
from txdicom.cli.text import (
    cells,
    median,
    milliseconds,
    percentile,
    rounded_milliseconds,
    wrapped,
)

#: The columns of --csv.
COLUMNS = (
    *("aet", "host", "port", "tls", "notes", "verified", "exit_code", "stage", "kind"),
    *("message", "echo_ms", "total_ms"),
)


def line(result: Result, paint: Paint = plain) -> str:
    """The line of a target when it is done."""
    said = _what(result, paint)
    time = "" if result.echo is None else f", echo {milliseconds(result.echo)}"
    return f"{result.target}: {said}{time}"


def _what(result: Result, paint: Paint) -> str:
    if not result.verified:
        failed = paint("FAILED", RED)
        return f"{failed} ({result.exit_code}, {result.stage}): {result.words}"
    if result.warned:
        return f"{paint('verified, but', YELLOW)} {result.words}"
    return paint("verified", GREEN)


def table(fleet: Fleet, everything: bool, width: int | None, paint: Paint = plain) -> Iterator[str]:
    """The table at the end: what is wrong, the worst first; all only where that is asked for.

    :param width: of the terminal, for which rows are wrapped; None where there is none
    """
    rows = [("TARGET", "CODE", "STAGE", "WHAT")]
    for result in sorted(fleet.results, key=lambda it: it.badness):
        if everything or result.warned or not result.verified:
            words = result.words or f"verified, echo {milliseconds(result.echo or 0)}"
            note = f" [{result.target.note}]" if result.target.note else ""
            code = str(result.exit_code)
            rows.append((str(result.target), code, result.stage or "-", _one_line(words + note)))
    rows += [(str(target), "-", "-", f"interrupted: {what}") for target, what in fleet.unfinished]
    if len(rows) > 1:
        widths = [max(cells(row[column]) for row in rows) for column in range(3)]
        for row in rows:
            columns = [
                cell + " " * (room - cells(cell)) for cell, room in zip(row, widths, strict=False)
            ]
            yield from wrapped("  ".join([*columns, ""]), row[3], width)
        yield ""
    yield from _totals(fleet, paint)


def _one_line(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)


def _totals(fleet: Fleet, paint: Paint) -> Iterator[str]:
    failed = [result for result in fleet.results if not result.verified]
    verified = len(fleet.results) - len(failed)
    parts = [
        paint(f"{number} {what}", colour) if number else f"{number} {what}"
        for number, what, colour in (
            (verified, "verified", GREEN),
            (len(failed), "failed", RED),
            (len(fleet.unfinished), "interrupted", YELLOW),
        )
        if number or what != "interrupted"
    ]
    count = "1 target" if len(fleet.targets) == 1 else f"{len(fleet.targets)} targets"
    yield f"{count}: {', '.join(parts)}, in {fleet.seconds:.1f} s"
    for code, number in sorted(Counter(result.exit_code for result in failed).items()):
        yield f"{number:>7}  {exit_codes.MEANINGS[code]} ({code})"
    times = _echo_times(fleet.results)
    if times:
        yield (
            f"echo: median {milliseconds(median(times))},"
            f" p99 {milliseconds(percentile(times, 0.99))}, max {milliseconds(max(times))}"
        )


def _echo_times(results: Sequence[Result]) -> list[float]:
    return [result.echo for result in results if result.echo is not None]


def fleet_json(fleet: Fleet) -> str:
    """The summary of the run as a line of JSON; every key is always there."""
    import json

    verified = sum(result.verified for result in fleet.results)
    times = _echo_times(fleet.results)
    codes = sorted(Counter(result.exit_code for result in fleet.results).items())
    return json.dumps(
        {
            "type": "fleet",
            "targets": len(fleet.targets),
            "verified": verified,
            "failed": len(fleet.results) - verified,
            "not_reached": len(fleet.unfinished),
            "exit_code": fleet.exit_code,
            "exit_codes": {str(code): number for code, number in codes},
            "concurrency": fleet.concurrency,
            "seconds": round(fleet.seconds, 3),
            "median_ms": rounded_milliseconds(median(times)) if times else None,
            "p99_ms": rounded_milliseconds(percentile(times, 0.99)) if times else None,
            "max_ms": rounded_milliseconds(max(times, default=None)),
        }
    )


def csv_row(result: Result) -> list[Any]:
    """A target's line of --csv."""
    target = result.target
    return [
        target.ae_title or "",
        target.host,
        target.port,
        "" if target.tls is None else "yes" if target.tls else "no",
        target.note,
        "yes" if result.verified else "no",
        result.exit_code,
        result.stage,
        result.kind,
        result.words,
        rounded_milliseconds(result.echo),
        rounded_milliseconds(result.seconds),
    ]


def junit(fleet: Fleet) -> Iterator[str]:
    """JUnit's XML, as continuous integration reads it: a test case a target."""
    from xml.sax.saxutils import quoteattr

    def attributes(**values: object) -> str:
        return " ".join(f"{name}={quoteattr(str(value))}" for name, value in values.items())

    counts = attributes(
        name="txdicom echo",
        tests=len(fleet.targets),
        failures=sum(not result.verified for result in fleet.results),
        errors=0,
        skipped=len(fleet.unfinished),
        time=f"{fleet.seconds:.3f}",
    )
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield f"<testsuites><testsuite {counts}>"
    for result in fleet.results:
        case = attributes(
            classname="txdicom.echo", name=result.target, time=f"{result.seconds:.3f}"
        )
        if result.verified:
            yield f"<testcase {case}/>"
        else:
            failure = attributes(type=result.kind, message=f"{result.stage}: {result.words}")
            yield f"<testcase {case}><failure {failure}/></testcase>"
    for target, what in fleet.unfinished:
        case = attributes(classname="txdicom.echo", name=target)
        yield f'<testcase {case}><skipped message="interrupted: {what}"/></testcase>'
    yield "</testsuite></testsuites>"
