"""Requesting an association: the requestor's half of its establishment (PS3.8 7.1)."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txdicom import errors, events, negotiation
from txdicom.association import Association
from txdicom.presentation import PresentationContext
from txdicom.uids import APPLICATION_CONTEXT
from txdicom.upperlayer.pdu import PDU, AssociateAC, AssociateRJ, AssociateRQ
from txdicom.upperlayer.reasons import NOT_SPECIFIED
from txdicom.words import printable


class Requesting:
    """Asks for an association, once.

    :ivar established: fires with the association when it is established, and fails with an
        AssociationError when it is not to be

    :param request: the A-ASSOCIATE-RQ
    :param contexts: the presentation contexts that it proposes
    """

    is_requestor = True

    def __init__(self, request: AssociateRQ, contexts: tuple[PresentationContext, ...]) -> None:
        self._request = request
        self._contexts = contexts
        self._association: Association | None = None
        self._answered = False
        self.established: Deferred[Any] = Deferred(self._cancel)

    def begin(self, association: Association) -> None:
        """Send the A-ASSOCIATE-RQ."""
        request = self._request
        self._association = association
        association.requestor = negotiation.service_user(request, request.calling_ae_title)
        association.log.titles(request.calling_ae_title, request.called_ae_title)
        association.notify(events.EVT_ACSE_SENT, primitive=request)
        association.notify(events.EVT_REQUESTED)
        association.notify_connection(events.EVT_CONN_OPEN)
        association.start_acse_timer(association.limits.acse_timeout)
        association.send_pdu(request)

    def received(self, association: Association, pdu: PDU) -> None:
        """The A-ASSOCIATE-AC or A-ASSOCIATE-RJ."""
        association.notify(events.EVT_ACSE_RECV, primitive=pdu)
        if isinstance(pdu, AssociateAC):
            self._accepted(association, pdu)
        elif isinstance(pdu, AssociateRJ):
            association.rejected(pdu, "Association Rejected")

    def _accepted(self, association: Association, ac: AssociateAC) -> None:
        request = self._request
        association.acceptor = negotiation.service_user(ac, request.called_ae_title)
        if ac.protocol_version & 1 == 0:  # the only bit that is tested (Table 9-17)
            association.fail(
                errors.ProtocolViolation("an A-ASSOCIATE-AC without bit 0 of the protocol version")
            )
            return
        name = ac.application_context_name
        if name not in (APPLICATION_CONTEXT, ""):  # the acceptor may name another (7.1.1.2)
            association.fail(
                errors.ProtocolViolation(
                    f"an A-ASSOCIATE-AC for the application context {printable(name)}",
                    NOT_SPECIFIED,
                )
            )
            return
        association.establish(
            negotiation.outcome(self._contexts, request, ac),
            association.acceptor,
            negotiation.window(request, ac),
        )
        if association.is_established:
            established = self._take()
            if established is not None:
                established.callback(association)

    def expired(self, association: Association) -> None:
        """No answer came."""
        seconds = association.limits.acse_timeout or 0
        association.fail(
            errors.AssociationTimeout("acse_timeout", seconds, "answer to the A-ASSOCIATE-RQ")
        )

    def end(self) -> None:
        """The association is over; it may never have been established."""
        established = self._take()
        association, self._association = self._association, None
        if established is not None and association is not None:
            established.errback(Failure(association.failure))

    def _take(self) -> Deferred[Any] | None:
        """The Deferred, if it has not been fired yet: whoever takes it fires it."""
        if self._answered:
            return None
        self._answered = True
        return self.established

    def _cancel(self, established: Deferred[Any]) -> None:
        self._answered = True
        if self._association is not None:
            self._association.cancelled(established)
