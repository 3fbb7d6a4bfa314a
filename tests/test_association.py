"""Associations in both roles: established, used, released, aborted, timed out, cancelled."""

from __future__ import annotations

import gc
import weakref
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from txdicom import AE, Limits, build_context, build_role, evt
from txdicom.dimse.message import Message
from txdicom.errors import (
    AssociationAborted,
    AssociationRejected,
    AssociationReleased,
    AssociationTimeout,
    ConnectionFailed,
    DIMSETimeout,
    NoAcceptedContext,
    NotEstablished,
    ProtocolViolation,
)
from txdicom.testing import Wire, associated
from txdicom.uids import IMPLICIT_VR_LITTLE_ENDIAN, VERIFICATION
from txdicom.upperlayer import pdu
from txdicom.upperlayer.user_information import (
    AsynchronousOperationsWindow,
    UserIdentityAC,
    UserIdentityRQ,
    the,
)

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"


class AssociationTestCase(SynchronousTestCase):
    """A requestor and an acceptor on a wire."""

    def setUp(self) -> None:
        self.wire = Wire()
        self.scp = self.wire.ae("SCP")
        self.scp.add_supported_context(VERIFICATION)
        self.scu = self.wire.ae("SCU")
        self.scu.add_requested_context(VERIFICATION)

    def associate(self, handlers: Any = (), **arguments: Any) -> Any:
        """The requestor's association, once it is established."""
        self.wire.listen(self.scp, evt_handlers=handlers)
        return self.successResultOf(self.wire.associate(self.scu, **arguments))

    def refused(self, kind: type[Exception], handlers: Any = (), **arguments: Any) -> Any:
        """The error with which associating fails."""
        self.wire.listen(self.scp, evt_handlers=handlers)
        return self.failureResultOf(self.wire.associate(self.scu, **arguments), kind).value

    def accepted(self) -> Any:
        """The acceptor's only association."""
        (association,) = self.scp.active_associations
        return association

    def assertNothingLeft(self) -> None:
        """Both sides are closed, and nothing waits in the reactor."""
        self.wire.flush()
        self.assertEqual(self.scp.active_associations, [])
        self.assertEqual(self.scu.active_associations, [])
        self.assertEqual(self.wire.clock.getDelayedCalls(), [])


class EstablishedTests(AssociationTestCase):
    """What both sides know of an established association."""

    def test_both_sides_agree(self) -> None:
        """Requestor and acceptor see the same association, each from its side."""
        here = self.associate(ae_title="CALLED")
        there = self.accepted()
        for association in (here, there):
            self.assertTrue(association.is_established)
            self.assertEqual(association.requestor.ae_title, "SCU")
            self.assertEqual(association.requestor.maximum_length, 16382)
            self.assertEqual(association.acceptor.maximum_length, 16382)
            (context,) = association.accepted_contexts
            self.assertEqual(context.as_tuple, (1, VERIFICATION, IMPLICIT_VR_LITTLE_ENDIAN))
        self.assertEqual((here.mode, there.mode), ("requestor", "acceptor"))
        self.assertEqual(here.acceptor.ae_title, "CALLED")
        self.assertEqual(there.acceptor.ae_title, "SCP")
        self.assertTrue(here.accepted_contexts[0].as_scu)
        self.assertTrue(there.accepted_contexts[0].as_scp)
        self.assertEqual(there.address, ("127.0.0.1", 50000))

    def test_rejected_contexts(self) -> None:
        """A context that the acceptor does not know is listed as rejected."""
        self.scu.add_requested_context(CT_IMAGE)
        here = self.associate()
        (context,) = here.rejected_contexts
        self.assertEqual((context.abstract_syntax, context.result), (CT_IMAGE, 3))
        self.assertEqual(context.status, "Abstract Syntax Not Supported")

    def test_titles_are_given_back(self) -> None:
        """The A-ASSOCIATE-AC repeats titles and reserved field of the request (Table 9-17)."""
        here = self.associate(ae_title="ANY-SCP")
        ac = here.acceptor.primitive
        self.assertEqual((ac.called_ae_title, ac.calling_ae_title), ("ANY-SCP", "SCU"))

    def test_repr_and_str(self) -> None:
        """An association and an application entity say who they are."""
        here = self.associate()
        self.assertIn("SCU>ANY-SCP", repr(here))
        self.assertEqual(str(self.scu), "SCU: 1 associations")


class RefusedTests(AssociationTestCase):
    """What the requestor is told when there is no association."""

    def test_nothing_listens(self) -> None:
        """A refused connection fails with ConnectionFailed, at the stage connect."""
        associating = self.wire.associate(self.scu, "nobody")
        error = self.failureResultOf(associating, ConnectionFailed).value
        self.assertEqual(error.stage, "connect")
        self.assertIn("refused", str(error))

    def test_called_title(self) -> None:
        """An unknown called AE title is rejected with 1, 1, 7."""
        self.scp.require_called_aet = True
        error = self.refused(AssociationRejected, ae_title="OTHER")
        self.assertEqual((error.result, error.source, error.reason), (1, 1, 7))
        self.assertFalse(error.transient)
        self.assertEqual(error.stage, "associate")
        self.wire.advance(0)
        self.assertNothingLeft()

    def test_calling_title(self) -> None:
        """An unknown calling AE title is rejected with 1, 1, 3."""
        self.scp.require_calling_aet = ["FRIEND", "OTHER"]
        error = self.refused(AssociationRejected)
        self.assertEqual((error.result, error.source, error.reason), (1, 1, 3))

    def test_too_many(self) -> None:
        """Above the limit of associations a request is rejected with 2, 3, 2, transiently."""
        self.scp.maximum_associations = 1
        first = self.associate()
        second = self.wire.associate(self.scu)
        error = self.failureResultOf(second, AssociationRejected).value
        self.assertEqual((error.result, error.source, error.reason), (2, 3, 2))
        self.assertTrue(error.transient)
        first.release()
        self.wire.flush()
        self.successResultOf(self.wire.associate(self.scu))

    def test_no_context(self) -> None:
        """An association without any accepted context is aborted, with NoAcceptedContext."""
        self.scu.requested_contexts = [build_context(CT_IMAGE)]
        error = self.refused(NoAcceptedContext)
        self.assertEqual(error.stage, "context")
        self.assertEqual(error.results, ((CT_IMAGE, 3),))
        self.assertIn("abstract-syntax-not-supported", str(error))
        self.assertNothingLeft()

    def test_rejected_by_a_handler(self) -> None:
        """A handler of EVT_REQUESTED can reject with any result, source and reason."""

        def reject(event: Any) -> None:
            event.assoc.reject(pdu.AssociateRJ(2, 3, 1))

        error = self.refused(AssociationRejected, [(evt.EVT_REQUESTED, reject)])
        self.assertEqual((error.result, error.source, error.reason), (2, 3, 1))

    def test_aborted_by_a_handler(self) -> None:
        """A handler of EVT_REQUESTED can abort."""

        def abort(event: Any) -> None:
            event.assoc.abort()

        error = self.refused(AssociationAborted, [(evt.EVT_REQUESTED, abort)])
        self.assertEqual((error.source, error.by, error.stage), (0, "peer", "associate"))

    def test_no_answer(self) -> None:
        """A peer that does not answer the request ends in the ACSE time-out."""
        self.wire.listen(self.scp)
        self.wire.silent = True
        associating = self.wire.associate(self.scu)
        self.wire.advance(29.9)
        self.assertNoResult(associating)
        self.wire.advance(0.1)
        error = self.failureResultOf(associating, AssociationTimeout).value
        self.assertEqual(
            (error.timer, error.seconds, error.stage), ("acse_timeout", 30, "associate")
        )

    def test_no_decision(self) -> None:
        """A handler that does not decide in time costs the peer a transient rejection."""
        never: Deferred[Any] = Deferred()
        self.scp.acse_timeout = 10
        self.wire.listen(self.scp, evt_handlers=[(evt.EVT_USER_ID, lambda event: never)])
        associating = self.wire.associate(self.scu, ext_neg=[UserIdentityRQ(1, b"user")])
        self.wire.advance(10)
        error = self.failureResultOf(associating, AssociationRejected).value
        self.assertEqual((error.result, error.source, error.reason), (2, 3, 1))


class IdentityTests(AssociationTestCase):
    """User identity, decided by the handler of EVT_USER_ID."""

    def answer(self, said: Any, item: UserIdentityRQ) -> Any:
        here = self.associate([(evt.EVT_USER_ID, lambda event: said)], ext_neg=[item])
        return the(UserIdentityAC, here.acceptor.primitive.user_information)

    def test_handler_is_given_the_identity(self) -> None:
        """The handler is given the type and both fields."""
        seen: list[Any] = []

        def identify(event: Any) -> Any:
            seen.append((event.user_id_type, event.primary_field, event.secondary_field))
            return True, None

        self.associate(
            [(evt.EVT_USER_ID, identify)], ext_neg=[UserIdentityRQ(2, b"user", b"secret")]
        )
        self.assertEqual(seen, [(2, b"user", b"secret")])

    def test_refused(self) -> None:
        """A refused identity is rejected with 1, 2, 1."""
        error = self.refused(
            AssociationRejected,
            [(evt.EVT_USER_ID, lambda event: (False, None))],
            ext_neg=[UserIdentityRQ(1, b"user")],
        )
        self.assertEqual((error.result, error.source, error.reason), (1, 2, 1))

    def test_handler_fails(self) -> None:
        """A handler that fails refuses, and its failure is logged once."""

        def fails(event: Any) -> Any:
            raise RuntimeError("no directory")

        self.refused(
            AssociationRejected, [(evt.EVT_USER_ID, fails)], ext_neg=[UserIdentityRQ(1, b"user")]
        )
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_positive_response_for_a_name(self) -> None:
        """A user name is confirmed by an empty response, if one is asked for."""
        item = UserIdentityRQ(1, b"user", positive_response_requested=True)
        self.assertEqual(self.answer((True, b"ignored"), item), UserIdentityAC(b""))

    def test_positive_response_for_a_ticket(self) -> None:
        """A Kerberos ticket is confirmed by the handler's response."""
        item = UserIdentityRQ(3, b"ticket", positive_response_requested=True)
        self.assertEqual(self.answer((True, b"reply"), item), UserIdentityAC(b"reply"))

    def test_no_positive_response(self) -> None:
        """What was not asked for is not answered."""
        self.assertIsNone(self.answer((True, b"reply"), UserIdentityRQ(3, b"ticket")))

    def test_later(self) -> None:
        """The handler may decide later, with a Deferred or a coroutine."""
        later: Deferred[Any] = Deferred()
        self.wire.listen(self.scp, evt_handlers=[(evt.EVT_USER_ID, lambda event: later)])
        associating = self.wire.associate(self.scu, ext_neg=[UserIdentityRQ(1, b"user")])
        self.assertNoResult(associating)
        later.callback((True, None))
        self.wire.flush()
        self.successResultOf(associating)

    def test_peer_leaves_while_deciding(self) -> None:
        """When the peer leaves, the decision on it is cancelled."""
        cancelled: list[Any] = []
        later: Deferred[Any] = Deferred(cancelled.append)
        self.wire.listen(self.scp, evt_handlers=[(evt.EVT_USER_ID, lambda event: later)])
        associating = self.wire.associate(self.scu, ext_neg=[UserIdentityRQ(1, b"user")])
        associating.cancel()
        self.failureResultOf(associating, CancelledError)
        self.wire.flush()
        self.assertEqual(cancelled, [later])
        self.assertNothingLeft()


class ReleaseTests(AssociationTestCase):
    """Release, by either side and by both."""

    def test_by_the_requestor(self) -> None:
        """A release ends both sides, and leaves nothing behind."""
        here = self.associate()
        there = self.accepted()
        releasing = here.release()
        self.assertFalse(here.is_established)
        self.wire.flush()
        self.successResultOf(releasing)
        self.assertTrue(here.is_released)
        self.assertTrue(there.is_released)
        self.assertFalse(here.is_aborted or there.is_aborted)
        self.assertNothingLeft()

    def test_by_the_acceptor(self) -> None:
        """The acceptor may release, too."""
        here = self.associate()
        releasing = self.accepted().release()
        self.wire.flush()
        self.successResultOf(releasing)
        self.assertTrue(here.is_released)
        self.assertNothingLeft()

    def test_collision(self) -> None:
        """When both release at once, both are released (PS3.8 7.2.2)."""
        here = self.associate()
        there = self.accepted()
        both = [here.release(), there.release()]
        self.wire.flush()
        for releasing in both:
            self.successResultOf(releasing)
        self.assertTrue(here.is_released and there.is_released)
        self.assertNothingLeft()

    def test_twice(self) -> None:
        """Releasing again while it is under way, or after, is no error."""
        here = self.associate()
        releasing = [here.release(), here.release()]
        self.wire.flush()
        for deferred in [*releasing, here.release()]:
            self.successResultOf(deferred)

    def test_not_answered(self) -> None:
        """A release that is not answered fails after its time-out, with an abort."""
        here = self.associate()
        self.wire.silent = True
        releasing = here.release()
        self.wire.advance(4.9)
        self.assertNoResult(releasing)
        self.wire.advance(0.1)  # the A-ABORT is sent
        self.wire.advance(5)  # and the peer does not close
        error = self.failureResultOf(releasing, AssociationTimeout).value
        self.assertEqual((error.timer, error.stage), ("release_timeout", "release"))
        self.assertTrue(here.is_aborted)

    def test_requests_outstanding(self) -> None:
        """A request that has no response when the peer releases fails with AssociationReleased."""
        cancelled: list[Any] = []
        never: Deferred[int] = Deferred(cancelled.append)
        here = self.associate([(evt.EVT_C_ECHO, lambda event: never)])
        there = self.accepted()
        echo = here.echo()
        self.wire.flush()
        there.release()
        self.wire.flush()
        error = self.failureResultOf(echo, AssociationReleased).value
        self.assertEqual(error.by, "peer")
        self.assertEqual(cancelled, [never])

    def test_response_after_the_release_was_asked_for(self) -> None:
        """What was requested before the release is still answered (AR-6)."""
        here = self.associate()
        echo = here.echo()
        releasing = here.release()
        self.wire.flush()
        self.assertEqual(self.successResultOf(echo).Status, 0)
        self.successResultOf(releasing)

    def test_nothing_after_a_release(self) -> None:
        """A request on a released association fails at once, and says why."""
        here = self.associate()
        here.release()
        error = self.failureResultOf(here.echo(), NotEstablished).value
        self.assertEqual(error.stage, "release")
        self.wire.flush()
        self.failureResultOf(here.echo(), AssociationReleased)

    def test_cancelled(self) -> None:
        """To cancel a release is to abort."""
        here = self.associate()
        self.wire.silent = True
        releasing = here.release()
        releasing.cancel()
        self.failureResultOf(releasing, CancelledError)
        self.assertTrue(here.is_aborted)


class FreedTests(AssociationTestCase):
    """What has ended is freed at once, and does not wait for the garbage collector."""

    def test_released_and_aborted(self) -> None:
        """Both sides go with their last reference, however the association ended."""
        gc.disable()
        self.addCleanup(gc.enable)
        for end in ("release", "abort"):
            here = self.associate()
            there = self.accepted()
            echo = here.echo()
            self.wire.flush()
            self.successResultOf(echo)
            ended = getattr(here, end)()
            self.wire.flush()
            self.successResultOf(ended)
            references = [weakref.ref(here), weakref.ref(there)]
            del here, there, echo, ended
            self.assertEqual([reference() for reference in references], [None, None], end)


class AbortTests(AssociationTestCase):
    """Aborts, by either side, and lost connections."""

    def test_by_the_requestor(self) -> None:
        """An abort ends both sides, with source and reason as given."""
        here = self.associate()
        there = self.accepted()
        aborting = here.abort(2, 5)
        self.wire.flush()
        self.successResultOf(aborting)
        self.assertTrue(here.is_aborted and there.is_aborted)
        self.assertEqual(
            (there.failure.source, there.failure.reason, there.failure.by), (2, 5, "peer")
        )
        self.assertEqual(here.failure.by, "local")
        self.assertNothingLeft()

    def test_by_the_acceptor(self) -> None:
        """A request that is outstanding when the peer aborts fails with AssociationAborted."""
        cancelled: list[Any] = []
        never: Deferred[int] = Deferred(cancelled.append)
        here = self.associate([(evt.EVT_C_ECHO, lambda event: never)])
        echo = here.echo()
        self.wire.flush()
        self.accepted().abort()
        self.wire.flush()
        error = self.failureResultOf(echo, AssociationAborted).value
        self.assertEqual((error.source, error.by, error.stage), (0, "peer", "echo"))
        self.failureResultOf(here.echo(), AssociationAborted)
        self.assertEqual(cancelled, [never])

    def test_connection_lost(self) -> None:
        """A lost connection fails what is outstanding, and says that it was the connection."""
        here = self.associate()
        echo = here.echo()
        here.protocol.transport.other.abortConnection()
        self.wire.flush()
        error = self.failureResultOf(echo, AssociationAborted).value
        self.assertEqual(error.by, "connection")
        self.assertTrue(here.is_aborted)
        self.assertNothingLeft()

    def test_after_the_end(self) -> None:
        """Aborting what is over does nothing."""
        here = self.associate()
        here.release()
        self.wire.flush()
        self.successResultOf(here.abort())
        self.assertFalse(here.is_aborted)

    def test_peer_does_not_close(self) -> None:
        """After an A-ABORT the peer has 5 seconds to close the connection."""
        here = self.associate()
        self.wire.silent = True
        aborting = here.abort()
        self.wire.advance(4.9)
        self.assertNoResult(aborting)
        self.wire.advance(0.1)
        self.successResultOf(aborting)


class TimeoutTests(AssociationTestCase):
    """Time-outs of an established association."""

    def test_no_response(self) -> None:
        """A response that does not come fails with DIMSETimeout, and the association is aborted."""
        here = self.associate()
        self.wire.silent = True
        echo = here.echo()
        self.wire.advance(29.9)
        self.assertNoResult(echo)
        self.wire.advance(0.1)
        error = self.failureResultOf(echo, DIMSETimeout).value
        self.assertEqual((error.timer, error.seconds, error.stage), ("dimse_timeout", 30, "echo"))
        self.assertIn("C-ECHO-RQ", str(error))
        self.assertTrue(here.is_aborted)

    def test_later_requests(self) -> None:
        """Further requests do not put off the time-out of the first."""
        here = self.associate(ext_neg=[AsynchronousOperationsWindow(0, 0)])
        here._dimse.invoker._window = 0
        self.wire.silent = True
        echoes = [here.echo()]
        self.wire.advance(20)
        echoes.append(here.echo())
        self.wire.advance(10)
        for echo in echoes:
            self.failureResultOf(echo, DIMSETimeout)

    def test_no_decision_after_the_end(self) -> None:
        """The time for a decision no longer counts when there is nothing to decide on."""
        associations: list[Any] = []
        deciding: Deferred[Any] = Deferred(lambda _: None)
        handlers = [
            (evt.EVT_REQUESTED, lambda event: associations.append(event.assoc)),
            (evt.EVT_USER_ID, lambda event: deciding),
        ]
        self.wire.listen(self.scp, evt_handlers=handlers)
        identity = UserIdentityRQ(1, b"user")
        self.wire.associate(self.scu, ext_neg=[identity]).addErrback(lambda _: None)
        (there,) = associations
        self.assertIn("acse", there.protocol.timers.running)
        there.abort()
        self.assertNotIn("acse", there.protocol.timers.running)
        self.assertNothingLeft()

    def test_each_request_has_its_own_time(self) -> None:
        """The time-out counts from each request, not from the first."""
        here = self.associate()
        for _ in range(3):
            echo = here.echo()
            self.wire.advance(20)
            self.successResultOf(echo)
        self.wire.silent = True
        echo = here.echo()
        self.wire.advance(29.9)
        self.assertNoResult(echo)
        self.wire.advance(0.2)
        self.failureResultOf(echo, DIMSETimeout)

    def test_idle(self) -> None:
        """An association on which nothing is received is aborted after the network time-out."""
        self.scp.network_timeout = 20
        here = self.associate()
        there = self.accepted()
        self.wire.advance(19)
        echo = here.echo()
        self.wire.advance(19)
        self.successResultOf(echo)
        self.assertTrue(there.is_established)
        self.wire.advance(1)
        self.assertTrue(there.is_aborted)
        self.assertIsInstance(there.failure, AssociationTimeout)
        self.assertEqual(there.failure.timer, "network_timeout")
        self.assertTrue(here.is_aborted)

    def test_not_idle_while_performing(self) -> None:
        """The network time-out does not count while the peer waits for a handler of ours, but
        from its answer on."""
        for waited in (59, 300, 359):
            later: Deferred[int] = Deferred()
            self.scu.dimse_timeout = None
            self.scu.network_timeout = None
            here = self.associate([(evt.EVT_C_ECHO, lambda event, later=later: later)])
            echo = here.echo()
            self.wire.advance(waited)
            self.assertNoResult(echo)
            later.callback(0)
            self.wire.flush()
            self.assertEqual(self.successResultOf(echo).Status, 0)
            self.wire.advance(59)
            self.assertTrue(here.is_established, waited)
            self.wire.advance(1)
            self.assertTrue(here.is_aborted, waited)

    def test_half_a_pdu(self) -> None:
        """A PDU has to arrive whole within its time-out, however its bytes drip."""
        here = self.associate()
        there = self.accepted()
        data = pdu.PDataTF((pdu.PresentationDataValue(1, True, True, bytes(68)),)).encode()
        for byte in data[:40]:
            here.protocol.transport.write(bytes([byte]))
            self.wire.advance(1)
        self.assertTrue(there.is_aborted)
        self.assertEqual(there.failure.timer, "pdu_timeout")

    def test_half_a_message(self) -> None:
        """So has a message, however its fragments come."""
        here = self.associate()
        there = self.accepted()
        for _ in range(3):
            here.send_pdu(pdu.PDataTF((pdu.PresentationDataValue(1, True, False, bytes(2)),)))
            self.wire.advance(10)
        self.assertTrue(there.is_aborted)
        self.assertEqual(there.failure.timer, "pdu_timeout")

    def test_none(self) -> None:
        """Time-outs of None never come."""
        self.scp = AE("SCP", Limits(network_timeout=None), self.wire.clock)
        self.scp.add_supported_context(VERIFICATION)
        self.scu.network_timeout = None
        here = self.associate()
        self.wire.advance(1_000_000)
        self.assertTrue(here.is_established)


class CancelTests(AssociationTestCase):
    """A cancelled Deferred ends what it waits for."""

    def test_associating(self) -> None:
        """To cancel associating aborts it."""
        self.wire.listen(self.scp)
        self.wire.silent = True
        associating = self.wire.associate(self.scu)
        associating.cancel()
        self.failureResultOf(associating, CancelledError)
        self.wire.silent = False
        self.assertNothingLeft()

    def test_echo(self) -> None:
        """To cancel a request that was sent aborts the association."""
        here = self.associate()
        echo = here.echo()
        echo.cancel()
        self.failureResultOf(echo, CancelledError)
        self.assertTrue(here.is_aborted)
        self.assertNothingLeft()

    def test_waiting_echo(self) -> None:
        """To cancel a request that waits for its turn only takes it out of the queue."""
        here = self.associate()
        first, second, third = here.echo(), here.echo(), here.echo()
        second.cancel()
        self.failureResultOf(second, CancelledError)
        self.wire.flush()
        self.assertEqual(self.successResultOf(first).MessageIDBeingRespondedTo, 1)
        self.assertEqual(self.successResultOf(third).MessageIDBeingRespondedTo, 3)


class MessageTests(AssociationTestCase):
    """Messages that are not as they should be."""

    def sent_by(self, association: Any, command: dict[str, Any], context_id: int = 1) -> None:
        """Let one side send a message that the API would not."""
        association._dimse._send(Message(context_id, command))
        self.wire.flush()

    def response(self, **elements: Any) -> dict[str, Any]:
        return {
            "AffectedSOPClassUID": VERIFICATION,
            "CommandField": 0x8030,
            "MessageIDBeingRespondedTo": 1,
            "CommandDataSetType": 0x0101,
            "Status": 0,
            **elements,
        }

    def answered_with(self, **elements: Any) -> Deferred[Any]:
        """An echo to which the peer answers by hand."""
        here = self.associate([(evt.EVT_C_ECHO, lambda event: Deferred())])
        echo = here.echo()
        self.wire.flush()
        command = self.response(**elements)
        self.sent_by(self.accepted(), {k: v for k, v in command.items() if v is not None})
        return echo

    def test_another_message_id(self) -> None:
        """A response to another message ID is no answer but a violation of the protocol."""
        error = self.failureResultOf(
            self.answered_with(MessageIDBeingRespondedTo=999), ProtocolViolation
        ).value
        self.assertIn("999", str(error))
        self.assertEqual(error.stage, "echo")

    def test_another_command(self) -> None:
        """A C-STORE-RSP is no answer to a C-ECHO-RQ."""
        error = self.failureResultOf(
            self.answered_with(CommandField=0x8001), ProtocolViolation
        ).value
        self.assertIn("C-STORE-RSP", str(error))

    def test_without_status(self) -> None:
        """A response without a status is none."""
        self.failureResultOf(self.answered_with(Status=None), ProtocolViolation)

    def test_without_sop_class(self) -> None:
        """A response may leave out the Affected SOP Class UID, as some peers do."""
        echo = self.answered_with(AffectedSOPClassUID=None)
        self.assertEqual(self.successResultOf(echo).Status, 0)

    def test_failure_status_is_an_answer(self) -> None:
        """A status other than success is an answer, with its error comment."""
        echo = self.answered_with(Status=0x0122, ErrorComment="not here")
        response = self.successResultOf(echo)
        self.assertEqual((response.Status, response.ErrorComment), (0x0122, "not here"))

    def test_unknown_context(self) -> None:
        """Data on a presentation context that was not accepted ends in an abort."""
        here = self.associate()
        there = self.accepted()
        self.sent_by(here, {"CommandField": 0x30, "MessageID": 1}, context_id=3)
        self.assertTrue(there.is_aborted)
        self.assertEqual((here.failure.source, here.failure.reason), (2, 6))

    def test_unknown_operation(self) -> None:
        """A C-STORE-RQ on a Verification context is answered with 0x0211."""
        here = self.associate()
        responses: list[Any] = []
        here.bind(evt.EVT_DIMSE_RECV, lambda event: responses.append(event.message))
        here.request(
            Message(
                1,
                {
                    "AffectedSOPClassUID": VERIFICATION,
                    "CommandField": 0x0001,
                    "MessageID": 7,
                    "CommandDataSetType": 0x0101,
                },
            )
        )
        self.wire.flush()
        (response,) = responses
        self.assertEqual((response.CommandField, response.Status), (0x8001, 0x0211))

    def test_another_sop_class(self) -> None:
        """A C-ECHO-RQ of another SOP class is answered with 0x0122."""
        here = self.associate()
        echo = here.request(
            Message(
                1,
                {
                    "AffectedSOPClassUID": CT_IMAGE,
                    "CommandField": 0x0030,
                    "MessageID": 7,
                    "CommandDataSetType": 0x0101,
                },
            )
        )
        self.wire.flush()
        self.assertEqual(self.successResultOf(echo).Status, 0x0122)

    def test_duplicate_message_id(self) -> None:
        """A request whose message ID is being performed is answered with 0x0210."""
        later: Deferred[int] = Deferred()
        here = self.associate([(evt.EVT_C_ECHO, lambda event: later)])
        statuses: list[int] = []
        here.bind(evt.EVT_DIMSE_RECV, lambda event: statuses.append(event.message.Status))
        echo = here.echo(5)
        self.sent_by(
            here,
            {
                "AffectedSOPClassUID": VERIFICATION,
                "CommandField": 0x30,
                "MessageID": 5,
                "CommandDataSetType": 0x0101,
            },
        )
        self.assertEqual(statuses, [0x0210])
        self.assertEqual(self.successResultOf(echo).Status, 0x0210)

    def test_data_set_announced(self) -> None:
        """A C-ECHO-RQ that announces a data set ends in an abort."""
        here = self.associate()
        there = self.accepted()
        self.sent_by(
            here,
            {
                "AffectedSOPClassUID": VERIFICATION,
                "CommandField": 0x30,
                "MessageID": 1,
                "CommandDataSetType": 0x0000,
            },
        )
        self.assertIsInstance(there.failure, ProtocolViolation)
        self.assertIn("data set", str(there.failure))


class WindowTests(AssociationTestCase):
    """Several requests at once, where a window was negotiated (PS3.7 D.3.3.3)."""

    def test_one_by_one(self) -> None:
        """Without a window requests go one by one, in their order."""
        performing: list[Deferred[int]] = []

        def later(event: Any) -> Deferred[int]:
            performing.append(Deferred())
            return performing[-1]

        here = self.associate([(evt.EVT_C_ECHO, later)])
        echoes = [here.echo() for _ in range(3)]
        self.wire.flush()
        self.assertEqual(len(performing), 1)
        performing[0].callback(0)
        self.wire.flush()
        self.successResultOf(echoes[0])
        self.assertEqual(len(performing), 2)

    def test_window(self) -> None:
        """With a window they are outstanding together, and answered in any order."""
        performing: list[Deferred[int]] = []

        def later(event: Any) -> Deferred[int]:
            performing.append(Deferred())
            return performing[-1]

        here = self.associate(
            [(evt.EVT_C_ECHO, later)], ext_neg=[AsynchronousOperationsWindow(3, 1)]
        )
        echoes = [here.echo() for _ in range(4)]
        self.wire.flush()
        self.assertEqual(len(performing), 3)
        performing[2].callback(0x0110)
        performing[0].callback(0)
        self.wire.flush()
        self.assertEqual(self.successResultOf(echoes[0]).Status, 0)
        self.assertEqual(self.successResultOf(echoes[2]).Status, 0x0110)
        self.assertNoResult(echoes[1])
        self.assertEqual(len(performing), 4)
        performing[1].callback(0)
        performing[3].callback(0)
        self.wire.flush()

    def test_granted(self) -> None:
        """The acceptor grants what is asked for up to its limit, and answers only when asked."""
        self.scp = AE("SCP", Limits(max_operations=4), self.wire.clock)
        self.scp.add_supported_context(VERIFICATION)
        here = self.associate(ext_neg=[AsynchronousOperationsWindow(0, 0)])
        granted = the(AsynchronousOperationsWindow, here.acceptor.primitive.user_information)
        self.assertEqual(granted, AsynchronousOperationsWindow(4, 1))

    def test_release_while_one_waits(self) -> None:
        """A request that waits for its turn when a release is asked for is never sent."""
        performing: list[Deferred[int]] = []

        def handle(event: Any) -> Deferred[int]:
            performing.append(Deferred())
            return performing[-1]

        here = self.associate([(evt.EVT_C_ECHO, handle)])
        sent: list[Any] = []
        here.bind(evt.EVT_DIMSE_SENT, sent.append)
        echoes = [here.echo() for _ in range(2)]
        self.wire.flush()
        performing[0].callback(0)
        released = here.release()
        self.wire.flush()
        self.assertEqual(self.successResultOf(echoes[0]).Status, 0)
        self.failureResultOf(echoes[1], AssociationReleased)
        self.assertIsNone(self.successResultOf(released))
        self.assertEqual((len(sent), len(performing)), (1, 1))
        self.assertNothingLeft()

    def test_not_asked(self) -> None:
        """Nobody who did not ask is told of a window."""
        here = self.associate()
        information = here.acceptor.primitive.user_information
        self.assertIsNone(the(AsynchronousOperationsWindow, information))

    def test_handler_decides(self) -> None:
        """A handler of EVT_ASYNC_OPS may grant less, never more than was asked for."""
        asked: list[Any] = []

        def decide(event: Any) -> tuple[int, int]:
            asked.append((event.nr_invoked, event.nr_performed))
            return 2, 100

        here = self.associate(
            [(evt.EVT_ASYNC_OPS, decide)], ext_neg=[AsynchronousOperationsWindow(5, 6)]
        )
        self.assertEqual(asked, [(5, 6)])
        granted = the(AsynchronousOperationsWindow, here.acceptor.primitive.user_information)
        self.assertEqual(granted, AsynchronousOperationsWindow(2, 6))

    def test_exceeded(self) -> None:
        """More requests than the window allows are answered with 0x0213."""
        here = self.associate([(evt.EVT_C_ECHO, lambda event: Deferred())])
        statuses: list[int] = []
        here.bind(evt.EVT_DIMSE_RECV, lambda event: statuses.append(event.message.Status))
        here._dimse.invoker._window = 0
        for _ in range(2):
            here.echo()
        self.wire.flush()
        self.assertEqual(statuses, [0x0213])


class RoleTests(AssociationTestCase):
    """Role selection: the acceptor as SCU."""

    def test_acceptor_echoes(self) -> None:
        """An acceptor to which the SCU role was given can send a C-ECHO."""
        self.scp.add_supported_context(VERIFICATION, scu_role=True, scp_role=True)
        here = self.associate(ext_neg=[build_role(VERIFICATION, scu_role=True, scp_role=True)])
        self.assertTrue(here.accepted_contexts[0].as_scp)
        echo = self.accepted().echo()
        self.wire.flush()
        self.assertEqual(self.successResultOf(echo).Status, 0x0000)

    def test_acceptor_without_the_role(self) -> None:
        """Without the role it cannot."""
        self.associate()
        self.failureResultOf(self.accepted().echo(), NoAcceptedContext)


class TestingHelperTests(SynchronousTestCase):
    """The one-line association of txdicom.testing."""

    def test_associated(self) -> None:
        """``associated()`` gives both sides and their wire."""
        here, there, wire = associated()
        echo = here.send_c_echo()
        wire.flush()
        self.assertEqual(self.successResultOf(echo).Status, 0)
        self.assertTrue(there.is_established)

    def test_fails_as_associating_does(self) -> None:
        """It raises what associating fails with."""

        def strict(scu: AE, scp: AE) -> None:
            scp.require_called_aet = True

        self.assertRaises(AssociationRejected, associated, configure=strict)
