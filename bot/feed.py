"""What has been reported of one call, for those who follow it: from the beginning, and as it happens."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator

from bot.call.reports import Report

_MOST_KEPT = 500

type Entry = tuple[float, Report]


class Feed:
    """The reports of one call. A follower who is too slow loses the oldest, and costs the call nothing."""

    def __init__(self) -> None:
        self._kept: deque[Entry] = deque(maxlen=_MOST_KEPT)
        self._followers: set[asyncio.Queue[Entry | None]] = set()
        self._closed = False

    def add(self, report: Report, at: float) -> None:
        """Enter a report. at: seconds since the call began."""
        self._kept.append((at, report))
        self._tell((at, report))

    def close(self) -> None:
        """Nothing more will come."""
        self._closed = True
        self._tell(None)

    async def follow(self) -> AsyncGenerator[Entry]:
        """Everything that is still kept, and then what comes, until the call ends."""
        queue: asyncio.Queue[Entry | None] = asyncio.Queue(_MOST_KEPT + 1)
        for entry in self._kept:
            queue.put_nowait(entry)
        if self._closed:
            queue.put_nowait(None)
        else:
            self._followers.add(queue)
        try:
            while (next_entry := await queue.get()) is not None:
                yield next_entry
        finally:
            self._followers.discard(queue)

    def _tell(self, entry: Entry | None) -> None:
        for queue in self._followers:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(entry)
