"""Logging: every line says which association it is about; ``debug_logger`` shows all of them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TextIO

from twisted.logger import (
    FilteringLogObserver,
    ILogFilterPredicate,
    ILogObserver,
    LogEvent,
    Logger,
    LogLevel,
    PredicateResult,
    formatEvent,
    globalLogPublisher,
)
from twisted.python.failure import Failure
from zope.interface import implementer, provider

from txdicom.events import (
    EVT_ACCEPTED,
    EVT_DIMSE_RECV,
    EVT_DIMSE_SENT,
    EVT_PDU_RECV,
    EVT_PDU_SENT,
    EVT_REQUESTED,
    Event,
    EventType,
    Handler,
)
from txdicom.throttle import Throttle
from txdicom.upperlayer.pdu import PDataTF
from txdicom.words import message_in_words, pdu_in_words, printable

_log = Logger(namespace="txdicom")

#: Handlers that every new association is bound to, besides its own.
debug_handlers: list[tuple[EventType, Handler]] = []


class AssociationLog:
    """Log lines about one association, with its number, its peer and both titles.

    :param address: gives the peer's address
    :param throttle: for how often there is a line of a kind, shared by all associations of a server

    The same facts are fields of the log event: ``association``, ``peer``, ``calling`` and
    ``called``.
    """

    __slots__ = ("_address", "_peer", "_throttle", "called", "calling", "number")

    def __init__(self, number: int, address: Callable[[], str], throttle: Throttle) -> None:
        self.number = number
        self._throttle = throttle
        self._address = address
        self._peer = ""
        self.calling = "?"
        self.called = "?"

    def __str__(self) -> str:
        return f"{self.number} {self.peer} {self.calling}>{self.called}"

    def titles(self, calling: str, called: str) -> None:
        """Who calls whom; both may be the peer's words."""
        self.calling = printable(calling)
        self.called = printable(called)

    def settle(self) -> None:
        """The address will not change any more; who gave it can be freed."""
        self._peer = self.peer
        del self._address

    @property
    def peer(self) -> str:
        """The peer's address; behind a PROXY header it is known when data has come."""
        return self._peer or printable(self._address())

    def debug(self, text: str) -> None:
        self._emit(LogLevel.debug, text)

    def info(self, text: str) -> None:
        self._emit(LogLevel.info, text)

    def ended(self, text: str) -> None:
        """The association ended as it should. Where there are many, a line costs as much as one."""
        if debug_handlers:
            self.info(text)
        else:
            self._emit_throttled(LogLevel.info, text, text)

    def fault(self, reason: str, text: str) -> None:
        """A peer's fault. Peers may have many, so there are only so many lines for each reason."""
        self._emit_throttled(LogLevel.warn, reason, text)

    def passing(self, reason: str, text: str) -> None:
        """What is no fault, such as a load balancer's look, but may come as often."""
        self._emit_throttled(LogLevel.debug, reason, text)

    def failure(self, failure: Failure, text: str) -> None:
        """A failure of the program's own code, with its traceback."""
        self._emit_throttled(
            LogLevel.critical, type(failure.value).__name__, text, log_failure=failure
        )

    def _emit_throttled(self, level: Any, reason: str, text: str, **fields: Any) -> None:
        held_back = self._throttle.passes(reason)
        if held_back:
            text = f"{text} (and {held_back} more like this)"
        if held_back is not None:
            self._emit(level, text, **fields)

    def _emit(self, level: Any, text: str, **fields: Any) -> None:
        peer, calling, called = self.peer, self.calling, self.called
        _log.emit(
            level,
            "{line}",  # put together here: Twisted's formatter takes its time for each field
            line=f"[{self.number} {peer} {calling}>{called}] {text}",
            association=self.number,
            peer=peer,
            calling=calling,
            called=called,
            text=text,
            **fields,
        )


@implementer(ILogObserver)
class _LineObserver:
    """Writes events as lines like ``I: Association Accepted``."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def __call__(self, event: LogEvent) -> None:
        stream = self._stream or sys.stderr
        letter = event["log_level"].name[0].upper()
        text = formatEvent(event)
        failure = event.get("log_failure")
        if failure is not None:
            text = f"{text}\n{failure.getTraceback()}"
        stream.write("".join(f"{letter}: {line}\n" for line in text.splitlines() or [""]))


@provider(ILogFilterPredicate)
def _of_txdicom(event: LogEvent) -> Any:
    mine = event.get("log_namespace", "").startswith("txdicom")
    return PredicateResult.yes if mine else PredicateResult.no


_observer: ILogObserver | None = None


def debug_logger(stream: TextIO | None = None) -> None:
    """Show everything: log lines, and each PDU and message in words.

    What is written goes to ``stream``, standard error by default, for the associations that begin
    from now on. Calling it again replaces what it installed before.
    """
    global _observer
    if _observer is not None:
        globalLogPublisher.removeObserver(_observer)
    _observer = FilteringLogObserver(_LineObserver(stream), [_of_txdicom])
    globalLogPublisher.addObserver(_observer)
    debug_handlers[:] = [
        *[(event, _told) for event in _TOLD],
        (EVT_PDU_RECV, _pdu_received),
        (EVT_PDU_SENT, _pdu_sent),
        (EVT_DIMSE_RECV, _message_received),
        (EVT_DIMSE_SENT, _message_sent),
    ]


def stop_debug_logger() -> None:
    """Undo :func:`debug_logger`, for the associations that begin from now on."""
    global _observer
    if _observer is not None:
        globalLogPublisher.removeObserver(_observer)
        _observer = None
    debug_handlers.clear()


# What happens without a line of its own, since each costs as much as a whole C-ECHO.
_TOLD = {
    EVT_REQUESTED: "Association Requested",
    EVT_ACCEPTED: "Association Accepted",
}


def _told(event: Event) -> None:
    event.assoc.log.info(_TOLD[event.event])


def _log_lines(event: Event, lines: list[str]) -> None:
    for line in lines:
        event.assoc.log.debug(line)


def _pdu_received(event: Event) -> None:
    # A P-DATA-TF is shown as the message that it carries.
    if not isinstance(event.pdu, PDataTF):
        _log_lines(event, pdu_in_words(event.pdu, incoming=True))


def _pdu_sent(event: Event) -> None:
    if not isinstance(event.pdu, PDataTF):
        _log_lines(event, pdu_in_words(event.pdu, incoming=False))


def _message_received(event: Event) -> None:
    _log_lines(event, message_in_words(event.message, incoming=True))


def _message_sent(event: Event) -> None:
    _log_lines(event, message_in_words(event.message, incoming=False))
