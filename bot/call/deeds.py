"""What the assistant does besides talk, between what it says: functions run and answered, and then spoken of."""

from __future__ import annotations

from bot.call.commands import CreateResponse
from bot.call.events import ApprovalAsked, ServerToolEnded, ToolCalled, ToolFinished
from bot.call.floor import Floor
from bot.call.output import Output
from bot.call.patience import Patience
from bot.call.policy import Policy
from bot.call.response import ResponseDesk
from bot.call.sessions import SessionLife
from bot.call.tooling import ToolDesk


class Deeds:
    """The functions that the model calls, and when it is asked to speak of them."""

    def __init__(
        self,
        policy: Policy,
        tools: ToolDesk,
        *,
        desk: ResponseDesk,
        patience: Patience,
        session: SessionLife,
        floor: Floor,
    ) -> None:
        self._policy = policy
        self._tools = tools
        self._desk = desk
        self._patience = patience
        self._session = session
        self._floor = floor

    @property
    def working(self) -> bool:
        """Whether a function is being run."""
        return self._tools.working

    def repeated(self, call: ToolCalled) -> bool:
        """Whether this call was reported before. The response that repeats it has answered all the same."""
        if not self._tools.knows(call):
            return False
        self._desk.acted(call.response_id)
        return True

    def called(self, call: ToolCalled) -> bool:
        """The model calls a function; False where the caller has spoken since and nobody wants it any more."""
        self._tools.called(call)
        if not self._desk.acted(call.response_id):
            return False
        self._patience.settle()
        return True

    def run(self, call: ToolCalled, now: float, digits: str | None = None) -> list[Output]:
        """Have a function run. digits: what the caller pressed for it."""
        return self._tools.run(call, digits, now, listening=self._session.ready)

    def answer(self, call: ToolCalled, output: str, now: float) -> list[Output]:
        """Answer a function's call without running anything."""
        return [*self._tools.answer(call, output, listening=self._session.ready), *self._speak(now)]

    def overtaken(self, call: ToolCalled) -> list[Output]:
        """The caller spoke before this was done: it is not done."""
        return self._tools.overtaken(call, listening=self._session.ready)

    def forget(self, call: ToolCalled) -> None:
        """Nobody waits for this function any more."""
        self._tools.forget(call)

    def finished(self, event: ToolFinished, now: float) -> list[Output]:
        """A function has answered."""
        return [*self._tools.finished(event, listening=self._session.ready), *self._speak(now)]

    def approval(self, event: ApprovalAsked, now: float) -> list[Output]:
        """Answer what the service asks for an MCP server's tool."""
        if self._desk.acted(event.response_id):
            self._patience.settle()
        return [*self._tools.approval(event, now), *self._speak(now)]

    def server_tool_ended(self, event: ServerToolEnded, now: float) -> list[Output]:
        """The service has called an MCP server's tool."""
        return [*self._tools.server_tool_ended(event), *self._speak(now)]

    def bridge(self, now: float) -> list[Output]:
        """A word to a caller who waits for a function; and what it gave, once it may be spoken of."""
        out = self._tools.give_up(now)
        if self._session.ready and not self._desk.active and self._tools.moment_due(self._floor.quiet(now), now):
            self._patience.owe(now)
            return [*out, *self._desk.ask(CreateResponse(say=self._policy.phrases.moment))]
        return [*out, *self._speak(now)]

    def _speak(self, now: float) -> list[Output]:
        """Ask for one response, once every function of the last one has answered."""
        waits = self._desk.active or not self._session.ready or not self._floor.open
        if waits or not self._tools.to_be_spoken_of:
            return []
        self._patience.owe(now)
        if not self._tools.long_silent(self._floor.quiet(now)):
            return [*self._desk.ask(CreateResponse())]
        moment = self._desk.ask(CreateResponse(say=self._policy.phrases.moment))
        self._desk.plan(CreateResponse())
        return [*moment]
