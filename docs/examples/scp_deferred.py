"""An SCP whose handler takes its time: it returns a Deferred, and nobody else has to wait."""

from twisted.internet import reactor
from twisted.internet.task import deferLater

from txdicom import AE, evt
from txdicom.sop_class import Verification


def check_archive():
    print("the archive is well")
    return 0x0000


def handle_echo(event):
    return deferLater(reactor, 0.1, check_archive)


ae = AE()
ae.add_supported_context(Verification)
ae.start_server(("127.0.0.1", 11112), block=True, evt_handlers=[(evt.EVT_C_ECHO, handle_echo)])
