"""What an exchange comes to, told step by step: what was seen, and nothing that was not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from txdicom.cli import exchange
from txdicom.cli.conditions import GivenUp, RecordingEnds, RequestorFault
from txdicom.cli.exchange import Step
from txdicom.cli.exit_codes import VERIFIED
from txdicom.cli.outcome import Echo, Outcome, Response
from txdicom.cli.part import part_name, part_size
from txdicom.dimse.command import C_CANCEL_RQ, C_ECHO_RQ, RESPONSE, command_name
from txdicom.dimse.status import STATUS_PENDING, STATUS_SUCCESS, code_to_category
from txdicom.errors import (
    AssociationAborted,
    AssociationError,
    AssociationRejected,
    AssociationReleased,
    AssociationTimeout,
    NoAcceptedContext,
    ProtocolViolation,
)
from txdicom.titles import significant
from txdicom.upperlayer import reasons
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

_ASSOCIATE = "the A-ASSOCIATE-RQ"
_RELEASE = "the A-RELEASE-RQ"
_C_ECHO_RSP = C_ECHO_RQ | RESPONSE

# The reasons with which a service-provider says that what came was wrong (PS3.8 Table 9-26).
_FAULTS = frozenset(reasons.ABORT_REASON) - {reasons.NOT_SPECIFIED}


class _Request(NamedTuple):
    """A request of the requestor's that is not yet answered."""

    field: int
    words: str
    context_id: int | None
    ms: float | None
    echo: Echo | None


class Story:
    """What an exchange comes to.

    :ivar outcome: so far
    """

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self._began: float | None = None
        self._asked: float | None = None
        self._waiting_for = ""  # an answer of association control
        self._requests: dict[int, _Request] = {}
        self._associated = False
        self._other_requests = False  # than echoes
        self._over = False
        self._timed_out = False
        self._cut_short = ""
        self._last = ""
        self._contexts: dict[int, str] = {}

    def tell(self, step: Step) -> None:
        """The next step; after a failure nothing more is of interest."""
        if self.outcome.error is not None:
            return
        by_requestor = step.line.by_requestor
        if step.line.happening:
            self._happening(step)
        elif step.is_part:
            self._part(step)
        elif by_requestor:
            self._cut_short = ""
            self._requestor(step)
        else:
            self.outcome.unfinished = b""
            self._acceptor(step)
        self._responded(step)

    def end(self) -> Outcome:
        """There is nothing more."""
        if self.outcome.error is None:
            if self._unanswered:
                self._fail(RecordingEnds(f"nothing more is there: {self._without_answer()}"))
            elif self._cut_short:
                self._fail(RecordingEnds(f"nothing more is there: {self._cut_short}"))
        return self.outcome

    @property
    def _unanswered(self) -> str:
        """What an answer was awaited to, in words."""
        if self._waiting_for or not self._requests:
            return self._waiting_for
        return next(iter(self._requests.values())).words

    def _without_answer(self) -> str:
        whole = "a whole" if self.outcome.unfinished else "an"
        return f"without {whole} answer to {self._unanswered}"

    def _fail(self, error: AssociationError) -> None:
        if self._waiting_for == _RELEASE and self.outcome.exit_code == VERIFIED:
            error.stage = "release"
            self.outcome.release_error = error
            self._waiting_for = ""
            return
        if type(error).stage == "associate":
            error.stage = self._stage() if self._associated else "associate"
        if error.stage == "exchange":
            self.outcome.after = self._unanswered or self._last
        self.outcome.nothing_awaited = self._associated and not self._unanswered
        self.outcome.error = error

    def _stage(self) -> str:
        """Where the association is; ``exchange`` where it is not for echoes alone."""
        if self._waiting_for == _RELEASE:
            return "release"
        if self._requests:
            echoing = all(request.echo is not None for request in self._requests.values())
        else:
            echoing = bool(self.outcome.echoes) and not self._other_requests
        return "echo" if echoing else "exchange"

    # What is not sent

    def _happening(self, step: Step) -> None:
        line = step.line
        if line.happening == exchange.TIMEOUT:
            self._timed_out = True
        elif self._over:
            return
        elif line.by_requestor:
            if self._unanswered:
                self._given_up(step, "closed the connection")
            elif self._cut_short:
                self._fail(RequestorFault(f"it closed the connection, and {self._cut_short}"))
        else:
            self._lost(line.happening)
        self._over = self._over or line.happening != exchange.TIMEOUT

    def _lost(self, happening: str) -> None:
        """The acceptor closed the connection, or it was lost."""
        detail = [] if happening == exchange.CLOSED else [f"it was {happening}"]
        if self._unanswered:
            detail.append(self._without_answer())
        elif self._cut_short:
            self._fail(RequestorFault(f"the peer closed the connection, and {self._cut_short}"))
            return
        elif not self._associated:
            return
        self._fail(AssociationAborted(2, 0, "connection", ", ".join(detail)))

    def _part(self, step: Step) -> None:
        """Only the beginning of a PDU came, or is kept."""
        data = step.line.data
        if step.line.by_requestor:
            size = part_size(data)
            self._cut_short = f"the requestor's {part_name(data)} is not whole ({size})"
        else:
            self.outcome.unfinished = data

    def _given_up(self, step: Step, how: str) -> None:
        """The requestor waited no longer."""
        ms = step.line.ms
        waited = None if ms is None or self._asked is None else _since(self._asked, ms)
        if self._timed_out:
            what = f"{'whole ' if self.outcome.unfinished else ''}answer to {self._unanswered}"
            seconds = round(waited or 0.0, 3)
            self._fail(AssociationTimeout(f"then the requestor {how}", seconds, what))
            return
        when = "" if waited is None else f", {waited:.3f} s after it"
        self._fail(GivenUp(f"the requestor {how} {self._without_answer()}{when}"))

    # What the requestor sends

    def _requestor(self, step: Step) -> None:
        pdu = step.pdu
        if step.problem is not None:
            what = step.problem.protocol or step.problem.message
            self._fail(RequestorFault(f"what the requestor sent is wrong: {what}"))
            return
        if not isinstance(pdu, Abort):
            self._asked = step.line.ms
        if isinstance(pdu, AssociateRQ):
            self._asks_for_association(pdu)
            self._began, self._waiting_for = step.line.ms, _ASSOCIATE
        elif isinstance(pdu, ReleaseRQ):
            self._waiting_for = _RELEASE
        elif isinstance(pdu, ReleaseRP):
            self._over = True
        elif isinstance(pdu, Abort):
            self._requestor_aborts(step, pdu)
        elif step.message is not None:
            self._request(step, step.message.command, step.message.context_id)
        elif step.begun is not None:
            self._request(step, step.begun, None)

    def _asks_for_association(self, pdu: AssociateRQ) -> None:
        outcome = self.outcome
        outcome.called_ae_title = significant(pdu.called_ae_title)
        outcome.calling_ae_title = significant(pdu.calling_ae_title)
        kinds = {type(item) for item in pdu.user_information}
        outcome.identity_proposed = UserIdentityRQ in kinds
        outcome.window_proposed = AsynchronousOperationsWindow in kinds
        contexts = pdu.presentation_contexts
        outcome.proposed = [(c.abstract_syntax, c.transfer_syntaxes) for c in contexts]
        self._contexts = {c.context_id: c.abstract_syntax for c in contexts}

    def _request(self, step: Step, command: Mapping[str, Any], context_id: int | None) -> None:
        field, message_id = command.get("CommandField", 0), command.get("MessageID", 0)
        if field & RESPONSE or field == C_CANCEL_RQ:
            return
        asked = self._requests.get(message_id)
        if asked is not None and asked.field == field and asked.context_id is None:
            self._requests[message_id] = asked._replace(context_id=context_id)  # now it is whole
            return
        echo = None
        if field == C_ECHO_RQ:
            echo = Echo(len(self.outcome.echoes) + 1, message_id)
            self.outcome.echoes.append(echo)
        else:
            self._other_requests = True
        words = f"the {command_name(field)} message {message_id}"
        self._requests[message_id] = _Request(field, words, context_id, step.line.ms, echo)

    def _requestor_aborts(self, step: Step, pdu: Abort) -> None:
        self._over = True
        if pdu.source == reasons.ABORT_BY_PROVIDER and pdu.reason in _FAULTS:
            said = reasons.words(reasons.ABORT_REASON, pdu.reason)
            self._fail(ProtocolViolation(f"the requestor's A-ABORT says so: {said}"))
        elif self._unanswered:
            self._given_up(step, "aborted")
        elif self._associated and not (self.outcome.echoes or self._other_requests):
            self._fail(GivenUp("the requestor aborted, and had asked for nothing"))
        self._waiting_for = ""
        self._requests.clear()

    # What the acceptor sends

    def _acceptor(self, step: Step) -> None:
        pdu = step.pdu
        if step.problem is not None:
            self._fail(step.problem)
        elif isinstance(pdu, AssociateAC):
            self._accepted(step, pdu)
        elif isinstance(pdu, AssociateRJ):
            self._fail(AssociationRejected(pdu.result, pdu.source, pdu.reason))
        elif isinstance(pdu, Abort):
            if not self._over:
                self._fail(AssociationAborted(pdu.source, pdu.reason, "peer"))
        elif isinstance(pdu, ReleaseRQ):
            if self._unanswered and self._waiting_for != _RELEASE:
                self._fail(AssociationReleased("peer"))
        elif isinstance(pdu, ReleaseRP):
            self._waiting_for, self._over = "", True
        elif step.message is not None:
            self._response(step)

    def _accepted(self, step: Step, pdu: AssociateAC) -> None:
        self._waiting_for, self._last = "", "the A-ASSOCIATE-AC"
        self._associated = True
        if step.line.ms is not None:
            self.outcome.seconds["associate"] = _since(self._began, step.line.ms)
        if not exchange.accepted(pdu):
            refused = [
                (self._contexts.get(context.context_id, "?"), context.result)
                for context in pdu.presentation_contexts
            ]
            self._fail(NoAcceptedContext(None, refused))

    def _response(self, step: Step) -> None:
        assert step.message is not None  # the caller looked
        command = step.message.command
        field = command.get("CommandField", 0)
        if not field & RESPONSE:
            return
        if field == _C_ECHO_RSP:
            self.outcome.last_response = command
        message_id = command.get("MessageIDBeingRespondedTo", -1)
        request = self._requests.get(message_id)
        problem = _problem(command, step.message.context_id, request)
        if problem:
            self._fail(ProtocolViolation(f"{command_name(field)} {problem}"))
        elif request is not None:
            self._answered(step, message_id, request, command)

    def _answered(
        self, step: Step, message_id: int, request: _Request, command: Mapping[str, Any]
    ) -> None:
        status = command["Status"]
        self._last = f"the {command_name(command['CommandField'])} to message {message_id}"
        if request.echo is not None:
            request.echo.status = status
            request.echo.error_comment = command.get("ErrorComment")
            request.echo.seconds = _since(request.ms, step.line.ms)
        if code_to_category(status) != STATUS_PENDING:
            del self._requests[message_id]

    def _responded(self, step: Step) -> None:
        """A response of either side to anything but a C-ECHO, if it is not of success."""
        command: Mapping[str, Any] = step.message.command if step.message is not None else {}
        field, status = command.get("CommandField", 0), command.get("Status")
        if not field & RESPONSE or field == _C_ECHO_RSP or status is None:
            return
        if code_to_category(status) not in (STATUS_SUCCESS, STATUS_PENDING):
            message_id = command.get("MessageIDBeingRespondedTo", "?")
            to = f"{command_name(field & ~RESPONSE)} message {message_id}"
            self.outcome.responses.append(Response(to, status, command.get("ErrorComment")))


def _problem(command: Mapping[str, Any], context_id: int, request: _Request | None) -> str:
    """What is wrong with a response, or nothing."""
    field, message_id = command["CommandField"], command.get("MessageIDBeingRespondedTo", -1)
    if request is None:
        # In other services requests may have been made that are not in a capture.
        unknown = f"to message ID {message_id}, which is not outstanding"
        return unknown if field == _C_ECHO_RSP else ""
    if field != request.field | RESPONSE:
        return f"to message ID {message_id}, which is a {command_name(request.field)}"
    if request.context_id not in (None, context_id):
        return f"on context {context_id} to a request on context {request.context_id}"
    return "without a status" if command.get("Status") is None else ""


def _since(began: float | None, ended: float | None) -> float:
    return 0.0 if began is None or ended is None else max(0.0, (ended - began) / 1000)
