"""Every state that a peer can find txdicom in, times everything that a peer can do to it.

Sta1 and Sta4 have no connection to receive from. Sta8, Sta9 and Sta12 wait for the local user's
response to a release, which txdicom gives at once: no PDU is handled in between, so the peer only
ever sees the state that follows (Sta13, Sta11, Sta13).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost

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
)
from txdicom import Limits, evt
from txdicom.errors import (
    AssociationAborted,
    AssociationError,
    AssociationRejected,
    AssociationReleased,
    AssociationTimeout,
    ProtocolViolation,
)
from txdicom.uids import VERIFICATION
from txdicom.upperlayer.pdu import PDU, Abort, AssociateRJ
from txdicom.upperlayer.user_information import UserIdentityRQ

BY_USER, BY_PROVIDER = Abort(0, 0), Abort(2, 0)
UNRECOGNIZED, UNEXPECTED, INVALID = Abort(2, 1), Abort(2, 2), Abort(2, 6)  # Table 9-26

#: What a peer can do, by the names that the tables below use.
DOES: dict[str, PDU | bytes] = {
    "RQ": RQ,
    "AC": AC,
    "RJ": RJ,
    "P-DATA": ECHO_RQ,
    "RELEASE-RQ": RELEASE_RQ,
    "RELEASE-RP": RELEASE_RP,
    "ABORT": BY_USER,
    "P-ABORT": Abort(2, 1),
    "unknown": b"\x08\0\0\0\0\4\0\0\0\0",  # no PDU has this type
    "malformed": b"\x04\0\0\0\0\0",  # a P-DATA-TF without a PDV
    "oversized": b"\x04\0\xff\xff\xff\xff",  # a P-DATA-TF of 4 GiB - 1
    "close": b"",
    "reset": b"",
}

#: How long our side waits until it closes by itself when the peer does nothing more, by state:
#: for the peer to go on, and then, after an A-ABORT, for it to close.
CLOSES_IN = {1: (), 6: (60, 5), 7: (5, 5), 10: (5, 5), 11: (5, 5), 13: (5,)}


class Cells(NamedTuple):
    """Cells of Table 9-10 that do the same: each of the states with each of the doings.

    ``sends`` is what the peer is sent, ``sees`` the events of the program, ``then`` the state;
    ``failure`` is the type of the association's failure at the end, and its facts.
    """

    section: str
    states: str
    doings: str
    sends: tuple[PDU, ...] = ()
    sees: str = ""
    then: int | str = "same"
    failure: tuple[Any, ...] | None = None


VIOLATION = (ProtocolViolation,)
ABORTED = (AssociationAborted, 0, 0, "peer")
P_ABORTED = (AssociationAborted, 2, 1, "peer")
LOST = (AssociationAborted, 2, 0, "connection")
IDLE = (AssociationTimeout, "network_timeout")
RELEASED_BY_PEER = (AssociationReleased, "peer")
RELEASED = (AssociationReleased, "local")

SENT_BACK_13 = "13-RJ 13-RP 13-ABORT 13-violation 13-collision"

ACCEPTOR = (
    # Sta2: nothing is told, as there is no association yet; it is noted in the log alone.
    Cells("PS3.8 Table 9-6, AE-6, AE-7", "2", "RQ", (AC,), "established", 6, IDLE),
    Cells(
        "PS3.8 Table 9-9, AA-1",
        "2",
        "AC RJ P-DATA RELEASE-RQ RELEASE-RP unknown malformed oversized",
        (BY_USER,),
        "",
        13,
        VIOLATION,
    ),
    Cells("PS3.8 Table 9-9, AA-2", "2", "ABORT P-ABORT", (), "", 1, LOST),
    Cells("PS3.8 Table 9-9, AA-5", "2", "close reset", (), "", 1, LOST),
    # Sta3: a handler of EVT_USER_ID still decides.
    Cells(
        "PS3.8 Table 9-9, AA-8",
        "3",
        "RQ AC RJ P-DATA RELEASE-RQ RELEASE-RP",
        (UNEXPECTED,),
        "aborted",
        13,
        VIOLATION,
    ),
    # Sta6
    Cells("PS3.8 Table 9-7, DT-2, DT-1", "6", "P-DATA", (ECHO_RSP,), "message", 6, IDLE),
    Cells(
        "PS3.8 Table 9-8, AR-2, AR-4",
        "6",
        "RELEASE-RQ",
        (RELEASE_RP,),
        "released",
        13,
        RELEASED_BY_PEER,
    ),
    Cells(
        "PS3.8 Table 9-9, AA-8",
        "6",
        "RQ AC RJ RELEASE-RP",
        (UNEXPECTED,),
        "aborted",
        13,
        VIOLATION,
    ),
    # Sta7: in it nothing but an A-ABORT can be sent, so a request that still comes is told, and
    # its response goes nowhere.
    Cells("PS3.8 Table 9-8, AR-6", "7", "P-DATA", (), "message", 7, (AssociationTimeout,)),
    Cells("PS3.8 Table 9-8, AR-8 (acceptor)", "7", "RELEASE-RQ", (), "", 10, (AssociationTimeout,)),
    Cells("PS3.8 Table 9-8, AR-3", "7", "RELEASE-RP", (), "released", 1, RELEASED),
    Cells("PS3.8 Table 9-9, AA-8", "7", "RQ AC RJ", (UNEXPECTED,), "aborted", 13, VIOLATION),
    # Sta10
    Cells(
        "PS3.8 Table 9-8, AR-10, AR-4", "10", "RELEASE-RP", (RELEASE_RP,), "released", 13, RELEASED
    ),
    Cells(
        "PS3.8 Table 9-9, AA-8",
        "10",
        "RQ AC RJ P-DATA RELEASE-RQ",
        (UNEXPECTED,),
        "aborted",
        13,
        VIOLATION,
    ),
    # Any of them
    Cells(
        "PS3.8 Table 9-9, AA-8", "3 6 7 10", "unknown", (UNRECOGNIZED,), "aborted", 13, VIOLATION
    ),
    Cells(
        "PS3.8 Table 9-9, AA-8",
        "3 6 7 10",
        "malformed oversized",
        (INVALID,),
        "aborted",
        13,
        VIOLATION,
    ),
    Cells("PS3.8 Table 9-9, AA-3", "3 6 7 10", "ABORT", (), "aborted", 1, ABORTED),
    Cells("PS3.8 Table 9-9, AA-3", "3 6 7 10", "P-ABORT", (), "aborted", 1, P_ABORTED),
    Cells("PS3.8 Table 9-9, AA-4", "3 6 7 10", "close reset", (), "aborted", 1, LOST),
)

REQUESTOR = (
    # Sta5
    Cells("PS3.8 Table 9-6, AE-3", "5", "AC", (), "established", 6, IDLE),
    Cells("PS3.8 Table 9-6, AE-4", "5", "RJ", (), "rejected", 1, (AssociationRejected, 1, 1, 1)),
    Cells(
        "PS3.8 Table 9-9, AA-8",
        "5",
        "RQ P-DATA RELEASE-RQ RELEASE-RP",
        (UNEXPECTED,),
        "aborted",
        13,
        VIOLATION,
    ),
    # Sta6; that a requestor answers a C-ECHO-RQ without having negotiated the SCP role is a choice.
    Cells("PS3.8 Table 9-7, DT-2, DT-1", "6", "P-DATA", (ECHO_RSP,), "message", 6, IDLE),
    Cells(
        "PS3.8 Table 9-8, AR-2, AR-4",
        "6",
        "RELEASE-RQ",
        (RELEASE_RP,),
        "released",
        13,
        RELEASED_BY_PEER,
    ),
    Cells(
        "PS3.8 Table 9-9, AA-8",
        "6",
        "RQ AC RJ RELEASE-RP",
        (UNEXPECTED,),
        "aborted",
        13,
        VIOLATION,
    ),
    # Sta7
    Cells("PS3.8 Table 9-8, AR-6", "7", "P-DATA", (), "message", 7, (AssociationTimeout,)),
    Cells(
        "PS3.8 Table 9-8, AR-8 (requestor), AR-9",
        "7",
        "RELEASE-RQ",
        (RELEASE_RP,),
        "",
        11,
        (AssociationTimeout,),
    ),
    Cells("PS3.8 Table 9-8, AR-3", "7 11", "RELEASE-RP", (), "released", 1, RELEASED),
    Cells("PS3.8 Table 9-9, AA-8", "7", "RQ AC RJ", (UNEXPECTED,), "aborted", 13, VIOLATION),
    # Sta11
    Cells(
        "PS3.8 Table 9-9, AA-8",
        "11",
        "RQ AC RJ P-DATA RELEASE-RQ",
        (UNEXPECTED,),
        "aborted",
        13,
        VIOLATION,
    ),
    # Any of them
    Cells(
        "PS3.8 Table 9-9, AA-8", "5 6 7 11", "unknown", (UNRECOGNIZED,), "aborted", 13, VIOLATION
    ),
    Cells(
        "PS3.8 Table 9-9, AA-8",
        "5 6 7 11",
        "malformed oversized",
        (INVALID,),
        "aborted",
        13,
        VIOLATION,
    ),
    Cells("PS3.8 Table 9-9, AA-3", "5 6 7 11", "ABORT", (), "aborted", 1, ABORTED),
    Cells("PS3.8 Table 9-9, AA-3", "5 6 7 11", "P-ABORT", (), "aborted", 1, P_ABORTED),
    Cells("PS3.8 Table 9-9, AA-4", "5 6 7 11", "close reset", (), "aborted", 1, LOST),
)


def awaiting_close(states: str) -> tuple[Cells, ...]:
    """Sta13, alike in both roles, however it was come to: the program is told nothing more."""
    by_violation = [state for state in states.split() if state == "13-violation"]
    others = " ".join(state for state in states.split() if state not in by_violation)
    return (
        Cells(
            "PS3.8 Table 9-9, AA-6", states, "AC RJ P-DATA RELEASE-RQ RELEASE-RP", (), "", 13, None
        ),
        Cells("PS3.8 Table 9-9, AA-7", states, "RQ", (UNEXPECTED,), "", 13, None),
        Cells("PS3.8 Table 9-9, AA-7", others, "unknown", (UNRECOGNIZED,), "", 13, None),
        Cells("PS3.8 Table 9-9, AA-7", others, "malformed oversized", (INVALID,), "", 13, None),
        # The reason stays that of the first violation, here a PDU out of its turn.
        Cells(
            "PS3.8 Table 9-9, AA-7",
            " ".join(by_violation),
            "unknown malformed oversized",
            (UNEXPECTED,),
            "",
            13,
            None,
        ),
        Cells("PS3.8 Table 9-9, AA-2", states, "ABORT P-ABORT", (), "", 1, None),
        Cells("PS3.8 Table 9-8, AR-5", states, "close reset", (), "", 1, None),
    )


ACCEPTOR_STATES = ("2", "3", "6", "7", "10", *SENT_BACK_13.split())
REQUESTOR_STATES = ("5", "6", "7", "11", "13-RP", "13-ABORT", "13-violation", "13-no-context")
ACCEPTOR_CELLS = ACCEPTOR + awaiting_close(SENT_BACK_13)
REQUESTOR_CELLS = REQUESTOR + awaiting_close("13-RP 13-ABORT 13-violation 13-no-context")


class WaysTestCase(ConformanceTestCase):
    """The ways to the states."""

    def undecided(self) -> RawPeer:
        """An acceptor in Sta3."""
        peer = self.connect([(evt.EVT_USER_ID, lambda event: Deferred())])
        items = (*RQ.user_information, UserIdentityRQ(1, b"user"))
        self.assertEqual(self.tell(peer, replace(RQ, user_information=items)), [])
        return peer

    def released(self, peer: RawPeer) -> RawPeer:
        """Our side asks for the release: Sta7."""
        self.releasing = self.association.release()
        self.releasing.addErrback(lambda failure: None)
        self.wire.flush()
        self.assertEqual(peer.taken(), [RELEASE_RQ])
        return peer

    def come_to(self, peer: RawPeer, does: PDU, *sent: PDU) -> RawPeer:
        """The peer does one more thing, which is answered with this."""
        self.assertEqual(self.tell(peer, does), list(sent))
        return peer

    def aborted(self, peer: RawPeer) -> RawPeer:
        """Our side aborts: Sta13."""
        self.association.abort()
        return self.come_to(peer, b"", BY_USER)

    def acceptor_in(self, state: str) -> RawPeer:
        peer = self._acceptor_ways()[state]()
        return self.checked(peer, state)

    def _acceptor_ways(self) -> dict[str, Callable[[], RawPeer]]:
        associated, come_to = self.associated, self.come_to

        def rejected() -> RawPeer:
            self.scp.require_called_aet = True
            wrong = replace(RQ, called_ae_title="WRONG")
            return come_to(self.connect(), wrong, AssociateRJ(1, 1, 7))

        def colliding() -> RawPeer:
            return come_to(self.released(associated()), RELEASE_RQ)

        return {
            "2": self.connect,
            "3": self.undecided,
            "6": associated,
            "7": lambda: self.released(associated()),
            "10": colliding,
            "13-RJ": rejected,
            "13-RP": lambda: come_to(associated(), RELEASE_RQ, RELEASE_RP),
            "13-ABORT": lambda: self.aborted(associated()),
            "13-violation": lambda: come_to(associated(), RQ, UNEXPECTED),
            "13-collision": lambda: come_to(colliding(), RELEASE_RP, RELEASE_RP),
        }

    def requestor_in(self, state: str) -> RawPeer:
        accepted, come_to = self.accepted_by, self.come_to

        def no_context() -> RawPeer:
            refused = replace(AC.presentation_contexts[0], result=3)
            return come_to(self.requested(), replace(AC, presentation_contexts=(refused,)), BY_USER)

        ways: dict[str, Callable[[], RawPeer]] = {
            "5": self.requested,
            "6": accepted,
            "7": lambda: self.released(accepted()),
            "11": lambda: come_to(self.released(accepted()), RELEASE_RQ, RELEASE_RP),
            "13-RP": lambda: come_to(accepted(), RELEASE_RQ, RELEASE_RP),
            "13-ABORT": lambda: self.aborted(accepted()),
            "13-violation": lambda: come_to(accepted(), RQ, UNEXPECTED),
            "13-no-context": no_context,
        }
        return self.checked(ways[state](), state)

    def checked(self, peer: RawPeer, state: str) -> RawPeer:
        self.assertEqual(self.state, int(state.partition("-")[0]), state)
        self.seen.clear()
        return peer

    def afresh(self) -> None:
        """A wire of its own for each row."""
        self.setUp()


class CellTests(WaysTestCase):
    """Table 9-10 as a peer sees it, over a whole acceptor and a whole requestor."""

    def play(self, cells: Cells, way: Callable[[str], RawPeer], state: str, doing: str) -> None:
        where = f"{cells.section}: {doing} in Sta{state}"
        self.afresh()
        peer = way(state)
        before = self.association.failure
        if doing == "close":
            peer.transport.loseConnection()
        elif doing == "reset":
            peer.transport.abortConnection()
        sent = self.tell(peer, DOES[doing])
        if cells.sends == (AC,):
            self.assertEqual([type(it) for it in sent], [type(AC)], where)
        else:
            self.assertEqual(tuple(sent), cells.sends, where)
        self.assertEqual(" ".join(self.seen), cells.sees, where)
        self.assertEqual(self.state, cells.then, where)
        self.assertGone(peer, *CLOSES_IN[self.state], where=where)
        self.check_failure(self.association.failure, cells.failure, before, where)

    def check_failure(
        self,
        failure: AssociationError | None,
        expected: tuple[Any, ...] | None,
        before: AssociationError | None,
        where: str,
    ) -> None:
        """Why the association ended: what this row did, or what had ended it before."""
        if expected is None:
            self.assertIsNotNone(before, where)
            self.assertIs(failure, before, where)
            return
        kind, *facts = expected
        assert failure is not None, where
        self.assertIs(type(failure), kind, where)
        self.assertEqual(list(failure.args[: len(facts)]), facts, where)

    def play_all(
        self, table: tuple[Cells, ...], way: Callable[[str], RawPeer], states: tuple[str, ...]
    ) -> None:
        played = []
        for cells in table:
            for state in cells.states.split():
                for doing in cells.doings.split():
                    self.play(cells, way, state, doing)
                    played.append((state, doing))
        every = [(state, doing) for state in states for doing in DOES]
        self.assertEqual(sorted(played), sorted(every))

    def test_acceptor(self) -> None:
        """Whatever a requestor does in whatever state, the acceptor does what the tables say."""
        self.play_all(ACCEPTOR_CELLS, self.acceptor_in, ACCEPTOR_STATES)

    def test_requestor(self) -> None:
        """Whatever an acceptor does in whatever state, the requestor does what the tables say."""
        self.play_all(REQUESTOR_CELLS, self.requestor_in, REQUESTOR_STATES)

    def test_what_waits_is_told(self) -> None:
        """Whoever waits for an association or its release is told, once, whatever the peer does."""
        for doing, does in DOES.items():
            for state in ("5", "7", "11"):
                self.afresh()
                peer = self.requestor_in(state)
                if doing in ("close", "reset"):
                    peer.transport.abortConnection()
                waiting = self.associating if state == "5" else self.releasing
                self.tell(peer, does)
                for _ in range(13):
                    self.wire.advance(5)
                self.assertTrue(waiting.called, f"{doing} in Sta{state}")
                self.assertEqual(len(self.outcome), 1)
                self.assertNothingLeft()


class Expiry(NamedTuple):
    """What happens in a state when the peer does nothing: after ``seconds``, and what is sent."""

    section: str
    state: str
    seconds: float
    sends: tuple[PDU, ...]
    sees: str
    timer: str | None


ACCEPTOR_EXPIRES = (
    Expiry("PS3.8 9.1.5, Table 9-9, AA-2", "2", 30, (), "", "artim"),
    Expiry("a choice: PS3.8 Table 9-21", "3", 30, (AssociateRJ(2, 3, 1),), "rejected", None),
    Expiry("a choice: PS3.8 7.3", "6", 60, (BY_USER,), "aborted", "network_timeout"),
    Expiry("a choice: PS3.8 7.3", "7", 5, (BY_USER,), "aborted", "release_timeout"),
    Expiry("a choice: PS3.8 7.3", "10", 5, (BY_USER,), "aborted", "release_timeout"),
    *[
        Expiry("PS3.8 9.1.5, Table 9-9, AA-2", state, 5, (), "", None)
        for state in SENT_BACK_13.split()
    ],
)

REQUESTOR_EXPIRES = (
    Expiry("a choice: PS3.8 7.3", "5", 30, (BY_USER,), "aborted", "acse_timeout"),
    Expiry("a choice: PS3.8 7.3", "6", 60, (BY_USER,), "aborted", "network_timeout"),
    Expiry("a choice: PS3.8 7.3", "7", 5, (BY_USER,), "aborted", "release_timeout"),
    Expiry("a choice: PS3.8 7.3", "11", 5, (BY_USER,), "aborted", "release_timeout"),
    *[
        Expiry("PS3.8 9.1.5, Table 9-9, AA-2", state, 5, (), "", None)
        for state in REQUESTOR_STATES[4:]
    ],
)


class ExpiryTests(WaysTestCase):
    """A peer that neither sends nor closes is left by our side, at the right time."""

    def play(self, row: Expiry, way: Callable[[str], RawPeer]) -> None:
        where = f"{row.section}: Sta{row.state}"
        self.afresh()
        peer = way(row.state)
        self.wire.advance(row.seconds - 0.1)
        self.assertIsNone(peer.lost, where)
        self.assertEqual(peer.taken(), [], where)
        self.wire.advance(0.1)
        self.assertEqual(tuple(peer.taken()), row.sends, where)
        self.assertEqual(" ".join(self.seen), row.sees, where)
        self.assertGone(peer, *([5] if row.sends else []), where=where)
        if row.timer is not None:
            failure = self.association.failure
            self.assertIsInstance(failure, AssociationTimeout, where)
            self.assertEqual(failure.timer, row.timer, where)

    def test_acceptor(self) -> None:
        """An acceptor closes by itself in every state: the ARTIM timer, or a time-out of ours."""
        self.assertEqual([row.state for row in ACCEPTOR_EXPIRES], list(ACCEPTOR_STATES))
        for row in ACCEPTOR_EXPIRES:
            self.play(row, self.acceptor_in)

    def test_requestor(self) -> None:
        """So does a requestor."""
        self.assertEqual([row.state for row in REQUESTOR_EXPIRES], list(REQUESTOR_STATES))
        for row in REQUESTOR_EXPIRES:
            self.play(row, self.requestor_in)

    def test_other_side_of_the_wire(self) -> None:
        """In Sta2 the peer sees an orderly close, in Sta13 a reset: it was to close itself."""
        for state, reason in (("2", ConnectionDone), ("13-RP", ConnectionLost)):
            self.afresh()
            peer = self.acceptor_in(state)
            self.wire.advance(30)
            self.assertTrue(peer.lost.check(reason), state)

    def test_artim_counts_from_its_start(self) -> None:
        """In Sta13 nothing that the peer sends starts the ARTIM timer again (AA-6, AA-7)."""
        for doing in ("P-DATA", "RQ", "malformed"):
            self.afresh()
            peer = self.acceptor_in("13-RP")
            for _ in range(4):
                self.wire.advance(1)
                self.tell(peer, DOES[doing])
            self.assertGone(peer, 1, where=doing)

    def test_options(self) -> None:
        """ARTIM and closing time-out are options; in Sta13 the shorter one counts."""
        for artim, closing, in_2, in_13 in (
            (2, 7, 2, 2),
            (20, 7, 20, 7),
            (None, 7, None, 7),
            (20, None, 20, 20),
        ):
            for state, seconds in (("2", in_2), ("13-RP", in_13)):
                self.afresh()
                self.scp = self.wire.ae("SCP", Limits(artim=artim, closing_timeout=closing))
                self.scp.add_supported_context(VERIFICATION)
                peer = self.acceptor_in(state)
                if seconds is None:
                    self.wire.advance(1_000_000)
                    self.assertIsNone(peer.lost)
                    peer.transport.loseConnection()
                    self.wire.flush()
                else:
                    self.assertGone(peer, seconds, where=f"{artim} {closing} Sta{state}")


class AbortTests(WaysTestCase):
    """The local user aborts, at each point (PS3.8 7.3, Table 9-9: AA-1)."""

    def play(self, way: Callable[[str], RawPeer], state: str, abort: Abort) -> None:
        where = f"{abort} in Sta{state}"
        self.afresh()
        peer = way(state)
        ended = bool(self.association.failure)
        closed: list[Any] = []
        self.association.abort(abort.source, abort.reason).addBoth(closed.append)
        self.wire.flush()
        if ended:  # it is over, and only waits for the peer to close
            self.assertEqual((peer.taken(), self.seen, self.state), ([], [], 13), where)
        elif state == "2":  # there is nothing to abort yet: blank in Table 9-10
            self.assertEqual((peer.taken(), self.state), ([], 1), where)
            self.assertIsNotNone(peer.lost)
            self.assertNothingLeft()
            return
        else:
            self.assertEqual((peer.taken(), self.state), ([abort], 13), where)
            self.assertEqual(self.seen, ["aborted"], where)
            self.assertEqual(
                self.association.failure.args[:3], (abort.source, abort.reason, "local"), where
            )
        self.assertEqual(closed, [], where)
        self.assertGone(peer, 5, where=where)
        self.assertEqual(closed, [None], where)

    def test_by_the_acceptor(self) -> None:
        """An acceptor's abort is sent with its source and reason, and the connection ends."""
        for state in ACCEPTOR_STATES:
            for abort in (BY_USER, BY_PROVIDER, UNEXPECTED):
                self.play(self.acceptor_in, state, abort)

    def test_by_the_requestor(self) -> None:
        """So is a requestor's."""
        for state in REQUESTOR_STATES:
            for abort in (BY_USER, BY_PROVIDER, UNEXPECTED):
                self.play(self.requestor_in, state, abort)

    def test_words(self) -> None:
        """Whatever source and reason a peer aborts with, also undefined ones, is kept and said."""
        for source in range(4):
            for reason in range(8):
                self.afresh()
                peer = self.requestor_in("6")
                self.tell(peer, Abort(source, reason))
                failure = self.association.failure
                self.assertEqual(failure.args[:3], (source, reason, "peer"))
                self.assertIn("the peer aborted the association, as ", str(failure))
                self.assertEqual(
                    "undefined value" in str(failure),
                    source in (1, 3) or (source == 2 and reason in (3, 7)),
                    str(failure),
                )
