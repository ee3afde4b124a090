"""The items of a conversation: what was said, what was called, and how much of it the caller heard."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Literal

from bot.engine.checks import Refusal
from bot.engine.parts import Line

MAX_ITEMS = 1000
# Where a reply was cut off before all of its audio was made, its whole length can only be guessed.
_MS_PER_CHARACTER = 60.0

_UNSAID = ("mcp_list_tools", "mcp_approval_request")  # nothing to the mind

type Content = Literal["input_audio", "input_text", "audio", "text"]
type Role = Literal["user", "assistant", "system"]
type Kind = Literal[
    "message",
    "function_call",
    "function_call_output",
    "mcp_list_tools",
    "mcp_call",
    "mcp_approval_request",
    "mcp_approval_response",
]


@dataclass(slots=True, eq=False)
class Item:
    """One item. `content` is what kind of content part a message has; calls and their outputs have none.

    server, output, error, request_id: of calls of MCP servers' tools, and of the questions whether they may be made;
    tools: what a server offers, as it is shown.
    """

    item_id: str
    kind: Kind = "message"
    role: Role = "user"
    content: Content = "input_text"
    text: str = ""  # words, a call's arguments, or a call's output
    name: str = ""
    call_id: str = ""
    status: Literal["completed", "incomplete"] = "completed"
    sure: bool = True
    pending: bool = False  # the caller's words, or a server's answer, are not known yet
    audio_ms: float = 0.0  # of a reply: delivered; of the caller's: taken in
    truncated_ms: float | None = None
    server: str = ""
    output: str | None = None
    error: str | None = None
    request_id: str = ""
    approved: bool = False
    tools: list[dict[str, Any]] = field(default_factory=list)

    @property
    def heard(self) -> str:
        """The words as far as they were heard: to the last whole word before the cut."""
        if self.content != "audio" or (self.status == "completed" and self.truncated_ms is None):
            return self.text
        whole = self.audio_ms if self.status == "completed" else self._guessed_ms()
        heard_ms = self.audio_ms if self.truncated_ms is None else self.truncated_ms
        return cut_words(self.text, heard_ms / whole if whole else 0.0)

    def wire(self) -> dict[str, Any]:
        """The item as `conversation.item.created` and its kind show it."""
        item: dict[str, Any] = {"id": self.item_id, "object": "realtime.item", "type": self.kind}
        if self.kind == "function_call":
            call = {"name": self.name, "call_id": self.call_id, "arguments": self.text}
            return item | {"status": self.status} | call
        if self.kind == "function_call_output":
            return item | {"call_id": self.call_id, "output": self.text}
        if self.kind == "mcp_list_tools":
            return item | {"server_label": self.server, "tools": self.tools}
        if self.kind == "mcp_approval_response":
            return item | {"approval_request_id": self.request_id, "approve": self.approved}
        if self.kind in ("mcp_call", "mcp_approval_request"):
            return item | {"server_label": self.server, "name": self.name, "arguments": self.text} | self._outcome()
        return item | {"status": self.status, "role": self.role, "content": self._content()}

    def line(self) -> Line:
        """The item as the mind is told of it."""
        if self.kind == "function_call":
            return Line("assistant", self.text, call_id=self.call_id, name=self.name)
        if self.kind == "function_call_output":
            return Line("tool", self.text, call_id=self.call_id)
        if self.kind == "mcp_call":
            text = self.output or "" if self.error is None else f"Error: {self.error}."
            return Line("tool", text, self.item_id, self.name)
        if self.kind == "mcp_approval_response" and not self.approved:
            return Line("tool", "Error: this tool may not be used.", self.request_id)
        return Line(self.role, self.heard, sure=self.sure)

    def _outcome(self) -> dict[str, Any]:
        """What only a call has: who allowed it, and how it went."""
        if self.kind != "mcp_call":
            return {}
        return {"approval_request_id": self.request_id or None, "output": self.output, "error": self.error}

    def _content(self) -> list[dict[str, Any]]:
        text = self.heard if self.truncated_ms is not None else self.text
        if self.content in ("audio", "input_audio"):
            return [{"type": self.content, "transcript": text}]
        return [{"type": self.content, "text": text}]

    def _guessed_ms(self) -> float:
        return max(self.audio_ms, len(self.text) * _MS_PER_CHARACTER)


def cut_words(text: str, fraction: float) -> str:
    """The first `fraction` of a text, without a word that is not wholly in it."""
    length = int(len(text) * fraction)
    if length >= len(text):
        return text
    if length > 0 and not text[length].isspace():
        length = max((at for at in range(length) if text[at].isspace()), default=0)
    return text[:length].rstrip()


@dataclass(slots=True)
class Conversation:
    """Items in order. Raises Refusal for what cannot be done; at most `MAX_ITEMS`, the oldest are forgotten."""

    _items: dict[str, Item] = field(default_factory=dict)

    @property
    def last_id(self) -> str | None:
        """The id of the last item."""
        return next(reversed(self._items), None)

    def __contains__(self, item_id: str) -> bool:
        return item_id in self._items

    def add(self, item: Item, after: str | None = None) -> str | None:
        """Put an item at the end or, where `after` is given, behind that one; return the id before it.

        `after="root"` puts it first.
        """
        if item.item_id in self._items:
            raise Refusal("item_create_invalid_item_id", f"Item '{item.item_id}' exists already.", "item.id")
        if after is None or after == self.last_id:
            previous = self.last_id
            self._items[item.item_id] = item
        else:
            previous = self._insert(item, after)
        while len(self._items) > MAX_ITEMS:
            del self._items[next(iter(self._items))]
        return previous

    def get(self, item_id: str) -> Item:
        """The item, for `conversation.item.retrieve`."""
        item = self._items.get(item_id)
        if item is None:
            message = f"Error retrieving item: the item with id '{item_id}' does not exist."
            raise Refusal("item_retrieve_invalid_item_id", message, "item_id")
        return item

    def delete(self, item_id: str) -> None:
        """Forget an item."""
        if self._items.pop(item_id, None) is None:
            message = f"Error deleting item: the item with id '{item_id}' does not exist."
            raise Refusal("item_delete_invalid_item_id", message, "item_id")

    def move_to_end(self, item_id: str) -> None:
        """Put an item behind all others, if it is still there: what it says is news."""
        if item_id in self._items:
            self._items[item_id] = self._items.pop(item_id)

    def truncate(self, item_id: str, content_index: int, audio_end_ms: float) -> None:
        """Only the first `audio_end_ms` of a reply were heard: forget the words beyond."""
        item = self._items.get(item_id)
        if item is None:
            message = f"Error truncating item: the item with id '{item_id}' does not exist."
            raise Refusal("item_truncate_invalid_item_id", message, "item_id")
        if item.kind != "message" or item.role != "assistant" or item.content != "audio":
            message = "Only an assistant's message with audio can be truncated."
            raise Refusal("invalid_item_for_truncate", message, "item_id")
        if content_index != 0:
            raise Refusal("invalid_value", "Invalid 'content_index': the item has one part.", "content_index")
        if audio_end_ms <= 0 or item.audio_ms <= 0:
            raise Refusal("invalid_value", "There is no audio before the cut.", "audio_end_ms")
        if item.truncated_ms is not None:
            message = f"Item '{item_id}' was truncated at {item.truncated_ms:.0f} ms before."
            raise Refusal("item_already_truncated", message, "item_id")
        if audio_end_ms > item.audio_ms + 1:  # a millisecond of rounding
            message = f"Audio content of {item.audio_ms:.0f} ms is already shorter than {audio_end_ms:.0f} ms"
            raise Refusal("invalid_value", message, "audio_end_ms")
        item.truncated_ms = min(float(audio_end_ms), item.audio_ms)

    def has_call(self, call_id: str) -> bool:
        """Whether a function was called by this id."""
        return any(item.kind == "function_call" and item.call_id == call_id for item in self._items.values())

    def lines(self) -> list[Line]:
        """The conversation as it was heard.

        A reply of which nothing was heard is left out; so is a turn of the caller's whose words are not known yet.
        """
        lines = (item.line() for item in self._items.values() if not item.pending and item.kind not in _UNSAID)
        return [line for line in lines if line.text or line.role in ("user", "tool") or line.name]

    def size(self, *, but: Collection[Item] = ()) -> tuple[int, float]:
        """How much there is, without the items of `but`: characters, and milliseconds of the caller's audio."""
        others = [item for item in self._items.values() if item not in but]
        heard_ms = sum(item.audio_ms for item in others if item.content == "input_audio")
        return sum(len(item.text) for item in others), heard_ms

    def _insert(self, item: Item, after: str) -> str | None:
        if after != "root" and after not in self._items:
            message = f"The previous item with id '{after}' does not exist."
            raise Refusal("item_create_invalid_previous_item_id", message, "previous_item_id")
        before: dict[str, Item] = {}
        if after == "root":
            before[item.item_id] = item
        for key, other in self._items.items():
            before[key] = other
            if key == after:
                before[item.item_id] = item
        self._items = before
        return None if after == "root" else after
