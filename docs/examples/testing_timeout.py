"""Test a time-out of 30 s without waiting: ``python -m twisted.trial ./testing_timeout.py``."""

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from txdicom import evt
from txdicom.errors import AssociationError
from txdicom.sop_class import Verification
from txdicom.testing import MemoryClientEndpoint, Wire


async def verdict(ae, endpoint):
    """The program under test: what it says of a node."""
    try:
        assoc = await ae.connect(endpoint)
        status = await assoc.send_c_echo()
        await assoc.release()
    except AssociationError as error:
        return str(error)
    return f"0x{status.Status:04x}"


class VerdictTests(SynchronousTestCase):
    def setUp(self):
        self.wire = Wire()
        self.scu, self.scp = self.wire.ae("SCU"), self.wire.ae("SCP")
        self.scu.add_requested_context(Verification)
        self.scp.add_supported_context(Verification)

    def verdict(self):
        endpoint = MemoryClientEndpoint(self.wire, "scp")
        said = Deferred.fromCoroutine(verdict(self.scu, endpoint))
        self.wire.flush()
        return said

    def test_answered(self):
        """A node that answers is reported with its status."""
        self.wire.listen(self.scp)
        self.assertEqual(self.successResultOf(self.verdict()), "0x0000")

    def test_not_answered(self):
        """A node that takes the request and never answers is given up after 30 seconds."""
        self.wire.listen(self.scp, evt_handlers=[(evt.EVT_C_ECHO, lambda event: Deferred())])
        said = self.verdict()
        self.wire.advance(29)
        self.assertNoResult(said)
        self.wire.advance(1)
        self.assertIn("within 30 s (dimse_timeout)", self.successResultOf(said))
