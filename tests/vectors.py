"""Bytes written by hand from the standard, each with its section and the value that it is.

And the ways to an upper layer in each of its thirteen states, for bytes to be fed to.
"""

from __future__ import annotations

from typing import NamedTuple

from txdicom.upperlayer.items import PresentationContextAC, PresentationContextRQ
from txdicom.upperlayer.machine import UpperLayer
from txdicom.upperlayer.pdu import (
    PDU,
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


class Vector(NamedTuple):
    """Bytes and what they are; ``section`` is where the standard lays them out."""

    section: str
    data: bytes
    value: object


# The items and sub-items, with their headers

ITEMS = (
    Vector(
        "PS3.8 9.3.2.2, Tables 9-13 to 9-15",
        b"\x20\x00\x00\x2e"  # item type, reserved, length 46
        b"\x01\x00\x00\x00"  # context ID, three reserved bytes
        b"\x30\x00\x00\x11"  # abstract syntax sub-item, 17 bytes
        b"1.2.840.10008.1.1"
        b"\x40\x00\x00\x11"  # transfer syntax sub-item, 17 bytes
        b"1.2.840.10008.1.2",
        PresentationContextRQ(1, "1.2.840.10008.1.1", ("1.2.840.10008.1.2",)),
    ),
    Vector(
        "PS3.8 9.3.2.2, two transfer syntaxes",
        b"\x20\x00\x00\x1b\xff\x00\x00\x00"
        b"\x30\x00\x00\x031.2"
        b"\x40\x00\x00\x031.3"
        b"\x40\x00\x00\x051.4.5",
        PresentationContextRQ(255, "1.2", ("1.3", "1.4.5")),
    ),
    Vector(
        "PS3.8 9.3.3.2, Tables 9-18 and 9-19",
        b"\x21\x00\x00\x19"  # length 25
        b"\x01\x00\x00\x00"  # context ID, reserved, result acceptance, reserved
        b"\x40\x00\x00\x11"
        b"1.2.840.10008.1.2",
        PresentationContextAC(1, 0, "1.2.840.10008.1.2"),
    ),
    Vector(
        "PS3.8 9.3.3.2, refused: abstract-syntax-not-supported",
        b"\x21\x00\x00\x0b\x03\x00\x03\x00\x40\x00\x00\x031.2",
        PresentationContextAC(3, 3, "1.2"),
    ),
    Vector(
        "PS3.8 D.1.1, Table D.1-1",
        b"\x51\x00\x00\x04\x00\x00\x40\x00",
        MaximumLength(16384),
    ),
    Vector(
        "PS3.7 D.3.3.2.1, Table D.3-1",
        b"\x52\x00\x00\x0b1.2.3.40.50",
        ImplementationClassUID("1.2.3.40.50"),
    ),
    Vector(
        "PS3.7 D.3.3.2.3, Table D.3-3",
        b"\x55\x00\x00\x06TEST_1",
        ImplementationVersionName("TEST_1"),
    ),
    Vector(
        "PS3.7 D.3.3.3.1, Table D.3-7",
        b"\x53\x00\x00\x04\x00\x05\x00\x01",
        AsynchronousOperationsWindow(5, 1),
    ),
    Vector(
        "PS3.7 D.3.3.4.1, Table D.3-9",
        b"\x54\x00\x00\x15"  # length 21
        b"\x00\x11"  # UID length 17
        b"1.2.840.10008.1.1"
        b"\x00\x01",  # no SCU role, SCP role
        RoleSelection("1.2.840.10008.1.1", 0, 1),
    ),
    Vector(
        "PS3.7 D.3.3.5.1, Table D.3-11",
        b"\x56\x00\x00\x08\x00\x031.2\x01\x00\x02",
        SOPClassExtendedNegotiation("1.2", b"\x01\x00\x02"),
    ),
    Vector(
        "PS3.7 D.3.3.6.1, Table D.3-12",
        b"\x57\x00\x00\x18"  # sub-item type, version 0, length 24
        b"\x00\x031.2"  # SOP class
        b"\x00\x051.3.4"  # service class
        b"\x00\x0a"  # the related general SOP classes have 10 bytes together
        b"\x00\x031.5"
        b"\x00\x031.6",
        SOPClassCommonExtendedNegotiation("1.2", "1.3.4", ("1.5", "1.6")),
    ),
    Vector(
        "PS3.7 D.3.3.7.1, Table D.3-14",
        b"\x58\x00\x00\x0f"  # length 15
        b"\x02\x01"  # user name and passcode, positive response requested
        b"\x00\x04jane"
        b"\x00\x05p4ss!",
        UserIdentityRQ(2, b"jane", b"p4ss!", True),
    ),
    Vector(
        "PS3.7 D.3.3.7.2, Table D.3-15",
        b"\x59\x00\x00\x06\x00\x04\x01\x02\x03\x04",
        UserIdentityAC(b"\x01\x02\x03\x04"),
    ),
)

_TITLES = b"CALLED          CALLING         " + bytes(32)
_APPLICATION_CONTEXT = b"\x10\x00\x00\x151.2.840.10008.3.1.1.1"

# The PDUs

PDUS = (
    Vector(
        "PS3.8 9.3.2, Table 9-11",
        b"\x01\x00\x00\x00\x00\xaa"  # PDU type, reserved, length 170
        b"\x00\x01\x00\x00"  # protocol version, reserved
        + _TITLES
        + _APPLICATION_CONTEXT
        + ITEMS[0].data
        + b"\x50\x00\x00\x17"  # user information, 23 bytes
        + b"\x51\x00\x00\x04\x00\x00\x3f\xfe"
        + b"\x52\x00\x00\x0b1.2.3.40.50",
        AssociateRQ(
            "CALLED",
            "CALLING",
            (PresentationContextRQ(1, "1.2.840.10008.1.1", ("1.2.840.10008.1.2",)),),
            (MaximumLength(16382), ImplementationClassUID("1.2.3.40.50")),
        ),
    ),
    Vector(
        "PS3.8 9.3.3, Table 9-17",
        b"\x02\x00\x00\x00\x00\x86"  # length 134
        b"\x00\x01\x00\x00"
        + _TITLES
        + _APPLICATION_CONTEXT
        + ITEMS[2].data
        + b"\x50\x00\x00\x08"
        + b"\x51\x00\x00\x04\x00\x00\x00\x00",
        AssociateAC(
            "CALLED",
            "CALLING",
            (PresentationContextAC(1, 0, "1.2.840.10008.1.2"),),
            (MaximumLength(0),),
        ),
    ),
    Vector(
        "PS3.8 9.3.4, Table 9-21",
        b"\x03\x00\x00\x00\x00\x04\x00\x01\x01\x07",
        AssociateRJ(1, 1, 7),
    ),
    Vector(
        "PS3.8 9.3.5, Tables 9-22 and 9-23",
        b"\x04\x00\x00\x00\x00\x0a"  # length 10
        b"\x00\x00\x00\x06"  # PDV length 6
        b"\x01\x03"  # context ID, message control header: command, last
        b"\x00\x01\x02\x03",
        PDataTF((PresentationDataValue(1, True, True, b"\x00\x01\x02\x03"),)),
    ),
    Vector(
        "PS3.8 9.3.5 and E.2, the four message control headers",
        b"\x04\x00\x00\x00\x00\x1c"
        b"\x00\x00\x00\x04\x01\x00ab"
        b"\x00\x00\x00\x04\x03\x01cd"
        b"\x00\x00\x00\x02\x05\x02"
        b"\x00\x00\x00\x02\xff\x03",
        PDataTF(
            (
                PresentationDataValue(1, False, False, b"ab"),
                PresentationDataValue(3, True, False, b"cd"),
                PresentationDataValue(5, False, True, b""),
                PresentationDataValue(255, True, True, b""),
            )
        ),
    ),
    Vector("PS3.8 9.3.6, Table 9-24", b"\x05\x00\x00\x00\x00\x04\x00\x00\x00\x00", ReleaseRQ()),
    Vector("PS3.8 9.3.7, Table 9-25", b"\x06\x00\x00\x00\x00\x04\x00\x00\x00\x00", ReleaseRP()),
    Vector("PS3.8 9.3.8, Table 9-26", b"\x07\x00\x00\x00\x00\x04\x00\x00\x02\x06", Abort(2, 6)),
)

#: One PDU of each type, by the standard's number for it.
SAMPLES = {vector.data[0]: vector for vector in PDUS}

_RQ, _AC, _RJ, _P_DATA, _RELEASE_RQ, _RELEASE_RP, _ABORT = (SAMPLES[n] for n in range(1, 8))

# How to come to each state: the role, and what happens on the way, "connected" for the transport
# connection, a PDU for a local request, bytes for what the peer sends.
_WAYS: dict[int, tuple[bool, tuple[object, ...]]] = {
    1: (True, ()),
    2: (False, ("connected",)),
    3: (False, ("connected", _RQ.data)),
    4: (True, (_RQ.value,)),
    5: (True, (_RQ.value, "connected")),
    6: (True, (_RQ.value, "connected", _AC.data)),
    7: (True, (_RQ.value, "connected", _AC.data, ReleaseRQ())),
    8: (True, (_RQ.value, "connected", _AC.data, _RELEASE_RQ.data)),
    9: (True, (_RQ.value, "connected", _AC.data, ReleaseRQ(), _RELEASE_RQ.data)),
    10: (False, ("connected", _RQ.data, _AC.value, ReleaseRQ(), _RELEASE_RQ.data)),
    11: (True, (_RQ.value, "connected", _AC.data, ReleaseRQ(), _RELEASE_RQ.data, ReleaseRP())),
    12: (
        False,
        ("connected", _RQ.data, _AC.value, ReleaseRQ(), _RELEASE_RQ.data, _RELEASE_RP.data),
    ),
    13: (True, (_RQ.value, "connected", _AC.data, _RELEASE_RQ.data, ReleaseRP())),
}

#: The states in which there is a transport connection to receive from.
CONNECTED = (2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13)

# Where each type of PDU is expected, so that it is indicated.
EXPECTED_IN = {1: 2, 2: 5, 3: 5, 4: 6, 5: 6, 6: 7, 7: 6}


def go(layer: UpperLayer, steps: tuple[object, ...]) -> UpperLayer:
    """Take the upper layer these steps on, and what it wrote on the way off it."""
    for step in steps:
        if isinstance(step, bytes):
            layer.receive_data(step)
            layer.next_event()
        elif step == "connected":
            layer.transport_connected()
        else:
            layer.send(step)
    layer.data_to_send()
    return layer


def layer_in(state: int) -> UpperLayer:
    """An upper layer that has come to this state by what happens on associations."""
    requestor, steps = _WAYS[state]
    layer = go(UpperLayer(requestor), steps)
    assert layer.state == state, layer.state
    return layer


def acceptor_in_sta_7() -> UpperLayer:
    """An acceptor that asked for the release: the other side of AR-8's choice."""
    return go(UpperLayer(False), ("connected", _RQ.data, _AC.value, ReleaseRQ()))


def pulled(layer: UpperLayer) -> list[PDU]:
    """All that the upper layer has to indicate now."""
    return list(iter(layer.next_event, None))
