"""What ended a TLS connection, in words. pyOpenSSL is not imported here: it may be missing."""

from __future__ import annotations

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.python.failure import Failure

from txdicom.errors import TLSFailed


def tls_failure(reason: Failure, handshaken: bool) -> TLSFailed | None:
    """The TLS failure that a lost TLS connection was, or None when it was another loss."""
    value = reason.value
    if value is None:
        return None
    module = type(value).__module__
    if module.startswith(("OpenSSL", "service_identity", "twisted.internet._sslverify")):
        return TLSFailed(_words(value))
    if not handshaken and reason.check(ConnectionDone, ConnectionLost):
        return TLSFailed("the peer closed the connection during the TLS handshake")
    return None


def _words(error: BaseException) -> str:
    # OpenSSL.SSL.Error carries a list of (library, function, reason).
    entries = error.args[0] if error.args else None
    if isinstance(entries, list) and entries and all(isinstance(e, tuple) for e in entries):
        return "; ".join(str(entry[-1]) for entry in entries)
    # service_identity's carries what was not found in the certificate.
    for mismatch in getattr(error, "errors", ()):
        wanted = mismatch.mismatched_id
        name = getattr(wanted, "hostname", b"").decode("ascii") or getattr(wanted, "ip", wanted)
        return f"the peer's certificate is not for {name}"
    return str(error) or type(error).__name__
