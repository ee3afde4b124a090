"""What the caller says while no session listens."""

from __future__ import annotations

from collections import deque

from bot.call.playback import BYTES_PER_SECOND

_MOST_BYTES = 5 * BYTES_PER_SECOND


class WaitingAudio:
    """Keeps the last 5 seconds. pcm: 16-bit little-endian mono at 24 kHz."""

    def __init__(self) -> None:
        self._stretches: deque[bytes] = deque()
        self._size = 0

    def keep(self, pcm: bytes) -> None:
        """Add a stretch; the oldest go where there is too much."""
        self._stretches.append(pcm)
        self._size += len(pcm)
        while self._size > _MOST_BYTES and len(self._stretches) > 1:
            self._size -= len(self._stretches.popleft())

    def take(self) -> bytes:
        """All that was kept, which is forgotten here."""
        pcm = b"".join(self._stretches)
        self._stretches.clear()
        self._size = 0
        return pcm
