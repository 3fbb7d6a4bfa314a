"""The client against hostile servers: it ends in its time-out, with an error that says which."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.protocol import Factory, Protocol

from tests.hostile.server import LATE, MIB, HostileTestCase
from tests.hostile.wire import HOST, echo_rq, header, pdv
from txdicom.dimse.command import C_ECHO_RQ, NO_DATA_SET, RESPONSE
from txdicom.dimse.message import Message, fragment
from txdicom.errors import (
    AssociationAborted,
    AssociationError,
    AssociationTimeout,
    DIMSETimeout,
    ProtocolViolation,
)
from txdicom.uids import IMPLICIT_VR_LITTLE_ENDIAN, VERIFICATION
from txdicom.upperlayer import pdu
from txdicom.upperlayer.items import PresentationContextAC

#: The client's time-outs, in seconds.
LIMITS = {
    "acse_timeout": 1.0,
    "dimse_timeout": 1.0,
    "release_timeout": 1.0,
    "closing_timeout": 1.0,
    "pdu_timeout": 1.5,
    "write_timeout": 1.0,
    "network_timeout": 10.0,
}

AC = pdu.AssociateAC(
    "ANY-SCP", "PEER", (PresentationContextAC(1, 0, IMPLICIT_VR_LITTLE_ENDIAN),)
).encode()


def echo_rsp(message_id: int) -> bytes:
    """A C-ECHO-RSP, Success."""
    command = {
        "AffectedSOPClassUID": VERIFICATION,
        "CommandField": C_ECHO_RQ | RESPONSE,
        "MessageIDBeingRespondedTo": message_id,
        "CommandDataSetType": NO_DATA_SET,
        "Status": 0,
    }
    (only,) = fragment(Message(1, command), 0)
    return only.encode()


class Bad(Protocol):
    """A server that answers by the type of what comes, and misbehaves then.

    :param answers: by PDU type, what is done with the server when the first such begins to come
    """

    def __init__(self, answers: dict[int, Callable[[Bad], None]]) -> None:
        self._answers = dict(answers)
        self._drips: list[Any] = []

    def dataReceived(self, data: bytes) -> None:
        answer = self._answers.pop(data[0], None)
        if answer is not None:
            answer(self)

    def say(self, data: bytes) -> None:
        self.transport.write(data)

    def drip(self, data: bytes) -> None:
        """Send a byte every 0.2 seconds."""
        self.say(data[:1])
        self._drips = [reactor.callLater(0.2, self.drip, data[1:])]

    def flood(self, data: bytes) -> None:
        """Send the same for ever."""
        self._chunk = data
        self.transport.registerProducer(self, False)

    def resumeProducing(self) -> None:
        self.say(self._chunk)

    def stopProducing(self) -> None:
        """The connection is gone."""

    def connectionLost(self, reason: object = None) -> None:
        for call in self._drips:
            if call.active():
                call.cancel()


class _Serving(Factory):
    noisy = False

    def __init__(self, answers: dict[int, Callable[[Bad], None]]) -> None:
        self._answers = answers
        self.built: list[Bad] = []

    def buildProtocol(self, addr: object) -> Bad:
        self.built.append(Bad(self._answers))
        return self.built[-1]


def say(data: bytes) -> Callable[[Bad], None]:
    return lambda bad: bad.say(data)


def drip(data: bytes) -> Callable[[Bad], None]:
    return lambda bad: bad.drip(data)


def flood(data: bytes) -> Callable[[Bad], None]:
    return lambda bad: bad.flood(data)


ACCEPTS = say(AC)


def memory() -> int:
    """The resident memory of this process, in bytes."""
    with open("/proc/self/status") as status:
        (line,) = [line for line in status if line.startswith("VmRSS:")]
    return int(line.split()[1]) * 1024


class ClientTests(HostileTestCase):
    """Each case is ten associations at once: memory is bounded for all, and time for each."""

    async def _failures(
        self,
        answers: dict[int, Callable[[Bad], None]],
        seconds: float,
        echoes: int = 1,
        least: float = 0.0,
    ) -> list[AssociationError]:
        """What ten associations, with echoes and a release, fail with.

        :param seconds: how long it may take
        """
        factory = _Serving(answers)
        port = reactor.listenTCP(0, factory, interface=HOST)
        self.addCleanup(port.stopListening)
        ae = self.ae(**LIMITS)

        async def one() -> AssociationError | None:
            try:
                association = await ae.associate(HOST, port.getHost().port)
                waiting = [association.echo() for _ in range(echoes)]
                failed = [r for ok, r in await DeferredList(waiting, consumeErrors=True) if not ok]
                if failed:
                    failed[0].raiseException()
                await association.release()
            except AssociationError as error:
                return error
            return None

        before, begin = memory(), reactor.seconds()
        ended = await DeferredList([Deferred.fromCoroutine(one()) for _ in range(10)])
        self.assertLess(reactor.seconds() - begin, seconds + LATE)
        self.assertGreaterEqual(reactor.seconds() - begin, least)
        await ae.shutdown()
        self.assertEqual(ae.active_associations, [])
        self.assertLess(memory() - before, 16 * MIB)
        self.assertEqual([ok for ok, _ in ended], [True] * 10)
        return [error for _, error in ended]

    async def _assert_times_out(
        self, timer: str, answers: dict[int, Callable[[Bad], None]], echoes: int = 1
    ) -> None:
        limit = LIMITS[timer]
        errors = await self._failures(answers, limit, echoes, limit)
        for error in errors:
            self.assertIsInstance(error, AssociationTimeout)
            self.assertEqual((error.timer, error.seconds), (timer, limit))

    async def test_never_answers(self) -> None:
        """A server that takes the connection and says nothing."""
        await self._assert_times_out("acse_timeout", {})

    async def test_trickles_the_answer(self) -> None:
        """One whose A-ASSOCIATE-AC comes byte after byte."""
        await self._assert_times_out("acse_timeout", {1: drip(AC)})

    async def test_never_responds(self) -> None:
        """One that accepts, and does not answer the echo."""
        await self._assert_times_out("dimse_timeout", {1: ACCEPTS})

    async def test_trickles_the_response(self) -> None:
        """One whose response comes byte after byte."""
        await self._assert_times_out("dimse_timeout", {1: ACCEPTS, 4: drip(echo_rsp(1))})

    async def test_never_releases(self) -> None:
        """One that does not answer the release."""
        await self._assert_times_out("release_timeout", {1: ACCEPTS, 4: say(echo_rsp(1))})

    async def test_echoes_instead_of_releasing(self) -> None:
        """One that goes on to talk instead."""
        answers = {1: ACCEPTS, 4: say(echo_rsp(1)), 5: drip(echo_rq(1) * 10)}
        await self._assert_times_out("release_timeout", answers)

    async def test_never_closes(self) -> None:
        """One that answers everything and does not close: the client does."""
        answers = {1: ACCEPTS, 4: say(echo_rsp(1)), 5: say(pdu.ReleaseRP().encode())}
        self.assertEqual(await self._failures(answers, 0), [None] * 10)

    async def test_rejects_and_never_closes(self) -> None:
        """One that rejects and keeps the connection."""
        errors = await self._failures({1: say(pdu.AssociateRJ(1, 1, 7).encode())}, 0)
        self.assertEqual({getattr(error, "reason", None) for error in errors}, {7})

    async def test_announces_too_much(self) -> None:
        """One that announces 4 GiB - 1, and sends on and on."""
        errors = await self._failures(
            {1: flood(header(2, 0xFFFFFFFF) + bytes(60_000))}, LIMITS["closing_timeout"]
        )
        self.assertEqual({type(error) for error in errors}, {ProtocolViolation})

    async def test_floods_with_responses(self) -> None:
        """One that answers what was not asked."""
        answers = {1: ACCEPTS, 4: flood(echo_rsp(99) * 500)}
        errors = await self._failures(answers, LIMITS["closing_timeout"])
        self.assertEqual({type(error) for error in errors}, {ProtocolViolation})

    async def test_floods_with_requests(self) -> None:
        """One that asks instead of answering, and does not read what it is answered."""

        def ask(bad: Bad) -> None:
            bad.transport.pauseProducing()
            bad.flood(echo_rq(1) * 500)

        errors = await self._failures({1: ACCEPTS, 4: ask}, LIMITS["dimse_timeout"] + 4)
        for error in errors:
            self.assertIsInstance(error, (AssociationTimeout, AssociationAborted))

    async def test_floods_with_fragments(self) -> None:
        """One whose response never ends."""
        answers = {1: ACCEPTS, 4: flood(pdv(b"", 1) * 500)}
        errors = await self._failures(answers, LIMITS["closing_timeout"])
        self.assertEqual({type(error) for error in errors}, {ProtocolViolation})

    async def test_never_reads(self) -> None:
        """One that stops to read: 200 echoes, of which the first is sent, end in the time-out."""

        def accept(bad: Bad) -> None:
            bad.say(AC)
            bad.transport.pauseProducing()

        errors = await self._failures({1: accept}, LIMITS["dimse_timeout"], 200, 1.0)
        self.assertEqual({type(error) for error in errors}, {DIMSETimeout})
