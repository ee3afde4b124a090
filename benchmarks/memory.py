"""What calls cost in memory, and what they leave: one that is live, and a thousand in a row.

`python -m benchmarks.memory FILE.svg` also draws the curve.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from itertools import count, pairwise
from pathlib import Path
from statistics import linear_regression

import aiohttp
import uvloop

from benchmarks.caller_side import FRAME_SECONDS, call
from benchmarks.curve import Point, sparkline, svg
from benchmarks.figures import Figure, Target, table
from benchmarks.leaks import State, state
from benchmarks.leaks import figures as left_over
from benchmarks.watched import Watched, bot, cores
from bot.load.model import ModelSide, model_side
from bot.load.model_session import Manner, Session

CALLS = 1000
HELD = 40
AT_ONCE = 30  # of those in a row, which keep a core nearly busy
HELD_SECONDS = 8  # of the calls that are held all together, with words and replies
LAST = 500  # calls, by when all has grown that is to grow

_EVERY = 10  # calls, from one look at the memory to the next
_WARM = 3  # calls
_GREETING = 1.0  # seconds of sound, sent in a tenth of that
_REPLY = 3.0
_TURN = 4.0  # seconds of a call that is held: words, a reply, and most of it played
_WORDS = 0.05  # seconds that the caller speaks
_SETTLE = 2.0
_LIVE = Target("max", 250.0)
_FLAT = Target("mean", 2.0)  # of hundreds: resident memory grows in steps, and never shrinks by as much


@dataclass(frozen=True, slots=True)
class Memory:
    """What came out. live: KiB for each call that is held, a sample a second; curve: (calls that are over, KiB).

    before, after: the bot with nobody on the phone, around the calls in a row.
    """

    live: list[float]
    curve: list[Point]
    before: State
    after: State

    def figures(self) -> list[Figure]:
        """The lines of the table."""
        early = [point for point in self.curve if point[0] <= CALLS // 10]
        hundreds = [
            _slope([point for point in self.curve if first <= point[0] <= last])
            for first, last in pairwise(range(CALLS - LAST, CALLS + 1, 100))
        ]
        row = f"{CALLS} calls in a row, {AT_ONCE} at once: "
        return [
            Figure(f"memory of a live call, {HELD} held", "KiB", self.live, _LIVE, digits=0),
            Figure(f"{row}growth over the first {CALLS // 10}, for each call", "KiB", [_slope(early)]),
            Figure(f"{row}growth over the last {LAST}, for each call, by hundreds", "KiB", hundreds, _FLAT),
            Figure(
                f"{row}from the first to the last, for each call",
                "KiB",
                [(self.curve[-1][1] - self.curve[0][1]) / CALLS],
            ),
            Figure(f"{row}memory in use", "MiB", [kib / 1024 for _, kib in self.curve], digits=1),
            *left_over(self.before, self.after, CALLS),
        ]


async def run() -> list[Figure]:
    """Hold forty calls at once; then place a thousand, each with a greeting, replies, a barge-in and a hang-up."""
    return (await measure()).figures()


async def measure() -> Memory:
    """The same, with the curve."""
    numbers = count()
    # No connection of ours is kept: it would count as the bot's.
    http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True))
    async with model_side(manner=Manner(greeting=_GREETING, hears=False)) as model, bot(model.url) as watched, http:
        for _ in range(_WARM):
            await _short_call(model, http, watched.url, next(numbers))
        before = await state(model, watched)
        live = await _live(model, http, watched, numbers)
        await asyncio.sleep(_SETTLE)
        curve = await _curve(model, http, watched, numbers)
        return Memory(live, curve, before, await state(model, watched))


async def _live(model: ModelSide, http: aiohttp.ClientSession, watched: Watched, numbers: count[int]) -> list[float]:
    """KiB for each of forty calls that are held: once all stand and have had a reply, and on from there."""
    idle = watched.resident_kib()
    standing, enough = asyncio.Barrier(HELD + 1), asyncio.Event()

    async def hold() -> None:
        number = next(numbers)
        async with call(http, watched.url, number, phase=number % HELD * FRAME_SECONDS / HELD) as caller:
            session = await model.session(caller.call_id)
            await _exchange(session)
            await standing.wait()
            await asyncio.sleep(number % HELD * _TURN / HELD)  # so that they do not speak in chorus
            while not enough.is_set():
                await _exchange(session)
                with suppress(TimeoutError):
                    async with asyncio.timeout(_TURN):
                        await enough.wait()
        model.forget(caller.call_id)

    samples: list[float] = []
    async with asyncio.TaskGroup() as tasks:
        for _ in range(HELD):
            tasks.create_task(hold())
        await standing.wait()
        for _ in range(HELD_SECONDS):
            await asyncio.sleep(1)
            samples.append((watched.resident_kib() - idle) / HELD)
        enough.set()
    return samples


async def _curve(model: ModelSide, http: aiohttp.ClientSession, watched: Watched, numbers: count[int]) -> list[Point]:
    """Memory after every ten calls; fewer run at once than were held, so that it can be flat from the start."""
    curve: list[Point] = [(0, watched.resident_kib())]
    started, over = count(), count(1)

    async def line(delay: float) -> None:
        await asyncio.sleep(delay)
        while next(started) < CALLS:
            await _short_call(model, http, watched.url, next(numbers))
            if (ended := next(over)) % _EVERY == 0:
                curve.append((ended, watched.resident_kib()))

    async with asyncio.TaskGroup() as tasks:
        for number in range(AT_ONCE):
            tasks.create_task(line(number / AT_ONCE))
    return curve


async def _short_call(model: ModelSide, http: aiohttp.ClientSession, url: str, number: int) -> None:
    """A call of about a second: greeting, words, a reply, words into it, another reply, and a hang-up in that."""
    polite = number % 2 == 0
    async with call(http, url, number, phase=number % AT_ONCE * FRAME_SECONDS / AT_ONCE, polite=polite) as caller:
        session = await model.session(caller.call_id)
        await _exchange(session)
        await asyncio.sleep(0.2)
        await _exchange(session)
        await asyncio.sleep(0.2)
    model.forget(caller.call_id)


async def _exchange(session: Session) -> None:
    """The caller speaks, into whatever is being played, and is answered."""
    await session.speech_started()
    await asyncio.sleep(_WORDS)
    await session.speech_stopped()
    await session.reply(_REPLY)


def _slope(points: list[Point]) -> float:
    """KiB for each call, by least squares."""
    return linear_regression([calls for calls, _ in points], [kib for _, kib in points]).slope


def main() -> int:
    """Measure, print the table and the curve, and draw it into the file that is named."""
    os.sched_setaffinity(0, {cores()[1]})
    gc.freeze()
    memory = uvloop.run(measure())
    print(table(memory.figures()))
    print(f"\nmemory over {CALLS} calls: {sparkline(memory.curve)}")
    for path in sys.argv[1:]:
        Path(path).write_text(svg(memory.curve, f"Memory of the bot over {CALLS} calls in a row, {AT_ONCE} at once"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
