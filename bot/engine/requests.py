"""What clients ask for in `conversation.item.create` and `response.create`, read and checked."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.engine import checks, validation
from bot.engine.checks import Json, Refusal, record
from bot.engine.conversation import Content, Item
from bot.engine.formats import OUTPUT_FORMATS

_CONTENT_OF_ROLE: dict[str, tuple[Content, ...]] = {
    "user": ("input_text", "input_audio"),
    "assistant": ("text",),
    "system": ("input_text",),
}
_status = checks.optional(checks.one_of("completed", "incomplete", "in_progress"))
_part = record(
    {
        "type": checks.one_of("input_text", "input_audio", "text"),
        "text": checks.optional(checks.text()),
        "audio": checks.optional(checks.text(20_000_000)),
        "transcript": checks.optional(checks.text()),
    },
    required=("type",),
)
_COMMON = {"id": checks.optional(checks.text(200)), "object": checks.anything, "status": _status}
_ITEMS = {
    "message": record(
        {
            **_COMMON,
            "type": checks.anything,
            "role": checks.one_of(*_CONTENT_OF_ROLE),
            "content": checks.list_of(_part),
        },
        required=("role", "content"),
    ),
    "function_call": record(
        {
            **_COMMON,
            "type": checks.anything,
            "name": checks.text(64),
            "call_id": checks.text(200),
            "arguments": checks.text(),
        },
        required=("name", "call_id", "arguments"),
    ),
    "function_call_output": record(
        {**_COMMON, "type": checks.anything, "call_id": checks.text(200), "output": checks.text(1_000_000)},
        required=("call_id", "output"),
    ),
    "mcp_approval_response": record(
        {
            **_COMMON,
            "type": checks.anything,
            "approval_request_id": checks.text(200),
            "approve": checks.boolean,
            "reason": checks.optional(checks.text(1000)),
        },
        required=("approval_request_id", "approve"),
    ),
}


@dataclass(frozen=True, slots=True)
class ResponseRequest:
    """What one response is to be. say: words to speak as they stand; hint: instructions for this one time."""

    say: str = ""
    hint: str = ""
    cancel_previous: bool = False
    items: tuple[Any, ...] = ()
    settings: Mapping[str, Any] | None = None


def read_audio(event: Mapping[str, Any], *, longest: int) -> bytes:
    """The audio of an `input_audio_buffer.append`, base64 of at most `longest` characters. Raises Refusal."""
    encoded = checks.field(event, "audio", checks.text(longest))
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise Refusal("invalid_value", "Invalid 'audio': expected base64-encoded audio.", "audio") from None


def read_item(value: Json, new_id: str, path: str = "item") -> Item:
    """An item as a client adds it; `new_id` names it where the client does not. Raises Refusal."""
    if not isinstance(value, dict):
        raise checks.missing(path)
    kind = checks.one_of(*_ITEMS)(value.get("type"), f"{path}.type")
    item = _ITEMS[kind](value, path)
    item_id = item.get("id") or new_id
    if kind == "function_call":
        call = {"name": item["name"], "call_id": item["call_id"], "text": item["arguments"]}
        return Item(item_id, "function_call", "assistant", **call)
    if kind == "function_call_output":
        return Item(item_id, "function_call_output", "assistant", call_id=item["call_id"], text=item["output"])
    if kind == "mcp_approval_response":
        answer = Item(item_id, "mcp_approval_response", "system", approved=item["approve"])
        answer.request_id = item["approval_request_id"]
        return answer
    role = item["role"]
    words = [_words(part, role, f"{path}.content[{at}]") for at, part in enumerate(item["content"])]
    content: Content = item["content"][0]["type"] if item["content"] else _CONTENT_OF_ROLE[role][0]
    return Item(item_id, "message", role, content, " ".join(filter(None, words)))


def _words(part: Mapping[str, Any], role: str, path: str) -> str:
    checks.one_of(*_CONTENT_OF_ROLE[role])(part["type"], f"{path}.type")
    return str((part.get("transcript") if part["type"] == "input_audio" else part.get("text")) or "")


def _pre_generated(value: Json, path: str) -> Json:
    item = read_item(value, "")
    parts = value["content"] if item.kind == "message" else []
    if item.role != "assistant" or len(parts) != 1 or not item.text:
        raise Refusal("invalid_value", f"Invalid '{path}': expected an assistant's message of one text part.", path)
    return item.text


_response = record(
    {
        "commit": checks.optional(checks.boolean),
        "cancel_previous": checks.optional(checks.boolean),
        "append_input_items": checks.optional(checks.list_of(checks.anything)),
        "instructions": checks.optional(checks.text()),
        "pre_generated_assistant_message": checks.optional(_pre_generated),
        "modalities": checks.optional(checks.list_of(checks.one_of("text", "audio"), longest=2)),
        "voice": checks.optional(validation.voice),
        "output_audio_format": checks.optional(checks.one_of(*OUTPUT_FORMATS)),
        "tools": checks.optional(validation.tools),
        "tool_choice": checks.anything,
        "temperature": checks.optional(checks.number(0, 2)),
        "max_output_tokens": checks.anything,
        "reasoning_effort": checks.anything,
        "interim_response": checks.anything,
        "metadata": checks.optional(validation.metadata),
    }
)
_SETTINGS = ("modalities", "voice", "output_audio_format", "tools", "temperature", "max_output_tokens", "metadata")


def read_response(event: Mapping[str, Any]) -> ResponseRequest:
    """The parameters of a `response.create`. Raises Refusal."""
    asked = checks.optional(_response)(event.get("response"), "response") or {}
    additional = checks.optional_field(event, "additional_instructions", checks.text())
    return ResponseRequest(
        say=asked.get("pre_generated_assistant_message") or "",
        hint="\n".join(filter(None, (asked.get("instructions"), additional))),
        cancel_previous=bool(asked.get("cancel_previous")),
        items=tuple(asked.get("append_input_items") or ()),
        settings={name: asked[name] for name in _SETTINGS if asked.get(name) is not None},
    )
