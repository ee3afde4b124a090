"""Parts that do what a test tells them: no models, no threads, no child processes, the same every time.

The caller "speaks" wherever the audio is loud; what the caller "said" comes from a list; the answer comes from a
list, or repeats the question; speech is a tone, 60 ms long for each character, so that lengths can be computed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import audioop
import numpy as np

from bot.engine.formats import BYTES_PER_MS, SAMPLE_RATE
from bot.engine.parts import WINDOW_BYTES, Brief, Expected, Heard, Line, Reply, Say, Tool, ToolServer

MS_PER_CHARACTER = 60
_LOUD = 500  # root mean square of 16-bit samples; speech on a telephone line has some thousand
_TONE_HZ = 440.0
_TONE_LEVEL = 6000.0
_PIECE_MS = 100

type Sleep = Callable[[float], Awaitable[Any]]
type Script = Callable[[Sequence[Line]], list[Reply]]


def tone(duration_ms: float) -> bytes:
    """A steady tone. Returns 16-bit little-endian mono PCM at 24 kHz."""
    count = int(duration_ms * SAMPLE_RATE / 1000)
    wave = np.sin(2 * np.pi * _TONE_HZ * np.arange(count) / SAMPLE_RATE)
    return (wave * _TONE_LEVEL).astype("<i2").tobytes()


class LevelDetector:
    """Loud is speech, quiet is not. loud: root mean square of 16-bit samples from which on a window counts."""

    def __init__(self, loud: int = _LOUD) -> None:
        self._loud = loud
        self._pending = b""

    def probability(self, pcm: bytes) -> list[float]:
        """Return 1 or 0 for each window completed."""
        self._pending += pcm
        whole = len(self._pending) // WINDOW_BYTES * WINDOW_BYTES
        windows = [self._pending[at : at + WINDOW_BYTES] for at in range(0, whole, WINDOW_BYTES)]
        self._pending = self._pending[whole:]
        return [1.0 if audioop.rms(window, 2) >= self._loud else 0.0 for window in windows]


class ScriptedListener:
    """Understands the next line of a list, whatever was said; beyond its end, nothing."""

    def __init__(self, lines: Iterable[str | Heard], delay: float = 0.0, sleep: Sleep = asyncio.sleep) -> None:
        self._lines = iter(lines)
        self._delay = delay
        self._sleep = sleep
        self._pcm: bytearray | None = None
        self.expected = Expected.ANYTHING
        """What was expected of the last utterance."""
        self.utterances: list[bytes] = []
        """The last sixteen utterances that were finished, as PCM."""

    def begin(self, expected: Expected) -> None:
        """An utterance begins."""
        self.expected = expected
        self._pcm = bytearray()

    def feed(self, pcm: bytes) -> None:
        """It goes on."""
        if self._pcm is not None:
            self._pcm += pcm

    async def finish(self) -> Heard:
        """It is over: the next line of the script."""
        pcm, self._pcm = self._pcm, None
        if pcm is None:
            return Heard("", sure=False)
        self.utterances = [*self.utterances[-15:], bytes(pcm)]
        await self._sleep(self._delay)
        line = next(self._lines, Heard("", sure=False))
        return line if isinstance(line, Heard) else Heard(line)

    def abandon(self) -> None:
        """It is forgotten."""
        self._pcm = None


class ToneSpeaker:
    """A tone for each text, `ms_per_character` long for each character; nothing for a text without words."""

    def __init__(
        self, ms_per_character: float = MS_PER_CHARACTER, delay: float = 0.0, sleep: Sleep = asyncio.sleep
    ) -> None:
        self._ms_per_character = ms_per_character
        self._delay = delay
        self._sleep = sleep
        self.spoken: list[str] = []
        """The last hundred texts."""

    async def speak(self, text: str, voice: str) -> AsyncIterator[bytes]:
        """Yield the tone."""
        self.spoken = [*self.spoken[-99:], text]
        await self._sleep(self._delay)
        pcm = tone(len(text.strip()) * self._ms_per_character)
        for at in range(0, len(pcm), _PIECE_MS * BYTES_PER_MS):
            yield pcm[at : at + _PIECE_MS * BYTES_PER_MS]

    async def close(self) -> None:
        """Nothing to end."""


class ScriptedMind:
    """Answers with the next of a list, or by a function of the conversation; beyond it, repeats the last line."""

    def __init__(
        self,
        answers: Iterable[str | Sequence[Reply]] = (),
        greeting: str = "Hello, how can I help you?",
        script: Script | None = None,
        delay: float = 0.0,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._answers = iter(answers)
        self._greeting = greeting
        self._script = script
        self._delay = delay
        self._sleep = sleep
        self.asked: list[tuple[list[Line], Brief, str]] = []
        """The last hundred questions: conversation, brief and hint."""

    def expected(self, conversation: Sequence[Line]) -> Expected:
        """Anything."""
        return Expected.ANYTHING

    async def greet(self, brief: Brief, hint: str) -> list[Reply]:
        """The greeting, always the same."""
        return await self._think([], brief, hint) or [Say(self._greeting)]

    async def answer(self, conversation: Sequence[Line], brief: Brief, hint: str = "") -> list[Reply]:
        """The next answer."""
        if given := await self._think(list(conversation), brief, hint):
            return given
        answer = next(self._answers, None)
        if answer is None:
            return [Say(f"You said: {conversation[-1].text}")]
        return [Say(answer)] if isinstance(answer, str) else list(answer)

    async def _think(self, conversation: list[Line], brief: Brief, hint: str) -> list[Reply]:
        self.asked = [*self.asked[-99:], (conversation, brief, hint)]
        await self._sleep(self._delay)
        return self._script(conversation) if self._script is not None else []


class ScriptedServer:
    """An MCP server whose tools a function plays.

    answers: called with a tool's name and its arguments as JSON text; it may raise EngineError. delay: seconds, on
    `sleep`.
    """

    def __init__(
        self,
        tools: Iterable[str],
        answers: Callable[[str, str], str],
        delay: float = 0.0,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._tools = [Tool(name, parameters={"type": "object"}) for name in tools]
        self._answers = answers
        self._delay = delay
        self._sleep = sleep
        self.called: list[tuple[str, str]] = []
        """The last hundred calls: tool and arguments."""

    async def tools(self) -> Sequence[Tool]:
        """What it offers."""
        return self._tools

    async def call(self, name: str, arguments: str) -> str:
        """The answer of the script."""
        self.called = [*self.called[-99:], (name, arguments)]
        await self._sleep(self._delay)
        return self._answers(name, arguments)


class ScriptedParts:
    """Parts for an engine in a test.

    heard: what each session's caller says, turn by turn. answers: what each session's mind answers, turn by turn.
    script: answers from the conversation instead. servers: MCP servers, by label. Delays are seconds, on `sleep`.
    """

    def __init__(
        self,
        heard: Sequence[str | Heard] = (),
        answers: Sequence[str | Sequence[Reply]] = (),
        *,
        greeting: str = "Hello, how can I help you?",
        script: Script | None = None,
        servers: Mapping[str, ToolServer] = MappingProxyType({}),
        ms_per_character: float = MS_PER_CHARACTER,
        listening: float = 0.0,
        thinking: float = 0.0,
        speaking: float = 0.0,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._heard = heard
        self._answers = answers
        self._greeting = greeting
        self._script = script
        self._servers = servers
        self._listening = listening
        self._thinking = thinking
        self._sleep = sleep
        self.speaker = ToneSpeaker(ms_per_character, speaking, sleep)
        self.listeners: list[ScriptedListener] = []
        """The listeners of the last hundred sessions, the oldest first."""
        self.minds: list[ScriptedMind] = []
        """Their minds."""

    def detector(self) -> LevelDetector:
        """A new session's detector."""
        return LevelDetector()

    def listener(self) -> ScriptedListener:
        """A new session's listener."""
        listener = ScriptedListener(self._heard, self._listening, self._sleep)
        self.listeners = [*self.listeners[-99:], listener]
        return listener

    def mind(self) -> ScriptedMind:
        """A new session's mind."""
        mind = ScriptedMind(self._answers, self._greeting, self._script, self._thinking, self._sleep)
        self.minds = [*self.minds[-99:], mind]
        return mind

    def tool_server(self, label: str, url: str) -> ToolServer | None:
        """The server by that label, wherever it is said to be."""
        return self._servers.get(label)

    async def close(self) -> None:
        """Nothing to end."""
