"""txdicom as an SCU, through its public API.

python -m benchmarks.txdicom_scu CASE PORT COUNT SECONDS
"""

from __future__ import annotations

from typing import Any

from twisted.internet.task import react

from benchmarks import meter
from benchmarks.meter import Meter
from txdicom import AE
from txdicom.sop_class import Verification


def entity() -> AE:
    """The AE that asks for the associations."""
    ae = AE()
    ae.add_requested_context(Verification)
    return ae


async def echoes(port: int, m: Meter) -> None:
    """``send_c_echo`` on one association."""
    assoc = await entity().associate("127.0.0.1", port)
    while m.goes_on:
        status = await assoc.send_c_echo()
        m.done += status.Status == 0x0000
    await assoc.release()


async def lean_echoes(port: int, m: Meter) -> None:
    """``echo``, which makes no pydicom data set, on one association."""
    assoc = await entity().associate("127.0.0.1", port)
    while m.goes_on:
        response = await assoc.echo()
        m.done += response.Status == 0x0000
    await assoc.release()


async def associations(port: int, m: Meter) -> None:
    """Associate, echo and release, one after the other."""
    ae = entity()
    while m.goes_on:
        assoc = await ae.associate("127.0.0.1", port)
        response = await assoc.echo()
        await assoc.release()
        m.done += response.Status == 0x0000


CASES = {"echo": echoes, "lean": lean_echoes, "associations": associations}


async def main(reactor: Any) -> None:
    """Run one case and report."""
    meter.bound_lifetime()
    options = meter.arguments(list(CASES))
    await CASES[options.case](options.port, meter.warm_up(options))
    counted = meter.measured(options)
    await CASES[options.case](options.port, counted)
    meter.report(counted)


if __name__ == "__main__":
    react(main)
