"""What the call machine tells those who watch a call: logs, metrics, and people."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """The state of a call, in the words that people are shown."""

    CONNECTING = "connecting"
    READY = "ready"
    LISTENING = "listening"
    PROCESSING = "processing"
    SPEAKING = "speaking"
    ENDED = "ended"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class StateChanged:
    """The call is in another state. message: what went wrong, for an error."""

    state: State
    message: str = ""


@dataclass(frozen=True, slots=True)
class CallerWords:
    """What the caller said, as the service understood it."""

    item_id: str
    text: str


@dataclass(frozen=True, slots=True)
class AssistantDraft:
    """What the assistant is saying: all words so far, which run ahead of the sound. The next draft replaces it."""

    item_id: str
    text: str


@dataclass(frozen=True, slots=True)
class AssistantWords:
    """What the assistant said, when it was all heard or was cut off. unheard: the part cut off."""

    item_id: str
    heard: str
    unheard: str = ""


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The caller talked over a reply: of `item_id`, `heard_ms` of `sent_ms` were heard."""

    item_id: str
    heard_ms: int
    sent_ms: int


@dataclass(frozen=True, slots=True)
class Answered:
    """The first sound of an answer left for the caller, `seconds` after the caller's last word, as the line tells."""

    seconds: float


@dataclass(frozen=True, slots=True)
class AudioMissing:
    """So many seconds of what the caller's side sent never came."""

    seconds: float


@dataclass(frozen=True, slots=True)
class KeysPressed:
    """The caller pressed keys. shown: the keys, or a dot for each where they are secret. For no log."""

    shown: str


@dataclass(frozen=True, slots=True)
class ToolUsed:
    """A function that the model called has ended. outcome: one word."""

    name: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something went wrong that an operator should know. code: one word for a metric; detail: for the log."""

    code: str
    detail: str = ""


type Report = (
    StateChanged
    | CallerWords
    | AssistantDraft
    | AssistantWords
    | Interrupted
    | Answered
    | AudioMissing
    | KeysPressed
    | ToolUsed
    | Trouble
)
