"""The presentation contexts that an application entity requests and supports."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from txdicom.presentation import (
    MAXIMUM_CONTEXTS,
    PresentationContext,
    build_context,
    transfer_syntaxes,
)


def _checked(contexts: Iterable[PresentationContext]) -> list[PresentationContext]:
    checked = list(contexts)
    for context in checked:
        if not isinstance(context, PresentationContext):
            raise TypeError(f"not a PresentationContext: {context!r}")
    return checked


def _without(context: PresentationContext, syntaxes: Iterable[str]) -> list[PresentationContext]:
    """The context less some transfer syntaxes; none if there are none left."""
    left = tuple(syntax for syntax in context.transfer_syntax if syntax not in set(syntaxes))
    return [replace(context, transfer_syntax=left)] if left else []


class Contexts:
    """What an AE keeps of both kinds."""

    def __init__(self) -> None:
        self._requested: list[PresentationContext] = []
        self._supported: dict[str, PresentationContext] = {}

    @property
    def requested_contexts(self) -> list[PresentationContext]:
        """What :meth:`AE.associate` proposes. Setting it replaces what was there.

        :raise ValueError: more than 128
        """
        return list(self._requested)

    @requested_contexts.setter
    def requested_contexts(self, contexts: Iterable[PresentationContext]) -> None:
        checked = _checked(contexts)
        if len(checked) > MAXIMUM_CONTEXTS:
            raise ValueError(
                f"{len(checked)} presentation contexts; {MAXIMUM_CONTEXTS} are the limit"
            )
        self._requested = checked

    def add_requested_context(
        self, abstract_syntax: str, transfer_syntax: str | Iterable[str] | None = None
    ) -> None:
        """Propose one more context; the same abstract syntax may be proposed several times.

        :raise ValueError: it would be the 129th, or a UID is none
        """
        context = build_context(abstract_syntax, transfer_syntax)
        if len(self._requested) >= MAXIMUM_CONTEXTS:
            raise ValueError(f"a presentation context more than the limit of {MAXIMUM_CONTEXTS}")
        self._requested.append(context)

    def remove_requested_context(
        self, abstract_syntax: str, transfer_syntax: str | Iterable[str] | None = None
    ) -> None:
        """Propose no longer: the contexts of an abstract syntax, or some of their syntaxes."""
        removed = None if transfer_syntax is None else transfer_syntaxes(transfer_syntax)
        left: list[PresentationContext] = []
        for context in self._requested:
            if context.abstract_syntax != abstract_syntax:
                left.append(context)
            elif removed is not None:
                left += _without(context, removed)
        self._requested = left

    @property
    def supported_contexts(self) -> list[PresentationContext]:
        """What a server accepts, sorted by abstract syntax. Setting it replaces what was there."""
        return [self._supported[uid] for uid in sorted(self._supported)]

    @supported_contexts.setter
    def supported_contexts(self, contexts: Iterable[PresentationContext]) -> None:
        self._supported = {context.abstract_syntax: context for context in _checked(contexts)}

    def add_supported_context(
        self,
        abstract_syntax: str,
        transfer_syntax: str | Iterable[str] | None = None,
        scu_role: bool | None = None,
        scp_role: bool | None = None,
    ) -> None:
        """Accept an abstract syntax; the order of the transfer syntaxes is that of preference.

        Given again, it adds transfer syntaxes, and roles where they are not None.

        :param scu_role: whether a requestor that proposes the SCU role is given it
        :param scp_role: likewise the SCP role; role selection is answered only with both
        :raise TypeError: a role is not a bool
        """
        for role in (scu_role, scp_role):
            if role is not None and not isinstance(role, bool):
                raise TypeError(f"a role is True, False or None, not {role!r}")
        context = build_context(abstract_syntax, transfer_syntax)
        known = self._supported.get(context.abstract_syntax)
        if known is not None:
            syntaxes = dict.fromkeys((*known.transfer_syntax, *context.transfer_syntax))
            scu_role = known.scu_role if scu_role is None else scu_role
            scp_role = known.scp_role if scp_role is None else scp_role
            context = replace(context, transfer_syntax=tuple(syntaxes))
        self._supported[context.abstract_syntax] = replace(
            context, scu_role=scu_role, scp_role=scp_role
        )

    def remove_supported_context(
        self, abstract_syntax: str, transfer_syntax: str | Iterable[str] | None = None
    ) -> None:
        """Accept no longer: an abstract syntax, or some of its transfer syntaxes."""
        known = self._supported.pop(abstract_syntax, None)
        if known is not None and transfer_syntax is not None:
            for context in _without(known, transfer_syntaxes(transfer_syntax)):
                self._supported[abstract_syntax] = context
