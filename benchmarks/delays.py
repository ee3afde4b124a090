"""From what went in on one side to what came out on the other. Audio has no names, so bytes are counted.

A frame has come out with the append that brings the count past its last byte; a delta has begun to come out with
the media message that brings the count past its first.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from bot.load.record import SessionRecord

MS = 1000.0


def frame_to_append(sent: Sequence[float], session: SessionRecord, *, since: float, until: float) -> list[float]:
    """Milliseconds from each frame sent between `since` and `until` to its append.

    The first append, which may hold all that waited for the session, tells nothing, so `since` should lie after it.
    """
    counts = session.append_bytes
    delays: list[float] = []
    for number, at in enumerate(sent):
        place = bisect_left(counts, (number + 1) * session.frame_bytes)
        if since <= at < until and place < len(counts):
            delays.append(MS * (session.append_at[place] - at))
    return delays


def delta_to_media(
    session: SessionRecord, media: Sequence[tuple[float, int]], *, since: float, until: float
) -> list[float]:
    """Milliseconds from each delta sent between `since` and `until` to the first message with audio of it."""
    counts = [count for _, count in media]
    delays: list[float] = []
    for reply in session.replies:
        for at, before in reply.deltas:
            place = bisect_right(counts, before // session.ratio)
            if since <= at < until and place < len(media):
                delays.append(MS * (media[place][0] - at))
    return delays
