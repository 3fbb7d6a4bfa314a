"""The listening side: associations over any server endpoint, and how many of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import Factory

from txdicom.accepting import Accepting
from txdicom.association import Association
from txdicom.events import EventType, Handler, Handlers, HandlerSpec
from txdicom.limits import Limits
from txdicom.negotiation import Policy
from txdicom.performer import by_sop_class
from txdicom.protocol import UpperLayerProtocol
from txdicom.services.interface import IService
from txdicom.throttle import Throttle
from txdicom.verification import DEFAULT_SERVICES, VerificationAssociation

#: Descriptors left for all else in the process: listening sockets, logs, files, and the hundred
#: connections that Twisted accepts in one turn, before those closed in their favour are gone.
SPARE_DESCRIPTORS = 128


class ServerFactory(Factory):
    """Builds the protocol of each connection, within the limits.

    A connection counts as an association from the time its request is admitted until it is closed.
    When there are as many connections as there may be, the oldest one without an association is
    closed in favour of the newcomer.

    :ivar policy: what is accepted; it may be replaced, for the requests that come from then on

    :param services: what is performed for the peers; the Verification Service by default
    """

    noisy = False
    association_class: type[Association] = VerificationAssociation

    def __init__(
        self,
        policy: Policy,
        limits: Limits,
        clock: IReactorTime,
        evt_handlers: Iterable[HandlerSpec] = (),
        services: Iterable[IService] | None = None,
    ) -> None:
        self.policy = policy
        self.limits = limits
        self._clock = clock
        self._handlers = Handlers(evt_handlers)
        self._services = DEFAULT_SERVICES if services is None else by_sop_class(services)
        self._throttle = Throttle(clock, limits.log_rate)
        descriptors = max(1, _descriptors() - SPARE_DESCRIPTORS)
        self._max_connections = min(limits.max_connections, descriptors)
        # Dicts, for their order: the oldest comes first.
        self._unassociated: dict[Association, None] = {}
        self._associations: dict[Association, None] = {}

    @property
    def active_associations(self) -> list[Association]:
        """The associations that were admitted and are not closed yet, oldest first."""
        return list(self._associations)

    def buildProtocol(self, addr: IAddress | None) -> UpperLayerProtocol | None:
        if len(self._unassociated) + len(self._associations) >= self._max_connections:
            oldest = next(iter(self._unassociated), None)
            if oldest is None:
                return None  # all have associations: the transport is closed
            oldest.log.fault("crowded out", "Connection closed in favour of a newer one")
            del self._unassociated[oldest]
            oldest.protocol.abort_connection()
        association = self.association_class(
            Accepting(self.policy, self._admitted),
            self.limits,
            self._clock,
            self._handlers,
            self._services,
            self._throttle,
            self._closed,
        )
        self._unassociated[association] = None
        return association.protocol

    def _admitted(self, association: Association) -> bool:
        if len(self._associations) >= self.limits.max_associations:
            return False
        self._unassociated.pop(association, None)
        self._associations[association] = None
        return True

    def _closed(self, association: Association) -> None:
        self._unassociated.pop(association, None)
        self._associations.pop(association, None)

    def bind(self, event: EventType, handler: Handler, args: Sequence[Any] | None = None) -> None:
        """Bind a handler to the associations there are, and to those to come."""
        self._handlers.bind(event, handler, args)
        for association in self._all():
            association.bind(event, handler, args)

    def unbind(self, event: EventType, handler: Handler) -> None:
        """Unbind a handler from the associations there are, and from those to come."""
        self._handlers.unbind(event, handler)
        for association in self._all():
            association.unbind(event, handler)

    def shutdown(self) -> Deferred[None]:
        """Abort every association; fires when all connections are closed."""
        return DeferredList([association.abort() for association in self._all()]).addCallback(
            lambda _: None
        )

    def _all(self) -> list[Association]:
        return [*self._unassociated, *self._associations]


def _descriptors() -> int:
    """How many descriptors the process may have."""
    try:
        from resource import RLIM_INFINITY, RLIMIT_NOFILE, getrlimit
    except ImportError:  # no such limit on this platform
        return 1 << 31
    soft, _ = getrlimit(RLIMIT_NOFILE)
    return 1 << 31 if soft == RLIM_INFINITY else soft
