"""Name resolution apart from connecting: when it was done, and which addresses it gave."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IReactorPluggableNameResolver,
    IResolutionReceiver,
)
from zope.interface import implementer


@implementer(IResolutionReceiver)
class _Receiver:
    """Passes on what a resolver says, and notes it."""

    def __init__(self, resolving: ResolvingReactor, receiver: Any) -> None:
        self._resolving = resolving
        self._receiver = receiver

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:
        self._receiver.resolutionBegan(resolutionInProgress)

    def addressResolved(self, address: IAddress) -> None:
        host = getattr(address, "host", None)
        if host is not None and host not in self._resolving.addresses:
            self._resolving.addresses.append(host)
        self._receiver.addressResolved(address)

    def resolutionComplete(self) -> None:
        self._resolving.resolved_at = self._resolving.seconds()
        self._receiver.resolutionComplete()


@implementer(IReactorPluggableNameResolver, IHostnameResolver)
class ResolvingReactor:
    """A reactor for one ``HostnameEndpoint``, whose name resolver is watched.

    :ivar resolved_at: when the name was resolved, in the reactor's seconds, or None
    :ivar addresses: what it was resolved to
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self.resolved_at: float | None = None
        self.addresses: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    @property
    def nameResolver(self) -> IHostnameResolver:
        return self

    def installNameResolver(self, resolver: IHostnameResolver) -> IHostnameResolver:
        installed: IHostnameResolver = self._reactor.installNameResolver(resolver)
        return installed

    def resolveHostName(
        self, resolutionReceiver: Any, hostName: str, *args: Any, **arguments: Any
    ) -> IHostResolution:
        resolution: IHostResolution = self._reactor.nameResolver.resolveHostName(
            _Receiver(self, resolutionReceiver), hostName, *args, **arguments
        )
        return resolution
