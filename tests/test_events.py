"""``evt``: the events, and the handlers bound to them."""

from __future__ import annotations

from datetime import datetime, timezone

from pynetdicom import evt as pynetdicom_evt
from twisted.trial.unittest import SynchronousTestCase

from txdicom import events as evt
from txdicom.dimse.message import Message
from txdicom.events import Event, EventType, Handlers

EVENTS = {name: it for name, it in vars(evt).items() if isinstance(it, EventType)}


def one(event: Event) -> None:
    """A handler."""


def two(event: Event, *args: object) -> None:
    """Another handler."""


class EventTypeTests(SynchronousTestCase):
    """The kinds of event."""

    def test_notifications(self) -> None:
        """The 17 notification events are pynetdicom's, by their names."""
        theirs = {
            name
            for name in dir(pynetdicom_evt)
            if name.startswith("EVT_") and getattr(pynetdicom_evt, name).is_notification
        }
        ours = {name for name, event in EVENTS.items() if event.is_notification}
        self.assertEqual(len(ours), 17)
        self.assertEqual(ours, theirs)

    def test_interventions(self) -> None:
        """The intervention events are those that concern an association and C-ECHO."""
        ours = {name for name, event in EVENTS.items() if event.is_intervention}
        self.assertEqual(
            ours,
            {"EVT_C_ECHO", "EVT_USER_ID", "EVT_ASYNC_OPS", "EVT_SOP_EXTENDED", "EVT_SOP_COMMON"},
        )
        for name in ours:
            self.assertTrue(getattr(pynetdicom_evt, name).is_intervention, name)

    def test_names(self) -> None:
        """Each is called in text what it is called in a program, and is described."""
        for name, event in EVENTS.items():
            self.assertEqual(str(event), name)
            self.assertTrue(event.description)
            self.assertNotEqual(event.is_intervention, event.is_notification)


class EventTests(SynchronousTestCase):
    """One occurrence."""

    def test_attributes(self) -> None:
        """An event has its type, its association, when it happened, and what else belongs to it."""
        before = datetime.now(timezone.utc)
        event = Event(evt.EVT_DATA_RECV, "the association", data=b"\1")
        self.assertIs(event.event, evt.EVT_DATA_RECV)
        self.assertEqual((event.assoc, event.data), ("the association", b"\1"))
        self.assertLessEqual(before, event.timestamp)
        self.assertIsNotNone(event.timestamp.tzinfo)

    def test_no_such_attribute(self) -> None:
        """What an event does not have is refused with what it does have."""
        with self.assertRaisesRegex(AttributeError, "EVT_DATA_RECV has no 'pdu'.*data"):
            _ = Event(evt.EVT_DATA_RECV, None, data=b"").pdu

    def test_message_id(self) -> None:
        """The message ID of a request is at hand."""
        request = Message(1, {"MessageID": 7})
        self.assertEqual(Event(evt.EVT_C_ECHO, None, request=request).message_id, 7)


class HandlersTests(SynchronousTestCase):
    """``bind``, ``unbind`` and the lists given to a server or an association."""

    def test_lists(self) -> None:
        """Handlers are given as (event, handler) or (event, handler, arguments)."""
        handlers = Handlers([(evt.EVT_PDU_RECV, one), (evt.EVT_PDU_RECV, two, [1, "x"])])
        self.assertEqual(handlers.get(evt.EVT_PDU_RECV), ((one, ()), (two, (1, "x"))))
        self.assertEqual(handlers.get(evt.EVT_PDU_SENT), None)
        self.assertEqual(list(handlers), [evt.EVT_PDU_RECV])

    def test_truth(self) -> None:
        """Handlers are false while nothing is bound, so an event nobody wants costs nothing."""
        handlers = Handlers()
        self.assertFalse(handlers)
        handlers.bind(evt.EVT_ABORTED, one)
        self.assertTrue(handlers)
        handlers.unbind(evt.EVT_ABORTED, one)
        self.assertFalse(handlers)
        self.assertEqual(list(handlers), [])

    def test_order(self) -> None:
        """Handlers are called in the order in which they were bound."""
        handlers = Handlers()
        handlers.bind(evt.EVT_ABORTED, two)
        handlers.bind(evt.EVT_ABORTED, one)
        self.assertEqual([handler for handler, _ in handlers.get(evt.EVT_ABORTED)], [two, one])

    def test_bound_twice(self) -> None:
        """A handler bound twice is called once, with the arguments given last."""
        handlers = Handlers([(evt.EVT_ABORTED, two, [1]), (evt.EVT_ABORTED, two, [2])])
        self.assertEqual(handlers.get(evt.EVT_ABORTED), ((two, (2,)),))

    def test_intervention(self) -> None:
        """An intervention event has one handler: the one bound last."""
        handlers = Handlers([(evt.EVT_C_ECHO, one), (evt.EVT_C_ECHO, two)])
        self.assertEqual(handlers.get(evt.EVT_C_ECHO), ((two, ()),))

    def test_unbind(self) -> None:
        """Unbinding takes away that handler and no other; one that is not bound is no mistake."""
        handlers = Handlers([(evt.EVT_ABORTED, one), (evt.EVT_ABORTED, two)])
        handlers.unbind(evt.EVT_ABORTED, one)
        handlers.unbind(evt.EVT_ABORTED, one)
        handlers.unbind(evt.EVT_RELEASED, one)
        self.assertEqual(handlers.get(evt.EVT_ABORTED), ((two, ()),))

    def test_copy(self) -> None:
        """An association's handlers start as its server's and are bound apart from them."""
        server = Handlers([(evt.EVT_ABORTED, one)])
        association = server.copy()
        association.bind(evt.EVT_ABORTED, two)
        association.unbind(evt.EVT_ABORTED, one)
        self.assertEqual(server.get(evt.EVT_ABORTED), ((one, ()),))
        self.assertEqual(association.get(evt.EVT_ABORTED), ((two, ()),))

    def test_while_being_called(self) -> None:
        """A handler that unbinds itself does not disturb the handlers that are called after it."""
        handlers = Handlers([(evt.EVT_ABORTED, one), (evt.EVT_ABORTED, two)])
        called = handlers.get(evt.EVT_ABORTED)
        handlers.unbind(evt.EVT_ABORTED, one)
        self.assertEqual([handler for handler, _ in called], [one, two])

    def test_wrong(self) -> None:
        """What is no event or cannot be called is refused at once, not when it happens."""
        handlers = Handlers()
        for event in ("EVT_ABORTED", None, pynetdicom_evt.EVT_ABORTED):
            self.assertRaises(TypeError, handlers.bind, event, one)
        self.assertRaisesRegex(
            TypeError, "EVT_ABORTED", handlers.bind, evt.EVT_ABORTED, "not callable"
        )
        self.assertRaises(TypeError, Handlers, [("EVT_ABORTED", one)])
