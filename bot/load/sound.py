"""The caller's voice, cut into frames that are ready to be sent, and the noise of the line between the words.

Every 20 ms is a little louder or softer than the one before, in an order that does not repeat soon: by these levels
a frame is recognised again at the far end (`bot.load.matching`), however the audio was converted on its way.
"""

from __future__ import annotations

from binascii import b2a_base64
from functools import cache
from math import ceil
from pathlib import Path
from typing import NamedTuple

import audioop
import numpy as np
from numpy.typing import NDArray

from bot.load.record import FRAME_BYTES
from bot.simulator import wav

LOUD = 500  # RMS of 32768, -36 dBFS: from here on a frame is speech
_RATE = 8000
_NOISE_FRAMES = 1009  # a prime, so that callers who take every second, third... one all have an order of their own
_HARMONICS = 24


class Frame(NamedTuple):
    """20 ms. payload: base64 of mu-law; level: RMS of 16-bit samples."""

    payload: bytes
    level: int


def frames(pcm: bytes) -> tuple[Frame, ...]:
    """Cut a recording into frames. pcm: 16-bit little-endian mono at 8 kHz; silence fills the last frame up."""
    ulaw = audioop.lin2ulaw(pcm, 2)
    pieces = [ulaw[at : at + FRAME_BYTES].ljust(FRAME_BYTES, b"\xff") for at in range(0, len(ulaw), FRAME_BYTES)]
    return tuple(Frame(b2a_base64(piece, newline=False), level_of(piece)) for piece in pieces)


def level_of(ulaw: bytes) -> int:
    """RMS of mu-law audio, as of 16-bit samples."""
    return audioop.rms(audioop.ulaw2lin(ulaw, 2), 2)


@cache
def recording(path: str) -> tuple[Frame, ...]:
    """The frames of a WAV file. Raises SimulatorError."""
    return frames(wav.read(Path(path)))


@cache
def spoken(seconds: float, seed: int = 0) -> tuple[Frame, ...]:
    """Made-up speech, ready to be sent."""
    return frames(speech(seconds, seed))


@cache
def line_noise() -> tuple[Frame, ...]:
    """What a telephone line sounds like while nobody speaks: -74 to -57 dBFS, below all that counts as a sound."""
    rng = np.random.default_rng(7)
    gains = np.exp2(rng.uniform(np.log2(7), np.log2(42), _NOISE_FRAMES))
    noise = rng.normal(0, 1, (_NOISE_FRAMES, FRAME_BYTES)) * gains[:, np.newaxis]
    return frames(noise.clip(-190, 190).astype("<i2").tobytes())


def speech(seconds: float, seed: int = 0, rate: int = _RATE) -> bytes:
    """Sounds like a voice without words: pitch, three formants and syllables. 16-bit mono, in whole frames.

    The first frame is loud, and no pause in it is longer than a syllable.
    """
    rng = np.random.default_rng(seed)
    count = ceil(round(seconds / 0.02, 6))
    samples = count * rate // 50
    time = np.arange(samples) / rate
    knots = np.arange(0.0, seconds + 0.5, 0.18)  # a syllable lasts about so long

    def wander(low: float, high: float) -> NDArray[np.float64]:
        return np.interp(time, knots, rng.uniform(low, high, len(knots)))

    pitch = wander(105, 175)
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    formants = ((wander(300, 800), 90.0, 1.0), (wander(900, 2100), 140.0, 0.6), (wander(2300, 3100), 200.0, 0.3))
    voice = np.zeros(samples)
    for harmonic in range(1, _HARMONICS + 1):
        hertz = harmonic * pitch
        loudness = sum((gain / (1 + ((hertz - centre) / width) ** 2) for centre, width, gain in formants), 0.02)
        voice += loudness * np.where(hertz < 3300, np.sin(harmonic * phase), 0.0)
    levels = np.exp2(rng.uniform(-2.2, 0.8, count))
    levels[:2] = 1.0
    grid = (np.arange(count) + 0.5) * 0.02
    voice *= np.interp(time, grid, levels) * 3000 / np.sqrt(np.mean(voice**2))
    return voice.clip(-32000, 32000).astype("<i2").tobytes()
