"""The maximum length (PS3.8 D.1.1) and fragments (PS3.8 Annex E), in both directions."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from tests import strategies  # noqa: F401 (the profile that hypothesis runs with)
from tests.conformance.peer import (
    AC,
    ECHO_RQ,
    ECHO_RSP,
    RQ,
    ConformanceTestCase,
    RawPeer,
    c_echo_rq,
    c_echo_rsp,
    messages,
    p_data,
    pdv,
)
from txdicom import Limits, evt
from txdicom.dimse import command as command_set
from txdicom.errors import ProtocolViolation
from txdicom.uids import IMPLICIT_VR_LITTLE_ENDIAN, VERIFICATION
from txdicom.upperlayer.items import PresentationContextRQ
from txdicom.upperlayer.pdu import PDU, Abort, PDataTF
from txdicom.upperlayer.user_information import MaximumLength, the

#: What a peer may announce and be served with: a PDV has six bytes besides its fragment, which has
#: an even number of bytes (PS3.8 E.1); 0 is no limit (D.1.1).
SERVED = (8, 9, 10, 11, 16, 17, 100, 16_382, 16_384, 0xFFFFFFFF, 0)
#: What leaves no room for any fragment.
USELESS = (1, 2, 3, 4, 5, 6, 7)

UNEXPECTED, INVALID = Abort(2, 5), Abort(2, 6)  # Table 9-26


def announcing(length: int) -> dict[str, Any]:
    return {"user_information": (MaximumLength(length),)}


class SentTests(ConformanceTestCase):
    """What we send is never longer than the peer announced."""

    def check(self, sent: list[PDU], length: int) -> Any:
        """The message in these PDUs, each of which is as it has to be."""
        for one in sent:
            assert isinstance(one, PDataTF)
            self.assertLessEqual(len(one.encode()) - 6, length or 0xFFFFFFFF)
            for value in one.values:
                self.assertEqual(len(value.data) % 2, 0)
                self.assertTrue(value.data)
        if length == 0 or length > 1_000:
            self.assertEqual(len(sent), 1)
        (message,) = messages(sent)
        return message

    def test_acceptor(self) -> None:
        """A response goes out in fragments that fit, down to two bytes each."""
        comment = "the node is in maintenance until noon, please ask again then"

        class Said:
            Status = 0x0110
            ErrorComment = comment

        for length in SERVED:
            self.setUp()
            peer = self.associated(
                replace(RQ, **announcing(length)), [(evt.EVT_C_ECHO, lambda event: Said)]
            )
            response = self.check(self.tell(peer, ECHO_RQ), length)
            self.assertEqual((response.Status, response.ErrorComment), (0x0110, comment))

    def test_requestor(self) -> None:
        """So does a request."""
        for length in SERVED:
            self.setUp()
            peer = self.accepted_by(replace(AC, **announcing(length)))
            self.association.echo(7)
            self.wire.flush()
            request = self.check(peer.taken(), length)
            self.assertEqual(dict(request.command), {**c_echo_rq(7), "CommandGroupLength": 56})

    def test_number_of_fragments(self) -> None:
        """No more fragments are sent than the length makes necessary."""
        data = len(command_set.encode(c_echo_rsp()))
        for length, room in ((8, 2), (9, 2), (10, 4), (16, 10), (40, 34)):
            self.setUp()
            peer = self.associated(replace(RQ, **announcing(length)))
            self.assertEqual(len(self.tell(peer, ECHO_RQ)), -(-data // room), length)

    def test_not_announced(self) -> None:
        """To a peer that announces nothing (the item is mandatory) the default length is sent."""
        peer = self.associated(replace(RQ, user_information=()))
        self.assertEqual(self.association.requestor.maximum_length, 16_382)
        self.assertEqual(self.tell(peer, ECHO_RQ), [ECHO_RSP])

    def test_useless_to_an_acceptor(self) -> None:
        """A requestor that leaves no room for a fragment is told so by an A-ABORT, 2 and 6.

        No rejection says it (Table 9-21), so it comes after the A-ASSOCIATE-AC: a choice.
        """
        for length in USELESS:
            self.setUp()
            peer = self.connect()
            ac, abort = self.tell(peer, replace(RQ, **announcing(length)))
            self.assertEqual((ac.NAME, abort), ("A-ASSOCIATE-AC", INVALID))
            self.assertEqual(self.seen, ["aborted"])
            failure = self.association.failure
            self.assertIsInstance(failure, ProtocolViolation)
            self.assertIn(f"maximum length of {length} bytes", str(failure))
            self.assertGone(peer, 5)

    def test_useless_to_a_requestor(self) -> None:
        """An acceptor that does is aborted likewise, and associating fails with the reason."""
        for length in USELESS:
            self.setUp()
            peer = self.requested()
            self.assertEqual(self.tell(peer, replace(AC, **announcing(length))), [INVALID])
            (failure,) = self.outcome
            failure.trap(ProtocolViolation)
            self.assertIn(f"maximum length of {length} bytes", failure.getErrorMessage())
            self.assertEqual(self.seen, ["aborted"])
            self.assertGone(peer, 5)


def padded(length: int) -> PDataTF:
    """A C-ECHO-RQ in one P-DATA-TF of just this length, filled up by elements not known."""
    data = command_set.encode(c_echo_rq())
    room = length - 6 - len(data) - 8
    return p_data(data + b"\0\0\0\x50" + room.to_bytes(4, "little") + bytes(room))


class ReceivedTests(ConformanceTestCase):
    """What a peer sends us may be as long as we announced, and no longer."""

    def limited(self, max_pdu: int) -> RawPeer:
        self.scp = self.wire.ae("SCP", Limits(max_pdu=max_pdu, max_command=2_000_000))
        self.scp.add_supported_context(VERIFICATION)
        peer = self.connect()
        (ac,) = self.tell(peer, RQ)
        announced = the(MaximumLength, ac.user_information)
        self.assertEqual(announced, MaximumLength(max_pdu))
        return peer

    def test_acceptor(self) -> None:
        """A P-DATA-TF of the announced length is taken; one byte more is a violation."""
        for max_pdu, longest in ((100, 100), (1_000, 1_000), (16_382, 16_382), (0, 1_048_576)):
            for length, answer in ((longest, ECHO_RSP), (longest + 1, INVALID)):
                self.setUp()
                peer = self.limited(max_pdu)
                self.assertEqual(self.tell(peer, padded(length)), [answer], (max_pdu, length))

    def test_refused_at_the_header(self) -> None:
        """It is refused as soon as its header is there, whatever is still to come."""
        peer = self.limited(100)
        self.assertEqual(self.tell(peer, padded(101).encode()[:6]), [INVALID])

    def test_requestor(self) -> None:
        """A requestor holds its peer to its own length, too."""
        for length, sent in ((100, []), (101, [INVALID])):
            self.setUp()
            self.scu.maximum_pdu_size = 100
            peer = self.accepted_by()
            announced = the(MaximumLength, self.request.user_information)
            self.assertEqual(announced, MaximumLength(100))
            echo = self.association.echo()
            self.wire.flush()
            peer.taken()
            data = command_set.encode(c_echo_rsp())
            room = length - 6 - len(data) - 8
            data += b"\0\0\0\x50" + room.to_bytes(4, "little") + bytes(room)
            self.assertEqual(self.tell(peer, p_data(data)), sent)
            if sent:
                self.failureResultOf(echo, ProtocolViolation)
            else:
                self.assertEqual(self.successResultOf(echo).Status, 0)


COMMAND = command_set.encode(c_echo_rq())


def cut(data: bytes, *at: int) -> list[bytes]:
    """The data in pieces."""
    ends = [0, *sorted(min(one, len(data)) for one in at), len(data)]
    return [data[a:b] for a, b in pairwise(ends)]


def fragments(pieces: list[bytes], context_id: int = 1) -> list[Any]:
    """A presentation data value for each piece, the last one saying that it is."""
    last = len(pieces) - 1
    return [pdv(piece, context_id, True, number == last) for number, piece in enumerate(pieces)]


class Cut(NamedTuple):
    """P-DATA-TF PDUs, each given by its values, and what the acceptor answers."""

    section: str
    what: str
    pdus: list[list[Any]]
    answers: list[PDU]
    note: str = ""


SECOND = command_set.encode(c_echo_rq(2))
SECOND_RSP = p_data(c_echo_rsp(2))
ODD = "fragments are even (E.1); what they are together is clear all the same"
ONE_MESSAGE = "the values of one PDU are of one message (E.1); two whole ones are clear enough"

CUTS = (
    Cut("PS3.8 E.1", "whole", [[pdv(COMMAND)]], [ECHO_RSP]),
    Cut(
        "PS3.8 E.1",
        "a PDU for every two bytes",
        [[it] for it in fragments(cut(COMMAND, *range(2, len(COMMAND), 2)))],
        [ECHO_RSP],
    ),
    Cut(
        "PS3.8 E.1",
        "a PDU for every byte",
        [[it] for it in fragments(cut(COMMAND, *range(1, len(COMMAND))))],
        [ECHO_RSP],
        ODD,
    ),
    Cut(
        "PS3.8 9.3.5, E.1",
        "all fragments in one PDU",
        [fragments(cut(COMMAND, *range(2, len(COMMAND), 2)))],
        [ECHO_RSP],
    ),
    Cut(
        "PS3.8 9.3.5, E.1",
        "two and two fragments a PDU",
        [fragments(cut(COMMAND, 10, 20, 40))[:2], fragments(cut(COMMAND, 10, 20, 40))[2:]],
        [ECHO_RSP],
    ),
    Cut(
        "PS3.8 E.2",
        "an empty last fragment",
        [[it] for it in fragments([COMMAND, b""])],
        [ECHO_RSP],
        "a fragment of no bytes is even; some peers end a message with one",
    ),
    Cut(
        "PS3.8 E.2",
        "empty fragments",
        [fragments([b"", COMMAND[:8], b"", COMMAND[8:]])],
        [ECHO_RSP],
    ),
    Cut(
        "PS3.8 E.1",
        "two messages in one PDU",
        [[pdv(COMMAND), pdv(SECOND)]],
        [ECHO_RSP, SECOND_RSP],
        ONE_MESSAGE,
    ),
    Cut(
        "PS3.8 E.1",
        "the end of a message and the beginning of the next in one PDU",
        [
            fragments(cut(COMMAND, 20))[:1],
            [fragments(cut(COMMAND, 20))[1], fragments(cut(SECOND, 30))[0]],
            fragments(cut(SECOND, 30))[1:],
        ],
        [ECHO_RSP, SECOND_RSP],
        ONE_MESSAGE,
    ),
    Cut(
        "PS3.8 E.1",
        "messages on two contexts, one after the other",
        [[pdv(COMMAND), pdv(SECOND, 3)]],
        [ECHO_RSP, p_data(c_echo_rsp(2), 3)],
        ONE_MESSAGE,
    ),
    Cut(
        "PS3.8 E.1",
        "a message's fragments on two contexts",
        [[fragments(cut(COMMAND, 20))[0]], [fragments(cut(COMMAND, 20), 3)[1]]],
        [UNEXPECTED],
    ),
    Cut(
        "PS3.8 E.1",
        "the fragments of two messages mixed",
        [[fragments(cut(COMMAND, 20))[0], fragments(cut(SECOND, 20), 3)[0]]],
        [UNEXPECTED],
    ),
    Cut(
        "PS3.8 E.2",
        "a data set fragment within a command",
        [[fragments(cut(COMMAND, 20))[0], pdv(b"ab", 1, False)]],
        [UNEXPECTED],
    ),
    Cut("PS3.8 9.3.5", "no value", [[]], [INVALID]),
    Cut(
        "PS3.8 Table 9-23",
        "an even context ID",
        [[pdv(COMMAND, 2)]],
        [INVALID],
    ),
    Cut("PS3.8 Table 9-23", "a context ID never proposed", [[pdv(COMMAND, 5)]], [INVALID]),
    Cut(
        "PS3.8 E.2",
        "an answer, and then a violation in the same PDU",
        [[pdv(COMMAND), pdv(COMMAND, 5)]],
        [ECHO_RSP, INVALID],
    ),
)

#: Two contexts for messages on either.
TWO = replace(
    RQ,
    presentation_contexts=tuple(
        PresentationContextRQ(number, VERIFICATION, (IMPLICIT_VR_LITTLE_ENDIAN,))
        for number in (1, 3)
    ),
)


class FragmentTests(ConformanceTestCase):
    """What a peer sends, in whatever fragments and PDUs."""

    def test_table(self) -> None:
        """Fragments are put together however they come, as long as it is clear what they are."""
        for row in CUTS:
            self.setUp()
            where = f"{row.section}: {row.what}"
            peer = self.associated(TWO)
            sent = self.tell(peer, *[PDataTF(tuple(values)) for values in row.pdus])
            self.assertEqual(sent, row.answers, where)
            aborted = isinstance(row.answers[-1], Abort)
            self.assertEqual(self.state, 13 if aborted else 6, where)

    def test_message_control_header(self) -> None:
        """Of the message control header bits 0 and 1 count, the others do not (PS3.8 E.2)."""
        for control, answer in ((0x03, ECHO_RSP), (0xFF, ECHO_RSP), (0x83, ECHO_RSP)):
            self.setUp()
            peer = self.associated()
            data = bytearray(ECHO_RQ.encode())
            data[11] = control
            self.assertEqual(self.tell(peer, bytes(data)), [answer], hex(control))

    def test_lengths(self) -> None:
        """A value that does not fit its PDU, or has no room for its header, is a violation."""
        for data in (
            b"\0\0\0\0",  # no header
            b"\0\0\0\1\1",  # no message control header
            b"\0\0\0\1\1\3",
            b"\0\0\0\0\1\3",
            b"\0\0\0\x09\1\3abcdef",
            b"\xff\xff\xff\xff\1\3ab",
            b"\0\0\0\4\1\1ab\0\0",
        ):
            self.setUp()
            peer = self.associated()
            length = len(data).to_bytes(4, "big")
            self.assertEqual(self.tell(peer, b"\4\0" + length + data), [INVALID], data)

    @settings(max_examples=60)
    @given(
        st.lists(st.integers(0, 80), max_size=8),
        st.lists(st.integers(0, 12), max_size=4),
        st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=3),
    )
    def test_any_cut(self, in_command: list[int], in_pdus: list[int], numbers: list[int]) -> None:
        """Commands in any fragments, in any number of PDUs, are answered as if they were whole."""
        self.setUp()
        peer = self.associated()
        values: list[Any] = []
        for number in numbers:
            values += fragments(cut(command_set.encode(c_echo_rq(number)), *in_command))
        ends = [0, *sorted(min(one, len(values)) for one in in_pdus), len(values)]
        groups = [values[a:b] for a, b in pairwise(ends)]
        sent = self.tell(peer, *[PDataTF(tuple(group)) for group in groups if group])
        self.assertEqual(sent, [p_data(c_echo_rsp(number)) for number in numbers])

    @settings(max_examples=40)
    @given(st.lists(st.integers(0, 80), max_size=8))
    def test_any_cut_of_a_response(self, at: list[int]) -> None:
        """So are responses to a requestor."""
        self.setUp()
        peer = self.accepted_by()
        echo = self.association.echo()
        self.wire.flush()
        peer.taken()
        values = fragments(cut(command_set.encode(c_echo_rsp(ErrorComment="half")), *at))
        for value in values:
            self.assertFalse(echo.called)
            self.tell(peer, PDataTF((value,)))
        self.assertEqual(self.successResultOf(echo).ErrorComment, "half")
