"""One response, from `response.created` to `response.done`: the events it makes, in the order seen on the wire."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any, Literal

from bot.engine.conversation import Conversation, Item
from bot.engine.formats import BYTES_PER_MS, Encoder
from bot.engine.work import Event

type Status = Literal["completed", "cancelled", "incomplete", "failed"]

# Seen on the wire: 31 tokens for 3.1 s of the caller's audio, 154 for 7.7 s of a reply.
_INPUT_TOKENS_PER_MS = 0.01
_OUTPUT_TOKENS_PER_MS = 0.02
_CHARACTERS_PER_TOKEN = 4
_PIECE_OF_TEXT = re.compile(r"\s*\S+")


class Response:
    """The response that a session is making. Its methods return the events to send."""

    def __init__(self, response_id: str, settings: Mapping[str, Any], conversation: Conversation) -> None:
        self.response_id = response_id
        self._settings = settings
        self._conversation = conversation
        self._output: list[Item] = []
        self._message: Item | None = None  # the message that is being spoken
        self._encoder = Encoder()

    @property
    def speaks(self) -> bool:
        """Whether its messages are audio."""
        return "audio" in self._settings["modalities"]

    @property
    def voice(self) -> str:
        """Name of the voice that speaks."""
        voice = self._settings["voice"]
        return str(voice["name"] if isinstance(voice, Mapping) else voice)

    def created(self) -> list[Event]:
        """The response begins."""
        return [{"type": "response.created", "response": self._wire("in_progress", None, None)}]

    def begin_message(self, item_id: str, text: str) -> list[Event]:
        """A message begins; all of its text is out before the first audio."""
        content: Literal["audio", "text"] = "audio" if self.speaks else "text"
        item = Item(item_id, role="assistant", content=content, text=text, status="incomplete")
        events = self._announce(item, item.wire() | {"content": []})
        self._message = item
        self._encoder = Encoder(self._settings["output_audio_format"])
        where = self._where(item) | {"content_index": 0}
        empty = {"type": "audio", "transcript": ""} if self.speaks else {"type": "text", "text": ""}
        events.append({"type": "response.content_part.added", **where, "part": empty})
        kind = "response.audio_transcript.delta" if self.speaks else "response.text.delta"
        events += [{"type": kind, **where, "delta": piece} for piece in _PIECE_OF_TEXT.findall(text)]
        return events

    def audio(self, pcm: bytes) -> list[Event]:
        """More of the message's audio. pcm: 16-bit little-endian mono at 24 kHz, whole samples."""
        if self._message is None:
            return []
        self._message.audio_ms += len(pcm) / BYTES_PER_MS
        delta = base64.b64encode(self._encoder.encode(pcm)).decode("ascii")
        return [
            {"type": "response.audio.delta", **self._where(self._message), "content_index": 0, "delta": delta},
        ]

    def end_message(self, status: Literal["completed", "incomplete"] = "completed") -> list[Event]:
        """The message is over; nothing happens where there is none."""
        item, self._message = self._message, None
        if item is None:
            return []
        item.status = status
        where = self._where(item) | {"content_index": 0}
        if self.speaks:
            events: list[Event] = [
                {"type": "response.audio.done", **where},
                {"type": "response.audio_transcript.done", **where, "transcript": item.text},
            ]
        else:
            events = [{"type": "response.text.done", **where, "text": item.text}]
        wire = item.wire()
        events.append({"type": "response.content_part.done", **where, "part": wire["content"][0]})
        events.append(self._item_done(item))
        return events

    def call(self, item: Item) -> list[Event]:
        """A function is called. item: the call, completed."""
        events = self._announce(item, item.wire() | {"status": "in_progress", "arguments": ""})
        where = self._where(item) | {"call_id": item.call_id}
        events.append({"type": "response.function_call_arguments.delta", **where, "delta": item.text})
        done = {"name": item.name, "arguments": item.text}
        events.append({"type": "response.function_call_arguments.done", **where, **done})
        events.append(self._item_done(item))
        return events

    def call_server(self, item: Item) -> list[Event]:
        """A tool of an MCP server is called; that it is done is told when it has answered. item: the call."""
        events = self._announce(item, item.wire() | {"status": "in_progress", "arguments": ""})
        where = self._where(item)
        events.append({"type": "response.mcp_call_arguments.delta", **where, "delta": item.text})
        events.append({"type": "response.mcp_call_arguments.done", **where, "arguments": item.text})
        return events

    def ask(self, item: Item) -> list[Event]:
        """The client is asked whether a tool of an MCP server may be called. item: the question."""
        return [*self._announce(item, item.wire()), self._item_done(item)]

    @property
    def last_index(self) -> int:
        """Where the item that was begun last is among the response's items."""
        return len(self._output) - 1

    def done(self, status: Status, details: Event | None = None) -> list[Event]:
        """The response ends; a message that was still being spoken is incomplete."""
        events = self.end_message("incomplete")
        wire = self._wire(status, details, self._usage())
        return [*events, {"type": "response.done", "response": wire}]

    def _announce(self, item: Item, wire: Event) -> list[Event]:
        previous = self._conversation.add(item)
        self._output.append(item)
        added = {"response_id": self.response_id, "output_index": len(self._output) - 1, "item": wire}
        return [
            {"type": "response.output_item.added", **added},
            {"type": "conversation.item.created", "previous_item_id": previous, "item": wire},
        ]

    def _item_done(self, item: Item) -> Event:
        return {
            "type": "response.output_item.done",
            "response_id": self.response_id,
            "output_index": len(self._output) - 1,
            "item": item.wire(),
        }

    def _where(self, item: Item) -> Event:
        return {
            "response_id": self.response_id,
            "item_id": item.item_id,
            "output_index": len(self._output) - 1,
        }

    def _wire(self, status: str, details: Event | None, usage: Event | None) -> Event:
        return {
            "object": "realtime.response",
            "id": self.response_id,
            "status": status,
            "status_details": details,
            "output": [item.wire() for item in self._output],
            "usage": usage,
            "conversation_id": "",
            "modalities": self._settings["modalities"],
            "voice": self._settings["voice"],
            "output_audio_format": self._settings["output_audio_format"],
            "temperature": self._settings["temperature"],
            "max_output_tokens": self._settings.get("max_output_tokens"),
            "metadata": self._settings.get("metadata"),
        }

    def _usage(self) -> Event:
        given, heard_ms = self._conversation.size(but=self._output)
        characters = given + len(self._settings["instructions"])
        text_in, audio_in = characters // _CHARACTERS_PER_TOKEN, int(heard_ms * _INPUT_TOKENS_PER_MS)
        text_out = sum(len(item.text) for item in self._output) // _CHARACTERS_PER_TOKEN
        audio_out = int(sum(item.audio_ms for item in self._output) * _OUTPUT_TOKENS_PER_MS)
        return {
            "total_tokens": text_in + audio_in + text_out + audio_out,
            "input_tokens": text_in + audio_in,
            "output_tokens": text_out + audio_out,
            "input_token_details": {
                "cached_tokens": 0,
                "text_tokens": text_in,
                "audio_tokens": audio_in,
                "image_tokens": 0,
                "cached_tokens_details": {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0},
            },
            "output_token_details": {
                "text_tokens": text_out,
                "audio_tokens": audio_out,
                "reasoning_tokens": 0,
            },
        }
