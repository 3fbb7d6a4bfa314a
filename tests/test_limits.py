"""Limits: their defaults, what they may be, and that the core keeps to them."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields

from twisted.trial.unittest import SynchronousTestCase

from tests.vectors import SAMPLES, go, layer_in
from txdicom.dimse import command
from txdicom.dimse.message import Assembler
from txdicom.errors import ProtocolViolation
from txdicom.limits import Limits, check_limit
from txdicom.upperlayer import reasons
from txdicom.upperlayer.foreign import spoken_protocol
from txdicom.upperlayer.machine import PROVIDER_ABORT, UpperLayer
from txdicom.upperlayer.pdu import Abort, PresentationDataValue
from txdicom.upperlayer.table import State


class LimitsTests(SynchronousTestCase):
    """The options."""

    def test_defaults(self) -> None:
        """The defaults are those that the documentation promises."""
        limits = Limits()
        self.assertEqual(
            {row.name: getattr(limits, row.name) for row in fields(limits)},
            {
                "artim": 30.0,
                "closing_timeout": 5.0,
                "pdu_timeout": 30.0,
                "network_timeout": 60.0,
                "write_timeout": 60.0,
                "connection_timeout": 10.0,
                "acse_timeout": 30.0,
                "dimse_timeout": 30.0,
                "release_timeout": 5.0,
                "max_associate_length": 256 * 1024,
                "max_pdu": 16_382,
                "max_command": 16 * 1024,
                "max_command_fragments": 1_024,
                "max_operations": 16,
                "max_write_buffer": 64 * 1024,
                "max_pdus_per_turn": 100,
                "max_associations": 1_000,
                "max_connections": 5_000,
                "backlog": 1_024,
                "log_rate": 10,
            },
        )

    def test_described(self) -> None:
        """Each limit says in words what it limits, and in what unit."""
        for row in fields(Limits):
            self.assertTrue(row.metadata["text"], row.name)
            self.assertTrue(row.metadata["unit"], row.name)

    def test_seconds(self) -> None:
        """A time-out is a positive number, or None for none."""
        for good in (None, 1, 0.001, 3600.0):
            self.assertEqual(Limits(artim=good).artim, good)
        for bad in (0, -1, -0.5, float("inf"), float("nan")):
            with self.assertRaisesRegex(ValueError, "artim", msg=repr(bad)):
                Limits(artim=bad)
        for bad in ("30", True, b"1", (1,)):
            with self.assertRaisesRegex(TypeError, "artim", msg=repr(bad)):
                Limits(artim=bad)

    def test_sizes(self) -> None:
        """A size is a whole number, not below what works."""
        self.assertEqual(Limits(max_pdu=0).max_pdu, 0)
        for name, bad in (
            ("max_pdu", -1),
            ("max_pdu", 1 << 32),
            ("max_associate_length", 67),
            ("max_command", 63),
            ("max_associations", 0),
        ):
            with self.assertRaisesRegex(ValueError, name):
                Limits(**{name: bad})
        for bad in (1.0, "1", None, True):
            with self.assertRaisesRegex(TypeError, "backlog", msg=repr(bad)):
                Limits(backlog=bad)

    def test_every_limit(self) -> None:
        """Every single limit is checked."""
        for row in fields(Limits):
            self.assertRaises(TypeError, check_limit, row, "many")
            self.assertRaises(ValueError, check_limit, row, -1)

    def test_frozen(self) -> None:
        """Limits cannot be changed under the associations that keep to them."""
        with self.assertRaises(FrozenInstanceError):
            Limits().artim = 1


def header(kind: int, length: int) -> bytes:
    return bytes((kind, 0)) + length.to_bytes(4, "big")


class HeaderTests(SynchronousTestCase):
    """PDUs that are refused at their header, before any of their body is kept."""

    def refused(self, layer: UpperLayer, data: bytes) -> ProtocolViolation:
        layer.receive_data(data[:-1])
        self.assertIsNone(layer.next_event())
        self.assertIsNone(layer.violation)
        layer.receive_data(data[-1:])
        layer.next_event()
        self.assertEqual(layer.state, State.AWAITING_TRANSPORT_CLOSE)
        self.assertFalse(layer.mid_pdu)
        self.assertIsInstance(layer.violation, ProtocolViolation)
        return layer.violation

    def test_unknown_types(self) -> None:
        """Every PDU type that does not exist is refused with its sixth byte."""
        for kind in (0, *range(8, 256)):
            layer = layer_in(6)
            violation = self.refused(layer, header(kind, 4))
            self.assertEqual(violation.abort_reason, reasons.UNRECOGNIZED_PDU)
            self.assertEqual(layer.data_to_send(), Abort(2, 1).encode())

    def test_lengths(self) -> None:
        """A length over the limit is refused at the header; at the limit the PDU is waited for."""
        request, accepted = SAMPLES[1], SAMPLES[2].value
        for kind, requestor, steps, limit in (
            (1, False, ("connected",), 300),
            (2, True, (request.value, "connected"), 300),
            (4, False, ("connected", request.data, accepted), 200),
        ):
            for length in (limit, limit + 1):
                layer = go(UpperLayer(requestor, 300, 200), steps)
                layer.receive_data(header(kind, length))
                layer.next_event()
                self.assertEqual(layer.violation is None, length == limit, (kind, length))
                self.assertEqual(layer.mid_pdu, length == limit, (kind, length))

    def test_fixed_lengths(self) -> None:
        """RJ, RELEASE and ABORT have four bytes: a fifth is refused at the header."""
        for kind in (3, 5, 6, 7):
            self.refused(layer_in(6), header(kind, 5))

    def test_four_gigabytes(self) -> None:
        """The largest length there is, is refused like any other, for every type."""
        for kind in range(1, 8):
            violation = self.refused(layer_in(6), header(kind, 0xFFFFFFFF))
            self.assertIn("4294967295 bytes", str(violation))

    def test_names_the_limit(self) -> None:
        """The violation says what was announced and what the limit is."""
        violation = self.refused(layer_in(6), header(4, 16_383))
        self.assertEqual(violation.message, "P-DATA-TF of 16383 bytes; the limit is 16382")

    def test_nothing_more_is_kept(self) -> None:
        """Once refused, a peer may send what it likes: none of it is kept."""
        layer = layer_in(6)
        self.refused(layer, header(4, 0xFFFFFFFF))
        for _ in range(100):
            layer.receive_data(bytes(65_536))
        self.assertEqual(len(layer._framing), 0)
        self.assertIsNone(layer.next_event())


class ForeignTests(SynchronousTestCase):
    """Other protocols on a DICOM port are told by their first bytes."""

    samples = (
        ("HTTP", b"GET / HTTP/1.1\r\nHost: example\r\n\r\n"),
        ("HTTP", b"HEAD / HTTP/1.0\r\n\r\n"),
        ("HTTP", b"OPTIONS * HTTP/1.1\r\n\r\n"),
        ("HTTP", b"CONNECT host:80 HTTP/1.1\r\n\r\n"),
        ("HTTP", b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        ("HTTP", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
        ("TLS", b"\x15\x03\x03\x00\x02\x02\x28"),
        ("SSH", b"SSH-2.0-OpenSSH_9.6\r\n"),
        ("HL7 (MLLP)", b"\x0bMSH|^~\\&|ADT1|GOOD HEALTH HOSPITAL|"),
        ("HL7", b"MSH|^~\\&|ADT1|"),
        ("the PROXY protocol", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"),
        ("the PROXY protocol", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"),
        ("SMTP or FTP", b"220 mail.example ESMTP\r\n"),
    )

    def test_in_one_read(self) -> None:
        """HTTP, TLS, SSH, HL7 and others are named in the failure."""
        for protocol, data in self.samples:
            self.assertEqual(spoken_protocol(data), protocol)
            layer = layer_in(2)
            layer.receive_data(data)
            layer.next_event()
            self.assertEqual(layer.violation.protocol, protocol)
            self.assertEqual(layer.violation.seen, data[:64])
            self.assertIn(f"the peer speaks {protocol}, not DICOM", str(layer.violation))

    def test_byte_by_byte(self) -> None:
        """They are named from six bytes too, so how the network cuts them makes no difference."""
        for protocol, data in self.samples:
            layer = layer_in(5)
            for at in range(len(data)):
                layer.receive_data(data[at : at + 1])
                if layer.next_event() is PROVIDER_ABORT:
                    break
            self.assertEqual(layer.violation.protocol, protocol, data)

    def test_dicom(self) -> None:
        """DICOM is not taken for another protocol, nor is noise."""
        for vector in SAMPLES.values():
            self.assertIsNone(spoken_protocol(vector.data))
        for noise in (b"", b"\x08\0\0\0\0\0", b"GETAWAY", b"\x17\x03\x03"):
            self.assertIsNone(spoken_protocol(noise))


def fragment_of(data: bytes, last: bool = False, is_command: bool = True, context_id: int = 1):
    return PresentationDataValue(context_id, is_command, last, data)


STORE = command.encode({"CommandField": 1, "MessageID": 1, "CommandDataSetType": 0})


class AssemblerTests(SynchronousTestCase):
    """What a message may be made of."""

    def assembler(self, max_command=100, max_fragments=10, data_set_limit=0) -> Assembler:
        return Assembler(max_command, max_fragments, lambda *_: data_set_limit)

    def violated(self, assembler: Assembler, value: PresentationDataValue) -> ProtocolViolation:
        with self.assertRaises(ProtocolViolation) as caught:
            assembler.feed(value)
        return caught.exception

    def test_size_of_a_command_set(self) -> None:
        """A command set over its limit is refused with the byte that is too many."""
        assembler = self.assembler()
        self.assertIsNone(assembler.feed(fragment_of(bytes(60))))
        self.assertIsNone(assembler.feed(fragment_of(bytes(40))))
        self.assertIn("too long", str(self.violated(assembler, fragment_of(b"\0"))))
        self.violated(self.assembler(), fragment_of(bytes(101), last=True))

    def test_fragments_of_a_command_set(self) -> None:
        """A command set in too many fragments is refused, and empty ones count."""
        for data in (b"", b"\0"):
            assembler = self.assembler()
            for _ in range(10):
                self.assertIsNone(assembler.feed(fragment_of(data)))
            self.violated(assembler, fragment_of(data))

    def test_limits_are_for_each(self) -> None:
        """The limits are those of one message; the next one starts anew."""
        assembler = self.assembler(max_command=60, max_fragments=2)
        echo = command.encode({"CommandField": 0x30, "MessageID": 1, "CommandDataSetType": 0x101})
        for _ in range(3):
            self.assertIsNone(assembler.feed(fragment_of(echo[:20])))
            self.assertEqual(assembler.feed(fragment_of(echo[20:], last=True)).MessageID, 1)

    def test_context(self) -> None:
        """A fragment on another context in the middle of a message is refused (PS3.8 E.1)."""
        assembler = self.assembler()
        assembler.feed(fragment_of(b"\0"))
        violation = self.violated(assembler, fragment_of(b"\0", context_id=3))
        self.assertEqual(violation.abort_reason, reasons.UNEXPECTED_PARAMETER)
        self.assertIn("context 3 within a message on context 1", str(violation))

    def test_context_of_the_data_set(self) -> None:
        """The data set has to come on its command set's context."""
        assembler = self.assembler(data_set_limit=10)
        self.assertIsNone(assembler.feed(fragment_of(STORE, last=True)))
        self.violated(assembler, fragment_of(b"", True, is_command=False, context_id=3))

    def test_data_set_first(self) -> None:
        """A data set fragment before any command set, or in the midst of one, is refused."""
        for before in ((), (fragment_of(STORE[:10]),)):
            assembler = self.assembler(data_set_limit=10)
            for value in before:
                assembler.feed(value)
            violation = self.violated(assembler, fragment_of(b"\0", is_command=False))
            self.assertIn("a data set fragment out of its turn", str(violation))

    def test_command_after_command(self) -> None:
        """A command set where its data set should come is refused."""
        assembler = self.assembler(data_set_limit=10)
        assembler.feed(fragment_of(STORE, last=True))
        violation = self.violated(assembler, fragment_of(STORE, last=True))
        self.assertIn("a command fragment out of its turn", str(violation))

    def test_no_data_set(self) -> None:
        """Where no data set may come, announcing one is refused at once, by its name."""
        violation = self.violated(self.assembler(), fragment_of(STORE, last=True))
        self.assertEqual(violation.message, "C-STORE-RQ announces a data set")
        self.assertEqual(violation.abort_reason, reasons.UNEXPECTED_PARAMETER)

    def test_size_of_a_data_set(self) -> None:
        """A data set may be as long as its limit and no longer."""
        assembler = self.assembler(data_set_limit=10)
        assembler.feed(fragment_of(STORE, last=True))
        whole = assembler.feed(fragment_of(bytes(10), True, is_command=False))
        self.assertEqual(whole.data_set, bytes(10))
        assembler.feed(fragment_of(STORE, last=True))
        assembler.feed(fragment_of(bytes(10), is_command=False))
        self.violated(assembler, fragment_of(b"\0", is_command=False))

    def test_empty_fragments_of_a_data_set(self) -> None:
        """Empty fragments of a data set come to an end too."""
        assembler = self.assembler(data_set_limit=10)
        assembler.feed(fragment_of(STORE, last=True))
        for _ in range(20):
            self.assertIsNone(assembler.feed(fragment_of(b"", is_command=False)))
        self.violated(assembler, fragment_of(b"", is_command=False))

    def test_limit_is_asked(self) -> None:
        """The limit of a data set is asked for with the context and the command set it is of."""
        asked = []

        def limit(context_id: int, elements) -> int:
            asked.append((context_id, elements["CommandField"]))
            return 1

        Assembler(100, 10, limit).feed(fragment_of(STORE, last=True, context_id=7))
        self.assertEqual(asked, [(7, 1)])
