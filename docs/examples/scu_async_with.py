"""An association that is released at the end of a block, and aborted on an exception."""

from twisted.internet.task import react

from txdicom import AE
from txdicom.sop_class import Verification


async def main(reactor):
    ae = AE()
    ae.add_requested_context(Verification)
    async with ae.association("127.0.0.1", 11112) as assoc:
        for _ in range(3):
            status = await assoc.send_c_echo()
            print(f"0x{status.Status:04x}")
    print(f"released: {assoc.is_released}")


react(main)
