"""pynetdicom's codec, in memory and without a connection.

python -m benchmarks.pynetdicom_codec CASE 0 COUNT SECONDS
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

from pynetdicom import _config
from pynetdicom.dsutils import decode, encode
from pynetdicom.pdu import A_ASSOCIATE_RQ

from benchmarks import wire
from benchmarks.codec import main, repeated

# Its log costs time whether it is shown or not.
_config.LOG_HANDLER_LEVEL = "none"


def request() -> Callable[[int], float]:
    """An A-ASSOCIATE-RQ decoded, to its primitive, as its acceptor does."""
    data = wire.large_request()

    def once() -> object:
        pdu = A_ASSOCIATE_RQ()
        pdu.decode(data)
        return pdu.to_primitive()

    return repeated(once)


def decoded() -> Callable[[int], float]:
    """A C-ECHO-RQ's command set decoded, as far as its values are read."""
    data = wire.command_set(wire.echo_request(7))
    assert decode(BytesIO(data), True, True).MessageID == 7
    return repeated(lambda: decode(BytesIO(data), True, True).MessageID)


def encoded() -> Callable[[int], float]:
    """A C-ECHO-RSP's command set encoded."""
    data = wire.command_set(wire.echo_response(b"\7\0"))
    values = decode(BytesIO(data), True, True)
    assert encode(values, True, True) == data
    return repeated(lambda: encode(values, True, True))


if __name__ == "__main__":
    main({"request": request, "decode": decoded, "encode": encoded})
