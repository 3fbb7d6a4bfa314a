"""Memory is bounded: whatever a peer announces, sends, or does not read."""

from __future__ import annotations

import struct

from tests.hostile.server import CLOSING, LATE, MIB, WRITE, Attacker, HostileTestCase
from tests.hostile.wire import REQUEST, echo_rq, header, item, pdv, request_of
from txdicom.uids import IMPLICIT_VR_LITTLE_ENDIAN, VERIFICATION
from txdicom.upperlayer import pdu, reasons

_REFUSED_AT_FIRST = pdu.Abort(reasons.ABORT_BY_USER).encode()
_INVALID = pdu.Abort(reasons.ABORT_BY_PROVIDER, reasons.INVALID_PARAMETER_VALUE).encode()

#: Longest A-ASSOCIATE-RQ that the server takes: its fixed fields and application context besides.
_LONGEST = 262_144 - 68 - 25


class AnnouncedLengthTests(HostileTestCase):
    """A length that is not to be received is refused at the header."""

    async def test_lengths(self) -> None:
        """4 GiB - 1, 1 GiB and 100 MiB announced, then a stream: aborted, and nothing kept."""
        server = await self.serve()
        await self.warm(server)
        memory = server.memory
        first, later = [], []
        for length in (0xFFFFFFFF, 1 << 30, 100 << 20):

            def announce(attacker: Attacker, kind: int = 4, length: int = length) -> None:
                attacker.send(header(kind, length))
                attacker.stream(bytes(65_536), 8 * MIB)

            first += await self.attack(server, Attacker, 3)
            for attacker in first[-3:]:
                announce(attacker, 1)
            later += await self.attack(server, lambda: Attacker(REQUEST, announce), 3)
        await self.all_gone(first + later)
        self.assertEqual({bytes(a.received) for a in first}, {_REFUSED_AT_FIRST})
        self.assertEqual({bytes(a.received[-10:]) for a in later}, {_INVALID})
        for attacker in first + later:
            self.assertLess(attacker.lived, CLOSING + LATE)
        self.assertLess(server.most_memory - memory, 2 * MIB)
        await self.assert_serves(server.port)


class ItemTests(HostileTestCase):
    """An A-ASSOCIATE-RQ of 256 KiB costs little more than its bytes."""

    async def _assert_bounded(self, body: bytes, answer: bytes | None = None) -> None:
        """Twenty such requests, told one after the other, while honest clients are served.

        :param answer: the first bytes of what is answered
        """
        server = await self.serve()
        await self.warm(server)
        memory, cpu = server.memory, server.cpu
        async with self.honest(server) as rounds:
            attackers = await self.attack(server, lambda: Attacker(request_of(body)), 20)
            await self.all_gone(attackers)
        for attacker in attackers:
            if answer is not None:
                self.assertEqual(bytes(attacker.received[: len(answer)]), answer)
        self.assert_served(rounds)
        self.assertLess(server.most_memory - memory, 20 * 2 * 262_144)
        self.assertLess(server.cpu - cpu, 8)
        await self.assert_serves(server.port)

    async def test_endless_items(self) -> None:
        """65,000 empty items are passed over, in time."""
        await self._assert_bounded(item(0x99, b"") * (_LONGEST // 4), b"\x02")

    async def test_endless_transfer_syntaxes(self) -> None:
        """So are contexts with 16,000 empty transfer syntaxes each."""
        body = b""
        for context_id in (1, 3, 5):
            value = bytes((context_id, 0, 0, 0)) + item(0x30, VERIFICATION.encode())
            value += item(0x40, b"") * ((65_535 - len(value)) // 4)
            body += item(0x20, value)
        await self._assert_bounded(body, b"\x02")

    async def test_endless_roles(self) -> None:
        """So is a user information item with 8,000 role selections."""
        role = item(0x54, struct.pack(">HBB", 0, 1, 1))
        await self._assert_bounded(item(0x50, role * (65_535 // len(role))), b"\x02")

    async def test_long_items(self) -> None:
        """Items of 65,535 bytes where UIDs should be are refused."""
        context = bytes((1, 0, 0, 0)) + item(0x30, b"1" * 65_527)
        await self._assert_bounded(item(0x20, context) * 3, _REFUSED_AT_FIRST)

    async def test_overlapping_lengths(self) -> None:
        """Items that reach beyond their parent, and into the next one, are refused."""
        inner = bytes((1, 0, 0, 0)) + item(0x30, VERIFICATION.encode(), 0xFFFF)
        await self._assert_bounded(item(0x20, inner) * 5_000, _REFUSED_AT_FIRST)

    async def test_duplicates(self) -> None:
        """4,000 contexts of the same ID are refused."""
        context = bytes((1, 0, 0, 0)) + item(0x30, VERIFICATION.encode())
        context += item(0x40, IMPLICIT_VR_LITTLE_ENDIAN.encode())
        await self._assert_bounded(
            item(0x20, context) * (_LONGEST // (len(context) + 4)), _REFUSED_AT_FIRST
        )


class FragmentTests(HostileTestCase):
    """A message has an end."""

    async def _assert_aborted(self, chunk: bytes) -> None:
        server = await self.serve()
        await self.warm(server)
        memory = server.memory

        def flood(attacker: Attacker) -> None:
            attacker.stream(chunk, 8 * MIB)

        attackers = await self.attack(server, lambda: Attacker(REQUEST, flood), 5)
        await self.all_gone(attackers)
        for attacker in attackers:
            self.assertIn(_INVALID, attacker.received)
        self.assertLess(server.most_memory - memory, 3 * MIB)
        await self.assert_serves(server.port)

    async def test_endless_command(self) -> None:
        """A command set whose fragments of 100 bytes never end is aborted."""
        await self._assert_aborted(pdv(bytes(100), 1) * 100)

    async def test_small_fragments(self) -> None:
        """So is one of fragments of a byte."""
        await self._assert_aborted(pdv(b"\0", 1) * 1_000)

    async def test_empty_pdvs(self) -> None:
        """So is one of empty fragments, many in each PDU."""
        value = pdu.PresentationDataValue(1, True, False, b"")
        await self._assert_aborted(pdu.PDataTF((value,) * 2_000).encode())

    async def test_empty_pdus(self) -> None:
        """P-DATA-TF without any fragment are aborted at the first."""
        await self._assert_aborted(header(4, 0) * 1_000)


class UnreadTests(HostileTestCase):
    """A peer that does not read is cut off, and meanwhile not read from."""

    async def test_pipeliner(self) -> None:
        """Five peers send 100,000 C-ECHO each and read nothing: little waits for them."""
        server = await self.serve()
        await self.warm(server)
        memory = server.memory
        flood = b"".join(echo_rq(number) for number in range(1_000))

        def pipeline() -> Attacker:
            return Attacker(REQUEST + flood * 100, reads=False)

        attackers = await self.attack(server, pipeline, 5)
        async with self.honest(server) as rounds:
            await self.all_gone(attackers)
        self.assert_served(rounds)
        for attacker in attackers:
            # The time begins when the operating system's buffers are full.
            self.assertGreater(attacker.lived, WRITE - 0.1)
            self.assertLess(attacker.lived, 15)
        self.assertLess(server.most_memory - memory, 4 * MIB)
        self.assertTrue(server.peer.lines_with("write_timeout"))
        await self.assert_serves(server.port)


class LegalMaximumTests(HostileTestCase):
    """200 peers that each send as much as is allowed, and slowly."""

    async def test_requests(self) -> None:
        """200 requests of 256 KiB that never become whole take their bytes, and give them back."""
        server = await self.serve()
        await self.warm(server)
        memory, descriptors = server.memory, server.descriptors
        begun = request_of(item(0x99, bytes(60_000)) * 4 + item(0x99, bytes(20_000)))
        self.assertLessEqual(len(begun), 6 + 262_144)
        attackers = await self.attack(server, lambda: Attacker(begun[:-40]), 200)
        async with self.honest(server) as rounds:
            for attacker in attackers:
                attacker.drip(bytes(30), 0.5)
            await self.all_gone(attackers)
        self.assert_served(rounds)
        # A growing buffer has some room to grow.
        self.assertLess(server.most_memory - memory, 200 * 262_144 * 1.5)
        await self.assert_comes_back(server, descriptors, memory)

    async def test_messages(self) -> None:
        """So do 200 associations whose command sets grow to the limit, fragment by fragment."""
        server = await self.serve()
        await self.warm(server)
        memory, descriptors = server.memory, server.descriptors

        def begin(attacker: Attacker) -> None:
            attacker.send(pdv(bytes(16_000), 1))
            attacker.drip(pdv(bytes(16_300), 1)[:500], 0.2)

        attackers = await self.attack(server, lambda: Attacker(REQUEST, begin), 200)
        async with self.honest(server) as rounds:
            await self.all_gone(attackers)
        self.assert_served(rounds)
        self.assertLess(server.most_memory - memory, 200 * 60_000)
        await self.assert_comes_back(server, descriptors, memory)
