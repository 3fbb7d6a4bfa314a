"""Time is bounded: whatever a peer does slowly, or not at all, ends in a time-out."""

from __future__ import annotations

from tests.hostile.server import (
    CLOSING,
    MIB,
    NETWORK,
    PDU_TIMEOUT,
    Attacker,
    HostileTestCase,
)
from tests.hostile.wire import REQUEST, echo_rq, pdv
from txdicom.upperlayer import pdu


class CrowdTests(HostileTestCase):
    """Very many peers that are in no hurry."""

    async def test_idle_crowd(self) -> None:
        """1,000 peers say nothing or a byte a second; all others are served, and ARTIM ends it."""
        self.need_descriptors(2_000)
        artim = 4.0
        server = await self.serve(artim=artim, pdu_timeout=10)
        await self.warm(server)
        memory, descriptors = server.memory, server.descriptors
        async with self.honest(server) as rounds:
            silent = await self.attack(server, Attacker, 500)
            slow = await self.attack(server, Attacker, 500)
            for attacker in slow:
                attacker.drip(REQUEST, 1.0)
            await self.all_gone(silent + slow)
        self.assert_served(rounds)
        self.assert_lived(silent + slow, artim)
        # There is nothing to abort yet: the connection is closed, and that is all.
        self.assertEqual({bytes(attacker.received) for attacker in silent + slow}, {b""})
        self.assertLess(server.most_memory - memory, 1_000 * 16_384)
        await self.assert_comes_back(server, descriptors, memory, 8 * MIB)

    async def test_connection_limit(self) -> None:
        """Where only 50 connections may be, idle ones that keep coming do not close the door."""
        server = await self.serve(max_connections=50, artim=60)
        attackers = await self.attack(server, Attacker, 300)
        async with self.honest(server) as rounds:
            for _ in range(20):
                attackers += await self.attack(server, Attacker, 5)
                await self.sleep(0.1)
        self.assert_served(rounds)
        self.assertGreater(sum(attacker.lived is not None for attacker in attackers), 349)


class HalfTests(HostileTestCase):
    """What begins has to end."""

    async def test_half_pdu(self) -> None:
        """Half a P-DATA-TF, dripped on, ends in the PDU time-out with an A-ABORT."""

        def half(attacker: Attacker) -> None:
            attacker.send(echo_rq(1)[:20])
            attacker.drip(echo_rq(1)[20:], 0.2)

        server = await self.serve()
        attackers = await self.attack(server, lambda: Attacker(REQUEST, half), 20)
        await self.all_gone(attackers)
        # It has another second to close.
        self.assert_lived(attackers, PDU_TIMEOUT + CLOSING)
        for attacker in attackers:
            self.assertTrue(attacker.received.endswith(pdu.Abort().encode()))
        self.assertTrue(server.peer.lines_with("pdu_timeout"))

    async def test_half_message(self) -> None:
        """So does half a message of whole PDUs."""

        def half(attacker: Attacker) -> None:
            attacker.send(pdv(bytes(10), 1))

        server = await self.serve()
        attackers = await self.attack(server, lambda: Attacker(REQUEST, half), 20)
        await self.all_gone(attackers)
        self.assert_lived(attackers, PDU_TIMEOUT + CLOSING)
        for attacker in attackers:
            self.assertTrue(attacker.received.endswith(pdu.Abort().encode()))

    async def test_idle_association(self) -> None:
        """An association on which nothing comes ends in the network time-out."""
        server = await self.serve()
        attackers = await self.attack(server, lambda: Attacker(REQUEST), 20)
        await self.all_gone(attackers)
        self.assert_lived(attackers, NETWORK + CLOSING)
        self.assertTrue(server.peer.lines_with("network_timeout"))

    async def test_never_closes(self) -> None:
        """A peer that is answered and does not close the connection is cut off."""
        server = await self.serve()
        garbage = await self.attack(server, lambda: Attacker(b"GET / HTTP/1.1\r\n\r\n"), 20)
        released = await self.attack(
            server, lambda: Attacker(REQUEST + pdu.ReleaseRQ().encode()), 20
        )
        for attacker in garbage:
            attacker.drip(bytes(100), 0.2)
        await self.all_gone(garbage + released)
        self.assert_lived(garbage + released, CLOSING)


class UnfairTests(HostileTestCase):
    """Some do very much, and others are served all the same."""

    async def test_greedy_pipeliners(self) -> None:
        """Five peers that send C-ECHO after C-ECHO as fast as they can."""
        server = await self.serve()
        await self.warm(server)
        memory = server.memory
        flood = b"".join(echo_rq(number) for number in range(500))

        def pipeline(attacker: Attacker) -> None:
            attacker.stream(flood, 1 << 40)

        async with self.honest(server) as rounds:
            attackers = await self.attack(server, lambda: Attacker(REQUEST, pipeline), 5)
            await self.sleep(4)
        self.assert_served(rounds)
        self.assertEqual([attacker.lived for attacker in attackers], [None] * 5)
        self.assertLess(server.most_memory - memory, 4 * MIB)

    async def test_empty_pdus(self) -> None:
        """Peers that flood with empty PDUs, and come back whenever they are cut off."""
        server = await self.serve()
        await self.warm(server)
        memory = server.memory
        empty = pdu.HEADER.pack(4, 0) * 10_000
        async with self.honest(server) as rounds:
            for _ in range(10):
                attackers = await self.attack(server, lambda: Attacker(REQUEST + empty), 10)
                await self.sleep(0.4)
        self.assert_served(rounds)
        await self.all_gone(attackers)
        self.assertLess(server.most_memory - memory, 8 * MIB)
