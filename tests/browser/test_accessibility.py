"""Every state of every page, in light and dark: axe-core finds nothing, a keyboard is enough, 320 pixels are enough.

The pictures of these states are kept in the folder that `tests.browser.visit` names. With UPDATE_SCREENSHOTS=1, two
of them become the README's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import pytest
from playwright.async_api import Page, expect

from bot.engine.faults import Faults
from bot.engine.receptionist import ADDRESS, HOURS
from bot.engine.scripted import ScriptedParts
from bot.simulator import Line, Parties, PhoneCall, Script, place_call
from tests.browser.callers import Callers
from tests.browser.chromium import Chromium
from tests.browser.houses import house_of, until
from tests.browser.phone import Phone
from tests.browser.wire import wire_to
from tests.e2e.house import TOKEN, House, saying
from tests.e2e.test_calls import speech

pytestmark = pytest.mark.asyncio(loop_scope="session")

GREETING = "Hello! How can I help you?"
HUMAN = "+14255550177"
SMALLEST_TARGET = 44  # pixels, for a finger
NARROW = 320  # pixels; the narrowest page that WCAG asks for (1.4.10)

# What a finger may be meant for, with its label, where it is too small. Links in running text are as high as a line.
_TOO_SMALL = """(smallest) => [...document.querySelectorAll("button, input, select, summary, nav a")]
  .map((element) => (element.labels?.length && /radio|checkbox/.test(element.type) ? element.labels[0] : element))
  .filter((element) => element.checkVisibility({ visibilityProperty: true }))
  .map((element) => [element.textContent.trim() || element.outerHTML, element.getBoundingClientRect()])
  .filter(([, { width, height }]) => Math.min(width, height) < smallest)
  .map(([name, { width, height }]) => `${name}: ${width} x ${height}`)"""

_FOCUS = """() => {
  const element = document.activeElement;
  if (element === document.body) return ["", true];
  const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element);
  const seen = (outlineStyle !== "none" && parseFloat(outlineWidth) > 0) || boxShadow !== "none";
  return [element.id || element.textContent.trim() || element.tagName, seen];
}"""


# --- The softphone


async def test_before_a_call_and_while_the_microphone_is_asked_for(chromium: Chromium) -> None:
    unanswered = "navigator.mediaDevices.getUserMedia = () => new Promise(() => {});"
    async with house_of() as house, chromium.visit(house.url, scripts=[unanswered]) as visit:
        phone = Phone(visit)
        await visit.look("softphone-idle")
        await phone.page.get_by_text("Advanced").click()
        await visit.look("softphone-options")
        await phone.call_button.click()
        await phone.is_in("asking")
        await visit.look("softphone-asking")
        await phone.hang_up()


async def test_a_call_that_is_ready_processing_speaking_and_ended(chromium: Chromium, callers: Callers) -> None:
    parts = ScriptedParts(answers=[HOURS * 3], thinking=3.0)
    voice = await callers.silence()
    async with house_of(parts) as house, chromium.visit(house.url, voice=voice) as visit:
        phone = Phone(visit)
        await phone.call()
        await phone.says(GREETING)
        await phone.is_in("ready")
        await expect(phone.notice).not_to_be_empty()
        await visit.look("softphone-ready")
        await phone.mute_button.click()
        await phone.page.keyboard.press("1")
        await phone.page.keyboard.press("#")
        await phone.is_in("processing")
        await visit.look("softphone-processing")
        await phone.is_in("speaking")
        await visit.look("softphone-speaking-and-muted")
        await phone.hang_up()
        await visit.look("softphone-ended")


async def test_a_call_that_listens(chromium: Chromium, callers: Callers) -> None:
    voice = await callers.says(2.5, *["I have a lot to say and I go on saying it. "] * 8)
    async with house_of() as house, chromium.visit(house.url, voice=voice) as visit:
        phone = Phone(visit)
        await phone.call()
        await phone.is_in("listening")
        await visit.look("softphone-listening")
        await phone.hang_up()


async def test_a_call_that_cannot_be_connected(chromium: Chromium, callers: Callers) -> None:
    voice = await callers.silence()
    async with (
        house_of(faults=Faults(hang_handshake=True)) as house,
        chromium.visit(house.url, voice=voice) as visit,
    ):
        phone = Phone(visit)
        await phone.call_button.click()
        await phone.is_in("connecting")
        await visit.look("softphone-connecting")
        await phone.complains(".")
        await phone.is_in("error")
        await visit.look("softphone-not-connected")


async def test_a_conversation_with_an_interrupted_reply(chromium: Chromium, callers: Callers) -> None:
    heard = ["When are you open?", "Where are you?"]
    parts = ScriptedParts(heard=heard, answers=[HOURS, ADDRESS], ms_per_character=90, thinking=0.15)
    voice = await callers.says(3.0, "When are you open?", 3.0, "Where are you?", 60.0)
    async with house_of(parts) as house, chromium.visit(house.url, voice=voice) as visit:
        phone = Phone(visit)
        await phone.call()
        await phone.understands("Where are you?")
        await expect(phone.cut_off).to_have_count(1)
        await phone.is_in("speaking")
        await phone.says(ADDRESS[:20])
        await visit.picture("softphone")
        await visit.look("softphone-interrupted")
        await phone.hang_up()


async def test_the_softphone_on_a_small_phone(chromium: Chromium, callers: Callers) -> None:
    voice = await callers.silence()
    async with house_of() as house, chromium.visit(house.url, voice=voice, width=NARROW, touch=True) as visit:
        phone = Phone(visit)
        await visit.look("softphone-idle-narrow")
        await fits(visit.page)
        await phone.call()
        await phone.says(GREETING)
        await visit.look("softphone-call-narrow")
        await fits(visit.page)
        await phone.hang_up()


async def test_a_call_needs_no_mouse(chromium: Chromium, callers: Callers) -> None:
    parts = ScriptedParts(answers=["You pressed a key."])
    voice = await callers.silence()
    async with house_of(parts) as house, chromium.visit(house.url, voice=voice) as visit:
        page, phone = visit.page, Phone(visit)
        await tab_to(page, "call")
        await page.keyboard.press("Enter")
        await phone.says(GREETING)
        await phone.is_in("ready")
        await expect(phone.hang_up_button).to_be_focused()
        await page.keyboard.press("7")
        await page.keyboard.press("#")
        await phone.says("You pressed a key.")
        await tab_to(page, "mute", backwards=True)
        await page.keyboard.press("Space")
        await expect(phone.mute_button).to_have_attribute("aria-pressed", "true")
        await tab_to(page, "hang-up")
        await page.keyboard.press("Enter")
        await phone.is_in("ended")
        await expect(phone.call_button).to_be_focused()
        await page.keyboard.press("Space")
        await phone.says(GREETING)
        await tab_to(page, "hang-up")
        await page.keyboard.press("Space")
        await phone.is_in("ended")


# --- The live view


@asynccontextmanager
async def three_calls(house: House, chosen: Script) -> AsyncIterator[None]:
    """Two who listen and say nothing, and one that the test is about, who phoned first."""

    async def stays(line: Line) -> None:
        await line.wait(60)

    calls: list[asyncio.Task[PhoneCall]] = []
    try:
        for number, script in enumerate((chosen, stays, stays)):
            parties = Parties(caller=f"+1425555011{number}", called="+14255550199")
            rng = Random(number)  # noqa: S311 - repeatable ids
            where = house.settings.public_url
            placed = place_call(house.url, script, auth_token=TOKEN, public_url=where, parties=parties, rng=rng)
            calls.append(asyncio.create_task(placed))
            await until(lambda: house.switchboard.live == len(calls), "the call is announced")
        yield
    finally:
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)


async def test_the_live_view_with_nobody_on_the_phone(chromium: Chromium) -> None:
    async with house_of() as house, chromium.visit(house.url + "/calls") as visit:
        await expect(visit.page.get_by_text("Nobody is on the phone.")).to_be_visible()
        await visit.look("calls-empty")


async def test_the_live_view_with_a_conversation_and_what_an_operator_is_asked(chromium: Chromium) -> None:
    heard = ["When are you open?", "Where are you?"]
    parts = ScriptedParts(heard=heard, answers=[HOURS, ADDRESS], ms_per_character=100, thinking=0.15)
    script = saying(speech(1.0), speech(1.0), interrupt_after=2.5)
    async with (
        house_of(parts, dial_allowed=(HUMAN, "sip:desk@example.com")) as house,
        chromium.visit(house.url + "/calls") as visit,
    ):
        page = visit.page
        async with three_calls(house, script):
            await expect(page.locator("tr[data-call-id]")).to_have_count(3)
            await visit.look("calls-list")
            await page.locator("tr[data-call-id]").first.click()
            await expect(page.locator("#transcript s")).to_have_count(1)
            await expect(page.locator("#transcript")).to_contain_text(ADDRESS[:20])
            await expect(page.locator("tr[data-call-id]").first).to_contain_text(ADDRESS[:20])
            await visit.picture("live-view")
            await visit.look("calls-one")
            await page.get_by_role("button", name="Transfer").click()
            await visit.look("calls-transfer")
            await page.keyboard.press("Escape")
            await page.get_by_role("button", name="Hang up").click()
            await visit.look("calls-hang-up")
            await page.keyboard.press("Escape")
        await expect(page.locator("tr.is-over")).to_have_count(3)
        await visit.look("calls-over")


async def test_the_live_view_on_a_small_phone(chromium: Chromium) -> None:
    parts = ScriptedParts(heard=["When are you open?"], answers=[HOURS])
    async with (
        house_of(parts, dial_allowed=(HUMAN,)) as house,
        chromium.visit(house.url + "/calls", width=NARROW, touch=True) as visit,
    ):
        page = visit.page
        async with three_calls(house, saying(speech(1.0))):
            await expect(page.locator("tr[data-call-id]")).to_have_count(3)
            await expect(page.locator("tr[data-call-id]").first).to_contain_text(HOURS[:20])
            await visit.look("calls-list-narrow")
            await fits(page)
            await page.locator("tr[data-call-id]").first.click()
            await visit.look("calls-one-narrow")
            await fits(page)
            await page.get_by_role("button", name="Transfer").click()
            await visit.look("calls-transfer-narrow")
            await fits(page)


async def test_the_live_view_without_numbers_and_without_a_network(chromium: Chromium) -> None:
    async with (
        house_of() as house,
        wire_to(house.url) as (url, wire),
        chromium.visit(url + "/calls", expect=["ERR_"]) as visit,
    ):
        page = visit.page

        async def stays(line: Line) -> None:
            await line.wait(60)

        async with three_calls(house, stays):
            await page.locator("tr[data-call-id]").first.click()
            await page.get_by_role("button", name="Transfer").click()
            await expect(page.get_by_role("dialog")).to_contain_text("DIAL_ALLOWED")
            await visit.look("calls-transfer-to-nobody")
            await page.keyboard.press("Escape")
            await wire.pull_out()
            await expect(page.locator("#link")).to_contain_text("Reconnecting")
            await visit.look("calls-reconnecting")
            await wire.plug_in()
            await expect(page.locator("#link")).to_have_text("Live")


async def test_the_live_view_needs_no_mouse(chromium: Chromium) -> None:
    async def stays(line: Line) -> None:
        await line.wait(60)

    async with house_of() as house, chromium.visit(house.url + "/calls") as visit:
        page = visit.page
        async with three_calls(house, stays):
            rows = page.locator("tr[data-call-id]")
            await expect(rows).to_have_count(3)
            await tab_to(page, "***10")
            await page.keyboard.press("ArrowDown")
            await expect(rows.nth(1).get_by_role("button")).to_be_focused()
            await page.keyboard.press("Enter")
            await expect(page.locator("#call-title")).to_be_focused()
            await tab_to(page, "hang-up")
            await page.keyboard.press("Enter")
            await expect(page.get_by_role("dialog")).to_be_visible()
            await page.keyboard.press("Escape")
            await expect(page.locator("#hang-up")).to_be_focused()
            await page.keyboard.press("Enter")
            await page.keyboard.press("Tab")
            await page.keyboard.press("Enter")
            await until(lambda: house.switchboard.live == 2, "the call is over")


# --- What is looked at


async def fits(page: Page) -> None:
    """Nothing is wider than the page, and everything is large enough for a finger."""
    assert await page.evaluate("document.documentElement.scrollWidth") <= NARROW
    assert await page.evaluate(_TOO_SMALL, SMALLEST_TARGET) == []


async def tab_to(page: Page, name: str, *, backwards: bool = False) -> None:
    """Press Tab until the element with this id, or these words, has the focus, which can be seen all the way."""
    for _ in range(60):
        await page.keyboard.press("Shift+Tab" if backwards else "Tab")
        here, seen = await page.evaluate(_FOCUS)
        assert seen, f"the focus on {here!r} cannot be seen"
        if here == name:
            return
    pytest.fail(f"the Tab key does not reach {name!r}")
