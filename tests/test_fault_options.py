"""The texts that say which faults a server commits, and the option of twistd that takes them."""

from __future__ import annotations

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.test_faults import FaultTestCase
from txdicom.errors import AssociationRejected
from txdicom.server import ServerFactory
from txdicom.tap import Options, makeService
from txdicom.testing import Fault, MemoryServerEndpoint
from txdicom.testing.faults import KINDS, POINTS, UNTITLED_POINTS


class ParseTests(SynchronousTestCase):
    def test_read(self) -> None:
        """A fault is a kind, a point, values and a calling AE title, most of them optional."""
        for text, fault in (
            ("reject", Fault("reject", "associate", (1, 1, 1))),
            ("reject:2,3,1", Fault("reject", "associate", (2, 3, 1))),
            ("reject:on-user-identity:1", Fault("reject", "user-identity", (1, 1, 1))),
            ("abort:on-release:2,5", Fault("abort", "release", (2, 5))),
            ("abort:on-connect", Fault("abort", "connect", (0, 0))),
            ("delay:on-echo:1.5", Fault("delay", "echo", (1.5,))),
            ("status:0x0110", Fault("status", "echo", (0x0110,))),
            ("status:on-echo:272", Fault("status", "echo", (0x0110,))),
            ("http", Fault("http", "bytes")),
            ("A MODALITY=drop:on-echo", Fault("drop", "echo", (), "A MODALITY")),
            ("A=B=drop:on-echo", Fault("drop", "echo", (), "A=B")),
        ):
            self.assertEqual(Fault.parse(text), fault, text)

    def test_written(self) -> None:
        """Every kind at every point, as text, reads as the same fault."""
        example = {"seconds": 0.25, "status": 0xA700, "number of bytes": 20}
        for name, kind in KINDS.items():
            values = tuple(example.get(value.name, value.default) for value in kind.values)
            for point in kind.points:
                self.assertIn(point, POINTS)
                title = None if point in UNTITLED_POINTS else "MODALITY"
                fault = Fault(name, point, values, title)
                self.assertEqual(Fault.parse(str(fault)), fault)

    def test_wrong(self) -> None:
        """What is wrong with a text is told in one line, with what would be right."""
        for text, words in (
            ("", "kinds of faults are no-context, status"),
            ("explode:on-echo", "kinds of faults are"),
            ("abort", "on-connect, on-associate"),
            ("abort:on-lunch", "on-connect, on-associate"),
            ("status:on-release:1", "on-echo"),
            ("garble:on-connect", "on-associate"),
            ("reject:1,2,3,4", "result, source, reason"),
            ("reject:one", "0 to 255"),
            ("reject:256", "0 to 255"),
            ("status", "needs the status"),
            ("status:0x10000", "0 to 65535"),
            ("delay:on-echo", "needs the seconds"),
            ("delay:on-echo:-1", "number of seconds"),
            ("delay:on-echo:nan", "number of seconds"),
            ("http:1", "no values"),
            ("drop:on-echo:1:2", "KIND:on-POINT"),
            ("=drop:on-echo", "calling AE title"),
            ("A\\B=drop:on-echo", "backslash"),
            ("SCU=http", "not known yet"),
            ("SCU=silence:on-connect", "not known yet"),
        ):
            with self.assertRaises(ValueError) as caught:
                Fault.parse(text)
            line = str(caught.exception)
            self.assertIn(words, line, text)
            self.assertIn(repr(text), line)
            self.assertEqual(len(line.splitlines()), 1)


class DocumentationTests(SynchronousTestCase):
    """docs/faults.rst."""

    text = (Path(__file__).resolve().parent.parent / "docs" / "faults.rst").read_text()

    def test_faults(self) -> None:
        """Each fault that the page gives as an example is one."""
        kinds = "|".join(KINDS)
        texts = re.findall(rf"``((?:{kinds})(?::[^`]+)?)``", self.text)
        texts += re.findall(r"--fault (\S+)", self.text)
        self.assertGreater(len(texts), 30)
        for text in texts:
            if text not in KINDS:  # else it names the kind
                self.assertTrue(str(Fault.parse(text)))

    def test_points(self) -> None:
        """Each point is explained."""
        for point in POINTS:
            self.assertIn(f"``on-{point}``", self.text)


class PluginTests(FaultTestCase):
    """``twistd dicom --fault``."""

    def parsed(self, *arguments: str) -> Options:
        options = Options()
        options.parseOptions(list(arguments))
        options["endpoints"] = [MemoryServerEndpoint(self.wire, "scp")]
        return options

    def test_commits(self) -> None:
        """The server commits every fault that it is given, and stops when it is told to."""
        service = makeService(self.parsed("--fault=status:0x0110", "--fault=EVIL=reject"))
        service.startService()
        self.failureResultOf(self.associate(title="EVIL"), AssociationRejected)
        echo = self.echo(self.established())
        self.assertEqual(self.successResultOf(echo).Status, 0x0110)
        stopping = service.stopService()
        self.wire.flush()
        self.successResultOf(stopping)
        self.assertEqual(self.wire.factories, {})

    def test_wrong(self) -> None:
        """A wrong fault is told in one line."""
        with self.assertRaises(SystemExit) as caught:
            self.parsed("--fault=explode")
        self.assertIn("--fault: not a fault: 'explode'", str(caught.exception))
        self.assertEqual(len(str(caught.exception).splitlines()), 1)

    def test_none(self) -> None:
        """Without faults nothing stands between the server and its transport."""
        service = makeService(self.parsed())
        service.startService()
        self.addCleanup(service.stopService)
        self.assertIsInstance(self.wire.factories["scp"], ServerFactory)
