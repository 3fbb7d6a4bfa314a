"""Calling the handlers of events: in order, and so that a failing one disturbs nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import iscoroutine
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txdicom import log
from txdicom.dimse.command import command_name
from txdicom.dimse.message import Message
from txdicom.events import Event, EventType, Handler, Handlers


class EventSource:
    """What events happen on: an association.

    :ivar handlers: the handlers bound to it
    :ivar log: its log lines
    """

    def __init__(self, handlers: Handlers, association_log: log.AssociationLog) -> None:
        self.log = association_log
        self.handlers = handlers.copy()
        for event, handler in log.debug_handlers:
            self.handlers.bind(event, handler)

    def bind(self, event: EventType, handler: Handler, args: Sequence[Any] | None = None) -> None:
        """Call ``handler(Event, *args)`` when the event happens; see :meth:`Handlers.bind`."""
        self.handlers.bind(event, handler, args)
        self.handlers_changed()

    def unbind(self, event: EventType, handler: Handler) -> None:
        """Call the handler no more; one that is not bound is left alone."""
        self.handlers.unbind(event, handler)
        self.handlers_changed()

    def handlers_changed(self) -> None:
        """For those who have to know which events have handlers."""

    def notify(self, event: EventType, **attributes: Any) -> None:
        """Call the handlers of a notification event; what they raise is logged."""
        bound = self.handlers.get(event)
        if not bound:
            return
        occurrence = Event(event, self, **attributes)
        for handler, args in bound:
            try:
                result = handler(occurrence, *args)
            except Exception:
                self._handler_failed(Failure(), event)
                continue
            if iscoroutine(result):
                result = Deferred.fromCoroutine(result)
            if isinstance(result, Deferred):
                result.addErrback(self._handler_failed, event)

    def intervention(self, event: EventType) -> Callable[..., Any] | None:
        """What calls the handler of an intervention event with its attributes, or None."""
        bound = self.handlers.get(event)
        if not bound:
            return None
        ((handler, args),) = bound
        return lambda **attributes: handler(Event(event, self, **attributes), *args)

    def operation_failed(self, failure: Failure, request: Message) -> None:
        """The performing of a request failed; the peer is told Processing Failure."""
        name = command_name(request.command.get("CommandField"))
        self.log.failure(failure, f"performing {name} failed")

    def _handler_failed(self, failure: Failure, event: EventType) -> None:
        self.log.failure(failure, f"a handler of {event} failed")
