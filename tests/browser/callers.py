"""People who phone by browser: what their microphones hear, as WAV files."""

from __future__ import annotations

import asyncio
import wave
from pathlib import Path

from bot.audio import Downsampler
from bot.engine.speech import CALLER, caller_speaker
from tests.browser.listening import Sound, pcm16

RATE = 24_000
_BYTES_A_SECOND = 2 * RATE
_HEADER = 44  # bytes of a WAV file before its sound


class Callers:
    """Speaks and keeps the files. folder: where they are kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._speaker = caller_speaker()
        self._files: dict[tuple[float | str, ...], Path] = {}

    async def says(self, *parts: float | str) -> Path:
        """A WAV file: a number is so many seconds of silence, a text is spoken. Equal parts give the same file.

        Chromium plays it once, from when the microphone is opened. Leave three seconds at its beginning: the first
        moments of a capture may be lost, and the assistant greets.
        """
        if parts not in self._files:
            pcm = b"".join([await self._sound(part) for part in parts])
            path = self._folder / f"{len(self._files)}.wav"
            await asyncio.to_thread(_write, path, pcm)
            self._files[parts] = path
        return self._files[parts]

    async def silence(self) -> Path:
        """A WAV file for who says nothing for a minute."""
        return await self.says(60.0)

    async def _sound(self, part: float | str) -> bytes:
        if isinstance(part, str):
            return b"".join([piece async for piece in self._speaker.speak(part, CALLER)])
        return bytes(int(part * RATE) * 2)

    async def close(self) -> None:
        """End the voice."""
        await self._speaker.close()


def _write(path: Path, pcm: bytes) -> None:
    with path.open("wb") as raw, wave.open(raw, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(pcm)


def recorded(path: Path) -> Sound:
    """What is in a WAV file, at 8 kHz."""
    return pcm16(Downsampler().process(path.read_bytes()[_HEADER:]))


def seconds(path: Path) -> float:
    """How long a WAV file is."""
    return (path.stat().st_size - _HEADER) / _BYTES_A_SECOND
