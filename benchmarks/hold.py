"""Associations held open at once on an SCP: what they cost it, and how it answers meanwhile.

python -m benchmarks.hold hold PORT COUNT SECONDS --pid PID_OF_THE_SERVER
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Sequence
from itertools import cycle, islice

from benchmarks import meter, wire
from benchmarks.load import (
    accept_of,
    associate,
    connect,
    expect,
    one_association,
    receive,
    reset,
    responses_of,
)
from benchmarks.table import percentile

#: Associations, opened and closed before, for what a server makes once.
BEFORE = 50

#: Connections from one address, of which there are enough ports for each.
FROM_ONE_ADDRESS = 5_000

#: Echoes of which the percentile is taken, at most.
ECHOES = 5_000

#: Seconds in which a server settles before it is watched doing nothing.
SETTLE = 0.5


def opened(port: int, number: int) -> socket.socket:
    """One more association."""
    connection = connect(port, f"127.0.0.{2 + number // FROM_ONE_ADDRESS}")
    associate(connection, accept_of(port))
    return connection


def opening(port: int, count: int, pid: int, held: list[socket.socket]) -> list[float]:
    """Open so many in ten parts. Returns CPU microseconds of the server each, of every part."""
    costs = []
    for part in range(10):
        numbers = range(count * part // 10, count * (part + 1) // 10)
        begin = meter.cpu_seconds(pid)
        held.extend(opened(port, number) for number in numbers)
        costs.append((meter.cpu_seconds(pid) - begin) * 1e6 / len(numbers))
    return costs


def echo_p99(port: int, connections: Sequence[socket.socket], seconds: float) -> float:
    """Milliseconds in which 99 of 100 echoes are answered, on one association after the other."""
    response = responses_of(port)[0]
    request = wire.echo_request(1)
    taken = []
    end = time.perf_counter() + seconds
    for connection in islice(cycle(connections), ECHOES):
        began = time.perf_counter()
        connection.sendall(request)
        expect(receive(connection, len(response)), response, "C-ECHO-RSP")
        now = time.perf_counter()
        taken.append(now - began)
        if now > end:
            break
    return percentile(taken, 99) * 1000


def idle_cpu(pid: int, seconds: float) -> float:
    """Per cent of one CPU, with nothing to do."""
    time.sleep(SETTLE)
    cpu, began = meter.cpu_seconds(pid), time.perf_counter()
    time.sleep(seconds)
    return (meter.cpu_seconds(pid) - cpu) / (time.perf_counter() - began) * 100


def hold(port: int, count: int, seconds: float, pid: int) -> dict[str, float]:
    """Measure all of it on one server."""
    for _ in range(BEFORE):
        for _ in one_association(port):
            pass  # the next step waits for its answer by itself
    held = [opened(port, 0)]
    echo_p99(port, held, seconds / 10)  # to warm up
    empty = echo_p99(port, held, seconds)
    before = meter.memory(pid)
    costs = opening(port, count, pid, held)
    after = meter.memory(pid)
    idle = idle_cpu(pid, 2 * seconds)
    # Strewn over all of them, so that none is asked twice in a row.
    strewn = [held[number * 7919 % len(held)] for number in range(min(len(held), ECHOES))]
    on_one, on_all = echo_p99(port, held[:1], seconds), echo_p99(port, strewn, seconds)
    for connection in held:
        reset(connection)  # else the ports of all of them could not be had for a minute
    return {
        "held": count,
        "memory": (after - before) / count / 1024,
        "idle": idle,
        "p99_empty": empty,
        "p99": on_one,
        "p99_all": on_all,
        "first": costs[0],
        "last": costs[-1],
    }


def main() -> None:
    """Measure and report."""
    meter.bound_lifetime()
    options = meter.arguments(["hold"])
    print(json.dumps(hold(options.port, options.count, options.seconds, options.pid)), flush=True)


if __name__ == "__main__":
    main()
