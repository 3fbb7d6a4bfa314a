"""The connecting side: an association over any client endpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import DNSLookupError, UnknownHostError
from twisted.internet.interfaces import (
    IAddress,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from txdicom.association import Association
from txdicom.errors import AssociationTimeout, ConnectionFailed, NameNotResolved
from txdicom.events import Handlers
from txdicom.limits import Limits
from txdicom.performer import by_sop_class
from txdicom.presentation import PresentationContext
from txdicom.protocol import UpperLayerProtocol
from txdicom.requesting import Requesting
from txdicom.services.interface import IService
from txdicom.throttle import Throttle
from txdicom.upperlayer.pdu import AssociateRQ
from txdicom.verification import DEFAULT_SERVICES, VerificationAssociation


class ClientFactory(Factory):
    """Builds the protocol of one association to ask for.

    :ivar requesting: its establishment, with the Deferred of the association

    :param request: the A-ASSOCIATE-RQ
    :param contexts: the presentation contexts that it proposes, with their IDs
    :param services: what is performed for the peer, where it is given the SCU role; the
        Verification Service by default
    :param throttle: for the log lines, shared by all associations of a program
    :param opened: called with the association when there is a connection
    :param closed: called with the association when there is none any more
    """

    noisy = False
    association_class: type[Association] = VerificationAssociation

    def __init__(
        self,
        request: AssociateRQ,
        contexts: Iterable[PresentationContext],
        limits: Limits,
        clock: IReactorTime,
        handlers: Handlers | None = None,
        services: Iterable[IService] | None = None,
        throttle: Throttle | None = None,
        opened: Callable[[Any], None] | None = None,
        closed: Callable[[Any], None] | None = None,
    ) -> None:
        self.requesting = Requesting(request, tuple(contexts))
        self._limits = limits
        self._clock = clock
        self._handlers = handlers or Handlers()
        self._services = DEFAULT_SERVICES if services is None else by_sop_class(services)
        self._throttle = throttle or Throttle(clock, limits.log_rate)
        self._opened = opened
        self._closed = closed

    def buildProtocol(self, addr: IAddress | None) -> UpperLayerProtocol:
        association = self.association_class(
            self.requesting,
            self._limits,
            self._clock,
            self._handlers,
            self._services,
            self._throttle,
            self._closed,
        )
        if self._opened is not None:
            self._opened(association)
        return association.protocol


def connect(
    endpoint: IStreamClientEndpoint,
    factory: ClientFactory,
    limits: Limits,
    clock: IReactorTime,
    address: str,
) -> Deferred[Any]:
    """Connect and associate; fires with the established association.

    It fails with an AssociationError. To cancel it ends the attempt, in whatever phase it is.

    :param address: where the endpoint leads to, for error messages
    """
    return Deferred.fromCoroutine(_connect(endpoint, factory, limits, clock, address))


async def _connect(
    endpoint: IStreamClientEndpoint,
    factory: ClientFactory,
    limits: Limits,
    clock: IReactorTime,
    address: str,
) -> Any:
    connecting = _connection(endpoint, factory)
    seconds = limits.connection_timeout
    if seconds is not None:

        def expired(_: object, seconds: float) -> None:
            error = AssociationTimeout("connection_timeout", seconds, f"connection to {address}")
            error.stage = "connect"
            raise error

        connecting.addTimeout(seconds, clock, expired)
    try:
        await connecting
    except (CancelledError, AssociationTimeout):
        raise
    except (DNSLookupError, UnknownHostError) as error:
        raise NameNotResolved(address, _words(error)) from None
    except Exception as error:
        raise ConnectionFailed(address, _words(error)) from error
    return await factory.requesting.established


def _connection(endpoint: IStreamClientEndpoint, factory: ClientFactory) -> Deferred[Any]:
    """The endpoint's connection, which ends with CancelledError when it is cancelled.

    Endpoints end with many things then; while a name is resolved, as if there were no such name.
    """
    connecting: Deferred[Any] = endpoint.connect(factory)
    cancelled: list[bool] = []

    def cancel(_: Deferred[Any]) -> None:
        cancelled.append(True)
        connecting.cancel()

    def ended(result: Any) -> None:
        if not cancelled:
            waiting.callback(result)
        elif not isinstance(result, Failure):
            result.transport.abortConnection()  # it was too late to give it up

    waiting: Deferred[Any] = Deferred(cancel)
    connecting.addBoth(ended)
    return waiting


def _words(error: Exception) -> str:
    return str(error).rstrip(".") or type(error).__name__
