"""What one input may cost: time and memory in proportion to its length."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable

#: Bytes that an input may allocate at once, in all and for each byte of its own.
MEMORY, MEMORY_PER_BYTE = 1 << 20, 400

#: Seconds of CPU, likewise.
SECONDS, SECONDS_PER_BYTE = 0.5, 0.0005


def measured(law: Callable[[bytes], None], data: bytes) -> tuple[int, float]:
    """The law on an input: the most bytes allocated at once, and seconds of CPU.

    :raise AssertionError: it costs more than it may
    """
    begin = time.process_time()
    law(data)
    seconds = time.process_time() - begin
    tracemalloc.start()
    try:
        law(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak <= MEMORY + MEMORY_PER_BYTE * len(data), (peak, len(data), data.hex())
    assert seconds <= SECONDS + SECONDS_PER_BYTE * len(data), (seconds, len(data), data.hex())
    return peak, seconds
