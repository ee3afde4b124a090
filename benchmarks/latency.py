"""What the bot adds to one call: to its greeting, the caller's words, the assistant's, and to falling silent."""

from __future__ import annotations

import asyncio
from time import monotonic

import aiohttp

from benchmarks.caller_side import Caller, call
from benchmarks.delays import MS, delta_to_media, frame_to_append
from benchmarks.figures import Figure, Target
from benchmarks.watched import bot
from bot.load.model import ModelSide, model_side
from bot.load.model_session import Manner, Session

BARGE_INS = 150
ANSWERS = 25  # calls, one after the other

_REPLY = 1.0  # seconds
_GREETING = 0.5
_MANNER = Manner(greeting=_GREETING, hears=False)
_PAUSE = 0.05
_LONGEST_WAIT = 2.0
_ANSWERED = 0.2


async def run() -> list[Figure]:
    """Hold one call with 200 replies, each interrupted while most of it is still to be played."""
    async with model_side(manner=_MANNER) as model, bot(model.url) as watched, aiohttp.ClientSession() as http:
        async with call(http, watched.url, 1) as caller:
            session = await model.session(caller.call_id)
            await asyncio.sleep(2 * _GREETING)
            since = monotonic()
            clear = [await _barge_in(caller, session) for _ in range(BARGE_INS)]
            until = monotonic()
            await asyncio.sleep(_PAUSE)
        if caller.playout.received != session.sent // session.record.ratio:
            raise RuntimeError(
                f"of {session.sent // session.record.ratio} bytes for the caller {caller.playout.received} came"
            )
        answers = [await _answer(model, http, watched.url, number) for number in range(2, 2 + ANSWERS)]
        append = frame_to_append(caller.sent, session.record, since=since, until=until)
        media = delta_to_media(session.record, caller.media, since=since, until=until)
    return [
        Figure("one call: caller frame in → `append` out", "ms", append, Target("median", 0.8)),
        Figure("one call: audio delta in → `media` out", "ms", media, Target("median", 0.7)),
        Figure("one call: `speech_started` in → `clear` out", "ms", clear, Target("p99", 5.0)),
        Figure(
            "webhook asked → greeting's first `media`, of a model that takes no time",
            "ms",
            answers,
            Target("max", 60.0),
        ),
    ]


async def _answer(model: ModelSide, http: aiohttp.ClientSession, url: str, number: int) -> float:
    """Milliseconds from the webhook to the greeting's first sound: connecting, configuring and asking included."""
    async with call(http, url, number) as caller:
        await model.session(caller.call_id)
        await asyncio.sleep(_ANSWERED)
    model.forget(caller.call_id)
    return MS * (caller.media[0][0] - caller.placed)


async def _barge_in(caller: Caller, session: Session) -> float:
    """Milliseconds from `speech_started` to `clear`, with audio in the play-out buffer."""
    await session.reply(_REPLY)
    await asyncio.sleep(_PAUSE)
    caller.cleared.clear()
    began = await session.speech_started()
    async with asyncio.timeout(_LONGEST_WAIT):
        await caller.cleared.wait()
    await asyncio.sleep(_PAUSE)
    await session.speech_stopped()
    return MS * (caller.clears[-1] - began)
