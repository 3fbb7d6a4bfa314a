"""What ``txdicom echo`` prints for people: a line an echo, and a summary, like ping."""

from __future__ import annotations

from collections.abc import Iterator

from txdicom.cli.outcome import STAGES, Echo, Outcome
from txdicom.cli.target import Target
from txdicom.cli.terminal import GREEN, RED, YELLOW, Paint, plain
from txdicom.dimse.status import status_words
from txdicom.words import printable, uid_name

# Characters of the last column that a narrow terminal has to have room for.
_LEAST_ROOM = 20


def milliseconds(seconds: float) -> str:
    """Seconds as milliseconds, with as many digits as tell something."""
    value = seconds * 1000
    return f"{value:.0f} ms" if value >= 100 else f"{value:.1f} ms"


def rounded_milliseconds(seconds: float | None) -> float | None:
    """Seconds as milliseconds, for machines."""
    return None if seconds is None else round(seconds * 1000, 3)


def median(values: list[float]) -> float:
    """The middle value, or the mean of the two; the library for it would take 5 ms to load."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return (ordered[half] + ordered[~half]) / 2


def percentile(values: list[float], share: float) -> float:
    """The value that this share of the values, sorted here, does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def cells(text: str) -> int:
    """How many places of a terminal a text takes: wide characters have two, accents none."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def wrapped(start: str, words: str, width: int | None) -> list[str]:
    """A row whose last cell takes as many lines as it needs.

    :param start: what stands before that cell
    :param width: of the terminal; None where there is none
    """
    before = cells(start)
    if width is None or before + cells(words) <= width:
        return [start + words]
    first, *others = _lines(words, max(width - before, _LEAST_ROOM)) or [""]
    return [start + first, *(" " * before + more for more in others)]


def _lines(words: str, room: int) -> list[str]:
    """Words on lines that have so many places; one that is longer is cut."""
    if words.isascii():
        from textwrap import wrap

        return wrap(words, room)
    lines, line, used = [], "", 0
    for word in words.split():
        for part in _cut(word, room):
            if line and used + 1 + cells(part) > room:
                lines.append(line)
                line, used = part, cells(part)
            else:
                line = f"{line} {part}" if line else part
                used = cells(line)
    return [*lines, line]


def _cut(word: str, room: int) -> Iterator[str]:
    """A word in parts, none with more places than there are."""
    part = ""
    for char in word:
        if cells(part + char) > room:
            yield part
            part = ""
        part += char
    yield part


def echo_line(outcome: Outcome, echo: Echo, paint: Paint = plain) -> str:
    """The line of one answered echo."""
    status = paint(status_words(echo.status or 0), GREEN if echo.verified else RED)
    where = Target(outcome.address or outcome.target.host, outcome.target.port)
    line = f"{outcome.called_ae_title} at {where}: echo {echo.number}: {status}"
    if echo.error_comment:
        line += f" ({printable(echo.error_comment)})"
    return f"{line}, {milliseconds(echo.seconds or 0)}"


def summary(outcome: Outcome, paint: Paint = plain) -> Iterator[str]:
    """The lines at the end."""
    sent, answered = len(outcome.echoes), len(outcome.answered)
    if sent > 1:
        times = [echo.seconds for echo in outcome.answered if echo.seconds is not None]
        yield f"{sent} sent, {answered} answered, {sent - answered} lost"
        if times:
            yield (
                f"min {milliseconds(min(times))}, median {milliseconds(median(times))},"
                f" p99 {milliseconds(percentile(times, 0.99))}, max {milliseconds(max(times))}"
            )
    stages = [
        f"{stage} {milliseconds(outcome.seconds[stage])}"
        for stage in STAGES
        if stage in outcome.seconds
    ]
    if stages:
        yield "stages: " + ", ".join(stages)
    if outcome.error is not None:
        error = outcome.error
        failed = paint("FAILED", RED)
        yield f"{failed} at the stage {error.stage}: {printable(str(error), 400)}"
    elif outcome.exit_code:
        status = any(not echo.verified for echo in outcome.answered)
        why = "a status other than success" if status else "interrupted before it was answered"
        yield f"{paint('FAILED', RED)}: {why}"


def warnings(outcome: Outcome, paint: Paint = plain) -> Iterator[str]:
    """What went wrong without making the verification fail."""
    for warning in outcome.warnings:
        yield f"{paint('warning:', YELLOW)} {printable(warning, 400)}"


def about_the_peer(outcome: Outcome) -> Iterator[str]:
    """What the peer said of itself."""
    if outcome.addresses:
        yield "addresses: " + ", ".join(outcome.addresses)
    acceptor = outcome.acceptor
    if acceptor is not None:
        yield f"implementation class UID: {printable(acceptor.implementation_class_uid or 'none')}"
        name = acceptor.implementation_version_name
        yield f"implementation version name: {printable(name or 'none')}"
        length = acceptor.maximum_length
        yield f"maximum length: {length or 'no limit'}"
    if outcome.context is not None:
        yield f"accepted: {uid_name(outcome.context.abstract_syntax)}"
        yield f"transfer syntax: {uid_name(outcome.context.transfer_syntax[0])}"
    if outcome.tls is not None:
        yield f"TLS: {outcome.tls.version}, {outcome.tls.cipher}"
        if outcome.tls.not_after is not None:
            subject = printable(outcome.tls.subject, 200)
            yield f"certificate: {subject}, expires {outcome.tls.not_after:%Y-%m-%d}"
