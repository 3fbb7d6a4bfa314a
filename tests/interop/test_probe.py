"""``txdicom echo --probe`` of servers that are there: ours, DCMTK's, pynetdicom's, Orthanc."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from twisted.internet import reactor, ssl
from twisted.internet.endpoints import SSL4ServerEndpoint, TCP4ServerEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import SkipTest

from tests.interop import test_scu
from tests.interop.peers import HOST, PATIENCE, PYNETDICOM, InteropTestCase, dcmtk, free_port
from tests.interop.test_tls import TLSTestCase
from txdicom.cli import probe_tls
from txdicom.cli.probe_answers import GROUPS, TRANSFER_SYNTAXES, UNKNOWN_TITLE, Answers
from txdicom.cli.probing import Probe
from txdicom.cli.settings import Settings
from txdicom.cli.target import Target
from txdicom.errors import AssociationTimeout, ConnectionFailed
from txdicom.tls import TLSSettings

NOT_RECOGNIZED = "rejected-permanent: called-AE-title-not-recognized (1,1,7)"
EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"


def values(answers: Answers) -> dict[str, dict[str, Any]]:
    """The answers as plain values."""
    return {
        name: {question: answer.value for question, answer in questions.items()}
        for name, questions in answers.items()
    }


class ProbeTestCase(InteropTestCase):
    """A probe of a server that other programs run."""

    async def answers(self, port: int, title: str | None = None) -> dict[str, dict[str, Any]]:
        """What a probe of what listens on this port comes to."""
        probing = Probe(reactor, Target(HOST, port, title), Settings(timeout=PATIENCE))
        await probing.run()
        self.assertEqual((probing.baseline.exit_code, probing.stopped), (0, ""))
        return values(probing.answers)

    def assert_plain(self, answers: dict[str, dict[str, Any]]) -> None:
        """It is at ease with everything that is not about titles."""
        self.assertEqual(
            answers["contexts"],
            {
                "accepted_of_128": 128,
                "most": 128,
                "unknown_sop_class": "abstract-syntax-not-supported",
            },
        )
        self.assertEqual(set(answers["maximum_lengths"].values()), {"accepted"})
        self.assertEqual(
            list(answers["identity"].values()),
            ["accepted", "accepted", "accepted; response not given", None],
        )
        self.assertEqual(set(answers["window"].values()), {"accepted; no answer"})
        self.assertEqual(answers["roles"], {"scu_and_scp": "accepted; no answer"})

    def assert_dcmtk(self, answers: dict[str, dict[str, Any]]) -> None:
        """It is made with DCMTK: three transfer syntaxes, its own preference among them."""
        self.assert_plain(answers)
        said = answers["verification"]
        self.assertTrue(said["implementation_version_name"].startswith("OFFIS_DCMTK_"), said)
        self.assertEqual(said["maximum_length"], 16384)
        syntaxes = answers["transfer_syntaxes"]
        accepted = [
            TRANSFER_SYNTAXES[uid] for uid in TRANSFER_SYNTAXES if syntaxes[uid] == "accepted"
        ]
        self.assertEqual(
            accepted,
            ["Implicit VR Little Endian", "Explicit VR Little Endian", "Explicit VR Big Endian"],
        )
        chosen = syntaxes["chosen"], syntaxes["chosen_in_reverse"]
        self.assertEqual(chosen, (EXPLICIT_VR_LITTLE_ENDIAN,) * 2)


class ForeignTests(ProbeTestCase):
    """DCMTK and pynetdicom, each known by its answers."""

    async def test_storescp(self) -> None:
        """DCMTK's storescp, which looks at no title."""
        port = free_port()
        await self.start_serving(port, dcmtk("storescp"), str(port))
        answers = await self.answers(port)
        self.assert_dcmtk(answers)
        self.assertEqual(set(answers["titles"].values()), {"accepted"})

    async def test_dcmqrscp(self) -> None:
        """DCMTK's dcmqrscp, which tells its title from others, and capitals from small letters."""
        port = await self.start_dcmqrscp("ARCHIVE")
        answers = await self.answers(port, "ARCHIVE")
        self.assert_dcmtk(answers)
        self.assertEqual(
            list(answers["titles"].values()), [NOT_RECOGNIZED, "accepted", NOT_RECOGNIZED]
        )

    async def test_pynetdicom(self) -> None:
        """pynetdicom's echoscp, which accepts every transfer syntax, and the first it has."""
        port = free_port()
        await self.start_serving(port, *PYNETDICOM, "echoscp", str(port))
        answers = await self.answers(port)
        self.assert_plain(answers)
        syntaxes = answers["transfer_syntaxes"]
        self.assertEqual({syntaxes[uid] for uid in TRANSFER_SYNTAXES}, {"accepted"})
        self.assertEqual(syntaxes["chosen"], syntaxes["chosen_in_reverse"])
        self.assertEqual(set(answers["titles"].values()), {"accepted"})


class OrthancTests(ProbeTestCase):
    """Orthanc."""

    title = "ORTHANC"
    _serve = test_scu.ToOrthancTests._serve

    async def test_orthanc(self) -> None:
        """Orthanc, made with DCMTK, takes its title in small letters too."""
        answers = await self.answers(await self._serve(DicomCheckCalledAet=True), "ORTHANC")
        self.assert_dcmtk(answers)
        self.assertEqual(list(answers["titles"].values()), [NOT_RECOGNIZED, "accepted", "accepted"])


class TLSTests(TLSTestCase):
    """What is asked with --tls."""

    async def probe(self, port: int, **settings: Any) -> dict[str, Any]:
        """The answers about TLS of what listens on this port."""
        tls = TLSSettings(ca=self.ca, **settings)
        probing = Probe(reactor, Target(HOST, port), Settings(timeout=PATIENCE, tls=tls))
        await probing.run()
        self.assertEqual((probing.baseline.error, probing.stopped), (None, ""))
        return values(probing.answers)["tls"]

    async def test_ours(self) -> None:
        """A server of ours agrees to 1.2 and 1.3, asks for no certificate, and shows its own."""
        answers = await self.probe(await self.serve(self.ae()))
        self.assertEqual(list(answers), list(GROUPS["tls"].questions))
        for version, agreed in (
            ("TLSv1.0", "not agreed to: "),
            ("TLSv1.1", "not agreed to: "),
            ("TLSv1.2", "agreed to, ECDHE-"),
            ("TLSv1.3", "agreed to, TLS_"),
        ):
            self.assertTrue(str(answers[version]).startswith(agreed), answers)
        self.assertTrue(answers["chosen"].startswith("TLSv1.3, TLS_"), answers)
        self.assertIs(answers["client_certificate"], False)
        self.assertIn("trustme", answers["subject"])
        self.assertIn("CA", answers["issuer"])
        self.assertRegex(answers["expires"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertEqual(answers["key"], "EC secp256r1")

    async def test_client_certificate(self) -> None:
        """A server that wants a certificate of this side is seen to ask for one."""
        path = os.path.join(self.directory(), "client.pem")
        client = self.authority.issue_cert("client.example")
        client.private_key_and_cert_chain_pem.write_to_path(path)
        authority = ssl.Certificate.loadPEM(self.authority.cert_pem.bytes())
        factory = self.ae().server_factory()
        self.addCleanup(factory.shutdown)
        endpoint = SSL4ServerEndpoint(reactor, 0, self.own.options(authority), interface=HOST)
        port = await endpoint.listen(factory)
        self.addCleanup(port.stopListening)
        answers = await self.probe(port.getHost().port, certificate=path)
        self.assertIs(answers["client_certificate"], True)
        self.assertTrue(answers["TLSv1.2"].startswith("agreed to"), answers)

    async def test_storescp(self) -> None:
        """DCMTK's storescp closes nothing after a handshake; it is told apart all the same."""
        answers = await self.probe(await self.start_storescp("-ic"))
        self.assertTrue(answers["TLSv1.3"].startswith("agreed to"), answers)
        self.assertTrue(answers["TLSv1.1"].startswith("not agreed to"), answers)

    async def shake(self, port: int, version: str = "TLSv1.2", seconds: float = PATIENCE) -> Any:
        settings = TLSSettings()
        answers = await probe_tls.handshake(version, reactor, Target(HOST, port), settings, seconds)
        return answers[version]

    async def listen(self, answer: bytes) -> int:
        """Listen with a protocol that answers once, with this or not at all, and stays."""

        class Answer(Protocol):
            def dataReceived(self, data: bytes) -> None:
                self.transport.write(answer)

        endpoint = TCP4ServerEndpoint(reactor, 0, interface=HOST)
        port = await endpoint.listen(Factory.forProtocol(Answer))
        self.addCleanup(port.stopListening)
        return int(port.getHost().port)

    async def test_no_tls(self) -> None:
        """What is not TLS is not agreed to; silence is a time-out, a closed port no connection."""
        answer = await self.shake(await self.listen(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
        self.assertTrue(str(answer.value).startswith("not agreed to: "), answer)
        with self.assertRaises(AssociationTimeout):
            await self.shake(await self.listen(b""), seconds=0.2)
        with self.assertRaises(ConnectionFailed):
            await self.shake(free_port())

    async def test_unreadable_certificate(self) -> None:
        """A certificate that cannot be read is not known, and the rest is."""

        def unreadable(key: object) -> str:
            raise ValueError("no such key")

        self.patch(probe_tls, "_key", unreadable)
        answers = await self.probe(await self.serve(self.ae()))
        self.assertEqual(
            [answers[name] for name in ("subject", "issuer", "expires", "key")], [None] * 4
        )
        self.assertTrue(answers["TLSv1.3"].startswith("agreed to"), answers)

    async def test_not_offered(self) -> None:
        """A version that the OpenSSL at hand does not offer is not said to be refused."""
        self.patch(probe_tls, "_CIPHERS", b"DEFAULT:@SECLEVEL=2")
        answer = await self.shake(await self.serve(self.ae()), "TLSv1.0")
        self.assertIsNone(answer.value)
        self.assertTrue(answer.why.startswith("this OpenSSL does not offer it: "), answer)

    async def test_old_server(self) -> None:
        """An old version is found to be agreed to where it is: nothing lower is refused here."""
        factory = self.ae().server_factory()
        self.addCleanup(factory.shutdown)
        old = ssl.CertificateOptions(
            privateKey=self.own.privateKey.original,
            certificate=self.own.original,
            insecurelyLowerMinimumTo=ssl.TLSVersion.TLSv1_0,
        )
        old.getContext().set_cipher_list(b"DEFAULT:@SECLEVEL=0")
        port = await SSL4ServerEndpoint(reactor, 0, old, interface=HOST).listen(factory)
        self.addCleanup(port.stopListening)
        for version in ("TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"):
            answer = await self.shake(port.getHost().port, version)
            if "does not offer it" in answer.why:
                raise SkipTest(f"{version}: {answer.why}")
            self.assertTrue(str(answer.value).startswith("agreed to, "), (version, answer))


class CommandTests(ProbeTestCase):
    """The command, its exit codes and its file."""

    async def probe(self, target: str, *options: str) -> Any:
        return await self.run_to_end(sys.executable, "-m", "txdicom", "echo", target, *options)

    async def serve(self, title: str = "ARCHIVE") -> str:
        ae = self.ae()
        ae.ae_title = title
        self.server = ae
        port = await ae.start_server((HOST, 0), block=False)
        return f"{title}@{HOST}:{port.getHost().port}"

    async def test_text(self) -> None:
        """It prints a table, and ends with 0."""
        peer = await self.probe(await self.serve(), "--probe")
        self.assertEqual(peer.status, 0, peer.output)
        for words in ("Transfer syntaxes for Verification", "accepted of 128", "without TLS"):
            self.assertIn(words, peer.output)
        self.assertIn("release                             answered", peer.output)

    async def test_diff(self) -> None:
        """0 where nothing differs, 1 where an answer does, with what it was and what it is."""
        target = await self.serve()
        kept = await self.probe(target, "--probe", "--json")
        self.assertEqual(json.loads(kept.output)["exit_code"], 0)
        path = os.path.join(self.directory(), "probe.json")
        with open(path, "w") as file:
            file.write(kept.output)
        same = await self.probe(target, "--diff", path)
        self.assertEqual(same.status, 0, same.output)
        self.assertIn("nothing differs: ", same.output)
        self.server.require_called_aet = True
        # A server's policy is that of its start.
        target = await self._restarted()
        differs = await self.probe(target, "--diff", path)
        self.assertEqual(differs.status, 1, differs.output)
        self.assertIn(f"AE titles: called {UNKNOWN_TITLE}\n  then:  accepted\n", differs.output)
        self.assertIn(f"  now:   {NOT_RECOGNIZED}\n", differs.output)
        quiet = await self.probe(target, "--diff", path, "-q")
        self.assertEqual((quiet.status, quiet.output), (1, ""))
        added = json.loads((await self.probe(target, "--diff", path, "--json")).output)
        self.assertEqual((added["exit_code"], len(added["diff"]["differences"])), (1, 2))

    async def _restarted(self) -> str:
        port = await self.server.start_server((HOST, 0), block=False)
        return f"ARCHIVE@{HOST}:{port.getHost().port}"

    async def test_failures(self) -> None:
        """A failure has the exit code of an echo's; a file that is no probe is a wrong argument."""
        closed = f"{HOST}:{free_port()}"
        peer = await self.probe(closed, "--probe")
        self.assertEqual(peer.status, 4, peer.output)
        self.assertIn("FAILED at the stage connect", peer.output)
        peer = await self.probe(closed, "--diff", os.path.join(self.directory(), "none"))
        self.assertEqual(peer.status, 2, peer.output)
        peer = await self.probe(closed, "--probe", "--nagios")
        self.assertEqual(peer.status, 3, peer.output)
