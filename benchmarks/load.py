"""Forty calls on one core, each talking and getting replies; and the floor: the same through a bare relay."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from time import monotonic

import aiohttp

from benchmarks.caller_side import FRAME_BYTES, FRAME_SECONDS, Caller, call
from benchmarks.delays import MS, delta_to_media, frame_to_append
from benchmarks.figures import Figure, Target
from benchmarks.floor import MODEL_URL
from benchmarks.latency import MODEL_FRAME, RATIO
from benchmarks.model_side import ModelSide, Session, model_side
from benchmarks.watched import Watched, bot, free_port, running

CALLS = 40
SECONDS = 24  # measured, once every call stands

_TURN = 8.0  # seconds: a reply, the rest of it being played, and the caller's next words
_REPLY = 5.0
_SPEAKS, _SILENT = 6.0, 7.4  # when in a turn the caller speaks
_SETTLE = 1.0
_LONGEST_START = 20.0


@dataclass(frozen=True, slots=True)
class _Load:
    """What came out. cpu: milliseconds for each call and second, one sample a second."""

    cpu: list[float]
    append: list[float]
    media: list[float]


class _Crowd:
    """The callers of one load. all_here: set once every call stands; enough: they are to hang up."""

    def __init__(self) -> None:
        self.calls: list[tuple[Caller, Session]] = []
        self.all_here = asyncio.Event()
        self.enough = asyncio.Event()

    def join(self, caller: Caller, session: Session) -> None:
        """Another call stands."""
        self.calls.append((caller, session))
        if len(self.calls) == CALLS:
            self.all_here.set()

    async def until(self, at: float) -> bool:
        """Wait for this moment; False where it is enough before then."""
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, at - monotonic())):
                await self.enough.wait()
        return not self.enough.is_set()


async def run() -> list[Figure]:
    """Load the relay, then the bot, in the same way."""
    port = free_port()
    async with model_side() as model:
        environment = {MODEL_URL: model.url}
        relay = running(("benchmarks.floor", str(port)), port, environment, ready="/ready")
        floor = await _measure(model, relay, FRAME_BYTES, 1)
        ours = await _measure(model, bot(model.url), MODEL_FRAME, RATIO)
    return [
        Figure(f"{CALLS} calls: CPU for each call and second", "ms", ours.cpu, Target("mean", 8.0)),
        Figure(f"{CALLS} calls: caller frame in → `append` out", "ms", ours.append, Target("p99", 4.0)),
        Figure(f"{CALLS} calls: audio delta in → `media` out", "ms", ours.media),
        Figure(f"floor (a relay that only re-wraps), {CALLS} calls: CPU for each call and second", "ms", floor.cpu),
        Figure(f"floor, {CALLS} calls: caller frame in → `append` out", "ms", floor.append),
        Figure(f"floor, {CALLS} calls: audio delta in → `media` out", "ms", floor.media),
    ]


async def _measure(
    model: ModelSide, program: AbstractAsyncContextManager[Watched], frame_bytes: int, ratio: int
) -> _Load:
    """Load one program. frame_bytes: of one frame at the model; ratio: bytes there for one at the caller."""
    crowd = _Crowd()
    async with program as watched, aiohttp.ClientSession() as http, asyncio.TaskGroup() as tasks:
        for number in range(CALLS):
            tasks.create_task(_converse(model, http, watched.url, number, crowd))
        async with asyncio.timeout(_LONGEST_START):
            await crowd.all_here.wait()
        await asyncio.sleep(_SETTLE)
        since = monotonic()
        cpu = [await _cpu_of_a_second(watched) for _ in range(SECONDS)]
        until = monotonic()
        await asyncio.sleep(_SETTLE)
        append = [
            delay
            for caller, session in crowd.calls
            for delay in frame_to_append(caller.sent, session.appends, frame_bytes, since=since, until=until)
        ]
        media = [
            delay
            for caller, session in crowd.calls
            for delay in delta_to_media(session.replies, caller.media, ratio, since=since, until=until)
        ]
        crowd.enough.set()
    return _Load(cpu, append, media)


async def _cpu_of_a_second(watched: Watched) -> float:
    began, used = monotonic(), watched.cpu_seconds()
    await asyncio.sleep(1)
    return MS * (watched.cpu_seconds() - used) / (monotonic() - began) / CALLS


async def _converse(model: ModelSide, http: aiohttp.ClientSession, url: str, number: int, crowd: _Crowd) -> None:
    """Hold one call: every 8 s a reply of 5 s, delivered at ten times real time, and the caller's next words."""
    await asyncio.sleep(number * _TURN / CALLS / 4)
    async with call(http, url, number, phase=number * FRAME_SECONDS / CALLS) as caller:
        session = await model.session(caller.call_id)
        crowd.join(caller, session)
        begins = monotonic() + number * _TURN / CALLS
        while await crowd.until(begins):
            await session.reply(_REPLY)
            if await crowd.until(begins + _SPEAKS):
                await session.speech_started()
            if await crowd.until(begins + _SILENT):
                await session.speech_stopped()
            begins += _TURN
    model.forget(caller.call_id)
