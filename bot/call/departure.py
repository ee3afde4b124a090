"""Letting a caller go: after the sentence that is being spoken, but not at any price."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bot.call.commands import Farewell, Outcome
from bot.call.events import ToolCalled

_POLITE = 8.0  # longest wait for a sentence to end
_OWN_WORDS = 60.0  # longest wait for a goodbye that was wished for; while it is heard, its end is known
_MOST_NOISES = 2  # that hold it up; a line with more of them would never be let go


@dataclass(frozen=True, slots=True)
class Departure:
    """A decision to let the caller go, and why. decided_at: seconds on the call's clock.

    own: the assistant wants it, and its last words are being made or heard. revocable: a caller who still speaks gets
    the conversation back. call: of the function by which the model asked for it.
    """

    farewell: Farewell
    decided_at: float
    reason: str
    at_once: bool = False
    own: bool = False
    revocable: bool = False
    call: ToolCalled | None = None
    noises: int = 0

    def again(self, rest: str, now: float) -> Departure:
        """The same, after a noise that was taken for the caller. rest: what is still to be said."""
        noises = self.noises + 1
        return replace(
            self,
            farewell=replace(self.farewell, words=rest),
            decided_at=now,
            call=None,
            revocable=noises < _MOST_NOISES,
            noises=noises,
        )

    @property
    def failed(self) -> bool:
        """Whether it is for want of an assistant: then nothing more can come, but what was sent is heard."""
        return self.farewell.outcome is Outcome.FAILED

    def due(self, now: float, *, remaining: float, busy: bool) -> bool:
        """Whether to go now. remaining: seconds of sent audio left; busy: a reply is being made or played."""
        speaking = remaining > 0 if self.failed else busy
        patience = _OWN_WORDS if self.own else _POLITE
        return self.at_once or not speaking or now >= self.decided_at + patience
