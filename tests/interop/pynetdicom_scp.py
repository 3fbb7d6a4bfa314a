"""An SCP of pynetdicom that does what its echoscp cannot.

Usage: ``pynetdicom_scp.py PORT require-called|abort``. With ``require-called`` it rejects requests
for another AE title than PYNETDICOM, with ``abort`` it aborts the association at a C-ECHO request.
"""

import sys

from pynetdicom import AE, evt
from pynetdicom.sop_class import Verification


def abort(event: evt.Event) -> int:
    event.assoc.abort()
    return 0x0000


ae = AE("PYNETDICOM")
ae.add_supported_context(Verification)
ae.require_called_aet = sys.argv[2] == "require-called"
handlers = [(evt.EVT_C_ECHO, abort)] if sys.argv[2] == "abort" else []
ae.start_server(("127.0.0.1", int(sys.argv[1])), evt_handlers=handlers)
