"""Every limit, with its default: one row each, here and nowhere else.

``AE`` and the factories take a :class:`Limits`; the plugin's options and the documentation's table
are made from its fields.
"""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields
from typing import Any


def _seconds(default: float, text: str, option: str = "") -> Any:
    return field(default=default, metadata={"unit": "seconds", "text": text, "option": option})


def _count(default: int, unit: str, text: str, option: str = "", least: int = 1) -> Any:
    return field(
        default=default, metadata={"unit": unit, "text": text, "option": option, "least": least}
    )


@dataclass(frozen=True, slots=True)
class Limits:
    """Time-outs in seconds, None for none, and sizes.

    :raise TypeError: a value is not a number
    :raise ValueError: a value is negative, or below the least that works
    """

    artim: float | None = _seconds(
        30.0, "from the transport connection to a whole A-ASSOCIATE-RQ, TLS handshake included"
    )
    closing_timeout: float | None = _seconds(
        5.0, "for the peer to close the connection after A-ABORT, A-ASSOCIATE-RJ or A-RELEASE-RP"
    )
    pdu_timeout: float | None = _seconds(
        30.0, "for a PDU or message to arrive whole, from its first byte"
    )
    network_timeout: float | None = _seconds(60.0, "without anything received on an association")
    write_timeout: float | None = _seconds(
        60.0, "for a peer to read what waits to be written, once reading is paused"
    )
    connection_timeout: float | None = _seconds(10.0, "for a transport connection to be opened")
    acse_timeout: float | None = _seconds(
        30.0, "for the answer to an A-ASSOCIATE-RQ, or for the handlers that decide on one"
    )
    dimse_timeout: float | None = _seconds(30.0, "for the response to a DIMSE request")
    release_timeout: float | None = _seconds(5.0, "for the answer to an A-RELEASE-RQ")
    max_associate_length: int = _count(
        262_144, "bytes", "of an A-ASSOCIATE-RQ or A-ASSOCIATE-AC", least=68
    )
    max_pdu: int = _count(
        16_382,
        "bytes",
        "of a P-DATA-TF to receive; announced to the peer, 0 announces no limit",
        least=0,
    )
    max_command: int = _count(16_384, "bytes", "of a whole command set", least=64)
    max_command_fragments: int = _count(1_024, "fragments", "of a command set")
    max_operations: int = _count(
        16, "operations", "of one requestor outstanding at once, where it negotiates a window"
    )
    max_write_buffer: int = _count(
        65_536, "bytes", "waiting to be written to a peer before reading from it pauses"
    )
    max_pdus_per_turn: int = _count(
        100, "PDUs", "of one association handled before others have their turn"
    )
    max_associations: int = _count(
        1_000,
        "associations",
        "at once; a further one is rejected (transient, local limit exceeded)",
    )
    max_connections: int = _count(
        5_000,
        "connections",
        "at once; for a further one the oldest without an association is closed",
    )
    backlog: int = _count(1_024, "connections", "waiting to be accepted by the operating system")
    log_rate: int = _count(
        10,
        "lines",
        "a second in the log about each kind of fault, and releases; further ones are counted",
    )

    def __post_init__(self) -> None:
        for row in fields(self):
            check_limit(row, getattr(self, row.name))


def check_limit(row: Field[Any], value: object) -> None:
    """Whether a value may stand in this field of :class:`Limits`."""
    if row.metadata["unit"] == "seconds":
        if value is None:
            return
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise TypeError(f"{row.name} is a number of seconds or None, not {value!r}")
        if not 0 < value < float("inf"):
            raise ValueError(f"{row.name} is a positive number of seconds or None, not {value!r}")
        return
    least = row.metadata["least"]
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{row.name} is a number of {row.metadata['unit']}, not {value!r}")
    if not least <= value <= 0xFFFFFFFF:
        raise ValueError(f"{row.name} is {least} to 4,294,967,295, not {value!r}")
