"""SCPs: echoes and associations a second, and what each costs the server."""

from __future__ import annotations

from contextlib import ExitStack

from benchmarks.compare import Bounds, Outcome, chosen_of, in_turn, run_once
from benchmarks.peers import SCPS, SINK, Peer, module, running
from benchmarks.table import Row, at_least, at_most

TWISTED, DCMTK, PYNETDICOM = (peer.name for peer in SCPS[1:])
_AS_ONE = at_most(1.2, case="echo", words="one association's")

ROWS = (
    Row("echoes/s, one association", "echo", "rate", (at_least(60, PYNETDICOM),)),
    Row("  server CPU, us each", "echo", "cpu_us", (at_most(1.25, DCMTK),)),
    Row("echoes/s, 10 associations", "echo10", "rate"),
    Row("  server CPU, us each", "echo10", "cpu_us", (_AS_ONE,)),
    Row("echoes/s, 100 associations", "echo100", "rate"),
    Row("  server CPU, us each", "echo100", "cpu_us", (_AS_ONE,)),
    Row(
        "echoes/s, 16 outstanding",
        "echo16",
        "rate",
        (at_least(5, case="echo", words="one outstanding"), at_least(1, DCMTK)),
    ),
    Row("  server CPU, us each", "echo16", "cpu_us"),
    *(
        row
        for case, at_a_time in (
            ("associations", 1),
            ("associations10", 10),
            ("associations100", 100),
        )
        for row in (
            Row(
                f"associations/s, {at_a_time} at a time", case, "rate", (at_least(15, PYNETDICOM),)
            ),
            Row("  server CPU, us each", case, "cpu_us", (at_most(2, TWISTED),)),
        )
    ),
)


def measure(bounds: Bounds) -> Outcome:
    """The SCPs, all of them running, each loaded by a client of its own."""
    peers = chosen_of(SCPS, bounds.peers)
    with ExitStack() as stack:
        servers = {
            peer.name: stack.enter_context(running(peer, bounds.server_cpu)) for peer in peers
        }

        def once(peer: Peer, case: str) -> dict[str, float]:
            server = servers[peer.name]
            load = SINK._replace(command=module("load", "--pid", str(server.pid)))
            return run_once(load, case, server.port, bounds.count(case), bounds, bounds.load_cpu)

        return in_turn(peers, ROWS, bounds.rounds, once)
