"""An SCP that tells of each PDU that it receives, and of its bytes."""

from txdicom import AE, evt
from txdicom.sop_class import Verification


def handle_data(event):
    print(f"{len(event.data)} bytes from {event.assoc.address[0]}")


def handle_pdu(event):
    print(f"{event.pdu.NAME} at {event.timestamp:%H:%M:%S}")


handlers = [(evt.EVT_DATA_RECV, handle_data), (evt.EVT_PDU_RECV, handle_pdu)]

ae = AE()
ae.add_supported_context(Verification)
ae.start_server(("127.0.0.1", 11112), block=True, evt_handlers=handlers)
