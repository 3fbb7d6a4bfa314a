"""The Verification Service Class (PS3.4 Annex A): C-ECHO (PS3.7 9.1.5 and 9.3.5)."""

from __future__ import annotations

from collections.abc import Awaitable
from inspect import isawaitable
from typing import Any

from zope.interface import implementer

from txdicom.dimse.command import C_ECHO_RQ, NO_DATA_SET
from txdicom.dimse.message import Message, response_to
from txdicom.dimse.status import SUCCESS
from txdicom.events import EVT_C_ECHO
from txdicom.services.interface import IService, Operation, Requester
from txdicom.uids import VERIFICATION


def c_echo(association: Requester, context_id: int, message_id: int) -> Any:
    """The SCU half: send a C-ECHO-RQ. Returns what ``association.request`` returns."""
    return association.request(
        Message(
            context_id,
            {
                "AffectedSOPClassUID": VERIFICATION,
                "CommandField": C_ECHO_RQ,
                "MessageID": message_id,
                "CommandDataSetType": NO_DATA_SET,
            },
        )
    )


def _said(request: Message, said: Any) -> Message:
    """The response that a handler asks for: by a status, or by a data set that has a Status.

    :raise TypeError: it says neither
    :raise ValueError: the status is not one of two bytes
    """
    status = getattr(said, "Status", said)
    if isinstance(status, bool) or not isinstance(status, int):
        raise TypeError(
            f"a handler of EVT_C_ECHO returns a status or a data set with a Status, not {said!r}"
        )
    if not 0 <= status <= 0xFFFF:
        raise ValueError(f"a status is 0x0000 to 0xFFFF, not {status:#x}")
    comment = getattr(said, "ErrorComment", None)
    if not comment:
        return response_to(request, int(status))
    return response_to(request, int(status), ErrorComment=str(comment)[:64])


@implementer(IService)
class VerificationSCP:
    """The SCP half: answers Success, or what the handler of EVT_C_ECHO says."""

    sop_class_uids = (VERIFICATION,)
    commands = (C_ECHO_RQ,)
    event = EVT_C_ECHO
    data_set_limit = 0

    def perform(self, operation: Operation) -> Awaitable[None] | None:
        request = operation.message
        if operation.handler is None:
            operation.respond(response_to(request, SUCCESS))
            return None
        said = operation.handler(request=request, context=operation.context.as_tuple)
        if isawaitable(said):
            return self._perform_later(operation, said)
        operation.respond(_said(request, said))
        return None

    async def _perform_later(self, operation: Operation, said: Awaitable[Any]) -> None:
        operation.respond(_said(operation.message, await said))
