"""TCP is a stream of bytes: how it is cut makes no difference (PS3.8 9.1.4, 9.3.1)."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests import strategies
from tests.conformance.peer import (
    AC,
    ECHO_RQ,
    ECHO_RSP,
    RELEASE_RP,
    RELEASE_RQ,
    RJ,
    RQ,
    ConformanceTestCase,
    RawPeer,
    c_echo_rq,
    c_echo_rsp,
    messages,
    p_data,
)
from txdicom import evt
from txdicom.errors import AssociationAborted, ProtocolViolation
from txdicom.upperlayer.pdu import PDU, Abort, AssociateAC, PDataTF


def encoded(*pdus: PDU) -> bytes:
    return b"".join(it.encode() for it in pdus)


class AcceptorTests(ConformanceTestCase):
    """A requestor's whole association, however its bytes come."""

    DIALOGUE = (RQ, ECHO_RQ, p_data(c_echo_rq(65_535)), RELEASE_RQ)

    def check(self, peer: RawPeer) -> None:
        ac, *responses, release_rp = peer.taken()
        self.assertIsInstance(ac, AssociateAC)
        self.assertEqual(responses, [ECHO_RSP, p_data(c_echo_rsp(65_535))])
        self.assertEqual(release_rp, RELEASE_RP)
        self.assertEqual(self.seen, ["established", "message", "message", "released"])
        self.assertEqual(self.state, 13)

    def test_in_one_segment(self) -> None:
        """A request, two echoes and a release in one segment: each is answered, in order."""
        peer = self.connect()
        peer.send(*self.DIALOGUE)
        self.wire.flush()
        self.check(peer)

    def test_one_byte_at_a_time(self) -> None:
        """So they are when every byte comes in a segment of its own."""
        peer = self.connect()
        for byte in encoded(*self.DIALOGUE):
            peer.send(bytes((byte,)))
            self.wire.flush()
        self.check(peer)

    def test_closed_with_the_last_byte(self) -> None:
        """What came before the peer closed is still handled, and the release is no abort."""
        peer = self.connect()
        peer.send(*self.DIALOGUE)
        peer.transport.loseConnection()
        self.wire.flush()
        self.assertEqual(self.seen, ["established", "message", "message", "released"])
        self.assertTrue(self.association.is_released)
        self.assertNothingLeft()

    def test_abort_behind_a_request(self) -> None:
        """An A-ABORT behind a C-ECHO-RQ in the segment ends it after the echo was performed."""
        peer = self.associated()
        self.assertEqual(self.tell(peer, ECHO_RQ, Abort(0, 0), ECHO_RQ), [ECHO_RSP])
        self.assertEqual(self.seen, ["message", "aborted"])


#: What an acceptor's segment holds, what becomes of the request that was sent before, and of the
#: association: the events, and the state.
COALESCED: tuple[tuple[str, tuple[PDU, ...], type[Exception] | None, str, int], ...] = (
    ("PS3.8 Table 9-8, AR-2", (ECHO_RSP, RELEASE_RQ), None, "message released", 13),
    ("PS3.8 Table 9-9, AA-3", (ECHO_RSP, Abort(0, 0)), None, "message aborted", 1),
    ("PS3.8 Table 9-9, AA-8", (ECHO_RSP, AC), None, "message aborted", 13),
    ("PS3.7 9.1.5", (ECHO_RSP, ECHO_RSP), None, "message message aborted", 13),
    ("PS3.7 9.3.5", (ECHO_RQ, ECHO_RSP), None, "message message", 6),
    (
        "PS3.8 Table 9-9, AA-3",
        (Abort(0, 0), ECHO_RSP),
        AssociationAborted,
        "aborted",
        1,
    ),
    ("PS3.8 Table 9-9, AA-8", (RELEASE_RP, ECHO_RSP), ProtocolViolation, "aborted", 13),
)


class RequestorTests(ConformanceTestCase):
    """An acceptor's answers, however their bytes come."""

    def test_reply_with_the_next_pdu(self) -> None:
        """A response in one segment with what comes after it is the answer all the same."""
        for section, segment, failure, seen, state in COALESCED:
            self.setUp()
            peer = self.accepted_by()
            echo = self.association.echo()
            self.wire.flush()
            self.assertEqual(peer.taken(), [ECHO_RQ])
            self.tell(peer, *segment)
            if failure is None:
                self.assertEqual(self.successResultOf(echo).Status, 0, section)
            else:
                self.failureResultOf(echo, failure)
            self.assertEqual(" ".join(self.seen), seen, section)
            self.assertEqual(self.state, state, section)

    def test_behind_the_ac(self) -> None:
        """What comes in one segment with the A-ASSOCIATE-AC comes after the association is there.

        Who waits for it has it, in the state that was left of it.
        """
        for behind, state in ((RELEASE_RQ, 13), (Abort(0, 0), 1), (ECHO_RQ, 6), (RJ, 13)):
            self.setUp()
            peer = self.requested()
            self.tell(peer, AC, behind)
            self.assertEqual(self.outcome, [self.association])
            self.assertEqual(self.seen[0], "established")
            self.assertEqual(self.state, state)

    def test_behind_the_last(self) -> None:
        """Nothing that comes behind an A-ASSOCIATE-RJ, A-ABORT or A-RELEASE-RP has an effect."""
        for last in (RJ, Abort(0, 0)):
            self.setUp()
            peer = self.requested()
            self.assertEqual(self.tell(peer, last, AC, ECHO_RQ, b"noise"), [])
            self.assertEqual(len(self.seen), 1)
            self.assertNothingLeft()
        self.setUp()
        peer = self.accepted_by()
        releasing = self.association.release()
        self.wire.flush()
        peer.taken()
        self.assertEqual(self.tell(peer, RELEASE_RP, ECHO_RQ, b"noise"), [])
        self.assertIsNone(self.successResultOf(releasing))
        self.assertEqual(self.seen, ["released"])

    def test_one_byte_at_a_time(self) -> None:
        """An association, its echo and its release are the same when each byte comes alone."""
        peer = self.requested()

        def drip(pdu: PDU) -> None:
            for byte in pdu.encode():
                peer.send(bytes((byte,)))
                self.wire.flush()

        drip(AC)
        self.assertEqual(self.outcome, [self.association])
        echo = self.association.echo()
        self.wire.flush()
        drip(ECHO_RSP)
        self.assertEqual(self.successResultOf(echo).Status, 0)
        releasing = self.association.release()
        self.wire.flush()
        drip(RELEASE_RP)
        self.assertIsNone(self.successResultOf(releasing))
        self.assertEqual([type(it) for it in peer.taken()], [PDataTF, type(RELEASE_RQ)])


#: What a peer may send: right and wrong PDUs in any order, and noise among them.
_some = st.one_of(
    st.sampled_from(
        [it.encode() for it in (RQ, ECHO_RQ, ECHO_RSP, RELEASE_RQ, RELEASE_RP, AC, RJ, Abort(0, 0))]
    ),
    st.integers(0, 0xFFFF).map(lambda number: p_data(c_echo_rq(number)).encode()),
    st.integers(0, 3).map(lambda version: replace(RQ, protocol_version=version).encode()),
    strategies.pdus.map(lambda value: value.encode()),
    strategies.messages.map(
        lambda message: p_data(dict(message.command), message.context_id).encode()
    ),
    st.binary(max_size=12),
)
streams = st.lists(_some, max_size=6).map(b"".join)
#: Streams that begin as they should come as far as the messages.
begun = st.tuples(
    st.sampled_from((RQ.encode(), AC.encode(), b"")),
    st.sampled_from((ECHO_RQ.encode(), b"")),
    streams,
).map(b"".join)
cuts = st.lists(st.integers(0, 700), max_size=8)


class AnyCutTests(ConformanceTestCase):
    """The property: whatever is fed, in whatever cut, it is the same as when it is fed whole."""

    def play(self, requestor: bool, pieces: list[bytes]) -> tuple[Any, ...]:
        """What a whole association wrote, told and went through."""
        self.setUp()
        transitions: list[tuple[str, ...]] = []

        def note(event: Any) -> None:
            transitions.append(
                (event.current_state, event.fsm_event, event.action, event.next_state)
            )

        handlers = [(evt.EVT_FSM_TRANSITION, note)]
        peer = self.requested(handlers) if requestor else self.connect(handlers)
        for piece in pieces:
            peer.send(piece)
            self.wire.flush()
        closed = peer.lost is not None
        written = bytes(peer.received)
        peer.transport.loseConnection()
        self.assertNothingLeft()
        # Of noise, as much is kept for the log as came with its first bytes: its words are alike.
        failure = self.association.failure
        self.assertIsNotNone(failure)
        return written, transitions, self.seen, closed, type(failure), str(failure)

    def compare(self, requestor: bool, stream: bytes, at: list[int]) -> None:
        ends = sorted({min(cut, len(stream)) for cut in at} | {0, len(stream)})
        pieces = [stream[a:b] for a, b in pairwise(ends)]
        self.assertEqual(self.play(requestor, pieces), self.play(requestor, [stream]))

    @settings(max_examples=150)
    @given(begun, cuts)
    @example(encoded(RQ, ECHO_RQ, RELEASE_RQ), list(range(400)))
    @example(encoded(RQ, ECHO_RQ, RELEASE_RQ, RQ, RELEASE_RP), [300])
    def test_acceptor(self, stream: bytes, at: list[int]) -> None:
        """An acceptor writes the same bytes and goes through the same states."""
        self.compare(False, stream, at)

    @settings(max_examples=150)
    @given(begun, cuts)
    @example(encoded(AC, ECHO_RQ, RELEASE_RQ), list(range(400)))
    def test_requestor(self, stream: bytes, at: list[int]) -> None:
        """So does a requestor."""
        self.compare(True, stream, at)

    @settings(max_examples=50)
    @given(begun, st.booleans())
    def test_byte_by_byte(self, stream: bytes, requestor: bool) -> None:
        """A byte at a time makes no difference either."""
        self.compare(requestor, stream, list(range(len(stream))))


class MessagesTests(ConformanceTestCase):
    """A property of whole messages: answers do not depend on what else is in the segment."""

    @settings(max_examples=50)
    @given(st.lists(st.integers(0, 0xFFFF), max_size=120), cuts)
    def test_as_many_answers(self, numbers: list[int], at: list[int]) -> None:
        """However many requests come in a segment, each has its response, in their order."""
        self.setUp()
        peer = self.associated()
        stream = encoded(*(p_data(c_echo_rq(number)) for number in numbers))
        ends = sorted({min(90 * cut // 8, len(stream)) for cut in at} | {0, len(stream)})
        for a, b in pairwise(ends):
            peer.send(stream[a:b])
            self.wire.flush()
        answered = [it.MessageIDBeingRespondedTo for it in messages(peer.taken())]
        self.assertEqual(answered, numbers)
