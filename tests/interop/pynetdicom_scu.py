"""An SCU of pynetdicom: does what its echoscu cannot, and prints what came of it as JSON.

Usage: ``pynetdicom_scu.py PORT repeat|unknown|many``. With ``repeat`` it sends five echoes, with
``unknown`` it proposes a context of another service too, and with ``many`` 128 contexts.
"""

import json
import sys
import time

from pydicom.uid import AllTransferSyntaxes
from pynetdicom import AE, build_context
from pynetdicom.sop_class import CTImageStorage, Verification

PROPOSALS = {
    "repeat": [build_context(Verification)],
    "unknown": [build_context(Verification), build_context(CTImageStorage)],
    "many": [build_context(Verification, AllTransferSyntaxes[:38]) for _ in range(128)],
}

port, what = int(sys.argv[1]), sys.argv[2]
association = AE().associate("127.0.0.1", port, contexts=PROPOSALS[what])
statuses = []
for _ in range(5 if what == "repeat" else 1):
    statuses.append(association.send_c_echo().Status)
    # One thread of pynetdicom takes the next response from another if that has not slept yet.
    time.sleep(0.05)
report = {
    "accepted": [context.abstract_syntax for context in association.accepted_contexts],
    "rejected": [
        [context.abstract_syntax, context.result] for context in association.rejected_contexts
    ],
    "statuses": statuses,
}
association.release()
print(json.dumps(report))
