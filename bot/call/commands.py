"""What the call machine can ask for. The runner carries the commands out, in order, and decides nothing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


@dataclass(frozen=True, slots=True)
class Turn:
    """One thing said, as far as it was heard; what a new session is given of the old one."""

    role: Literal["user", "assistant"]
    text: str


class Outcome(StrEnum):
    """Why the bot closed a leg, for the safety net that the caller lands in."""

    HANGUP = "hangup"  # everything was said
    TRANSFER = "transfer"  # to somebody else
    DIGITS = "digits"  # to press keys for the assistant, and come back
    FAILED = "failed"  # apologise, then the fallback number or a hang-up
    LIMIT = "limit"  # the longest call: say so, then hang up
    CLOSING = "closing"  # the house drains: say so, then the other instance or a hang-up


@dataclass(frozen=True, slots=True)
class Farewell:
    """How a caller was let go.

    transfer_to: a number, SIP address or client, for a transfer; seconds: how long it may ring; summary: a sentence
    that whoever answers hears first. digits: keys to press. words: what was to be said and could not be.
    """

    outcome: Outcome
    transfer_to: str = ""
    seconds: int = 0
    summary: str = ""
    digits: str = ""
    words: str = ""


# --- To the leg -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Play:
    """Play this after what is already queued. pcm: 16-bit little-endian mono at 24 kHz."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class Mark:
    """Send `name` back when everything queued before it has been played."""

    name: str


@dataclass(frozen=True, slots=True)
class Clear:
    """Throw away at once whatever is queued and not yet played."""


@dataclass(frozen=True, slots=True)
class CloseLeg:
    """Let the caller go, to the safety net that the farewell chooses."""

    farewell: Farewell


# --- To the session ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OpenSession:
    """End the session there is, if any, and begin another that knows `history`."""

    history: tuple[Turn, ...] = ()


@dataclass(frozen=True, slots=True)
class CloseSession:
    """End the session: nobody is left to talk to."""


@dataclass(frozen=True, slots=True)
class SendAudio:
    """The caller's audio, for the model. pcm: 16-bit little-endian mono at 24 kHz."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class AddText:
    """Add a line of the caller's to the conversation, without audio."""

    text: str


@dataclass(frozen=True, slots=True)
class CreateResponse:
    """Have the model speak: `say` word for word, or freely, with `instructions` for this one time."""

    say: str = ""
    instructions: str = ""


@dataclass(frozen=True, slots=True)
class CancelResponse:
    """Stop the response that the model is making."""


@dataclass(frozen=True, slots=True)
class Truncate:
    """Tell the model that of `item_id` only the first `audio_end_ms` milliseconds were heard."""

    item_id: str
    content_index: int
    audio_end_ms: int


@dataclass(frozen=True, slots=True)
class DeleteItem:
    """Tell the model that nothing of `item_id` was heard."""

    item_id: str


@dataclass(frozen=True, slots=True)
class AddToolOutput:
    """Give the model the result of a function that it called. It speaks of it when it is asked to respond."""

    call_id: str
    output: str


@dataclass(frozen=True, slots=True)
class AnswerApproval:
    """Let the service call a tool of an MCP server, or not. request_id: the item that asked."""

    request_id: str
    approve: bool


# --- To the tools -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RunTool:
    """Run a function. arguments: JSON, as the model wrote it; digits: what the caller pressed, if it wants keys."""

    call_id: str
    name: str
    arguments: str
    digits: str | None = None


type LegCommand = Play | Mark | Clear | CloseLeg
type SessionCommand = (
    OpenSession
    | CloseSession
    | SendAudio
    | AddText
    | CreateResponse
    | CancelResponse
    | Truncate
    | DeleteItem
    | AddToolOutput
    | AnswerApproval
)
