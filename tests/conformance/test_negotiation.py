"""Association negotiation as PS3.8 9.3.2, 9.3.3 and PS3.7 Annex D decide it, over the wire.

Requests are written as bytes where what they say could not be encoded by a PDU of txdicom.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any, NamedTuple

from tests.conformance.peer import (
    AC,
    CT_IMAGE,
    ECHO_RQ,
    ECHO_RSP,
    RQ,
    ConformanceTestCase,
    c_echo_rq,
    p_data,
)
from txdicom import Limits, build_role, evt
from txdicom.uids import (
    APPLICATION_CONTEXT,
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    VERIFICATION,
)
from txdicom.upperlayer.items import PresentationContextAC, PresentationContextRQ, item
from txdicom.upperlayer.pdu import HEADER, PDU, Abort, AssociateAC, AssociateRJ
from txdicom.upperlayer.user_information import (
    AsynchronousOperationsWindow,
    MaximumLength,
    RoleSelection,
    SOPClassCommonExtendedNegotiation,
    SOPClassExtendedNegotiation,
    UserIdentityAC,
    UserIdentityRQ,
    every,
    the,
)

# The variable items of a request, each as bytes.
APPLICATION = item(0x10, APPLICATION_CONTEXT.encode())
ABSTRACT = item(0x30, VERIFICATION.encode())
TRANSFER = item(0x40, IMPLICIT_VR_LITTLE_ENDIAN.encode())
CONTEXT = item(0x20, b"\1\0\0\0" + ABSTRACT + TRANSFER)
LENGTH = item(0x51, (16_382).to_bytes(4, "big"))
CLASS_UID = item(0x52, b"1.2.3.4")
USER = item(0x50, LENGTH + CLASS_UID)

TITLES = b"SCP".ljust(16) + b"PEER".ljust(16)
FIXED = b"\0\1\0\0" + TITLES + bytes(32)


def request(*variable: bytes, fixed: bytes = FIXED) -> bytes:
    """An A-ASSOCIATE-RQ of these fixed and variable fields (Table 9-11)."""
    body = fixed + b"".join(variable)
    return HEADER.pack(1, len(body)) + body


def answer(*variable: bytes, fixed: bytes = FIXED) -> bytes:
    """An A-ASSOCIATE-AC of these fixed and variable fields (Table 9-17)."""
    body = fixed + b"".join(variable)
    return HEADER.pack(2, len(body)) + body


def context(context_id: int, *sub_items: bytes) -> bytes:
    """A presentation context item, as proposed."""
    return item(0x20, bytes((context_id, 0, 0, 0)) + b"".join(sub_items))


def with_reserved(data: bytes, reserved: int = 0xFF) -> bytes:
    """The same item with another reserved byte in its header."""
    return data[:1] + bytes((reserved,)) + data[2:]


ACCEPTED = ((1, 0),)
# In Sta2 an invalid PDU is answered as service-user, without a reason (Table 9-10: AA-1).
REFUSED = Abort(0, 0)


class Row(NamedTuple):
    """A request, and its answer: the results of its contexts, or a PDU.

    ``note`` says what the standard leaves open, where it does.
    """

    section: str
    what: str
    request: bytes
    answer: tuple[tuple[int, int], ...] | PDU
    note: str = ""


def version(number: int) -> bytes:
    return request(
        APPLICATION, CONTEXT, USER, fixed=number.to_bytes(2, "big") + b"\0\0" + TITLES + bytes(32)
    )


#: As many contexts as there are IDs.
SOME_CONTEXTS = [context(number, ABSTRACT, TRANSFER) for number in range(1, 256, 2)]

VERSIONS = (
    *[
        Row("PS3.8 Table 9-11", f"version {number:#06x}: bit 0", version(number), ACCEPTED)
        for number in (0x0001, 0x0003, 0x8001, 0xFFFF)
    ],
    *[
        Row(
            "PS3.8 Table 9-11, Table 9-21",
            f"version {number:#06x}: no bit 0",
            version(number),
            AssociateRJ(1, 2, 2),
        )
        for number in (0x0000, 0x0002, 0xFFFE)
    ],
)

APPLICATION_CONTEXTS = (
    Row(
        "PS3.8 9.3.2.1, Table 9-21",
        "another application context",
        request(item(0x10, b"1.2.840.10008.3.1.1.2"), CONTEXT, USER),
        AssociateRJ(1, 1, 2),
    ),
    Row(
        "PS3.8 9.3.2.1, Table 9-21",
        "an empty application context",
        request(item(0x10, b""), CONTEXT, USER),
        AssociateRJ(1, 1, 2),
    ),
    Row(
        "PS3.8 9.3.2, Table 9-21",
        "no application context",
        request(CONTEXT, USER),
        AssociateRJ(1, 1, 2),
        "the item is mandatory; a rejection says more than an abort would",
    ),
    Row(
        "PS3.8 Annex F",
        "an application context padded with NUL",
        request(item(0x10, APPLICATION_CONTEXT.encode() + b"\0"), CONTEXT, USER),
        ACCEPTED,
        "UIDs are not padded in PDUs; some peers do it",
    ),
    Row(
        "PS3.8 9.3.1",
        "two application contexts",
        request(APPLICATION, APPLICATION, CONTEXT, USER),
        REFUSED,
    ),
)

CONTEXTS = (
    Row(
        "PS3.8 9.3.2",
        "0 contexts",
        request(APPLICATION, USER),
        (),
        "one is the least; an association without any is of no use and does no harm",
    ),
    Row("PS3.8 9.3.2", "1 context", request(APPLICATION, CONTEXT, USER), ACCEPTED),
    Row(
        "PS3.8 9.3.2.2",
        "128 contexts",
        request(APPLICATION, *SOME_CONTEXTS, USER),
        tuple((number, 0) for number in range(1, 256, 2)),
    ),
    Row(
        "PS3.8 9.3.2.2",
        "129 contexts, so an ID twice",
        request(APPLICATION, *SOME_CONTEXTS, CONTEXT, USER),
        REFUSED,
    ),
    *[
        Row(
            "PS3.8 9.3.2.2",
            f"context ID {number}, which is not odd",
            request(APPLICATION, context(number, ABSTRACT, TRANSFER), USER),
            REFUSED,
        )
        for number in (0, 2, 254)
    ],
    Row(
        "PS3.8 9.3.2.2",
        "context ID 255",
        request(APPLICATION, context(255, ABSTRACT, TRANSFER), USER),
        ((255, 0),),
    ),
    Row(
        "PS3.8 7.1.1.13",
        "a context ID twice",
        request(APPLICATION, CONTEXT, CONTEXT, USER),
        REFUSED,
    ),
    Row(
        "PS3.8 9.3.2.2",
        "context IDs in another order",
        request(APPLICATION, *[context(number, ABSTRACT, TRANSFER) for number in (5, 1, 3)], USER),
        ((1, 0), (3, 0), (5, 0)),
        "the answers come sorted",
    ),
    Row(
        "PS3.8 9.3.2.2, Table 9-18",
        "no transfer syntax",
        request(APPLICATION, context(1, ABSTRACT), USER),
        ((1, 4),),
        "one is the least; there is a result for it, so the other contexts may serve",
    ),
    Row(
        "PS3.8 9.3.2.2",
        "no abstract syntax",
        request(APPLICATION, context(1, TRANSFER), USER),
        REFUSED,
    ),
    Row(
        "PS3.8 9.3.2.2",
        "two abstract syntaxes",
        request(APPLICATION, context(1, ABSTRACT, ABSTRACT, TRANSFER), USER),
        REFUSED,
    ),
    Row(
        "PS3.8 Table 9-18",
        "an abstract syntax that is not supported",
        request(APPLICATION, CONTEXT, context(3, item(0x30, CT_IMAGE.encode()), TRANSFER), USER),
        ((1, 0), (3, 3)),
    ),
    Row(
        "PS3.8 Table 9-18",
        "transfer syntaxes that are not supported",
        request(
            APPLICATION,
            context(1, ABSTRACT, item(0x40, b"1.2.840.10008.1.2.4.50"), item(0x40, b"1.2.3")),
            context(3, ABSTRACT, item(0x40, b"1.2.3"), TRANSFER),
            USER,
        ),
        ((1, 4), (3, 0)),
    ),
    Row(
        "PS3.8 Table 9-18",
        "neither syntax is supported",
        request(APPLICATION, context(1, item(0x30, b"1.2.3"), item(0x40, b"1.2.3")), USER),
        ((1, 3),),
        "of two reasons the abstract syntax comes first",
    ),
    Row(
        "PS3.8 7.1.1.14",
        "all contexts are refused",
        request(APPLICATION, context(1, item(0x30, b"1.2.3"), TRANSFER), USER),
        ((1, 3),),
        "it is an association all the same",
    ),
    Row(
        "PS3.8 Annex F",
        "UIDs padded with NUL",
        request(
            APPLICATION,
            context(
                1,
                item(0x30, VERIFICATION.encode() + b"\0"),
                item(0x40, IMPLICIT_VR_LITTLE_ENDIAN.encode() + b"\0"),
            ),
            USER,
        ),
        ACCEPTED,
        "UIDs are not padded in PDUs; some peers do it",
    ),
    Row(
        "PS3.5 9.1",
        "a UID of 65 characters",
        request(APPLICATION, context(1, item(0x30, b"1." * 32 + b"1"), TRANSFER), USER),
        REFUSED,
    ),
)

ORDER = "the standard asks the sender for an order; nothing is unclear without it"

ITEMS = (
    Row("PS3.8 9.3.1", "items backwards", request(USER, CONTEXT, APPLICATION), ACCEPTED, ORDER),
    Row(
        "PS3.8 9.3.1",
        "items between each other",
        request(context(3, TRANSFER, ABSTRACT), USER, APPLICATION, CONTEXT),
        ((1, 0), (3, 0)),
        ORDER,
    ),
    Row(
        "PS3.8 9.3.1", "user information twice", request(APPLICATION, CONTEXT, USER, USER), REFUSED
    ),
    Row(
        "PS3.8 9.3.2",
        "no user information",
        request(APPLICATION, CONTEXT),
        ACCEPTED,
        "the item is mandatory; what it would say has defaults",
    ),
    Row(
        "PS3.8 9.3.2.3",
        "empty user information",
        request(APPLICATION, CONTEXT, item(0x50, b"")),
        ACCEPTED,
        "maximum length and implementation class UID are mandatory; see above",
    ),
    Row(
        "PS3.8 9.3.1",
        "unknown items, one empty and one long",
        request(item(0xFF, b""), APPLICATION, item(0x60, b"x" * 60_000), CONTEXT, USER),
        ACCEPTED,
    ),
    Row(
        "PS3.8 9.3.1",
        "an item of the A-ASSOCIATE-AC",
        request(APPLICATION, item(0x21, b"\2\0\0\0"), CONTEXT, USER),
        ACCEPTED,
    ),
    Row(
        "PS3.8 9.3.1",
        "unknown items in a context",
        request(APPLICATION, context(1, item(0x99, b"x"), ABSTRACT, item(0, b""), TRANSFER), USER),
        ACCEPTED,
    ),
    Row(
        "PS3.8 D.2",
        "unknown sub-items of the user information",
        request(APPLICATION, CONTEXT, item(0x50, item(0x5A, b"x") + LENGTH + item(0xFF, b""))),
        ACCEPTED,
    ),
    Row(
        "PS3.8 9.3.2.3",
        "sub-items in another order",
        request(APPLICATION, CONTEXT, item(0x50, CLASS_UID + LENGTH)),
        ACCEPTED,
    ),
    Row(
        "PS3.8 9.3.2, Tables 9-11 to 9-16",
        "non-zero reserved bytes everywhere",
        with_reserved(
            request(
                with_reserved(APPLICATION),
                with_reserved(
                    item(
                        0x20, b"\1\xff\xff\xff" + with_reserved(ABSTRACT) + with_reserved(TRANSFER)
                    )
                ),
                with_reserved(item(0x50, with_reserved(LENGTH) + with_reserved(CLASS_UID))),
                fixed=b"\0\1\xff\xff" + TITLES + b"\xff" * 32,
            )
        ),
        ACCEPTED,
    ),
    *[
        Row("PS3.8 9.3.2", what, data, REFUSED)
        for what, data in (
            ("an item longer than its PDU", request(APPLICATION, CONTEXT, USER[:-1])),
            ("an item's header that is cut off", request(APPLICATION, CONTEXT, USER, b"\x50\0")),
            (
                "a sub-item longer than its item",
                request(APPLICATION, item(0x20, b"\1\0\0\0" + ABSTRACT + TRANSFER[:-1]), USER),
            ),
            ("a context item too short for its ID", request(APPLICATION, item(0x20, b"\1"), USER)),
            (
                "a maximum length of 3 bytes",
                request(APPLICATION, CONTEXT, item(0x50, item(0x51, b"\0\0\0"))),
            ),
            (
                "a UID outside ASCII",
                request(APPLICATION, context(1, item(0x30, b"1.2\xff"), TRANSFER), USER),
            ),
            ("a request of 67 bytes", HEADER.pack(1, 67) + FIXED[:-1]),
            ("a request of no bytes", HEADER.pack(1, 0)),
        )
    ],
)


class RequestTests(ConformanceTestCase):
    """What an acceptor answers."""

    def play(self, rows: tuple[Row, ...]) -> None:
        for row in rows:
            self.setUp()
            where = f"{row.section}: {row.what}"
            peer = self.connect()
            (got,) = self.tell(peer, row.request)
            if not isinstance(row.answer, tuple):
                self.assertEqual(got, row.answer, where)
                self.assertEqual(self.state, 13, where)
                self.assertGone(peer, 5, where=where)
                continue
            assert isinstance(got, AssociateAC), where
            results = tuple((it.context_id, it.result) for it in got.presentation_contexts)
            self.assertEqual(results, row.answer, where)
            self.assertEqual(self.seen, ["established"], where)
            for context_id, result in row.answer:
                if result == 0:
                    self.assertEqual(
                        self.tell(peer, p_data(c_echo_rq(), context_id)),
                        [
                            replace(
                                ECHO_RSP,
                                values=(replace(ECHO_RSP.values[0], context_id=context_id),),
                            )
                        ],
                        where,
                    )

    def test_protocol_version(self) -> None:
        """Of the protocol version only bit 0 counts, and without it the request is rejected."""
        self.play(VERSIONS)

    def test_application_context(self) -> None:
        """Another application context is rejected, and a second one is a violation."""
        self.play(APPLICATION_CONTEXTS)

    def test_contexts(self) -> None:
        """Each context has its own result; IDs that are not odd, or not unique, are violations."""
        self.play(CONTEXTS)

    def test_items(self) -> None:
        """Items in any order, unknown ones and reserved bytes do no harm; broken ones do."""
        self.play(ITEMS)

    def test_refused_context(self) -> None:
        """On a context that was refused nothing can be sent: A-ABORT, invalid parameter."""
        peer = self.connect()
        self.tell(peer, request(APPLICATION, context(1, item(0x30, b"1.2.3"), TRANSFER), USER))
        self.assertEqual(self.tell(peer, ECHO_RQ), [Abort(2, 6)])

    def test_nothing_accepted(self) -> None:
        """An association without an accepted context can be released as any other."""
        peer = self.connect()
        self.tell(peer, request(APPLICATION, USER))
        (release_rp,) = self.tell(peer, b"\5\0\0\0\0\4\0\0\0\0")
        self.assertEqual(release_rp.encode()[0], 6)
        self.assertEqual(self.seen, ["established", "released"])

    def test_answer(self) -> None:
        """The answer repeats both titles and the reserved bytes as they came (Table 9-17)."""
        fixed = (
            b"\0\1\0\0" + b"  CALLED\0".ljust(16) + b"C\xe4LLING \0\0".ljust(16) + bytes(range(32))
        )
        peer = self.connect()
        self.tell(peer, request(APPLICATION, CONTEXT, USER, fixed=fixed))
        self.assertEqual(bytes(peer.received[:6]), HEADER.pack(2, len(peer.received) - 6))
        self.assertEqual(bytes(peer.received[6:74]), fixed)
        ac = peer.pdus()[0]
        self.assertEqual(ac.application_context_name, APPLICATION_CONTEXT)
        self.assertEqual(the(MaximumLength, ac.user_information), MaximumLength(16_382))

    def test_first_counts(self) -> None:
        """Of a sub-item that stands twice the first counts; the standard is silent on it."""
        items = (
            AsynchronousOperationsWindow(3, 1),
            AsynchronousOperationsWindow(7, 1),
            MaximumLength(100),
            MaximumLength(50),
        )
        ac = self.proposing(user_information=items)
        windows = every(AsynchronousOperationsWindow, ac.user_information)
        self.assertEqual(windows, [AsynchronousOperationsWindow(3, 1)])
        self.assertEqual(self.association.requestor.maximum_length, 100)


#: A title as it comes, and whether it is the one that is asked for, ``SCP`` (PS3.8 Table 9-11:
#: leading and trailing spaces are not significant; NUL is what some peers pad with).
TITLE_ROWS = (
    (b"SCP             ", True),
    (b"             SCP", True),
    (b"      SCP       ", True),
    (b"SCP\0\0\0\0\0\0\0\0\0\0\0\0\0", True),
    (b"SCP \0           ", True),
    (b" SCP\0 \0         ", True),
    (b"scp             ", False),
    (b"SCP1            ", False),
    (b"S CP            ", False),
    (b"SC              ", False),
    (b"                ", False),
    (bytes(16), False),
    (b"SCP\x1b[2J         ", False),
    (b"SCP\xff            ", False),
)


class TitleTests(ConformanceTestCase):
    """Titles that are required (PS3.8 Table 9-21: 1,1,7 and 1,1,3)."""

    def play(
        self, titles: Callable[[bytes], bytes], rejection: AssociateRJ, **required: Any
    ) -> None:
        for title, good in TITLE_ROWS:
            self.setUp()
            for name, value in required.items():
                setattr(self.scp, name, value)
            fixed = b"\0\1\0\0" + titles(title) + bytes(32)
            peer = self.connect()
            (got,) = self.tell(peer, request(APPLICATION, CONTEXT, USER, fixed=fixed))
            if good:
                self.assertIsInstance(got, AssociateAC, title)
            else:
                self.assertEqual(got, rejection, title)
                self.assertEqual(self.seen, ["rejected"])

    def test_called(self) -> None:
        """Another called AE title than the own is rejected, where the own is required."""
        self.play(
            lambda title: title + b"PEER".ljust(16), AssociateRJ(1, 1, 7), require_called_aet=True
        )

    def test_calling(self) -> None:
        """A calling AE title that is not among the required ones is rejected."""
        self.play(
            lambda title: b"OURS".ljust(16) + title,
            AssociateRJ(1, 1, 3),
            require_calling_aet=["SCP", "OTHER"],
        )

    def test_not_required(self) -> None:
        """Where none is required, every title will do."""
        for title, _ in TITLE_ROWS:
            self.setUp()
            fixed = b"\0\1\0\0" + title + title + bytes(32)
            (got,) = self.tell(self.connect(), request(APPLICATION, CONTEXT, USER, fixed=fixed))
            self.assertIsInstance(got, AssociateAC, title)


class RoleTests(ConformanceTestCase):
    """SCP/SCU role selection (PS3.7 D.3.3.4), all proposals times all that is supported."""

    PROPOSED = (None, *product((0, 1), (0, 1)))
    SUPPORTED = (None, *product((False, True), (False, True)))

    def expected(
        self, proposed: tuple[int, int] | None, supported: tuple[bool, bool] | None
    ) -> tuple[tuple[int, int] | None, int, tuple[bool, bool]]:
        """The answer, the context's result, and the roles of the requestor as SCU and as SCP."""
        if proposed is None or supported is None:  # the default roles
            return None, 0, (True, False)
        scu, scp = (int(a and b) for a, b in zip(proposed, supported, strict=True))
        if not (scu or scp):
            return (scu, scp), 1, (False, False)  # user-rejection: nobody could do anything
        return (scu, scp), 0, (bool(scu), bool(scp))

    def support(self, supported: tuple[bool, bool] | None) -> None:
        scu, scp = supported or (None, None)
        self.scp.add_supported_context(VERIFICATION, scu_role=scu, scp_role=scp)

    def test_acceptor(self) -> None:
        """Of each role the acceptor grants what is both proposed and supported."""
        for proposed, supported in product(self.PROPOSED, self.SUPPORTED):
            self.setUp()
            self.support(supported)
            items = () if proposed is None else (RoleSelection(VERIFICATION, *proposed),)
            ac = self.proposing(user_information=(*RQ.user_information, *items))
            where = f"proposed {proposed}, supported {supported}"
            answered, result, roles = self.expected(proposed, supported)
            given = [(it.scu_role, it.scp_role) for it in every(RoleSelection, ac.user_information)]
            self.assertEqual(given, [] if answered is None else [answered], where)
            self.assertEqual(ac.presentation_contexts[0].result, result, where)
            (ours,) = self.association.accepted_contexts or self.association.rejected_contexts
            self.assertEqual((ours.as_scp, ours.as_scu), roles, where)

    def test_requestor(self) -> None:
        """The requestor has of each role what it proposed and the acceptor's answer gives."""
        proposals = (None, (1, 0), (0, 1), (1, 1))  # one role at the least
        for proposed, given in product(proposals, (None, *product((0, 1), (0, 1)))):
            self.setUp()
            items = () if given is None else (RoleSelection(VERIFICATION, *given),)
            peer = self.requested(
                ext_neg=[] if proposed is None else [build_role(VERIFICATION, *map(bool, proposed))]
            )
            self.tell(peer, replace(AC, user_information=(*AC.user_information, *items)))
            (ours,) = self.association.accepted_contexts
            expected = (True, False)
            if proposed is not None and given is not None:
                expected = bool(proposed[0] and given[0]), bool(proposed[1] and given[1])
            self.assertEqual(
                (ours.as_scu, ours.as_scp), expected, f"proposed {proposed}, given {given}"
            )

    def test_other_sop_class(self) -> None:
        """A role for a SOP class that is not proposed, or not supported, is not answered."""
        items = (RoleSelection(CT_IMAGE, 1, 1), RoleSelection("1.2.3", 0, 1))
        ac = self.proposing(user_information=(*RQ.user_information, *items))
        self.assertEqual(every(RoleSelection, ac.user_information), [])


class IdentityTests(ConformanceTestCase):
    """User identity (PS3.7 D.3.3.7)."""

    #: Types 1 to 5, and those of no meaning.
    TYPES = (1, 2, 3, 4, 5, 0, 6, 255)

    def ask(self, kind: int, positive: bool, said: Any) -> tuple[PDU, list[Any]]:
        self.setUp()
        asked: list[Any] = []

        def identify(event: Any) -> Any:
            asked.append((event.user_id_type, event.primary_field, event.secondary_field))
            return said

        identity = UserIdentityRQ(kind, b"primary", b"second" if kind == 2 else b"", positive)
        handlers = [] if said is None else [(evt.EVT_USER_ID, identify)]
        (got,) = self.tell(
            self.connect(handlers),
            replace(RQ, user_information=(*RQ.user_information, identity)),
        )
        return got, asked

    def test_accepted(self) -> None:
        """Each type is handed over, and confirmed if the peer asked for a positive response.

        A user name is confirmed by an empty response, the other types by the handler's; types
        that are not defined are left to the handler, as the standard is silent on them.
        """
        for kind, positive in product(self.TYPES, (False, True)):
            got, asked = self.ask(kind, positive, (True, b"reply"))
            assert isinstance(got, AssociateAC)
            secondary = b"second" if kind == 2 else None
            self.assertEqual(asked, [(kind, b"primary", secondary)])
            response = UserIdentityAC(b"" if kind in (1, 2) else b"reply")
            self.assertEqual(
                the(UserIdentityAC, got.user_information), response if positive else None, kind
            )

    def test_refused(self) -> None:
        """An identity that is not accepted is rejected, whether or not a response is asked for."""
        for kind, positive in product(self.TYPES, (False, True)):
            got, _ = self.ask(kind, positive, (False, None))
            self.assertEqual(got, AssociateRJ(1, 2, 1))
            self.assertEqual(self.seen, ["rejected"])

    def test_not_looked_at(self) -> None:
        """An acceptor that does not look at identities accepts all, and confirms none."""
        for kind, positive in product(self.TYPES, (False, True)):
            got, _ = self.ask(kind, positive, None)
            assert isinstance(got, AssociateAC)
            self.assertIsNone(the(UserIdentityAC, got.user_information))

    def test_broken(self) -> None:
        """An identity whose fields do not fit is a violation."""
        for value in (b"", b"\1", b"\1\0\0", b"\1\0\0\5jane", b"\1\0\0\4jane", b"\1\0\0\4jane\0\1"):
            self.setUp()
            user = item(0x50, LENGTH + CLASS_UID + item(0x58, value))
            got = self.tell(self.connect(), request(APPLICATION, CONTEXT, user))
            self.assertEqual(got, [REFUSED], value)


class ExtendedTests(ConformanceTestCase):
    """The window and the extended negotiation items (PS3.7 D.3.3.3, D.3.3.5, D.3.3.6)."""

    def test_window(self) -> None:
        """The window is answered when it was proposed, never above what was, and else not."""
        for proposed, allowed, granted in (
            (None, 16, None),
            ((1, 1), 16, (1, 1)),
            ((5, 3), 16, (5, 1)),
            ((100, 100), 16, (16, 1)),
            ((0, 0), 16, (16, 1)),  # 0 is no limit
            ((65_535, 65_535), 1, (1, 1)),
        ):
            self.setUp()
            self.scp = self.wire.ae("SCP", Limits(max_operations=allowed))
            self.scp.add_supported_context(VERIFICATION)
            items = () if proposed is None else (AsynchronousOperationsWindow(*proposed),)
            ac = self.proposing(user_information=(*RQ.user_information, *items))
            answered = the(AsynchronousOperationsWindow, ac.user_information)
            self.assertEqual(answered and (answered.invoked, answered.performed), granted, proposed)

    def test_sop_class_extended(self) -> None:
        """Extended negotiation is answered for what was proposed, as the handler says."""
        seen: list[Any] = []

        def decide(event: Any) -> dict[str, bytes]:
            seen.append(event.app_info)
            return {CT_IMAGE: b"\0", "1.2.3": b"never proposed"}

        items = (
            SOPClassExtendedNegotiation(CT_IMAGE, b"\1\2"),
            SOPClassExtendedNegotiation(VERIFICATION, b""),
            SOPClassCommonExtendedNegotiation(CT_IMAGE, "1.2.840.10008.4.2"),
        )
        information = (*RQ.user_information, *items)
        (ac,) = self.tell(
            self.connect([(evt.EVT_SOP_EXTENDED, decide)]),
            replace(RQ, user_information=information),
        )
        self.assertEqual(seen, [{CT_IMAGE: b"\1\2", VERIFICATION: b""}])
        self.assertEqual(
            every(SOPClassExtendedNegotiation, ac.user_information),
            [SOPClassExtendedNegotiation(CT_IMAGE, b"\0")],
        )
        # There is no answer to the common one (PS3.7 D.3.3.6).
        self.assertEqual(every(SOPClassCommonExtendedNegotiation, ac.user_information), [])

    def test_not_looked_at(self) -> None:
        """Without a handler none of them is answered (PS3.7 D.3.3.5: that is to refuse it)."""
        items = (
            SOPClassExtendedNegotiation(CT_IMAGE, b"\1\2"),
            SOPClassCommonExtendedNegotiation(CT_IMAGE, "1.2.840.10008.4.2"),
        )
        ac = self.proposing(user_information=(*RQ.user_information, *items))
        self.assertEqual(len(ac.user_information), 3)


class TransferSyntaxTests(ConformanceTestCase):
    """Which transfer syntax is taken (PS3.8 9.3.3.2: one of those proposed)."""

    def test_acceptors_choice(self) -> None:
        """The acceptor's first among the proposed ones is taken, whatever their order."""
        self.scp.supported_contexts = []
        self.scp.add_supported_context(
            VERIFICATION, [EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN]
        )
        for proposed, taken in (
            ((IMPLICIT_VR_LITTLE_ENDIAN,), IMPLICIT_VR_LITTLE_ENDIAN),
            ((IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN), EXPLICIT_VR_LITTLE_ENDIAN),
            ((EXPLICIT_VR_BIG_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN), IMPLICIT_VR_LITTLE_ENDIAN),
            ((IMPLICIT_VR_LITTLE_ENDIAN,) * 2, IMPLICIT_VR_LITTLE_ENDIAN),
        ):
            contexts = (PresentationContextRQ(1, VERIFICATION, proposed),)
            ac = self.proposing(presentation_contexts=contexts)
            self.assertEqual(ac.presentation_contexts, (PresentationContextAC(1, 0, taken),))
