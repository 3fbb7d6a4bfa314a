"""``txdicom`` where no name server answers: every look-up takes longer than anybody waits."""

from __future__ import annotations

import socket
import sys
import time
from typing import Any


def never(*args: Any, **arguments: Any) -> Any:
    time.sleep(20)
    raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


socket.getaddrinfo = never

from txdicom.cli.main import main  # noqa: E402

sys.exit(main(sys.argv[1:]))
