"""The verification of one target: resolve, connect, TLS, associate, echo, release, each timed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater

from txdicom import events as evt
from txdicom.ae import AE
from txdicom.cli.outcome import Echo, Outcome
from txdicom.cli.settings import Settings
from txdicom.cli.target import Target
from txdicom.errors import AssociationError, AssociationTimeout, TLSFailed
from txdicom.tcp import client_endpoint, is_address
from txdicom.tls import client_creator, facts
from txdicom.upperlayer.user_information import AsynchronousOperationsWindow, UserIdentityRQ
from txdicom.verification import VerificationAssociation


class Verification:
    """One run against one target.

    :ivar outcome: what came of it so far
    :ivar interrupted: whether it was cancelled before its end
    :ivar closed: fires when it is over and its connection is gone, for which an abort waits
        seconds after the outcome is there

    :param on_echo: called with each echo when it is answered
    :param handlers: further event handlers for the association
    """

    def __init__(
        self,
        reactor: Any,
        target: Target,
        settings: Settings,
        on_echo: Callable[[Outcome, Echo], None] = lambda outcome, echo: None,
        handlers: tuple[Any, ...] = (),
    ) -> None:
        self._reactor = reactor
        self._target = target
        self._settings = settings
        self._on_echo = on_echo
        self._handlers = handlers
        self._resolving: Any = None
        self._association: VerificationAssociation | None = None
        self._protocol: Any = None
        self.interrupted = False
        self.closed: Deferred[None] = Deferred()
        self._stage = "connect" if is_address(target.host) else "resolve"
        self._since = self._due = 0.0
        self.outcome = Outcome(
            target, target.ae_title or settings.called_ae_title, settings.calling_ae_title
        )
        self._note_what_is_asked()

    def _note_what_is_asked(self) -> None:
        outcome, settings = self.outcome, self._settings
        kinds = {type(item) for item in settings.extended}
        outcome.identity_proposed = UserIdentityRQ in kinds
        outcome.window_proposed = AsynchronousOperationsWindow in kinds
        outcome.proposed = [(c.abstract_syntax, c.transfer_syntax) for c in settings.contexts]
        if settings.tls is not None:
            outcome.tls_wanted = True
            outcome.server_name = settings.tls.server_name or self._target.host

    def _note_unfinished(self) -> None:
        if self._protocol is not None:
            self.outcome.unfinished = self._protocol.upper_layer.unfinished

    @property
    def is_resolving(self) -> bool:
        """Whether the target's name is not resolved yet."""
        return self._stage_now() == "resolve"

    def run(self) -> Deferred[Outcome]:
        """Verify; fires with the outcome. To cancel it releases, and fires with what there is."""
        return Deferred.fromCoroutine(self._run())

    async def _run(self) -> Outcome:
        self._due = self._reactor.seconds() + self._settings.timeout
        try:
            await self._within_deadline(self._associate)
            await self._echoes()
        except AssociationError as error:
            if error.stage == "connect":  # its time-out is for resolving the name, too
                error.stage = self._stage_now()
            self.outcome.error = error
            self._note_unfinished()
        except CancelledError:
            self.interrupted = True  # what there is so far counts
        await self._end()
        if self._protocol is None:  # there was no connection
            self.closed.callback(None)
        return self.outcome

    async def _within_deadline(self, step: Callable[[], Any]) -> Any:
        """Do a step of the run, but no longer than the deadline allows."""
        expired: list[bool] = []
        doing: Deferred[Any] = Deferred.fromCoroutine(step())

        def expire() -> None:
            expired.append(True)
            doing.cancel()

        left = max(0.0, self._due - self._reactor.seconds())
        deadline = self._reactor.callLater(left, expire)
        try:
            return await doing
        except CancelledError:
            if not expired:
                raise
            stage = self._stage_now()
            error = AssociationTimeout(
                "timeout", self._settings.timeout, f"end of the stage {stage}"
            )
            error.stage = stage
            raise error from None
        finally:
            if deadline.active():
                deadline.cancel()

    async def _associate(self) -> None:
        self._association = await self._connect()
        self._stage = "echo"

    def _connect(self) -> Deferred[VerificationAssociation]:
        settings = self._settings
        ae = AE(settings.calling_ae_title, settings.limits, self._reactor)
        endpoint = self._endpoint()
        self._since = self._reactor.seconds()
        return ae.connect(
            endpoint,
            settings.contexts,
            self.outcome.called_ae_title,
            ext_neg=settings.extended,
            address=str(self._target),
            evt_handlers=[
                (evt.EVT_CONN_OPEN, self._connected),
                (evt.EVT_ACCEPTED, self._accepted),
                (evt.EVT_DIMSE_RECV, self._responded),
                (evt.EVT_CONN_CLOSE, lambda _: self.closed.callback(None)),
                *self._handlers,
            ],
        )

    def _endpoint(self) -> Any:
        """Where to connect to. An address is connected to as it is; only a name is resolved."""
        reactor, target, tls = self._reactor, self._target, self._settings.tls
        if self._stage == "resolve":
            from txdicom.cli.resolving import ResolvingReactor

            reactor = self._resolving = ResolvingReactor(reactor)
            self.outcome.addresses = self._resolving.addresses  # to which it adds
        else:
            self.outcome.addresses = [target.host]
        endpoint, _ = client_endpoint(reactor, target.host, target.port, None)
        if tls is None:
            return endpoint
        from twisted.internet.endpoints import wrapClientTLS

        try:
            creator = client_creator(tls, target.host)
        except ValueError as error:  # a roster may have a host that no certificate can be for
            raise TLSFailed(str(error)) from None
        return wrapClientTLS(creator, endpoint)

    def _stage_now(self) -> str:
        """The stage that is under way."""
        if self._stage == "resolve" and self._resolving.resolved_at is not None:
            return "connect"
        if self._stage == "tls" and not self._protocol.in_handshake:
            return "associate"
        return self._stage

    def _responded(self, event: Any) -> None:
        self.outcome.last_response = event.message.command

    def _connected(self, event: Any) -> None:
        self._protocol = event.assoc.protocol
        now = self._reactor.seconds()
        self.outcome.address = event.address[0]
        if self._stage == "resolve" and self._resolving.resolved_at is not None:
            self.outcome.seconds["resolve"] = self._resolving.resolved_at - self._since
            self._since = self._resolving.resolved_at
        self.outcome.seconds["connect"] = now - self._since
        self._since = now
        self._stage = "associate" if self._settings.tls is None else "tls"

    def _accepted(self, event: Any) -> None:
        now = self._reactor.seconds()
        association = event.assoc
        handshaken_at = association.protocol.handshaken_at
        if self._settings.tls is not None and handshaken_at is not None:
            self.outcome.seconds["tls"] = handshaken_at - self._since
            self.outcome.tls = facts(association.protocol.transport)
            self._since = handshaken_at
        self.outcome.seconds["associate"] = now - self._since
        self.outcome.acceptor = association.acceptor
        self.outcome.context = next(iter(association.accepted_contexts), None)

    async def _echoes(self) -> None:
        number, sent = 0, 0.0
        while self._settings.count is None or number < self._settings.count:
            if number:
                pause = sent + self._settings.interval - self._reactor.seconds()
                if pause > 0:
                    await deferLater(self._reactor, pause, lambda: None)
                self._due = self._reactor.seconds() + self._settings.timeout
            number, sent = number + 1, self._reactor.seconds()
            await self._within_deadline(self._echo)

    async def _echo(self) -> None:
        association = self._association
        assert association is not None  # it is established before the first echo
        echo = Echo(len(self.outcome.echoes) + 1, association.next_message_id())
        self.outcome.echoes.append(echo)
        began = self._reactor.seconds()
        response = await association.echo(echo.message_id)
        echo.seconds = self._reactor.seconds() - began
        echo.status = response.command["Status"]
        echo.error_comment = response.command.get("ErrorComment")
        self._on_echo(self.outcome, echo)

    async def _end(self) -> None:
        """Release, or abort where that was asked for; what fails here is a warning."""
        association = self._association
        if association is None or not association.is_established:
            return
        if self._settings.abort:
            with suppress(CancelledError):  # it was aborted; only the peer's closing is waited for
                await association.abort()
            return
        self._stage = "release"
        began = self._reactor.seconds()
        if self.interrupted:  # the last echo, and its deadline, may be long gone
            self._due = began + self._settings.timeout
        try:
            await self._within_deadline(self._release)
        except AssociationError as error:
            self.outcome.release_error = error
            self._note_unfinished()
            self.outcome.warnings.append(f"the release failed: {error}")
        except CancelledError:  # the association was aborted
            self.interrupted = True
        else:
            self.outcome.seconds["release"] = self._reactor.seconds() - began

    async def _release(self) -> None:
        if self._association is not None:
            await self._association.release()
