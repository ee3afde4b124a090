"""The callers of one process: one more at a time while the load grows, and all of them until it is enough."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from time import process_time

import aiohttp

from bot.load import script, sound
from bot.load.metronome import Metronome
from bot.load.phoning import Phone
from bot.load.record import CallRecord
from bot.load.target import Plan

GRACE = 15.0  # seconds for the last calls to hang up and for their last requests


@dataclass(slots=True)
class Share:
    """What one process did. cpu, seconds: processor time it used in so many seconds, from the end of the ramp on."""

    calls: list[CallRecord] = field(default_factory=list)
    cpu: float = 0.0
    seconds: float = 0.0


class Crowd:
    """Lines to call on. numbers: those of this process, out of `plan.calls`."""

    def __init__(
        self,
        plan: Plan,
        numbers: Sequence[int],
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.share = Share()
        self._plan = plan
        self._numbers = numbers
        self._clock = clock
        self._sleep = sleep
        self._script = script.read(Path(plan.script)) if plan.script else script.DEFAULT
        self._left = plan.most * len(numbers) // plan.calls
        self._enough = asyncio.Event()

    def warm(self) -> None:
        """Make every sound now, and not while somebody waits for it. Raises SimulatorError for a recording."""
        sound.line_noise()
        for step in self._script.step:
            match step:
                case script.Speak(wav=wav) | script.Interrupt(wav=wav) if wav:
                    sound.recording(wav)
                case script.Speak(seconds=seconds):
                    sound.spoken(seconds)
                case script.Interrupt(seconds=seconds):
                    sound.spoken(seconds, sound.INTERRUPTS)
                case _:
                    pass

    def stop(self) -> None:
        """Have everybody hang up."""
        self._enough.set()

    async def run(self, began: float) -> Share:
        """Call until the plan's seconds since `began` are over, or `stop`. Gives what was recorded by then."""
        plan, metronome = self._plan, Metronome(self._clock)
        connector = aiohttp.TCPConnector(limit=0)
        timer = asyncio.ensure_future(self._stop_at(began + plan.seconds))
        measuring = asyncio.ensure_future(self._measure_cpu(began + plan.ramp))
        try:
            async with aiohttp.ClientSession(connector=connector) as http:
                phone = Phone(plan.target, self._script, metronome, http, self._clock, levels=plan.levels)
                lines = [asyncio.ensure_future(self._line(phone, number, began)) for number in self._numbers]
                everybody = asyncio.gather(*lines)
                try:
                    async with asyncio.timeout(began + plan.seconds + GRACE - self._clock()):
                        await everybody
                except TimeoutError:
                    pass  # who has not hung up by now is cut off; their records say so
        finally:
            self.stop()
            for task in (timer, measuring):
                task.cancel()
            await asyncio.gather(timer, measuring, return_exceptions=True)
            metronome.close()
        return self.share

    async def _line(self, phone: Phone, number: int, began: float) -> None:
        """One caller after the other; the next only where the one before has come to the end of the script."""
        begins = began + self._plan.ramp * number / self._plan.calls
        if await self._is_enough_at(begins):
            return
        for turn in count():
            if self._enough.is_set() or self._left <= 0:
                return
            self._left -= 1
            record = await phone.call(number + turn * self._plan.calls, self._enough)
            self.share.calls.append(record)
            if record.failure or self._script.repeat:
                return

    async def _is_enough_at(self, at: float) -> bool:
        """Wait for this moment; whether it is enough by then."""
        waiting = asyncio.ensure_future(self._enough.wait())
        pause = asyncio.ensure_future(self._sleep(max(0.0, at - self._clock())))
        try:
            await asyncio.wait({waiting, pause}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            pause.cancel()
            await asyncio.gather(waiting, pause, return_exceptions=True)
        return self._enough.is_set()

    async def _stop_at(self, at: float) -> None:
        await self._is_enough_at(at)
        self._enough.set()

    async def _measure_cpu(self, since: float) -> None:
        if not await self._is_enough_at(since):
            began, used = self._clock(), process_time()
            with suppress(asyncio.CancelledError):
                await self._enough.wait()
            self.share.cpu, self.share.seconds = process_time() - used, self._clock() - began


@contextmanager
def no_pauses() -> Iterator[None]:
    """Who keeps the time is not to stop for the garbage collector; a run is bounded, and so is what it leaves."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()
