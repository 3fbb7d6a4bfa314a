"""txdicom's codec, in memory and without a connection.

python -m benchmarks.txdicom_codec CASE 0 COUNT SECONDS
"""

from __future__ import annotations

from collections.abc import Callable

from benchmarks import wire
from benchmarks.codec import main, repeated
from txdicom.dimse import command
from txdicom.upperlayer.items import PresentationContextAC
from txdicom.upperlayer.machine import UpperLayer
from txdicom.upperlayer.pdu import HEADER_LENGTH, AssociateAC, AssociateRQ

#: Bytes of a stream of P-DATA-TF, and of what Twisted reads at once.
STREAM, READ = 4 * 2**20, 64 * 2**10


def request() -> Callable[[int], float]:
    """An A-ASSOCIATE-RQ decoded."""
    data = wire.large_request()
    assert len(AssociateRQ.decode(data, HEADER_LENGTH, len(data)).presentation_contexts) == 128
    return repeated(lambda: AssociateRQ.decode(data, HEADER_LENGTH, len(data)))


def decoded() -> Callable[[int], float]:
    """A C-ECHO-RQ's command set decoded."""
    data = wire.command_set(wire.echo_request(7))
    assert command.decode(data)["MessageID"] == 7
    return repeated(lambda: command.decode(data))


def encoded() -> Callable[[int], float]:
    """A C-ECHO-RSP's command set encoded."""
    data = wire.command_set(wire.echo_response(b"\7\0"))
    values = {k: v for k, v in command.decode(data).items() if k != "CommandGroupLength"}
    assert command.encode(values) == data
    return repeated(lambda: command.encode(values))


def established(length: int) -> UpperLayer:
    """An acceptor's upper layer with an association, for P-DATA-TF of this length."""
    upper_layer = UpperLayer(requestor=False, max_pdata_length=length)
    upper_layer.transport_connected()
    upper_layer.receive_data(wire.REQUEST)
    assert isinstance(upper_layer.next_event(), AssociateRQ)
    accepted = PresentationContextAC(1, 0, "1.2.840.10008.1.2")
    upper_layer.send(AssociateAC("ANY-SCP", "BENCHMARK", (accepted,)))
    upper_layer.data_to_send()
    return upper_layer


def p_data(length: int) -> Callable[[int], float]:
    """A stream of P-DATA-TF, in reads of the usual size, to its fragments."""
    pdu = wire.data_pdu(length)
    stream = pdu * (STREAM // length)
    reads = [stream[at : at + READ] for at in range(0, len(stream), READ)]
    upper_layer = established(length)

    def run(times: int) -> float:
        fragments = 0
        for _ in range(times):
            for read in reads:
                upper_layer.receive_data(read)
                while (indication := upper_layer.next_event()) is not None:
                    for value in indication.values:
                        fragments += len(value.data)
        assert fragments == times * (STREAM // length) * (length - 12)
        return times * len(stream) / 1e9

    return run


if __name__ == "__main__":
    main(
        {
            "request": request,
            "decode": decoded,
            "encode": encoded,
            "pdata16": lambda: p_data(16 * 1024),
            "pdata128": lambda: p_data(128 * 1024),
        }
    )
