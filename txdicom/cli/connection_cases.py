"""Failures before there is an association, for ``--explain``: the first row that applies counts."""

from __future__ import annotations

from twisted.internet.error import (
    ConnectionRefusedError,
    NoRouteError,
    TCPTimedOutError,
    TimeoutError,
)

from txdicom.cli.conditions import (
    ASK,
    Case,
    any_of,
    caused_by,
    certificate,
    failed_with,
    speaks,
    tls_said,
)
from txdicom.errors import (
    AssociationTimeout,
    ConnectionFailed,
    NameNotResolved,
    TLSFailed,
)

CONNECTION_CASES = (
    # resolve
    Case(
        "not-resolved",
        failed_with(NameNotResolved),
        "The name is misspelt, or the name server that this computer asks does not know it.",
        (
            "Try the name with its domain, or the node's IP address.",
            "See what this computer resolves it to: getent hosts {host}",
        ),
    ),
    Case(
        "resolve-timeout",
        failed_with(AssociationTimeout, "resolve"),
        "The name servers of this computer do not answer.",
        ("Try the node's IP address.", "Check the name servers of this computer."),
    ),
    # connect
    Case(
        "refused",
        caused_by(ConnectionRefusedError),
        "Nothing listens on port {port} there, or a firewall refuses the connection.",
        (
            "Check that the DICOM server runs, and on which port: 104, 11112 and 4242 are usual.",
            "Check that the address is that of the node: {addresses}",
        ),
    ),
    Case(
        "unreachable",
        caused_by(NoRouteError),
        "This computer, or a router, knows no way to that address.",
        (
            "Check the address, and this computer's network: is a VPN or a VLAN missing?",
            "Check that the node is switched on.",
        ),
    ),
    Case(
        "filtered",
        any_of(
            failed_with(AssociationTimeout, "connect"), caused_by(TimeoutError, TCPTimedOutError)
        ),
        "Nothing came back, neither an acceptance nor a refusal (no answer to the TCP SYN)."
        " Usually a firewall drops the packets, the node is off, or the address is another's.",
        (
            "Check that the node is on, and that the address is its own: {addresses}",
            "Have port {port} allowed from {here} to the node in the firewalls between.",
        ),
    ),
    Case(
        "not-connected",
        failed_with(ConnectionFailed),
        "The operating system could not make the connection, for the reason that it gives.",
        ("Check host and port: {host}, {port}",),
    ),
    # TLS
    Case(
        "certificate-expired",
        certificate(10),
        "The certificate of the peer, or of one who issued it, is not valid any more"
        " - or the clock of this computer is wrong.",
        ("Have the certificate renewed.", "Check the date of this computer."),
    ),
    Case(
        "certificate-not-yet-valid",
        certificate(9),
        "The certificate becomes valid later - or the clock of this computer is wrong.",
        ("Check the date of this computer.",),
    ),
    Case(
        "certificate-issuer",
        certificate(2, 18, 19, 20, 21),
        "The certificate was issued by someone whom this side was not told to trust.",
        (
            "Give the certificate of its issuer with --ca FILE.",
            "Or have the peer send its chain with the intermediate certificates.",
        ),
    ),
    Case(
        "certificate-without-name",
        tls_said("does not contain any"),
        "The certificate is good, but says in no subjectAltName whose it is, as it has to"
        " (RFC 9525); a common name does not count any more.",
        ("Have a certificate issued that has {server_name} as a subjectAltName.",),
    ),
    Case(
        "certificate-name",
        tls_said("certificate is not for"),
        "The certificate is good, but for another name than {server_name}:"
        " the address is another's, or the certificate was issued for a name that is not used.",
        (
            "Use the name that the certificate has as the host.",
            "Or say that name: --server-name NAME",
        ),
    ),
    Case(
        "certificate-refused",
        certificate(),
        "The certificate does not fulfil what this side demands of it.",
        ("Have a certificate issued that does.",),
    ),
    Case(
        "client-certificate-wanted",
        tls_said("alert certificate required"),
        "The peer wants a certificate of this side, and was given none.",
        ("Give one with --cert FILE and --key FILE, issued by someone whom the peer trusts.",),
    ),
    Case(
        "client-certificate-refused",
        tls_said(
            "alert bad certificate",
            "alert unknown ca",
            "alert certificate unknown",
            "alert certificate expired",
            "alert certificate revoked",
            "alert unsupported certificate",
            "alert access denied",
        ),
        "The peer does not take the certificate of this side, or wants one and was given none.",
        ("Check --cert: is it valid, and issued by someone whom the peer trusts?",),
    ),
    Case(
        "tls-version",
        tls_said("protocol version", "unsupported protocol"),
        "The peer does not offer TLS 1.2 or 1.3; older versions are not secure any more (BCP 195).",
        ("Have the peer updated, or put a TLS proxy before it.",),
    ),
    Case(
        "not-tls",
        tls_said("wrong version number", "packet length too long", "http request"),
        "What the peer answered is not TLS: the port is one for plain DICOM, or for something"
        " else.",
        ("Try without --tls.", "Try the port for TLS: 2762 is the registered one."),
    ),
    Case(
        "tls-handshake",
        tls_said("handshake failure"),
        "The two have no cipher suite in common, or the peer wants a certificate of this side:"
        " it gives this alert for both.",
        (
            "Give a certificate with --cert FILE and --key FILE, if you have one for this peer.",
            "Have the peer offer a cipher suite with ECDHE and AES-GCM (BCP 195).",
        ),
    ),
    Case(
        "tls-closed",
        tls_said("closed the connection during the TLS handshake"),
        "The peer does not speak TLS on this port, or does not want this connection.",
        ("Try without --tls.", "Try the port for TLS: 2762 is the registered one.", ASK),
    ),
    Case(
        "tls-timeout",
        failed_with(AssociationTimeout, "tls"),
        "The peer does not answer the beginning of TLS. A server of plain DICOM does so: it waits"
        " for more of what it takes for a request.",
        ("Try without --tls.", "Try the port for TLS: 2762 is the registered one."),
    ),
    Case("tls", failed_with(TLSFailed), "TLS did not come about, for the reason given.", (ASK,)),
    # something else than DICOM
    Case(
        "speaks-tls",
        speaks("TLS"),
        "The port is one for DICOM over TLS, or for another service over TLS.",
        ("Try with --tls.", "Try the port for plain DICOM: 104 and 11112 are usual."),
    ),
    Case(
        "speaks-http",
        speaks("HTTP"),
        "A web server, or a proxy on the way, answers on this port: perhaps the viewer, or"
        " DICOMweb, of the same archive.",
        ("Look for the DICOM port in the peer's configuration: 104, 11112 and 4242 are usual.",),
    ),
    Case(
        "speaks-hl7",
        speaks("HL7"),
        "The port is the HL7 interface, perhaps that of the same system.",
        ("Look for the DICOM port in the peer's configuration: 104, 11112 and 4242 are usual.",),
    ),
    Case(
        "speaks-ssh",
        speaks("SSH"),
        "The port is that of the secure shell.",
        ("Look for the DICOM port in the peer's configuration: 104, 11112 and 4242 are usual.",),
    ),
    Case(
        "speaks-other",
        speaks(""),
        "Another service answers on this port.",
        ("Look for the DICOM port in the peer's configuration: 104, 11112 and 4242 are usual.",),
    ),
)
