"""Rosters: files that list targets, as TOML, or as CSV as a PACS exports it.

Every bad line is found before the first target is used.
"""

from __future__ import annotations

import csv
import importlib
import io
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from txdicom.cli.target import Target, checked_port, parse_target
from txdicom.titles import checked_title

#: The name that stands for the standard input.
STDIN = "-"

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
_POSITION = re.compile(r"\(at line (\d+), column \d+\)|\(at end of document\)")


class RosterError(ValueError):
    """Lines of a roster are wrong.

    :ivar problems: file, line and reason of each of them
    """

    def __init__(self, name: str, problems: list[str]) -> None:
        self.problems = problems
        number = "one bad line" if len(problems) == 1 else f"{len(problems)} bad lines"
        super().__init__("\n".join([f"{number} in {name}; nothing was sent", *problems]))


def read(name: str) -> list[Target]:
    """The targets that a file lists; ``-`` is the standard input.

    :raise RosterError: it has bad lines
    :raise OSError: it cannot be read
    """
    if name == STDIN:
        return parse(sys.stdin.buffer.read(), "stdin")
    return parse(Path(name).read_bytes(), name)


def parse(data: bytes, name: str) -> list[Target]:
    """The targets of a roster. It is TOML if its name or a ``[[target]]`` in it says so.

    :raise RosterError: it has bad lines
    """
    text = _decoded(data)
    targets: list[Target] = []
    problems: list[str] = []
    is_toml = name.endswith(".toml") or (not name.endswith(".csv") and _TABLE.search(text))
    for line, entry in (_toml if is_toml else _csv)(text):
        try:
            if isinstance(entry, ValueError):
                raise entry
            targets.append(_target(entry))
        except (TypeError, ValueError) as error:
            problems.append(f"{name}:{line}: {str(error)[:300]}")
    if not (targets or problems):
        problems.append(f"{name}:1: it lists no target")
    if problems:
        raise RosterError(name, problems)
    return targets


def _decoded(data: bytes) -> str:
    """The text. Spreadsheets write UTF-16 with a byte order mark, UTF-8, or Windows' own."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _target(entry: Mapping[str, str]) -> Target:
    """What an entry says, all in text.

    :raise ValueError: it is wrong
    """
    found = parse_target(entry["host"])
    changed: dict[str, Any] = {}
    if entry.get("ae_title"):
        if found.ae_title is not None:
            raise ValueError(f"two AE titles: {entry['host']!r} and {entry['ae_title']!r}")
        changed["ae_title"] = checked_title(entry["ae_title"])
    if entry.get("port"):
        if found.port_given:
            raise ValueError(f"two ports: {entry['host']!r} and {entry['port']!r}")
        changed.update(port=checked_port(entry["port"]), port_given=True)
    if entry.get("tls"):
        changed["tls"] = _yes_or_no(entry["tls"])
    return replace(found, note=entry.get("note", ""), **changed)


def _yes_or_no(text: str) -> bool:
    if text.lower() not in _YES + _NO:
        raise ValueError(f"TLS is yes or no, not {text!r}")
    return text.lower() in _YES


def _field(name: str) -> str | None:
    """What a key or a column means, whatever its case and punctuation."""
    return _FIELDS.get("".join(filter(str.isalnum, name)).lower())


# TOML: a table [[target]] for each.


def _toml(text: str) -> Iterator[tuple[int, dict[str, str] | ValueError]]:
    """Each entry, or what is wrong with it, and its line.

    The tables are parsed one by one, so that an error in one does not hide those in the others.
    """
    toml = _toml_parser()
    starts = [match.start() for match in _TABLE.finditer(text)]
    for start, end in zip([0, *starts], [*starts, len(text)], strict=True):
        line = text.count("\n", 0, start) + 1
        block = text[start:end]
        try:
            whole = toml.loads(block)
        except ValueError as error:
            at = _POSITION.search(str(error))
            if at is None:
                here = line
            elif at[1] is None:
                here = line + block.rstrip("\n").count("\n")
            else:
                here = line + int(at[1]) - 1
            yield here, ValueError(_POSITION.sub("", str(error)).strip())
            continue
        tables = whole.pop("target", [])
        for key in whole:
            yield _line_of(key, block, line), ValueError(f"unknown key {key!r}")
        for table in tables:
            yield from _table(table, block, line)


def _toml_parser() -> ModuleType:
    for name in ("tomllib", "tomli"):  # Python 3.10 has only the second, as an extra
        try:
            return importlib.import_module(name)
        except ImportError:
            pass
    raise RuntimeError("a TOML roster needs more than is installed: pip install 'txdicom[cli]'")


def _table(table: Any, block: str, line: int) -> Iterator[tuple[int, dict[str, str] | ValueError]]:
    entry: dict[str, str] = {}
    good = True
    for key, value in table.items():
        field = _field(key)
        problem = None
        if field is None:
            problem = f"unknown key {key!r}"
        elif field in entry:
            problem = f"{key!r} says again what another key says"
        elif not isinstance(value, (str, bool, int)):
            problem = f"{key!r} is to be a text, a number, true or false"
        else:
            entry[field] = str(value).strip()
            problem = None if _is_right_type(field, value) else f"{key!r} cannot be {value!r}"
        if problem is not None:
            good = False
            yield _line_of(key, block, line), ValueError(problem)
    if not entry.get("host") and good:
        yield line, ValueError("it has no host")
    elif good:
        yield line, entry


def _is_right_type(field: str, value: object) -> bool:
    if field == "tls":
        return isinstance(value, bool)
    if field == "port":
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, str)


def _line_of(key: str, block: str, line: int) -> int:
    """The line of a key in a table that begins on a line."""
    for number, content in enumerate(block.split("\n")):
        if re.match(rf"""\s*\[*\s*["']?{re.escape(key)}\b""", content):
            return line + number
    return line


# CSV: the first line names the columns.


def _csv(text: str) -> Iterator[tuple[int, dict[str, str] | ValueError]]:
    """Each entry, or what is wrong with it, and its line."""
    lines = list(io.StringIO(text, newline=""))
    header, columns, delimiter = _header(lines)
    if "host" not in columns:
        yield header + 1, ValueError("the first line is to name the columns; none is a host")
        return
    for field in _NAMES:
        if columns.count(field) > 1:
            yield header + 1, ValueError(f"two columns for the {field.replace('_', ' ')}")
            return
    for line, cells in _records(lines, header + 1, delimiter):
        if isinstance(cells, ValueError):
            yield line, cells
        elif len(cells) > len(columns) and any(cell.strip() for cell in cells[len(columns) :]):
            yield line, ValueError(f"{len(cells)} cells under {len(columns)} columns")
        elif any(cell.strip() for cell in cells):
            named = zip(columns, cells, strict=False)  # cells may be missing at the end
            entry = {field: cell.strip() for field, cell in named if field is not None}
            yield line, entry if entry.get("host") else ValueError("it has no host")


def _header(lines: list[str]) -> tuple[int, list[str | None], str]:
    """Index of the line with the columns, what they mean, and what divides them."""
    for number, line in enumerate(lines):
        if not line.strip() or line.lower().startswith("sep="):  # a spreadsheet's hint
            continue
        found = []
        for delimiter in ";,\t":
            names = next(csv.reader([line], delimiter=delimiter), [])
            found.append(([_field(name) for name in names], delimiter))
        columns, delimiter = max(found, key=lambda it: sum(field is not None for field in it[0]))
        return number, columns, delimiter
    return 0, [], ","


def _records(
    lines: list[str], start: int, delimiter: str
) -> Iterator[tuple[int, list[str] | ValueError]]:
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
            yield start + done + 1, ValueError(f"not a line of CSV: {error}")
            start += done + 1


def _from(lines: list[str], start: int) -> Iterable[str]:
    return (lines[number] for number in range(start, len(lines)))
