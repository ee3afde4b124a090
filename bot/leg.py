"""What a *leg* is: one way by which a caller reaches the bot (Twilio's media stream, a browser, SIP).

The call machine knows legs, not Twilio. Whoever adds a way in writes a class with these methods and nothing else.
"""

from __future__ import annotations

from typing import Protocol

from bot.call.commands import Outcome
from bot.call.events import LegEvent


class Leg(Protocol):
    """One caller's line. `receive` and the rest may run at the same time; only one task calls each."""

    async def receive(self) -> LegEvent:
        """Wait for what the caller's side does next.

        The first event is `LegStarted`, the last `LegEnded`. Bad input is the leg's to absorb: it is
        logged and counted here and never reaches the call.
        """
        ...

    async def play(self, pcm: bytes) -> None:
        """Queue audio after what is queued already. pcm: 16-bit little-endian mono at 24 kHz, whole samples.

        Raises LegClosed or LegStalled.
        """
        ...

    async def mark(self, name: str) -> None:
        """Ask for `MarkPlayed(name)` once everything queued so far has been played.

        Raises LegClosed or LegStalled.
        """
        ...

    async def clear(self) -> None:
        """Throw away what is queued and not yet played; marks among it come back at once.

        Raises LegClosed or LegStalled.
        """
        ...

    async def close(self, outcome: Outcome) -> None:
        """Let the caller go to the safety net. Never raises; closing twice is harmless."""
        ...
