"""``txdicom echo --tls``: verified, and why not."""

from __future__ import annotations

import json
import os

import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from tests.interop.test_cli import run_echo
from tests.interop.test_tls import HOST, NAME, TLSTestCase
from txdicom import AE
from txdicom.sop_class import Verification


class CLITLSTests(TLSTestCase):
    timeout = 60

    async def address(self) -> str:
        ae = AE("SCP")
        ae.add_supported_context(Verification)
        self.addCleanup(ae.shutdown)
        return f"{HOST}:{await self.serve(ae)}"

    async def test_verified(self) -> None:
        """With a trusted certificate it is verified; the handshake is timed, the expiry told."""
        out, err, code = await run_echo(await self.address(), "--tls", "--ca", self.ca, "-v")
        self.assertEqual((code, err), (0, ""), out)
        for words in ("TLS: TLSv1.3", "expires ", "tls "):
            self.assertIn(words, out)

    async def test_warns_of_expiry(self) -> None:
        """--warn-expiry warns, and does not fail; a monitoring plugin says WARNING."""
        arguments = [await self.address(), "--tls", "--ca", self.ca, "--warn-expiry=999999"]
        _, err, code = await run_echo(*arguments)
        self.assertEqual(code, 0)
        self.assertIn("certificate expires in", err)
        _, _, code = await run_echo(*arguments, "--nagios")
        self.assertEqual(code, 1)

    async def test_other_key(self) -> None:
        """A key that is not the certificate's is a wrong argument; nothing is sent."""
        pair, other = (trustme.CA().issue_cert("scu.example") for _ in range(2))
        cert, key = (os.path.join(self.directory(), name) for name in ("cert.pem", "key.pem"))
        pair.cert_chain_pems[0].write_to_path(cert)
        other.private_key_pem.write_to_path(key)
        _, err, code = await run_echo("127.0.0.1:1", "--tls", "--cert", cert, "--key", key)
        self.assertEqual((code, len(err.splitlines())), (2, 1), err)
        self.assertIn("is not that of the certificate", err)

    async def test_chain(self) -> None:
        """Our certificate is sent with its chain: a peer that trusts the root alone takes it."""
        intermediate = self.authority.create_child_ca()
        issued = intermediate.issue_cert("scu.example")
        chain, key = (os.path.join(self.directory(), name) for name in ("chain.pem", "key.pem"))
        for pem in issued.cert_chain_pems:
            pem.write_to_path(chain, append=True)
        issued.private_key_pem.write_to_path(key)
        port = await self.start_storescp("-rc", "+cf", self.ca)
        own = ("--cert", chain, "--key", key)
        for verified in (("--ca", self.ca), ("--tls-insecure",)):
            out, err, code = await run_echo(f"{HOST}:{port}", "--tls", *verified, *own)
            self.assertEqual((code, err), (0, ""), out)
        issued.cert_chain_pems[0].write_to_path(chain)
        out, _, code = await run_echo(f"{HOST}:{port}", "--tls", "--ca", self.ca, *own)
        self.assertEqual(code, 5, out)

    async def test_wrong_files(self) -> None:
        """A file that does not hold what it should is named in a sentence, and nothing is sent."""
        nothing = os.path.join(self.directory(), "nothing.pem")
        with open(nothing, "w") as file:
            file.write("-----BEGIN CERTIFICATE-----\n????\n-----END CERTIFICATE-----\n")
        encrypted = os.path.join(self.directory(), "encrypted.pem")
        with open(self.key, "rb") as file, open(encrypted, "wb") as other:
            other.write(
                load_pem_private_key(file.read(), None).private_bytes(
                    Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
                )
            )
        own = ("--cert", self.certificate, "--key", encrypted)
        for options, words in (
            (own, f"the key in {encrypted} has a passphrase: give it without"),
            (("--ca", nothing), f"a certificate in {nothing} cannot be read"),
            (("--ca", self.key), f"no certificate (PEM) in {self.key}"),
            (("--cert", self.certificate), f"no private key (PEM) in {self.certificate}"),
        ):
            _, err, code = await run_echo("127.0.0.1:1", "--tls", *options)
            self.assertEqual((code, err), (2, f"txdicom echo: {words}\n"))

    async def test_wrong_authority(self) -> None:
        """A certificate of another authority is exit code 5; --tls-insecure takes it."""
        other = os.path.join(self.directory(), "other.pem")
        trustme.CA().cert_pem.write_to_path(other)
        address = await self.address()
        out, _, code = await run_echo(address, "--tls", "--ca", other)
        self.assertEqual(code, 5)
        self.assertIn("certificate verify failed", out)
        _, _, code = await run_echo(address, "--tls", "--tls-insecure")
        self.assertEqual(code, 0)

    async def test_wrong_name(self) -> None:
        """So is a certificate with another name than that which is expected."""
        out, _, code = await run_echo(
            await self.address(), "--tls", "--ca", self.ca, "--server-name=elsewhere.example"
        )
        self.assertEqual(code, 5, out)

    async def test_no_name(self) -> None:
        """What cannot be a name is told before anything is sent; a dot at the end is no matter."""
        for name in ("", "."):
            _, err, code = await run_echo("127.0.0.1:1", "--tls", f"--server-name={name}")
            self.assertEqual(code, 2)
            self.assertIn("--server-name: the name of a host, not", err)
        for option in ("--ca", "--tls-insecure"):
            options = (option, self.ca) if option == "--ca" else (option,)
            _, err, code = await run_echo("127.0.0.1:1", "--tls", *options, "--server-name=a..b")
            self.assertEqual(
                (code, err),
                (
                    2,
                    "txdicom echo: 'a..b' is not the name of a host, so no certificate can be for"
                    " it\n",
                ),
            )
            name = f"--server-name={NAME}."
            out, _, code = await run_echo(await self.address(), "--tls", *options, name)
            self.assertEqual(code, 0, out)

    async def test_no_name_in_a_roster(self) -> None:
        """A host that no certificate can be for is a failure of that target, and of no other."""
        roster, address = os.path.join(self.directory(), "nodes.csv"), await self.address()
        for hosts in (("a_b.localhost", address), (address, "a_b.localhost", address)):
            with open(roster, "w") as file:
                file.write("\n".join(["host", *hosts]))
            out, err, code = await run_echo("--targets", roster, "--tls", "--ca", self.ca, "--json")
            *_, fleet = map(json.loads, out.splitlines())
            self.assertEqual((code, err), (12, ""))
            self.assertEqual(fleet["exit_codes"], {"0": len(hosts) - 1, "5": 1})

    async def test_plain_server(self) -> None:
        """So is a server that does not speak TLS."""
        ae = AE("SCP")
        ae.add_supported_context(Verification)
        self.addCleanup(ae.shutdown)
        port = await ae.start_server((HOST, 0), block=False)
        _, _, code = await run_echo(f"{HOST}:{port.getHost().port}", "--tls", "--ca", self.ca)
        self.assertEqual(code, 5)

    async def test_plain_client(self) -> None:
        """A client without --tls is told that TLS is spoken there, or that it was cut off."""
        out, _, code = await run_echo(await self.address(), "--timeout=5")
        self.assertIn(code, (7, 11), out)

    async def test_fleet(self) -> None:
        """In a fleet the roster says which peers have TLS; each is verified as it is to be."""
        plain, roster = AE("SCP"), os.path.join(self.directory(), "nodes.csv")
        plain.add_supported_context(Verification)
        self.addCleanup(plain.shutdown)
        port = (await plain.start_server((HOST, 0), block=False)).getHost().port
        with open(roster, "w") as file:
            file.write(f"host,tls\n{await self.address()},yes\n{HOST}:{port},no\n")
        out, err, code = await run_echo("--targets", roster, "--ca", self.ca, "--json")
        *targets, fleet = map(json.loads, out.splitlines())
        self.assertEqual((code, err, fleet["verified"]), (0, "", 2), out)
        versions = {target["tls_version"]: target["stages_ms"]["tls"] for target in targets}
        self.assertEqual(set(versions), {"TLSv1.3", None})
        self.assertGreater(versions["TLSv1.3"], 0)
        out, _, code = await run_echo("--targets", roster, "--json")  # nobody trusts it
        self.assertEqual(
            (code, json.loads(out.splitlines()[-1])["exit_codes"]), (12, {"0": 1, "5": 1})
        )
