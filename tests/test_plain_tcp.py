"""Sending and acknowledging at once over plain TCP, and over nothing else."""

from __future__ import annotations

import socket
from typing import Any
from unittest import mock

from twisted.internet.error import ConnectionLost
from twisted.internet.main import CONNECTION_LOST
from twisted.internet.task import Clock
from twisted.internet.tcp import Connection
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.test_protocol import c_echo_rq
from txdicom import AE, Limits, plain_tcp
from txdicom.negotiation import ApplicationEntity, propose
from txdicom.plain_tcp import is_plain_tcp, send_now
from txdicom.presentation import build_context, numbered
from txdicom.testing.wire import MemoryTransport
from txdicom.uids import VERIFICATION
from txdicom.upperlayer import pdu


class Socket:
    """A socket that notes its options."""

    def __init__(self, family: socket.AddressFamily = socket.AF_INET) -> None:
        self.family = family
        self.options: list[tuple[int, int, int]] = []

    def setsockopt(self, *option: int) -> None:
        self.options.append(option)  # type: ignore[arg-type]


class PlainTransport(MemoryTransport, Connection):  # type: ignore[misc]
    """A TCP connection in memory, of which a test says how much it takes at once.

    :ivar room: how many bytes it takes, or what is wrong with it
    :ivar sent: what was sent at once
    :ivar written: what was left to the transport
    """

    room: Any = 1_000_000

    def __init__(self, family: socket.AddressFamily = socket.AF_INET) -> None:
        MemoryTransport.__init__(self, None, None)  # type: ignore[arg-type]
        self.socket = Socket(family)  # type: ignore[assignment]
        self.sent: list[bytes] = []
        self.written: list[bytes] = []

    def writeSomeData(self, data: bytes) -> Any:
        if not isinstance(self.room, int):
            return self.room
        self.sent.append(data[: self.room])
        return len(self.sent[-1])

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def getPeer(self) -> Any:
        return None


class SendNowTests(SynchronousTestCase):
    def test_all(self) -> None:
        """What the socket takes whole leaves nothing to write."""
        transport = PlainTransport()
        self.assertEqual(send_now(transport, b"abc"), b"")
        self.assertEqual(transport.sent, [b"abc"])

    def test_short(self) -> None:
        """What the socket does not take is the rest."""
        transport = PlainTransport()
        for room, rest in ((2, b"c"), (0, b"abc")):
            transport.room = room
            self.assertEqual(send_now(transport, b"abc"), rest)

    def test_failure(self) -> None:
        """A send that fails leaves all to the transport, which finds out by itself."""
        transport = PlainTransport()
        transport.room = CONNECTION_LOST
        self.assertEqual(send_now(transport, b"abc"), b"abc")

    def test_not_now(self) -> None:
        """Nothing is sent past TLS that was started since, or while the transport closes."""
        for name in ("TLS", "disconnecting"):
            transport = PlainTransport()
            setattr(transport, name, True)
            self.assertEqual(send_now(transport, b"abc"), b"abc")
            self.assertEqual(transport.sent, [])


class IsPlainTests(SynchronousTestCase):
    def test_families(self) -> None:
        """IPv4 and IPv6 are, a UNIX socket is not, though its class is a TCP connection's."""
        for family, plain in (
            (socket.AF_INET, True),
            (socket.AF_INET6, True),
            (socket.AF_UNIX, False),
        ):
            self.assertIs(is_plain_tcp(PlainTransport(family)), plain, family)

    def test_tls(self) -> None:
        """A connection that has started TLS is not, and neither is one in memory."""
        transport = PlainTransport()
        transport.TLS = True
        self.assertFalse(is_plain_tcp(transport))
        self.assertFalse(is_plain_tcp(MemoryTransport(None, None)))  # type: ignore[arg-type]

    def test_wrapped(self) -> None:
        """A wrapper is not, although it passes on the attributes of what it wraps."""
        wrapper: Any = ProtocolWrapper(WrappingFactory(None), None)  # type: ignore[arg-type]
        wrapper.transport = PlainTransport()
        self.assertTrue(callable(wrapper.writeSomeData))
        self.assertFalse(is_plain_tcp(wrapper))


class AcknowledgeTests(SynchronousTestCase):
    def test_connection_gone(self) -> None:
        """A socket that does not take the option any more is left alone."""
        transport = PlainTransport()
        failing = mock.Mock(side_effect=OSError(22, "Invalid argument"))
        transport.socket.setsockopt = failing  # type: ignore[method-assign]
        with mock.patch.object(plain_tcp, "_QUICKACK", 12):
            plain_tcp.acknowledge_now(transport)
        failing.assert_called_once_with(socket.IPPROTO_TCP, 12, 1)

    def test_other_systems(self) -> None:
        """Where there is no such option, none is set."""
        transport: Any = PlainTransport()
        with mock.patch.object(plain_tcp, "_QUICKACK", None):
            plain_tcp.acknowledge_now(transport)
        self.assertEqual(transport.socket.options, [])


class ProtocolTests(SynchronousTestCase):
    """An acceptor on such a connection."""

    def setUp(self) -> None:
        ae = AE("SCP", Limits(max_pdus_per_turn=2), Clock())
        ae.add_supported_context(VERIFICATION)
        protocol = ae.server_factory().buildProtocol(None)
        assert protocol is not None
        self.protocol = protocol
        self.transport = PlainTransport()
        entity = ApplicationEntity("SCU")
        self.request = propose(entity, "SCP", numbered([build_context(VERIFICATION)])).encode()

    def associate(self) -> None:
        self.protocol.makeConnection(self.transport)
        self.protocol.dataReceived(self.request)

    def kinds(self, pieces: list[bytes]) -> list[int]:
        return [piece[0] for piece in pieces]

    def test_at_once(self) -> None:
        """Each turn's PDUs are sent at its end, in one piece, and nothing is written."""
        self.associate()
        self.protocol.dataReceived(c_echo_rq(1) + c_echo_rq(2))
        self.assertEqual(self.kinds(self.transport.sent), [pdu.AssociateAC.PDU_TYPE, 4])
        self.assertEqual(len(self.transport.sent[1]), 2 * (6 + 6 + 78))
        self.assertEqual(self.transport.written, [])

    def test_order(self) -> None:
        """Once the socket has not taken all, everything goes the transport's way, in order."""
        self.associate()
        self.transport.room = 10
        self.protocol.dataReceived(c_echo_rq(1))
        self.transport.room = 1_000_000
        self.protocol.dataReceived(c_echo_rq(2))
        _, first = self.transport.sent
        self.assertEqual(len(first), 10)
        rest, second = self.transport.written
        whole = first + rest + second
        self.assertEqual([at for at in (0, 90) if whole[at] == 4], [0, 90])
        self.assertEqual(len(whole), 180)

    def test_aborted(self) -> None:
        """Nothing is sent or written once the connection is aborted."""
        self.associate()
        del self.transport.sent[:]
        self.protocol.abort_connection()  # type: ignore[attr-defined]
        self.transport.disconnecting = False  # an abort does not say so in Twisted
        self.protocol.dataReceived(c_echo_rq(1))
        self.assertEqual((self.transport.sent, self.transport.written), ([], []))

    def test_lost(self) -> None:
        """Nor once it is gone, though what came before it is handled."""
        self.associate()
        self.protocol.dataReceived(c_echo_rq(1) + c_echo_rq(2) + c_echo_rq(3))  # one too many
        del self.transport.sent[:]
        self.protocol.connectionLost(Failure(ConnectionLost()))
        self.assertEqual((self.transport.sent, self.transport.written), ([], []))

    def test_acknowledged(self) -> None:
        """A read that ends within a PDU is acknowledged at once, and no other is."""
        quick = (socket.IPPROTO_TCP, getattr(socket, "TCP_QUICKACK", None), 1)
        self.associate()
        options: list[Any] = self.transport.socket.options  # type: ignore[attr-defined]
        options.clear()
        request = c_echo_rq(1)
        self.protocol.dataReceived(request)
        self.assertEqual(options, [])
        self.protocol.dataReceived(request[:6])
        self.assertEqual(options, [quick] if quick[1] is not None else [])
        self.protocol.dataReceived(request[6:])
        self.assertEqual(len(options), 1 if quick[1] is not None else 0)
