"""What is to be verified: ``[AET@]HOST[:PORT]``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from txdicom.titles import checked_title

#: The port for DICOM that is registered for it (PS3.8 9.1.1); the other two are 11112 and 2762.
DEFAULT_PORT = 104

# The last label of what the system takes for an IPv4 address: 41112 is 0.0.160.152, and 127.1 and
# 0x7f000001 are 127.0.0.1. No name ends so: no top-level domain is numeric (RFC 3696 2).
_NUMBER = re.compile(r"\d+|0[xX][0-9a-fA-F]*")


@dataclass(frozen=True, slots=True)
class Target:
    """A DICOM node.

    :ivar ae_title: the called AE title, or None for the one that is called by default
    :ivar port_given: whether the port was named, and not the default
    :ivar note: what a roster says about it
    """

    host: str
    port: int = DEFAULT_PORT
    ae_title: str | None = None
    port_given: bool = True
    tls: bool | None = None
    note: str = ""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        title = "" if self.ae_title is None else f"{self.ae_title}@"
        return f"{title}{host}:{self.port}"


def checked_port(text: str) -> int:
    """A port number.

    :raise ValueError: it is none
    """
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= 65535:
        raise ValueError(f"a port is 1 to 65535, not {text!r}")
    return int(text)


def parse_target(text: str) -> Target:
    """A target as people write it; an IPv6 address with a port is in brackets.

    :raise ValueError: it is none
    """
    title, at, address = text.rpartition("@")
    ae_title = checked_title(title, "called AE title") if at else None
    host, port = _divided(address)
    _check_host(host)
    if port is None:
        return Target(host, ae_title=ae_title, port_given=False)
    return Target(host, checked_port(port), ae_title)


def _divided(address: str) -> tuple[str, str | None]:
    """The host and the port, if there is one.

    :raise ValueError: the brackets are wrong, or nothing is after the colon
    """
    host, colon, port = address, "", ""
    if address.startswith("["):
        host, bracket, rest = address[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError(f"not [address]:port: {address!r}")
        colon, port = rest[:1], rest[1:]
    elif address.count(":") == 1:
        host, colon, port = address.partition(":")
    if colon and not port:
        raise ValueError(f"no port after the colon: {address!r}")
    return host, port if colon else None


def _check_host(host: str) -> None:
    """Whether it may be a host name or an address.

    :raise ValueError: it is neither
    """
    if not host or not host.isprintable() or any(c in host for c in " /\\[]"):
        raise ValueError(f"not a host name or address: {host!r}")
    if ":" in host:
        from twisted.internet.abstract import isIPv6Address

        if not isIPv6Address(host):
            raise ValueError(f"not an IPv6 address: {host!r}")
        return
    plain = host if host.isascii() else _plain(host)
    if _NUMBER.fullmatch(plain.removesuffix(".").rpartition(".")[2]):
        from twisted.internet.abstract import isIPAddress

        if not isIPAddress(plain):
            hint = "an IPv4 address is four numbers, 0 to 255, without leading zeros"
            if plain.isdigit():
                hint = "is it a port?"
            raise ValueError(f"not a host name or address: {host!r}; {hint}")


def _plain(host: str) -> str:
    """A name as IDNA takes it (RFC 3490 3.1): full-width digits are digits, and stops are dots."""
    from unicodedata import normalize

    return normalize("NFKC", host).replace("\u3002", ".")
