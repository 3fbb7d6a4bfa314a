"""Fuzzing with nothing but Python, where there is no Atheris: mutations of the seeds, at random.

It does not see what an input covers. The same seed makes the same inputs.
"""

from __future__ import annotations

import random
import struct
import time
from collections.abc import Callable

_NUMBERS = (0, 1, 2, 4, 6, 7, 8, 64, 65, 127, 128, 255, 256, 16_382, 16_384, 0x7FFF, 0xFFFF)
_LONG_NUMBERS = (*_NUMBERS, 0x10000, 262_144, 0x7FFFFFFF, 0xFFFFFFFF)

#: Longest input that is made.
LONGEST = 20_000


def _flip(draw: random.Random, data: bytearray, others: list[bytes]) -> None:
    for _ in range(draw.choice((1, 1, 2, 8))):
        data[draw.randrange(len(data))] = draw.randrange(256)


def _number(draw: random.Random, data: bytearray, others: list[bytes]) -> None:
    form = draw.choice((">B", ">H", "<H", ">I", "<I"))
    size = struct.calcsize(form)
    top = (1 << 8 * size) - 1
    number = draw.choice(_LONG_NUMBERS) + draw.choice((-1, 0, 0, 1))
    at = draw.randrange(len(data))
    data[at : at + size] = struct.pack(form, max(0, number) & top)


def _cut(draw: random.Random, data: bytearray, others: list[bytes]) -> None:
    at = draw.randrange(len(data))
    del data[at : at + draw.choice((1, 2, 4, 6, 20, 100))]


def _repeat(draw: random.Random, data: bytearray, others: list[bytes]) -> None:
    at = draw.randrange(len(data))
    data[at:at] = data[at : at + draw.choice((4, 6, 10, 60, 300))] * draw.choice((1, 1, 2, 30))


def _splice(draw: random.Random, data: bytearray, others: list[bytes]) -> None:
    other = draw.choice(others)
    data[draw.randrange(len(data)) :] = other[draw.randrange(len(other) + 1) :]


_MUTATIONS = (_flip, _flip, _number, _number, _cut, _repeat, _splice)


def mutated(draw: random.Random, seeds: list[bytes]) -> bytes:
    """A new input."""
    data = bytearray(draw.choice(seeds))
    for _ in range(draw.choice((1, 1, 2, 3, 6))):
        if data:
            draw.choice(_MUTATIONS)(draw, data, seeds)
    return bytes(data[:LONGEST])


def run(law: Callable[[bytes], None], seeds: list[bytes], seconds: float, seed: int) -> int:
    """Try inputs for so many seconds of CPU. Returns how many; a broken law is raised."""
    draw = random.Random(seed)
    end = time.process_time() + seconds
    tried = 0
    while time.process_time() < end:
        data = mutated(draw, seeds)
        tried += 1
        try:
            law(data)
        except Exception:
            print(f"input {tried} of seed {seed}: {data.hex()}")
            raise
    return tried
