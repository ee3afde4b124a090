"""Letting a caller go: after the sentence that is being spoken, but not at any price."""

from __future__ import annotations

from dataclasses import dataclass

from bot.call.commands import Farewell, Outcome

_POLITE = 8.0  # longest wait for a sentence to end


@dataclass(frozen=True, slots=True)
class Departure:
    """A decision to let the caller go, and why. decided_at: seconds on the call's clock."""

    farewell: Farewell
    decided_at: float
    reason: str
    at_once: bool = False

    @property
    def failed(self) -> bool:
        """Whether it is for want of an assistant: then nothing more can come, but what was sent is heard."""
        return self.farewell.outcome is Outcome.FAILED

    def due(self, now: float, *, remaining: float, busy: bool) -> bool:
        """Whether to go now. remaining: seconds of sent audio left; busy: a reply is being made or played."""
        speaking = remaining > 0 if self.failed else busy
        return self.at_once or not speaking or now >= self.decided_at + _POLITE
