"""The upper layer at work: every cell of Table 9-10 driven, and what the table does not say."""

from __future__ import annotations

import csv
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests import strategies
from tests.vectors import (
    CONNECTED,
    SAMPLES,
    acceptor_in_sta_7,
    go,
    layer_in,
    pulled,
)
from txdicom.errors import NotEstablished, ProtocolViolation
from txdicom.upperlayer.machine import PROVIDER_ABORT, Received, Sent, Transition, UpperLayer
from txdicom.upperlayer.pdu import (
    PDU,
    Abort,
    AssociateAC,
    AssociateRJ,
    AssociateRQ,
    PDataTF,
    ReleaseRP,
    ReleaseRQ,
)
from txdicom.upperlayer.table import Event, State

with Path(__file__).with_name("state_table.csv").open(newline="") as _file:
    #: Event and state to the cell's text.
    CELLS = {
        (int(row["event"][3:]), state): row[f"Sta{state}"]
        for row in csv.DictReader(_file)
        for state in range(1, 14)
    }

RQ, AC, RJ, P_DATA, RELEASE_RQ, RELEASE_RP, ABORT = (SAMPLES[n].value for n in range(1, 8))

#: The bit 0 that says version 1 is missing, so AE-6 refuses.
UNACCEPTABLE_RQ = SAMPLES[1].data[:6] + b"\x00\x02" + SAMPLES[1].data[8:]

#: A PDU of a type that does not exist.
INVALID = b"\x08\0\0\0\0\4\0\0\0\0"

LOCAL = {1: RQ, 7: AC, 8: RJ, 9: P_DATA, 11: RELEASE_RQ, 14: RELEASE_RP, 15: Abort(0, 0)}
FROM_PEER = {
    3: AC.encode(),
    4: RJ.encode(),
    6: RQ.encode(),
    10: P_DATA.encode(),
    12: RELEASE_RQ.encode(),
    13: RELEASE_RP.encode(),
    16: ABORT.encode(),
    19: INVALID,
}

# What an action may send
OWN = "the PDU of the local primitive"
KEPT = "the A-ASSOCIATE-RQ that waited for the connection"
REFUSAL = b"\x03\0\0\0\0\4\0\1\2\2"  # A-ASSOCIATE-RJ: permanent, ACSE, protocol version
ABORT_BY_USER = b"\x07\0\0\0\0\4\0\0\0"  # and a reason, which is not significant
ABORT_BY_PROVIDER = b"\x07\0\0\0\0\4\0\0\2"  # and a reason
# What it may indicate
PEERS = "the peer's PDU"
A_P_ABORT = "A-P-ABORT"
# What it may do with the ARTIM timer
START, STOP = "start", "stop"


class Does(NamedTuple):
    """What an action does, written down from Tables 9-6 to 9-9."""

    sends: str | bytes | None = None
    indicates: str | None = None
    artim: str | None = None
    closes: bool = False


ACTIONS = {
    # Table 9-6
    "AE-1": Does(),  # TRANSPORT CONNECT request: the caller's to do
    "AE-2": Does(sends=KEPT),
    "AE-3": Does(indicates=PEERS),
    "AE-4": Does(indicates=PEERS, closes=True),
    "AE-5": Does(artim=START),
    "AE-6": Does(indicates=PEERS, artim=STOP),
    "AE-6 otherwise": Does(sends=REFUSAL, artim=START),
    "AE-7": Does(sends=OWN),
    "AE-8": Does(sends=OWN, artim=START),
    # Table 9-7
    "DT-1": Does(sends=OWN),
    "DT-2": Does(indicates=PEERS),
    # Table 9-8
    "AR-1": Does(sends=OWN),
    "AR-2": Does(indicates=PEERS),
    "AR-3": Does(indicates=PEERS, closes=True),
    "AR-4": Does(sends=OWN, artim=START),
    "AR-5": Does(artim=STOP),
    "AR-6": Does(indicates=PEERS),
    "AR-7": Does(sends=OWN),
    "AR-8": Does(indicates=PEERS),
    "AR-8 otherwise": Does(indicates=PEERS),
    "AR-9": Does(sends=OWN),
    "AR-10": Does(indicates=PEERS),
    # Table 9-9
    "AA-1": Does(sends=ABORT_BY_USER, artim=START),
    "AA-2": Does(artim=STOP, closes=True),
    "AA-3": Does(indicates=PEERS, closes=True),
    "AA-4": Does(indicates=A_P_ABORT),
    "AA-5": Does(artim=STOP),
    "AA-6": Does(),
    "AA-7": Does(sends=ABORT_BY_PROVIDER),
    "AA-8": Does(sends=ABORT_BY_PROVIDER, indicates=A_P_ABORT, artim=START),
}


class Seen(NamedTuple):
    """All that can be seen of an upper layer from outside, but for what it wrote."""

    state: State
    artim_running: bool
    artim_starts: int
    closing: bool
    violation: ProtocolViolation | None


def seen(layer: UpperLayer) -> Seen:
    return Seen(
        layer.state, layer.artim_running, layer.artim_starts, layer.closing, layer.violation
    )


def apply(layer: UpperLayer, event: int, from_peer: bytes | None = None) -> PDU | None:
    """Let the event happen, by the public methods. Returns what is indicated."""
    if event in LOCAL:
        layer.send(LOCAL[event])
        return None
    if event in (2, 5):
        # Which of the two a connection is depends on the role alone.
        layer.requestor = event == 2
        layer.transport_connected()
        return None
    if event == 18:
        layer.artim_expired()
        return None
    if event == 17:
        layer.transport_closed()
    else:
        layer.receive_data(from_peer or FROM_PEER[event])
    return layer.next_event()


class CellTests(SynchronousTestCase):
    """All 247 cells of Table 9-10, each in a state that was come to by real events."""

    def check(self, layer: UpperLayer, event: int, text: str, from_peer: bytes | None = None):
        """Drive one cell that has an action; ``text`` is its name and next state."""
        action, next_state = text.rsplit(" ", 1)
        does = ACTIONS[action]
        before = seen(layer)
        where = f"Evt{event} in Sta{before.state}: {text}"
        indicated = apply(layer, event, from_peer)

        self.assertEqual(f"Sta{layer.state}", next_state, where)
        self.check_sent(layer.data_to_send(), does.sends, event, where)
        expected = {
            PEERS: SAMPLES.get((from_peer or FROM_PEER.get(event, b"\0"))[0]),
            A_P_ABORT: PROVIDER_ABORT,
            None: None,
        }[does.indicates]
        self.assertEqual(indicated, expected and getattr(expected, "value", expected), where)
        running = {START: True, STOP: False, None: before.artim_running}[does.artim]
        self.assertEqual(layer.artim_running, running, where)
        self.assertEqual(layer.artim_starts - before.artim_starts, does.artim == START, where)
        self.assertEqual(layer.closing, does.closes or before.closing, where)

    def check_sent(self, data: bytes, sends: str | bytes | None, event: int, where: str) -> None:
        if sends is None:
            self.assertEqual(data, b"", where)
        elif sends is OWN or event == 15:
            self.assertEqual(data, LOCAL[event].encode(), where)
        elif sends is KEPT:
            self.assertEqual(data, RQ.encode(), where)
        elif sends is REFUSAL:
            self.assertEqual(data, REFUSAL, where)
        else:
            self.assertEqual(data[:9], sends, where)
            self.assertEqual(len(data), 10, where)
        if sends is ABORT_BY_PROVIDER:
            # Table 9-26: unrecognized-PDU, or unexpected-PDU.
            self.assertEqual(data[9], 1 if event == 19 else 2, where)

    def check_blank(self, state: int, event: int) -> None:
        """Drive one blank cell: nothing changes, and what the local user asks for is refused."""
        layer = layer_in(state)
        before = seen(layer)
        where = f"Evt{event} in Sta{state}"
        if event in (17, 18):
            # A connection that this side closes is closed in Sta1 in the end, and stopped ARTIM
            # timers may still expire in the adaptor's hands.
            self.assertIsNone(apply(layer, event), where)
        else:
            with self.assertRaises(NotEstablished, msg=where) as caught:
                apply(layer, event)
            self.assertEqual(caught.exception.state, state, where)
        # That an invalid PDU was seen is no change of the association's.
        self.assertEqual(seen(layer)[:4], before[:4], where)
        self.assertEqual(layer.data_to_send(), b"", where)

    def test_every_cell(self) -> None:
        """In each of the 13 states each of the 19 events does what the standard's tables say."""
        driven = blank = 0
        for (event, state), text in CELLS.items():
            if text == "":
                self.check_blank(state, event)
                blank += 1
                continue
            then, _, otherwise = text.partition(" or ")
            self.check(layer_in(state), event, then)
            driven += 1
            if then.startswith("AE-6"):
                self.check(layer_in(state), event, f"AE-6 otherwise {otherwise}", UNACCEPTABLE_RQ)
            elif then.startswith("AR-8"):
                self.check(acceptor_in_sta_7(), event, f"AR-8 otherwise {otherwise}")
        self.assertEqual((driven, blank), (123, 124))

    def test_allows(self) -> None:
        """What may be sent is known beforehand: just what the table has an action for."""
        for (event, state), text in CELLS.items():
            if event in LOCAL:
                allowed = layer_in(state).allows(type(LOCAL[event]))
                self.assertEqual(allowed, text != "", f"Evt{event} in Sta{state}")

    def test_after_the_end(self) -> None:
        """Back in Sta1 and closing, nothing that still comes from the connection has an effect."""
        for event in (3, 4, 6, 10, 12, 13, 16, 17, 19):
            layer = go(layer_in(6), (ABORT.encode(),))
            self.assertEqual((layer.state, layer.closing), (State.IDLE, True))
            before = seen(layer)
            self.assertIsNone(apply(layer, event), f"Evt{event}")
            self.assertEqual(seen(layer), before, f"Evt{event}")
            self.assertEqual(layer.data_to_send(), b"")


class PullTests(SynchronousTestCase):
    """One PDU, one transition, one indication at a time."""

    def test_state_is_that_at_the_pdu(self) -> None:
        """With data and an abort in one read, the user sees the data while still established."""
        layer = layer_in(6)
        layer.receive_data(P_DATA.encode() + ABORT.encode())
        self.assertEqual(layer.state, State.ESTABLISHED)
        self.assertEqual(layer.next_event(), P_DATA)
        self.assertEqual(layer.state, State.ESTABLISHED)
        layer.send(P_DATA)
        self.assertEqual(layer.next_event(), ABORT)
        self.assertEqual(layer.state, State.IDLE)
        self.assertIsNone(layer.next_event())

    def test_close_comes_after_what_came_before(self) -> None:
        """A connection that is closed after a PDU gives the PDU first, then the loss, once."""
        layer = layer_in(6)
        layer.receive_data(P_DATA.encode() + RELEASE_RQ.encode()[:5])
        layer.transport_closed()
        self.assertEqual(pulled(layer), [P_DATA, PROVIDER_ABORT])
        self.assertEqual(layer.state, State.IDLE)
        self.assertIsNone(layer.next_event())

    def test_pdus_that_indicate_nothing(self) -> None:
        """PDUs that are ignored in Sta13 do not stop those behind them."""
        layer = layer_in(13)
        layer.receive_data(P_DATA.encode() * 3 + ABORT.encode())
        self.assertIsNone(layer.next_event())
        self.assertEqual((layer.state, layer.closing), (State.IDLE, True))
        self.assertEqual(layer.data_to_send(), b"")

    def test_data_is_given_once(self) -> None:
        """What is to be written is given whole, in order, and not twice."""
        layer = layer_in(6)
        layer.send(P_DATA)
        layer.send(RELEASE_RQ)
        self.assertEqual(layer.data_to_send(), P_DATA.encode() + RELEASE_RQ.encode())
        self.assertEqual(layer.data_to_send(), b"")

    def test_half_a_pdu(self) -> None:
        """While half a PDU waits for its other half, the layer says so."""
        layer = layer_in(6)
        self.assertFalse(layer.mid_pdu)
        layer.receive_data(P_DATA.encode()[:7])
        self.assertIsNone(layer.next_event())
        self.assertTrue(layer.mid_pdu)
        layer.receive_data(P_DATA.encode()[7:])
        self.assertEqual(layer.next_event(), P_DATA)
        self.assertFalse(layer.mid_pdu)

    def test_counts(self) -> None:
        """Whole PDUs are counted, half ones and unknown ones are not."""
        layer = layer_in(6)
        before = layer.pdus_received
        layer.receive_data(P_DATA.encode() * 2 + INVALID)
        pulled(layer)
        self.assertEqual(layer.pdus_received - before, 2)


class ViolationTests(SynchronousTestCase):
    """What the peer did wrong is remembered, and said in the A-ABORT."""

    def test_unexpected(self) -> None:
        """A PDU out of its turn is named with the state it came in."""
        layer = layer_in(5)
        layer.receive_data(P_DATA.encode())
        self.assertEqual(layer.next_event(), PROVIDER_ABORT)
        self.assertEqual(
            str(layer.violation),
            "the peer violated the protocol: P-DATA-TF is not expected in Sta5",
        )
        self.assertEqual(layer.data_to_send(), Abort(2, 2).encode())

    def test_reason(self) -> None:
        """A PDU that does not decode is answered with the reason of Table 9-26 that fits it."""
        no_pdv = b"\x04\0\0\0\0\0"
        for data, reason in ((INVALID, 1), (no_pdv, 6), (b"\5\0\0\0\0\5\0\0\0\0\0", 6)):
            layer = layer_in(6)
            layer.receive_data(data)
            self.assertEqual(layer.next_event(), PROVIDER_ABORT)
            self.assertEqual(layer.data_to_send(), Abort(2, reason).encode())

    def test_first_counts(self) -> None:
        """The first violation is the one that is reported, whatever the peer sends after it."""
        layer = layer_in(6)
        layer.receive_data(b"\x04\0\0\0\0\0")
        layer.next_event()
        first = layer.violation
        layer.receive_data(RQ.encode() + INVALID)
        pulled(layer)
        self.assertIsNotNone(first)
        self.assertIs(layer.violation, first)

    def test_known_type_keeps_the_framing(self) -> None:
        """After a PDU that does not decode, the next one is still found: here the peer's abort."""
        layer = layer_in(6)
        layer.receive_data(b"\x04\0\0\0\0\0" + ABORT.encode())
        self.assertEqual(pulled(layer), [PROVIDER_ABORT])
        self.assertTrue(layer.closing)

    def test_unknown_type_ends_the_listening(self) -> None:
        """After a PDU type that does not exist, nothing that comes is taken for a PDU."""
        layer = layer_in(6)
        layer.receive_data(INVALID + ABORT.encode())
        self.assertEqual(pulled(layer), [PROVIDER_ABORT])
        layer.receive_data(ABORT.encode())
        self.assertEqual(pulled(layer), [])
        self.assertEqual(layer.state, State.AWAITING_TRANSPORT_CLOSE)
        self.assertFalse(layer.mid_pdu)

    def test_refusal(self) -> None:
        """A protocol version without bit 0 is refused by this layer itself, which says so."""
        layer = go(layer_in(2), (UNACCEPTABLE_RQ,))
        self.assertEqual(layer.refusal, AssociateRJ(1, 2, 2))

    def test_version_bits(self) -> None:
        """Of the protocol version, only bit 0 is tested (PS3.8 Table 9-11)."""
        for version in (0x0001, 0x0003, 0xFFFF):
            layer = layer_in(2)
            layer.receive_data(RQ.encode()[:6] + version.to_bytes(2, "big") + RQ.encode()[8:])
            self.assertIsInstance(layer.next_event(), AssociateRQ)
            self.assertIsNone(layer.refusal)


class CollisionTests(SynchronousTestCase):
    """Both sides ask for the release at once."""

    def test_both_sides(self) -> None:
        """The collision ends with both sides released, by way of Sta9 to Sta12."""
        requestor = layer_in(6)
        acceptor = go(UpperLayer(False), ("connected", RQ.encode(), AC))
        requestor.send(ReleaseRQ())
        acceptor.send(ReleaseRQ())
        self.deliver(requestor, acceptor, ReleaseRQ())
        self.deliver(acceptor, requestor, ReleaseRQ())
        self.assertEqual((requestor.state, acceptor.state), (9, 10))
        requestor.send(ReleaseRP())
        self.deliver(requestor, acceptor, ReleaseRP())
        self.assertEqual((requestor.state, acceptor.state), (11, 12))
        acceptor.send(ReleaseRP())
        self.deliver(acceptor, requestor, ReleaseRP())
        self.assertEqual((requestor.state, acceptor.state), (1, 13))
        self.assertTrue(requestor.closing)
        self.assertTrue(acceptor.artim_running)

    def deliver(self, sender: UpperLayer, receiver: UpperLayer, expected: PDU) -> None:
        receiver.receive_data(sender.data_to_send())
        self.assertEqual(receiver.next_event(), expected)


class TraceTests(SynchronousTestCase):
    """What a debugger is told."""

    def test_trace(self) -> None:
        """With a trace, every PDU and every transition is noted in its order."""
        layer = UpperLayer(False)
        layer.trace = []
        layer.transport_connected()
        layer.receive_data(RQ.encode() + INVALID)
        pulled(layer)
        abort = Abort(2, 1)
        self.assertEqual(
            layer.trace,
            [
                Transition(State(1), Event(5), "AE-5", State(2)),
                Received(RQ, RQ.encode()),
                Transition(State(2), Event(6), "AE-6", State(3)),
                Received(None, INVALID),
                Sent(abort, abort.encode()),
                Transition(State(3), Event(19), "AA-8", State(13)),
            ],
        )


def play(start: int, pieces: list[bytes]) -> tuple[object, ...]:
    """Feed the pieces to a layer whose user answers what it can. Returns all that was seen."""
    layer = layer_in(start)
    log: list[tuple[PDU | None, State]] = []
    for piece in pieces:
        layer.receive_data(piece)
        for indication in iter(layer.next_event, None):
            log.append((indication, layer.state))
            answer = {AssociateRQ: AC, PDataTF: indication, ReleaseRQ: ReleaseRP()}.get(
                type(indication)
            )
            if answer is not None and layer.allows(type(answer)):
                layer.send(answer)
    layer.transport_closed()
    log += [(indication, layer.state) for indication in pulled(layer)]
    violation = layer.violation and (str(layer.violation), layer.violation.abort_reason)
    return log, layer.data_to_send(), seen(layer)[:4], violation


#: What a peer may send: PDUs in any order, and noise among them.
streams = st.lists(
    st.one_of(
        st.sampled_from([vector.data for vector in SAMPLES.values()]),
        strategies.pdus.map(lambda value: value.encode()),
        st.binary(max_size=12),
    ),
    max_size=5,
).map(b"".join)


class PropertyTests(SynchronousTestCase):
    """What holds for all bytes, in all states."""

    @given(st.sampled_from(CONNECTED), streams, st.lists(st.integers(0, 400), max_size=6))
    def test_any_cut(self, start, stream, cuts) -> None:
        """However the network cuts the bytes: the same indications, states and answers."""
        at = sorted({min(cut, len(stream)) for cut in cuts} | {0, len(stream)})
        pieces = [stream[a:b] for a, b in pairwise(at)]
        self.assertEqual(b"".join(pieces), stream)
        self.assertEqual(play(start, pieces), play(start, [stream]))

    @given(st.sampled_from(CONNECTED), streams)
    def test_byte_by_byte(self, start, stream) -> None:
        """A byte at a time makes no difference either."""
        self.assertEqual(play(start, [bytes((it,)) for it in stream]), play(start, [stream]))

    @given(st.sampled_from(CONNECTED), st.binary(max_size=200))
    def test_noise(self, start, noise) -> None:
        """Noise raises nothing; it ends in a state from which the connection is closed."""
        layer = layer_in(start)
        layer.receive_data(noise)
        pulled(layer)
        layer.transport_closed()
        pulled(layer)
        self.assertEqual(layer.state, State.IDLE)
        self.assertFalse(layer.artim_running)

    @given(st.data())
    def test_two_layers(self, data) -> None:
        """Whatever two users do, both layers come to the end without a violation of either."""
        sides = (layer_in(6), go(UpperLayer(False), ("connected", RQ.encode(), AC)))
        kinds = (P_DATA, ReleaseRQ(), ReleaseRP(), Abort(0, 0), None)
        for _ in range(12):
            turn = data.draw(st.integers(0, 1))
            mine, theirs = sides[turn], sides[1 - turn]
            action = data.draw(st.sampled_from(kinds))
            if action is not None and mine.allows(type(action)):
                mine.send(action)
            theirs.receive_data(mine.data_to_send())
            pulled(theirs)
            if theirs.closing:
                mine.transport_closed()
                pulled(mine)
                break
        for side in sides:
            self.assertIsNone(side.violation)
        if sides[0].closing or sides[1].closing:
            self.assertEqual([side.state for side in sides], [State.IDLE, State.IDLE])


class SampleTests(SynchronousTestCase):
    """The tests' own table."""

    def test_actions(self) -> None:
        """Tables 9-6 to 9-9 are written down whole: 28 actions, two of them with a choice."""
        named = {text.split()[0] for text in CELLS.values() if text}
        self.assertEqual(named | {"AE-6 otherwise", "AR-8 otherwise"}, set(ACTIONS))
        self.assertEqual(len(ACTIONS), 30)

    def test_events(self) -> None:
        """Every event is either local, from the peer, the transport's or the timer's."""
        self.assertEqual(sorted([*LOCAL, *FROM_PEER, 2, 5, 17, 18]), list(range(1, 20)))
        self.assertIsInstance(AC, AssociateAC)


class ClosedTests(SynchronousTestCase):
    """A connection that is closed where the machine has nothing left to tell."""

    def test_before_it_began(self) -> None:
        """Closed before the machine was told of the connection, nothing is indicated."""
        upper_layer = UpperLayer(False)
        upper_layer.transport_closed()
        self.assertIsNone(upper_layer.next_event())

    def test_after_an_abort_that_was_not_yet_handled(self) -> None:
        """An A-ABORT that is handled only after the close ends it; the close adds nothing."""
        upper_layer = UpperLayer(False)
        upper_layer.transport_connected()
        upper_layer.receive_data(AssociateRQ("SCP", "SCU").encode() + Abort(0, 0).encode())
        upper_layer.transport_closed()
        self.assertIsInstance(upper_layer.next_event(), AssociateRQ)
        self.assertEqual(upper_layer.next_event(), Abort(0, 0))
        self.assertIsNone(upper_layer.next_event())
