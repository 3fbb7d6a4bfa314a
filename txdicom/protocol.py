"""The Twisted protocol: an upper layer, its transport and its timers.

Bytes go to the :class:`UpperLayer`, and its indications to the upper layer's user, an association.
What the user and the machine send is written once a turn. No DICOM matter is decided here.
"""

from __future__ import annotations

from typing import Any
from typing import Protocol as Interface

from twisted.internet.abstract import FileDescriptor
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IDelayedCall,
    IHandshakeListener,
    IPushProducer,
    IReactorTime,
    ISSLTransport,
    ITCPTransport,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from txdicom.errors import AssociationAborted, AssociationError, AssociationTimeout
from txdicom.events import (
    EVT_DATA_RECV,
    EVT_DATA_SENT,
    EVT_FSM_TRANSITION,
    EVT_PDU_RECV,
    EVT_PDU_SENT,
    EventType,
    Handlers,
)
from txdicom.limits import Limits
from txdicom.plain_tcp import acknowledge_now, is_plain_tcp, send_now
from txdicom.timers import EXACTNESS, Timers
from txdicom.tls_errors import tls_failure
from txdicom.upperlayer.machine import Received, Sent, UpperLayer
from txdicom.upperlayer.pdu import PDU
from txdicom.upperlayer.reasons import ABORT_BY_PROVIDER, NOT_SPECIFIED
from txdicom.upperlayer.table import State

#: The longest P-DATA-TF that is received when no limit is announced, in bytes.
UNANNOUNCED_LIMIT = 1_048_576

_TRACED = frozenset((EVT_DATA_RECV, EVT_DATA_SENT, EVT_PDU_RECV, EVT_PDU_SENT, EVT_FSM_TRANSITION))
_AWAITING_TRANSPORT_CLOSE = State.AWAITING_TRANSPORT_CLOSE


class UpperLayerUser(Interface):
    """What the protocol tells its user."""

    handlers: Handlers

    def connection_made(self) -> None:
        """The connection is there; a requestor sends its A-ASSOCIATE-RQ now."""

    def received(self, indication: PDU) -> None:
        """The peer sent this, or the machine issued an A-P-ABORT."""

    def fail(self, error: AssociationError) -> None:
        """A time-out: abort."""

    def idle(self) -> None:
        """Nothing was received for the network time-out."""

    def connection_lost(self) -> None:
        """The connection is gone."""

    def notify(self, event: EventType, **attributes: Any) -> None:
        """Call the handlers of a notification event."""


@implementer(IHandshakeListener, IPushProducer)
class UpperLayerProtocol(Protocol):
    """One transport connection.

    :ivar timers: those of this connection, also of its user
    :ivar tls: whether the connection is TLS
    :ivar handshaken_at: when its handshake was complete, in the clock's seconds, or None
    :ivar lost: how the connection was lost, or None while it is there
    :ivar timed_out: the time-out that ended it in Sta2, or None
    """

    transport: Any  # what ITransport promises is less than every stream transport has

    def __init__(
        self, user: UpperLayerUser, requestor: bool, limits: Limits, clock: IReactorTime
    ) -> None:
        self.upper_layer = UpperLayer(
            requestor, limits.max_associate_length, limits.max_pdu or UNANNOUNCED_LIMIT
        )
        self.limits = limits
        self.timers = Timers(clock)
        self.tls = False
        self.handshaken_at: float | None = None
        self.lost: Failure | None = None
        self.timed_out: AssociationTimeout | None = None
        self._user: Any = user
        self._clock = clock
        self._plain = False
        self._sending_now = False
        self._pulling = False
        self._writing_paused = False
        self._closing = False
        self._next_turn: IDelayedCall | None = None
        self._artim_starts = 0
        self._pdus_seen = 0
        self._used_at = 0.0

    # What the user asks for

    def send(self, pdu: PDU) -> None:
        """Send a PDU as the local user's primitive.

        :raise NotEstablished: the state does not allow it
        """
        self.upper_layer.send(pdu)
        if self.upper_layer.trace:
            self.flush()
            self._tell_trace()
        if not self._pulling:
            self._settle()

    def flush(self) -> None:
        """Write now what is to be sent, not at the end of the turn."""
        data = self.upper_layer.data_to_send()
        if not data or self._closing or self.lost is not None:
            return
        if self._sending_now:
            data = send_now(self.transport, data)
            if not data:
                return
            self._sending_now = False  # from now on something may wait to be sent before
        self.transport.write(data)

    def watch_network(self) -> None:
        """From now on the network time-out counts, from what is received last."""
        self.timers.start("network", self.limits.network_timeout, self._network_expired)

    def abort_connection(self) -> None:
        """Close the connection without further ado."""
        if self.lost is None and self.transport is not None:
            self._closing = True
            self.transport.abortConnection()

    @property
    def in_handshake(self) -> bool:
        """Whether the TLS handshake is still to be completed."""
        return self.tls and self.handshaken_at is None

    def note_use(self) -> None:
        """The association is in use: the network time-out counts from now."""
        self._used_at = self._clock.seconds()

    @property
    def silent_for(self) -> float:
        """Seconds since the association was in use: since anything was received, mostly."""
        return max(0.0, self._clock.seconds() - self._used_at)

    def why_lost(self) -> AssociationError:
        """The failure that the loss of the connection is, when nothing else explains it."""
        reason = self.lost
        if self.timed_out is not None:
            return self.timed_out
        failed = tls_failure(reason, not self.in_handshake) if reason and self.tls else None
        if failed is not None:
            return failed
        detail = "" if reason is None or reason.check(ConnectionDone) else reason.getErrorMessage()
        return AssociationAborted(ABORT_BY_PROVIDER, NOT_SPECIFIED, "connection", detail)

    def trace_for(self, handlers: Handlers) -> None:
        """Keep a trace while a handler is bound that needs one."""
        wanted = not _TRACED.isdisjoint(handlers)
        if wanted != (self.upper_layer.trace is not None):
            self.upper_layer.trace = [] if wanted else None

    # What the transport tells (IProtocol, IHandshakeListener)

    def connectionMade(self) -> None:
        transport = self.transport
        if ITCPTransport.providedBy(transport):
            transport.setTcpNoDelay(True)
            transport.setTcpKeepAlive(True)
        self.tls = ISSLTransport.providedBy(transport)
        self._plain = self._sending_now = is_plain_tcp(transport)
        self._bound_write_buffer()
        transport.registerProducer(self, True)
        self.trace_for(self._user.handlers)
        self._user.connection_made()
        self.upper_layer.transport_connected()
        self._settle()

    def handshakeCompleted(self) -> None:
        self.handshaken_at = self._clock.seconds()

    def dataReceived(self, data: bytes) -> None:
        self._used_at = self._clock.seconds()
        self.upper_layer.receive_data(data)
        self._pull()
        if self._plain and self.upper_layer.mid_pdu:
            acknowledge_now(self.transport)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = reason
        if self._next_turn is not None:
            self._next_turn.cancel()
            self._next_turn = None
        # What came before the connection was closed is handled before.
        self.upper_layer.transport_closed()
        while (indication := self.upper_layer.next_event()) is not None:
            self._tell_trace()
            self._user.received(indication)
        self._tell_trace()
        # Now, since what was just handled may have started one.
        self.timers.cancel()
        user, self._user = self._user, None  # it is told no more, and can be freed
        user.connection_lost()

    # What the transport asks of its producer (IPushProducer): its buffer is full, or empty again

    def pauseProducing(self) -> None:
        if self.in_handshake:
            # TLS holds what is written until its handshake is complete, which takes reading.
            return
        self._writing_paused = True
        self.timers.start("write", self.limits.write_timeout, self._write_expired)
        self.timers.stop("pdu")
        self._regulate_reading()

    def resumeProducing(self) -> None:
        self._writing_paused = False
        self.timers.stop("write")
        self._regulate_reading()
        self._pull()

    def stopProducing(self) -> None:
        """Nothing is produced without a connection: connectionLost says the rest."""

    def _bound_write_buffer(self) -> None:
        # The descriptor's own buffer decides when to pause; wrappers (TLS, PROXY) lie around it.
        transport: Any = self.transport
        while transport is not None and not isinstance(transport, FileDescriptor):
            transport = transport.__dict__.get("transport")
        if transport is not None:
            transport.bufferSize = self.limits.max_write_buffer

    def _regulate_reading(self) -> None:
        if self.lost is not None or self._closing:
            return
        if self._writing_paused or self._next_turn is not None:
            self.transport.pauseProducing()
        else:
            self.transport.resumeProducing()

    # The turn

    def _pull(self) -> None:
        """Handle what was received, as far as one turn goes."""
        if self._pulling or self._writing_paused or self._next_turn is not None:
            return
        upper_layer = self.upper_layer
        self._pulling = True
        try:
            left = self.limits.max_pdus_per_turn
            while left > 0:
                handled = upper_layer.pdus_received
                indication = upper_layer.next_event(left)
                left -= upper_layer.pdus_received - handled  # also those that indicate nothing
                if upper_layer.trace:
                    self._tell_trace()
                if indication is not None:
                    self._user.received(indication)
                elif left > 0:
                    break
            else:
                self._next_turn = self._clock.callLater(0, self._take_turn)
                self._regulate_reading()
        finally:
            self._pulling = False
        self._settle()

    def _take_turn(self) -> None:
        self._next_turn = None
        self._regulate_reading()
        self._pull()

    def _settle(self) -> None:
        """Write, set the timers, close: in this order, whatever the actions were."""
        upper_layer = self.upper_layer
        self.flush()
        if upper_layer.trace:
            self._tell_trace()
        if self.lost is not None:
            return
        if upper_layer.closing:
            self._close()
            return
        timers = self.timers
        if upper_layer.artim_starts != self._artim_starts:
            self._artim_starts = upper_layer.artim_starts
            timers.start("artim", self._artim_seconds(), self._artim_expired)
        elif "artim" in timers.running and not upper_layer.artim_running:
            timers.stop("artim")
        if self._writing_paused or not upper_layer.mid_pdu:
            if "pdu" in timers.running:
                timers.stop("pdu")
        elif "pdu" not in timers.running or upper_layer.pdus_received != self._pdus_seen:
            timers.start("pdu", self.limits.pdu_timeout, self._pdu_expired)
        self._pdus_seen = upper_layer.pdus_received

    def _close(self) -> None:
        if not self._closing:
            self._closing = True
            self.transport.unregisterProducer()
            # The transport may be paused, and would then not see the peer close.
            self.transport.resumeProducing()
            self.transport.loseConnection()
            for name in ("pdu", "network", "write"):
                self.timers.stop(name)
            self.timers.start("artim", self.limits.closing_timeout, self._artim_expired)

    def _artim_seconds(self) -> float | None:
        artim, closing = self.limits.artim, self.limits.closing_timeout
        if self.upper_layer.state is not _AWAITING_TRANSPORT_CLOSE or closing is None:
            return artim
        return closing if artim is None else min(artim, closing)

    # The timers

    def _artim_expired(self) -> None:
        awaiting_close = self.upper_layer.state is _AWAITING_TRANSPORT_CLOSE
        if awaiting_close or self._closing:
            self.upper_layer.artim_expired()
            self.abort_connection()
        else:
            self.timed_out = AssociationTimeout(
                "artim", self.limits.artim or 0, "whole A-ASSOCIATE-RQ"
            )
            self.upper_layer.artim_expired()
            self._settle()

    def _network_expired(self) -> None:
        # That something was received is only noted; here it is seen whether it was.
        left = (self.limits.network_timeout or 0) - self.silent_for
        if left > EXACTNESS:
            self.timers.start("network", left, self._network_expired)
        else:
            self._user.idle()

    def _pdu_expired(self) -> None:
        self._user.fail(
            AssociationTimeout(
                "pdu_timeout", self.limits.pdu_timeout or 0, "end of a PDU that began"
            )
        )

    def _write_expired(self) -> None:
        self._user.fail(
            AssociationTimeout(
                "write_timeout", self.limits.write_timeout or 0, "reading of what was sent"
            )
        )
        self.abort_connection()

    # The trace

    def _tell_trace(self) -> None:
        """Notify of PDUs and transitions, in the order in which they were."""
        trace = self.upper_layer.trace
        if not trace:
            return
        self.upper_layer.trace = []
        notify = self._user.notify
        for entry in trace:
            if isinstance(entry, Received):
                notify(EVT_DATA_RECV, data=entry.data)
                if entry.pdu is not None:
                    notify(EVT_PDU_RECV, pdu=entry.pdu)
            elif isinstance(entry, Sent):
                notify(EVT_DATA_SENT, data=entry.data)
                notify(EVT_PDU_SENT, pdu=entry.pdu)
            else:
                notify(
                    EVT_FSM_TRANSITION,
                    current_state=f"Sta{entry.state.value}",
                    fsm_event=f"Evt{entry.event.value}",
                    action=entry.action,
                    next_state=f"Sta{entry.next_state.value}",
                )
