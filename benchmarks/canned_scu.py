"""The limit of Twisted's reactor as an SCU: canned requests, and answers told by their type.

python -m benchmarks.canned_scu CASE PORT COUNT SECONDS
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import react

from benchmarks import meter, wire
from benchmarks.meter import Meter


class Canned(Protocol):
    """Sends a request, and fires with the type of the PDU that answers it."""

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)
        self.closed: Deferred[None] = Deferred()
        self._buffer = b""

    def request(self, data: bytes) -> Deferred[int]:
        """Send, and wait for one PDU."""
        self._answered: Deferred[int] = Deferred()
        self.transport.write(data)
        return self._answered

    def dataReceived(self, data: bytes) -> None:
        buffer = self._buffer + data
        if len(buffer) < 6 or len(buffer) < 6 + wire.HEADER.unpack_from(buffer)[1]:
            self._buffer = buffer
            return
        self._buffer = b""
        self._answered.callback(buffer[0])

    def connectionLost(self, reason: Any = None) -> None:
        self.closed.callback(None)


FACTORY = Factory.forProtocol(Canned)
FACTORY.noisy = False


async def ask(protocol: Canned, data: bytes, expected: int) -> None:
    """A request, and the answer that is to come."""
    seen = await protocol.request(data)
    if seen != expected:
        raise SystemExit(f"a PDU of type {seen} where {expected} was expected")


async def associate(reactor: Any, port: int) -> Canned:
    """An association on a new connection."""
    protocol = await TCP4ClientEndpoint(reactor, "127.0.0.1", port).connect(FACTORY)
    await ask(protocol, wire.REQUEST, wire.ASSOCIATE_AC)
    return protocol


async def release(protocol: Canned) -> None:
    """Release the association and close its connection."""
    await ask(protocol, wire.RELEASE, wire.RELEASE_RP)
    protocol.transport.loseConnection()
    await protocol.closed


async def echoes(reactor: Any, port: int, m: Meter) -> None:
    """Echoes on one association."""
    protocol = await associate(reactor, port)
    m.begin()
    while m.goes_on:
        await ask(protocol, wire.echo_request(m.done & 0xFFFF), wire.P_DATA_TF)
        m.done += 1
    m.end()
    await release(protocol)


async def associations(reactor: Any, port: int, m: Meter) -> None:
    """Associations of one echo, one after the other."""
    while m.goes_on:
        protocol = await associate(reactor, port)
        await ask(protocol, wire.echo_request(1), wire.P_DATA_TF)
        await release(protocol)
        m.done += 1


CASES = {"lean": echoes, "associations": associations}


async def main(reactor: Any) -> None:
    """Run one case and report."""
    meter.bound_lifetime()
    options = meter.arguments(list(CASES))
    await CASES[options.case](reactor, options.port, meter.warm_up(options))
    counted = meter.measured(options)
    await CASES[options.case](reactor, options.port, counted)
    meter.report(counted)


if __name__ == "__main__":
    react(main)
