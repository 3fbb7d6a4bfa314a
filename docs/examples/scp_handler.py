"""An SCP whose handler decides on the status of each C-ECHO."""

from txdicom import AE, evt
from txdicom.sop_class import Verification


def handle_echo(event):
    print(f"C-ECHO from {event.assoc.requestor.ae_title}")
    return 0x0000


ae = AE()
ae.add_supported_context(Verification)
ae.start_server(("127.0.0.1", 11112), block=True, evt_handlers=[(evt.EVT_C_ECHO, handle_echo)])
