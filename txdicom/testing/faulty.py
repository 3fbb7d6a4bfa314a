"""A server that commits faults: a wrapper between the real server and its transport.

The real server decides and answers; what it sends passes here, PDU by PDU, and the faults change
it. So everything that no fault concerns is as a real server does it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IHandshakeListener,
    IReactorTime,
    ITransport,
)
from twisted.internet.protocol import connectionDone
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from txdicom.dimse.command import C_ECHO_RQ, RESPONSE
from txdicom.events import EVT_REQUESTED
from txdicom.server import ServerFactory
from txdicom.testing.faults import (
    CLOSING_TIMEOUT,
    KINDS,
    Answer,
    Fault,
    Then,
    command_of,
    message_of,
    pdus,
)
from txdicom.upperlayer.pdu import AssociateAC, AssociateRJ, AssociateRQ, PDataTF, ReleaseRP
from txdicom.upperlayer.user_information import AsynchronousOperationsWindow, UserIdentityRQ, the

_ASSOCIATE = (AssociateAC.PDU_TYPE, AssociateRJ.PDU_TYPE)
_RANK = {name: rank for rank, name in enumerate(KINDS)}


@implementer(IHandshakeListener)
class FaultyProtocol(ProtocolWrapper):
    """One connection of a :class:`FaultyFactory`.

    :ivar request: the A-ASSOCIATE-RQ, once it was received
    """

    factory: FaultyFactory
    transport: Any  # what ITransport promises is less than every stream transport has

    def __init__(self, factory: FaultyFactory, wrapped: Any) -> None:
        super().__init__(factory, wrapped)
        self.request: AssociateRQ | None = None
        self._spoken_to = False
        self._unsent = bytearray()
        self._message = b""
        # What is done one after the other, each after so many seconds.
        self._queue: deque[tuple[float, Callable[[], object]]] = deque()
        self._waiting: IDelayedCall | None = None
        self._over = False

    # What the transport tells

    def makeConnection(self, transport: ITransport) -> None:
        super().makeConnection(transport)
        self._answer(b"", "connect")

    def handshakeCompleted(self) -> None:
        if IHandshakeListener.providedBy(self.wrappedProtocol):
            self.wrappedProtocol.handshakeCompleted()

    def dataReceived(self, data: bytes) -> None:
        if not (self._over or self._spoken_to):
            self._spoken_to = True
            self._answer(b"", "bytes")
        if not self._over:
            super().dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._over = True
        self._queue.clear()
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.cancel()
        super().connectionLost(reason)

    # What the real server asks of its transport. When a fault has ended the exchange, the
    # connection is none of its business any more.

    def write(self, data: bytes) -> None:
        if self._over:
            return
        self._unsent += data
        for pdu in pdus(bytes(self._unsent)):
            del self._unsent[: len(pdu)]
            self._pdu(pdu)

    def writeSequence(self, data: Iterable[bytes]) -> None:
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        if not self._over:
            self._do(self.transport.loseConnection)

    def abortConnection(self) -> None:
        if self._over:
            return
        if self._queue:
            # It lost its patience over an answer that is delayed, and that is still to arrive.
            self._do(self._close)
        else:
            self.transport.abortConnection()

    # The faults

    def _pdu(self, pdu: bytes) -> None:
        """The real server sends a PDU."""
        if pdu[0] in _ASSOCIATE:
            self._answer(pdu, "associate", *self._asked_for())
        elif pdu[0] == ReleaseRP.PDU_TYPE:
            self._answer(pdu, "release")
        elif pdu[0] == PDataTF.PDU_TYPE:
            self._p_data(pdu)
        else:
            self._answer(pdu)

    def _asked_for(self) -> list[str]:
        items = () if self.request is None else self.request.user_information
        asked = (
            ("user-identity", UserIdentityRQ),
            ("async-window", AsynchronousOperationsWindow),
        )
        return [point for point, item in asked if the(item, items) is not None]

    def _p_data(self, pdu: bytes) -> None:
        """Wait for the whole command: it is what a fault changes."""
        self._message += pdu
        fragments = command_of(self._message)
        if fragments and not fragments[-1].is_last:
            return
        whole, self._message = self._message, b""
        if fragments and message_of(fragments).command["CommandField"] == C_ECHO_RQ | RESPONSE:
            self._answer(whole, "echo")
        else:
            self._answer(whole)

    def _answer(self, data: bytes, *points: str) -> None:
        answer = Answer(data)
        calling = None if self.request is None else self.request.calling_ae_title
        for fault in self.factory.faults:
            if any(fault.concerns(point, calling) for point in points):
                fault.strike(answer)
        if answer.gap:
            first, *rest = [bytes([byte]) for byte in answer.data] or [b""]
        else:
            first, rest = answer.data, []
        self._do(partial(self.transport.write, first), answer.pause)
        for byte in rest:
            self._do(partial(self.transport.write, byte), answer.gap)
        if answer.then is not None:
            self._end(answer.then)

    def _end(self, then: Then) -> None:
        """Nothing but what is under way already comes from here any more."""
        self._over = True
        if then is Then.RESET:
            self._do(self.transport.abortConnection)
        elif then is not Then.SILENCE:
            self._do(self._close, CLOSING_TIMEOUT if then is Then.AWAIT_CLOSE else 0.0)

    def _close(self) -> None:
        # TLS would wait for a producer, the real server, to finish.
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    def _do(self, action: Callable[[], object], seconds: float = 0.0) -> None:
        self._queue.append((seconds, action))
        if self._waiting is None:
            self._go_on()

    def _go_on(self) -> None:
        self._waiting = None
        while self._queue:
            seconds, action = self._queue.popleft()
            if seconds:
                self._queue.appendleft((0.0, action))
                self._waiting = self.factory.clock.callLater(seconds, self._go_on)
                return
            action()

    def abandon(self) -> None:
        """Give the connection up if it is the faults' and not the real server's."""
        if self._over or self._queue:
            self.transport.abortConnection()


if TYPE_CHECKING:
    _Wrapping = WrappingFactory[FaultyProtocol]
else:  # not every Twisted has a class that takes a type
    _Wrapping = WrappingFactory


class FaultyFactory(_Wrapping):
    """A server's factory that commits faults; it listens wherever the server's own would.

    :ivar faults: they may be replaced, for the answers that come from then on

    :param wrapped: the real server's factory, as ``AE.server_factory`` makes it
    :param faults: :class:`Fault` objects, or their texts
    :param clock: the reactor, or a ``Clock``
    :raise ValueError: a text describes no fault
    """

    noisy = False
    protocol = FaultyProtocol

    def __init__(
        self, wrapped: ServerFactory, faults: Iterable[Fault | str], clock: IReactorTime
    ) -> None:
        super().__init__(wrapped)
        parsed = [Fault.parse(fault) if isinstance(fault, str) else fault for fault in faults]
        self.faults = sorted(parsed, key=lambda fault: _RANK[fault.kind])
        self.clock = clock
        wrapped.bind(EVT_REQUESTED, _requested)

    def buildProtocol(self, addr: IAddress | None) -> FaultyProtocol | None:  # type: ignore[override]
        wrapped = self.wrappedFactory.buildProtocol(addr)
        return None if wrapped is None else self.protocol(self, wrapped)

    def shutdown(self) -> Deferred[None]:
        """Abort every association; fires when all connections are closed."""
        closed: Deferred[None] = self.wrappedFactory.shutdown()
        for protocol in list(self.protocols):
            protocol.abandon()
        return closed


def _requested(event: Any) -> None:
    transport = event.assoc.protocol.transport
    if isinstance(transport, FaultyProtocol):
        transport.request = event.assoc.requestor.primitive
