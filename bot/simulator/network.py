"""The network between Twilio and the bot: delay, jitter, stalls and lost frames, in the order of TCP."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random


@dataclass(frozen=True, slots=True)
class Stall:
    """Nothing arrives for `seconds`, `at` so many seconds after the stream began; then everything at once."""

    at: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Path:
    """One direction. delay: seconds; jitter: up to so many seconds more, uniformly; loss: 0 to 1, of media frames.

    Loss stands for frames lost on the caller's own way to Twilio: TCP loses nothing between Twilio and the bot. So
    it drops what the sender calls droppable, and nothing on the way back.
    """

    delay: float = 0.0
    jitter: float = 0.0
    loss: float = 0.0
    stalls: tuple[Stall, ...] = ()


@dataclass(frozen=True, slots=True)
class Network:
    """Both directions."""

    to_bot: Path = field(default_factory=Path)
    from_bot: Path = field(default_factory=Path)

    @classmethod
    def symmetric(
        cls, *, delay: float = 0.0, jitter: float = 0.0, loss: float = 0.0, stalls: tuple[Stall, ...] = ()
    ) -> Network:
        """The same each way."""
        return cls(Path(delay, jitter, loss, stalls), Path(delay, jitter, loss, stalls))


class Transit:
    """When things arrive by one path. Pure but for the randomness it is given; `began` is the stalls' time zero."""

    def __init__(self, path: Path, rng: Random, began: float) -> None:
        self._path = path
        self._rng = rng
        self._began = began
        self._last = began

    def lost(self) -> bool:
        """Whether the next media frame is lost."""
        return self._path.loss > 0 and self._rng.random() < self._path.loss

    def arrival(self, sent: float) -> float:
        """When something sent now arrives: never before what was sent earlier."""
        path = self._path
        arrival = sent + path.delay + (self._rng.uniform(0, path.jitter) if path.jitter else 0.0)
        arrival = max(arrival, self._last)
        for stall in sorted(path.stalls, key=lambda stall: stall.at):
            begin = self._began + stall.at
            if begin <= arrival < begin + stall.seconds:
                arrival = begin + stall.seconds
        self._last = arrival
        return arrival


class Pipe[T]:
    """One direction as a queue: what is put in comes out when it has arrived. Holds at most `size` things."""

    def __init__(
        self,
        transit: Transit,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        size: int = 4096,
    ) -> None:
        self._transit = transit
        self._clock = clock
        self._sleep = sleep
        self._queue: asyncio.Queue[tuple[float, T]] = asyncio.Queue(size)

    def put(self, item: T, *, droppable: bool = False) -> None:
        """Send `item`; a droppable one may be lost. Raises asyncio.QueueFull."""
        if not (droppable and self._transit.lost()):
            self._queue.put_nowait((self._transit.arrival(self._clock()), item))

    async def put_when_room(self, item: T) -> None:
        """Send `item`, waiting while the pipe is full, as TCP would make its sender wait."""
        await self._queue.put((self._transit.arrival(self._clock()), item))

    async def get(self) -> T:
        """Wait for the next thing to arrive."""
        arrival, item = await self._queue.get()
        while (left := arrival - self._clock()) > 0:
            await self._sleep(left)
        return item
