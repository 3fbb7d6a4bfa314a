"""An honest client beside an attack: associates, echoes and releases, again and again.

    python honest.py PORT

It says when it begins, and goes on until its standard input ends, but for some rounds at least: an
attack may be over soon. Then it prints how long each round took in seconds, and what went wrong in
the others.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time

from tests.hostile.wire import HOST, RELEASE_RQ, REQUEST, echo_rq, receive_pdu

#: Seconds that a round may take, and between two rounds.
PATIENCE, PAUSE = 10.0, 0.02

#: Rounds at least.
LEAST = 20

BEGUN = "begun"

SUCCESS = b"\0\0\x00\x09\x02\0\0\0\0\0"  # the element Status


def one_round(port: int, number: int) -> None:
    """One association with one echo."""
    with socket.create_connection((HOST, port), PATIENCE) as connection:
        for sent, expected in ((REQUEST, 2), (echo_rq(number), 4), (RELEASE_RQ, 6)):
            connection.sendall(sent)
            answer = receive_pdu(connection)
            if answer[0] != expected:
                raise OSError(f"PDU {answer.hex()} instead of one of type {expected}")
            if expected == 4 and SUCCESS not in answer:
                raise OSError(f"no success: {answer.hex()}")


def main(port: int) -> None:
    """Rounds until there is an end of the input, and enough of them."""
    seconds: list[float] = []
    failures: list[str] = []
    number = 0
    print(BEGUN, flush=True)
    while not select.select([sys.stdin], [], [], PAUSE)[0] or number < LEAST:
        number += 1
        begin = time.monotonic()
        try:
            one_round(port, number & 0xFFFF)
        except OSError as error:
            failures.append(f"round {number}: {error!r}")
        else:
            seconds.append(time.monotonic() - begin)
    print(json.dumps({"seconds": seconds, "failures": failures}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
