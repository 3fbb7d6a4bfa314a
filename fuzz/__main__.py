"""Fuzz a target, or replay inputs::

python -m fuzz TARGET --seconds N [--corpus DIRECTORY] [--seed N] [--mutator]
python -m fuzz TARGET --replay FILE_OR_DIRECTORY ...
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from hashlib import sha1
from pathlib import Path

try:
    import atheris
except ImportError:
    atheris = None

NAMES = ("pdu", "command", "assembler", "upper_layer", "association")


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m fuzz")
    parser.add_argument("target", choices=NAMES)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--corpus", type=Path, help="what is kept from one run to the next")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mutator", action="store_true", help="without Atheris")
    parser.add_argument("--replay", type=Path, nargs="+")
    options = parser.parse_args()
    if options.replay:
        return replay(options.target, options.replay)
    if atheris is None or options.mutator:
        return mutate(options)
    return guided(options)


def replay(target: str, paths: list[Path]) -> int:
    """Run inputs again, and measure what each costs."""
    from fuzz.laws import TARGETS
    from fuzz.measure import measured

    files = [file for path in paths for file in _files(path)]
    costs = [(*measured(TARGETS[target], file.read_bytes()), file) for file in files]
    if not costs:
        print("no inputs")
        return 1
    most = max(costs, key=lambda cost: cost[0])
    longest = max(costs, key=lambda cost: cost[1])
    print(f"{target}: {len(costs)} inputs", end="")
    print(f", at most {most[0] / 1024:.0f} KiB for {most[2].stat().st_size} bytes", end="")
    print(f" and {longest[1] * 1000:.1f} ms for {longest[2].stat().st_size} bytes")
    return 0


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from sorted(path.iterdir())
    else:
        yield path


def mutate(options: argparse.Namespace) -> int:
    """Without guidance, in this process."""
    from fuzz import mutator, seeds
    from fuzz.laws import TARGETS

    found = sorted(seeds.of(options.target))
    tried = mutator.run(TARGETS[options.target], found, options.seconds, options.seed)
    print(f"{options.target}: {tried} inputs in {options.seconds} s of CPU, no finding")
    return 0


def guided(options: argparse.Namespace) -> int:
    """With Atheris: it keeps the inputs that reach code which none reached before."""
    from fuzz import seeds

    corpus = options.corpus or Path("fuzz-corpus") / options.target
    corpus.mkdir(parents=True, exist_ok=True)
    for data in seeds.of(options.target):
        (corpus / sha1(data).hexdigest()).write_bytes(data)
    with atheris.instrument_imports(include=["txdicom"]):
        from fuzz.laws import TARGETS
    arguments = [
        sys.argv[0],
        str(corpus),
        f"-max_total_time={options.seconds}",
        f"-seed={options.seed}",
        "-max_len=20000",
        "-timeout=10",
        "-rss_limit_mb=1024",
        "-print_final_stats=1",
        f"-artifact_prefix={corpus.parent}/{options.target}-",
    ]
    atheris.Setup(arguments, TARGETS[options.target])
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
