"""Speech and noise for the tests of the engine's ears."""

from __future__ import annotations

import numpy as np

from bot.audio import Downsampler, Upsampler, mulaw
from bot.engine.parts import Speaker

SECOND = 48_000


async def spoken(speaker: Speaker, text: str, voice: str = "espeak:caller") -> bytes:
    """The sentence as a telephone delivers it, with a third of a second of silence on both sides."""
    pcm = b"".join([piece async for piece in speaker.speak(text, voice)])
    pcm = bytes(SECOND // 3) + pcm + bytes(SECOND // 3)
    return Upsampler().process(mulaw.decode(mulaw.encode(Downsampler().process(pcm))))


def noise(seconds: float, level: float = 300.0) -> bytes:
    """White noise, 16-bit mono at 24 kHz."""
    samples = np.random.default_rng(1).normal(0.0, level, int(seconds * 24_000))
    return samples.astype("<i2").tobytes()
