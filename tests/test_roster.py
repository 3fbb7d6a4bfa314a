"""Rosters: what a file of targets says, and what is wrong with it, line by line."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from txdicom.cli import roster
from txdicom.cli.target import Target

CSV = b"AET,Host,Port,TLS,Notes\nARCHIVE,pacs.example,11112,yes,the archive\n,192.0.2.7,,,\n"
TARGETS = [
    Target("pacs.example", 11112, "ARCHIVE", True, True, "the archive"),
    Target("192.0.2.7", port_given=False),
]
TOML = b"""\
# our nodes
[[target]]
aet = "ARCHIVE"
host = "pacs.example"
port = 11112
tls = true
notes = "the archive"

[[target]]
host = "192.0.2.7"
"""


class RosterTestCase(SynchronousTestCase):
    def problems(self, data: bytes, name: str = "r.csv") -> list[str]:
        """What is wrong with a roster, without its name."""
        error = self.assertRaises(roster.RosterError, roster.parse, data, name)
        for problem in error.problems:
            self.assertIn(problem, str(error))
        return [problem.removeprefix(f"{name}:") for problem in error.problems]


class CSVTests(RosterTestCase):
    def test_columns(self) -> None:
        """Columns are found by their names, in any order and case, among others."""
        self.assertEqual(roster.parse(CSV, "r.csv"), TARGETS)
        other = (
            b"ID;Description;Port Number;IP-Address;use tls;AE_Title;Modality\n"
            b"7;the archive;11112;pacs.example;Y;ARCHIVE;CT\n8;;;192.0.2.7\n"
        )
        self.assertEqual(roster.parse(other, "r.csv"), TARGETS)

    def test_dividers(self) -> None:
        """Commas, semicolons and tabs divide, whatever the name of the file is."""
        for delimiter in (b";", b"\t", b","):
            for name in ("r.csv", "export", "stdin"):
                self.assertEqual(roster.parse(CSV.replace(b",", delimiter), name), TARGETS)

    def test_spreadsheets(self) -> None:
        """What spreadsheets write is read: byte order marks, CRLF, their hint, quoted cells."""
        text = CSV.decode()
        quoted = text.replace("the archive", '"one; ""two"",\r\nthree"')
        noted = roster.parse(quoted.encode(), "r.csv")
        self.assertEqual(noted[0].note, 'one; "two",\r\nthree')
        for data in (
            text.encode("utf-8-sig"),
            text.encode("utf-16"),
            text.replace("\n", "\r\n").encode(),
            b"sep=,\r\n\r\n" + CSV + b",,,,\n\n",
        ):
            self.assertEqual(roster.parse(data, "r.csv"), TARGETS)
        windows = roster.parse(text.replace("the", "\xfcber").encode("cp1252"), "r.csv")
        self.assertEqual(windows[0].note, "\xfcber archive")

    def test_host_as_a_target(self) -> None:
        """A host may be written as on the command line: a list of targets is a roster."""
        self.assertEqual(
            roster.parse(b"host\nARCHIVE@pacs:1\n[::1]:2\n", "-"),
            [Target("pacs", 1, "ARCHIVE"), Target("::1", 2)],
        )

    def test_every_bad_line(self) -> None:
        """Every bad line is told with its number and the reason, not the first alone."""
        data = (
            b"aet,host,port,tls\n"
            b"A,pacs,0,\n"
            b"WAY-TOO-LONG-FOR-A-TITLE,pacs,104,\n"
            b"GOOD,pacs,104,no\n"
            b"B,,104,\n"
            b'C,"pacs,104,\n'
            b"D,pacs,104,maybe\n"
            b"E,pacs:1,2,\n"
            b"F,G@pacs,2,\n"
            b"H,pacs,104,,,more\n"
            b"I,pa cs,104,\n"
            b"J,11112,pacs,maybe\n"
        )
        wrong = self.problems(data)
        expected = (
            (2, "'0'"), (3, "16 are the limit"), (5, "no host"), (6, "CSV"), (7, "'maybe'"),
            (8, "two ports"), (9, "two AE titles"), (10, "6 cells under 4 columns"),
            (11, "'pa cs'"), (12, "is it a port?; a port is 1 to 65535, not 'pacs'; TLS is"),
        )  # fmt: skip
        self.assertEqual(len(wrong), len(expected), wrong)
        for problem, (line, word) in zip(wrong, expected, strict=True):
            self.assertTrue(problem.startswith(f"{line}: "), problem)
            self.assertIn(word, problem)

    def test_line_after_a_cell_of_several_lines(self) -> None:
        """Lines are counted as an editor counts them."""
        data = b'host,notes\npacs,"a\nb\nc"\npa cs,\n'
        self.assertEqual(len(self.problems(data)), 1)
        self.assertTrue(self.problems(data)[0].startswith("5: "))

    def test_header(self) -> None:
        """Without a column for the host, or with two, nothing is guessed."""
        for data, word in (
            (b"A,pacs,104\n", "none is a host"),
            (b"host,IP\npacs,192.0.2.7\n", "two columns for the host"),
            (b"", "it is empty"),
            (b" \n\n", "it is empty"),
            (b"sep=;\n", "none is a host"),
            (b"aet,host\n\n", "lists no target"),
        ):
            (problem,) = self.problems(data)
            self.assertTrue(problem.startswith("1: "))
            self.assertIn(word, problem)


class TOMLTests(RosterTestCase):
    def test_tables(self) -> None:
        """Each [[target]] is one; its keys may have the names of the columns."""
        self.assertEqual(roster.parse(TOML, "r.toml"), TARGETS)
        self.assertEqual(roster.parse(TOML, "stdin"), TARGETS)
        self.assertEqual(roster.parse(b"\xef\xbb\xbf" + TOML, "r.toml"), TARGETS)
        self.assertEqual(roster.parse(TOML.replace(b"\n", b"\r\n"), "r.toml"), TARGETS)
        renamed = TOML.replace(b"aet", b"AE_Title").replace(b"notes", b"description")
        self.assertEqual(roster.parse(renamed, "r.toml"), TARGETS)

    def test_every_bad_line(self) -> None:
        """Every bad key is told with its line, also after a table that is not TOML."""
        data = (
            b"colour = 1\n"  # 1
            b'[[target]]\nhost = "pacs\nport = 104\n'  # 2: text not ended at 3
            b"[[target]]\nhost = 'pacs'\nport = '104'\n"  # 5: port at 7
            b"\n[[target]]\nhots = 'pacs'\n"  # 9: unknown at 10
            b"[[target]]\naet = 'A'\n"  # 11: no host
            b"[[target]]\nhost = 'pacs'\ntls = 1\nnotes = []\nport = 70000\n"  # 13: 15, 16, 17
            b"[[target]]\nhost = 'pacs'\nport = 70001\n"  # 18: port at 20
            b"[[target]]\nhost ="  # 21: ends at 22
        )
        wrong = self.problems(data, "r.toml")
        expected = (
            (1, "'colour'"), (3, "Illegal character"), (7, "'104'"), (10, "'hots'"),
            (11, "no host"), (15, "cannot be 1"), (16, "'notes'"), (17, "'70000'"), (20, "'70001'"),
            (22, "value"),
        )  # fmt: skip
        self.assertEqual(len(wrong), len(expected), wrong)
        for problem, (line, word) in zip(wrong, expected, strict=True):
            self.assertTrue(problem.startswith(f"{line}: "), problem)
            self.assertIn(word, problem)

    def test_lines_of_keys(self) -> None:
        """Whatever is wrong with a key, its own line is told, and the lines are in order."""
        data = (
            b"# our nodes\n\n[[target]]\n"
            b'port = 0\n"AE Title" = "A@B"\n  host= "C@pacs:1"\n'
            b"[[target]]\nhost = '41112'\n'port' = 70000\naet = 'WAY-TOO-LONG-FOR-A-TITLE'\n"
            b"[[target]]\nport = 2\nhost = 'pacs:1'\n"
            b"[other]\nhost = 1\n"
            b"[[target]]\nhost = 'pacs'\nhostname = 'ris'\n"
        )
        self.assertEqual(
            [problem.split(" ")[:3] for problem in self.problems(data, "r.toml")],
            [
                ["4:", "a", "port"],
                ["5:", "two", "AE"],
                ["8:", "not", "a"],
                ["9:", "a", "port"],
                ["10:", "AE", "title"],
                ["12:", "two", "ports:"],
                ["14:", "unknown", "key"],
                ["18:", "'hostname'", "says"],
            ],
        )

    def test_line_of_several_targets(self) -> None:
        """What is wrong on one line is told in one line, and is one bad line."""
        data = b'# ours\ntarget = [{host = "1"}, {host = "a", port = 0}, {host = "b", tls = 1}]\n'
        (problem,) = self.problems(data, "r.toml")
        self.assertTrue(problem.startswith("2: "), problem)
        for word in ("'1'", "'0'", "'tls'"):
            self.assertIn(word, problem)

    def test_no_tables(self) -> None:
        """A target that is no table, and one in single brackets, are told with their line."""
        for data in (b"\ntarget = 5\n", b"\ntarget = [1]\n", b"\n[target]\nhost = 'a'\n"):
            (problem,) = self.problems(data, "r.toml")
            self.assertTrue(problem.startswith("2: "), problem)
            self.assertIn("below [[target]]", problem)

    def test_nested(self) -> None:
        """Brackets in brackets without an end are a bad line, not the end of the run."""
        data = b"[[target]]\nhost = 'a'\n[[target]]\nhost = " + b"[" * 5000 + b"\n[[target]]\n"
        self.assertEqual(len(self.problems(data, "r.toml")), 2)

    def test_lines_are_counted_once(self) -> None:
        """Lines are counted on from table to table, so that many tables take no longer each."""

        class Text(str):
            def count(self, *arguments: object) -> int:
                raise AssertionError("counted from the beginning")

        self.patch(roster, "_decoded", lambda data: Text(data.decode()))
        data = TOML * 500 + b"port = 0\n"
        line = TOML.count(b"\n") * 500 + 1
        self.assertTrue(self.problems(data, "r.toml")[0].startswith(f"{line}: "))

    def test_no_parser(self) -> None:
        """Where Python has no reader of TOML, it is said what to install."""
        with patch.dict(sys.modules, {"tomllib": None, "tomli": None}):
            error = self.assertRaises(RuntimeError, roster.parse, TOML, "r.toml")
            self.assertIn("txdicom[cli]", str(error))
            self.assertEqual(roster.parse(CSV, "r.csv"), TARGETS)

    def test_tls_is_told_apart(self) -> None:
        """TLS off is something else than TLS not mentioned."""
        read = roster.parse(b"[[target]]\nhost='a'\ntls=false\n[[target]]\nhost='b'\n", "r")
        self.assertEqual([target.tls for target in read], [False, None])


class SourceTests(RosterTestCase):
    def test_file(self) -> None:
        """A file is read."""
        path = self.mktemp()
        with open(path, "wb") as file:
            file.write(CSV)
        self.assertEqual(roster.read(path), TARGETS)
        self.assertRaises(OSError, roster.read, path + "x")

    def test_standard_input(self) -> None:
        """``-`` is the standard input, which messages call by that name."""
        self.patch(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(TOML)))
        self.assertEqual(roster.read("-"), TARGETS)
        self.patch(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"host\npa cs\n")))
        error = self.assertRaises(roster.RosterError, roster.read, "-")
        self.assertIn("stdin:2: ", str(error))

    def test_too_long(self) -> None:
        """A roster is read up to a bound: a device may have no end."""
        path = self.mktemp()
        with open(path, "wb") as file:
            file.write(CSV)
        self.patch(roster, "MAX_ROSTER", len(CSV))
        self.assertEqual(roster.read(path), TARGETS)
        self.patch(roster, "MAX_ROSTER", len(CSV) - 1)
        self.patch(sys, "stdin", SimpleNamespace(buffer=SimpleNamespace(read=bytes)))  # /dev/zero
        for name, called in ((path, path), ("-", "stdin")):
            error = self.assertRaises(ValueError, roster.read, name)
            self.assertIn(f"{called} is no roster", str(error))

    def test_no_text(self) -> None:
        """A file that is no text at all has no columns."""
        for data in (bytes(200_000), bytes(range(256)) * 1000):
            self.assertIn("none is a host", self.problems(data, "image")[0])
