"""A further service: one that has data sets and many responses, written outside of txdicom."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from twisted.internet.defer import Deferred
from zope.interface import implementer
from zope.interface.verify import verifyObject

from tests.test_association import AssociationTestCase
from txdicom.dimse.message import Message, response_to
from txdicom.errors import DIMSETimeout, ProtocolViolation
from txdicom.events import EventType
from txdicom.services.interface import IService, Operation
from txdicom.services.verification import VerificationSCP

FIND = "1.2.840.10008.5.1.4.1.2.2.1"
EVT_C_FIND = EventType("EVT_C_FIND", "C-FIND request: request, context -> matches", True)


@implementer(IService)
class FindSCP:
    """Answers C-FIND with what its handler says matches."""

    sop_class_uids = (FIND,)
    commands = (0x0020,)
    event = EVT_C_FIND
    data_set_limit = 100_000

    def perform(self, operation: Operation) -> Awaitable[None] | None:
        assert operation.handler is not None
        return self._matches(operation, operation.handler(request=operation.message))

    async def _matches(self, operation: Operation, matching: Any) -> None:
        for match in await matching:
            pending = response_to(operation.message, 0xFF00, CommandDataSetType=0)
            operation.respond(Message(pending.context_id, pending.command, match))
        operation.respond(response_to(operation.message, 0x0000))


class FurtherServiceTests(AssociationTestCase):
    """A service in a file of its own serves on the same associations."""

    def setUp(self) -> None:
        super().setUp()
        for ae in (self.scp, self.scu):
            ae.add_requested_context(FIND)
            ae.add_supported_context(FIND)
        self.matching: Deferred[list[bytes]] = Deferred()
        self.asked: list[bytes | None] = []

    def find(self, query: bytes, limit: int = 100_000) -> tuple[Any, list[Message]]:
        """Send a C-FIND. Returns its Deferred, and the list that pending responses come to."""

        def handle(event: Any) -> Deferred[list[bytes]]:
            self.asked.append(event.request.data_set)
            return self.matching

        self.wire.listen(
            self.scp,
            evt_handlers=[(EVT_C_FIND, handle)],
            services=[VerificationSCP(), FindSCP()],
        )
        self.here = self.successResultOf(self.wire.associate(self.scu))
        command = {
            "AffectedSOPClassUID": FIND,
            "CommandField": 0x0020,
            "MessageID": 1,
            "Priority": 0,
            "CommandDataSetType": 0x0001,
        }
        pending: list[Message] = []
        finding = self.here.request(Message(3, command, query), pending.append, limit)
        self.wire.flush()
        return finding, pending

    def test_interface(self) -> None:
        """It provides what the performer asks of a service, as Verification does."""
        verifyObject(IService, FindSCP())
        verifyObject(IService, VerificationSCP())

    def test_many_responses(self) -> None:
        """Data sets of any length go there and back; pending responses come one by one."""
        finding, pending = self.find(b"query" * 10_000)
        self.assertEqual(self.asked, [b"query" * 10_000])
        self.matching.callback([b"first", b"second" * 10_000])
        self.wire.flush()
        self.assertEqual(self.successResultOf(finding).Status, 0x0000)
        self.assertEqual([message.data_set for message in pending], [b"first", b"second" * 10_000])
        echo = self.here.echo()
        self.wire.flush()
        self.assertEqual(self.successResultOf(echo).Status, 0)

    def test_query_too_long(self) -> None:
        """A data set above the service's limit ends in an abort."""
        finding, _ = self.find(bytes(100_001))
        self.failureResultOf(finding)
        self.assertEqual(self.asked, [])

    def test_match_too_long(self) -> None:
        """Likewise a response's above the limit that its request set."""
        finding, _ = self.find(b"query", 10)
        self.matching.callback([bytes(11)])
        self.wire.flush()
        self.failureResultOf(finding, ProtocolViolation)

    def test_timeout(self) -> None:
        """The time-out counts from the last response, pending ones included."""
        finding, pending = self.find(b"query")
        there = self.accepted()
        self.wire.advance(20)
        response = Message(
            3,
            {
                "CommandField": 0x8020,
                "MessageIDBeingRespondedTo": 1,
                "CommandDataSetType": 0x0101,
                "Status": 0xFF00,
            },
        )
        there._dimse._send(response)
        self.wire.advance(20)
        self.assertEqual(len(pending), 1)
        self.assertNoResult(finding)
        self.wire.advance(10)
        self.failureResultOf(finding, DIMSETimeout)
