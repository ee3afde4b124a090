"""Whose turn it is to speak, and how long nobody has."""

from __future__ import annotations


class Floor:
    """Who has the floor. Times: seconds on the call's clock."""

    def __init__(self) -> None:
        self.caller_speaks = False
        self._turn_open = False  # the caller has spoken, and the service is about to answer of itself
        self.dismissed = False  # the caller is being let go: what fails now is not mended
        self._quiet_since = 0.0

    @property
    def open(self) -> bool:
        """Whether the assistant may begin to speak of itself."""
        return not (self.caller_speaks or self._turn_open or self.dismissed)

    def quiet(self, now: float) -> float:
        """Seconds in which nothing was heard of either side, though it was not for the caller to speak."""
        return now - self._quiet_since

    def sound(self, now: float) -> None:
        """Something is heard, or the caller needs time for something."""
        self._quiet_since = now

    def caller_begins(self) -> None:
        """The caller speaks."""
        self.caller_speaks, self._turn_open = True, False

    def caller_stops(self, now: float) -> None:
        """The caller has spoken, and waits."""
        self.caller_speaks, self._turn_open = False, True
        self.sound(now)

    def answered(self) -> None:
        """The turn of the caller's is answered, or was none."""
        self._turn_open = False

    def session_lost(self) -> None:
        """Whoever heard the caller speak is gone."""
        self.caller_speaks = self._turn_open = False
