"""A voice without words, to see whether the caller is heard: syllables of a deep voice, as a phone line carries them.

Made here, because the engine's real voices are not installed where only Azure answers. Pure.
"""

from __future__ import annotations

import numpy as np

RATE = 8000  # Hz
_PITCH = 120.0  # Hz, of the voice; it falls somewhat over a syllable
_SYLLABLES = 4.0  # a second
_FORMANTS = {"a": (730, 1090, 2440), "i": (300, 2200, 2900), "o": (500, 900, 2400), "e": (530, 1840, 2480)}  # Hz
_WIDTH = 120.0  # Hz, of a formant
_PEAK = 12_000.0


def babble(seconds: float) -> bytes:
    """So much of it: 16-bit little-endian mono PCM at 8 kHz. The same each time."""
    count = round(seconds * RATE)
    time = np.arange(count) / RATE
    syllable = np.floor(time * _SYLLABLES).astype(int)
    within = time * _SYLLABLES - syllable
    phase = 2 * np.pi * np.cumsum(_PITCH * (1.15 - 0.3 * within)) / RATE
    voice = np.zeros(count)
    vowels = list(_FORMANTS.values())
    for harmonic in range(1, round(3400 / _PITCH)):
        weight = np.zeros(len(vowels))
        for number, formants in enumerate(vowels):
            distances = np.array([harmonic * _PITCH - formant for formant in formants])
            weight[number] = (np.array([1.0, 0.5, 0.25]) / (1 + (distances / _WIDTH) ** 2)).sum()
        voice += weight[syllable % len(vowels)] * np.sin(harmonic * phase)
    voice *= np.sin(np.pi * np.clip(within / 0.9, 0, 1)) ** 0.7
    loudest = float(np.abs(voice).max()) if count else 1.0
    return (voice / (loudest or 1.0) * _PEAK).astype("<i2").tobytes()
