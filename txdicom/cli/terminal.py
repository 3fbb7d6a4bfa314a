"""What a terminal shows and a file does not: lines as long as it is wide, and colours."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TextIO

#: Colours, as terminals number them (ECMA-48 8.3.117).
RED, GREEN, YELLOW = 31, 32, 33

#: Gives some words a colour, or leaves them as they are.
Paint = Callable[[str, int], str]


def plain(words: str, colour: int) -> str:
    """The words as they are."""
    return words


def _coloured(words: str, colour: int) -> str:
    return f"\x1b[{colour}m{words}\x1b[0m"


def paint(stream: TextIO | None) -> Paint:
    """What gives words that are printed there a colour: on a terminal that has them, no other.

    Nor where NO_COLOR is set, to whatever (https://no-color.org).
    """
    variables = os.environ
    has_colours = variables.get("TERM", "dumb") != "dumb" and not variables.get("NO_COLOR")
    return _coloured if has_colours and stream is not None and stream.isatty() else plain


def width(stream: TextIO | None) -> int | None:
    """How many characters a line has room for, or None where that is no terminal."""
    if stream is None or not stream.isatty():
        return None
    from shutil import get_terminal_size

    return get_terminal_size().columns
