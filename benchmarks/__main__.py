"""How fast txdicom is, beside others: everything in one run.

Everything runs on 127.0.0.0/8. The peers take turns, each case of each round, and the figures are
the medians over the rounds. ``N x`` after a peer's figure says that txdicom's is N times as large.

    python -m benchmarks --quick
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import machine, table
from benchmarks.compare import Bounds
from benchmarks.parts import PARTS
from benchmarks.peers import ROOT, NotServing

#: Where the documentation has its figures.
DOCS = ROOT / "docs" / "performance"

PINNED = {
    "split": "servers on one CPU, what loads them on another",
    "same": "servers and what loads them on one CPU",
}

QUICK = Bounds(1, echoes=20_000, associations=1_000, seconds=0.15, held=1_000, quick=True)


def options() -> argparse.Namespace:
    """The command line."""
    names = [part.name for part in PARTS]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--quick", action="store_true", help="a rough look, in a minute")
    parser.add_argument("--only", help=f"only these parts, with commas: {', '.join(names)}")
    parser.add_argument("--peers", help="only these peers, with commas")
    parser.add_argument("--rounds", type=int, help="of which the medians are taken")
    parser.add_argument("--seconds", type=float, help="at most, each time")
    parser.add_argument(
        "--pin",
        nargs="?",
        choices=list(PINNED),
        const="split",
        help="servers on one CPU and what loads them on another, or on the same: with one"
        " outstanding that is steadier, as no sleeping CPU is woken for each message",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep all figures in it")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw them, as SVG")
    parser.add_argument(
        "--docs", action="store_true", help="write what docs/performance.rst is made of"
    )
    parser.add_argument(
        "--from",
        type=Path,
        metavar="FILE",
        dest="kept",
        help="take the figures from such a file and measure nothing",
    )
    chosen = parser.parse_args()
    if not sys.platform.startswith("linux"):
        parser.error("Linux is needed: other processes' CPU time and memory are taken from it")
    if chosen.docs and (chosen.only or chosen.peers):
        parser.error("--docs wants all parts and peers, as the page has them all")
    chosen.only = chosen.only.split(",") if chosen.only else names
    for name in set(chosen.only) - set(names):
        parser.error(f"no part {name!r}; there are {', '.join(names)}")
    for name in ("rounds", "seconds"):
        if (getattr(chosen, name) or 1) <= 0:
            parser.error(f"--{name} is to be more than 0")
    return chosen


def bounds_of(chosen: argparse.Namespace) -> Bounds:
    """How much is to be measured."""
    bounds = QUICK if chosen.quick else Bounds()
    given = {name: getattr(chosen, name) for name in ("rounds", "seconds")}
    bounds = bounds._replace(**{name: value for name, value in given.items() if value})
    if chosen.peers:
        bounds = bounds._replace(peers=tuple(chosen.peers.split(",")))
    if chosen.pin:
        cpus = sorted(os.sched_getaffinity(0))
        load_cpu = cpus[0] if chosen.pin == "split" else cpus[-1]
        bounds = bounds._replace(server_cpu=cpus[-1], load_cpu=load_cpu)
    return bounds


def run(chosen: argparse.Namespace) -> dict[str, Any]:
    """Measure; a part that cannot be measured does not keep the others from it."""
    bounds = bounds_of(chosen)
    pinned = PINNED[chosen.pin] if chosen.pin else "not pinned"
    others = machine.Others()
    report: dict[str, Any] = {
        "machine": machine.described(),
        "run": f"{bounds.rounds} rounds of at most {bounds.seconds:g} s each, {pinned}",
        "results": {},
        "failed": [],
    }
    for part in PARTS:
        if part.name not in chosen.only:
            continue
        began = time.monotonic()
        print(f"{part.heading} ...", end="", file=sys.stderr, flush=True)
        try:
            report["results"][part.name], failed = part.measure(bounds)
        except NotServing as error:
            failed = [str(error)]
        report["failed"] += [f"{part.name}: {line}" for line in failed]
        print(f" {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    report["machine"]["used by others meanwhile"] = str(others)
    return report


def show(report: dict[str, Any]) -> None:
    """Print the tables."""
    print("; ".join(f"{name}: {words}" for name, words in report["machine"].items()))
    print(f"medians of {report['run']}")
    for part in PARTS:
        if report["results"].get(part.name):
            print("", *table.lines(part.heading, part.rows, report["results"][part.name]), sep="\n")
    if report["failed"]:
        print("", "failed:", *report["failed"], sep="\n")


def write(path: Path, data: str) -> None:
    """Write a file, in a folder that may not be there yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(data)


def main() -> int:
    """Measure and report; the status is 1 if anything of txdicom failed."""
    chosen = options()
    # A SystemExit, so that the servers are ended with this process.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    report = json.loads(chosen.kept.read_text()) if chosen.kept else run(chosen)
    show(report)
    if chosen.json or chosen.docs:
        for path in filter(None, (chosen.json, chosen.docs and DOCS / "figures.json")):
            write(path, json.dumps(report, indent=1) + "\n")
    if chosen.plot or chosen.docs:
        from benchmarks.plot import svg

        for path in filter(None, (chosen.plot, chosen.docs and DOCS / "figures.svg")):
            write(path, svg(report["results"]))
    if chosen.docs:
        from benchmarks.page import rst

        write(DOCS / "tables.inc", rst(report))
    return 1 if any(": txdicom," in line for line in report["failed"]) else 0


if __name__ == "__main__":
    sys.exit(main())
