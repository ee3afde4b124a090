"""The client events `conversation.item.*`: add, show, cut and forget items."""

from __future__ import annotations

from bot.engine import checks
from bot.engine.checks import Json, Refusal
from bot.engine.conversation import Conversation
from bot.engine.requests import read_item
from bot.engine.tool_servers import ToolServers
from bot.engine.work import Event, Outbox

_item_id = checks.text(200)
_content_index = checks.number(0, 1000, whole=True)
_milliseconds = checks.number(-(2**31), 2**31, whole=True)


class Items:
    """What a client does to the items of a conversation. Raises Refusal."""

    def __init__(self, conversation: Conversation, servers: ToolServers, outbox: Outbox) -> None:
        self._conversation = conversation
        self._servers = servers
        self._outbox = outbox

    def create(self, event: Event) -> None:
        """`conversation.item.create`."""
        self.add(event.get("item"), after=checks.optional_field(event, "previous_item_id", _item_id))

    def add(self, raw: Json, path: str = "item", after: str | None = None) -> None:
        """Add an item, behind the item `after` or at the end."""
        item = read_item(raw, self._outbox.new_id("item"), path)
        if item.kind == "function_call_output" and not self._conversation.has_call(item.call_id):
            message = f"Tool call ID '{item.call_id}' not found in conversation."
            raise Refusal("invalid_tool_call_id", message, f"{path}.call_id")
        if item.kind == "mcp_approval_response":
            self._servers.decided(item)
            return
        previous = self._conversation.add(item, after)
        self._outbox.send("conversation.item.created", previous_item_id=previous, item=item.wire())

    def retrieve(self, event: Event) -> None:
        """`conversation.item.retrieve`."""
        item = self._conversation.get(checks.field(event, "item_id", _item_id))
        self._outbox.send("conversation.item.retrieved", item=item.wire())

    def truncate(self, event: Event) -> None:
        """`conversation.item.truncate`."""
        item_id = checks.field(event, "item_id", _item_id)
        index = checks.field(event, "content_index", _content_index)
        end_ms = checks.field(event, "audio_end_ms", _milliseconds)
        self._conversation.truncate(item_id, index, end_ms)
        cut = {"item_id": item_id, "content_index": index, "audio_end_ms": end_ms}
        self._outbox.send("conversation.item.truncated", **cut)

    def delete(self, event: Event) -> None:
        """`conversation.item.delete`."""
        item_id = checks.field(event, "item_id", _item_id)
        self._conversation.delete(item_id)
        self._outbox.send("conversation.item.deleted", item_id=item_id)
