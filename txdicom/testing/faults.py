"""Faults: what a server may do wrong on purpose, as data that is parsed from text.

A fault is ``[CALLING=]KIND[:on-POINT][:VALUE,...]``: ``reject:2,3,1``, ``abort:on-echo``,
``delay:on-release:1.5``. Several at one point apply in the order in which :data:`KINDS` has
them, whatever the order in which they are given: first what is said, then its bytes, then when.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from txdicom.dimse import command as command_set
from txdicom.dimse.message import Message, fragment
from txdicom.titles import checked_title, significant
from txdicom.upperlayer.pdu import (
    HEADER_LENGTH,
    Abort,
    AssociateAC,
    AssociateRJ,
    PDataTF,
    PresentationDataValue,
)

#: Seconds that a peer has to close the connection after an A-ASSOCIATE-RJ or A-ABORT.
CLOSING_TIMEOUT = 5.0


class Then(Enum):
    """What becomes of the connection after a faulty answer; nothing else is answered on it."""

    SILENCE = "it stays open, and silent"
    AWAIT_CLOSE = "the peer is to close it"
    CLOSE = "it is closed"
    RESET = "it is reset"


@dataclass(slots=True)
class Answer:
    """What the server is about to send, for the faults to change.

    :ivar data: whole PDUs
    :ivar pause: seconds before it is sent
    :ivar gap: seconds between its bytes; 0 sends them at once
    :ivar then: None where the server goes on as ever
    """

    data: bytes
    pause: float = 0.0
    gap: float = 0.0
    then: Then | None = None


Strike = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Value:
    """A value of a fault: its name, what reads it, and its default, None where it must be given."""

    name: str
    read: Callable[[str], Any]
    default: Any = None


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault.

    :ivar strike: changes an :class:`Answer`, with the values as further arguments
    :ivar points: where it may strike
    :ivar default: where it strikes when no point is given; None where one must be given
    """

    strike: Strike
    points: tuple[str, ...]
    values: tuple[Value, ...] = ()
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault; ``str`` gives the text that :meth:`parse` reads.

    :ivar kind: a key of :data:`KINDS`
    :ivar point: where it strikes, one of :data:`POINTS`
    :ivar values: those of the kind, all of them
    :ivar calling_ae_title: the only calling AE title that it concerns, None for all
    """

    kind: str
    point: str
    values: tuple[Any, ...] = ()
    calling_ae_title: str | None = None

    @classmethod
    def parse(cls, text: str) -> Fault:
        """The fault that a text describes.

        :raise ValueError: it describes none
        """
        title, equals, description = text.rpartition("=")
        name, *rest = description.split(":")
        try:
            kind = KINDS.get(name)
            if kind is None:
                raise ValueError(f"the kinds of faults are {', '.join(KINDS)}")
            point = _point(kind, rest.pop(0) if rest and rest[0].startswith("on-") else None)
            if len(rest) > 1:
                raise ValueError("it is KIND:on-POINT:VALUE,VALUE ...")
            if equals and point in UNTITLED_POINTS:
                raise ValueError("the calling AE title is not known yet at this point")
            calling = checked_title(title, "calling AE title") if equals else None
            return cls(name, point, _values(kind, rest), calling)
        except ValueError as error:
            raise ValueError(f"not a fault: {text!r}: {error}") from None

    def __str__(self) -> str:
        title = "" if self.calling_ae_title is None else f"{self.calling_ae_title}="
        values = ",".join(f"{value:g}" for value in self.values)
        return f"{title}{self.kind}:on-{self.point}" + (f":{values}" if values else "")

    def concerns(self, point: str, calling_ae_title: str | None) -> bool:
        """Whether it strikes at this point, with a peer of this title; None is still unknown."""
        if point != self.point:
            return False
        if self.calling_ae_title is None:
            return True
        return calling_ae_title is not None and significant(calling_ae_title) == significant(
            self.calling_ae_title
        )

    def strike(self, answer: Answer) -> None:
        """Change an answer."""
        KINDS[self.kind].strike(answer, *self.values)


def _point(kind: Kind, text: str | None) -> str:
    only = kind.points[0] if len(kind.points) == 1 else kind.default
    point = only if text is None else text.removeprefix("on-")
    if point not in kind.points:
        raise ValueError(f"it strikes {', '.join(f'on-{point}' for point in kind.points)}")
    return point


def _values(kind: Kind, given: list[str]) -> tuple[Any, ...]:
    texts = given[0].split(",") if given else []
    if len(texts) > len(kind.values):
        named = ", ".join(value.name for value in kind.values)
        raise ValueError(f"its values are {named}" if named else "it has no values")
    values = [value.read(text) for value, text in zip(kind.values, texts, strict=False)]
    for value in kind.values[len(texts) :]:
        if value.default is None:
            raise ValueError(f"it needs the {value.name}")
        values.append(value.default)
    return tuple(values)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 < seconds < 1e6:
        raise ValueError(f"a positive number of seconds, not {text!r}")
    return seconds


def _number(below: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        try:
            number = int(text, 0)
        except ValueError:
            number = -1
        if not 0 <= number < below:
            raise ValueError(f"a number from 0 to {below - 1}, not {text!r}")
        return number

    return read


# What is said


def _no_context(answer: Answer, result: int) -> None:
    if answer.data[0] == AssociateAC.PDU_TYPE:
        ac = AssociateAC.decode(answer.data, HEADER_LENGTH, len(answer.data))
        refused = tuple(replace(context, result=result) for context in ac.presentation_contexts)
        answer.data = replace(ac, presentation_contexts=refused).encode()


def pdus(data: bytes) -> list[bytes]:
    """The whole PDUs that these bytes begin with."""
    found, at = [], 0
    while len(data) - at >= HEADER_LENGTH:
        end = at + HEADER_LENGTH + int.from_bytes(data[at + 2 : at + 6], "big")
        if end > len(data):
            break
        found.append(data[at:end])
        at = end
    return found


def command_of(data: bytes) -> list[PresentationDataValue]:
    """The fragments of a command that these P-DATA-TF PDUs carry."""
    return [
        value
        for pdu in pdus(data)
        for value in PDataTF.decode(pdu, HEADER_LENGTH, len(pdu)).values
        if value.is_command
    ]


def message_of(fragments: list[PresentationDataValue]) -> Message:
    """The message that all fragments of a command are."""
    whole = b"".join([fragment.data for fragment in fragments])
    return Message(fragments[0].context_id, command_set.decode(whole))


def _rewrite(answer: Answer, message: Message) -> None:
    """Say this instead, in PDUs that are no longer."""
    longest = max(len(pdu) for pdu in pdus(answer.data)) - HEADER_LENGTH
    answer.data = b"".join([pdu.encode() for pdu in fragment(message, longest)])


def _set(answer: Answer, keyword: str, value: Callable[[Message], int]) -> None:
    """Give an element of the response another value."""
    response = message_of(command_of(answer.data))
    _rewrite(answer, replace(response, command={**response.command, keyword: value(response)}))


def _status(answer: Answer, status: int) -> None:
    _set(answer, "Status", lambda response: status)


def _wrong_command(answer: Answer, field: int) -> None:
    _set(answer, "CommandField", lambda response: field)


def _wrong_message_id(answer: Answer) -> None:
    _set(
        answer,
        "MessageIDBeingRespondedTo",
        lambda response: (response.command["MessageIDBeingRespondedTo"] + 1) & 0xFFFF,
    )


def _wrong_context(answer: Answer) -> None:
    response = message_of(command_of(answer.data))
    # Another odd number, which nobody proposed unless there are 128 contexts.
    _rewrite(answer, replace(response, context_id=(response.context_id + 254) & 0xFF))


def _reject(answer: Answer, result: int, source: int, reason: int) -> None:
    answer.data, answer.then = AssociateRJ(result, source, reason).encode(), Then.AWAIT_CLOSE


def _abort(answer: Answer, source: int, reason: int) -> None:
    answer.data, answer.then = Abort(source, reason).encode(), Then.AWAIT_CLOSE


# Its bytes, and when they are sent


def _garble(answer: Answer, offset: int) -> None:
    answer.data = answer.data[:offset] + bytes(byte ^ 0xFF for byte in answer.data[offset:])


def _cut(then: Then) -> Strike:
    def strike(answer: Answer, length: int) -> None:
        answer.data, answer.then = answer.data[:length], then

    return strike


def _delay(answer: Answer, seconds: float) -> None:
    answer.pause += seconds


def _slow_bytes(answer: Answer, seconds: float) -> None:
    answer.gap = seconds


def _instead(data: bytes, then: Then) -> Strike:
    """A strike that sends this, and no DICOM."""

    def strike(answer: Answer) -> None:
        answer.data, answer.then = data, then

    return strike


def _tls_alert(answer: Answer, description: int) -> None:
    # RFC 8446 5.1 and 6: a record of type alert, level fatal.
    answer.data, answer.then = bytes((21, 3, 3, 0, 2, 2, description)), Then.CLOSE


_HTTP = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_HL7 = b"\x0bMSH|^~\\&|||||19700101000000||ACK|1|P|2.5\rMSA|AR|1\r\x1c\r"
# The record header and the first bytes of a ServerHello whose other 116 bytes never come.
_SERVER_HELLO = bytes((22, 3, 3, 0, 122, 2, 0, 0, 118, 3, 3))

#: Where a fault may strike: when the connection is made, at the first bytes received, and at the
#: answer to an A-ASSOCIATE-RQ (to any, or to one that gives a user identity or asks for an
#: asynchronous operations window), to a C-ECHO-RQ and to an A-RELEASE-RQ.
POINTS = ("connect", "bytes", "associate", "user-identity", "async-window", "echo", "release")

#: Those that come before the peer has said its title.
UNTITLED_POINTS = ("connect", "bytes")

_REQUEST = ("associate", "user-identity", "async-window")
_ANSWERS = (*_REQUEST, "echo", "release")
_EVERYWHERE = ("connect", *_ANSWERS)

_BYTE, _WORD = _number(0x100), _number(0x10000)
_LENGTH = Value("number of bytes", _number(0x10000))

KINDS = {
    "no-context": Kind(_no_context, ("associate",), (Value("result", _BYTE, 3),)),
    "status": Kind(_status, ("echo",), (Value("status", _WORD),)),
    "wrong-message-id": Kind(_wrong_message_id, ("echo",)),
    "wrong-command": Kind(_wrong_command, ("echo",), (Value("command field", _WORD, 0x8001),)),
    "wrong-context": Kind(_wrong_context, ("echo",)),
    "reject": Kind(
        _reject,
        _REQUEST,
        (Value("result", _BYTE, 1), Value("source", _BYTE, 1), Value("reason", _BYTE, 1)),
        "associate",
    ),
    "abort": Kind(_abort, _EVERYWHERE, (Value("source", _BYTE, 0), Value("reason", _BYTE, 0))),
    "garble": Kind(_garble, _ANSWERS, (Value("offset", _number(0x10000), 0),)),
    "truncate": Kind(_cut(Then.CLOSE), _ANSWERS, (_LENGTH,)),
    "stall": Kind(_cut(Then.SILENCE), _ANSWERS, (_LENGTH,)),
    "delay": Kind(_delay, _EVERYWHERE, (Value("seconds", _seconds),)),
    "slow-bytes": Kind(_slow_bytes, _ANSWERS, (Value("seconds", _seconds),)),
    "silence": Kind(_instead(b"", Then.SILENCE), _EVERYWHERE),
    "drop": Kind(_instead(b"", Then.CLOSE), _EVERYWHERE),
    "reset": Kind(_instead(b"", Then.RESET), _EVERYWHERE),
    "http": Kind(_instead(_HTTP, Then.CLOSE), ("bytes",)),
    "hl7": Kind(_instead(_HL7, Then.SILENCE), ("bytes",)),
    "ssh": Kind(_instead(b"SSH-2.0-example\r\n", Then.SILENCE), ("connect",)),
    "smtp": Kind(_instead(b"220 mail.example ESMTP\r\n", Then.SILENCE), ("connect",)),
    "tls-alert": Kind(_tls_alert, ("bytes",), (Value("description", _BYTE, 40),)),
    "tls-stall": Kind(_instead(_SERVER_HELLO, Then.SILENCE), ("bytes",)),
}
