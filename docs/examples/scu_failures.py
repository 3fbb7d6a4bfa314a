"""Tell the ways apart in which a node can fail to answer."""

from twisted.internet.task import react

from txdicom import AE, errors
from txdicom.sop_class import Verification

SECONDS = 10


async def echo(ae):
    async with ae.association("127.0.0.1", 11112) as assoc:
        status = await assoc.send_c_echo()
        return f"0x{status.Status:04x}"


async def main(reactor):
    ae = AE()
    ae.add_requested_context(Verification)
    ae.connection_timeout = ae.acse_timeout = ae.dimse_timeout = SECONDS
    try:
        print("answered:", await echo(ae))
        return
    except errors.ConnectionFailed as error:
        said = "never connected", error
    except errors.AssociationRejected as error:
        said = "rejected for now" if error.transient else "rejected", error
    except errors.AssociationAborted as error:
        said = f"aborted ({error.by})", error
    except errors.AssociationTimeout as error:
        said = f"not answered ({error.stage})", error
    except errors.ProtocolViolation as error:
        said = "answered wrongly", error
    except errors.AssociationError as error:
        said = f"failed ({error.stage})", error
    print(*said, sep=": ")
    raise SystemExit(1)


react(main)
