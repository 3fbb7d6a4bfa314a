"""Association negotiation: proposed and supported in, the answer out."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txdicom import negotiation
from txdicom.errors import ProtocolViolation
from txdicom.negotiation import (
    ApplicationEntity,
    Policy,
    accept,
    answer_window,
    outcome,
    propose,
    refusal,
    service_user,
    window,
)
from txdicom.presentation import PresentationContext, build_context, build_role, numbered
from txdicom.upperlayer import pdu
from txdicom.upperlayer.items import PresentationContextAC
from txdicom.upperlayer.pdu import AssociateAC, AssociateRJ, AssociateRQ
from txdicom.upperlayer.user_information import (
    AsynchronousOperationsWindow,
    ImplementationClassUID,
    ImplementationVersionName,
    MaximumLength,
    RoleSelection,
    SOPClassExtendedNegotiation,
    every,
    the,
)

VERIFICATION, STORAGE, UNKNOWN = "1.2.840.10008.1.1", "1.2.840.10008.5.1.4.1.1.2", "1.2.3"
IMPLICIT, EXPLICIT, BIG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"

SCU = ApplicationEntity("SCU", "1.2.3.1", "SCU_1", 16_384)
SCP = ApplicationEntity("SCP", "1.2.3.2", "SCP_1", 32_768)


def policy(*contexts: PresentationContext, **rest) -> Policy:
    return Policy(SCP, {context.abstract_syntax: context for context in contexts}, **rest)


def request(*contexts: PresentationContext, extended=(), called: str = "SCP") -> AssociateRQ:
    return propose(SCU, called, numbered(contexts), extended)


class Both:
    """Both ends of one negotiation, the PDUs having been over the wire."""

    def __init__(self, proposed, supported, roles=()) -> None:
        self.proposed = numbered(proposed)
        sent = propose(SCU, "SCP", self.proposed, roles)
        self.request = pdu.decode(sent.encode())
        answer, self.acceptor = accept(self.request, policy(*supported))
        self.answer = pdu.decode(answer.encode())
        self.requestor = outcome(self.proposed, self.request, self.answer)

    def results(self) -> list[int | None]:
        return [context.result for context in self.requestor]


class ProposeTests(SynchronousTestCase):
    """What a requestor says."""

    def test_request(self) -> None:
        """The request has titles, contexts, and what the AE says of itself."""
        role = build_role(VERIFICATION, scp_role=True)
        self.assertEqual(
            request(build_context(VERIFICATION, [EXPLICIT, IMPLICIT]), extended=[role]),
            AssociateRQ(
                "SCP",
                "SCU",
                (negotiation.PresentationContextRQ(1, VERIFICATION, (EXPLICIT, IMPLICIT)),),
                (
                    MaximumLength(16_384),
                    ImplementationClassUID("1.2.3.1"),
                    ImplementationVersionName("SCU_1"),
                    RoleSelection(VERIFICATION, 0, 1),
                ),
            ),
        )

    def test_no_version_name(self) -> None:
        """The version name is optional, and left out when there is none."""
        entity = replace(SCU, implementation_version_name=None)
        items = propose(entity, "SCP", numbered([build_context("1.2")])).user_information
        self.assertIsNone(the(ImplementationVersionName, items))
        self.assertEqual(len(items), 2)


class RefusalTests(SynchronousTestCase):
    """A-ASSOCIATE-RJ: result, source and reason of Table 9-21."""

    asked = request(build_context(VERIFICATION))

    def test_accepted(self) -> None:
        """By default any titles will do."""
        for called, calling in (("SCP", "SCU"), ("OTHER", "SOMEONE"), ("", "")):
            asked = replace(self.asked, called_ae_title=called, calling_ae_title=calling)
            self.assertIsNone(refusal(asked, policy()))

    def test_application_context(self) -> None:
        """Another application context, or none, is refused: 1, 1, 2."""
        for name in ("1.2.840.10008.3.1.1.2", ""):
            asked = replace(self.asked, application_context_name=name)
            self.assertEqual(refusal(asked, policy()), AssociateRJ(1, 1, 2))

    def test_called(self) -> None:
        """Where it is required, a called title other than the own is refused: 1, 1, 7."""
        strict = policy(require_called_aet=True)
        for good in ("SCP", "  SCP", "SCP\0\0\0", "SCP "):
            self.assertIsNone(refusal(replace(self.asked, called_ae_title=good), strict), good)
        for bad in ("", "scp", "SCP1", "SC", "S CP"):
            asked = replace(self.asked, called_ae_title=bad)
            self.assertEqual(refusal(asked, strict), AssociateRJ(1, 1, 7), bad)

    def test_called_over_the_wire(self) -> None:
        """Titles padded with spaces or NUL to 16 bytes are compared without the padding."""
        strict = policy(require_called_aet=True)
        data = self.asked.encode()
        for padded in (
            b"SCP".ljust(16),
            b"SCP".ljust(16, b"\0"),
            b"SCP".rjust(16),
            b"SCP \0".ljust(16),
        ):
            asked = pdu.decode(data[:10] + padded + data[26:])
            self.assertIsNone(refusal(asked, strict), padded)

    def test_own_title_padded(self) -> None:
        """The own title may have spaces around it, as they do not count."""
        strict = Policy(replace(SCP, ae_title=" SCP "), {}, require_called_aet=True)
        self.assertIsNone(refusal(self.asked, strict))

    def test_calling(self) -> None:
        """Where some are required, any other calling title is refused: 1, 1, 3."""
        strict = policy(require_calling_aet=frozenset(("SCU", "MODALITY")))
        for good in ("SCU", "MODALITY", " SCU", "SCU\0"):
            self.assertIsNone(refusal(replace(self.asked, calling_ae_title=good), strict), good)
        for bad in ("", "scu", "SCU2"):
            asked = replace(self.asked, calling_ae_title=bad)
            self.assertEqual(refusal(asked, strict), AssociateRJ(1, 1, 3), bad)

    def test_order(self) -> None:
        """The application context comes first, then the called, then the calling title."""
        strict = policy(require_called_aet=True, require_calling_aet=frozenset(("X",)))
        asked = replace(self.asked, called_ae_title="NO", application_context_name="1.2")
        self.assertEqual(refusal(asked, strict), AssociateRJ(1, 1, 2))
        asked = replace(self.asked, called_ae_title="NO")
        self.assertEqual(refusal(asked, strict), AssociateRJ(1, 1, 7))

    def test_triples(self) -> None:
        """The refusals that the server decides on itself have the numbers of Table 9-21."""
        self.assertEqual(negotiation.IDENTITY_REFUSED, AssociateRJ(1, 2, 1))
        self.assertEqual(negotiation.TEMPORARY_CONGESTION, AssociateRJ(2, 3, 1))
        self.assertEqual(negotiation.LOCAL_LIMIT_EXCEEDED, AssociateRJ(2, 3, 2))


class ResultTests(SynchronousTestCase):
    """The result of each context (Table 9-18), as both sides see it."""

    def test_accepted(self) -> None:
        """0: what both know is accepted, with one transfer syntax, on both sides alike."""
        both = Both([build_context(VERIFICATION)], [build_context(VERIFICATION, IMPLICIT)])
        self.assertEqual(both.results(), [0])
        for (context,) in (both.requestor, both.acceptor):
            self.assertEqual(context.transfer_syntax, (IMPLICIT,))
            self.assertTrue(context.accepted)

    def test_acceptors_order_wins(self) -> None:
        """Of the common transfer syntaxes the acceptor's first is taken, however asked."""
        for proposed in ([IMPLICIT, EXPLICIT, BIG], [BIG, EXPLICIT, IMPLICIT]):
            for supported, taken in (
                ([EXPLICIT, IMPLICIT], EXPLICIT),
                ([IMPLICIT, EXPLICIT], IMPLICIT),
                (["1.2.99", BIG, IMPLICIT], BIG),
            ):
                both = Both(
                    [build_context(VERIFICATION, proposed)],
                    [build_context(VERIFICATION, supported)],
                )
                self.assertEqual(both.requestor[0].transfer_syntax, (taken,))

    def test_abstract_syntax(self) -> None:
        """3: an abstract syntax that is not supported is refused, and the rest is not."""
        both = Both(
            [build_context(UNKNOWN), build_context(VERIFICATION)], [build_context(VERIFICATION)]
        )
        self.assertEqual(both.results(), [3, 0])

    def test_transfer_syntaxes(self) -> None:
        """4: no transfer syntax in common."""
        both = Both([build_context(VERIFICATION, EXPLICIT)], [build_context(VERIFICATION, BIG)])
        self.assertEqual(both.results(), [4])

    def test_user_rejection(self) -> None:
        """1: no role is left to the requestor."""
        both = Both(
            [build_context(STORAGE)],
            [replace(build_context(STORAGE), scu_role=True, scp_role=False)],
            [build_role(STORAGE, scp_role=True)],
        )
        self.assertEqual(both.results(), [1])

    def test_left_out(self) -> None:
        """2: a context that the acceptor does not answer counts as refused, without a reason."""
        both = Both([build_context(VERIFICATION)] * 2, [build_context(VERIFICATION)])
        answer = replace(both.answer, presentation_contexts=both.answer.presentation_contexts[1:])
        settled = outcome(both.proposed, both.request, answer)
        self.assertEqual([context.result for context in settled], [2, 0])
        self.assertEqual((settled[0].as_scu, settled[0].as_scp), (False, False))

    def test_never_proposed(self) -> None:
        """An answer to a context that was never proposed makes no context."""
        both = Both([build_context(VERIFICATION)], [build_context(VERIFICATION)])
        for stranger in (2, 5, 255):
            more = PresentationContextAC(stranger, 0, IMPLICIT)
            answer = replace(
                both.answer, presentation_contexts=(*both.answer.presentation_contexts, more)
            )
            self.assertEqual(outcome(both.proposed, both.request, answer), both.requestor)

    def test_transfer_syntax_never_proposed(self) -> None:
        """Accepted with a transfer syntax that was not proposed is not accepted."""
        both = Both([build_context(VERIFICATION, IMPLICIT)], [build_context(VERIFICATION)])
        for syntax in (EXPLICIT, "", None):
            answer = replace(
                both.answer, presentation_contexts=(PresentationContextAC(1, 0, syntax),)
            )
            (context,) = outcome(both.proposed, both.request, answer)
            self.assertEqual(context.result, 2)
            self.assertEqual(context.transfer_syntax, (IMPLICIT,))

    def test_refused_have_a_syntax(self) -> None:
        """A refused context has a transfer syntax in the answer, for peers that insist on one."""
        both = Both([build_context(UNKNOWN, [BIG, IMPLICIT])], [build_context(VERIFICATION)])
        self.assertEqual(both.answer.presentation_contexts, (PresentationContextAC(1, 3, BIG),))
        without = replace(
            both.request,
            presentation_contexts=(
                replace(both.request.presentation_contexts[0], transfer_syntaxes=()),
            ),
        )
        (context,) = accept(without, policy())[0].presentation_contexts
        self.assertEqual(context, PresentationContextAC(1, 3, IMPLICIT))

    def test_same_abstract_syntax_twice(self) -> None:
        """One abstract syntax may be proposed in several contexts, each answered for itself."""
        both = Both(
            [build_context(VERIFICATION, it) for it in (IMPLICIT, BIG, EXPLICIT)],
            [build_context(VERIFICATION, [EXPLICIT, IMPLICIT])],
        )
        self.assertEqual(both.results(), [0, 4, 0])
        self.assertEqual(
            [context.transfer_syntax[0] for context in both.requestor], [IMPLICIT, BIG, EXPLICIT]
        )

    def test_sorted(self) -> None:
        """The answers come sorted by context ID, however the request has them."""
        asked = request(*[build_context(VERIFICATION)] * 3)
        turned = replace(asked, presentation_contexts=asked.presentation_contexts[::-1])
        answer, contexts = accept(turned, policy(build_context(VERIFICATION)))
        self.assertEqual([it.context_id for it in answer.presentation_contexts], [1, 3, 5])
        self.assertEqual([it.context_id for it in contexts], [1, 3, 5])

    def test_odd_and_once(self) -> None:
        """Even and duplicate context IDs never come so far: reading the request refuses them."""
        (proposed,) = request(build_context(VERIFICATION)).presentation_contexts
        asked = request(build_context(VERIFICATION))
        for contexts in ((replace(proposed, context_id=2),), (proposed, proposed)):
            data = replace(asked, presentation_contexts=contexts).encode()
            self.assertRaises(ProtocolViolation, pdu.decode, data)

    def test_answer(self) -> None:
        """The answer repeats titles and reserved bytes, and says what the acceptor is."""
        asked = replace(request(build_context(VERIFICATION)), reserved=bytes(range(32)))
        asked = replace(asked, called_ae_title=" ANY\0", calling_ae_title="SCU\0")
        answer, _ = accept(asked, policy(), [SOPClassExtendedNegotiation(STORAGE, b"\1")])
        self.assertEqual(
            (answer.called_ae_title, answer.calling_ae_title, answer.reserved),
            (" ANY\0", "SCU\0", bytes(range(32))),
        )
        self.assertEqual(
            answer.user_information,
            (
                MaximumLength(32_768),
                ImplementationClassUID("1.2.3.2"),
                ImplementationVersionName("SCP_1"),
                SOPClassExtendedNegotiation(STORAGE, b"\1"),
            ),
        )

    @given(st.data())
    def test_both_sides_agree(self, data) -> None:
        """Whatever is proposed and supported, both sides come to the same contexts."""
        syntaxes = st.lists(st.sampled_from((IMPLICIT, EXPLICIT, BIG)), min_size=1, max_size=3)
        contexts = st.lists(
            st.builds(build_context, st.sampled_from((VERIFICATION, STORAGE, UNKNOWN)), syntaxes),
            min_size=1,
            max_size=5,
        )
        roles = st.sampled_from((None, False, True))
        supported = []
        for context in data.draw(contexts):
            scu, scp = data.draw(roles), data.draw(roles)
            supported.append(replace(context, scu_role=scu, scp_role=scp))
        asked = data.draw(
            st.lists(
                st.builds(
                    RoleSelection,
                    st.sampled_from((VERIFICATION, STORAGE)),
                    *[st.integers(0, 1)] * 2,
                ),
                max_size=2,
                unique_by=lambda role: role.sop_class_uid,
            )
        )
        both = Both(data.draw(contexts), supported, asked)
        self.assertEqual(len(both.requestor), len(both.acceptor))
        for ours, theirs in zip(both.requestor, both.acceptor, strict=True):
            self.assertEqual(ours.result, theirs.result)
            self.assertEqual((ours.as_scu, ours.as_scp), (theirs.as_scp, theirs.as_scu))
            self.assertEqual(ours.accepted, ours.as_scu or ours.as_scp)
            if ours.accepted:
                self.assertEqual(ours.transfer_syntax, theirs.transfer_syntax)
                self.assertEqual(len(ours.transfer_syntax), 1)


class RoleTests(SynchronousTestCase):
    """SCP/SCU role selection (PS3.7 D.3.3.4)."""

    def roles(self, asked, supported) -> tuple[bool | None, bool | None]:
        scu, scp = supported
        both = Both(
            [build_context(STORAGE)],
            [replace(build_context(STORAGE), scu_role=scu, scp_role=scp)],
            [] if asked is None else [RoleSelection(STORAGE, *asked)],
        )
        (ours,), (theirs,) = both.requestor, both.acceptor
        self.assertEqual((ours.as_scu, ours.as_scp), (theirs.as_scp, theirs.as_scu))
        return ours.as_scu, ours.as_scp

    def test_table(self) -> None:
        """The requestor has of each role what it proposed and the acceptor supports."""
        default = (True, False)
        for asked, supported, given_roles in (
            (None, (None, None), default),
            (None, (True, True), default),
            ((1, 1), (None, None), default),  # not answered, so the default stands
            ((0, 1), (None, None), default),
            ((0, 1), (True, None), default),  # half a policy is none
            ((1, 1), (True, True), (True, True)),
            ((1, 1), (True, False), (True, False)),
            ((1, 1), (False, True), (False, True)),
            ((0, 1), (True, True), (False, True)),
            ((1, 0), (True, True), (True, False)),
            ((1, 0), (False, True), (False, False)),
            ((1, 1), (False, False), (False, False)),
        ):
            self.assertEqual(self.roles(asked, supported), given_roles, (asked, supported))

    def test_answered(self) -> None:
        """Only roles that were proposed and have a policy are answered, and none is raised."""
        supported = replace(build_context(STORAGE), scu_role=True, scp_role=True)
        asked = request(
            build_context(STORAGE),
            extended=[RoleSelection(STORAGE, 0, 1), RoleSelection(UNKNOWN, 1, 1)],
        )
        answer, _ = accept(asked, policy(supported, build_context(VERIFICATION)))
        self.assertEqual(
            every(RoleSelection, answer.user_information), [RoleSelection(STORAGE, 0, 1)]
        )
        answer, _ = accept(request(build_context(STORAGE)), policy(supported))
        self.assertEqual(every(RoleSelection, answer.user_information), [])

    def test_more_than_asked(self) -> None:
        """An acceptor that gives a role which was not proposed gives nothing."""
        both = Both([build_context(STORAGE)], [build_context(STORAGE)])
        answer = replace(
            both.answer,
            user_information=(*both.answer.user_information, RoleSelection(STORAGE, 1, 1)),
        )
        (context,) = outcome(both.proposed, both.request, answer)
        self.assertEqual((context.as_scu, context.as_scp), (True, False))


class WindowTests(SynchronousTestCase):
    """The asynchronous operations window (PS3.7 D.3.3.3)."""

    Window = AsynchronousOperationsWindow

    def test_granted(self) -> None:
        """Each number is granted as far as asked and allowed, 0 being no limit."""
        for asked, allowed, granted in (
            ((5, 3), (2, 2), (2, 2)),
            ((5, 3), (9, 9), (5, 3)),
            ((0, 0), (4, 1), (4, 1)),
            ((5, 3), (0, 0), (5, 3)),
            ((0, 1), (0, 1), (0, 1)),
        ):
            self.assertEqual(answer_window(self.Window(*asked), *allowed), self.Window(*granted))

    def agreed(self, asked, given_window) -> AsynchronousOperationsWindow:
        def items(numbers):
            return () if numbers is None else (self.Window(*numbers),)

        return window(
            AssociateRQ("A", "B", (), items(asked)), AssociateAC("A", "B", (), items(given_window))
        )

    def test_agreed(self) -> None:
        """Without both items one operation at a time; with both, never more than was asked."""
        self.assertEqual(self.agreed(None, None), self.Window(1, 1))
        self.assertEqual(self.agreed((5, 5), None), self.Window(1, 1))
        self.assertEqual(self.agreed(None, (5, 5)), self.Window(1, 1))
        self.assertEqual(self.agreed((5, 5), (3, 1)), self.Window(3, 1))
        self.assertEqual(self.agreed((5, 5), (9, 0)), self.Window(5, 5))
        self.assertEqual(self.agreed((0, 0), (0, 0)), self.Window(0, 0))


class ServiceUserTests(SynchronousTestCase):
    """What a side says of itself."""

    def test_all(self) -> None:
        """Title without padding, maximum length, implementation: as the request has them."""
        asked = replace(request(build_context(VERIFICATION)), calling_ae_title=" SCU\0")
        user = service_user(asked, asked.calling_ae_title)
        self.assertEqual(
            (user.ae_title, user.maximum_length, user.primitive), ("SCU", 16_384, asked)
        )
        self.assertEqual(
            (user.implementation_class_uid, user.implementation_version_name), ("1.2.3.1", "SCU_1")
        )

    def test_nothing(self) -> None:
        """A peer that says nothing of itself is understood to take PDUs of the default length."""
        user = service_user(AssociateRQ("A", "B"), "B")
        self.assertEqual(user.maximum_length, negotiation.DEFAULT_MAX_LENGTH)
        self.assertIsNone(user.implementation_class_uid)
        self.assertIsNone(user.implementation_version_name)
