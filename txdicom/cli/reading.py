"""``txdicom explain FILE``: an exchange that was kept, as a ladder, and what went wrong in it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from twisted.internet.error import ConnectionRefusedError

from txdicom.cli import exchange, pcap, terminal
from txdicom.cli.exchange import Line, Step
from txdicom.cli.exit_codes import VERIFIED
from txdicom.cli.explain import explanation_lines
from txdicom.cli.outcome import Echo, Outcome
from txdicom.cli.target import Target
from txdicom.dimse.command import C_ECHO_RQ, RESPONSE
from txdicom.errors import (
    AssociationAborted,
    AssociationError,
    AssociationRejected,
    AssociationTimeout,
    ConnectionFailed,
    NoAcceptedContext,
    ProtocolViolation,
)
from txdicom.titles import significant
from txdicom.upperlayer.pdu import (
    Abort,
    AssociateAC,
    AssociateRJ,
    AssociateRQ,
    ReleaseRP,
    ReleaseRQ,
)
from txdicom.upperlayer.user_information import (
    AsynchronousOperationsWindow,
    UserIdentityRQ,
)

#: How many connections of a capture are shown.
MOST_SHOWN = 20

_RELEASE = "the A-RELEASE-RQ"


class _Story:
    """What an exchange comes to, told step by step."""

    def __init__(self, target: Target) -> None:
        self.outcome = Outcome(target, "?", "?")
        self._began: float | None = None
        self._asked: float | None = None
        self._sent: dict[int, tuple[Echo, float | None]] = {}
        self._associated = False
        self._waiting_for = ""
        self._proposed: dict[int, str] = {}

    def tell(self, step: Step) -> None:
        """The next step; after a failure nothing more is of interest."""
        if self.outcome.error is not None:
            return
        if step.problem is not None:
            self._fail(step.problem)
        elif step.line.by_requestor:
            self._requestor(step)
        else:
            self._acceptor(step)

    def end(self, closed: bool) -> Outcome:
        """There is nothing more.

        :param closed: whether the acceptor closed the connection
        """
        if self.outcome.error is None and self._waiting_for:
            what = f"without an answer to {self._waiting_for}"
            if closed:
                self._fail(AssociationAborted(2, 0, "connection", what))
            else:
                self._fail(AssociationError(f"the exchange ends {what}"))
        return self.outcome

    def _fail(self, error: AssociationError) -> None:
        if self._waiting_for == _RELEASE and self.outcome.exit_code == VERIFIED:
            error.stage = "release"
            self.outcome.release_error = error
            return
        if type(error).stage == "associate":
            error.stage = "echo" if self._associated else "associate"
        self.outcome.error = error

    def _given_up(self, ms: float | None) -> None:
        """The requestor aborted while it waited."""
        if ms is None or self._asked is None:
            self._fail(AssociationError(f"the requestor aborted, {self._waiting_for} unanswered"))
            return
        waited = round(_since(self._asked, ms), 3)
        what = f"answer to {self._waiting_for}"
        self._fail(AssociationTimeout("then the requestor aborted", waited, what))

    def _requestor(self, step: Step) -> None:
        outcome, pdu, message = self.outcome, step.pdu, step.message
        if not isinstance(pdu, Abort):
            self._asked = step.line.ms
        if isinstance(pdu, AssociateRQ):
            outcome.called_ae_title = significant(pdu.called_ae_title)
            outcome.calling_ae_title = significant(pdu.calling_ae_title)
            kinds = {type(item) for item in pdu.user_information}
            outcome.identity_proposed = UserIdentityRQ in kinds
            outcome.window_proposed = AsynchronousOperationsWindow in kinds
            self._proposed = {c.context_id: c.abstract_syntax for c in pdu.presentation_contexts}
            self._began, self._waiting_for = step.line.ms, "the A-ASSOCIATE-RQ"
        elif message is not None and message.command.get("CommandField") == C_ECHO_RQ:
            echo = Echo(len(outcome.echoes) + 1, message.command.get("MessageID", 0))
            outcome.echoes.append(echo)
            self._sent[echo.message_id] = (echo, step.line.ms)
            self._waiting_for = "the C-ECHO-RQ"
        elif isinstance(pdu, ReleaseRQ):
            self._waiting_for = _RELEASE
        elif isinstance(pdu, Abort):
            if self._waiting_for:
                self._given_up(step.line.ms)
            self._waiting_for = ""

    def _acceptor(self, step: Step) -> None:
        outcome, pdu = self.outcome, step.pdu
        if isinstance(pdu, AssociateAC):
            self._waiting_for = ""
            self._associated = True
            if step.line.ms is not None:
                outcome.seconds["associate"] = _since(self._began, step.line.ms)
            if not exchange.accepted(pdu):
                self._fail(NoAcceptedContext(None, self._results(pdu)))
        elif isinstance(pdu, AssociateRJ):
            self._fail(AssociationRejected(pdu.result, pdu.source, pdu.reason))
        elif isinstance(pdu, Abort):
            self._fail(AssociationAborted(pdu.source, pdu.reason, "peer"))
        elif isinstance(pdu, ReleaseRP):
            self._waiting_for = ""
        elif step.message is not None:
            self._response(step)

    def _results(self, pdu: AssociateAC) -> list[tuple[str, int]]:
        return [
            (self._proposed.get(context.context_id, "?"), context.result)
            for context in pdu.presentation_contexts
        ]

    def _response(self, step: Step) -> None:
        assert step.message is not None  # the caller looked
        command = step.message.command
        if command.get("CommandField") != C_ECHO_RQ | RESPONSE:
            return
        self.outcome.last_response = command
        message_id = command.get("MessageIDBeingRespondedTo", -1)
        if message_id not in self._sent:
            text = f"C-ECHO-RSP to message ID {message_id}, which is not outstanding"
            self._fail(ProtocolViolation(text))
            return
        if command.get("Status") is None:
            self._fail(ProtocolViolation("C-ECHO-RSP without a status"))
            return
        echo, sent = self._sent.pop(message_id)
        echo.status = command["Status"]
        echo.error_comment = command.get("ErrorComment")
        echo.seconds = _since(sent, step.line.ms)
        if not self._sent:
            self._waiting_for = ""


def _since(began: float | None, ended: float | None) -> float:
    return 0.0 if began is None or ended is None else max(0.0, (ended - began) / 1000)


def outcome_of(
    lines: Iterable[Line], target: Target | None = None, closed: bool = False
) -> Outcome:
    """What an exchange comes to.

    :param closed: whether the acceptor is known to have closed the connection
    """
    story = _Story(target or Target("HOST"))
    for step in exchange.steps(lines):
        story.tell(step)
    return story.end(closed)


def report(path: str, verbose: bool) -> Iterator[str]:
    """What there is to say about a file: an exchange that was kept, or a capture.

    :param verbose: each PDU in words too
    :raise OSError: the file cannot be read
    :raise ValueError: there is no exchange in it
    """
    with open(path, "rb") as file:
        start = file.read(4)
        if pcap.is_capture(start):
            file.seek(0)
            yield from _captured(pcap.read(file), verbose)
            return
    lines = exchange.read(path)
    yield from _exchanged(lines, outcome_of(lines), verbose)


def _exchanged(lines: list[Line], outcome: Outcome, verbose: bool) -> Iterator[str]:
    """The report on one exchange."""
    if verbose:
        yield from exchange.in_words(lines)
    if lines:
        yield from exchange.ladder(lines, width=terminal.width(sys.stdout))
    elif outcome.error is None:
        yield "No PDU, nor anything in the place of one, is to be seen in it."
        return
    explanation = list(explanation_lines(outcome))
    yield from explanation or ["", "Nothing that went wrong is to be seen in this exchange."]


def _captured(capture: pcap.Capture, verbose: bool) -> Iterator[str]:
    """The report on a capture: the DICOM in it, or, where there is none, what else there is."""
    found = capture.connections
    if not found:
        raise ValueError("there is no TCP connection in the capture")
    dicom = [one for one in found if one.lines and one.lines[0].data[:2] == b"\x01\x00"]
    shown = (dicom or found)[:MOST_SHOWN]
    for one in shown:
        client, server = Target(*one.client), Target(*one.server)
        seen = "times not known" if one.seconds is None else f"{one.seconds:.3f} s"
        yield f"{client} to {server}, {seen}"
        if one.lines and one.lines[0].data[:2] == b"\x16\x03":
            yield "It is encrypted by TLS, so no more is to be seen."
        else:
            yield from _exchanged(one.lines, _captured_outcome(one, server), verbose)
        yield ""
    if len(found) > len(shown):
        yield f"Other TCP connections in the capture, not shown: {len(found) - len(shown)}."
    yield from capture.remarks


def _captured_outcome(one: pcap.Connection, server: Target) -> Outcome:
    outcome = outcome_of(one.lines, server, one.closed)
    if one.asked and not one.answered:
        outcome.error = AssociationTimeout(
            "capture", round(one.seconds or 0.0, 3), "answer to the SYN"
        )
        outcome.error.stage = "connect"
    elif one.refused:
        outcome.error = ConnectionFailed(str(server), "it was reset")
        outcome.error.__cause__ = ConnectionRefusedError()
    return outcome
