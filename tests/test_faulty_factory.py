"""The factory of a server that commits faults: its connections, and their end."""

from __future__ import annotations

from twisted.internet.interfaces import IHandshakeListener
from zope.interface.verify import verifyObject

from tests.test_faults import FaultTestCase
from txdicom.errors import AssociationAborted
from txdicom.sop_class import Verification
from txdicom.upperlayer.items import PresentationContextRQ
from txdicom.upperlayer.pdu import AssociateRJ, AssociateRQ
from txdicom.upperlayer.user_information import MaximumLength


class FactoryTests(FaultTestCase):
    def test_bad_fault(self) -> None:
        """A text that is no fault is told when the factory is made."""
        with self.assertRaises(ValueError):
            self.serve("explode")

    def test_shutdown(self) -> None:
        """To shut down ends the silent and the delayed connections too, and at once."""
        for fault in ("silence:on-connect", "silence:on-echo", "delay:on-connect:1000"):
            self.serve(fault)
            self.associate().addErrback(lambda failure: failure.trap(AssociationAborted))
            self.connect()
            stopped = self.factory.shutdown()
            self.wire.flush()
            self.successResultOf(stopped)
            self.assertEqual(self.factory.protocols, {})

    def test_no_room(self) -> None:
        """Where the real server takes no connection, there is none."""
        self.serve("silence:on-echo")
        self.patch(self.factory.wrappedFactory, "buildProtocol", lambda address: None)
        self.assertTrue(self.connect().lost)

    def test_peer_closes(self) -> None:
        """What is still to be sent to a peer that has gone is forgotten."""
        self.serve("delay:on-connect:1000")
        self.connect().transport.loseConnection()
        self.wire.flush()
        self.assertEqual(self.wire.clock.getDelayedCalls(), [])

    def test_handshake(self) -> None:
        """The real server is told when the TLS handshake is complete."""
        self.serve()
        self.connect()
        (faulty,) = self.factory.protocols
        verifyObject(IHandshakeListener, faulty)
        faulty.handshakeCompleted()
        self.assertEqual(faulty.wrappedProtocol.handshaken_at, self.wire.clock.seconds())

    def test_replaced(self) -> None:
        """The faults may be others from one moment to the next."""
        self.serve("status:0x0110")
        association = self.established()
        self.assertEqual(self.successResultOf(self.echo(association)).Status, 0x0110)
        self.factory.faults = []
        self.assertEqual(self.successResultOf(self.echo(association)).Status, 0x0000)

    def test_rejection(self) -> None:
        """The connection is closed by the server where the peer leaves it open after an RJ."""
        self.serve("reject")
        client = self.connect()
        client.transport.write(self._request())
        self.wire.flush()
        self.assertEqual(client.received, AssociateRJ(1, 1, 1).encode())
        self.wire.advance(5)
        self.assertTrue(client.lost)

    def _request(self) -> bytes:
        context = PresentationContextRQ(1, Verification, ("1.2.840.10008.1.2",))
        return AssociateRQ("SCP", "SCU", (context,), (MaximumLength(16382),)).encode()
