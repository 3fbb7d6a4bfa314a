"""SOP classes under pynetdicom's names."""

from __future__ import annotations

from txdicom.uids import VERIFICATION as Verification

__all__ = ["Verification"]
