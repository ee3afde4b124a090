"""The clock of many callers: everything due is done in one tick of the event loop, and nothing drifts.

A caller's next frame is due 20 ms after the last one was due, not after it was sent, so a late tick makes no later
one late. The loop's timers go by whole milliseconds, and so do the ticks: what is due meanwhile is done together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from math import ceil

_SOON = 1e-6  # seconds; what is due so soon is due now

type Work = Callable[[float], float | None]
"""Does what was due at this moment; gives the moment at which it is due again, or None."""


class Metronome:
    """Calls what is due. clock: in seconds; the loop's timers must pass as fast."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._due: list[tuple[float, int, Work]] = []
        self._serial = count()
        self._timer: asyncio.TimerHandle | None = None
        self._set_for = 0.0
        self._ticking = False

    def at(self, due: float, work: Work) -> None:
        """Have `work` done at `due`."""
        heappush(self._due, (due, next(self._serial), work))
        if not self._ticking:
            self._arm()

    def close(self) -> None:
        """Do nothing more."""
        self._due.clear()
        if self._timer:
            self._timer.cancel()

    def _tick(self) -> None:
        self._timer, self._ticking = None, True
        try:
            now = self._clock() + _SOON
            while self._due and self._due[0][0] <= now:
                due, serial, work = heappop(self._due)
                again = work(due)
                if again is not None:
                    heappush(self._due, (again, serial, work))
        finally:
            self._ticking = False
            self._arm()

    def _arm(self) -> None:
        if not self._due:
            return
        due = self._due[0][0]
        if self._timer is not None:
            if self._set_for <= due:
                return
            self._timer.cancel()
        wait = max(0, ceil(1000 * (due - self._clock()) - 1e-6)) / 1000
        self._set_for = due
        self._timer = self._loop.call_later(wait, self._tick)
