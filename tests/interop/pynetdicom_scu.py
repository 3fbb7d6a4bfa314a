"""An SCU of pynetdicom: proposes what its echoscu cannot, and prints what came of it as JSON.

Usage: ``pynetdicom_scu.py PORT unknown|many``.
"""

import json
import sys

from pydicom.uid import AllTransferSyntaxes
from pynetdicom import AE, build_context
from pynetdicom.sop_class import CTImageStorage, Verification

PROPOSALS = {
    "unknown": [build_context(Verification), build_context(CTImageStorage)],
    "many": [build_context(Verification, AllTransferSyntaxes[:38]) for _ in range(128)],
}

association = AE().associate("127.0.0.1", int(sys.argv[1]), contexts=PROPOSALS[sys.argv[2]])
report = {
    "accepted": [context.abstract_syntax for context in association.accepted_contexts],
    "rejected": [
        [context.abstract_syntax, context.result] for context in association.rejected_contexts
    ],
    "status": association.send_c_echo().Status,
}
association.release()
print(json.dumps(report))
