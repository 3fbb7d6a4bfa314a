"""The limit of Twisted's reactor with many targets: canned requests, told by the type of each PDU.

python -m benchmarks.canned_fleet FILE PLACES SECONDS
"""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet.defer import Deferred, DeferredSemaphore, gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.task import react

from benchmarks import wire
from benchmarks.canned_scu import Canned, ask, release
from benchmarks.meter import bound_lifetime

FACTORY = Factory.forProtocol(Canned)
FACTORY.noisy = False


async def main(reactor: Any) -> None:
    """Verify every target, and print how many answered."""
    bound_lifetime()
    file, places, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    verified: list[bool] = []

    async def verify(host: str, port: str) -> None:
        protocol = await TCP4ClientEndpoint(reactor, host, int(port), seconds).connect(FACTORY)
        late = reactor.callLater(seconds, protocol.transport.abortConnection)
        await ask(protocol, wire.REQUEST, wire.ASSOCIATE_AC)
        await ask(protocol, wire.echo_request(1), wire.P_DATA_TF)
        await release(protocol)
        late.cancel()
        verified.append(True)

    semaphore = DeferredSemaphore(places)
    with open(file) as words:
        targets = [line.split() for line in words]

    def begin(target: list[str]) -> Deferred[None]:
        return Deferred.fromCoroutine(verify(*target))

    await gatherResults([semaphore.run(begin, target) for target in targets])
    print(len(verified))


if __name__ == "__main__":
    react(main)
