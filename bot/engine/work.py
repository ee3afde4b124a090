"""What a session wants done: events to send, and work for the parts. The session's caller does it, in order."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

from bot.engine.checks import Json, Refusal
from bot.engine.parts import Brief

type Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Send:
    """Send this event to the client."""

    event: Event


@dataclass(frozen=True, slots=True)
class BeginUtterance:
    """The caller speaks. pcm: what was heard so far, 16-bit little-endian mono at 24 kHz."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class FeedUtterance:
    """The caller goes on. pcm: 16-bit little-endian mono at 24 kHz."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class FinishUtterance:
    """The caller has said it: answer with `Session.heard` or `Session.not_heard`."""

    item_id: str


@dataclass(frozen=True, slots=True)
class AbandonUtterance:
    """Forget what the caller began to say."""


@dataclass(frozen=True, slots=True)
class Respond:
    """Make a response: `say` word for word or, where that is empty, what the mind answers, with `hint`.

    Answer with `Session.says`, `audio`, `said`, `calls`, and `finished` or `failed` at the end. number: how many
    responses the session has made, this one included.
    """

    response_id: str
    brief: Brief
    say: str
    hint: str
    voice: str
    speaks: bool
    number: int


@dataclass(frozen=True, slots=True)
class StopResponding:
    """Nobody wants this response any more."""

    response_id: str


@dataclass(frozen=True, slots=True)
class ListTools:
    """Ask an MCP server what it offers: answer with `Session.tools_listed`."""

    item_id: str
    label: str
    url: str


@dataclass(frozen=True, slots=True)
class CallServer:
    """Call a tool of an MCP server: answer with `Session.server_answered`. arguments: JSON text."""

    item_id: str
    label: str
    url: str
    name: str
    arguments: str


type Output = (
    Send
    | BeginUtterance
    | FeedUtterance
    | FinishUtterance
    | AbandonUtterance
    | Respond
    | StopResponding
    | ListTools
    | CallServer
)


class Outbox:
    """Collects the outputs of one session, in order, and gives out its ids. A muted one keeps events to itself."""

    def __init__(self, rng: Random, *, muted: bool = False) -> None:
        self._rng = rng
        self._outputs: list[Output] = []
        self.muted = muted

    def new_id(self, kind: str) -> str:
        """An id such as `item_3f…`."""
        return f"{kind}_{self._rng.getrandbits(112):028x}"

    def send(self, kind: str, **fields: Json) -> None:
        """Send an event of type `kind`."""
        self.send_all([{"type": kind, **fields}])

    def send_all(self, events: list[Event]) -> None:
        """Send these events, each with an id of its own."""
        if not self.muted:
            self._outputs += [Send({"event_id": self.new_id("event"), **event}) for event in events]

    def refuse(self, refusal: Refusal, event_id: str | None) -> None:
        """Answer the client event `event_id` with an error."""
        self.error("invalid_request_error", refusal.code, refusal.message, refusal.param, event_id)

    def error(
        self, kind: str, code: str, message: str, param: str | None = None, event_id: str | None = None
    ) -> None:
        """Send an `error`."""
        error = {"type": kind, "code": code, "message": message, "param": param, "event_id": event_id}
        self.send("error", error=error)

    def ask(self, output: Output) -> None:
        """Ask for work."""
        self._outputs.append(output)

    def take(self) -> list[Output]:
        """Everything since the last time."""
        outputs, self._outputs = self._outputs, []
        return outputs
