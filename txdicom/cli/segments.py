"""The packets of a capture, and the TCP segments in them: link layer, IPv4 and IPv6, TCP."""

from __future__ import annotations

import struct
from ipaddress import ip_address
from typing import NamedTuple

#: The longest packet, as libpcap has it.
MOST_PACKET = 262_144

# Link types: how long the header is, and where in it the protocol stands, if it does.
_ETHERNET = 1
LINKS: dict[int, tuple[int, int | None]] = {
    0: (4, None),  # BSD loopback
    108: (4, None),
    _ETHERNET: (14, 12),
    12: (0, None),  # raw IP
    14: (0, None),
    101: (0, None),
    228: (0, None),
    229: (0, None),
    113: (16, 14),  # Linux cooked, and its second version
    276: (20, 0),
}
_VLAN_TAGS = (0x8100, 0x88A8)
_IP_PROTOCOLS = (0x0800, 0x86DD)
_IPV6_OPTIONS = (0, 43, 60)
_TCP = 6
FIN, SYN, RST, ACK = 1, 2, 4, 16


class Segment(NamedTuple):
    """One TCP segment; source and destination are address and port.

    :ivar seconds: when, or None if the capture does not say
    """

    seconds: float | None
    source: tuple[str, int]
    destination: tuple[str, int]
    sequence: int
    flags: int
    data: bytes


class Packet(NamedTuple):
    """One packet of a capture, of whatever format.

    :ivar seconds: when, or None if the capture does not say
    :ivar link: its link type, one of ``LINKS``
    :ivar whole: whether it was captured to its end
    """

    seconds: float | None
    link: int
    data: bytes
    whole: bool


class Damaged(ValueError):
    """The capture cannot be read on from here; what came before it is good."""


def check_length(length: int) -> int:
    """The length of a packet, in bytes.

    :raise Damaged: no packet is so long
    """
    if length > MOST_PACKET:
        raise Damaged(f"a packet of {length} bytes: the file is damaged")
    return length


def unknown_link(link: int) -> ValueError:
    """A link type that is not read here."""
    return ValueError(f"link type {link} is not known here: capture Ethernet, loopback or any")


def segment_of(packet: Packet) -> Segment | None:
    """The TCP segment in a packet, or None if it is something else, or too short."""
    try:
        return _segment(packet.seconds, packet.link, packet.data)
    except (struct.error, IndexError):
        return None


def _segment(seconds: float | None, link: int, packet: bytes) -> Segment | None:
    at, protocol_at = LINKS[link]
    if protocol_at is not None:
        (protocol,) = struct.unpack_from(">H", packet, protocol_at)
        while link == _ETHERNET and protocol in _VLAN_TAGS:
            (protocol,) = struct.unpack_from(">H", packet, at + 2)
            at += 4
        if protocol not in _IP_PROTOCOLS:
            return None
    found = _ip(packet[at:])
    if found is None:
        return None
    source, destination, tcp = found
    sport, dport, sequence, _, offset, flags = struct.unpack_from(">HHIIBB", tcp)
    data = tcp[max(20, (offset >> 4) * 4) :]
    return Segment(seconds, (source, sport), (destination, dport), sequence, flags, data)


def _ip(packet: bytes) -> tuple[str, str, bytes] | None:
    """Source, destination and TCP of an IP packet; None for a fragment or another protocol."""
    version = packet[0] >> 4
    if version == 4:
        begins = (packet[0] & 15) * 4
        (length,) = struct.unpack_from(">H", packet, 2)
        (fragment,) = struct.unpack_from(">H", packet, 6)
        if packet[9] != _TCP or fragment & 0x3FFF or begins < 20:
            return None
        source, destination = packet[12:16], packet[16:20]
        ends = length or len(packet)  # 0 where the network card cuts it into segments
    elif version == 6:
        (length,) = struct.unpack_from(">H", packet, 4)
        kind, begins, ends = packet[6], 40, 40 + length if length else len(packet)
        while kind in _IPV6_OPTIONS:
            kind, begins = packet[begins], begins + (packet[begins + 1] + 1) * 8
        if kind != _TCP:
            return None
        source, destination = packet[8:24], packet[24:40]
    else:
        return None
    return str(ip_address(source)), str(ip_address(destination)), packet[begins:ends]
