"""The Verification Service on an association: C-ECHO with Deferreds and data sets."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, cast

from twisted.internet.defer import Deferred, fail

from txdicom.association import Association
from txdicom.dimse.message import Message
from txdicom.errors import NoAcceptedContext
from txdicom.performer import by_sop_class
from txdicom.services.verification import VerificationSCP, c_echo
from txdicom.uids import VERIFICATION

if TYPE_CHECKING:
    from pydicom.dataelem import DataElement
    from pydicom.dataset import Dataset


#: What both roles perform for the peer unless told otherwise.
DEFAULT_SERVICES = by_sop_class([VerificationSCP()])


class VerificationAssociation(Association):
    """An association on which C-ECHO requests can be sent."""

    def send_c_echo(self, msg_id: int | None = None) -> Deferred[Dataset]:
        """Send a C-ECHO request; fires with a pydicom data set.

        It has a ``Status``, 0x0000 for success, and an ``ErrorComment`` if the peer gave one. A
        status other than success is an answer too; see :meth:`echo` for what fails.
        """
        return self.echo(msg_id).addCallback(_data_set)

    def echo(self, msg_id: int | None = None) -> Deferred[Message]:
        """Send a C-ECHO request; fires with the response as a message, without pydicom.

        It fails with an AssociationError when no response can come: the association is not
        established or ends before, no accepted context serves, the response is none or late.

        :param msg_id: the Message ID, 0 to 65535; None takes the next one
        :raise TypeError: ``msg_id`` is not an int
        :raise ValueError: it is out of range, or outstanding already
        """
        if msg_id is not None:
            if isinstance(msg_id, bool) or not isinstance(msg_id, int):
                raise TypeError(f"a message ID is an int, not {msg_id!r}")
            if not 0 <= msg_id <= 0xFFFF:
                raise ValueError(f"a message ID is 0 to 65535, not {msg_id}")
        try:
            context_id = self._verification_context()
        except NoAcceptedContext as error:
            return fail(error)
        if msg_id is None:
            msg_id = self.next_message_id()
        return cast("Deferred[Message]", c_echo(self, context_id, msg_id))

    def _verification_context(self) -> int:
        for context in self.accepted_contexts:
            if context.abstract_syntax == VERIFICATION and context.as_scu:
                return context.context_id or 0
        if not self.is_established:
            return 0  # the request itself says why it cannot be sent
        raise NoAcceptedContext(
            VERIFICATION,
            [
                (context.abstract_syntax, context.result or 0)
                for context in self.rejected_contexts
                if context.abstract_syntax == VERIFICATION
            ],
            "" if self.is_requestor else "the acceptor has the SCU role only if it was negotiated",
        )


def _data_set(response: Message) -> Dataset:
    new_data_set, new_element = _pydicom()
    status = new_element(0x00000900, "US", response.command["Status"], already_converted=True)
    data_set = new_data_set({status.tag: status})
    comment = response.command.get("ErrorComment")
    if comment is not None:
        data_set.ErrorComment = comment
    return data_set


@cache
def _pydicom() -> tuple[type[Dataset], type[DataElement]]:
    """What data sets are made with."""
    # It takes over a tenth of a second to import, so only who asks for a data set pays.
    from pydicom.dataelem import DataElement
    from pydicom.dataset import Dataset

    return Dataset, DataElement
