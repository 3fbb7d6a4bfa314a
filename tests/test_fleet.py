"""Many targets: bounds, what is kept, and what is told; runs of it are in tests/interop."""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import json
import sys
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch
from xml.etree import ElementTree

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txdicom import errors
from txdicom.cli import arguments, fleet_report, many, progress
from txdicom.cli.fleet import PATIENCE, Fleet, affordable, prepare, result_of, sockets_each
from txdicom.cli.outcome import Echo, Outcome
from txdicom.cli.settings import Settings
from txdicom.cli.target import Target
from txdicom.tls import TLSSettings


def parsed(*argv: str) -> argparse.Namespace:
    return arguments.parser().parse_args(["echo", *argv])


def verified(target: Target, seconds: float = 0.01) -> Outcome:
    return Outcome(target, "A", "B", {"connect": 0.001}, [Echo(1, 1, seconds, 0)])


class Peers:
    """Stands for the verifications of a fleet: they end when the test says so.

    :ivar under_way: the Deferreds that were not fired, by host
    :ivar most: how many there were at the same time
    :ivar resolving: those whose name is not resolved yet
    :ivar closing: those whose connection is there for longer than they are under way
    """

    def __init__(self) -> None:
        self.under_way: dict[str, Deferred[Outcome]] = {}
        self.settings: dict[str, Settings] = {}
        self.cancelled: list[str] = []
        self.resolving: set[str] = set()
        self.closing: dict[str, Deferred[None]] = {}
        self.most = 0

    def __call__(self, reactor: Any, target: Target, settings: Settings) -> Any:
        def cancel(running: Deferred[Outcome]) -> None:
            self.cancelled.append(target.host)
            self.end(target.host, Outcome(target, "A", "B"))

        def run() -> Deferred[Outcome]:
            self.settings[target.host] = settings
            self.under_way[target.host] = Deferred(cancel)
            self.most = max(self.most, len(self.under_way))
            return self.under_way[target.host]

        closed = self.closing.get(target.host) or succeed(None)
        return SimpleNamespace(run=run, is_resolving=target.host in self.resolving, closed=closed)

    def end(self, host: str, outcome: Outcome | Exception) -> None:
        running = self.under_way.pop(host)
        if isinstance(outcome, Exception):
            running.errback(outcome)
        else:
            running.callback(outcome)


class FleetTests(SynchronousTestCase):
    def fleet(self, number: int, **arguments: Any) -> Fleet:
        self.peers = Peers()
        self.targets = [Target(f"h{n}", 104) for n in range(number)]
        arguments = {"settings": Settings(), "verification": self.peers, **arguments}
        self.clock = Clock()
        return Fleet(self.clock, self.targets, **arguments)

    def test_bounded(self) -> None:
        """No more targets are under way than asked for; the next begins when one has ended."""
        fleet = self.fleet(10, concurrency=3)
        running = fleet.run()
        self.assertEqual(list(self.peers.under_way), ["h0", "h1", "h2"])
        self.peers.end("h1", verified(self.targets[1]))
        self.assertEqual(list(self.peers.under_way), ["h0", "h2", "h3"])
        while self.peers.under_way:
            self.assertNoResult(running)
            host = next(iter(self.peers.under_way))
            self.peers.end(host, verified(self.targets[int(host[1:])]))
        self.successResultOf(running)
        self.assertEqual((self.peers.most, len(fleet.results), fleet.exit_code), (3, 10, 0))

    def test_silent(self) -> None:
        """Where there is room for more, those that do not answer do not keep others waiting."""
        fleet = self.fleet(7, concurrency=2, room=5, patient=True)
        running = fleet.run()
        self.assertEqual(list(self.peers.under_way), ["h0", "h1"])
        self.clock.advance(PATIENCE)
        self.assertEqual(list(self.peers.under_way), ["h0", "h1", "h2", "h3"])
        self.peers.end("h1", verified(self.targets[1]))  # its place is taken already
        self.assertEqual(list(self.peers.under_way), ["h0", "h2", "h3"])
        self.peers.end("h3", verified(self.targets[3]))
        self.assertEqual(list(self.peers.under_way), ["h0", "h2", "h4"])
        self.clock.advance(PATIENCE)
        self.assertEqual(list(self.peers.under_way), ["h0", "h2", "h4", "h5", "h6"])
        while self.peers.under_way:
            self.assertNoResult(running)
            host = next(iter(self.peers.under_way))
            self.peers.end(host, verified(self.targets[int(host[1:])]))
        self.successResultOf(running)
        self.assertEqual((self.peers.most, len(fleet.results)), (5, 7))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_room(self) -> None:
        """However many are silent, no more are under way than there is room for."""
        fleet = self.fleet(9, concurrency=2, room=5, patient=True)
        running = fleet.run()
        self.clock.pump([PATIENCE] * 5)
        self.assertEqual(len(self.peers.under_way), 5)
        running.cancel()
        self.successResultOf(running)
        self.assertEqual((len(self.peers.cancelled), len(fleet.unfinished)), (5, 9))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_closing(self) -> None:
        """A connection that is still to close takes room, but no place; nor is it waited for."""
        fleet = self.fleet(3, concurrency=1, room=2)
        self.peers.closing = {"h0": Deferred(), "h1": Deferred(), "h2": Deferred()}
        running = fleet.run()
        for host in ("h0", "h1"):
            self.assertEqual(list(self.peers.under_way), [host])
            self.peers.end(host, verified(self.targets[int(host[1:])]))
        self.assertEqual(list(self.peers.under_way), [])
        self.peers.closing["h1"].callback(None)
        self.assertEqual(list(self.peers.under_way), ["h2"])
        self.peers.end("h2", verified(self.targets[2]))
        self.successResultOf(running)

    def test_resolving(self) -> None:
        """While a name is resolved, for which there are not so many threads, it keeps its place."""
        fleet = self.fleet(3, concurrency=1, patient=True)
        self.peers.resolving = {"h0"}
        fleet.run()
        self.clock.pump([PATIENCE] * 4)
        self.assertEqual(list(self.peers.under_way), ["h0"])

    def test_asked_for(self) -> None:
        """The number that is asked for is kept to, whoever is silent."""
        fleet = self.fleet(3, concurrency=1)
        fleet.run()
        self.clock.pump([PATIENCE] * 4)
        self.assertEqual(list(self.peers.under_way), ["h0"])

    def test_as_they_come(self) -> None:
        """Each result is told when it is there, and warnings can be added to it before."""
        told: list[tuple[str, bool]] = []
        fleet = self.fleet(
            2,
            inspect=lambda outcome: outcome.warnings.append("old"),
            on_outcome=lambda outcome, result: told.append((result.target.host, result.warned)),
        )
        fleet.run()
        self.peers.end("h1", verified(self.targets[1]))
        self.assertEqual(told, [("h1", True)])

    def test_times(self) -> None:
        """Each target is timed from its own beginning, and the run from the first one's."""
        fleet = self.fleet(2, concurrency=1)
        running = fleet.run()
        for host, seconds in (("h0", 3), ("h1", 2)):
            self.clock.advance(seconds)
            self.peers.end(host, verified(self.targets[int(host[1:])]))
        self.successResultOf(running)
        self.assertEqual([result.seconds for result in fleet.results], [3, 2])
        self.assertEqual(fleet.seconds, 5)

    def test_many_at_once(self) -> None:
        """Thousands that end at once make no deep stack, and what is kept of each is small."""

        def at_once(reactor: Any, target: Target, settings: Settings) -> Any:
            return SimpleNamespace(run=lambda: succeed(verified(target)), closed=succeed(None))

        fleet = self.fleet(5000, verification=at_once)
        self.successResultOf(fleet.run())
        self.assertEqual(len(fleet.results), 5000)
        self.assertFalse(hasattr(fleet.results[0], "__dict__"))

    def test_exit_codes(self) -> None:
        """Several of which some failed are 12; a single one has its own code."""
        for outcomes, code in (
            ([None], 0),
            ([errors.ConnectionFailed("h0", "no")], 4),
            ([None, None], 0),
            ([None, errors.ConnectionFailed("h1", "no")], 12),
        ):
            fleet = self.fleet(len(outcomes))
            running = fleet.run()
            for number, error in enumerate(outcomes):
                outcome = verified(self.targets[number])
                outcome.error = error
                self.peers.end(f"h{number}", outcome)
            self.successResultOf(running)
            self.assertEqual(fleet.exit_code, code)

    def test_interrupted(self) -> None:
        """Ctrl-C ends those under way, begins no other, and says which are without an answer."""
        fleet = self.fleet(4, concurrency=2)
        running = fleet.run()
        self.peers.end("h1", verified(self.targets[1]))
        running.cancel()
        self.successResultOf(running)
        self.assertEqual(self.peers.cancelled, ["h0", "h2"])
        self.assertEqual([result.target.host for result in fleet.results], ["h1"])
        self.assertEqual(
            [(target.host, what) for target, what in fleet.unfinished],
            [("h0", "not answered yet"), ("h2", "not answered yet"), ("h3", "not begun")],
        )
        self.assertEqual(fleet.exit_code, 12)

    def test_fault_of_the_program(self) -> None:
        """What is no outcome ends the run with it; it is no result."""
        fleet = self.fleet(3, concurrency=1)
        running = fleet.run()
        self.peers.end("h0", ZeroDivisionError())
        self.failureResultOf(running, ZeroDivisionError)
        self.assertEqual((fleet.results, self.peers.under_way), ([], {}))

    def test_tls(self) -> None:
        """A target that says whether it has TLS is believed; the others are as the settings say."""
        ours = TLSSettings(ca="ca")
        targets = [Target("yes", tls=True), Target("no", tls=False), Target("unsaid")]
        for settings, expected in (
            (Settings(), [ours, None, None]),
            (Settings(tls=ours), [ours, None, ours]),
        ):
            peers = Peers()
            Fleet(Clock(), targets, settings, ours, verification=peers).run()
            self.assertEqual([peers.settings[it.host].tls for it in targets], expected)


class BoundTests(SynchronousTestCase):
    def test_descriptors(self) -> None:
        """The concurrency is what there are descriptors for, and at least one."""
        self.assertEqual(affordable(100, 1, 1024, 10), 100)
        self.assertEqual(affordable(5000, 1, 1024, 10), 974)
        self.assertEqual(affordable(5000, 2, 1024, 10), 487)
        self.assertEqual(affordable(5000, 2, None, 10), 5000)
        self.assertEqual(affordable(100, 1, 20, 10), 1)

    def test_names(self) -> None:
        """A name may have two addresses under way, and takes a thread to be resolved."""
        self.assertEqual(sockets_each([Target("192.0.2.1"), Target("2001:db8::1")]), 1)
        self.assertEqual(sockets_each([Target("192.0.2.1"), Target("pacs")]), 2)
        sizes: list[int] = []
        reactor = SimpleNamespace(suggestThreadPoolSize=sizes.append)
        prepare(reactor, [Target("192.0.2.1")], 100)
        for concurrency in (1, 20, 1000):
            prepare(reactor, [Target("pacs")], concurrency)
        self.assertEqual(sizes, [10, 20, 50])

    def test_warning(self) -> None:
        """It warns where it takes fewer at a time than asked for."""
        targets = [Target("192.0.2.1")] * 500
        self.patch(many, "descriptors", lambda: (256, 16))
        stderr = io.StringIO()
        with contextlib.redirect_stderr(stderr):
            self.assertEqual(many._affordable(100, targets), 100)
            self.assertEqual(stderr.getvalue(), "")
            self.assertEqual(many._affordable(500, targets), 200)
        self.assertIn("200 targets at the same time, not 500", stderr.getvalue())


def a_fleet() -> Fleet:
    """A run that is over: one verified, one with a warning, three failures, one not begun."""
    names = ("fine", "warned", "refused", "rejected", "status", "never")
    targets = [Target(name, 104, note="<ward> & co" if name == "refused" else "") for name in names]
    fleet = Fleet(Clock(), targets, Settings())
    outcomes = [verified(target) for target in targets[:5]]
    outcomes[1].warnings.append("the release failed")
    outcomes[2].error = errors.ConnectionFailed("refused:104", 'no "\x1b[2J" <route>')
    outcomes[2].echoes.clear()
    outcomes[3].error = errors.AssociationRejected(1, 1, 7)
    outcomes[3].echoes.clear()
    outcomes[4].echoes[0].status = 0x0122
    fleet.results += [result_of(outcome, 0.25) for outcome in outcomes]
    fleet.interrupted, fleet.seconds = True, 1.5
    return fleet


class ReportTests(SynchronousTestCase):
    def test_table(self) -> None:
        """The worst comes first; what is verified is counted, and listed if asked for."""
        lines = list(fleet_report.table(a_fleet(), False, None))
        starts = [line.split()[0] for line in lines[: lines.index("")]]
        self.assertEqual(
            starts,
            ["TARGET", "refused:104", "rejected:104", "status:104", "warned:104", "never:104"],
        )
        self.assertIn("<ward>", lines[1])
        self.assertIn(
            "6 targets: 2 verified, 3 failed, 1 interrupted, in 1.5 s", lines[lines.index("") + 1]
        )
        everything = list(fleet_report.table(a_fleet(), True, None))
        self.assertIn("fine:104", "\n".join(everything))
        one = Fleet(Clock(), [Target("h")], Settings())
        self.assertIn("1 target: 0 verified", "\n".join(fleet_report.table(one, False, None)))
        self.assertNotIn("fine:104", "\n".join(lines))

    def test_width(self) -> None:
        """On a terminal the table is not wider than it, and whole; peers' escapes never arrive."""
        lines = list(fleet_report.table(a_fleet(), True, 60))
        rows = lines[: lines.index("")]
        self.assertLessEqual(max(map(len, rows)), 60)
        self.assertIn("<ward> & co]", " ".join(" ".join(rows).split()))
        self.assertNotIn("\x1b", "".join(lines))

    def test_lines(self) -> None:
        """A line says how a target is, with code, stage and reason."""
        lines = [fleet_report.line(result) for result in a_fleet().results]
        self.assertEqual(lines[0], "fine:104: verified, echo 10.0 ms")
        self.assertTrue(lines[1].startswith("warned:104: verified, but the release failed"))
        self.assertTrue(lines[2].startswith("refused:104: FAILED (4, connect): no connection"))
        self.assertTrue(lines[4].startswith("status:104: FAILED (9, echo): 0x0122"))

    def test_colours(self) -> None:
        """Lines and totals have colours where they are asked for; the table's rows have none."""

        def paint(words: str, colour: int) -> str:
            return f"<{colour} {words}>"

        fleet = a_fleet()
        lines = [fleet_report.line(result, paint) for result in fleet.results]
        self.assertEqual(lines[0], "fine:104: <32 verified>, echo 10.0 ms")
        self.assertTrue(lines[1].startswith("warned:104: <33 verified, but> the release failed"))
        self.assertTrue(lines[2].startswith("refused:104: <31 FAILED> (4, connect): no connection"))
        table = list(fleet_report.table(fleet, True, 80, paint))
        rows, totals = table[: table.index("")], table[table.index("") + 1]
        self.assertNotRegex("".join(rows), r"<\d")
        self.assertIn("6 targets: <32 2 verified>, <31 3 failed>, <33 1 interrupted>, in", totals)

    def test_json(self) -> None:
        """The summary counts, by exit code too, and has every key always."""
        whole = json.loads(fleet_report.fleet_json(a_fleet()))
        self.assertEqual((whole["type"], whole["targets"], whole["not_reached"]), ("fleet", 6, 1))
        self.assertEqual(whole["exit_codes"], {"0": 2, "4": 1, "6": 1, "9": 1})
        self.assertEqual((whole["median_ms"], whole["exit_code"]), (10.0, 12))
        empty = json.loads(fleet_report.fleet_json(Fleet(Clock(), [Target("h")], Settings())))
        self.assertEqual(set(empty), set(whole))

    def test_csv(self) -> None:
        """A line of CSV has what the roster had, and what came of it."""
        file = io.StringIO()
        writer = csv.writer(file)
        writer.writerow(fleet_report.COLUMNS)
        writer.writerows(map(fleet_report.csv_row, a_fleet().results))
        rows = list(csv.DictReader(io.StringIO(file.getvalue())))
        refused = rows[2]
        self.assertEqual(
            [refused[name] for name in ("host", "port", "notes", "verified", "exit_code", "kind")],
            ["refused", "104", "<ward> & co", "no", "4", "ConnectionFailed"],
        )
        self.assertEqual((rows[0]["echo_ms"], refused["echo_ms"]), ("10.0", ""))

    def test_junit(self) -> None:
        """JUnit's XML is well formed, whatever a peer says, and counts as the table does."""
        (suite,) = ElementTree.fromstring("\n".join(fleet_report.junit(a_fleet())))
        self.assertEqual(
            [suite.get(name) for name in ("tests", "failures", "skipped", "time")],
            ["6", "3", "1", "1.500"],
        )
        failures = suite.findall("testcase/failure")
        self.assertEqual(failures[0].get("type"), "ConnectionFailed")
        self.assertIn('"\\x1b[2J" <route>', failures[0].get("message", ""))
        self.assertEqual(len(suite.findall("testcase/skipped")), 1)


class ProgressTests(SynchronousTestCase):
    def shown(self, total: int = 3) -> str:
        """What is shown on the standard error while two targets end."""
        stderr, stdout = io.StringIO(), io.StringIO()
        with contextlib.redirect_stderr(stderr), contextlib.redirect_stdout(stdout):
            shown = progress.progress(total, True)
            shown.add(True)
            shown.add(False)
            shown.draw()
            shown.print("a line")
            shown.end()
        self.assertEqual(stdout.getvalue(), "a line\n")
        return stderr.getvalue()

    def test_counter(self) -> None:
        """Without the library for it a line counts, and is gone at the end."""
        with patch.dict(sys.modules, {"rich.console": None, "rich.progress": None}):
            said = self.shown()
        self.assertIn("2 of 3, 1 failed", said)
        self.assertTrue(said.endswith("\r\x1b[K"))

    def test_bar_on_a_terminal(self) -> None:
        """On a terminal, a line passes the library as it is: a port of 100 is no emoji."""
        try:
            import rich  # noqa: F401
        except ImportError:
            self.skipTest("rich is not installed")
        stderr, line = io.StringIO(), "127.0.0.1:100: [bold]FAILED[/] 'x' 12 " + "y" * 90
        with contextlib.redirect_stderr(stderr):
            shown = progress.progress(3, True)
            with patch.object(sys.stdout, "isatty", lambda: True, create=True):
                shown.print(line)
            shown.end()
        self.assertIn(line, stderr.getvalue())

    def test_bar(self) -> None:
        """With the library for it the bar is shown on the standard error."""
        try:
            import rich  # noqa: F401
        except ImportError:
            self.skipTest("rich is not installed")
        with contextlib.redirect_stderr(io.StringIO()):
            self.assertIsInstance(progress.progress(3, True), progress.Bar)
        self.shown()

    def test_no_terminal(self) -> None:
        """Where there is no terminal nothing is shown."""
        self.assertIs(type(progress.progress(3, False)), progress.Progress)


class ArgumentTests(SynchronousTestCase):
    def test_several(self) -> None:
        """Several targets may be given; two words are host and port if the second is a number."""
        for argv, hosts in (
            (["pacs", "104"], ["pacs:104"]),
            (["pacs", "-q", "104"], ["pacs:104"]),
            (["pacs", "ris"], ["pacs:104", "ris:104"]),
            (["A@pacs:1", "-v", "ris:2", "b:3"], ["A@pacs:1", "ris:2", "b:3"]),
        ):
            found = [str(target) for target in arguments.targets(parsed(*argv))]
            self.assertEqual(found, hosts)

    def test_roster(self) -> None:
        """Those of the roster come after those of the line."""
        path = self.mktemp()
        with open(path, "w") as file:
            file.write("host,tls\nris,yes\n")
        given = parsed("pacs:1", "--targets", path, "--ca", "x", "--concurrency", "7")
        self.assertEqual(
            arguments.targets(given), [Target("pacs", 1), Target("ris", port_given=False, tls=True)]
        )
        self.assertIsNone(arguments.settings(given).tls)
        self.assertEqual((given.concurrency, arguments.tls_settings(given).ca), (7, "x"))

    def test_for_one(self) -> None:
        """What is for one target alone is refused for several."""
        for option in ("--nagios", "--forever"):
            with self.assertRaisesRegex(ValueError, f"{option} is for one target"):
                given = parsed("a", "b", option)
                targets, settings = arguments.targets(given), arguments.settings(given)
                many.verify_many(given, targets, settings, TLSSettings(), lambda outcome: None)

    def test_wrong(self) -> None:
        """An unknown option among targets is an error, not a target."""
        for argv in (["pacs", "--nosuch", "ris"], ["a", "b", "--concurrency", "0"]):
            stderr = io.StringIO()
            with contextlib.redirect_stderr(stderr), self.assertRaises(SystemExit) as caught:
                parsed(*argv)
            self.assertEqual(caught.exception.code, 2)
