"""What remains of calls that are over: nothing but a little memory."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import aiohttp

from benchmarks.caller_side import call
from benchmarks.figures import Figure, Target
from benchmarks.model_side import ModelSide, model_side
from benchmarks.watched import Watched, bot

CALLS = 200
AT_ONCE = 40

_GREETING = 1.0
_TALK = 0.7  # seconds, so that the caller leaves in the middle of a sentence
_SETTLE = 2.0
_NOTHING = Target("max", 0.0)


@dataclass(frozen=True, slots=True)
class _State:
    """The bot with nobody on the phone."""

    files: int
    threads: int
    tasks: int
    calls: float
    sessions: int
    memory: int  # KiB


async def run() -> list[Figure]:
    """Place 200 short calls, half of which end without a `stop`, and compare the bot with how it stood before.

    Forty calls before that warm it up.
    """
    async with model_side(_GREETING) as model, bot(model.url) as watched:
        await _batch(model, watched, 0)
        before = await _state(model, watched)
        for first in range(AT_ONCE, AT_ONCE + CALLS, AT_ONCE):
            await _batch(model, watched, first)
        after = await _state(model, watched)
        if model.opened < CALLS + AT_ONCE:
            raise RuntimeError(f"only {model.opened} sessions were opened")
    left = f"after {CALLS} calls: "
    return [
        Figure(f"{left}Voice Live sessions open", "", [after.sessions], _NOTHING, digits=0),
        Figure(f"{left}calls by the bot's metrics", "", [after.calls], _NOTHING, digits=0),
        Figure(f"{left}tasks more than before", "", [after.tasks - before.tasks], _NOTHING, digits=0),
        Figure(f"{left}files and sockets more than before", "", [after.files - before.files], _NOTHING, digits=0),
        Figure(f"{left}threads more than before", "", [after.threads - before.threads], _NOTHING, digits=0),
        Figure(f"{left}memory more than before, for each call", "KiB", [(after.memory - before.memory) / CALLS]),
    ]


async def _batch(model: ModelSide, watched: Watched, first: int) -> None:
    async with aiohttp.ClientSession() as http, asyncio.TaskGroup() as tasks:
        for number in range(first, first + AT_ONCE):
            tasks.create_task(_short_call(model, http, watched.url, number))


async def _short_call(model: ModelSide, http: aiohttp.ClientSession, url: str, number: int) -> None:
    await asyncio.sleep(number % AT_ONCE * 0.02)
    async with call(http, url, number, polite=number % 2 == 0) as caller:
        await model.session(caller.call_id)
        await asyncio.sleep(_TALK)
    model.forget(caller.call_id)


async def _state(model: ModelSide, watched: Watched) -> _State:
    await asyncio.sleep(_SETTLE)
    calls = await watched.live_calls()
    tasks = await watched.tasks()
    await asyncio.sleep(_SETTLE)  # the connections of these questions are closed by now
    return _State(watched.open_files(), watched.threads(), tasks, calls, model.open, watched.resident_kib())
