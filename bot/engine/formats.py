"""The audio formats of a session, to and from the engine's own: 16-bit little-endian mono PCM at 24 kHz."""

from __future__ import annotations

from typing import Any

import audioop

SAMPLE_RATE = 24_000
BYTES_PER_MS = SAMPLE_RATE * 2 // 1000

INPUT_FORMATS = ("pcm16", "g711_ulaw", "g711_alaw")
OUTPUT_FORMATS = ("pcm16", "pcm16_8000hz", "pcm16_16000hz", "g711_ulaw", "g711_alaw")
INPUT_RATES = (8000, 16_000, 24_000)

_OUTPUT_RATES = {"pcm16": 24_000, "pcm16_16000hz": 16_000}


class Decoder:
    """What a client appends, as PCM at 24 kHz. Keeps its state between pieces, a half sample included.

    Plain linear interpolation: a sharper filter makes the recogniser worse, and ears do not listen here.
    """

    def __init__(self, audio_format: str = "pcm16", sampling_rate: int | None = None) -> None:
        self._format = audio_format
        self._rate = (sampling_rate or SAMPLE_RATE) if audio_format == "pcm16" else 8000
        self._half = b""
        self._state: Any = None

    def decode(self, data: bytes) -> bytes:
        """Turn the next piece into PCM."""
        if self._format == "g711_ulaw":
            pcm = audioop.ulaw2lin(data, 2)
        elif self._format == "g711_alaw":
            pcm = audioop.alaw2lin(data, 2)
        else:
            data = self._half + data
            whole = len(data) // 2 * 2
            pcm, self._half = data[:whole], data[whole:]
        if self._rate == SAMPLE_RATE:
            return pcm
        resampled, self._state = audioop.ratecv(pcm, 2, 1, self._rate, SAMPLE_RATE, self._state)
        return bytes(resampled)


class Encoder:
    """The engine's PCM in the session's output format; one for each item, since it keeps state."""

    def __init__(self, audio_format: str = "pcm16") -> None:
        self._format = audio_format
        self._rate = _OUTPUT_RATES.get(audio_format, 8000)
        self._state: Any = None

    def encode(self, pcm: bytes) -> bytes:
        """Turn the next piece of PCM, whole samples, into what the client wants."""
        if self._rate != SAMPLE_RATE:
            pcm, self._state = audioop.ratecv(pcm, 2, 1, SAMPLE_RATE, self._rate, self._state)
        if self._format == "g711_ulaw":
            return bytes(audioop.lin2ulaw(pcm, 2))
        if self._format == "g711_alaw":
            return bytes(audioop.lin2alaw(pcm, 2))
        return bytes(pcm)
