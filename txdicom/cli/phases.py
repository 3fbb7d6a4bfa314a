"""Which PDU may come when, for one who reads what two exchanged: Table 9-10 of PS3.8, in short."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from txdicom.upperlayer.pdu import (
    PDU,
    Abort,
    AssociateAC,
    AssociateRJ,
    AssociateRQ,
    PDataTF,
    ReleaseRP,
    ReleaseRQ,
)


class Phase(Enum):
    """How far an association is.

    ``UNSEEN``: no PDU was seen. ``RELEASING``: the requestor asked for the release, or both did.
    """

    UNSEEN = "unseen"
    REQUESTED = "requested"
    ASSOCIATED = "associated"
    RELEASING = "releasing"
    PEER_RELEASING = "peer releasing"
    OVER = "over"


_UNSEEN, _REQUESTED, _ASSOCIATED, _RELEASING, _PEER_RELEASING, _ = Phase
_ALWAYS = frozenset(Phase)

# The phases in which the requestor may send it, and those in which the acceptor may. What the two
# send at once may be seen in either order, so a release that the acceptor asks for does not keep
# the requestor from asking for one.
_MAY_SEND: Mapping[type[PDU], tuple[frozenset[Phase], frozenset[Phase]]] = {
    AssociateRQ: (frozenset({_UNSEEN}), frozenset()),
    AssociateAC: (frozenset(), frozenset({_UNSEEN, _REQUESTED})),
    AssociateRJ: (frozenset(), frozenset({_UNSEEN, _REQUESTED})),
    PDataTF: (frozenset({_ASSOCIATED, _PEER_RELEASING}), frozenset({_ASSOCIATED, _RELEASING})),
    ReleaseRQ: (frozenset({_ASSOCIATED, _PEER_RELEASING}), frozenset({_ASSOCIATED, _RELEASING})),
    ReleaseRP: (frozenset({_RELEASING, _PEER_RELEASING}), frozenset({_RELEASING})),
    Abort: (_ALWAYS, _ALWAYS),
}


def may_send(pdu: PDU, by_requestor: bool, phase: Phase) -> bool:
    """Whether a side may send this PDU in this phase."""
    requestor, acceptor = _MAY_SEND[type(pdu)]
    return phase in (requestor if by_requestor else acceptor)


def joined(pdu: PDU | None, by_requestor: bool) -> Phase | None:
    """The phase that a first PDU is of which begins no association; None if it does."""
    if isinstance(pdu, ReleaseRP):
        return _PEER_RELEASING if by_requestor else _RELEASING
    return _ASSOCIATED if isinstance(pdu, (PDataTF, ReleaseRQ, Abort)) else None
