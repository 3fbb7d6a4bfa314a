"""UpperLayer: the state machine of PS3.8 9.2 at work on one transport connection.

No I/O happens here. The owner of the connection hands in what was received and takes out what is
to be sent::

    upper_layer.receive_data(data)
    while (indication := upper_layer.next_event()) is not None:
        ...                       # perhaps upper_layer.send(pdu)
    transport.write(upper_layer.data_to_send())

A PDU received is the indication or confirmation primitive that it stands for, and a PDU sent is
the request or response primitive: there are no other classes for them. The one indication that no
peer sent is ``PROVIDER_ABORT``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, Optional

from txdicom.errors import NotEstablished, ProtocolViolation
from txdicom.upperlayer import reasons
from txdicom.upperlayer.framing import Framing
from txdicom.upperlayer.pdu import (
    HEADER_LENGTH,
    PDU,
    PDUS,
    Abort,
    AssociateAC,
    AssociateRJ,
    AssociateRQ,
    PDataTF,
    ReleaseRP,
    ReleaseRQ,
)
from txdicom.upperlayer.table import TRANSITIONS, Action, Choice, Effect, Event, State

#: The A-P-ABORT indication that this layer issues itself: the peer broke the protocol and was sent
#: an A-ABORT (AA-8; ``UpperLayer.violation`` says why), or the connection was lost (AA-4).
PROVIDER_ABORT = Abort(reasons.ABORT_BY_PROVIDER, reasons.NOT_SPECIFIED)

#: The answer to a protocol version that has not bit 0 set (AE-6, Table 9-21).
VERSION_NOT_SUPPORTED = AssociateRJ(reasons.REJECTED_PERMANENT, reasons.BY_PROVIDER_ACSE, 2)

_EVENT_OF_RECEIVED: Mapping[type[PDU], Event] = {
    AssociateAC: Event.ASSOCIATE_AC_PDU,
    AssociateRJ: Event.ASSOCIATE_RJ_PDU,
    AssociateRQ: Event.ASSOCIATE_RQ_PDU,
    PDataTF: Event.P_DATA_TF_PDU,
    ReleaseRQ: Event.RELEASE_RQ_PDU,
    ReleaseRP: Event.RELEASE_RP_PDU,
    Abort: Event.ABORT_PDU,
}

_EVENT_OF_SENT: Mapping[type[PDU], Event] = {
    AssociateRQ: Event.ASSOCIATE_REQUEST,
    AssociateAC: Event.ASSOCIATE_ACCEPT,
    AssociateRJ: Event.ASSOCIATE_REJECT,
    PDataTF: Event.P_DATA_REQUEST,
    ReleaseRQ: Event.RELEASE_REQUEST,
    ReleaseRP: Event.RELEASE_RESPONSE,
    Abort: Event.ABORT_REQUEST,
}

# An Enum member is slow to look up, so those of the running machine are bound once.
_INVALID_PDU = Event.INVALID_PDU
_TRANSPORT_CLOSED = Event.TRANSPORT_CLOSED

# PDUs that one call passes over, where that is all the same.
_MANY = 1 << 60


class Received(NamedTuple):
    """In the trace: a whole PDU came; ``pdu`` is None when it was invalid."""

    pdu: PDU | None
    data: bytes


class Sent(NamedTuple):
    """In the trace: a PDU was sent."""

    pdu: PDU
    data: bytes


class Transition(NamedTuple):
    """In the trace: one cell of Table 9-10 was taken."""

    state: State
    event: Event
    action: str
    next_state: State


class UpperLayer:
    """One connection's upper layer.

    :ivar state: the state of Tables 9-1 to 9-5
    :ivar artim_running: whether the ARTIM timer (PS3.8 9.1.5) runs
    :ivar artim_starts: how often it was started, to notice that it was started again
    :ivar closing: the transport connection is to be closed, once what is to be sent is sent
    :ivar violation: what the peer did wrong first, or None
    :ivar refusal: the A-ASSOCIATE-RJ that this layer sent by itself, or None
    :ivar pdus_received: how many whole PDUs were taken from what was received
    :ivar trace: None, or a list to which Received, Sent and Transition are appended

    :param requestor: this side asks for the association
    :param max_associate_length: longest A-ASSOCIATE-RQ or -AC to receive, in bytes
    :param max_pdata_length: longest P-DATA-TF to receive, in bytes
    """

    __slots__ = (
        "_connection_lost",
        "_framing",
        "_indication",
        "_kept",
        "_out",
        "artim_running",
        "artim_starts",
        "closing",
        "pdus_received",
        "refusal",
        "requestor",
        "state",
        "trace",
        "violation",
    )

    def __init__(
        self, requestor: bool, max_associate_length: int = 262_144, max_pdata_length: int = 16_382
    ) -> None:
        self.requestor = requestor
        self.state = State.IDLE
        self.artim_running = False
        self.artim_starts = 0
        self.closing = False
        self.pdus_received = 0
        self.violation: ProtocolViolation | None = None
        self.refusal: AssociateRJ | None = None
        self.trace: list[Received | Sent | Transition] | None = None
        self._framing = Framing(max_associate_length, max_pdata_length)
        self._out: list[bytes] = []
        self._kept: PDU | None = None
        self._indication: PDU | None = None
        self._connection_lost = False

    # The transport's side

    def transport_connected(self) -> None:
        """The transport connection is there: Evt2 for a requestor, Evt5 for an acceptor."""
        self._fire(Event.TRANSPORT_CONFIRMED if self.requestor else Event.TRANSPORT_INDICATED)

    def receive_data(self, data: bytes) -> None:
        """Store what was received; :meth:`next_event` gives what it means."""
        self._framing.add(data)

    def transport_closed(self) -> None:
        """The connection is closed: Evt17, after the PDUs that came before."""
        self._connection_lost = True

    def artim_expired(self) -> None:
        """The ARTIM timer has expired: Evt18."""
        if self.artim_running:
            self._fire(Event.ARTIM_EXPIRED)

    def data_to_send(self) -> bytes:
        """What is to be written now; it is not given twice."""
        out = self._out
        if not out:
            return b""
        data = out[0] if len(out) == 1 else b"".join(out)
        out.clear()
        return data

    @property
    def mid_pdu(self) -> bool:
        """Whether a PDU has begun to arrive and is not yet handled."""
        return len(self._framing) > 0

    @property
    def unfinished(self) -> bytes:
        """What has come of a PDU that is not yet whole."""
        return self._framing.unfinished

    # The user's side

    def next_event(self, most: int = _MANY) -> PDU | None:
        """What the next received PDU indicates, or None until there is more.

        A PDU that indicates nothing to the user (those ignored in Sta13, for one) is passed over.
        Each call makes the transitions up to and with the one that indicates, and no further.

        :param most: so many PDUs are passed over at most; then it is None, and there may be more
        """
        for _ in range(most):
            data = None
            try:
                data = self._framing.next_pdu()
                if data is None:
                    break
                self.pdus_received += 1
                kind = PDUS[data[0]]
                pdu: PDU | None = kind.decode(data, HEADER_LENGTH, len(data))
                event = _EVENT_OF_RECEIVED[kind]
            except ProtocolViolation as violation:
                self.violation = self.violation or violation.bare()
                pdu, event, data = None, _INVALID_PDU, data or violation.seen
            if self.trace is not None:
                self.trace.append(Received(pdu, data))
            indication = self._fire(event, pdu)
            if indication is not None:
                return indication
        else:
            return None
        if self._connection_lost:
            self._connection_lost = False
            if _CELLS[_TRANSPORT_CLOSED][self.state] is not None:  # else it was to be closed
                return self._fire(_TRANSPORT_CLOSED)
        return None

    def send(self, pdu: PDU) -> None:
        """The local user's request or response, which the PDU stands for.

        :raise NotEstablished: the state does not allow it
        """
        self._fire(_EVENT_OF_SENT[type(pdu)], pdu)

    def allows(self, kind: type[PDU]) -> bool:
        """Whether the state allows a PDU of this kind to be sent."""
        return _CELLS[_EVENT_OF_SENT[kind]][self.state] is not None

    # The machine

    def _fire(self, event: Event, pdu: PDU | None = None) -> PDU | None:
        """One cell of Table 9-10. Returns what it indicates to the user."""
        cell = _CELLS[event][self.state]
        if cell is None:
            raise NotEstablished(pdu.NAME if pdu else event.name, self.state)
        if cell.condition is not None and not cell.condition(self, pdu):
            cell = cell.otherwise or cell
        self._indication = None
        for effect in cell.effects:
            effect(self, pdu)
        if self.trace is not None:
            self.trace.append(Transition(self.state, event, cell.name, cell.next_state))
        self.state = cell.next_state
        return self._indication

    # The conditions of AE-6 and AR-8

    def _acceptable(self, pdu: PDU | None) -> bool:
        # Only bit 0 is tested (Table 9-11, Protocol-version).
        return isinstance(pdu, AssociateRQ) and pdu.protocol_version & 1 == 1

    def _is_requestor(self, pdu: PDU | None) -> bool:
        return self.requestor

    # The effects

    def _connect(self, pdu: PDU | None) -> None:
        self._kept = pdu

    def _send(self, pdu: PDU | None) -> None:
        assert pdu is not None  # the local user's primitives all carry one
        data = pdu.encode()
        self._out.append(data)
        if self.trace is not None:
            self.trace.append(Sent(pdu, data))

    def _send_kept(self, pdu: PDU | None) -> None:
        self._send(self._kept)
        self._kept = None

    def _reject(self, pdu: PDU | None) -> None:
        self.refusal = VERSION_NOT_SUPPORTED
        self._send(self.refusal)

    def _abort_as_user(self, pdu: PDU | None) -> None:
        if isinstance(pdu, Abort):  # the local user's own
            self._send(pdu)
        else:
            self._note_unexpected(pdu)
            self._send(Abort(reasons.ABORT_BY_USER))

    def _abort_as_provider(self, pdu: PDU | None) -> None:
        self._send(Abort(reasons.ABORT_BY_PROVIDER, self._note_unexpected(pdu)))

    def _note_unexpected(self, pdu: PDU | None) -> int:
        """Remember what the peer did wrong; returns the reason for an A-ABORT."""
        if pdu is None:
            return self.violation.abort_reason if self.violation else reasons.NOT_SPECIFIED
        self.violation = self.violation or ProtocolViolation(
            f"{pdu.NAME} is not expected in Sta{self.state.value}", reasons.UNEXPECTED_PDU
        )
        return reasons.UNEXPECTED_PDU

    def _indicate(self, pdu: PDU | None) -> None:
        self._indication = pdu

    def _indicate_provider_abort(self, pdu: PDU | None) -> None:
        self._indication = PROVIDER_ABORT

    def _start_artim(self, pdu: PDU | None) -> None:
        self.artim_running = True
        self.artim_starts += 1

    def _stop_artim(self, pdu: PDU | None) -> None:
        self.artim_running = False

    def _close(self, pdu: PDU | None) -> None:
        self.closing = True
        self._framing.end()


class _Cell(NamedTuple):
    """A cell of Table 9-10, with the names of its action bound to the methods that do them."""

    name: str
    effects: tuple[Callable[[UpperLayer, Optional[PDU]], None], ...]
    next_state: State
    condition: Callable[[UpperLayer, Optional[PDU]], bool] | None = None
    otherwise: Optional[_Cell] = None


_CONDITIONS = {"acceptable": UpperLayer._acceptable, "requestor": UpperLayer._is_requestor}

_EFFECTS = {
    Effect.CONNECT: UpperLayer._connect,
    Effect.SEND: UpperLayer._send,
    Effect.SEND_KEPT: UpperLayer._send_kept,
    Effect.REJECT: UpperLayer._reject,
    Effect.ABORT_AS_USER: UpperLayer._abort_as_user,
    Effect.ABORT_AS_PROVIDER: UpperLayer._abort_as_provider,
    Effect.INDICATE: UpperLayer._indicate,
    Effect.INDICATE_PROVIDER_ABORT: UpperLayer._indicate_provider_abort,
    Effect.START_ARTIM: UpperLayer._start_artim,
    Effect.STOP_ARTIM: UpperLayer._stop_artim,
    Effect.CLOSE: UpperLayer._close,
}


def _bind(action: Action | Choice | None) -> _Cell | None:
    if action is None:
        return None
    if isinstance(action, Choice):
        then, otherwise = _bind(action.then), _bind(action.otherwise)
        assert then is not None
        return then._replace(condition=_CONDITIONS[action.condition], otherwise=otherwise)
    return _Cell(action.name, tuple(_EFFECTS[e] for e in action.effects), action.next_state)


_CELLS = tuple(tuple(_bind(action) for action in row) for row in TRANSITIONS)
