from __future__ import annotations

import wave
from pathlib import Path

import audioop
import numpy as np
import pytest

from bot.errors import SimulatorError
from bot.simulator import wav
from tests.simulator_bot import tone, tone_pcm


def written(path: Path, pcm: bytes, rate: int, channels: int = 1, width: int = 2) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(pcm)
    return path


def level(pcm: bytes, hertz: float) -> float:
    """Amplitude of one tone in the middle of 8 kHz `pcm`."""
    samples = np.frombuffer(pcm, "<i2")[800:-800].astype(float)
    n = np.arange(len(samples))
    return float(2 * abs(np.mean(samples * np.exp(-2j * np.pi * hertz * n / 8000))))


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 48000])
@pytest.mark.parametrize("channels", [1, 2])
def test_every_rate_and_both_layouts_become_8_khz_mono(tmp_path: Path, rate: int, channels: int) -> None:
    pcm = tone_pcm(1.0, 1000, rate)
    if channels == 2:
        pcm = audioop.tostereo(pcm, 2, 1, 1)
    line = wav.read(written(tmp_path / "a.wav", pcm, rate, channels))
    assert len(line) == 16000
    assert level(line, 1000) == pytest.approx(8000, rel=0.03)


@pytest.mark.parametrize("rate", [16000, 24000, 48000])
def test_what_the_line_cannot_carry_does_not_fold_back_into_speech(rate: int) -> None:
    line = wav.to_line(tone_pcm(1.0, 5000, rate), rate)
    assert level(line, 3000) < 8000 / 500  # 54 dB down


@pytest.mark.parametrize(
    ("rate", "channels", "width"),
    [(44100, 1, 2), (11025, 1, 2), (8000, 3, 2), (8000, 1, 1), (24000, 1, 3)],
)
def test_other_formats_are_refused_with_what_they_should_be(
    tmp_path: Path, rate: int, channels: int, width: int
) -> None:
    path = written(tmp_path / "a.wav", b"\0" * 6 * channels * width, rate, channels, width)
    with pytest.raises(
        SimulatorError, match=f"should be 16-bit PCM at 8, 16, 24 or 48 kHz.*{8 * width} bits.*{rate}"
    ):
        wav.read(path)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"ID3 an mp3, really", b"RIFF\x04\0\0\0WAVE"])
def test_what_is_no_wav_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(SimulatorError, match="should be a WAV file"):
        wav.read(tmp_path / "a.wav")


def test_missing_and_empty_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SimulatorError, match="cannot be read"):
        wav.read(tmp_path / "none.wav")
    with pytest.raises(SimulatorError, match="holds no sound"):
        wav.read(written(tmp_path / "a.wav", b"", 8000))
    with pytest.raises(SimulatorError, match="cannot be written"):
        wav.write(tmp_path / "none" / "a.wav", b"")


def test_a_recording_holds_what_was_heard_and_beside_it_what_was_said(tmp_path: Path) -> None:
    heard, said = tone(0.5, 300), tone(0.5, 700)
    wav.write(tmp_path / "mono.wav", heard)
    assert wav.read(tmp_path / "mono.wav") == audioop.ulaw2lin(heard, 2)
    wav.write(tmp_path / "stereo.wav", heard, said)
    with wave.open(str(tmp_path / "stereo.wav")) as file:
        both = file.readframes(file.getnframes())
    assert audioop.tomono(both, 2, 1, 0) == audioop.ulaw2lin(heard, 2)
    assert audioop.tomono(both, 2, 0, 1) == audioop.ulaw2lin(said, 2)
