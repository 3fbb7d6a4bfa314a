"""The laws of ``fuzz/laws.py``, on its seeds and a few mutations of each."""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from fuzz import seeds
from fuzz.laws import TARGETS

#: Bytes that mean something in a header, and two that mean nothing.
_BYTES = (0, 1, 2, 3, 4, 6, 7, 0x7F, 0xFF)


class LawTests(SynchronousTestCase):
    def test_seeds(self) -> None:
        """The recorded associations break no law."""
        for name, law in TARGETS.items():
            found = seeds.of(name)
            self.assertGreater(len(found), 3, name)
            for seed in found:
                law(seed)

    def test_mutations(self) -> None:
        """Nor do they with some bytes changed, taken out or put in."""
        for name, law in TARGETS.items():
            chance = random.Random(name)
            for seed in sorted(seeds.of(name)):
                if len(seed) > 5_000:
                    continue
                for _ in range(5):
                    data = bytearray(seed)
                    for _ in range(chance.randint(1, 3)):
                        at = chance.randint(0, len(data))
                        new = bytes(chance.choices(_BYTES, k=chance.randint(0, 2)))
                        data[at : at + chance.randint(0, 2)] = new
                    law(bytes(data))
