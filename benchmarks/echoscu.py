"""DCMTK's echoscu as an SCU: one process, and echoes repeated on its one association.

What the process and the association cost is measured too, and taken off.

python -m benchmarks.echoscu CASE PORT COUNT SECONDS
"""

from __future__ import annotations

import json
import resource
import subprocess
import time
from typing import NamedTuple

from benchmarks import meter

#: Seconds for one process.
PATIENCE = 30

#: Echoes by which it is learnt how many can be had in the time, and that part of the time that
#: they have to take for it; else it is tried with more.
FIRST, MORE, ENOUGH = 20, 5, 0.1


class Used(NamedTuple):
    """Seconds that passed, and of CPU time."""

    elapsed: float
    cpu: float


def run(port: int, echoes: int) -> Used:
    """One process and so many echoes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    ended = subprocess.run(
        ["echoscu", "-ll", "error", "--repeat", str(echoes), "127.0.0.1", str(port)],
        capture_output=True,
        timeout=PATIENCE,
    )
    elapsed = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if ended.returncode or ended.stderr:
        raise SystemExit(f"echoscu: status {ended.returncode} {ended.stderr[:80]!r}")
    return Used(elapsed, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def main() -> None:
    """Measure and report; it makes no data sets, so that both cases are one."""
    meter.bound_lifetime()
    options = meter.arguments(["echo", "lean"])
    one = run(options.port, 1)
    echoes = FIRST
    while True:
        many = run(options.port, echoes)
        elapsed = many.elapsed - one.elapsed
        if elapsed > options.seconds * ENOUGH or echoes >= options.count:
            break
        echoes = min(echoes * MORE, options.count)
    if elapsed < options.seconds:
        echoes = max(FIRST, min(int(echoes * options.seconds / elapsed), options.count))
        many = run(options.port, echoes)
    done = echoes - 1
    result = {
        "done": done,
        "rate": done / (many.elapsed - one.elapsed),
        "cpu_us": (many.cpu - one.cpu) * 1e6 / done,
    }
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
