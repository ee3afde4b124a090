"""A leg and a session made of queues, for tests of the runner and the switchboard."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from bot.call.commands import Clear, Mark, Outcome, Play, SendAudio, SessionCommand, Turn
from bot.call.events import CallerFacts, LegEvent, LegStarted, SessionEvent, SessionReady
from bot.call.policy import Policy
from bot.errors import LegClosed, SessionError, SessionLost
from bot.persona import Persona
from bot.plan import CallPlan
from bot.runner import NoTools, Tools
from bot.tools import ToolDefinition


class FakeLeg:
    """Gives the events that a test puts in; remembers what it was told."""

    def __init__(self, *events: LegEvent) -> None:
        self.events: asyncio.Queue[LegEvent] = asyncio.Queue()
        for event in events:
            self.events.put_nowait(event)
        self.told: list[Play | Mark | Clear] = []
        self.closed: Outcome | None = None
        self.broken = False
        self.gate = asyncio.Event()  # unset: play blocks
        self.gate.set()

    async def receive(self) -> LegEvent:
        return await self.events.get()

    async def _take(self, command: Play | Mark | Clear) -> None:
        await self.gate.wait()
        if self.broken:
            raise LegClosed("gone")
        self.told.append(command)

    async def play(self, pcm: bytes) -> None:
        await self._take(Play(pcm))

    async def mark(self, name: str) -> None:
        await self._take(Mark(name))

    async def clear(self) -> None:
        await self._take(Clear())

    async def close(self, outcome: Outcome) -> None:
        self.closed = self.closed or outcome


class FakeSession:
    """Gives the events that a test puts in; remembers what it was asked."""

    def __init__(self) -> None:
        self.ready = SessionReady("fake")
        self.events: asyncio.Queue[SessionEvent] = asyncio.Queue()
        self.asked: list[SessionCommand] = []
        self.closed = False
        self.broken = False
        self.busy = False  # something waits to be sent
        self.gate = asyncio.Event()  # unset: nothing is taken
        self.gate.set()
        self.close_gate = asyncio.Event()  # unset: close takes its time
        self.close_gate.set()

    async def receive(self) -> SessionEvent:
        return await self.events.get()

    def hear(self, pcm: bytes) -> bool:
        if self.broken or self.busy:
            return False
        self.asked.append(SendAudio(pcm))
        return True

    async def execute(self, command: SessionCommand) -> None:
        await self.gate.wait()
        if self.broken:
            raise SessionLost("gone")
        self.asked.append(command)

    async def close(self) -> None:
        await self.close_gate.wait()
        self.closed = True


class FakePlanner:
    """Plans every call alike."""

    def __init__(self, policy: Policy | None = None, tools: Tools | None = None) -> None:
        self._policy = policy or Policy()
        self._tools = tools or NoTools()

    def plan(self, facts: CallerFacts, persona_name: str = "") -> CallPlan:
        return CallPlan(facts, Persona(), replace(self._policy, telephone=facts.transferable))

    def tools(self, plan: CallPlan) -> Tools:
        return self._tools


class FakeSource:
    """Opens fake sessions, or fails as told: the first failures come first."""

    def __init__(self, *failures: SessionError, hangs: int = 0) -> None:
        self.failures = list(failures)
        self.hangs = hangs
        self.sessions: list[FakeSession] = []
        self.histories: list[Sequence[Turn]] = []

    async def open(
        self,
        facts: CallerFacts,
        history: Sequence[Turn] = (),
        *,
        limit: float,
        persona: Persona | None = None,
        tools: Sequence[ToolDefinition] = (),
    ) -> FakeSession:
        self.histories.append(history)
        if self.hangs:
            self.hangs -= 1
            await asyncio.Event().wait()
        if self.failures:
            raise self.failures.pop(0)
        session = FakeSession()
        self.sessions.append(session)
        return session


def started_leg() -> FakeLeg:
    """A leg whose caller is there."""
    return FakeLeg(LegStarted())


async def until(true: Callable[[], object], *, tries: int = 2000) -> None:
    """Let other tasks run until `true()`; fails when it never comes true."""
    for _ in range(tries):
        if true():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came true")
