"""Releasing an association, asked for by either side or by both at once (PS3.8 7.2)."""

from __future__ import annotations

from typing import Any, Protocol

from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from txdicom import events
from txdicom.errors import AssociationError, AssociationReleased, AssociationTimeout
from txdicom.events import EventType
from txdicom.limits import Limits
from txdicom.log import AssociationLog
from txdicom.protocol import UpperLayerProtocol
from txdicom.upperlayer.pdu import PDU, ReleaseRP, ReleaseRQ


class Releasable(Protocol):
    """What is released: an association."""

    is_requestor: bool
    is_established: bool
    is_released: bool
    failure: AssociationError | None
    limits: Limits
    log: AssociationLog
    protocol: UpperLayerProtocol

    def send_acse(self, pdu: PDU) -> None: ...
    def notify(self, event: EventType, **attributes: Any) -> None: ...
    def start_acse_timer(self, seconds: float | None) -> None: ...
    def cancelled(self, deferred: Deferred[Any]) -> None: ...
    def end(self, error: AssociationError) -> None: ...
    def fail(self, error: AssociationError) -> None: ...


class Releasing:
    """The release of one association.

    :ivar asked: whether this side asked for it
    """

    __slots__ = ("_confirmation", "_waiting", "asked")

    def __init__(self) -> None:
        self.asked = False
        self._confirmation: ReleaseRP | None = None
        self._waiting: list[Deferred[None]] = []

    def ask(self, association: Releasable) -> Deferred[None]:
        """Send the A-RELEASE-RQ; see :meth:`Association.release`."""
        if association.is_established:
            association.is_established = False
            self.asked = True
            association.start_acse_timer(association.limits.release_timeout)
            association.send_acse(ReleaseRQ())
        elif not self.asked or association.protocol.lost is not None:
            return succeed(None)

        def cancel(deferred: Deferred[None]) -> None:
            self._waiting.remove(deferred)
            association.cancelled(deferred)

        waiting: Deferred[None] = Deferred(cancel)
        self._waiting.append(waiting)
        return waiting

    def requested(self, association: Releasable, release_rq: ReleaseRQ) -> None:
        """The peer's A-RELEASE-RQ."""
        association.notify(events.EVT_ACSE_RECV, primitive=release_rq)
        if not self.asked:
            association.end(AssociationReleased("peer"))
            self._respond(association)
            self._released(association)
        elif association.is_requestor:
            # A collision (PS3.8 7.2.2): the requestor answers first, the acceptor only after the
            # confirmation of its own request.
            self._respond(association)

    def confirmed(self, association: Releasable, release_rp: ReleaseRP) -> None:
        """The peer's A-RELEASE-RP."""
        association.end(AssociationReleased("local"))
        if association.protocol.upper_layer.closing:
            self._confirmation = release_rp  # told once the connection is closed
        else:  # the acceptor's side of a collision
            association.notify(events.EVT_ACSE_RECV, primitive=release_rp)
            self._respond(association)
            self._released(association)

    def expired(self, association: Releasable) -> None:
        """The peer did not answer."""
        seconds = association.limits.release_timeout or 0
        association.fail(
            AssociationTimeout("release_timeout", seconds, "answer to the A-RELEASE-RQ")
        )

    def connection_lost(self, association: Releasable) -> None:
        """The connection is closed, which ends a confirmed release."""
        if self._confirmation is not None:
            association.notify(events.EVT_ACSE_RECV, primitive=self._confirmation)
            self._released(association)

    def fire(self, association: Releasable) -> None:
        """End the Deferreds of :meth:`ask`."""
        waiting, self._waiting = self._waiting, []
        for deferred in waiting:
            if association.is_released:
                deferred.callback(None)
            else:
                deferred.errback(Failure(association.failure))

    def _respond(self, association: Releasable) -> None:
        association.send_acse(ReleaseRP())
        association.protocol.flush()

    def _released(self, association: Releasable) -> None:
        association.is_released = True
        association.log.ended("Association Released")
        association.notify(events.EVT_RELEASED)
