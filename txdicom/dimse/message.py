"""DIMSE messages and the presentation data values that carry them (PS3.7 6.3, PS3.8 Annex E)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from txdicom.dimse import command as command_set
from txdicom.dimse.command import ELEMENT_KEYWORDS, NO_DATA_SET, RESPONSE, CommandSet
from txdicom.errors import ProtocolViolation
from txdicom.upperlayer.pdu import PDataTF, PresentationDataValue
from txdicom.upperlayer.reasons import UNEXPECTED_PARAMETER

#: Bytes of a PDV besides its fragment: length, context ID, message control header.
PDV_OVERHEAD = 6

#: What a peer's maximum length must leave room for: one PDV with a fragment of two bytes.
LEAST_MAXIMUM_LENGTH = PDV_OVERHEAD + 2

#: The length of a P-DATA-TF to a peer that sets no limit.
UNLIMITED_PEER_LENGTH = 131_072


@dataclass(slots=True)
class Message:
    """A message on a presentation context: its command set, and its data set if it has one."""

    context_id: int
    command: CommandSet
    data_set: bytes | None = None

    def __getattr__(self, keyword: str) -> Any:
        # As pynetdicom's primitives have it: message.MessageID, message.Status.
        if keyword in ELEMENT_KEYWORDS:
            return self.command.get(keyword)
        raise AttributeError(f"a message has no {keyword!r}")


def response_to(request: Message, status: int, **elements: Any) -> Message:
    """A response without a data set, as PS3.7 9.3 and 10.3 have it for every operation.

    :param elements: further elements of the command set, such as ErrorComment
    """
    asked = request.command
    command: dict[str, Any] = {}
    sop_class_uid = asked.get("AffectedSOPClassUID") or asked.get("RequestedSOPClassUID")
    if sop_class_uid is not None:
        command["AffectedSOPClassUID"] = sop_class_uid
    command["CommandField"] = asked["CommandField"] | RESPONSE
    command["MessageIDBeingRespondedTo"] = asked["MessageID"]
    command["CommandDataSetType"] = NO_DATA_SET
    command["Status"] = status
    command.update(elements)
    return Message(request.context_id, command)


def fragment(message: Message, maximum_length: int) -> Iterator[PDataTF]:
    """The message as P-DATA-TF PDUs, none longer than the peer's maximum length.

    :param maximum_length: as the peer announced it, 0 for no limit
    """
    # Every fragment has an even number of bytes (PS3.8 E.1), whatever the peer's length leaves.
    room = ((maximum_length or UNLIMITED_PEER_LENGTH) - PDV_OVERHEAD) & ~1
    parts = [(True, command_set.encode(message.command))]
    if message.data_set is not None:
        parts.append((False, message.data_set))
    for is_command, data in parts:
        if len(data) <= room:
            yield PDataTF((PresentationDataValue(message.context_id, is_command, True, data),))
            continue
        for at in range(0, len(data), room):
            last = at + room >= len(data)
            value = PresentationDataValue(
                message.context_id, is_command, last, data[at : at + room]
            )
            yield PDataTF((value,))


class Assembler:
    """Puts the messages of one association together again, fragment by fragment.

    :param max_command: longest command set, in bytes
    :param max_fragments: most fragments of one command set; empty ones count
    :param data_set_limit: called with the context ID and the command set of a message that
        announces a data set; returns how long it may be, in bytes
    """

    __slots__ = (
        "_command",
        "_context_id",
        "_data_set_limit",
        "_fragments",
        "_left",
        "_max_command",
        "_max_fragments",
        "_room",
    )

    def __init__(
        self,
        max_command: int,
        max_fragments: int,
        data_set_limit: Callable[[int, CommandSet], int],
    ) -> None:
        self._max_command = max_command
        self._max_fragments = max_fragments
        self._data_set_limit = data_set_limit
        self._begin_command()

    @property
    def mid_message(self) -> bool:
        """Whether a message has begun and is not yet whole."""
        return self._context_id is not None

    @property
    def begun(self) -> CommandSet | None:
        """The command set of a message whose data set is not yet whole."""
        return self._command

    def _begin_command(self) -> None:
        self._context_id: int | None = None
        self._command: CommandSet | None = None
        self._fragments: list[bytes] = []
        self._room = self._max_command
        self._left = self._max_fragments

    def feed(self, value: PresentationDataValue) -> Message | None:
        """Add a fragment. Returns the message that it completes, or None.

        :raise ProtocolViolation: the fragment does not continue the message, or the message is
            longer than it may be
        """
        if self._context_id is None:
            self._context_id = value.context_id
        elif value.context_id != self._context_id:
            raise ProtocolViolation(
                f"a fragment on context {value.context_id} within a message on context"
                f" {self._context_id}",
                UNEXPECTED_PARAMETER,
            )
        if value.is_command is not (self._command is None):
            which = "command" if value.is_command else "data set"
            raise ProtocolViolation(f"a {which} fragment out of its turn", UNEXPECTED_PARAMETER)
        self._room -= len(value.data)
        self._left -= 1
        if self._room < 0 or self._left < 0:
            raise ProtocolViolation(
                "a command set that is too long"
                if self._command is None
                else "a data set that is too long"
            )
        if not value.is_last:
            self._fragments.append(value.data)
            return None
        whole = b"".join((*self._fragments, value.data)) if self._fragments else value.data
        if self._command is None:
            return self._command_complete(value.context_id, whole)
        message = Message(value.context_id, self._command, whole)
        self._begin_command()
        return message

    def _command_complete(self, context_id: int, data: bytes) -> Message | None:
        command = command_set.decode(data)
        if command.get("CommandDataSetType", NO_DATA_SET) == NO_DATA_SET:
            self._begin_command()
            return Message(context_id, command)
        self._command = command
        self._fragments = []
        self._room = self._data_set_limit(context_id, command)
        # Fragments of a data set: as many as if each had one byte; empty ones count here too.
        self._left = max(self._room, 0) + self._max_fragments
        if self._room <= 0:
            name = command_set.command_name(command.get("CommandField"))
            raise ProtocolViolation(f"{name} announces a data set", UNEXPECTED_PARAMETER)
        return None
