"""``txdicom echo --probe``: what a peer accepts, and what has changed since another probe."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from typing import Any

from txdicom.cli import exit_codes, probe_report, text
from txdicom.cli.probe_report import Report
from txdicom.cli.probing import Probe
from txdicom.cli.running import run
from txdicom.cli.settings import Settings
from txdicom.cli.target import Target
from txdicom.cli.terminal import RED, paint, width
from txdicom.upperlayer.user_information import AsynchronousOperationsWindow, UserIdentityRQ, the
from txdicom.words import printable

# What a probe has no use for, by the name of the argument.
_NOT_WITH_A_PROBE = {
    "targets": "--targets",
    "concurrency": "--concurrency",
    "csv": "--csv",
    "junit": "--junit",
    "abort": "--abort",
    "count": "--count",
    "forever": "--forever",
    "warn_expiry": "--warn-expiry",
    "explain": "--explain",
    "try_titles": "--try-titles",
    "save": "--save",
    "nagios": "--nagios",
}

_IDENTITIES = {None: "none", 1: "user name", 2: "user name and passcode"}


def check(parsed: argparse.Namespace) -> None:
    """Whether the other arguments go with a probe.

    :raise ValueError: they do not
    """
    for name, option in _NOT_WITH_A_PROBE.items():
        if getattr(parsed, name):
            raise ValueError(f"{option} does not go with --probe, which has questions of its own")


def probe(parsed: argparse.Namespace, targets: Sequence[Target], settings: Settings) -> int:
    """Probe the target and tell what came of it. Returns the exit code.

    :raise ValueError: the arguments do not go together, or the file to compare with is no probe
    :raise OSError: a file cannot be read
    """
    check(parsed)
    if len(targets) != 1:
        raise ValueError("--probe is for one target")
    (target,) = targets
    then = None if parsed.diff is None else probe_report.read(parsed.diff)
    if settings.tls is not None:
        from txdicom.tls import client_creator

        client_creator(settings.tls, target.host)  # what is wrong with the files is told at once

    from twisted.internet import reactor

    the_reactor: Any = reactor
    now = f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}"
    asked = _asked(target, settings)
    told = not (parsed.quiet or parsed.json) and (then is None or parsed.verbose)

    def on_group(name: str) -> None:
        if told and probe_report.was_asked(probing.answers[name]):
            for line in probe_report.group_lines(name, probing.answers[name], width(sys.stdout)):
                print(line, flush=True)

    probing = Probe(the_reactor, target, settings, on_group)
    if told:
        for line in _heading(target, asked, now):
            print(line, flush=True)
    run(the_reactor, probing.run)
    report = Report(now, str(target), asked, probing.answers)
    return _tell(parsed, probing, report, then, told)


def _asked(target: Target, settings: Settings) -> dict[str, Any]:
    identity = the(UserIdentityRQ, settings.extended)
    kind = None if identity is None else identity.user_identity_type
    window = the(AsynchronousOperationsWindow, settings.extended)
    return {
        "called_ae_title": target.ae_title or settings.called_ae_title,
        "calling_ae_title": settings.calling_ae_title,
        "maximum_length": settings.limits.max_pdu,
        "user_identity": _IDENTITIES[kind],
        "window": "none" if window is None else f"{window.invoked},{window.performed}",
        "tls": settings.tls is not None,
    }


def _heading(target: Target, asked: dict[str, Any], now: str) -> Iterator[str]:
    yield f"{target}, probed {now}"
    yield f"{asked['calling_ae_title']} calls {asked['called_ae_title']}"


def _tell(
    parsed: argparse.Namespace, probing: Probe, report: Report, then: Report | None, told: bool
) -> int:
    """Print what is left to print. Returns the exit code."""
    code = probing.baseline.exit_code
    if then is not None and code == exit_codes.VERIFIED:
        differs = next(probe_report.differences(then, report), None) is not None
        code = exit_codes.DIFFERS if differs else code
    if probing.interrupted:
        code = exit_codes.INTERRUPTED
    if parsed.json:
        compared = None if then is None else probe_report.compared(parsed.diff, then, report)
        print(probe_report.to_json(report, code, compared))
    elif not parsed.quiet:
        for line in _ending(parsed, probing, report, then, told):
            print(line)
        for line in text.warnings(probing.baseline, paint(sys.stderr)):
            print(line, file=sys.stderr)
    return code


def _ending(
    parsed: argparse.Namespace, probing: Probe, report: Report, then: Report | None, told: bool
) -> Iterator[str]:
    columns, colour = width(sys.stdout), paint(sys.stdout)
    if told:
        yield ""
        if probing.stopped:
            yield from probe_report.not_asked_lines(report.answers, probing.stopped, columns)
        besides = f"TLS handshakes: {probing.handshakes}" if report.asked["tls"] else "without TLS"
        yield f"associations: {probing.associations}, {besides}"
    if then is not None:
        if told:
            yield ""
        yield from probe_report.diff_lines(parsed.diff, then, report, columns, colour)
    error = probing.baseline.error
    if error is not None:
        failed = colour("FAILED", RED)
        yield f"{failed} at the stage {error.stage}: {printable(str(error), 400)}"
    elif probing.baseline.exit_code:
        yield f"{colour('FAILED', RED)}: a status other than success"
