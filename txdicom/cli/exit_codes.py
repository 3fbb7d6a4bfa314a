"""The exit codes of ``txdicom echo``: one for each stage at which a verification can fail."""

from __future__ import annotations

from txdicom.errors import (
    AssociationAborted,
    AssociationError,
    AssociationRejected,
    AssociationReleased,
    AssociationTimeout,
    ConnectionFailed,
    NameNotResolved,
    NoAcceptedContext,
    ProtocolViolation,
    TLSFailed,
)

VERIFIED = 0
DIFFERS = 1
USAGE = 2
NOT_RESOLVED = 3
NOT_CONNECTED = 4
TLS = 5
REJECTED = 6
ABORTED = 7
NO_CONTEXT = 8
STATUS = 9
TIMEOUT = 10
VIOLATION = 11
SOME_FAILED = 12
#: Interrupted before an answer came; a shell has this for SIGINT.
INTERRUPTED = 130
#: Not of the verification: who reads the output stopped, and a shell has this for SIGPIPE.
NOT_READ = 141

MEANINGS = {
    VERIFIED: "verified: every C-ECHO was answered with status 0x0000",
    DIFFERS: "--diff: verified, but an answer is not what it was",
    USAGE: "wrong arguments, or a file cannot be read or written",
    NOT_RESOLVED: "the host name was not resolved",
    NOT_CONNECTED: "no TCP connection",
    TLS: "TLS failed",
    REJECTED: "the association was rejected",
    ABORTED: "the association was aborted, or the connection closed",
    NO_CONTEXT: "the Verification SOP Class was not accepted",
    STATUS: "a C-ECHO was answered with a status other than 0x0000",
    TIMEOUT: "a time-out; the message names the stage",
    VIOLATION: "not DICOM, or a violation of the protocol",
    SOME_FAILED: "several targets, and some of them failed",
    INTERRUPTED: "interrupted before an echo was answered",
    NOT_READ: "who reads the output stopped, as head does",
}

# The first that fits counts, so the more special ones come first.
_CODES: tuple[tuple[type[AssociationError], int], ...] = (
    (AssociationTimeout, TIMEOUT),
    (NameNotResolved, NOT_RESOLVED),
    (ConnectionFailed, NOT_CONNECTED),
    (TLSFailed, TLS),
    (AssociationRejected, REJECTED),
    (NoAcceptedContext, NO_CONTEXT),
    (ProtocolViolation, VIOLATION),
    (AssociationAborted, ABORTED),
    (AssociationReleased, ABORTED),
)


def code_of(error: AssociationError) -> int:
    """The exit code that says what kind of failure this is."""
    for kind, code in _CODES:
        if isinstance(error, kind):
            return code
    return ABORTED
