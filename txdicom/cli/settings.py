"""How a target is verified; nothing of Twisted is loaded for it."""

from __future__ import annotations

from dataclasses import dataclass, field

from txdicom.limits import Limits
from txdicom.presentation import PresentationContext, build_context
from txdicom.titles import ANY_SCP
from txdicom.tls import TLSSettings
from txdicom.uids import VERIFICATION
from txdicom.upperlayer.user_information import UserInformation

#: Seconds for everything together.
DEFAULT_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class Settings:
    """How to verify.

    :ivar timeout: seconds for all stages together; each further echo gives the rest as long again
    :ivar limits: the time-outs of the stages, besides the deadline
    :ivar count: how many echoes; None goes on until it is interrupted
    :ivar interval: seconds from the sending of one echo to that of the next
    :ivar abort: end the association with an A-ABORT
    :ivar tls: None for plain TCP
    """

    calling_ae_title: str = "TXDICOM"
    called_ae_title: str = ANY_SCP
    timeout: float = DEFAULT_TIMEOUT
    limits: Limits = field(default_factory=Limits)
    count: int | None = 1
    interval: float = 1.0
    abort: bool = False
    tls: TLSSettings | None = None
    contexts: tuple[PresentationContext, ...] = (build_context(VERIFICATION),)
    extended: tuple[UserInformation, ...] = ()
