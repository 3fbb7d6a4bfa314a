"""pynetdicom with a pool of threads, over many targets; prints how many were verified.

python -m benchmarks.pynetdicom_pool FILE WORKERS TIMEOUT
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

from pynetdicom import AE, _config
from pynetdicom.sop_class import Verification

from benchmarks.meter import bound_lifetime

# Its log costs time whether it is shown or not.
_config.LOG_HANDLER_LEVEL = "none"


def verified(target: tuple[str, int, float]) -> bool:
    """Whether a target answers with success."""
    host, port, timeout = target
    ae = AE()
    ae.connection_timeout = ae.acse_timeout = ae.dimse_timeout = timeout
    ae.add_requested_context(Verification)
    assoc = ae.associate(host, port)
    if not assoc.is_established:
        return False
    status = assoc.send_c_echo().get("Status")
    assoc.release()
    return status == 0x0000


def main() -> None:
    """Verify the targets of a file, a host and a port a line."""
    bound_lifetime()
    path, workers, timeout = sys.argv[1:]
    with open(path) as file:
        words = [line.split() for line in file]
    targets = [(host, int(port), float(timeout)) for host, port in words]
    with ThreadPoolExecutor(int(workers)) as pool:
        print(sum(pool.map(verified, targets)), flush=True)


if __name__ == "__main__":
    main()
