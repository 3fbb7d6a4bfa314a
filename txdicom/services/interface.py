"""What an association needs of a service, and a service of an association."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from zope.interface import Attribute, Interface

from txdicom.dimse.message import Message
from txdicom.presentation import PresentationContext


class Requester(Protocol):
    """What the SCU half of a service takes: an association, or anything else with this method."""

    def request(
        self,
        message: Message,
        on_pending: Callable[[Message], Any] | None = None,
        data_set_limit: int = 0,
    ) -> Any:
        """Send a request. Returns what will give the final response, a Deferred for one.

        :param on_pending: called with each response whose status is Pending
        :param data_set_limit: longest data set that a response may have, in bytes
        """


class Operation(Protocol):
    """A request that the SCP half of a service is to perform.

    :ivar message: the request
    :ivar context: the presentation context on which it came
    :ivar handler: called with an event's attributes, gives what the program's handler of the
        service's event returns, a value or an awaitable; None when no handler is bound
    """

    message: Message
    context: PresentationContext
    handler: Callable[..., Any] | None

    def respond(self, message: Message) -> None:
        """Send a response; several, while their status is Pending."""


class IService(Interface):
    """The SCP half of a service."""

    sop_class_uids = Attribute("The SOP classes that it serves, a collection of str.")
    commands = Attribute("The command fields of the requests that it performs.")
    event = Attribute("The EventType whose handler decides on a request, or None.")
    data_set_limit = Attribute("The longest data set of a request, in bytes; 0 for none.")

    def perform(operation: Operation) -> Awaitable[None] | None:
        """Perform an operation and respond to it.

        What it raises, now or when awaited, is answered with the status Processing Failure.
        """
