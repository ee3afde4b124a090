"""What the tests of phone manners share: a bot that must be left clean, and a model that answers what it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import numpy as np

from bot.engine.parts import Line, Parts, Reply, Say
from bot.engine.scripted import Script
from tests.e2e.house import House, open_house

RATE = 8000
_UNCLAIMED = 12.0  # seconds after which a session that was opened ahead is given up


def speech(seconds: float = 1.0) -> bytes:
    """Something that the scripted detector takes for speech. 16-bit mono at 8 kHz."""
    wave = 8000 * np.sin(2 * np.pi * 300 * np.arange(int(seconds * RATE)) / RATE)
    return wave.astype("<i2").tobytes()


type Answers = Mapping[str, str | Sequence[Reply]]


def answering(table: Answers) -> Script:
    """A model that answers the last line by the first entry whose key is in it; else it repeats the line."""

    def script(lines: Sequence[Line]) -> list[Reply]:
        for words, answer in table.items():
            if lines and words in lines[-1].text:
                return [Say(answer)] if isinstance(answer, str) else list(answer)
        return []

    return script


def items(events: Sequence[Mapping[str, object]]) -> list[dict[str, object]]:
    """The items that were added to a conversation, of these events."""
    return [event["item"] for event in events if isinstance(event["item"], dict)]


@asynccontextmanager
async def manners(parts: Parts | None = None, personas: str = "", **more: object) -> AsyncIterator[House]:
    """A bot with these personas, of whose calls nothing may be left in the end."""
    async with open_house(parts, personas=personas, **more) as house:  # type: ignore[arg-type]  # settings by name
        yield house
        await asyncio.sleep(_UNCLAIMED)
        assert house.switchboard.live == 0
        assert house.engine.sessions == 0
