"""txdicom as an SCU, through its public API.

python -m benchmarks.txdicom_scu CASE PORT COUNT SECONDS
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react
from twisted.python.failure import Failure

from benchmarks import meter, wire
from benchmarks.meter import Meter
from txdicom import AE
from txdicom.dimse.message import Message
from txdicom.sop_class import Verification
from txdicom.upperlayer.user_information import AsynchronousOperationsWindow


def entity() -> AE:
    """The AE that asks for the associations."""
    ae = AE()
    ae.add_requested_context(Verification)
    return ae


async def echoes(port: int, m: Meter) -> None:
    """``send_c_echo`` on one association."""
    assoc = await entity().associate("127.0.0.1", port)
    m.begin()
    while m.goes_on:
        status = await assoc.send_c_echo()
        m.done += status.Status == 0x0000
    m.end()
    await assoc.release()


async def lean_echoes(port: int, m: Meter) -> None:
    """``echo``, which makes no pydicom data set, on one association."""
    assoc = await entity().associate("127.0.0.1", port)
    m.begin()
    while m.goes_on:
        response = await assoc.echo()
        m.done += response.Status == 0x0000
    m.end()
    await assoc.release()


async def lean_echoes_outstanding(port: int, m: Meter) -> None:
    """``echo`` on one association, with as many outstanding as the window allows."""
    window = AsynchronousOperationsWindow(invoked=wire.WINDOW, performed=1)
    assoc = await entity().associate("127.0.0.1", port, ext_neg=[window])
    all_done: Deferred[None] = Deferred()
    outstanding = 0

    def ask() -> None:
        nonlocal outstanding
        outstanding += 1
        assoc.echo().addCallback(answered).addErrback(failed)

    def answered(response: Message) -> None:
        nonlocal outstanding
        outstanding -= 1
        m.done += response.Status == 0x0000
        if m.goes_on:
            ask()
        elif not outstanding:
            all_done.callback(None)

    def failed(failure: Failure) -> None:
        if not all_done.called:
            all_done.errback(failure)

    m.begin()
    for _ in range(wire.WINDOW):
        ask()
    await all_done
    m.end()
    await assoc.release()


async def associations(port: int, m: Meter) -> None:
    """Associate, echo and release, one after the other."""
    ae = entity()
    while m.goes_on:
        assoc = await ae.associate("127.0.0.1", port)
        response = await assoc.echo()
        await assoc.release()
        m.done += response.Status == 0x0000


CASES = {
    "echo": echoes,
    "lean": lean_echoes,
    "lean16": lean_echoes_outstanding,
    "associations": associations,
}


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
