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


def _prefixed(value: bytes) -> bytes:
    return len(value).to_bytes(2, "big") + value


def _cut(value: bytes) -> Iterator[bytes]:
    """A field with one fragment, as fields with fragments of 10 bytes."""
    context_id, control, data = value[4], value[5], value[6:]
    for at in range(0, len(data), 10):
        part = data[at : at + 10]
        last = 2 if at + 10 >= len(data) else 0
        head = (len(part) + 2).to_bytes(4, "big") + bytes((context_id, control & 1 | last))
        yield head + part


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
            found.add(b"".join(map(_prefixed, values)))
            found.add(b"".join(_prefixed(part) for value in values for part in _cut(value)))
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
