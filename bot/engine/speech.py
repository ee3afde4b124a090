"""The engine's voice: sentences to 24 kHz speech, by flite where it is installed and by espeak-ng everywhere."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Mapping

import numpy as np

from bot.engine.parts import Speaker
from bot.engine.rates import SESSION_RATE, to_session_rate
from bot.engine.voices import (
    ESPEAK_CALLER,
    ESPEAK_FEMALE,
    ESPEAK_MALE,
    FLITE,
    EspeakChild,
    Synthesizer,
    Voice,
    installed,
)
from bot.errors import EngineError

CALLER = "caller"
"""The voice name of a test caller: the voice that the recognizer understands best of those installed."""
_LONGEST_SENTENCE = 300
_LONGEST_TEXT = 20_000
_MEN = re.compile(
    r"(Andrew|Brian|Guy|Davis|Tony|Jason|Christopher|Eric|Roger|Steffan|Ryan|Adam|Derek|Dustin|Lewis)|echo|cedar|ash|male"
)
_ENDS = re.compile(r"(?<=[.!?;:])\s+|\n+")
_PEAK = 20_000
_QUIET = 200
_LEAD_IN = SESSION_RATE // 50


class Voices:
    """A `Speaker` over the synthesizers of this machine."""

    def __init__(self, synthesizers: Mapping[str, Synthesizer] | None = None) -> None:
        self._synthesizers = dict(installed() if synthesizers is None else synthesizers)

    async def start(self) -> None:
        """Start what is slow to start ahead of the first sentence. Raises EngineError."""
        for synthesizer in self._synthesizers.values():
            if isinstance(synthesizer, EspeakChild):
                await synthesizer.start()

    async def speak(self, text: str, voice: str) -> AsyncIterator[bytes]:
        """Yield 24 kHz pcm, a sentence at a time, each within a few tens of milliseconds. Raises EngineError."""
        for sentence in sentences(text):
            pcm = await self._sentence(sentence, voice)
            if pcm:
                yield pcm

    async def _sentence(self, sentence: str, voice: str) -> bytes:
        choices = [choice for choice in candidates(voice) if choice.program in self._synthesizers]
        if not choices:
            raise EngineError(f"nothing here can speak with the voice {voice!r}")
        for choice in choices[:-1]:
            try:
                return finished(*await self._synthesizers[choice.program].sentence(sentence, choice))
            except EngineError:
                continue  # the next voice says it; the last one's failure is the engine's
        return finished(*await self._synthesizers[choices[-1].program].sentence(sentence, choices[-1]))

    async def close(self) -> None:
        """End the child process. Twice is fine."""
        for synthesizer in self._synthesizers.values():
            await synthesizer.close()


def caller_speaker() -> Speaker:
    """A voice for a test caller; let it `speak(text, CALLER)`, and `close` it. Raises EngineError."""
    return Voices()


def candidates(voice: str) -> tuple[Voice, ...]:
    """The voices that may stand for `voice`, the best first.

    A local name ("slt", "rms", "awb", "kal", "espeak", or an espeak-ng voice such as "espeak:en-us+m3") is taken as
    it is; "caller" is the test caller's ("espeak:caller": without flite); of any other only whether it is a man's is
    used.
    """
    if voice in FLITE:
        return (FLITE[voice], ESPEAK_FEMALE if voice == "slt" else ESPEAK_MALE)
    if voice == CALLER:
        return (FLITE["rms"], ESPEAK_CALLER)
    if voice == "espeak":
        return (ESPEAK_MALE,)
    if voice == f"espeak:{CALLER}":
        return (ESPEAK_CALLER,)
    if voice.startswith("espeak:"):
        return (Voice("espeak-ng", voice.removeprefix("espeak:")),)
    return (FLITE["rms"], ESPEAK_MALE) if _MEN.search(voice) else (FLITE["slt"], ESPEAK_FEMALE)


def sentences(text: str) -> Iterable[str]:
    """Cut text into sentences to be spoken one by one, very long ones at a space. Bare punctuation is left out."""
    for part in _ENDS.split(text[:_LONGEST_TEXT]):
        rest = " ".join(part.split())
        while rest:
            cut = len(rest)
            if cut > _LONGEST_SENTENCE:
                cut = rest.rfind(" ", 1, _LONGEST_SENTENCE)
                cut = cut if cut > 0 else _LONGEST_SENTENCE
            piece, rest = rest[:cut], rest[cut:].lstrip()
            if any(character.isalnum() for character in piece):
                yield piece


def finished(pcm: bytes, rate: int) -> bytes:
    """Make a synthesizer's sentence fit the session: 24 kHz, no silence ahead of it, never louder than a phone."""
    samples = np.frombuffer(to_session_rate(pcm, rate), dtype="<i2")
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > _QUIET)
    if not loud.size:
        return b""
    samples = samples[max(0, int(loud[0]) - _LEAD_IN) :]
    peak = int(np.abs(samples.astype(np.int32)).max())
    if peak > _PEAK:
        samples = (samples.astype(np.float32) * (_PEAK / peak)).astype("<i2")
    return samples.tobytes()
