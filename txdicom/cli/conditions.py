"""What ``--explain`` goes by: a case, and the conditions for one, from what was really seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from txdicom.cli.outcome import Outcome
from txdicom.cli.part import is_part
from txdicom.dimse.command import C_ECHO_RQ, C_GET_RQ, C_MOVE_RQ, RESPONSE
from txdicom.dimse.status import code_to_category
from txdicom.errors import (
    AssociationAborted,
    AssociationError,
    AssociationRejected,
    ConnectionFailed,
    NoAcceptedContext,
    ProtocolViolation,
    TLSFailed,
)
from txdicom.uids import IMPLICIT_VR_LITTLE_ENDIAN, VERIFICATION


class GivenUp(AssociationError):
    """In an exchange that was kept: the requestor ended it, for a reason that is not to be seen."""


class RequestorFault(AssociationError):
    """In an exchange that was kept: the requestor sent what cannot be answered."""


class NotWhole(RequestorFault):
    """In an exchange that was kept: it ended within what the requestor sent."""


class RecordingEnds(AssociationError):
    """In an exchange that was kept: there is nothing more."""


Applies = Callable[[Outcome], bool]


class Case(NamedTuple):
    """A kind of failure.

    :ivar name: its name, for programs
    :ivar means: what it usually means; ``{host}``, ``{called}`` and the like are filled in
    :ivar tries: what to do about it
    """

    name: str
    applies: Applies
    means: str
    tries: tuple[str, ...]


#: The advice where the software is at fault.
REPORT = "Report it to the maker of the peer's software, with {exchange}"

#: The advice where none is better.
ASK = "Ask the peer's administrator, and have its log looked at for this moment."


def failed_with(kind: type[AssociationError], stage: str | None = None, **facts: object) -> Applies:
    """The failure is of this kind, at this stage, with these attributes."""

    def applies(outcome: Outcome) -> bool:
        error = outcome.error
        return (
            isinstance(error, kind)
            and (stage is None or error.stage == stage)
            and all(getattr(error, name) == value for name, value in facts.items())
        )

    return applies


def caused_by(*kinds: type[BaseException]) -> Applies:
    """The connection failed, and the operating system said this."""
    return lambda outcome: (
        isinstance(outcome.error, ConnectionFailed) and isinstance(outcome.error.__cause__, kinds)
    )


def tls_said(*texts: str) -> Applies:
    """TLS failed, and its library's words have one of these in them."""
    return lambda outcome: (
        isinstance(outcome.error, TLSFailed) and any(t in outcome.error.reason for t in texts)
    )


def certificate(*codes: int) -> Applies:
    """The peer's certificate was not taken, for one of these reasons (X509_V_ERR)."""
    return lambda outcome: (
        isinstance(outcome.error, TLSFailed)
        and outcome.certificate is not None
        and (not codes or outcome.certificate.code in codes)
    )


def all_of(*conditions: Applies) -> Applies:
    return lambda outcome: all(condition(outcome) for condition in conditions)


def any_of(*conditions: Applies) -> Applies:
    return lambda outcome: any(condition(outcome) for condition in conditions)


def rejected(source: int, reason: int) -> Applies:
    return failed_with(AssociationRejected, source=source, reason=reason)


def speaks(protocol: str) -> Applies:
    return lambda outcome: (
        isinstance(outcome.error, ProtocolViolation)
        and outcome.error.stage == "associate"  # after that it has spoken DICOM
        and outcome.error.protocol is not None
        and outcome.error.protocol.startswith(protocol)
    )


def changes_protocol(outcome: Outcome) -> bool:
    """What came is of another protocol."""
    return isinstance(outcome.error, ProtocolViolation) and outcome.error.protocol is not None


def refused_for(result: int) -> Applies:
    """No context was accepted, and each for Verification was refused with this result."""

    def applies(outcome: Outcome) -> bool:
        error = outcome.error
        if not isinstance(error, NoAcceptedContext):
            return False
        results = {given for syntax, given in error.results if syntax == VERIFICATION}
        return results == {result}

    return applies


def with_implicit(outcome: Outcome) -> bool:
    """Verification was proposed in the transfer syntax that every node has to take."""
    return any(
        abstract == VERIFICATION and IMPLICIT_VR_LITTLE_ENDIAN in transfer
        for abstract, transfer in outcome.proposed
    )


def part_came(outcome: Outcome) -> bool:
    """What came last is the beginning of a PDU."""
    return is_part(outcome.unfinished)


def scrap_came(outcome: Outcome) -> bool:
    """What came is too little to be told, but no beginning of a PDU."""
    return bool(outcome.unfinished) and not part_came(outcome)


def other_message_id(outcome: Outcome) -> bool:
    """What came last is a C-ECHO-RSP, but to another message than the one that was sent."""
    last = outcome.last_response
    return (
        isinstance(outcome.error, ProtocolViolation)
        and last is not None
        and last.get("CommandField") == C_ECHO_RQ | RESPONSE
        and bool(outcome.echoes)
        and last.get("MessageIDBeingRespondedTo") != outcome.echoes[-1].message_id
    )


def status(*statuses: int) -> Applies:
    return lambda outcome: (
        outcome.error is None
        and any(
            not echo.verified and (not statuses or echo.status in statuses)
            for echo in outcome.answered
        )
    )


def answered(*categories: str) -> Applies:
    """A response to anything but the requestor's echoes is of one of these categories."""
    return lambda outcome: (
        outcome.error is None
        and any(code_to_category(given.status) in categories for given in outcome.responses)
    )


def suboperations_failed(outcome: Outcome) -> bool:
    """A C-GET or C-MOVE ended with sub-operations that failed, or gave a warning."""
    # PS3.4 C.4.2.1.5 and C.4.3.1.4; to other requests the same status says something else
    return outcome.error is None and any(
        given.status == 0xB000 and given.field in (C_GET_RQ, C_MOVE_RQ)
        for given in outcome.responses
    )


def with_identity(outcome: Outcome) -> bool:
    """A user identity was proposed."""
    return outcome.identity_proposed


def with_window(outcome: Outcome) -> bool:
    """An asynchronous operations window was proposed."""
    return outcome.window_proposed


def in_plain_tcp(outcome: Outcome) -> bool:
    """TLS was not asked for."""
    return not outcome.tls_wanted


def release_failed(outcome: Outcome) -> bool:
    """All was well but for the release."""
    return outcome.error is None and outcome.release_error is not None


def answered_in_part(outcome: Outcome) -> bool:
    """Responses of the category pending came, or a part of one."""
    return outcome.answer_begun


def nothing_awaited(outcome: Outcome) -> bool:
    """All that was asked for had been answered when it failed."""
    return outcome.nothing_awaited


lost = failed_with(AssociationAborted, by="connection")
ended = failed_with(AssociationAborted)
associating = failed_with(AssociationAborted, "associate")
lost_at_echo = failed_with(AssociationAborted, "echo", by="connection")
