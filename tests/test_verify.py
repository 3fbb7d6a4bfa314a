"""``txdicom echo``: the stages of one verification, on a clock and without a network."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IHostnameResolver, IHostResolution
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from tests.test_cli import parsed
from txdicom.cli import arguments
from txdicom.cli.outcome import Outcome
from txdicom.cli.settings import Settings
from txdicom.cli.target import Target
from txdicom.cli.verify import Verification
from txdicom.dimse.message import Message, fragment, response_to
from txdicom.limits import Limits
from txdicom.uids import IMPLICIT_VR_LITTLE_ENDIAN, VERIFICATION
from txdicom.upperlayer.items import PresentationContextAC
from txdicom.upperlayer.pdu import AssociateAC, ReleaseRP


@implementer(IHostnameResolver, IHostResolution)
class Resolver:
    """A name server that answers when the test says so.

    :ivar asked: the names that were asked for
    """

    def __init__(self) -> None:
        self.asked: list[str] = []

    def resolveHostName(self, receiver: Any, name: str, *_: Any, **__: Any) -> Resolver:
        self.asked.append(name)
        self.name = name
        self._receiver = receiver
        receiver.resolutionBegan(self)
        return self

    def answer(self, *addresses: str) -> None:
        for address in addresses:
            self._receiver.addressResolved(IPv4Address("TCP", address, 104))
        self._receiver.resolutionComplete()

    def cancel(self) -> None:
        self._receiver.resolutionComplete()


class Reactor(MemoryReactorClock):
    """A reactor in memory that asks this name server."""

    nameResolver: Any = None


class StageTests(SynchronousTestCase):
    def verify(self, host: str, limits: Limits = Limits()) -> Verification:  # noqa: B008
        """Begin a verification of port 104 there."""
        self.reactor: Any = Reactor()
        self.resolver = self.reactor.nameResolver = Resolver()
        verification = Verification(self.reactor, Target(host), Settings(timeout=9, limits=limits))
        self.running = verification.run()
        return verification

    def connect(self) -> None:
        """Let the attempt to connect that began last come about."""
        host, port, factory, *_ = self.reactor.tcpClients[-1]
        self.protocol = factory.buildProtocol(IPv4Address("TCP", host, port))
        self.protocol.makeConnection(StringTransport(peerAddress=IPv4Address("TCP", host, port)))

    def late(self) -> Outcome:
        """The outcome when nothing more happens."""
        self.reactor.advance(9)
        return self.successResultOf(self.running)

    def assert_late(self, stage: str) -> Outcome:
        """The deadline names the stage."""
        outcome = self.late()
        error: Any = outcome.error
        self.assertEqual((error.timer, error.stage), ("timeout", stage))
        return outcome

    def test_address(self) -> None:
        """An address is connected to at once: no resolver is asked, and there is no such stage."""
        for host in ("192.0.2.1", "2001:db8::1"):
            verification = self.verify(host)
            self.assertEqual([client[0] for client in self.reactor.tcpClients], [host])
            self.reactor.advance(0.5)
            self.connect()
            outcome = verification.outcome
            self.assertEqual(outcome.seconds, {"connect": 0.5})
            self.assertEqual((outcome.addresses, outcome.address), ([host], host))
            self.assertEqual(self.resolver.asked, [])
            self.assert_late("associate")

    def test_closed(self) -> None:
        """The outcome does not wait until the peer closes; what waits for that is told."""
        verification = self.verify("192.0.2.1")
        self.connect()
        self.assert_late("associate")
        self.assertNoResult(verification.closed)
        self.protocol.connectionLost(Failure(ConnectionLost()))
        self.successResultOf(verification.closed)
        verification = self.verify("192.0.2.1")
        self.assert_late("connect")
        self.successResultOf(verification.closed)

    def test_address_not_connected(self) -> None:
        """For an address the first stage is to connect, and what is late then is that."""
        self.verify("192.0.2.1")
        outcome = self.assert_late("connect")
        self.assertEqual((outcome.seconds, outcome.addresses), ({}, ["192.0.2.1"]))

    def test_name(self) -> None:
        """A name is resolved and then connected to, and the two are timed apart."""
        verification = self.verify("pacs")
        self.assertEqual(self.resolver.asked, ["pacs"])
        self.reactor.advance(2)
        self.resolver.answer("192.0.2.1", "192.0.2.2")
        self.reactor.advance(0.25)
        self.connect()
        outcome = verification.outcome
        self.assertEqual(outcome.seconds, {"resolve": 2, "connect": 0.25})
        self.assertEqual(outcome.addresses, ["192.0.2.1", "192.0.2.2"])
        self.assert_late("associate")

    def test_name_not_resolved(self) -> None:
        """A name server that does not answer is late at the stage of resolving."""
        self.verify("pacs")
        self.assertEqual(self.assert_late("resolve").addresses, [])

    def test_name_not_connected(self) -> None:
        """A name that is resolved, but leads nowhere, is late in connecting; its addresses stay."""
        self.verify("pacs")
        self.resolver.answer("192.0.2.1")
        self.assertEqual(self.assert_late("connect").addresses, ["192.0.2.1"])

    def test_interval(self) -> None:
        """An echo follows the one before after the interval, also where that took longer."""
        self.associated(count=4, interval=2)
        for seconds, sent in ((0, 1), (5, 1)):  # the first is answered late
            self.reactor.advance(seconds)
            self.assertEqual(len(self.requests()), sent)
        self.answer(1)
        self.assertEqual(len(self.requests()), 2)
        self.answer(2)
        self.reactor.advance(1.9)
        self.assertEqual(len(self.requests()), 2)
        self.reactor.advance(0.1)
        self.assertEqual(len(self.requests()), 3)

    def test_long_interval(self) -> None:
        """However long it is to the next echo, the peer is not said to have gone silent."""
        outcome = self.associated(count=2, interval=7_200)
        self.answer(1)
        self.reactor.pump([60] * 120)
        self.assertEqual(len(self.requests()), 2)
        self.answer(2)
        self.assertIsNone(outcome.error)
        self.assertEqual([echo.status for echo in outcome.echoes], [0, 0])

    def test_interrupted_between_echoes(self) -> None:
        """What is interrupted long after an echo has the time to release its association."""
        outcome = self.associated(count=2, interval=7_200)
        self.answer(1)
        self.reactor.advance(3_600)
        self.running.cancel()
        self.reactor.advance(1)
        self.assertNoResult(self.running)
        self.protocol.dataReceived(ReleaseRP().encode())
        self.protocol.connectionLost(Failure(ConnectionDone()))
        self.successResultOf(self.running)
        self.assertEqual((outcome.release_error, outcome.warnings), (None, []))

    def test_interrupted_while_the_peer_closes(self) -> None:
        """What is interrupted after its abort does not wait until the peer closes, and is whole."""
        outcome = self.associated(abort=True)
        self.answer(1)
        self.assertNoResult(self.running)
        self.running.cancel()
        self.successResultOf(self.running)
        self.assertEqual((outcome.exit_code, outcome.error), (0, None))

    def associated(self, **settings: Any) -> Outcome:
        """A verification whose association was accepted, with these settings."""
        given = replace(arguments.settings(parsed("192.0.2.1")), timeout=9, **settings)
        self.reactor = Reactor()
        verification = Verification(self.reactor, Target("192.0.2.1"), given)
        self.running = verification.run()
        self.connect()
        context = PresentationContextAC(1, 0, IMPLICIT_VR_LITTLE_ENDIAN)
        self.protocol.transport.clear()
        self.protocol.dataReceived(AssociateAC("ANY-SCP", "TXDICOM", (context,)).encode())
        return verification.outcome

    def requests(self) -> list[bytes]:
        """The C-ECHO requests that were sent: a P-DATA-TF of 80 bytes each."""
        sent = self.protocol.transport.value()
        return [sent[at : at + 80] for at in range(0, len(sent), 80)]

    def answer(self, message_id: int) -> None:
        """Answer a C-ECHO with success."""
        request = Message(
            1,
            {
                "AffectedSOPClassUID": VERIFICATION,
                "CommandField": 0x0030,
                "MessageID": message_id,
            },
        )
        (response,) = fragment(response_to(request, 0x0000), 0)
        self.protocol.dataReceived(response.encode())

    def test_connection_timeout(self) -> None:
        """The connection's own time-out is for both stages, and names the one under way."""
        for answers, stage in ((), "resolve"), (("192.0.2.1",), "connect"):
            self.verify("pacs", Limits(connection_timeout=3))
            if answers:
                self.resolver.answer(*answers)
            self.reactor.advance(3)
            error: Any = self.successResultOf(self.running).error
            self.assertEqual((error.timer, error.stage), ("connection_timeout", stage))
