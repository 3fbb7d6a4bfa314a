"""Why the peer's certificate was not taken: a second look at it, for ``--explain``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import wrapClientTLS
from twisted.internet.interfaces import IHandshakeListener, IOpenSSLClientConnectionCreator
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.ssl import CertificateOptions
from twisted.python.failure import Failure
from zope.interface import implementer

from txdicom.cli.target import Target
from txdicom.tcp import client_endpoint
from txdicom.tls import (
    TLSSettings,
    certificate_options,
    connection_to,
    peer_name,
    wanted_name,
)


@dataclass(frozen=True, slots=True)
class CertificateProblem:
    """A certificate that was not taken.

    :ivar code: OpenSSL's number for the reason, X509_V_ERR
    :ivar depth: 0 for the peer's own certificate, 1 for that of its issuer, and so on
    :ivar names: whose it is: the host names and addresses of its subjectAltName
    """

    code: int
    depth: int
    subject: str
    issuer: str
    not_before: datetime
    not_after: datetime
    names: tuple[str, ...]


#: X509_V_ERR of a certificate that is good, but for another name.
HOSTNAME_MISMATCH = 62


@implementer(IOpenSSLClientConnectionCreator)
class _Looking:
    """Creates a connection that ends at the first certificate that is not to be trusted.

    Nothing is ever sent over such a connection.
    """

    def __init__(self, settings: TLSSettings, host: str) -> None:
        self._untrusted: CertificateProblem | None = None
        self._own: CertificateProblem | None = None
        self._wanted = wanted_name(peer_name(settings, host))
        self._context = CertificateOptions(**certificate_options(settings)).getContext()
        if settings.ca is None:
            self._context.set_default_verify_paths()
        else:
            self._context.load_verify_locations(settings.ca)

    def clientConnectionForTLS(self, tlsProtocol: Any) -> Any:
        from OpenSSL import SSL

        connection = connection_to(self._context, self._wanted)
        connection.set_verify(SSL.VERIFY_PEER, self._verify)
        return connection

    def _verify(self, _: Any, certificate: Any, code: int, depth: int, trusted: int) -> bool:
        if not trusted and self._untrusted is None:
            self._untrusted = _problem(certificate, code, depth)
        if depth == 0:
            self._own = _problem(certificate, HOSTNAME_MISMATCH, 0)
        return bool(trusted)

    @property
    def problem(self) -> CertificateProblem | None:
        """What was not to be trusted; else it is the name, and the peer's certificate has it."""
        return self._untrusted or self._own


def _problem(certificate: Any, code: int, depth: int) -> CertificateProblem:
    found = certificate.to_cryptography()
    return CertificateProblem(
        code,
        depth,
        found.subject.rfc4514_string(),
        found.issuer.rfc4514_string(),
        found.not_valid_before_utc,
        found.not_valid_after_utc,
        _alternative_names(found),
    )


def _alternative_names(certificate: Any) -> tuple[str, ...]:
    from cryptography import x509

    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):  # none, or unreadable
        return ()
    return tuple(
        str(name.value) for name in names if isinstance(name, (x509.DNSName, x509.IPAddress))
    )


@implementer(IHandshakeListener)
class _UntilClosed(Protocol):
    """Sends nothing, ends with the handshake, and tells when the connection is gone."""

    transport: Any  # a stream transport has more than ITransport promises

    def __init__(self) -> None:
        self.closed: Deferred[None] = Deferred(self._cancel)

    def _cancel(self, _: object) -> None:
        if self.transport is not None:
            self.transport.abortConnection()

    def handshakeCompleted(self) -> None:
        self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self.closed.called:
            self.closed.callback(None)


async def certificate_problem(
    reactor: Any, target: Target, settings: TLSSettings, seconds: float
) -> CertificateProblem | None:
    """Connect once more, and see which certificate is not taken and why.

    :param seconds: how long this may take
    """
    looking = _Looking(settings, target.host)
    endpoint, _ = client_endpoint(reactor, target.host, target.port, None)
    factory = Factory.forProtocol(_UntilClosed)
    factory.noisy = False

    async def look() -> None:
        connected: Any = await wrapClientTLS(looking, endpoint).connect(factory)
        await connected.closed

    watching: Deferred[Any] = Deferred.fromCoroutine(look())
    # Whatever ends it, a time-out for one: what was found by then counts.
    await watching.addTimeout(seconds, reactor).addErrback(lambda _: None)
    return looking.problem
