"""pynetdicom as an SCP, with room for the load.

python -m benchmarks.pynetdicom_scp PORT
"""

from __future__ import annotations

import sys

from pynetdicom import AE, _config, transport
from pynetdicom.sop_class import Verification

from benchmarks.meter import bound_lifetime

# Its log costs time whether it is shown or not.
_config.LOG_HANDLER_LEVEL = "none"


def main() -> None:
    """Serve until this process is ended."""
    bound_lifetime()
    # The defaults, ten associations and a backlog of five, would refuse or delay ten at a time.
    transport.AssociationServer.request_queue_size = 1024
    ae = AE()
    ae.maximum_associations = 1000
    ae.add_supported_context(Verification)
    ae.start_server(("127.0.0.1", int(sys.argv[1])), block=True)


if __name__ == "__main__":
    main()
