"""Presentation contexts as a program asks for them and is given them (PS3.8 7.1.1.13)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

from txdicom.uids import DEFAULT_TRANSFER_SYNTAXES, VERIFICATION, checked_uid
from txdicom.upperlayer.reasons import ACCEPTANCE
from txdicom.upperlayer.user_information import RoleSelection

#: Context IDs are odd and of one byte, so there are no more than these (PS3.8 9.3.2.2).
MAXIMUM_CONTEXTS = 128

_STATUS = {
    None: "Pending",
    0: "Accepted",
    1: "User Rejected",
    2: "Provider Rejected",
    3: "Abstract Syntax Not Supported",
    4: "Transfer Syntax(es) Not Supported",
}


class PresentationContextTuple(NamedTuple):
    """An accepted presentation context, as event handlers are given it."""

    context_id: int
    abstract_syntax: str
    transfer_syntax: str


@dataclass(frozen=True, slots=True)
class PresentationContext:
    """An abstract syntax and the transfer syntaxes to encode it with.

    :ivar context_id: odd, 1 to 255; None until it is proposed
    :ivar transfer_syntax: those to choose from, or the one that was accepted
    :ivar result: of PS3.8 Table 9-18; None until it is answered
    :ivar scu_role: of a supported context: whether the requestor may have the SCU role; None
        leaves role selection unanswered, so the requestor is SCU and the acceptor SCP
    :ivar scp_role: likewise for the SCP role; both have to be given, or neither
    :ivar as_scu: whether this side may act as SCU; None until it is answered
    :ivar as_scp: whether this side may act as SCP; None until it is answered
    """

    abstract_syntax: str
    transfer_syntax: tuple[str, ...]
    context_id: int | None = None
    result: int | None = None
    scu_role: bool | None = None
    scp_role: bool | None = None
    as_scu: bool | None = None
    as_scp: bool | None = None

    @property
    def status(self) -> str:
        """The result in words."""
        return _STATUS.get(self.result) or f"Undefined Result {self.result}"

    @property
    def accepted(self) -> bool:
        return self.result == ACCEPTANCE

    @property
    def as_tuple(self) -> PresentationContextTuple:
        """Context ID, abstract syntax and accepted transfer syntax."""
        return PresentationContextTuple(
            self.context_id or 0, self.abstract_syntax, self.transfer_syntax[0]
        )


def transfer_syntaxes(given: str | Iterable[str] | None) -> tuple[str, ...]:
    """The transfer syntaxes given to the API, checked; the default ones for None."""
    if given is None:
        return DEFAULT_TRANSFER_SYNTAXES
    syntaxes = tuple(dict.fromkeys(map(checked_uid, [given] if isinstance(given, str) else given)))
    if not syntaxes:
        raise ValueError("a presentation context needs a transfer syntax")
    return syntaxes


def build_context(
    abstract_syntax: str, transfer_syntax: str | Iterable[str] | None = None
) -> PresentationContext:
    """A presentation context, with the default transfer syntaxes unless others are given.

    :raise TypeError: a UID is not a str
    :raise ValueError: a UID is none, or there is no transfer syntax
    """
    return PresentationContext(checked_uid(abstract_syntax), transfer_syntaxes(transfer_syntax))


def build_role(uid: str, scu_role: bool = False, scp_role: bool = False) -> RoleSelection:
    """The item that proposes roles for a SOP class, for ``ext_neg`` (PS3.7 D.3.3.4)."""
    if not (scu_role or scp_role):
        raise ValueError("one of scu_role and scp_role has to be proposed")
    return RoleSelection(checked_uid(uid), int(scu_role), int(scp_role))


def numbered(contexts: Iterable[PresentationContext]) -> tuple[PresentationContext, ...]:
    """The contexts with the IDs 1, 3, 5 ... that they are proposed under.

    :raise TypeError: one is not a PresentationContext
    :raise ValueError: there are more than 128, or none
    """
    contexts = tuple(contexts)
    for context in contexts:
        if not isinstance(context, PresentationContext):
            raise TypeError(f"not a PresentationContext: {context!r}")
    if not contexts:
        raise ValueError("an association needs at least one presentation context")
    if len(contexts) > MAXIMUM_CONTEXTS:
        raise ValueError(f"{len(contexts)} presentation contexts; {MAXIMUM_CONTEXTS} are the limit")
    return tuple(
        replace(context, context_id=2 * index + 1, result=None, as_scu=None, as_scp=None)
        for index, context in enumerate(contexts)
    )


#: What a program proposes or supports for the Verification Service.
VerificationPresentationContexts = [build_context(VERIFICATION)]
