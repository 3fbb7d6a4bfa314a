"""What else speaks where DICOM was expected, told by its first bytes."""

from __future__ import annotations

# First bytes that no DICOM peer sends: its PDU types are 01H to 07H, and the second byte is 00H.
# Six at most, since a PDU is refused when the six of its header are there.
_SIGNATURES = (
    (
        "HTTP",
        (b"HTTP/", b"GET ", b"POST ", b"HEAD ", b"PUT ", b"OPTION", b"CONNEC", b"PRI * "),
    ),
    ("TLS", (b"\x15\x03", b"\x16\x03")),
    ("SSH", (b"SSH-",)),
    ("HL7 (MLLP)", (b"\x0bMSH",)),
    ("HL7", (b"MSH|",)),
    ("the PROXY protocol", (b"PROXY ", b"\r\n\r\n\0\r")),
    ("SMTP or FTP", (b"220 ", b"220-")),
)


def spoken_protocol(seen: bytes) -> str | None:
    """The protocol that these first bytes are of, or None if it is none of the known."""
    for protocol, prefixes in _SIGNATURES:
        if seen.startswith(prefixes):
            return protocol
    return None
