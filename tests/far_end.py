"""The far end of a leg as a calculation: a play-out buffer behind a network with delay, jitter and stalls.

It knows what was really heard, and is written on its own, so that the ledger is not checked against itself.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterable
from itertools import count

from bot.call.commands import Clear, Mark, Play
from bot.call.playback import BYTES_PER_SECOND


class FarEnd:
    """Takes Play, Mark and Clear at given times; gives marks back at theirs. Times in seconds."""

    def __init__(self, rng: random.Random, *, delay: float, jitter: float) -> None:
        self._rng = rng
        self._delay, self._jitter = delay, jitter
        self._stalls: list[tuple[float, float]] = []
        self._last_out = self._last_in = 0.0
        self._tail = 0.0
        self._played: list[tuple[float, float]] = []  # when each piece begins and ends
        self._pending: list[tuple[float, str]] = []  # when a mark is reached
        self._returns: list[tuple[float, int, str]] = []
        self._serial = count()
        self.slowest = 0.0  # the longest round trip that any message pair can have made

    def stall(self, begins: float, lasts: float) -> None:
        """Nothing reaches the far end in this time; it comes afterwards."""
        self._stalls.append((begins, begins + lasts))

    def _travel(self, now: float, last: float) -> float:
        arrives = now + self._delay + self._rng.uniform(0, self._jitter)
        return max(last, arrives)

    def take(self, commands: Iterable[object], now: float) -> None:
        for command in commands:
            arrives = self._travel(now, self._last_out)
            for begins, ends in self._stalls:
                if begins <= arrives < ends:
                    arrives = ends
            self._last_out = arrives
            self.slowest = max(self.slowest, arrives - now + self._delay + self._jitter)
            self._settle(arrives)
            if isinstance(command, Play):
                begins = max(arrives, self._tail)
                self._tail = begins + len(command.pcm) / BYTES_PER_SECOND
                self._played.append((begins, self._tail))
            elif isinstance(command, Mark):
                self._pending.append((max(arrives, self._tail), command.name))
            elif isinstance(command, Clear):
                self._played = [(b, min(e, arrives)) for b, e in self._played if b < arrives]
                self._tail = arrives
                for _, name in self._pending:
                    self._give_back(name, arrives)
                self._pending.clear()

    def _settle(self, now: float) -> None:
        """Give back the marks that were reached by now."""
        for at, name in [entry for entry in self._pending if entry[0] <= now]:
            self._give_back(name, at)
        self._pending = [entry for entry in self._pending if entry[0] > now]

    def _give_back(self, name: str, at: float) -> None:
        self._last_in = self._travel(at, self._last_in)
        heapq.heappush(self._returns, (self._last_in, next(self._serial), name))

    def returned(self, now: float) -> list[tuple[float, str]]:
        """The marks that have come back by now, with their times. Call it in the order of time."""
        self._settle(now)
        out: list[tuple[float, str]] = []
        while self._returns and self._returns[0][0] <= now:
            at, _, name = heapq.heappop(self._returns)
            out.append((at, name))
        return out

    def heard(self) -> float:
        """Seconds of audio that have been, or will be, really played."""
        return sum(ends - begins for begins, ends in self._played)
