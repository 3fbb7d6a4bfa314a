"""A raw peer: it writes the bytes that it is told to, and collects those that it is sent.

It knows no state and no rule, so it can break all of them. Whatever it is sent is decoded with
:mod:`txdicom.upperlayer.pdu` for the tests to look at.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol

from tests.test_association import AssociationTestCase
from txdicom import evt
from txdicom.dimse import command as command_set
from txdicom.dimse.message import Assembler, Message
from txdicom.testing import MemoryClientEndpoint
from txdicom.uids import IMPLICIT_VR_LITTLE_ENDIAN, VERIFICATION
from txdicom.upperlayer import pdu
from txdicom.upperlayer.items import PresentationContextAC, PresentationContextRQ
from txdicom.upperlayer.user_information import ImplementationClassUID, MaximumLength

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"

#: What the raw peer proposes, and what it accepts.
RQ = pdu.AssociateRQ(
    "SCP",
    "PEER",
    (PresentationContextRQ(1, VERIFICATION, (IMPLICIT_VR_LITTLE_ENDIAN,)),),
    (MaximumLength(16_382), ImplementationClassUID("1.2.3.4")),
)
AC = pdu.AssociateAC(
    "ANY-SCP",
    "SCU",
    (PresentationContextAC(1, 0, IMPLICIT_VR_LITTLE_ENDIAN),),
    (MaximumLength(16_382), ImplementationClassUID("1.2.3.4")),
)
RJ = pdu.AssociateRJ(1, 1, 1)
RELEASE_RQ = pdu.ReleaseRQ()
RELEASE_RP = pdu.ReleaseRP()


def c_echo_rq(message_id: int = 1, **elements: Any) -> dict[str, Any]:
    """The command set of a C-ECHO-RQ (PS3.7 Table 9.3-12); None leaves an element out."""
    command = {
        "AffectedSOPClassUID": VERIFICATION,
        "CommandField": 0x0030,
        "MessageID": message_id,
        "CommandDataSetType": 0x0101,
        **elements,
    }
    return {keyword: value for keyword, value in command.items() if value is not None}


def c_echo_rsp(message_id: int = 1, **elements: Any) -> dict[str, Any]:
    """The command set of a C-ECHO-RSP (PS3.7 Table 9.3-13); None leaves an element out."""
    command = {
        "AffectedSOPClassUID": VERIFICATION,
        "CommandField": 0x8030,
        "MessageIDBeingRespondedTo": message_id,
        "CommandDataSetType": 0x0101,
        "Status": 0x0000,
        **elements,
    }
    return {keyword: value for keyword, value in command.items() if value is not None}


def pdv(
    data: bytes, context_id: int = 1, command: bool = True, last: bool = True
) -> pdu.PresentationDataValue:
    """One presentation data value."""
    return pdu.PresentationDataValue(context_id, command, last, data)


def p_data(command: dict[str, Any] | bytes, context_id: int = 1) -> pdu.PDataTF:
    """A P-DATA-TF with one whole command set."""
    data = command if isinstance(command, bytes) else command_set.encode(command)
    return pdu.PDataTF((pdv(data, context_id),))


ECHO_RQ = p_data(c_echo_rq())
ECHO_RSP = p_data(c_echo_rsp())


def split(data: bytes) -> Iterable[bytes]:
    """The PDUs in these bytes, each still as bytes; what is left over comes last."""
    while len(data) >= pdu.HEADER_LENGTH:
        end = pdu.HEADER_LENGTH + pdu.HEADER.unpack_from(data)[1]
        yield data[:end]
        data = data[end:]
    if data:
        yield data


class RawPeer(Protocol):
    """One end of a connection, on any transport.

    :ivar received: all bytes that it was sent
    :ivar lost: why its connection is closed, or None while it is open
    """

    def __init__(self) -> None:
        self.received = bytearray()
        self.lost: Any = None
        self._taken = 0

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Any = None) -> None:
        self.lost = reason

    def send(self, *what: pdu.PDU | bytes) -> None:
        """Write PDUs, or bytes that are none, all at once."""
        assert self.transport is not None
        self.transport.write(b"".join(it if isinstance(it, bytes) else it.encode() for it in what))

    def pdus(self) -> list[pdu.PDU]:
        """All PDUs that it was sent."""
        return [pdu.decode(data) for data in split(bytes(self.received))]

    def taken(self) -> list[pdu.PDU]:
        """The PDUs that it was sent since the last time this was asked."""
        new = self.pdus()[self._taken :]
        self._taken += len(new)
        return new


class _Factory:
    """Builds raw peers, to connect or to listen with."""

    def __init__(self) -> None:
        self.peers: list[RawPeer] = []

    def buildProtocol(self, addr: object) -> RawPeer:
        self.peers.append(RawPeer())
        return self.peers[-1]


#: The events that a program can see, in words short enough for a table.
SEEN = {
    evt.EVT_ESTABLISHED: "established",
    evt.EVT_REJECTED: "rejected",
    evt.EVT_RELEASED: "released",
    evt.EVT_ABORTED: "aborted",
    evt.EVT_DIMSE_RECV: "message",
}


class ConformanceTestCase(AssociationTestCase):
    """One side is txdicom, the other one a raw peer, on a wire in memory.

    :ivar seen: the events of txdicom's side, by the words of ``SEEN``
    """

    def setUp(self) -> None:
        super().setUp()
        self.seen: list[str] = []
        self.watching = [(event, self._saw, (word,)) for event, word in SEEN.items()]

    def _saw(self, event: Any, word: str) -> None:
        self.seen.append(word)

    # The raw peer as requestor

    def connect(self, handlers: Any = ()) -> RawPeer:
        """A connection to our acceptor, on which nothing is sent yet."""
        if "scp" not in self.wire.factories:
            self.wire.listen(self.scp, evt_handlers=[*self.watching, *handlers])
        peer: RawPeer = self.wire.join(_Factory(), self.wire.factories["scp"])
        self.ours = peer.transport.other.protocol
        self.association = self.ours._user
        return peer

    def tell(self, peer: RawPeer, *what: pdu.PDU | bytes) -> list[pdu.PDU]:
        """Let the raw peer write; returns what it is sent for it."""
        peer.send(*what)
        self.wire.flush()
        return peer.taken()

    def associated(self, request: pdu.AssociateRQ = RQ, handlers: Any = ()) -> RawPeer:
        """A raw requestor whose association was accepted, with all that was sent so far taken."""
        peer = self.connect(handlers)
        (ac,) = self.tell(peer, request)
        self.assertIsInstance(ac, pdu.AssociateAC)
        self.seen.clear()
        return peer

    def proposing(self, **parts: Any) -> pdu.PDU:
        """What a request of which these parts are changed is answered with."""
        (answer,) = self.tell(self.connect(), replace(RQ, **parts))
        return answer

    # The raw peer as acceptor

    def requested(self, handlers: Any = (), **arguments: Any) -> RawPeer:
        """A raw acceptor that our requestor has sent its A-ASSOCIATE-RQ, which is taken.

        The Deferred of the association is ``self.associating``, what came of it ``self.outcome``.
        """
        factory = _Factory()
        self.wire.factories["raw"] = factory
        opened: list[Any] = []
        self.outcome: list[Any] = []
        self.associating: Deferred[Any] = self.scu.connect(
            MemoryClientEndpoint(self.wire, "raw"),
            evt_handlers=[
                (evt.EVT_CONN_OPEN, lambda event: opened.append(event.assoc)),
                *self.watching,
                *handlers,
            ],
            **arguments,
        )
        self.associating.addBoth(self.outcome.append)
        self.wire.flush()
        (self.association,) = opened
        self.ours = self.association.protocol
        (peer,) = factory.peers
        self.request = peer.taken()[0]
        return peer

    def accepted_by(self, answer: pdu.AssociateAC = AC, **arguments: Any) -> RawPeer:
        """A raw acceptor that has accepted; the requestor's association is established."""
        peer = self.requested(**arguments)
        self.assertEqual(self.tell(peer, answer), [])
        self.assertEqual(self.outcome, [self.association])
        self.seen.clear()
        return peer

    # What both sides come to

    @property
    def state(self) -> int:
        """The state of txdicom's side, by number."""
        return int(self.ours.upper_layer.state)

    def assertGone(self, peer: RawPeer, *seconds: float, where: str = "") -> None:
        """Our side closes by itself, the peer doing nothing: when these times are over, not before.

        Each counts from the end of the one before, and nothing is left behind.
        """
        if seconds:
            for one in seconds[:-1]:
                self.wire.advance(one)
            self.wire.advance(seconds[-1] - 0.1)
            self.assertIsNone(peer.lost, where)
            self.wire.advance(0.1)
        self.assertIsNotNone(peer.lost, where)
        self.assertNothingLeft()


def messages(pdus: Iterable[pdu.PDU]) -> list[Message]:
    """The messages that these P-DATA-TF carry."""
    assembler = Assembler(16_384, 1_024, lambda context_id, command: 0)
    fed = [assembler.feed(value) for one in pdus for value in one.values]  # type: ignore[union-attr]
    return [message for message in fed if message is not None]
