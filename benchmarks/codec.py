"""What is done in memory: PDUs and command sets decoded and encoded, P-DATA-TF to fragments.

By CPU time, which other processes do not take.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from benchmarks import meter
from benchmarks.compare import Bounds, Outcome, chosen_of, in_turn, run_once
from benchmarks.peers import Peer, module
from benchmarks.table import Row, at_least, at_most

#: Seconds of one batch, between looks at the clock.
BATCH = 0.005

CODECS = (
    Peer("txdicom", module("txdicom_codec"), "txdicom"),
    # It reads a PDU's header and body from the socket, so that nothing is left to do in memory.
    Peer("pynetdicom", module("pynetdicom_codec"), "pynetdicom", lacks=("pdata16", "pdata128")),
)

ROWS = (
    Row("A-ASSOCIATE-RQ of 128 x 38 decoded, us", "request", "cpu_us", (at_most(12_000),)),
    Row("C-ECHO-RQ command set decoded, us", "decode", "cpu_us", (at_most(2.5),)),
    Row("C-ECHO-RSP command set encoded, us", "encode", "cpu_us", (at_most(2.5),)),
    Row("P-DATA-TF of 16 KiB to fragments, GB/s", "pdata16", "per_cpu_s", (at_least(2),)),
    Row("P-DATA-TF of 128 KiB to fragments, GB/s", "pdata128", "per_cpu_s", (at_least(2),)),
)


def repeated(call: Callable[[], object]) -> Callable[[int], float]:
    """What runs the call so many times, and returns how many."""

    def run(times: int) -> float:
        for _ in range(times):
            call()
        return times

    return run


def main(cases: Mapping[str, Callable[[], Callable[[int], float]]]) -> None:
    """Run one case, made by a function, in batches that a look at the clock does not lengthen."""
    meter.bound_lifetime()
    options = meter.arguments(list(cases))
    run = cases[options.case]()
    times = 1
    while True:
        began = time.perf_counter()
        run(times)
        if time.perf_counter() - began > BATCH:
            break
        times *= 2
    m = meter.measured(options)
    while m.goes_on:
        m.done += run(times)
    meter.report(m)


def measure(bounds: Bounds) -> Outcome:
    """Each codec in a process of its own, for all of the time."""
    return in_turn(
        chosen_of(CODECS, bounds.peers),
        ROWS,
        bounds.rounds,
        lambda peer, case: run_once(peer, case, 0, 10**9, bounds, bounds.server_cpu),
    )
