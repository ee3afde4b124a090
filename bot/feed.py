"""What has been reported of one call, for those who follow it: from the beginning, and as it happens."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from typing import NamedTuple

from bot.call.reports import AssistantDraft, AssistantWords, Report

_MOST_KEPT = 500


class Entry(NamedTuple):
    """One report. number: counts the reports of the call, from 1; at: seconds since the call began."""

    number: int
    at: float
    report: Report


class Feed:
    """The reports of one call. Followers read at their own pace; one who is far too slow misses the oldest."""

    def __init__(self) -> None:
        self._kept: deque[Entry] = deque(maxlen=_MOST_KEPT)
        self._count = 0
        self._more = asyncio.Event()
        self._closed = False

    def add(self, report: Report, at: float) -> None:
        """Enter a report. at: seconds since the call began."""
        if self._kept and _replaces(report, self._kept[-1].report):
            self._kept.pop()
        self._count += 1
        self._kept.append(Entry(self._count, at, report))
        self._tell()

    def close(self) -> None:
        """Nothing more will come."""
        self._closed = True
        self._tell()

    async def follow(self, after: int = 0) -> AsyncGenerator[Entry]:
        """Everything that is still kept beyond number `after`, and then what comes, until the call ends."""
        while True:
            for entry in [entry for entry in self._kept if entry.number > after]:
                yield entry
                after = entry.number
            if after >= self._count:
                if self._closed:
                    return
                await self._more.wait()

    def _tell(self) -> None:
        """Wake who waits, and have the next one wait for the next report."""
        self._more.set()
        self._more = asyncio.Event()


def _replaces(new: Report, old: Report) -> bool:
    """Whether whoever knows `new` has no use for `old`: a reply grows, and is whole in the end."""
    return (
        isinstance(new, AssistantDraft | AssistantWords)
        and isinstance(old, AssistantDraft)
        and new.item_id == old.item_id
    )
