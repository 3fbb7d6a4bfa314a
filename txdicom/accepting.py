"""Accepting an association, or not: the acceptor's half of its establishment (PS3.8 7.1).

The policy decides first (:mod:`txdicom.negotiation`), then the handlers of the intervention events
about identity and extended negotiation, which may take their time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import isawaitable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from txdicom import events, negotiation
from txdicom.association import Association
from txdicom.events import EventType
from txdicom.negotiation import Policy
from txdicom.upperlayer.pdu import PDU, AssociateRJ, AssociateRQ
from txdicom.upperlayer.user_information import (
    AsynchronousOperationsWindow,
    SOPClassCommonExtendedNegotiation,
    SOPClassExtendedNegotiation,
    UserIdentityAC,
    UserIdentityRQ,
    UserInformation,
    every,
    the,
)

#: What handlers are asked about, where it is proposed.
_ASKED_FOR = frozenset(
    (
        AsynchronousOperationsWindow,
        SOPClassCommonExtendedNegotiation,
        SOPClassExtendedNegotiation,
        UserIdentityRQ,
    )
)


class _Refused(Exception):
    """A handler decided against the association."""

    def __init__(self, rejection: AssociateRJ) -> None:
        super().__init__(rejection)
        self.rejection = rejection


class Accepting:
    """Decides on one request.

    :param policy: what is accepted
    :param admitted: called with the association once the policy has nothing against it; returns
        whether there is room for it
    """

    is_requestor = False

    def __init__(self, policy: Policy, admitted: Callable[[Association], bool]) -> None:
        self._policy = policy
        self._admitted = admitted
        self._deciding: Deferred[None] | None = None

    def begin(self, association: Association) -> None:
        """Wait for the A-ASSOCIATE-RQ."""
        association.notify_connection(events.EVT_CONN_OPEN)

    def received(self, association: Association, pdu: PDU) -> None:
        """The A-ASSOCIATE-RQ."""
        assert isinstance(pdu, AssociateRQ)  # Table 9-10 indicates nothing else to an acceptor
        association.requestor = negotiation.service_user(pdu, pdu.calling_ae_title)
        association.log.titles(pdu.calling_ae_title, pdu.called_ae_title)
        association.notify(events.EVT_ACSE_RECV, primitive=pdu)
        association.notify(events.EVT_REQUESTED)
        if association.failure is not None:  # a handler rejected or aborted it
            return
        try:
            self._answer(association, pdu)
        except Exception:
            self._undecided(Failure(), association)
        finally:
            if self._deciding is None:
                _forget_request(association)

    def expired(self, association: Association) -> None:
        """The handlers take too long."""
        association.log.fault("undecided", "No decision on the association in time")
        association.reject(negotiation.TEMPORARY_CONGESTION)

    def end(self) -> None:
        """The association is over; it may never have been decided on."""
        deciding, self._deciding = self._deciding, None
        if deciding is not None:
            deciding.cancel()

    def _answer(self, association: Association, request: AssociateRQ) -> None:
        rejection = negotiation.refusal(request, self._policy)
        if rejection is None and not self._admitted(association):
            rejection = negotiation.LOCAL_LIMIT_EXCEEDED
        if rejection is not None:
            association.reject(rejection)
        elif _ASKED_FOR.isdisjoint(map(type, request.user_information)):
            self._accept(association, request)
        else:
            self._ask_handlers(association, request)

    def _ask_handlers(self, association: Association, request: AssociateRQ) -> None:
        """Ask the handlers of the intervention events."""
        deciding = Deferred.fromCoroutine(self._decide(association, request))
        deciding.addErrback(self._undecided, association)
        if not deciding.called:  # a handler takes its time
            self._deciding = deciding
            deciding.addBoth(lambda _: _forget_request(association))
            association.start_acse_timer(association.limits.acse_timeout)

    async def _decide(self, association: Association, request: AssociateRQ) -> None:
        try:
            extended = await self._extended(association, request)
        except _Refused as refused:
            self._deciding = None
            association.reject(refused.rejection)
        else:
            self._deciding = None
            self._accept(association, request, extended)

    def _accept(
        self,
        association: Association,
        request: AssociateRQ,
        extended: tuple[UserInformation, ...] = (),
    ) -> None:
        ac, contexts = negotiation.accept(request, self._policy, extended)
        association.acceptor = negotiation.service_user(ac, self._policy.entity.ae_title)
        association.send_acse(ac)
        granted = negotiation.window(request, ac)
        association.establish(
            contexts,
            association.requestor,
            # What the requestor performs is what this side may invoke.
            AsynchronousOperationsWindow(granted.performed, granted.invoked),
        )

    def _undecided(self, failure: Failure, association: Association) -> None:
        if association.failure is None:
            association.log.failure(failure, "deciding on the association failed")
            association.reject(negotiation.TEMPORARY_CONGESTION)

    async def _extended(
        self, association: Association, request: AssociateRQ
    ) -> tuple[UserInformation, ...]:
        """The answers to the extended negotiation items, in the order in which they are asked for.

        :raise _Refused: the user identity is not accepted
        """
        information = request.user_information
        answers: list[UserInformation] = []
        identity = the(UserIdentityRQ, information)
        if identity is not None:
            answers += await _identity(association, identity)
        app_info = {
            item.sop_class_uid: item.information
            for item in every(SOPClassExtendedNegotiation, information)
        }
        if app_info:
            said = await _ask(association, events.EVT_SOP_EXTENDED, {}, app_info=app_info)
            answers += [
                SOPClassExtendedNegotiation(uid, bytes(info))
                for uid, info in _mapping(said).items()
                if uid in app_info
            ]
        common = {
            item.sop_class_uid: item
            for item in every(SOPClassCommonExtendedNegotiation, information)
        }
        if common:
            # It is information for the acceptor: there is no answer to it (PS3.7 D.3.3.6).
            await _ask(association, events.EVT_SOP_COMMON, {}, items=common)
        window = the(AsynchronousOperationsWindow, information)
        if window is not None:
            said = await _ask(
                association,
                events.EVT_ASYNC_OPS,
                self._policy.maximum_operations,
                nr_invoked=window.invoked,
                nr_performed=window.performed,
            )
            answers.append(negotiation.answer_window(window, *said))
        return tuple(answers)


def _forget_request(association: Association) -> None:
    # Decoded, a request may take ten times its bytes: it is not kept for as long as the
    # association lasts.
    association.requestor.primitive = None


async def _identity(association: Association, identity: UserIdentityRQ) -> list[UserInformation]:
    """The answer to a user identity (PS3.7 D.3.3.7): none where no handler looks at it.

    :raise _Refused: the handler says no, or fails
    """
    if association.intervention(events.EVT_USER_ID) is None:
        return []
    try:
        accepted, response = await _ask(
            association,
            events.EVT_USER_ID,
            (True, None),
            user_id_type=identity.user_identity_type,
            primary_field=identity.primary_field,
            secondary_field=identity.secondary_field or None,
        )
    except CancelledError:  # the association is over
        raise
    except Exception:
        association.log.failure(Failure(), "a handler of EVT_USER_ID failed")
        accepted, response = False, None
    if not accepted:
        raise _Refused(negotiation.IDENTITY_REFUSED)
    if not identity.positive_response_requested:
        return []
    # A user name, with or without passcode, is confirmed by an empty response.
    return [
        UserIdentityAC(b"" if identity.user_identity_type in (1, 2) else bytes(response or b""))
    ]


async def _ask(association: Association, event: EventType, default: Any, **attributes: Any) -> Any:
    """What the handler of an intervention event says; the default if there is none."""
    handler = association.intervention(event)
    if handler is None:
        return default
    said = handler(**attributes)
    return await said if isawaitable(said) else said


def _mapping(said: Any) -> Mapping[str, bytes]:
    if not isinstance(said, Mapping):
        raise TypeError(f"a handler of EVT_SOP_EXTENDED returns a dict, not {said!r}")
    return said
