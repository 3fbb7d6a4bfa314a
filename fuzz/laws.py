"""The laws: for each target a function of any bytes, which raises when a law is broken.

They know nothing of the program that makes the bytes up, so each is a test's to call as well.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.logger import formatEvent, globalLogPublisher
from twisted.python.failure import Failure

from txdicom import AE, Limits, log
from txdicom.client import ClientFactory
from txdicom.dimse import command as command_set
from txdicom.dimse.message import Assembler, Message, fragment
from txdicom.errors import NotEstablished, ProtocolViolation
from txdicom.negotiation import ApplicationEntity, propose
from txdicom.presentation import VerificationPresentationContexts, numbered
from txdicom.testing import MemoryTransport
from txdicom.uids import IMPLICIT_VR_LITTLE_ENDIAN, VERIFICATION
from txdicom.upperlayer import pdu
from txdicom.upperlayer.items import PresentationContextAC, PresentationContextRQ
from txdicom.upperlayer.machine import UpperLayer
from txdicom.upperlayer.table import State

#: The limits of the assembler, so low that inputs reach them: bytes, fragments, bytes.
MAX_COMMAND, MAX_FRAGMENTS, MAX_DATA_SET = 256, 16, 64

_LIMITS = Limits()
_LONGEST_PDU = 6 + max(_LIMITS.max_associate_length, _LIMITS.max_pdu)


def the_pdu(data: bytes) -> None:
    """A PDU decodes, or is a ProtocolViolation; what decodes encodes and decodes to its equal."""
    try:
        decoded = pdu.decode(data)
    except ProtocolViolation:
        return
    _comes_back(decoded)


def _comes_back(decoded: pdu.PDU) -> None:
    encoded = decoded.encode()
    assert pdu.decode(encoded) == decoded, (decoded, encoded)


def the_command(data: bytes) -> None:
    """Likewise a command set; its group length is computed, so what it said does not count."""
    try:
        decoded = command_set.decode(data)
    except ProtocolViolation:
        return
    again = command_set.decode(command_set.encode(decoded))
    assert _elements(again) == _elements(decoded), (decoded, again)


def _elements(command: command_set.CommandSet) -> dict[str, Any]:
    return {key: value for key, value in command.items() if key != "CommandGroupLength"}


def the_assembler(data: bytes) -> None:
    """Fragments become messages or a ProtocolViolation, and what they hold stays within limits.

    The bytes are P-DATA-TF variable fields, each after its length of two bytes.
    """
    assembler = Assembler(MAX_COMMAND, MAX_FRAGMENTS, lambda context_id, command: MAX_DATA_SET)
    for field in _prefixed(data):
        try:
            values = pdu.PDataTF.decode(field, 0, len(field)).values
        except ProtocolViolation:
            continue
        for value in values:
            try:
                message = assembler.feed(value)
            except ProtocolViolation:
                return
            held = sum(map(len, assembler._fragments))
            assert held <= max(MAX_COMMAND, MAX_DATA_SET), held
            assert len(assembler._fragments) <= MAX_FRAGMENTS + MAX_DATA_SET
            if message is not None:
                assert not assembler.mid_message
                _message_comes_back(message)


def _prefixed(data: bytes) -> Iterator[bytes]:
    at = 0
    while at + 2 <= len(data):
        length = int.from_bytes(data[at : at + 2], "big")
        yield data[at + 2 : at + 2 + length]
        at += 2 + length


def _message_comes_back(message: Message) -> None:
    assembler = Assembler(1 << 20, 1 << 20, lambda context_id, command: 1 << 20)
    for maximum_length in (0, 8, 1_000):
        again: list[Message | None] = []
        for part in fragment(message, maximum_length):
            assert not maximum_length or len(part.encode()) <= 6 + maximum_length
            again += [assembler.feed(value) for value in part.values]
        assert again.count(None) == len(again) - 1, again
        whole = again[-1]
        assert whole is not None
        assert _elements(whole.command) == _elements(message.command), (message, whole)
        assert (whole.context_id, whole.data_set) == (message.context_id, message.data_set)


class Played(NamedTuple):
    """What an upper layer did with what it received."""

    indications: tuple[pdu.PDU, ...]
    states: tuple[State, ...]
    sent: bytes
    closing: bool
    artim_running: bool


def the_upper_layer(data: bytes) -> None:
    """Nothing is raised whatever comes, and how it is cut makes no difference.

    The first byte says the role and how the association begins, the second what the local user
    does, the third how it ends; the others are what the peer sends.
    """
    if len(data) < 3:
        return
    role, user, end = data[:3]
    stream = data[3:]
    whole = _play([stream], role, user, end)
    cut = random.Random(user << 8 | end)
    assert _play(list(_pieces(stream, cut)), role, user, end, 1 + user % 3) == whole
    if len(stream) <= 600:
        single = [stream[at : at + 1] for at in range(len(stream))]
        assert _play(single, role, user, end) == whole


def _pieces(stream: bytes, cut: random.Random) -> Iterator[bytes]:
    at = 0
    while at < len(stream):
        size = cut.choice((1, 2, 5, 6, 7, 40, 300, 5_000))
        yield stream[at : at + size]
        at += size


_RQ = propose(ApplicationEntity("FUZZ"), "ANY-SCP", numbered(VerificationPresentationContexts), ())
_AC = pdu.AssociateAC("ANY-SCP", "FUZZ", (PresentationContextAC(1, 0, IMPLICIT_VR_LITTLE_ENDIAN),))
_ECHO = Message(
    1,
    {
        "AffectedSOPClassUID": VERIFICATION,
        "CommandField": command_set.C_ECHO_RQ,
        "MessageID": 7,
        "CommandDataSetType": command_set.NO_DATA_SET,
    },
)
(_P_DATA,) = fragment(_ECHO, 0)

# What a local user may ask for, in whatever state.
_ASKED: tuple[pdu.PDU, ...] = (
    _AC,
    pdu.AssociateRJ(1, 1, 1),
    _P_DATA,
    pdu.ReleaseRQ(),
    pdu.ReleaseRP(),
    pdu.Abort(),
)


def _play(pieces: list[bytes], role: int, user: int, end: int, most: int = 1_000) -> Played:
    requestor = role & 1 == 1
    layer = UpperLayer(requestor, _LIMITS.max_associate_length, _LIMITS.max_pdu)
    if role & 2:
        layer.trace = []
    if requestor:
        layer.send(_RQ)
    layer.transport_connected()
    will = random.Random(user)
    indications: list[pdu.PDU] = []
    states: list[State] = []
    sent = bytearray()

    def pull() -> None:
        while True:
            before = layer.pdus_received
            indication = layer.next_event(most)
            if indication is None:
                if layer.pdus_received - before < most:
                    break
                continue
            _comes_back(indication)
            indications.append(indication)
            states.append(layer.state)
            _ask(layer, will, user)
        sent.extend(layer.data_to_send())
        assert len(layer._framing) < _LONGEST_PDU
        assert not (layer.closing and layer.state is not State.IDLE)

    pull()
    for piece in pieces:
        layer.receive_data(piece)
        pull()
    if end & 1:
        layer.artim_expired()
        pull()
    if end & 2:
        layer.transport_closed()
        pull()
        assert layer.state is State.IDLE
    for each in _pdus(bytes(sent)):
        _comes_back(pdu.decode(each))
    return Played(
        tuple(indications), tuple(states), bytes(sent), layer.closing, layer.artim_running
    )


def _ask(layer: UpperLayer, will: random.Random, user: int) -> None:
    """What the local user does after an indication: often what is right, else anything."""
    if user < 128:
        right = {
            State.AWAITING_LOCAL_ASSOCIATE_RESPONSE: _AC,
            State.ESTABLISHED: _P_DATA,
            State.AWAITING_LOCAL_RELEASE_RESPONSE: pdu.ReleaseRP(),
        }.get(layer.state)
        asked = [right] if right is not None and will.random() < 0.9 else []
    else:
        asked = will.choices(_ASKED, k=will.randrange(3))
    for each in asked:
        allowed = layer.allows(type(each))
        try:
            layer.send(each)
        except NotEstablished:
            assert not allowed
        else:
            assert allowed


def _pdus(data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        _, length = pdu.HEADER.unpack_from(data, at)
        yield data[at : at + 6 + length]
        at += 6 + length
    assert at == len(data)


class _Observed:
    """The log of the association that is played."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.failures: list[Failure] = []

    def __call__(self, event: dict[str, Any]) -> None:
        if event.get("log_failure") is not None:
            self.failures.append(event["log_failure"])
        if event.get("log_namespace", "").startswith("txdicom"):
            self.lines.append(formatEvent(event))


_observed: _Observed | None = None


def _observe() -> _Observed:
    global _observed
    if _observed is None:
        _observed = _Observed()
        globalLogPublisher.addObserver(_observed)
        # Everything in words, as with debug_logger, but with nothing written.
        log.debug_logger(_Nowhere())
    _observed.lines.clear()
    _observed.failures.clear()
    return _observed


class _Nowhere:
    def write(self, text: str) -> int:
        return len(text)


def the_association(data: bytes) -> None:
    """A whole association, in both roles, ends; it leaves nothing, fails nothing, logs cleanly.

    The first byte is the role and the way to its beginning, the second the cut and the end.
    """
    if len(data) < 2:
        return
    role, end = data[:2]
    observed = _observe()
    clock = Clock()
    protocol, left = _requestor(clock) if role & 1 else _acceptor(clock)
    transport = MemoryTransport(_ADDRESS, _ADDRESS)
    transport.protocol = protocol
    protocol.makeConnection(transport)
    stream = data[2:]
    if role & 2:  # straight to an established association
        stream = (_AC if role & 1 else _REQUEST).encode() + stream
    pieces = _pieces(stream, random.Random(end)) if role & 4 else iter([stream])
    for piece in pieces:
        if transport.disconnecting or not piece:
            break
        protocol.dataReceived(piece)
        while clock.getDelayedCalls() and clock.getDelayedCalls()[0].getTime() <= clock.seconds():
            clock.advance(0)
        assert len(protocol.upper_layer._framing._received) <= _LONGEST_PDU + len(piece)
    if end & 1:
        clock.pump([30.0] * 8)  # each time-out starts the next one
        assert transport.disconnecting
    protocol.connectionLost(Failure(ConnectionDone()))
    assert not clock.getDelayedCalls(), clock.getDelayedCalls()
    assert not left(), "an association is left"
    assert not observed.failures, observed.failures[0].getTraceback()
    for line in observed.lines:
        assert line.isascii(), line
        assert line.isprintable(), line
        assert len(line) < 1_000, line
    for each in _pdus(bytes(transport._unsent)):
        pdu.decode(each)


_REQUEST = pdu.AssociateRQ(
    "ANY-SCP", "FUZZ", (PresentationContextRQ(1, VERIFICATION, (IMPLICIT_VR_LITTLE_ENDIAN,)),)
)
_ADDRESS: Any = None


def _acceptor(clock: Clock) -> tuple[Any, Callable[[], object]]:
    ae = AE("ANY-SCP", _LIMITS, clock)
    ae.add_supported_context(VERIFICATION)
    factory = ae.server_factory()
    return factory.buildProtocol(None), factory._all


def _requestor(clock: Clock) -> tuple[Any, Callable[[], object]]:
    opened: dict[Any, None] = {}
    factory = ClientFactory(
        _RQ,
        numbered(VerificationPresentationContexts),
        _LIMITS,
        clock,
        opened=lambda association: opened.update({association: None}),
        closed=opened.pop,
    )

    def echo(association: Any) -> None:
        association.echo().addBoth(lambda result: association.release()).addErrback(id)

    factory.requesting.established.addCallbacks(echo, id)
    return factory.buildProtocol(None), lambda: opened


TARGETS: dict[str, Callable[[bytes], None]] = {
    "pdu": the_pdu,
    "command": the_command,
    "assembler": the_assembler,
    "upper_layer": the_upper_layer,
    "association": the_association,
}
