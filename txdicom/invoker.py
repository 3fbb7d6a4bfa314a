"""The invoking side of DIMSE: requests sent, and the Deferreds of their responses (PS3.7 6.1)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txdicom.dimse.command import RESPONSE, CommandSet, command_name
from txdicom.dimse.message import Message
from txdicom.dimse.status import STATUS_PENDING, code_to_category
from txdicom.errors import AssociationAborted, AssociationError, DIMSETimeout, ProtocolViolation
from txdicom.timers import EXACTNESS, Timers
from txdicom.upperlayer.reasons import ABORT_BY_USER, NOT_SPECIFIED


class _Outstanding:
    """A request, and who waits for its response."""

    __slots__ = ("data_set_limit", "deadline", "deferred", "field", "message", "on_pending")

    def __init__(
        self,
        message: Message,
        deferred: Deferred[Message],
        on_pending: Callable[[Message], Any] | None,
        data_set_limit: int,
    ) -> None:
        self.message = message
        self.field: int = message.command["CommandField"]
        self.deferred = deferred
        self.on_pending = on_pending
        self.data_set_limit = data_set_limit
        self.deadline = 0.0


class Invoker:
    """The requests of one association, matched with their responses by Message ID and command.

    As many are outstanding at once as the negotiated window allows; the others wait their turn.

    :param send: sends a message
    :param fail: ends the association with an error
    :param window: how many requests may be outstanding, 0 for no limit
    :param timeout: seconds until a response has to come, None for no limit
    """

    def __init__(
        self,
        send: Callable[[Message], None],
        fail: Callable[[AssociationError], None],
        timers: Timers,
        window: int,
        timeout: float | None,
    ) -> None:
        self._send = send
        self._fail = fail
        self._window = window
        self.timeout = timeout
        self._timers = timers
        self._outstanding: dict[int, _Outstanding] = {}
        self._waiting: deque[_Outstanding] = deque()
        self._ids_waiting: set[int] = set()
        self._last_id = 0

    def __len__(self) -> int:
        """How many requests have no final response yet."""
        return len(self._outstanding) + len(self._waiting)

    def next_message_id(self) -> int:
        """A Message ID that no outstanding request has; they count up from 1."""
        message_id = self._last_id
        while True:
            message_id = message_id % 0xFFFF + 1
            if not self.is_outstanding(message_id):
                self._last_id = message_id
                return message_id

    def is_outstanding(self, message_id: int) -> bool:
        return message_id in self._outstanding or message_id in self._ids_waiting

    def request(
        self,
        message: Message,
        on_pending: Callable[[Message], Any] | None = None,
        data_set_limit: int = 0,
    ) -> Deferred[Message]:
        """Send a request, now or when the window allows it.

        :raise ValueError: its Message ID is outstanding already, or is none
        """
        message_id = message.command["MessageID"]
        if self.is_outstanding(message_id):
            raise ValueError(f"message ID {message_id} is outstanding already")
        deferred: Deferred[Message] = Deferred(self._cancel)
        entry = _Outstanding(message, deferred, on_pending, data_set_limit)
        if self._window and len(self._outstanding) >= self._window:
            self._waiting.append(entry)
            self._ids_waiting.add(message_id)
        else:
            self._invoke(entry)
        return deferred

    def _invoke(self, entry: _Outstanding) -> None:
        self._outstanding[entry.message.command["MessageID"]] = entry
        if self.timeout is not None:
            entry.deadline = self._timers.clock.seconds() + self.timeout
            if "response" not in self._timers.running:
                self._timers.start("response", self.timeout, self._look)
        self._send(entry.message)

    def data_set_limit(self, command: CommandSet) -> int:
        """How long a data set a response may have: as long as its request said."""
        entry = self._outstanding.get(command.get("MessageIDBeingRespondedTo", -1))
        return entry.data_set_limit if entry else 0

    def received(self, response: Message) -> None:
        """A response: hand it to who waits for it.

        :raise ProtocolViolation: nobody does
        """
        command = response.command
        message_id = command.get("MessageIDBeingRespondedTo")
        name = command_name(command.get("CommandField"))
        entry = self._outstanding.get(message_id) if message_id is not None else None
        if message_id is None or entry is None:
            raise ProtocolViolation(
                f"{name} to message ID {message_id}, which is not outstanding", NOT_SPECIFIED
            )
        if command["CommandField"] != entry.field | RESPONSE:
            raise ProtocolViolation(
                f"{name} to message ID {message_id}, which is a {command_name(entry.field)}",
                NOT_SPECIFIED,
            )
        if response.context_id != entry.message.context_id:
            raise ProtocolViolation(
                f"{name} on context {response.context_id} to a request on context"
                f" {entry.message.context_id}",
                NOT_SPECIFIED,
            )
        status = command.get("Status")
        if status is None:
            raise ProtocolViolation(f"{name} without a status", NOT_SPECIFIED)
        if code_to_category(status) == STATUS_PENDING and entry.on_pending is not None:
            self._restart(entry)
            entry.on_pending(response)
            return
        del self._outstanding[message_id]
        while self._waiting and (not self._window or len(self._outstanding) < self._window):
            waiting = self._waiting.popleft()
            self._ids_waiting.discard(waiting.message.command["MessageID"])
            self._invoke(waiting)
        entry.deferred.callback(response)

    def end(self, reason: AssociationError) -> None:
        """Fail all that is outstanding; no response can come any more."""
        self._timers.stop("response")
        entries = [*self._outstanding.values(), *self._waiting]
        self._outstanding.clear()
        self._waiting.clear()
        self._ids_waiting.clear()
        for entry in entries:
            entry.deferred.errback(Failure(reason))

    # Time: the oldest request comes first in the dict, and all have the same time-out

    def _restart(self, entry: _Outstanding) -> None:
        if self.timeout is not None:
            message_id = entry.message.command["MessageID"]
            self._outstanding[message_id] = self._outstanding.pop(message_id)
            entry.deadline = self._timers.clock.seconds() + self.timeout

    def _look(self) -> None:
        """Whether the oldest request is overdue: that others were answered is only seen here."""
        oldest = next(iter(self._outstanding.values()), None)
        if oldest is None:
            return
        left = oldest.deadline - self._timers.clock.seconds()
        if left > EXACTNESS:
            self._timers.start("response", left, self._look)
            return
        name = command_name(oldest.field)
        self._fail(DIMSETimeout("dimse_timeout", self.timeout or 0, f"response to {name}"))

    def _cancel(self, deferred: Deferred[Message]) -> None:
        """A request that waits is forgotten; one that was sent can only be ended by an abort."""
        for entry in self._waiting:
            if entry.deferred is deferred:
                self._waiting.remove(entry)
                self._ids_waiting.discard(entry.message.command["MessageID"])
                return
        for message_id, entry in self._outstanding.items():
            if entry.deferred is deferred:
                del self._outstanding[message_id]
                break
        self._fail(
            AssociationAborted(ABORT_BY_USER, NOT_SPECIFIED, "local", "a request was cancelled")
        )
