"""One session of the Voice Live protocol, without I/O: what comes in goes in, what is to be done comes out.

In: the client's events, and what the parts made of their work. Out: events to send and requests for work, in order
(`work.py`). The caller of `Session` carries them out and decides nothing. Nothing that a client sends raises.

The order of events is the one that api-version 2025-10-01 showed on the wire with gpt-4.1-mini.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

import msgspec

from bot.engine import checks
from bot.engine.checks import Refusal
from bot.engine.conversation import Conversation, Item
from bot.engine.faults import NO_FAULTS, Faults
from bot.engine.hearing import Hearing, TurnBegan, TurnEnded, TurnGoesOn
from bot.engine.items import Items
from bot.engine.parts import Call, Detector, Heard, Line, ServerCall, Tool
from bot.engine.requests import read_audio
from bot.engine.responses import Responses
from bot.engine.tool_servers import ToolServers, without_secrets
from bot.engine.validation import default_session, replace_session
from bot.engine.work import (
    AbandonUtterance,
    BeginUtterance,
    Event,
    FeedUtterance,
    FinishUtterance,
    Outbox,
    Output,
)

LARGEST_EVENT = 15 * 1024 * 1024
"""Characters of one client event (the limit of `input_audio_buffer.append`)."""


class Session:
    """One session. now: seconds since the epoch; lifetime: seconds until `expires_at`."""

    def __init__(
        self, detector: Detector, *, model: str, now: float, lifetime: float, rng: Random, faults: Faults = NO_FAULTS
    ) -> None:
        self._outbox = Outbox(rng, muted=faults.no_session_created)
        self.session_id = self._outbox.new_id("sess")
        self._model = model
        self._expires_at = int(now + lifetime)
        self._faults = faults
        self._conversation = Conversation()
        self._hearing = Hearing(detector)
        self._servers = ToolServers(self._conversation, self._outbox)
        self._responses = Responses(self._conversation, self._hearing, self._servers, self._outbox, faults)
        self._settings = self._responses.settings = default_session()
        self._turn_id = ""
        # Turns that the listener works on: the item before, and whether the turn is to be answered.
        self._unheard: dict[str, tuple[str | None, bool]] = {}
        self._sentences = 0
        items = Items(self._conversation, self._servers, self._outbox)
        self._handlers: dict[str, Callable[[Event], None]] = {
            "session.update": self._update,
            "input_audio_buffer.append": self._append,
            "input_audio_buffer.commit": self._commit,
            "input_audio_buffer.clear": self._clear,
            "conversation.item.create": items.create,
            "conversation.item.retrieve": items.retrieve,
            "conversation.item.truncate": items.truncate,
            "conversation.item.delete": items.delete,
            "response.create": self._responses.create,
            "response.cancel": self._responses.cancel,
        }

    def lines(self) -> list[Line]:
        """The conversation, as far as the caller heard it."""
        return self._conversation.lines()

    # --- In: the client -----------------------------------------------------------------------------------------

    def open(self) -> list[Output]:
        """The client is connected."""
        self._outbox.send("session.created", session=self._wire())
        return self._outbox.take()

    def receive(self, message: str | bytes) -> list[Output]:
        """Take one frame of the client's. Bad ones are answered with an `error`; the session goes on."""
        event_id = None
        try:
            event = read_event(message)
            event_id = event.get("event_id") if isinstance(event.get("event_id"), str) else None
            handler = self._handlers.get(checks.field(event, "type", checks.text(100)))
            if handler is None:
                checks.one_of(*self._handlers)(event["type"], "type")
            else:
                handler(event)
        except Refusal as refusal:
            self._outbox.refuse(refusal, event_id)
        return self._outbox.take()

    def trouble(self, message: str) -> list[Output]:
        """Something of the engine's broke while it handled an event."""
        self._outbox.error("server_error", "internal_error", message)
        return self._outbox.take()

    def expire(self) -> list[Output]:
        """The session is as old as sessions get."""
        self._outbox.error("invalid_request_error", "session_expired", "The session hit its maximum duration.")
        return self._outbox.take()

    # --- In: the listener ---------------------------------------------------------------------------------------

    def heard(self, item_id: str, heard: Heard) -> list[Output]:
        """The listener understood the turn `item_id`."""
        if self._settings["input_audio_transcription"] is not None:
            kind = "conversation.item.input_audio_transcription.completed"
            self._outbox.send(kind, item_id=item_id, content_index=0, transcript=heard.text)
        self._turn_heard(item_id, heard)
        return self._outbox.take()

    def not_heard(self, item_id: str, reason: str) -> list[Output]:
        """The listener failed on the turn `item_id`."""
        if self._settings["input_audio_transcription"] is not None:
            kind = "conversation.item.input_audio_transcription.failed"
            error = {"type": "server_error", "code": "transcription_failed", "message": reason}
            self._outbox.send(kind, item_id=item_id, content_index=0, error=error)
        self._turn_heard(item_id, Heard("", sure=False))
        return self._outbox.take()

    # --- In: the mind and the speaker ---------------------------------------------------------------------------

    def says(self, response_id: str, text: str) -> list[Output]:
        """A message begins; `audio` and `said` follow."""
        self._responses.says(response_id, text)
        return self._outbox.take()

    def audio(self, response_id: str, pcm: bytes) -> list[Output]:
        """The message's next delta. pcm: 16-bit little-endian mono at 24 kHz, whole samples."""
        self._responses.audio(response_id, pcm)
        return self._outbox.take()

    def said(self, response_id: str) -> list[Output]:
        """The message is over."""
        self._responses.said(response_id)
        return self._outbox.take()

    def calls(self, response_id: str, call: Call) -> list[Output]:
        """A function is called."""
        self._responses.calls(response_id, call)
        return self._outbox.take()

    def finished(self, response_id: str) -> list[Output]:
        """The response is complete."""
        self._responses.finished(response_id)
        return self._outbox.take()

    def failed(self, response_id: str, code: str, message: str) -> list[Output]:
        """The response cannot be completed."""
        self._responses.failed(response_id, code, message)
        return self._outbox.take()

    # --- In: the MCP servers ------------------------------------------------------------------------------------

    def calls_server(self, response_id: str, call: ServerCall) -> list[Output]:
        """The mind calls a tool of an MCP server."""
        self._responses.calls_server(response_id, call)
        return self._outbox.take()

    def tools_listed(self, item_id: str, tools: Sequence[Tool]) -> list[Output]:
        """A server says what it offers."""
        self._servers.listed(item_id, tools)
        return self._outbox.take()

    def server_answered(self, item_id: str, output: str) -> list[Output]:
        """A tool of a server has answered."""
        self._servers.answered(item_id, output)
        return self._outbox.take()

    def server_failed(self, item_id: str, error: str) -> list[Output]:
        """A server could not be asked, or failed."""
        self._servers.failed(item_id, error)
        return self._outbox.take()

    # --- Session and input audio --------------------------------------------------------------------------------

    def _update(self, event: Event) -> None:
        if self._faults.hang_after_update:
            self._outbox.muted = True
        if self._faults.refuse_update:
            raise Refusal(self._faults.refuse_update, "The session cannot be updated.", "session")
        self._settings = self._responses.settings = replace_session(
            checks.field(event, "session", checks.anything),
            self._settings,
            model=self._model,
            has_heard=self._hearing.has_heard,
            has_spoken=self._responses.has_spoken,
        )
        self._hearing.configure(self._settings)
        self._outbox.send("session.updated", session=self._wire())
        self._servers.configure(self._settings["tools"])

    def _append(self, event: Event) -> None:
        for heard in self._hearing.append(read_audio(event, longest=LARGEST_EVENT)):
            match heard:
                case TurnBegan():
                    self._turn_began(heard)
                case TurnGoesOn(pcm):
                    self._outbox.ask(FeedUtterance(pcm))
                case TurnEnded(end_ms):
                    stopped = {"audio_end_ms": int(end_ms), "item_id": self._turn_id}
                    self._outbox.send("input_audio_buffer.speech_stopped", **stopped)
                    self._turn_ended(heard, answer=self._hearing.answers)

    def _commit(self, _: Event) -> None:
        began, ended = self._hearing.commit()
        if began is not None:
            self._turn_id = self._outbox.new_id("item")
            self._outbox.ask(BeginUtterance(began.pcm))
        self._turn_ended(ended, answer=False)

    def _clear(self, _: Event) -> None:
        if self._hearing.clear():
            self._outbox.ask(AbandonUtterance())
        self._outbox.send("input_audio_buffer.cleared")

    def _turn_began(self, turn: TurnBegan) -> None:
        self._turn_id = self._outbox.new_id("item")
        started = {"audio_start_ms": int(turn.start_ms), "item_id": self._turn_id}
        self._outbox.send("input_audio_buffer.speech_started", **started)
        self._outbox.ask(BeginUtterance(turn.pcm))
        if self._hearing.interrupts:
            self._responses.interrupt("turn_detected")

    def _turn_ended(self, turn: TurnEnded, *, answer: bool) -> None:
        item_id = self._turn_id
        item = Item(item_id, role="user", content="input_audio", pending=True, audio_ms=turn.audio_ms)
        previous = self._conversation.add(item)
        self._outbox.send("input_audio_buffer.committed", previous_item_id=previous, item_id=item_id)
        self._sentences += 1
        if self._faults.never_answer and self._faults.hits(self._sentences):
            self._outbox.ask(AbandonUtterance())
            return
        self._unheard[item_id] = (previous, answer)
        self._outbox.ask(FinishUtterance(item_id))

    def _turn_heard(self, item_id: str, heard: Heard) -> None:
        previous, answer = self._unheard.pop(item_id, (None, False))
        if item_id in self._conversation:  # it may have been deleted meanwhile
            item = self._conversation.get(item_id)
            item.text, item.sure, item.pending = heard.text, heard.sure, False
            self._outbox.send("conversation.item.created", previous_item_id=previous, item=item.wire())
        if answer:
            self._responses.owe_answer()

    def _wire(self) -> Event:
        identity = {"id": self.session_id, "object": "realtime.session", "model": self._model}
        tools = {"tools": without_secrets(self._settings["tools"])}
        return {**identity, **self._settings, **tools, "expires_at": self._expires_at}


def read_event(message: str | bytes) -> Event:
    """A client's frame as an event. Raises Refusal."""
    if not isinstance(message, str):
        raise Refusal("invalid_event", "Events are JSON objects in text frames; this frame was binary.")
    if len(message) > LARGEST_EVENT:
        raise Refusal("event_too_large", f"An event has at most {LARGEST_EVENT} characters.")
    try:
        event = msgspec.json.decode(message)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise Refusal("invalid_json", "The event is not JSON.") from None
    if not isinstance(event, dict):
        raise Refusal("invalid_event", "The event is not a JSON object.")
    return event
