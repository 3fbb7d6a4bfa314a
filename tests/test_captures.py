"""Whole associations between other programs, decoded, encoded again and played again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from twisted.trial.unittest import SynchronousTestCase

from txdicom.dimse import command
from txdicom.dimse.message import Assembler, fragment
from txdicom.upperlayer import pdu
from txdicom.upperlayer.machine import UpperLayer
from txdicom.upperlayer.pdu import Abort, AssociateAC, AssociateRJ, PDataTF, ReleaseRP
from txdicom.upperlayer.table import State

FOLDER = Path(__file__).parent / "captures"


class Line(NamedTuple):
    """One PDU of a capture."""

    from_requestor: bool
    data: bytes


class Capture(NamedTuple):
    """One association, from its request to its end."""

    name: str
    lines: tuple[Line, ...]


def normalised(name: str, data: bytes) -> bytes:
    """The PDU with one byte of DCMTK's made what the standard says, and none else changed.

    In each presentation context item of an A-ASSOCIATE-RQ, DCMTK sends the reserved byte 7
    (Table 9-13), where an AC has its result, as 0xff; the standard has it sent as 0.
    """
    if data[0] != 0x01 or not name.startswith("dcmtk-"):
        return data
    changed = bytearray(data)
    at = 74
    while at < len(data):
        if data[at] == 0x20:
            assert data[at + 6] == 0xFF, "DCMTK has changed: the exception is no longer needed"
            changed[at + 6] = 0
        at += 4 + int.from_bytes(data[at + 2 : at + 4], "big")
    return bytes(changed)


def captures() -> Iterator[Capture]:
    for path in sorted(FOLDER.glob("*.txt")):
        lines = [line.split() for line in path.read_text().splitlines()]
        yield Capture(
            path.stem, tuple(Line(side == ">", bytes.fromhex(data)) for side, data in lines)
        )


CAPTURES = tuple(captures())


class CodecTests(SynchronousTestCase):
    """Decode and encode, PDU by PDU."""

    def test_there(self) -> None:
        """All ten captures are there, and have a PDU of each of the seven types among them."""
        self.assertEqual(len(CAPTURES), 10)
        types = {line.data[0] for capture in CAPTURES for line in capture.lines}
        self.assertEqual(types, set(range(1, 8)))

    def test_same_bytes(self) -> None:
        """Every PDU of DCMTK, pynetdicom and Orthanc decodes, and encodes to the same bytes."""
        for name, lines in CAPTURES:
            for number, line in enumerate(lines, 1):
                self.assertEqual(
                    pdu.decode(line.data).encode().hex(),
                    normalised(name, line.data).hex(),
                    f"{name}, line {number}",
                )

    def test_exception_is_one_byte(self) -> None:
        """But for that one reserved byte a context, DCMTK's requests are compared as they are."""
        for name, lines in CAPTURES:
            for line in lines:
                changed = [
                    at
                    for at, (before, after) in enumerate(
                        zip(line.data, normalised(name, line.data), strict=True)
                    )
                    if before != after
                ]
                dcmtk_request = name.startswith("dcmtk-") and line.data[0] == 0x01
                contexts = len(pdu.decode(line.data).presentation_contexts) if dcmtk_request else 0
                self.assertEqual(len(changed), contexts, name)

    def test_messages(self) -> None:
        """Every command set assembles, decodes, and encodes and fragments to the same PDUs."""
        seen = set()
        for name, lines in CAPTURES:
            for line in lines:
                if line.data[0] != 0x04:
                    continue
                (value,) = pdu.decode(line.data).values
                message = Assembler(16_384, 1_024, lambda *_: 0).feed(value)
                seen.add(command.command_name(message.CommandField))
                self.assertEqual(
                    [part.encode() for part in fragment(message, 16_384)], [line.data], name
                )
        self.assertEqual(seen, {"C-ECHO-RQ", "C-ECHO-RSP"})


def in_bites(lines: list[Line]) -> Iterator[list[bytes]]:
    """For each PDU, the reads that bring it: byte by byte."""
    for line in lines:
        yield [line.data[at : at + 1] for at in range(len(line.data))]


def with_next_behind(lines: list[Line]) -> Iterator[list[bytes]]:
    """For each PDU, the reads that bring it: the one behind it always comes along."""
    datas = [line.data for line in lines]
    for at in range(len(datas)):
        yield [b"".join(datas[:2])] if at == 0 else datas[at + 1 : at + 2]


def each_whole(lines: list[Line]) -> Iterator[list[bytes]]:
    """For each PDU, the reads that bring it: itself."""
    for line in lines:
        yield [line.data]


def all_at_once(lines: list[Line]) -> Iterator[list[bytes]]:
    """For each PDU, the reads that bring it: the first brings all that the peer ever sends."""
    for at in range(len(lines)):
        yield [b"".join(line.data for line in lines)] if at == 0 else []


class ReplayTests(SynchronousTestCase):
    """One side of each association is an UpperLayer, the other the capture."""

    def replay(self, cut) -> None:
        for capture in CAPTURES:
            for requestor in (True, False):
                self.replay_one(capture, requestor, cut)

    def replay_one(self, capture: Capture, requestor: bool, cut) -> None:
        where = f"{capture.name}, {'requestor' if requestor else 'acceptor'}"
        layer = UpperLayer(requestor)
        if not requestor:
            layer.transport_connected()
        reads = cut([line for line in capture.lines if line.from_requestor is not requestor])
        for line in capture.lines:
            value = pdu.decode(line.data)
            if line.from_requestor is requestor:
                layer.send(value)
                if layer.state is State.AWAITING_TRANSPORT_OPEN:
                    layer.transport_connected()
                self.assertEqual(layer.data_to_send(), normalised(capture.name, line.data), where)
                continue
            *before, last = next(reads) or [b""]
            for data in before:
                layer.receive_data(data)
                self.assertIsNone(layer.next_event(), where)
            layer.receive_data(last)
            self.assertEqual(layer.next_event(), value, where)
            self.assertEqual(layer.data_to_send(), b"", where)
        self.check_end(layer, capture, requestor, where)

    def check_end(self, layer: UpperLayer, capture: Capture, requestor: bool, where: str) -> None:
        """Who sends the last PDU waits for the peer to close; who receives it closes."""
        self.assertIsNone(layer.violation, where)
        last = capture.lines[-1]
        self.assertIn(type(pdu.decode(last.data)), (ReleaseRP, Abort, AssociateRJ), where)
        sent_it = last.from_requestor is requestor
        self.assertEqual(layer.state, State.AWAITING_TRANSPORT_CLOSE if sent_it else State.IDLE)
        self.assertEqual(layer.closing, not sent_it, where)
        self.assertEqual(layer.artim_running, sent_it, where)
        layer.transport_closed()
        self.assertIsNone(layer.next_event(), where)
        self.assertEqual(layer.state, State.IDLE, where)
        self.assertFalse(layer.artim_running, where)

    def test_whole(self) -> None:
        """Each association plays to its end, from both sides, a PDU a read."""
        self.replay(each_whole)

    def test_byte_by_byte(self) -> None:
        """The same when the network brings a byte at a time."""
        self.replay(in_bites)

    def test_with_the_next_behind(self) -> None:
        """The same when each read brings the next PDU along, before its time has come."""
        self.replay(with_next_behind)

    def test_all_at_once(self) -> None:
        """The same when one read brings all that the peer will ever send."""
        self.replay(all_at_once)


class ContentTests(SynchronousTestCase):
    """What the captures say, read in the hexadecimal by eye."""

    def decoded(self, name: str, number: int):
        (capture,) = (capture for capture in CAPTURES if capture.name == name)
        return pdu.decode(capture.lines[number].data)

    def test_many_contexts(self) -> None:
        """The longest request that DCMTK can make has 128 contexts of 38 transfer syntaxes."""
        request = self.decoded("dcmtk-echoscu-many-contexts--storescp", 0)
        self.assertEqual(
            [context.context_id for context in request.presentation_contexts],
            list(range(1, 256, 2)),
        )
        self.assertEqual(
            {len(context.transfer_syntaxes) for context in request.presentation_contexts}, {38}
        )
        answer = self.decoded("dcmtk-echoscu-many-contexts--storescp", 1)
        self.assertEqual({context.result for context in answer.presentation_contexts}, {0})

    def test_orthanc(self) -> None:
        """Orthanc's answer and its response to C-ECHO are read as they were meant."""
        answer = self.decoded("dcmtk-echoscu--orthanc", 1)
        self.assertIsInstance(answer, AssociateAC)
        self.assertEqual(answer.called_ae_title, "ORTHANC")
        response = self.decoded("dcmtk-echoscu--orthanc", 3)
        self.assertIsInstance(response, PDataTF)
        self.assertEqual(
            command.decode(response.values[0].data),
            {
                "CommandGroupLength": 66,
                "AffectedSOPClassUID": "1.2.840.10008.1.1",
                "CommandField": 0x8030,
                "MessageIDBeingRespondedTo": 1,
                "CommandDataSetType": 0x0101,
                "Status": 0x0000,
            },
        )

    def test_rejection(self) -> None:
        """pynetdicom's rejection by called title is permanent, by the user, reason 7."""
        self.assertEqual(
            self.decoded("dcmtk-echoscu--pynetdicom-rejects-called-title", 1), AssociateRJ(1, 1, 7)
        )

    def test_all_negotiation_items(self) -> None:
        """A request with every negotiation item keeps all of them, in their order."""
        request = self.decoded("pynetdicom-all-negotiation-items--pynetdicom", 0)
        kinds = [item.ITEM_TYPE for item in request.user_information]
        self.assertEqual(set(kinds), set(range(0x51, 0x59)))
