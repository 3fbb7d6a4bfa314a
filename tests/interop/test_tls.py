"""TLS on both sides, with certificates made for the test."""

from __future__ import annotations

import os

import trustme

from tests.interop.peers import HOST, InteropTestCase, dcmtk
from txdicom import AE

# The certificates are for a name, as certificates are; it is not looked up.
NAME = "pacs.example"


class TLSTestCase(InteropTestCase):
    """A certificate authority, and a certificate that it issued, in files."""

    def setUp(self) -> None:
        authority = trustme.CA()
        issued = authority.issue_cert(NAME, HOST)
        directory = self.directory()
        self.key, self.certificate, self.ca = (
            os.path.join(directory, name) for name in ("key.pem", "certificate.pem", "ca.pem")
        )
        issued.private_key_pem.write_to_path(self.key)
        issued.cert_chain_pems[0].write_to_path(self.certificate)
        authority.cert_pem.write_to_path(self.ca)

    async def serve(self, ae: AE) -> int:
        """Start a TLS server of ours; returns its port."""
        listening = await ae.listen(
            f"ssl:0:interface={HOST}:privateKey={self.key}:certKey={self.certificate}"
        )
        return int(listening.getHost().port)


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
        port = await self.serve(self.ae())
        scu = await self.run_to_end(dcmtk("echoscu"), "+tla", HOST, str(port))
        self.assertNotEqual(scu.status, 0)
        self.assertIn("certificate verify failed", scu.output)
