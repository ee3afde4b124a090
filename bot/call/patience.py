"""How long a caller is left waiting, and what is done about it.

While something is owed to the caller (a greeting, an answer, the rest of a reply) and nothing is heard, time runs.
The steps are shares of the longest silence that the settings allow (6 s). A new session needs about 0.6 s to open and
0.8 to 2 s to speak, so it is asked for while there is time for that; what is further on its way is given longer. The
last tenth belongs to the safety net, which has to be reached and to speak.
"""

from __future__ import annotations

from enum import Enum, IntEnum, auto


class Progress(Enum):
    """How far the answer that is owed has come."""

    CONNECTING = auto()  # no session listens
    NOTHING = auto()  # a session listens, and makes no response
    RESPONSE = auto()  # a response is being made


class Step(IntEnum):
    """What is due, in the order in which it becomes due."""

    ASK_AGAIN = 1
    RECONNECT = 2
    GIVE_UP = 3


_SHARES = {
    Progress.CONNECTING: {Step.RECONNECT: 0.4, Step.GIVE_UP: 0.9},
    Progress.NOTHING: {Step.ASK_AGAIN: 0.3, Step.RECONNECT: 0.5, Step.GIVE_UP: 0.9},
    Progress.RESPONSE: {Step.RECONNECT: 0.6, Step.GIVE_UP: 0.97},
}


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

    def due(self, now: float, progress: Progress) -> Step | None:
        """The next step that is due, each once in a wait."""
        if self._since is None:
            return None
        waited = (now - self._since) / self._longest
        reached = max((step for step, share in _SHARES[progress].items() if waited >= share), default=None)
        if reached is None or reached <= self._taken:
            return None
        self._taken = reached
        return reached
