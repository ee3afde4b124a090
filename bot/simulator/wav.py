"""WAV files: read as 8 kHz mono for the line, and written from what was heard."""

from __future__ import annotations

import wave
from pathlib import Path

import audioop
import numpy as np

from bot.errors import SimulatorError
from bot.simulator.playout import RATE

_RATES = (8000, 16000, 24000, 48000)
_LONGEST = 600  # seconds


def read(path: Path) -> bytes:
    """Read PCM16 at 8, 16, 24 or 48 kHz, mono or stereo. Gives 16-bit little-endian mono at 8 kHz.

    Raises SimulatorError with one sentence.
    """
    try:
        with path.open("rb") as raw, wave.open(raw, "rb") as file:
            channels, width, rate, frames = file.getparams()[:4]
            if width != 2 or channels not in (1, 2) or rate not in _RATES:
                raise SimulatorError(
                    f"{path} should be 16-bit PCM at 8, 16, 24 or 48 kHz, mono or stereo; it has {8 * width} bits, "
                    f"{rate} Hz and {channels} channel(s)"
                )
            if frames > _LONGEST * rate:
                raise SimulatorError(f"{path} should be no longer than ten minutes")
            pcm = file.readframes(frames)
    except (wave.Error, EOFError) as error:
        raise SimulatorError(
            f"{path} should be a WAV file of 16-bit PCM: {str(error) or 'it ends too soon'}"
        ) from None
    except OSError as error:
        raise SimulatorError(f"{path} cannot be read: {error.strerror}") from None
    pcm = pcm[: len(pcm) - len(pcm) % (2 * channels)]
    if not pcm:
        raise SimulatorError(f"{path} holds no sound")
    return to_line(audioop.tomono(pcm, 2, 0.5, 0.5) if channels == 2 else pcm, rate)


def to_line(pcm: bytes, rate: int) -> bytes:
    """Convert a whole recording to 8 kHz. pcm: 16-bit little-endian mono at `rate`, a multiple of 8000."""
    factor, rest = divmod(rate, RATE)
    if rest or factor < 1:
        raise SimulatorError(f"speech at {rate} Hz cannot be put on the line")
    if factor == 1:
        return pcm
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float64)
    # A Kaiser-windowed low-pass at 3.7 kHz, long enough for 60 dB at 4.3 kHz: nothing folds back into speech.
    taps = 48 * factor + 1
    n = np.arange(taps) - taps // 2
    cutoff = 3700 / rate
    kernel = 2 * cutoff * np.sinc(2 * cutoff * n) * np.kaiser(taps, 6.0)
    filtered = np.convolve(samples, kernel / kernel.sum())[taps // 2 :][: len(samples)]
    return np.clip(np.rint(filtered[::factor]), -32768, 32767).astype("<i2").tobytes()


def write(path: Path, heard: bytes, said: bytes | None = None) -> None:
    """Write what was heard, and on a second channel what was said. Both: μ-law at 8 kHz, of equal length."""
    pcm = audioop.ulaw2lin(heard, 2)
    if said is not None:
        other = audioop.ulaw2lin(said, 2)
        pcm = audioop.add(audioop.tostereo(pcm, 2, 1, 0), audioop.tostereo(other, 2, 0, 1), 2)
    try:
        with path.open("wb") as raw, wave.open(raw, "wb") as file:
            file.setnchannels(1 if said is None else 2)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(pcm)
    except OSError as error:
        raise SimulatorError(f"{path} cannot be written: {error.strerror}") from None
