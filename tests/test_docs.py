"""What the README and the documentation say, held against the code."""

from __future__ import annotations

import configparser
import doctest
import inspect
import json
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

import txdicom
from txdicom import AE, Limits, errors, evt
from txdicom.cli import exit_codes, machine
from txdicom.cli.explain import CASES
from txdicom.cli.outcome import Outcome
from txdicom.cli.target import Target
from txdicom.events import Event, EventType
from txdicom.sop_class import Verification
from txdicom.tap import Options, option_name
from txdicom.testing import Wire, associated
from txdicom.testing.faults import KINDS
from txdicom.upperlayer.user_information import (
    AsynchronousOperationsWindow,
    SOPClassCommonExtendedNegotiation,
    SOPClassExtendedNegotiation,
    UserIdentityRQ,
    UserInformation,
)

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.rst"))
EVENTS = [value for value in vars(evt).values() if isinstance(value, EventType)]


def rows(page: str) -> list[list[str]]:
    """The rows of all list-tables of a page, each a list of its cells."""
    found: list[list[str]] = []
    for line in (DOCS / page).read_text().splitlines():
        start = re.match(r"   \* - ?(.*)", line)
        cell = re.match(r"     - ?(.*)", line)
        more = re.match(r"       (\S.*)", line)
        if start:
            found.append([start[1]])
        elif cell and found:
            found[-1].append(cell[1])
        elif more and found:
            found[-1][-1] += " " + more[1]
    return found


def literals(text: str) -> list[str]:
    return re.findall(r"``([^`]+)``", text)


class ReadmeTests(SynchronousTestCase):
    """The README."""

    text = (ROOT / "README.rst").read_text()

    def test_test_command(self):
        """The command that runs the tests stands on one line by itself, and there is one."""
        commands = re.findall(r"^ *(python3.*-m twisted\.trial tests)$", self.text, re.MULTILINE)
        self.assertEqual(len(commands), 1)
        self.assertIn(".venv/bin/pip install -e '.[test]' && ", commands[0])

    def test_versions(self):
        """The versions that the README says are needed are those that are asked for."""
        setup = configparser.ConfigParser()
        setup.read(ROOT / "setup.cfg")
        needed = setup["options"]["install_requires"].split("\n")
        self.assertIn("Python 3.10 to 3.13, Twisted 24.7 or later, pydicom 3 or later", self.text)
        self.assertEqual(setup["options"]["python_requires"], ">=3.10")
        self.assertEqual([line for line in needed if line], ["twisted >= 24.7", "pydicom >= 3"])

    def test_links(self):
        """Every file that the README links to is there."""
        links = re.findall(r"<([^>]+)>`_", self.text)
        self.assertGreater(len(links), 5)
        self.assertEqual([link for link in links if not (ROOT / link).exists()], [])


class LimitsTests(SynchronousTestCase):
    """docs/limits.rst."""

    def test_table(self):
        """Each limit has its row: option, default with its unit, and meaning."""
        expected = []
        for row in fields(Limits):
            unit = row.metadata["unit"]
            option = "--" + option_name(row)
            known = f"{option_name(row)}=" in Options().longOpt
            expected.append(
                [
                    f"``{row.name}``",
                    f"``{option}``" if known else "none: a server does not connect",
                    f"{row.default:g} s" if unit == "seconds" else f"{row.default:,} {unit}",
                    row.metadata["text"],
                ]
            )
        self.assertEqual(rows("limits.rst")[1:], expected)


class OptionsTests(SynchronousTestCase):
    """docs/running.rst."""

    def test_all(self):
        """Each option of the plugin is in one of the tables, and no other is."""
        said = {
            option.rstrip(",")
            for page in ("running.rst", "limits.rst")
            for cell in rows(page)
            for option in literals(" ".join(cell[:2]))
            if option.startswith("--")
        }
        known = {f"--{option.rstrip('=')}" for option in Options().longOpt}
        self.assertEqual(said, known - {"--version", "--help"})

    def test_defaults(self):
        """The defaults in the table are those of the plugin."""
        options = Options()
        options.parseOptions([])
        table = {literals(row[0])[0]: row[1] for row in rows("running.rst") if "``" in row[0]}
        self.assertEqual(table["--listen"], f"``{options['listen'][0]}``")
        self.assertEqual(table["--ae-title"], f"``{options['ae-title']}``")
        self.assertEqual((table["--require-called"], options["require-called"]), ("off", 0))
        self.assertEqual((table["--calling"], options["calling"]), ("all", []))
        self.assertEqual((table["--fault"], options["fault"]), ("none", []))


class EventsTests(SynchronousTestCase):
    """The events in docs/scp.rst."""

    def test_table(self):
        """Each event has its row, with its attributes."""
        said = {
            literals(row[0])[0]: literals(row[1])
            for row in rows("scp.rst")
            if row[0].startswith("``EVT_")
        }
        expected = {}
        for event in EVENTS:
            _, _, attributes = event.description.partition(": ")
            names = attributes.partition(" ->")[0]
            expected[event.name] = names.split(", ") if names else []
        self.assertEqual(said, expected)

    def said(self, whose: str) -> list[str]:
        """The order that the page gives."""
        text = (DOCS / "scp.rst").read_text()
        block = text.split(f":caption: {whose}\n", 1)[1]
        lines = re.match(r"(?:\n|   .*\n)+", block)[0].splitlines()
        return [" ".join(line.split()) for line in lines if line.strip()]

    def test_order(self):
        """Handlers are told in the order that the page gives, in both roles."""
        told: dict[str, list[str]] = {"requestor": [], "acceptor": []}
        answers = {"EVT_USER_ID": (True, None), "EVT_ASYNC_OPS": (1, 1), "EVT_C_ECHO": 0x0000}

        def tell(event: Event, whose: str) -> object:
            if event.event is evt.EVT_FSM_TRANSITION:
                return None
            pdu = vars(event).get("pdu") or vars(event).get("primitive")
            told[whose].append(event.event.name + (f" {pdu.NAME}" if pdu else ""))
            return answers.get(event.event.name, {})

        items: list[UserInformation] = [
            UserIdentityRQ(1, b"someone"),
            SOPClassExtendedNegotiation(Verification, b"\x01"),
            SOPClassCommonExtendedNegotiation(Verification, "1.2.840.10008.4.2"),
            AsynchronousOperationsWindow(2, 1),
        ]
        wire = Wire()
        scu, scp = wire.ae("SCU"), wire.ae("SCP")
        scu.add_requested_context(Verification)
        scp.add_supported_context(Verification)
        wire.listen(scp, evt_handlers=[(event, tell, ["acceptor"]) for event in EVENTS])
        notifications = [event for event in EVENTS if event.is_notification]
        association = self.successResultOf(
            wire.associate(
                scu,
                ext_neg=items,
                evt_handlers=[(event, tell, ["requestor"]) for event in notifications],
            )
        )
        for step in (association.echo, association.release):
            done = step()
            wire.flush()
            self.successResultOf(done)
        self.assertEqual(told["requestor"], self.said("requestor"))
        self.assertEqual(told["acceptor"], self.said("acceptor"))


class FaultsTests(SynchronousTestCase):
    """The faults in docs/testing.rst."""

    def test_table(self):
        """Each kind of fault has its row: where it strikes, and its values with their defaults."""
        expected = []
        for name, kind in KINDS.items():
            points = ", ".join(
                f"``{point}``" + (" (usual)" if point == kind.default else "")
                for point in kind.points
            )
            values = ", ".join(
                value.name if value.default is None else f"{value.name} ({value.default})"
                for value in kind.values
            )
            expected.append([f"``{name}``", points, values])
        self.assertEqual([row[:3] for row in rows("testing.rst")[1:]], expected)


class FailuresTests(SynchronousTestCase):
    """docs/failures.rst."""

    def test_table(self):
        """Each failure has its row: its stage, its parent and its attributes."""
        said = {}
        for row in rows("failures.rst")[1:]:
            name, *parent = literals(row[0])
            stage = literals(row[1])[0] if literals(row[1]) else "--"
            said[name] = (parent, stage, literals(row[2]))
        expected = {}
        for name, kind in inspect.getmembers(errors, inspect.isclass):
            if not issubclass(kind, errors.AssociationError) or kind is errors.AssociationError:
                continue
            parent = kind.__base__
            stage = "--" if kind.stage == "associate" else kind.stage
            properties = [key for key, value in vars(kind).items() if isinstance(value, property)]
            expected[name] = (
                [parent.__name__] if parent is not errors.AssociationError else [],
                stage,
                [*inspect.signature(kind).parameters, *properties],
            )
        self.assertEqual(said, expected)


class CommandTests(SynchronousTestCase):
    """docs/echo.rst."""

    text = (DOCS / "echo.rst").read_text()

    def test_exit_codes(self):
        """The table has every exit code with its meaning."""
        found = re.findall(r"^(\d+) +(.+)$", self.text, re.MULTILINE)
        codes = {int(code): words for code, words in found if int(code) in exit_codes.MEANINGS}
        self.assertEqual(codes, exit_codes.MEANINGS)

    def test_cases(self):
        """Every case of an explanation is named, in the order in which they are tried."""
        _, _, cases = self.text.partition("The cases are ")
        names = literals(cases.partition("\n\n")[0])
        self.assertEqual(names, list(dict.fromkeys(case.name for case in CASES)))

    def test_summary(self):
        """Every key of a summary has its row, and so has every kind of failure and its facts."""
        firsts = [literals(row[0]) for row in rows("echo.rst")]
        keys = [key for first in firsts for key in first]
        summary = json.loads(machine.summary_json(Outcome(Target("pacs"), "A", "B")))
        for key in summary.keys() - {"type"}:
            self.assertIn(key, keys)
        told = {kind: literals(row[2]) for row in rows("echo.rst") for kind in literals(row[0])}
        for kind, facts in machine._FACTS.items():
            self.assertEqual([name for name in told[kind.__name__] if name in facts], [*facts])


class NamesTests(SynchronousTestCase):
    """Names in all pages."""

    def names(self) -> Iterator[tuple[str, str]]:
        for page in PAGES:
            for literal in literals(page.read_text()):
                yield page.name, literal

    def test_attributes(self):
        """Whatever the pages say that an AE, an association or a wire has, it has."""
        requestor, _, wire = associated()
        owners: dict[str, Any] = {
            "AE": AE(),
            "Association": requestor,
            "Wire": wire,
            "Limits": Limits(),
            "UpperLayer": requestor.protocol.upper_layer,
        }
        missing, seen = [], 0
        for page, literal in self.names():
            match = re.match(r"(\w+)\.(\w+)", literal)
            if match and match[1] in owners:
                seen += 1
                if not hasattr(owners[match[1]], match[2]):
                    missing.append((page, literal))
        self.assertEqual(missing, [])
        self.assertGreater(seen, 60)

    def test_events(self):
        """Every event that the pages name is there."""
        names = {literal for _, literal in self.names() if literal.startswith("EVT_")}
        self.assertEqual(names - {event.name for event in EVENTS}, set())

    def test_modules(self):
        """The page on design has every module, and no other."""
        package = Path(txdicom.__file__).parent
        there = {
            str(path.relative_to(package))
            for folder in (".", "dimse", "services", "upperlayer")
            for path in (package / folder).glob("*.py")
            if not path.name.startswith("_")
        }
        table = [literal for row in rows("design.rst") for literal in literals(row[0])]
        self.assertEqual(sorted(name for name in table if name.endswith(".py")), sorted(there))
        folders = [name for name in table if name.endswith("/")]
        self.assertEqual([name for name in folders if not (package / name).is_dir()], [])

    def test_examples(self):
        """What looks like a session of the interpreter is one."""
        results = doctest.testfile(str(DOCS / "testing.rst"), module_relative=False)
        self.assertEqual(results.failed, 0)
        self.assertGreater(results.attempted, 15)
        others = [
            page.name for page in PAGES if ">>> " in page.read_text() and page.stem != "testing"
        ]
        self.assertEqual(others, [])
