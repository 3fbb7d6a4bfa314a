"""Status codes and what they mean (PS3.7 Annex C)."""

from __future__ import annotations

SUCCESS = 0x0000
CANCEL = 0xFE00
PROCESSING_FAILURE = 0x0110
SOP_CLASS_NOT_SUPPORTED = 0x0122
DUPLICATE_INVOCATION = 0x0210
UNRECOGNIZED_OPERATION = 0x0211
MISTYPED_ARGUMENT = 0x0212
RESOURCE_LIMITATION = 0x0213

STATUS_SUCCESS = "Success"
STATUS_PENDING = "Pending"
STATUS_CANCEL = "Cancel"
STATUS_WARNING = "Warning"
STATUS_FAILURE = "Failure"
STATUS_UNKNOWN = "Unknown"

#: The general status codes, each with its category and its name (Annex C.1 to C.5).
GENERAL_STATUS = {
    0x0000: (STATUS_SUCCESS, "Success"),
    0x0001: (STATUS_WARNING, "Requested optional Attributes are not supported"),
    0x0105: (STATUS_FAILURE, "No such attribute"),
    0x0106: (STATUS_FAILURE, "Invalid attribute value"),
    0x0107: (STATUS_WARNING, "Attribute list error"),
    0x0110: (STATUS_FAILURE, "Processing failure"),
    0x0111: (STATUS_FAILURE, "Duplicate SOP instance"),
    0x0112: (STATUS_FAILURE, "No such SOP instance"),
    0x0113: (STATUS_FAILURE, "No such event type"),
    0x0114: (STATUS_FAILURE, "No such argument"),
    0x0115: (STATUS_FAILURE, "Invalid argument value"),
    0x0116: (STATUS_WARNING, "Attribute value out of range"),
    0x0117: (STATUS_FAILURE, "Invalid SOP instance"),
    0x0118: (STATUS_FAILURE, "No such SOP class"),
    0x0119: (STATUS_FAILURE, "Class-instance conflict"),
    0x0120: (STATUS_FAILURE, "Missing attribute"),
    0x0121: (STATUS_FAILURE, "Missing attribute value"),
    0x0122: (STATUS_FAILURE, "Refused: SOP class not supported"),
    0x0123: (STATUS_FAILURE, "No such action type"),
    0x0124: (STATUS_FAILURE, "Refused: not authorized"),
    0x0210: (STATUS_FAILURE, "Duplicate invocation"),
    0x0211: (STATUS_FAILURE, "Unrecognized operation"),
    0x0212: (STATUS_FAILURE, "Mistyped argument"),
    0x0213: (STATUS_FAILURE, "Resource limitation"),
    0xFE00: (STATUS_CANCEL, "Cancel"),
    0xFF00: (STATUS_PENDING, "Pending"),
    0xFF01: (STATUS_PENDING, "Pending, optional keys not supported"),
}


def code_to_category(code: int) -> str:
    """``Success``, ``Pending``, ``Cancel``, ``Warning``, ``Failure`` or ``Unknown``.

    Codes that a service defines for itself fall into the ranges of PS3.7 C.1 to C.5.
    """
    known = GENERAL_STATUS.get(code)
    if known is not None:
        return known[0]
    if 0xA000 <= code <= 0xAFFF or 0xC000 <= code <= 0xCFFF:
        return STATUS_FAILURE
    if 0x0100 <= code <= 0x01FF or 0x0200 <= code <= 0x02FF:
        return STATUS_FAILURE
    if 0xB000 <= code <= 0xBFFF:
        return STATUS_WARNING
    return STATUS_UNKNOWN


def status_words(code: int) -> str:
    """The status as a person reads it: ``0x0110 - Failure: Processing failure``."""
    category = code_to_category(code)
    name = GENERAL_STATUS.get(code, (category, ""))[1]
    return f"0x{code:04X} - {category}" + (f": {name}" if name and name != category else "")
