"""``twistd dicom``: the options of the server, and the service that they make.

Nothing here imports a reactor before the service is made, so that ``--reactor`` works.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import Field, fields
from typing import TYPE_CHECKING, Any, cast

from twisted.application.service import MultiService, Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IReactorTime, IStreamServerEndpoint
from twisted.python import usage
from twisted.python.failure import Failure

from txdicom.ae import AE
from txdicom.errors import ListenFailed
from txdicom.garbage import RareCollection
from txdicom.limits import Limits, check_limit
from txdicom.server import ServerFactory
from txdicom.sop_class import Verification
from txdicom.titles import checked_title

if TYPE_CHECKING:
    from txdicom.testing import Fault, FaultyFactory

DEFAULT_LISTEN = "tcp:11112"

# The endpoints whose strings take a backlog.
_WITH_BACKLOG = ("tcp:", "tcp6:", "ssl:", "unix:", "haproxy:tcp", "haproxy:ssl:", "haproxy:unix:")


def option_name(row: Field[Any]) -> str:
    """The option that sets a limit: ``max_pdu`` is ``--max-pdu``."""
    return row.name.replace("_", "-")


def _coerced(row: Field[Any]) -> Callable[[str], object]:
    """What makes a limit of an option's text; ``none`` is no time-out."""

    def coerce(text: str) -> object:
        seconds = row.metadata["unit"] == "seconds"
        value: object = None
        if not (seconds and text.lower() == "none"):
            try:
                value = float(text) if seconds else int(text)
            except ValueError:
                raise ValueError(f"not a number: {text}") from None
        check_limit(row, value)
        return value

    return coerce


def _limit_parameters() -> list[list[Any]]:
    """An option for each limit that concerns a server."""
    return [
        [
            option_name(row),
            None,
            row.default,
            f"{row.metadata['unit']} {row.metadata['text']}",
            _coerced(row),
        ]
        for row in fields(Limits)
        if row.name != "connection_timeout"
    ]


class Options(usage.Options):
    """Serves the Verification Service: answers C-ECHO requests."""

    synopsis = "[options]"
    longdesc = "Every time-out is in seconds, and 'none' switches it off."

    optFlags = [["require-called", None, "Refuse requests with another called AE title than ours."]]
    optParameters = [
        ["ae-title", "a", "TXDICOM", "Our AE title.", checked_title],
        *_limit_parameters(),
    ]

    def __init__(self) -> None:
        super().__init__()
        self["listen"] = []
        self["calling"] = []
        self["fault"] = []

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Parse; what is wrong ends the process with one line, and an exit code other than 0.

        Not every Twisted has that exit code for a UsageError.
        """
        try:
            super().parseOptions(options)
        except usage.UsageError as error:
            raise SystemExit(f"dicom: {error}") from None

    def opt_listen(self, description: str) -> None:
        """Listen here, an endpoint such as tcp:11112:interface=127.0.0.1 (may be repeated).
        [default: tcp:11112]"""
        self["listen"].append(description)

    opt_l = opt_listen

    def opt_calling(self, title: str) -> None:
        """Accept requests of this calling AE title; of all, if not given (may be repeated)."""
        try:
            self["calling"].append(checked_title(title))
        except ValueError as error:
            raise usage.UsageError(str(error)) from None

    def opt_fault(self, description: str) -> None:
        """Misbehave, to test a client: reject:2,3,1, abort:on-echo, silence:on-release, http,
        MODALITY=status:0x0110 ...; a wrong one tells what there is (may be repeated)."""
        from txdicom.testing import Fault

        try:
            self["fault"].append(Fault.parse(description))
        except ValueError as error:
            raise usage.UsageError(f"--fault: {error}") from None

    def postOptions(self) -> None:
        """Find what is wrong with the endpoints while that is still one line to the user."""
        self["listen"] = self["listen"] or [DEFAULT_LISTEN]
        self["endpoints"] = [_endpoint(text, self["backlog"]) for text in self["listen"]]

    def limits(self) -> Limits:
        """The limits that the options say."""
        return Limits(
            **{
                row.name: self[option_name(row)]
                for row in fields(Limits)
                if option_name(row) in self
            }
        )


def _endpoint(description: str, backlog: int) -> IStreamServerEndpoint:
    from twisted.internet import reactor

    if description.startswith(_WITH_BACKLOG) and "backlog=" not in description:
        description = f"{description}:backlog={backlog}"
    try:
        endpoint: IStreamServerEndpoint = serverFromString(reactor, description)
    except Exception as error:
        raise usage.UsageError(f"--listen {description}: {error}") from None
    return endpoint


class ListeningService(Service):
    """Listens while it runs; unlike Twisted's own, it fails at once where it cannot.

    :param error: what to raise with the line that says why
    """

    def __init__(
        self,
        endpoint: IStreamServerEndpoint,
        factory: ServerFactory | FaultyFactory,
        error: Callable[[str], BaseException],
    ) -> None:
        self._endpoint = endpoint
        self._factory = factory
        self._error = error
        self._listening: Deferred[Any] | None = None

    def privilegedStartService(self) -> None:
        """Listen already before privileges are dropped, for ports below 1024."""
        super().privilegedStartService()
        self._listen()

    def startService(self) -> None:
        """Listen, if that is not done yet."""
        super().startService()
        if self._listening is None:
            self._listen()

    def _listen(self) -> None:
        failures: list[Failure] = []
        self._listening = self._endpoint.listen(self._factory)
        self._listening.addErrback(failures.append)
        if failures:
            raise self._error(failures[0].getErrorMessage())

    async def _stop(self) -> None:
        port = await self._listening if self._listening is not None else None
        if port is not None:
            await maybeDeferred(port.stopListening)
        await self._factory.shutdown()

    def stopService(self) -> Deferred[None]:
        """Stop listening, and abort the associations that there are."""
        super().stopService()
        return Deferred.fromCoroutine(self._stop())


def _faulty(factory: ServerFactory, faults: list[Fault]) -> ServerFactory | FaultyFactory:
    """The factory, or one around it that commits these faults."""
    if not faults:
        return factory
    from twisted.internet import reactor

    from txdicom.testing import FaultyFactory

    return FaultyFactory(factory, faults, cast(IReactorTime, reactor))


def makeService(options: Options) -> MultiService:
    """The service that the options ask for."""
    ae = AE(options["ae-title"], options.limits())
    ae.add_supported_context(Verification)
    ae.require_called_aet = bool(options["require-called"])
    ae.require_calling_aet = options["calling"]
    # A daemon's parent waits for an exception to tell its user; in the foreground this process
    # itself tells, without a traceback.
    foreground = options.parent is None or options.parent.get("nodaemon", True)
    error = SystemExit if foreground else ListenFailed
    services = MultiService()
    # One for all endpoints, so that the limits are those of the process.
    factory = _faulty(ae.server_factory(), options["fault"])
    for endpoint in options["endpoints"]:
        ListeningService(endpoint, factory, error).setServiceParent(services)
    RareCollection().setServiceParent(services)
    return services
