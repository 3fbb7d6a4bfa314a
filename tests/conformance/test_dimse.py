"""DIMSE as PS3.7 decides it: what a request is answered with, and what ends the association."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred

from tests.conformance.peer import (
    AC,
    CT_IMAGE,
    ECHO_RQ,
    ECHO_RSP,
    RELEASE_RP,
    RELEASE_RQ,
    RQ,
    ConformanceTestCase,
    RawPeer,
    c_echo_rq,
    c_echo_rsp,
    messages,
    p_data,
    pdv,
)
from txdicom import Limits, build_role, evt
from txdicom.dimse import command as command_set
from txdicom.dimse.command import COMMAND_NAMES
from txdicom.errors import ProtocolViolation
from txdicom.uids import VERIFICATION
from txdicom.upperlayer.pdu import PDU, Abort, PDataTF
from txdicom.upperlayer.user_information import AsynchronousOperationsWindow, RoleSelection

# An A-ABORT for what a message says is the service-user's (PS3.8 7.3), as messages are none of the
# upper layer's matter; the ones of the provider are for PDUs, PDVs and command sets that cannot be
# read (Table 9-26).
BY_USER, UNEXPECTED, INVALID = Abort(0, 0), Abort(2, 5), Abort(2, 6)


def element(number: int, value: bytes, group: int = 0) -> bytes:
    """One element in Implicit VR Little Endian (PS3.5 7.1.3), whatever its length."""
    return (
        group.to_bytes(2, "little")
        + number.to_bytes(2, "little")
        + len(value).to_bytes(4, "little")
        + value
    )


def us(number: int) -> bytes:
    return number.to_bytes(2, "little")


UID = element(0x0002, VERIFICATION.encode() + b"\0")
FIELD = element(0x0100, us(0x0030))
MESSAGE_ID = element(0x0110, us(1))
NO_DATA_SET = element(0x0800, us(0x0101))
#: The elements of a C-ECHO-RQ but for its group length (PS3.7 Table 9.3-12).
BODY = UID + FIELD + MESSAGE_ID + NO_DATA_SET


def grouped(body: bytes, length: int | None = None) -> bytes:
    """A command set with its group length, or another."""
    number = len(body) if length is None else length
    return element(0x0000, number.to_bytes(4, "little")) + body


def answered(status: int, **elements: Any) -> PDataTF:
    return p_data(c_echo_rsp(Status=status, **elements))


class Row(NamedTuple):
    """Command sets, and what they are answered with; ``note`` is for what is a choice."""

    section: str
    what: str
    commands: tuple[bytes | dict[str, Any], ...]
    answers: tuple[PDU, ...]
    note: str = ""


MESSAGE_IDS = (
    *[
        Row(
            "PS3.7 E.1", f"message ID {number}", (c_echo_rq(number),), (p_data(c_echo_rsp(number)),)
        )
        for number in (0, 1, 2, 255, 256, 32_767, 32_768, 65_534, 65_535)
    ],
    Row(
        "PS3.7 E.1",
        "the same message ID again, once it is answered",
        (c_echo_rq(9), c_echo_rq(9)),
        (p_data(c_echo_rsp(9)),) * 2,
    ),
)

#: Requests of all other services, and fields that are none: the response bit is not set in them.
OTHER_FIELDS = (
    *[field for field in COMMAND_NAMES if field < 0x8000 and field not in (0x0030, 0x0FFF)],
    *(0x0000, 0x0002, 0x0031, 0x0FFE, 0x1000, 0x3000, 0x7FFF),
)

COMMANDS = (
    *[
        Row(
            "PS3.7 C.5.23",
            f"command {field:#06x}, which is not supported",
            (c_echo_rq(CommandField=field), ECHO_RQ.values[0].data),
            (answered(0x0211, CommandField=field | 0x8000), ECHO_RSP),
        )
        for field in OTHER_FIELDS
    ],
    Row(
        "PS3.7 C.5.23",
        "a request by Requested SOP Class UID, such as N-GET-RQ",
        (
            c_echo_rq(
                CommandField=0x0110, AffectedSOPClassUID=None, RequestedSOPClassUID=VERIFICATION
            ),
        ),
        (answered(0x0211, CommandField=0x8110),),
    ),
    Row(
        "PS3.7 C.5.23",
        "a command and a SOP class that are not supported",
        (c_echo_rq(CommandField=0x0001, AffectedSOPClassUID=CT_IMAGE),),
        (answered(0x0211, CommandField=0x8001, AffectedSOPClassUID=CT_IMAGE),),
        "of two failures the operation comes first",
    ),
    Row(
        "PS3.7 9.3.1, E.1",
        "another command that announces a data set",
        (c_echo_rq(CommandField=0x0001, CommandDataSetType=0x0000),),
        (UNEXPECTED,),
        "no service here takes a data set, so none is waited for",
    ),
    Row(
        "PS3.7 9.3.2.3",
        "a C-CANCEL for nothing",
        ({"CommandField": 0x0FFF, "MessageIDBeingRespondedTo": 7, "CommandDataSetType": 0x0101},),
        (),
    ),
    Row("PS3.7 9.3.2.3", "a C-CANCEL that says nothing", ({"CommandField": 0x0FFF},), ()),
    Row(
        "PS3.7 9.3.2.3",
        "a C-CANCEL between requests",
        (c_echo_rq(1), {"CommandField": 0x0FFF, "MessageIDBeingRespondedTo": 1}, c_echo_rq(2)),
        (ECHO_RSP, p_data(c_echo_rsp(2))),
    ),
    Row("PS3.7 6.3.1", "no command field", (c_echo_rq(CommandField=None),), (INVALID,)),
    *[
        Row(
            "PS3.7 9.1.5, E.1",
            f"response {field:#06x}, nothing being outstanding",
            (c_echo_rsp(CommandField=field),),
            (BY_USER,),
        )
        for field in (0x8030, 0x8001, 0x8000, 0x8FFF, 0xFFFF)
    ],
    Row(
        "PS3.7 E.1",
        "a response that says to nothing that it responds to",
        (c_echo_rsp(MessageIDBeingRespondedTo=None),),
        (BY_USER,),
    ),
)

SOP_CLASSES = (
    *[
        Row(
            "PS3.7 C.5.6",
            f"SOP class {uid!r}",
            (c_echo_rq(AffectedSOPClassUID=uid), c_echo_rq(2)),
            (answered(0x0122, AffectedSOPClassUID=uid), p_data(c_echo_rsp(2))),
        )
        for uid in (CT_IMAGE, "1.2.840.10008.1.1.1", "1.2.840.10008.1", "x", "1" * 64)
    ],
    Row(
        "PS3.7 C.5.6",
        "an empty SOP class",
        (c_echo_rq(AffectedSOPClassUID=""),),
        (answered(0x0122, AffectedSOPClassUID=None),),
        "what is empty is not given back",
    ),
    Row(
        "PS3.7 C.5.6, 9.3.5.1",
        "no SOP class",
        (c_echo_rq(AffectedSOPClassUID=None),),
        (answered(0x0122, AffectedSOPClassUID=None),),
        "the element is mandatory; no status of C.5 fits better",
    ),
    Row(
        "PS3.5 9.1",
        "the SOP class padded with spaces or not padded",
        (
            grouped(element(0x0002, VERIFICATION.encode() + b" ") + FIELD + MESSAGE_ID),
            grouped(element(0x0002, VERIFICATION.encode()) + FIELD + MESSAGE_ID),
        ),
        (ECHO_RSP, ECHO_RSP),
        "UIDs are padded with NUL; what is meant is clear",
    ),
)

DATA_SETS = (
    *[
        Row(
            "PS3.7 9.3.5.1, E.1",
            f"Command Data Set Type {announced:#06x}: there is one",
            (c_echo_rq(CommandDataSetType=announced),),
            (UNEXPECTED,),
            "no status says it; a C-ECHO has none",
        )
        for announced in (0x0000, 0x0001, 0x0100, 0x0102, 0xFFFF)
    ],
    Row(
        "PS3.7 E.1",
        "no Command Data Set Type",
        (c_echo_rq(CommandDataSetType=None),),
        (ECHO_RSP,),
        "the element is mandatory; a C-ECHO has no data set",
    ),
)

TOLERANT = "what can be understood is answered"

ELEMENTS = (
    Row("PS3.7 9.3.5.1", "all elements in order", (grouped(BODY),), (ECHO_RSP,)),
    Row(
        "PS3.7 6.3.1",
        "elements backwards",
        (NO_DATA_SET + MESSAGE_ID + FIELD + UID,),
        (ECHO_RSP,),
        TOLERANT,
    ),
    Row(
        "PS3.7 6.3.1",
        "the group length last",
        (BODY + element(0x0000, len(BODY).to_bytes(4, "little")),),
        (ECHO_RSP,),
        TOLERANT,
    ),
    Row("PS3.7 6.3.1", "no group length", (BODY,), (ECHO_RSP,), TOLERANT),
    *[
        Row(
            "PS3.7 6.3.1", f"group length {length}", (grouped(BODY, length),), (ECHO_RSP,), TOLERANT
        )
        for length in (0, 1, len(BODY) - 2, len(BODY) + 2, 0xFFFFFFFF)
    ],
    Row(
        "PS3.7 E.1",
        "a group length that is no UL",
        (element(0x0000, b"\x38\0") + BODY,),
        (INVALID,),
    ),
    Row(
        "PS3.7 E.1",
        "unknown elements of the group",
        (
            grouped(
                element(0x0001, b"")
                + UID
                + FIELD
                + element(0x0111, b"abc")
                + MESSAGE_ID
                + NO_DATA_SET
                + element(0x5110, bytes(500))
                + element(0xFFFF, b"\1\2")
            ),
        ),
        (ECHO_RSP,),
    ),
    Row(
        "PS3.7 E.2",
        "retired elements: length to end, recognition code, initiator",
        (
            grouped(
                element(0x0001, b"\x38\0\0\0")
                + UID
                + element(0x0010, b"ACR-NEMA 2.0")
                + FIELD
                + MESSAGE_ID
                + element(0x0200, b"PEER")
                + NO_DATA_SET
            ),
        ),
        (ECHO_RSP,),
    ),
    Row(
        "PS3.7 E.1",
        "elements of other messages",
        (grouped(BODY + element(0x0700, us(0)) + element(0x0900, us(0x0110))),),
        (ECHO_RSP,),
        TOLERANT,
    ),
    Row(
        "PS3.7 6.3.1",
        "an element twice: the last counts",
        (grouped(UID + FIELD + element(0x0110, us(77)) + MESSAGE_ID + NO_DATA_SET),),
        (ECHO_RSP,),
        "the standard is silent on it",
    ),
    Row("PS3.7 9.3.5.1", "no message ID", (grouped(UID + FIELD + NO_DATA_SET),), (BY_USER,)),
    Row(
        "PS3.7 9.3.5.1",
        "a message ID of 0 bytes",
        (grouped(UID + FIELD + element(0x0110, b"") + NO_DATA_SET),),
        (INVALID,),
    ),
    *[
        Row(
            "PS3.5 6.2, PS3.7 6.3.1",
            f"a US of {len(value)} bytes",
            (grouped(UID + FIELD + element(0x0110, value) + NO_DATA_SET),),
            (INVALID,),
        )
        for value in (b"\1", b"\1\0\0", b"\1\0\2\0")
    ],
    Row("PS3.7 6.3.1", "a command field of 1 byte", (grouped(element(0x0100, b"0")),), (INVALID,)),
    Row(
        "PS3.5 6.2",
        "a UID outside ASCII",
        (grouped(element(0x0002, b"1.2\xff") + FIELD + MESSAGE_ID),),
        (INVALID,),
    ),
    Row(
        "PS3.7 6.3.1",
        "an element of another group",
        (grouped(BODY) + element(0x0018, b"1.2.3\0", 0x0008),),
        (INVALID,),
    ),
    Row("PS3.7 6.3.1", "an element that is cut off", (grouped(BODY)[:-1],), (INVALID,)),
    Row("PS3.7 6.3.1", "a header that is cut off", (grouped(BODY) + b"\0\0\0",), (INVALID,)),
    Row(
        "PS3.7 6.3.1",
        "an element of 4 GiB - 1",
        (grouped(UID + FIELD + b"\0\0\x10\1\xff\xff\xff\xff"),),
        (INVALID,),
    ),
    Row(
        "PS3.7 6.3.1",
        "Explicit VR, which command sets never have",
        (b"\0\0\0\1US\2\0\x30\0",),
        (INVALID,),
    ),
    Row("PS3.7 6.3.1", "an empty command set", (b"",), (INVALID,)),
    Row("PS3.7 6.3.1", "a group length and nothing else", (grouped(b""),), (INVALID,)),
)


class RequestTests(ConformanceTestCase):
    """What a peer asks for, of our acceptor and of our requestor."""

    def play(self, rows: tuple[Row, ...]) -> None:
        for row in rows:
            for way in (self.associated, self.accepted_by):
                self.setUp()
                where = f"{row.section}: {row.what}"
                peer: RawPeer = way()
                sent = self.tell(peer, *map(p_data, row.commands))
                self.assertEqual(tuple(sent), row.answers, where)
                self.check_end(peer, row, where)

    def check_end(self, peer: RawPeer, row: Row, where: str) -> None:
        """After a status the association goes on as if nothing were; after an abort it is over."""
        if row.answers and isinstance(row.answers[-1], Abort):
            self.assertEqual(self.seen[-1], "aborted", where)
            self.assertEqual(self.state, 13, where)
            self.assertIsInstance(self.association.failure, ProtocolViolation, where)
            self.assertGone(peer, 5, where=where)
        else:
            self.assertEqual(self.seen, ["message"] * len(row.commands), where)
            self.assertEqual(self.tell(peer, ECHO_RQ), [ECHO_RSP], where)
            self.assertEqual(self.tell(peer, RELEASE_RQ), [RELEASE_RP], where)

    def test_message_ids(self) -> None:
        """Every message ID of two bytes is one, and is given back as it came."""
        self.play(MESSAGE_IDS)

    def test_commands(self) -> None:
        """Commands that are not supported have a status; a response to nothing is a violation."""
        self.play(COMMANDS)

    def test_sop_classes(self) -> None:
        """A SOP class that is not the context's has a status, and is given back."""
        self.play(SOP_CLASSES)

    def test_data_sets(self) -> None:
        """A data set that is announced with a C-ECHO ends the association at once."""
        self.play(DATA_SETS)

    def test_elements(self) -> None:
        """What a command set says is taken as far as it is clear; what is broken is a violation."""
        self.play(ELEMENTS)

    def test_data_set_sent(self) -> None:
        """A data set that was not announced ends the association, the C-ECHO being answered."""
        for values in (
            (pdv(ECHO_RQ.values[0].data), pdv(b"\x08\0\0\0\0\0\0\0", command=False)),
            (pdv(ECHO_RQ.values[0].data), pdv(b"", command=False)),
        ):
            self.setUp()
            peer = self.associated()
            self.assertEqual(self.tell(peer, PDataTF(values)), [ECHO_RSP, UNEXPECTED])
        self.setUp()
        peer = self.associated()
        self.assertEqual(self.tell(peer, PDataTF((pdv(b"ab", command=False),))), [UNEXPECTED])

    def test_contexts(self) -> None:
        """A message on a context that was refused, or never proposed, ends the association."""
        contexts = (
            RQ.presentation_contexts[0],
            replace(RQ.presentation_contexts[0], context_id=3, abstract_syntax=CT_IMAGE),
        )
        for context_id in (0, 2, 3, 5, 255):
            self.setUp()
            peer = self.associated(replace(RQ, presentation_contexts=contexts))
            self.assertEqual(self.tell(peer, p_data(c_echo_rq(), context_id)), [INVALID])
            self.assertIn(f"context {context_id}", str(self.association.failure))


class OutstandingTests(ConformanceTestCase):
    """Several requests at once (PS3.7 D.3.3.3, C.5.9, C.5.22)."""

    def setUp(self) -> None:
        super().setUp()
        self.performing: dict[int, Deferred[int]] = {}

    def later(self, event: Any) -> Deferred[int]:
        self.performing[event.message_id] = Deferred()
        return self.performing[event.message_id]

    def with_window(self, number: int | None) -> RawPeer:
        items = () if number is None else (AsynchronousOperationsWindow(number, 1),)
        return self.associated(
            replace(RQ, user_information=(*RQ.user_information, *items)),
            [(evt.EVT_C_ECHO, self.later)],
        )

    def statuses(self, sent: list[PDU]) -> list[tuple[int, int]]:
        return [(it.MessageIDBeingRespondedTo, it.Status) for it in messages(sent)]

    def test_in_any_order(self) -> None:
        """Within the window each is answered when it is done, under its own message ID."""
        peer = self.with_window(3)
        sent = self.tell(peer, *[p_data(c_echo_rq(number)) for number in (0, 65_535, 7)])
        self.assertEqual(sent, [])
        for number in (7, 0, 65_535):
            self.performing[number].callback(0)
        self.wire.flush()
        self.assertEqual(self.statuses(peer.taken()), [(7, 0), (0, 0), (65_535, 0)])

    def test_duplicate(self) -> None:
        """A message ID that is being performed is a duplicate, 0x0210; the first goes on."""
        peer = self.with_window(3)
        sent = self.tell(peer, p_data(c_echo_rq(5)), p_data(c_echo_rq(5)), p_data(c_echo_rq(5)))
        self.assertEqual(self.statuses(sent), [(5, 0x0210), (5, 0x0210)])
        self.performing[5].callback(0)
        self.wire.flush()
        self.assertEqual(self.statuses(peer.taken()), [(5, 0)])
        self.tell(peer, p_data(c_echo_rq(5)))
        self.assertIn(5, self.performing)

    def test_too_many(self) -> None:
        """A request above the window is refused with 0x0213; without one, the window is 1.

        The standard has no status for it in so many words: resource limitation is a choice.
        """
        for number, granted in ((None, 1), (1, 1), (2, 2), (0, 16), (100, 16)):
            self.setUp()
            peer = self.with_window(number)
            sent = self.tell(peer, *[p_data(c_echo_rq(one)) for one in range(granted + 2)])
            expected = [(granted, 0x0213), (granted + 1, 0x0213)]
            self.assertEqual(self.statuses(sent), expected, number)

    def test_precedence(self) -> None:
        """Operation, SOP class, duplicate, limit: the first that does not hold is the status."""
        peer = self.with_window(None)
        self.tell(peer, ECHO_RQ)
        for elements, status in (
            ({"CommandField": 0x0020, "AffectedSOPClassUID": CT_IMAGE}, 0x0211),
            ({"AffectedSOPClassUID": CT_IMAGE}, 0x0122),
            ({}, 0x0210),
            ({"MessageID": 2}, 0x0213),
        ):
            (got,) = messages(self.tell(peer, p_data(c_echo_rq(**elements))))
            self.assertEqual(got.Status, status)

    def test_cancel(self) -> None:
        """A C-CANCEL for a C-ECHO that is performed is ignored: C-ECHO cannot be cancelled."""
        peer = self.with_window(None)
        cancel = {"CommandField": 0x0FFF, "MessageIDBeingRespondedTo": 1}
        self.assertEqual(self.tell(peer, ECHO_RQ, p_data(cancel)), [])
        self.performing[1].callback(0)
        self.wire.flush()
        self.assertEqual(peer.taken(), [ECHO_RSP])

    def test_ended_meanwhile(self) -> None:
        """What is performed when the association ends is cancelled, and never answered."""
        for does, answers in (
            (RELEASE_RQ, [RELEASE_RP]),
            (Abort(0, 0), []),
            (RQ, [Abort(2, 2)]),
        ):
            self.setUp()
            peer = self.with_window(None)
            self.tell(peer, ECHO_RQ)
            self.assertEqual(self.tell(peer, does), answers)
            self.assertTrue(self.performing[1].called)
            self.wire.advance(5)
            self.assertEqual(peer.taken(), [])
            self.assertNothingLeft()

    def test_performing_is_not_idle(self) -> None:
        """A peer whose request is performed waits in silence; its idle time counts from then on."""
        peer = self.with_window(None)
        self.tell(peer, ECHO_RQ)
        for _ in range(10):
            self.wire.advance(59)
        self.assertIsNone(peer.lost)
        self.performing[1].callback(0)
        self.wire.flush()
        self.assertEqual(peer.taken(), [ECHO_RSP])
        self.wire.advance(60)
        self.assertEqual(peer.taken(), [BY_USER])


class StatusTests(ConformanceTestCase):
    """What a handler decides is what the peer gets (PS3.7 Annex C)."""

    def test_any_status(self) -> None:
        """Every status of two bytes can be answered, also those that the standard has not."""
        for status in (0x0000, 0x0001, 0x0110, 0x0122, 0x0210, 0x0212, 0xA700, 0xFE00, 0xFFFF):
            self.setUp()
            peer = self.associated(handlers=[(evt.EVT_C_ECHO, lambda event: status)])  # noqa: B023
            self.assertEqual(self.tell(peer, ECHO_RQ), [answered(status)])

    def test_failing_handler(self) -> None:
        """A handler that fails is answered with 0x0110 (C.5.21), and the association goes on."""

        def fails(event: Any) -> int:
            raise RuntimeError("no")

        peer = self.associated(handlers=[(evt.EVT_C_ECHO, fails)])
        for number in range(3):
            sent = self.tell(peer, p_data(c_echo_rq(number)))
            self.assertEqual(sent, [p_data(c_echo_rsp(number, Status=0x0110))])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 3)

    def test_response(self) -> None:
        """A response has the elements of Table 9.3-13, in order, and no other."""
        peer = self.associated()
        (sent,) = self.tell(peer, ECHO_RQ)
        data = sent.values[0].data
        body = (
            UID
            + element(0x0100, us(0x8030))
            + element(0x0120, us(1))
            + element(0x0800, us(0x0101))
            + element(0x0900, us(0))
        )
        self.assertEqual(data, grouped(body))

    def test_request(self) -> None:
        """A request has those of Table 9.3-12."""
        peer = self.accepted_by()
        self.association.echo()
        self.wire.flush()
        (sent,) = peer.taken()
        self.assertEqual(sent.values[0].data, grouped(BODY))
        self.assertEqual(command_set.encode(c_echo_rq()), grouped(BODY))


class AcceptorAsSCUTests(ConformanceTestCase):
    """An acceptor that was given the SCU role (PS3.7 D.3.3.4) matches responses likewise."""

    def echoing(self) -> tuple[RawPeer, Deferred[Any]]:
        self.scp.add_supported_context(VERIFICATION, scu_role=True, scp_role=True)
        role = RoleSelection(VERIFICATION, 1, 1)
        peer = self.associated(replace(RQ, user_information=(*RQ.user_information, role)))
        echo = self.association.echo()
        self.wire.flush()
        self.assertEqual(peer.taken(), [ECHO_RQ])
        return peer, echo

    def test_answered(self) -> None:
        """The requestor's response is the answer."""
        peer, echo = self.echoing()
        self.assertEqual(self.tell(peer, ECHO_RSP), [])
        self.assertEqual(self.successResultOf(echo).Status, 0)

    def test_both_at_once(self) -> None:
        """Each side may have the same message ID outstanding: they are two."""
        peer, echo = self.echoing()
        self.assertEqual(self.tell(peer, ECHO_RQ, ECHO_RSP), [ECHO_RSP])
        self.assertEqual(self.successResultOf(echo).Status, 0)

    def test_no_answer(self) -> None:
        """A response to something else ends the association."""
        for wrong in (c_echo_rsp(2), c_echo_rsp(CommandField=0x8001), c_echo_rsp(Status=None)):
            self.setUp()
            peer, echo = self.echoing()
            self.assertEqual(self.tell(peer, p_data(wrong)), [BY_USER])
            self.failureResultOf(echo, ProtocolViolation)

    def test_role_is_given(self) -> None:
        """A requestor that proposed the SCP role performs what it is asked for."""
        role = RoleSelection(VERIFICATION, 0, 1)
        peer = self.accepted_by(
            replace(AC, user_information=(*AC.user_information, role)),
            ext_neg=[build_role(VERIFICATION, scp_role=True)],
        )
        self.assertEqual(self.tell(peer, ECHO_RQ), [ECHO_RSP])


class LimitTests(ConformanceTestCase):
    """How long a command set may be: a limit of ours, as the standard has none."""

    def test_too_long(self) -> None:
        """A command set of too many bytes, or too many fragments, is a violation."""
        self.scp = self.wire.ae("SCP", Limits(max_command=100, max_command_fragments=10))
        self.scp.add_supported_context(VERIFICATION)
        data = grouped(BODY)
        for values, answer in (
            ([pdv(data + element(0x5110, bytes(100 - len(data) - 8)))], ECHO_RSP),
            ([pdv(data + element(0x5110, bytes(101 - len(data) - 8)))], INVALID),
            ([*[pdv(b"", last=False)] * 9, pdv(data)], ECHO_RSP),
            ([*[pdv(b"", last=False)] * 10, pdv(data)], INVALID),
        ):
            peer = self.associated()
            self.assertEqual(self.tell(peer, PDataTF(tuple(values))), [answer])
