"""Rosters: files that list targets, as TOML, or as CSV as a PACS exports it.

Every bad line is found before the first target is used.
"""

from __future__ import annotations

import csv
import importlib
import io
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from operator import itemgetter
from types import ModuleType
from typing import Any, BinaryIO, NamedTuple

from txdicom.cli.target import Target, checked_port, parse_target
from txdicom.titles import checked_title

#: The name that stands for the standard input.
STDIN = "-"

#: The most that is read, in bytes: some 300,000 targets. What is longer is another file.
MAX_ROSTER = 32 * 2**20

#: What a key or a column may be called, in small letters and digits alone.
_NAMES = {
    "ae_title": ("aet", "aetitle", "ae", "calledaet", "calledaetitle", "title"),
    "host": ("host", "hostname", "ip", "ipaddress", "address", "hostip", "iphostname"),
    "port": ("port", "portnumber", "tcpport", "dicomport"),
    "tls": ("tls", "ssl", "secure", "usetls"),
    "note": ("notes", "note", "description", "comment", "comments", "remark", "remarks"),
}
_FIELDS = {name: field for field, names in _NAMES.items() for name in names}

_YES = ("yes", "y", "true", "1", "on", "x", "tls", "ssl")
_NO = ("no", "n", "false", "0", "off", "-", "none")

_TABLE = re.compile(r"^[ \t]*\[\[[ \t]*target[ \t]*\]\]", re.MULTILINE)
# A key, or the name of a table, at the beginning of a line.
_KEY = re.compile(
    r"""^[ \t]*(?:\[+[ \t]*)?(?:"([^"\n]*)"|'([^'\n]*)'|([\w-]+))[ \t]*[]=.]""", re.MULTILINE
)
_POSITION = re.compile(r"\(at line (\d+), column \d+\)|\(at end of document\)")


class RosterError(ValueError):
    """Lines of a roster are wrong.

    :ivar problems: file, line and reason of each of them
    """

    def __init__(self, name: str, problems: list[str]) -> None:
        self.problems = problems
        number = "one bad line" if len(problems) == 1 else f"{len(problems)} bad lines"
        super().__init__("\n".join([f"{number} in {name}; nothing was sent", *problems]))


class _Entry(NamedTuple):
    """What a roster says of one target, all in text.

    :ivar line: where it begins
    :ivar lines: where what it says of each field is, if not there
    """

    line: int
    texts: Mapping[str, str]
    lines: Mapping[str, int] = {}


#: What is wrong: on which line, and why.
_Problems = list[tuple[int, str]]


def read(name: str) -> list[Target]:
    """The targets that a file lists; ``-`` is the standard input.

    :raise RosterError: it has bad lines
    :raise ValueError: it is longer than any roster
    :raise OSError: it cannot be read
    """
    if name != STDIN:
        with open(name, "rb") as file:
            return parse(_bounded(file, name), name)
    return parse(_bounded(sys.stdin.buffer, "stdin"), "stdin")


def _bounded(file: BinaryIO, name: str) -> bytes:
    """All that is in a file.

    :raise ValueError: it is longer than any roster, and may have no end, as a device
    """
    data = file.read(MAX_ROSTER + 1)
    if len(data) > MAX_ROSTER:
        raise ValueError(f"{name} is no roster: it has more than {MAX_ROSTER // 2**20} MiB")
    return data


def parse(data: bytes, name: str) -> list[Target]:
    """The targets of a roster. It is TOML if its name or a ``[[target]]`` in it says so.

    :raise RosterError: it has bad lines
    """
    text = _decoded(data)
    problems: _Problems = []
    is_toml = name.endswith(".toml") or (not name.endswith(".csv") and _TABLE.search(text))
    entries = (_toml if is_toml else _csv)(text, problems)
    targets = [_target(entry, problems) for entry in entries]
    if not (targets or problems):
        problems.append((1, "it lists no target"))
    if problems:
        reasons = defaultdict(list)
        for line, reason in sorted(problems, key=itemgetter(0)):
            reasons[line].append(reason)
        told = [f"{name}:{line}: {'; '.join(why)[:300]}" for line, why in reasons.items()]
        raise RosterError(name, told)
    return targets


def _decoded(data: bytes) -> str:
    """The text. Spreadsheets write UTF-16 with a byte order mark, UTF-8, or Windows' own."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _target(entry: _Entry, problems: _Problems) -> Target:
    """What an entry says; it counts only if nothing is wrong with it."""
    values: dict[str, Any] = {}
    for field, text in entry.texts.items():
        try:
            if text:
                values[field] = _VALUES[field](text)
        except ValueError as error:
            problems.append((entry.lines.get(field, entry.line), str(error)))
    found: Target = values.pop("host", Target("", port_given=False))
    for field, again, what in (
        ("ae_title", found.ae_title is not None, "two AE titles"),
        ("port", found.port_given, "two ports"),
    ):
        if again and field in values:
            reason = f"{what}: {entry.texts['host']!r} and {entry.texts[field]!r}"
            problems.append((entry.lines.get(field, entry.line), reason))
    if "port" in values:
        values["port_given"] = True
    return replace(found, **values)


def _yes_or_no(text: str) -> bool:
    if text.lower() not in _YES + _NO:
        raise ValueError(f"TLS is yes or no, not {text!r}")
    return text.lower() in _YES


# What makes a value of the text of each field.
_VALUES: Mapping[str, Callable[[str], Any]] = {
    "ae_title": checked_title,
    "host": parse_target,
    "port": checked_port,
    "tls": _yes_or_no,
    "note": str,
}


def _field(name: str) -> str | None:
    """What a key or a column means, whatever its case and punctuation."""
    return _FIELDS.get("".join(filter(str.isalnum, name)).lower())


# TOML: a table [[target]] for each.


def _toml(text: str, problems: _Problems) -> Iterator[_Entry]:
    """Each entry.

    The tables are parsed one by one, so that an error in one does not hide those in the others.
    """
    toml = _toml_parser()
    line = 1
    starts = [match.start() for match in _TABLE.finditer(text)]
    for start, end in zip([0, *starts], [*starts, len(text)], strict=True):
        block = text[start:end]
        try:
            whole = toml.loads(block)
        except (ValueError, RecursionError) as error:  # the latter where brackets nest deep
            reason = _POSITION.sub("", str(error)).strip()
            problems.append((_line_of_error(str(error), block, line), reason))
        else:
            yield from _tables(whole, _key_lines(block, line), line, problems)
        line += block.count("\n")


def _line_of_error(error: str, block: str, line: int) -> int:
    """The line that the parser complains of, in a block that begins on a line."""
    at = _POSITION.search(error)
    if at is None:
        return line
    if at[1] is None:  # at the end
        return line + block.rstrip("\n").count("\n")
    return line + int(at[1]) - 1


def _key_lines(block: str, line: int) -> dict[str, int]:
    """The line on which each key is first, in a block that begins on a line."""
    lines: dict[str, int] = {}
    end = 0
    for match in _KEY.finditer(block):
        line += block.count("\n", end, match.end())
        end = match.end()
        lines.setdefault(match[1] or match[2] or match[3], line)
    return lines


def _toml_parser() -> ModuleType:
    for name in ("tomllib", "tomli"):  # Python 3.10 has only the second, as an extra
        try:
            return importlib.import_module(name)
        except ImportError:
            pass
    raise RuntimeError("a TOML roster needs more than is installed: pip install 'txdicom[cli]'")


def _tables(
    whole: dict[str, Any], lines: Mapping[str, int], line: int, problems: _Problems
) -> Iterator[_Entry]:
    """The entries of a block that begins on a line, with the lines of its keys."""
    tables = whole.pop("target", [])
    line = lines.get("target", line)
    for key in whole:
        problems.append((lines.get(key, line), f"unknown key {key!r}"))
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        problems.append((line, "each target is to be a table below [[target]]"))
        return
    for table in tables:
        texts: dict[str, str] = {}
        places: dict[str, int] = {}
        before = len(problems)
        for key, value in table.items():
            place = lines.get(key, line)
            try:
                field, text = _text(key, value)
                if field in texts:
                    raise ValueError(f"{key!r} says again what another key says")
                texts[field], places[field] = text, place
            except ValueError as error:
                problems.append((place, str(error)))
        if not texts.get("host") and len(problems) == before:
            problems.append((line, "it has no host"))
        yield _Entry(line, texts, places)


def _text(key: str, value: object) -> tuple[str, str]:
    """What a key means, and its value as text.

    :raise ValueError: one of them is wrong
    """
    field = _field(key)
    if field is None:
        raise ValueError(f"unknown key {key!r}")
    if not isinstance(value, (str, bool, int)):
        raise ValueError(f"{key!r} is to be a text, a number, true or false")
    if not _is_right_type(field, value):
        raise ValueError(f"{key!r} cannot be {value!r}")
    return field, str(value).strip()


def _is_right_type(field: str, value: object) -> bool:
    if field == "tls":
        return isinstance(value, bool)
    if field == "port":
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, str)


# CSV: the first line names the columns.


def _csv(text: str, problems: _Problems) -> Iterator[_Entry]:
    """Each entry."""
    if not text.strip():
        problems.append((1, "it is empty"))
        return
    lines = list(io.StringIO(text, newline=""))
    header, columns, delimiter = _header(lines)
    if "host" not in columns:
        problems.append((header + 1, "the first line is to name the columns; none is a host"))
        return
    for field in _NAMES:
        if columns.count(field) > 1:
            problems.append((header + 1, f"two columns for the {field.replace('_', ' ')}"))
            return
    for line, cells in _records(lines, header + 1, delimiter, problems):
        if any(cell.strip() for cell in cells[len(columns) :]):
            problems.append((line, f"{len(cells)} cells under {len(columns)} columns"))
        elif any(cell.strip() for cell in cells):
            named = zip(columns, cells, strict=False)  # cells may be missing at the end
            texts = {field: cell.strip() for field, cell in named if field is not None}
            if not texts.get("host"):
                problems.append((line, "it has no host"))
            yield _Entry(line, texts)


def _header(lines: list[str]) -> tuple[int, list[str | None], str]:
    """Index of the line with the columns, what they mean, and what divides them."""
    for number, line in enumerate(lines):
        if not line.strip() or line.lower().startswith("sep="):  # a spreadsheet's hint
            continue
        found = []
        for delimiter in ";,\t":
            try:
                names = next(csv.reader([line], delimiter=delimiter), [])
            except csv.Error:  # a field of more than 128 KiB: it may be no text at all
                names = []
            found.append(([_field(name) for name in names], delimiter))
        columns, delimiter = max(found, key=lambda it: sum(field is not None for field in it[0]))
        return number, columns, delimiter
    return 0, [], ","


def _records(
    lines: list[str], start: int, delimiter: str, problems: _Problems
) -> Iterator[tuple[int, list[str]]]:
    """The cells of each record and the line where it begins.

    A quotation mark that is never closed makes one line bad, not all that follow: reading
    goes on with the next line.
    """
    while start < len(lines):
        reader = csv.reader(_from(lines, start), delimiter=delimiter, strict=True)
        done = 0
        try:
            for cells in reader:
                yield start + done + 1, cells
                done = reader.line_num
            return
        except csv.Error as error:
            problems.append((start + done + 1, f"not a line of CSV: {error}"))
            start += done + 1


def _from(lines: list[str], start: int) -> Iterable[str]:
    return (lines[number] for number in range(start, len(lines)))
