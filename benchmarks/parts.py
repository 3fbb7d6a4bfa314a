"""The parts of a whole run, in their order."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from benchmarks import codec, fleet, holding, installed, scp, scu, start
from benchmarks.compare import Bounds, Outcome
from benchmarks.table import Row


class Part(NamedTuple):
    """What is measured and printed in one table.

    :ivar measure: measures the peers in turn
    """

    name: str
    heading: str
    rows: tuple[Row, ...]
    measure: Callable[[Bounds], Outcome]


def _fleet(bounds: Bounds) -> Outcome:
    return fleet.measure(fleet.options(["--quick"] if bounds.quick else ["--others", "1000"]))


def _start(bounds: Bounds) -> Outcome:
    return start.measure(1 if bounds.quick else 11)


PARTS = (
    Part("scp", "SCP", scp.ROWS, scp.measure),
    Part("scu", "SCU", scu.ROWS, scu.measure),
    Part("installed", "DCMTK as installed", installed.ROWS, installed.measure),
    Part("holding", "Associations held open", holding.ROWS, holding.measure),
    Part("codec", "In memory", codec.ROWS, codec.measure),
    Part("start", "Start", start.ROWS, _start),
    Part("fleet", "Many targets", fleet.ROWS, _fleet),
)
