"""``txdicom explain FILE``: an exchange that was kept, as a ladder, and what went wrong in it."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from twisted.internet.error import ConnectionRefusedError

from txdicom.cli import exchange, kept, pcap, terminal
from txdicom.cli.explain import explanation_lines
from txdicom.cli.kept import Kept
from txdicom.cli.outcome import Outcome
from txdicom.cli.story import Story
from txdicom.cli.target import Target
from txdicom.errors import AssociationTimeout, ConnectionFailed

#: How many connections of a capture are shown.
MOST_SHOWN = 20


def outcome_of(found: Kept) -> Outcome:
    """What an exchange comes to."""
    target = found.target or Target("")
    story = Story(Outcome(target, "?", "?", recorded=True, tls_wanted=found.over_tls))
    for step in exchange.steps(found.lines):
        story.tell(step)
    return story.outcome if found.left_out else story.end()


def report(path: str, verbose: bool) -> Iterator[str]:
    """What there is to say about a file: an exchange that was kept, or a capture.

    :param verbose: each PDU in words too
    :raise OSError: the file cannot be read
    :raise ValueError: there is no exchange in it
    """
    with open(path, "rb") as file:
        start = file.read(4)
        if pcap.is_capture(start):
            file.seek(0)
            yield from _captured(pcap.read(file), verbose)
            return
    found = kept.read(path)
    yield from _exchanged(found, outcome_of(found), verbose)


def _exchanged(found: Kept, outcome: Outcome, verbose: bool) -> Iterator[str]:
    """The report on one exchange."""
    lines = found.lines
    if verbose:
        yield from exchange.in_words(lines)
    if any(line.data for line in lines):
        yield from exchange.ladder(lines, found.left_out, terminal.width(sys.stdout))
    elif outcome.error is None:
        yield "No PDU, nor anything in the place of one, is to be seen in it."
        return
    of_what = "what was kept of this exchange" if found.left_out else "this exchange"
    explanation = list(explanation_lines(outcome))
    yield from explanation or ["", f"Nothing that went wrong is to be seen in {of_what}."]


def _captured(capture: pcap.Capture, verbose: bool) -> Iterator[str]:
    """The report on a capture: the DICOM in it, or, where there is none, what else there is."""
    found = capture.connections
    if not found:
        raise ValueError("there is no TCP connection in the capture")
    dicom = [one for one in found if one.lines and one.lines[0].data[:2] == b"\x01\x00"]
    shown = (dicom or found)[:MOST_SHOWN]
    for one in shown:
        client, server = Target(*one.client), Target(*one.server)
        seen = "times not known" if one.seconds is None else f"{one.seconds:.3f} s"
        yield f"{client} to {server}, {seen}"
        if one.lines and one.lines[0].data[:2] == b"\x16\x03":
            yield "It is encrypted by TLS, so no more is to be seen."
        else:
            exchanged = Kept(one.lines, server)
            yield from _exchanged(exchanged, _captured_outcome(one, exchanged), verbose)
        yield ""
    if len(found) > len(shown):
        yield f"Other TCP connections in the capture, not shown: {len(found) - len(shown)}."
    yield from capture.remarks


def _captured_outcome(one: pcap.Connection, found: Kept) -> Outcome:
    outcome = outcome_of(found)
    if one.asked and not one.answered:
        outcome.error = AssociationTimeout(
            "capture", round(one.seconds or 0.0, 3), "answer to the SYN"
        )
        outcome.error.stage = "connect"
    elif one.refused:
        outcome.error = ConnectionFailed(str(found.target), "it was reset")
        outcome.error.__cause__ = ConnectionRefusedError()
    return outcome
