"""An SCP that shows every PDU and message in words, on standard error."""

from txdicom import AE, debug_logger
from txdicom.sop_class import Verification

debug_logger()

ae = AE()
ae.add_supported_context(Verification)
ae.start_server(("127.0.0.1", 11112), block=True)
