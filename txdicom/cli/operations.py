"""The operations of an exchange that was kept: requests, and what may be wrong with a message."""

from __future__ import annotations

from dataclasses import dataclass

from txdicom.cli.outcome import Echo
from txdicom.dimse.command import C_CANCEL_RQ, RESPONSE, CommandSet, command_name


@dataclass(slots=True)
class Request:
    """A request of the requestor's that has no final response yet.

    :ivar ms: when it began
    :ivar context_id: None while its data set is not whole
    :ivar pending: how many responses of the category pending came
    """

    command: CommandSet
    ms: float | None
    context_id: int | None = None
    echo: Echo | None = None
    pending: int = 0

    @property
    def field(self) -> int:
        return int(self.command["CommandField"])


def message_name(command: CommandSet | None) -> str:
    """A message in words; None is one whose command set is not whole."""
    if command is None:
        return "message"
    name = command_name(command.get("CommandField"))
    if "MessageIDBeingRespondedTo" in command:
        return f"{name} to message {command['MessageIDBeingRespondedTo']}"
    return f"{name} message {command.get('MessageID')}"


def is_request(command: CommandSet) -> bool:
    """Whether a message is to be answered."""
    field = command["CommandField"]
    return not field & RESPONSE and field != C_CANCEL_RQ


def malformed(command: CommandSet) -> str:
    """What is wrong with a message by itself, or nothing."""
    field = command.get("CommandField")
    if field is None:
        return command_name(None)
    if is_request(command) and "MessageID" not in command:
        return f"{command_name(field)} without a message ID"
    return ""


def mismatch(response: CommandSet, context_id: int, request: Request | None, all_seen: bool) -> str:
    """What is wrong with a response as the one to this request, or nothing.

    :param all_seen: each request is known that was made
    """
    message_id = response.get("MessageIDBeingRespondedTo")
    if request is None:
        return f"to message ID {message_id}, which is not outstanding" if all_seen else ""
    if response["CommandField"] != request.field | RESPONSE:
        return f"to message ID {message_id}, which is a {command_name(request.field)}"
    if request.context_id not in (None, context_id):
        return f"on context {context_id} to a request on context {request.context_id}"
    return "without a status" if response.get("Status") is None else ""
