"""What ends a TLS connection, in words."""

from __future__ import annotations

from OpenSSL import SSL
from service_identity import VerificationError
from service_identity.exceptions import DNSMismatch, IPAddressMismatch
from service_identity.hazmat import DNS_ID, IPAddress_ID
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txdicom.tls_errors import tls_failure


class WordsTests(SynchronousTestCase):
    def words(self, error: Exception, handshaken: bool = False) -> str:
        failed = tls_failure(Failure(error), handshaken)
        assert failed is not None
        return failed.reason

    def test_name(self) -> None:
        """A certificate for another name is said to be, with the name that it was to have."""
        for mismatch, name in (
            (DNSMismatch(DNS_ID("pacs.example")), "pacs.example"),
            (IPAddressMismatch(IPAddress_ID("::1")), "::1"),
        ):
            self.assertEqual(
                self.words(VerificationError(errors=[mismatch])),
                f"the peer's certificate is not for {name}",
            )

    def test_openssl(self) -> None:
        """OpenSSL's reasons are its own words, without what they are called in its code."""
        error = SSL.Error([("SSL routines", "", "unknown ca"), ("", "", "bad length")])
        self.assertEqual(self.words(error), "unknown ca; bad length")
        self.assertEqual(self.words(SSL.SysCallError(-1, "EOF")), "(-1, 'EOF')")

    def test_closed(self) -> None:
        """To close the connection fails the handshake, and is no failure of TLS after it."""
        self.assertIn("closed the connection", self.words(ConnectionDone()))
        self.assertIsNone(tls_failure(Failure(ConnectionDone()), True))
        self.assertIsNone(tls_failure(Failure(ValueError()), True))
