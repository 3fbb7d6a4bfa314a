"""txdicom.testing itself: the wire moves bytes as a network would."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IListeningPort,
    IStreamClientEndpoint,
    IStreamServerEndpoint,
    ITCPTransport,
)
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from txdicom.testing import MemoryClientEndpoint, MemoryServerEndpoint, Wire


class End(Protocol):
    """One end: what it received, and why it was lost."""

    def __init__(self) -> None:
        self.received = b""
        self.reason: Any = None

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Failure = Failure(ConnectionDone())) -> None:  # noqa: B008
        self.reason = reason.type


class WireTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.wire = Wire()
        listening = MemoryServerEndpoint(self.wire, "there").listen(Factory.forProtocol(End))
        self.port = self.successResultOf(listening)
        endpoint = MemoryClientEndpoint(self.wire, "there")
        self.client = self.successResultOf(endpoint.connect(Factory.forProtocol(End)))
        self.server = self.client.transport.other.protocol

    def test_interfaces(self) -> None:
        """Endpoints, port and transports are what Twisted expects."""
        verifyObject(IStreamServerEndpoint, MemoryServerEndpoint(self.wire, "x"))
        verifyObject(IStreamClientEndpoint, MemoryClientEndpoint(self.wire, "x"))
        verifyObject(IListeningPort, self.port)
        verifyObject(ITCPTransport, self.client.transport)

    def test_bytes_move_when_flushed(self) -> None:
        """What is written arrives with the next flush, in order."""
        self.client.transport.write(b"one")
        self.client.transport.writeSequence([b" ", b"two"])
        self.assertEqual(self.server.received, b"")
        self.wire.flush()
        self.assertEqual(self.server.received, b"one two")

    def test_orderly_close(self) -> None:
        """A close comes after what was written before."""
        self.client.transport.write(b"last")
        self.client.transport.loseConnection()
        self.client.transport.write(b"too late")
        self.wire.flush()
        self.assertEqual(self.server.received, b"last")
        self.assertEqual((self.client.reason, self.server.reason), (ConnectionDone,) * 2)

    def test_abort(self) -> None:
        """An abort loses what is under way."""
        self.client.transport.write(b"lost")
        self.client.transport.abortConnection()
        self.wire.flush()
        self.assertEqual(self.server.received, b"")
        self.assertEqual(
            (self.client.reason, self.server.reason), (ConnectionAborted, ConnectionLost)
        )

    def test_paused(self) -> None:
        """An end that does not read fills what is under way, and then its peer's buffer."""
        told: list[str] = []

        class Producer:
            def pauseProducing(self) -> None:
                told.append("pause")

            def resumeProducing(self) -> None:
                told.append("resume")

        self.client.transport.registerProducer(Producer(), True)
        self.server.transport.pauseProducing()
        for _ in range(3):
            self.client.transport.write(bytes(60_000))
            self.wire.flush()
        self.assertEqual((told, self.server.received), (["pause"], b""))
        self.server.transport.resumeProducing()
        self.wire.flush()
        self.assertEqual(told, ["pause", "resume"])
        self.assertEqual(len(self.server.received), 180_000)

    def test_silent(self) -> None:
        """On a silent wire nothing arrives, not even a close; an abort works on its own end."""
        self.wire.silent = True
        self.client.transport.write(b"unheard")
        self.client.transport.loseConnection()
        self.wire.flush()
        self.assertEqual((self.client.reason, self.server.reason), (None, None))
        self.client.transport.abortConnection()
        self.wire.flush()
        self.assertEqual((self.client.reason, self.server.reason), (ConnectionAborted, None))

    def test_stop_listening(self) -> None:
        """Where nothing listens any more, connections are refused."""
        self.successResultOf(self.port.stopListening())
        endpoint = MemoryClientEndpoint(self.wire, "there")
        self.failureResultOf(endpoint.connect(Factory.forProtocol(End)))

    def test_busy_for_ever(self) -> None:
        """Peers that keep each other busy for ever fail the test instead of hanging it."""

        class PingPong(Protocol):
            def dataReceived(self, data: bytes) -> None:
                assert self.transport is not None
                self.transport.write(data)

        for end in (self.client.transport, self.server.transport):
            end.protocol = PingPong()
            end.protocol.transport = end
        self.client.transport.write(b"ball")
        self.assertRaises(AssertionError, self.wire.flush)
