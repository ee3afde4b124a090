"""Voice Live's messages <-> the words of a call. No I/O: bytes in, events out; commands in, client events out."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from typing import Any, Literal, get_args

from pybase64 import b64encode, b64encode_as_string

from bot.call.commands import (
    AddText,
    AddToolOutput,
    AnswerApproval,
    CancelResponse,
    CreateResponse,
    DeleteItem,
    SendAudio,
    SessionCommand,
    Truncate,
    Turn,
)
from bot.call.events import (
    ApprovalAsked,
    AudioDelta,
    AudioDone,
    CallerSaid,
    ResponseCreated,
    ResponseDone,
    ResponseRefused,
    ResponseRejected,
    ServerToolEnded,
    ServiceError,
    SessionEvent,
    SpeechStarted,
    SpeechStopped,
    ToolCalled,
    TranscriptDelta,
)
from bot.voicelive.messages import (
    AudioCame,
    AudioEnded,
    ErrorReported,
    FunctionCalled,
    ItemEnded,
    ItemFacts,
    NotTranscribed,
    Problem,
    ResponseBegan,
    ResponseEnded,
    ResponseFacts,
    ServerEvent,
    ServerToolAnswered,
    ServerToolFailed,
    SpeechBegan,
    SpeechEnded,
    TextCame,
    Transcribed,
    WarningReported,
    decode,
    shortened,
)

_AUDIO_FIELDS = {"response.audio.delta": "delta", "input_audio_buffer.append": "audio"}

# Errors that are the outcome of a race and need nothing: what was asked for had happened already.
_BENIGN_CODES = frozenset(
    {
        "response_cancel_not_active",
        "item_already_truncated",
        "input_audio_buffer_commit_empty",
        "item_delete_invalid_item_id",
    }
)
_BENIGN_WORDS = "already shorter than"  # truncating beyond the end has no code of its own

# The id is in an error that answers it. One is enough for all: of two on their way, neither would do better.
_CREATE: Mapping[str, object] = {"type": "response.create", "event_id": "response-create"}

# Known, and nothing to a phone call: the same news comes by another event, or nobody hears it.
_NOTHING_TO_US = frozenset(
    {
        "conversation.item.created",
        "conversation.item.deleted",
        "conversation.item.input_audio_transcription.delta",
        "conversation.item.retrieved",
        "conversation.item.truncated",
        "mcp_list_tools.completed",
        "mcp_list_tools.in_progress",
        "input_audio_buffer.cleared",
        "input_audio_buffer.committed",
        "rate_limits.updated",
        "response.audio_transcript.done",
        "response.content_part.added",
        "response.content_part.done",
        "response.function_call_arguments.delta",
        "response.mcp_call.in_progress",
        "response.mcp_call_arguments.delta",
        "response.mcp_call_arguments.done",
        "response.output_item.added",
        "response.text.delta",
        "response.text.done",
    }
)

type Status = Literal["completed", "cancelled", "incomplete", "failed"]
_STATUSES: Mapping[str, Status] = {status: status for status in get_args(Status.__value__)}

_logger = logging.getLogger(__name__)


class Reader:
    """Reads the messages of one session. It remembers what it has logged, so that nothing is logged twice."""

    def __init__(self, call_id: str) -> None:
        self._call_id = call_id
        self._logged: set[str] = set()

    def decode(self, message: bytes) -> ServerEvent | None:
        """The message as an event of the service; None for a kind that is not used. Raises Rubbish."""
        event = decode(message)
        if isinstance(event, ServerEvent):
            return event
        if event not in _NOTHING_TO_US:
            self._once(f"unknown event {shortened(event)!r} is ignored")
        return None

    def event(self, message: bytes) -> SessionEvent | None:
        """What the message means to the call; None if nothing. Raises Rubbish."""
        match self.decode(message):
            case AudioCame(response_id, item_id, content_index) as came:
                pcm = came.pcm()
                if len(pcm) % 2:
                    self._once("audio of an odd length: half a sample is dropped")
                    pcm = pcm[:-1]
                return AudioDelta(response_id, item_id, content_index, pcm) if pcm else None
            case TextCame(response_id, item_id, text):
                return TranscriptDelta(response_id, item_id, text)
            case AudioEnded(response_id, item_id):
                return AudioDone(response_id, item_id)
            case SpeechBegan(item_id):
                return SpeechStarted(item_id or "")
            case SpeechEnded(item_id):
                return SpeechStopped(item_id or "")
            case Transcribed(item_id, transcript):
                return CallerSaid(item_id, transcript or "")
            case NotTranscribed(item_id, error):
                _logger.warning("call=%s the caller's words were not written down (%s)", self._call_id, error)
                return CallerSaid(item_id, "", known=False)
            case ResponseBegan(response):
                return ResponseCreated(response.id)
            case ResponseEnded(response):
                return _done(response)
            case FunctionCalled(response_id, call_id, name, arguments):
                return ToolCalled(response_id, call_id, name, arguments)
            case ItemEnded(response_id, ItemFacts(request_id, "mcp_approval_request", tool, server)) if request_id:
                return ApprovalAsked(response_id, request_id, server or "", tool or "")
            case ServerToolAnswered(item_id):
                return ServerToolEnded(item_id)
            case ServerToolFailed(item_id):
                return ServerToolEnded(item_id, failed=True)
            case ErrorReported(error):
                return self._error(error)
            case WarningReported(warning):
                _logger.warning("call=%s the service warns: %s", self._call_id, warning)
        return None

    def _error(self, error: Problem) -> SessionEvent | None:
        code, message = str(error.code or error.type or ""), error.message or ""
        if code == "conversation_already_has_active_response":
            return ResponseRefused()
        if code in _BENIGN_CODES or _BENIGN_WORDS in message:
            _logger.debug("call=%s nothing to mend: %s", self._call_id, error)
            return None
        if error.event_id == _CREATE["event_id"]:
            return ResponseRejected(shortened(f"{code}: {message}"))
        return ServiceError(shortened(code), shortened(message))

    def _once(self, words: str) -> None:
        if words not in self._logged and len(self._logged) < 100:
            self._logged.add(words)
            _logger.info("call=%s %s", self._call_id, words)


def _done(response: ResponseFacts) -> ResponseDone:
    status = _STATUSES.get(response.status or "")
    if status is None:
        # It has ended, whatever this is; nobody must wait for it.
        return ResponseDone(response.id, "failed", shortened(f"status {response.status!r}"))
    return ResponseDone(response.id, status, "" if status == "completed" else _why(response.status_details))


def _why(details: object) -> str:
    """The one word in `status_details`: an error's code, or a reason such as `turn_detected`."""
    if not isinstance(details, dict):
        return ""
    error = details.get("error")
    places = [(error, "code"), (error, "type"), (error, "message"), (details, "reason")]
    words = (place[key] for place, key in places if isinstance(place, dict) and key in place)
    return shortened(next((word for word in words if isinstance(word, str) and word), ""))


# --- What is sent to the service --------------------------------------------------------------------------------


def command_event(command: SessionCommand) -> dict[str, object]:
    """The client event for a command, for the SDK's `send`. OpenSession and CloseSession have none: TypeError."""
    match command:
        case SendAudio(pcm):
            return {"type": "input_audio_buffer.append", "audio": b64encode_as_string(pcm)}
        case AddText(text):
            return turn_event(Turn("user", text))
        case CreateResponse(say="", instructions=""):
            return dict(_CREATE)
        case CreateResponse(say="", instructions=instructions):
            return {**_CREATE, "additional_instructions": instructions}
        case CreateResponse(say=words):
            message = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": words}]}
            return {**_CREATE, "response": {"pre_generated_assistant_message": message}}
        case CancelResponse():
            return {"type": "response.cancel"}
        case Truncate(item_id, content_index, audio_end_ms):
            return {
                "type": "conversation.item.truncate",
                "item_id": item_id,
                "content_index": content_index,
                "audio_end_ms": audio_end_ms,
            }
        case DeleteItem(item_id):
            return {"type": "conversation.item.delete", "item_id": item_id}
        case AddToolOutput(call_id, output):
            return _item_event({"type": "function_call_output", "call_id": call_id, "output": output})
        case AnswerApproval(request_id, approve):
            return _item_event(
                {"type": "mcp_approval_response", "approval_request_id": request_id, "approve": approve}
            )
        case _:
            raise TypeError(f"{type(command).__name__} is not for a session to carry out")


def append_message(pcm: bytes) -> bytes:
    """The whole message for a stretch of the caller's audio, as it goes on the wire; base64 needs no escapes."""
    return b'{"type": "input_audio_buffer.append", "audio": "%b"}' % b64encode(pcm)


def turn_event(turn: Turn) -> dict[str, object]:
    """The client event that adds something said to the conversation."""
    content = {"type": "input_text" if turn.role == "user" else "text", "text": turn.text}
    return _item_event({"type": "message", "role": turn.role, "content": [content]})


def _item_event(item: Mapping[str, object]) -> dict[str, object]:
    return {"type": "conversation.item.create", "item": dict(item)}


# --- For the log ------------------------------------------------------------------------------------------------


# Digits are in no log, whoever asks: those that the caller pressed, and those that the assistant presses.
_KEYPAD = re.compile(r'(pressed |\\?"digits\\?" *: *\\?")[0-9A-Dw*# ]+', re.IGNORECASE)
_SECRET = frozenset({"headers", "authorization"})  # of an MCP server


def shown(message: bytes | Mapping[str, object]) -> str:
    """A whole event on one line, its audio as a number of bytes. It shows what is said on the phone."""
    try:
        event: dict[str, Any] = json.loads(message) if isinstance(message, bytes) else dict(message)
        audio = _AUDIO_FIELDS.get(event["type"], "")
        if audio in event:
            event = {**event, audio: f"{len(event[audio]) * 3 // 4} bytes"}
        if isinstance(session := event.get("session"), dict) and isinstance(tools := session.get("tools"), list):
            hidden = [_without_secrets(tool) if isinstance(tool, dict) else tool for tool in tools]
            event = {**event, "session": {**session, "tools": hidden}}
        return _KEYPAD.sub(r"\1***", json.dumps(event, ensure_ascii=False))
    except (ValueError, TypeError, KeyError, RecursionError):
        return f"rubbish, {len(message)} bytes"


def _without_secrets(tool: Mapping[str, object]) -> dict[str, object]:
    return {name: "***" if name in _SECRET and value else value for name, value in tool.items()}
