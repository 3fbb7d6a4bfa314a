"""The faults of txdicom.testing: what a client sees of each, in memory."""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import SynchronousTestCase

from txdicom.errors import (
    AssociationAborted,
    AssociationRejected,
    AssociationTimeout,
    DIMSETimeout,
    NoAcceptedContext,
    ProtocolViolation,
)
from txdicom.limits import Limits
from txdicom.sop_class import Verification
from txdicom.testing import (
    FaultyFactory,
    MemoryClientEndpoint,
    MemoryServerEndpoint,
    Wire,
)
from txdicom.upperlayer.pdu import Abort
from txdicom.upperlayer.user_information import (
    AsynchronousOperationsWindow,
    UserIdentityRQ,
)


class Client(Protocol):
    """Sends nothing by itself, and keeps what it receives."""

    def __init__(self) -> None:
        self.received = b""
        self.lost = False

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: object = None) -> None:
        self.lost = True


class FaultTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.wire = Wire()

    def serve(self, *faults: str) -> None:
        """Listen with a server that commits these faults."""
        self.scp = self.wire.ae("SCP")
        self.scp.add_supported_context(Verification)
        server = self.scp.server_factory()
        self.factory = FaultyFactory(server, faults, self.wire.clock)
        MemoryServerEndpoint(self.wire, "scp").listen(self.factory)

    def associate(self, *ext_neg: Any, title: str = "SCU", **limits: Any) -> Any:
        """Ask for an association."""
        scu = self.wire.ae(title, Limits(**limits))
        scu.add_requested_context(Verification)
        return self.wire.associate(scu, ext_neg=ext_neg)

    def established(self, *ext_neg: Any, **arguments: Any) -> Any:
        return self.successResultOf(self.associate(*ext_neg, **arguments))

    def echo(self, association: Any) -> Any:
        echo = association.send_c_echo()
        self.wire.flush()
        return echo

    def verify(self, **arguments: Any) -> None:
        """Associate, echo and release: all is well."""
        association = self.established(**arguments)
        self.assertEqual(self.successResultOf(self.echo(association)).Status, 0x0000)
        self.release(association)
        self.assertTrue(association.is_released)

    def release(self, association: Any) -> Any:
        release = association.release()
        self.wire.flush()
        return release

    def connect(self) -> Client:
        """Connect without sending anything."""
        endpoint = MemoryClientEndpoint(self.wire, "scp")
        client = self.successResultOf(endpoint.connect(Factory.forProtocol(Client)))
        self.wire.flush()
        return client


class AssociateTests(FaultTestCase):
    """Faults at the answer to an A-ASSOCIATE-RQ, and before it."""

    def test_none(self) -> None:
        """Without faults the server is a real one."""
        self.serve()
        self.verify()

    def test_reject(self) -> None:
        """It rejects with any result, source and reason, and lets the peer close."""
        for triple in ((1, 1, 7), (2, 3, 1), (1, 2, 2)):
            self.serve("reject:{},{},{}".format(*triple))
            error = self.failureResultOf(self.associate(), AssociationRejected).value
            self.assertEqual((error.result, error.source, error.reason), triple)
            self.assertEqual(self.factory.protocols, {})

    def test_abort(self) -> None:
        """It aborts instead of an answer, as any source and for any reason."""
        for point in ("connect", "associate"):
            self.serve(f"abort:on-{point}:2,5")
            error = self.failureResultOf(self.associate(), AssociationAborted).value
            self.assertEqual((error.source, error.reason, error.by), (2, 5, "peer"))
            self.assertEqual(error.stage, "associate")

    def test_abort_is_closed(self) -> None:
        """A peer that does not close the connection after an abort is not waited for."""
        self.serve("abort:on-connect")
        client = self.connect()
        self.assertEqual(client.received, Abort(0, 0).encode())
        self.wire.advance(4.9)
        self.assertFalse(client.lost)
        self.wire.advance(0.2)
        self.assertTrue(client.lost)

    def test_silence(self) -> None:
        """It accepts the connection, or reads the request, and says nothing for ever."""
        for point in ("connect", "associate"):
            self.serve(f"silence:on-{point}")
            associating = self.associate(acse_timeout=1000, network_timeout=None)
            self.wire.advance(999)
            self.assertNoResult(associating)
            self.assertEqual(len(self.factory.protocols), 1)
            # What is not read from the connection does not reach the real server either.
            admitted = self.factory.wrappedFactory.active_associations
            self.assertEqual(len(admitted), int(point == "associate"))
            self.wire.advance(1)
            self.failureResultOf(associating, AssociationTimeout)

    def test_drop_and_reset(self) -> None:
        """It closes or resets the connection, when it is made or when the request comes."""
        for fault in ("drop:on-connect", "drop:on-associate", "reset:on-associate"):
            self.serve(fault)
            error = self.failureResultOf(self.associate(), AssociationAborted).value
            self.assertEqual(error.by, "connection", fault)
            self.assertEqual("reset" in fault, "non-clean" in error.detail, error.detail)

    def test_no_context(self) -> None:
        """It accepts the association but none of its contexts, with any result."""
        self.serve("no-context:4")
        error = self.failureResultOf(self.associate(), NoAcceptedContext).value
        self.assertEqual([result for _, result in error.results], [4])

    def test_delay(self) -> None:
        """The answer comes later, and only then."""
        self.serve("delay:on-associate:7")
        associating = self.associate()
        self.wire.advance(6.9)
        self.assertNoResult(associating)
        self.wire.advance(0.1)
        self.assertEqual(
            self.successResultOf(self.echo(self.successResultOf(associating))).Status, 0
        )

    def test_slow_bytes(self) -> None:
        """The answer comes byte by byte, and whole."""
        self.serve("slow-bytes:on-associate:0.1")
        associating = self.associate()
        (server,) = self.factory.protocols
        steps = 0
        while not associating.called:
            self.wire.advance(0.1)
            steps += 1
        self.assertTrue(self.successResultOf(associating).is_established)
        self.assertGreater(steps, 100)
        self.assertLess(steps, 300)
        self.assertEqual(server.request.calling_ae_title, "SCU")

    def test_garble_and_truncate(self) -> None:
        """The answer is garbled, or breaks off with or without the connection."""
        self.serve("garble:on-associate")
        self.failureResultOf(self.associate(), ProtocolViolation)
        self.serve("truncate:on-associate:20")
        self.failureResultOf(self.associate(), AssociationAborted)
        self.serve("stall:on-associate:20")
        associating = self.associate(pdu_timeout=3)
        self.wire.advance(2.9)
        self.assertNoResult(associating)
        self.wire.advance(0.1)
        self.assertEqual(
            self.failureResultOf(associating, AssociationTimeout).value.timer, "pdu_timeout"
        )

    def test_asked_for(self) -> None:
        """It dislikes user identities, or asynchronous operations, and nothing else."""
        for item, point in (
            (UserIdentityRQ(1, b"anna"), "user-identity"),
            (AsynchronousOperationsWindow(5, 1), "async-window"),
        ):
            self.serve(f"abort:on-{point}")
            self.verify()
            self.failureResultOf(self.associate(item), AssociationAborted)

    def test_calling(self) -> None:
        """A fault may concern one calling AE title only; spaces around it do not count."""
        self.serve("EVIL=reject:1,1,3", "OTHER=no-context")
        self.verify()
        self.failureResultOf(self.associate(title="EVIL"), AssociationRejected)
        self.failureResultOf(self.associate(title=" EVIL "), AssociationRejected)
        self.failureResultOf(self.associate(title="OTHER"), NoAcceptedContext)

    def test_other_protocols(self) -> None:
        """It speaks something else, which the client names."""
        for fault, protocol in (
            ("http", "HTTP"),
            ("hl7", "HL7 (MLLP)"),
            ("ssh", "SSH"),
            ("smtp", "SMTP or FTP"),
            ("tls-alert", "TLS"),
            ("tls-stall", "TLS"),
        ):
            self.serve(fault)
            error = self.failureResultOf(self.associate(), ProtocolViolation).value
            self.assertEqual(error.protocol, protocol)

    def test_who_speaks_first(self) -> None:
        """SSH greets by itself; HTTP waits for a request, and then closes."""
        self.serve("ssh")
        self.assertTrue(self.connect().received.startswith(b"SSH-2.0-"))
        self.serve("http")
        client = self.connect()
        self.assertEqual(client.received, b"")
        client.transport.write(b"GET / HTTP/1.1\r\n\r\n")
        self.wire.flush()
        self.assertTrue(client.received.startswith(b"HTTP/1.1 400"))
        self.assertTrue(client.lost)


class EchoTests(FaultTestCase):
    """Faults at the answer to a C-ECHO-RQ."""

    def failing(self, fault: str, **limits: Any) -> Any:
        """The echo that a fault spoils."""
        self.serve(fault)
        return self.echo(self.established(**limits))

    def test_status(self) -> None:
        """It answers with any status, and goes on."""
        self.serve("status:0x0110")
        association = self.established()
        for _ in range(2):
            self.assertEqual(self.successResultOf(self.echo(association)).Status, 0x0110)
        self.release(association)
        self.assertTrue(association.is_released)

    def test_status_in_fragments(self) -> None:
        """A response in several PDUs, since the peer takes only short ones, is changed as well."""
        echo = self.failing("status:0xA700", max_pdu=24)
        self.assertEqual(self.successResultOf(echo).Status, 0xA700)

    def test_wrong_answers(self) -> None:
        """It answers another message, with another command, or on another context."""
        for fault in ("wrong-message-id", "wrong-command", "wrong-command:0x30", "wrong-context"):
            error = self.failureResultOf(self.failing(fault), ProtocolViolation).value
            self.assertEqual(error.stage, "echo", fault)

    def test_broken_answers(self) -> None:
        """The answer is garbled or breaks off, or an abort or the end comes instead."""
        for fault, kind in (
            ("garble:on-echo", ProtocolViolation),
            ("garble:on-echo:12", ProtocolViolation),
            ("truncate:on-echo:20", AssociationAborted),
            ("abort:on-echo", AssociationAborted),
            ("drop:on-echo", AssociationAborted),
            ("reset:on-echo", AssociationAborted),
        ):
            self.failureResultOf(self.failing(fault), kind)

    def test_silence(self) -> None:
        """It is established and never answers."""
        echo = self.failing("silence:on-echo", dimse_timeout=40)
        self.wire.advance(39.9)
        self.assertNoResult(echo)
        self.wire.advance(0.1)
        self.failureResultOf(echo, DIMSETimeout)

    def test_delay(self) -> None:
        """Each answer is late, and several waiting ones keep their order."""
        self.serve("delay:on-echo:1.5")
        association = self.established()
        for _ in range(2):
            echo = self.echo(association)
            self.wire.advance(1.4)
            self.assertNoResult(echo)
            self.wire.advance(0.1)
            self.assertEqual(self.successResultOf(echo).Status, 0x0000)

    def test_together(self) -> None:
        """Several faults work together, the contents before the bytes, whatever their order."""
        self.serve("delay:on-echo:1", "truncate:on-echo:10", "abort:on-echo", "status:0x0110")
        echo = self.echo(self.established())
        self.wire.advance(0.9)
        self.assertNoResult(echo)
        self.wire.advance(0.1)
        # Ten bytes are a whole A-ABORT: it was the one that was cut, and not the response.
        self.assertEqual(self.failureResultOf(echo, AssociationAborted).value.by, "peer")


class ReleaseTests(FaultTestCase):
    """Faults at the answer to an A-RELEASE-RQ, after an echo that went well."""

    def releasing(self, fault: str, **limits: Any) -> Any:
        self.serve(fault)
        association = self.established(**limits)
        self.assertEqual(self.successResultOf(self.echo(association)).Status, 0x0000)
        return self.release(association)

    def test_spoiled(self) -> None:
        """It aborts, closes, or answers with noise instead of releasing."""
        error = self.failureResultOf(self.releasing("abort:on-release:2,5"), AssociationAborted)
        self.assertEqual((error.value.source, error.value.reason), (2, 5))
        self.failureResultOf(self.releasing("drop:on-release"), AssociationAborted)
        self.failureResultOf(self.releasing("garble:on-release"), ProtocolViolation)

    def test_late(self) -> None:
        """It releases late, later even than it would itself wait for the end."""
        release = self.releasing("delay:on-release:20", release_timeout=30)
        self.wire.advance(19.9)
        self.assertNoResult(release)
        self.wire.advance(0.1)
        self.successResultOf(release)

    def test_silence(self) -> None:
        """It never releases, nor does it close when the client gives up."""
        release = self.releasing("silence:on-release", release_timeout=30, closing_timeout=2)
        self.wire.advance(30)
        self.assertNoResult(release)
        self.assertEqual(len(self.factory.protocols), 1)
        self.wire.advance(2)
        self.failureResultOf(release, AssociationTimeout)
