"""The one place with tasks: one call, its two sockets pumped through the call machine.

Whatever happens on either side becomes an event; what the machine asks for is carried out in order. All tasks of a
call live in one TaskGroup, and nothing outlives it, above all no Voice Live session, which costs money.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from bot.call.commands import (
    AddText,
    CancelResponse,
    Clear,
    CloseLeg,
    CloseSession,
    CreateResponse,
    DeleteItem,
    LegCommand,
    Mark,
    OpenSession,
    Outcome,
    Play,
    SendAudio,
    SessionCommand,
    Truncate,
    Turn,
)
from bot.call.events import Event, Leave, LegEnded, SessionEvent, SessionFailed, SessionReady, Tick
from bot.call.machine import Call, Policy
from bot.call.reports import Report
from bot.errors import LegError, SessionError
from bot.leg import Leg

TICK = 0.1  # seconds between looks at the clock
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

    async def execute(self, command: SessionCommand) -> None:
        """Carry out a command. Raises SessionError."""
        ...

    async def close(self) -> None:
        """End the session. Never raises."""
        ...


type OpenLine = Callable[[Sequence[Turn]], Awaitable[SessionLine]]


class Runner:
    """Runs one call to its end.

    open_line: opens a session that knows the given turns, or raises SessionError. watch: is told every report with
    its time on the call's clock; it must not block.
    """

    def __init__(
        self, leg: Leg, open_line: OpenLine, policy: Policy, *, watch: Watch, clock: Clock, sleep: Sleep
    ) -> None:
        self._leg = leg
        self._open_line = open_line
        self._watch = watch
        self._clock = clock
        self._sleep = sleep
        self._call = Call(policy, now=clock())
        self._to_leg: deque[LegCommand] = deque()
        self._to_session: deque[SessionCommand] = deque()
        self._sending_to_leg = self._sending_to_session = False
        self._session: SessionLine | None = None
        self._session_task: asyncio.Task[None] | None = None
        self._session_number = 0
        self._tasks: asyncio.TaskGroup | None = None
        self._over = asyncio.Event()
        self._leave_because = ""
        self.outcome: Outcome | None = None  # why we let the caller go; None where the caller went

    async def run(self) -> None:
        """Pump both sides until the call is over; when this returns, or is cancelled, nothing is left."""
        try:
            async with asyncio.TaskGroup() as self._tasks:
                pumps = [self._tasks.create_task(self._hear_leg()), self._tasks.create_task(self._watch_clock())]
                await self._over.wait()
                for task in [*pumps, self._session_task]:
                    if task is not None:
                        task.cancel()
        finally:
            if not self._call.over:
                self._sort(self._call.receive(LegEnded("the call was torn down", failed=True), self._clock()))
                self.outcome = self.outcome or Outcome.FAILED
            await self._leg.close(self.outcome or Outcome.HANGUP)

    def leave(self, reason: str) -> None:
        """Ask the call to leave by the safety net, at the next tick."""
        self._leave_because = reason

    def stop(self, reason: str) -> None:
        """End the call now: its leg is of no use any more."""
        self._sort(self._call.receive(LegEnded(reason, failed=True), self._clock()))
        self._over.set()

    # --- what comes in

    async def _hear_leg(self) -> None:
        while True:
            event = await self._leg.receive()
            await self._feed(event)
            if isinstance(event, LegEnded):
                return

    async def _watch_clock(self) -> None:
        while True:
            await self._sleep(TICK)
            reason, self._leave_because = self._leave_because, ""
            await self._feed(Leave(reason) if reason else Tick())

    async def _hold_session(self, number: int, history: Sequence[Turn]) -> None:
        try:
            session = await self._open_line(history)
        except SessionError as error:
            await self._feed(SessionFailed(str(error) or type(error).__name__))
            return
        try:
            self._session = session
            await self._feed(session.ready)
            while number == self._session_number:
                event = await session.receive()
                if number == self._session_number:
                    await self._feed(event)
                if isinstance(event, SessionFailed):
                    return
        finally:
            if self._session is session:
                self._session = None
            await session.close()

    # --- what goes out

    async def _feed(self, event: Event) -> None:
        self._sort(self._call.receive(event, self._clock()))
        # The leg first: a clear is what the caller hears.
        await self._send_to_leg()
        await self._send_to_session()
        if self._call.over:
            self._over.set()

    def _sort(self, outputs: Sequence[LegCommand | SessionCommand | Report]) -> None:
        for output in outputs:
            if isinstance(output, OpenSession):
                self._open_session(output.history)
            elif isinstance(output, CloseSession):
                self._to_session.clear()
            elif isinstance(output, Play | Mark | Clear | CloseLeg):
                if isinstance(output, Clear):
                    # What was not sent yet need not be; it would come after the clear and be heard.
                    self._to_leg.clear()
                elif isinstance(output, CloseLeg):
                    self.outcome = output.outcome
                self._to_leg.append(output)
            elif isinstance(output, SendAudio | AddText | CreateResponse | CancelResponse | Truncate | DeleteItem):
                self._to_session.append(output)
            else:
                self._watch(output, self._clock())

    def _open_session(self, history: Sequence[Turn]) -> None:
        if self._tasks is None:
            return
        self._session_number += 1
        self._to_session.clear()
        self._session = None
        if self._session_task is not None and self._session_task is not asyncio.current_task():
            self._session_task.cancel()
        self._session_task = self._tasks.create_task(self._hold_session(self._session_number, history))

    async def _send_to_leg(self) -> None:
        """Send what waits, unless somebody is at it: one sender keeps the order."""
        if self._sending_to_leg:
            if len(self._to_leg) > _MOST_WAITING:
                self._to_leg.clear()
                self._sort(self._call.receive(LegEnded("the leg takes nothing", failed=True), self._clock()))
            return
        self._sending_to_leg = True
        try:
            while self._to_leg:
                command = self._to_leg.popleft()
                match command:
                    case Play():
                        await self._leg.play(command.pcm)
                    case Mark():
                        await self._leg.mark(command.name)
                    case Clear():
                        await self._leg.clear()
                    case CloseLeg():
                        await self._leg.close(command.outcome)
        except LegError as error:
            self._to_leg.clear()
            reason = str(error) or type(error).__name__
            self._sort(self._call.receive(LegEnded(reason, failed=True), self._clock()))
        finally:
            self._sending_to_leg = False

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
                        self._sort(self._call.receive(SessionFailed(str(error)), self._clock()))
        finally:
            self._sending_to_session = False
