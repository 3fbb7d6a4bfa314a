"""What ``txdicom echo`` prints for machines: JSON lines, and the line of a monitoring plugin."""

from __future__ import annotations

import json
from typing import Any

from txdicom.cli import exit_codes
from txdicom.cli.outcome import STAGES, Echo, Outcome
from txdicom.cli.text import median, milliseconds, percentile, rounded_milliseconds
from txdicom.dimse.status import status_words
from txdicom.errors import (
    AssociationAborted,
    AssociationError,
    AssociationRejected,
    AssociationReleased,
    AssociationTimeout,
    NoAcceptedContext,
    ProtocolViolation,
)
from txdicom.words import printable

OK, WARNING, CRITICAL, UNKNOWN = 0, 1, 2, 3
_NAMES = {OK: "OK", WARNING: "WARNING", CRITICAL: "CRITICAL", UNKNOWN: "UNKNOWN"}


def echo_json(outcome: Outcome, echo: Echo) -> str:
    """One echo as a line of JSON."""
    return json.dumps(
        {
            "type": "echo",
            "target": str(outcome.target),
            "number": echo.number,
            "message_id": echo.message_id,
            "status": echo.status,
            "error_comment": echo.error_comment,
            "ms": rounded_milliseconds(echo.seconds),
        }
    )


def summary_json(outcome: Outcome) -> str:
    """The summary as a line of JSON; every key is always there."""
    times = [echo.seconds for echo in outcome.answered if echo.seconds is not None]
    acceptor, context, error, tls = outcome.acceptor, outcome.context, outcome.error, outcome.tls
    return json.dumps(
        {
            "type": "summary",
            "target": str(outcome.target),
            "called_ae_title": outcome.called_ae_title,
            "calling_ae_title": outcome.calling_ae_title,
            "verified": outcome.exit_code == exit_codes.VERIFIED,
            "exit_code": outcome.exit_code,
            "error": None if error is None else _error(error),
            "warnings": outcome.warnings,
            "address": outcome.address,
            "addresses": outcome.addresses,
            "stages_ms": {
                stage: rounded_milliseconds(outcome.seconds.get(stage)) for stage in STAGES
            },
            "sent": len(outcome.echoes),
            "answered": len(outcome.answered),
            "min_ms": rounded_milliseconds(min(times, default=None)),
            "median_ms": rounded_milliseconds(median(times)) if times else None,
            "p99_ms": rounded_milliseconds(percentile(times, 0.99)) if times else None,
            "max_ms": rounded_milliseconds(max(times, default=None)),
            "implementation_class_uid": acceptor and acceptor.implementation_class_uid,
            "implementation_version_name": acceptor and acceptor.implementation_version_name,
            "maximum_length": acceptor and acceptor.maximum_length,
            "abstract_syntax": context and context.abstract_syntax,
            "transfer_syntax": context and context.transfer_syntax[0],
            "tls_version": tls and tls.version,
            "tls_cipher": tls and tls.cipher,
            "certificate_expires": tls and tls.not_after and tls.not_after.isoformat(),
        }
    )


# What is told of each kind of failure; a reason in words is in ``text``.
_FACTS = {
    AssociationRejected: ("result", "source", "reason"),
    AssociationAborted: ("by", "source", "reason"),
    AssociationReleased: ("by",),
    AssociationTimeout: ("timer", "seconds"),
    NoAcceptedContext: ("results",),
    ProtocolViolation: ("protocol",),
}


def _error(error: AssociationError) -> dict[str, Any]:
    """A failure with its facts."""
    facts = next((names for kind, names in _FACTS.items() if isinstance(error, kind)), ())
    return {
        "kind": type(error).__name__,
        "stage": error.stage,
        "text": str(error),
        **{name: getattr(error, name) for name in facts},
    }


def nagios(outcome: Outcome, warning: float | None, critical: float | None) -> tuple[int, str]:
    """The state and the line of a monitoring plugin, with its performance data.

    Its time is that of the stages until the association and of an echo, the median of several; it
    is not known, ``U``, where no echo was answered.
    """
    times = [echo.seconds for echo in outcome.answered if echo.seconds is not None]
    echo = median(times) if times else None
    total = None
    if echo is not None:
        total = sum(outcome.seconds.get(stage, 0.0) for stage in STAGES[:4]) + echo
    if outcome.error is not None:
        state, text = CRITICAL, printable(str(outcome.error), 400)
    elif outcome.exit_code == exit_codes.INTERRUPTED or total is None:
        state, text = UNKNOWN, "interrupted before it was answered"
    elif outcome.exit_code != exit_codes.VERIFIED:
        worst = next(echo for echo in outcome.answered if not echo.verified)
        state, text = CRITICAL, f"echo {status_words(worst.status or 0)}"
    else:
        text = f"echo 0x0000 in {milliseconds(total)}"
        state = OK
        if critical is not None and total >= critical:
            state = CRITICAL
        elif (warning is not None and total >= warning) or outcome.warnings:
            state = WARNING
    measured = "U" if total is None else f"{total:.6f}s"
    data = [f"time={measured};{warning or ''};{critical or ''};0"]
    data += [f"{name}={outcome.seconds[name]:.6f}s" for name in STAGES if name in outcome.seconds]
    data += [] if echo is None else [f"echo={echo:.6f}s"]
    text = "; ".join([text, *outcome.warnings])
    return state, f"{plugin_line(state, f'{outcome.target} {text}')} | {' '.join(data)}"


def plugin_line(state: int, text: str) -> str:
    """The line of a monitoring plugin, without performance data, which begins with a bar."""
    return f"DICOM {_NAMES[state]} - {' '.join(text.split())}".replace("|", "/")
