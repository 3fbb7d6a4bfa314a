"""Association: one association between two application entities (PS3.8 7, PS3.7 6).

It stands between the upper layer's protocol below and the program above, in both roles. What the
peer sends comes in at :meth:`Association.received`, is told to the event handlers, moves the
association on, and ends the Deferreds that wait for it. How it comes about is the matter of its
:class:`Establishment`, its messages that of the DIMSE provider, and no service is known here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any, Protocol

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorTime

from txdicom import errors, events, log, negotiation
from txdicom.addresses import host_and_port, in_words
from txdicom.dimse.command import command_name
from txdicom.dimse.message import Message
from txdicom.dimse_provider import DIMSEProvider
from txdicom.errors import AssociationAborted, AssociationError, NotEstablished, ProtocolViolation
from txdicom.event_source import EventSource
from txdicom.events import EventType, Handlers
from txdicom.limits import Limits
from txdicom.negotiation import ServiceUser
from txdicom.presentation import PresentationContext
from txdicom.protocol import UpperLayerProtocol
from txdicom.releasing import Releasing
from txdicom.services.interface import IService
from txdicom.throttle import Throttle
from txdicom.upperlayer import reasons
from txdicom.upperlayer.machine import PROVIDER_ABORT
from txdicom.upperlayer.pdu import PDU, Abort, AssociateRJ, PDataTF, ReleaseRP, ReleaseRQ
from txdicom.upperlayer.user_information import AsynchronousOperationsWindow
from txdicom.words import printable

_numbers = count(1)


class Establishment(Protocol):
    """How an association comes about: ``requesting.Requesting`` or ``accepting.Accepting``."""

    is_requestor: bool

    def begin(self, association: Association) -> None:
        """The transport connection is there."""

    def received(self, association: Association, pdu: PDU) -> None:
        """An A-ASSOCIATE-RQ, -AC or -RJ."""

    def expired(self, association: Association) -> None:
        """The ACSE time-out."""

    def end(self) -> None:
        """The association is over, perhaps before it was established."""


class Association(EventSource):
    """One association.

    :ivar number: counts the associations of this process
    :ivar is_requestor: whether this side asked for it
    :ivar requestor: and acceptor: what each said of itself
    :ivar accepted_contexts: and rejected_contexts: what became of the proposed ones
    :ivar is_established: whether requests can be sent now
    :ivar is_rejected: whether it ended with an A-ASSOCIATE-RJ
    :ivar is_aborted: whether it ended with an A-ABORT by either side, or was lost
    :ivar is_released: whether it was released
    :ivar failure: why nothing can be sent any more, or None

    :param establishment: how it comes about, on this side
    :param services: what is performed for the peer, by SOP class UID
    :param throttle: for the log lines about the peer's faults
    :param closed: called with the association when its connection is gone
    """

    def __init__(
        self,
        establishment: Establishment,
        limits: Limits,
        clock: IReactorTime,
        handlers: Handlers,
        services: Mapping[str, IService],
        throttle: Throttle,
        closed: Callable[[Any], None] | None = None,
    ) -> None:
        self.number = next(_numbers)
        super().__init__(handlers, log.AssociationLog(self.number, self._peer, throttle))
        self.limits = limits
        self.is_requestor = establishment.is_requestor
        self.is_established = False
        self.is_rejected = False
        self.is_aborted = False
        self.is_released = False
        self.requestor = ServiceUser("")
        self.acceptor = ServiceUser("")
        self.accepted_contexts: list[PresentationContext] = []
        self.rejected_contexts: list[PresentationContext] = []
        self.failure: AssociationError | None = None
        self._services = services
        self._establishment = establishment
        self._closed = closed
        self._dimse: DIMSEProvider | None = None
        self._releasing = Releasing()
        self._waiting_for_close: list[Deferred[None]] = []
        self.protocol = UpperLayerProtocol(self, self.is_requestor, limits, clock)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.log}>"

    @property
    def is_acceptor(self) -> bool:
        return not self.is_requestor

    @property
    def mode(self) -> str:
        """``"requestor"`` or ``"acceptor"``."""
        return "requestor" if self.is_requestor else "acceptor"

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the peer; behind a PROXY header, of the client that it names."""
        transport = self.protocol.transport
        return host_and_port(transport.getPeer() if transport else None)

    def _peer(self) -> str:
        transport = self.protocol.transport
        return in_words(transport.getPeer() if transport else None)

    @property
    def stage(self) -> str:
        """How far it has come: ``tls``, ``associate``, ``echo`` or ``release``."""
        if self._releasing.asked:
            return "release"
        if self._dimse is not None:
            return "echo"
        return "tls" if self.protocol.in_handshake else "associate"

    # What a program asks for

    def request(
        self,
        message: Message,
        on_pending: Callable[[Message], Any] | None = None,
        data_set_limit: int = 0,
    ) -> Deferred[Message]:
        """Send a DIMSE request; fires with the final response.

        It fails with an AssociationError when no response can come. To cancel a request that was
        sent aborts the association.

        :param on_pending: called with each response whose status is Pending
        :param data_set_limit: longest data set of a response, in bytes
        :raise ValueError: its Message ID is outstanding already
        """
        if self._dimse is None or not self.is_established:
            name = command_name(message.command.get("CommandField"))
            error = NotEstablished(name, self.protocol.upper_layer.state.value)
            error.stage = self.stage
            return fail(self.failure or error)
        return self._dimse.invoker.request(message, on_pending, data_set_limit)

    def next_message_id(self) -> int:
        """A Message ID that no outstanding request has."""
        return self._dimse.invoker.next_message_id() if self._dimse else 1

    def release(self) -> Deferred[None]:
        """Release the association (PS3.8 7.2); fires when its connection is closed.

        It fails with an AssociationError when the peer does not answer. On an association that
        is not established it does nothing.
        """
        return self._releasing.ask(self)

    def abort(
        self, source: int = reasons.ABORT_BY_USER, reason: int = reasons.NOT_SPECIFIED
    ) -> Deferred[None]:
        """Abort the association (PS3.8 7.3); fires when its connection is closed.

        Source and reason are those of PS3.8 Table 9-26.
        """
        self._abort(AssociationAborted(source, reason, "local"), Abort(source, reason))
        return self.when_closed()

    def when_closed(self) -> Deferred[None]:
        """Fires when the connection is closed, whatever became of the association."""
        if self.protocol.lost is not None:
            return succeed(None)
        waiting: Deferred[None] = Deferred()
        self._waiting_for_close.append(waiting)
        return waiting

    # What the upper layer's protocol tells (protocol.UpperLayerUser)

    def connection_made(self) -> None:
        """The transport connection is there."""
        self._establishment.begin(self)

    def received(self, indication: PDU) -> None:
        """An indication or confirmation of the upper layer."""
        handle = self._RECEIVED.get(type(indication))
        if handle is not None:
            handle(self, indication)
        else:
            self._establishment.received(self, indication)

    def idle(self) -> None:
        """The network time-out; it does not count while an operation is performed here."""
        if self._dimse is not None and len(self._dimse.performer):
            self.protocol.watch_network()
            return
        seconds = self.limits.network_timeout or 0
        self.fail(errors.AssociationTimeout("network_timeout", seconds, "data from the peer"))

    def connection_lost(self) -> None:
        """The connection is gone, and all that came before it is handled."""
        self.notify_connection(events.EVT_CONN_CLOSE)
        self._releasing.connection_lost(self)
        if self.failure is None:
            self._never_associated()
        if self._closed is not None:
            self._closed(self)
        self._releasing.fire(self)
        waiting, self._waiting_for_close = self._waiting_for_close, []
        self.log.settle()
        for deferred in waiting:
            deferred.callback(None)

    # Indications and confirmations, a method each

    def _p_data(self, pdu: PDataTF) -> None:
        if self._dimse is None or self.failure is not None:
            return
        try:
            self._dimse.received(pdu)
        except ProtocolViolation as violation:
            self.fail(violation.bare())

    def _release_requested(self, release_rq: ReleaseRQ) -> None:
        self._releasing.requested(self, release_rq)

    def _release_confirmed(self, release_rp: ReleaseRP) -> None:
        self._releasing.confirmed(self, release_rp)

    def _aborted(self, abort: Abort) -> None:
        if abort is PROVIDER_ABORT:
            error = self.protocol.upper_layer.violation or self.protocol.why_lost()
        else:
            self.notify(events.EVT_ACSE_RECV, primitive=abort)
            error = AssociationAborted(abort.source, abort.reason, "peer")
        self._end_aborted(error, "Association Aborted")

    _RECEIVED: Mapping[type[PDU], Callable[[Association, Any], None]] = {
        PDataTF: _p_data,
        ReleaseRQ: _release_requested,
        ReleaseRP: _release_confirmed,
        Abort: _aborted,
    }

    # What the establishment and the DIMSE provider ask for

    def notify_connection(self, event: EventType) -> None:
        """Tell that the connection was opened or closed."""
        if self.handlers.get(event):
            self.notify(event, address=self.address)

    def handlers_changed(self) -> None:
        self.protocol.trace_for(self.handlers)

    def send_pdu(self, pdu: PDU) -> None:
        """Send a PDU, if the state allows it; raises NotEstablished if not."""
        self.protocol.send(pdu)

    def send_acse(self, pdu: PDU) -> None:
        """Send a PDU of association control, and tell of it."""
        self.notify(events.EVT_ACSE_SENT, primitive=pdu)
        self.protocol.send(pdu)

    def start_acse_timer(self, seconds: float | None) -> None:
        """An answer has to come within these seconds; none is no limit."""
        self.protocol.timers.start("acse", seconds, self._acse_expired)

    def reject(self, rejection: AssociateRJ) -> None:
        """Reject the association that is asked for; also for handlers of EVT_REQUESTED.

        :raise NotEstablished: nothing is asked for, or it is answered already
        """
        self.send_acse(rejection)
        self.protocol.flush()
        self.rejected(rejection, "Rejecting Association")

    def rejected(self, rejection: AssociateRJ, text: str) -> None:
        """The association was rejected, by this side or the other."""
        error = errors.AssociationRejected(rejection.result, rejection.source, rejection.reason)
        self.is_rejected = True
        self.log.fault("rejected", f"{text}: {error}")
        self.end(error)
        self.notify(events.EVT_REJECTED)

    def establish(
        self,
        contexts: Sequence[PresentationContext],
        peer: ServiceUser,
        window: AsynchronousOperationsWindow,
    ) -> None:
        """The association was accepted, with these contexts.

        :param window: how many operations this side may invoke and has to perform at once
        """
        self.protocol.timers.stop("acse")
        for context in contexts:
            kind = self.accepted_contexts if context.accepted else self.rejected_contexts
            kind.append(context)
        self.protocol.flush()
        self.notify(events.EVT_ACCEPTED)
        error = negotiation.unusable(contexts, peer.maximum_length, self.is_requestor)
        if error is not None:
            self.fail(error)
        if self.failure is not None:
            return
        self._dimse = DIMSEProvider(
            self,
            self.accepted_contexts,
            self._services,
            peer.maximum_length,
            window,
            self.limits,
            self.protocol.timers,
            self.protocol.note_use,
        )
        self.is_established = True
        self.protocol.watch_network()
        self.notify(events.EVT_ESTABLISHED)

    def fail(self, error: AssociationError) -> None:
        """Abort, because of this error."""
        reason = getattr(error, "abort_reason", reasons.NOT_SPECIFIED)
        by_provider = reason != reasons.NOT_SPECIFIED
        source = reasons.ABORT_BY_PROVIDER if by_provider else reasons.ABORT_BY_USER
        self._abort(error, Abort(source, reason))

    def cancelled(self, deferred: Deferred[Any]) -> None:
        """Somebody cancelled a Deferred of this association."""
        self.fail(AssociationAborted(0, 0, "local", "cancelled"))

    def end(self, error: AssociationError) -> None:
        """Nothing can be sent any more; whoever waits for an answer learns why."""
        if self.failure is not None:
            return
        if type(error).stage == "associate":  # else its class knows better
            error.stage = self.stage
        self.failure = error
        self.is_established = False
        self.protocol.timers.stop("acse")
        self._establishment.end()
        dimse, self._dimse = self._dimse, None
        if dimse is not None:
            dimse.end(error)

    # How it ends

    def _abort(self, error: AssociationError, abort: Abort) -> None:
        if self.failure is not None or self.protocol.lost is not None:
            return
        if self.protocol.upper_layer.allows(Abort):
            self.send_acse(abort)
            self.protocol.flush()
        else:  # an acceptor before its A-ASSOCIATE-RQ: there is nothing to abort yet
            self.protocol.abort_connection()
        self._end_aborted(error, "Aborting Association")

    def _end_aborted(self, error: AssociationError, text: str) -> None:
        self.is_aborted = True
        self.end(error)
        self.log.fault(type(error).__name__, f"{text}: {printable(str(error), 200)}")
        self.notify(events.EVT_ABORTED)

    def _never_associated(self) -> None:
        """The connection ended before there was an association: nothing to tell but the log."""
        upper_layer = self.protocol.upper_layer
        error = upper_layer.violation or self.protocol.why_lost()
        if upper_layer.refusal is not None:
            refusal = upper_layer.refusal
            error = errors.AssociationRejected(refusal.result, refusal.source, refusal.reason)
        if isinstance(error, AssociationAborted):
            self.log.passing("unused", "Connection closed without an association")
        else:
            self.log.fault(type(error).__name__, f"No association: {printable(str(error), 200)}")
        self.end(error)

    def _acse_expired(self) -> None:
        if self._releasing.asked:
            self._releasing.expired(self)
        else:
            self._establishment.expired(self)
