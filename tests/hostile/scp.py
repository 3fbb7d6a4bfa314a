"""A server with handlers, for what the plugin has no option for.

    python scp.py PORT CASE

``raising``: handlers that raise. ``debug``: ``debug_logger``. ``crowded``: a process that needs
nearly all of its descriptors for something else.
"""

from __future__ import annotations

import os
import sys
from resource import RLIMIT_NOFILE, getrlimit, setrlimit
from typing import Any

from twisted.internet import reactor
from twisted.python import log

from tests.hostile.wire import HOST
from txdicom import AE, Limits, debug_logger, evt
from txdicom.sop_class import Verification

#: What a crowded process has left, though it may have many more in all.
LEFT = 30


def refuse(event: Any) -> int:
    """A handler that decides, and fails."""
    raise RuntimeError(f"no answer to message {event.message_id}")


def complain(event: Any) -> None:
    """A handler that is only told, and fails."""
    raise LookupError("not to be told")


def crowd() -> None:
    """Take the descriptors."""
    setrlimit(RLIMIT_NOFILE, (200, getrlimit(RLIMIT_NOFILE)[1]))
    while len(os.listdir("/proc/self/fd")) < 200 - LEFT:
        os.open(os.devnull, os.O_RDONLY)


def main(port: int, case: str) -> None:
    """Serve."""
    handlers = []
    log.startLogging(sys.stdout, setStdout=False)
    if case == "raising":
        handlers = [(evt.EVT_C_ECHO, refuse), (evt.EVT_ESTABLISHED, complain)]
    elif case == "debug":
        debug_logger()
    ae = AE(limits=Limits(artim=2, closing_timeout=1, network_timeout=30))
    ae.add_supported_context(Verification)
    ae.start_server((HOST, port), block=False, evt_handlers=handlers)
    if case == "crowded":
        reactor.callWhenRunning(crowd)
    reactor.run()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
