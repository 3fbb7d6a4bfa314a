"""The protocol on its transport: back-pressure, turns, timers, and the end of connections."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHandshakeListener, IPushProducer
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from tests.test_association import AssociationTestCase
from txdicom import Limits, evt
from txdicom.dimse.message import Message, fragment
from txdicom.errors import ProtocolViolation, TLSFailed
from txdicom.negotiation import ApplicationEntity, propose
from txdicom.presentation import build_context, numbered
from txdicom.uids import VERIFICATION
from txdicom.upperlayer import pdu
from txdicom.upperlayer.table import State


def c_echo_rq(message_id: int) -> bytes:
    """A P-DATA-TF with a C-ECHO-RQ."""
    message = Message(
        1,
        {
            "AffectedSOPClassUID": VERIFICATION,
            "CommandField": 0x30,
            "MessageID": message_id,
            "CommandDataSetType": 0x0101,
        },
    )
    (only,) = fragment(message, 0)
    return only.encode()


class ProtocolTestCase(AssociationTestCase):
    """A raw peer that has associated, and the acceptor that it writes to."""

    def raw(self, handlers: Any = ()) -> Any:
        """The requestor's transport; its protocol only collects what it is sent."""
        here = self.associate(handlers)
        self.received = bytearray()
        transport = here.protocol.transport
        here.protocol.dataReceived = self.received.extend
        return transport

    def connect(self) -> Any:
        """A raw connection to the server. Returns the peer's transport."""
        self.wire.join(_Collecting(), self.wire.factories["scp"])
        return self.wire.transports[-2]


class InterfaceTests(AssociationTestCase):
    def test_interfaces(self) -> None:
        """The protocol provides what transports ask of it."""
        here = self.associate()
        verifyObject(IHandshakeListener, here.protocol)
        verifyObject(IPushProducer, here.protocol)


class BackPressureTests(ProtocolTestCase):
    """A peer that sends and does not read."""

    def test_reading_pauses(self) -> None:
        """When much waits to be written, reading pauses; when it is written, it goes on."""
        performed: list[Any] = []

        def count(event: Any) -> int:
            performed.append(event.message_id)
            return 0

        raw = self.raw([(evt.EVT_C_ECHO, count)])
        raw.pauseProducing()
        for number in range(10_000):
            raw.write(c_echo_rq(number))
        self.wire.flush()
        self.assertLess(len(performed), 2_000)
        self.assertTrue(self.accepted().is_established)
        raw.resumeProducing()
        self.wire.flush()
        self.assertEqual(performed, list(range(10_000)))
        self.assertEqual(len(self.received), 10_000 * 90)
        self.assertEqual(list(self.accepted().protocol.timers.running), ["network"])

    def test_memory_is_bounded(self) -> None:
        """What waits for such a peer stays within the buffer and one turn's responses."""
        raw = self.raw()
        raw.pauseProducing()
        for number in range(10_000):
            raw.write(c_echo_rq(number))
        self.wire.flush()
        acceptor = raw.other
        self.assertLess(len(acceptor._unsent), 65_536 + 100 * 90)
        self.assertLess(len(acceptor.protocol.upper_layer._framing), 2 * 65_536)

    def test_write_timeout(self) -> None:
        """A peer that does not read for a minute is cut off."""
        self.scp.network_timeout = None
        raw = self.raw()
        there = self.accepted()
        raw.pauseProducing()
        for number in range(10_000):
            raw.write(c_echo_rq(number))
        self.wire.advance(59)
        self.assertTrue(there.is_established)
        self.wire.advance(1)
        self.assertEqual(there.failure.timer, "write_timeout")
        self.assertEqual(self.scp.active_associations, [])

    def test_option(self) -> None:
        """The size of the buffer is the limit's."""
        self.scp = self.wire.ae("SCP", Limits(max_write_buffer=1000))
        self.scp.add_supported_context(VERIFICATION)
        raw = self.raw()
        raw.pauseProducing()
        for number in range(3_000):
            raw.write(c_echo_rq(number))
        self.wire.flush()
        self.assertLess(len(raw.other._unsent), 1000 + 100 * 90)


class TurnTests(ProtocolTestCase):
    """A greedy peer does not keep others waiting."""

    def test_a_turn_has_an_end(self) -> None:
        """One turn handles 100 PDUs of an association, and the rest waits for the next."""
        performed: list[int] = []

        def count(event: Any) -> int:
            performed.append(event.message_id)
            return 0

        raw = self.raw([(evt.EVT_C_ECHO, count)])
        acceptor = raw.other.protocol
        acceptor.dataReceived(b"".join(c_echo_rq(number) for number in range(250)))
        self.assertEqual(len(performed), 100)
        self.wire.clock.advance(0)
        self.assertEqual(performed, list(range(250)))

    def test_reading_pauses_meanwhile(self) -> None:
        """Nothing is read while there is enough to do."""
        raw = self.raw()
        raw.other.protocol.dataReceived(b"".join(c_echo_rq(number) for number in range(150)))
        self.assertFalse(raw.other._reading)
        self.wire.clock.advance(0)
        self.assertTrue(raw.other._reading)

    def test_closed_meanwhile(self) -> None:
        """What came before a close is handled before it, and nothing is left behind."""
        performed: list[int] = []

        def count(event: Any) -> int:
            performed.append(event.message_id)
            return 0

        raw = self.raw([(evt.EVT_C_ECHO, count)])
        acceptor = raw.other.protocol
        acceptor.dataReceived(b"".join(c_echo_rq(number) for number in range(150)))
        raw.other._lost(ConnectionDone(), ConnectionDone())
        self.assertEqual(len(performed), 150)
        self.wire.flush()
        self.assertNothingLeft()

    def test_answers_are_written_at_once(self) -> None:
        """The answers of one turn are one write."""
        raw = self.raw()
        writes: list[bytes] = []
        raw.other.write = writes.append
        raw.other.protocol.dataReceived(b"".join(c_echo_rq(number) for number in range(5)))
        self.assertEqual([len(data) for data in writes], [5 * 90])


class TimerTests(ProtocolTestCase):
    """Which timers run."""

    def test_acceptor(self) -> None:
        """ARTIM until the request is whole, then the network's, and one for each part of a PDU."""
        self.wire.listen(self.scp)
        peer = self.connect()
        running = peer.other.protocol.timers.running
        request = propose(ApplicationEntity("SCU"), "SCP", numbered([build_context(VERIFICATION)]))
        echo = c_echo_rq(1)
        for data, names in (
            (b"", {"artim"}),
            (request.encode()[:50], {"artim", "pdu"}),
            (request.encode()[50:], {"network"}),
            (echo[:7], {"network", "pdu"}),
            (echo[7:], {"network"}),
        ):
            peer.write(data)
            self.wire.flush()
            self.assertEqual(set(running), names)

    def test_requestor(self) -> None:
        """While the connection is being closed, only the time for that counts."""
        here = self.associate()
        protocol = here.protocol
        protocol.transport.loseConnection = lambda: None
        here.release()
        release_rp = pdu.ReleaseRP().encode()
        protocol.dataReceived(release_rp[:5])
        self.assertEqual(set(protocol.timers.running), {"acse", "network", "pdu"})
        protocol.dataReceived(release_rp[5:])
        self.assertEqual(set(protocol.timers.running), {"artim"})

    def test_each_pdu_has_its_time(self) -> None:
        """The time-out of a PDU counts from its own beginning."""
        self.raw()
        there = self.accepted()
        seconds = there.limits.pdu_timeout
        echo = c_echo_rq(1)
        there.protocol.dataReceived(echo[:7])
        self.wire.advance(seconds - 1)
        there.protocol.dataReceived(echo[7:] + echo[:7])
        self.wire.advance(seconds - 1)
        there.protocol.dataReceived(echo[7:8])
        self.assertTrue(there.is_established)
        self.wire.advance(1)
        self.assertEqual(there.failure.timer, "pdu_timeout")

    def test_each_message_has_its_time(self) -> None:
        """So does that of a message, also of one that begins in the PDU that ends another."""
        self.raw()
        there = self.accepted()
        seconds = there.limits.pdu_timeout
        command = c_echo_rq(1)[12:]
        first = pdu.PresentationDataValue(1, True, False, command[:20])
        last = pdu.PresentationDataValue(1, True, True, command[20:])
        for values in ((first,), (last, first)):
            there.protocol.dataReceived(pdu.PDataTF(values).encode())
            self.wire.advance(seconds - 1)
            self.assertTrue(there.is_established)
        self.wire.advance(1)
        self.assertEqual(there.failure.timer, "pdu_timeout")


class EndTests(ProtocolTestCase):
    """How connections end."""

    def test_artim(self) -> None:
        """A peer that connects and says nothing is closed after the ARTIM time-out."""
        self.wire.listen(self.scp)
        idle = self.connect()
        self.wire.advance(29.9)
        self.assertFalse(idle.disconnected)
        self.wire.advance(0.1)
        self.assertTrue(idle.disconnected)
        self.assertEqual(self.wire.clock.getDelayedCalls(), [])

    def test_dripping(self) -> None:
        """Bytes do not restart ARTIM: the request has to be whole in time."""
        self.wire.listen(self.scp)
        slow = self.connect()
        request = pdu.AssociateRQ("SCP", "SLOW").encode()
        for byte in request[:40]:
            slow.write(bytes([byte]))
            self.wire.advance(1)
            if slow.disconnected:
                break
        self.assertEqual(self.wire.clock.seconds(), 30)

    def test_closes_after_a_rejection(self) -> None:
        """After an A-ASSOCIATE-RJ the peer has 5 seconds to close, then it is cut off."""
        self.scp.require_called_aet = True
        self.wire.listen(self.scp)
        peer = self.connect()
        peer.write(pdu.AssociateRQ("WRONG", "PEER").encode())
        self.wire.advance(4.9)
        self.assertFalse(peer.disconnected)
        self.wire.advance(0.1)
        self.assertTrue(peer.disconnected)

    def test_not_dicom(self) -> None:
        """A peer that speaks HTTP is sent an A-ABORT at its first bytes, and cut off."""
        self.wire.listen(self.scp)
        peer = self.connect()
        peer.write(b"GET / HTTP/1.1\r\n")
        self.wire.flush()
        self.assertEqual(bytes(peer.protocol.received), pdu.Abort(0, 0).encode())
        self.wire.advance(5)
        self.assertTrue(peer.disconnected)

    def test_http_server(self) -> None:
        """A requestor that is answered in HTTP says so."""
        self.wire.factories["web"] = _Answering(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        associating = self.wire.associate(self.scu, "web")
        error = self.failureResultOf(associating, ProtocolViolation).value
        self.assertEqual(error.protocol, "HTTP")
        self.assertEqual(error.stage, "associate")
        self.assertIn("HTTP", str(error))

    def test_tls_server(self) -> None:
        """Likewise one that is answered with a TLS alert."""
        self.wire.factories["tls"] = _Answering(b"\x15\x03\x01\x00\x02\x02\x46")
        associating = self.wire.associate(self.scu, "tls")
        error = self.failureResultOf(associating, ProtocolViolation).value
        self.assertEqual(error.protocol, "TLS")

    def test_request_handled_at_the_close(self) -> None:
        """A request that is handled only when its connection is lost leaves no timer behind."""
        self.wire.listen(self.scp)
        peer = self.connect()
        context = pdu.PresentationContextRQ(1, VERIFICATION, ("1.2.840.10008.1.2",))
        acceptor = peer.other.protocol
        acceptor.upper_layer.receive_data(pdu.AssociateRQ("SCP", "PEER", (context,)).encode())
        peer.other._lost(ConnectionDone(), ConnectionDone())
        self.wire.flush()
        self.assertNothingLeft()

    def test_all_in_one_segment(self) -> None:
        """A request, an echo and a release in one segment are answered one after the other."""
        self.wire.listen(self.scp)
        peer = self.connect()
        context = pdu.PresentationContextRQ(1, VERIFICATION, ("1.2.840.10008.1.2",))
        peer.write(
            pdu.AssociateRQ("SCP", "PEER", (context,)).encode()
            + c_echo_rq(1)
            + pdu.ReleaseRQ().encode()
        )
        self.wire.flush()
        received = bytes(peer.protocol.received)
        ac = len(received) - 90 - 10
        self.assertEqual((received[0], received[ac], received[-10]), (2, 4, 6))
        (association,) = self.scp.active_associations
        self.assertIs(association.protocol.upper_layer.state, State.AWAITING_TRANSPORT_CLOSE)


class TLSTests(AssociationTestCase):
    """What a lost TLS connection is told as; real handshakes are in tests/interop."""

    def lost(self, error: Exception, handshaken: bool) -> Any:
        here = self.associate()
        here.protocol.tls = True
        if handshaken:
            here.protocol.handshakeCompleted()
        here.protocol.connectionLost(Failure(error))
        here.protocol.transport.disconnected = True
        return here.failure

    def test_openssl(self) -> None:
        """An error of the TLS library is a TLSFailed with its words, whenever it comes."""
        from OpenSSL.SSL import Error

        error = self.lost(Error([("SSL routines", "", "tlsv1 alert unknown ca")]), True)
        self.assertIsInstance(error, TLSFailed)
        self.assertIn("tlsv1 alert unknown ca", str(error))
        self.assertEqual(error.stage, "tls")

    def test_closed_in_the_handshake(self) -> None:
        """A connection that is closed during the handshake is a TLSFailed, too."""
        self.assertIsInstance(self.lost(ConnectionDone(), False), TLSFailed)

    def test_reads_during_the_handshake(self) -> None:
        """A transport that holds the request until its handshake is complete is read from."""
        protocol = self.associate().protocol
        protocol.tls = True
        protocol.pauseProducing()
        self.assertTrue(protocol.transport._reading)
        protocol.handshakeCompleted()
        protocol.pauseProducing()
        self.assertFalse(protocol.transport._reading)
        protocol.resumeProducing()

    def test_closed_later(self) -> None:
        """One that is closed later is not."""
        self.assertNotIsInstance(self.lost(ConnectionDone(), True), TLSFailed)


class _Collecting:
    """Builds a protocol that collects what it receives."""

    def buildProtocol(self, addr: object) -> Any:
        from twisted.internet.protocol import Protocol

        class Collect(Protocol):
            def __init__(self) -> None:
                self.received = bytearray()

            def dataReceived(self, data: bytes) -> None:
                self.received += data

        return Collect()


class _Answering:
    """Builds a protocol that answers the first bytes, whatever they are."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer

    def buildProtocol(self, addr: object) -> Any:
        from twisted.internet.protocol import Protocol

        answer = self.answer

        class Answer(Protocol):
            def dataReceived(self, data: bytes) -> None:
                assert self.transport is not None
                self.transport.write(answer)

        return Answer()
