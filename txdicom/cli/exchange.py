"""The exchange of one association: recorded, understood step by step, and as a ladder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from twisted.internet.error import ConnectionDone

from txdicom.cli.part import is_part, part_name, part_size
from txdicom.cli.text import wrapped
from txdicom.dimse.command import RESPONSE, CommandSet, command_name
from txdicom.dimse.message import Assembler, Message
from txdicom.dimse.status import status_words
from txdicom.errors import AssociationError, AssociationTimeout, ProtocolViolation
from txdicom.events import EVT_CONN_CLOSE, EVT_CONN_OPEN, EVT_DATA_RECV, EVT_DATA_SENT
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

if TYPE_CHECKING:  # loaded where there is one
    from txdicom.protocol import UpperLayerProtocol

#: What is kept of an exchange: this many PDUs, and bytes, from its beginning.
MOST_PDUS = 1_000
MOST_BYTES = 4 << 20

#: What else can happen than that bytes are sent: one side ended the connection, in one of three
#: ways (``LOST`` says no more than that it is gone), or waited no longer.
CLOSED, LOST, RESET = "closed", "lost", "reset"
TIMEOUT = "timeout"
HAPPENINGS = (CLOSED, LOST, RESET, TIMEOUT)


class Line(NamedTuple):
    """One PDU of an exchange, or what stands in the place of one.

    :ivar by_requestor: who sent it, or whose doing it is
    :ivar ms: when, in milliseconds from the first one, or None if that is not known
    :ivar data: fewer bytes than the PDU announces are those that came of it
    :ivar happening: one of ``HAPPENINGS``, without data; empty for a PDU
    """

    by_requestor: bool
    ms: float | None
    data: bytes
    happening: str = ""


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
        self._protocol: UpperLayerProtocol | None = None
        self._ended = False

    @property
    def handlers(self) -> tuple[Any, ...]:
        """The event handlers that record."""
        return (
            (EVT_DATA_SENT, self._add, [True]),
            (EVT_DATA_RECV, self._add, [False]),
            (EVT_CONN_OPEN, self._opened),
            (EVT_CONN_CLOSE, self._over),
        )

    def end(self, error: AssociationError | None = None) -> None:
        """There is nothing more; the connection may still be there.

        :param error: what the exchange failed with
        """
        self._over()
        if self._protocol is not None and self._protocol.in_handshake:
            self.lines.clear()  # what was to be sent waited for the end of the handshake
        if isinstance(error, AssociationTimeout):
            self._add_timeout()

    def _add(self, event: Any, by_requestor: bool) -> None:
        self._bytes += len(event.data)
        if len(self.lines) >= MOST_PDUS or self._bytes > MOST_BYTES:
            self.left_out += 1
        else:
            self.lines.append(Line(by_requestor, self._ms(), event.data))

    def _ms(self) -> float:
        now = self._seconds()
        if self._began is None:
            self._began = now
        return (now - self._began) * 1000

    def _opened(self, event: Any) -> None:
        self._protocol = event.assoc.protocol

    def _over(self, event: object = None) -> None:
        """The connection is gone, or nobody waits until it is."""
        if self._ended or self._protocol is None:
            return
        self._ended = True
        if not self.left_out:  # else it would seem to follow the last that was kept
            self._add_unfinished(self._protocol)
            self._add_closing(self._protocol)

    def _add_unfinished(self, protocol: UpperLayerProtocol) -> None:
        """What came of a PDU that did not become whole, at the time at which it came."""
        data = protocol.upper_layer.unfinished
        if data:
            when = max(0.0, self._ms() - protocol.silent_for * 1000)
            self.lines.append(Line(False, when, data))
            self.lines.sort(key=lambda line: line.ms or 0.0)

    def _add_closing(self, protocol: UpperLayerProtocol) -> None:
        """That the connection is gone, where it is not this side that closed it."""
        if protocol.lost is None or protocol.upper_layer.closing:
            return
        closed = protocol.lost.check(ConnectionDone)
        # After this side's own A-ABORT a connection that is lost was dropped by this side, too.
        if closed or not any(line.by_requestor and _is_abort(line) for line in self.lines):
            self.lines.append(Line(False, self._ms(), b"", CLOSED if closed else LOST))

    def _add_timeout(self) -> None:
        """Say before this side's A-ABORT, which is the last that it sent, why it was sent."""
        for place in range(len(self.lines) - 1, -1, -1):
            line = self.lines[place]
            if line.by_requestor and _is_abort(line):
                self.lines.insert(place, Line(True, line.ms, b"", TIMEOUT))
                return


def _is_abort(line: Line) -> bool:
    return line.data[:1] == bytes([Abort.PDU_TYPE])


class Step(NamedTuple):
    """A line, understood.

    :ivar pdu: None if it is none, or not whole
    :ivar messages: those that it completes
    :ivar mid_message: whether a message of the same side has begun and is not yet whole
    :ivar begun: the command set of that message, or None if that is not whole either
    :ivar problem: why it is no PDU, or no message
    """

    line: Line
    pdu: PDU | None = None
    messages: tuple[Message, ...] = ()
    mid_message: bool = False
    begun: CommandSet | None = None
    problem: ProtocolViolation | None = None

    @property
    def message(self) -> Message | None:
        """The message that it completes, the last of several, or None."""
        return self.messages[-1] if self.messages else None

    @property
    def is_part(self) -> bool:
        """Whether it is only the beginning of a PDU."""
        return is_part(self.line.data)


def steps(lines: Iterable[Line]) -> Iterator[Step]:
    """Each line, decoded; messages are put together for each direction."""
    assemblers = {side: _assembler() for side in (True, False)}
    for line in lines:
        if line.happening:
            yield Step(line)
            continue
        step = _understood(line, assemblers[line.by_requestor])
        if step.problem is not None:  # what follows may begin a message again
            assemblers[line.by_requestor] = _assembler()
        yield step


def _assembler() -> Assembler:
    return Assembler(16_384, 1_024, lambda _, __: MOST_BYTES)


def _understood(line: Line, assembler: Assembler) -> Step:
    pdu, messages = None, []
    try:
        pdu = decode(line.data)
        if isinstance(pdu, PDataTF):
            for value in pdu.values:
                message = assembler.feed(value)
                if message is not None:
                    messages.append(message)
    except ProtocolViolation as violation:
        violation.protocol = violation.protocol or spoken_protocol(line.data[:64])
        return Step(line, pdu, tuple(messages), problem=violation)
    return Step(line, pdu, tuple(messages), assembler.mid_message, assembler.begun)


def is_by_acceptor(step: Step) -> bool | None:
    """Whether it is for the acceptor to send this, or, as far as it says so, for the requestor."""
    if isinstance(step.pdu, (AssociateAC, AssociateRJ)):
        return True
    if isinstance(step.pdu, AssociateRQ):
        return False
    command = step.begun if step.message is None else step.message.command
    field = None if command is None else command.get("CommandField")
    return None if field is None else bool(field & RESPONSE)


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
    if step.line.happening:
        return step.line.happening
    if step.is_part:
        return part_name(step.line.data)
    if step.message is not None:
        return command_name(step.message.command.get("CommandField"))[:18]
    return step.pdu.NAME if step.pdu is not None else "no PDU"


def _detail(step: Step) -> str:
    """What is worth saying beside an arrow; no secrets are in it."""
    pdu = step.pdu
    if step.line.happening:
        return "waited no longer" if step.line.happening == TIMEOUT else "the connection"
    if step.is_part:
        return part_size(step.line.data)
    if step.problem is not None:
        protocol = step.problem.protocol
        size = len(step.line.data)
        return f"{size} bytes of {protocol}" if protocol else printable(step.problem.message)
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
        for message in step.messages:
            yield from message_in_words(message, incoming)
        if step.pdu is not None and not isinstance(step.pdu, PDataTF):
            yield from pdu_in_words(step.pdu, incoming)
        elif step.is_part:
            yield f"{part_name(step.line.data)}: {part_size(step.line.data)}"
        elif step.problem is not None:
            what = "no PDU" if step.pdu is None else step.pdu.NAME
            yield f"{what}: {printable(step.problem.message, 200)}"
