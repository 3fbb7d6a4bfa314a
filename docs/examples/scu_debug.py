"""An SCU that shows every PDU and message in words, on standard error."""

from twisted.internet.task import react

from txdicom import AE, debug_logger
from txdicom.sop_class import Verification

debug_logger()


async def main(reactor):
    ae = AE()
    ae.add_requested_context(Verification)
    assoc = await ae.associate("127.0.0.1", 11112)
    status = await assoc.send_c_echo()
    print(f"0x{status.Status:04x}")
    await assoc.release()


react(main)
