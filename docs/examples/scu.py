"""Ask a node whether it answers: associate, C-ECHO, release."""

from twisted.internet.task import react

from txdicom import AE
from txdicom.sop_class import Verification


async def main(reactor):
    ae = AE()
    ae.add_requested_context(Verification)
    assoc = await ae.associate("127.0.0.1", 11112)
    if assoc.is_established:
        status = await assoc.send_c_echo()
        print(f"0x{status.Status:04x}")
        await assoc.release()


react(main)
