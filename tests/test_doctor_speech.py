from __future__ import annotations

import audioop

from bot.audio import Upsampler
from bot.engine.detector import best_detector
from webhooks.doctor.speech import RATE, babble


def test_it_is_as_long_as_it_should_be_and_the_same_each_time() -> None:
    assert len(babble(0.5)) == RATE
    assert babble(0.5) == babble(0.5)
    assert babble(0) == b""


def test_it_is_as_loud_as_a_voice_and_not_clipped() -> None:
    pcm = babble(1.2)
    assert audioop.max(pcm, 2) <= 12_000
    assert audioop.rms(pcm, 2) > 800


def test_the_engines_detector_takes_it_for_a_voice() -> None:
    up = Upsampler()
    probabilities = best_detector()().probability(up.process(babble(1.2)))
    assert sum(probability > 0.5 for probability in probabilities) > len(probabilities) / 3
