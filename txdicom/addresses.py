"""Addresses of transports, as people write them."""

from __future__ import annotations

from twisted.internet.interfaces import IAddress


def host_and_port(address: IAddress | None) -> tuple[str, int]:
    """Host and port of an IPv4 or IPv6 address; the name and 0 of any other.

    An IPv4 peer of a socket that serves both is given as IPv4, without its ``::ffff:``.
    """
    host = getattr(address, "host", None)
    if host is None:
        name = getattr(address, "name", None) or "unknown"
        return (name if isinstance(name, str) else repr(name)), 0
    host = str(host)
    if host.lower().startswith("::ffff:") and "." in host:
        host = host[7:]
    return host, int(getattr(address, "port", 0))


def in_words(address: IAddress | None) -> str:
    """``host:port``, with an IPv6 host in brackets."""
    host, port = host_and_port(address)
    if not port:
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
