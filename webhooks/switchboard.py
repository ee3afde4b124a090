"""What the web side asks of the switchboard, which `bot` provides and a test fakes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from bot.board import Board
from bot.call.commands import Farewell
from bot.call.events import CallerFacts
from bot.feed import Entry
from bot.leg import Leg
from bot.persona import Sentences


class Switchboard(Protocol):
    """Every call of this process: who is expected, who is talking, who was let go and why."""

    @property
    def board(self) -> Board:
        """Every call at a glance."""
        ...

    @property
    def full(self) -> bool:
        """Whether there is no room for one more call."""
        ...

    @property
    def draining(self) -> bool:
        """Whether the house closes: live calls go on, new ones are not taken."""
        ...

    @property
    def ready(self) -> bool:
        """Whether a new call would be taken."""
        ...

    @property
    def live(self) -> int:
        """How many callers are talking."""
        ...

    def expect(self, facts: CallerFacts, *, returns: str | None = None, persona: str = "") -> bool:
        """Begin connecting for this caller; False where there is no room. Asked twice, it changes nothing.

        returns: for a caller who comes back, what the assistant is told to say first, empty for nothing; persona:
        who speaks in a call that the bot places.
        """
        ...

    def sentences(self, facts: CallerFacts) -> Sentences:
        """What this caller hears where the assistant itself cannot speak."""
        ...

    async def answer(self, facts: CallerFacts, leg: Leg) -> None:
        """Run the call to its end. Raises VoicebotError where there is no room."""
        ...

    def farewell(self, call_id: str) -> Farewell | None:
        """How we let this caller go; None: we did not, or another process did."""
        ...

    def ended(self, call_id: str) -> None:
        """Twilio says that the call is over."""
        ...

    def follow(self, call_id: str, after: int = 0) -> AsyncIterator[Entry] | None:
        """The call's reports beyond number `after`, until it ends; None: not a call of ours."""
        ...

    def elapsed(self, call_id: str) -> float | None:
        """Seconds since the call began; None: not a call of ours."""
        ...

    def hang_up(self, call_id: str) -> bool:
        """An operator ends the call, at once; False where it does not run."""
        ...

    def transfer(self, call_id: str, to: str) -> bool:
        """An operator transfers the caller, at once; False where that cannot be."""
        ...
