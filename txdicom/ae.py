"""AE: the application entity, where a program starts."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import replace
from types import TracebackType
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.endpoints import clientFromString, serverFromString
from twisted.internet.interfaces import (
    IListeningPort,
    IStreamClientEndpoint,
    IStreamServerEndpoint,
)
from twisted.python.failure import Failure

from txdicom import client
from txdicom.association import Association
from txdicom.client import ClientFactory
from txdicom.contexts import Contexts
from txdicom.errors import ListenFailed
from txdicom.events import Handlers, HandlerSpec
from txdicom.limits import Limits
from txdicom.negotiation import ApplicationEntity, Policy, propose
from txdicom.presentation import PresentationContext, numbered
from txdicom.server import ServerFactory
from txdicom.services.interface import IService
from txdicom.tcp import client_endpoint, server_endpoint
from txdicom.throttle import Throttle
from txdicom.titles import ANY_SCP, checked_title, significant
from txdicom.uids import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME, checked_uid
from txdicom.upperlayer.user_information import SUB_ITEMS, UserInformation
from txdicom.verification import VerificationAssociation


def _limit(name: str, text: str) -> Any:
    """A property of the AE that is a field of its limits."""

    def get(self: AE) -> Any:
        return getattr(self.limits, name)

    def set_(self: AE, value: Any) -> None:
        self.limits = replace(self.limits, **{name: value})

    return property(get, set_, doc=text)


class AE(Contexts):
    """A DICOM application entity: requestor of associations, or acceptor, or both.

    What is set counts for the associations and servers that begin from then on.

    :ivar limits: all time-outs and limits; the more usual ones are attributes of their own
    :ivar implementation_version_name: None leaves the item out
    :ivar require_called_aet: whether a server refuses other called AE titles than its own
    :ivar maximum_operations: the asynchronous operations window that a server grants, as
        operations invoked and performed by the requestor; 0 is no limit

    :param ae_title: 1 to 16 printable ASCII characters
    :param limits: the defaults, if None
    :param reactor: the global one, if None
    """

    def __init__(
        self, ae_title: str = "TXDICOM", limits: Limits | None = None, reactor: Any = None
    ) -> None:
        super().__init__()
        self.ae_title = ae_title
        self.limits = limits or Limits()
        self.implementation_class_uid = IMPLEMENTATION_CLASS_UID
        self.implementation_version_name = IMPLEMENTATION_VERSION_NAME
        self.require_called_aet = False
        self.require_calling_aet = []
        self._given_reactor = reactor
        self._requested_associations: dict[Association, None] = {}
        self._throttle: Throttle | None = None
        self._servers: dict[ServerFactory, IListeningPort] = {}

    def __str__(self) -> str:
        return f"{self.ae_title}: {len(self.active_associations)} associations"

    acse_timeout = _limit("acse_timeout", "Seconds for the answer to an A-ASSOCIATE-RQ, or None.")
    dimse_timeout = _limit("dimse_timeout", "Seconds for the response to a request, or None.")
    network_timeout = _limit("network_timeout", "Seconds without anything received, or None.")
    connection_timeout = _limit("connection_timeout", "Seconds for a connection to open, or None.")
    maximum_associations = _limit("max_associations", "Associations of a server at once.")
    maximum_pdu_size = _limit("max_pdu", "Longest P-DATA-TF to receive, in bytes; 0 for no limit.")

    @property
    def ae_title(self) -> str:
        """The AE title."""
        return self._ae_title

    @ae_title.setter
    def ae_title(self, title: str) -> None:
        self._ae_title = checked_title(title)

    @property
    def implementation_class_uid(self) -> str:
        """The implementation class UID that is sent."""
        return self._implementation_class_uid

    @implementation_class_uid.setter
    def implementation_class_uid(self, uid: str) -> None:
        self._implementation_class_uid = checked_uid(uid)

    @property
    def implementation_version_name(self) -> str | None:
        """The implementation version name that is sent, 1 to 16 characters, or None."""
        return self._implementation_version_name

    @implementation_version_name.setter
    def implementation_version_name(self, name: str | None) -> None:
        self._implementation_version_name = (
            None if name is None else checked_title(name, "implementation version name")
        )

    @property
    def require_calling_aet(self) -> list[str]:
        """The calling AE titles that a server accepts; all, if there are none."""
        return sorted(self._require_calling_aet)

    @require_calling_aet.setter
    def require_calling_aet(self, titles: Iterable[str]) -> None:
        if isinstance(titles, str):
            raise TypeError("require_calling_aet is a list of AE titles, not one")
        self._require_calling_aet = frozenset(
            significant(checked_title(title, "calling AE title")) for title in titles
        )

    @property
    def active_associations(self) -> list[Association]:
        """The associations that are not closed yet, in both roles."""
        accepted = [a for server in self._servers for a in server.active_associations]
        return [*self._requested_associations, *accepted]

    # Requestor

    def associate(
        self,
        addr: str | tuple[str, int, int],
        port: int,
        contexts: Iterable[PresentationContext] | None = None,
        ae_title: str = ANY_SCP,
        max_pdu: int | None = None,
        ext_neg: Iterable[UserInformation] = (),
        bind_address: tuple[str, int] | None = None,
        evt_handlers: Iterable[HandlerSpec] = (),
    ) -> Deferred[VerificationAssociation]:
        """Associate with the node at a host and port, over TCP.

        Fires with the established association, and fails with an
        :class:`txdicom.errors.AssociationError`. All addresses of a host name are tried.

        :param addr: host name or address; an IPv6 address may be a tuple, its first item counts
        :param contexts: what to propose, instead of :attr:`Contexts.requested_contexts`
        :param ae_title: the called AE title
        :param max_pdu: instead of :attr:`maximum_pdu_size`
        :param ext_neg: further items: roles, identity, asynchronous operations window ...
        :param bind_address: local host and port to connect from
        :raise TypeError: an argument has the wrong type
        :raise ValueError: a wrong value, or there is no context to propose
        """
        endpoint, address = client_endpoint(self._reactor, addr, port, bind_address)
        return self._connect(endpoint, address, contexts, ae_title, max_pdu, ext_neg, evt_handlers)

    def connect(
        self,
        endpoint: str | IStreamClientEndpoint,
        contexts: Iterable[PresentationContext] | None = None,
        ae_title: str = ANY_SCP,
        max_pdu: int | None = None,
        ext_neg: Iterable[UserInformation] = (),
        evt_handlers: Iterable[HandlerSpec] = (),
        address: str | None = None,
    ) -> Deferred[VerificationAssociation]:
        """Associate over any endpoint, an object or a string like ``tls:host:2762``.

        The other arguments and what it fires with are those of :meth:`associate`.

        :param address: where it leads to, for error messages; by default what the endpoint is
        """
        if isinstance(endpoint, str):
            made: IStreamClientEndpoint = clientFromString(self._reactor, endpoint)
            where = address or endpoint
        else:
            made, where = endpoint, address or type(endpoint).__name__
        return self._connect(made, where, contexts, ae_title, max_pdu, ext_neg, evt_handlers)

    def association(self, *args: Any, **arguments: Any) -> AssociationContext:
        """An association for ``async with``: released at the end, aborted on an exception.

        Takes the arguments of :meth:`associate`.
        """
        return AssociationContext(self, args, arguments)

    def _connect(
        self,
        endpoint: IStreamClientEndpoint,
        address: str,
        contexts: Iterable[PresentationContext] | None,
        ae_title: str,
        max_pdu: int | None,
        ext_neg: Iterable[UserInformation],
        evt_handlers: Iterable[HandlerSpec],
    ) -> Deferred[VerificationAssociation]:
        limits = self.limits if max_pdu is None else replace(self.limits, max_pdu=max_pdu)
        proposed = numbered(self._requested if contexts is None else contexts)
        extended = tuple(ext_neg)
        for item in extended:
            if type(item) not in SUB_ITEMS.values():
                raise TypeError(f"not an extended negotiation item: {item!r}")
        request = propose(
            self._entity(limits), checked_title(ae_title, "called AE title"), proposed, extended
        )
        try:
            request.encode()
        except struct.error as error:
            raise ValueError(f"an item of the request cannot be encoded: {error}") from None
        factory = ClientFactory(
            request,
            proposed,
            limits,
            self._reactor,
            Handlers(evt_handlers),
            throttle=self._throttle_of(limits),
            opened=lambda association: self._requested_associations.update({association: None}),
            closed=lambda association: self._requested_associations.pop(association, None),
        )
        return client.connect(endpoint, factory, limits, self._reactor, address)

    # Acceptor

    def start_server(
        self,
        address: tuple[str, int] | tuple[str, int, int, int],
        block: bool = True,
        evt_handlers: Iterable[HandlerSpec] = (),
        ae_title: str | None = None,
        contexts: Iterable[PresentationContext] | None = None,
        services: Iterable[IService] | None = None,
    ) -> Deferred[IListeningPort] | None:
        """Listen on a host and port, over TCP.

        With ``block`` it runs the reactor until that is stopped, by an interrupt for one, and
        returns None. Without, it returns a Deferred of the listening port.

        :param address: ``""`` for all IPv4 and ``"::"`` for all IPv6 addresses; port 0 for any
        :param ae_title: instead of :attr:`ae_title`
        :param contexts: instead of :attr:`Contexts.supported_contexts`
        :param services: what is performed; the Verification Service by default
        :raise ValueError: no context is supported
        :raise RuntimeError: ``block`` where the reactor runs already
        :raise ListenFailed: an OSError, when it cannot listen there
        """
        endpoint = server_endpoint(self._reactor, address, self.limits.backlog)
        if block and self._reactor.running:
            raise RuntimeError("the reactor runs already: start the server with block=False")
        listening = self.listen(endpoint, evt_handlers, ae_title, contexts, services)
        if not block:
            return listening
        failures: list[Failure] = []
        listening.addErrback(failures.append)
        if failures:
            failures[0].raiseException()
        self._reactor.addSystemEventTrigger("before", "shutdown", self.shutdown)
        self._reactor.run()
        return None

    def listen(
        self,
        endpoint: str | IStreamServerEndpoint,
        evt_handlers: Iterable[HandlerSpec] = (),
        ae_title: str | None = None,
        contexts: Iterable[PresentationContext] | None = None,
        services: Iterable[IService] | None = None,
    ) -> Deferred[IListeningPort]:
        """Listen on any endpoint, an object or a string like ``haproxy:tcp:11112``.

        Fires with the listening port, and fails with a :class:`txdicom.errors.ListenFailed`. The
        other arguments are those of :meth:`start_server`.
        """
        factory = self.server_factory(evt_handlers, ae_title, contexts, services)
        if isinstance(endpoint, str):
            made: IStreamServerEndpoint = serverFromString(self._reactor, endpoint)
        else:
            made = endpoint

        def listening(port: IListeningPort) -> IListeningPort:
            self._servers[factory] = port
            return port

        def failed(failure: Failure) -> IListeningPort:
            raise ListenFailed(failure.getErrorMessage()) from failure.value

        return made.listen(factory).addCallbacks(listening, failed)

    def server_factory(
        self,
        evt_handlers: Iterable[HandlerSpec] = (),
        ae_title: str | None = None,
        contexts: Iterable[PresentationContext] | None = None,
        services: Iterable[IService] | None = None,
    ) -> ServerFactory:
        """The factory that a server listens with, for programs that listen by themselves.

        :raise ValueError: no context is supported
        """
        return ServerFactory(
            self._policy(ae_title, contexts), self.limits, self._reactor, evt_handlers, services
        )

    def shutdown(self) -> Deferred[None]:
        """Stop listening and abort every association; fires when all is closed."""
        ports, self._servers = self._servers, {}
        waiting: list[Deferred[Any]] = [
            association.abort() for association in self._requested_associations
        ]
        for factory, port in ports.items():
            stopped = port.stopListening()
            if stopped is not None:
                waiting.append(stopped)
            waiting.append(factory.shutdown())
        return DeferredList(waiting, consumeErrors=True).addCallback(lambda _: None)

    def _policy(
        self, ae_title: str | None, contexts: Iterable[PresentationContext] | None
    ) -> Policy:
        supported = self.supported_contexts if contexts is None else list(contexts)
        if not supported:
            raise ValueError("a server needs a supported presentation context")
        entity = self._entity(self.limits)
        if ae_title is not None:
            entity = replace(entity, ae_title=checked_title(ae_title))
        return Policy(
            entity,
            {context.abstract_syntax: context for context in supported},
            bool(self.require_called_aet),
            self._require_calling_aet,
            (self.limits.max_operations, 1),
        )

    def _entity(self, limits: Limits) -> ApplicationEntity:
        return ApplicationEntity(
            self._ae_title,
            self._implementation_class_uid,
            self._implementation_version_name,
            limits.max_pdu,
        )

    def _throttle_of(self, limits: Limits) -> Throttle:
        """The throttle that the requested associations share."""
        if self._throttle is None or self._throttle.rate != limits.log_rate:
            self._throttle = Throttle(self._reactor, limits.log_rate)
        return self._throttle

    @property
    def _reactor(self) -> Any:
        if self._given_reactor is None:
            from twisted.internet import reactor

            self._given_reactor = reactor
        return self._given_reactor


class AssociationContext:
    """``async with ae.association(...) as association``."""

    def __init__(self, ae: AE, args: tuple[Any, ...], arguments: dict[str, Any]) -> None:
        self._ae = ae
        self._args = args
        self._arguments = arguments
        self._association: VerificationAssociation | None = None

    async def __aenter__(self) -> VerificationAssociation:
        self._association = await self._ae.associate(*self._args, **self._arguments)
        return self._association

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._association is not None  # __aenter__ returned
        if error is None:
            await self._association.release()
        else:
            await self._association.abort()
