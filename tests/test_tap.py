"""The plugin's options, and the service that they make; the processes are in tests/interop."""

from __future__ import annotations

import gc
from dataclasses import fields
from typing import Any

from twisted.application.service import IServiceMaker
from twisted.internet.defer import fail
from twisted.internet.error import CannotListenError
from twisted.plugin import IPlugin, getPlugins
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from txdicom.errors import ListenFailed
from txdicom.garbage import THRESHOLDS, RareCollection
from txdicom.limits import Limits
from txdicom.tap import Options, makeService, option_name
from txdicom.testing import MemoryServerEndpoint, Wire
from txdicom.uids import VERIFICATION


def parsed(*arguments: str) -> Options:
    options = Options()
    options.parseOptions(list(arguments))
    return options


class OptionsTests(SynchronousTestCase):
    def test_defaults(self) -> None:
        """Without options it is TXDICOM on port 11112, with the default limits."""
        options = parsed()
        self.assertEqual(options["ae-title"], "TXDICOM")
        self.assertEqual(options["listen"], ["tcp:11112"])
        self.assertEqual(options.limits(), Limits())

    def test_every_limit(self) -> None:
        """Every limit of a server is an option, and its value arrives."""
        for row in fields(Limits):
            if row.name == "connection_timeout":  # a client's
                continue
            value = row.default + 1
            options = parsed(f"--{option_name(row)}={value}")
            self.assertEqual(getattr(options.limits(), row.name), value, row.name)

    def test_usual_names(self) -> None:
        """The usual time-outs and limits have the names that people expect."""
        options = parsed(
            *"--artim 5 --acse-timeout 6 --dimse-timeout 7 --network-timeout none"
            " --max-pdu 0 --max-associations 3".split()
        )
        limits = options.limits()
        self.assertEqual(
            (limits.artim, limits.acse_timeout, limits.dimse_timeout, limits.network_timeout),
            (5, 6, 7, None),
        )
        self.assertEqual((limits.max_pdu, limits.max_associations), (0, 3))

    def test_bad_options(self) -> None:
        """What is wrong is told in one line."""
        for arguments, word in (
            (["--artim=-3"], "artim"),
            (["--artim=soon"], "soon"),
            (["--max-associations=0"], "max_associations"),
            (["--max-associations=1.5"], "1.5"),
            (["--max-pdu=none"], "none"),
            (["--ae-title", "X" * 17], "16"),
            (["--calling", "A\\B"], "backslash"),
            (["--listen", "nothing:1"], "nothing:1"),
            (["--listen", "tcp:port"], "tcp:port"),
            (["surplus"], "arguments"),
        ):
            with self.assertRaises(SystemExit) as caught:
                parsed(*arguments)
            line = str(caught.exception)
            self.assertEqual(len(line.splitlines()), 1)
            self.assertIn(word, line)

    def test_backlog(self) -> None:
        """The backlog is that of the limits, unless the endpoint says another."""
        options = parsed(
            "--backlog=77", "-l", "tcp:1111", "-l", "tcp:1112:backlog=5", "-l", "haproxy:tcp:1113"
        )
        first, second, third = options["endpoints"]
        self.assertEqual((first._backlog, second._backlog), (77, 5))
        self.assertEqual(third._wrappedEndpoint._backlog, 77)

    def test_plugin(self) -> None:
        """The plugin is found under its name."""
        (plugin,) = (p for p in getPlugins(IServiceMaker) if p.tapname == "dicom")
        verifyObject(IServiceMaker, plugin)
        verifyObject(IPlugin, plugin)
        self.assertIs(plugin.options, Options)
        self.assertIs(plugin.makeService, makeService)


class ServiceTests(SynchronousTestCase):
    """The service at work, on a wire."""

    def setUp(self) -> None:
        self.wire = Wire()
        self.scu = self.wire.ae("SCU")
        self.scu.add_requested_context(VERIFICATION)
        self.addCleanup(self.close)

    def close(self) -> None:
        """End all connections: the service's timers are the reactor's, not the wire's."""
        for transport in self.wire.transports:
            transport.abortConnection()
        self.wire.flush()

    def service(self, *arguments: str) -> Any:
        self.addCleanup(gc.unfreeze)
        self.addCleanup(gc.set_threshold, *gc.get_threshold())
        options = parsed(*arguments)
        options["endpoints"] = [MemoryServerEndpoint(self.wire, name) for name in ("scp", "other")]
        service = makeService(options)
        self.addCleanup(self.stop, service)
        return service

    def stop(self, service: Any) -> None:
        if service.running:
            stopping = service.stopService()
            self.wire.flush()
            self.successResultOf(stopping)

    def test_serves(self) -> None:
        """It listens everywhere it was told to, and stops everywhere."""
        service = self.service()
        service.startService()
        for name in ("scp", "other"):
            here = self.successResultOf(self.wire.associate(self.scu, name))
            self.assertTrue(here.is_established)
        stopping = service.stopService()
        self.wire.flush()
        self.successResultOf(stopping)
        self.assertTrue(here.is_aborted)
        self.assertEqual(self.wire.factories, {})

    def test_policy(self) -> None:
        """--require-called and --calling are the server's policy."""
        service = self.service(
            "--ae-title=ME", "--require-called", "--calling=YOU", "--calling=SCU"
        )
        service.startService()
        self.failureResultOf(self.wire.associate(self.scu, ae_title="OTHER"))
        self.successResultOf(self.wire.associate(self.scu, ae_title="ME"))
        self.scu.ae_title = "STRANGER"
        self.failureResultOf(self.wire.associate(self.scu, ae_title="ME"))

    def test_rare_collection(self) -> None:
        """While it runs, Python searches for garbage seldom, and not in what was there before."""
        before = gc.get_threshold()
        service = self.service()
        service.startService()
        self.assertEqual(gc.get_threshold(), THRESHOLDS)
        self.assertGreater(gc.get_freeze_count(), 1_000)
        self.stop(service)
        self.assertEqual((gc.get_threshold(), gc.get_freeze_count()), (before, 0))

    def test_rare_collection_of_several(self) -> None:
        """With several in a process it lasts until the last one stops, and starts again."""
        before = gc.get_threshold()
        services = [RareCollection() for _ in range(2)]
        for _ in range(2):
            for service in services:
                service.startService()
            for service in services:
                self.assertEqual(gc.get_threshold(), THRESHOLDS)
                self.assertGreater(gc.get_freeze_count(), 1_000)
                service.stopService()
                service.stopService()
            self.assertEqual((gc.get_threshold(), gc.get_freeze_count()), (before, 0))

    def test_one_limit_for_all_ports(self) -> None:
        """The limit of associations is the process's, however many ports it listens on."""
        service = self.service("--max-associations=1")
        service.startService()
        self.successResultOf(self.wire.associate(self.scu, "scp"))
        self.failureResultOf(self.wire.associate(self.scu, "other"))

    def test_privileged_start(self) -> None:
        """It listens before privileges are dropped, and only once."""
        service = self.service()
        service.privilegedStartService()
        factories = dict(self.wire.factories)
        service.startService()
        self.assertEqual(self.wire.factories, factories)

    def cannot_listen(self, parent: dict[str, Any] | None) -> Any:
        class InUse:
            def listen(self, factory: Any) -> Any:
                return fail(CannotListenError("", 11112, OSError(98, "Address already in use")))

        options = parsed()
        options.parent = parent
        options["endpoints"] = [InUse()]
        return makeService(options)

    def test_port_in_use(self) -> None:
        """In the foreground a port in use ends the process with a line, and no traceback."""
        for parent in (None, {}, {"nodaemon": True}):
            with self.assertRaises(SystemExit) as caught:
                self.cannot_listen(parent).privilegedStartService()
            self.assertIn("Address already in use", str(caught.exception))

    def test_port_in_use_of_a_daemon(self) -> None:
        """A daemon raises, so that its parent can tell."""
        service = self.cannot_listen({"nodaemon": False})
        self.assertRaises(ListenFailed, service.privilegedStartService)
