"""The line itself, beside what the service says of it: whether the caller is loud or quiet.

The service decides when a turn begins and ends. Where it forgets to, the level of the line tells: a caller who has
been quiet for two seconds has stopped, and one who was loud for a second should have been noticed.
"""

from __future__ import annotations

import audioop

_LOUD = 150  # root mean square of 16-bit samples, -47 dBFS; a line at rest has some 30, soft speech 200 and more
_BYTES_PER_SECOND = 48_000
QUIET = 1.8  # seconds; with the tick and the way of the words, two
_NOTICEABLE = 1.0


class LineLevel:
    """Follows the level of what the caller sends. pcm: 16-bit little-endian mono at 24 kHz."""

    def __init__(self) -> None:
        self._loud_at: float | None = None
        self._loud = 0.0  # seconds since the service last noticed the caller
        self._told = False

    def hear(self, pcm: bytes, now: float, *, alone: bool = True) -> None:
        """Take the next stretch. alone: the assistant is not heard; otherwise it may be its echo."""
        if audioop.rms(pcm, 2) >= _LOUD:
            self._loud_at = now
            if alone:
                self._loud += len(pcm) / _BYTES_PER_SECOND

    def quiet(self, since: float, now: float) -> bool:
        """Whether the line has been quiet for two seconds, of those after `since`."""
        return now - max(since, self._loud_at or 0.0) >= QUIET

    def last_word(self, since: float, now: float) -> float:
        """When the caller was last loud, since `since`; now, where the line was never loud."""
        return self._loud_at if self._loud_at is not None and self._loud_at >= since else now

    def noticed(self) -> None:
        """The service notices the caller: it is not deaf."""
        self._loud, self._told = 0.0, False

    def unnoticed(self, now: float) -> bool:
        """Whether the caller was loud, is quiet again, and the service took no notice. True once, until it does."""
        if self._told or self._loud < _NOTICEABLE or not self.quiet(0.0, now):
            return False
        self._told = True
        return True
