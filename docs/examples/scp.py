"""A Verification SCP: answers every C-ECHO with Success."""

from txdicom import AE
from txdicom.sop_class import Verification

ae = AE()
ae.add_supported_context(Verification)
ae.start_server(("127.0.0.1", 11112), block=True)
