"""What the benchmarks make of their figures; nothing is measured here."""

from __future__ import annotations

import json
import os
from pathlib import Path
from xml.etree import ElementTree

from twisted.trial.unittest import SynchronousTestCase

from benchmarks import fleet, machine, meter, page, start, table, wire
from benchmarks.compare import Bounds, in_turn
from benchmarks.parts import PARTS
from benchmarks.peers import SCPS, SCUS
from benchmarks.plot import Scale, svg
from benchmarks.table import Row, at_least, at_most
from txdicom.negotiation import the
from txdicom.upperlayer.pdu import HEADER_LENGTH, AssociateAC, AssociateRQ, PDataTF
from txdicom.upperlayer.user_information import AsynchronousOperationsWindow

RESULTS = {
    "ours": {"echo": [{"rate": 30.0, "cpu_us": 2.0}, {"rate": 10.0}, {"rate": 20.0}]},
    "theirs": {"echo": [{"rate": 4.0}, {"rate": 6.0}], "other": [{"rate": 50.0}]},
}
ECHO = Row("echoes/s", "echo", "rate")
FIGURES = Path(__file__).resolve().parent.parent / "docs" / "performance"


class TableTests(SynchronousTestCase):
    """Medians, ratios and targets."""

    def test_median(self):
        """A figure is the median over the rounds, and None where nothing was measured."""
        self.assertEqual(table.figure(RESULTS, "ours", ECHO), 20)
        self.assertEqual(table.figure(RESULTS, "theirs", ECHO), 5)
        self.assertIsNone(table.figure(RESULTS, "ours", ECHO._replace(case="other")))
        self.assertIsNone(table.figure(RESULTS, "nobody", ECHO))

    def test_percentile(self):
        """Of a hundred values the 99th, of fewer the one that so many do not exceed."""
        self.assertEqual(table.percentile(range(100, 0, -1), 99), 99)
        self.assertEqual(table.percentile([3, 1, 2], 50), 2)
        self.assertEqual(table.percentile([7], 99), 7)

    def test_ratio(self):
        """The first figure in multiples of the other, to two digits."""
        said = [
            table.ratio(*of) for of in ((20, 5), (5, 2000), (1, 2000), (900, 3), (1, None), (1, 0))
        ]
        self.assertEqual(said, ["4 x", "0.0025 x", "<0.001 x", "300 x", "", ""])

    def test_targets(self):
        """A target is a number, or a multiple of another peer's or case's figure."""
        own = at_most(2, case="echo", figure="cpu_us", words="its own")
        cases = [
            (at_least(20), ">= 20", "met"),
            (at_least(20.5), ">= 20.5", "missed"),
            (at_most(5000), "<= 5,000", "met"),
            (at_least(4, "theirs"), ">= 4 x theirs", "met"),
            (at_most(3.9, "theirs"), "<= 3.9 x theirs", "missed"),
            (at_most(0.4, "theirs", case="other"), "<= 0.4 x theirs", "met"),
            (at_least(1, "nobody"), ">= 1 x nobody", "not measured"),
        ]
        for target, words, verdict in cases:
            self.assertEqual((str(target), table.verdict(RESULTS, ECHO, target)), (words, verdict))
        only = {"ours": {"echo": [{"rate": 4.0, "cpu_us": 2.0}]}}
        self.assertEqual(
            table.verdicts(only, ECHO._replace(targets=(own,))), ["<= 2 x its own: met"]
        )

    def test_lines(self):
        """A row has the figures, the ratio after the other's, and what became of its target."""
        rows = (ECHO._replace(targets=(at_least(60, "theirs"),)), Row("others/s", "other", "rate"))
        heading, head, *lines = table.lines("SCP", rows, RESULTS)
        self.assertEqual(heading, "SCP")
        self.assertEqual(head.split(), ["ours", "theirs", "target"])
        self.assertEqual(
            [" ".join(line.split()) for line in lines],
            ["echoes/s 20.0 5.00 4 x >= 60 x theirs: missed", "others/s - 50.0"],
        )

    def test_rows(self):
        """Each part's rows name cases and peers that there are, so that no target is forgotten."""
        others = (*fleet.CLIENTS, *(started.peer for started in start.STARTS))
        peers = {peer.name for peer in (*SCPS, *SCUS, *others)}
        for part in PARTS:
            cases = {row.case for row in part.rows}
            for row in part.rows:
                for target in row.targets:
                    self.assertIn(target.case or row.case, cases)
                    self.assertIn(target.peer or SCPS[0].name, peers)


class InTurnTests(SynchronousTestCase):
    """Rounds."""

    def test_rotation(self):
        """Who begins changes from round to round, and what a peer lacks is not asked of it."""
        peers = [SCPS[0]._replace(name=name, lacks=()) for name in "abc"]
        peers[2] = peers[2]._replace(lacks=("echo",))
        asked = []

        def measure(peer, case):
            asked.append(peer.name + case[0])
            if peer.name == "b":
                raise ValueError("no answer")
            return {"rate": len(asked)}

        rows = (ECHO, ECHO._replace(figure="cpu_us"), Row("", "other", "rate"))
        results, failed = in_turn(peers, rows, 2, measure)
        self.assertEqual("".join(asked), "aebe" + "aoboco" + "beae" + "bocoao")
        self.assertEqual(results["a"]["echo"], [{"rate": 1}, {"rate": 7}])
        self.assertEqual(failed[:2], ["b, echo: no answer", "b, other: no answer"])

    def test_counts(self):
        """What counts associations is bounded by their number."""
        bounds = Bounds(echoes=1, associations=2, held=3)
        cases = ("echo16", "associations10", "hold")
        self.assertEqual([bounds.count(case) for case in cases], [1, 2, 3])


class SystemTests(SynchronousTestCase):
    """What the system and the programs say."""

    def test_resident(self):
        """VmRSS is in units of 1,024 bytes."""
        status = "Name:\tpython3\nVmHWM:\t   99 kB\nVmRSS:\t   12345 kB\nThreads:\t1\n"
        self.assertEqual(meter.resident(status), 12345 * 1024)

    def test_processor(self):
        """The CPU's model is the first one's, without padding."""
        said = "processor\t: 0\nmodel name\t: A  CPU @ 2 GHz\n\nmodel name\t: Another\n"
        self.assertEqual(machine.processor(said), "A CPU @ 2 GHz")

    def test_busy(self):
        """What was idle or waited for a disk was not used, and guests are not counted twice."""
        tick = os.sysconf("SC_CLK_TCK")
        said = f"cpu  {tick} {tick} {tick} 9999 999 {tick} {tick} {tick} 77 7\ncpu0 1 1 1 1\n"
        self.assertEqual(machine.busy(said), 6)

    def test_dcmtk(self):
        """DCMTK's version stands in what its programs print; without, it is not installed."""
        self.assertEqual(machine.dcmtk("$dcmtk: echoscu v3.6.7 2022-04-22 $\n"), "3.6.7")
        self.assertEqual(machine.dcmtk(""), "not installed")


class WireTests(SynchronousTestCase):
    """The bytes that are sent, which txdicom's own decoder has to understand."""

    def test_large_request(self):
        """It has as many contexts and syntaxes as it should."""
        data = wire.large_request()
        contexts = AssociateRQ.decode(data, HEADER_LENGTH, len(data)).presentation_contexts
        self.assertEqual({len(context.transfer_syntaxes) for context in contexts}, {38})
        self.assertEqual(len(contexts), 128)
        self.assertGreater(len(data), 130_000)

    def test_window(self):
        """The sink grants a window to who asks for one, and to no other."""
        window = AsynchronousOperationsWindow(wire.WINDOW, 1)
        with_window = AssociateRQ("A", "B", (), (window,)).encode()
        for request, granted in ((with_window, window), (wire.REQUEST, None)):
            answer = wire.Answers().to(request)
            accepted = AssociateAC.decode(answer, HEADER_LENGTH, len(answer))
            self.assertEqual(the(AsynchronousOperationsWindow, accepted.user_information), granted)

    def test_data_pdu(self):
        """It is as long as asked for, header included."""
        data = wire.data_pdu(16_384)
        (value,) = PDataTF.decode(data, HEADER_LENGTH, len(data)).values
        self.assertEqual((len(data), len(value.data)), (16_384, 16_384 - 12))
        self.assertEqual((value.context_id, value.is_command, value.is_last), (1, False, False))


class DrawingTests(SynchronousTestCase):
    """The SVG and the page's tables."""

    results = {
        "scp": {
            "txdicom": {"echo": [{"rate": 20_000.0, "cpu_us": 40.0}]},
            "<other>": {"echo": [{"rate": 200.0, "cpu_us": 400.0}]},
        }
    }

    def test_scale(self):
        """From one power of ten to another, each as wide as the next."""
        scale = Scale([20.0, 3_000.0], 300)
        self.assertEqual((scale.low, scale.high), (1, 4))
        self.assertEqual([round(scale(value)) for value in (10, 100, 10_000, 0)], [1, 100, 300, 1])

    def test_svg(self):
        """A bar for each figure; the first peer's are marked."""
        root = ElementTree.fromstring(svg(self.results))
        bars = [element.get("class") for element in root.iter() if element.tag.endswith("rect")]
        self.assertEqual(bars, ["paper", "own", "own", "bar", "bar"])
        words = [element.text for element in root.iter() if element.tag.endswith("text")]
        self.assertIn("<other>", words)
        self.assertIn("20,000", words)

    def test_page(self):
        """The table has ratios and verdicts; what failed is told."""
        report = {
            "machine": {"CPU": "one"},
            "run": "3 rounds",
            "results": self.results,
            "failed": ["scp: it failed"],
        }
        lines = page.rst(report).splitlines()
        at = lines.index("   * - echoes/s, one association")
        self.assertEqual(
            lines[at + 1 : at + 4],
            ["     - **20,000**", "     - 200 (100 x)", "     - >= 60 x pynetdicom: not measured"],
        )
        self.assertIn("   scp: it failed", lines)

    def test_documentation(self):
        """What the documentation shows is made of the figures that stand beside it."""
        report = json.loads((FIGURES / "figures.json").read_text())
        again = "python -m benchmarks --from docs/performance/figures.json --docs"
        self.assertTrue((FIGURES / "tables.inc").read_text() == page.rst(report), again)
        self.assertTrue((FIGURES / "figures.svg").read_text() == svg(report["results"]), again)
