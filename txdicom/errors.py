"""What can go wrong with an association, each failure with its facts as attributes.

A Deferred of txdicom fails with one of these, and only when no answer can come: a DIMSE status,
whatever its value, is an answer. ``stage`` says how far the association had come, and ``str()``
of each is a sentence for the person who has to act on it.
"""

from __future__ import annotations

from collections.abc import Sequence

from txdicom.upperlayer import reasons


class AssociationError(Exception):
    """An association that failed.

    :ivar stage: ``resolve``, ``connect``, ``tls``, ``associate``, ``context``, ``echo`` or
        ``release``
    """

    stage = "associate"


class ConnectionFailed(AssociationError):
    """No transport connection came about.

    :ivar address: what was to be reached, as given by the caller
    :ivar reason: why not, in words
    """

    stage = "connect"

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(address, reason)
        self.address = address
        self.reason = reason

    def __str__(self) -> str:
        return f"no connection to {self.address}: {self.reason}"


class NameNotResolved(ConnectionFailed):
    """The host name has no address."""

    stage = "resolve"

    def __str__(self) -> str:
        return f"the host name of {self.address} was not resolved: {self.reason}"


class TLSFailed(AssociationError):
    """The TLS layer gave up: certificate, version or cipher, or the peer does not speak TLS.

    :ivar reason: what the TLS library said
    """

    stage = "tls"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"TLS failed: {self.reason}"


_REJECT_ADVICE = {
    (1, 3): "ask the peer's administrator to add the calling AE title",
    (1, 7): "check the called AE title",
    (3, 1): "try again later",
    (3, 2): "the peer has as many associations as it allows; try again later",
}


class AssociationRejected(AssociationError):
    """The peer answered with A-ASSOCIATE-RJ (PS3.8 9.3.4).

    :ivar result: 1 rejected-permanent, 2 rejected-transient
    :ivar source: 1 service-user, 2 service-provider (ACSE), 3 service-provider (presentation)
    :ivar reason: see :data:`txdicom.upperlayer.reasons.REJECT_REASON`
    """

    def __init__(self, result: int, source: int, reason: int) -> None:
        super().__init__(result, source, reason)
        self.result = result
        self.source = source
        self.reason = reason

    @property
    def transient(self) -> bool:
        """Whether the same request may succeed later."""
        return self.result == reasons.REJECTED_TRANSIENT

    def __str__(self) -> str:
        result, source, reason = reasons.reject_words(self.result, self.source, self.reason)
        advice = _REJECT_ADVICE.get((self.source, self.reason))
        return f"association {result} by the {source}: {reason}" + (
            f" ({advice})" if advice else ""
        )


class AssociationAborted(AssociationError):
    """The association ended by A-ABORT or with its connection.

    :ivar source: 0 service-user, 2 service-provider (PS3.8 Table 9-26)
    :ivar reason: significant when the source is the service-provider
    :ivar by: ``"peer"``, ``"local"``, or ``"connection"`` when it was lost without an A-ABORT
    :ivar detail: more about it, when more is known
    """

    def __init__(self, source: int, reason: int, by: str, detail: str = "") -> None:
        super().__init__(source, reason, by, detail)
        self.source = source
        self.reason = reason
        self.by = by
        self.detail = detail

    def __str__(self) -> str:
        if self.by == "connection":
            what = "the connection was closed without an A-ABORT or A-RELEASE"
        else:
            who = "the peer" if self.by == "peer" else "this side"
            source = reasons.words(reasons.ABORT_SOURCE, self.source)
            what = f"{who} aborted the association, as {source}"
            if self.source == reasons.ABORT_BY_PROVIDER:
                what += f": {reasons.words(reasons.ABORT_REASON, self.reason)}"
        return f"{what} ({self.detail})" if self.detail else what


class AssociationReleased(AssociationError):
    """The association was released before this could be done.

    :ivar by: ``"peer"`` or ``"local"``
    """

    stage = "release"

    def __init__(self, by: str) -> None:
        super().__init__(by)
        self.by = by

    def __str__(self) -> str:
        who = "the peer" if self.by == "peer" else "this side"
        return f"the association was released by {who}"


class NotEstablished(AssociationError, RuntimeError):
    """The local user asked for what the state of the association does not allow.

    :ivar state: the state of PS3.8 Tables 9-1 to 9-5, by number
    """

    def __init__(self, request: str, state: int) -> None:
        super().__init__(request, state)
        self.request = request
        self.state = state

    def __str__(self) -> str:
        return (
            f"{self.request} cannot be sent in Sta{self.state}: the association is not established"
        )


class NoAcceptedContext(AssociationError, ValueError):
    """The peer accepted no presentation context that would serve.

    :ivar abstract_syntax: what was needed, or None when no context at all was accepted
    :ivar results: (abstract syntax, result) of each context that was refused; the results are
        those of PS3.8 Table 9-18
    """

    stage = "context"

    def __init__(
        self, abstract_syntax: str | None, results: Sequence[tuple[str, int]], why: str = ""
    ) -> None:
        super().__init__(abstract_syntax, tuple(results), why)
        self.abstract_syntax = abstract_syntax
        self.results = tuple(results)
        self.why = why

    def __str__(self) -> str:
        which = (
            f"no accepted presentation context for {self.abstract_syntax}"
            if self.abstract_syntax
            else "the peer accepted the association but none of its presentation contexts"
        )
        said = "; ".join(
            f"{syntax}: {reasons.words(reasons.CONTEXT_RESULT, result)}"
            for syntax, result in self.results[:4]
        )
        if len(self.results) > 4:
            said += f"; and {len(self.results) - 4} more"
        return ": ".join(filter(None, [which, self.why, said]))


class AssociationTimeout(AssociationError):
    """A time-out ended the association.

    :ivar timer: which time-out, by the name of its option
    :ivar seconds: how long it was
    """

    def __init__(self, timer: str, seconds: float, waited_for: str) -> None:
        super().__init__(timer, seconds, waited_for)
        self.timer = timer
        self.seconds = seconds
        self.waited_for = waited_for

    def __str__(self) -> str:
        return f"no {self.waited_for} within {self.seconds:g} s ({self.timer})"


class DIMSETimeout(AssociationTimeout):
    """A request was sent, and its response did not come."""

    stage = "echo"


class ProtocolViolation(AssociationError):
    """The peer sent what DICOM does not allow at this point.

    :ivar abort_reason: the reason that A-ABORT gives for it (PS3.8 Table 9-26)
    :ivar seen: the first bytes of it, where they tell something
    :ivar protocol: what the peer speaks, where the bytes are those of HTTP, TLS, HL7, SSH ...
    """

    def __init__(
        self,
        message: str,
        abort_reason: int = reasons.INVALID_PARAMETER_VALUE,
        seen: bytes = b"",
        protocol: str | None = None,
    ) -> None:
        super().__init__(message, abort_reason, seen, protocol)
        self.message = message
        self.abort_reason = abort_reason
        self.seen = seen
        self.protocol = protocol

    def bare(self) -> ProtocolViolation:
        """Itself, without the frames that raised it: they would keep all that was decoded."""
        self.__context__ = None
        return self.with_traceback(None)

    def __str__(self) -> str:
        if self.protocol:
            return f"the peer speaks {self.protocol}, not DICOM ({self.message})"
        return f"the peer violated the protocol: {self.message}"


class ListenFailed(OSError):
    """The server cannot listen there: the port is in use, or not for this user to open."""
