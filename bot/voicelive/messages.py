"""What the service sends, as far as it is used: one struct for each kind of message, decoded in one pass.

Not the SDK's models: a 500 ms stretch of audio takes them five times as long. What the service is loose about (an
id that is null, details of another shape) is taken loosely, because a missed `speech_started` or `response.done`
costs the caller more than an odd field. Audio is taken strictly, since half-understood audio is noise.
"""

from __future__ import annotations

from typing import get_args

import msgspec
from pybase64 import b64decode

_SHOWN_CHARS = 200  # of a text from the service, in a log line or an error


def shortened(text: str) -> str:
    """A text from outside, fit for a log line."""
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN_CHARS else line[:_SHOWN_CHARS] + "…"


class Rubbish(ValueError):
    """A message that is not JSON, not an object, or a known event with wrong or missing fields."""


class ServerEvent(msgspec.Struct, tag_field="type"):
    """One message of the service, with the fields that are used."""


class SessionFacts(msgspec.Struct):
    """What the service says of a session. expires_at: Unix time, seconds."""

    id: str | None = None
    expires_at: object = None


class SessionCreated(ServerEvent, tag="session.created"):
    """The service is there; the session still has its own defaults."""

    session: SessionFacts


class SessionUpdated(ServerEvent, tag="session.updated"):
    """The session took our configuration."""

    session: SessionFacts


class Problem(msgspec.Struct):
    """An error or a warning in the service's words."""

    code: str | int | None = None
    message: str | None = None
    type: str | None = None
    event_id: str | None = None  # of the client event that the error answers

    def __str__(self) -> str:
        return shortened(f"{self.code or self.type or 'no code'}: {self.message or ''}")


class ErrorReported(ServerEvent, tag="error"):
    """Something that we sent was refused, or something went wrong on the service's side."""

    error: Problem = msgspec.field(default_factory=Problem)


class WarningReported(ServerEvent, tag="warning"):
    """Something that the service wants known; nothing has failed."""

    warning: Problem = msgspec.field(default_factory=Problem)


class SpeechBegan(ServerEvent, tag="input_audio_buffer.speech_started"):
    """The caller began to speak."""

    item_id: str | None = None


class SpeechEnded(ServerEvent, tag="input_audio_buffer.speech_stopped"):
    """The caller stopped speaking."""

    item_id: str | None = None


class Transcribed(ServerEvent, tag="conversation.item.input_audio_transcription.completed"):
    """What the caller said, in writing."""

    item_id: str
    transcript: str | None = None


class NotTranscribed(ServerEvent, tag="conversation.item.input_audio_transcription.failed"):
    """What the caller said could not be written down."""

    item_id: str
    error: Problem | None = None


class ResponseFacts(msgspec.Struct):
    """A response. status_details: why it did not complete, in a shape that varies."""

    id: str
    status: str | None = None
    status_details: object = None


class ResponseBegan(ServerEvent, tag="response.created"):
    """The model began a response."""

    response: ResponseFacts


class ResponseEnded(ServerEvent, tag="response.done"):
    """A response ended, one way or another."""

    response: ResponseFacts


class AudioCame(ServerEvent, tag="response.audio.delta"):
    """The next stretch of a reply. delta: base64 of 16-bit little-endian mono PCM at 24 kHz."""

    response_id: str
    item_id: str
    content_index: int
    delta: str

    def pcm(self) -> bytes:
        """The sound. Raises Rubbish where it is no base64."""
        try:
            return b64decode(self.delta, validate=True)  # four times as fast as msgspec's own
        except ValueError as error:
            raise Rubbish(shortened(f"response.audio.delta: {error}")) from None


class AudioEnded(ServerEvent, tag="response.audio.done"):
    """No more audio will come for this item."""

    response_id: str
    item_id: str


class TextCame(ServerEvent, tag="response.audio_transcript.delta"):
    """The next words of a reply."""

    response_id: str
    item_id: str
    delta: str


class FunctionCalled(ServerEvent, tag="response.function_call_arguments.done"):
    """The model calls a function. arguments: JSON, as it wrote it."""

    response_id: str
    call_id: str
    name: str
    arguments: str = ""


class ItemFacts(msgspec.Struct):
    """An item of the conversation, as far as it matters what it is."""

    id: str | None = None
    type: str | None = None
    name: str | None = None
    server_label: str | None = None


class ItemEnded(ServerEvent, tag="response.output_item.done"):
    """An item of a response is complete."""

    response_id: str
    item: ItemFacts


class ServerToolAnswered(ServerEvent, tag="response.mcp_call.completed"):
    """The service has called a tool of an MCP server."""

    item_id: str


class ServerToolFailed(ServerEvent, tag="response.mcp_call.failed"):
    """A tool of an MCP server could not be called, or failed."""

    item_id: str


_EVENTS = (
    SessionCreated
    | SessionUpdated
    | ErrorReported
    | WarningReported
    | SpeechBegan
    | SpeechEnded
    | Transcribed
    | NotTranscribed
    | ResponseBegan
    | ResponseEnded
    | AudioCame
    | AudioEnded
    | TextCame
    | FunctionCalled
    | ItemEnded
    | ServerToolAnswered
    | ServerToolFailed
)
_KNOWN = frozenset(kind.__struct_config__.tag for kind in get_args(_EVENTS))


class _Kind(msgspec.Struct):
    type: str


# What the decoders raise; RecursionError for brackets without end.
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_event_decoder: msgspec.json.Decoder[ServerEvent] = msgspec.json.Decoder(_EVENTS)
_kind_decoder = msgspec.json.Decoder(_Kind)


def decode(message: bytes) -> ServerEvent | str:
    """The message as an event, or the name of its kind if that is not used. Raises Rubbish."""
    try:
        return _event_decoder.decode(message)
    except _UNREADABLE as error:
        # Most messages that come here are whole, only of a kind that is not used.
        try:
            kind = _kind_decoder.decode(message).type
        except _UNREADABLE:
            raise Rubbish(shortened(str(error))) from None
        if kind in _KNOWN:
            raise Rubbish(shortened(f"{kind}: {error}")) from None
        return kind
