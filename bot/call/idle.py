"""A caller who says nothing: asked twice whether anybody is there, and then let go."""

from __future__ import annotations

from enum import Enum, auto


class IdleStep(Enum):
    """What is due."""

    ASK = auto()
    GOODBYE = auto()


class Idle:
    """Watches for a line on which neither side speaks.

    after: seconds, 0 for never; prompts: questions before the end.
    """

    def __init__(self, after: float, prompts: int) -> None:
        self._after = after
        self._prompts = prompts
        self._asked = 0
        self._since: float | None = None
        self._somebody = False  # something was heard since the last question, perhaps a person

    def heard(self) -> None:
        """A person is there."""
        self._asked, self._since, self._somebody = 0, None, False

    def noise(self) -> None:
        """Something was heard. It may be a person: not every service says what the words were."""
        self._somebody = True

    def no_words(self) -> None:
        """It was nobody."""
        self._somebody = False

    def look(self, now: float, *, quiet: bool) -> IdleStep | None:
        """What is due at `now`. quiet: neither side speaks, and nothing is on its way."""
        if not quiet or not self._after:
            self._since = None
            return None
        if self._since is None:
            self._since = now
        if now - self._since < self._after:
            return None
        if self._somebody:
            self.heard()
        self._since = None
        self._asked += 1
        return IdleStep.ASK if self._asked <= self._prompts else IdleStep.GOODBYE
