"""The softphone as a person finds it: by its buttons' names and what it says."""

from __future__ import annotations

import asyncio
import re

from playwright.async_api import Locator, Page, expect

from tests.browser.listening import Listening, Sound, found
from tests.browser.visit import Visit

ANSWER_WITHIN = 15_000  # ms; guards against hanging, nothing more


class Phone:
    """One softphone page."""

    def __init__(self, visit: Visit | Page) -> None:
        self.page = visit.page if isinstance(visit, Visit) else visit
        self.sound = Listening(self.page)
        self.call_button = self.page.get_by_role("button", name="Call", exact=True)
        self.hang_up_button = self.page.get_by_role("button", name="Hang up", exact=True)
        self.mute_button = self.page.get_by_role("button", name="Mute", exact=True)
        self.state = self.page.locator("#state")
        self.problem = self.page.get_by_role("alert")
        self.notice = self.page.locator("#notice")
        self.said_by_caller = self.page.locator('#transcript [data-who="caller"] .turn-words')
        self.said_by_assistant = self.page.locator('#transcript [data-who="assistant"] .turn-words')
        self.cut_off = self.page.locator("#transcript s")
        self.log = self.page.get_by_role("region", name="Events")

    async def call(self, *, raw: bool = False) -> None:
        """Press Call, and wait until the assistant has been heard or read. raw: the microphone as it is."""
        if raw:
            await self.page.get_by_text("Advanced").click()
            await self.page.get_by_label("Send the microphone unprocessed").check()
        await self.call_button.click()
        await self.is_in("ready", "speaking", "listening", "processing")

    async def hang_up(self) -> None:
        """Press Hang up, and wait until the page says that the call is over."""
        await self.hang_up_button.click()
        await self.is_in("ended")

    async def is_in(self, *states: str, within: float = ANSWER_WITHIN / 1000) -> None:
        """Wait until the call is in one of these states. within: seconds."""
        one = re.compile("^(" + "|".join(states) + ")$")
        await expect(self.state).to_have_attribute("data-state", one, timeout=within * 1000)

    async def says(self, words: str | re.Pattern[str], within: float = ANSWER_WITHIN / 1000) -> None:
        """Wait until the assistant's part of the transcript has a turn with these words."""
        turn = self.said_by_assistant.filter(has_text=words).first
        await expect(turn).to_be_visible(timeout=within * 1000)

    async def understands(self, words: str | re.Pattern[str], within: float = ANSWER_WITHIN / 1000) -> None:
        """Wait until the caller's part has them."""
        turn = self.said_by_caller.filter(has_text=words).first
        await expect(turn).to_be_visible(timeout=within * 1000)

    async def complains(self, words: str | re.Pattern[str], within: float = ANSWER_WITHIN / 1000) -> None:
        """Wait until the page says what is wrong, and can be called with again."""
        await expect(self.problem).to_contain_text(words, timeout=within * 1000)
        await expect(self.call_button).to_be_enabled(timeout=within * 1000)

    async def not_heard(self) -> list[str]:
        """What was cut off of the assistant's replies."""
        return [text.removeprefix("not heard: ") for text in await self.cut_off.all_text_contents()]

    def key(self, name: str) -> Locator:
        """A key of the keypad."""
        return self.page.get_by_role("group", name="Keypad").get_by_role("button", name=name, exact=True)

    async def has_played(self, expected: Sound, *, within: float = ANSWER_WITHIN / 1000) -> float:
        """Wait until the page has played `expected` (8 kHz), or something very like it. Returns how like it is.

        When the time is over, that is the best that was found.
        """
        end = asyncio.get_running_loop().time() + within
        while True:
            sound = await self.sound.heard()
            alike, _ = await asyncio.to_thread(found, expected, sound.played)
            if alike > 0.95 or asyncio.get_running_loop().time() > end:
                return alike
            await asyncio.sleep(1)
