"""The server's factory: how many connections and associations, and its end."""

from __future__ import annotations

from typing import Any
from unittest import mock

from twisted.internet.defer import Deferred

from tests.test_association import AssociationTestCase
from txdicom import Limits, evt, server
from txdicom.services.verification import VerificationSCP
from txdicom.uids import VERIFICATION


class ConnectionLimitTests(AssociationTestCase):
    """When connections run out, the oldest one without an association goes."""

    def setUp(self) -> None:
        super().setUp()
        self.scp = self.wire.ae("SCP", Limits(max_connections=3))
        self.scp.add_supported_context(VERIFICATION)

    def connect(self) -> Any:
        """A peer that connects and says nothing. Returns its transport."""
        from tests.test_protocol import _Collecting

        self.wire.join(_Collecting(), self.wire.factories["scp"])
        self.wire.flush()
        return self.wire.transports[-2]

    def test_newcomers_are_served(self) -> None:
        """However many idle connections there are, an honest newcomer is served."""
        self.wire.listen(self.scp)
        idle = [self.connect() for _ in range(3)]
        here = self.successResultOf(self.wire.associate(self.scu))
        self.assertEqual([peer.disconnected for peer in idle], [True, False, False])
        echo = here.echo()
        self.wire.flush()
        self.assertEqual(self.successResultOf(echo).Status, 0)

    def test_associations_are_kept(self) -> None:
        """A connection with an association does not go in favour of a newcomer."""
        self.wire.listen(self.scp)
        associations = [self.successResultOf(self.wire.associate(self.scu)) for _ in range(3)]
        self.failureResultOf(self.wire.associate(self.scu))
        self.assertTrue(all(association.is_established for association in associations))

    def test_descriptors(self) -> None:
        """The limit is the descriptors' less 128, where that is lower."""
        with mock.patch.object(server, "_descriptors", return_value=130):
            self.wire.listen(self.scp)
        idle = [self.connect() for _ in range(3)]
        self.assertEqual([peer.disconnected for peer in idle], [True, False, False])

    def test_rejected_connections_count(self) -> None:
        """A rejected requestor has no association, so it goes before others that have."""
        self.scp.require_called_aet = True
        self.wire.listen(self.scp)
        self.failureResultOf(self.wire.associate(self.scu))
        self.successResultOf(self.wire.associate(self.scu, ae_title="SCP"))
        self.assertEqual(len(self.scp.active_associations), 1)


class ShutdownTests(AssociationTestCase):
    """The end of a server."""

    def test_aborts(self) -> None:
        """Shutting down stops listening and aborts every association, and waits for them."""
        here = self.associate()
        there = self.accepted()
        down = self.scp.shutdown()
        self.assertNoResult(down)
        self.wire.flush()
        self.successResultOf(down)
        self.assertTrue(here.is_aborted and there.is_aborted)
        self.failureResultOf(self.wire.associate(self.scu))
        self.assertNothingLeft()

    def test_both_roles(self) -> None:
        """An application entity that asked for associations aborts those as well."""
        here = self.associate()
        down = self.scu.shutdown()
        self.wire.flush()
        self.successResultOf(down)
        self.assertTrue(here.is_aborted)
        self.assertNothingLeft()

    def test_while_deciding(self) -> None:
        """A request that is still being decided on is ended, too."""
        from txdicom.upperlayer.user_information import UserIdentityRQ

        cancelled: list[Any] = []
        later: Deferred[Any] = Deferred(cancelled.append)
        self.wire.listen(self.scp, evt_handlers=[(evt.EVT_USER_ID, lambda event: later)])
        associating = self.wire.associate(self.scu, ext_neg=[UserIdentityRQ(1, b"user")])
        down = self.scp.shutdown()
        self.wire.flush()
        self.successResultOf(down)
        self.failureResultOf(associating)
        self.assertEqual(cancelled, [later])


class ServicesTests(AssociationTestCase):
    """What a server performs is what it is given."""

    def test_two_services_for_one_class(self) -> None:
        """Two services for one SOP class are an error."""
        with self.assertRaisesRegex(ValueError, "two services"):
            self.scp.server_factory(services=[VerificationSCP(), VerificationSCP()])

    def test_none(self) -> None:
        """A context that no service serves is accepted, and its requests are answered 0x0211."""
        self.wire.listen(self.scp, services=[])
        here = self.successResultOf(self.wire.associate(self.scu))
        echo = here.echo()
        self.wire.flush()
        self.assertEqual(self.successResultOf(echo).Status, 0x0211)
