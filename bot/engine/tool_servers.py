"""The MCP servers of one session: what they offer, which of their tools are called, and whether they may be. Pure.

Whether a client has to approve a call is the server's `require_approval`, "always" where it is not set
(https://learn.microsoft.com/azure/ai-services/speech-service/how-to-voice-live-mcp-server). What a call brought is in
the conversation; the client asks for a response when it is to be spoken of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.engine.checks import Refusal
from bot.engine.conversation import Conversation, Item
from bot.engine.parts import ServerCall, Tool
from bot.engine.response import Response
from bot.engine.work import CallServer, ListTools, Outbox


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in a response an item is."""

    response_id: str
    output_index: int


class ToolServers:
    """Lists and calls. What the engine cannot reach is answered by `failed`."""

    def __init__(self, conversation: Conversation, outbox: Outbox) -> None:
        self._conversation = conversation
        self._outbox = outbox
        self._servers: dict[str, Mapping[str, Any]] = {}
        self._offered: dict[str, frozenset[str]] = {}  # names of tools, by the server's label
        self._listing: dict[str, str] = {}  # labels, by item
        self._running: dict[str, tuple[Item, _Place]] = {}  # calls, by item
        self._asked: dict[str, tuple[Item, _Place]] = {}  # questions without an answer, by item

    def configure(self, tools: Sequence[Mapping[str, Any]]) -> None:
        """The session's tools are these: ask those servers that are new what they offer."""
        known, self._servers = self._servers, {t["server_label"]: t for t in tools if t["type"] == "mcp"}
        for label, server in self._servers.items():
            if known.get(label) == server:
                continue
            self._offered.pop(label, None)
            item_id = self._outbox.new_id("mcpl")
            self._listing[item_id] = label
            self._outbox.send("mcp_list_tools.in_progress", item_id=item_id)
            self._outbox.ask(ListTools(item_id, label, server["server_url"]))

    def listed(self, item_id: str, tools: Sequence[Tool]) -> None:
        """A server offers these tools; those that the session does not allow are left out."""
        label = self._listing.pop(item_id, "")
        server = self._servers.get(label)
        if server is None:
            return
        allowed = server.get("allowed_tools")
        taken = [tool for tool in tools if not allowed or tool.name in allowed]
        self._offered[label] = frozenset(tool.name for tool in taken)
        item = Item(item_id, "mcp_list_tools", "system", server=label)
        item.tools = [
            {"name": tool.name, "description": tool.description, "input_schema": dict(tool.parameters)}
            for tool in taken
        ]
        self._create(item)
        self._outbox.send("mcp_list_tools.completed", item_id=item_id)

    def call(self, response: Response, call: ServerCall) -> None:
        """The model calls a tool in this response: do it, or ask first whether it may be done."""
        server = self._servers.get(call.server)
        if server is not None and _asks(server, call.name):
            request = Item(self._outbox.new_id("mcpr"), "mcp_approval_request", "system", text=call.arguments)
            request.server, request.name = call.server, call.name
            self._outbox.send_all(response.ask(request))
            self._asked[request.item_id] = request, _Place(response.response_id, response.last_index)
            return
        item = self._new_call(call)
        self._outbox.send_all(response.call_server(item))
        self._begin(item, _Place(response.response_id, response.last_index))

    def decided(self, answer: Item) -> None:
        """The client says whether a call may be made. Raises Refusal where nothing was asked."""
        request, place = self._asked.pop(answer.request_id, (None, None))
        if request is None or place is None:
            message = f"Approval request '{answer.request_id}' was not found, or has been answered."
            raise Refusal("invalid_approval_request_id", message, "item.approval_request_id")
        self._create(answer)
        if answer.approved:
            item = self._new_call(ServerCall(request.server, request.name, request.text))
            item.request_id = request.item_id
            self._create(item)
            self._begin(item, place)

    def answered(self, item_id: str, output: str) -> None:
        """A tool has answered."""
        self._end(item_id, output, None)

    def failed(self, item_id: str, error: str) -> None:
        """A server could not be asked what it offers, or a tool of it could not be called."""
        if self._listing.pop(item_id, None) is not None:
            self._outbox.send("mcp_list_tools.failed", item_id=item_id)
        else:
            self._end(item_id, None, error)

    # --- inside

    def _new_call(self, call: ServerCall) -> Item:
        item = Item(self._outbox.new_id("mcp"), "mcp_call", "assistant", text=call.arguments, pending=True)
        item.server, item.name = call.server, call.name
        return item

    def _begin(self, item: Item, place: _Place) -> None:
        self._running[item.item_id] = item, place
        where = {"item_id": item.item_id, "output_index": place.output_index}
        self._outbox.send("response.mcp_call.in_progress", **where)
        if item.name not in self._offered.get(item.server, frozenset()):
            self._end(item.item_id, None, "there is no such tool")
            return
        url = self._servers[item.server]["server_url"]
        self._outbox.ask(CallServer(item.item_id, item.server, url, item.name, item.text))

    def _end(self, item_id: str, output: str | None, error: str | None) -> None:
        item, place = self._running.pop(item_id, (None, None))
        if item is None or place is None:
            return
        item.output, item.error, item.pending = output, error, False
        self._conversation.move_to_end(item_id)  # something may have been said since the call began
        kind = "response.mcp_call.completed" if error is None else "response.mcp_call.failed"
        self._outbox.send(kind, item_id=item_id, output_index=place.output_index)
        done = {"response_id": place.response_id, "output_index": place.output_index, "item": item.wire()}
        self._outbox.send("response.output_item.done", **done)

    def _create(self, item: Item) -> None:
        previous = self._conversation.add(item)
        self._outbox.send("conversation.item.created", previous_item_id=previous, item=item.wire())


def _asks(server: Mapping[str, Any], tool: str) -> bool:
    """Whether the client has to approve a call of `tool`."""
    rule = server.get("require_approval") or "always"
    return tool not in rule.get("never", ()) if isinstance(rule, Mapping) else rule != "never"


def without_secrets(tools: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The tools as the session shows them: what a server is told of who asks is nobody's business."""
    secret = ("headers", "authorization")
    return [{name: value for name, value in tool.items() if name not in secret} for tool in tools]
