"""Opens sessions for calls, also ahead of them; a failure is an answer and never ends the tasks of other calls."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol

from bot.call.commands import Turn
from bot.call.events import CallerFacts
from bot.errors import SessionError
from bot.metrics import CallMetrics
from bot.persona import Persona
from bot.plan import CallPlan
from bot.runner import Clock, SessionLine
from bot.tools import ToolDefinition

log = logging.getLogger(__name__)

_OPEN_WITHIN = 5.0  # seconds for one session; the call machine gives up sooner when a caller waits

type Opened = SessionLine | SessionError


class SessionSource(Protocol):
    """Opens Voice Live sessions."""

    async def open(
        self,
        facts: CallerFacts,
        history: Sequence[Turn] = (),
        *,
        limit: float,
        persona: Persona | None = None,
        tools: Sequence[ToolDefinition] = (),
    ) -> SessionLine:
        """Open a session that knows `history` within `limit` seconds. Raises SessionError."""
        ...


class Connecting:
    """Opens sessions and measures how long that takes."""

    def __init__(self, source: SessionSource, metrics: CallMetrics, clock: Clock) -> None:
        self._source = source
        self._metrics = metrics
        self._clock = clock

    async def open(self, plan: CallPlan, history: Sequence[Turn]) -> Opened:
        """Open a session that knows `history`; a failure is returned."""
        began = self._clock()
        try:
            session = await self._source.open(
                plan.facts, history, limit=_OPEN_WITHIN, persona=plan.persona, tools=plan.tools
            )
        except SessionError as error:
            return error
        except Exception as error:  # a fault in one call is not to end its neighbours
            log.exception("call=%s a fault of ours while opening a session", plan.facts.call_id)
            return SessionError(f"fault: {type(error).__name__}")
        self._metrics.connect_seconds.observe(self._clock() - began)
        return session


async def discard(opening: asyncio.Task[Opened]) -> None:
    """End a session that nobody will use, opened or not."""
    opening.cancel()
    await asyncio.wait([opening])
    if not opening.cancelled() and not isinstance(session := opening.result(), SessionError):
        await session.close()
