"""Peers measured in turn, each time by a process of its own that says what it counted."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from benchmarks.peers import NotServing, Peer, environment, pin
from benchmarks.table import Results, Row

#: Seconds of one measurement besides those that it measures: start, warm-up, patience.
OVERHEAD = 60

Outcome = tuple[Results, list[str]]
"""The results of each peer and case, and what failed, a line each."""


class Bounds(NamedTuple):
    """How much is measured.

    :ivar rounds: of which the medians are taken
    :ivar echoes: at most, each time
    :ivar associations: likewise
    :ivar seconds: at most, each time
    :ivar held: associations held open at once
    :ivar quick: a rough look
    :ivar peers: only these; empty for all
    :ivar server_cpu: the CPU of the servers, None for any
    :ivar load_cpu: the CPU of what loads them
    """

    rounds: int = 5
    echoes: int = 200_000
    associations: int = 5_000  # each leaves a port that is not to be had for a while
    seconds: float = 0.8
    held: int = 10_000
    quick: bool = False
    peers: tuple[str, ...] = ()
    server_cpu: int | None = None
    load_cpu: int | None = None

    def count(self, case: str) -> int:
        """How many at most in this case."""
        if case == "hold":
            return self.held
        return self.associations if case.startswith("associations") else self.echoes


def chosen_of(peers: Iterable[Peer], names: Sequence[str]) -> list[Peer]:
    """The peers that are asked for and are there; says which are not."""
    asked = [peer for peer in peers if not names or peer.name in names]
    for peer in asked:
        if not peer.is_there:
            print(f"{peer.name} is skipped: {peer.needs} is not installed", file=sys.stderr)
    return [peer for peer in asked if peer.is_there]


def run_once(
    peer: Peer, case: str, port: int, count: int, bounds: Bounds, cpu: int | None
) -> dict[str, float]:
    """One measurement: the peer's command, continued with case, port, count and seconds.

    :raise ValueError: it failed; says why
    """
    process = subprocess.Popen(
        [*peer.command, case, str(port), str(count), str(bounds.seconds)],
        env=environment(peer),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        pin(process, cpu)
        out, errors = process.communicate(timeout=bounds.seconds + OVERHEAD)
    except subprocess.TimeoutExpired:
        raise ValueError("it did not end in time") from None
    finally:
        process.kill()
        process.communicate()
    if process.returncode:
        raise ValueError((errors.strip() or f"status {process.returncode}").splitlines()[-1])
    result: dict[str, float] = json.loads(out)
    return result


def in_turn(
    peers: Sequence[Peer],
    rows: Sequence[Row],
    rounds: int,
    measure: Callable[[Peer, str], dict[str, float]],
) -> Outcome:
    """Every case of every peer once a round; who begins changes from round to round.

    :param measure: measures a peer in a case, or raises ValueError or NotServing
    """
    results: dict[str, Any] = {peer.name: defaultdict(list) for peer in peers}
    failed = []
    cases = list(dict.fromkeys(row.case for row in rows))
    for number in range(rounds if peers else 0):
        turn = number % len(peers)
        for case in cases:
            for peer in (*peers[turn:], *peers[:turn]):
                if case in peer.lacks:
                    continue
                try:
                    results[peer.name][case].append(measure(peer, case))
                except (ValueError, NotServing) as error:
                    failed.append(f"{peer.name}, {case}: {error}")
    return results, failed
