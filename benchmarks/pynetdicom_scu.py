"""pynetdicom as an SCU.

python -m benchmarks.pynetdicom_scu CASE PORT COUNT SECONDS
"""

from __future__ import annotations

from typing import Any

from pynetdicom import AE, _config
from pynetdicom.sop_class import Verification

from benchmarks import meter
from benchmarks.meter import Meter

# Its log costs time whether it is shown or not.
_config.LOG_HANDLER_LEVEL = "none"

#: Seconds for a response; it loses one in some thousands, and 30 would be the default.
PATIENCE = 5


def associate(port: int) -> Any:
    """An association that is established."""
    ae = AE()
    ae.dimse_timeout = PATIENCE
    ae.add_requested_context(Verification)
    assoc = ae.associate("127.0.0.1", port)
    if not assoc.is_established:
        raise SystemExit("no association")
    return assoc


def echo(assoc: Any) -> None:
    """One echo, which has to succeed."""
    if assoc.send_c_echo().get("Status") != 0x0000:
        raise SystemExit("no response in time")


def echoes(port: int, m: Meter) -> None:
    """Echoes on one association."""
    assoc = associate(port)
    m.begin()
    while m.goes_on:
        echo(assoc)
        m.done += 1
    m.end()
    assoc.release()


def associations(port: int, m: Meter) -> None:
    """Associate, echo and release, one after the other."""
    while m.goes_on:
        assoc = associate(port)
        echo(assoc)
        assoc.release()
        m.done += 1


if __name__ == "__main__":
    meter.main({"echo": echoes, "associations": associations})
