"""A network in memory, on a clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import (
    ConnectionAborted,
    ConnectionDone,
    ConnectionLost,
    ConnectionRefusedError,
)
from twisted.internet.interfaces import (
    IListeningPort,
    IStreamClientEndpoint,
    IStreamServerEndpoint,
    ITCPTransport,
)
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface import implementer

from txdicom.ae import AE
from txdicom.limits import Limits
from txdicom.verification import VerificationAssociation

#: Bytes that one read takes, and that are under way to an end that does not read.
READ_SIZE = 65_536


@implementer(ITCPTransport)
class MemoryTransport:
    """One end of a connection in memory; the bytes move when the :class:`Wire` is flushed.

    :ivar protocol: the protocol that is connected
    :ivar other: the other end
    :ivar disconnected: whether the connection is closed on this end
    """

    bufferSize = 65_536

    def __init__(self, host: IPv4Address, peer: IPv4Address) -> None:
        self.protocol: Any = None
        self.other: MemoryTransport | None = None
        self.disconnecting = False
        self.disconnected = False
        self._host = host
        self._peer = peer
        self._unsent = bytearray()
        self._incoming = bytearray()
        self._reading = True
        self._producer: Any = None
        self._producer_paused = False
        self._aborting = False
        self._end: Exception | None = None

    # ITransport and ITCPTransport

    def write(self, data: bytes) -> None:
        if self.disconnecting or self.disconnected:
            return
        self._unsent += data
        if self._producer and len(self._unsent) > self.bufferSize and not self._producer_paused:
            self._producer_paused = True
            self._producer.pauseProducing()

    def writeSequence(self, data: Any) -> None:
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        self.disconnecting = True

    def loseWriteConnection(self) -> None:
        self.disconnecting = True

    def abortConnection(self) -> None:
        self.disconnecting = True
        self._aborting = True

    def getPeer(self) -> IPv4Address:
        return self._peer

    def getHost(self) -> IPv4Address:
        return self._host

    def getTcpKeepAlive(self) -> bool:
        return False

    def getTcpNoDelay(self) -> bool:
        return True

    def setTcpKeepAlive(self, enabled: object) -> None:
        """Nothing to keep alive in memory."""

    def setTcpNoDelay(self, enabled: object) -> None:
        """Nothing is delayed in memory."""

    # IConsumer, and the IPushProducer of what is received

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        self._producer = producer

    def unregisterProducer(self) -> None:
        self._producer = None

    def pauseProducing(self) -> None:
        self._reading = False

    def resumeProducing(self) -> None:
        self._reading = True

    def stopProducing(self) -> None:
        self.loseConnection()

    # The wire's side

    def move(self, silent: bool = False) -> bool:
        """Send and receive what can be now. Returns whether anything moved.

        :param silent: the other end is out of reach; an abort works on this end all the same
        """
        if self.disconnected or self.other is None:
            return False
        if silent:
            if self._aborting:
                self._lost(ConnectionAborted(), None)
            return self._aborting
        return self._send(self.other) or self._close(self.other) or self._receive()

    def _send(self, other: MemoryTransport) -> bool:
        if self._aborting or not self._unsent:
            return False
        if not other.disconnected:
            room = READ_SIZE - len(other._incoming)
            if room <= 0:
                return False
            other._incoming += self._unsent[:room]
            del self._unsent[:room]
        else:
            self._unsent.clear()
        if not self._unsent and self._producer_paused:
            self._producer_paused = False
            if self._producer is not None:
                self._producer.resumeProducing()
        return True

    def _close(self, other: MemoryTransport) -> bool:
        if not self.disconnecting:
            return False
        if self._aborting:
            other._incoming.clear()
            self._lost(ConnectionAborted(), ConnectionLost())
        elif not self._unsent:
            self._lost(ConnectionDone(), ConnectionDone())
        return self.disconnected

    def _lost(self, here: Exception, there: Exception | None) -> None:
        self.disconnected = True
        if self.other is not None and self.other._end is None:
            self.other._end = there
        self.protocol.connectionLost(Failure(here))

    def _receive(self) -> bool:
        if not self._reading or (not self._incoming and self._end is None):
            return False
        if self._incoming:
            data = bytes(self._incoming[:READ_SIZE])
            del self._incoming[:READ_SIZE]
            self.protocol.dataReceived(data)
        elif self._end is not None:
            self._lost(self._end, ConnectionLost())
        return True


@implementer(IListeningPort)
class _MemoryPort:
    """What listens on a name."""

    def __init__(self, wire: Wire, name: str) -> None:
        self._wire = wire
        self._name = name

    def startListening(self) -> None:
        """It listens already."""

    def stopListening(self) -> Deferred[None]:
        self._wire.factories.pop(self._name, None)
        return succeed(None)

    def getHost(self) -> IPv4Address:
        return IPv4Address("TCP", "127.0.0.1", 11112)


@implementer(IStreamServerEndpoint)
class MemoryServerEndpoint:
    """Listens on a name of a :class:`Wire`."""

    def __init__(self, wire: Wire, name: str) -> None:
        self._wire = wire
        self._name = name

    def listen(self, protocolFactory: Any) -> Deferred[Any]:
        self._wire.factories[self._name] = protocolFactory
        return succeed(_MemoryPort(self._wire, self._name))


@implementer(IStreamClientEndpoint)
class MemoryClientEndpoint:
    """Connects to a name of a :class:`Wire`."""

    def __init__(self, wire: Wire, name: str) -> None:
        self._wire = wire
        self._name = name

    def connect(self, protocolFactory: Any) -> Deferred[Any]:
        factory = self._wire.factories.get(self._name)
        if factory is None:
            return fail(ConnectionRefusedError())
        return succeed(self._wire.join(protocolFactory, factory))


class Wire:
    """A network in memory.

    :ivar clock: the time of everything that is joined by it
    :ivar silent: while it is true no byte moves, as with a dead host or an unplugged cable
    :ivar transports: all ends of all connections, in the order in which they were made
    :ivar factories: what listens, by name
    """

    def __init__(self) -> None:
        self.clock = Clock()
        self.silent = False
        self.transports: list[MemoryTransport] = []
        self.factories: dict[str, Any] = {}

    def ae(self, ae_title: str, limits: Limits | None = None) -> AE:
        """An application entity that lives by this wire's clock."""
        return AE(ae_title, limits, self.clock)

    def listen(self, ae: AE, name: str = "scp", **arguments: Any) -> None:
        """Let an application entity listen; the arguments are those of :meth:`AE.listen`."""
        results: list[Any] = []
        ae.listen(MemoryServerEndpoint(self, name), **arguments).addBoth(results.append)
        for result in results:
            if isinstance(result, Failure):
                result.raiseException()

    def associate(
        self, ae: AE, name: str = "scp", **arguments: Any
    ) -> Deferred[VerificationAssociation]:
        """Let an application entity associate with what listens, and flush.

        The arguments are those of :meth:`AE.connect`.
        """
        associating = ae.connect(MemoryClientEndpoint(self, name), **arguments)
        self.flush()
        return associating

    def join(self, client_factory: Any, server_factory: Any) -> Any:
        """Connect the protocols of two factories. Returns the client's."""
        port = 50_000 + len(self.transports) // 2
        here = IPv4Address("TCP", "127.0.0.1", port)
        there = IPv4Address("TCP", "127.0.0.1", 11112)
        client, server = MemoryTransport(here, there), MemoryTransport(there, here)
        client.other, server.other = server, client
        self.transports += [client, server]
        server.protocol = server_factory.buildProtocol(here)
        client.protocol = client_factory.buildProtocol(there)
        if server.protocol is None:
            client._end = ConnectionDone()
            server.disconnected = True
        else:
            server.protocol.makeConnection(server)
        client.protocol.makeConnection(client)
        return client.protocol

    def flush(self) -> None:
        """Move bytes, and run what is due now, until nothing moves any more."""
        for _ in range(100_000):
            now = self.clock.seconds()
            due = any(call.getTime() <= now for call in self.clock.getDelayedCalls())
            if due:
                self.clock.advance(0)
            moved = [end.move(self.silent) for end in list(self.transports)]
            if not (due or any(moved)):
                return
        raise AssertionError("the peers keep each other busy for ever")

    def advance(self, seconds: float) -> None:
        """Let time pass, and flush before and after."""
        self.flush()
        self.clock.advance(seconds)
        self.flush()


def associated(
    requestor: AE | None = None,
    acceptor: AE | None = None,
    configure: Callable[[AE, AE], None] | None = None,
    **arguments: Any,
) -> tuple[VerificationAssociation, VerificationAssociation, Wire]:
    """An established association, as its requestor and its acceptor have it, and its wire.

    :param configure: called with both application entities before they associate
    :param arguments: those of :meth:`AE.connect`
    :raise AssociationError: it was not established
    """
    from txdicom.uids import VERIFICATION

    wire = Wire()
    scu = requestor or wire.ae("SCU")
    scp = acceptor or wire.ae("SCP")
    scu.add_requested_context(VERIFICATION)
    scp.add_supported_context(VERIFICATION)
    if configure is not None:
        configure(scu, scp)
    wire.listen(scp)
    results: list[Any] = []
    wire.associate(scu, **arguments).addBoth(results.append)
    if not results:
        raise AssertionError("the association is neither established nor failed")
    if isinstance(results[0], Failure):
        results[0].raiseException()
    accepted: Any = scp.active_associations[0]
    return results[0], accepted, wire
