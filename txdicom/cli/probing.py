"""The questions of ``--probe``: one association each, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import deferLater

from txdicom.cli import probe_answers
from txdicom.cli.outcome import Outcome
from txdicom.cli.probe_answers import (
    GROUPS,
    MAXIMUM_LENGTHS,
    NOT_ASKED,
    TLS_VERSIONS,
    TRANSFER_SYNTAXES,
    UNKNOWN_TITLE,
    UNKNOWN_USER,
    WINDOWS,
    Answer,
    Answers,
    not_known,
    seen,
)
from txdicom.cli.settings import Settings
from txdicom.cli.target import Target
from txdicom.cli.verify import Verification
from txdicom.errors import AssociationTimeout, ConnectionFailed
from txdicom.presentation import MAXIMUM_CONTEXTS, PresentationContext, build_context, build_role
from txdicom.tls import TLSSettings
from txdicom.uids import IMPLEMENTATION_CLASS_UID, VERIFICATION
from txdicom.upperlayer import reasons
from txdicom.upperlayer.items import PresentationContextAC
from txdicom.upperlayer.user_information import (
    AsynchronousOperationsWindow,
    MaximumLength,
    RoleSelection,
    UserIdentityAC,
    UserIdentityRQ,
    UserInformation,
    the,
)

#: Seconds from the end of one connection to the next one.
PAUSE = 0.1

#: After so many questions in a row that got no answer, nothing further is asked.
PATIENCE = 2

# A UID that is no SOP class.
_UNKNOWN_SOP_CLASS = IMPLEMENTATION_CLASS_UID


class _Stopped(Exception):
    """Nothing further is asked; the text says why."""


class Probe:
    """One probe of one target.

    :ivar answers: those so far; at the end of a group those of the whole group
    :ivar stopped: why not everything was asked, or nothing
    :ivar interrupted: whether it was cancelled before its end
    :ivar baseline: what came of the first association, as it would be without a probe
    :ivar associations: how many were asked for
    :ivar handshakes: how many connections were made for TLS handshakes alone

    :param settings: for one echo, which is released
    :param on_group: called with the name of each group when its questions are done with
    """

    def __init__(
        self,
        reactor: Any,
        target: Target,
        settings: Settings,
        on_group: Callable[[str], None] = lambda group: None,
    ) -> None:
        self.answers: Answers = {name: {} for name in GROUPS if name != "tls" or settings.tls}
        self.baseline = Outcome(
            target, target.ae_title or settings.called_ae_title, settings.calling_ae_title
        )
        self.stopped = ""
        self.interrupted = False
        self.associations = 0
        self.handshakes = 0
        self._reactor = reactor
        self._target = target
        self._settings = settings
        self._on_group = on_group
        self._silent = 0
        self._closed: Deferred[None] = succeed(None)

    def run(self) -> Deferred[None]:
        """Ask everything. To cancel it ends with the answers that there are."""
        return Deferred.fromCoroutine(self._run())

    async def _run(self) -> None:
        for name in self.answers:
            try:
                if not self.stopped:
                    await getattr(self, f"_{name}")(self.answers[name])
            except _Stopped as reason:
                self.stopped = str(reason)
            except CancelledError:
                self.interrupted = True
                self.stopped = "interrupted"
            self._complete(name)
            self._on_group(name)

    def _complete(self, name: str) -> None:
        """Give every question of a group an answer, in their order."""
        why = NOT_ASKED + self.stopped if self.stopped else "nothing was seen of it"
        given = self.answers[name]
        self.answers[name] = {
            question: given.get(question) or not_known(why) for question in GROUPS[name].questions
        }

    async def _ask(self, target: Target | None = None, **changes: Any) -> Outcome:
        """One association with one C-ECHO, that differs from the first by these settings.

        :raise _Stopped: there is no sense in asking any more
        """
        await self._before_asking()
        self.associations += 1
        settings = replace(self._settings, **changes)
        verification = Verification(self._reactor, target or self._target, settings)
        self._closed = verification.closed
        outcome = await verification.run()
        self._look_at(outcome)
        if verification.interrupted:
            raise CancelledError
        return outcome

    async def _before_asking(self) -> None:
        if self._silent >= PATIENCE:
            raise _Stopped(f"{PATIENCE} questions in a row were not answered")
        await self._closed  # never two connections at once
        if self.associations:
            await deferLater(self._reactor, PAUSE, lambda: None)

    def _look_at(self, outcome: Outcome) -> None:
        error = outcome.error
        if self.associations == 1:
            self.baseline = outcome
        elif getattr(error, "stage", "") in ("resolve", "connect"):
            raise _Stopped(f"no connection any more: {error}")
        self._silent = self._silent + 1 if isinstance(error, AssociationTimeout) else 0

    # The groups, a method each, by their names in GROUPS

    async def _verification(self, answers: dict[str, Answer]) -> None:
        try:
            outcome = await self._ask()
        except CancelledError:
            if self.baseline.answered:  # it was interrupted only after that
                self._echoed(answers, self.baseline)
            raise
        self._echoed(answers, outcome)
        if outcome.error is not None:
            raise _Stopped("the first association failed")
        if outcome.release_error is None:
            answers["release"] = Answer("answered")
        else:
            answers["release"] = probe_answers.failure(outcome.release_error)
            # It would be waited for in vain after every further question.
            self._settings = replace(self._settings, abort=True)

    def _echoed(self, answers: dict[str, Answer], outcome: Outcome) -> None:
        answers["association"] = probe_answers.association(outcome)
        if outcome.acceptor is not None:
            answers["echo"] = probe_answers.echo(outcome)
            self._said_of_itself(answers, outcome)

    def _said_of_itself(self, answers: dict[str, Answer], outcome: Outcome) -> None:
        acceptor = outcome.acceptor
        length = _item(MaximumLength, outcome)
        answers["maximum_length"] = Answer(length.maximum_length if length else "not given")
        if acceptor is not None:
            answers["implementation_class_uid"] = Answer(
                acceptor.implementation_class_uid or "not given"
            )
            answers["implementation_version_name"] = Answer(
                acceptor.implementation_version_name or "not given"
            )
        if outcome.context is not None:
            answers["transfer_syntax"] = Answer(outcome.context.transfer_syntax[0])

    async def _transfer_syntaxes(self, answers: dict[str, Answer]) -> None:
        syntaxes = list(TRANSFER_SYNTAXES)
        outcome = await self._ask(contexts=tuple(_proposing(uid) for uid in syntaxes))
        for uid, context in zip(syntaxes, _answered(outcome, len(syntaxes)), strict=True):
            answers[uid] = _context_answer(outcome, context, uid)
        for question, order in (("chosen", syntaxes), ("chosen_in_reverse", syntaxes[::-1])):
            outcome = await self._ask(contexts=(_proposing(*order),))
            (context,) = _answered(outcome, 1)
            answers[question] = _chosen(outcome, context)

    async def _contexts(self, answers: dict[str, Answer]) -> None:
        outcome = await self._ask(contexts=(_proposing(),) * MAXIMUM_CONTEXTS)
        if outcome.acceptor is None:
            answers["accepted_of_128"] = seen(outcome)
        else:
            accepted = sum(
                context is not None and context.result == reasons.ACCEPTANCE
                for context in _answered(outcome, MAXIMUM_CONTEXTS)
            )
            answers["accepted_of_128"] = Answer(accepted)
        answers["most"] = await self._most(outcome)
        unknown = build_context(_UNKNOWN_SOP_CLASS)
        outcome = await self._ask(contexts=(*self._settings.contexts, unknown))
        *_, context = _answered(outcome, len(self._settings.contexts) + 1)
        answers["unknown_sop_class"] = _context_answer(outcome, context)

    async def _most(self, outcome: Outcome) -> Answer:
        """The greatest number of contexts with which a request is accepted, by bisection."""
        good, bad = len(self._settings.contexts), MAXIMUM_CONTEXTS
        if outcome.acceptor is not None:
            return Answer(bad)
        while bad - good > 1:
            middle = (good + bad) // 2
            outcome = await self._ask(contexts=(_proposing(),) * middle)
            if outcome.acceptor is not None:
                good = middle
            elif isinstance(outcome.error, AssociationTimeout):
                return not_known(f"with {middle}: {outcome.error}")
            else:
                bad = middle
        return Answer(good)

    async def _maximum_lengths(self, answers: dict[str, Answer]) -> None:
        for length in MAXIMUM_LENGTHS:
            limits = replace(self._settings.limits, max_pdu=length)
            answers[str(length)] = seen(await self._ask(limits=limits))

    async def _titles(self, answers: dict[str, Answer]) -> None:
        unknown = replace(self._target, ae_title=UNKNOWN_TITLE)
        answers["unknown_called"] = seen(await self._ask(unknown))
        outcome = await self._ask(calling_ae_title=UNKNOWN_TITLE)
        answers["unknown_calling"] = seen(outcome)
        called = outcome.called_ae_title
        if called.swapcase() == called:
            answers["called_in_other_case"] = not_known("the called AE title has no letters")
        else:
            other = replace(self._target, ae_title=called.swapcase())
            answers["called_in_other_case"] = seen(await self._ask(other))

    async def _identity(self, answers: dict[str, Answer]) -> None:
        ours = the(UserIdentityRQ, self._settings.extended)
        others = self._without(UserIdentityRQ)
        if ours is None:  # as the first association was
            answers["none"] = seen(self.baseline)
        else:
            answers["none"] = seen(await self._ask(extended=others))
        name = ours.primary_field if ours else UNKNOWN_USER.encode()
        by_name = UserIdentityRQ(1, name)
        answers["name"] = seen(await self._ask(extended=(*others, by_name)))
        wanted = replace(by_name, positive_response_requested=True)
        outcome = await self._ask(extended=(*others, wanted))
        said = "given" if _item(UserIdentityAC, outcome) is not None else "not given"
        answers["name_with_response"] = _and(outcome, f"response {said}")
        if ours is None or ours.user_identity_type != 2:
            answers["passcode"] = not_known("no passcode to give: see --user")
        else:
            answers["passcode"] = seen(await self._ask(extended=(*others, ours)))

    async def _window(self, answers: dict[str, Answer]) -> None:
        others = self._without(AsynchronousOperationsWindow)
        for invoked, performed in WINDOWS:
            window = AsynchronousOperationsWindow(invoked, performed)
            outcome = await self._ask(extended=(*others, window))
            given = _item(AsynchronousOperationsWindow, outcome)
            said = f"{given.invoked} invoked, {given.performed} performed" if given else "no answer"
            answers[f"{invoked}/{performed}"] = _and(outcome, said)

    async def _roles(self, answers: dict[str, Answer]) -> None:
        role = build_role(VERIFICATION, scu_role=True, scp_role=True)
        outcome = await self._ask(extended=(*self._settings.extended, role))
        given = _item(RoleSelection, outcome)
        said = f"SCU {given.scu_role}, SCP {given.scp_role}" if given else "no answer"
        answers["scu_and_scp"] = _and(outcome, said)

    async def _tls(self, answers: dict[str, Answer]) -> None:
        from txdicom.cli.probe_tls import handshake

        chosen, settings = self.baseline.tls, self._settings
        if chosen is not None:
            answers["chosen"] = Answer(f"{chosen.version}, {chosen.cipher}")
        for version in TLS_VERSIONS:
            await self._before_asking()
            self.handshakes += 1
            try:
                answers.update(
                    await handshake(
                        version,
                        self._reactor,
                        self._target,
                        settings.tls or TLSSettings(),
                        settings.timeout,
                    )
                )
                self._silent = 0
            except AssociationTimeout as error:
                answers[version] = not_known(error)
                self._silent += 1
            except ConnectionFailed as error:
                raise _Stopped(f"no connection any more: {error}") from None

    def _without(self, kind: type[Any]) -> tuple[UserInformation, ...]:
        return tuple(it for it in self._settings.extended if not isinstance(it, kind))


def _proposing(*syntaxes: str) -> PresentationContext:
    return build_context(VERIFICATION, syntaxes or None)


def _item(kind: type[Any], outcome: Outcome) -> Any:
    """The sub-item of this kind in the A-ASSOCIATE-AC, or None."""
    acceptor = outcome.acceptor
    if acceptor is None or acceptor.primitive is None:
        return None
    return the(kind, acceptor.primitive.user_information)


def _answered(outcome: Outcome, proposed: int) -> Sequence[PresentationContextAC | None]:
    """The contexts of the A-ASSOCIATE-AC in the order in which they were proposed."""
    acceptor = outcome.acceptor
    given: dict[int, Any] = {}
    if acceptor is not None and acceptor.primitive is not None:
        given = {it.context_id: it for it in acceptor.primitive.presentation_contexts}
    return [given.get(2 * index + 1) for index in range(proposed)]


def _context_answer(
    outcome: Outcome, context: PresentationContextAC | None, syntax: str | None = None
) -> Answer:
    """What became of one context, for which this transfer syntax alone was proposed."""
    if outcome.acceptor is None:
        return not_known(f"the association was not accepted: {seen(outcome).value or 'no answer'}")
    if context is None:
        return Answer("no answer")
    if context.result != reasons.ACCEPTANCE:
        words, _, _ = reasons.words(reasons.CONTEXT_RESULT, context.result).partition(" (")
        return Answer(words)
    if syntax is not None and context.transfer_syntax != syntax:
        return Answer(f"accepted with {context.transfer_syntax or 'no transfer syntax'}")
    return Answer("accepted")


def _chosen(outcome: Outcome, context: PresentationContextAC | None) -> Answer:
    """The transfer syntax that was chosen of several."""
    answer = _context_answer(outcome, context)
    if context is None or answer.value != "accepted":
        return answer
    return Answer(context.transfer_syntax or "accepted with no transfer syntax")


def _and(outcome: Outcome, said: str) -> Answer:
    """What was seen, and what the A-ASSOCIATE-AC says besides, if there was one."""
    answer = seen(outcome)
    return Answer(f"{answer.value}; {said}") if outcome.acceptor is not None else answer
