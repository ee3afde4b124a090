"""The live view follows calls that others make, through breaks of the network, and lets an operator reach in."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Locator, Page, expect

from bot.engine.scripted import ScriptedParts
from bot.simulator import Line, PhoneCall, Script
from tests.browser.chromium import Chromium
from tests.browser.houses import house_of, until
from tests.browser.wire import wire_to
from tests.e2e.house import House, saying
from tests.e2e.test_calls import speech

pytestmark = pytest.mark.asyncio(loop_scope="session")

GREETING = "Hello! How can I help you?"
HOURS = "From nine to five."
LONG_ANSWER = "We are open from nine to five on every day of the week, and on Saturday until noon."
HUMAN = "+14255550177"


async def stays(line: Line) -> None:
    """A caller who says nothing and does not hang up."""
    await line.wait(60)


@asynccontextmanager
async def a_call(house: House, script: Script) -> AsyncIterator[asyncio.Task[PhoneCall]]:
    """Somebody phones; the call is ended, if it runs still, when the test is over."""
    calling = asyncio.create_task(house.call(script))
    try:
        await until(lambda: house.switchboard.live > 0 or calling.done(), "the call is announced")
        yield calling
    finally:
        calling.cancel()
        await asyncio.gather(calling, return_exceptions=True)


async def open_live_view(page: Page, url: str) -> None:
    await page.goto(url + "/calls")


def rows(page: Page) -> Locator:
    return page.locator("tr[data-call-id]")


async def test_a_call_is_followed_from_its_beginning_to_its_end(chromium: Chromium) -> None:
    parts = ScriptedParts(heard=["When are you open?", "Where are you?"], answers=[LONG_ANSWER, "Mill Lane."])
    async with house_of(parts) as house, chromium.visit("") as visit:
        page = visit.page
        await open_live_view(page, house.url)
        await expect(rows(page)).to_have_count(0)
        script = saying(speech(1.0), speech(1.0), interrupt_after=2.0)
        async with a_call(house, script) as calling:
            row = rows(page).first
            await expect(row).to_be_visible()
            await expect(row).to_contain_text("Hello")
            assert "+14255550" not in await row.inner_text(), "the number is masked"
            await row.click()
            transcript = page.locator(".transcript")
            await expect(transcript).to_contain_text(GREETING)
            await expect(transcript).to_contain_text("When are you open?", timeout=10_000)
            await expect(transcript.locator("s")).to_have_count(1, timeout=15_000)
            await expect(transcript).to_contain_text("Mill Lane.", timeout=15_000)
            call = await calling
        assert len(call.interruptions) == 1
        log = page.get_by_role("region", name="Events")
        await expect(log).to_contain_text("interrupted")


async def test_an_operator_hangs_up_after_a_question(chromium: Chromium) -> None:
    async with house_of(ScriptedParts()) as house, chromium.visit("") as visit:
        page = visit.page
        await open_live_view(page, house.url)
        async with a_call(house, stays) as calling:
            await rows(page).first.click()
            await page.get_by_role("button", name="Hang up").click()
            dialog = page.get_by_role("dialog")
            await dialog.get_by_role("button", name="Keep the call").click()
            await expect(dialog).to_be_hidden()
            await page.get_by_role("button", name="Hang up").click()
            assert not calling.done()
            await dialog.get_by_role("button", name="Hang up").click()
            call = await asyncio.wait_for(calling, 10)
        assert call.ended_by in ("bot", "twiml")
        assert house.metric("voicebot_calls_ended_total", outcome="hangup") == 1


async def test_an_operator_transfers_the_caller_to_a_number_that_is_allowed(chromium: Chromium) -> None:
    async with house_of(ScriptedParts(), dial_allowed=(HUMAN,)) as house, chromium.visit("") as visit:
        page = visit.page
        await open_live_view(page, house.url)
        async with a_call(house, stays) as calling:
            await rows(page).first.click()
            await page.get_by_role("button", name="Transfer").click()
            dialog = page.get_by_role("dialog")
            await dialog.get_by_label(HUMAN).check()
            await dialog.get_by_role("button", name="Transfer").click()
            call = await asyncio.wait_for(calling, 15)
        assert HUMAN[-4:] in call.dialled or call.dialled == HUMAN


async def test_nothing_is_lost_while_the_network_is_away(chromium: Chromium) -> None:
    words = [f"Sentence number {number}." for number in range(1, 4)]
    parts = ScriptedParts(heard=words, answers=[f"Answer number {number}." for number in range(1, 4)])
    errors = ["ERR_", "Failed to load resource"]
    async with (
        house_of(parts) as house,
        wire_to(house.url) as (url, wire),
        chromium.visit("", expect=errors) as visit,
    ):
        page = visit.page
        await open_live_view(page, url)
        async with a_call(house, saying(*[speech(0.6)] * 3)) as calling:
            await rows(page).first.click()
            transcript = page.locator(".transcript")
            await expect(transcript).to_contain_text("Answer number 1.", timeout=15_000)
            await wire.pull_out()
            await asyncio.sleep(2)
            await wire.plug_in()
            await asyncio.wait_for(calling, 30)
            await expect(transcript).to_contain_text("Answer number 3.", timeout=20_000)
        expected = [GREETING]
        for number in range(1, 4):
            expected += [f"Sentence number {number}.", f"Answer number {number}."]
        assert await transcript.locator(".turn-words").all_inner_texts() == expected
        await expect(page.locator("body")).to_contain_text(re.compile("ended", re.IGNORECASE))
