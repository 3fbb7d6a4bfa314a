"""The state machine of the DICOM Upper Layer, as PS3.8 9.2 prints it.

Data only, and the one place where it is written down: the states (Tables 9-1 to 9-5), the events
and transitions (Table 9-10) and the actions (Tables 9-6 to 9-9). ``machine.py`` sets it to work.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import NamedTuple


class State(IntEnum):
    """Tables 9-1 to 9-5."""

    IDLE = 1
    AWAITING_ASSOCIATE_RQ = 2
    AWAITING_LOCAL_ASSOCIATE_RESPONSE = 3
    AWAITING_TRANSPORT_OPEN = 4
    AWAITING_ASSOCIATE_AC_OR_RJ = 5
    ESTABLISHED = 6
    AWAITING_RELEASE_RP = 7
    AWAITING_LOCAL_RELEASE_RESPONSE = 8
    COLLISION_REQUESTOR_AWAITING_LOCAL_RESPONSE = 9
    COLLISION_ACCEPTOR_AWAITING_RELEASE_RP = 10
    COLLISION_REQUESTOR_AWAITING_RELEASE_RP = 11
    COLLISION_ACCEPTOR_AWAITING_LOCAL_RESPONSE = 12
    AWAITING_TRANSPORT_CLOSE = 13


class Event(IntEnum):
    """The rows of Table 9-10; a primitive is the local user's, a PDU the peer's."""

    ASSOCIATE_REQUEST = 1
    TRANSPORT_CONFIRMED = 2
    ASSOCIATE_AC_PDU = 3
    ASSOCIATE_RJ_PDU = 4
    TRANSPORT_INDICATED = 5
    ASSOCIATE_RQ_PDU = 6
    ASSOCIATE_ACCEPT = 7
    ASSOCIATE_REJECT = 8
    P_DATA_REQUEST = 9
    P_DATA_TF_PDU = 10
    RELEASE_REQUEST = 11
    RELEASE_RQ_PDU = 12
    RELEASE_RP_PDU = 13
    RELEASE_RESPONSE = 14
    ABORT_REQUEST = 15
    ABORT_PDU = 16
    TRANSPORT_CLOSED = 17
    ARTIM_EXPIRED = 18
    INVALID_PDU = 19


class Effect(IntEnum):
    """What the actions of Tables 9-6 to 9-9 are made of."""

    CONNECT = 1  # issue TRANSPORT CONNECT; the request waits for it
    SEND = 2  # send the PDU of the local user's primitive
    SEND_KEPT = 3  # send the request that waited for the connection
    REJECT = 4  # send A-ASSOCIATE-RJ as the service-provider
    ABORT_AS_USER = 5  # send A-ABORT with service-user source
    ABORT_AS_PROVIDER = 6  # send A-ABORT with service-provider source
    INDICATE = 7  # issue the indication or confirmation that the peer's PDU is
    INDICATE_PROVIDER_ABORT = 8  # issue A-P-ABORT
    START_ARTIM = 9
    STOP_ARTIM = 10
    CLOSE = 11  # close the transport connection


class Action(NamedTuple):
    """An action: its effects, in order, and the state it leads to."""

    name: str
    effects: tuple[Effect, ...]
    next_state: State


class Choice(NamedTuple):
    """An action that the standard lets depend on ``condition``."""

    name: str
    condition: str
    then: Action
    otherwise: Action


def _rows(*rows: tuple[str, tuple[Effect, ...], int]) -> dict[str, Action]:
    return {name: Action(name, effects, State(number)) for name, effects, number in rows}


_E = Effect

# Table 9-6. Association Establishment Related Actions
_ESTABLISHMENT = _rows(
    ("AE-1", (_E.CONNECT,), 4),
    ("AE-2", (_E.SEND_KEPT,), 5),
    ("AE-3", (_E.INDICATE,), 6),
    ("AE-4", (_E.INDICATE, _E.CLOSE), 1),
    ("AE-5", (_E.START_ARTIM,), 2),
    ("AE-7", (_E.SEND,), 6),
    ("AE-8", (_E.SEND, _E.START_ARTIM), 13),
)
_AE_6 = Choice(
    "AE-6",
    "acceptable",
    Action("AE-6", (_E.STOP_ARTIM, _E.INDICATE), State(3)),
    Action("AE-6", (_E.STOP_ARTIM, _E.REJECT, _E.START_ARTIM), State(13)),
)

# Table 9-7. Data Transfer Related Actions
_DATA_TRANSFER = _rows(
    ("DT-1", (_E.SEND,), 6),
    ("DT-2", (_E.INDICATE,), 6),
)

# Table 9-8. Association Release Related Actions
_RELEASE = _rows(
    ("AR-1", (_E.SEND,), 7),
    ("AR-2", (_E.INDICATE,), 8),
    ("AR-3", (_E.INDICATE, _E.CLOSE), 1),
    ("AR-4", (_E.SEND, _E.START_ARTIM), 13),
    ("AR-5", (_E.STOP_ARTIM,), 1),
    ("AR-6", (_E.INDICATE,), 7),
    ("AR-7", (_E.SEND,), 8),
    ("AR-9", (_E.SEND,), 11),
    ("AR-10", (_E.INDICATE,), 12),
)
_AR_8 = Choice(
    "AR-8",
    "requestor",
    Action("AR-8", (_E.INDICATE,), State(9)),
    Action("AR-8", (_E.INDICATE,), State(10)),
)

# Table 9-9. Association Abort Related Actions
_ABORT = _rows(
    ("AA-1", (_E.ABORT_AS_USER, _E.START_ARTIM), 13),
    ("AA-2", (_E.STOP_ARTIM, _E.CLOSE), 1),
    ("AA-3", (_E.INDICATE, _E.CLOSE), 1),
    ("AA-4", (_E.INDICATE_PROVIDER_ABORT,), 1),
    ("AA-5", (_E.STOP_ARTIM,), 1),
    ("AA-6", (), 13),
    ("AA-7", (_E.ABORT_AS_PROVIDER,), 13),
    ("AA-8", (_E.ABORT_AS_PROVIDER, _E.INDICATE_PROVIDER_ABORT, _E.START_ARTIM), 13),
)

ACTIONS: Mapping[str, Action | Choice] = {
    **_ESTABLISHMENT,
    **_DATA_TRANSFER,
    **_RELEASE,
    **_ABORT,
    "AE-6": _AE_6,
    "AR-8": _AR_8,
}

# Table 9-10. DICOM Upper Layer Protocol State Transition Table: the action for an event in a
# state; the state that follows is the action's own. A hyphen is a pair that cannot occur.
TABLE_9_10 = """
        Sta1  Sta2  Sta3  Sta4  Sta5  Sta6  Sta7  Sta8  Sta9  Sta10 Sta11 Sta12 Sta13
Evt1    AE-1  -     -     -     -     -     -     -     -     -     -     -     -
Evt2    -     -     -     AE-2  -     -     -     -     -     -     -     -     -
Evt3    -     AA-1  AA-8  -     AE-3  AA-8  AA-8  AA-8  AA-8  AA-8  AA-8  AA-8  AA-6
Evt4    -     AA-1  AA-8  -     AE-4  AA-8  AA-8  AA-8  AA-8  AA-8  AA-8  AA-8  AA-6
Evt5    AE-5  -     -     -     -     -     -     -     -     -     -     -     -
Evt6    -     AE-6  AA-8  -     AA-8  AA-8  AA-8  AA-8  AA-8  AA-8  AA-8  AA-8  AA-7
Evt7    -     -     AE-7  -     -     -     -     -     -     -     -     -     -
Evt8    -     -     AE-8  -     -     -     -     -     -     -     -     -     -
Evt9    -     -     -     -     -     DT-1  -     AR-7  -     -     -     -     -
Evt10   -     AA-1  AA-8  -     AA-8  DT-2  AR-6  AA-8  AA-8  AA-8  AA-8  AA-8  AA-6
Evt11   -     -     -     -     -     AR-1  -     -     -     -     -     -     -
Evt12   -     AA-1  AA-8  -     AA-8  AR-2  AR-8  AA-8  AA-8  AA-8  AA-8  AA-8  AA-6
Evt13   -     AA-1  AA-8  -     AA-8  AA-8  AR-3  AA-8  AA-8  AR-10 AR-3  AA-8  AA-6
Evt14   -     -     -     -     -     -     -     AR-4  AR-9  -     -     AR-4  -
Evt15   -     -     AA-1  AA-2  AA-1  AA-1  AA-1  AA-1  AA-1  AA-1  AA-1  AA-1  -
Evt16   -     AA-2  AA-3  -     AA-3  AA-3  AA-3  AA-3  AA-3  AA-3  AA-3  AA-3  AA-2
Evt17   -     AA-5  AA-4  AA-4  AA-4  AA-4  AA-4  AA-4  AA-4  AA-4  AA-4  AA-4  AR-5
Evt18   -     AA-2  -     -     -     -     -     -     -     -     -     -     AA-2
Evt19   -     AA-1  AA-8  -     AA-8  AA-8  AA-8  AA-8  AA-8  AA-8  AA-8  AA-8  AA-7
"""


def _parse(text: str) -> tuple[tuple[Action | Choice | None, ...], ...]:
    """``TRANSITIONS[event][state]``; row and column 0 are empty, as the standard counts from 1."""
    header, *rows = [line.split() for line in text.strip().splitlines()]
    if header != [f"Sta{state.value}" for state in State]:
        raise ValueError("Table 9-10 does not have its 13 states")
    if [row[0] for row in rows] != [f"Evt{event.value}" for event in Event]:
        raise ValueError("Table 9-10 does not have its 19 events")
    empty: tuple[Action | Choice | None, ...] = (None,) * (len(State) + 1)
    parsed = [empty]
    for _, *cells in rows:
        if len(cells) != len(State):
            raise ValueError("Table 9-10 has a row that is not 13 cells long")
        parsed.append((None, *[None if cell == "-" else ACTIONS[cell] for cell in cells]))
    return tuple(parsed)


TRANSITIONS = _parse(TABLE_9_10)
