"""The exchange of one association: recorded, as a ladder, kept in a file and read from one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from txdicom.cli.text import wrapped
from txdicom.dimse.command import command_name
from txdicom.dimse.message import Assembler, Message
from txdicom.dimse.status import status_words
from txdicom.errors import ProtocolViolation
from txdicom.events import EVT_DATA_RECV, EVT_DATA_SENT
from txdicom.titles import significant
from txdicom.upperlayer import reasons
from txdicom.upperlayer.foreign import spoken_protocol
from txdicom.upperlayer.items import PresentationContextAC
from txdicom.upperlayer.pdu import (
    PDU,
    Abort,
    AssociateAC,
    AssociateRJ,
    AssociateRQ,
    PDataTF,
    decode,
)
from txdicom.words import message_in_words, pdu_in_words, printable

#: What is kept of an exchange: this many PDUs, and bytes, from its beginning.
MOST_PDUS = 1_000
MOST_BYTES = 4 << 20

#: The longest file that is read, in bytes.
MOST_READ = 32 << 20


class Line(NamedTuple):
    """One PDU of an exchange, or what stands in the place of one.

    :ivar by_requestor: who sent it
    :ivar ms: when, in milliseconds from the first one, or None if that is not known
    """

    by_requestor: bool
    ms: float | None
    data: bytes


class Exchange:
    """Records what is sent and received on the association of a requestor.

    :ivar lines: what was exchanged, as far as it is kept
    :ivar left_out: how many PDUs are not kept

    :param seconds: the time
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        self.lines: list[Line] = []
        self.left_out = 0
        self._seconds = seconds
        self._began: float | None = None
        self._bytes = 0

    @property
    def handlers(self) -> tuple[Any, ...]:
        """The event handlers that record."""
        return ((EVT_DATA_SENT, self._add, [True]), (EVT_DATA_RECV, self._add, [False]))

    def _add(self, event: Any, by_requestor: bool) -> None:
        now = self._seconds()
        if self._began is None:
            self._began = now
        self._bytes += len(event.data)
        if len(self.lines) >= MOST_PDUS or self._bytes > MOST_BYTES:
            self.left_out += 1
        else:
            self.lines.append(Line(by_requestor, (now - self._began) * 1000, event.data))


class Step(NamedTuple):
    """A line, understood.

    :ivar pdu: None if it is none
    :ivar message: the message that it completes, or None
    :ivar problem: why it is no PDU, or no message
    """

    line: Line
    pdu: PDU | None
    message: Message | None
    problem: ProtocolViolation | None


def steps(lines: Iterable[Line]) -> Iterator[Step]:
    """Each line, decoded; messages are put together for each direction."""
    assemblers = {
        side: Assembler(16_384, 1_024, lambda _, __: MOST_BYTES) for side in (True, False)
    }
    for line in lines:
        pdu = message = problem = None
        try:
            pdu = decode(line.data)
            if isinstance(pdu, PDataTF):
                for value in pdu.values:
                    message = assemblers[line.by_requestor].feed(value) or message
        except ProtocolViolation as violation:
            problem = violation
            problem.protocol = problem.protocol or spoken_protocol(line.data[:64])
        yield Step(line, pdu, message, problem)


# The ladder


def ladder(lines: Iterable[Line], left_out: int = 0, width: int | None = None) -> Iterator[str]:
    """Who sent what, and when.

    :param width: of the terminal, for which it is wrapped; None where there is none
    """
    yield f"{'ms':>10}  requestor             acceptor"
    for step in steps(lines):
        ms = "" if step.line.ms is None else f"{step.line.ms:.1f}"
        name, detail = _name(step), _detail(step)
        if step.line.by_requestor:
            arrow = f"|-- {name} ".ljust(23, "-") + ">|"
        else:
            arrow = f"|<- {name} ".ljust(24, "-") + "|"
        first, *others = wrapped(f"{ms:>10}  {arrow}  ", detail, width)
        yield first.rstrip()
        for other in others:
            yield f"{'':>10}  |{'':23}|  {other.lstrip()}"
    if left_out:
        yield f"{'':>10}  and {left_out} further PDUs, not kept"


def _name(step: Step) -> str:
    if step.message is not None:
        return command_name(step.message.command.get("CommandField"))[:18]
    return step.pdu.NAME if step.pdu is not None else "no PDU"


def _detail(step: Step) -> str:
    """What is worth saying beside an arrow; no secrets are in it."""
    pdu = step.pdu
    if step.problem is not None:
        protocol = step.problem.protocol
        return f"{len(step.line.data)} bytes of {protocol}" if protocol else str(step.problem)[:60]
    if step.message is not None:
        return _message_detail(step.message)
    if isinstance(pdu, AssociateRQ):
        calling, called = significant(pdu.calling_ae_title), significant(pdu.called_ae_title)
        return f"{printable(calling)} calls {printable(called)}"
    if isinstance(pdu, AssociateAC):
        return f"{len(accepted(pdu))} of {len(pdu.presentation_contexts)} contexts accepted"
    if isinstance(pdu, AssociateRJ):
        result, _, reason = reasons.reject_words(pdu.result, pdu.source, pdu.reason)
        return f"{result}: {reason}"
    if isinstance(pdu, Abort):
        by_provider = pdu.source == reasons.ABORT_BY_PROVIDER
        return reasons.words(reasons.ABORT_REASON, pdu.reason) if by_provider else "by the user"
    return f"{len(step.line.data)} bytes of a message" if isinstance(pdu, PDataTF) else ""


def _message_detail(message: Message) -> str:
    command = message.command
    status = command.get("Status")
    if "MessageIDBeingRespondedTo" in command:
        said = "" if status is None else f": {status_words(status)}"
        return f"to message {command['MessageIDBeingRespondedTo']}{said}"
    return f"message {command.get('MessageID', '?')}"


def accepted(pdu: AssociateAC) -> list[PresentationContextAC]:
    """The contexts that an A-ASSOCIATE-AC accepts."""
    return [c for c in pdu.presentation_contexts if c.result == reasons.ACCEPTANCE]


def in_words(lines: Iterable[Line]) -> Iterator[str]:
    """Each PDU and message in words; passcodes and tickets are not shown."""
    for step in steps(lines):
        incoming = not step.line.by_requestor
        if step.message is not None:
            yield from message_in_words(step.message, incoming)
        elif step.pdu is not None and not isinstance(step.pdu, PDataTF):
            yield from pdu_in_words(step.pdu, incoming)
        elif step.problem is not None:
            yield f"no PDU: {printable(str(step.problem), 200)}"


# The file


def create(path: str) -> int:
    """Create the file that an exchange is kept in, for its owner only. Returns its descriptor."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.fchmod(descriptor, 0o600)  # it may have been there, with other rights
    return descriptor


def save(descriptor: int, exchange: Exchange, target: str) -> None:
    """Write an exchange, and close the file."""
    with open(descriptor, "w", encoding="ascii", errors="backslashreplace") as file:
        file.write(f"# An exchange with {target}; > sent, < received, milliseconds, bytes\n")
        for line in exchange.lines:
            file.write(f"{'>' if line.by_requestor else '<'} {line.ms:.3f} {line.data.hex()}\n")
        if exchange.left_out:
            file.write(f"# {exchange.left_out} further PDUs were not kept\n")


def read(path: str) -> list[Line]:
    """Read a file that :func:`save` wrote; the milliseconds may be missing.

    :raise OSError: it cannot be read
    :raise ValueError: it is none
    """
    with open(path, "rb") as file:
        content = file.read(MOST_READ + 1)
    if len(content) > MOST_READ:
        raise ValueError(f"the file is longer than {MOST_READ >> 20} MiB")
    lines = []
    for number, row in enumerate(content.splitlines(), 1):
        if row.strip() and not row.startswith(b"#"):
            lines.append(_parsed(number, row))
    if not lines:
        raise ValueError("there is no exchange in the file")
    return lines


def _parsed(number: int, row: bytes) -> Line:
    try:
        direction, *ms, data = row.decode("ascii").split()
        if direction not in (">", "<") or len(ms) > 1:
            raise ValueError
        when = float(ms[0]) if ms else None
        if when is not None and not 0 <= when < 1e12:
            raise ValueError
        return Line(direction == ">", when, bytes.fromhex(data))
    except ValueError:
        raise ValueError(
            f"line {number} is not of an exchange: '>' or '<', milliseconds, bytes as hexadecimal"
        ) from None
