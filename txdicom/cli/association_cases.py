"""Failures of association and echo, for ``--explain``: the first row that applies counts."""

from __future__ import annotations

from txdicom.cli.conditions import (
    ASK,
    REPORT,
    Case,
    GivenUp,
    NotWhole,
    RecordingEnds,
    RequestorFault,
    all_of,
    answered,
    answered_in_part,
    any_of,
    associating,
    changes_protocol,
    ended,
    failed_with,
    in_plain_tcp,
    lost,
    lost_at_echo,
    nothing_awaited,
    other_message_id,
    part_came,
    refused_for,
    rejected,
    release_failed,
    scrap_came,
    status,
    suboperations_failed,
    with_identity,
    with_implicit,
    with_window,
)
from txdicom.dimse.status import STATUS_CANCEL, STATUS_FAILURE, STATUS_UNKNOWN, STATUS_WARNING
from txdicom.errors import (
    AssociationError,
    AssociationRejected,
    AssociationReleased,
    AssociationTimeout,
    NoAcceptedContext,
    ProtocolViolation,
)
from txdicom.upperlayer import reasons

ASSOCIATION_CASES = (
    # associate: rejected
    Case(
        "called-title",
        rejected(reasons.BY_USER, 7),
        "The peer does not answer to the title {called}. Most peers tell capitals from small"
        " letters.",
        (
            "Say the peer's own title: TITLE@{host}, or -aec TITLE.",
            "Let some be tried: --try-titles A,B,C",
        ),
    ),
    Case(
        "calling-title",
        rejected(reasons.BY_USER, 3),
        "The peer does not know the title {calling}, or not from {here}'s address.",
        (
            "Have {calling}, with the address of {here}, added to the peer's list of nodes.",
            "Say a title that it knows: -aet TITLE",
            "Let some be tried: --try-titles A,B,C",
        ),
    ),
    Case(
        "application-context",
        rejected(reasons.BY_USER, 2),
        "The peer does not take DICOM's one application context, so it may be no DICOM server.",
        (ASK,),
    ),
    Case(
        "congestion",
        failed_with(AssociationRejected, result=reasons.REJECTED_TRANSIENT),
        "The peer refuses for now: usually it has as many associations as it allows, is starting,"
        " or is out of resources.",
        (
            "Try again in a minute.",
            "If it lasts: look at the peer for associations that nobody closes.",
        ),
    ),
    Case(
        "rejected-without-reason",
        any_of(rejected(reasons.BY_USER, 1), rejected(reasons.BY_PROVIDER_ACSE, 1)),
        "The peer gives no reason. Many do so for a calling or called title, or an address, that"
        " they do not know.",
        ("Check both titles with the peer's administrator: {calling} calls {called}.", ASK),
    ),
    Case("rejected", failed_with(AssociationRejected), "The peer refuses the association.", (ASK,)),
    # context
    Case(
        "verification-not-supported",
        refused_for(reasons.ABSTRACT_SYNTAX_NOT_SUPPORTED),
        "The association itself is fine: host, port and titles are right. The peer does not offer"
        " the Verification Service to {calling}.",
        (
            "Have Verification (1.2.840.10008.1.1) enabled in the peer, for {calling}.",
            "Other services may work all the same: test the one that you need.",
        ),
    ),
    Case(
        "transfer-syntaxes",
        all_of(refused_for(reasons.TRANSFER_SYNTAXES_NOT_SUPPORTED), with_implicit),
        "The association itself is fine, but none of the transfer syntaxes that were proposed is"
        " taken. Implicit VR Little Endian, which every node has to take, was among them.",
        (ASK,),
    ),
    Case(
        "only-other-transfer-syntaxes",
        refused_for(reasons.TRANSFER_SYNTAXES_NOT_SUPPORTED),
        "The association itself is fine, but none of the transfer syntaxes that were proposed is"
        " taken. Implicit VR Little Endian, which every node has to take, was not among them.",
        ("Have it proposed, too: 1.2.840.10008.1.2",),
    ),
    Case(
        "no-context",
        failed_with(NoAcceptedContext),
        "The association itself is fine: host, port and titles are right. But nothing can be sent"
        " on it.",
        (ASK,),
    ),
    # a part of an answer, at any stage
    Case(
        "closed-in-answer",
        all_of(lost, part_came),
        "The peer began to answer, and the connection was closed before that was whole: usually"
        " the program there crashed, or something between the two closed it.",
        ("Try again.", ASK),
    ),
    Case(
        "timeout-in-answer",
        all_of(failed_with(AssociationTimeout), part_came),
        "The peer began to answer, and the rest did not come in time: usually it hangs or is"
        " overloaded, or something between the two holds its packets back.",
        ("Try again with more time: --timeout 60", ASK),
    ),
    Case(
        "no-pdu",
        all_of(scrap_came, any_of(lost, failed_with(AssociationTimeout))),
        "What the peer sent is the beginning of no PDU: usually another service than DICOM listens"
        " on that port.",
        ("Check the port: {port}. Does something else listen there?", ASK),
    ),
    # nothing was to be answered
    Case(
        "aborted-idle",
        all_of(ended, nothing_awaited),
        "The peer ended the association, though nothing that was asked of it here was left"
        " unanswered.",
        (ASK,),
    ),
    Case(
        "answered-in-part",
        all_of(ended, answered_in_part),
        "The peer had begun to answer, and the association ended before that was done.",
        ("Try again.", ASK),
    ),
    # associate: no proper answer
    Case(
        "identity-or-window",
        all_of(associating, with_identity, with_window),
        "A user identity and an asynchronous operations window were proposed, and some peers end"
        " the connection because of either; that this is why, the peer did not say.",
        ("Try without --window.", "Try without --user."),
    ),
    Case(
        "identity",
        all_of(associating, with_identity),
        "A user identity was proposed, and some peers end the connection because of one; that this"
        " is why, the peer did not say.",
        ("Try without --user.", "Check name and passcode with the peer's administrator."),
    ),
    Case(
        "window",
        # Some accept it, and close at the echo.
        all_of(any_of(associating, lost_at_echo), with_window),
        "An asynchronous operations window was proposed, and some peers end the connection because"
        " of one; that this is why, the peer did not say.",
        ("Try without --window.",),
    ),
    Case(
        "closed",
        all_of(lost, associating, in_plain_tcp),
        "The peer took the connection and closed it without an answer. Usually it does not know"
        " {here}'s address or one of the titles, expects TLS, or is no DICOM server.",
        (
            "Check that the peer knows {calling} and {here}'s address.",
            "Try with --tls.",
            ASK,
        ),
    ),
    Case(
        "closed",
        all_of(lost, associating),
        "The peer closed the connection without an answer. Usually it does not know {here}'s"
        " address or one of the titles, wants a certificate, or is no DICOM server.",
        ("Check that the peer knows {calling} and {here}'s address.", ASK),
    ),
    Case(
        "aborted",
        associating,
        "The peer does not want this association, or did not understand the request.",
        ("Check the titles: {calling} calls {called}.", ASK),
    ),
    Case(
        "associate-timeout",
        all_of(failed_with(AssociationTimeout, "associate"), in_plain_tcp),
        "The connection is there, but no whole answer to the association request. Usually the peer"
        " hangs or is overloaded, expects TLS, or is no DICOM server.",
        (
            "Try again with more time: --timeout 60",
            "Try with --tls.",
            "Check the port: {port}. Does something else listen there?",
            ASK,
        ),
    ),
    Case(
        "associate-timeout",
        failed_with(AssociationTimeout, "associate"),
        "The connection is there, but no whole answer to the association request. Usually the peer"
        " hangs or is overloaded, or is no DICOM server.",
        (
            "Try again with more time: --timeout 60",
            "Check the port: {port}. Does something else listen there?",
            ASK,
        ),
    ),
    # in exchanges of other programs, where no echo is awaited
    Case(
        "request-timeout",
        failed_with(AssociationTimeout, "exchange"),
        "The association was accepted, but no whole answer to the request came: usually the peer"
        " hangs, or is overloaded.",
        (ASK,),
    ),
    # echo
    Case(
        "other-message-id",
        other_message_id,
        "The peer answered another message than the one that was sent: a fault of its software.",
        (REPORT,),
    ),
    Case(
        "echo-lost",
        all_of(lost, ended),
        "The association was accepted, and then the connection went without a word: usually the"
        " program there, or the part of it for this association, crashed.",
        ("Try again.", ASK),
    ),
    Case(
        "echo-aborted",
        ended,
        "The association was accepted, but the peer ended it instead of answering.",
        ("Try again.", ASK),
    ),
    Case(
        "echo-released",
        failed_with(AssociationReleased),
        "The peer released the association before it answered, which is not for it to do.",
        (REPORT,),
    ),
    Case(
        "echo-timeout",
        failed_with(AssociationTimeout, "echo"),
        "The association was accepted, but no whole answer to the echo came: usually the peer"
        " hangs, or is overloaded.",
        ("Try again with more time: --timeout 60", ASK),
    ),
    Case(
        "changes-protocol",
        changes_protocol,
        "The peer accepted an association, and then sent what is no DICOM: a fault of its software,"
        " or something between the two answered in its place.",
        (REPORT,),
    ),
    Case(
        "violation",
        failed_with(ProtocolViolation),
        "The peer sent what the DICOM standard does not allow here: a fault of its software, or it"
        " speaks something else.",
        (REPORT,),
    ),
    # in exchanges that were kept
    Case(
        "given-up",
        failed_with(GivenUp),
        "The requestor ended it: because of a time-out of its own, because it was stopped, or for"
        " something else that is not to be seen here.",
        ("Have the log of the requestor looked at for this moment.", ASK),
    ),
    Case(
        "requestor-fault",
        failed_with(NotWhole),
        "The peer had nothing whole that it could answer: the rest of it was not sent, or did not"
        " get through, or the peer ended it before that.",
        ("Have the logs of both looked at for this moment.",),
    ),
    Case(
        "requestor-fault",
        failed_with(RequestorFault),
        "The peer has nothing there that it could answer: look at the requestor, or at what is"
        " between the two.",
        ("Have the log of the requestor looked at for this moment.",),
    ),
    Case(
        "recording-ends",
        failed_with(RecordingEnds),
        "Either nothing more came, or the recording was ended here.",
        ("Record it to its end.", ASK),
    ),
    Case(
        "failed", failed_with(AssociationError), "The verification failed, as said above.", (ASK,)
    ),
    # a status, or only the release
    Case(
        "status-not-supported",
        status(0x0122, 0x0211),
        "The peer accepted Verification and then says that it does not do it.",
        ("Have Verification (1.2.840.10008.1.1) enabled in the peer.",),
    ),
    Case(
        "status-not-authorized",
        status(0x0124),
        "The peer does not allow {calling} to do this.",
        ("Have {calling} allowed to use Verification there.",),
    ),
    Case(
        "status",
        status(),
        "The peer speaks DICOM, and itself says that something is wrong with it.",
        (ASK,),
    ),
    Case(
        "response-failure",
        answered(STATUS_FAILURE),
        "The two speak DICOM; the one that answered says that it did not do what it was asked for.",
        (ASK,),
    ),
    Case(
        "response-unknown",
        answered(STATUS_UNKNOWN),
        "The two speak DICOM. What the status means, the standard does not say for all services;"
        " the documentation of the software that gave it may.",
        (ASK,),
    ),
    Case(
        "response-cancel",
        answered(STATUS_CANCEL),
        "The two speak DICOM; an operation was cancelled before its end.",
        (ASK,),
    ),
    Case(
        "response-suboperations",
        suboperations_failed,
        "The two speak DICOM. Of the sub-operations of a C-GET or C-MOVE, in which the objects are"
        " sent one by one, one or more failed or gave a warning.",
        ("Look at the numbers of sub-operations in the response.", ASK),
    ),
    Case(
        "response-warning",
        answered(STATUS_WARNING),
        "The two speak DICOM. What was asked for was done, and something about it was not as it"
        " should be.",
        (ASK,),
    ),
    Case(
        "release",
        release_failed,
        "All that was asked for was answered; only the end of the association was not as it should"
        " be.",
        ("What was answered counts all the same. If it happens often, report it to the maker.",),
    ),
)
