"""``txdicom echo``: the stages of one verification, on a clock and without a network."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IHostnameResolver, IHostResolution
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from txdicom.cli.outcome import Outcome
from txdicom.cli.settings import Settings
from txdicom.cli.target import Target
from txdicom.cli.verify import Verification
from txdicom.limits import Limits


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

    def test_connection_timeout(self) -> None:
        """The connection's own time-out is for both stages, and names the one under way."""
        for answers, stage in ((), "resolve"), (("192.0.2.1",), "connect"):
            self.verify("pacs", Limits(connection_timeout=3))
            if answers:
                self.resolver.answer(*answers)
            self.reactor.advance(3)
            error: Any = self.successResultOf(self.running).error
            self.assertEqual((error.timer, error.stage), ("connection_timeout", stage))
