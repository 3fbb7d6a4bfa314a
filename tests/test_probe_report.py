"""``--probe`` and ``--diff``: what is printed and kept, and what two dates differ in."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from txdicom.cli import arguments, probe_report
from txdicom.cli.probe import probe
from txdicom.cli.probe_answers import GROUPS, Answer, Answers, not_known
from txdicom.cli.probe_report import Report

DOCS = Path(__file__).resolve().parent.parent / "docs"


def answers(**groups: dict[str, Any]) -> Answers:
    return {
        name: {
            question: Answer(value) if value is not None else not_known("no reason")
            for question, value in questions.items()
        }
        for name, questions in groups.items()
    }


REPORT = Report(
    "2026-01-02T03:04:05Z",
    "ARCHIVE@pacs:104",
    {"called_ae_title": "ARCHIVE", "tls": True, "maximum_length": 16382},
    answers(
        verification={"association": "accepted", "maximum_length": 0},
        tls={"client_certificate": False, "subject": None},
        contexts={"most": 1},
    ),
)


class JSONTests(SynchronousTestCase):
    def test_and_back(self) -> None:
        """What is written is read again, the same."""
        text = probe_report.to_json(REPORT, 0)
        self.assertEqual(probe_report.from_json(text), REPORT)
        whole = json.loads(text)
        self.assertEqual(
            list(whole),
            ["type", "schema", "date", "txdicom", "target", "asked", "exit_code", "answers",
             "not_known"],
        )  # fmt: skip
        self.assertEqual(whole["not_known"], {"tls.subject": "no reason"})
        self.assertEqual(whole["answers"]["tls"], {"client_certificate": False, "subject": None})

    def changed(self, **keys: Any) -> str:
        return json.dumps({**json.loads(probe_report.to_json(REPORT, 0)), **keys})

    def test_other_files(self) -> None:
        """Whatever else is in the file is refused, with a word on why, and harmless."""
        for text, why in (
            ("", "Expecting value"),
            ("[]", "not what --probe"),
            ("{}", "not what --probe"),
            ('{"type": "summary"}', "not what --probe"),
            (self.changed(schema=2), "schema is not 1"),
            (self.changed(schema=True), "schema is not 1"),
            (self.changed(schema="1"), "schema is not 1"),
            (self.changed(answers=[]), "answers is not an object"),
            (self.changed(answers={"a": "b"}), "answers.a is not an object"),
            (self.changed(answers={"a": {"b": []}}), "neither text"),
            (self.changed(answers={"a": {"b": 1.5}}), "neither text"),
            (self.changed(asked={"a": {}}), "neither text"),
            (self.changed(asked=None), "asked is not an object"),
            (self.changed(date=1), "date or the target"),
            (self.changed(target=None), "date or the target"),
            (self.changed(not_known=1), "not_known is not an object"),
            ("[" * 100_000, "brackets"),
            ("9" * 10_000, ""),
        ):
            with self.assertRaisesRegex(ValueError, why):
                probe_report.from_json(text)

    def test_file(self) -> None:
        """A file that is too long, not UTF-8 or no probe is refused by its name, escaped."""
        for data, why in (
            (b" " * (probe_report.MAXIMUM_FILE + 1), "longer than 262,144 bytes"),
            (b"\xff", "can't decode"),
            (
                b'{"type": "probe", "schema": 1, "not_known": {}, "answers": {"\\u001b[2J": 1}}',
                r"\\x1b\[2J",
            ),
        ):
            path = self.mktemp()
            Path(path).write_bytes(data)
            with self.assertRaisesRegex(ValueError, why) as caught:
                probe_report.read(path)
            self.assertIn(path, str(caught.exception))
            self.assertNotIn("\x1b", str(caught.exception))

    def test_greatest(self) -> None:
        """A probe whose answers are all as long as they can be is still read again."""
        longest = Answer("\u00ff" * 10_000)
        every = {name: dict.fromkeys(group.questions, longest) for name, group in GROUPS.items()}
        path = self.mktemp()
        Path(path).write_text(probe_report.to_json(replace(REPORT, answers=every), 0))
        self.assertEqual(probe_report.read(path).answers, every)

    def test_compared(self) -> None:
        """A comparison is added at the end, and does not keep the object from being read."""
        now = replace(REPORT, answers=answers(contexts={"most": 2, "accepted_of_128": 5}))
        added = probe_report.compared("old", REPORT, now)
        self.assertEqual(added["same"], 0)
        self.assertEqual(
            added["differences"][0],
            {"group": "contexts", "question": "most", "then": 1, "now": 2},
        )
        self.assertEqual(probe_report.from_json(probe_report.to_json(now, 1, added)), now)


class DifferenceTests(SynchronousTestCase):
    def found(self, then: Answers, now: Answers) -> list[tuple[str, str]]:
        return [
            (it.group, it.question)
            for it in probe_report.differences(
                replace(REPORT, answers=then), replace(REPORT, answers=now)
            )
        ]

    def test_none(self) -> None:
        """The same differs in nothing, and not to know the reason either time is the same."""
        self.assertEqual(self.found(REPORT.answers, REPORT.answers), [])
        one, other = {"a": {"b": not_known("why")}}, {"a": {"b": not_known("why else")}}
        self.assertEqual(self.found(one, other), [])

    def test_some(self) -> None:
        """Another value, no value, another type and a question of only one date differ."""
        for then, now in (
            ({"b": "accepted"}, {"b": "rejected"}),
            ({"b": "accepted"}, {"b": None}),
            ({"b": None}, {"b": "accepted"}),
            ({"b": 1}, {"b": True}),
            ({"b": 0}, {"b": False}),
            ({"b": "1"}, {"b": 1}),
            ({"b": 1}, {}),
            ({}, {"b": 1}),
        ):
            self.assertEqual(self.found(answers(a=then), answers(a=now)), [("a", "b")], (then, now))
        self.assertEqual(self.found(answers(), answers(a={"b": 1})), [("a", "b")])

    def lines(self, then: Report, now: Report, width: int | None = None) -> list[str]:
        return list(probe_report.diff_lines("old.json", then, now, width))

    def test_lines(self) -> None:
        """People see what changed and how, and how much did not."""
        now = replace(
            REPORT,
            date="2026-02-03T04:05:06Z",
            asked={**REPORT.asked, "called_ae_title": "OTHER"},
            answers={**REPORT.answers, "contexts": {"most": Answer(128)}},
        )
        self.assertEqual(
            self.lines(REPORT, now),
            [
                "then:  ARCHIVE@pacs:104 at 2026-01-02T03:04:05Z, old.json",
                "now:   ARCHIVE@pacs:104 at 2026-02-03T04:05:06Z",
                "asked otherwise: called_ae_title was ARCHIVE, now OTHER",
                "differs: 1 with another answer, 3 with the same, 1 not known either time",
                "",
                "Presentation contexts: most in one request",
                "  then:  1",
                "  now:   128",
            ],
        )
        self.assertEqual(
            self.lines(REPORT, REPORT)[-1],
            "nothing differs: 4 with the same, 1 not known either time",
        )

    def test_not_asked(self) -> None:
        """Questions that one of the two did not come to are counted, and not listed."""
        now = replace(REPORT, answers={"contexts": {"most": not_known("not asked: interrupted")}})
        lines = self.lines(REPORT, now)
        self.assertEqual(lines[-1], "differs: 5 asked only once")


class LinesTests(SynchronousTestCase):
    """The tables for people."""

    def test_rows(self) -> None:
        """An answer has its row; what was not asked is one row for all of it."""
        given = {
            "association": Answer("accepted"),
            "maximum_length": Answer(0),
            "transfer_syntax": Answer("1.2.840.10008.1.2.1"),
            "echo": not_known("not asked: gone"),
            "release": not_known("not asked: gone"),
        }
        self.assertEqual(
            list(probe_report.group_lines("verification", given)),
            [
                "",
                "Verification",
                "  association                         accepted",
                "  maximum length announced            no limit",
                "  transfer syntax                     Explicit VR Little Endian",
                "  the others                          not asked: gone",
            ],
        )
        given = {"client_certificate": Answer(True), "key": not_known("it was silent")}
        self.assertEqual(
            [line[38:] for line in probe_report.group_lines("tls", given)][2:],
            ["yes", "not known: it was silent"],
        )

    def test_width(self) -> None:
        """In a terminal of 80 columns every row fits; labels leave two columns before answers."""
        for name, group in GROUPS.items():
            for words in group.questions.values():
                self.assertLessEqual(len(words), 34, words)
            given = dict.fromkeys(group.questions, Answer("a word and another " * 9))
            for line in probe_report.group_lines(name, given, 80):
                self.assertLessEqual(len(line), 80)

    def test_hostile(self) -> None:
        """Nothing that a peer or a file says reaches a terminal as it is."""
        evil = "\x1b[2J\n"
        given = {evil: Answer(evil), "b": not_known(evil), "c": not_known(f"not asked: {evil}")}
        report = Report(evil, evil, {"tls": evil}, {evil: given})
        now = replace(REPORT, asked={"tls": False}, answers={evil: {"b": Answer(evil)}})
        lines = [
            *probe_report.group_lines(evil, given),
            *probe_report.not_asked_lines({evil: {"c": given["c"]}}, evil),
            *probe_report.diff_lines(evil, report, now),
        ]
        for line in lines:
            self.assertTrue(line.isprintable(), line)


class CommandTests(SynchronousTestCase):
    """What is refused before anything is sent."""

    def refuse(self, why: str, *argv: str) -> None:
        parsed = arguments.parser().parse_args(["echo", *argv])
        with self.assertRaisesRegex((ValueError, OSError), why):
            probe(parsed, arguments.targets(parsed), arguments.settings(parsed))

    def test_options(self) -> None:
        """Options of other kinds of runs do not go with it."""
        for option in (
            "--nagios", "--forever", "--count=2", "--abort", "--explain", "--try-titles=A",
            "--save=x", "--csv=x", "--junit=x", "--concurrency=2", "--warn-expiry=9",
        ):  # fmt: skip
            self.refuse("does not go with --probe", "pacs:104", "--tls", "--probe", option)
        self.refuse("one target", "pacs:104", "ris:104", "--probe")

    def test_file(self) -> None:
        """A file that is not there, or is no probe, is told of at once."""
        self.refuse("No such file", "pacs:104", "--diff", self.mktemp())
        path = self.mktemp()
        Path(path).write_text("{}")
        self.refuse("no probe in", "pacs:104", "--diff", path)


class DocsTests(SynchronousTestCase):
    """docs/probe.rst."""

    def test_names(self) -> None:
        """Each question of the JSON is in the table, in its order, and no other."""
        page = (DOCS / "probe.rst").read_text()
        table = page.split(".. questions\n", 1)[1].split(".. end of questions\n", 1)[0]
        said = re.findall(r"^   \* - ``([^`]+)``$", table, re.MULTILINE)
        self.assertEqual(
            said,
            [
                f"{name}.{question}"
                for name, group in GROUPS.items()
                for question in group.questions
            ],
        )
