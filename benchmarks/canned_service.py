"""The least that ``twistd`` can run and that answers a C-ECHO: canned answers, in one service.

BENCHMARK_PORT=PORT twistd -n -y benchmarks/canned_service.py
"""

from __future__ import annotations

import os

from twisted.application.internet import StreamServerEndpointService
from twisted.application.service import Application
from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.protocol import Factory

from benchmarks.canned_scp import Canned

_ENDPOINT = TCP4ServerEndpoint(reactor, int(os.environ["BENCHMARK_PORT"]), interface="127.0.0.1")

application = Application("canned")
StreamServerEndpointService(_ENDPOINT, Factory.forProtocol(Canned)).setServiceParent(application)
