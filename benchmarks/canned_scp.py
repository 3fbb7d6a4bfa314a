"""The limit of Twisted's reactor as an SCP: canned answers, and nothing parsed.

python -m benchmarks.canned_scp PORT
"""

from __future__ import annotations

import sys

from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol

from benchmarks.meter import bound_lifetime
from benchmarks.wire import Answers


class Canned(Protocol):
    """Writes the answers to what comes."""

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)
        self._answers = Answers()

    def dataReceived(self, data: bytes) -> None:
        answers = self._answers.to(data)
        if answers:
            self.transport.write(answers)


def main() -> None:
    """Serve until this process is ended."""
    bound_lifetime()
    factory = Factory.forProtocol(Canned)
    factory.noisy = False
    reactor.listenTCP(int(sys.argv[1]), factory, backlog=1024, interface="127.0.0.1")
    reactor.run()


if __name__ == "__main__":
    main()
