"""An exchange in a file: a line is a PDU, or what else happened, for people to read, too."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from typing import NamedTuple

from txdicom.cli.exchange import HAPPENINGS, Line
from txdicom.cli.outcome import Outcome
from txdicom.cli.target import Target, parse_target
from txdicom.words import printable

#: The longest file that is read, in bytes.
MOST_READ = 32 << 20

# Comments that are read again; all others are only for people.
_BEGINNING = "# An exchange with "
_COLUMNS = "; > sent, < received, milliseconds, bytes"
_OVER_TLS = " over TLS"
_LEFT_OUT = " further PDUs were not kept"
_FAILED = "# FAILED at the stage "


class Kept(NamedTuple):
    """What a file has in it.

    :ivar target: with whom it was exchanged, or None where the file does not say
    :ivar over_tls: whether the file says that it was exchanged over TLS
    :ivar left_out: how many further PDUs were not kept
    """

    lines: list[Line]
    target: Target | None = None
    over_tls: bool = False
    left_out: int = 0


def create(path: str) -> int:
    """Create the file that an exchange is kept in, for its owner only. Returns its descriptor."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):  # a device, or a pipe, is everybody's
        os.fchmod(descriptor, 0o600)  # it may have been there, with other rights
    return descriptor


def save(descriptor: int, lines: Sequence[Line], outcome: Outcome, left_out: int = 0) -> None:
    """Write an exchange, and what came of it, and close the file."""
    over = _OVER_TLS if outcome.tls_wanted else ""
    error = outcome.error or outcome.release_error
    with open(descriptor, "w", encoding="ascii", errors="backslashreplace") as file:
        file.write(f"{_BEGINNING}{outcome.target}{over}{_COLUMNS}\n")
        for line in lines:
            direction = ">" if line.by_requestor else "<"
            file.write(f"{direction} {line.ms:.3f} {line.happening or line.data.hex()}\n")
        if left_out:
            file.write(f"# {left_out}{_LEFT_OUT}\n")
        if error is not None:
            file.write(f"{_FAILED}{error.stage}: {printable(str(error), 400)}\n")


def read(path: str) -> Kept:
    """Read a file that :func:`save` wrote, or somebody by hand.

    The milliseconds may be missing, and all comments.

    :raise OSError: it cannot be read
    :raise ValueError: it is none
    """
    with open(path, "rb") as file:
        content = file.read(MOST_READ + 1)
    if len(content) > MOST_READ:
        raise ValueError(f"the file is longer than {MOST_READ >> 20} MiB")
    lines, comments = [], []
    for number, row in enumerate(content.splitlines(), 1):
        if row.startswith(b"#"):
            comments.append(str(row, "latin-1"))
        elif row.strip():
            lines.append(_parsed(number, row))
    if not lines:
        said = [comment[2:] for comment in comments if comment.startswith(_FAILED)]
        why = f", and it says: {printable(said[-1], 400)}" if said else ""
        raise ValueError(f"there is no exchange in the file{why}")
    return _commented(lines, comments)


def _commented(lines: list[Line], comments: list[str]) -> Kept:
    """The lines, with what the comments say."""
    target, over_tls, left_out = None, False, 0
    for comment in comments:
        if comment.startswith(_BEGINNING):
            whom, _, _ = comment.removeprefix(_BEGINNING).rpartition(_COLUMNS)
            over_tls = whom.endswith(_OVER_TLS)
            target = _target(whom.removesuffix(_OVER_TLS))
        elif comment.endswith(_LEFT_OUT):
            number = comment[2 : -len(_LEFT_OUT)]
            left_out = int(number[:9]) if number.isascii() and number.isdigit() else 0
    return Kept(lines, target, over_tls, left_out)


def _target(text: str) -> Target | None:
    try:  # a name that is not ASCII was written with escapes
        return parse_target(text.encode("latin-1").decode("unicode_escape"))
    except ValueError:
        return None


def _parsed(number: int, row: bytes) -> Line:
    try:
        direction, *ms, what = row.decode("ascii").split()
        if direction not in (">", "<") or len(ms) > 1:
            raise ValueError
        when = float(ms[0]) if ms else None
        if when is not None and not 0 <= when < 1e12:
            raise ValueError
        if what in HAPPENINGS:
            return Line(direction == ">", when, b"", what)
        return Line(direction == ">", when, bytes.fromhex(what))
    except ValueError:
        raise ValueError(
            f"line {number} is not of an exchange: '>' or '<', milliseconds, bytes as hexadecimal"
            f" or one of {', '.join(HAPPENINGS)}"
        ) from None
