"""What ``--explain`` and ``--try-titles`` look at when the verification has failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from txdicom.cli.certificate import certificate_problem
from txdicom.cli.explain import which_title
from txdicom.cli.outcome import Outcome
from txdicom.cli.settings import Settings
from txdicom.cli.target import Target
from txdicom.cli.verify import Verification
from txdicom.errors import TLSFailed

# What is said where the peer's certificate is not taken: for its issuers, or for its name.
_NOT_TAKEN = ("certificate verify failed", "certificate is not for", "does not contain any")


async def look_further(
    outcome: Outcome, reactor: Any, target: Target, settings: Settings, titles: Sequence[str]
) -> Outcome:
    """Try other titles, or look at the certificate, where that is what it failed for."""
    if titles:
        await try_titles(outcome, reactor, target, settings, titles)
    if (
        settings.tls is not None
        and isinstance(outcome.error, TLSFailed)
        and any(words in outcome.error.reason for words in _NOT_TAKEN)
    ):
        outcome.certificate = await certificate_problem(
            reactor, target, settings.tls, settings.timeout
        )
    return outcome


async def try_titles(
    outcome: Outcome, reactor: Any, target: Target, settings: Settings, titles: Sequence[str]
) -> None:
    """Try the titles, one after the other, in the place of the one that was rejected.

    Each is given the whole deadline and one echo. What came of them is added to the outcome; when
    the association was not rejected because of a title, nothing is tried.
    """
    which = which_title(outcome)
    if which is None:
        return
    for title in titles:
        if which == "called":
            one, how = replace(target, ae_title=title), replace(settings, count=1)
        else:
            one, how = target, replace(settings, count=1, calling_ae_title=title)
        tried = await Verification(reactor, one, how).run()
        if tried.error is None and not tried.answered:
            return  # interrupted
        outcome.tried.append(tried)
