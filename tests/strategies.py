"""Hypothesis strategies for PDUs, items, sub-items, command sets and messages.

What they draw is what can come over the wire, so hostile text is part of it. Every run draws the
same examples.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st

from txdicom.dimse.command import ELEMENTS, NO_DATA_SET
from txdicom.dimse.message import Message
from txdicom.upperlayer.items import PresentationContextAC, PresentationContextRQ
from txdicom.upperlayer.pdu import (
    Abort,
    AssociateAC,
    AssociateRJ,
    AssociateRQ,
    PDataTF,
    PresentationDataValue,
    ReleaseRP,
    ReleaseRQ,
)
from txdicom.upperlayer.user_information import (
    AsynchronousOperationsWindow,
    ImplementationClassUID,
    ImplementationVersionName,
    MaximumLength,
    RoleSelection,
    SOPClassCommonExtendedNegotiation,
    SOPClassExtendedNegotiation,
    UserIdentityAC,
    UserIdentityRQ,
)

settings.register_profile("txdicom", derandomize=True, deadline=None, database=None)
settings.load_profile("txdicom")

octets = st.integers(0, 0xFF)
shorts = st.integers(0, 0xFFFF)
longs = st.integers(0, 0xFFFFFFFF)
context_ids = st.integers(0, 127).map(lambda n: 2 * n + 1)


def _latin(longest: int) -> st.SearchStrategy[str]:
    return st.text(st.characters(max_codepoint=0xFF), max_size=longest)


def _without_padding(text: str) -> str:
    return text.rstrip("\0 ")


#: What may stand where a UID should: digits and dots, or anything that is ASCII.
uids = st.one_of(
    st.text("0123456789.", min_size=1, max_size=64),
    st.text(st.characters(max_codepoint=0x7F), max_size=64).map(_without_padding),
)
titles = _latin(16).map(lambda text: text.rstrip(" "))
contents = st.binary(max_size=40)

contexts_rq = st.builds(
    PresentationContextRQ, context_ids, uids, st.lists(uids, max_size=3).map(tuple)
)
contexts_ac = st.one_of(
    st.builds(PresentationContextAC, context_ids, st.just(0), uids),
    st.builds(PresentationContextAC, context_ids, octets.filter(bool), st.none() | uids),
)

SUB_ITEMS = {
    MaximumLength: st.builds(MaximumLength, longs),
    ImplementationClassUID: st.builds(ImplementationClassUID, uids),
    AsynchronousOperationsWindow: st.builds(AsynchronousOperationsWindow, shorts, shorts),
    RoleSelection: st.builds(RoleSelection, uids, octets, octets),
    ImplementationVersionName: st.builds(ImplementationVersionName, _latin(16)),
    SOPClassExtendedNegotiation: st.builds(SOPClassExtendedNegotiation, uids, contents),
    SOPClassCommonExtendedNegotiation: st.builds(
        SOPClassCommonExtendedNegotiation, uids, uids, st.lists(uids, max_size=3).map(tuple)
    ),
    UserIdentityRQ: st.builds(UserIdentityRQ, octets, contents, contents, st.booleans()),
    UserIdentityAC: st.builds(UserIdentityAC, contents),
}

#: The variable items and sub-items, by class.
ITEMS = {PresentationContextRQ: contexts_rq, PresentationContextAC: contexts_ac, **SUB_ITEMS}

_user_information = st.lists(st.one_of(*SUB_ITEMS.values()), max_size=4).map(tuple)


def _associate(kind, contexts):
    return st.builds(
        kind,
        titles,
        titles,
        st.lists(contexts, max_size=3, unique_by=lambda context: context.context_id).map(tuple),
        _user_information,
        uids,
        shorts,
        st.binary(min_size=32, max_size=32),
    )


values = st.builds(PresentationDataValue, octets, st.booleans(), st.booleans(), contents)

#: The PDUs, by class.
PDUS = {
    AssociateRQ: _associate(AssociateRQ, contexts_rq),
    AssociateAC: _associate(AssociateAC, contexts_ac),
    AssociateRJ: st.builds(AssociateRJ, octets, octets, octets),
    PDataTF: st.builds(PDataTF, st.lists(values, min_size=1, max_size=4).map(tuple)),
    ReleaseRQ: st.builds(ReleaseRQ),
    ReleaseRP: st.builds(ReleaseRP),
    Abort: st.builds(Abort, octets, octets),
}
pdus = st.one_of(*PDUS.values())

_text = _latin(16).map(lambda text: text.strip(" \0"))
_VALUES = {
    "US": shorts,
    "UI": uids,
    "AE": _text,
    "LO": _text,
    "AT": st.lists(longs, max_size=4).map(tuple),
}

#: Every element of Table E.1-1 may be there or not, but for the group length, which is computed.
command_sets = st.fixed_dictionaries(
    {}, optional={keyword: _VALUES[vr] for keyword, vr in ELEMENTS.values() if vr != "UL"}
)


def _message(context_id: int, command: dict, data_set: bytes | None) -> Message:
    announced = NO_DATA_SET if data_set is None else 0x0001
    return Message(context_id, {**command, "CommandDataSetType": announced}, data_set)


messages = st.builds(_message, context_ids, command_sets, st.none() | st.binary(max_size=200))
