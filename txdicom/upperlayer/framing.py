"""Where in what is received each PDU begins and ends (PS3.8 9.3.1)."""

from __future__ import annotations

from txdicom.errors import ProtocolViolation
from txdicom.upperlayer import reasons
from txdicom.upperlayer.foreign import spoken_protocol
from txdicom.upperlayer.pdu import HEADER, HEADER_LENGTH, PDUS


class Framing:
    """The bytes received on one connection, and the PDUs in them.

    :param max_associate_length: longest A-ASSOCIATE-RQ or -AC to receive, in bytes
    :param max_pdata_length: longest P-DATA-TF to receive, in bytes
    """

    __slots__ = ("_at", "_deaf", "_length_limits", "_needed", "_received")

    def __init__(self, max_associate_length: int, max_pdata_length: int) -> None:
        self._received: bytes | bytearray = b""
        self._at = 0  # so much of it is handled
        self._needed = HEADER_LENGTH  # so much is needed from there
        self._deaf = False
        # Indexed by PDU type; the PDUs of four bytes are checked when they are decoded.
        associate, pdata = max_associate_length, max_pdata_length
        self._length_limits = (0, associate, associate, 4, pdata, 4, 4, 4)

    def __len__(self) -> int:
        """How many bytes were received and are not yet handled."""
        return len(self._received) - self._at

    def add(self, data: bytes) -> None:
        """These bytes were received."""
        if self._deaf:
            return
        if not self._received:  # reads mostly end where a PDU does: then nothing is copied
            self._received = data
            return
        if isinstance(self._received, bytes):
            if self._needed <= len(self) + len(data):  # a PDU of two reads is copied once
                self._received = self._received[self._at :] + data
                self._at = 0
                return
            self._received = bytearray(self._received)
        del self._received[: self._at]
        self._at = 0
        self._received += data

    def next_pdu(self) -> bytes | None:
        """The bytes of the next PDU, or None until it is whole.

        :raise ProtocolViolation: its header announces what is not to be received
        """
        received, at = self._received, self._at
        if len(received) - at < HEADER_LENGTH:
            self._needed = HEADER_LENGTH
            return None
        kind, length = HEADER.unpack_from(received, at)
        if kind not in PDUS or length > self._length_limits[kind]:
            raise self._not_to_be_received(kind, length)
        end = at + HEADER_LENGTH + length
        if end > len(received):
            self._needed = end - at
            return None
        if end < len(received):
            self._at = end
        else:
            self._received = b""
            self._at = 0
            if not at and isinstance(received, bytes):
                return received
        with memoryview(received) as view:
            return bytes(view[at:end])

    @property
    def unfinished(self) -> bytes:
        """What was received and is not yet handled: the beginning of a PDU, once all whole are."""
        return bytes(self._received[self._at :])

    def end(self) -> None:
        """Forget what was received, and hear no more."""
        self._deaf = True
        self._received = b""
        self._at = 0

    def _not_to_be_received(self, kind: int, length: int) -> ProtocolViolation:
        """Where the next PDU begins is not known, or not worth waiting for."""
        seen = bytes(self._received[self._at : self._at + 64])
        self.end()
        if kind not in PDUS:
            return ProtocolViolation(
                f"unknown PDU type {kind:#04x}",
                reasons.UNRECOGNIZED_PDU,
                seen,
                spoken_protocol(seen),
            )
        return ProtocolViolation(
            f"{PDUS[kind].NAME} of {length} bytes; the limit is {self._length_limits[kind]}",
            reasons.INVALID_PARAMETER_VALUE,
            seen,
        )
