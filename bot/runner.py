"""The one place with tasks: one call, its two sockets pumped through the call machine.

Whatever happens on either side becomes an event; what the machine asks for is carried out in order. One task speaks
to the leg. What is for the session is sent by the task that caused it, since fifty frames a second are not worth a
task switch each. For the same reason the machine learns of the time when a frame comes; a task of its own stands in
where none does, and never sends, because it must not be held up. All tasks of a call live in one TaskGroup, and
nothing outlives it, above all no Voice Live session, which costs money.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from bot.call.commands import (
    AddText,
    AddToolOutput,
    AnswerApproval,
    CancelResponse,
    Clear,
    CloseLeg,
    CloseSession,
    CreateResponse,
    DeleteItem,
    Farewell,
    LegCommand,
    Mark,
    OpenSession,
    Outcome,
    Play,
    RunTool,
    SendAudio,
    SessionCommand,
    Truncate,
    Turn,
)
from bot.call.events import Event, Leave, LegEnded, SessionEvent, SessionFailed, SessionReady, Tick, ToolFinished
from bot.call.machine import Call, Output
from bot.call.opening import Returning
from bot.call.policy import Policy
from bot.call.reports import Report, State
from bot.errors import LegError, LegStalled, SessionError
from bot.leg import Leg

TICK = 0.1  # seconds between looks at the clock
_RARELY = 5 * TICK  # how often the clock's own task looks, as long as the caller's frames bring the time
_TO_SESSION = (
    AddText, CreateResponse, CancelResponse, Truncate, DeleteItem, AddToolOutput, AnswerApproval
)  # fmt: skip
_MOST_WAITING = 4000  # commands that one side may leave untaken; about 400 s of a reply

type Clock = Callable[[], float]
type Sleep = Callable[[float], Awaitable[None]]
type Watch = Callable[[Report, float], None]


class SessionLine(Protocol):
    """An open Voice Live session, as the runner uses it."""

    @property
    def ready(self) -> SessionReady:
        """What the session said of itself."""
        ...

    async def receive(self) -> SessionEvent:
        """Wait for the next event; `SessionFailed` is the last."""
        ...

    def hear(self, pcm: bytes) -> bool:
        """Send a stretch of the caller at once; False where it has to wait and should be executed."""
        ...

    async def execute(self, command: SessionCommand) -> None:
        """Carry out a command. Raises SessionError."""
        ...

    async def close(self) -> None:
        """End the session. Never raises."""
        ...


class Tools(Protocol):
    """The functions that the model may call."""

    async def run(self, command: RunTool) -> ToolFinished:
        """Run one within its limits. Never raises."""
        ...


class NoTools:
    """For an assistant that only talks."""

    async def run(self, command: RunTool) -> ToolFinished:
        """Tell the model that there is no such function."""
        return ToolFinished(command.call_id, f"There is no function {command.name[:64]}.", "unknown")


type OpenLine = Callable[[Sequence[Turn]], Awaitable[SessionLine]]


class Runner:
    """Runs one call to its end.

    open_line: opens a session that knows the given turns, or raises SessionError. watch: is told every report with
    its time on the call's clock; it must not block. returning: what was said before, where the caller comes back.
    """

    def __init__(
        self,
        leg: Leg,
        open_line: OpenLine,
        policy: Policy,
        *,
        watch: Watch,
        clock: Clock,
        sleep: Sleep,
        tools: Tools | None = None,
        returning: Returning | None = None,
    ) -> None:
        self._leg = leg
        self._open_line = open_line
        self._watch = watch
        self._clock = clock
        self._sleep = sleep
        self._tools: Tools = tools or NoTools()
        self._call = Call(policy, now=clock(), returning=returning)
        self._next_tick = clock() + TICK
        self._to_leg: deque[LegCommand] = deque()
        self._to_session: deque[SessionCommand] = deque()
        self._leg_has_work = asyncio.Event()
        self._sending_to_session = False
        self._session: SessionLine | None = None
        self._session_task: asyncio.Task[None] | None = None
        self._session_number = 0
        self._tool_tasks: set[asyncio.Task[None]] = set()
        self._tasks: asyncio.TaskGroup | None = None
        self._over = asyncio.Event()
        self._leave: Leave | None = None
        self.farewell: Farewell | None = None  # how we let the caller go; None where the caller went

    async def run(self) -> None:
        """Pump both sides until the call is over; when this returns, or is cancelled, nothing is left."""
        try:
            async with asyncio.TaskGroup() as self._tasks:
                work = (self._hear_leg, self._speak_to_leg, self._watch_clock)
                pumps = [self._tasks.create_task(task()) for task in work]
                await self._over.wait()
                for task in [*pumps, *self._tool_tasks, self._session_task]:
                    if task is not None:
                        task.cancel()
        finally:
            # The tasks know the runner, and one that was cancelled knows by its traceback where it stood.
            self._tasks = self._session_task = None
            if not self._call.over:
                self._sort(self._call.receive(LegEnded("the call was torn down", failed=True), self._clock()))
                self.farewell = self.farewell or Farewell(Outcome.FAILED)
            await self._leg.close(self.farewell.outcome if self.farewell else Outcome.HANGUP)

    def leave(self, leave: Leave) -> None:
        """Let the caller go, from the next tick on; what is to be at once is not put off by what is not."""
        if self._leave is None or leave.at_once:
            self._leave = leave

    def stop(self, reason: str, *, failed: bool = False) -> None:
        """End the call now: nobody is on its leg any more."""
        self._sort(self._call.receive(LegEnded(reason, failed=failed), self._clock()))
        self._over.set()

    @property
    def history(self) -> tuple[Turn, ...]:
        """What was said, as far as it was heard."""
        return self._call.history

    @property
    def broken(self) -> bool:
        """Whether the call ended by a fault, and not by our letting the caller go."""
        return self.farewell is None and self._call.state is State.ERROR

    # --- what comes in

    async def _hear_leg(self) -> None:
        while True:
            event = await self._leg.receive()
            self._feed(event)
            if isinstance(event, LegEnded):
                return
            if self._clock() >= self._next_tick:
                self._tick()
            if self._to_session:
                await self._send_to_session()

    async def _watch_clock(self) -> None:
        """Let time pass where no frames do: before the leg starts, when it stalls, or when it is being waited for."""
        frames_bring_it = False
        while True:
            next_tick = self._next_tick
            await self._sleep(_RARELY if frames_bring_it else TICK)
            # Not by the clock alone: uvloop wakes up to a millisecond early, when the tick before was our own.
            frames_bring_it = self._next_tick != next_tick and self._clock() < self._next_tick
            if not frames_bring_it:
                self._tick()

    def _tick(self) -> None:
        self._next_tick = self._clock() + TICK
        leave, self._leave = self._leave, None
        self._feed(leave or Tick())

    async def _hold_session(self, number: int, history: Sequence[Turn]) -> None:
        try:
            session = await self._open_line(history)
        except SessionError as error:
            self._feed(SessionFailed(str(error) or type(error).__name__))
            return
        try:
            self._session = session
            event: SessionEvent = session.ready
            while number == self._session_number:
                self._feed(event)
                if isinstance(event, SessionFailed):
                    return
                await self._send_to_session()
                if number == self._session_number:
                    event = await session.receive()
        finally:
            if self._session is session:
                self._session = None
            await session.close()

    # --- what goes out

    def _feed(self, event: Event) -> None:
        self._sort(self._call.receive(event, self._clock()))
        # A leg that was let go has its last commands still to come; one that is gone takes none.
        if self._call.over and (self.farewell is None or not self._to_leg):
            self._over.set()

    def _sort(self, outputs: Sequence[Output]) -> None:
        for output in outputs:
            if isinstance(output, SendAudio):  # fifty times a second, so it is asked for first
                if not self._heard_at_once(output.pcm):
                    self._to_session.append(output)
            elif isinstance(output, OpenSession):
                self._open_session(output.history)
            elif isinstance(output, CloseSession):
                self._to_session.clear()
            elif isinstance(output, Play | Mark | Clear | CloseLeg):
                if isinstance(output, Clear):
                    # What was not sent yet need not be; it would come after the clear and be heard.
                    self._to_leg.clear()
                elif isinstance(output, CloseLeg):
                    self.farewell = output.farewell
                self._to_leg.append(output)
                self._leg_has_work.set()
            elif isinstance(output, RunTool):
                self._run_tool(output)
            elif isinstance(output, _TO_SESSION):
                self._to_session.append(output)
            else:
                self._watch(output, self._clock())

    def _heard_at_once(self, pcm: bytes) -> bool:
        overtakes = self._sending_to_session or self._to_session
        return not overtakes and self._session is not None and self._session.hear(pcm)

    def _run_tool(self, command: RunTool) -> None:
        if self._tasks is None:
            return

        async def run() -> None:
            self._feed(await self._tools.run(command))
            await self._send_to_session()

        task = self._tasks.create_task(run())
        self._tool_tasks.add(task)
        task.add_done_callback(self._tool_tasks.discard)

    def _open_session(self, history: Sequence[Turn]) -> None:
        if self._tasks is None:
            return
        self._session_number += 1
        self._to_session.clear()
        self._session = None
        if self._session_task is not None and self._session_task is not asyncio.current_task():
            self._session_task.cancel()
        self._session_task = self._tasks.create_task(self._hold_session(self._session_number, history))

    async def _speak_to_leg(self) -> None:
        """Tell the leg what it is to do, in order; a slow leg holds up nobody else."""
        try:
            while True:
                await self._leg_has_work.wait()
                self._leg_has_work.clear()
                if len(self._to_leg) > _MOST_WAITING:
                    raise LegStalled("the leg takes too little")
                while self._to_leg:
                    await self._tell_leg(self._to_leg.popleft())
                if self._call.over:
                    self._over.set()
        except LegError as error:
            self._to_leg.clear()
            self._feed(LegEnded(str(error) or type(error).__name__, failed=True))

    async def _tell_leg(self, command: LegCommand) -> None:
        match command:
            case Play():
                await self._leg.play(command.pcm)
            case Mark():
                await self._leg.mark(command.name)
            case Clear():
                await self._leg.clear()
            case CloseLeg():
                await self._leg.close(command.farewell.outcome)

    async def _send_to_session(self) -> None:
        if self._sending_to_session:
            return
        self._sending_to_session = True
        try:
            while self._to_session and self._session is not None:
                session = self._session
                try:
                    await session.execute(self._to_session.popleft())
                except SessionError as error:
                    if session is self._session:
                        self._session_number += 1  # its own end, reported later, is no news
                        self._feed(SessionFailed(str(error)))
        finally:
            self._sending_to_session = False
