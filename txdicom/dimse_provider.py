"""The DIMSE service provider of an association (PS3.7 6.1): P-DATA to messages and back.

What is received goes fragment by fragment to the :class:`Assembler`, and a whole message to the
:class:`Invoker` if it is a response, to the :class:`Performer` if it is a request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from twisted.python.failure import Failure

from txdicom.dimse.command import RESPONSE, CommandSet, command_name
from txdicom.dimse.message import Assembler, Message, fragment
from txdicom.errors import AssociationError, AssociationTimeout, ProtocolViolation
from txdicom.events import EVT_DIMSE_RECV, EVT_DIMSE_SENT, EventType, Handlers
from txdicom.invoker import Invoker
from txdicom.limits import Limits
from txdicom.performer import Performer
from txdicom.presentation import PresentationContext
from txdicom.services.interface import IService
from txdicom.timers import Timers
from txdicom.upperlayer.pdu import PDU, PDataTF
from txdicom.upperlayer.user_information import AsynchronousOperationsWindow


class Carrier(Protocol):
    """What carries the messages: an association."""

    handlers: Handlers

    @property
    def is_established(self) -> bool:
        """Whether messages can be sent."""

    def send_pdu(self, pdu: PDU) -> None:
        """Send a PDU."""

    def fail(self, error: AssociationError) -> None:
        """End the association, because of this."""

    def notify(self, event: EventType, **attributes: Any) -> None:
        """Call the handlers of a notification event."""

    def intervention(self, event: EventType) -> Callable[..., Any] | None:
        """What calls the handler of an intervention event, or None if none is bound."""

    def operation_failed(self, failure: Failure, request: Message) -> None:
        """Log that the performing of a request failed."""


class DIMSEProvider:
    """Messages of one association.

    :param contexts: the accepted presentation contexts
    :param maximum_length: of a P-DATA-TF to the peer, as the peer announced it
    :param window: how many requests this side may have outstanding, and how many the peer
    :param in_use: called when an operation ends for which the peer had to wait
    """

    __slots__ = (
        "_assembler",
        "_carrier",
        "_contexts",
        "_ended",
        "_invoker",
        "_limits",
        "_maximum_length",
        "_timers",
        "_window",
        "performer",
    )

    def __init__(
        self,
        carrier: Carrier,
        contexts: Iterable[PresentationContext],
        services: Mapping[str, IService],
        maximum_length: int,
        window: AsynchronousOperationsWindow,
        limits: Limits,
        timers: Timers,
        in_use: Callable[[], None],
    ) -> None:
        self._carrier = carrier
        self._contexts = {context.context_id: context for context in contexts}
        self._maximum_length = maximum_length
        self._limits = limits
        self._ended = False
        self._assembler = Assembler(
            limits.max_command, limits.max_command_fragments, self._data_set_limit
        )
        self._timers = timers
        self._window = window
        self._invoker: Invoker | None = None
        self.performer = Performer(
            services,
            self._send,
            carrier.intervention,
            carrier.operation_failed,
            in_use,
            window.performed,
        )

    @property
    def invoker(self) -> Invoker:
        """The invoking side; most acceptors never need it."""
        if self._invoker is None:
            self._invoker = Invoker(
                self._send,
                self._carrier.fail,
                self._timers,
                self._window.invoked,
                self._limits.dimse_timeout,
            )
        return self._invoker

    def received(self, pdu: PDataTF) -> None:
        """The peer's P-DATA-TF.

        :raise ProtocolViolation: what it carries is not to be
        """
        completed = False
        for value in pdu.values:
            if self._ended:  # a handler of what came before has ended the association
                return
            context = self._contexts.get(value.context_id)
            if context is None:
                raise ProtocolViolation(
                    f"data on presentation context {value.context_id}, which was not accepted"
                )
            message = self._assembler.feed(value)
            if message is not None:
                completed = True
                self._received_message(message, context)
        if self._ended:
            return
        timers = self._timers
        if self._assembler.mid_message:
            if completed or "message" not in timers.running:
                timers.start("message", self._limits.pdu_timeout, self._message_expired)
        elif "message" in timers.running:
            timers.stop("message")

    def end(self, reason: AssociationError) -> None:
        """No message can be sent or received any more."""
        self._ended = True
        self._timers.stop("message")
        performer, invoker = self.performer, self._invoker
        # They refer back here: cut, they are freed at once and not with the garbage.
        del self.performer, self._invoker, self._assembler
        performer.end()
        if invoker is not None:
            invoker.end(reason)

    def _received_message(self, message: Message, context: PresentationContext) -> None:
        carrier = self._carrier
        if carrier.handlers:
            carrier.notify(EVT_DIMSE_RECV, message=message)
            if self._ended:  # by a handler
                return
        field = message.command.get("CommandField")
        if field is None:
            raise ProtocolViolation(command_name(field))
        if field & RESPONSE:
            self.invoker.received(message)
        else:
            self.performer.received(message, context)

    def _send(self, message: Message) -> None:
        carrier = self._carrier
        if carrier.handlers and carrier.is_established:
            carrier.notify(EVT_DIMSE_SENT, message=message)
        # After a release or an abort, perhaps by that handler, a response goes nowhere, and neither
        # does a request that waited for others to be answered.
        if carrier.is_established:
            for pdu in fragment(message, self._maximum_length):
                carrier.send_pdu(pdu)

    def _data_set_limit(self, context_id: int, command: CommandSet) -> int:
        field = command.get("CommandField", 0)
        if field & RESPONSE:
            return self.invoker.data_set_limit(command)
        return self.performer.data_set_limit(self._contexts[context_id], command)

    def _message_expired(self) -> None:
        self._carrier.fail(
            AssociationTimeout(
                "pdu_timeout", self._limits.pdu_timeout or 0, "end of a message that began"
            )
        )
