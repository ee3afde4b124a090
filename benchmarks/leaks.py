"""What is left of calls that are over: sessions, tasks, files, threads, and the bot's own count of calls."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from benchmarks.figures import Figure, Target
from benchmarks.watched import Watched
from bot.load.model import ModelSide

_SETTLE = 2.0  # seconds
_NOTHING = Target("max", 0.0)


@dataclass(frozen=True, slots=True)
class State:
    """The bot with nobody on the phone. sessions: open at the service."""

    files: int
    threads: int
    tasks: int
    calls: float
    sessions: int


async def state(model: ModelSide, watched: Watched) -> State:
    """Look, once everything has had the time to close."""
    await asyncio.sleep(_SETTLE)
    calls = await watched.live_calls()
    tasks = await watched.tasks()
    await asyncio.sleep(_SETTLE)  # the connections of these questions are closed by now
    return State(watched.open_files(), watched.threads(), tasks, calls, model.open)


def figures(before: State, after: State, calls: int) -> list[Figure]:
    """What is there after so many calls that was not there before."""
    left = f"after {calls} calls: "
    return [
        Figure(f"{left}Voice Live sessions open", "", [after.sessions], _NOTHING, digits=0),
        Figure(f"{left}calls by the bot's metrics", "", [after.calls], _NOTHING, digits=0),
        Figure(f"{left}tasks more than before", "", [after.tasks - before.tasks], _NOTHING, digits=0),
        Figure(f"{left}files and sockets more than before", "", [after.files - before.files], _NOTHING, digits=0),
        Figure(f"{left}threads more than before", "", [after.threads - before.threads], _NOTHING, digits=0),
    ]
