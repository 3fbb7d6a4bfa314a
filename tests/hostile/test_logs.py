"""The log under attack: small, readable, and without secrets."""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Callable

from twisted.internet import reactor

from tests.hostile.server import HostileTestCase, Server
from tests.hostile.wire import (
    ABORT,
    RELEASE_RQ,
    associated,
    connected,
    echo_rq,
    receive_pdu,
    request,
)
from txdicom.upperlayer.user_information import ImplementationVersionName, UserIdentityRQ

#: Lines a second about each kind of fault.
RATE = 10

#: Kinds of lines that one kind of attack may leave; each has a rate of its own.
REASONS = 3

SECRET = "hunter2-is-secret"

#: Titles and names that would ring the bell, clear the screen, or make a line of their own.
_EVIL = ("\x1b[2J\x07EVIL", "\r\nroot: owned", "\x9b31m\x90\xff", "a\0b\tc{association}")


def _http(port: int) -> None:
    with connected(port, b"GET /\x1b[2J HTTP/1.1\r\n\r\n"):
        pass


def _malformed(port: int) -> None:
    with connected(port, b"\x01\0\0\0\0\x04\0\0\0\0"):
        pass


def _evil(port: int) -> None:
    for name in _EVIL:
        identity = UserIdentityRQ(2, b"jane", SECRET.encode(), True)
        items = (ImplementationVersionName(name[:16]), identity)
        with connected(port, request(name[:16], name[:16], *items)) as connection:
            receive_pdu(connection)
            connection.sendall(echo_rq(1))
            receive_pdu(connection)
            connection.sendall(ABORT)


def _wrong_context(port: int) -> None:
    with associated(port, echo_rq(1).replace(b"\x01\x03\0\0", b"\x63\x03\0\0")) as connection:
        receive_pdu(connection)


def _ignored(port: int) -> None:
    connected(port).close()


def _released(port: int) -> None:
    with associated(port, RELEASE_RQ) as connection:
        receive_pdu(connection)


_FAULTS: tuple[Callable[[int], None], ...] = (_http, _malformed, _evil, _wrong_context, _ignored)


def _reason(line: str) -> str:
    """What a line is about: its text, without the association and what was counted."""
    return re.sub(r" \(and \d+ more like this\)$", "", line.rpartition("] ")[2])


def _storm(attack: Callable[[int], None], port: int, seconds: float) -> int:
    end = reactor.seconds() + seconds
    done = 0
    while reactor.seconds() < end:
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            attack(port)
        done += 1
    return done


class LogTests(HostileTestCase):
    """What the server wrote."""

    def _assert_clean(self, server: Server) -> None:
        # Lines end with a line feed; everything else is printable.
        found = re.findall(r"[^\n\x20-\x7e]", server.peer.output)
        self.assertEqual(found, [])
        self.assertNotIn("\nroot: owned", server.peer.output)
        self.assertNotIn(SECRET, server.peer.output)
        self.assertEqual(server.peer.lines_with("Traceback"), [])

    async def test_flood(self) -> None:
        """Thousands of peers are ten lines a second for each reason, and are counted."""
        server = await self.serve("--require-called", "-a", "ANY-SCP")
        for attack in (*_FAULTS[:2], *_FAULTS[3:], _released):
            before = len(server.peer.output.splitlines())
            began = int(reactor.seconds())
            done = await self.in_thread(_storm, attack, server.port, 2.2)
            await self.sleep(0.2)
            # Also of what began before: the look whether the server listens is told late.
            lines = Counter(map(_reason, server.peer.output.splitlines()[before:]))
            # The rate is for each second of the clock that the attack touched.
            seconds = int(reactor.seconds()) - began + 1
            self.assertGreater(done, 2 * seconds * RATE, attack.__name__)
            self.assertLessEqual(max(lines.values()), seconds * RATE, lines)
            self.assertLessEqual(len(lines), REASONS, lines)
        self.assertTrue(server.peer.lines_with("more like this"))
        self._assert_clean(server)

    async def test_line_length(self) -> None:
        """However long what a peer gives, a line stays short."""
        server = await self.serve()
        for attack in _FAULTS:
            await self.in_thread(_storm, attack, server.port, 0.2)
        # Violations of all kinds share a rate, so it takes until the next second to read of this.
        await self.in_thread(_storm, _wrong_context, server.port, 1.1)
        await server.peer.says("was not accepted")
        self.assertLess(max(map(len, server.peer.output.splitlines())), 400)
        self._assert_clean(server)

    async def test_hostile_text(self) -> None:
        """What peers give is escaped, and passcodes never appear."""
        server = await self.serve()
        await self.in_thread(_evil, server.port)
        await server.peer.says("EVIL")
        await server.peer.says("owned")
        self._assert_clean(server)

    async def test_debug(self) -> None:
        """With ``debug_logger``, which tells everything, too."""
        server = await self.serve_script("scp.py", "debug")
        await self.in_thread(_evil, server.port)
        for attack in _FAULTS:
            await self.in_thread(_storm, attack, server.port, 0.1)
        with await self.in_thread(associated, server.port, RELEASE_RQ) as connection:
            await self.in_thread(receive_pdu, connection)
        await server.peer.says("C-ECHO")
        await server.peer.says("user name and passcode")
        self._assert_clean(server)
