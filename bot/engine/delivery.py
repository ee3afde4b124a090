"""In what sizes, and how fast, a reply's audio leaves: as Voice Live was seen to do it.

On the wire, the first `response.audio.delta` of an answer held 200 ms, the second 300 ms, all others 500 ms, the last
what was left; 7.7 s of speech came within 0.72 s, eleven times faster than it plays.
"""

from __future__ import annotations

from collections.abc import Iterator

from bot.engine.formats import BYTES_PER_MS

_FIRST_SIZES_MS = (200, 300)
_SIZE_MS = 500
SPEED = 11.0


class Cutter:
    """Cuts the audio of one item into deltas. pcm: 16-bit little-endian mono at 24 kHz, in pieces of any size."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self._sizes = iter(_FIRST_SIZES_MS)
        self._size = self._next_size()

    def feed(self, pcm: bytes) -> Iterator[bytes]:
        """Take more audio; yields the deltas that are full."""
        self._pending += pcm
        while len(self._pending) >= self._size:
            delta = bytes(self._pending[: self._size])
            del self._pending[: self._size]
            self._size = self._next_size()
            yield delta

    def rest(self) -> bytes:
        """What is left at the end, in whole samples; empty where nothing is."""
        delta = bytes(self._pending[: len(self._pending) // 2 * 2])
        self._pending.clear()
        return delta

    def _next_size(self) -> int:
        return next(self._sizes, _SIZE_MS) * BYTES_PER_MS


class Pace:
    """When each delta may leave. speed: seconds of speech delivered within one second; 0 or less: as it comes."""

    def __init__(self, speed: float = SPEED) -> None:
        self._speed = speed
        self._began: float | None = None
        self._sent_ms = 0.0

    def wait(self, pcm: bytes, now: float) -> float:
        """Seconds to wait before `pcm`, the next delta, may leave. now: seconds on any clock that does not jump."""
        if self._began is None:
            self._began = now
        due = self._began + (self._sent_ms / 1000 / self._speed if self._speed > 0 else 0.0)
        self._sent_ms += len(pcm) / BYTES_PER_MS
        return max(0.0, due - now)
