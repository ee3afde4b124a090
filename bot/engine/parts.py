"""The parts that an engine is made of, as its sessions see them.

A session speaks the protocol; ears, voice and mind are these. One `Parts` serves a whole engine:

    parts.detector() -> Detector   one per session: is the caller speaking?
    parts.listener() -> Listener   one per session: what did the caller say?
    parts.mind() -> Mind           one per session: what to answer? It keeps nothing of the conversation itself, so
                                   that a session which begins with somebody else's history goes on sensibly
    parts.speaker -> Speaker       one per engine: makes it audible
    await parts.close()            ends threads and child processes

The order within one turn:

    detector.probability(pcm)…  ->  listener.begin(mind.expected(lines)); listener.feed(pre-roll); feed(pcm)…
      ->  heard = await listener.finish()  ->  lines.append(Line("user", heard.text, sure=heard.sure))
      ->  for reply in await mind.answer(lines, brief, hint)  ->  Say: async for pcm in speaker.speak(...); Call: tell

Audio is `pcm: bytes`, 16-bit little-endian mono at 24 kHz, everywhere.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, Protocol

WINDOW_MS = 32
"""Milliseconds of audio that one speech probability stands for."""
WINDOW_BYTES = 768 * 2
"""Bytes of 24 kHz audio in such a window."""


class Expected(StrEnum):
    """What the caller's next words are likely to be; names the grammar that they are recognised with.

    Each grammar but `FREE` also takes what can be said at any time (a question, "goodbye", "repeat that").
    """

    ANYTHING = "anything"
    """A wish: opening hours, address, an appointment, a human, goodbye."""
    DAY = "day"
    TIME = "time"
    YES_NO = "yes_no"
    DIGITS = "digits"
    FREE = "free"
    """No grammar: dictation with the general language model, for a mind that understands any sentence."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a listener made of one utterance. Unsure: noise, or words that no grammar has; `text` may be empty."""

    text: str
    sure: bool = True


class Detector(Protocol):
    """Tells speech from everything else. One per session, because it remembers the last moments."""

    def probability(self, pcm: bytes) -> list[float]:
        """Take the caller's audio, of any length; return a speech probability (0 to 1) for each window completed.

        A window is `WINDOW_MS`; what is left over counts towards the next. Quick: about 0.1 ms a window.
        """
        ...


class Listener(Protocol):
    """Understands one utterance at a time, while it is spoken. One per session."""

    def begin(self, expected: Expected) -> None:
        """The caller began to speak. An utterance that was not finished is abandoned."""
        ...

    def feed(self, pcm: bytes) -> None:
        """Take more of the utterance, any length, the pre-roll first. Never blocks; ignored between utterances."""
        ...

    async def finish(self) -> Heard:
        """The caller stopped: what was it? Unsure and empty where nothing was begun or decoding failed."""
        ...

    def abandon(self) -> None:
        """Forget the utterance. Call it when the session ends, too."""
        ...


class Speaker(Protocol):
    """Turns sentences into speech. One per engine; many sessions speak at once."""

    def speak(self, text: str, voice: str) -> AsyncIterator[bytes]:
        """Yield pcm in pieces as it is made, faster than real time; nothing for a text without words.

        `voice` is the session's voice name (`en-US-AvaNeural`); the nearest that there is speaks. Close the iterator
        (`contextlib.aclosing`) when you stop early. Raises EngineError.
        """
        ...

    async def close(self) -> None:
        """End the child process. Further `speak` raises EngineError."""
        ...


@dataclass(frozen=True, slots=True)
class Say:
    """Words to speak."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call; `arguments` is JSON text."""

    call_id: str
    name: str
    arguments: str = "{}"


@dataclass(frozen=True, slots=True)
class ServerCall:
    """A call of a tool of an MCP server, by its label; the engine calls it itself. `arguments` is JSON text."""

    server: str
    name: str
    arguments: str = "{}"


type Reply = Say | Call | ServerCall


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the conversation, as far as the caller heard it.

    A user's text is what was recognised, or what a conversation item says, such as "The caller pressed 1 on the
    keypad." An assistant's line is what was spoken (with `name` and `call_id`: a tool call, `text` its arguments); a
    tool's line is the result of the call `call_id`.
    """

    role: Literal["user", "assistant", "tool", "system"]
    text: str
    call_id: str = ""
    name: str = ""
    sure: bool = True


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the session may call; `parameters` is its JSON schema."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Brief:
    """What a session was told to be."""

    instructions: str = ""
    tools: tuple[Tool, ...] = ()


class Mind(Protocol):
    """Decides what to answer. One per session."""

    def expected(self, conversation: Sequence[Line]) -> Expected:
        """What the caller is likely to say next, after `conversation`."""
        ...

    async def greet(self, brief: Brief, hint: str) -> list[Reply]:
        """Say the first words: a response is asked for and nothing has been said.

        `hint` is that response's own instructions, or empty.
        """
        ...

    async def answer(self, conversation: Sequence[Line], brief: Brief, hint: str = "") -> list[Reply]:
        """Answer the last line of `conversation`: the caller's words or keys, or a tool's result.

        Never raises for a failure of its own: it apologises in words. Empty: nothing is to be said.
        """
        ...


class ToolServer(Protocol):
    """An MCP server, as far as a session needs it."""

    async def tools(self) -> Sequence[Tool]:
        """What it offers. Raises EngineError."""
        ...

    async def call(self, name: str, arguments: str) -> str:
        """Call a tool; its answer as text. Raises EngineError."""
        ...


class Parts(Protocol):
    """Makes the parts of a session, and owns what they share."""

    @property
    def speaker(self) -> Speaker:
        """The engine's voice."""
        ...

    def detector(self) -> Detector:
        """A new session's detector."""
        ...

    def listener(self) -> Listener:
        """A new session's listener."""
        ...

    def mind(self) -> Mind:
        """A new session's mind."""
        ...

    def tool_server(self, label: str, url: str) -> ToolServer | None:
        """An MCP server that a session names; None where this engine cannot call it."""
        ...

    async def close(self) -> None:
        """End threads and child processes. Twice is fine."""
        ...
