"""The application entity: what it is told, what it refuses, how servers and clients start."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from unittest import mock

from pydicom.uid import UID
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import DNSLookupError, NoRouteError
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from tests.test_association import AssociationTestCase
from txdicom import (
    AE,
    Limits,
    VerificationPresentationContexts,
    build_context,
    evt,
    negotiation,
)
from txdicom.errors import (
    AssociationRejected,
    AssociationTimeout,
    ConnectionFailed,
    ListenFailed,
    NameNotResolved,
    NotEstablished,
)
from txdicom.sop_class import Verification
from txdicom.uids import DEFAULT_TRANSFER_SYNTAXES
from txdicom.upperlayer.user_information import MaximumLength, UserIdentityRQ

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"


class AttributeTests(SynchronousTestCase):
    """The attributes and their limits."""

    def setUp(self) -> None:
        self.ae = AE(reactor=Clock())

    def test_defaults(self) -> None:
        """The defaults are those of the design."""
        self.assertEqual(self.ae.ae_title, "TXDICOM")
        self.assertEqual(
            (
                self.ae.acse_timeout,
                self.ae.dimse_timeout,
                self.ae.network_timeout,
                self.ae.connection_timeout,
                self.ae.maximum_pdu_size,
                self.ae.maximum_associations,
            ),
            (30, 30, 60, 10, 16382, 1000),
        )
        self.assertFalse(self.ae.require_called_aet)
        self.assertEqual(self.ae.require_calling_aet, [])
        self.assertEqual((self.ae.requested_contexts, self.ae.supported_contexts), ([], []))

    def test_titles(self) -> None:
        """An AE title has 1 to 16 printable ASCII characters, and no backslash."""
        for title in ("", " " * 4, "X" * 17, "A\\B", "A\nB", "A\0", "\x1b[2J", "ÄRZTE"):
            with self.assertRaises(ValueError):
                self.ae.ae_title = title
        for title in (None, b"BYTES", 5):
            with self.assertRaises(TypeError):
                self.ae.ae_title = title  # type: ignore[assignment]
        self.assertEqual(self.ae.ae_title, "TXDICOM")
        self.ae.ae_title = "X" * 16
        self.assertEqual(self.ae.ae_title, "X" * 16)

    def test_timeouts(self) -> None:
        """A time-out is a positive number of seconds, or None; anything else is an error."""
        for name in ("acse_timeout", "dimse_timeout", "network_timeout", "connection_timeout"):
            for value in (-1, 0, float("nan"), float("inf")):
                with self.assertRaises(ValueError):
                    setattr(self.ae, name, value)
            for value in ("30", True, [30]):
                with self.assertRaises(TypeError):
                    setattr(self.ae, name, value)
            setattr(self.ae, name, None)
            self.assertIsNone(getattr(self.ae, name))
            setattr(self.ae, name, 0.5)
            self.assertEqual(getattr(self.ae, name), 0.5)

    def test_sizes(self) -> None:
        """Sizes and counts are whole numbers within their limits."""
        for value in (-1, 2**32):
            with self.assertRaises(ValueError):
                self.ae.maximum_pdu_size = value
        with self.assertRaises(TypeError):
            self.ae.maximum_associations = 1.5
        with self.assertRaises(ValueError):
            self.ae.maximum_associations = 0

    def test_implementation(self) -> None:
        """Implementation class UID and version name are checked, too."""
        with self.assertRaises(ValueError):
            self.ae.implementation_class_uid = "not a uid"
        with self.assertRaises(ValueError):
            self.ae.implementation_version_name = ""
        self.ae.implementation_version_name = None
        self.assertIsNone(self.ae.implementation_version_name)
        self.ae.implementation_class_uid = UID("1.2.3")
        self.assertEqual(self.ae.implementation_class_uid, "1.2.3")

    def test_calling_titles(self) -> None:
        """The calling AE titles are a list, not one title."""
        with self.assertRaises(TypeError):
            self.ae.require_calling_aet = "ONE"  # type: ignore[assignment]
        with self.assertRaises(ValueError):
            self.ae.require_calling_aet = ["GOOD", "A\\B"]
        self.ae.require_calling_aet = [" B ", "A"]
        self.assertEqual(self.ae.require_calling_aet, ["A", "B"])


class ContextTests(SynchronousTestCase):
    """Requested and supported contexts."""

    def setUp(self) -> None:
        self.ae = AE(reactor=Clock())

    def test_default_syntaxes(self) -> None:
        """Without transfer syntaxes a context has the default ones."""
        self.ae.add_requested_context(Verification)
        (context,) = self.ae.requested_contexts
        self.assertEqual(context.transfer_syntax, DEFAULT_TRANSFER_SYNTAXES)

    def test_setting_replaces(self) -> None:
        """Setting the contexts replaces those that were there, in both lists."""
        for _ in range(2):
            self.ae.requested_contexts = VerificationPresentationContexts
            self.ae.supported_contexts = VerificationPresentationContexts
        self.assertEqual(len(self.ae.requested_contexts), 1)
        self.assertEqual(len(self.ae.supported_contexts), 1)
        self.ae.requested_contexts = []
        self.assertEqual(self.ae.requested_contexts, [])

    def test_what_is_given_is_a_copy(self) -> None:
        """The list that is given out is the caller's own."""
        self.ae.requested_contexts.append(build_context(Verification))
        self.assertEqual(self.ae.requested_contexts, [])

    def test_129(self) -> None:
        """The 129th context is an error, and the 128 are kept."""
        for _ in range(128):
            self.ae.add_requested_context(Verification)
        with self.assertRaisesRegex(ValueError, "128"):
            self.ae.add_requested_context(Verification)
        with self.assertRaisesRegex(ValueError, "128"):
            self.ae.requested_contexts = [build_context(Verification)] * 129
        self.assertEqual(len(self.ae.requested_contexts), 128)

    def test_wrong_things(self) -> None:
        """What is no UID and no context is refused."""
        with self.assertRaises(TypeError):
            self.ae.add_requested_context(5)  # type: ignore[arg-type]
        with self.assertRaises(ValueError):
            self.ae.add_requested_context("1.2.x")
        with self.assertRaises(ValueError):
            self.ae.add_requested_context(Verification, [])
        with self.assertRaises(TypeError):
            self.ae.supported_contexts = [Verification]  # type: ignore[list-item]
        with self.assertRaises(TypeError):
            self.ae.add_supported_context(Verification, scu_role=1)  # type: ignore[arg-type]

    def test_supported_are_merged(self) -> None:
        """Supporting an abstract syntax again adds transfer syntaxes, and keeps the roles."""
        self.ae.add_supported_context(Verification, "1.2.840.10008.1.2", True, True)
        self.ae.add_supported_context(Verification, "1.2.840.10008.1.2.1")
        (context,) = self.ae.supported_contexts
        self.assertEqual(context.transfer_syntax, ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1"))
        self.assertEqual((context.scu_role, context.scp_role), (True, True))

    def test_sorted(self) -> None:
        """Supported contexts are sorted by abstract syntax."""
        for uid in ("1.2.3", "1.2.1", "1.2.2"):
            self.ae.add_supported_context(uid)
        uids = [context.abstract_syntax for context in self.ae.supported_contexts]
        self.assertEqual(uids, ["1.2.1", "1.2.2", "1.2.3"])

    def test_remove(self) -> None:
        """Contexts are removed whole, or by transfer syntax; what is unknown is passed over."""
        for add in (self.ae.add_requested_context, self.ae.add_supported_context):
            add(Verification)
            add(CT_IMAGE)
        for remove in (self.ae.remove_requested_context, self.ae.remove_supported_context):
            remove(CT_IMAGE)
            remove("1.2.3")
            remove(Verification, DEFAULT_TRANSFER_SYNTAXES[1:])
        for contexts in (self.ae.requested_contexts, self.ae.supported_contexts):
            (context,) = contexts
            self.assertEqual(context.abstract_syntax, Verification)
            self.assertEqual(context.transfer_syntax, DEFAULT_TRANSFER_SYNTAXES[:1])
        for remove in (self.ae.remove_requested_context, self.ae.remove_supported_context):
            remove(Verification, DEFAULT_TRANSFER_SYNTAXES[0])
        self.assertEqual((self.ae.requested_contexts, self.ae.supported_contexts), ([], []))


class AssociateTests(SynchronousTestCase):
    """The arguments of associate, and what connecting fails with."""

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.ae = AE(reactor=self.reactor)
        self.ae.add_requested_context(Verification)

    def test_wrong_arguments(self) -> None:
        """Wrong types and values are the caller's errors, at once."""
        for arguments in ((5, 104), ("host", "104"), ("host", True), (None, 104)):
            with self.assertRaises(TypeError):
                self.ae.associate(*arguments)  # type: ignore[arg-type]
        for port in (0, -1, 65536):
            with self.assertRaises(ValueError):
                self.ae.associate("127.0.0.1", port)
        with self.assertRaises(ValueError):
            self.ae.associate("127.0.0.1", 104, ae_title="X" * 17)
        with self.assertRaises(ValueError):
            self.ae.associate("127.0.0.1", 104, max_pdu=-1)
        with self.assertRaises(TypeError):
            self.ae.associate("127.0.0.1", 104, ext_neg=["item"])  # type: ignore[list-item]
        with self.assertRaises(TypeError):
            self.ae.associate("127.0.0.1", 104, contexts=[Verification])  # type: ignore[list-item]
        with self.assertRaises(ValueError):
            self.ae.associate("127.0.0.1", 104, ext_neg=[UserIdentityRQ(1, bytes(70_000))])
        with self.assertRaises(TypeError):
            self.ae.associate("127.0.0.1", 104, evt_handlers=[("EVT_C_ECHO", print)])  # type: ignore[list-item]
        self.assertEqual(self.reactor.tcpClients, [])

    def test_no_context(self) -> None:
        """There has to be a context to propose."""
        self.ae.requested_contexts = []
        with self.assertRaisesRegex(ValueError, "context"):
            self.ae.associate("127.0.0.1", 104)

    def test_address(self) -> None:
        """An address is connected to as it is, IPv6 too, from the local address that is given."""
        self.ae.associate("127.0.0.1", 104, bind_address=("127.0.0.2", 0))
        self.ae.associate(("::1", 0, 0), 11112)
        clients = [(host, port, bind) for host, port, _, _, bind in self.reactor.tcpClients]
        self.assertEqual(clients, [("127.0.0.1", 104, ("127.0.0.2", 0)), ("::1", 11112, None)])

    def test_connection_timeout(self) -> None:
        """A connection that does not come about ends after its time-out, at the stage connect."""
        associating = self.ae.associate("127.0.0.1", 104)
        self.reactor.advance(9.9)
        self.assertNoResult(associating)
        self.reactor.advance(0.1)
        error = self.failureResultOf(associating, AssociationTimeout).value
        self.assertEqual((error.timer, error.seconds), ("connection_timeout", 10))
        self.assertEqual(error.stage, "connect")
        self.assertIn("127.0.0.1:104", str(error))

    def fails_with(self, error: Exception) -> Any:
        """What associating fails with when connecting fails with this."""

        @implementer(IStreamClientEndpoint)
        class Failing:
            def connect(self, protocolFactory: Any) -> Deferred[Any]:
                failed: Deferred[Any] = Deferred()
                failed.errback(error)
                return failed

        return self.failureResultOf(self.ae.connect(Failing())).value

    def test_failures(self) -> None:
        """What the transport says becomes a typed failure, with what it said."""
        error = self.fails_with(DNSLookupError("no such host"))
        self.assertIsInstance(error, NameNotResolved)
        self.assertEqual(error.stage, "resolve")
        self.assertIn("no such host", str(error))
        error = self.fails_with(NoRouteError("no route"))
        self.assertIsInstance(error, ConnectionFailed)
        self.assertNotIsInstance(error, NameNotResolved)
        self.assertEqual(error.stage, "connect")

    def test_cancelled(self) -> None:
        """To cancel associating while it connects gives the connection up."""
        associating = self.ae.associate("127.0.0.1", 104)
        associating.cancel()
        self.failureResultOf(associating, CancelledError)
        self.assertEqual(self.ae.active_associations, [])

    def test_cancelled_endpoint(self) -> None:
        """Whatever an endpoint says when it is cancelled, as if the name did not exist for one."""

        @implementer(IStreamClientEndpoint)
        class Resolving:
            def connect(self, protocolFactory: Any) -> Deferred[Any]:
                return Deferred(lambda d: d.errback(DNSLookupError("cancelled")))

        associating = self.ae.connect(Resolving())
        associating.cancel()
        self.failureResultOf(associating, CancelledError)
        associating = self.ae.connect(Resolving())
        self.reactor.advance(10)
        self.failureResultOf(associating, AssociationTimeout)

    def test_cancelled_too_late(self) -> None:
        """A connection that comes all the same after it was given up is cut off."""
        connecting: Deferred[Any] = Deferred(lambda d: d.callback(protocol))
        protocol = mock.Mock()

        @implementer(IStreamClientEndpoint)
        class Stubborn:
            def connect(self, protocolFactory: Any) -> Deferred[Any]:
                return connecting

        associating = self.ae.connect(Stubborn())
        associating.cancel()
        self.failureResultOf(associating, CancelledError)
        protocol.transport.abortConnection.assert_called_once_with()

    def test_endpoint_string(self) -> None:
        """connect takes an endpoint string."""
        self.ae.connect("tcp:host=127.0.0.1:port=4242")
        self.assertEqual(self.reactor.tcpClients[0][:2], ("127.0.0.1", 4242))


class ListenTests(SynchronousTestCase):
    """The arguments of start_server and listen."""

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.ae = AE(reactor=self.reactor)
        self.ae.add_supported_context(Verification)

    def test_no_context(self) -> None:
        """A server needs a context to support."""
        self.ae.supported_contexts = []
        with self.assertRaisesRegex(ValueError, "context"):
            self.ae.start_server(("127.0.0.1", 11112), block=False)

    def test_listens(self) -> None:
        """It listens on the host and port, with the backlog of the limits."""
        self.successResultOf(self.ae.start_server(("127.0.0.1", 11112), block=False))
        self.successResultOf(self.ae.start_server(("::", 11113, 0, 0), block=False))
        servers = [(port, backlog, host) for port, _, backlog, host in self.reactor.tcpServers]
        self.assertEqual(servers, [(11112, 1024, "127.0.0.1"), (11113, 1024, "::")])

    def test_endpoint_string(self) -> None:
        """listen takes an endpoint string."""
        self.successResultOf(self.ae.listen("tcp:4242"))
        self.assertEqual(self.reactor.tcpServers[0][0], 4242)

    def test_blocks(self) -> None:
        """With block it runs the reactor, and returns when that has stopped."""
        self.reactor.running = False
        self.reactor.run = lambda: setattr(self.reactor, "hasRun", True)
        self.assertIsNone(self.ae.start_server(("127.0.0.1", 11112)))
        self.assertEqual(len(self.reactor.tcpServers), 1)
        self.assertTrue(self.reactor.hasRun)
        ((shutdown, _, _),) = self.reactor.triggers["before"]["shutdown"]
        self.successResultOf(shutdown())

    def test_block_in_a_running_reactor(self) -> None:
        """With block in a reactor that runs already, it says what to do instead."""
        self.reactor.running = True
        with self.assertRaisesRegex(RuntimeError, "block=False"):
            self.ae.start_server(("127.0.0.1", 11112))

    def test_port_in_use(self) -> None:
        """A port in use is an OSError, raised or in the Deferred."""
        from twisted.internet.error import CannotListenError

        def in_use(*args: Any, **arguments: Any) -> Any:
            raise CannotListenError("127.0.0.1", 11112, OSError(98, "Address already in use"))

        self.reactor.listenTCP = in_use
        self.reactor.running = False
        with self.assertRaisesRegex(OSError, "Address already in use"):
            self.ae.start_server(("127.0.0.1", 11112))
        listening = self.ae.start_server(("127.0.0.1", 11112), block=False)
        self.failureResultOf(listening, ListenFailed)


class EchoArgumentTests(AssociationTestCase):
    """The arguments of send_c_echo."""

    def test_message_ids(self) -> None:
        """A message ID is an int from 0 to 65535."""
        here = self.associate()
        for number in (-1, 65536):
            with self.assertRaises(ValueError):
                here.send_c_echo(number)
        for thing in ("1", 1.0, True):
            with self.assertRaises(TypeError):
                here.send_c_echo(thing)
        for number in (0, 65535, 1):
            echo = here.echo(number)
            self.wire.flush()
            self.assertEqual(self.successResultOf(echo).MessageIDBeingRespondedTo, number)

    def test_outstanding(self) -> None:
        """A message ID that is outstanding cannot be used again."""
        here = self.associate()
        here.echo(5)
        with self.assertRaisesRegex(ValueError, "outstanding"):
            here.echo(5)
        self.wire.flush()

    def test_counts_up(self) -> None:
        """Message IDs count up, leave out those outstanding, and begin again after 65535."""
        here = self.associate()
        numbers = []
        here._dimse.invoker._last_id = 65533
        here.echo(1)
        for _ in range(3):
            echo = here.echo()
            self.wire.flush()
            numbers.append(self.successResultOf(echo).MessageIDBeingRespondedTo)
        self.assertEqual(numbers, [65534, 65535, 1])

    def test_not_established(self) -> None:
        """An echo on an association that is not established fails."""
        self.wire.listen(self.scp)
        self.wire.silent = True
        self.wire.associate(self.scu)
        (association,) = self.scu.active_associations
        self.failureResultOf(association.echo(), NotEstablished)  # type: ignore[attr-defined]


class AsyncWithTests(AssociationTestCase):
    """``async with ae.association(...)``."""

    def setUp(self) -> None:
        super().setUp()
        self.wire.listen(self.scp)
        # associate takes host and port; here it is the wire that leads there.
        self.scu.associate = lambda *args, **arguments: self.wire.associate(  # type: ignore[method-assign]
            self.scu, *args, **arguments
        )

    def test_releases(self) -> None:
        """At its end the association is released."""

        async def use() -> Any:
            async with self.scu.association() as association:
                echo = association.echo()
                self.wire.flush()
                await echo
            return association

        using = Deferred.fromCoroutine(use())
        self.wire.flush()
        self.assertTrue(self.successResultOf(using).is_released)

    def test_aborts(self) -> None:
        """On an exception it is aborted, and the exception goes on."""
        associations: list[Any] = []

        async def use() -> None:
            async with self.scu.association() as association:
                associations.append(association)
                raise KeyError("mine")

        using = Deferred.fromCoroutine(use())
        self.wire.flush()
        self.failureResultOf(using, KeyError)
        self.assertTrue(associations[0].is_aborted)

    def test_fails(self) -> None:
        """Where there is no association, it is not entered."""

        async def use() -> None:
            async with self.scu.association("nobody"):
                raise AssertionError("entered")

        self.failureResultOf(Deferred.fromCoroutine(use()), ConnectionFailed)


class ItemTests(AssociationTestCase):
    """What is sent with the request."""

    def test_maximum_length(self) -> None:
        """max_pdu is announced, instead of the application entity's own."""
        requests: list[Any] = []
        self.associate(
            [(evt.EVT_ESTABLISHED, lambda event: requests.append(event.assoc.requestor.primitive))],
            max_pdu=0,
        )
        self.assertIn(MaximumLength(0), requests[0].user_information)
        self.assertIsNone(self.accepted().requestor.primitive)
        self.assertEqual(self.accepted().requestor.maximum_length, 0)

    def test_request_of_a_rejected_one(self) -> None:
        """An acceptor does not keep the request of an association that it rejects or aborts."""
        requestors: list[Any] = []

        def note(event: Any) -> None:
            requestors.append(event.assoc.requestor)
            self.assertIsNotNone(requestors[-1].primitive)

        self.scp.require_called_aet = True
        self.wire.listen(self.scp, evt_handlers=[(evt.EVT_REJECTED, note)])
        self.failureResultOf(self.wire.associate(self.scu, ae_title="OTHER"))
        identity = UserIdentityRQ(1, b"user", b"", False)
        deciding: Deferred[Any] = Deferred(lambda _: None)
        handlers = [(evt.EVT_REQUESTED, note), (evt.EVT_USER_ID, lambda event: deciding)]
        self.wire.listen(self.scp, "slow", evt_handlers=handlers)
        associating = self.wire.associate(self.scu, "slow", ae_title="SCP", ext_neg=[identity])
        associating.addErrback(lambda _: None)
        self.assertIsNotNone(requestors[1].primitive)
        associating.cancel()
        self.wire.flush()
        self.assertEqual([requestor.primitive for requestor in requestors], [None, None])

    def test_failing_decision(self) -> None:
        """When deciding on a request fails, it is rejected for now, and the failure logged."""
        identity = UserIdentityRQ(1, b"user", b"", False)
        for items in ([], [identity]):
            self.wire.listen(self.scp)
            with mock.patch.object(negotiation, "accept", side_effect=RuntimeError("broken")):
                associating = self.wire.associate(self.scu, ext_neg=items)
            error = self.failureResultOf(associating, AssociationRejected).value
            self.assertEqual((error.result, error.source, error.reason), (2, 3, 1))
            self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
            self.assertNothingLeft()

    def test_version_name(self) -> None:
        """The implementation is named, unless that is switched off."""
        self.scu.implementation_version_name = None
        self.associate()
        requestor = self.accepted().requestor
        self.assertIsNone(requestor.implementation_version_name)
        self.assertEqual(requestor.implementation_class_uid, self.scu.implementation_class_uid)

    def test_crowds_in_the_log(self) -> None:
        """All requested associations have the rate of the log's lines together."""
        lines: list[dict[str, Any]] = []
        self.scp.require_called_aet = True
        self.scp.limits = replace(self.scp.limits, log_rate=1)
        self.wire.listen(self.scp)
        globalLogPublisher.addObserver(lines.append)
        self.addCleanup(globalLogPublisher.removeObserver, lines.append)
        for rate in (3, 4):
            lines.clear()
            self.scu.limits = replace(self.scu.limits, log_rate=rate)
            for _ in range(10):
                self.failureResultOf(self.wire.associate(self.scu), AssociationRejected)
            rejected = [line for line in lines if "Association Rejected" in line.get("text", "")]
            self.assertEqual(len(rejected), rate)

    def test_limits_are_taken(self) -> None:
        """An application entity may be given all limits at once."""
        ae = AE("A", Limits(dimse_timeout=3))
        self.assertEqual(ae.dimse_timeout, 3)
