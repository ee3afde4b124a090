"""Whether what silenced the assistant was a person at all, and what it still has to say if it was not.

A cough or a door makes the service report speech, and the assistant falls silent. No words come of it, so nobody
answers; the assistant then goes on with what was cut off.
"""

from __future__ import annotations

_WAIT_FOR_WORDS = 1.5  # seconds after speech has ended; words come 0.2 to 0.3 s after it (protocols: wire logs)
_MOST_NOISES = 16


class FalseAlarm:
    """Remembers the rest of a reply that was cut off, until words or an answer come."""

    def __init__(self) -> None:
        self._rest: str | None = None
        self._noises: list[str] = []  # the items of what was heard since
        self._due: float | None = None

    def silenced(self, item_id: str, rest: str) -> None:
        """Something was heard, and the assistant fell silent. rest: what of its words was not heard."""
        if rest or self._rest is None:
            self._rest = rest or None  # the second noise of two cuts nothing off
        self._noises = [*self._noises[1 - _MOST_NOISES :], item_id]
        self._due = None

    def holds_up(self, rest: str) -> None:
        """What was heard holds up the end of the call too. rest: what is to be said if nothing was cut off."""
        if self._noises:
            self._rest = self._rest or rest

    def stopped(self, at: float) -> None:
        """The noise, or the caller, stopped at this time."""
        if self._rest is not None and self._due is None:
            self._due = at + _WAIT_FOR_WORDS

    def no_words(self, item_id: str, now: float) -> None:
        """The service says that there were no words in this item."""
        if self._rest is not None and self._noises and self._noises[-1] in (item_id, ""):
            self._due = now

    def words(self, item_id: str) -> None:
        """There were words in this item, or may have been; those of an earlier one say nothing of the noise."""
        if item_id in self._noises or "" in self._noises:
            self.settled()

    def settled(self) -> None:
        """It was a person, or something else is being said already."""
        self._rest, self._noises, self._due = None, [], None

    def take(self, now: float) -> str | None:
        """The rest of the reply, once it is certain enough that nobody spoke; empty where all was heard."""
        if self._due is None or now < self._due:
            return None
        rest = self._rest
        self.settled()
        return rest
