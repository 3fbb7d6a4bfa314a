"""PDUs and messages in words, in blocks as DICOM people know them. Text only; nothing is printed.

Whatever a peer gave is escaped, and passcodes, tickets and tokens are never shown.
"""

from __future__ import annotations

from collections.abc import Iterator

from txdicom.dimse.command import COMMAND_NAMES, NO_DATA_SET
from txdicom.dimse.message import Message
from txdicom.dimse.status import status_words
from txdicom.titles import significant
from txdicom.uids import NAMES
from txdicom.upperlayer import reasons
from txdicom.upperlayer.items import PresentationContextAC, PresentationContextRQ
from txdicom.upperlayer.pdu import PDU, Abort, AssociateAC, AssociateRJ, AssociateRQ, PDataTF
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
    UserInformation,
    every,
    the,
)

WIDTH = 76

_IDENTITY_TYPES = {
    1: "user name",
    2: "user name and passcode",
    3: "Kerberos service ticket",
    4: "SAML assertion",
    5: "JSON web token",
}


def printable(text: str, length: int = 64) -> str:
    """Peer-given text with everything escaped that is not printable ASCII, and cut to a length."""
    if len(text) <= length and text.isascii() and text.isprintable() and "\\" not in text:
        return text
    escaped = text.encode("unicode_escape").decode("ascii")
    return escaped if len(escaped) <= length else f"{escaped[: length - 3]}..."


def uid_name(uid: str) -> str:
    """A UID and its name, where it has a known one."""
    name = NAMES.get(uid)
    return f"{printable(uid)} ({name})" if name else printable(uid)


def _row(label: str, value: object) -> str:
    return f"{label + ':':<34} {value}"


def _framed(title: str, rows: Iterator[str]) -> list[str]:
    return [f" {title} ".center(WIDTH, "="), *rows, f" END {title} ".center(WIDTH, "=")]


def pdu_in_words(pdu: PDU, incoming: bool) -> list[str]:
    """The lines that describe a PDU."""
    direction = "INCOMING" if incoming else "OUTGOING"
    return _framed(f"{direction} {pdu.NAME} PDU", _pdu_rows(pdu))


def message_in_words(message: Message, incoming: bool) -> list[str]:
    """The lines that describe a DIMSE message."""
    field = message.command.get("CommandField")
    name = COMMAND_NAMES.get(field, "unknown") if field is not None else "unknown"
    direction = "INCOMING" if incoming else "OUTGOING"
    return _framed(f"{direction} DIMSE MESSAGE {name}", _message_rows(message))


def _pdu_rows(pdu: PDU) -> Iterator[str]:
    if isinstance(pdu, (AssociateRQ, AssociateAC)):
        yield from _associate_rows(pdu)
    elif isinstance(pdu, AssociateRJ):
        result, source, reason = reasons.reject_words(pdu.result, pdu.source, pdu.reason)
        yield _row("Result", result)
        yield _row("Source", source)
        yield _row("Reason", reason)
    elif isinstance(pdu, Abort):
        yield _row("Abort Source", reasons.words(reasons.ABORT_SOURCE, pdu.source))
        if pdu.source == reasons.ABORT_BY_PROVIDER:
            yield _row("Abort Reason", reasons.words(reasons.ABORT_REASON, pdu.reason))
    elif isinstance(pdu, PDataTF):
        for value in pdu.values:
            kind = "command" if value.is_command else "data set"
            last = ", last" if value.is_last else ""
            yield _row(
                f"PDV on context {value.context_id}", f"{kind}, {len(value.data)} bytes{last}"
            )


def _associate_rows(pdu: AssociateRQ | AssociateAC) -> Iterator[str]:
    information = pdu.user_information
    uid = the(ImplementationClassUID, information)
    name = the(ImplementationVersionName, information)
    length = the(MaximumLength, information)
    yield _row("Application Context Name", uid_name(pdu.application_context_name))
    yield _row("Implementation Class UID", printable(uid.uid) if uid else "none")
    yield _row("Implementation Version Name", printable(name.name) if name else "none")
    yield _row("Calling Application Name", printable(significant(pdu.calling_ae_title)))
    yield _row("Called Application Name", printable(significant(pdu.called_ae_title)))
    yield _row("Maximum PDU Length", _length(length))
    yield "Presentation Contexts:"
    roles = {role.sop_class_uid: role for role in every(RoleSelection, information)}
    for context in pdu.presentation_contexts:
        yield from _context_rows(context, roles)
    for item in information:
        yield from _user_information_rows(item)


def _length(item: MaximumLength | None) -> str:
    if item is None:
        return "not given"
    return f"{item.maximum_length}" if item.maximum_length else "no limit"


def _context_rows(
    context: PresentationContextRQ | PresentationContextAC, roles: dict[str, RoleSelection]
) -> Iterator[str]:
    if isinstance(context, PresentationContextRQ):
        yield f"  Context ID:        {context.context_id} (Proposed)"
        yield f"    Abstract Syntax: {uid_name(context.abstract_syntax)}"
        role = roles.get(context.abstract_syntax)
        if role is not None:
            yield f"    Proposed Role:   {_role(role)}"
        yield "    Transfer Syntaxes:"
        for syntax in context.transfer_syntaxes:
            yield f"      {uid_name(syntax)}"
        return
    result = reasons.words(reasons.CONTEXT_RESULT, context.result)
    yield f"  Context ID:        {context.context_id} ({result})"
    if context.result == reasons.ACCEPTANCE and context.transfer_syntax is not None:
        yield f"    Accepted Transfer Syntax: {uid_name(context.transfer_syntax)}"


def _role(role: RoleSelection) -> str:
    names = [name for name, given in (("SCU", role.scu_role), ("SCP", role.scp_role)) if given]
    return "/".join(names) or "neither"


def _user_information_rows(item: UserInformation) -> Iterator[str]:
    if isinstance(item, AsynchronousOperationsWindow):
        yield _row("Operations Invoked / Performed", f"{item.invoked} / {item.performed}")
    elif isinstance(item, RoleSelection):
        yield _row("Role Selection", f"{uid_name(item.sop_class_uid)}: {_role(item)}")
    elif isinstance(item, SOPClassExtendedNegotiation):
        yield _row(
            "SOP Class Extended Negotiation",
            f"{uid_name(item.sop_class_uid)}: {len(item.information)} bytes",
        )
    elif isinstance(item, SOPClassCommonExtendedNegotiation):
        yield _row(
            "SOP Class Common Negotiation",
            f"{uid_name(item.sop_class_uid)} of service {uid_name(item.service_class_uid)}",
        )
    elif isinstance(item, UserIdentityRQ):
        kind = _IDENTITY_TYPES.get(item.user_identity_type, f"type {item.user_identity_type}")
        yield _row("User Identity", kind)
        if item.user_identity_type in (1, 2):
            yield _row("  User Name", printable(str(item.primary_field, "latin-1")))
        else:
            yield _row("  Credential", f"{len(item.primary_field)} bytes, not shown")
        if item.secondary_field:
            yield _row("  Passcode", "not shown")
        yield _row(
            "  Positive Response Requested", "yes" if item.positive_response_requested else "no"
        )
    elif isinstance(item, UserIdentityAC):
        yield _row("User Identity Response", f"{len(item.server_response)} bytes, not shown")


def _message_rows(message: Message) -> Iterator[str]:
    command = message.command
    yield _row("Presentation Context ID", message.context_id)
    for keyword, value in command.items():
        if keyword == "CommandGroupLength":
            continue
        if keyword == "CommandField":
            text = f"{COMMAND_NAMES.get(value, 'unknown')} ({value:#06x})"
        elif keyword == "CommandDataSetType":
            text = "none" if value == NO_DATA_SET else "present"
        elif keyword == "Status":
            text = status_words(value)
        elif keyword.endswith("UID"):
            text = uid_name(value)
        elif isinstance(value, tuple):
            text = " ".join(f"({tag >> 16:04x},{tag & 0xFFFF:04x})" for tag in value)
        else:
            text = printable(str(value))
        yield _row(keyword, text)
    if message.data_set is not None:
        yield _row("Data Set", f"{len(message.data_set)} bytes")
