"""Failures of association and echo, for ``--explain``: the first row that applies counts."""

from __future__ import annotations

from txdicom.cli.conditions import (
    ASK,
    Case,
    all_of,
    any_of,
    associating,
    ended,
    failed_with,
    in_plain_tcp,
    lost,
    other_message_id,
    refused_for,
    rejected,
    release_failed,
    status,
    with_identity,
    with_window,
)
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
        "The peer does not know the title {calling}, or not from this computer's address.",
        (
            "Have {calling}, with the address of this computer, added to the peer's list of nodes.",
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
        refused_for(reasons.TRANSFER_SYNTAXES_NOT_SUPPORTED),
        "The association itself is fine, but none of the transfer syntaxes that were proposed is"
        " taken. Implicit VR Little Endian, which every node has to take, was among them.",
        (ASK,),
    ),
    Case(
        "no-context",
        failed_with(NoAcceptedContext),
        "The association itself is fine: host, port and titles are right. But nothing can be sent"
        " on it.",
        (ASK,),
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
        all_of(any_of(associating, lost), with_window),  # some accept it, and close at the echo
        "An asynchronous operations window was proposed, and some peers end the connection because"
        " of one; that this is why, the peer did not say.",
        ("Try without --window.",),
    ),
    Case(
        "closed",
        all_of(lost, associating, in_plain_tcp),
        "The peer took the connection and closed it without an answer. Usually it does not know"
        " this computer's address or one of the titles, expects TLS, or is no DICOM server.",
        (
            "Check that the peer knows {calling} and this computer's address.",
            "Try with --tls.",
            ASK,
        ),
    ),
    Case(
        "closed",
        all_of(lost, associating),
        "The peer closed the connection without an answer. Usually it does not know this computer's"
        " address or one of the titles, wants a certificate, or is no DICOM server.",
        ("Check that the peer knows {calling} and this computer's address.", ASK),
    ),
    Case(
        "aborted",
        associating,
        "The peer does not want this association, or did not understand the request.",
        ("Check the titles: {calling} calls {called}.", ASK),
    ),
    Case(
        "associate-timeout",
        failed_with(AssociationTimeout, "associate"),
        "The connection is there, but no whole answer to the association request. Usually the peer"
        " hangs or is overloaded, expects TLS, or is no DICOM server.",
        (
            "Try again with more time: --timeout 60",
            "Check the port: {port}. Does something else listen there?",
            ASK,
        ),
    ),
    # echo
    Case(
        "other-message-id",
        other_message_id,
        "The peer answered another message than the one that was sent: a fault of its software.",
        ("Report it to the maker of the peer's software, with the exchange: --save FILE",),
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
        ("Report it to the maker of the peer's software, with the exchange: --save FILE",),
    ),
    Case(
        "echo-timeout",
        failed_with(AssociationTimeout, "echo"),
        "The association was accepted, but no whole answer to the echo came: usually the peer"
        " hangs, or is overloaded.",
        ("Try again with more time: --timeout 60", ASK),
    ),
    Case(
        "violation",
        failed_with(ProtocolViolation),
        "The peer sent what the DICOM standard does not allow here: a fault of its software, or it"
        " speaks something else.",
        ("Report it to the maker of the peer's software, with the exchange: --save FILE",),
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
        "release",
        release_failed,
        "The echo was answered; only the end of the association was not as it should be.",
        ("It is verified all the same. If it happens often, report it to the maker.",),
    ),
)
