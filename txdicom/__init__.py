"""DICOM's Verification Service (C-ECHO, SCU and SCP) on Twisted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from txdicom._version import __version__

if TYPE_CHECKING:
    from txdicom import events as evt
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

# Where each name is from. It is loaded when it is asked for: what needs no reactor, such as
# ``txdicom --version`` or the codec alone, does not wait a fifth of a second for Twisted.
_MODULES = {
    "AE": "ae",
    "DEFAULT_TRANSFER_SYNTAXES": "uids",
    "Association": "association",
    "Limits": "limits",
    "PresentationContext": "presentation",
    "VerificationAssociation": "verification",
    "VerificationPresentationContexts": "presentation",
    "build_context": "presentation",
    "build_role": "presentation",
    "debug_logger": "log",
    "evt": "events",
}


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


if not TYPE_CHECKING:  # or a checker would take any name for one of these

    def __getattr__(name: str) -> Any:
        from importlib import import_module

        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module = import_module(f"{__name__}.{_MODULES[name]}")
        value = module if name == "evt" else getattr(module, name)
        globals()[name] = value
        return value
