"""Association negotiation: what was proposed, what is supported, and what comes of it.

Pure functions of PDUs and policy (PS3.8 7.1.1 and 9.3, PS3.7 Annex D): nothing is sent here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from txdicom.dimse.message import LEAST_MAXIMUM_LENGTH
from txdicom.errors import AssociationError, NoAcceptedContext, ProtocolViolation
from txdicom.presentation import PresentationContext
from txdicom.titles import significant
from txdicom.uids import (
    APPLICATION_CONTEXT,
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
    IMPLICIT_VR_LITTLE_ENDIAN,
)
from txdicom.upperlayer import reasons
from txdicom.upperlayer.items import PresentationContextAC, PresentationContextRQ
from txdicom.upperlayer.pdu import Associate, AssociateAC, AssociateRJ, AssociateRQ
from txdicom.upperlayer.user_information import (
    AsynchronousOperationsWindow,
    ImplementationClassUID,
    ImplementationVersionName,
    MaximumLength,
    RoleSelection,
    UserInformation,
    every,
    the,
)

#: The longest P-DATA-TF that txdicom announces unless told otherwise, in bytes.
DEFAULT_MAX_LENGTH = 16_382

# A-ASSOCIATE-RJ: result, source, reason of PS3.8 Table 9-21.
APPLICATION_CONTEXT_NOT_SUPPORTED = AssociateRJ(1, 1, 2)
CALLING_AE_TITLE_NOT_RECOGNIZED = AssociateRJ(1, 1, 3)
CALLED_AE_TITLE_NOT_RECOGNIZED = AssociateRJ(1, 1, 7)
IDENTITY_REFUSED = AssociateRJ(1, 2, 1)
TEMPORARY_CONGESTION = AssociateRJ(2, 3, 1)
LOCAL_LIMIT_EXCEEDED = AssociateRJ(2, 3, 2)


@dataclass(frozen=True, slots=True)
class ApplicationEntity:
    """What an AE says of itself in every association."""

    ae_title: str
    implementation_class_uid: str = IMPLEMENTATION_CLASS_UID
    implementation_version_name: str | None = IMPLEMENTATION_VERSION_NAME
    maximum_length: int = DEFAULT_MAX_LENGTH

    def user_information(self) -> tuple[UserInformation, ...]:
        """Maximum length, implementation class UID and version name (PS3.7 D.3.3.1 and D.3.3.2)."""
        name = self.implementation_version_name
        return (
            MaximumLength(self.maximum_length),
            ImplementationClassUID(self.implementation_class_uid),
            *(() if name is None else (ImplementationVersionName(name),)),
        )


@dataclass(frozen=True, slots=True)
class Policy:
    """What an acceptor accepts.

    :ivar contexts: the supported contexts by abstract syntax
    :ivar require_called_aet: refuse a called AE title other than the entity's own
    :ivar require_calling_aet: refuse a calling AE title that is not among these, if there are any
    :ivar maximum_operations: how many operations a requestor may have outstanding, and how many
        this side may then invoke itself; 0 is no limit
    """

    entity: ApplicationEntity
    contexts: Mapping[str, PresentationContext]
    require_called_aet: bool = False
    require_calling_aet: frozenset[str] = field(default_factory=frozenset)
    maximum_operations: tuple[int, int] = (1, 1)


@dataclass(slots=True)
class ServiceUser:
    """What one side of an association said of itself.

    :ivar ae_title: without its padding
    :ivar maximum_length: of the P-DATA-TF that it receives, in bytes; 0 for no limit
    :ivar primitive: the A-ASSOCIATE-RQ or A-ASSOCIATE-AC that it sent, or None before that; an
        acceptor keeps a requestor's only until the handlers of EVT_ESTABLISHED have seen it
    """

    ae_title: str
    maximum_length: int = DEFAULT_MAX_LENGTH
    implementation_class_uid: str | None = None
    implementation_version_name: str | None = None
    primitive: AssociateRQ | AssociateAC | None = None


def propose(
    entity: ApplicationEntity,
    called_ae_title: str,
    contexts: Iterable[PresentationContext],
    extended: Iterable[UserInformation] = (),
) -> AssociateRQ:
    """The A-ASSOCIATE-RQ for these contexts, which have their IDs already."""
    return AssociateRQ(
        called_ae_title,
        entity.ae_title,
        tuple(
            PresentationContextRQ(
                context.context_id or 0, context.abstract_syntax, context.transfer_syntax
            )
            for context in contexts
        ),
        (*entity.user_information(), *extended),
    )


def refusal(request: AssociateRQ, policy: Policy) -> AssociateRJ | None:
    """The A-ASSOCIATE-RJ that the request deserves by its names, or None."""
    if request.application_context_name != APPLICATION_CONTEXT:
        return APPLICATION_CONTEXT_NOT_SUPPORTED
    if policy.require_called_aet and significant(request.called_ae_title) != significant(
        policy.entity.ae_title
    ):
        return CALLED_AE_TITLE_NOT_RECOGNIZED
    if (
        policy.require_calling_aet
        and significant(request.calling_ae_title) not in policy.require_calling_aet
    ):
        return CALLING_AE_TITLE_NOT_RECOGNIZED
    return None


def accept(
    request: AssociateRQ, policy: Policy, extended: Iterable[UserInformation] = ()
) -> tuple[AssociateAC, tuple[PresentationContext, ...]]:
    """The A-ASSOCIATE-AC, and the contexts as the acceptor has them, sorted by ID.

    :param extended: the answers to the extended negotiation items, but for the roles
    """
    roles = _answered_roles(request, policy)
    contexts = sorted(
        (
            _answer(context, policy.contexts.get(context.abstract_syntax), roles)
            for context in request.presentation_contexts
        ),
        key=lambda context: context.context_id or 0,
    )
    return (
        AssociateAC(
            request.called_ae_title,
            request.calling_ae_title,
            tuple(
                PresentationContextAC(
                    context.context_id or 0, context.result or 0, context.transfer_syntax[0]
                )
                for context in contexts
            ),
            (*policy.entity.user_information(), *roles.values(), *extended),
            reserved=request.reserved,
        ),
        tuple(contexts),
    )


def _roles(
    pdu: Associate[PresentationContextRQ] | Associate[PresentationContextAC],
) -> dict[str, RoleSelection]:
    return {role.sop_class_uid: role for role in every(RoleSelection, pdu.user_information)}


def _answered_roles(request: AssociateRQ, policy: Policy) -> dict[str, RoleSelection]:
    """The answers to role selection, for the SOP classes whose roles the policy sets.

    An answer accepts of each role what is both proposed and supported (PS3.7 D.3.3.4.2).
    """
    answers = {}
    for uid, role in _roles(request).items():
        supported = policy.contexts.get(uid)
        if supported and supported.scu_role is not None and supported.scp_role is not None:
            answers[uid] = RoleSelection(
                uid,
                int(role.scu_role and supported.scu_role),
                int(role.scp_role and supported.scp_role),
            )
    return answers


def _answer(
    proposed: PresentationContextRQ,
    supported: PresentationContext | None,
    roles: Mapping[str, RoleSelection],
) -> PresentationContext:
    """One context as the acceptor answers it; its own order of transfer syntaxes decides."""
    if supported is None:
        return _refused(proposed, reasons.ABSTRACT_SYNTAX_NOT_SUPPORTED)
    for syntax in supported.transfer_syntax:
        if syntax in proposed.transfer_syntaxes:
            break
    else:
        return _refused(proposed, reasons.TRANSFER_SYNTAXES_NOT_SUPPORTED)
    role = roles.get(proposed.abstract_syntax)
    # The requestor's SCU is this side's SCP, and the other way round.
    as_scp = bool(role.scu_role) if role else True
    as_scu = bool(role.scp_role) if role else False
    if not (as_scu or as_scp):
        return _refused(proposed, reasons.USER_REJECTION)
    return PresentationContext(
        proposed.abstract_syntax,
        (syntax,),
        proposed.context_id,
        reasons.ACCEPTANCE,
        as_scu=as_scu,
        as_scp=as_scp,
    )


def _refused(proposed: PresentationContextRQ, result: int) -> PresentationContext:
    return PresentationContext(
        proposed.abstract_syntax,
        # A refused context has a transfer syntax too, which says nothing (Table 9-18).
        proposed.transfer_syntaxes[:1] or (IMPLICIT_VR_LITTLE_ENDIAN,),
        proposed.context_id,
        result,
        as_scu=False,
        as_scp=False,
    )


def outcome(
    contexts: Iterable[PresentationContext], request: AssociateRQ, accepted: AssociateAC
) -> tuple[PresentationContext, ...]:
    """The proposed contexts as the requestor has them after the A-ASSOCIATE-AC, in their order.

    A context that the acceptor left out counts as refused, with no reason; one that was never
    proposed, or is accepted with a transfer syntax that was not, is none.
    """
    answers = {context.context_id: context for context in accepted.presentation_contexts}
    proposed_roles, answered_roles = _roles(request), _roles(accepted)
    settled = []
    for context in contexts:
        answer = answers.get(context.context_id or 0)
        result = reasons.NO_REASON if answer is None else answer.result
        syntax = answer.transfer_syntax if answer else None
        if result == reasons.ACCEPTANCE and syntax not in context.transfer_syntax:
            result = reasons.NO_REASON
        if result != reasons.ACCEPTANCE or syntax is None:
            settled.append(replace(context, result=result, as_scu=False, as_scp=False))
            continue
        asked = proposed_roles.get(context.abstract_syntax)
        given = answered_roles.get(context.abstract_syntax)
        # Without an answer to it, a proposal leaves the default: requestor SCU, acceptor SCP.
        as_scu = bool(asked.scu_role and given.scu_role) if asked and given else True
        as_scp = bool(asked.scp_role and given.scp_role) if asked and given else False
        settled.append(
            replace(context, transfer_syntax=(syntax,), result=result, as_scu=as_scu, as_scp=as_scp)
        )
    return tuple(settled)


def _least(asked: int, allowed: int) -> int:
    """The smaller of two limits of which 0 is none."""
    return min(asked, allowed) if asked and allowed else asked or allowed


def answer_window(
    asked: AsynchronousOperationsWindow, invoked: int, performed: int
) -> AsynchronousOperationsWindow:
    """The window that is granted (PS3.7 D.3.3.3): both numbers are the requestor's, none raised."""
    return AsynchronousOperationsWindow(
        _least(asked.invoked, invoked), _least(asked.performed, performed)
    )


def window(request: AssociateRQ, accepted: AssociateAC) -> AsynchronousOperationsWindow:
    """What the requestor may invoke and has to perform at once: 1 and 1 unless both agreed."""
    asked = the(AsynchronousOperationsWindow, request.user_information)
    given = the(AsynchronousOperationsWindow, accepted.user_information)
    if asked is None or given is None:
        return AsynchronousOperationsWindow(1, 1)
    return answer_window(asked, given.invoked, given.performed)


def unusable(
    contexts: Iterable[PresentationContext], maximum_length: int, requestor: bool
) -> AssociationError | None:
    """Why an association that was accepted is of no use to this side, or None.

    An acceptor takes one without any accepted context: the requestor asked for it, and may end it.
    """
    if 0 < maximum_length < LEAST_MAXIMUM_LENGTH:
        return ProtocolViolation(
            f"a maximum length of {maximum_length} bytes leaves no room for a message"
        )
    if requestor and not any(context.accepted for context in contexts):
        return NoAcceptedContext(None, [(c.abstract_syntax, c.result or 0) for c in contexts])
    return None


def service_user(pdu: AssociateRQ | AssociateAC, ae_title: str) -> ServiceUser:
    """What an A-ASSOCIATE-RQ or -AC says of its sender."""
    information = pdu.user_information
    length = the(MaximumLength, information)
    uid = the(ImplementationClassUID, information)
    name = the(ImplementationVersionName, information)
    return ServiceUser(
        significant(ae_title),
        length.maximum_length if length else DEFAULT_MAX_LENGTH,
        uid.uid if uid else None,
        name.name if name else None,
        pdu,
    )
