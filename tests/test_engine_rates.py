from __future__ import annotations

import numpy as np
import pytest

from bot.engine.rates import to_session_rate


@pytest.mark.parametrize("rate", [8000, 16_000, 22_050, 24_000])
def test_a_tone_keeps_its_pitch_its_level_and_its_place(rate: int) -> None:
    tone = (10_000 * np.sin(2 * np.pi * 1000 * np.arange(rate) / rate)).astype("<i2")
    made = np.frombuffer(to_session_rate(tone.tobytes(), rate), dtype="<i2").astype(float)
    wanted = 10_000 * np.sin(2 * np.pi * 1000 * np.arange(24_000) / 24_000)
    assert abs(len(made) - 24_000) <= 2
    assert np.abs(made[1000:20_000] - wanted[1000:20_000]).max() < 100


def test_images_are_down_by_forty_decibels() -> None:
    tone = (10_000 * np.sin(2 * np.pi * 3000 * np.arange(8000) / 8000)).astype("<i2")
    made = np.frombuffer(to_session_rate(tone.tobytes(), 8000), dtype="<i2").astype(float)[1000:-1000]
    spectrum = np.abs(np.fft.rfft(made * np.hanning(len(made))))
    frequency = np.arange(len(spectrum)) * 24_000 / len(made)
    assert spectrum[frequency > 4500].max() < spectrum.max() / 100


def test_nothing_stays_nothing_and_odd_rates_are_refused() -> None:
    assert to_session_rate(b"", 16_000) == b""
    assert to_session_rate(b"\1", 16_000) == b""
    with pytest.raises(ValueError, match="48000"):
        to_session_rate(b"", 48_000)
