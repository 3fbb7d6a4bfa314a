"""The UIDs that the Verification Service needs, by name (PS3.6 Annex A)."""

from __future__ import annotations

from txdicom._version import __version__

#: The one application context of DICOM, PS3.7 Annex A.2.1.
APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"

VERIFICATION = "1.2.840.10008.1.1"

IMPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2"
EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1.99"
EXPLICIT_VR_BIG_ENDIAN = "1.2.840.10008.1.2.2"

#: What a context is proposed or supported with when nothing else is said.
DEFAULT_TRANSFER_SYNTAXES = (
    IMPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
)

#: How txdicom names itself to its peers (PS3.7 D.3.3.2); a UUID-derived UID, PS3.5 B.2.
IMPLEMENTATION_CLASS_UID = "2.25.297318548493754922900799628991527415096"
IMPLEMENTATION_VERSION_NAME = f"TXDICOM_{__version__}"[:16]

NAMES = {
    APPLICATION_CONTEXT: "DICOM Application Context Name",
    VERIFICATION: "Verification SOP Class",
    IMPLICIT_VR_LITTLE_ENDIAN: "Implicit VR Little Endian",
    EXPLICIT_VR_LITTLE_ENDIAN: "Explicit VR Little Endian",
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN: "Deflated Explicit VR Little Endian",
    EXPLICIT_VR_BIG_ENDIAN: "Explicit VR Big Endian",
    IMPLEMENTATION_CLASS_UID: "txdicom",
}


def checked_uid(uid: object) -> str:
    """The UID as a str, if it is one: digits and dots, 64 characters at most (PS3.5 9.1).

    A pydicom ``UID`` is a str and passes as it is.
    """
    if not isinstance(uid, str):
        raise TypeError(f"a UID is a str, not {type(uid).__name__}")
    components = uid.split(".")
    if (
        len(uid) > 64
        or not uid.isascii()
        or not all(part.isdigit() and (part == "0" or part[0] != "0") for part in components)
    ):
        raise ValueError(f"not a UID: {uid!r} (digits and dots, at most 64 characters)")
    return str(uid)
