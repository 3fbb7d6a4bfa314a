"""Event handlers: which events, in which order, and what becomes of handlers that fail."""

from __future__ import annotations

from typing import Any

from pydicom.dataset import Dataset
from twisted.internet.defer import Deferred

from tests.test_association import AssociationTestCase
from tests.test_protocol import c_echo_rq
from txdicom import evt
from txdicom.errors import AssociationAborted
from txdicom.events import EventType
from txdicom.uids import IMPLICIT_VR_LITTLE_ENDIAN, VERIFICATION
from txdicom.upperlayer import pdu
from txdicom.upperlayer.user_information import (
    SOPClassCommonExtendedNegotiation,
    SOPClassExtendedNegotiation,
    every,
)

NOTIFICATIONS = [
    event for event in vars(evt).values() if isinstance(event, EventType) and event.is_notification
]


class Recorder:
    """Handlers of all notification events, that write down what they are called with."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.handlers = [(event, self.events.append) for event in NOTIFICATIONS]

    def names(self) -> list[str]:
        """The names, without EVT_, and for transitions the action."""
        return [
            event.action if event.event is evt.EVT_FSM_TRANSITION else event.event.name[4:]
            for event in self.events
        ]

    def of(self, kind: EventType) -> list[Any]:
        return [event for event in self.events if event.event is kind]


class OrderTests(AssociationTestCase):
    """The order of events, from the request to the end."""

    def exchange(self) -> tuple[Recorder, Recorder]:
        here, there = Recorder(), Recorder()
        association = self.associate(there.handlers, evt_handlers=here.handlers)
        association.echo()
        self.wire.flush()
        association.release()
        self.wire.flush()
        return here, there

    def test_seventeen(self) -> None:
        """There are 17 notification events."""
        self.assertEqual(len(NOTIFICATIONS), 17)

    def test_requestor(self) -> None:
        """A requestor's events: association, echo, release."""
        here, _ = self.exchange()
        self.assertEqual(
            here.names(),
            "ACSE_SENT REQUESTED CONN_OPEN AE-1 DATA_SENT PDU_SENT AE-2"
            " DATA_RECV PDU_RECV AE-3 ACSE_RECV ACCEPTED ESTABLISHED"
            " DIMSE_SENT DATA_SENT PDU_SENT DT-1 DATA_RECV PDU_RECV DT-2 DIMSE_RECV"
            " ACSE_SENT DATA_SENT PDU_SENT AR-1 DATA_RECV PDU_RECV AR-3"
            " CONN_CLOSE ACSE_RECV RELEASED".split(),
        )

    def test_acceptor(self) -> None:
        """An acceptor's events; it is established once the A-ASSOCIATE-AC is written."""
        _, there = self.exchange()
        self.assertEqual(
            there.names(),
            "CONN_OPEN AE-5 DATA_RECV PDU_RECV AE-6 ACSE_RECV REQUESTED"
            " ACSE_SENT DATA_SENT PDU_SENT AE-7 ACCEPTED ESTABLISHED"
            " DATA_RECV PDU_RECV DT-2 DIMSE_RECV DIMSE_SENT DATA_SENT PDU_SENT DT-1"
            " DATA_RECV PDU_RECV AR-2 ACSE_RECV ACSE_SENT DATA_SENT PDU_SENT AR-4 RELEASED"
            " AR-5 CONN_CLOSE".split(),
        )

    def test_attributes(self) -> None:
        """Each event has the attributes of its kind, and assoc, event and timestamp."""
        here, there = self.exchange()
        self.assertEqual(here.of(evt.EVT_CONN_OPEN)[0].address, ("127.0.0.1", 11112))
        self.assertEqual(there.of(evt.EVT_CONN_CLOSE)[0].address, ("127.0.0.1", 50000))
        request = here.of(evt.EVT_ACSE_SENT)[0].primitive
        self.assertIsInstance(request, pdu.AssociateRQ)
        self.assertEqual(there.of(evt.EVT_PDU_RECV)[0].pdu, request)
        self.assertEqual(there.of(evt.EVT_DATA_RECV)[0].data, request.encode())
        self.assertEqual(here.of(evt.EVT_DATA_SENT)[0].data, request.encode())
        self.assertEqual(here.of(evt.EVT_DIMSE_SENT)[0].message.MessageID, 1)
        transition = here.of(evt.EVT_FSM_TRANSITION)[0]
        self.assertEqual(
            (
                transition.current_state,
                transition.fsm_event,
                transition.action,
                transition.next_state,
            ),
            ("Sta1", "Evt1", "AE-1", "Sta4"),
        )
        for event in here.events:
            self.assertTrue(event.assoc.is_requestor)
            self.assertIsNotNone(event.timestamp.tzinfo)

    def test_rejected(self) -> None:
        """A rejection is told on both sides."""
        self.scp.require_called_aet = True
        here, there = Recorder(), Recorder()
        self.wire.listen(self.scp, evt_handlers=there.handlers)
        self.wire.associate(self.scu, evt_handlers=here.handlers).addErrback(lambda _: None)
        self.assertEqual(here.names()[-4:], ["AE-4", "ACSE_RECV", "REJECTED", "CONN_CLOSE"])
        self.assertEqual(
            there.names()[-7:],
            "ACSE_SENT DATA_SENT PDU_SENT AE-8 REJECTED AR-5 CONN_CLOSE".split(),
        )

    def test_aborted(self) -> None:
        """An abort is told on both sides."""
        here, there = Recorder(), Recorder()
        association = self.associate(there.handlers, evt_handlers=here.handlers)
        association.abort()
        self.wire.flush()
        self.assertEqual(
            here.names()[-7:],
            "ACSE_SENT DATA_SENT PDU_SENT AA-1 ABORTED AR-5 CONN_CLOSE".split(),
        )
        self.assertEqual(
            there.names()[-6:], "DATA_RECV PDU_RECV AA-3 ACSE_RECV ABORTED CONN_CLOSE".split()
        )

    def test_invalid_pdu(self) -> None:
        """What is no PDU is told as data, and the A-ABORT that answers it as a PDU."""
        there = Recorder()
        association = self.associate(there.handlers)
        association.protocol.transport.write(b"\xff\0\0\0\0\1x")
        self.wire.flush()
        after = there.names()[there.names().index("ESTABLISHED") + 1 :]
        self.assertEqual(after[:5], ["DATA_RECV", "DATA_SENT", "PDU_SENT", "AA-8", "ABORTED"])


class BindingTests(AssociationTestCase):
    """bind and unbind, on associations and servers."""

    def test_arguments(self) -> None:
        """A handler is called with the arguments that it was bound with."""
        calls: list[Any] = []
        here = self.associate(
            evt_handlers=[(evt.EVT_ESTABLISHED, lambda event, *args: calls.append(args), ["a", 1])]
        )
        here.bind(evt.EVT_DIMSE_SENT, lambda event, *args: calls.append(args), [2])
        here.echo()
        self.assertEqual(calls, [("a", 1), (2,)])

    def test_unbound(self) -> None:
        """An unbound handler is called no more."""
        recorder = Recorder()
        here = self.associate(evt_handlers=recorder.handlers)
        for event, handler in recorder.handlers:
            here.unbind(event, handler)
        recorder.events.clear()
        here.echo()
        self.wire.flush()
        self.assertEqual(recorder.names(), [])

    def test_unbinding_itself(self) -> None:
        """A handler may unbind itself, also one that is told of PDUs."""
        calls: list[Any] = []

        def once(event: Any) -> None:
            calls.append(event)
            event.assoc.unbind(evt.EVT_PDU_SENT, once)

        here = self.associate(evt_handlers=[(evt.EVT_PDU_SENT, once)])
        here.echo()
        self.wire.flush()
        self.assertEqual(len(calls), 1)

    def test_server(self) -> None:
        """A handler bound to a server is bound to its associations, those there are included."""
        recorder = Recorder()
        here = self.associate()
        factory = self.wire.factories["scp"]
        factory.bind(evt.EVT_DIMSE_RECV, recorder.events.append)
        here.echo()
        self.wire.flush()
        self.assertEqual(len(recorder.events), 1)
        factory.unbind(evt.EVT_DIMSE_RECV, recorder.events.append)
        here.echo()
        self.wire.flush()
        self.assertEqual(len(recorder.events), 1)

    def test_a_handler_may_release(self) -> None:
        """A handler may act on the association that it is called about."""
        here = self.associate(
            evt_handlers=[(evt.EVT_DIMSE_RECV, lambda event: event.assoc.release())]
        )
        echo = here.echo()
        self.wire.flush()
        self.assertEqual(self.successResultOf(echo).Status, 0)
        self.assertTrue(here.is_released)

    def test_a_handler_may_abort_when_established(self) -> None:
        """A requestor's handler that aborts at once fails the association."""
        self.wire.listen(self.scp)
        associating = self.wire.associate(
            self.scu,
            evt_handlers=[(evt.EVT_ESTABLISHED, lambda event: event.assoc.abort() and None)],
        )
        self.failureResultOf(associating)
        self.wire.flush()
        self.assertNothingLeft()

    def test_a_handler_may_abort_between_messages(self) -> None:
        """After a handler has aborted, what came in the same PDU is not performed."""
        performed: list[int] = []

        def handle(event: Any) -> int:
            performed.append(event.message_id)
            event.assoc.abort()
            return 0

        here = self.associate([(evt.EVT_C_ECHO, handle)])
        values = [
            pdu.PDataTF.decode(data, 6, len(data)).values[0]
            for data in (c_echo_rq(1), c_echo_rq(2))
        ]
        here.send_pdu(pdu.PDataTF(tuple(values)))
        self.wire.flush()
        self.assertEqual(performed, [1])
        self.assertNothingLeft()

    def test_a_handler_may_abort_at_any_event(self) -> None:
        """Whichever event it is that an acceptor's handler aborts at, nothing fails for it."""
        others = (evt.EVT_REJECTED, evt.EVT_ABORTED)
        for event in [event for event in NOTIFICATIONS if event not in others]:
            aborted: list[Any] = []

            def abort(event: Any, aborted: list[Any] = aborted) -> None:
                if not aborted:  # the abort has its own events
                    aborted.append(event.assoc)
                    event.assoc.abort()

            self.wire.listen(self.scp, evt_handlers=[(event, abort)])
            associating = self.wire.associate(self.scu).addErrback(lambda _: None)
            here = self.successResultOf(associating)
            if here is not None and here.is_established:
                here.echo().addErrback(lambda _: None)
                self.wire.flush()
            if here is not None and here.is_established:
                here.release().addErrback(lambda _: None)
            self.wire.flush()
            self.assertEqual(len(aborted), 1, event)
            self.assertNothingLeft()
            self.assertEqual(self.flushLoggedErrors(), [], event)

    def test_a_requestor_may_abort_before_its_request(self) -> None:
        """Then nothing is sent any more."""
        for event in (evt.EVT_ACSE_SENT, evt.EVT_REQUESTED, evt.EVT_CONN_OPEN):
            there = Recorder()
            self.wire.listen(self.scp, evt_handlers=there.handlers)
            associating = self.wire.associate(
                self.scu, evt_handlers=[(event, lambda event: event.assoc.abort() and None)]
            )
            self.failureResultOf(associating, AssociationAborted)
            self.assertNotIn("DATA_RECV", there.names())
            self.assertNothingLeft()


class FailingHandlerTests(AssociationTestCase):
    """A handler that fails disturbs nothing but itself."""

    def fails(self, event: Any) -> Any:
        raise RuntimeError("broken handler")

    async def fails_later(self, event: Any) -> Any:
        raise RuntimeError("broken handler")

    def test_notification(self) -> None:
        """The failure of a notification handler is logged once; the association goes on."""
        for handler in (self.fails, self.fails_later):
            here = self.associate([(evt.EVT_DIMSE_RECV, handler)])
            echo = here.echo()
            self.wire.flush()
            self.assertEqual(self.successResultOf(echo).Status, 0)
            self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
            self.assertTrue(here.is_established)

    def test_others_are_called(self) -> None:
        """The other handlers of the event are called all the same."""
        calls: list[Any] = []
        self.associate(
            evt_handlers=[(evt.EVT_ESTABLISHED, self.fails), (evt.EVT_ESTABLISHED, calls.append)]
        )
        self.assertEqual(len(calls), 1)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_extended_negotiation(self) -> None:
        """A negotiation handler that fails costs a transient rejection, and one log line."""
        self.wire.listen(self.scp, evt_handlers=[(evt.EVT_SOP_EXTENDED, self.fails)])
        associating = self.wire.associate(
            self.scu, ext_neg=[SOPClassExtendedNegotiation(VERIFICATION, b"\1")]
        )
        error: Any = self.failureResultOf(associating).value
        self.assertEqual((error.result, error.source, error.reason), (2, 3, 1))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)


class CEchoTests(AssociationTestCase):
    """What a handler of EVT_C_ECHO says is what the peer is told."""

    def status_for(self, said: Any) -> Any:
        """The response to a C-ECHO whose handler returns this, or raises it."""

        def handle(event: Any) -> Any:
            if isinstance(said, Exception):
                raise said
            return said

        here = self.associate([(evt.EVT_C_ECHO, handle)])
        echo = here.send_c_echo()
        self.wire.flush()
        return self.successResultOf(echo)

    def test_no_handler(self) -> None:
        """Without a handler every C-ECHO succeeds."""
        here = self.associate()
        echo = here.send_c_echo()
        self.wire.flush()
        status = self.successResultOf(echo)
        self.assertIsInstance(status, Dataset)
        self.assertEqual(status.Status, 0)

    def test_statuses(self) -> None:
        """A handler returns a status, also one that it made up."""
        for status in (0x0000, 0x0122, 0x0210, 0x0211, 0x0212, 0xC123):
            self.assertEqual(self.status_for(status).Status, status)

    def test_data_set(self) -> None:
        """Or a data set, whose error comment is passed on."""
        said = Dataset()
        said.Status = 0x0110
        said.ErrorComment = "the archive is full"
        answer = self.status_for(said)
        self.assertEqual((answer.Status, answer.ErrorComment), (0x0110, "the archive is full"))

    def test_raises(self) -> None:
        """A handler that raises answers Processing Failure, and is logged once."""
        self.assertEqual(self.status_for(RuntimeError("broken")).Status, 0x0110)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_lookup_error(self) -> None:
        """Also one that raises a KeyError."""
        self.assertEqual(self.status_for(KeyError("broken")).Status, 0x0110)
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_says_nothing_of_use(self) -> None:
        """So does one that returns no status."""
        for said in (None, "0x0000", True, Dataset(), 0x10000, -1):
            self.assertEqual(self.status_for(said).Status, 0x0110)
            self.assertEqual(len(self.flushLoggedErrors(TypeError, ValueError)), 1)

    def test_deferred(self) -> None:
        """A handler may return a Deferred, whose failure is a Processing Failure too."""
        later: Deferred[int] = Deferred()
        here = self.associate([(evt.EVT_C_ECHO, lambda event: later)])
        echo = here.echo()
        self.wire.flush()
        self.assertNoResult(echo)
        later.callback(0x0000)
        self.wire.flush()
        self.assertEqual(self.successResultOf(echo).Status, 0)
        later = Deferred()
        echo = here.echo()
        self.wire.flush()
        later.errback(RuntimeError("broken"))
        self.wire.flush()
        self.assertEqual(self.successResultOf(echo).Status, 0x0110)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_coroutine(self) -> None:
        """Or a coroutine."""

        async def handle(event: Any) -> int:
            return 0x0123

        here = self.associate([(evt.EVT_C_ECHO, handle)])
        echo = here.echo()
        self.wire.flush()
        self.assertEqual(self.successResultOf(echo).Status, 0x0123)

    def test_event(self) -> None:
        """The handler is given the request and its context."""
        seen: list[Any] = []

        def handle(event: Any, *args: Any) -> int:
            seen.append((event.request.MessageID, event.message_id, event.context, args))
            self.assertIs(event.event, evt.EVT_C_ECHO)
            self.assertTrue(event.assoc.is_acceptor)
            return 0

        here = self.associate([(evt.EVT_C_ECHO, handle, ["more"])])
        here.echo(77)
        self.wire.flush()
        self.assertEqual(seen, [(77, 77, (1, VERIFICATION, IMPLICIT_VR_LITTLE_ENDIAN), ("more",))])

    def test_response_after_an_abort(self) -> None:
        """A handler that is done after the association is over does no harm."""
        later: Deferred[int] = Deferred(lambda _: None)
        here = self.associate([(evt.EVT_C_ECHO, lambda event: later)])
        here.echo().addErrback(lambda _: None)
        self.wire.flush()
        here.abort()
        self.wire.flush()
        self.assertNothingLeft()
        self.assertTrue(later.called)


class ExtendedNegotiationTests(AssociationTestCase):
    """EVT_SOP_EXTENDED and EVT_SOP_COMMON."""

    def test_extended(self) -> None:
        """The handler is given what was proposed, and its answers for those UIDs are sent."""
        seen: list[Any] = []

        def handle(event: Any) -> dict[str, bytes]:
            seen.append(event.app_info)
            return {VERIFICATION: b"\2", "1.2.3": b"unasked"}

        here = self.associate(
            [(evt.EVT_SOP_EXTENDED, handle)],
            ext_neg=[SOPClassExtendedNegotiation(VERIFICATION, b"\1")],
        )
        self.assertEqual(seen, [{VERIFICATION: b"\1"}])
        self.assertEqual(
            every(SOPClassExtendedNegotiation, here.acceptor.primitive.user_information),
            [SOPClassExtendedNegotiation(VERIFICATION, b"\2")],
        )

    def test_common(self) -> None:
        """The handler is given the items; there is no answer to them."""
        seen: list[Any] = []
        item = SOPClassCommonExtendedNegotiation(VERIFICATION, "1.2.3", ("1.2.4",))

        def handle(event: Any) -> dict[str, Any]:
            seen.append(event.items)
            return {}

        here = self.associate([(evt.EVT_SOP_COMMON, handle)], ext_neg=[item])
        self.assertEqual(seen, [{VERIFICATION: item}])
        self.assertEqual(
            every(SOPClassCommonExtendedNegotiation, here.acceptor.primitive.user_information),
            [],
        )

    def test_not_proposed(self) -> None:
        """Handlers are not asked about what was not proposed."""

        def handle(event: Any) -> Any:
            raise AssertionError("asked")

        self.associate([(kind, handle) for kind in (evt.EVT_SOP_EXTENDED, evt.EVT_SOP_COMMON)])
