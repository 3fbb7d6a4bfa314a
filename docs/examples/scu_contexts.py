"""An SCU that proposes a ready-made list of presentation contexts."""

from twisted.internet.task import react

from txdicom import AE, VerificationPresentationContexts


async def main(reactor):
    ae = AE()
    ae.requested_contexts = VerificationPresentationContexts
    assoc = await ae.associate("127.0.0.1", 11112)
    if assoc.is_established:
        status = await assoc.send_c_echo()
        print(f"0x{status.Status:04x}")
        await assoc.release()


react(main)
