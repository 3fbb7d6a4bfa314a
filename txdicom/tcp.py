"""TCP endpoints as ``AE.associate`` and ``AE.start_server`` are given them: by host and port."""

from __future__ import annotations

from typing import Any

from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.endpoints import (
    HostnameEndpoint,
    TCP4ClientEndpoint,
    TCP4ServerEndpoint,
    TCP6ClientEndpoint,
    TCP6ServerEndpoint,
)
from twisted.internet.interfaces import IStreamClientEndpoint, IStreamServerEndpoint

# Seconds, longer than any operating system tries to connect: the time-out is counted elsewhere,
# and one of the endpoint's own would come first, under another name.
_FOREVER = 86_400.0


def is_address(host: str) -> bool:
    """Whether it is an IPv4 or IPv6 address, and no name to be resolved."""
    return bool(isIPAddress(host) or isIPv6Address(host))


def client_endpoint(
    reactor: Any,
    addr: str | tuple[str, int, int],
    port: int,
    bind_address: tuple[str, int] | None,
) -> tuple[IStreamClientEndpoint, str]:
    """The endpoint that connects to a host and port, and the two in words.

    :raise TypeError: ``addr`` or ``port`` has the wrong type
    :raise ValueError: ``port`` is out of range
    """
    host = addr[0] if isinstance(addr, tuple) else addr
    if not isinstance(host, str):
        raise TypeError(f"addr is a host name or an address, not {addr!r}")
    if isinstance(port, bool) or not isinstance(port, int):
        raise TypeError(f"port is an int, not {port!r}")
    if not 1 <= port <= 65535:
        raise ValueError(f"port is 1 to 65535, not {port}")
    kind: Any = HostnameEndpoint
    if isIPAddress(host):  # what resolving names costs is for names only
        kind = TCP4ClientEndpoint
    elif isIPv6Address(host):
        kind = TCP6ClientEndpoint
    endpoint = kind(reactor, host, port, timeout=_FOREVER, bindAddress=bind_address)
    return endpoint, f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def server_endpoint(
    reactor: Any, address: tuple[str, int] | tuple[str, int, int, int], backlog: int
) -> IStreamServerEndpoint:
    """The endpoint that listens on a host and port; ``""`` is all IPv4 addresses."""
    host, port = address[0], address[1]
    kind = TCP6ServerEndpoint if ":" in host else TCP4ServerEndpoint
    endpoint: IStreamServerEndpoint = kind(reactor, port, backlog, host)
    return endpoint
