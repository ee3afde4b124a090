"""Keys that the caller presses, gathered until they are complete, for the model or for a function that wants them."""

from __future__ import annotations

from dataclasses import dataclass

from bot.call.events import ToolCalled
from bot.call.policy import DigitsWanted

_WITHIN = 20.0  # seconds for a caller to press what a function waits for, once nothing more is being said


@dataclass(frozen=True, slots=True)
class Keys:
    """What was pressed. digits: empty where nothing was, in time; call: of the function that waited for it."""

    digits: str
    secret: bool
    call: ToolCalled | None = None

    @property
    def shown(self) -> str:
        """The keys as people who watch may see them."""
        return "\N{BULLET}" * len(self.digits) if self.secret else self.digits


class Keypad:
    """Gathers keys. They are complete after a pause, at their greatest length, or at `#`.

    Whoever goes on pressing when they are complete is not heard until the next pause: one key too many, or the `#`
    out of habit, must not interrupt the answer, and a script gets nowhere. usual: where no function asks for more.
    """

    def __init__(self, usual: DigitsWanted) -> None:
        self._usual = self._wanted = usual
        self._digits = ""
        self._due = 0.0
        self._deaf_until = 0.0
        self._call: ToolCalled | None = None
        self._until = 0.0

    @property
    def busy(self) -> bool:
        """Whether the caller is in the middle of pressing."""
        return bool(self._digits)

    @property
    def wanted_by(self) -> ToolCalled | None:
        """The function that waits for keys, if one does."""
        return self._call

    def want(self, call: ToolCalled, wanted: DigitsWanted, now: float) -> None:
        """A function waits for keys; what was pressed ahead is for it."""
        self._call, self._wanted, self._until, self._deaf_until = call, wanted, now + _WITHIN, 0.0
        self._digits = self._digits[: wanted.length]
        self._due = now if len(self._digits) >= wanted.length else now + wanted.pause

    def being_asked(self, now: float) -> None:
        """The caller is still being told what to press: the time for it has not begun."""
        self._until = now + _WITHIN

    def press(self, digit: str, now: float) -> bool:
        """Take one key: 0-9, *, # or A-D; False for one too many."""
        if now < self._deaf_until:
            self._deaf_until = now + self._usual.pause
            return False
        if digit == "#" and self._digits:
            self._due = now
            return True
        self._digits += digit
        self._due = now + self._wanted.pause
        if len(self._digits) >= self._wanted.length:
            self._due, self._deaf_until = now, now + self._wanted.pause
        return True

    def take(self, now: float) -> Keys | None:
        """What was pressed, once it is complete, or once a function has waited long enough."""
        complete = self._digits and now >= self._due
        given_up = self._call is not None and not self._digits and now >= self._until
        if not complete and not given_up:
            return None
        keys = Keys(self._digits, self._wanted.secret, self._call)
        self._digits, self._call, self._wanted = "", None, self._usual
        return keys
