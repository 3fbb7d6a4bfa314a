"""SCUs: echoes and associations a second, and what each costs the client."""

from __future__ import annotations

from benchmarks.compare import Bounds, Outcome, chosen_of, in_turn, run_once
from benchmarks.peers import SCUS, SINK, running
from benchmarks.table import Row, at_least

ROWS = (
    Row("echoes/s, send_c_echo()", "echo", "rate"),
    Row("  client CPU, us each", "echo", "cpu_us"),
    Row("echoes/s, lean", "lean", "rate"),
    Row("  client CPU, us each", "lean", "cpu_us"),
    Row(
        "echoes/s, lean, 16 outstanding",
        "lean16",
        "rate",
        (at_least(4, case="lean", words="one outstanding"),),
    ),
    Row("  client CPU, us each", "lean16", "cpu_us"),
    Row("associations/s", "associations", "rate"),
    Row("  client CPU, us each", "associations", "cpu_us"),
)


def measure(bounds: Bounds) -> Outcome:
    """The SCUs, each a process that loads the sink."""
    with running(SINK, bounds.server_cpu) as sink:
        return in_turn(
            chosen_of(SCUS, bounds.peers),
            ROWS,
            bounds.rounds,
            lambda peer, case: run_once(
                peer, case, sink.port, bounds.count(case), bounds, bounds.load_cpu
            ),
        )
