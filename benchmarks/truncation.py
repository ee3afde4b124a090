"""How well the bot knows what the caller heard: its truncation point against the caller's own play-out buffer.

The network delays by 60 ms and up to 30 ms more each way, and every reply stalls for 1.2 s half a second in: whoever
goes by the clock since the first sound, or by what was sent, is far off.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random
from time import monotonic

import aiohttp

from benchmarks.caller_side import Caller, call
from benchmarks.figures import Figure, Target
from benchmarks.watched import bot
from bot.load.model import ModelSide, model_side
from bot.load.model_session import Manner, Session
from bot.simulator import Network

CALLS = 20
ROUNDS = 6
DELAY, JITTER = 0.06, 0.03  # seconds
STALL_AT, STALL = 0.5, 1.2

_GREETING = 0.5
_REPLY = 4.0
_EARLIEST, _LATEST = 0.15, _REPLY + STALL - STALL_AT  # of a barge-in, seconds after the reply's first delta
_BYTES_PER_MS = 8
_PAUSE = 0.5


async def run() -> list[Figure]:
    """Interrupt 120 replies, at moments spread evenly over them, shuffled over the calls."""
    count = CALLS * ROUNDS
    moments = [_EARLIEST + (number + 0.5) / count * (_LATEST - _EARLIEST) for number in range(count)]
    Random(1).shuffle(moments)  # noqa: S311 - an order
    async with (
        model_side(manner=Manner(greeting=_GREETING, hears=False)) as model,
        bot(model.url) as watched,
        aiohttp.ClientSession() as http,
        asyncio.TaskGroup() as tasks,
    ):
        calls = [
            tasks.create_task(_interrupt(model, http, watched.url, number, moments[number::CALLS]))
            for number in range(CALLS)
        ]
    what = "truncation point against what was heard, 60 to 90 ms each way, the reply stalls for 1.2 s"
    ours, clocks = zip(*(errors for each in calls for errors in each.result()), strict=True)
    return [
        Figure(what, "ms", ours, Target("p99", 100.0), digits=1),
        Figure("what it would be by the clock since the first delta", "ms", clocks, digits=1),
    ]


async def _interrupt(
    model: ModelSide, http: aiohttp.ClientSession, url: str, number: int, moments: Sequence[float]
) -> list[tuple[float, float]]:
    """The errors of one call, as of `_barge_in`. moments: of its barge-ins."""
    network = Network.symmetric(delay=DELAY, jitter=JITTER)
    await asyncio.sleep(number * 0.1)
    async with call(http, url, number, phase=number / CALLS * 0.02, network=network) as caller:
        session = await model.session(caller.call_id)
        await asyncio.sleep(2 * _GREETING)
        return [await _barge_in(caller, session, moment) for moment in moments]


async def _barge_in(caller: Caller, session: Session, moment: float) -> tuple[float, float]:
    """Interrupt one reply; how far off the bot's idea of what was heard is, and the clock's, in milliseconds."""
    began = monotonic()
    before = caller.playout.played(began)
    replying = asyncio.create_task(session.reply(_REPLY, stall_at=STALL_AT, stall=STALL))
    await asyncio.sleep(began + moment - monotonic())
    interrupted = await session.speech_started()
    reply = await replying
    await asyncio.sleep(_PAUSE)
    # There was nothing to clear in the stall; a clear that never came lets the reply play to its end.
    await asyncio.sleep(caller.playout.ran_dry_at - monotonic())
    heard_ms = (caller.playout.played(monotonic()) - before) / _BYTES_PER_MS
    await session.speech_stopped()
    await asyncio.sleep(_PAUSE)
    # What the bot does not cut off it takes for heard to the end.
    said_ms = reply.sent_ms if reply.told_ms is None else reply.told_ms
    clock_ms = min(1000 * (interrupted - reply.deltas[0][0]), reply.sent_ms)
    return abs(said_ms - heard_ms), abs(clock_ms - heard_ms)
