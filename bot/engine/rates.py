"""From a synthesizer's sampling rate to the session's 24 kHz, for speech made off the phone path.

A windowed-sinc low-pass in polyphase form, linear phase. It holds the whole sentence, so it needs no state, and its
delay is compensated. 22.05 kHz (espeak-ng) costs about 6 ms for a second of audio.
"""

from __future__ import annotations

from functools import cache
from math import gcd

import numpy as np
import numpy.typing as npt

SESSION_RATE = 24_000
_REACH = 12  # input samples on each side of an output sample


@cache
def _phases(up: int) -> npt.NDArray[np.float32]:
    """One row of `2 * _REACH` coefficients for each of the `up` positions between two input samples."""
    offsets = np.arange(-_REACH + 1, _REACH + 1)[None, :] - (np.arange(up) / up)[:, None]
    taps = np.sinc(offsets * 0.95) * np.cos(np.pi / 2 * np.clip(offsets / _REACH, -1, 1)) ** 2
    normal: npt.NDArray[np.float32] = (taps / taps.sum(axis=1, keepdims=True)).astype(np.float32)
    return normal


def to_session_rate(pcm: bytes, rate: int) -> bytes:
    """Convert a whole sentence, 16-bit mono at `rate` (at most 24 kHz), to 24 kHz. ValueError for other rates."""
    if not 4000 <= rate <= SESSION_RATE:
        raise ValueError(f"cannot convert {rate} Hz to {SESSION_RATE} Hz")
    samples = np.frombuffer(pcm[: len(pcm) & ~1], dtype="<i2")
    if rate == SESSION_RATE or not samples.size:
        return samples.tobytes()
    common = gcd(rate, SESSION_RATE)
    up, down = SESSION_RATE // common, rate // common
    position = np.arange(len(samples) * up // down) * down
    padded = np.pad(samples.astype(np.float32), (_REACH - 1, _REACH))
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * _REACH)
    converted: npt.NDArray[np.float32] = np.einsum("ij,ij->i", windows[position // up], _phases(up)[position % up])
    return bytes(np.clip(np.rint(converted), -32768, 32767).astype("<i2").tobytes())
