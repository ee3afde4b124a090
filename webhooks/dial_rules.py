"""Whether a call may be placed now, and what is done about who answers it. Pure but for the clocks given to it."""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from bot.quiet_hours import QuietHours

_NUMBER = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)  # E.164, as everywhere here
_WINDOW = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class Answer:
    """What `POST /calls` is answered.

    status: of HTTP; how: one word of ours, for counting; retry_after: seconds, 0 for none. binding: a call was
    placed, or may have been, so that asking once more must not place another.
    """

    status: int
    how: str
    body: Mapping[str, str] = field(default_factory=dict)
    retry_after: int = 0
    binding: bool = False


def refusal(status: int, how: str, sentence: str, *, retry_after: int = 0) -> Answer:
    """No call, and why, in a sentence."""
    return Answer(status, how, {"error": sentence}, retry_after)


class RateLimit:
    """At most `most` in any minute."""

    def __init__(self, most: int) -> None:
        self._taken: deque[float] = deque(maxlen=most)

    def take(self, now: float) -> float:
        """Take one, which returns 0, or say in how many seconds there will be one. now: seconds, never going back."""
        oldest = self._taken[0] if len(self._taken) == self._taken.maxlen else -math.inf
        if now - oldest < _WINDOW:
            return _WINDOW - (now - oldest)
        self._taken.append(now)
        return 0.0


class DialRules:
    """The allow-list, the quiet hours and the rate limit.

    prefixes: of numbers, such as `+49`; quiet: None for no quiet hours; clock: seconds, never going back; wall_clock:
    seconds since 1970.
    """

    def __init__(
        self,
        prefixes: Sequence[str],
        quiet: QuietHours | None,
        per_minute: int,
        *,
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
    ) -> None:
        self._prefixes = tuple(prefixes)
        self._quiet = quiet
        self._rate = RateLimit(per_minute)
        self._clock = clock
        self._wall_clock = wall_clock

    def about(self, to: str) -> Answer | None:
        """Why this number is never called; None where it may be."""
        if not _NUMBER.fullmatch(to):
            return refusal(
                400, "number", "`to` should be a number with + and its country code, such as +14255550100."
            )
        if not to.startswith(self._prefixes):
            return refusal(403, "prefix", "This number is not allowed: it begins with none of DIAL_PREFIXES.")
        return None

    def hour(self) -> Answer | None:
        """Why nobody is called at this time; None where the hour is good."""
        if self._quiet is None or not self._quiet.include(self._wall_clock()):
            return None
        return refusal(403, "quiet", f"Nobody is called from {self._quiet} (QUIET_HOURS). Ask again after that.")

    def pace(self) -> Answer | None:
        """Take one call from the minute's; why not, where they are used up."""
        wait = math.ceil(self._rate.take(self._clock()))
        if not wait:
            return None
        return refusal(
            429,
            "rate",
            f"That is too many calls a minute (DIAL_PER_MINUTE). Try again in {wait} s.",
            retry_after=wait,
        )


class Deed(StrEnum):
    """What is done once it is known who answers."""

    NOTHING = "nothing"  # the assistant is talking already
    MESSAGE = "message"  # leave the persona's message, or hang up where it has none
    END = "end"


def deed(answered_by: str) -> Deed:
    """What Twilio's `AnsweredBy` asks for. What is not known is taken for a person.

    Source: https://www.twilio.com/docs/voice/answering-machine-detection
    """
    if answered_by == "fax":
        return Deed.END
    # With DetectMessageEnd it comes after the beep: machine_end_beep, _silence, _other; machine_start where the end
    # of the greeting was not found in time.
    return Deed.MESSAGE if answered_by.startswith("machine_") else Deed.NOTHING
