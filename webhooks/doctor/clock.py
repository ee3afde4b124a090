"""This machine's clock against those of Twilio, Azure and whatever stands before the bot. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from webhooks.doctor.findings import Notes
from webhooks.doctor.surroundings import Dated

_GRAIN = 1.0  # seconds; a `Date` has no smaller part, and was written somewhat before it came
_NOTICEABLE = 5.0
_TOO_MUCH = 60.0  # what `webhooks.tokens` and Twilio's access tokens bear at most
_SYNCHRONISE = "Synchronise the clock: `timedatectl set-ntp true`, or your system's setting for network time."


def examine(seen: Sequence[Dated], notes: Notes) -> None:
    """Say how far it is off. Of several answers of one clock the nearest counts: others were on their way longer."""
    skews: dict[str, float] = {}
    for dated in seen:
        skew = dated.ours - dated.theirs
        skew = 0.0 if -_GRAIN <= skew <= 2 * _GRAIN else skew
        skews[dated.who] = min(skew, skews.get(dated.who, skew), key=abs)
    if not skews:
        notes.skip("skew", "nobody was asked for the time")
        return
    worst = max(skews.values(), key=abs)
    told = "; ".join(f"{_in_words(skew)} {who}" for who, skew in skews.items())
    if abs(worst) > _TOO_MUCH:
        notes.fail("skew", f"this machine's clock is {told}; tokens with a date are refused", _SYNCHRONISE)
    elif abs(worst) > _NOTICEABLE:
        notes.warn("skew", f"this machine's clock is {told}", _SYNCHRONISE)
    else:
        notes.ok("skew", f"this machine's clock is {told}")


def _in_words(skew: float) -> str:
    if skew == 0:
        return "with"
    return f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'}"
