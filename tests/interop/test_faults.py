"""``txdicom echo`` as a process: each exit code, against a server that commits what it is for."""

from __future__ import annotations

import json
import socket
import sys

from twisted.internet import reactor
from twisted.internet.endpoints import serverFromString

from tests.interop.peers import HOST, TWISTD, Peer, dcmtk, free_port, script
from tests.interop.test_tls import TLSTestCase
from txdicom.testing import FaultyFactory


class FaultsTestCase(TLSTestCase):
    async def serve_faults(self, *faults: str, tls: bool = False) -> str:
        """Start a server that commits these faults. Returns its host and port."""
        factory = FaultyFactory(self.ae().server_factory(), faults, reactor)
        files = f":privateKey={self.key}:certKey={self.certificate}" if tls else ""
        endpoint = f"{'ssl' if tls else 'tcp'}:0:interface={HOST}{files}"
        port = await serverFromString(reactor, endpoint).listen(factory)
        self.addCleanup(factory.shutdown)
        self.addCleanup(port.stopListening)
        return f"{HOST}:{port.getHost().port}"

    async def echo(self, *arguments: str) -> Peer:
        """Run ``txdicom echo`` to its end."""
        return await self.run_to_end(sys.executable, "-m", "txdicom", "echo", *arguments)

    async def assert_exit(self, code: int, words: str, target: str, *options: str) -> Peer:
        """The echo ends with this exit code and says these words."""
        peer = await self.echo(target, *options)
        self.assertEqual(peer.status, code, f"{target} {options}\n{peer.output}")
        self.assertIn(words, peer.output)
        return peer

    async def assert_fault(self, fault: str, code: int, words: str, *options: str) -> None:
        """So it does against a server that commits this fault."""
        await self.assert_exit(code, words, await self.serve_faults(fault), *options)


class ExitCodeTests(FaultsTestCase):
    async def test_verified(self) -> None:
        """0: a late answer, or one byte by byte, is an answer all the same."""
        for fault in ("delay:on-associate:0.2", "delay:on-echo:0.2", "slow-bytes:on-echo:0.005"):
            await self.assert_fault(fault, 0, "0x0000 - Success")

    async def test_not_resolved(self) -> None:
        """3: a name without an address."""
        await self.assert_exit(3, "stage resolve", "nosuchhost.invalid:104")

    async def test_not_connected(self) -> None:
        """4: nobody listens."""
        await self.assert_exit(4, "stage connect", f"{HOST}:{free_port()}")

    async def test_tls(self) -> None:
        """5: the peer refuses the handshake, closes in it, or speaks no TLS."""
        for fault, words in (
            ("tls-alert:40", "handshake failure"),
            ("drop:on-connect", "during the TLS handshake"),
            ("http", "TLS failed"),
            ("abort:on-connect", "TLS failed"),
        ):
            await self.assert_fault(fault, 5, words, "--tls", f"--ca={self.ca}")

    async def test_over_tls(self) -> None:
        """Faults behind a TLS handshake that went well are told as those that they are."""
        for fault, code in (
            ("abort:on-connect", 7),
            ("drop:on-echo", 7),
            ("status:0x0110", 9),
            ("http", 11),
            ("slow-bytes:on-echo:0.005", 0),
        ):
            target = await self.serve_faults(fault, tls=True)
            await self.assert_exit(code, "", target, "--tls", f"--ca={self.ca}")

    async def test_rejected(self) -> None:
        """6: any rejection, permanent or transient, with its reason in words."""
        for fault, words in (
            ("reject:1,1,3", "calling-AE-title-not-recognized"),
            ("reject:1,1,7", "called-AE-title-not-recognized"),
            ("reject:2,3,1", "temporary-congestion"),
            ("reject:9,9,9", "stage associate"),
        ):
            await self.assert_fault(fault, 6, words)

    async def test_aborted(self) -> None:
        """7: an abort, a close or a reset, wherever it comes before the echo is answered."""
        for fault, words in (
            ("abort:on-connect", "stage associate"),
            ("abort:on-associate:2,2", "unexpected-PDU"),
            ("abort:on-echo:0,0", "stage echo"),
            ("drop:on-connect", "stage associate"),
            ("drop:on-associate", "connection was closed"),
            ("drop:on-echo", "stage echo"),
            ("reset:on-echo", "stage echo"),
            ("truncate:on-echo:20", "stage echo"),
            ("truncate:on-associate:20", "stage associate"),
        ):
            await self.assert_fault(fault, 7, words)

    async def test_user_identity(self) -> None:
        """7 or 6: a peer that does not stand a user identity, and is fine without."""
        for fault, code in (("abort:on-user-identity", 7), ("reject:on-user-identity", 6)):
            address = await self.serve_faults(fault)
            await self.assert_exit(0, "Success", address)
            await self.assert_exit(code, "stage associate", address, "--user=anna")

    async def test_window(self) -> None:
        """7: a peer that does not stand an asynchronous operations window; --explain tells."""
        address = await self.serve_faults("abort:on-async-window")
        await self.assert_exit(0, "Success", address)
        await self.assert_exit(
            7, "Try without --window.", address, "--window=2,1", "--explain", "--user=anna"
        )
        await self.assert_exit(7, "Try without --window.", address, "--window=0,0", "--explain")
        # Others accept the window, and close the connection when there is an echo.
        address = await self.serve_faults("drop:on-echo")
        await self.assert_exit(7, "Try without --window.", address, "--window=0,0", "--explain")
        await self.assert_exit(0, "Success", await self.serve_faults(), "--window=5,5")

    async def test_no_context(self) -> None:
        """8: the association is fine, but Verification is not."""
        await self.assert_fault("no-context", 8, "abstract-syntax-not-supported")
        await self.assert_fault("no-context:4", 8, "transfer-syntaxes-not-supported")

    async def test_status(self) -> None:
        """9: any status that is not success; all echoes are sent all the same."""
        for fault, words in (
            ("status:0x0110", "0x0110 - Failure"),
            ("status:0x0122", "0x0122 - Failure"),
            ("status:0xB000", "0xB000 - Warning"),
        ):
            await self.assert_fault(fault, 9, words)
        address = await self.serve_faults("status:0x0110")
        await self.assert_exit(9, "2 sent, 2 answered", address, "--count=2", "--interval=0.01")

    async def test_violation(self) -> None:
        """11: what is not DICOM, or not as DICOM has it."""
        for fault, words in (
            ("http", "the peer speaks HTTP"),
            ("hl7", "the peer speaks HL7"),
            ("ssh", "the peer speaks SSH"),
            ("smtp", "the peer speaks SMTP or FTP"),
            ("tls-alert", "the peer speaks TLS"),
            ("tls-stall", "the peer speaks TLS"),
            ("garble:on-associate", "stage associate"),
            ("garble:on-echo", "stage echo"),
            ("garble:on-echo:12", "stage echo"),
            ("wrong-message-id", "stage echo"),
            ("wrong-command", "stage echo"),
            ("wrong-context", "stage echo"),
        ):
            await self.assert_fault(fault, 11, words)

    async def test_release(self) -> None:
        """0: a release that fails after a good echo is a warning."""
        for fault in (
            "abort:on-release",
            "drop:on-release",
            "garble:on-release",
            "silence:on-release",
        ):
            await self.assert_fault(fault, 0, "warning: the release failed", "--timeout=1.5")


class TimeOutTests(FaultsTestCase):
    """10: each stage in which nothing comes, by the deadline and by the stage's own time-out."""

    async def assert_stage(self, stage: str, target: str, *options: str) -> None:
        """The echo ends with a time-out in this stage."""
        peer = await self.assert_exit(10, "", target, "--json", *options)
        error = json.loads(peer.output.splitlines()[-1])["error"]
        self.assertEqual((error["kind"], error["stage"]), ("AssociationTimeout", stage))

    async def test_resolve(self) -> None:
        """The name server does not answer: it ends in time all the same, in a fleet too."""
        one, other = "pacs.example:104", "other.example:104"
        for targets, status in (([one], 10), ([one, other], 12)):
            began = reactor.seconds()
            peer = await self.run_to_end(
                *script("slow_resolver.py"), "echo", *targets, "--timeout=0.5", "--json"
            )
            self.assertEqual(peer.status, status, peer.output)
            error = json.loads(peer.output.splitlines()[0])["error"]
            self.assertEqual((error["kind"], error["stage"]), ("AssociationTimeout", "resolve"))
            self.assertLess(reactor.seconds() - began, 15)
        resolver = script("slow_resolver.py")
        peer = await self.run_to_end(*resolver, "echo", one, "--timeout=0.5", "--explain")
        self.assertEqual(peer.status, 10, peer.output)
        self.assertIn("The name servers of this computer do not answer.", peer.output)

    async def test_connect(self) -> None:
        """Nobody answers the SYN: the listener's queue is full."""
        with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
            listener.bind((HOST, 0))
            listener.listen(0)
            for waiting in (first, second):
                waiting.setblocking(False)
                waiting.connect_ex(listener.getsockname())
            target = f"{HOST}:{listener.getsockname()[1]}"
            await self.assert_stage("connect", target, "--timeout=0.7")
            await self.assert_stage("connect", target, "-to", "0.7")

    async def test_tls(self) -> None:
        """The TLS handshake never begins, or never ends."""
        for fault in ("silence:on-connect", "tls-stall"):
            await self.assert_stage(
                "tls", await self.serve_faults(fault), "--tls", "--timeout=0.7", f"--ca={self.ca}"
            )

    async def test_associate(self) -> None:
        """The request is not answered, or not whole."""
        for fault in (
            "silence:on-connect",
            "silence:on-associate",
            "stall:on-associate:20",
            "slow-bytes:on-associate:0.1",
            "delay:on-associate:60",
        ):
            await self.assert_stage("associate", await self.serve_faults(fault), "--timeout=0.7")
        await self.assert_exit(
            10, "acse_timeout", await self.serve_faults("silence:on-associate"), "-ta", "0.5"
        )

    async def test_associate_over_tls(self) -> None:
        """The same after a TLS handshake that went well: it is not the TLS."""
        target = await self.serve_faults("silence:on-associate", tls=True)
        await self.assert_stage("associate", target, "--tls", f"--ca={self.ca}", "--timeout=1.2")

    async def test_echo(self) -> None:
        """The echo is not answered, or not whole."""
        for fault in ("silence:on-echo", "stall:on-echo:20", "delay:on-echo:60"):
            await self.assert_stage("echo", await self.serve_faults(fault), "--timeout=0.7")
        await self.assert_exit(
            10, "dimse_timeout", await self.serve_faults("silence:on-echo"), "-td", "0.5"
        )


class DCMTKTests(FaultsTestCase):
    """DCMTK's SCU, which reads by its own what a fault sends."""

    async def test_scu(self) -> None:
        """It understands a rejection, an abort, a status, and a refused presentation context."""
        for fault, words in (
            ("reject:1,1,7", "Called AE Title Not Recognized"),
            ("abort:on-associate:2,5", "Peer aborted Association"),
            ("abort:on-echo", "Peer aborted Association"),
            ("status:0x0122", "Status: 0x122"),
            ("no-context", "No Acceptable Presentation Contexts"),
            ("wrong-message-id", "Unexpected Response MsgId: 2 (expected: 1)"),
            ("wrong-command", "Unexpected Response Command Field: 0x8001"),
        ):
            host, port = (await self.serve_faults(fault)).split(":")
            scu = await self.run_to_end(dcmtk("echoscu"), "-v", "-to", "5", "-td", "5", host, port)
            self.assertIn(words, scu.output, f"{fault}\n{scu.output}")


class TwistdTests(FaultsTestCase):
    """``twistd -n dicom --fault``."""

    async def test_faults(self) -> None:
        """One server commits another fault for each calling AE title."""
        port = free_port()
        await self.start_serving(
            port, *TWISTD, "-n", "dicom", f"--listen=tcp:{port}:interface={HOST}",
            "--fault=REJECTED=reject:2,3,1", "--fault=ABORTED=abort:on-echo",
            "--fault=NO CONTEXT=no-context", "--fault=STATUS=status:0x0110",
            "--fault=SILENT=silence:on-echo", "--fault=WRONG=wrong-message-id",
        )  # fmt: skip
        for title, code in (
            ("HEALTHY", 0),
            ("REJECTED", 6),
            ("ABORTED", 7),
            ("NO CONTEXT", 8),
            ("STATUS", 9),
            ("SILENT", 10),
            ("WRONG", 11),
        ):
            await self.assert_exit(code, "", f"{HOST}:{port}", "-aet", title, "--timeout=2")

    async def test_stops(self) -> None:
        """It ends when it is told to, though it holds silent connections."""
        port = free_port()
        server = await self.start_serving(
            port, *TWISTD, "-n", "dicom", f"--listen=tcp:{port}:interface={HOST}",
            "--fault=silence:on-echo",
        )  # fmt: skip
        client = self.start(
            sys.executable, "-m", "txdicom", "echo", f"{HOST}:{port}", "--timeout=20", "-d"
        )
        await client.says("C-ECHO-RQ")
        server.terminate()
        await server.ended()
        self.assertIn("Server Shut Down", server.output)
        await client.ended()
        self.assertEqual(client.status, 7, client.output)

    async def test_wrong_fault(self) -> None:
        """A fault that is none is one line, and an exit code other than 0."""
        server = await self.run_to_end(*TWISTD, "-n", "dicom", "--fault=reject:1,2,3,4")
        self.assertEqual(server.status, 1)
        (line,) = server.output.splitlines()
        self.assertIn("its values are result, source, reason", line)
