"""What ``--probe`` asks, as a table, and what a peer's behaviour is called in an answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

from txdicom.cli.outcome import Outcome
from txdicom.dimse.status import SUCCESS, status_words
from txdicom.errors import (
    AssociationAborted,
    AssociationError,
    AssociationRejected,
    AssociationReleased,
    AssociationTimeout,
    NoAcceptedContext,
)
from txdicom.uids import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
)
from txdicom.upperlayer import reasons

#: What an answer may be; None is not known.
Value = Union[str, int, bool, None]

#: The longest answer in words, in characters: what a peer says may be as long as it likes.
MAXIMUM_WORDS = 200

#: The transfer syntaxes that are asked for, with the names that people know them by.
TRANSFER_SYNTAXES = {
    IMPLICIT_VR_LITTLE_ENDIAN: "Implicit VR Little Endian",
    EXPLICIT_VR_LITTLE_ENDIAN: "Explicit VR Little Endian",
    EXPLICIT_VR_BIG_ENDIAN: "Explicit VR Big Endian",
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN: "Deflated Explicit VR Little Endian",
    "1.2.840.10008.1.2.4.50": "JPEG Baseline",
    "1.2.840.10008.1.2.4.80": "JPEG-LS Lossless",
    "1.2.840.10008.1.2.4.90": "JPEG 2000 Lossless",
    "1.2.840.10008.1.2.4.201": "HTJ2K Lossless",
    "1.2.840.10008.1.2.5": "RLE Lossless",
}

#: The AE title that no peer is expected to have been told about.
UNKNOWN_TITLE = "TXDICOM-PROBE"

#: The user name where none is given.
UNKNOWN_USER = "txdicom-probe"

#: What is announced as the maximum length, in bytes; 0 is no limit.
MAXIMUM_LENGTHS = (4096, 64, 0)

#: The asynchronous operations windows that are proposed; 0 is no limit.
WINDOWS = ((8, 1), (0, 0))

TLS_VERSIONS = ("TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3")


@dataclass(frozen=True, slots=True)
class Group:
    """Questions that belong together.

    :ivar title: for people
    :ivar questions: the name of each question for programs, and its words for people
    """

    title: str
    questions: dict[str, str]


#: All questions, by the names of their groups. To change a name is to change the schema.
GROUPS = {
    "verification": Group(
        "Verification",
        {
            "association": "association",
            "echo": "C-ECHO",
            "release": "release",
            "implementation_class_uid": "implementation class UID",
            "implementation_version_name": "implementation version name",
            "maximum_length": "maximum length announced",
            "transfer_syntax": "transfer syntax",
        },
    ),
    "transfer_syntaxes": Group(
        "Transfer syntaxes for Verification",
        {
            **TRANSFER_SYNTAXES,
            "chosen": "chosen of these, in this order",
            "chosen_in_reverse": "chosen of these, in reverse",
        },
    ),
    "contexts": Group(
        "Presentation contexts",
        {
            "accepted_of_128": "accepted of 128",
            "most": "most in one request",
            "unknown_sop_class": "of an unknown SOP class",
        },
    ),
    "maximum_lengths": Group(
        "Maximum length announced to the peer",
        {str(it): f"{it} bytes" if it else "no limit" for it in MAXIMUM_LENGTHS},
    ),
    "titles": Group(
        "AE titles",
        {
            "unknown_called": f"called {UNKNOWN_TITLE}",
            "unknown_calling": f"calling {UNKNOWN_TITLE}",
            "called_in_other_case": "called in the other case",
        },
    ),
    "identity": Group(
        "User identity",
        {
            "none": "none",
            "name": "user name",
            "name_with_response": "user name, response wanted",
            "passcode": "user name and passcode",
        },
    ),
    "window": Group(
        "Asynchronous operations window",
        {
            f"{invoked}/{performed}": f"{invoked} invoked, {performed} performed"
            if invoked
            else "no limit"
            for invoked, performed in WINDOWS
        },
    ),
    "roles": Group("Role selection", {"scu_and_scp": "SCU and SCP for Verification"}),
    "tls": Group(
        "TLS",
        {
            **{version: version for version in TLS_VERSIONS},
            "chosen": "chosen for the associations",
            "client_certificate": "client certificate asked for",
            "subject": "certificate",
            "issuer": "issued by",
            "expires": "expires",
            "key": "key",
        },
    ),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, which was seen, or why there is none.

    :ivar value: None where it is not known
    :ivar why: why it is not known
    """

    value: Value
    why: str = ""

    def __post_init__(self) -> None:
        if isinstance(self.value, str):
            object.__setattr__(self, "value", self.value[:MAXIMUM_WORDS])


#: How the reason begins where a question was not asked.
NOT_ASKED = "not asked: "


def not_known(why: object) -> Answer:
    """No answer, and why."""
    return Answer(None, str(why)[:MAXIMUM_WORDS])


#: The answers by group and question.
Answers = dict[str, dict[str, Answer]]


def failure(error: AssociationError) -> Answer:
    """What a failed association says of the peer; its silence says nothing.

    Nothing is in the words that would change from one day to the next, such as a time.
    """
    if isinstance(error, AssociationTimeout):
        return not_known(error)
    if isinstance(error, AssociationRejected):
        result, _, reason = reasons.reject_words(error.result, error.source, error.reason)
        return Answer(f"{result}: {reason} ({error.result},{error.source},{error.reason})")
    if isinstance(error, AssociationAborted) and error.by == "peer":
        return Answer(f"aborted by the {reasons.words(reasons.ABORT_SOURCE, error.source)}")
    if isinstance(error, AssociationAborted):
        return Answer("closed without an A-ABORT")
    if isinstance(error, AssociationReleased):
        return Answer("released by the peer")
    if isinstance(error, NoAcceptedContext):
        return Answer("no presentation context accepted")
    return Answer(str(error))


def association(outcome: Outcome) -> Answer:
    """Whether the association was accepted."""
    if outcome.acceptor is not None:
        return Answer("accepted")
    return not_known("interrupted") if outcome.error is None else failure(outcome.error)


def echo(outcome: Outcome) -> Answer:
    """How the C-ECHO was answered."""
    if outcome.error is not None:
        return failure(outcome.error)
    for it in outcome.answered:
        return Answer(status_words(it.status or 0))
    return not_known("interrupted")


def seen(outcome: Outcome) -> Answer:
    """Whether the association was accepted and its C-ECHO answered with success."""
    accepted, answer = association(outcome), echo(outcome)
    if outcome.acceptor is None:
        return accepted
    if answer.value == status_words(SUCCESS):
        return accepted
    if answer.value is None:
        return Answer("accepted, but the C-ECHO was not answered")
    if outcome.error is None:
        return Answer(f"accepted, but the C-ECHO answered {answer.value}")
    return Answer(f"accepted, but then: {answer.value}")
