"""Counting what a measuring process does, and what it costs, within bounds of number and time."""

from __future__ import annotations

import argparse
import json
import os
import signal
import time
from collections.abc import Callable

#: Seconds after which a process of a benchmark ends itself, whatever became of its parent.
LIFETIME = 900

#: Part of a measurement that is done before it, so that caches are warm and imports done.
WARM_UP = 0.1


def cpu_seconds(pid: int) -> float:
    """CPU time of a process with all its threads, those that have ended too.

    Linux has a clock for every process, whose number is made of its ID as clock_getcpuclockid(3)
    makes it. It counts nanoseconds, where /proc/PID/stat has ticks of ten milliseconds.
    """
    return time.clock_gettime((~pid << 3) | 2)


def resident(status: str) -> int:
    """Bytes of memory of a process, from its /proc/PID/status, whose kB have 1,024."""
    sizes = dict(line.split(":", 1) for line in status.splitlines())
    return int(sizes["VmRSS"].split()[0]) * 1024


def memory(pid: int) -> int:
    """Bytes of memory that a process has resident."""
    with open(f"/proc/{pid}/status") as status:
        return resident(status.read())


class Meter:
    """Counts up to a number, or until the time is up.

    :ivar count: how many are to be done
    :ivar done: how many are done

    :param pid: the process whose CPU time is taken
    """

    def __init__(self, count: int, seconds: float, pid: int) -> None:
        self.count = count
        self.done: float = 0
        self._pid = pid
        self._seconds = seconds
        self.begin()

    def begin(self) -> None:
        """Count from here, as what was before was preparation."""
        self._used: tuple[float, float, float] | None = None
        self._cpu = cpu_seconds(self._pid)
        self._own_cpu = time.process_time()
        self._began = time.perf_counter()
        self._ends = self._began + self._seconds

    def end(self) -> tuple[float, float, float]:
        """Count no further, as what comes is clearing up.

        Returns seconds: those that passed, and CPU time of the process and of this one.
        """
        if self._used is None:
            elapsed = time.perf_counter() - self._began
            own = time.process_time() - self._own_cpu
            self._used = elapsed, cpu_seconds(self._pid) - self._cpu, own
        return self._used

    @property
    def goes_on(self) -> bool:
        """Whether there is more to do, and time for it."""
        return self.done < self.count and time.perf_counter() < self._ends

    def result(self) -> dict[str, float]:
        """How many were done, how many a second, and what they cost of CPU time.

        ``load_cpu_us`` is this process's, and tells whether it was the slower one.
        """
        elapsed, cpu, own = self.end()
        if not self.done:
            raise SystemExit("nothing was done in the time")
        return {
            "done": self.done,
            "rate": self.done / elapsed,
            "cpu_us": cpu * 1e6 / self.done,
            "per_cpu_s": self.done / cpu,
            "load_cpu_us": own * 1e6 / self.done,
        }


def arguments(cases: list[str]) -> argparse.Namespace:
    """The command line of a measuring process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("case", choices=cases)
    parser.add_argument("port", type=int, help="of the server, on 127.0.0.1")
    parser.add_argument("count", type=int, help="how many at most")
    parser.add_argument("seconds", type=float, help="how long at most")
    parser.add_argument("--pid", type=int, default=os.getpid(), help="whose CPU time is taken")
    return parser.parse_args()


def warm_up(options: argparse.Namespace) -> Meter:
    """The meter of what is done before."""
    count = max(1, int(options.count * WARM_UP))
    return Meter(count, options.seconds * WARM_UP, options.pid)


def measured(options: argparse.Namespace) -> Meter:
    """The meter of what counts."""
    return Meter(options.count, options.seconds, options.pid)


def report(meter: Meter) -> None:
    """Print the result, for the process that started this one."""
    print(json.dumps(meter.result()), flush=True)


def main(cases: dict[str, Callable[[int, Meter], None]]) -> None:
    """Run one case, a function of the server's port and a meter, and report."""
    bound_lifetime()
    options = arguments(list(cases))
    run = cases[options.case]
    run(options.port, warm_up(options))
    meter = measured(options)
    run(options.port, meter)
    report(meter)


def bound_lifetime() -> None:
    """Let the system end this process once it has lived too long."""
    signal.alarm(LIFETIME)
