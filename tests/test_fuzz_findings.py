"""What attacks and fuzzing found: a test for each, by what was wrong."""

from __future__ import annotations

from typing import Any
from unittest import mock

from twisted.logger import LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from tests.test_protocol import ProtocolTestCase, _Collecting, c_echo_rq
from txdicom import server
from txdicom.errors import ProtocolViolation
from txdicom.uids import VERIFICATION
from txdicom.upperlayer import pdu
from txdicom.upperlayer.items import PresentationContextRQ
from txdicom.upperlayer.machine import UpperLayer


class MemoryTests(ProtocolTestCase):
    """A peer's fault keeps nothing of what the peer sent."""

    def test_violation_in_a_pdu(self) -> None:
        """A malformed request is not kept in the traceback of the violation that it is."""
        layer = UpperLayer(requestor=False)
        layer.transport_connected()
        request = pdu.AssociateRQ("SCP", "SCU").encode()
        layer.receive_data(request.replace(b"1.2.840", b"1.2.\xff40"))
        self.assertIsNone(layer.next_event())
        self.assertIn("outside ASCII", str(layer.violation))
        self.assertIsNone(layer.violation.__traceback__)
        self.assertIsNone(layer.violation.__context__)

    def test_violation_in_a_message(self) -> None:
        """Nor is a malformed message."""
        raw = self.raw()
        there = self.accepted()
        odd_status = b"\0\0\0\x09\x01\0\0\0\0"
        value = pdu.PresentationDataValue(1, True, True, odd_status)
        raw.write(pdu.PDataTF((value,)).encode())
        self.wire.flush()
        self.assertIsInstance(there.failure, ProtocolViolation)
        self.assertIsNone(there.failure.__traceback__)
        self.assertIsNone(there.failure.__context__)


class TurnTests(ProtocolTestCase):
    """A peer that was aborted, and goes on all the same."""

    def flood(self, data: bytes) -> int:
        """Send 1,000 PDUs to an acceptor that has aborted; how many one turn handles."""
        raw = self.raw()
        self.accepted().abort()
        protocol = raw.other.protocol
        before = protocol.upper_layer.pdus_received
        protocol.dataReceived(data * 1_000)
        return int(protocol.upper_layer.pdus_received - before)

    def test_ignored_pdus(self) -> None:
        """PDUs that are ignored have no more of a turn than others."""
        self.assertEqual(self.flood(c_echo_rq(1)), 100)

    def test_invalid_pdus(self) -> None:
        """Nor have invalid ones, each of which is answered with an A-ABORT."""
        self.assertEqual(self.flood(pdu.HEADER.pack(4, 0)), 100)

    def test_all_are_handled(self) -> None:
        """The others have the next turns, and reading pauses until then."""
        self.flood(c_echo_rq(1))
        transport = self.wire.transports[-1]
        self.assertFalse(transport._reading)
        for _ in range(10):
            self.wire.clock.advance(0)
        self.assertTrue(transport._reading)
        self.assertFalse(transport.protocol.upper_layer.mid_pdu)


class DuplicateTests(SynchronousTestCase):
    """A context ID that stands twice."""

    def test_refused_at_the_second(self) -> None:
        """It is refused at once: the 1,000 contexts that follow are not decoded first."""
        context = PresentationContextRQ(1, VERIFICATION, ("1.2.840.10008.1.2",))
        request = pdu.AssociateRQ("SCP", "SCU", (context,) * 1_000).encode()
        with (
            mock.patch.object(
                PresentationContextRQ, "decode", side_effect=PresentationContextRQ.decode
            ) as decode,
            self.assertRaises(ProtocolViolation) as raised,
        ):
            pdu.decode(request)
        self.assertIn("stands twice", str(raised.exception))
        self.assertEqual(decode.call_count, 2)


class ServerTests(ProtocolTestCase):
    """What a crowd of peers found."""

    def connections(self, count: int) -> list[Any]:
        """Peers that connect and say nothing; their transports."""
        transports = []
        for _ in range(count):
            self.wire.join(_Collecting(), self.wire.factories["scp"])
            transports.append(self.wire.transports[-2])
        self.wire.flush()
        return transports

    def test_few_descriptors(self) -> None:
        """Where the process may have hardly any descriptors, one peer at a time is served."""
        with mock.patch.object(server, "_descriptors", return_value=40):
            self.wire.listen(self.scp)
        here = self.successResultOf(self.wire.associate(self.scu))
        self.assertTrue(here.is_established)

    def test_unused_connections(self) -> None:
        """1,000 peers that connect and close are ten lines of the log, at most, in a second."""
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        self.wire.listen(self.scp)
        for transport in self.connections(1_000):
            transport.loseConnection()
        self.wire.flush()
        self.assertEqual(len(events), 10)
        self.assertEqual({event["log_level"] for event in events}, {LogLevel.debug})
