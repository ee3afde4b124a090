"""Bots for the browser tests: how they are opened, what they overhear, and that nothing of a call is left behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from bot.audio import Downsampler, mulaw
from bot.engine.faults import NO_FAULTS, Faults
from bot.engine.parts import Detector, Listener, Mind, Parts, Speaker, ToolServer
from tests.browser.listening import Sound, pcm16
from tests.e2e.house import House, open_house

SOON = 8.0
"""Seconds within which a call that is over has left nothing behind."""


class Overheard:
    """Parts that work as those given do, and keep what goes by: what each session's caller is heard to say, and what
    the voice makes of each text. 24 kHz, 16 bits.
    """

    def __init__(self, parts: Parts, *, mind: Mind | None = None, speaker: Speaker | None = None) -> None:
        self._parts = parts
        self._mind = mind
        self._voice = _KeepingSpeaker(speaker or parts.speaker)
        self.callers: list[bytearray] = []

    @property
    def speaker(self) -> Speaker:
        """The voice."""
        return self._voice

    def reply(self, text: str) -> Sound:
        """What a phone should play for `text`: through the telephone's band and μ-law, 8 kHz."""
        pcm = b"".join(sound for said, sound in self._voice.said.items() if said in text or text in said)
        assert pcm, f"nothing like {text!r} was said, but {list(self._voice.said)}"
        return pcm16(mulaw.decode(mulaw.encode(Downsampler().process(pcm))))

    def detector(self) -> Detector:
        """A new session's detector."""
        self.callers.append(bytearray())
        return _KeepingDetector(self._parts.detector(), self.callers[-1])

    def tool_server(self, label: str, url: str) -> ToolServer | None:
        """An MCP server."""
        return self._parts.tool_server(label, url)

    def listener(self) -> Listener:
        """A new session's listener."""
        return self._parts.listener()

    def mind(self) -> Mind:
        """A new session's mind."""
        return self._mind or self._parts.mind()

    async def close(self) -> None:
        """Nothing of its own to end."""


class _KeepingDetector:
    def __init__(self, detector: Detector, kept: bytearray) -> None:
        self._detector = detector
        self._kept = kept

    def probability(self, pcm: bytes) -> list[float]:
        self._kept += pcm
        return self._detector.probability(pcm)


class _KeepingSpeaker:
    def __init__(self, speaker: Speaker) -> None:
        self._speaker = speaker
        self.said: dict[str, bytes] = {}

    async def speak(self, text: str, voice: str) -> AsyncIterator[bytes]:
        kept = b""
        async for piece in self._speaker.speak(text, voice):
            kept += piece
            self.said[text] = kept
            yield piece

    async def close(self) -> None:
        """Whoever made the voice ends it."""


@asynccontextmanager
async def house_of(
    parts: Parts | None = None,
    *,
    faults: Faults = NO_FAULTS,
    lifetime: float = 3600,
    personas: str = "",
    **overrides: object,
) -> AsyncIterator[House]:
    """`open_house`, and at its end not a call, not a session is left, without help from the house's own closing."""
    failure: Exception | None = None
    async with open_house(
        parts, faults=faults, lifetime=lifetime, personas=personas, rest=None, **overrides
    ) as house:
        try:
            yield house
            await nothing_left(house)
        except Exception as error:  # noqa: BLE001 - raised below: out of the house's task groups, as it is
            failure = error
    if failure is not None:
        raise failure


async def nothing_left(house: House, *, within: float = SOON) -> None:
    """Fail unless the house has no call and no open session within so many seconds."""
    await until(lambda: house.switchboard.live == 0, "no call is left", within=within)
    await until(lambda: house.engine.sessions == 0, "no session is left", within=within)


async def until(true: Callable[[], bool], what: str, *, within: float = SOON) -> None:
    """Wait until `true()`; fail with `what` where that takes too long."""
    end = asyncio.get_running_loop().time() + within
    while not true():
        assert asyncio.get_running_loop().time() < end, f"not within {within:.0f} s: {what}"
        await asyncio.sleep(0.02)
