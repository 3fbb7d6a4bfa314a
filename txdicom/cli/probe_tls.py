"""What ``--probe`` asks about TLS: a handshake for each version, and nothing sent after it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import wrapClientTLS
from twisted.internet.error import ConnectError, DNSLookupError, UnknownHostError
from twisted.internet.interfaces import (
    IDelayedCall,
    IHandshakeListener,
    IOpenSSLClientConnectionCreator,
    IReactorTime,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from txdicom.cli.probe_answers import Answer, not_known
from txdicom.cli.target import Target
from txdicom.errors import AssociationTimeout, ConnectionFailed
from txdicom.tcp import client_endpoint
from txdicom.tls import (
    TLSSettings,
    certificate_options,
    connection_to,
    peer_name,
    wanted_name,
)
from txdicom.tls_errors import tls_failure

_VERSIONS = {
    "TLSv1.0": SSL.TLS1_VERSION,
    "TLSv1.1": SSL.TLS1_1_VERSION,
    "TLSv1.2": SSL.TLS1_2_VERSION,
    "TLSv1.3": SSL.TLS1_3_VERSION,
}

# OpenSSL offers the old versions only where it is told that security does not matter: nothing is
# sent over these connections. Ciphers without a certificate stay out.
_CIPHERS = b"DEFAULT:@SECLEVEL=0"

# What OpenSSL says when it has nothing to offer, before it sends anything.
_NOT_OFFERED = ("no protocols available", "no ciphers available")

# Seconds for the peer to close the connection after a handshake; some never do.
_CLOSING_TIMEOUT = 0.5

_CERTIFICATE_REQUEST = b"certificate request"


@implementer(IOpenSSLClientConnectionCreator)
class _OfVersion:
    """Creates connections of one version of TLS, whatever certificate the peer has.

    :ivar asked_for_certificate: whether the peer asked for one of this side
    """

    def __init__(self, version: str, settings: TLSSettings, host: str) -> None:
        self.asked_for_certificate = False
        self._wanted = wanted_name(peer_name(settings, host))
        own = certificate_options(settings)
        context = SSL.Context(SSL.TLS_METHOD)
        if "certificate" in own:
            context.use_certificate(own["certificate"])
            context.use_privatekey(own["privateKey"])
            for issuer in own["extraCertChain"]:
                context.add_extra_chain_cert(issuer)
        context.set_min_proto_version(_VERSIONS[version])
        context.set_max_proto_version(_VERSIONS[version])
        context.set_cipher_list(_CIPHERS)
        context.set_info_callback(self._look)
        self._context = context

    def clientConnectionForTLS(self, tlsProtocol: Any) -> Any:
        return connection_to(self._context, self._wanted)

    def _look(self, connection: Any, where: int, result: int) -> None:
        if _CERTIFICATE_REQUEST in connection.get_state_string():
            self.asked_for_certificate = True


@dataclass(frozen=True, slots=True)
class _Handshake:
    """A handshake that was completed.

    :ivar certificate: the answers about the peer's
    """

    cipher: str
    certificate: dict[str, Answer]


@implementer(IHandshakeListener)
class _Handshaking(Protocol):
    """Closes the connection when the handshake is complete, having sent nothing.

    :ivar closed: fires with what was seen, a :class:`_Handshake` or how it failed, when the
        connection is closed
    """

    transport: Any  # a stream transport has more than ITransport promises

    def __init__(self, clock: IReactorTime) -> None:
        self.closed: Deferred[_Handshake | str] = Deferred(self._cancel)
        self._clock = clock
        self._closing: IDelayedCall | None = None
        self._seen: _Handshake | None = None

    def _cancel(self, closed: Deferred[_Handshake | str]) -> None:
        self.transport.abortConnection()
        if self._seen is not None:  # it waits for the peer to close: what was seen counts
            closed.callback(self._seen)

    def handshakeCompleted(self) -> None:
        connection = self.transport.getHandle()
        self._seen = _Handshake(connection.get_cipher_name() or "?", _certificate(connection))
        self.transport.loseConnection()
        self._closing = self._clock.callLater(_CLOSING_TIMEOUT, self.transport.abortConnection)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._closing is not None and self._closing.active():
            self._closing.cancel()
        if self.closed.called:
            return
        failure = tls_failure(reason, False)
        self.closed.callback(self._seen or str(failure.reason if failure else reason.value))


async def handshake(
    version: str, reactor: Any, target: Target, settings: TLSSettings, seconds: float
) -> dict[str, Answer]:
    """Whether the peer agrees to this version, and if so, what it shows.

    :raise ConnectionFailed: there is no TCP connection
    :raise AssociationTimeout: the handshake did not end within these seconds
    """
    creator = _OfVersion(version, settings, target.host)
    seen = await _shake(creator, reactor, target, seconds)
    if isinstance(seen, str):
        if seen.startswith(_NOT_OFFERED):
            return {version: not_known(f"this OpenSSL does not offer it: {seen}")}
        return {version: Answer(f"not agreed to: {seen}")}
    return {
        version: Answer(f"agreed to, {seen.cipher}"),
        "client_certificate": Answer(creator.asked_for_certificate),
        **seen.certificate,
    }


async def _shake(
    creator: _OfVersion, reactor: Any, target: Target, seconds: float
) -> _Handshake | str:
    """One handshake, or why it failed."""
    endpoint, address = client_endpoint(reactor, target.host, target.port, None)
    factory = Factory.forProtocol(partial(_Handshaking, reactor))
    factory.noisy = False

    async def shake() -> _Handshake | str:
        protocol: Any = await wrapClientTLS(creator, endpoint).connect(factory)
        seen: _Handshake | str = await protocol.closed
        return seen

    def expired(result: _Handshake | str | Failure, seconds: float) -> _Handshake | str:
        if not isinstance(result, Failure):
            return result
        raise AssociationTimeout("timeout", seconds, "end of the TLS handshake")

    shaking: Deferred[_Handshake | str] = Deferred.fromCoroutine(shake())
    try:
        return await shaking.addTimeout(seconds, reactor, expired)
    except (ConnectError, UnknownHostError, DNSLookupError) as error:
        raise ConnectionFailed(address, str(error)) from error


def _certificate(connection: Any) -> dict[str, Answer]:
    """What the peer's certificate says, which nobody has verified."""
    try:
        certificate = connection.get_peer_certificate(as_cryptography=True)
        if certificate is None:
            return {"subject": Answer("none")}
        return {
            "subject": Answer(certificate.subject.rfc4514_string()),
            "issuer": Answer(certificate.issuer.rfc4514_string()),
            "expires": Answer(f"{certificate.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}"),
            "key": Answer(_key(certificate.public_key())),
        }
    except Exception as error:  # there are many kinds for what cannot be read
        why = not_known(f"the certificate cannot be read: {error}")
        return dict.fromkeys(("subject", "issuer", "expires", "key"), why)


def _key(key: Any) -> str:
    """The kind of a public key, and its size or curve."""
    kind = type(key).__name__.lstrip("_").removesuffix("PublicKey")
    curve = getattr(key, "curve", None)
    if curve is not None:
        return f"{kind} {curve.name}"
    size = getattr(key, "key_size", None)
    return kind if size is None else f"{kind} {size} bits"
