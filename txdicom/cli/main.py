"""``txdicom``: what the command line asks for, done and printed."""

from __future__ import annotations

import argparse
import atexit
import gc
import os
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from functools import partial
from typing import Any

from txdicom.cli import arguments, exit_codes, machine, terminal, text
from txdicom.cli.outcome import Echo, Outcome
from txdicom.cli.target import DEFAULT_PORT


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line. Returns the exit code."""
    # Everything is garbage at the end of the process; to look for it takes as long as to echo.
    atexit.register(gc.freeze)
    _open_streams()
    parser = arguments.parser()
    words = sys.argv[1:] if argv is None else argv
    try:
        parsed = parser.parse_args(words)
    except SystemExit as end:
        if end.code and "--nagios" in words:  # 2 would say that the node is CRITICAL
            print(machine.plugin_line(machine.UNKNOWN, "wrong arguments"))
            raise SystemExit(machine.UNKNOWN) from None
        raise
    try:
        code = _explain_file(parsed) if parsed.command == "explain" else _echo(parsed)
        sys.stdout.flush()  # here it can still be said that it failed
        return code
    except KeyboardInterrupt:  # before the reactor runs, as at the prompt for the passcode
        return exit_codes.INTERRUPTED
    except BrokenPipeError:  # who reads has enough, as head has
        _drop_output()
        return exit_codes.NOT_READ
    except (OSError, ValueError, RuntimeError) as error:
        _drop_output()
        print(f"txdicom {parsed.command}: {error}", file=sys.stderr)
        if not getattr(parsed, "nagios", False):
            return exit_codes.USAGE
        print(machine.plugin_line(machine.UNKNOWN, str(error)), flush=True)
        return machine.UNKNOWN


def _open_streams() -> None:
    """Open what is closed of the standard streams, as cron may have it, to nowhere.

    Else what is opened next, perhaps a connection, would have the descriptor that others write to.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115


def _drop_output() -> None:
    """Drop what is still to be written, if it cannot be: Python would fail with it at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _echo(parsed: argparse.Namespace) -> int:
    targets = arguments.targets(parsed)
    settings = arguments.settings(parsed)
    if parsed.debug:
        from txdicom.log import debug_logger

        debug_logger()
    if parsed.probe or parsed.diff is not None:
        from txdicom.cli.probe import probe

        return probe(parsed, targets, settings)
    if parsed.targets or len(targets) > 1:
        if parsed.explain or parsed.try_titles or parsed.save:
            raise ValueError("--explain, --try-titles and --save are for one target")
        from txdicom.cli.many import verify_many

        tls = arguments.tls_settings(parsed)
        expiry = partial(_warn_of_expiry, days=parsed.warn_expiry)
        return verify_many(parsed, targets, settings, tls, expiry)
    (target,) = targets
    if parsed.csv or parsed.junit:
        raise ValueError("--csv and --junit are for several targets, or --targets")
    if settings.tls is not None:
        from txdicom.tls import client_creator

        client_creator(settings.tls, target.host)  # what is wrong with the files is told at once
    if not (target.port_given or parsed.quiet or parsed.json or parsed.nagios):
        print(f"port {DEFAULT_PORT}, since none was given", flush=True)
    exchange = _recording(parsed)
    outcome = _run(target, settings, _printer(parsed), _further(parsed), exchange)
    _warn_of_expiry(outcome, parsed.warn_expiry)
    try:
        if exchange is not None:
            exchange.finish(outcome, parsed.debug)
    finally:  # that it cannot be kept is no reason to keep what came of it back
        if not parsed.nagios:
            _print_summary(parsed, outcome)
    if parsed.nagios:
        state, line = machine.nagios(outcome, parsed.warning, parsed.critical)
        print(line)
        return state
    return outcome.exit_code


def _run(target: Any, settings: Any, on_echo: Any, titles: Any, exchange: Any) -> Outcome:
    """Run the reactor until the verification is done, or interrupted.

    :param titles: AE titles to try in the place of one that is rejected; with None nothing further
        is looked at when it has failed
    :param exchange: what records the exchange, or None
    """
    from twisted.internet import reactor

    from txdicom.cli.running import run
    from txdicom.cli.verify import Verification

    the_reactor: Any = reactor
    handlers = exchange.handlers if exchange is not None else ()
    verification = Verification(the_reactor, target, settings, on_echo, handlers)

    def start() -> Any:
        running: Any = verification.run()
        if titles is not None:
            running.addCallback(_look_further, the_reactor, target, settings, titles)
        return running

    if run(the_reactor, start) and sys.stderr.isatty():
        print(file=sys.stderr)  # the terminal has ^C on this line
    return verification.outcome


def _recording(parsed: argparse.Namespace) -> Any:
    """What records the exchange, if it is to be shown or kept."""
    if not (parsed.debug or parsed.save):
        return None
    from txdicom.cli.recording import Recording

    return Recording(parsed.save)


def _explain_file(parsed: argparse.Namespace) -> int:
    from txdicom.cli.reading import report

    try:
        for line in report(parsed.file, parsed.verbose):
            print(line)
    except BrokenPipeError:
        raise
    except (OSError, ValueError) as error:
        print(f"txdicom explain: {error}", file=sys.stderr)
        return exit_codes.USAGE
    return exit_codes.VERIFIED


def _look_further(outcome: Outcome, *how: Any) -> Any:
    """Look at what the explanation needs besides."""
    from twisted.internet.defer import Deferred

    from txdicom.cli.further import look_further

    return Deferred.fromCoroutine(look_further(outcome, *how))


def _further(parsed: argparse.Namespace) -> tuple[str, ...] | None:
    """The titles to try, none where only the explanation is asked for, or None for neither."""
    titles: tuple[str, ...] | None = parsed.try_titles
    return titles or (() if parsed.explain else None)


def _printer(parsed: argparse.Namespace) -> Any:
    """What is called with each echo."""

    def on_echo(outcome: Outcome, echo: Echo) -> None:
        if parsed.json:
            print(machine.echo_json(outcome, echo), flush=True)
        elif not (parsed.quiet or parsed.nagios):
            print(text.echo_line(outcome, echo, terminal.paint(sys.stdout)), flush=True)

    return on_echo


def _print_summary(parsed: argparse.Namespace, outcome: Outcome) -> None:
    if parsed.json:
        _explain(parsed, outcome)
        print(machine.summary_json(outcome))
    elif not parsed.quiet:
        if parsed.verbose:
            for line in text.about_the_peer(outcome):
                print(line)
        for line in text.summary(outcome, terminal.paint(sys.stdout)):
            print(line)
        for line in text.warnings(outcome, terminal.paint(sys.stderr)):
            print(line, file=sys.stderr)
        _explain(parsed, outcome)


def _explain(parsed: argparse.Namespace, outcome: Outcome) -> None:
    """Print the explanation, if it is asked for and there is something to explain."""
    if not (parsed.explain or parsed.try_titles):
        return
    from txdicom.cli.explain import explanation_json, explanation_lines

    if parsed.json:
        line = explanation_json(outcome)
        lines = [] if line is None else [line]
    else:
        lines = list(explanation_lines(outcome))
    for line in lines:
        print(line)


def _warn_of_expiry(outcome: Outcome, days: int | None) -> None:
    """Add the warning that the peer's certificate expires soon."""
    expires = outcome.tls.not_after if outcome.tls is not None else None
    if days is not None and expires is not None:
        left = (expires - datetime.now(timezone.utc)).days
        if left < days:
            when = f"expires in {left} days" if left >= 0 else f"expired on {expires:%Y-%m-%d}"
            outcome.warnings.append(f"the peer's certificate {when}")
