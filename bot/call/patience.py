"""How long a caller is left waiting, and what is done about it.

While something is owed to the caller (a greeting, an answer, the rest of a reply) and nothing is heard, time runs.
The steps are shares of the longest silence that the settings allow (6 s): ask the model again, then a new session,
then the safety net, which needs the last tenth to be reached and to speak.
"""

from __future__ import annotations

from enum import IntEnum

_SHARES = (0.4, 0.65, 0.9)


class Step(IntEnum):
    """What is due, in the order in which it becomes due."""

    ASK_AGAIN = 1
    RECONNECT = 2
    GIVE_UP = 3


class Patience:
    """One caller's wait."""

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._since: float | None = None
        self._taken = 0

    @property
    def owed(self) -> bool:
        """Whether the caller waits for something."""
        return self._since is not None

    def owe(self, at: float) -> None:
        """The caller waits from `at` on, which may lie ahead; a wait that has begun goes on."""
        if self._since is None:
            self._since, self._taken = at, 0

    def settle(self) -> None:
        """The caller hears something, or speaks: nobody waits any more."""
        self._since = None

    def due(self, now: float) -> Step | None:
        """The next step that is due, each once in a wait."""
        if self._since is None:
            return None
        reached = sum(now - self._since >= share * self._longest for share in _SHARES)
        if reached <= self._taken:
            return None
        self._taken = reached
        return Step(reached)
