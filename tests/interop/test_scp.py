"""Foreign SCUs verify txdicom: a server in a program of the user's, and ``twistd dicom``."""

from __future__ import annotations

import json
import os

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort

from tests.interop.peers import (
    HOST,
    PYNETDICOM,
    TWISTD,
    InteropTestCase,
    dcmtk,
    free_port,
    orthanc,
    poll,
    script,
)
from txdicom import evt

# PS3.8 Table 9-18
ABSTRACT_SYNTAX_NOT_SUPPORTED = 3

_VERIFICATION = "1.2.840.10008.1.1"
_CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"


class InProcess(InteropTestCase):
    """The server is ``AE.start_server`` in this process."""

    async def serve(self, require_called: bool = False) -> int:
        """Start the server; returns its port."""
        self._aborted: list[Exception | None] = []
        ae = self.ae()
        ae.require_called_aet = require_called
        started = ae.start_server(
            (HOST, 0),
            block=False,
            evt_handlers=[
                (evt.EVT_ABORTED, lambda event: self._aborted.append(event.assoc.failure))
            ],
        )
        assert isinstance(started, Deferred)
        port: IListeningPort = await started
        return int(port.getHost().port)

    async def noticed_abort(self) -> None:
        """Wait until the server was told of an A-ABORT by the peer."""
        await poll(lambda: self._aborted, lambda: "no abort was noticed")
        (failure,) = self._aborted
        self.assertEqual(getattr(failure, "by", None), "peer")


class UnderTwistd(InteropTestCase):
    """The server is ``twistd -n dicom``."""

    async def serve(self, require_called: bool = False) -> int:
        """Start the server; returns its port."""
        port = free_port()
        options = ["--listen", f"tcp:{port}:interface={HOST}"]
        if require_called:
            options.append("--require-called")
        self._twistd = await self.start_serving(
            port, *TWISTD, "-n", "--pidfile=", "dicom", *options
        )
        return port

    async def noticed_abort(self) -> None:
        """Wait until the server logs an A-ABORT by the peer."""
        await self._twistd.says("Association Aborted: the peer aborted the association")


class DCMTK:
    """DCMTK's ``echoscu`` is answered."""

    async def test_echo(self) -> None:
        """One echo is answered with success."""
        port = await self.serve()
        scu = await self.run_to_end(dcmtk("echoscu"), "-v", HOST, str(port))
        self.assertEqual(scu.status, 0, scu.output)
        self.assertEqual(len(scu.lines_with("Received Echo Response (Success)")), 1)

    async def test_repeated_echo(self) -> None:
        """Five echoes on one association are all answered."""
        port = await self.serve()
        scu = await self.run_to_end(dcmtk("echoscu"), "-v", "--repeat", "5", HOST, str(port))
        self.assertEqual(scu.status, 0, scu.output)
        self.assertEqual(len(scu.lines_with("Received Echo Response (Success)")), 5)
        self.assertEqual(len(scu.lines_with("Association Accepted")), 1)

    async def test_abort(self) -> None:
        """An SCU that aborts is told apart from one that is lost, and the next one is served."""
        port = await self.serve()
        scu = await self.run_to_end(dcmtk("echoscu"), "--abort", HOST, str(port))
        self.assertEqual(scu.status, 0, scu.output)
        await self.noticed_abort()
        await self.assert_serves(port)

    async def test_wrong_called_title(self) -> None:
        """A server that requires its AE title rejects requests for another, and only those."""
        port = await self.serve(require_called=True)
        scu = await self.run_to_end(dcmtk("echoscu"), "-v", "-aec", "OTHER", HOST, str(port))
        self.assertEqual(scu.status, 1)
        self.assertIn("Rejected Permanent, Source: Service User", scu.output)
        self.assertIn("Called AE Title Not Recognized", scu.output)
        scu = await self.run_to_end(dcmtk("echoscu"), "-aec", "TXDICOM", HOST, str(port))
        self.assertEqual(scu.status, 0, scu.output)

    async def test_unknown_context(self) -> None:
        """An SCU of another service is accepted without a context, not rejected or aborted."""
        port = await self.serve()
        scu = await self.run_to_end(
            dcmtk("findscu"), "-v", "-S", "-k", "PatientID=1", HOST, str(port)
        )
        self.assertNotEqual(scu.status, 0)
        self.assertIn("No Acceptable Presentation Contexts", scu.output)

    async def test_many_contexts(self) -> None:
        """128 contexts of 38 transfer syntaxes each, 134 KB, are all accepted."""
        port = await self.serve()
        scu = await self.run_to_end(
            dcmtk("echoscu"), "-d", "-ppc", "128", "-pts", "38", HOST, str(port)
        )
        self.assertEqual(scu.status, 0, scu.output)
        self.assertEqual(len(scu.lines_with("(Accepted)")), 128)
        self.assertIn("Received Echo Response (Success)", scu.output)


class Pynetdicom:
    """pynetdicom's SCU is answered."""

    async def test_echo(self) -> None:
        """One echo is answered with success."""
        port = await self.serve()
        scu = await self.run_to_end(*PYNETDICOM, "echoscu", "-v", HOST, str(port))
        self.assertEqual(scu.status, 0, scu.output)
        self.assertEqual(len(scu.lines_with("Received Echo Response (Status: 0x0000")), 1)

    async def test_repeated_echo(self) -> None:
        """Five echoes on one association are all answered."""
        report = await self._report("repeat")
        self.assertEqual(report["statuses"], [0x0000] * 5)

    async def test_abort(self) -> None:
        """An SCU that aborts is told apart from one that is lost, and the next one is served."""
        port = await self.serve()
        scu = await self.run_to_end(*PYNETDICOM, "echoscu", "--abort", HOST, str(port))
        self.assertEqual(scu.status, 0, scu.output)
        await self.noticed_abort()
        await self.assert_serves(port)

    async def test_wrong_called_title(self) -> None:
        """A server that requires its AE title rejects requests for another, and only those."""
        port = await self.serve(require_called=True)
        scu = await self.run_to_end(*PYNETDICOM, "echoscu", "-d", "-aec", "OTHER", HOST, str(port))
        self.assertEqual(scu.status, 1)
        # In words of its own it may speak of an abort, where a rejection comes very soon.
        (_, rejection) = scu.output.split("INCOMING A-ASSOCIATE-RJ PDU")
        self.assertIn("Rejected (Permanent)", rejection)
        self.assertIn("DUL service-user", rejection)
        self.assertIn("Called AE title not recognised", rejection)
        scu = await self.run_to_end(*PYNETDICOM, "echoscu", "-aec", "TXDICOM", HOST, str(port))
        self.assertEqual(scu.status, 0, scu.output)

    async def test_unknown_context(self) -> None:
        """A context of another service is refused, and the one beside it serves."""
        report = await self._report("unknown")
        self.assertEqual(report["accepted"], [_VERIFICATION])
        self.assertEqual(report["rejected"], [[_CT_IMAGE_STORAGE, ABSTRACT_SYNTAX_NOT_SUPPORTED]])
        self.assertEqual(report["statuses"], [0x0000])

    async def test_many_contexts(self) -> None:
        """128 contexts of 38 transfer syntaxes each are all accepted."""
        report = await self._report("many")
        self.assertEqual(report["accepted"], [_VERIFICATION] * 128)
        self.assertEqual(report["statuses"], [0x0000])

    async def _report(self, what: str) -> dict[str, object]:
        """What pynetdicom says of what its script does."""
        port = await self.serve()
        scu = await self.run_to_end(*script("pynetdicom_scu.py"), str(port), what)
        self.assertEqual(scu.status, 0, scu.output)
        report: dict[str, object] = json.loads(scu.output)
        return report


class Orthanc:
    """Orthanc's "test DICOM connectivity", without its web interface."""

    async def _echo(self, require_called: bool, called: str) -> str:
        """What Orthanc says when it is asked to verify the server."""
        port = await self.serve(require_called)
        directory = self.directory()
        lua = os.path.join(directory, "echo.lua")
        with open(lua, "w") as file:
            file.write(
                "function Initialize()\n"
                "  local answer = RestApiPost('/modalities/server/echo', '{}', false)\n"
                "  print('echo: ' .. tostring(answer) .. ' end')\n"
                "end\n"
            )
        configuration = os.path.join(directory, "orthanc.json")
        with open(configuration, "w") as file:
            json.dump(
                {
                    "HttpServerEnabled": False,
                    "DicomServerEnabled": False,
                    "StorageDirectory": directory,
                    "IndexDirectory": directory,
                    "LuaScripts": [lua],
                    "DicomModalities": {"server": [called, HOST, port]},
                },
                file,
            )
        peer = self.start(orthanc(), configuration)
        await peer.says(" end")
        (line,) = peer.lines_with("echo: ")
        return line.partition("echo: ")[2].removesuffix(" end")

    async def test_echo(self) -> None:
        """Orthanc's echo succeeds."""
        self.assertEqual(await self._echo(False, "ANYTHING"), "{}")

    async def test_wrong_called_title(self) -> None:
        """A server that requires its AE title rejects Orthanc only when that calls another."""
        self.assertEqual(await self._echo(True, "OTHER"), "nil")
        self.assertEqual(await self._echo(True, "TXDICOM"), "{}")


class DCMTKToServerTests(DCMTK, InProcess):
    """DCMTK verifies a server in a program."""


class DCMTKToTwistdTests(DCMTK, UnderTwistd):
    """DCMTK verifies ``twistd dicom``."""


class PynetdicomToServerTests(Pynetdicom, InProcess):
    """pynetdicom verifies a server in a program."""


class PynetdicomToTwistdTests(Pynetdicom, UnderTwistd):
    """pynetdicom verifies ``twistd dicom``."""


class OrthancToServerTests(Orthanc, InProcess):
    """Orthanc verifies a server in a program."""


class OrthancToTwistdTests(Orthanc, UnderTwistd):
    """Orthanc verifies ``twistd dicom``."""
