"""The caller's voice for `--say`, lent by the embedded engine and loaded only when it is needed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.errors import SimulatorError
from bot.simulator import wav
from bot.simulator.script import Voice

_ENGINE_RATE = 24_000


@asynccontextmanager
async def engine_voice() -> AsyncIterator[Voice]:
    """A voice for the caller; using it may raise EngineError.

    Raises SimulatorError where the engine is not installed.
    """
    try:
        from bot.engine.speech import CALLER, caller_speaker
    except ImportError:
        raise SimulatorError("--say needs the embedded engine's voice; run `make setup`, or use --wav") from None
    speaker = caller_speaker()

    async def voice(text: str) -> bytes:
        pcm = b"".join([piece async for piece in speaker.speak(text, CALLER)])
        if not pcm:
            raise SimulatorError("--say should hold words to speak")
        return wav.to_line(pcm[: len(pcm) // 2 * 2], _ENGINE_RATE)

    try:
        yield voice
    finally:
        await speaker.close()
