"""Table 9-10 against the standard's own, cell by cell."""

from __future__ import annotations

import csv
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from txdicom.upperlayer import table
from txdicom.upperlayer.table import ACTIONS, TRANSITIONS, Action, Choice, Event, State

PATH = Path(__file__).with_name("state_table.csv")


def expected() -> dict[tuple[int, int], str]:
    """Event and state to the cell's text, such as ``AE-6 Sta3 or Sta13``; empty for a blank."""
    with PATH.open(newline="") as file:
        return {
            (int(row["event"][3:]), state): row[f"Sta{state}"]
            for row in csv.DictReader(file)
            for state in range(1, 14)
        }


def text(cell: Action | Choice | None) -> str:
    """A cell of txdicom's table, as the standard prints it."""
    if cell is None:
        return ""
    if isinstance(cell, Choice):
        return f"{cell.name} Sta{cell.then.next_state} or Sta{cell.otherwise.next_state}"
    return f"{cell.name} Sta{cell.next_state}"


class TableTests(SynchronousTestCase):
    """13 states, 19 events."""

    def test_every_cell(self) -> None:
        """Action and next state of all 247 cells are those that the standard prints."""
        cells = expected()
        self.assertEqual(len(cells), 247)
        ours = {(event, state): text(TRANSITIONS[event][state]) for event, state in cells}
        self.assertEqual(ours, cells)

    def test_blank_cells(self) -> None:
        """123 cells have an action, 124 are blank."""
        cells = [TRANSITIONS[event][state] for event in Event for state in State]
        self.assertEqual(sum(cell is not None for cell in cells), 123)

    def test_numbers(self) -> None:
        """States and events have the standard's numbers, so 0 is none of them."""
        self.assertEqual(list(State), list(range(1, 14)))
        self.assertEqual(list(Event), list(range(1, 20)))
        self.assertEqual(TRANSITIONS[0], (None,) * 14)
        self.assertEqual({row[0] for row in TRANSITIONS}, {None})

    def test_choices(self) -> None:
        """The two actions with a choice choose by what the standard says they do."""
        choices = {name: action for name, action in ACTIONS.items() if isinstance(action, Choice)}
        self.assertEqual(sorted(choices), ["AE-6", "AR-8"])
        self.assertEqual(choices["AE-6"].condition, "acceptable")
        self.assertEqual(choices["AR-8"].condition, "requestor")

    def test_every_action(self) -> None:
        """Tables 9-6 to 9-9 have 28 actions; each has its place in Table 9-10."""
        used = {cell.name for row in TRANSITIONS for cell in row if cell is not None}
        self.assertEqual(used, set(ACTIONS))
        self.assertEqual(len(ACTIONS), 28)

    def test_malformed(self) -> None:
        """A slip in the text of the table is noticed when it is read, not on an association."""
        good = table.TABLE_9_10
        for bad in (
            good.replace("Sta13", "Sta14"),
            good.replace("Evt19", "Evt20"),
            good.replace("Evt18   -", "Evt18"),
        ):
            self.assertRaises(ValueError, table._parse, bad)
        self.assertRaises(KeyError, table._parse, good.replace("AR-10", "AR-11"))
