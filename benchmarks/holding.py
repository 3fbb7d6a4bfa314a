"""Thousands of associations held open at once, in one process of a server."""

from __future__ import annotations

import resource

from benchmarks.compare import Bounds, Outcome, chosen_of, in_turn, run_once
from benchmarks.peers import SCPS, SINK, Peer, module, running
from benchmarks.table import Row, at_most

#: Descriptors that a process has open besides.
SPARE = 200

#: Rounds at most, as each takes its time.
ROUNDS = 3

#: So many at most of a peer that has threads for each.
WITH_THREADS = 100

ROWS = (
    Row("associations held", "hold", "held"),
    Row("  memory each, KiB", "hold", "memory", (at_most(8),)),
    Row("  idle CPU, %", "hold", "idle", (at_most(1),)),
    Row("  echo p99 before, ms", "hold", "p99_empty"),
    Row("  echo p99, ms", "hold", "p99", (at_most(2, figure="p99_empty", words="before"),)),
    Row("  echo p99, each on another one, ms", "hold", "p99_all"),
    Row("  opening, the first tenth, CPU us each", "hold", "first"),
    Row(
        "  opening, the last tenth, CPU us each",
        "hold",
        "last",
        (at_most(1.2, figure="first", words="the first"),),
    ),
)


def _with_room(peer: Peer, count: int) -> Peer:
    """The peer, so that it accepts so many; only txdicom has to be told."""
    if peer != SCPS[0]:
        return peer
    room = str(count + SPARE)
    options = ("--max-associations", room, "--max-connections", room, "--network-timeout", "600")
    return peer._replace(command=(*peer.command, *options))


def descriptors(wanted: int) -> int:
    """Let this process and those that it starts have so many open. Returns how many they may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return allowed


def measure(bounds: Bounds) -> Outcome:
    """The SCPs that serve many at once, each time a new process."""
    count = min(bounds.held, descriptors(bounds.held + 2 * SPARE) - 2 * SPARE)

    def once(peer: Peer, case: str) -> dict[str, float]:
        of_it = min(count, WITH_THREADS) if peer == SCPS[3] else count
        with running(_with_room(peer, of_it), bounds.server_cpu) as server:
            load = SINK._replace(command=module("hold", "--pid", str(server.pid)))
            return run_once(load, case, server.port, of_it, bounds, bounds.load_cpu)

    peers = chosen_of((SCPS[0], SCPS[1], SCPS[3]), bounds.peers)
    outcome = in_turn(peers, ROWS, min(bounds.rounds, ROUNDS), once)
    if count < bounds.held:
        outcome[1].append(f"held were {count} and not {bounds.held}: ulimit -Hn allows no more")
    return outcome
