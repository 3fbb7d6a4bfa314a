"""Slots come back: however connections end, nothing is left of them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable

from tests.hostile.server import ARTIM, CLOSING, Attacker, HostileTestCase, Server
from tests.hostile.wire import (
    ABORT,
    RELEASE_RQ,
    REQUEST,
    answers,
    associated,
    connected,
    echo_rq,
    pdv,
    receive_pdu,
    request,
    reset,
)
from tests.interop.peers import poll
from txdicom.upperlayer import pdu


def connect_and_close(port: int) -> None:
    """What a load balancer does to see whether somebody listens."""
    connected(port).close()


def associate_and_abort(port: int) -> None:
    with associated(port, ABORT) as connection:
        answers(connection)


def be_rejected(port: int) -> None:
    """Ask for an AE title that is not served, and close."""
    with connected(port, request("NOBODY")) as connection:
        if receive_pdu(connection) != pdu.AssociateRJ(1, 1, 7).encode():
            raise OSError("not rejected")


def associate_and_reset(port: int) -> None:
    reset(associated(port))


#: What is sent before a RST, in each state that a peer can bring an acceptor to.
_RESETS: tuple[Callable[[int], None], ...] = (
    lambda port: reset(connected(port)),  # Sta2
    lambda port: reset(connected(port, REQUEST[:100])),  # Sta2, in a PDU
    lambda port: reset(connected(port, REQUEST)),  # Sta3 and Sta6
    associate_and_reset,  # Sta6
    lambda port: reset(associated(port, echo_rq(1)[:30])),  # Sta6, in a PDU
    lambda port: reset(associated(port, pdv(bytes(10), 1))),  # Sta6, in a message
    lambda port: reset(associated(port, b"".join(map(echo_rq, range(200))))),  # with answers due
    lambda port: reset(associated(port, RELEASE_RQ)),  # Sta8 and Sta13
    lambda port: reset(associated(port, b"\xff" * 100)),  # Sta13, after A-ABORT
)


def _storm(attack: Callable[[int], None], port: int, count: int) -> None:
    for _ in range(count):
        attack(port)


class StormTests(HostileTestCase):
    """The same, thousands of times."""

    async def _assert_comes_back(
        self, attack: Callable[[int], None], count: int, *flags: str
    ) -> Server:
        """The first half makes what is made once; the second half has to leave nothing."""
        server = await self.serve(*flags)
        async with self.honest(server) as rounds:
            await self.in_thread(_storm, attack, server.port, count // 2)
        await self.warm(server)
        memory, descriptors = server.memory, server.descriptors
        await self.in_thread(_storm, attack, server.port, count // 2)
        self.assert_served(rounds)
        await self.assert_comes_back(server, descriptors, memory)
        return server

    async def test_connect_and_close(self) -> None:
        """5,000 connections that are closed at once leave nothing, a log included."""
        server = await self._assert_comes_back(connect_and_close, 5_000)
        self.assertEqual(server.peer.lines_with("#warn"), [])
        self.assertEqual(server.peer.lines_with("#critical"), [])

    async def test_associate_and_abort(self) -> None:
        """2,000 associations that are aborted leave nothing."""
        await self._assert_comes_back(associate_and_abort, 2_000)

    async def test_rejections(self) -> None:
        """2,000 rejections leave nothing."""
        await self._assert_comes_back(be_rejected, 2_000, "--require-called", "-a", "ANY-SCP")

    async def test_resets(self) -> None:
        """RST in every state, 150 times each, leaves nothing."""

        def everywhere(port: int) -> None:
            for attack in _RESETS:
                attack(port)

        await self._assert_comes_back(everywhere, 150)


class LimitTests(HostileTestCase):
    """What there is only so much of."""

    async def test_associations(self) -> None:
        """One association too many is rejected (2,3,2); when one ends there is room again."""
        server = await self.serve(max_associations=5, network_timeout=60)
        held = [await self.in_thread(associated, server.port) for _ in range(5)]
        for connection in held:
            self.addCleanup(connection.close)
        for _ in range(20):
            with await self.in_thread(connected, server.port, REQUEST) as refused:
                answer = await self.in_thread(receive_pdu, refused)
            self.assertEqual(answer, pdu.AssociateRJ(2, 3, 2).encode())
        descriptors = server.descriptors
        held[0].close()
        await poll(lambda: server.descriptors < descriptors, lambda: "still open")
        await self.assert_serves(server.port)

    async def test_few_descriptors(self) -> None:
        """With 100 descriptors, 300 idle connections leave room for who comes."""
        server = await self.serve(descriptors=100, artim=60)
        attackers = await self.attack(server, Attacker, 300)
        async with self.honest(server) as rounds:
            await self.sleep(1)
        self.assert_served(rounds)
        self.assertLess(server.descriptors, 100)
        self.assertGreater(sum(attacker.lived is not None for attacker in attackers), 250)

    async def test_out_of_descriptors(self) -> None:
        """A server that really runs out of descriptors goes on, and recovers by itself."""
        server = await self.serve_script("scp.py", "crowded")
        await self.assert_serves(server.port)
        await poll(lambda: server.descriptors > 150, lambda: "not crowded")
        descriptors, cpu = server.descriptors, server.cpu
        attackers = await self.attack(server, Attacker, 300)
        await self.sleep(1)
        self.assertGreater(server.descriptors, 190)
        self.assertLess(server.cpu - cpu, 1)
        self.assertTrue(server.peer.lines_with("EMFILE"))
        await self.all_gone(attackers)
        for attacker in attackers:
            self.assertLess(attacker.lived, ARTIM + CLOSING + 2)
        await poll(lambda: server.descriptors <= descriptors, lambda: "descriptors are left")
        await self.assert_serves(server.port)
        self.assertEqual(server.peer.lines_with("Traceback"), [])


class DisturbanceTests(HostileTestCase):
    """One bad association, and another."""

    async def test_others_go_on(self) -> None:
        """While others break every rule beside it, an association answers each echo."""
        server = await self.serve()
        association = await self.ae().associate("127.0.0.1", server.port)
        for attack in (*_RESETS, associate_and_abort, connect_and_close):
            with contextlib.suppress(ConnectionResetError):
                await self.in_thread(_storm, attack, server.port, 20)
            response = await association.echo()
            self.assertEqual(response.Status, 0x0000)
        await association.release()

    async def test_handlers_raise(self) -> None:
        """A handler that raises answers 0x0110 and is logged; the association goes on."""
        server = await self.serve_script("scp.py", "raising")
        association = await self.ae().associate("127.0.0.1", server.port)
        for number in (7, 8):
            response = await association.echo(number)
            self.assertEqual(response.Status, 0x0110)
        await association.release()
        await server.peer.says("LookupError: not to be told")
        for number in (7, 8):
            await server.peer.says(f"RuntimeError: no answer to message {number}")
        said = server.peer.output
        self.assertEqual(said.count("Traceback (most recent call last)"), 3, said)
        self.assertTrue(os.path.isdir(f"/proc/{server.peer.transport.pid}"))
