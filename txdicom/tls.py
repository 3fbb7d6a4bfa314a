"""TLS for the connecting side, after BCP 195 (PS3.15 B.12): 1.2 and 1.3, forward secrecy, AEAD.

Needs the extra ``txdicom[tls]``; nothing of it is imported before it is used.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

#: RFC 9325 4.2, as OpenSSL names them; those of TLS 1.3 are on in any case.
CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
)


class TLSNotInstalled(RuntimeError):
    """The libraries for TLS are missing."""

    def __init__(self) -> None:
        super().__init__("TLS needs more than is installed: pip install 'txdicom[tls]'")


@dataclass(frozen=True, slots=True)
class TLSSettings:
    """How to connect with TLS.

    :ivar ca: file with the certificates to trust (PEM), None for those of the system
    :ivar certificate: file with this side's certificate and its chain (PEM), or None
    :ivar key: file with its private key (PEM); None where the certificate's file has it
    :ivar server_name: the name that the peer's certificate is to have, None for the host's
    :ivar insecure: connect whatever certificate the peer has
    """

    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    server_name: str | None = None
    insecure: bool = False


@dataclass(frozen=True, slots=True)
class TLSFacts:
    """What a handshake came to.

    :ivar not_after: when the peer's certificate expires, or None if it has none
    """

    version: str
    cipher: str
    subject: str
    not_after: datetime | None


def client_creator(settings: TLSSettings, host: str) -> Any:
    """What Twisted's ``wrapClientTLS`` takes, for a connection to a host.

    :raise TLSNotInstalled: the extra is missing
    :raise OSError: a file cannot be read
    :raise ValueError: a file does not hold what it should
    """
    options = certificate_options(settings)
    name = peer_name(settings, host)
    wanted = wanted_name(name)
    if settings.insecure:
        return _any_peer(options, wanted)
    from twisted.internet import ssl

    trust = ssl.platformTrust() if settings.ca is None else _authorities(settings.ca)
    try:
        creator = ssl.optionsForClientTLS(name, trust, extraCertificateOptions=options)
    except UnicodeError:  # it is stricter than what SNI is encoded with
        raise _no_name(name) from None
    return _named_peer(creator, name)


def check_files(settings: TLSSettings) -> None:
    """Whether the files hold what they should; raises what :func:`client_creator` does."""
    client_creator(replace(settings, server_name=None), "127.0.0.1")


def peer_name(settings: TLSSettings, host: str) -> str:
    """The name that the peer's certificate is to have: without the dot that ends a whole name."""
    return (settings.server_name or host).removesuffix(".")


def _no_name(name: str) -> ValueError:
    return ValueError(f"{name!r} is not the name of a host, so no certificate can be for it")


def certificate_options(settings: TLSSettings) -> dict[str, Any]:
    """What Twisted's ``CertificateOptions`` takes: versions, ciphers, this side's certificate.

    :raise TLSNotInstalled: the extra is missing
    :raise OSError: a file cannot be read
    :raise ValueError: a file does not hold what it should
    """
    try:
        from twisted.internet import ssl
    except ImportError:
        raise TLSNotInstalled from None
    options: dict[str, Any] = {
        "acceptableCiphers": ssl.AcceptableCiphers.fromOpenSSLCipherString(CIPHERS),
        "insecurelyLowerMinimumTo": ssl.TLSVersion.TLSv1_2,
    }
    if settings.certificate is not None:
        own, *issuers = _certificates(settings.certificate)
        options["certificate"] = own.original
        options["privateKey"] = _private_key(settings, own)
        options["extraCertChain"] = [issuer.original for issuer in issuers]
    return options


def wanted_name(name: str) -> bytes | None:
    """What is said of the host that is wanted (SNI, RFC 6066 3): its name, nothing of an address.

    :raise ValueError: it is no name
    """
    from txdicom.tcp import is_address

    if is_address(name):
        return None
    try:
        encoded = name.encode("idna")
    except UnicodeError:
        raise _no_name(name) from None
    if not encoded or encoded.endswith(b"."):
        raise _no_name(name)
    return encoded


def connection_to(context: Any, wanted: bytes | None) -> Any:
    """An OpenSSL connection that says which host it wants."""
    from OpenSSL import SSL

    connection = SSL.Connection(context, None)
    if wanted is not None:
        connection.set_tlsext_host_name(wanted)
    return connection


def _any_peer(options: dict[str, Any], wanted: bytes | None) -> Any:
    """A creator of connections to a peer with whatever certificate."""
    from twisted.internet import ssl
    from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
    from zope.interface import implementer

    context = ssl.CertificateOptions(**options).getContext()

    @implementer(IOpenSSLClientConnectionCreator)
    class AnyPeer:
        def clientConnectionForTLS(self, protocol: Any) -> Any:
            return connection_to(context, wanted)

    return AnyPeer()


def _named_peer(creator: Any, name: str) -> Any:
    """A creator of connections to a peer whose certificate is for this name.

    Twisted 26.10's own check takes a certificate that has no subjectAltName at all for a good one,
    whatever the name: what it cannot read, it logs and lets pass.
    """
    from OpenSSL import SSL
    from service_identity.hazmat import DNS_ID, IPAddress_ID, verify_service_identity
    from service_identity.pyopenssl import extract_patterns
    from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
    from twisted.python.failure import Failure
    from zope.interface import implementer

    from txdicom.tcp import is_address

    wanted = IPAddress_ID(name) if is_address(name) else DNS_ID(name)

    @implementer(IOpenSSLClientConnectionCreator)
    class NamedPeer:
        def clientConnectionForTLS(self, protocol: Any) -> Any:
            def verify(_: Any, certificate: Any, code: int, depth: int, ok: int) -> bool:
                if depth == 0 and ok:
                    try:
                        verify_service_identity(extract_patterns(certificate), [wanted], [])
                    except Exception:  # whatever it is that cannot be read, it is not that name
                        protocol.failVerification(Failure())
                        return False
                return bool(ok)

            connection = creator.clientConnectionForTLS(protocol)
            connection.set_verify(SSL.VERIFY_PEER, verify)
            return connection

    return NamedPeer()


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _certificates(path: str) -> list[Any]:
    """The certificates in a file, at least one."""
    from OpenSSL import crypto
    from twisted.internet import ssl

    end = b"-----END CERTIFICATE-----"
    *parts, _ = _read(path).split(end)
    try:
        certificates = [ssl.Certificate.loadPEM(part + end) for part in parts]
    except crypto.Error:
        raise ValueError(f"a certificate in {path} cannot be read") from None
    if not certificates:
        raise ValueError(f"no certificate (PEM) in {path}")
    return certificates


def _private_key(settings: TLSSettings, certificate: Any) -> Any:
    """The private key of this side's certificate."""
    from OpenSSL import crypto
    from twisted.internet import error, ssl

    path = settings.key or settings.certificate or ""
    asked_for_passphrase: list[bool] = []

    def passphrase(*_: object) -> bytes:  # without one, OpenSSL would ask at the terminal
        asked_for_passphrase.append(True)
        return b""

    try:
        key = crypto.load_privatekey(crypto.FILETYPE_PEM, _read(path), passphrase)
    except (crypto.Error, ValueError):
        if asked_for_passphrase:
            raise ValueError(f"the key in {path} has a passphrase: give it without") from None
        raise ValueError(f"no private key (PEM) in {path}") from None
    try:
        ssl.PrivateCertificate.fromCertificateAndKeyPair(certificate, ssl.KeyPair(key))
    except error.VerifyError:
        raise ValueError(
            f"the key in {path} is not that of the certificate in {settings.certificate}"
        ) from None
    return key


def _authorities(path: str) -> Any:
    from twisted.internet import ssl

    return ssl.trustRootFromCertificates(_certificates(path))


def facts(transport: Any) -> TLSFacts:
    """What is known of a TLS connection after its handshake."""
    connection = transport.getHandle()
    certificate = connection.get_peer_certificate(as_cryptography=True)
    return TLSFacts(
        connection.get_protocol_version_name(),
        connection.get_cipher_name() or "?",
        certificate.subject.rfc4514_string() if certificate else "",
        certificate.not_valid_after_utc if certificate else None,
    )
