"""Digits that the caller presses, gathered until the caller pauses."""

from __future__ import annotations

_PAUSE = 1.5
_MOST_DIGITS = 32


class Keypad:
    """Gathers digits; `#` ends a number at once."""

    def __init__(self) -> None:
        self._digits = ""
        self._due = 0.0

    def press(self, digit: str, now: float) -> None:
        """Take one digit: 0-9, *, # or A-D."""
        self._due = now + _PAUSE
        if digit == "#" and self._digits:
            self._due = now
        elif len(self._digits) < _MOST_DIGITS:
            self._digits += digit

    def take(self, now: float) -> str:
        """The digits, once they are complete; nothing before."""
        if not self._digits or now < self._due:
            return ""
        digits, self._digits = self._digits, ""
        return digits
