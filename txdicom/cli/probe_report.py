"""What ``--probe`` prints, and how two probes of different dates differ."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from txdicom._version import __version__
from txdicom.cli.probe_answers import (
    GROUPS,
    NOT_ASKED,
    TRANSFER_SYNTAXES,
    Answer,
    Answers,
    Value,
)
from txdicom.cli.terminal import GREEN, YELLOW, Paint, plain
from txdicom.cli.text import wrapped
from txdicom.words import printable

#: The version of the form of the JSON. Another one cannot be compared with.
SCHEMA = 1

#: The longest file that is read for --diff, in bytes; a probe of txdicom's has a few thousand.
MAXIMUM_FILE = 262_144

#: The longest text that is taken from such a file, in characters.
MAXIMUM_TEXT = 400

# Characters of the first column.
_LABEL = 36


@dataclass(frozen=True, slots=True)
class Report:
    """A probe, as it is kept and compared.

    :ivar date: in UTC, ISO 8601
    :ivar asked: how it was asked: titles, user identity and so on
    """

    date: str
    target: str
    asked: dict[str, Value]
    answers: Answers


@dataclass(frozen=True, slots=True)
class Difference:
    """An answer that is not what it was; one of them is None where it was not asked for."""

    group: str
    question: str
    then: Answer | None
    now: Answer | None


# For programs


def to_json(report: Report, exit_code: int, compared: dict[str, Any] | None = None) -> str:
    """The report as one object over several lines, in an order that stays.

    :param compared: what is added about a comparison
    """
    whole = {
        "type": "probe",
        "schema": SCHEMA,
        "date": report.date,
        "txdicom": __version__,
        "target": report.target,
        "asked": report.asked,
        "exit_code": exit_code,
        "answers": {
            group: {question: answer.value for question, answer in questions.items()}
            for group, questions in report.answers.items()
        },
        "not_known": {
            f"{group}.{question}": answer.why
            for group, questions in report.answers.items()
            for question, answer in questions.items()
            if answer.value is None
        },
    }
    if compared is not None:
        whole["diff"] = compared
    return json.dumps(whole, indent=2)


def from_json(text: str) -> Report:
    """The report that :func:`to_json` made a text of; the text may come from anywhere.

    :raise ValueError: it made none of this text
    """
    try:
        whole = json.loads(text)
    except RecursionError:
        raise ValueError("brackets in brackets without end") from None
    if not isinstance(whole, dict) or whole.get("type") != "probe":
        raise ValueError("it is not what --probe --json writes")
    if not _same(whole.get("schema"), SCHEMA):
        raise ValueError(f"its schema is not {SCHEMA}: another version of txdicom wrote it")
    reasons = _texts(whole.get("not_known"))
    answers: Answers = {}
    for group, questions in _object(whole.get("answers"), "answers").items():
        answers[group] = {
            question: Answer(_value(value), reasons.get(f"{group}.{question}", ""))
            for question, value in _object(questions, f"answers.{group}").items()
        }
    asked = {key: _value(value) for key, value in _object(whole.get("asked"), "asked").items()}
    return Report(_text(whole.get("date")), _text(whole.get("target")), asked, answers)


def read(path: str) -> Report:
    """The report in a file.

    :raise OSError: it cannot be read
    :raise ValueError: there is none in it
    """
    with open(path, "rb") as file:
        data = file.read(MAXIMUM_FILE + 1)
    try:
        if len(data) > MAXIMUM_FILE:
            raise ValueError(f"it is longer than {MAXIMUM_FILE:,} bytes")
        return from_json(str(data, "utf-8"))
    except ValueError as error:
        said = printable(str(error), 200)
        raise ValueError(f"--diff: no probe in {printable(path, 200)}: {said}") from None


def _object(value: object, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{name} is not an object")
    return value


def _value(value: object) -> Value:
    if value is not None and not isinstance(value, (str, int)):
        raise ValueError("an answer that is neither text, number, true, false nor null")
    return value[:MAXIMUM_TEXT] if isinstance(value, str) else value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("the date or the target is no text")
    return value[:MAXIMUM_TEXT]


def _texts(value: object) -> dict[str, str]:
    return {
        key: text[:MAXIMUM_TEXT]
        for key, text in _object(value, "not_known").items()
        if isinstance(text, str)
    }


# What differs


def differences(then: Report, now: Report) -> Iterator[Difference]:
    """The answers that are not what they were; two that are not known are the same."""
    for group in {**now.answers, **then.answers}:
        before, after = then.answers.get(group, {}), now.answers.get(group, {})
        for question in {**after, **before}:
            one, other = before.get(question), after.get(question)
            if one is None or other is None or not _same(one.value, other.value):
                yield Difference(group, question, one, other)


def _same(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other


def compared(path: str, then: Report, now: Report) -> dict[str, Any]:
    """The comparison, for programs."""
    found = list(differences(then, now))
    return {
        "file": path,
        "date": then.date,
        "target": then.target,
        "same": _count(now, found, known=True),
        "differences": [
            {
                "group": it.group,
                "question": it.question,
                "then": it.then and it.then.value,
                "now": it.now and it.now.value,
            }
            for it in found
        ],
    }


def _count(now: Report, found: list[Difference], known: bool) -> int:
    """How many answers are the same, known ones or not known ones."""
    differing = {(it.group, it.question) for it in found}
    return sum(
        (group, question) not in differing and (answer.value is not None) is known
        for group, questions in now.answers.items()
        for question, answer in questions.items()
    )


# For people


def group_lines(name: str, questions: dict[str, Answer], width: int | None = None) -> Iterator[str]:
    """A group of questions as a table; those that were not asked are one row.

    :param width: of the terminal; None where there is none
    """
    yield ""
    yield _title(name)
    not_asked = [answer for answer in questions.values() if answer.why.startswith(NOT_ASKED)]
    for question, answer in questions.items():
        if answer not in not_asked:
            label = f"  {_label(name, question):<{_LABEL}}"
            yield from wrapped(label, in_words(name, question, answer), width)
    for answer in not_asked[:1]:
        yield from wrapped(
            f"  {'the others':<{_LABEL}}", printable(answer.why, MAXIMUM_TEXT), width
        )


def was_asked(questions: dict[str, Answer]) -> bool:
    """Whether any question of a group was asked."""
    return any(_asked(answer) for answer in questions.values())


def not_asked_lines(answers: Answers, why: str, width: int | None = None) -> Iterator[str]:
    """The groups that were not asked, and why."""
    titles = [_title(name) for name, questions in answers.items() if not was_asked(questions)]
    if titles:
        words = f"{', '.join(titles)}; {printable(why, MAXIMUM_TEXT)}"
        yield from wrapped("not asked: ", words, width)


def diff_lines(
    path: str, then: Report, now: Report, width: int | None = None, paint: Paint = plain
) -> Iterator[str]:
    """What differs, and how much does not."""
    where = f"{printable(then.target)} at {printable(then.date)}, {printable(path, 200)}"
    yield from wrapped("then:  ", where, width)
    yield from wrapped("now:   ", f"{printable(now.target)} at {now.date}", width)
    for key, value in now.asked.items():
        before = then.asked.get(key)
        if not _same(before, value):
            words = f"{key} was {_plain(before)}, now {_plain(value)}"
            yield from wrapped("asked otherwise: ", words, width)
    found = list(differences(then, now))
    changed = [it for it in found if _asked(it.then) and _asked(it.now)]
    said = paint("differs", YELLOW) if found else paint("nothing differs", GREEN)
    yield f"{said}: {_counts(now, found, changed)}"
    for it in changed:
        yield ""
        yield f"{_title(it.group)}: {_label(it.group, it.question)}"
        yield from wrapped("  then:  ", in_words(it.group, it.question, it.then), width)
        yield from wrapped("  now:   ", in_words(it.group, it.question, it.now), width)


def _asked(answer: Answer | None) -> bool:
    return answer is not None and not answer.why.startswith(NOT_ASKED)


def _counts(now: Report, found: list[Difference], changed: list[Difference]) -> str:
    """How many questions there are of each kind."""
    counts = (
        (len(changed), "with another answer"),
        (_count(now, found, known=True), "with the same"),
        (_count(now, found, known=False), "not known either time"),
        (len(found) - len(changed), "asked only once"),
    )
    return ", ".join(f"{number} {words}" for number, words in counts if number)


def in_words(group: str, question: str, answer: Answer | None) -> str:
    """An answer for people; what the peer or a file said is escaped."""
    if answer is None:
        return "not asked"
    value = answer.value
    if value is None:
        return f"not known: {printable(answer.why, MAXIMUM_TEXT)}"
    if isinstance(value, str) and value in TRANSFER_SYNTAXES:
        return TRANSFER_SYNTAXES[value]
    if (group, question) == ("verification", "maximum_length") and not isinstance(value, str):
        return f"{value} bytes" if value else "no limit"
    return _plain(value)


def _plain(value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return printable(str("none" if value is None else value), MAXIMUM_TEXT)


def _title(group: str) -> str:
    return GROUPS[group].title if group in GROUPS else printable(group)


def _label(group: str, question: str) -> str:
    known = GROUPS[group].questions if group in GROUPS else {}
    return known.get(question) or printable(question)
