"""What only a real connection can do: half-close and reset, at each point, on loopback sockets.

TCP has two directions, the transport of PS3.8 9.1 has one connection: a peer that closes its half
has closed it (Table 9-10, Evt17), whatever it might still read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Factory
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from tests.conformance.peer import AC, ECHO_RQ, RELEASE_RP, RELEASE_RQ, RQ, SEEN, RawPeer, split
from tests.interop.peers import HOST, poll
from txdicom import AE, Limits, evt
from txdicom.errors import AssociationAborted, AssociationError, AssociationReleased
from txdicom.uids import VERIFICATION
from txdicom.upperlayer.pdu import PDU
from txdicom.upperlayer.user_information import UserIdentityRQ


@implementer(IHalfCloseableProtocol)
class HalfClosing(RawPeer):
    """A raw peer that goes on reading after it has closed its own half, and the other way round."""

    ended = False

    def readConnectionLost(self) -> None:
        self.ended = True

    def writeConnectionLost(self) -> None:
        """It knows, as it closed it."""

    def half_close(self) -> None:
        """``shutdown(SHUT_WR)``, once all that was sent is written."""
        self.transport.loseWriteConnection()

    def reset(self) -> None:
        """RST."""
        self.transport.abortConnection()

    @property
    def left(self) -> bool:
        """Whether the other side has closed."""
        return self.ended or self.lost is not None


class Point(NamedTuple):
    """A point of an association, and how the raw peer comes to it.

    It sends PDUs and waits for a number of them; then our side may ask for the release. ``seen``
    is the last event of the program when the connection has ended.
    """

    state: int
    sends: tuple[PDU, ...]
    receives: int
    releases: bool = False
    seen: str = "aborted"


IDENTIFIED = replace(RQ, user_information=(*RQ.user_information, UserIdentityRQ(1, b"user")))

ACCEPTOR = (
    Point(2, (), 0, seen=""),
    Point(3, (IDENTIFIED,), 0),
    Point(6, (RQ,), 1),
    Point(7, (RQ,), 1, True),
    Point(13, (RQ, RELEASE_RQ), 2, seen="released"),
)
REQUESTOR = (
    Point(5, (), 1),
    Point(6, (AC,), 1),
    Point(7, (AC,), 1, True),
    Point(13, (AC, RELEASE_RQ), 2, seen="released"),
)


class WireTestCase(TestCase):
    """txdicom on one end of a real connection, a raw peer on the other."""

    timeout = 60

    def setUp(self) -> None:
        # Time-outs that no test waits for: what ends here ends because of the peer.
        self.ae = AE("SCP", Limits(artim=50, closing_timeout=50, release_timeout=50))
        self.ae.add_supported_context(VERIFICATION)
        self.ae.add_requested_context(VERIFICATION)
        self.seen: list[str] = []
        self.associations: list[Any] = []
        self.performing: Deferred[int] = Deferred()
        self.handlers = [
            (evt.EVT_CONN_OPEN, lambda event: self.associations.append(event.assoc)),
            *[
                (event, lambda _, word: self.seen.append(word), (word,))
                for event, word in SEEN.items()
            ],
            (evt.EVT_USER_ID, lambda event: Deferred()),
            (evt.EVT_C_ECHO, lambda event: self.performing),
        ]
        self.addCleanup(self.ae.shutdown)

    async def acceptor(self) -> HalfClosing:
        """A raw requestor, connected."""
        self.associations.clear()
        endpoint = TCP4ServerEndpoint(reactor, 0, interface=HOST)
        port = await self.ae.listen(endpoint, self.handlers)
        peer: HalfClosing = await TCP4ClientEndpoint(reactor, HOST, port.getHost().port).connect(
            _factory([])
        )
        self.addCleanup(peer.transport.abortConnection)
        await poll(lambda: self.associations, lambda: "not connected")
        return peer

    async def requestor(self) -> HalfClosing:
        """A raw acceptor, connected to."""
        self.associations.clear()
        peers: list[HalfClosing] = []
        port = await TCP4ServerEndpoint(reactor, 0, interface=HOST).listen(_factory(peers))
        self.addCleanup(port.stopListening)
        self.outcome: list[Any] = []
        self.ae.associate(HOST, port.getHost().port, evt_handlers=self.handlers).addBoth(
            self.outcome.append
        )
        await poll(lambda: peers and self.associations, lambda: "not connected")
        self.addCleanup(peers[0].transport.abortConnection)
        return peers[0]

    @property
    def association(self) -> Any:
        return self.associations[-1]

    async def come_to(self, peer: HalfClosing, point: Point) -> None:
        peer.send(*point.sends)
        await poll(
            lambda: len(list(split(bytes(peer.received)))) >= point.receives,
            lambda: f"{point}: {bytes(peer.received)!r}",
        )
        if point.releases:
            await poll(lambda: self.association.is_established, lambda: f"{point}")
            self.association.release().addErrback(lambda failure: None)
        await poll(
            lambda: self.association.protocol.upper_layer.state == point.state,
            lambda: f"{point}: {self.association.protocol.upper_layer.state!r}",
        )

    async def play(
        self,
        connect: Callable[[], Any],
        points: tuple[Point, ...],
        end: Callable[[HalfClosing], None],
        *before: PDU | bytes,
    ) -> None:
        """At each point the peer ends the connection: so does our side, at once and for good."""
        for point in points:
            peer = await connect()
            await self.come_to(peer, point)
            peer.send(*before)
            end(peer)
            await self.association.when_closed()
            await poll(lambda: peer.left, lambda: f"{point}: our side stays open")  # noqa: B023
            self.assertEqual(self.ae.active_associations, [], point)
            self.assertEqual(self.association.protocol.upper_layer.state, 1, point)
            failure: AssociationError = self.association.failure
            if point.state == 13:
                self.assertIsInstance(failure, AssociationReleased, point)
            else:
                self.assertIsInstance(failure, AssociationAborted, point)
                self.assertEqual(failure.by, "connection", point)
            self.assertEqual(self.seen[-1:], [point.seen] if point.seen else [], point)
            self.seen.clear()


def _factory(peers: list[HalfClosing]) -> Factory:
    class Collecting(Factory):
        noisy = False

        def buildProtocol(self, addr: object) -> HalfClosing:
            peers.append(HalfClosing())
            return peers[-1]

    return Collecting()


class HalfCloseTests(WireTestCase):
    """``shutdown(SHUT_WR)``: an end of the connection like any other (AA-4, AA-5, AR-5)."""

    async def test_acceptor(self) -> None:
        """An acceptor whose peer closes its half closes the other, at each point."""
        await self.play(self.acceptor, ACCEPTOR, HalfClosing.half_close)

    async def test_requestor(self) -> None:
        """So does a requestor."""
        await self.play(self.requestor, REQUESTOR, HalfClosing.half_close)
        self.assertEqual(len(self.outcome), 1)

    async def test_in_half_a_pdu(self) -> None:
        """Half a PDU before it makes no difference."""
        await self.play(self.acceptor, ACCEPTOR[:4], HalfClosing.half_close, ECHO_RQ.encode()[:50])

    async def test_behind_a_whole_association(self) -> None:
        """What was sent before is handled before: a released association is no aborted one."""
        peer = await self.acceptor()
        peer.send(RQ, RELEASE_RQ)
        peer.half_close()
        await self.association.when_closed()
        self.assertEqual(self.seen, ["established", "released"])
        await poll(lambda: peer.left, lambda: "our side stays open")

    async def test_while_performing(self) -> None:
        """What is performed for a peer that closes its half is cancelled."""
        cancelled: list[Any] = []
        self.performing = Deferred(cancelled.append)
        peer = await self.acceptor()
        peer.send(RQ, ECHO_RQ)
        await poll(lambda: "message" in self.seen, lambda: f"{self.seen}")
        peer.half_close()
        await self.association.when_closed()
        self.assertEqual(cancelled, [self.performing])


class ResetTests(WireTestCase):
    """RST: the connection is gone, at each point."""

    async def test_acceptor(self) -> None:
        """An acceptor whose peer resets the connection is rid of it, at each point."""
        await self.play(self.acceptor, ACCEPTOR, HalfClosing.reset)

    async def test_requestor(self) -> None:
        """So is a requestor."""
        await self.play(self.requestor, REQUESTOR, HalfClosing.reset)


class ClosingTests(WireTestCase):
    """A peer that never closes its socket is closed by our side (PS3.8 9.1.5)."""

    async def closed(self, peer: HalfClosing, *received: int) -> None:
        await self.association.when_closed()
        await poll(lambda: peer.left, lambda: "our side stays open")
        self.assertEqual([data[0] for data in split(bytes(peer.received))], list(received))

    async def test_acceptor(self) -> None:
        """Before the A-ASSOCIATE-RQ, and after A-ASSOCIATE-RJ, A-RELEASE-RP and A-ABORT."""
        self.ae.require_called_aet = True
        for sends, receives in (
            ((), ()),
            ((replace(RQ, called_ae_title="WRONG"),), (3,)),
            ((RQ, RELEASE_RQ), (2, 6)),
            ((RQ, RELEASE_RP), (2, 7)),
            ((b"GET / HTTP/1.1\r\n\r\n",), (7,)),
        ):
            # Only who says nothing has little time: a busy machine may keep the others waiting.
            self.ae.limits = Limits(closing_timeout=0.2) if sends else Limits(artim=0.2)
            peer = await self.acceptor()
            peer.send(*sends)
            await self.closed(peer, *receives)

    async def test_requestor(self) -> None:
        """After its A-RELEASE-RP, or its A-ABORT, a requestor closes by itself likewise."""
        self.ae.limits = Limits(closing_timeout=0.2)
        for sends, receives in (((AC, RELEASE_RQ), (1, 6)), ((AC, RELEASE_RP), (1, 7))):
            peer = await self.requestor()
            peer.send(*sends)
            await self.closed(peer, *receives)

    async def test_after_our_release(self) -> None:
        """After a release of ours it closes at once, whether or not the peer does."""
        peer = await self.requestor()
        peer.send(AC)
        await poll(lambda: self.outcome, lambda: "not associated")
        releasing = self.association.release()
        peer.send(RELEASE_RP)
        await releasing
        await self.closed(peer, 1, 5)
