"""Many targets: txdicom echo beside echoscu under xargs -P, and pynetdicom in a pool of threads.

``mixed``: of the targets a quarter is silent and a quarter refuses; the other clients have a place
for each of them, txdicom what it has by default. ``healthy``: all answer, on addresses of
127.0.0.0/8 behind one listener, which for that listens on all interfaces. ``few``: the same, but
some of them, and beside a client on the same reactor that has prepared bytes and checks nothing.
The clients take turns on the same targets, in this one run. ``N x`` after a client's figure says
that txdicom's is N times as large.

    python -m benchmarks.fleet --quick
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

if not __package__:  # run as a file: its package is to be found
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from benchmarks import table
from benchmarks.peers import SCPS, Peer, environment, free_port, module, running

#: Seconds for one run.
PATIENCE = 600

#: How many runs there are over few targets, of which the medians are taken.
ROUNDS = 5

#: How many healthy targets a client has under way; txdicom's default.
CONCURRENCY = 100

#: How late after the time-out of the silent targets the run is to have ended, in seconds.
SLACK = 1.0

#: The client whose memory is that of many processes, which no one figure tells.
MANY_PROCESSES = "xargs echoscu"

TWISTED = "canned Twisted"

# In the commands stand the files of targets, the places and the time-out.
CLIENTS = (
    Peer(
        "txdicom",
        (
            *(sys.executable, "-m", "txdicom", "echo", "--json", "--targets", "{csv}"),
            *("--timeout", "{timeout}"),
        ),
        "txdicom",
    ),
    Peer(
        TWISTED,
        module("canned_fleet", "{words}", "{places}", "{timeout}"),
        "twisted",
        lacks=("mixed", "healthy"),
    ),
    Peer(
        MANY_PROCESSES,
        (
            *("xargs", "-a", "{words}", "-P", "{places}", "-n", "2", "echoscu"),
            *("-to", "{timeout}", "-ta", "{timeout}", "-td", "{timeout}"),
        ),
        "echoscu",
        {"TCP_NODELAY": "1"},
        lacks=("few",),
    ),
    Peer(
        "pynetdicom pool",
        module("pynetdicom_pool", "{words}", "{places}", "{timeout}"),
        "pynetdicom",
        lacks=("few",),
    ),
)

# It has as many associations as there are targets at once.
SCP = SCPS[0]._replace(
    command=tuple(part.replace(":interface=127.0.0.1", "") for part in SCPS[0].command)
)

ROWS = (
    table.Row("few: targets", "few", "targets"),
    table.Row("  seconds", "few", "seconds", (table.at_most(2, TWISTED),)),
    table.Row("  CPU ms each", "few", "cpu_ms"),
    table.Row("mixed: seconds", "mixed", "seconds"),
    table.Row("  after the time-out", "mixed", "late", (table.at_most(SLACK),)),
    table.Row("  CPU ms each", "mixed", "cpu_ms"),
    table.Row("  peak MiB", "mixed, one process", "peak"),
    table.Row("healthy: targets", "healthy", "targets"),
    table.Row("  targets/s", "healthy", "rate"),
    table.Row("  CPU ms each", "healthy", "cpu_ms"),
    table.Row("  peak MiB", "healthy, one process", "peak"),
)

Target = tuple[str, int]


def options(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line, or one of these words."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--mixed", type=int, default=500, help="targets of which half answer")
    parser.add_argument("--healthy", type=int, default=10_000, help="targets that all answer")
    parser.add_argument("--others", type=int, default=2_000, help="of them, for the others")
    parser.add_argument("--few", type=int, default=500, help="of them, to be repeated")
    parser.add_argument("--timeout", type=int, default=10, help="seconds for a silent target")
    parser.add_argument("--quick", action="store_true", help="a rough look, in some seconds")
    parser.add_argument("--json", action="store_true", help="print the results as JSON instead")
    chosen = parser.parse_args(words)
    if chosen.quick:
        chosen.mixed, chosen.healthy, chosen.others, chosen.timeout = 80, 500, 100, 2
        chosen.few = 100
    return chosen


def healthy(number: int, port: int) -> list[Target]:
    """So many addresses of one listener."""
    return [(f"127.{1 + n // 62500}.{n // 250 % 250}.{1 + n % 250}", port) for n in range(number)]


def mixed(number: int, answering: int, silent: int, refusing: int) -> list[Target]:
    """Half of them answer; the others are strewn among them."""
    ports = (answering, silent, answering, refusing)
    return [("127.0.0.1", ports[n % 4]) for n in range(number)]


def run_once(
    client: Peer, targets: Sequence[Target], places: int, timeout: int, answering: int
) -> dict[str, float]:
    """One run of a client over targets of which so many answer.

    :raise ValueError: it verified others than that, or did not end
    """
    with tempfile.TemporaryDirectory() as directory:
        words, roster = Path(directory, "words"), Path(directory, "roster.csv")
        words.write_text("".join(f"{host} {port}\n" for host, port in targets))
        roster.write_text("host,port\n" + "".join(f"{host},{port}\n" for host, port in targets))
        values = {"words": words, "csv": roster, "places": places, "timeout": timeout}
        with open(Path(directory, "out"), "w+") as out:
            began = time.perf_counter()
            process = subprocess.Popen(
                [part.format(**values) for part in client.command],
                env=environment(client),
                stdout=out,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            status, usage = _ended(process)
            seconds = time.perf_counter() - began
            out.seek(0)
            _check(client, out.read().splitlines(), status, len(targets), answering)
    cpu = usage.ru_utime + usage.ru_stime
    return {
        "targets": len(targets),
        "seconds": seconds,
        "late": seconds - timeout,
        "rate": len(targets) / seconds,
        "cpu_ms": cpu * 1000 / len(targets),
        "peak": usage.ru_maxrss / 1024,  # Linux counts KiB
    }


def _ended(process: subprocess.Popen[bytes]) -> tuple[int, Any]:
    """The process's status and what it used, with its children; it is ended if it is late."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return process.returncode, usage
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)  # the session of this process alone
    process.wait()
    raise ValueError(f"it did not end in {PATIENCE} s")


def _check(client: Peer, said: list[str], status: int, number: int, answering: int) -> None:
    """That the client verified those that answer, and no other, as far as it says so."""
    if client.name == MANY_PROCESSES:
        if (status == 0) != (number == answering):
            raise ValueError(f"status {status}")
        return
    last = said[-1] if said else "nothing"
    verified = json.loads(last)["verified"] if client.name == "txdicom" else last
    if str(verified) != str(answering):
        raise ValueError(f"it verified {verified} of {answering}")


def measure(chosen: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    """The results of each client and case, and what failed, a line each."""
    failed: list[str] = []
    with ExitStack() as stack:
        port = stack.enter_context(running(SCP)).port
        # It is never accepted from: the system connects, and nobody answers.
        silent = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=4096))
        ports = (port, silent.getsockname()[1], free_port())
        there = [client for client in CLIENTS if client.is_there]
        for client in CLIENTS:
            if client not in there:
                print(f"{client.name} is skipped: {client.needs} is not there", file=sys.stderr)
        results: dict[str, Any] = {client.name: defaultdict(list) for client in there}
        for case in ("mixed", "healthy", *["few"] * ROUNDS):
            for client in there:
                if case in client.lacks:
                    continue
                targets, places, answering = _case(chosen, case, client, ports)
                try:
                    result = run_once(client, targets, places, chosen.timeout, answering)
                except ValueError as error:
                    failed.append(f"{client.name}, {case}: {error}")
                    continue
                results[client.name][case].append(result)
                if client.name != MANY_PROCESSES:
                    results[client.name][f"{case}, one process"].append(result)
    return results, failed


def _case(
    chosen: argparse.Namespace, case: str, client: Peer, ports: tuple[int, int, int]
) -> tuple[list[Target], int, int]:
    """A case's targets, how many are to be under way, and how many answer."""
    if case == "mixed":
        return (
            mixed(chosen.mixed, *ports),
            chosen.mixed,
            sum(n % 2 == 0 for n in range(chosen.mixed)),
        )
    number = chosen.healthy if client.name == "txdicom" else chosen.others
    if case == "few":
        number = chosen.few
    return healthy(number, ports[0]), CONCURRENCY, number


def main() -> int:
    """Measure and report; the status is 1 if txdicom failed, or was late."""
    chosen = options()
    # A SystemExit, so that the server is ended with this process.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    results, failed = measure(chosen)
    for row in ROWS:
        missed = [line for line in table.verdicts(results, row) if line.endswith("missed")]
        failed += [f"txdicom, {row.case}, {row.title.strip()}: {line}" for line in missed]
    run = f"{chosen.mixed} mixed targets, {chosen.timeout} s for a silent one"
    return table.report("fleet", "clients", ROWS, results, failed, run, chosen.json)


if __name__ == "__main__":
    sys.exit(main())
