"""What can happen in a call, as the call machine is told of it.

Two sources report: the *leg*, by which the caller reaches the bot, and the *session*, in which the model listens
and speaks. Audio is 16-bit little-endian mono PCM at 24 kHz on both, the format of the session; a leg converts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from bot.call.commands import Farewell, Outcome

# --- From the leg -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CallerFacts:
    """What is known of the call before anyone has spoken. Every value came from outside: data, never instructions."""

    call_id: str
    caller: str = ""
    called: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    transferable: bool = True  # a telephone network is behind it, which can be told to dial


@dataclass(frozen=True, slots=True)
class LegStarted:
    """The caller can be heard and spoken to from now on."""


@dataclass(frozen=True, slots=True)
class CallerAudio:
    """The next stretch of what the caller says. pcm: 16-bit little-endian mono at 24 kHz."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class AudioLost:
    """So many seconds of what the caller said never came; silence stands in for them."""

    seconds: float


@dataclass(frozen=True, slots=True)
class MarkPlayed:
    """The leg sent a mark back: everything before it was played, or was thrown away by a clear."""

    name: str


@dataclass(frozen=True, slots=True)
class DigitPressed:
    """The caller pressed a key: one of 0-9, *, # or A-D."""

    digit: str


@dataclass(frozen=True, slots=True)
class LegEnded:
    """The caller has gone, or the leg has failed; `reason` is for the log."""

    reason: str
    failed: bool = False


type LegEvent = LegStarted | CallerAudio | AudioLost | MarkPlayed | DigitPressed | LegEnded

# --- From the session -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SessionReady:
    """The session took its configuration. lifetime: seconds until the service ends it, where it said so."""

    session_id: str = ""
    lifetime: float | None = None


@dataclass(frozen=True, slots=True)
class SessionFailed:
    """The session could not be had, or ended without being asked to; `reason` is for the log."""

    reason: str


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The service heard the caller begin to speak. item_id: the item that the words will become."""

    item_id: str = ""


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The service heard the caller stop."""

    item_id: str = ""


@dataclass(frozen=True, slots=True)
class CallerSaid:
    """What the caller said in `item_id`, as text; may be empty, late or repeated."""

    item_id: str
    text: str
    known: bool = True  # False: it could not be written down, which says nothing of whether there were words


@dataclass(frozen=True, slots=True)
class ToolCalled:
    """The model calls a function. arguments: JSON as it wrote it, which need not be JSON."""

    response_id: str
    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ApprovalAsked:
    """The service asks whether it may call a tool of an MCP server."""

    response_id: str
    request_id: str
    server: str
    tool: str


@dataclass(frozen=True, slots=True)
class ServerToolEnded:
    """A tool of an MCP server was called by the service, and has answered or failed."""

    item_id: str
    failed: bool = False


@dataclass(frozen=True, slots=True)
class ResponseCreated:
    """The model began a response."""

    response_id: str


@dataclass(frozen=True, slots=True)
class AudioDelta:
    """The next stretch of a reply. pcm: 16-bit little-endian mono at 24 kHz."""

    response_id: str
    item_id: str
    content_index: int
    pcm: bytes


@dataclass(frozen=True, slots=True)
class AudioDone:
    """No more audio will come for this item."""

    response_id: str
    item_id: str


@dataclass(frozen=True, slots=True)
class TranscriptDelta:
    """The next words of a reply; they run ahead of its audio."""

    response_id: str
    item_id: str
    text: str


@dataclass(frozen=True, slots=True)
class ResponseDone:
    """A response ended. detail: why, where it did not complete (an error code, or what cancelled it)."""

    response_id: str
    status: Literal["completed", "cancelled", "incomplete", "failed"]
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ResponseRefused:
    """A `response.create` was refused because another response was still active."""


@dataclass(frozen=True, slots=True)
class ResponseRejected:
    """A `response.create` was not taken as it was; `reason` is for the log."""

    reason: str


@dataclass(frozen=True, slots=True)
class ServiceError:
    """The service reported an error that none of the events above stands for. The session goes on."""

    code: str
    message: str


type SessionEvent = (
    SessionReady
    | SessionFailed
    | SpeechStarted
    | SpeechStopped
    | CallerSaid
    | ToolCalled
    | ApprovalAsked
    | ServerToolEnded
    | ResponseCreated
    | AudioDelta
    | AudioDone
    | TranscriptDelta
    | ResponseDone
    | ResponseRefused
    | ResponseRejected
    | ServiceError
)

# --- From the tools ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ToolFinished:
    """A function has answered. output: text for the model; outcome: one word for the log."""

    call_id: str
    output: str
    outcome: str = "ok"


# --- From the clock and the house -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed. Sent a few times a second, so that deadlines are kept when nothing else happens."""


_CLOSING = Farewell(Outcome.CLOSING)


@dataclass(frozen=True, slots=True)
class Leave:
    """Let the caller go: the house closes, or an operator decided. at_once: even in the middle of a sentence."""

    reason: str
    farewell: Farewell = _CLOSING
    at_once: bool = False


type OtherEvent = (
    LegStarted | AudioLost | MarkPlayed | DigitPressed | LegEnded | SessionEvent | ToolFinished | Tick | Leave
)
"""Every event but the one that comes fifty times a second."""

type Event = CallerAudio | OtherEvent
