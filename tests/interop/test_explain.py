"""``--explain`` against peers that really do what is explained."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import stat
import sys
from datetime import datetime, timedelta, timezone
from typing import Any

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.internet import reactor, ssl
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import SSL4ServerEndpoint, TCP4ServerEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import SkipTest

from tests.interop.peers import HOST, PATIENCE, InteropTestCase, dcmtk, free_port, poll
from txdicom import evt
from txdicom.cli.explain import Explanation, explain, title_lines
from txdicom.cli.further import look_further, try_titles
from txdicom.cli.kept import read
from txdicom.cli.outcome import Outcome
from txdicom.cli.reading import outcome_of
from txdicom.cli.recording import Recording
from txdicom.cli.settings import Settings
from txdicom.cli.target import Target
from txdicom.cli.verify import Verification
from txdicom.testing import FaultyFactory
from txdicom.tls import TLSSettings
from txdicom.upperlayer.user_information import AsynchronousOperationsWindow, UserIdentityRQ

#: Seconds for a peer that is silent; one that answers is given :data:`PATIENCE`.
SHORT = 1.0


class ExplainTestCase(InteropTestCase):
    async def outcome(
        self, port: int, timeout: float = PATIENCE, handlers: Any = (), **settings: Any
    ) -> Outcome:
        """What comes of the verification of what listens on this port."""
        opened: list[Any] = []
        verification = Verification(
            reactor,
            Target(HOST, port),
            Settings(timeout=timeout, **settings),
            handlers=((evt.EVT_CONN_OPEN, lambda event: opened.append(event.assoc)), *handlers),
        )
        outcome = await verification.run()
        how = Settings(timeout=timeout, **settings)
        await look_further(outcome, reactor, Target(HOST, port), how, ())
        for association in opened:  # which may still wait for the peer to close
            association.protocol.abort_connection()
            await association.when_closed()
        return outcome

    async def explained(self, port: int, timeout: float = PATIENCE, **settings: Any) -> Explanation:
        outcome = await self.outcome(port, timeout, **settings)
        explanation = explain(outcome)
        assert explanation is not None, outcome
        return explanation

    async def faulty(self, *faults: str) -> int:
        """Start a server that commits these faults. Returns its port."""
        server = self.ae().server_factory()
        factory = FaultyFactory(server, list(faults), reactor)
        port = await TCP4ServerEndpoint(reactor, 0, interface=HOST).listen(factory)
        self.addCleanup(server.shutdown)
        self.addCleanup(lambda: Deferred.fromCoroutine(self._closed(factory)))
        self.addCleanup(port.stopListening)
        return int(port.getHost().port)

    async def _closed(self, factory: FaultyFactory) -> None:
        """Wait until the server has seen that its connections are closed."""
        for protocol in list(factory.protocols):
            protocol.transport.abortConnection()
        await poll(lambda: not factory.protocols, lambda: "a connection is still open")


class PlainTests(ExplainTestCase):
    """Peers without TLS."""

    async def test_faults(self) -> None:
        """Each fault of a server is told from the others."""
        for fault, case in (
            ("http", "speaks-http"),
            ("hl7", "speaks-hl7"),
            ("ssh", "speaks-ssh"),
            ("tls-alert", "speaks-tls"),
            ("reject:1,1,7", "called-title"),
            ("reject:1,1,3", "calling-title"),
            ("reject:1,1,1", "rejected-without-reason"),
            ("reject:2,3,2", "congestion"),
            ("no-context:3", "verification-not-supported"),
            ("no-context:4", "transfer-syntaxes"),
            ("abort:on-associate", "aborted"),
            ("drop:on-associate", "closed"),
            ("truncate:on-associate:20", "closed-in-answer"),
            ("truncate:on-echo:20", "closed-in-answer"),
            ("wrong-message-id", "other-message-id"),
            ("wrong-command", "violation"),
            ("abort:on-echo", "echo-aborted"),
            ("drop:on-echo", "echo-lost"),
            ("reset:on-echo", "echo-lost"),
            ("status:0x0110", "status"),
            ("status:0x0122", "status-not-supported"),
            ("drop:on-release", "release"),
        ):
            explanation = await self.explained(await self.faulty(fault))
            self.assertEqual(explanation.case, case, (fault, explanation))

    async def test_timeouts(self) -> None:
        """Silence is explained by the stage at which it begins."""
        for fault, case in (
            ("silence:on-associate", "associate-timeout"),
            ("stall:on-associate:20", "timeout-in-answer"),
            ("silence:on-echo", "echo-timeout"),
            ("stall:on-echo:20", "timeout-in-answer"),
            ("silence:on-release", "release"),
        ):
            explanation = await self.explained(await self.faulty(fault), SHORT)
            self.assertEqual(explanation.case, case, explanation)

    async def test_kept(self) -> None:
        """What --save keeps is explained as it was live."""
        for faults in (
            "http reject:1,1,7 no-context:4 abort:on-associate drop:on-associate"
            " truncate:on-associate:20 truncate:on-echo:20 drop:on-echo reset:on-echo abort:on-echo"
            " wrong-command wrong-command:33 wrong-command:48 wrong-context wrong-message-id"
            " garble:on-echo garble:on-echo:12 status:0x0122 status:0xFF00 status:0"
            " drop:on-release abort:on-release reset:on-release garble:on-release"
            " truncate:on-release:4 status:0x0110+drop:on-release status:0x0110+abort:on-release"
            " status:0x0110+garble:on-release",
            "silence:on-associate stall:on-associate:20 stall:on-echo:20"
            " slow-bytes:on-associate:0.1 silence:on-echo silence:on-release stall:on-release:4",
        ):
            timeout = SHORT if "silence" in faults else PATIENCE
            for fault in faults.split():
                recording = Recording(path := os.path.join(self.directory(), "exchange"))
                port = await self.faulty(*fault.split("+"))
                outcome = await self.outcome(port, timeout, handlers=recording.handlers)
                recording.finish(outcome, False)
                later = outcome_of(read(path))
                self.assertEqual(self._verdict(outcome), self._verdict(later), fault)
                self.assertEqual(read(path).target, outcome.target)

    def _verdict(self, outcome: Outcome) -> tuple[object, ...]:
        """What has to be the same, whether an exchange is explained at once or later."""
        explanation = explain(outcome)
        told = explanation and (explanation.case, explanation.stage)
        return told, outcome.exit_code, type(outcome.release_error), outcome.unfinished

    async def test_identity_and_window(self) -> None:
        """An abort where a user identity or a window was proposed is said to be so."""
        for fault, item, case in (
            ("abort:on-user-identity", UserIdentityRQ(2, b"someone", b"s3cret"), "identity"),
            ("abort:on-async-window", AsynchronousOperationsWindow(2, 1), "window"),
        ):
            port = await self.faulty(fault)
            explanation = await self.explained(port, extended=(item,))
            self.assertEqual(explanation.case, case)
            self.assertNotIn("s3cret", repr(explanation))

    async def test_refused(self) -> None:
        """A port on which nothing listens is said to be one."""
        self.assertEqual((await self.explained(free_port())).case, "refused")

    async def test_not_resolved(self) -> None:
        """A name that nobody has is said to be one."""
        out, _, code = await self.command("echo", "no-such-host.invalid:104", "--explain")
        self.assertEqual(code, 3)
        self.assertIn("The name is misspelt", out)

    async def test_filtered(self) -> None:
        """A SYN that nobody answers is told from a refusal, and is at the stage connect."""
        with contextlib.ExitStack() as sockets:
            # Linux drops the SYNs to a listener whose backlog is full.
            full = sockets.enter_context(socket.socket())
            full.bind((HOST, 0))
            full.listen(0)
            port = full.getsockname()[1]
            for _ in range(4):
                filling = sockets.enter_context(socket.socket())
                filling.setblocking(False)
                filling.connect_ex((HOST, port))
            outcome = await self.outcome(port, SHORT)
        if "connect" in outcome.seconds:
            raise SkipTest("this system accepts more connections than the backlog")
        explanation = explain(outcome)
        assert explanation is not None
        self.assertEqual((explanation.case, explanation.stage), ("filtered", "connect"))
        self.assertEqual(outcome.exit_code, 10)

    async def test_titles(self) -> None:
        """Of the titles that are tried, the one that the peer answers to is named."""
        ae = self.ae()
        ae.ae_title = "ARCHIVE"
        ae.require_called_aet = True
        port = await ae.start_server((HOST, 0), block=False)
        target, settings = Target(HOST, port.getHost().port), Settings(timeout=PATIENCE)
        outcome = await Verification(reactor, target, settings).run()
        await try_titles(outcome, reactor, target, settings, ("PACS", "ARCHIVE"))
        self.assertEqual([tried.exit_code for tried in outcome.tried], [6, 0])
        self.assertEqual(list(title_lines(outcome))[1], "called AE title ARCHIVE: accepted")

    async def test_calling_titles(self) -> None:
        """So is the one that the peer knows as a caller."""
        ae = self.ae()
        ae.require_calling_aet = ["CT1"]
        port = await ae.start_server((HOST, 0), block=False)
        target, settings = Target(HOST, port.getHost().port), Settings(timeout=PATIENCE)
        outcome = await Verification(reactor, target, settings).run()
        await try_titles(outcome, reactor, target, settings, ("CT9", "CT1"))
        self.assertEqual([tried.exit_code for tried in outcome.tried], [6, 0])
        self.assertEqual(list(title_lines(outcome))[1], "calling AE title CT1: accepted")

    async def test_too_many(self) -> None:
        """A peer that has as many associations as it allows is said to refuse for now."""
        ae = self.ae()
        ae.maximum_associations = 1
        port = (await ae.start_server((HOST, 0), block=False)).getHost().port
        first = await self.ae().associate(HOST, port)
        outcome = await self.outcome(port)
        explanation = explain(outcome)
        assert explanation is not None
        self.assertEqual((explanation.case, outcome.exit_code), ("congestion", 6))
        await first.release()
        self.assertEqual((await self.outcome(port)).exit_code, 0)

    async def test_dcmtk(self) -> None:
        """DCMTK's SCP that refuses every association is explained."""
        port = free_port()
        await self.start_serving(port, dcmtk("storescp"), "--refuse", str(port))
        self.assertEqual((await self.explained(port)).case, "rejected-without-reason")

    async def test_command(self) -> None:
        """The command prints the explanation and the titles, and keeps its exit code."""
        ae = self.ae()
        ae.require_called_aet = True
        port = await ae.start_server((HOST, 0), block=False)
        out, err, code = await self.command(
            "echo", f"{HOST}:{port.getHost().port}", "--explain", "--try-titles=NO,TXDICOM"
        )
        self.assertEqual((code, err), (6, ""))
        self.assertIn("called AE title TXDICOM: accepted", out)
        self.assertIn("Usually means: The peer does not answer to the title ANY-SCP.", out)

    async def test_exchange(self) -> None:
        """-d shows the ladder without the passcode; what --save keeps is explained later."""
        port = await self.faulty("wrong-message-id")
        path = os.path.join(self.directory(), "exchange")
        _, err, code = await self.command(
            "echo",
            f"{HOST}:{port}",
            "-d",
            "--save",
            path,
            "--user=someone",
            TXDICOM_PASSWORD="s3cret",
        )
        self.assertEqual(code, 11)
        self.assertRegex(err, r"\|<- C-ECHO-RSP -+\|  to message ")
        self.assertNotIn("s3cret", err)
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        out, err, code = await self.command("explain", path)
        self.assertEqual((code, err), (0, ""))
        self.assertIn("The peer answered another message", out)
        self.assertNotIn("s3cret", out)

    async def test_exchange_of_a_plugin(self) -> None:
        """--save keeps the exchange of a monitoring plugin, too."""
        port = await self.faulty("wrong-message-id")
        path = os.path.join(self.directory(), "exchange")
        out, _, code = await self.command("echo", f"{HOST}:{port}", "--nagios", "--save", path)
        self.assertEqual((code, len(out.splitlines())), (2, 1))
        out, _, code = await self.command("explain", path)
        self.assertEqual(code, 0)
        self.assertIn("The peer answered another message", out)

    async def command(self, *argv: str, **environment: str) -> tuple[str, str, int]:
        """Run ``python -m txdicom``. Returns what it printed, and its exit code."""
        path = os.pathsep.join(p for p in sys.path if p)
        out, err, code = await getProcessOutputAndValue(
            sys.executable,
            ["-m", "txdicom", *argv],
            {**os.environ, "PYTHONPATH": path, **environment},
        )
        return out.decode(), err.decode(), code


class TLSTests(ExplainTestCase):
    """Peers with TLS, or that should have it."""

    def setUp(self) -> None:
        self.authority = trustme.CA()
        self.ca = os.path.join(self.directory(), "ca.pem")
        self.authority.cert_pem.write_to_path(self.ca)

    async def serve(self, issued: trustme.LeafCert, *client_authorities: Any) -> int:
        """Start a TLS server with this certificate. Returns its port."""
        certificate = ssl.PrivateCertificate.loadPEM(issued.private_key_and_cert_chain_pem.bytes())
        options = certificate.options(*client_authorities)
        factory = self.ae().server_factory()
        port = await SSL4ServerEndpoint(reactor, 0, options, interface=HOST).listen(factory)
        self.addCleanup(factory.shutdown)
        self.addCleanup(port.stopListening)
        return int(port.getHost().port)

    async def case(self, port: int, timeout: float = PATIENCE) -> str:
        return (await self.explained(port, timeout, tls=TLSSettings(self.ca))).case

    async def test_good(self) -> None:
        """A peer whose certificate is good is verified: nothing is to be explained."""
        port = await self.serve(self.authority.issue_cert(HOST))
        outcome = await self.outcome(port, tls=TLSSettings(self.ca))
        self.assertEqual((outcome.exit_code, explain(outcome)), (0, None))

    async def test_certificates(self) -> None:
        """What is wrong with a certificate is said, and whose it is."""
        now = datetime.now(timezone.utc)
        day = timedelta(days=1)
        for issued, case in (
            (trustme.CA().issue_cert(HOST), "certificate-issuer"),
            (
                self.authority.issue_cert(HOST, not_before=now - 9 * day, not_after=now - 2 * day),
                "certificate-expired",
            ),
            (
                self.authority.issue_cert(HOST, not_before=now + 2 * day, not_after=now + 9 * day),
                "certificate-not-yet-valid",
            ),
            (self.authority.issue_cert("other.example"), "certificate-name"),
        ):
            self.assertEqual(await self.case(await self.serve(issued)), case, case)

    async def test_other_name(self) -> None:
        """The names are told that a certificate is for, where it is not for the host's."""
        issued = self.authority.issue_cert("other.example", "192.0.2.7")
        explanation = await self.explained(await self.serve(issued), tls=TLSSettings(self.ca))
        self.assertIn("for other.example, 192.0.2.7, issued by", " ".join(explanation.happened))

    test_other_name.timeout = 20  # type: ignore[attr-defined]  # it ends with the handshake

    async def test_expiry_date(self) -> None:
        """An expired certificate's date is told."""
        now = datetime.now(timezone.utc)
        ended = now - timedelta(days=2)
        issued = self.authority.issue_cert(
            HOST, not_before=now - timedelta(days=9), not_after=ended
        )
        explanation = await self.explained(await self.serve(issued), tls=TLSSettings(self.ca))
        self.assertIn(f"to {ended:%Y-%m-%d}", " ".join(explanation.happened))

    async def test_client_certificate(self) -> None:
        """A peer that wants a certificate of this side is said to want one."""
        authority = ssl.Certificate.loadPEM(self.authority.cert_pem.bytes())
        port = await self.serve(self.authority.issue_cert(HOST), authority)
        self.assertEqual(await self.case(port), "client-certificate-wanted")

    async def test_no_name(self) -> None:
        """A certificate from a trusted authority that is for no name at all is not taken."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
        now = datetime.now(timezone.utc)
        issued = x509.CertificateBuilder(
            name, name, key.public_key(), 7, now - timedelta(1), now + timedelta(9)
        ).sign(key, hashes.SHA256())
        pem = issued.public_bytes(serialization.Encoding.PEM)
        path = os.path.join(self.directory(), "ca.pem")
        with open(path, "wb") as file:
            file.write(pem)
        pem += key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        factory = self.ae().server_factory()
        options = ssl.PrivateCertificate.loadPEM(pem).options()
        port = await SSL4ServerEndpoint(reactor, 0, options, interface=HOST).listen(factory)
        self.addCleanup(factory.shutdown)
        self.addCleanup(port.stopListening)
        outcome = await self.outcome(port.getHost().port, tls=TLSSettings(path))
        explanation = explain(outcome)
        assert explanation is not None
        self.assertEqual((explanation.case, outcome.exit_code), ("certificate-without-name", 5))
        self.assertIn("for no name in a subjectAltName", " ".join(explanation.happened))

    async def test_old_version(self) -> None:
        """A server that has TLS 1.1 and nothing newer is said to be too old."""
        openssl = shutil.which("openssl")
        if openssl is None:
            raise SkipTest("there is no openssl")
        issued = self.authority.issue_cert(HOST)
        path = os.path.join(self.directory(), "server.pem")
        issued.private_key_and_cert_chain_pem.write_to_path(path)
        port = free_port()
        server = self.start(
            *(openssl, "s_server", "-accept", f"{HOST}:{port}", "-cert", path, "-key", path),
            *("-tls1_1", "-cipher", "ALL:@SECLEVEL=0"),
        )
        await server.says("ACCEPT")
        outcome = await self.outcome(port, tls=TLSSettings(self.ca))
        explanation = explain(outcome)
        assert explanation is not None
        self.assertEqual((explanation.case, outcome.exit_code), ("tls-version", 5))

    async def test_silent_after_handshake(self) -> None:
        """Silence after the handshake is not one of TLS."""
        issued = self.authority.issue_cert(HOST)
        certificate = ssl.PrivateCertificate.loadPEM(issued.private_key_and_cert_chain_pem.bytes())
        port = await SSL4ServerEndpoint(reactor, 0, certificate.options(), interface=HOST).listen(
            Factory.forProtocol(Protocol)
        )
        self.addCleanup(port.stopListening)
        self.assertEqual(await self.case(port.getHost().port, SHORT), "associate-timeout")

    async def test_no_tls(self) -> None:
        """A peer that does not speak TLS is told from one that does and refuses."""
        for fault, case in (
            ("http", "not-tls"),
            ("tls-alert:70", "tls-version"),
            ("tls-alert:40", "tls-handshake"),
            ("drop:on-connect", "tls-closed"),
        ):
            self.assertEqual(await self.case(await self.faulty(fault)), case, fault)
        self.assertEqual(await self.case(await self.faulty("tls-stall"), SHORT), "tls-timeout")

    async def test_plain_to_tls(self) -> None:
        """A TLS server that is spoken to without TLS closes, and TLS is suggested."""

        class Closes(Protocol):
            def dataReceived(self, data: bytes) -> None:
                self.transport.loseConnection()

        port = await TCP4ServerEndpoint(reactor, 0, interface=HOST).listen(
            Factory.forProtocol(Closes)
        )
        self.addCleanup(port.stopListening)
        explanation = await self.explained(port.getHost().port)
        self.assertEqual(explanation.case, "closed")
        self.assertIn("Try with --tls.", explanation.tries)
