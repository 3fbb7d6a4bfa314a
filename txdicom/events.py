"""``evt``: what happens on an association, and the handlers that a program binds to it.

A notification event tells any number of handlers that something happened. An intervention event
asks one handler for a decision; unbound, it has a default. Every handler is called with an
:class:`Event`, and with the further arguments that it was bound with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Union


@dataclass(frozen=True, slots=True, eq=False)  # each kind is one object
class EventType:
    """A kind of event: its name, and the attributes that an :class:`Event` of it has."""

    name: str
    description: str
    is_intervention: bool = False

    def __str__(self) -> str:
        return self.name

    @property
    def is_notification(self) -> bool:
        return not self.is_intervention


def _notification(name: str, description: str) -> EventType:
    return EventType(name, description)


def _intervention(name: str, description: str) -> EventType:
    return EventType(name, description, True)


EVT_CONN_OPEN = _notification("EVT_CONN_OPEN", "connection opened: address")
EVT_CONN_CLOSE = _notification("EVT_CONN_CLOSE", "connection closed: address")
EVT_DATA_RECV = _notification("EVT_DATA_RECV", "bytes of one PDU received: data")
EVT_DATA_SENT = _notification("EVT_DATA_SENT", "bytes of one PDU sent: data")
EVT_PDU_RECV = _notification("EVT_PDU_RECV", "PDU received: pdu")
EVT_PDU_SENT = _notification("EVT_PDU_SENT", "PDU sent: pdu")
EVT_ACSE_RECV = _notification("EVT_ACSE_RECV", "association primitive received: primitive")
EVT_ACSE_SENT = _notification("EVT_ACSE_SENT", "association primitive sent: primitive")
EVT_DIMSE_RECV = _notification("EVT_DIMSE_RECV", "DIMSE message received: message")
EVT_DIMSE_SENT = _notification("EVT_DIMSE_SENT", "DIMSE message sent: message")
EVT_FSM_TRANSITION = _notification(
    "EVT_FSM_TRANSITION",
    "transition of the state machine: current_state, fsm_event, action, next_state",
)
EVT_REQUESTED = _notification("EVT_REQUESTED", "association requested")
EVT_ACCEPTED = _notification("EVT_ACCEPTED", "association accepted")
EVT_REJECTED = _notification("EVT_REJECTED", "association rejected")
EVT_ESTABLISHED = _notification("EVT_ESTABLISHED", "association established")
EVT_RELEASED = _notification("EVT_RELEASED", "association released")
EVT_ABORTED = _notification("EVT_ABORTED", "association aborted")

EVT_USER_ID = _intervention(
    "EVT_USER_ID",
    "user identity: user_id_type, primary_field, secondary_field -> (accepted, response)",
)
EVT_SOP_EXTENDED = _intervention(
    "EVT_SOP_EXTENDED", "SOP class extended negotiation: app_info -> {uid: bytes}"
)
EVT_SOP_COMMON = _intervention(
    "EVT_SOP_COMMON", "SOP class common extended negotiation: items -> {uid: item}"
)
EVT_ASYNC_OPS = _intervention(
    "EVT_ASYNC_OPS",
    "asynchronous operations window: nr_invoked, nr_performed -> (invoked, performed)",
)
EVT_C_ECHO = _intervention("EVT_C_ECHO", "C-ECHO request: request, context -> status")


class Event:
    """One occurrence of an event.

    :ivar event: its :class:`EventType`
    :ivar assoc: the association on which it happened
    :ivar timestamp: when, with its time zone

    The further attributes are those that the event type names.
    """

    def __init__(self, event: EventType, assoc: Any, **attributes: Any) -> None:
        self.event = event
        self.assoc = assoc
        self.timestamp = datetime.now().astimezone()
        self.__dict__.update(attributes)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"{self.event.name} has no {name!r} ({self.event.description})")

    @property
    def message_id(self) -> int:
        """The Message ID of the request that an intervention event is about."""
        return int(self.request.command["MessageID"])


Handler = Callable[..., Any]
HandlerSpec = Union["tuple[EventType, Handler]", "tuple[EventType, Handler, Sequence[Any]]"]


class Handlers(dict[EventType, tuple[tuple[Handler, tuple[Any, ...]], ...]]):
    """The handlers bound to one association, or to all those of a server.

    By event, each with its further arguments. An association without any is asked for them often,
    and a dict says so at once.
    """

    __slots__ = ()

    def __init__(self, specs: Iterable[HandlerSpec] = ()) -> None:
        super().__init__()
        for spec in specs:
            self.bind(*spec)

    def copy(self) -> Handlers:
        """Handlers that start as these and are bound apart from them."""
        handlers = Handlers()
        handlers.update(self)
        return handlers

    def bind(self, event: EventType, handler: Handler, args: Sequence[Any] | None = None) -> None:
        """Call ``handler(Event, *args)`` when the event happens.

        A handler that is already bound to the event is bound once all the same. An intervention
        event has one handler, so a further one takes its place.

        :raise TypeError: the event is no EventType, or the handler not callable
        """
        if not isinstance(event, EventType):
            raise TypeError(f"not an event of evt: {event!r}")
        if not callable(handler):
            raise TypeError(f"the handler of {event} is not callable: {handler!r}")
        entry = (handler, tuple(args or ()))
        if event.is_intervention:
            self[event] = (entry,)
        else:
            self.unbind(event, handler)
            self[event] = (*self.get(event, ()), entry)

    def unbind(self, event: EventType, handler: Handler) -> None:
        """Call the handler no more; one that is not bound is left alone."""
        left = tuple(entry for entry in self.get(event, ()) if entry[0] != handler)
        if left:
            self[event] = left
        else:
            self.pop(event, None)
