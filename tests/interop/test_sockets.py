"""What only real sockets show: ports in use, names, peers that hang, IPv6, PROXY headers."""

from __future__ import annotations

import socket

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import Factory, Protocol
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory

from tests.interop.peers import HOST, InteropTestCase, accepts, free_port, poll
from txdicom import AE, evt
from txdicom.errors import (
    AssociationTimeout,
    ConnectionFailed,
    ListenFailed,
    NameNotResolved,
    ProtocolViolation,
)


class Silent(Protocol):
    """A listener that never answers; it remembers whether it was left."""

    left = False

    def connectionLost(self, reason: object = None) -> None:
        self.left = True


class WebServer(Protocol):
    """As much of HTTP as every web server says to bytes that it does not understand."""

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        self.transport.loseConnection()


class SocketTestCase(InteropTestCase):
    """Listeners in this process."""

    async def listen(self, protocol_class: type[Protocol]) -> tuple[int, list[Protocol]]:
        """Listen with a protocol of a test; returns the port and the connections."""
        connections: list[Protocol] = []

        class Remembering(Factory):
            def buildProtocol(self, addr: object) -> Protocol:
                connections.append(protocol_class())
                return connections[-1]

        port = reactor.listenTCP(0, Remembering(), interface=HOST)
        self.addCleanup(port.stopListening)
        return port.getHost().port, connections

    async def serve(self, ae: AE, host: str = HOST) -> int:
        """Start a server; returns its port."""
        started = ae.start_server((host, 0), block=False)
        assert isinstance(started, Deferred)
        port: IListeningPort = await started
        return int(port.getHost().port)

    def full_listener(self) -> int:
        """A port whose queue of connections is full, so that one more only waits."""
        listener = socket.socket()
        self.addCleanup(listener.close)
        listener.bind((HOST, 0))
        listener.listen(0)
        port: int = listener.getsockname()[1]
        for _ in range(4):
            waiting = socket.socket()
            self.addCleanup(waiting.close)
            waiting.setblocking(False)
            waiting.connect_ex((HOST, port))
        return port


class ServerTests(SocketTestCase):
    """Listening."""

    async def test_port_in_use(self) -> None:
        """A server on a port in use fails with an OSError that names the port."""
        port = await self.serve(self.ae())
        failed = self.ae().start_server((HOST, port), block=False)
        error = await self.assertFailure(failed, ListenFailed)
        self.assertIsInstance(error, OSError)
        self.assertIn(str(port), str(error))

    async def test_shutdown(self) -> None:
        """A server that is shut down frees its port, and its clients are aborted."""
        server = self.ae()
        port = await self.serve(server)
        association = await self.ae().associate(HOST, port)
        await server.shutdown()
        self.assertFalse(accepts(port))
        await association.when_closed()
        self.assertEqual(association.failure.by, "peer")
        self.assertEqual(server.active_associations, [])

    async def test_ipv6(self) -> None:
        """A server on the IPv6 loopback address is verified there."""
        if not _has_ipv6():
            self.skipTest("this machine has no IPv6 loopback address")
        server = self.ae()
        port = await self.serve(server, "::1")
        association = await self.ae().associate("::1", port)
        (accepted,) = server.active_associations
        self.assertEqual(accepted.address[0], "::1")
        self.assertEqual((await association.send_c_echo()).Status, 0x0000)
        await association.release()

    async def test_proxy_header(self) -> None:
        """Behind a proxy, the address of an association is the client's, not the proxy's."""
        server = self.ae()
        listening = await server.listen(f"haproxy:tcp:0:interface={HOST}")
        port = listening.getHost().port

        class Proxied(ProtocolWrapper):
            def connectionMade(self) -> None:
                self.transport.write(b"PROXY TCP4 192.0.2.7 192.0.2.1 56324 11112\r\n")
                super().connectionMade()

        class Proxy:
            """A client endpoint that announces another client, as a proxy does."""

            def connect(self, factory: Factory) -> Deferred[Protocol]:
                wrapping = WrappingFactory(factory)
                wrapping.protocol = Proxied
                wrapping.noisy = False
                return TCP4ClientEndpoint(reactor, HOST, port).connect(wrapping)

        association = await self.ae().connect(Proxy())
        (accepted,) = server.active_associations
        self.assertEqual(accepted.address, ("192.0.2.7", 56324))
        self.assertEqual((await association.send_c_echo()).Status, 0x0000)
        await association.release()


class ClientTests(SocketTestCase):
    """Associating with what does not answer, or answers something else."""

    async def test_closed_port(self) -> None:
        """Where nobody listens, the failure says that there is no connection, and where to."""
        port = free_port()
        error = await self.assertFailure(self.ae().associate(HOST, port), ConnectionFailed)
        self.assertNotIsInstance(error, NameNotResolved)
        self.assertEqual((error.stage, error.address), ("connect", f"{HOST}:{port}"))
        self.assertIn("refused", str(error))

    async def test_unknown_name(self) -> None:
        """A name without an address is told from a node that cannot be reached."""
        ae = self.ae(connection_timeout=30)  # a resolver without a network takes its time
        error = await self.assertFailure(ae.associate("nosuchhost.invalid", 104), NameNotResolved)
        self.assertEqual(error.stage, "resolve")
        self.assertIn("nosuchhost.invalid", str(error))

    async def test_silent_listener(self) -> None:
        """A listener that never answers ends the attempt after the ACSE time-out."""
        port, connections = await self.listen(Silent)
        ae = self.ae(acse_timeout=0.3, closing_timeout=0.1)
        error = await self.assertFailure(ae.associate(HOST, port), AssociationTimeout)
        self.assertEqual(
            (error.timer, error.seconds, error.stage), ("acse_timeout", 0.3, "associate")
        )
        await poll(lambda: connections[0].left, lambda: "the connection stays open")

    async def test_connection_timeout(self) -> None:
        """A node that does not take the connection ends the attempt after its time-out."""
        ae = self.ae(connection_timeout=0.3)
        error = await self.assertFailure(
            ae.associate(HOST, self.full_listener()), AssociationTimeout
        )
        self.assertEqual(
            (error.timer, error.seconds, error.stage), ("connection_timeout", 0.3, "connect")
        )

    async def test_web_server(self) -> None:
        """A web server on the port is recognised as one."""
        port, _ = await self.listen(WebServer)
        error = await self.assertFailure(self.ae().associate(HOST, port), ProtocolViolation)
        self.assertEqual(error.protocol, "HTTP")
        self.assertIn("HTTP", str(error))

    async def test_cancel_while_connecting(self) -> None:
        """An attempt that is cancelled while it connects ends at once, and leaves nothing."""
        opened: list[evt.Event] = []
        ae = self.ae()
        attempt = ae.associate(
            HOST, self.full_listener(), evt_handlers=[(evt.EVT_CONN_OPEN, opened.append)]
        )
        attempt.cancel()
        await self.assertFailure(attempt, CancelledError)
        self.assertEqual(opened, [])
        self.assertEqual(ae.active_associations, [])

    async def test_cancel_while_waiting(self) -> None:
        """An attempt that is cancelled while it waits for an answer closes its connection."""
        port, connections = await self.listen(Silent)
        ae = self.ae(closing_timeout=0.1)
        attempt = ae.associate(HOST, port)
        await poll(lambda: connections, lambda: "no connection")
        attempt.cancel()
        await self.assertFailure(attempt, CancelledError)
        await poll(lambda: not ae.active_associations, lambda: "the connection stays open")
        await poll(lambda: connections[0].left, lambda: "the peer's connection stays open")


def _has_ipv6() -> bool:
    try:
        free_port("::1")
    except OSError:
        return False
    return True
