"""``txdicom echo``: arguments, exit codes, output; runs of it are in tests/interop."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import sys
from datetime import datetime, timedelta, timezone
from typing import Any
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from txdicom import errors
from txdicom.cli import arguments, exit_codes, machine, options, terminal, text
from txdicom.cli.main import _warn_of_expiry, main
from txdicom.cli.outcome import Echo, Outcome
from txdicom.cli.target import Target, parse_target
from txdicom.negotiation import ServiceUser
from txdicom.tls import TLSFacts, TLSSettings
from txdicom.upperlayer.user_information import AsynchronousOperationsWindow, UserIdentityRQ


def parsed(*argv: str) -> argparse.Namespace:
    return arguments.parser().parse_args(["echo", *argv])


class TargetTests(SynchronousTestCase):
    def test_forms(self) -> None:
        """A target is a host, with a title before and a port behind it, if there are any."""
        for given, target in (
            ("pacs", Target("pacs", port_given=False)),
            ("pacs:11112", Target("pacs", 11112)),
            ("ARCHIVE@pacs", Target("pacs", ae_title="ARCHIVE", port_given=False)),
            ("A@B@pacs:1", Target("pacs", 1, "A@B")),
            ("127.0.0.1:104", Target("127.0.0.1", 104)),
            ("[::1]:11112", Target("::1", 11112)),
            ("[::1]", Target("::1", port_given=False)),
            ("::1", Target("::1", port_given=False)),
            ("ME@[fe80::1%eth0]:4242", Target("fe80::1%eth0", 4242, "ME")),
        ):
            self.assertEqual(parse_target(given), target)
        self.assertEqual(str(parse_target("ME@[::1]")), "ME@[::1]:104")

    def test_wrong(self) -> None:
        """What is none is refused with a word on why."""
        for given in (
            "", "@pacs", "pacs:", "pacs:0", "pacs:65536", "pacs:http", "[::1", "[::1]x", "[::1]:",
            "pacs:104:1", "127.0.0.1:104:1", "[pacs:1]:104", "A\\B@pacs", "X" * 17 + "@pacs",
            "pa cs", "dicom://pacs", "pacs:\u0661",
        ):  # fmt: skip
            with self.assertRaises(ValueError, msg=given):
                parse_target(given)

    def test_host_and_port(self) -> None:
        """The port may be an argument of its own, but not both."""
        self.assertEqual(arguments.targets(parsed("pacs", "104")), [Target("pacs", 104)])
        with self.assertRaisesRegex(ValueError, "two ports"):
            arguments.targets(parsed("pacs:104", "104"))


class ArgumentTests(SynchronousTestCase):
    def test_defaults(self) -> None:
        """Without options: one echo, ten seconds, TXDICOM calls ANY-SCP over plain TCP."""
        settings = arguments.settings(parsed("pacs"))
        self.assertEqual(
            (settings.calling_ae_title, settings.called_ae_title), ("TXDICOM", "ANY-SCP")
        )
        self.assertEqual((settings.count, settings.timeout, settings.tls), (1, 10, None))

    def test_familiar_names(self) -> None:
        """The options have the names that hands know."""
        settings = arguments.settings(
            parsed(*"pacs -aet ME -aec YOU -pdu 0 -ta 1 -td 2 -to 3 --repeat 4 --abort".split())
        )
        self.assertEqual((settings.calling_ae_title, settings.called_ae_title), ("ME", "YOU"))
        limits = settings.limits
        self.assertEqual(
            (limits.max_pdu, limits.acse_timeout, limits.dimse_timeout, limits.connection_timeout),
            (0, 1, 2, 3),
        )
        self.assertEqual((settings.count, settings.abort), (4, True))

    def test_wrong(self) -> None:
        """A wrong argument ends with exit code 2 and a line that says why."""
        for argv, word in (
            (["pacs", "-aet", "X" * 17], "16"),
            (["pacs", "--timeout", "soon"], "soon"),
            (["pacs", "--timeout", "-1"], "positive"),
            (["pacs", "--count", "0"], "0"),
            (["pacs", "--count", "1.5"], "1.5"),
            (["pacs", "-pdu", "-1"], "-1"),
            (["pacs", "--window", "2"], "INVOKED,PERFORMED"),
            (["pacs", "--window", "1,65536"], "65535"),
            (["pacs", "--window", "1,-1"], "65535"),
            ([], "HOST"),
        ):
            stderr = io.StringIO()
            with contextlib.redirect_stderr(stderr), self.assertRaises(SystemExit) as caught:
                parsed(*argv)
            self.assertEqual(caught.exception.code, exit_codes.USAGE)
            self.assertIn(word, stderr.getvalue().splitlines()[-1])

    def test_contradictions(self) -> None:
        """Options that exclude each other are refused."""
        for argv in (
            "--ca x", "--tls-insecure", "--warn-expiry 3", "--forever --count 3", "-w 1", "-c 1",
            "--password-file x", "--ask-password", "--nagios --json", "--nagios --explain",
            "--nagios --try-titles A", "--tls --key x", "--tls --ca x --tls-insecure",
            "--user x --password-file y --ask-password",
        ):  # fmt: skip
            with self.assertRaises(ValueError, msg=argv):
                arguments.settings(parsed("pacs", *argv.split()))

    def test_usage_of_a_plugin(self) -> None:
        """A monitoring plugin that is asked wrongly is UNKNOWN: 2 is a node that is CRITICAL."""
        unknown = "DICOM UNKNOWN - wrong arguments\n"
        for argv, code, words in (
            (["-w", "soon"], 2, ""),
            (["--nagios", "-w", "soon"], 3, unknown),
        ):
            out, err = io.StringIO(), io.StringIO()
            with (
                contextlib.redirect_stderr(err),
                contextlib.redirect_stdout(out),
                self.assertRaises(SystemExit) as caught,
            ):
                main(["echo", "pacs", *argv])
            self.assertEqual((caught.exception.code, out.getvalue()), (code, words))
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stderr(err), contextlib.redirect_stdout(out):
            self.assertEqual(main(["echo", "pacs", "--nagios", "--ask-password"]), 3)
        self.assertEqual(out.getvalue(), "DICOM UNKNOWN - --ask-password needs --user\n")

    def test_closed_streams(self) -> None:
        """Standard streams that are closed, as cron may have them, are no reason to fail."""
        for name in ("stdin", "stdout", "stderr"):
            self.patch(sys, name, None)
        self.assertEqual(main(["echo", "pacs", "--ask-password"]), exit_codes.USAGE)
        for stream in (sys.stdin, sys.stdout, sys.stderr):
            self.addCleanup(stream.close)
            self.assertEqual(stream.name, os.devnull)

    def test_expiry(self) -> None:
        """A certificate that expires soon is warned of, and one that has expired, as such."""
        now = datetime.now(timezone.utc)
        past = now - timedelta(days=4)
        for expires, words in (
            (now + timedelta(days=5.5), ["the peer's certificate expires in 5 days"]),
            (past, [f"the peer's certificate expired on {past:%Y-%m-%d}"]),
            (now + timedelta(days=11), []),
        ):
            outcome = an_outcome()
            outcome.tls = TLSFacts("TLSv1.3", "A", "CN=pacs", expires)
            _warn_of_expiry(outcome, 10)
            self.assertEqual(outcome.warnings, words)

    def test_tls(self) -> None:
        """The options of TLS arrive."""
        settings = arguments.settings(
            parsed(*"pacs --tls --ca a --cert b --key c --server-name d".split())
        )
        self.assertEqual(settings.tls, TLSSettings("a", "b", "c", "d"))
        settings = arguments.settings(parsed(*"pacs --tls --tls-insecure".split()))
        self.assertEqual(settings.tls, TLSSettings(insecure=True))

    def test_timeouts(self) -> None:
        """The one deadline is as long as it is said to be: what is not given does not cut it."""
        settings = arguments.settings(parsed("pacs", "--timeout", "45", "-td", "7"))
        limits = settings.limits
        self.assertEqual((settings.timeout, limits.dimse_timeout), (45, 7))
        others = ("connection", "acse", "release", "network", "pdu")
        self.assertEqual({getattr(limits, f"{name}_timeout") for name in others}, {None})

    def test_window(self) -> None:
        """An asynchronous operations window is proposed, with a user identity if there is one."""
        window = AsynchronousOperationsWindow(0, 1)
        for words, items in (
            (["--window", "0,1"], (window,)),
            (["--window", "0,1", "--user", "x"], (window, UserIdentityRQ(1, b"x"))),
        ):
            self.assertEqual(arguments.settings(parsed("pacs", *words)).extended, items)

    def test_identity(self) -> None:
        """The passcode comes from a file or the environment, never from an argument."""
        self.assertEqual(
            arguments.settings(parsed("pacs", "--user", "someone")).extended,
            (UserIdentityRQ(1, b"someone"),),
        )
        path = self.mktemp()
        with open(path, "w") as file:
            file.write("s3cret\nmore\n")
        self.assertEqual(
            arguments.settings(
                parsed("pacs", "--user", "someone", "--password-file", path)
            ).extended,
            (UserIdentityRQ(2, b"someone", b"s3cret"),),
        )
        with open(path, "wb") as secret:
            secret.write(b"s3\x88cret\n")
        with self.assertRaisesRegex(ValueError, f"^{path} is no text in UTF-8$"):
            arguments.settings(parsed("pacs", "--user", "someone", "--password-file", path))
        self.patch(arguments.os, "environ", {options.PASSWORD_VARIABLE: "fromenv"})
        self.assertEqual(
            arguments.settings(parsed("pacs", "--user", "someone")).extended,
            (UserIdentityRQ(2, b"someone", b"fromenv"),),
        )

    def test_no_passcode(self) -> None:
        """A passcode is no argument, and none at the prompt is a sentence, or an interruption."""
        stderr = io.StringIO()
        with contextlib.redirect_stderr(stderr), self.assertRaises(SystemExit):
            parsed("pacs", "--user", "x", "--password", "s3cret")
        self.assertNotIn("s3cret", stderr.getvalue())
        for end, code, words in (
            (EOFError, exit_codes.USAGE, "txdicom echo: no passcode was given\n"),
            (KeyboardInterrupt, exit_codes.INTERRUPTED, ""),
        ):
            stderr = io.StringIO()
            with contextlib.redirect_stderr(stderr), patch("getpass.getpass", side_effect=end):
                self.assertEqual(main(["echo", "pacs", "--user", "x", "--ask-password"]), code)
            self.assertEqual(stderr.getvalue(), words)

    def test_help_has_the_exit_codes(self) -> None:
        """--help lists every exit code with its meaning."""
        stdout = io.StringIO()
        with contextlib.redirect_stdout(stdout), self.assertRaises(SystemExit):
            parsed("--help")
        for code, meaning in exit_codes.MEANINGS.items():
            self.assertRegex(stdout.getvalue(), rf"(?m)^ +{code}  {meaning[:30]}")


class ExitCodeTests(SynchronousTestCase):
    def test_each_error(self) -> None:
        """Each kind of failure has its own code."""
        for error, code in (
            (errors.NameNotResolved("pacs", "no"), 3),
            (errors.ConnectionFailed("pacs", "refused"), 4),
            (errors.TLSFailed("unknown ca"), 5),
            (errors.AssociationRejected(1, 1, 7), 6),
            (errors.AssociationAborted(0, 0, "peer"), 7),
            (errors.AssociationReleased("peer"), 7),
            (errors.NoAcceptedContext(None, []), 8),
            (errors.AssociationTimeout("acse_timeout", 1, "answer"), 10),
            (errors.DIMSETimeout("dimse_timeout", 1, "answer"), 10),
            (errors.ProtocolViolation("nonsense"), 11),
        ):
            outcome = Outcome(Target("pacs"), "A", "B", error=error)
            self.assertEqual(outcome.exit_code, code)

    def test_statuses(self) -> None:
        """It is verified when every echo was answered with success, and only then."""
        outcome = Outcome(Target("pacs"), "A", "B")
        self.assertEqual(outcome.exit_code, 130)
        outcome.echoes.append(Echo(1, 1, 0.1, 0x0000))
        self.assertEqual(outcome.exit_code, 0)
        outcome.echoes.append(Echo(2, 2))  # no answer and no error: it was interrupted
        self.assertEqual(outcome.exit_code, 0)
        outcome.echoes.append(Echo(3, 3, 0.1, 0x0110))
        self.assertEqual(outcome.exit_code, 9)


def an_outcome() -> Outcome:
    """An outcome in which everything is there."""
    return Outcome(
        Target("pacs", 104, "YOU"),
        "YOU",
        "ME",
        {"resolve": 0.001, "connect": 0.002, "tls": 0.003, "associate": 0.004, "release": 0.005},
        [Echo(1, 1, 0.010, 0), Echo(2, 2, 0.030, 0), Echo(3, 3, 0.020, 0)],
        ["127.0.0.1"],
        "127.0.0.1",
        ServiceUser("YOU", 16384, "1.2.3", "PEER_1"),
        None,
        TLSFacts("TLSv1.3", "CIPHER", "CN=pacs", datetime(2030, 1, 2, tzinfo=timezone.utc)),
    )


class Stream(io.StringIO):
    """A stream that is a terminal, or not."""

    def __init__(self, is_terminal: bool = True) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


class TerminalTests(SynchronousTestCase):
    def painted(self, stream: Stream, **variables: str) -> str:
        """A red word, as it is printed there."""
        with patch.dict(os.environ, variables):
            for name in {"TERM", "NO_COLOR"} - set(variables):
                os.environ.pop(name, None)
            return terminal.paint(stream)("word", terminal.RED)

    def test_colours(self) -> None:
        """Colours are for a terminal that has them, where NO_COLOR does not say otherwise."""
        red = "\x1b[31mword\x1b[0m"
        self.assertEqual(self.painted(Stream(), TERM="xterm"), red)
        self.assertEqual(self.painted(Stream(), TERM="xterm", NO_COLOR=""), red)
        for stream, variables in (
            (Stream(False), {"TERM": "xterm"}),
            (Stream(), {"TERM": "xterm", "NO_COLOR": "1"}),
            (Stream(), {"TERM": "xterm", "NO_COLOR": "0"}),
            (Stream(), {"TERM": "dumb"}),
            (Stream(), {}),
        ):
            self.assertEqual(self.painted(stream, **variables), "word", variables)

    def test_width(self) -> None:
        """A terminal has a width; a file has none."""
        with patch.dict(os.environ, {"COLUMNS": "77"}):
            self.assertEqual(terminal.width(Stream()), 77)
            self.assertIsNone(terminal.width(Stream(False)))


def bracketed(words: str, colour: int) -> str:
    """Stands for a colour."""
    return f"<{colour} {words}>"


class TextTests(SynchronousTestCase):
    def test_colours(self) -> None:
        """Success is green, what failed is red, a warning is yellow."""
        outcome = an_outcome()
        line = text.echo_line(outcome, outcome.echoes[0], bracketed)
        self.assertIn("echo 1: <32 0x0000 - Success>, 10.0 ms", line)
        line = text.echo_line(outcome, Echo(1, 1, 0.1, 0x0110), bracketed)
        self.assertIn("echo 1: <31 0x0110 - Failure: Processing failure>, 100 ms", line)
        outcome.error = errors.NameNotResolved("pacs", "no")
        outcome.warnings.append("old")
        *_, failed = text.summary(outcome, bracketed)
        self.assertTrue(failed.startswith("<31 FAILED> at the stage resolve: "), failed)
        self.assertEqual(list(text.warnings(outcome, bracketed)), ["<33 warning:> old"])
        self.assertEqual(list(text.warnings(outcome)), ["warning: old"])

    def test_summary(self) -> None:
        """The summary counts, and times the stages apart."""
        lines = list(text.summary(an_outcome()))
        self.assertEqual(
            lines,
            [
                "3 sent, 3 answered, 0 lost",
                "min 10.0 ms, median 20.0 ms, p99 30.0 ms, max 30.0 ms",
                "stages: resolve 1.0 ms, connect 2.0 ms, tls 3.0 ms, associate 4.0 ms,"
                " release 5.0 ms",
            ],
        )

    def test_echo(self) -> None:
        """An echo's line has its status in words, and its comment escaped."""
        echo = Echo(2, 2, 0.0123, 0x0110, "no\x1b[2J")
        self.assertEqual(
            text.echo_line(an_outcome(), echo),
            "YOU at 127.0.0.1:104: echo 2:"
            " 0x0110 - Failure: Processing failure (no\\x1b[2J), 12.3 ms",
        )
        outcome = an_outcome()
        outcome.address = "::1"
        self.assertIn("YOU at [::1]:104: echo", text.echo_line(outcome, echo))

    def test_peer(self) -> None:
        """What the peer said of itself is told, hostile names escaped."""
        outcome = an_outcome()
        outcome.acceptor = ServiceUser("YOU", 0, None, "\x07bell")
        said = "\n".join(text.about_the_peer(outcome))
        for words in ("maximum length: no limit", "\\x07bell", "TLSv1.3", "expires 2030-01-02"):
            self.assertIn(words, said)

    def test_failure(self) -> None:
        """A failure names its stage."""
        outcome = Outcome(Target("pacs"), "A", "B", error=errors.ConnectionFailed("pacs:104", "no"))
        self.assertEqual(
            list(text.summary(outcome)),
            ["FAILED at the stage connect: no connection to pacs:104: no"],
        )


class WidthTests(SynchronousTestCase):
    """Rows on a terminal."""

    def test_wide_characters(self) -> None:
        """Characters that take two places are counted so, and accents that take none."""
        self.assertEqual(
            [text.cells(word) for word in ("abc", "e\u0301t", "\u75c5\u9662")], [3, 2, 4]
        )
        for words in ("\u75c5\u9662 " * 30, "\u75c5" * 90, "Geb\u00e4ude \u75c5\u9662 B " * 9):
            rows = text.wrapped("\u75c5:  ", words, 40)
            self.assertLessEqual(max(map(text.cells, rows)), 40)
            self.assertEqual(
                "".join("".join(rows)[3:].split()), "".join(words.split()), "nothing is lost"
            )
            self.assertTrue(all(row.startswith("     ") for row in rows[1:]))


class MachineTests(SynchronousTestCase):
    def test_json(self) -> None:
        """The summary has every key always, a failure with its facts."""
        whole = json.loads(machine.summary_json(an_outcome()))
        self.assertTrue(whole["verified"])
        self.assertEqual(whole["stages_ms"]["tls"], 3.0)
        self.assertEqual(whole["certificate_expires"], "2030-01-02T00:00:00+00:00")
        for error, kind, facts in (
            (
                errors.AssociationRejected(1, 1, 7),
                "AssociationRejected",
                {"result": 1, "source": 1, "reason": 7},
            ),
            (
                errors.AssociationAborted(2, 6, "peer"),
                "AssociationAborted",
                {"by": "peer", "source": 2, "reason": 6},
            ),
            (errors.AssociationReleased("peer"), "AssociationReleased", {"by": "peer"}),
            (
                errors.DIMSETimeout("dimse_timeout", 3, "x"),
                "DIMSETimeout",
                {"timer": "dimse_timeout", "seconds": 3},
            ),
            (
                errors.NoAcceptedContext(None, [("1.2", 3)]),
                "NoAcceptedContext",
                {"results": [["1.2", 3]]},
            ),
            (
                errors.ProtocolViolation("x", protocol="HTTP"),
                "ProtocolViolation",
                {"protocol": "HTTP"},
            ),
            (errors.ConnectionFailed("pacs:104", "no"), "ConnectionFailed", {}),
        ):
            failed = json.loads(
                machine.summary_json(Outcome(Target("pacs"), "A", "B", error=error))
            )
            self.assertEqual(set(failed), set(whole))
            said = {"kind": kind, "stage": error.stage, "text": str(error), **facts}
            self.assertEqual(failed["error"], said)

    def nagios(self, outcome: Outcome, *thresholds: Any) -> tuple[int, str]:
        state, line = machine.nagios(outcome, *(thresholds or (None, None)))
        self.assertEqual(len(line.splitlines()), 1)
        self.assertEqual(line.count("|"), 1)
        return state, line

    def test_nagios(self) -> None:
        """A monitoring plugin's state follows the thresholds, and its line has the times."""
        state, line = self.nagios(an_outcome(), 0.5, 1.0)
        self.assertEqual(state, 0)
        self.assertIn(
            "DICOM OK - YOU@pacs:104 echo 0x0000 in 30.0 ms | time=0.030000s;0.5;1.0;0", line
        )
        self.assertTrue(line.endswith(" echo=0.020000s"), line)
        self.assertEqual(self.nagios(an_outcome(), 0.03, 1.0)[0], 1)
        self.assertEqual(self.nagios(an_outcome(), 0.01, 0.03)[0], 2)

    def test_nagios_failures(self) -> None:
        """Failures are critical, a warning is a warning, and no bar gets into the text."""
        failed = Outcome(Target("pacs"), "A", "B", error=errors.ConnectionFailed("a|b", "c"))
        failed.seconds["resolve"] = 0.002
        state, line = self.nagios(failed, 0.5, 1.0)
        # How long an echo takes is not known then, and not nothing.
        self.assertEqual(state, 2)
        self.assertTrue(line.endswith(" | time=U;0.5;1.0;0 resolve=0.002000s"), line)
        titled = Outcome(Target("pacs", ae_title="A|B"), "A|B", "B", error=failed.error)
        self.assertIn("A/B@pacs", self.nagios(titled)[1])
        status = an_outcome()
        status.echoes[1].status = 0x0122
        self.assertIn("0x0122", self.nagios(status)[1])
        for echoes in ([], [Echo(1, 1)]):
            stopped = Outcome(Target("pacs"), "A", "B", echoes=echoes)
            self.assertEqual(self.nagios(stopped)[0], 3)
            self.assertIn("interrupted", self.nagios(stopped)[1])
        warned = an_outcome()
        warned.warnings.append("expires soon")
        self.assertEqual(self.nagios(warned)[0], 1)
