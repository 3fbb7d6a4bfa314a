"""An SCP inside another Twisted program: a web page that counts the C-ECHOs."""

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.task import react
from twisted.web.resource import Resource
from twisted.web.server import Site

from txdicom import AE, evt
from txdicom.sop_class import Verification


class Page(Resource):
    isLeaf = True
    echoes = 0

    def handle_echo(self, event):
        self.echoes += 1
        return 0x0000

    def render_GET(self, request):
        return f"{self.echoes} C-ECHO answered\n".encode()


async def main(reactor):
    page = Page()
    ae = AE()
    ae.add_supported_context(Verification)
    handlers = [(evt.EVT_C_ECHO, page.handle_echo)]
    await ae.start_server(("127.0.0.1", 11112), block=False, evt_handlers=handlers)
    reactor.addSystemEventTrigger("before", "shutdown", ae.shutdown)
    await serverFromString(reactor, "tcp:8080:interface=127.0.0.1").listen(Site(page))
    await Deferred()  # until the program is stopped


react(main)
