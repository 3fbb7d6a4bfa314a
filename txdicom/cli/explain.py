"""``--explain``: what happened, at which stage, what it usually means, and what to try."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from shlex import quote
from typing import Any

from txdicom.cli import exit_codes
from txdicom.cli.association_cases import ASSOCIATION_CASES
from txdicom.cli.conditions import part_came
from txdicom.cli.connection_cases import CONNECTION_CASES
from txdicom.cli.outcome import Outcome
from txdicom.cli.part import part_name, part_size
from txdicom.cli.text import milliseconds
from txdicom.dimse.status import status_words
from txdicom.errors import (
    AssociationError,
    AssociationRejected,
    NoAcceptedContext,
    ProtocolViolation,
)
from txdicom.titles import significant
from txdicom.upperlayer import reasons
from txdicom.words import printable, uid_name

CASES = (*CONNECTION_CASES, *ASSOCIATION_CASES)

WIDTH = 78

# How many contexts and responses are told one by one.
_MOST_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a verification failed.

    :ivar case: the name of the kind of failure
    :ivar stage: where it failed
    :ivar happened: what was seen, a sentence each
    :ivar means: what that usually means
    :ivar tries: what to do about it
    """

    case: str
    stage: str
    happened: tuple[str, ...]
    means: str
    tries: tuple[str, ...]


def explain(outcome: Outcome) -> Explanation | None:
    """What an outcome comes from, or None when there is nothing to explain."""
    good = outcome.exit_code == exit_codes.VERIFIED and outcome.release_error is None
    if good and not outcome.responses:
        return None
    names = _names(outcome)
    for case in CASES:
        if case.applies(outcome):
            return Explanation(
                case.name,
                _stage(outcome),
                tuple(_happened(outcome)),
                case.means.format_map(names),
                tuple(_advice(outcome, case.tries, names)),
            )
    return None  # interrupted before anything happened


def _advice(outcome: Outcome, tries: tuple[str, ...], names: dict[str, str]) -> Iterator[str]:
    """What to try; where titles were tried, to say the one that was accepted, and no others."""
    left_out: tuple[str, ...] = ("--try-titles",) if outcome.tried else ()
    accepted = [tried for tried in outcome.tried if tried.exit_code == exit_codes.VERIFIED]
    if accepted:
        is_called = which_title(outcome) == "called"
        title = accepted[0].called_ae_title if is_called else accepted[0].calling_ae_title
        option = "-aec" if is_called else "-aet"
        yield f"Say a title that is accepted: {option} {quote(significant(title))}"
        left_out = ("--try-titles", "TITLE")
    if not outcome.target.host:  # nobody knows where
        left_out += ("{host}", "{port}", "{addresses}")
    for advice in tries:
        if not any(word in advice for word in left_out):
            yield advice.format_map(names)


def _stage(outcome: Outcome) -> str:
    if outcome.error is not None:
        return outcome.error.stage
    answered_well = all(echo.verified for echo in outcome.answered) and not outcome.responses
    if outcome.release_error is not None and answered_well:
        return "release"
    return "echo" if outcome.echoes else "exchange"


def _names(outcome: Outcome) -> dict[str, str]:
    """What is filled into the sentences of the table."""
    recorded = outcome.recorded
    return {
        "here": "the requestor" if recorded else "this computer",
        "exchange": _exchange(outcome),
        "host": printable(outcome.target.host),
        "port": str(outcome.target.port),
        "called": printable(outcome.called_ae_title),
        "calling": printable(outcome.calling_ae_title),
        "addresses": ", ".join(outcome.addresses[:8]) or printable(outcome.target.host),
        "server_name": printable(outcome.server_name or outcome.target.host),
    }


def _exchange(outcome: Outcome) -> str:
    """What to send to who can mend it."""
    if not outcome.recorded:
        return "the exchange: --save FILE"
    return "this file (the user identity is in it)" if outcome.identity_proposed else "this file"


def _happened(outcome: Outcome) -> Iterator[str]:
    """What was seen, stage by stage, and nothing that was not."""
    seconds, target = outcome.seconds, outcome.target
    if outcome.addresses and outcome.addresses != [target.host]:
        yield f"The name {printable(target.host)} was resolved: {', '.join(outcome.addresses[:8])}."
    if "connect" in seconds:
        where = f"{outcome.address or target.host} port {target.port}"
        yield f"A TCP connection to {where} came about in {milliseconds(seconds['connect'])}."
    if "tls" in seconds:
        yield f"The TLS handshake was completed in {milliseconds(seconds['tls'])}."
    if "associate" in seconds:
        yield f"The peer accepted the association in {milliseconds(seconds['associate'])}."
    if outcome.answered:
        yield f"Echoes answered: {len(outcome.answered)} of {len(outcome.echoes)}."
    for echo in outcome.answered:
        if not echo.verified:
            said = f" ({printable(echo.error_comment)})" if echo.error_comment else ""
            yield f"Echo {echo.number} was answered {status_words(echo.status or 0)}{said}."
            break
    yield from _responses(outcome)
    error = outcome.error or outcome.release_error
    if error is not None:
        yield from _failure(outcome, error)
    yield from _certificate(outcome)


def _responses(outcome: Outcome) -> Iterator[str]:
    """The responses that were not of success, but for those to the requestor's echoes."""
    shown = outcome.responses[:_MOST_SHOWN]
    for response in shown:
        said = f" ({printable(response.error_comment)})" if response.error_comment else ""
        yield f"{response.to} was answered {status_words(response.status)}{said}."
    left = len(outcome.responses) - len(shown)
    if left:
        yield f"Further responses of a status other than success: {left}."


def _failure(outcome: Outcome, error: AssociationError) -> Iterator[str]:
    """What it failed with, and what was seen of it."""
    if isinstance(error, NoAcceptedContext) and outcome.recorded:
        for abstract, transfer in outcome.proposed[:_MOST_SHOWN]:
            yield f"Proposed: {uid_name(abstract)}, in {', '.join(map(uid_name, transfer[:4]))}."
    if part_came(outcome):
        data = outcome.unfinished
        yield f"Of the peer's last PDU ({part_name(data)}) {part_size(data)} came."
    elif outcome.unfinished:
        seen = printable(str(outcome.unfinished[:64], "latin-1"))
        yield f"The last {len(outcome.unfinished)} bytes of the peer's are no PDU: {seen}."
    words = printable(str(error), 400).rstrip(".")
    if isinstance(error, ProtocolViolation) and error.protocol and error.stage != "associate":
        words = f"bytes of {error.protocol} came where a PDU was due ({error.message})"
    where = f"After {outcome.after}" if outcome.after else f"At the stage {error.stage}"
    yield f"{where}: {words}."


def _certificate(outcome: Outcome) -> Iterator[str]:
    problem = outcome.certificate
    if problem is not None and outcome.error is not None:
        whose = "The peer's certificate" if problem.depth == 0 else "A certificate of its issuers"
        names = printable(", ".join(problem.names[:8]), 200) or "no name in a subjectAltName"
        yield (
            f"{whose}: {printable(problem.subject, 200)}, for {names}, issued by"
            f" {printable(problem.issuer, 200)}, valid from {problem.not_before:%Y-%m-%d}"
            f" to {problem.not_after:%Y-%m-%d}."
        )


def which_title(outcome: Outcome) -> str | None:
    """Which title others may be tried for: ``called``, ``calling``, or None."""
    error = outcome.error
    if not isinstance(error, AssociationRejected) or error.source != reasons.BY_USER:
        return None
    return {1: "called", 3: "calling", 7: "called"}.get(error.reason)


def title_lines(outcome: Outcome) -> Iterator[str]:
    """What came of each title that was tried."""
    which = which_title(outcome)
    for tried in outcome.tried:
        title = tried.called_ae_title if which == "called" else tried.calling_ae_title
        if "associate" in tried.seconds:
            said = "accepted" if tried.exit_code == exit_codes.VERIFIED else "accepted, but then: "
        else:
            said = "not accepted: "
        if tried.exit_code != exit_codes.VERIFIED:
            said += printable(str(tried.error or "a status other than success"), 200)
        yield f"{which} AE title {printable(significant(title))}: {said}"


def explanation_lines(outcome: Outcome) -> Iterator[str]:
    """The explanation for people, wrapped."""
    explanation = explain(outcome)
    if explanation is None:
        return
    yield ""
    yield from _paragraph("What happened", explanation.happened)
    yield from _paragraph("Usually means", [explanation.means])
    yield from _paragraph("What to try", explanation.tries)
    if outcome.tried:
        yield from _paragraph("Titles tried", title_lines(outcome))


def _paragraph(heading: str, sentences: Any) -> Iterator[str]:
    first = f"{heading + ':':<15}"
    for sentence in sentences:
        yield from textwrap.wrap(
            sentence,
            WIDTH,
            initial_indent=first,
            subsequent_indent=" " * 15,
            break_long_words=False,
            break_on_hyphens=False,
        )
        first = " " * 15


def explanation_json(outcome: Outcome) -> str | None:
    """The explanation as a line of JSON, or None when there is nothing to explain."""
    import json

    explanation = explain(outcome)
    if explanation is None:
        return None
    return json.dumps(
        {
            "type": "explanation",
            "target": str(outcome.target),
            "case": explanation.case,
            "stage": explanation.stage,
            "happened": explanation.happened,
            "means": explanation.means,
            "try": explanation.tries,
            "titles": [
                {
                    "called_ae_title": tried.called_ae_title,
                    "calling_ae_title": tried.calling_ae_title,
                    "accepted": "associate" in tried.seconds,
                    "exit_code": tried.exit_code,
                }
                for tried in outcome.tried
            ],
        }
    )
