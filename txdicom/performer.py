"""The performing side of DIMSE: requests received, and who performs them (PS3.7 6.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txdicom.dimse import status
from txdicom.dimse.command import C_CANCEL_RQ, CommandSet, command_name
from txdicom.dimse.message import Message, response_to
from txdicom.errors import ProtocolViolation
from txdicom.events import EventType
from txdicom.presentation import PresentationContext
from txdicom.services.interface import IService
from txdicom.upperlayer.reasons import NOT_SPECIFIED


class _Operation:
    """A request being performed; what a service is given (``services.interface.Operation``)."""

    __slots__ = ("context", "handler", "message", "respond")

    def __init__(
        self,
        message: Message,
        context: PresentationContext,
        handler: Callable[..., Any] | None,
        respond: Callable[[Message], None],
    ) -> None:
        self.message = message
        self.context = context
        self.handler = handler
        self.respond = respond


class Performer:
    """The operations that this side of an association performs.

    :param services: the services by SOP class UID
    :param respond: sends a response, if the association still is
    :param handler: what calls the program's handler of an event, or None if there is none
    :param log_failure: told the failure of an operation, and its request
    :param ended: called when an operation ends that took its time
    :param window: how many operations may be performed at once, 0 for no limit
    """

    __slots__ = (
        "_ended",
        "_handler",
        "_log_failure",
        "_performing",
        "_respond",
        "_services",
        "_window",
    )

    def __init__(
        self,
        services: Mapping[str, IService],
        respond: Callable[[Message], None],
        handler: Callable[[EventType], Callable[..., Any] | None],
        log_failure: Callable[[Failure, Message], None],
        ended: Callable[[], None],
        window: int,
    ) -> None:
        self._services = services
        self._respond = respond
        self._handler = handler
        self._log_failure = log_failure
        self._ended = ended
        self._window = window
        self._performing: dict[int, Deferred[None]] = {}

    def __len__(self) -> int:
        """How many operations are being performed."""
        return len(self._performing)

    def data_set_limit(self, context: PresentationContext, command: CommandSet) -> int:
        """How long a data set a request may have."""
        service = self._services.get(context.abstract_syntax)
        if service is None or command.get("CommandField") not in service.commands:
            return 0
        return int(service.data_set_limit)

    def received(self, request: Message, context: PresentationContext) -> None:
        """A request: have it performed, or answer why it is not (PS3.7 Annex C).

        :raise ProtocolViolation: it has no Message ID to be answered under
        """
        command = request.command
        message_id = command.get("MessageID")
        field = command.get("CommandField")
        if field == C_CANCEL_RQ:
            # Nothing here can be cancelled; a C-CANCEL for what is no more is ignored (9.3.2.3).
            return
        if message_id is None:
            raise ProtocolViolation(f"{command_name(field)} without a message ID", NOT_SPECIFIED)
        refused = self._refused(request, context)
        if refused is not None:
            self._respond(response_to(request, refused))
            return
        service = self._services[context.abstract_syntax]
        handler = self._handler(service.event) if service.event is not None else None
        operation = _Operation(request, context, handler, self._respond)
        try:
            later = service.perform(operation)
        except Exception:
            self._failed(Failure(), request)
            return
        if later is not None:
            performing = _deferred(later)
            self._performing[message_id] = performing
            performing.addErrback(self._failed_later, request)
            performing.addBoth(self._performed, message_id)

    def _refused(self, request: Message, context: PresentationContext) -> int | None:
        """The status that says why the request is not performed, or None."""
        command = request.command
        service = self._services.get(context.abstract_syntax)
        if service is None or command["CommandField"] not in service.commands:
            return status.UNRECOGNIZED_OPERATION
        sop_class_uid = command.get("AffectedSOPClassUID", command.get("RequestedSOPClassUID"))
        if sop_class_uid not in service.sop_class_uids:
            return status.SOP_CLASS_NOT_SUPPORTED
        if command["MessageID"] in self._performing:
            return status.DUPLICATE_INVOCATION
        if self._window and len(self._performing) >= self._window:
            return status.RESOURCE_LIMITATION
        return None

    def end(self) -> None:
        """The association is over: cancel what is being performed."""
        performing, self._performing = self._performing, {}
        for deferred in performing.values():
            deferred.cancel()

    def _performed(self, result: object, message_id: int) -> None:
        self._performing.pop(message_id, None)
        self._ended()

    def _failed_later(self, failure: Failure, request: Message) -> None:
        if request.command["MessageID"] in self._performing:
            self._failed(failure, request)

    def _failed(self, failure: Failure, request: Message) -> None:
        self._log_failure(failure, request)
        self._respond(response_to(request, status.PROCESSING_FAILURE))


def _deferred(awaitable: Any) -> Deferred[None]:
    async def wait() -> None:
        await awaitable

    return Deferred.fromCoroutine(wait())


def by_sop_class(services: Iterable[IService]) -> dict[str, IService]:
    """The services by each SOP class UID that they serve.

    :raise ValueError: two serve the same one
    """
    found: dict[str, IService] = {}
    for service in services:
        for uid in service.sop_class_uids:
            if uid in found:
                raise ValueError(f"two services for the SOP class {uid}")
            found[uid] = service
    return found
