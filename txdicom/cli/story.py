"""What an exchange comes to, told step by step: what was seen, and nothing that was not."""

from __future__ import annotations

from txdicom.cli import exchange
from txdicom.cli.conditions import GivenUp, NotWhole, RecordingEnds, RequestorFault
from txdicom.cli.exchange import Step
from txdicom.cli.operations import Request, is_request, malformed, message_name, mismatch
from txdicom.cli.outcome import Echo, Outcome, Response
from txdicom.cli.part import part_name, part_size
from txdicom.cli.phases import Phase, joined, may_send
from txdicom.dimse.command import C_ECHO_RQ, RESPONSE, CommandSet, command_name
from txdicom.dimse.message import Message
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
    PDataTF,
    ReleaseRP,
    ReleaseRQ,
)
from txdicom.upperlayer.user_information import (
    AsynchronousOperationsWindow,
    UserIdentityRQ,
)

_WHOSE = "the requestor's "
_C_ECHO_RSP = C_ECHO_RQ | RESPONSE

# The reasons with which a service-provider says that what came was wrong (PS3.8 Table 9-26).
_FAULTS = frozenset(reasons.ABORT_REASON) - {reasons.NOT_SPECIFIED}


class Story:
    """What an exchange comes to.

    :ivar outcome: so far
    """

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self._phase = Phase.UNSEEN
        self._all_seen = True  # the association was, from its beginning
        self._began: float | None = None
        self._asked: float | None = None
        self._requests: dict[int, Request] = {}
        self._latest: Request | None = None
        self._other_requests = False  # than echoes
        self._timed_out = False
        self._cut_short = ""  # what of the requestor's has begun and is not whole
        self._answer_begun = False  # a message of the acceptor's is not whole
        self._last = ""
        self._contexts: dict[int, str] = {}

    def tell(self, step: Step) -> None:
        """The next step; after a failure, or the end, nothing more is of interest."""
        if self._phase is Phase.OVER:
            return
        if step.line.happening:
            self._happening(step)
        elif step.is_part:
            self._part(step)
        else:
            self._pdu(step)

    def end(self) -> Outcome:
        """There is nothing more."""
        if self._phase is not Phase.OVER and (self._unanswered or self._cut_short):
            what = self._without_answer() if self._unanswered else f"{_WHOSE}{self._cut_short}"
            self._fail(RecordingEnds(f"nothing more is there: {what}"))
        return self.outcome

    @property
    def _associated(self) -> bool:
        return self._phase not in (Phase.UNSEEN, Phase.REQUESTED)

    @property
    def _open(self) -> Request | None:
        """The first request that is whole and not answered to its end."""
        whole = (one for one in self._requests.values() if one.context_id is not None)
        return next(whole, None)

    @property
    def _unanswered(self) -> str:
        """What an answer is awaited to, in words."""
        if self._open is not None:
            return f"the {message_name(self._open.command)}"
        if self._phase is Phase.REQUESTED:
            return "the A-ASSOCIATE-RQ"
        return "the A-RELEASE-RQ" if self._only_release else ""

    @property
    def _only_release(self) -> bool:
        """Nothing but the release is left to be done."""
        all_done = self._open is None and not self._cut_short
        return self._phase is Phase.RELEASING and all_done

    def _answer(self) -> str:
        """What did not come: ``whole answer to the C-ECHO-RQ message 1``."""
        request = self._open
        if request is not None and request.pending:
            ones = f"{request.pending} pending one{'s' if request.pending > 1 else ''}"
            return f"final answer to {self._unanswered} after {ones}"
        whole = "whole " if self.outcome.unfinished or self._answer_begun else ""
        return f"{whole}answer to {self._unanswered}"

    def _without_answer(self) -> str:
        answer = self._answer()
        return f"without {'an' if answer.startswith('answer') else 'a'} {answer}"

    def _fail(self, error: AssociationError) -> None:
        outcome, request = self.outcome, self._open
        if type(error).stage == "associate":
            error.stage = self._stage() if self._associated else "associate"
        if self._only_release:
            outcome.release_error = error
        else:
            if error.stage == "exchange":
                outcome.after = self._unanswered or self._last
            outcome.nothing_awaited = self._associated and not self._unanswered
            outcome.answer_begun = self._answer_begun or (
                request is not None and request.pending > 0
            )
            outcome.error = error
        self._phase = Phase.OVER

    def _stage(self) -> str:
        """Where the association is; ``exchange`` where it is not for echoes alone."""
        if self._requests:
            echoing = all(request.echo is not None for request in self._requests.values())
        elif self._phase is Phase.RELEASING:
            return "release"
        else:
            echoing = bool(self.outcome.echoes) and not self._other_requests
        return "echo" if echoing else "exchange"

    # What is not sent

    def _happening(self, step: Step) -> None:
        line = step.line
        if line.happening == exchange.TIMEOUT:
            self._timed_out = True
            return
        if not line.by_requestor:
            self._lost(line.happening)
        elif self._unanswered or self._cut_short:
            self._given_up(step, "closed the connection")
        self._phase = Phase.OVER

    def _lost(self, happening: str) -> None:
        """The acceptor closed the connection, or it was lost."""
        detail = [] if happening == exchange.CLOSED else [f"it was {happening}"]
        if self._unanswered:
            detail.append(self._without_answer())
        if self._associated or self._unanswered or self._cut_short:
            self._ended(AssociationAborted(2, 0, "connection", ", ".join(detail)))

    def _part(self, step: Step) -> None:
        """Only the beginning of a PDU came, or is kept."""
        data = step.line.data
        if step.line.by_requestor:
            self._cut_short = f"{part_name(data)} is not whole ({part_size(data)})"
        else:
            self.outcome.unfinished = data

    def _given_up(self, step: Step, how: str) -> None:
        """The requestor waited no longer."""
        request, ms = self._open, step.line.ms
        asked = self._asked if request is None else request.ms
        waited = None if ms is None or asked is None else _since(asked, ms)
        if not self._unanswered:
            self._fail(NotWhole(f"the requestor {how}, and its {self._cut_short}"))
        elif self._timed_out:
            seconds = round(waited or 0.0, 3)
            self._fail(AssociationTimeout(f"then the requestor {how}", seconds, self._answer()))
        else:
            when = "" if waited is None else f", {waited:.3f} s after it"
            self._fail(GivenUp(f"the requestor {how} {self._without_answer()}{when}"))

    def _ended(self, error: AssociationError) -> None:
        """The acceptor ended it, perhaps before there was anything that it could answer."""
        if self._cut_short and not self._unanswered:
            error = NotWhole(f"{error}, and {_WHOSE}{self._cut_short}")
        self._fail(error)

    # What is sent

    def _pdu(self, step: Step) -> None:
        by_requestor = step.line.by_requestor
        if self._phase is Phase.UNSEEN and not self._cut_short:
            phase = joined(step.pdu, by_requestor)
            if phase is not None:
                self._phase, self._all_seen = phase, False
        if by_requestor:
            name = message_name(step.begun)
            self._cut_short = f"{name} is not whole" if step.mid_message else ""
        else:
            self.outcome.unfinished = b""
            self._answer_begun = step.mid_message
        violation = self._violation(step)
        if violation is not None and by_requestor:
            what = violation.protocol or violation.message
            self._fail(RequestorFault(f"what the requestor sent is wrong: {what}"))
        elif violation is not None:
            self._fail(violation)
        elif by_requestor:
            self._requestor(step)
        else:
            self._acceptor(step)

    def _violation(self, step: Step) -> ProtocolViolation | None:
        """What is wrong with a PDU by itself, or with its coming here."""
        pdu, problem = step.pdu, step.problem
        if problem is not None:
            # It may be of a message whose beginning was not seen.
            of_before = isinstance(pdu, PDataTF) and not self._all_seen
            return None if of_before else problem
        if pdu is not None and not may_send(pdu, step.line.by_requestor, self._phase):
            return ProtocolViolation(f"{pdu.NAME} is not expected here", reasons.UNEXPECTED_PDU)
        begun = () if step.begun is None else (step.begun,)
        for command in (*(message.command for message in step.messages), *begun):
            if wrong := malformed(command):
                return ProtocolViolation(wrong)
        return None

    def _requestor(self, step: Step) -> None:
        pdu = step.pdu
        if isinstance(pdu, Abort):
            self._requestor_aborts(step, pdu)
            return
        self._asked = step.line.ms
        if isinstance(pdu, AssociateRQ):
            self._asks_for_association(pdu)
            self._began, self._phase = step.line.ms, Phase.REQUESTED
        elif isinstance(pdu, ReleaseRQ):
            self._phase = Phase.RELEASING
        elif isinstance(pdu, ReleaseRP) and self._phase is Phase.PEER_RELEASING:
            self._phase = Phase.OVER  # else both asked for the release, and the peer answers too
        for message in step.messages:
            if message.command["CommandField"] & RESPONSE:
                self._note_status(message.command)
            else:
                self._request(step, message.command, message.context_id)
        if step.begun is not None:
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

    def _request(self, step: Step, command: CommandSet, context_id: int | None) -> None:
        """A request, or what is there of it.

        :param context_id: None while its data set is not whole
        """
        latest = self._latest
        if not is_request(command):
            return
        if latest is not None and latest.command is command:  # which may be answered already
            latest.context_id = context_id
            return
        message_id = command["MessageID"]
        if message_id in self._requests:
            what = f"{message_name(command)}, while another message {message_id} is outstanding"
            self._fail(RequestorFault(f"what the requestor sent is wrong: {what}"))
            return
        echo = None
        if command["CommandField"] == C_ECHO_RQ:
            echo = Echo(len(self.outcome.echoes) + 1, message_id)
            self.outcome.echoes.append(echo)
        else:
            self._other_requests = True
        request = Request(command, step.line.ms, context_id, echo)
        self._latest = self._requests[message_id] = request

    def _requestor_aborts(self, step: Step, pdu: Abort) -> None:
        idle = not (self.outcome.echoes or self._other_requests)
        if pdu.source == reasons.ABORT_BY_PROVIDER and pdu.reason in _FAULTS:
            said = reasons.words(reasons.ABORT_REASON, pdu.reason)
            self._fail(ProtocolViolation(f"the requestor's A-ABORT says so: {said}"))
        elif self._unanswered or self._cut_short:
            self._given_up(step, "aborted")
        elif self._associated and self._all_seen and idle:
            self._fail(GivenUp("the requestor aborted, and had asked for nothing"))
        self._phase = Phase.OVER

    def _acceptor(self, step: Step) -> None:
        pdu = step.pdu
        if isinstance(pdu, AssociateAC):
            self._accepted(step, pdu)
        elif isinstance(pdu, AssociateRJ):
            self._fail(AssociationRejected(pdu.result, pdu.source, pdu.reason))
        elif isinstance(pdu, Abort):
            pending = self._open is not None and self._open.pending
            detail = self._without_answer() if pending else ""
            self._ended(AssociationAborted(pdu.source, pdu.reason, "peer", detail))
        elif isinstance(pdu, ReleaseRQ) and self._phase is Phase.ASSOCIATED:
            if self._unanswered or self._cut_short:
                self._ended(AssociationReleased("peer"))
            else:
                self._phase = Phase.PEER_RELEASING
        elif isinstance(pdu, ReleaseRP):
            if self._open is not None or self._cut_short:
                self._given_up(step, "released the association")
            self._phase = Phase.OVER
        for message in step.messages:
            self._response(step, message)

    def _accepted(self, step: Step, pdu: AssociateAC) -> None:
        self._phase, self._last = Phase.ASSOCIATED, "the A-ASSOCIATE-AC"
        if step.line.ms is not None:
            self.outcome.seconds["associate"] = _since(self._began, step.line.ms)
        if not exchange.accepted(pdu):
            refused = [
                (self._contexts.get(context.context_id, "?"), context.result)
                for context in pdu.presentation_contexts
            ]
            self._fail(NoAcceptedContext(None, refused))

    def _response(self, step: Step, message: Message) -> None:
        command = message.command
        field, message_id = command["CommandField"], command.get("MessageIDBeingRespondedTo", -1)
        if not field & RESPONSE or self._phase is Phase.OVER:
            return
        if field == _C_ECHO_RSP:
            self.outcome.last_response = command
        request = self._requests.get(message_id)
        wrong = mismatch(command, message.context_id, request, self._all_seen)
        if wrong:
            self._fail(ProtocolViolation(f"{command_name(field)} {wrong}"))
            return
        if request is not None:
            self._last = f"the {message_name(command)}"
            # Of an echo each response is final (PS3.7 9.3.5).
            if request.echo is None and code_to_category(command["Status"]) == STATUS_PENDING:
                request.pending += 1
                return
            del self._requests[message_id]
        if request is not None and request.echo is not None:
            request.echo.status = command["Status"]
            request.echo.error_comment = command.get("ErrorComment")
            request.echo.seconds = _since(request.ms, step.line.ms)
        else:
            self._note_status(command)

    def _note_status(self, command: CommandSet) -> None:
        """A response to anything but an echo of the requestor's, if it is not of success."""
        status, field = command.get("Status"), command["CommandField"] & ~RESPONSE
        if status is None or code_to_category(status) in (STATUS_SUCCESS, STATUS_PENDING):
            return
        to = f"{command_name(field)} message {command.get('MessageIDBeingRespondedTo')}"
        self.outcome.responses.append(Response(to, status, command.get("ErrorComment"), field))


def _since(began: float | None, ended: float | None) -> float:
    return 0.0 if began is None or ended is None else max(0.0, (ended - began) / 1000)
