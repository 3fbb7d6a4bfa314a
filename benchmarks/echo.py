"""C-ECHO: echoes and associations a second, and what they cost, of txdicom and of others.

Everything runs on 127.0.0.1 in this one run. The peers take turns, each case of each round, and
the figures are the medians over the rounds. ``N x`` after a peer's figure says that txdicom's is
N times as large.

    python -m benchmarks.echo --quick
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

if not __package__:  # run as a file: its package is to be found
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from benchmarks import table
from benchmarks.peers import SCPS, SCUS, SINK, Peer, Server, environment, module, running

#: Seconds of one measurement besides those that it measures: start, warm-up, patience.
OVERHEAD = 40

#: Which cases count associations; the others count echoes.
OF_ASSOCIATIONS = {"associations", "associations10"}


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="of which the medians are taken")
    parser.add_argument("--echoes", type=int, default=10_000, help="at most, each time")
    parser.add_argument("--associations", type=int, default=1_000, help="at most, each time")
    parser.add_argument("--seconds", type=float, default=2.0, help="at most, each time")
    parser.add_argument("--peers", help="only these, with commas, the first compared with the rest")
    parser.add_argument(
        "--pin",
        action="store_true",
        help="all on one CPU: steadier, as no sleeping one is woken for each message",
    )
    parser.add_argument("--quick", action="store_true", help="a rough look, in some seconds")
    parser.add_argument("--json", action="store_true", help="print every result as JSON instead")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.rounds, chosen.echoes, chosen.associations, chosen.seconds = 1, 1_000, 100, 0.3
    for name in ("rounds", "echoes", "associations", "seconds"):
        if getattr(chosen, name) <= 0:
            parser.error(f"--{name} is to be more than 0")
    known = {peer.name for peer in (*SCPS, *SCUS)}
    for name in (chosen.peers or "txdicom").split(","):
        if name not in known:
            parser.error(f"no peer {name!r}; there are {', '.join(sorted(known))}")
    return chosen


def chosen_of(peers: Iterable[Peer], names: str | None) -> list[Peer]:
    """The peers that are asked for and are there; says which are not."""
    asked = list(peers)
    if names is not None:
        asked = [peer for name in names.split(",") for peer in asked if peer.name == name]
    for peer in asked:
        if not peer.is_there:
            print(f"{peer.name} is skipped: {peer.needs} is not installed", file=sys.stderr)
    return [peer for peer in asked if peer.is_there]


def run_once(
    command: Sequence[str], case: str, server: Server, chosen: argparse.Namespace
) -> dict[str, float]:
    """One measurement, by a process of its own.

    :raise ValueError: it failed; says why
    """
    count = chosen.associations if case in OF_ASSOCIATIONS else chosen.echoes
    line = [*command, case, str(server.port), str(count), str(chosen.seconds)]
    try:
        ended = subprocess.run(
            line,
            env=environment(SINK),
            capture_output=True,
            text=True,
            timeout=chosen.seconds + OVERHEAD,
        )
    except subprocess.TimeoutExpired:
        raise ValueError("it did not end in time") from None
    if ended.returncode:
        raise ValueError((ended.stderr.strip() or f"status {ended.returncode}").splitlines()[-1])
    result: dict[str, float] = json.loads(ended.stdout)
    return result


class Comparison:
    """The peers of one role, measured in turn.

    :ivar results: of each peer, of each case, the result of every round
    :ivar failed: what went wrong, a line each

    :param measure: measures a peer in a case
    """

    def __init__(
        self,
        peers: Sequence[Peer],
        rows: Sequence[table.Row],
        measure: Callable[[Peer, str], dict[str, float]],
    ) -> None:
        self._peers = peers
        self._cases = list(dict.fromkeys(row.case for row in rows))
        self._measure = measure
        self.results: dict[str, Any] = {peer.name: defaultdict(list) for peer in peers}
        self.failed: list[str] = []

    def round(self, number: int) -> None:
        """Every case of every peer once; who begins changes from round to round."""
        turn = number % len(self._peers)
        for case in self._cases:
            for peer in (*self._peers[turn:], *self._peers[:turn]):
                if case in peer.lacks:
                    continue
                try:
                    self.results[peer.name][case].append(self._measure(peer, case))
                except ValueError as error:
                    self.failed.append(f"{peer.name}, {case}: {error}")


def compare_scps(stack: ExitStack, chosen: argparse.Namespace) -> Comparison:
    """The SCPs, all of them running, each loaded by a client of its own."""
    peers = chosen_of(SCPS, chosen.peers)
    servers = {peer.name: stack.enter_context(running(peer)) for peer in peers}

    def measure(peer: Peer, case: str) -> dict[str, float]:
        server = servers[peer.name]
        load = module("load", "--pid", str(server.pid))
        return run_once(load, case, server, chosen)

    return Comparison(peers, table.SCP_ROWS, measure)


def compare_scus(stack: ExitStack, chosen: argparse.Namespace) -> Comparison:
    """The SCUs, each a process that loads the sink."""
    sink = stack.enter_context(running(SINK))
    return Comparison(
        chosen_of(SCUS, chosen.peers),
        table.SCU_ROWS,
        lambda peer, case: run_once(peer.command, case, sink, chosen),
    )


def report(scp: Comparison, scu: Comparison, chosen: argparse.Namespace) -> None:
    """Print what was measured."""
    machine = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    failed = [*scp.failed, *scu.failed]
    if chosen.json:
        described = {
            "machine": machine,
            "rounds": chosen.rounds,
            "pinned": chosen.pin,
            "failed": failed,
        }
        print(json.dumps({**described, "scp": scp.results, "scu": scu.results}, indent=1))
        return
    pinned = "; all on one CPU" if chosen.pin else ""
    print(f"{machine}; medians of {chosen.rounds} rounds{pinned}")
    for heading, rows, of_role in (
        ("SCP", table.SCP_ROWS, scp),
        ("SCU", table.SCU_ROWS, scu),
    ):
        if of_role.results:
            print("", *table.lines(heading, rows, of_role.results), sep="\n")
    if failed:
        print("", "failed:", *failed, sep="\n")


def main() -> int:
    """Measure and report; the status is 1 if txdicom failed in anything."""
    chosen = options()
    # A SystemExit, so that the servers are ended with this process.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if chosen.pin:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # its children inherit it
    with ExitStack() as stack:
        scp, scu = compare_scps(stack, chosen), compare_scus(stack, chosen)
        for comparison in (scp, scu):
            for number in range(chosen.rounds if comparison.results else 0):
                comparison.round(number)
    report(scp, scu, chosen)
    return 1 if any(line.startswith("txdicom,") for line in (*scp.failed, *scu.failed)) else 0


if __name__ == "__main__":
    sys.exit(main())
