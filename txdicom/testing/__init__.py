"""For the tests of programs that use txdicom: application entities joined in memory, on a clock.

Nothing here opens a socket, and no time passes but what the test lets pass::

    wire = Wire()
    scp, scu = wire.ae("SCP"), wire.ae("SCU")
    scp.add_supported_context(Verification)
    scu.add_requested_context(Verification)
    wire.listen(scp)
    association = self.successResultOf(wire.associate(scu))
    echo = association.send_c_echo()
    wire.flush()
    self.assertEqual(self.successResultOf(echo).Status, 0x0000)

A time-out of 30 seconds is ``wire.advance(30)``.

A server misbehaves on purpose with :class:`FaultyFactory` around its factory, in memory and on
sockets alike::

    factory = FaultyFactory(scp.server_factory(), ["status:0x0110"], wire.clock)
    MemoryServerEndpoint(wire, "scp").listen(factory)
"""

from __future__ import annotations

from txdicom.testing.faults import Fault
from txdicom.testing.faulty import FaultyFactory, FaultyProtocol
from txdicom.testing.wire import (
    READ_SIZE,
    MemoryClientEndpoint,
    MemoryServerEndpoint,
    MemoryTransport,
    Wire,
    associated,
)

__all__ = [
    "READ_SIZE",
    "Fault",
    "FaultyFactory",
    "FaultyProtocol",
    "MemoryClientEndpoint",
    "MemoryServerEndpoint",
    "MemoryTransport",
    "Wire",
    "associated",
]
