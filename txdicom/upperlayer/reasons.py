"""What the numbers in A-ASSOCIATE-RJ, A-ASSOCIATE-AC and A-ABORT mean.

Tables 9-18, 9-21 and 9-26 of PS3.8, in the standard's words.
"""

from __future__ import annotations

from collections.abc import Mapping

# Table 9-21, Result
REJECTED_PERMANENT = 1
REJECTED_TRANSIENT = 2

REJECT_RESULT = {
    REJECTED_PERMANENT: "rejected-permanent",
    REJECTED_TRANSIENT: "rejected-transient",
}

# Table 9-21, Source
BY_USER = 1
BY_PROVIDER_ACSE = 2
BY_PROVIDER_PRESENTATION = 3

REJECT_SOURCE = {
    BY_USER: "DICOM UL service-user",
    BY_PROVIDER_ACSE: "DICOM UL service-provider (ACSE related function)",
    BY_PROVIDER_PRESENTATION: "DICOM UL service-provider (Presentation related function)",
}

# Table 9-21, Reason/Diag., which means another thing for each source
REJECT_REASON = {
    (1, 1): "no-reason-given",
    (1, 2): "application-context-name-not-supported",
    (1, 3): "calling-AE-title-not-recognized",
    (1, 7): "called-AE-title-not-recognized",
    (2, 1): "no-reason-given",
    (2, 2): "protocol-version-not-supported",
    (3, 1): "temporary-congestion",
    (3, 2): "local-limit-exceeded",
}

# Table 9-26, Source
ABORT_BY_USER = 0
ABORT_BY_PROVIDER = 2

ABORT_SOURCE = {
    ABORT_BY_USER: "DICOM UL service-user",
    ABORT_BY_PROVIDER: "DICOM UL service-provider",
}

# Table 9-26, Reason/Diag., significant when the source is the provider
NOT_SPECIFIED = 0
UNRECOGNIZED_PDU = 1
UNEXPECTED_PDU = 2
UNRECOGNIZED_PARAMETER = 4
UNEXPECTED_PARAMETER = 5
INVALID_PARAMETER_VALUE = 6

ABORT_REASON = {
    NOT_SPECIFIED: "reason-not-specified",
    UNRECOGNIZED_PDU: "unrecognized-PDU",
    UNEXPECTED_PDU: "unexpected-PDU",
    UNRECOGNIZED_PARAMETER: "unrecognized-PDU parameter",
    UNEXPECTED_PARAMETER: "unexpected-PDU parameter",
    INVALID_PARAMETER_VALUE: "invalid-PDU-parameter value",
}

# Table 9-18, Result/Reason of one presentation context
ACCEPTANCE = 0
USER_REJECTION = 1
NO_REASON = 2
ABSTRACT_SYNTAX_NOT_SUPPORTED = 3
TRANSFER_SYNTAXES_NOT_SUPPORTED = 4

CONTEXT_RESULT = {
    ACCEPTANCE: "acceptance",
    USER_REJECTION: "user-rejection",
    NO_REASON: "no-reason (provider rejection)",
    ABSTRACT_SYNTAX_NOT_SUPPORTED: "abstract-syntax-not-supported (provider rejection)",
    TRANSFER_SYNTAXES_NOT_SUPPORTED: "transfer-syntaxes-not-supported (provider rejection)",
}


def words(names: Mapping[int, str], value: int) -> str:
    """The standard's words for a value, or that it has none."""
    return names.get(value) or f"undefined value {value}"


def reject_words(result: int, source: int, reason: int) -> tuple[str, str, str]:
    """Result, source and reason of an A-ASSOCIATE-RJ, in words."""
    return (
        words(REJECT_RESULT, result),
        words(REJECT_SOURCE, source),
        REJECT_REASON.get((source, reason)) or f"undefined reason {reason}",
    )
