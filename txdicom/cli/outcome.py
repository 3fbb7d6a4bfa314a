"""What came of the verification of one target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from txdicom.cli import exit_codes
from txdicom.cli.target import Target
from txdicom.dimse.status import SUCCESS
from txdicom.errors import AssociationError
from txdicom.negotiation import ServiceUser
from txdicom.presentation import PresentationContext
from txdicom.tls import TLSFacts

if TYPE_CHECKING:  # loaded when a certificate is looked at
    from txdicom.cli.certificate import CertificateProblem

#: The stages that are timed apart, in their order; echo is timed for each echo.
STAGES = ("resolve", "connect", "tls", "associate", "echo", "release")


@dataclass(slots=True)
class Echo:
    """One C-ECHO and its answer.

    :ivar number: counts from 1
    :ivar seconds: from its sending to its answer, or None if there was none
    :ivar status: None if there was no answer
    """

    number: int
    message_id: int
    seconds: float | None = None
    status: int | None = None
    error_comment: str | None = None

    @property
    def verified(self) -> bool:
        return self.status == SUCCESS


class Response(NamedTuple):
    """A response to anything but the requestor's echoes whose status is not success.

    :ivar to: what it answers, in words
    :ivar field: the command field of that
    """

    to: str
    status: int
    error_comment: str | None
    field: int = 0


@dataclass(slots=True)
class Outcome:
    """What came of the verification of one target.

    :ivar seconds: how long each stage took that was completed, but for ``echo``
    :ivar address: the address that answered
    :ivar acceptor: what the peer said of itself
    :ivar context: the presentation context that was used
    :ivar error: why it failed, or None
    :ivar warnings: what went wrong without making the verification fail
    :ivar release_error: why the release failed, or None
    :ivar tls_wanted: whether the connection was to be TLS
    :ivar server_name: the name that the peer's certificate was to have
    :ivar identity_proposed: whether a user identity was proposed
    :ivar window_proposed: whether an asynchronous operations window was proposed
    :ivar certificate: the peer's certificate that was not taken, or None
    :ivar last_response: the command set that came last
    :ivar proposed: each presentation context that was proposed: abstract syntax and transfer
        syntaxes
    :ivar unfinished: what came last of the peer's and was no whole PDU
    :ivar recorded: whether it is not of this run, but was read from a file
    :ivar after: what had been seen when it failed, where that was not a verification
    :ivar nothing_awaited: whether all was answered when it failed, in what was read from a file
    :ivar answer_begun: whether responses of the category pending, or a part of one, had come when
        it failed, in what was read from a file
    :ivar responses: what else than echoes of the requestor's was answered with a status other than
        success
    :ivar tried: what came of the other titles that were tried
    """

    target: Target
    called_ae_title: str
    calling_ae_title: str
    seconds: dict[str, float] = field(default_factory=dict)
    echoes: list[Echo] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    address: str | None = None
    acceptor: ServiceUser | None = None
    context: PresentationContext | None = None
    tls: TLSFacts | None = None
    error: AssociationError | None = None
    warnings: list[str] = field(default_factory=list)
    release_error: AssociationError | None = None
    tls_wanted: bool = False
    server_name: str | None = None
    identity_proposed: bool = False
    window_proposed: bool = False
    certificate: CertificateProblem | None = None
    last_response: Mapping[str, Any] | None = None
    proposed: Sequence[tuple[str, Sequence[str]]] = ()
    unfinished: bytes = b""
    recorded: bool = False
    after: str = ""
    nothing_awaited: bool = False
    answer_begun: bool = False
    responses: list[Response] = field(default_factory=list)
    tried: list[Outcome] = field(default_factory=list)

    @property
    def answered(self) -> list[Echo]:
        """The echoes that were answered, whatever the status."""
        return [echo for echo in self.echoes if echo.status is not None]

    @property
    def exit_code(self) -> int:
        """0 if every echo was answered with success, else what says why not.

        Without an error, an echo that was not answered was interrupted, and does not count.
        """
        if self.error is not None:
            return exit_codes.code_of(self.error)
        if not self.answered:
            return exit_codes.INTERRUPTED
        if not all(echo.verified for echo in self.answered):
            return exit_codes.STATUS
        return exit_codes.VERIFIED
