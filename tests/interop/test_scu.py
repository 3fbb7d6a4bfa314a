"""txdicom verifies foreign SCPs: DCMTK, pynetdicom, Orthanc."""

from __future__ import annotations

import json
import os

from pydicom.uid import AllTransferSyntaxes

from tests.interop.peers import (
    HOST,
    PYNETDICOM,
    InteropTestCase,
    dcmtk,
    free_port,
    orthanc,
    script,
)
from txdicom import build_context, evt
from txdicom.errors import AssociationAborted, AssociationRejected, NoAcceptedContext
from txdicom.sop_class import Verification

#: A SOP class that nobody knows, made of a UUID.
UNKNOWN = "2.25.287712353183546891926482846893518266041"

# PS3.8 Table 9-18
ABSTRACT_SYNTAX_NOT_SUPPORTED = 3


class SCUTests:
    """What is asked of every SCP."""

    #: The AE title of the SCP that rejects all others.
    title = "ANY-SCP"

    #: What the SCP says of an A-ABORT; most say it of a lost connection, too.
    aborted = "Association Aborted"

    async def test_echo(self) -> None:
        """One echo is answered with success, and the association is released."""
        port = await self.serve()
        released: list[evt.Event] = []
        association = await self.ae().associate(
            HOST, port, evt_handlers=[(evt.EVT_RELEASED, released.append)]
        )
        status = await association.send_c_echo()
        self.assertEqual(status.Status, 0x0000)
        await association.release()
        self.assertTrue(association.is_released)
        self.assertEqual(len(released), 1)

    async def test_five_echoes(self) -> None:
        """Five echoes on one association are all answered."""
        association = await self.ae().associate(HOST, await self.serve())
        statuses = [(await association.send_c_echo()).Status for _ in range(5)]
        self.assertEqual(statuses, [0x0000] * 5)
        await association.release()

    async def test_abort(self) -> None:
        """An association that this side aborts is aborted for the SCP, which serves the next."""
        port = await self.serve()
        association = await self.ae().associate(HOST, port)
        await association.send_c_echo()
        await association.abort()
        self.assertTrue(association.is_aborted)
        self.assertEqual(association.failure.by, "local")
        await self.peer.says(self.aborted)
        await self.assert_serves(port)

    async def test_wrong_called_title(self) -> None:
        """An SCP that refuses the called AE title is told from all other failures."""
        port = await self.serve_only_its_title()
        error = await self.assertFailure(
            self.ae().associate(HOST, port, ae_title="OTHER"), AssociationRejected
        )
        self.assertEqual((error.result, error.source, error.reason), (1, 1, 7))
        self.assertFalse(error.transient)
        await self.assert_serves(port, self.title)

    async def test_unknown_context(self) -> None:
        """An SCP that accepts none of the contexts is told from one that rejects."""
        error = await self.assertFailure(
            self.ae().associate(HOST, await self.serve(), contexts=[build_context(UNKNOWN)]),
            NoAcceptedContext,
        )
        self.assertEqual(error.results, ((UNKNOWN, ABSTRACT_SYNTAX_NOT_SUPPORTED),))

    async def test_unknown_context_beside_verification(self) -> None:
        """A context that the SCP does not know leaves the one beside it of use."""
        association = await self.ae().associate(
            HOST, await self.serve(), contexts=[build_context(UNKNOWN), build_context(Verification)]
        )
        accepted = [context.abstract_syntax for context in association.accepted_contexts]
        self.assertEqual(accepted, [Verification])
        (refused,) = association.rejected_contexts
        self.assertEqual(
            (refused.abstract_syntax, refused.result), (UNKNOWN, ABSTRACT_SYNTAX_NOT_SUPPORTED)
        )
        self.assertEqual((await association.send_c_echo()).Status, 0x0000)
        await association.release()

    async def test_many_contexts(self) -> None:
        """128 contexts of 38 transfer syntaxes each can be proposed, and used."""
        contexts = [build_context(Verification, AllTransferSyntaxes[:38]) for _ in range(128)]
        association = await self.ae().associate(HOST, await self.serve(), contexts=contexts)
        self.assertEqual(len(association.accepted_contexts), 128)
        for context in association.accepted_contexts:
            self.assertEqual(len(context.transfer_syntax), 1)
        self.assertEqual((await association.send_c_echo()).Status, 0x0000)
        await association.release()


class ToDCMTKTests(SCUTests, InteropTestCase):
    """DCMTK's ``storescp``, and ``dcmqrscp`` for AE titles, which ``storescp`` does not check."""

    title = "DCMQRSCP"

    async def serve(self) -> int:
        port = free_port()
        self.peer = await self.start_serving(port, dcmtk("storescp"), "-v", str(port))
        return port

    async def serve_only_its_title(self) -> int:
        return await self.start_dcmqrscp(self.title)

    async def test_refused(self) -> None:
        """An SCP that rejects without a reason is believed."""
        port = free_port()
        await self.start_serving(port, dcmtk("storescp"), "--refuse", str(port))
        error = await self.assertFailure(self.ae().associate(HOST, port), AssociationRejected)
        self.assertEqual((error.result, error.source, error.reason), (1, 1, 1))


class ToPynetdicomTests(SCUTests, InteropTestCase):
    """pynetdicom's ``echoscp``, and a program with it for what that cannot do."""

    title = "PYNETDICOM"
    aborted = "INCOMING A-ABORT PDU"

    async def serve(self) -> int:
        port = free_port()
        self.peer = await self.start_serving(port, *PYNETDICOM, "echoscp", "-d", str(port))
        return port

    async def serve_only_its_title(self) -> int:
        return await self._serve_script("require-called")

    async def _serve_script(self, what: str) -> int:
        port = free_port()
        await self.start_serving(port, *script("pynetdicom_scp.py"), str(port), what)
        return port

    async def test_peer_aborts(self) -> None:
        """An SCP that aborts instead of answering ends the echo with a failure that says so."""
        association = await self.ae().associate(HOST, await self._serve_script("abort"))
        error = await self.assertFailure(association.send_c_echo(), AssociationAborted)
        self.assertEqual((error.by, error.stage), ("peer", "echo"))
        self.assertTrue(association.is_aborted)
        await association.when_closed()


class ToOrthancTests(SCUTests, InteropTestCase):
    """Orthanc."""

    title = "ORTHANC"

    async def serve(self) -> int:
        return await self._serve(DicomCheckCalledAet=False)

    async def serve_only_its_title(self) -> int:
        return await self._serve(DicomCheckCalledAet=True)

    async def _serve(self, **options: object) -> int:
        port = free_port()
        directory = self.directory()
        configuration = os.path.join(directory, "orthanc.json")
        with open(configuration, "w") as file:
            json.dump(
                {
                    "HttpServerEnabled": False,
                    "DicomAet": self.title,
                    "DicomPort": port,
                    "DicomAlwaysAllowEcho": True,
                    "StorageDirectory": directory,
                    "IndexDirectory": directory,
                    **options,
                },
                file,
            )
        self.peer = await self.start_serving(port, orthanc(), "--verbose", configuration)
        return port
