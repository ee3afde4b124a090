"""Every call of this process: who is expected, who is talking, who was let go and why.

A webhook announces a call (`expect`), and connecting to Voice Live begins at once, while Twilio still opens its
socket; the socket then claims the session (`answer`). A session that nobody claims is given up.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextvars import Context
from dataclasses import replace
from itertools import islice
from types import TracebackType
from typing import Protocol, Self

from bot.board import Board
from bot.call.commands import Farewell, Outcome, Turn
from bot.call.events import CallerFacts, Leave
from bot.call.opening import Returning
from bot.call.reports import Report
from bot.connecting import Connecting, Opened, SessionSource, discard
from bot.errors import SessionError, SwitchboardFull
from bot.feed import Entry, Feed
from bot.leg import Leg
from bot.metrics import CallMetrics
from bot.persona import Sentences
from bot.plan import CallPlan
from bot.record import record
from bot.runner import Clock, Runner, SessionLine, Sleep, Tools

log = logging.getLogger(__name__)

_CLAIM_WITHIN = 10.0  # seconds from the webhook to the media stream
_SENTENCE = 6.0  # more for who comes back: a sentence is said, or keys are pressed, before the stream opens
_KEY = 0.6  # seconds more for each key; a pause takes 0.5
_FAREWELL_WITHIN = 5.0  # seconds for a caller who was let go to come to the safety net
_RINGS_FOR = 60.0  # seconds of ringing at most, where nobody said how long
_PAST_CALLS = 500
_PAST_FEEDS = 50  # of these, whose reports can still be read: of a long call they are a hundred times the rest
_LAST_WORDS = 15.0  # seconds for calls to leave by the safety net when the house closes


class Planning(Protocol):
    """Decides about a call before it begins; `bot.plan.Planner` does."""

    def plan(self, facts: CallerFacts, persona_name: str = "") -> CallPlan:
        """Who answers, and how."""
        ...

    def tools(self, plan: CallPlan) -> Tools:
        """The functions that the model may call in this call."""
        ...


class _Line:
    """One call that is expected, running, or over."""

    def __init__(self, plan: CallPlan, began: float, returning: Returning | None) -> None:
        self.facts = plan.facts
        self.plan = plan
        self.returning = returning
        self.history: tuple[Turn, ...] = ()  # for a caller who may come back
        self.began = began
        self.feed: Feed | None = Feed()  # None: of a call that is long over
        self.opening: asyncio.Task[Opened] | None = None
        self.claimed = asyncio.Event()
        self.claim_within = _CLAIM_WITHIN
        self.runner: Runner | None = None
        self.farewell: Farewell | None = None
        self.broken = False
        self.answered = False
        self.over = False

    @property
    def left(self) -> bool:
        """Whether the stream is over, though the session behind it may still be being closed."""
        return self.runner is not None and (self.runner.farewell is not None or self.runner.broken)

    @property
    def may_come_back(self) -> bool:
        """Whether the caller was only sent away, or lost the line."""
        sent_away = self.farewell is not None and self.farewell.outcome in (Outcome.TRANSFER, Outcome.DIGITS)
        return sent_away or self.broken


class Switchboard:
    """Takes calls while it is entered (`async with`), and owns every task of theirs."""

    def __init__(
        self,
        source: SessionSource,
        planner: Planning,
        metrics: CallMetrics,
        *,
        max_calls: int,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
        wall_clock: Callable[[], float] = time.time,
        boot: str = "",
    ) -> None:
        self.board = Board(boot or secrets.token_hex(4))
        self._connecting = Connecting(source, metrics, clock)
        self._planner = planner
        self._metrics = metrics
        self._max_calls = max_calls
        self._clock = clock
        self._sleep = sleep
        self._wall_clock = wall_clock
        self._lines: dict[str, _Line] = {}
        self._past: dict[str, _Line] = {}
        self._tasks = asyncio.TaskGroup()
        self._open = False
        self._draining = False
        self._evicting = False  # whoever still comes is let go at once
        self._leaving: dict[str, float] = {}  # callers let go, and until when the safety net waits for them
        self._ringing: dict[str, float] = {}  # callers who are transferred, and until when they may come back

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._open = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open = False
        for line in self._lines.values():
            line.claimed.set()
            if line.opening is not None:
                line.opening.cancel()
        await self._tasks.__aexit__(kind, error, trace)
        self.board.close()

    # --- how the house stands

    @property
    def live(self) -> int:
        """Calls that are expected or running."""
        return len(self._lines)

    @property
    def full(self) -> bool:
        """Whether there is no room for another call."""
        return self.live >= self._max_calls

    @property
    def draining(self) -> bool:
        """Whether the house closes."""
        return self._draining

    @property
    def ready(self) -> bool:
        """Whether a call would be taken."""
        return self._open and not self._draining and not self.full

    # --- a call, from its announcement to its end

    def expect(self, facts: CallerFacts, *, returns: str | None = None, persona: str = "") -> bool:
        """Begin connecting for a call that is announced; False where there is no room for it.

        A second announcement of the same call changes nothing. returns: for a caller who comes back to the same
        conversation, what the assistant is told to say first, empty for nothing. persona: who speaks in a call that
        the bot places.

        Who comes back from here is no new call: there is room, also while the house drains, and the plan is the same.
        """
        line = self._lines.get(facts.call_id)
        if line is not None:
            if returns is None or line.runner is None or not line.left:
                return True
            self._settle(line, line.runner)
        before = self._away(facts.call_id) if returns is not None else None
        if not self.ready and (before is None or self._evicting or not self._open):
            self._metrics.refused.labels("draining" if self._draining else "full").inc()
            return False
        history = before.history if before is not None else ()
        returning = Returning(history, returns) if returns is not None else None
        plan = self._what_is_left(before) if before is not None else self._planner.plan(facts, persona)
        line = self._add(plan, returning)
        if returning is not None:
            keys = before.farewell.digits if before is not None and before.farewell is not None else ""
            line.claim_within += _SENTENCE + _KEY * len(keys)
        # In no context: the one of the webhook would hold its request in memory as long as the session lasts.
        line.opening = self._tasks.create_task(self._connecting.open(line.plan, history), context=Context())
        self._tasks.create_task(self._await_claim(line, line.opening))
        return True

    async def answer(self, facts: CallerFacts, leg: Leg) -> None:
        """Hold the call to its end.

        A second stream of the same call replaces the first, which must have broken: a caller has one line. Raises
        SwitchboardFull where the call was not expected and there is no room.
        """
        line = self._lines.get(facts.call_id)
        if line is not None and line.runner is not None:
            line.runner.stop("another stream of this call took over", failed=True)
            line.broken = True
            self._close(line)
            line = None
        if line is None:
            if not self.ready:
                raise SwitchboardFull(f"no room for {facts.call_id}")
            past = self._past.get(facts.call_id)
            line = self._add(past.plan if past is not None else self._planner.plan(facts))
        line.facts, line.answered = facts, True
        runner = line.runner = Runner(
            leg,
            lambda history: self._open_line(line, history),
            line.plan.policy,
            watch=lambda report, at: self._report(line, report, at),
            clock=self._clock,
            sleep=self._sleep,
            tools=self._planner.tools(line.plan),
            returning=line.returning,
        )
        line.claimed.set()
        if self._evicting:
            runner.leave(Leave("the house closes"))
        try:
            await runner.run()
        except* Exception:
            log.exception("call=%s a fault of ours ended the call", facts.call_id)
            self._metrics.trouble.labels("fault").inc()
        finally:
            # What is kept of a call that is over must not hold on to its sockets.
            self._settle(line, runner)
            line.runner = None
            opening, line.opening = line.opening, None
            if opening is not None:
                self._tasks.create_task(discard(opening))

    def sentences(self, facts: CallerFacts) -> Sentences:
        """What this caller hears where the assistant itself cannot speak."""
        line = self._lines.get(facts.call_id) or self._past.get(facts.call_id)
        plan = line.plan if line is not None else self._planner.plan(facts)
        return plan.persona.sentences

    def farewell(self, call_id: str) -> Farewell | None:
        """How this caller was let go; None where the caller went, or the call is not known here."""
        self._leaving.pop(call_id, None)
        line = self._lines.get(call_id) or self._past.get(call_id)
        if line is None:
            return None
        # The caller may be asking while the session behind it is still being closed.
        farewell = line.runner.farewell if line.runner is not None else line.farewell
        if farewell is not None and farewell.outcome is Outcome.TRANSFER:
            self._ringing[call_id] = self._clock() + (farewell.seconds or _RINGS_FOR) + _FAREWELL_WITHIN
        return farewell

    def ended(self, call_id: str) -> None:
        """The network says that the call is over."""
        self._leaving.pop(call_id, None)
        self._ringing.pop(call_id, None)
        line = self._lines.get(call_id)
        if line is None:
            if (past := self._past.get(call_id)) is not None:
                past.history = ()  # nobody comes back
            return
        if line.runner is not None:
            line.runner.stop("the network reports the end of the call")
        else:
            line.claimed.set()

    # --- who watches, and may reach in

    def follow(self, call_id: str, after: int = 0) -> AsyncIterator[Entry] | None:
        """The reports of a call beyond number `after`, to its end; None where the call is not known, or long over."""
        line = self._lines.get(call_id) or self._past.get(call_id)
        return line.feed.follow(after) if line is not None and line.feed is not None else None

    def elapsed(self, call_id: str) -> float | None:
        """Seconds since the call began; None where the call is not known."""
        line = self._lines.get(call_id) or self._past.get(call_id)
        return self._clock() - line.began if line is not None else None

    def hang_up(self, call_id: str) -> bool:
        """An operator ends the call, at once; False where it does not run."""
        return self._let_go(call_id, Leave("an operator hung up", Farewell(Outcome.HANGUP), at_once=True))

    def transfer(self, call_id: str, to: str) -> bool:
        """An operator transfers the caller to a number or SIP address, at once; False where that cannot be."""
        line = self._lines.get(call_id)
        if line is None or not line.facts.transferable:
            return False
        farewell = Farewell(Outcome.TRANSFER, to, words=line.plan.persona.sentences.transfer)
        return self._let_go(call_id, Leave("an operator transferred", farewell, at_once=True))

    def _let_go(self, call_id: str, leave: Leave) -> bool:
        line = self._lines.get(call_id)
        if line is None or line.runner is None:
            return False
        line.runner.leave(leave)
        return True

    # --- closing the house

    def drain(self) -> None:
        """Take no more calls; those that run go on."""
        self._draining = True

    async def drained(self, within: float) -> None:
        """Wait until the last call has ended; those left after `within` seconds leave by the safety net."""
        log.info("draining: %d calls are running", self.live)
        await self._until_empty(within)
        self._evicting = True
        for line in self._lines.values():
            if line.runner is not None:
                line.runner.leave(Leave("the house closes"))
        await self._until_empty(_LAST_WORDS)
        self.board.close()  # or whoever watches would hold the process open

    async def _until_empty(self, within: float) -> None:
        """Wait for calls to end, and for those let go to have come to the safety net, which is ours to serve."""
        deadline = self._clock() + within
        # All at once: who was let go may come back, and is a call again.
        while (self._coming() and self._clock() < deadline) or self._clock() < max(
            self._leaving.values(), default=0.0
        ):
            await self._sleep(0.1)

    def _coming(self) -> bool:
        """Whether a call runs, or a caller may come back from a transfer that nobody takes."""
        return bool(self._lines) or self._clock() < max(self._ringing.values(), default=0.0)

    # --- inside

    def _away(self, call_id: str) -> _Line | None:
        """The call as it was, of a caller who was sent away or lost the line."""
        past = self._past.get(call_id)
        return past if past is not None and past.may_come_back else None

    def _what_is_left(self, before: _Line) -> CallPlan:
        """The same plan, less the time that the call has lasted: going away and coming back does not prolong it."""
        longest = before.plan.policy.longest_call - (self._clock() - before.began)
        return replace(before.plan, policy=replace(before.plan.policy, longest_call=longest))

    def _add(self, plan: CallPlan, returning: Returning | None = None) -> _Line:
        facts = plan.facts
        line = self._lines[facts.call_id] = _Line(plan, self._clock(), returning)
        self._past.pop(facts.call_id, None)
        self._leaving.pop(facts.call_id, None)
        self._ringing.pop(facts.call_id, None)
        self.board.begin(facts, self._wall_clock())
        self._metrics.live.set(self.live)
        return line

    def _settle(self, line: _Line, runner: Runner) -> None:
        """The stream is over: remember how, and what was said where the caller may come back."""
        line.farewell, line.broken = runner.farewell, runner.broken
        line.history = runner.history if line.may_come_back else ()
        self._close(line)

    def _close(self, line: _Line) -> None:
        call_id = line.facts.call_id
        if line.over:
            return
        line.over = True
        if self._lines.get(call_id) is line:
            del self._lines[call_id]
        self._past[call_id] = line
        if line.farewell is not None:
            self._leaving[call_id] = self._clock() + _FAREWELL_WITHIN
        while len(self._past) > _PAST_CALLS:
            oldest = next(iter(self._past))
            del self._past[oldest]
            self._leaving.pop(oldest, None)
            self._ringing.pop(oldest, None)
        for older in islice(reversed(self._past.values()), _PAST_FEEDS, _PAST_FEEDS + 1):
            older.feed = None
        if line.feed is not None:
            line.feed.close()
        self._metrics.live.set(self.live)
        outcome = line.farewell.outcome.value if line.farewell is not None else "broken" if line.broken else "caller"
        self.board.end(call_id, outcome)
        self._metrics.ended.labels(outcome).inc()
        log.info("call=%s ended outcome=%s seconds=%.1f", call_id, outcome, self._clock() - line.began)

    async def _await_claim(self, line: _Line, opening: asyncio.Task[Opened]) -> None:
        """Give the session up where no stream comes for it."""
        try:
            async with asyncio.timeout(line.claim_within):
                await line.claimed.wait()
        except TimeoutError:
            log.warning("call=%s no media stream came; the session is given up", line.facts.call_id)
            self._metrics.trouble.labels("no_stream").inc()
            line.farewell = Farewell(Outcome.FAILED)
        if line.runner is None and not line.answered:
            self._close(line)
            await discard(opening)

    async def _open_line(self, line: _Line, history: Sequence[Turn]) -> SessionLine:
        opening, line.opening = line.opening, None
        if opening is None:
            result = await self._connecting.open(line.plan, history)
        else:
            try:
                result = await asyncio.shield(opening)
            except asyncio.CancelledError:
                self._tasks.create_task(discard(opening))
                raise
        if isinstance(result, SessionError):
            raise result
        return result

    def _report(self, line: _Line, report: Report, at: float) -> None:
        call_id = line.facts.call_id
        if line.feed is not None:
            line.feed.add(report, at - line.began)
        if not line.over:
            self.board.take(call_id, report)
        record(call_id, report, self._metrics, words=line.plan.persona.log.words)
