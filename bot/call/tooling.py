"""What the model does besides talk: each function that it calls is answered once, and all before it speaks of them.

The model's session may be gone by the time a function answers. The result then reaches the next session as a line of
the conversation, so that nothing is done twice for want of knowing that it was done.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from bot.call.commands import AddText, AddToolOutput, AnswerApproval, RunTool
from bot.call.conversation import Conversation
from bot.call.events import ApprovalAsked, ServerToolEnded, ToolCalled, ToolFinished
from bot.call.output import Output
from bot.call.policy import Policy
from bot.call.reports import ToolUsed, Trouble

_MOST_AT_ONCE = 16  # functions that the model may wait for
_REMEMBERED = 64  # calls, so that one that is reported twice is not run twice
_SERVER_WITHIN = 30.0  # seconds for a tool of an MCP server, which tells us nothing while it works
_LONG_SILENCE = 0.6  # of the longest one: time to say a word, and for it to arrive
_LONGEST_NAME = 64  # characters of a name that came from outside, in a log

_SPOKEN_OVER = "Not done: the caller spoke before it was. Go on with the conversation."
_TOO_MANY = "Not done: too many functions were called at once."


@dataclass(slots=True)
class _Open:
    """A function that the model waits for."""

    name: str
    working: bool = False  # it was begun
    orphan: bool = False  # the session that asked is gone


class ToolDesk:
    """Keeps track of the functions that the model has called. listening: whether a session takes messages."""

    def __init__(self, policy: Policy, conversation: Conversation) -> None:
        self._policy = policy
        self._conversation = conversation
        self._open: dict[str, _Open] = {}
        self._server: deque[float] = deque()  # when MCP tools were let go ahead, of those that have not ended
        self._known: deque[str] = deque(maxlen=_REMEMBERED)
        self._answered = False  # there is something that the model has not begun to speak of
        self._given: list[str] = []  # results in this session that no response has taken up
        self._taken_up: list[str] = []  # results that the response being made may speak of
        self._untold: list[str] = []  # results for the session that is being opened
        self._long = _LONG_SILENCE * policy.longest_silence
        self._began = 0.0  # when the first of the functions that are working was begun
        self._moments = 0  # words to a caller who waits, in this turn

    @property
    def working(self) -> bool:
        """Whether a function is being run, here or by the service."""
        return bool(self._server) or any(call.working for call in self._open.values())

    # --- functions of ours

    def knows(self, call: ToolCalled) -> bool:
        """Whether this call was reported before."""
        return call.call_id in self._known

    def called(self, call: ToolCalled) -> None:
        """The model waits for this function from now on."""
        self._known.append(call.call_id)
        self._open[call.call_id] = _Open(call.name)

    def run(self, call: ToolCalled, digits: str | None, now: float, *, listening: bool) -> list[Output]:
        """Have a function run. digits: what the caller pressed for it."""
        if len(self._open) > _MOST_AT_ONCE:
            return self.answer(call, _TOO_MANY, listening=listening)
        self._begin(now)
        self._open[call.call_id].working = True
        return [RunTool(call.call_id, call.name, call.arguments, digits)]

    def answer(self, call: ToolCalled, output: str, *, listening: bool) -> list[Output]:
        """Answer a call without running anything."""
        return self.finished(ToolFinished(call.call_id, output, "refused"), listening=listening)

    def overtaken(self, call: ToolCalled, *, listening: bool) -> list[Output]:
        """The caller spoke: it is not done. Nobody need ask the model to speak, it has a turn to answer."""
        before = self._answered
        out = self.answer(call, _SPOKEN_OVER, listening=listening)
        self._answered = before
        return out

    def forget(self, call: ToolCalled) -> None:
        """Nobody waits for this call any more."""
        self._open.pop(call.call_id, None)

    def finished(self, event: ToolFinished, *, listening: bool) -> list[Output]:
        """A function has answered; nothing for one that nobody waits for."""
        call = self._open.pop(event.call_id, None)
        if call is None:
            return []
        self._answered = True
        text = f"({call.name} has answered: {event.output})"
        used = ToolUsed(call.name, event.outcome)
        if listening and not call.orphan:
            self._given.append(text)
            return [used, AddToolOutput(event.call_id, event.output)]
        self._conversation.note(text)
        if listening:
            return [used, AddText(text)]
        self._untold.append(text)
        return [used]

    # --- functions of MCP servers, which the service runs

    def approval(self, event: ApprovalAsked, now: float) -> list[Output]:
        """Answer what the service asks, as the persona says; it would wait for ever."""
        approves = self._policy.approves.get(event.server)
        if approves is not None and approves(event.tool):
            self._begin(now)
            self._server.append(now)
            return [AnswerApproval(event.request_id, approve=True)]
        self._answered = True  # the model should say that it cannot
        detail = f"{event.server[:_LONGEST_NAME]}: {event.tool[:_LONGEST_NAME]}"
        return [Trouble("tool_not_approved", detail), AnswerApproval(event.request_id, approve=False)]

    def server_tool_ended(self, event: ServerToolEnded) -> list[Output]:
        """The service has the answer already, and speaks of it when it is asked to."""
        if self._server:
            self._server.popleft()
        self._answered = True
        return [ToolUsed("mcp", "error" if event.failed else "ok")]

    def give_up(self, now: float) -> list[Output]:
        """Wait no more for a server that does not answer."""
        if not self._server or now < self._server[0] + _SERVER_WITHIN:
            return []
        self._server.popleft()
        self._answered = True
        return [ToolUsed("mcp", "timeout")]

    def _begin(self, now: float) -> None:
        if not self.working:
            self._began = now

    # --- speaking of it

    @property
    def to_be_spoken_of(self) -> bool:
        """Whether the model should now be asked to speak: it has every answer that it waits for."""
        return self._answered and not self._open and not self._server

    def response_began(self) -> None:
        """The model began to speak freely: it has what it was given so far."""
        if not self._open and not self._server:
            self._answered = False
        self._taken_up += self._given
        self._given = []

    def response_heard(self) -> None:
        """The model has spoken."""
        self._taken_up = []

    def caller_spoke(self) -> None:
        """A turn of the caller's has ended."""
        self._moments = 0

    def moment_due(self, quiet: float, now: float) -> bool:
        """Whether to tell the caller to wait. quiet: seconds in which nothing was heard."""
        after = self._policy.moment_after
        if not self.working or not after:
            return False
        takes_long = not self._moments and min(quiet, now - self._began) >= after
        if not takes_long and quiet < self._long:
            return False
        self._moments += 1
        return True

    def long_silent(self, quiet: float) -> bool:
        """Whether the caller should hear a word before the model goes on: it calls one function after another."""
        return bool(self._policy.moment_after) and quiet >= self._long

    # --- sessions

    def session_lost(self) -> None:
        """The session is gone. What runs goes on; what it was told and has not spoken of is for the next."""
        for call in self._open.values():
            call.orphan = True
        for text in (*self._taken_up, *self._given):
            self._conversation.note(text)
        self._server.clear()
        self._taken_up, self._given, self._untold = [], [], []  # the next session gets them as history
        self._answered = False

    def session_opened(self) -> list[Output]:
        """A session listens: what came since it was asked for is not in its history."""
        out: list[Output] = [AddText(text) for text in self._untold]
        self._untold = []
        return out
