"""Where each frame of the caller's belongs in time: what is missing before it, or that it came too late.

Media Streams number their frames in milliseconds since the stream began. Pure arithmetic on sample counts.
"""

from __future__ import annotations

SAMPLES_PER_MS = 8  # mu-law at 8 kHz: one byte a sample
LONGEST_FILL_MS = 10_000
LATE_FRAMES_BEFORE_GIVING_IN = 50


class Timeline:
    """Puts frames on one unbroken line. A position off by less than half a frame is jitter, not a gap.

    A clock that jumps back makes every frame look late; after 50 such frames in a row (about a second) the line
    begins anew at the peer's clock, because a bot that hears nothing is worse than one that heard a second twice.
    """

    def __init__(self) -> None:
        self._next: int | None = None  # the sample at which the next frame should begin
        self._late = 0

    def place(self, timestamp: int | None, length: int) -> int | None:
        """Say how many samples are missing before this frame; None: drop it, it is a repetition or came too late.

        timestamp: milliseconds since the stream began, None where the peer sent none; length: samples, at least 1.
        """
        if self._next is None or timestamp is None:
            begins = self._next if timestamp is None else timestamp * SAMPLES_PER_MS
            self._next = (begins or 0) + length
            return 0
        drift = timestamp * SAMPLES_PER_MS - self._next
        if 2 * abs(drift) < length:
            self._late = 0
            self._next += length
            return 0
        if drift < 0:
            self._late += 1
            if self._late <= LATE_FRAMES_BEFORE_GIVING_IN:
                return None
            drift = 0
        self._late = 0
        self._next = timestamp * SAMPLES_PER_MS + length
        return min(drift, LONGEST_FILL_MS * SAMPLES_PER_MS)
