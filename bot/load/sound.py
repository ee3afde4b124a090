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

from bot.load.record import FRAME_BYTES
from bot.simulator import wav

LOUD = 500  # RMS of 32768, -36 dBFS: from here on a frame is speech
SAYS, INTERRUPTS = 3, 4  # seeds of `speech`: these two a voice activity detector is sure of from their beginning
_RATE = 8000
_NOISE_FRAMES = 1009  # a prime, so that callers who take every second, third... one all have an order of their own
_HARMONICS = 32
_LEVEL = 3000.0  # RMS of 32768, -21 dBFS
# Formants of vowels, Hz: Peterson and Barney, "Control methods used in a study of the vowels" (1952), men.
_VOWELS = (
    *((270, 2290, 3010), (530, 1840, 2480), (660, 1720, 2410)),
    *((730, 1090, 2440), (570, 840, 2410), (300, 870, 2240)),
)
_WIDTHS = (70.0, 100.0, 150.0)


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
def spoken(seconds: float, seed: int = SAYS) -> tuple[Frame, ...]:
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
    """Sounds like a voice without words: syllables of a consonant and a vowel. 16-bit mono, in whole frames.

    A source of harmonics, as of vocal cords, goes through three formants; that is speech to whoever listens for
    speech, too. The first frame is loud, and no pause in it is longer than a consonant.
    """
    rng = np.random.default_rng(seed)
    count = ceil(round(seconds / 0.02, 6))
    samples = count * rate // 50
    time = np.arange(samples) / rate
    # The corners of what changes: a consonant's closure, its vowel reached, the vowel left.
    corners, loudness = [0.0], [1.0]
    vowels = [_VOWELS[rng.integers(len(_VOWELS))]]
    while corners[-1] < seconds:
        vowel = _VOWELS[rng.integers(len(_VOWELS))]
        at = corners[-1] + rng.uniform(0.09, 0.17)
        corners += [at, at + 0.04, at + 0.09]
        loudness += [rng.uniform(0.7, 1.0), rng.uniform(0.12, 0.3), rng.uniform(0.8, 1.2)]
        vowels += [vowels[-1], vowel, vowel]
    formants = [np.interp(time, corners, [vowel[number] for vowel in vowels]) for number in range(3)]
    pitch = np.interp(time, corners, rng.uniform(-8, 8, len(corners))) + 128 - 12 * time / max(seconds, 1.0)
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    voice = np.zeros(samples)
    for harmonic in range(1, _HARMONICS + 1):
        hertz = harmonic * pitch
        strength = np.where(hertz < 3600, 1.0 / harmonic**1.2, 0.0)
        for formant, width in zip(formants, _WIDTHS, strict=True):
            strength *= formant**2 / np.sqrt((formant**2 - hertz**2) ** 2 + (width * hertz) ** 2)
        voice += strength * np.sin(harmonic * phase)
    voice /= np.sqrt(np.mean(voice**2))
    voice += 0.02 * rng.normal(0, 1, samples)  # breath
    grid = (np.arange(count) + 0.5) * 0.02
    voice *= np.interp(time, corners, loudness) * np.interp(time, grid, np.exp2(rng.uniform(-1.1, 0.6, count)))
    voice *= _LEVEL / np.sqrt(np.mean(voice**2))
    return voice.clip(-32000, 32000).astype("<i2").tobytes()
