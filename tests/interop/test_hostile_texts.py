"""``txdicom echo`` against peers whose names, comments and certificates are to fool a terminal."""

from __future__ import annotations

import os
import re
import sys
from datetime import datetime, timedelta, timezone

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.internet import reactor, ssl
from twisted.internet.endpoints import SSL4ServerEndpoint, TCP4ServerEndpoint
from twisted.internet.protocol import Factory, Protocol

from tests.interop.peers import HOST, InteropTestCase
from tests.test_exchange import echo
from txdicom.uids import IMPLICIT_VR_LITTLE_ENDIAN
from txdicom.upperlayer.items import PresentationContextAC
from txdicom.upperlayer.pdu import AssociateAC, ReleaseRP
from txdicom.upperlayer.user_information import (
    ImplementationClassUID,
    ImplementationVersionName,
    MaximumLength,
)

EVIL = "\x1b[2J\x1b]0;owned\x07\r\nFAKE: 0x0000 - Success\x9b31m\x7f"
MODES = ((), ("-v",), ("-d",), ("-q",), ("--explain",), ("--json", "--explain"), ("--nagios",))

#: What a terminal may do something with, but for the end of a line.
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")


def answers(said: str, comment: str) -> Factory:
    """A server that gives its version so, and answers echoes with a failure and this comment."""
    user = (MaximumLength(16_384), ImplementationClassUID("1.2"), ImplementationVersionName(said))
    contexts = (PresentationContextAC(1, 0, IMPLICIT_VR_LITTLE_ENDIAN),)
    response = echo(0x8030, MessageIDBeingRespondedTo=1, Status=0x0110, ErrorComment=comment)
    said_to = {
        1: AssociateAC("YOU", "ME", contexts, user).encode(),
        4: response,
        5: ReleaseRP().encode(),
    }

    class Answers(Protocol):
        def dataReceived(self, data: bytes) -> None:
            self.transport.write(said_to.get(data[0], b""))

    return Factory.forProtocol(Answers)


class HostileTextsTests(InteropTestCase):
    async def listen(self, factory: Factory, options: object = None) -> str:
        endpoint = (
            TCP4ServerEndpoint(reactor, 0, interface=HOST)
            if options is None
            else SSL4ServerEndpoint(reactor, 0, options, interface=HOST)
        )
        port = await endpoint.listen(factory)
        self.addCleanup(port.stopListening)
        return f"{HOST}:{port.getHost().port}"

    async def told(self, *arguments: str) -> tuple[str, int]:
        """What is told, standard output and error, and the exit code."""
        ran = await self.run_to_end(sys.executable, "-m", "txdicom", "echo", *arguments)
        assert ran.status is not None
        self.assertIsNone(CONTROL.search(ran.output), ran.output)
        self.assertNotRegex(ran.output, r"(?m)^FAKE")
        self.assertNotIn("Traceback", ran.output)
        return ran.output, ran.status

    async def test_comment(self) -> None:
        """An error comment is escaped however it is told, and does not change the verdict."""
        target = await self.listen(answers("1.2", EVIL))
        for mode in MODES:
            told, code = await self.told(target, *mode)
            self.assertEqual(code, 2 if "--nagios" in mode else 9, told)
            self.assertEqual("FAKE" in told, mode not in (("-q",), ("--nagios",)), (mode, told))

    async def test_version(self) -> None:
        """So is a version name."""
        target = await self.listen(answers(EVIL, "no"))
        for mode in MODES:
            await self.told(target, *mode)

    async def test_enormous(self) -> None:
        """Enormous texts are cut off where they are told to people."""
        target = await self.listen(answers("x" * 30_000, "y" * 8_000))
        for mode in ((), ("-v",), ("--explain",), ("--nagios",)):
            told, _ = await self.told(target, *mode)
            self.assertLess(len(told), 4_000, mode)

    async def test_certificate(self) -> None:
        """The subject of a certificate that nobody trusts is escaped."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, EVIL[:60])])
        now = datetime.now(timezone.utc)
        builder = x509.CertificateBuilder(name, name, key.public_key(), 7, now, now + timedelta(9))
        pem = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        pem += key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        path = os.path.join(self.directory(), "ca.pem")
        target = await self.listen(
            answers("1.2", "no"), ssl.PrivateCertificate.loadPEM(pem).options()
        )
        authority = ec.generate_private_key(ec.SECP256R1())
        other = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "another")])
        builder = x509.CertificateBuilder(
            other, other, authority.public_key(), 8, now, now + timedelta(9)
        )
        trusted = builder.sign(authority, hashes.SHA256())
        with open(path, "wb") as file:
            file.write(trusted.public_bytes(serialization.Encoding.PEM))
        for mode in MODES:
            told, code = await self.told(target, "--tls", "--ca", path, *mode)
            self.assertEqual(code, 2 if "--nagios" in mode else 5, told)
        told, _ = await self.told(target, "--tls", "--ca", path, "--explain")
        self.assertIn(r"\x1b[2J", told)
