"""TLS on both sides, with certificates made for the test."""

from __future__ import annotations

import os

import trustme
from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint, wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.ssl import (
    Certificate,
    PrivateCertificate,
    optionsForClientTLS,
    trustRootFromCertificates,
)

from tests.interop.peers import HOST, InteropTestCase, dcmtk, free_port, poll
from txdicom import AE
from txdicom.errors import TLSFailed

# The certificates are for a name, as certificates are; it is not looked up.
NAME = "pacs.example"


class TLSTestCase(InteropTestCase):
    """A certificate authority, and a certificate that it issued, in files and as objects."""

    def setUp(self) -> None:
        self.authority = trustme.CA()
        issued = self.authority.issue_cert(NAME, HOST)
        directory = self.directory()
        self.key, self.certificate, self.ca = (
            os.path.join(directory, name) for name in ("key.pem", "certificate.pem", "ca.pem")
        )
        issued.private_key_pem.write_to_path(self.key)
        issued.cert_chain_pems[0].write_to_path(self.certificate)
        self.authority.cert_pem.write_to_path(self.ca)
        self.own = PrivateCertificate.loadPEM(issued.private_key_and_cert_chain_pem.bytes())

    def endpoint(
        self, port: int, authority: trustme.CA | None = None, own: PrivateCertificate | None = None
    ) -> IStreamClientEndpoint:
        """A client endpoint that trusts an authority, and shows a certificate if asked for it."""
        trusted = Certificate.loadPEM((authority or self.authority).cert_pem.bytes())
        options = optionsForClientTLS(NAME, trustRootFromCertificates([trusted]), own)
        return wrapClientTLS(options, TCP4ClientEndpoint(reactor, HOST, port))

    async def serve(self, ae: AE) -> int:
        """Start a TLS server of ours; returns its port."""
        listening = await ae.listen(
            f"ssl:0:interface={HOST}:privateKey={self.key}:certKey={self.certificate}"
        )
        return int(listening.getHost().port)

    async def start_storescp(self, *options: str) -> int:
        """Start DCMTK's TLS server; returns its port."""
        port = free_port()
        await self.start_serving(
            port, dcmtk("storescp"), "+tls", self.key, self.certificate, *options, str(port)
        )
        return port


class TLSTests(TLSTestCase):
    """txdicom on both sides."""

    async def test_echo(self) -> None:
        """With a certificate of an authority that is trusted, an echo is answered."""
        port = await self.serve(self.ae())
        association = await self.ae().connect(self.endpoint(port))
        self.assertTrue(association.protocol.tls)
        self.assertEqual((await association.send_c_echo()).Status, 0x0000)
        await association.release()

    async def test_wrong_authority(self) -> None:
        """With a certificate of another authority there is no association, and it says why."""
        server = self.ae()
        port = await self.serve(server)
        error = await self.assertFailure(
            self.ae().connect(self.endpoint(port, trustme.CA())), TLSFailed
        )
        self.assertEqual(error.stage, "tls")
        self.assertIn("certificate verify failed", str(error))
        await poll(lambda: not server.active_associations, lambda: "the server keeps it")

    async def test_server_without_tls(self) -> None:
        """A TLS client of a server without TLS fails in TLS."""
        started = self.ae().start_server((HOST, 0), block=False)
        port = (await started).getHost().port
        error = await self.assertFailure(self.ae().connect(self.endpoint(port)), TLSFailed)
        self.assertEqual(error.stage, "tls")


class DCMTKTests(TLSTestCase):
    """DCMTK on the other side."""

    async def test_scu(self) -> None:
        """DCMTK's SCU trusts the server's certificate and is answered."""
        port = await self.serve(self.ae())
        scu = await self.run_to_end(
            dcmtk("echoscu"), "-v", "+tls", self.key, self.certificate, "+cf", self.ca, HOST,
            str(port),
        )  # fmt: skip
        self.assertEqual(scu.status, 0, scu.output)
        self.assertIn("Received Echo Response (Success)", scu.output)

    async def test_scu_does_not_trust(self) -> None:
        """DCMTK's SCU that does not trust the server's certificate has no association."""
        server = self.ae()
        port = await self.serve(server)
        scu = await self.run_to_end(dcmtk("echoscu"), "+tla", HOST, str(port))
        self.assertNotEqual(scu.status, 0)
        self.assertIn("certificate verify failed", scu.output)

    async def test_scp(self) -> None:
        """DCMTK's SCP, which asks for a certificate, accepts ours and answers."""
        port = await self.start_storescp("+cf", self.ca)
        association = await self.ae().connect(self.endpoint(port, own=self.own))
        self.assertEqual((await association.send_c_echo()).Status, 0x0000)
        await association.release()

    async def test_scp_wants_a_certificate(self) -> None:
        """Where DCMTK's SCP asks for a certificate and has none, TLS is named as the reason."""
        port = await self.start_storescp("+cf", self.ca)
        error = await self.assertFailure(self.ae().connect(self.endpoint(port)), TLSFailed)
        self.assertEqual(error.stage, "tls")
        self.assertIn("certificate required", str(error))
