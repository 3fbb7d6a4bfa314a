"""DICOM's Verification Service (C-ECHO, SCU and SCP) on Twisted."""

from __future__ import annotations

from txdicom import events as evt
from txdicom._version import __version__
from txdicom.ae import AE
from txdicom.association import Association
from txdicom.limits import Limits
from txdicom.log import debug_logger
from txdicom.presentation import (
    PresentationContext,
    VerificationPresentationContexts,
    build_context,
    build_role,
)
from txdicom.uids import DEFAULT_TRANSFER_SYNTAXES
from txdicom.verification import VerificationAssociation

__all__ = [
    "AE",
    "DEFAULT_TRANSFER_SYNTAXES",
    "Association",
    "Limits",
    "PresentationContext",
    "VerificationAssociation",
    "VerificationPresentationContexts",
    "__version__",
    "build_context",
    "build_role",
    "debug_logger",
    "evt",
]
