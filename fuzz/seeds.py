"""Where fuzzing begins: what the recorded associations make for each target."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path

CAPTURES = Path(__file__).resolve().parent.parent / "tests" / "captures"


def _captures() -> Iterator[list[tuple[bool, bytes]]]:
    """Each recorded association: whether it is the requestor's, and the PDU."""
    for path in sorted(CAPTURES.glob("*.txt")):
        lines = [line.split() for line in path.read_text().splitlines()]
        yield [(side == ">", bytes.fromhex(data)) for side, data in lines]


def _values(association: list[tuple[bool, bytes]]) -> Iterator[bytes]:
    """The variable fields of its P-DATA-TF."""
    for _, data in association:
        if data[0] == 4:
            yield data[6:]


def _streams(association: list[tuple[bool, bytes]]) -> Iterator[tuple[bool, bytes]]:
    """What each side sent, all of it."""
    for requestor in (True, False):
        yield requestor, b"".join(data for mine, data in association if mine is requestor)


def of(target: str) -> set[bytes]:
    """The seeds of a target."""
    found: set[bytes] = set()
    for association in _captures():
        values = list(_values(association))
        if target == "pdu":
            found.update(data for _, data in association)
        elif target == "command":
            found.update(value[6:] for value in values)
        elif target == "assembler":
            found.add(b"".join(len(value).to_bytes(2, "big") + value for value in values))
        for by_requestor, stream in _streams(association):
            # Who reads what a requestor sends is an acceptor.
            reader = 0 if by_requestor else 1
            if target == "upper_layer":
                for user, end in product((0, 200), (1, 2)):
                    found.add(bytes((reader | 2, user, end)) + stream)
            elif target == "association":
                for extra in (0, 4):
                    found.add(bytes((reader | extra, 1)) + stream)
                begun = b"".join(data for mine, data in association[2:] if mine is by_requestor)
                found.add(bytes((reader | 2, 0)) + begun)
    return found
