"""Framing: what is kept of what was received. How it is cut is a matter of ``test_machine``."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from txdicom.errors import ProtocolViolation
from txdicom.upperlayer.framing import Framing

PDU = b"\x04\0\0\0\0\x0a0123456789"


class FramingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.framing = Framing(100, 100)

    def test_reads_across_borders(self) -> None:
        """When no read ends where a PDU does, what was handled is dropped all the same."""
        self.framing.add(PDU[:3])
        for _ in range(1_000):
            self.framing.add(PDU[3:] + PDU[:3])
            self.assertEqual(self.framing.next_pdu(), PDU)
            self.assertIsNone(self.framing.next_pdu())
            self.assertEqual(len(self.framing), 3)
            self.assertLess(len(self.framing._received), 50)

    def test_whole_read(self) -> None:
        """A read that is one PDU is not copied."""
        self.framing.add(PDU)
        self.assertIs(self.framing.next_pdu(), PDU)
        self.assertEqual(len(self.framing), 0)

    def test_two_reads(self) -> None:
        """A PDU of two reads is put together once; of more, in a buffer that grows."""
        self.framing.add(PDU + PDU[:8])
        self.assertEqual(self.framing.next_pdu(), PDU)
        self.assertIsNone(self.framing.next_pdu())
        self.framing.add(PDU[8:])
        self.assertIs(type(self.framing._received), bytes)
        self.assertEqual(self.framing.next_pdu(), PDU)
        for at in range(0, len(PDU), 3):
            self.assertIsNone(self.framing.next_pdu())
            self.framing.add(PDU[at : at + 3])
            self.assertIs(type(self.framing._received), bytes if at < 6 else bytearray)
        self.assertEqual(self.framing.next_pdu(), PDU)
        self.assertEqual(len(self.framing), 0)

    def test_deaf(self) -> None:
        """After a header that cannot be, nothing is kept or heard."""
        self.framing.add(PDU + b"\x04\0\0\0\0\x65" + PDU)
        self.assertEqual(self.framing.next_pdu(), PDU)
        with self.assertRaises(ProtocolViolation) as caught:
            self.framing.next_pdu()
        self.assertEqual(caught.exception.seen, b"\x04\0\0\0\0\x65" + PDU)
        self.framing.add(PDU)
        self.assertIsNone(self.framing.next_pdu())
        self.assertEqual((len(self.framing), len(self.framing._received)), (0, 0))
