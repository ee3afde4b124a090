"""The responses of a session: at most one at a time, asked for by the client or owed to the caller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.engine import checks
from bot.engine.checks import Refusal
from bot.engine.conversation import Conversation, Item
from bot.engine.faults import Faults
from bot.engine.hearing import Hearing
from bot.engine.items import Items
from bot.engine.parts import Brief, Call, ServerCall, Tool
from bot.engine.requests import ResponseRequest, read_response
from bot.engine.response import Response
from bot.engine.tool_servers import ToolServers
from bot.engine.work import Event, Outbox, Respond, StopResponding


class Responses:
    """Begins, feeds and ends responses. What comes of one that is over already is dropped."""

    def __init__(
        self, conversation: Conversation, hearing: Hearing, servers: ToolServers, outbox: Outbox, faults: Faults
    ) -> None:
        self._conversation = conversation
        self._hearing = hearing
        self._outbox = outbox
        self._faults = faults
        self._servers = servers
        self._items = Items(conversation, servers, outbox)
        self._response: Response | None = None
        self._owes_answer = False
        self._made = 0
        self.has_spoken = False
        self.settings: Mapping[str, Any] = {}
        """The session's settings."""

    # --- Asked for by the client, and by what the caller said ---------------------------------------------------

    def create(self, event: Event) -> None:
        """`response.create`. Raises Refusal."""
        request = read_response(event)
        if self._response is not None:
            if not request.cancel_previous:
                message = (
                    f"Conversation already has an active response in progress: {self._response.response_id}. "
                    "Wait until the response is finished before creating a new one."
                )
                raise Refusal("conversation_already_has_active_response", message)
            self._owes_answer = False
            self.interrupt("client_cancelled")
        for at, raw in enumerate(request.items):
            self._items.add(raw, f"response.append_input_items[{at}]")
        self._respond(request)

    def cancel(self, event: Event) -> None:
        """`response.cancel`. Raises Refusal."""
        wanted = checks.optional_field(event, "response_id", checks.text(200))
        if self._response is None or wanted not in (None, self._response.response_id):
            raise Refusal("response_cancel_not_active", "Cancellation failed: no active response found.")
        self.interrupt("client_cancelled")

    def interrupt(self, reason: str) -> None:
        """Stop the response, if there is one."""
        if self._response is not None:
            self._outbox.ask(StopResponding(self._response.response_id))
            self._end(self._response.done("cancelled", {"type": "cancelled", "reason": reason}))

    def owe_answer(self) -> None:
        """Answer the caller: now, or when the active response is done.

        Not while the caller goes on speaking: the answer to that is an answer to this, too.
        """
        if not self._hearing.speaking:
            self._owes_answer = True
            self._pay_answer()

    # --- From the mind and the speaker --------------------------------------------------------------------------

    def says(self, response_id: str, text: str) -> None:
        """A message begins; `audio` and `said` follow."""
        if response := self._active(response_id):
            self.has_spoken = self.has_spoken or response.speaks
            self._outbox.send_all(response.begin_message(self._outbox.new_id("msg"), text))

    def audio(self, response_id: str, pcm: bytes) -> None:
        """The next delta. pcm: 16-bit little-endian mono at 24 kHz, whole samples."""
        if response := self._active(response_id):
            self._outbox.send_all(response.audio(pcm))

    def said(self, response_id: str) -> None:
        """The message is over."""
        if response := self._active(response_id):
            self._outbox.send_all(response.end_message())

    def calls(self, response_id: str, call: Call) -> None:
        """A function is called."""
        if response := self._active(response_id):
            item = Item(self._outbox.new_id("item"), "function_call", "assistant", text=call.arguments)
            item.name, item.call_id = call.name, call.call_id or self._outbox.new_id("call")
            self._outbox.send_all(response.call(item))

    def calls_server(self, response_id: str, call: ServerCall) -> None:
        """A tool of an MCP server is called."""
        if response := self._active(response_id):
            self._servers.call(response, call)

    def finished(self, response_id: str) -> None:
        """The response is complete."""
        if response := self._active(response_id):
            self._end(response.done("completed"))

    def failed(self, response_id: str, code: str, message: str) -> None:
        """The response cannot be completed."""
        if response := self._active(response_id):
            self._end(response.done("failed", _failure(code, message)))

    def _respond(self, request: ResponseRequest) -> None:
        self._owes_answer = False
        self._made += 1
        settings = {**self.settings, **(request.settings or {})}
        response = self._response = Response(self._outbox.new_id("resp"), settings, self._conversation)
        self._outbox.send_all(response.created())
        if self._faults.fail_response and self._faults.hits(self._made):
            self._end(response.done("failed", _failure(self._faults.fail_response, "The response failed.")))
            return
        self._outbox.ask(
            Respond(
                response.response_id,
                _brief(settings),
                request.say,
                request.hint,
                response.voice,
                response.speaks,
                self._made,
            )
        )

    def _end(self, events: list[Event]) -> None:
        self._outbox.send_all(events)
        self._response = None
        self._pay_answer()

    def _pay_answer(self) -> None:
        if self._owes_answer and self._response is None and not self._hearing.speaking:
            self._respond(ResponseRequest())

    def _active(self, response_id: str) -> Response | None:
        response = self._response
        return response if response is not None and response.response_id == response_id else None


def _brief(settings: Mapping[str, Any]) -> Brief:
    tools = settings["tools"] if settings["tool_choice"] != "none" else []
    return Brief(
        settings["instructions"],
        tuple(
            Tool(tool["name"], tool.get("description") or "", tool.get("parameters") or {})
            for tool in tools
            if tool["type"] == "function"
        ),
    )


def _failure(code: str, message: str) -> Event:
    return {"type": "failed", "error": {"type": "server_error", "code": code, "message": message}}
