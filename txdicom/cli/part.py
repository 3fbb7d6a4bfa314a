"""A PDU of which only the beginning came, or is kept."""

from __future__ import annotations

from txdicom.upperlayer.pdu import HEADER, HEADER_LENGTH, PDUS


def is_part(data: bytes) -> bool:
    """Whether these bytes are the beginning of a PDU, and not a whole one."""
    if not data or data[0] not in PDUS:
        return False
    whole = _whole(data)
    return whole is None or len(data) < whole


def part_name(data: bytes) -> str:
    """The name of the PDU that these bytes begin."""
    return PDUS[data[0]].NAME


def part_size(data: bytes) -> str:
    """How much of the PDU these bytes are: ``its first 20 of 190 bytes``."""
    whole = _whole(data)
    return f"its first {len(data)}{'' if whole is None else f' of {whole}'} bytes"


def _whole(data: bytes) -> int | None:
    """How many bytes the PDU has, or None where its header is not whole either."""
    if len(data) < HEADER_LENGTH:
        return None
    return HEADER_LENGTH + int(HEADER.unpack_from(data)[1])
