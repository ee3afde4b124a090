"""The live view's page against a house of made-up calls: what it shows, and what it does when things go wrong."""

from __future__ import annotations

import asyncio
import re

import pytest
from playwright.async_api import Page, Route, expect

from bot.call.reports import (
    Answered,
    AssistantDraft,
    AssistantWords,
    AudioMissing,
    CallerWords,
    Interrupted,
    State,
    StateChanged,
)
from tests.browser.calls_stand_in import NUMBERS, CallsHouse
from tests.browser.chromium import Chromium
from tests.browser.houses import until
from tests.browser.wire import wire_to

pytestmark = pytest.mark.asyncio(loop_scope="session")

_REFUSED = ("Failed to load resource",)  # Chromium's own words on the console for a refusal or a broken line


def row(page: Page, call_id: str) -> str:
    return f"tr[data-call-id='{call_id}']"


async def is_live(page: Page) -> None:
    await expect(page.locator("#link")).to_have_text("Live")


def talk(house: CallsHouse, call_id: str) -> None:
    """A short conversation, in which the caller cuts in."""
    house.tell(call_id, StateChanged(State.READY), AssistantWords("hello", "Hello! How can I help you?"), at=0.8)
    house.tell(call_id, StateChanged(State.LISTENING), CallerWords("when", "When are you open?"), at=3.0)
    house.tell(call_id, StateChanged(State.PROCESSING), Answered(0.62), StateChanged(State.SPEAKING), at=4.0)
    house.tell(call_id, AssistantWords("hours", "We are open", "from nine to five."), Interrupted("hours", 900, 2400))
    house.tell(call_id, StateChanged(State.READY), AudioMissing(0.4), at=6.0)


async def choose(page: Page, call_id: str) -> None:
    await page.locator(row(page, call_id)).get_by_role("button").click()


async def test_an_empty_house_says_how_to_make_a_call(chromium: Chromium) -> None:
    house = CallsHouse()
    async with house.open(), chromium.visit(house.url) as visit:
        await is_live(visit.page)
        empty = visit.page.locator("#empty")
        await expect(empty).to_contain_text("voicebot call --url http://127.0.0.1:")
        await expect(empty.get_by_role("link", name="open the phone page")).to_have_attribute("href", "./")


async def test_each_call_is_a_row_that_follows_it(chromium: Chromium) -> None:
    house = CallsHouse()
    first = house.call(1, ago=75)
    async with house.open(), chromium.visit(house.url) as visit:
        line = visit.page.locator(row(visit.page, first))
        await expect(line).to_contain_text("***01")
        await expect(line).to_contain_text("to ***99")
        await expect(line).to_contain_text("Connecting")
        await expect(line).to_contain_text(re.compile(r"1:[1-5]\d"))
        talk(house, first)
        await expect(line.locator(".state")).to_have_text("Ready")
        await expect(line.locator(".state")).to_have_attribute("data-state", "ready")
        for words in ("When are you open?", "We are open", "0.62 s", "0.40 s"):
            await expect(line).to_contain_text(words)
        house.tell(first, AssistantDraft("more", "On Saturdays too."))
        await expect(line).to_contain_text("On Saturdays too.")
        second = house.call(2)
        await expect(visit.page.locator("#rows tr")).to_have_count(2)
        await expect(visit.page.locator("#count")).to_have_text("2 calls")
        house.tell(second, StateChanged(State.ERROR, "The assistant cannot be reached."))
        await expect(visit.page.locator(row(visit.page, second))).to_contain_text("The assistant cannot be reached.")


async def test_a_call_that_was_chosen_is_shown_as_it_happens(chromium: Chromium) -> None:
    house = CallsHouse()
    call_id = house.call(1)
    talk(house, call_id)
    async with house.open(), chromium.visit(house.url) as visit:
        page = visit.page
        await page.locator(row(page, call_id)).click()
        turns = page.locator("#transcript li")
        await expect(turns).to_have_count(3)
        await expect(turns.nth(2).locator("s")).to_contain_text("from nine to five.")
        await expect(page.locator("#call-interruptions")).to_have_text("1")
        house.tell(call_id, CallerWords("thanks", "Thank you."), at=9.0)
        await expect(turns.last).to_contain_text("Thank you.")
        await expect(page.locator("#log")).to_contain_text("caller: Thank you.")
        await expect(page.locator(row(page, call_id)).get_by_role("button")).to_have_attribute("aria-pressed", "true")
        await page.get_by_role("button", name="Close").click()
        await expect(page.locator("#call")).to_be_hidden()
        await until(lambda: house.watched == 1, "only the board is watched")


async def test_a_caller_who_hangs_up_is_no_trouble(chromium: Chromium) -> None:
    house = CallsHouse()
    left, failed = house.call(1), house.call(2)
    async with house.open(), chromium.visit(house.url) as visit:
        page = visit.page
        await choose(page, left)
        house.end(left)
        house.tell(failed, StateChanged(State.ERROR, "The assistant cannot be reached."))
        await expect(page.locator(row(page, failed)).locator(".message")).to_be_visible()
        await expect(page.locator("#call-state")).to_have_text("Caller left")
        await expect(page.locator(row(page, left)).locator(".message")).to_be_hidden()
        await expect(page.locator("#call-notice")).to_be_hidden()
        await expect(page.locator("#log")).to_contain_text("ended: the stream stopped")


async def test_words_marked_elsewhere_do_not_keep_a_call_from_being_chosen(chromium: Chromium) -> None:
    house = CallsHouse()
    calls = [house.call(number, ago=100 - number) for number in range(1, 3)]
    for call_id in calls:
        talk(house, call_id)
    async with house.open(), chromium.visit(house.url) as visit:
        page = visit.page
        await choose(page, calls[0])
        await page.evaluate("getSelection().selectAllChildren(document.getElementById('call-title'))")
        await page.locator(row(page, calls[1])).get_by_role("button").focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("#call-title")).to_have_text("***02")
        await page.locator(row(page, calls[0])).locator(".words").first.select_text()
        await page.locator(row(page, calls[0])).evaluate("(row) => row.click()")
        await expect(page.locator("#call-title")).to_have_text("***02")  # these are being marked, to be copied


async def test_everything_can_be_done_by_keyboard(chromium: Chromium) -> None:
    house = CallsHouse()
    calls = [house.call(number, ago=100 - number) for number in range(1, 4)]
    async with house.open(), chromium.visit(house.url) as visit:
        page = visit.page
        await is_live(page)
        buttons = [page.locator(row(page, call_id)).get_by_role("button") for call_id in calls]
        await buttons[0].focus()
        await page.keyboard.press("ArrowDown")
        await expect(buttons[1]).to_be_focused()
        await page.keyboard.press("End")
        await expect(buttons[2]).to_be_focused()
        await page.keyboard.press("ArrowDown")
        await expect(buttons[2]).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.locator("#call-title")).to_have_text("***03")
        await expect(page.locator("#call-title")).to_be_focused()
        hang_up = page.locator("#hang-up")
        for _ in range(3):
            await page.keyboard.press("Tab")
        await expect(hang_up).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("dialog")).to_be_visible()
        await expect(page.get_by_role("button", name="Keep the call")).to_be_focused()
        await page.keyboard.press("Escape")
        await expect(hang_up).to_be_focused()
        assert not house.hung_up
        await page.keyboard.press("Escape")
        await expect(buttons[2]).to_be_focused()
        await page.keyboard.press("Home")
        await page.keyboard.press("Shift+Tab")
        await page.keyboard.press("Tab")
        await expect(buttons[0]).to_be_focused()  # one stop for the whole list


async def test_an_operator_hangs_up_after_being_asked(chromium: Chromium) -> None:
    house = CallsHouse()
    call_id = house.call(1)
    async with house.open(), chromium.visit(house.url) as visit:
        page = visit.page
        await choose(page, call_id)
        await page.locator("#hang-up").click()
        await expect(page.get_by_role("dialog")).to_contain_text("***01")
        await page.get_by_role("button", name="Keep the call").click()
        await expect(page.get_by_role("dialog")).to_be_hidden()
        assert not house.hung_up
        await page.locator("#hang-up").click()
        await page.get_by_role("dialog").get_by_role("button", name="Hang up").click()
        await expect(page.get_by_role("dialog")).to_be_hidden()
        await expect(page.locator("#call-state")).to_have_text("Hung up")
        await expect(page.locator("#call-notice")).to_be_hidden()
        await expect(page.locator("#hang-up")).to_be_disabled()
        await expect(page.locator("#transfer")).to_be_disabled()
        assert house.hung_up == [call_id]


async def test_an_operator_transfers_to_one_of_the_numbers_allowed(chromium: Chromium) -> None:
    house = CallsHouse()
    call_id = house.call(1)
    async with house.open(), chromium.visit(house.url) as visit:
        page = visit.page
        await choose(page, call_id)
        await page.locator("#transfer").click()
        dialog = page.get_by_role("dialog")
        await expect(dialog.get_by_role("radio")).to_have_count(2)
        await dialog.get_by_role("button", name="Transfer").click()
        await expect(dialog).to_contain_text("Choose a number first.")
        await dialog.get_by_label(NUMBERS[0]).check()
        await dialog.get_by_role("button", name="Transfer").click()
        await expect(page.locator("#call-state")).to_have_text("Transferred")
        assert house.transferred == [(call_id, NUMBERS[0])]


async def test_a_refused_transfer_says_why_and_can_be_given_up(chromium: Chromium) -> None:
    house = CallsHouse(dial_allowed=NUMBERS[:1])
    house.transferable = False
    call_id = house.call(1)
    async with house.open(), chromium.visit(house.url, expect=_REFUSED) as visit:
        page = visit.page
        await choose(page, call_id)
        await page.locator("#transfer").click()
        dialog = page.get_by_role("dialog")
        await expect(dialog.get_by_role("radio")).to_be_checked()
        await dialog.get_by_role("button", name="Transfer").click()
        await expect(dialog.get_by_role("alert")).to_contain_text("no telephone network behind it")
        await visit.look("calls-transfer-refused")
        await dialog.get_by_role("button", name="Keep the call").click()
        await expect(dialog).to_be_hidden()


async def test_without_a_number_the_page_says_what_to_set(chromium: Chromium) -> None:
    house = CallsHouse(dial_allowed=())
    call_id = house.call(1)
    async with house.open(), chromium.visit(house.url) as visit:
        page = visit.page
        await choose(page, call_id)
        await page.locator("#transfer").click()
        dialog = page.get_by_role("dialog")
        await expect(dialog).to_contain_text("Set DIAL_ALLOWED")
        await expect(dialog.get_by_role("button", name="Transfer")).to_be_disabled()


async def test_a_question_about_a_call_that_ends_goes_away(chromium: Chromium) -> None:
    house = CallsHouse()
    call_id = house.call(1)
    async with house.open(), chromium.visit(house.url) as visit:
        page = visit.page
        await choose(page, call_id)
        await page.locator("#hang-up").click()
        await expect(page.get_by_role("dialog")).to_be_visible()
        house.end(call_id)
        await expect(page.get_by_role("dialog")).to_be_hidden()
        await expect(page.locator("#call-state")).to_have_text("Caller left")


async def test_a_question_that_took_too_long_is_not_asked_about_a_call_that_has_ended(chromium: Chromium) -> None:
    house = CallsHouse()
    call_id = house.call(1)
    async with house.open(), chromium.visit(house.url) as visit:
        page = visit.page
        await choose(page, call_id)
        slow = asyncio.Event()

        async def hold(route: Route) -> None:
            await slow.wait()
            await route.continue_()

        await page.route("**/calls/options", hold)
        await page.locator("#transfer").click()
        house.end(call_id)
        await expect(page.locator("#call-state")).to_have_text("Caller left")
        async with page.expect_response("**/calls/options"):
            slow.set()
        await page.wait_for_timeout(100)
        await expect(page.get_by_role("dialog")).to_be_hidden()


async def test_a_call_that_is_over_stays_for_a_while(chromium: Chromium) -> None:
    house = CallsHouse()
    kept, gone = house.call(1), house.call(2)
    async with house.open(), chromium.visit("") as visit:
        page = visit.page
        await page.clock.install()
        await page.goto(house.url)
        await is_live(page)
        await choose(page, kept)
        house.end(kept)
        house.end(gone)
        await expect(page.locator("tr.is-over")).to_have_count(2)
        await expect(page.locator("#count")).to_have_text("No call")
        await page.mouse.move(0, 0)
        await page.clock.fast_forward(62_000)
        await expect(page.locator(row(page, gone))).to_have_count(0)
        await expect(page.locator(row(page, kept))).to_have_count(1)  # somebody reads it
        await page.get_by_role("button", name="Close").click()
        await page.locator("#link").click()
        await page.evaluate("document.activeElement.blur()")
        await page.clock.run_for(2000)
        await expect(page.locator("#empty")).to_be_visible()


# --- When things go wrong


async def test_nothing_is_lost_while_the_network_is_away(chromium: Chromium) -> None:
    house = CallsHouse()
    call_id = house.call(1)
    talk(house, call_id)
    async with (
        house.open(),
        wire_to(house.url.removesuffix("/calls")) as (url, wire),
        chromium.visit(url + "/calls", expect=(*_REFUSED, "ERR_")) as visit,
    ):
        page = visit.page
        await choose(page, call_id)
        await expect(page.locator("#transcript li")).to_have_count(3)
        await wire.pull_out()
        await expect(page.locator("#link")).to_have_text("Reconnecting…")
        house.tell(call_id, CallerWords("a", "Are you there?"), AssistantWords("b", "Yes, I am."), at=9.0)
        other = house.call(2)
        asked = len(house.asked)
        await wire.plug_in()
        await is_live(page)
        await expect(page.locator(row(page, other))).to_be_visible()
        await expect(page.locator("#transcript li")).to_have_count(5)
        await expect(page.locator("#transcript li").last).to_contain_text("Yes, I am.")
        assert not any(path.endswith("/live") and "after" not in path for path in house.resumed(asked))


async def test_another_house_at_the_same_address_shows_its_own_calls(chromium: Chromium) -> None:
    before, after = CallsHouse("first"), CallsHouse("second")
    before.call(1)
    new = after.call(2)
    async with chromium.visit("", expect=(*_REFUSED, "ERR_")) as visit:
        page = visit.page
        async with before.open():
            await page.goto(before.url)
            await is_live(page)
        async with after.open(before.port):
            await expect(page.locator("#rows tr")).to_have_count(1)
            await expect(page.locator(row(page, new))).to_be_visible()
            await is_live(page)


async def test_a_house_that_starts_again_is_found_by_itself(chromium: Chromium) -> None:
    house = CallsHouse()
    house.call(1)
    house.refuse = 503
    async with house.open(), chromium.visit(house.url, expect=_REFUSED) as visit:
        await expect(visit.page.locator("#link")).to_have_text("Reconnecting…")
        house.refuse = 0
        await is_live(visit.page)
        await expect(visit.page.locator("#rows tr")).to_have_count(1)


async def test_too_many_viewers_is_said_in_words(chromium: Chromium) -> None:
    house = CallsHouse(viewers=1)
    async with house.open(), chromium.visit(house.url) as one, chromium.visit("", expect=_REFUSED) as two:
        await is_live(one.page)
        await two.page.goto(house.url)
        await expect(two.page.locator("#link")).to_contain_text("1 live views are open already")
        await one.page.close()
        await until(lambda: house.watched == 0, "there is room")
        await two.page.evaluate("dispatchEvent(new Event('online'))")  # it would come back by itself, later
        await is_live(two.page)


async def test_who_is_signed_out_is_asked_to_sign_in(chromium: Chromium) -> None:
    house = CallsHouse()
    house.call(1)
    async with (
        house.open(),
        wire_to(house.url.removesuffix("/calls")) as (url, wire),
        chromium.visit(url + "/calls", expect=(*_REFUSED, "ERR_")) as visit,
    ):
        await is_live(visit.page)
        house.refuse = 401
        wire.cut()
        await expect(visit.page.get_by_role("link", name="Sign in again")).to_have_attribute("href", "sign-in")
        await visit.look("calls-signed-out")
        asked = len(house.asked)
        await visit.page.wait_for_timeout(1500)
        assert len(house.asked) == asked  # it does not go on knocking


async def test_a_call_that_is_not_known_any_more_is_said_to_be_so(chromium: Chromium) -> None:
    house = CallsHouse()
    call_id = house.call(1)
    async with house.open(), chromium.visit(house.url, expect=_REFUSED) as visit:
        await is_live(visit.page)
        del house.feeds[call_id]
        await choose(visit.page, call_id)
        await expect(visit.page.locator("#call-notice")).to_contain_text("not known here")


async def test_a_page_that_nobody_sees_holds_no_connection(chromium: Chromium) -> None:
    house = CallsHouse()
    call_id = house.call(1)
    async with house.open(), chromium.visit("") as visit:
        page = visit.page
        await page.clock.install()
        await page.goto(house.url)
        await is_live(page)
        await choose(page, call_id)
        await until(lambda: house.watched == 2, "the board and a call are watched")
        await page.evaluate("""() => {
            Object.defineProperty(document, "hidden", {value: true, configurable: true});
            document.dispatchEvent(new Event("visibilitychange"));
        }""")
        await page.clock.fast_forward(31_000)
        await until(lambda: house.watched == 0, "nothing is watched")
        house.tell(call_id, CallerWords("a", "Are you there?"))
        await page.evaluate("""() => {
            Object.defineProperty(document, "hidden", {value: false, configurable: true});
            document.dispatchEvent(new Event("visibilitychange"));
        }""")
        await expect(page.locator("#transcript li")).to_have_count(1)
        await expect(page.locator(row(page, call_id))).to_contain_text("Are you there?")


async def test_a_connection_that_falls_silent_is_made_anew(chromium: Chromium) -> None:
    house = CallsHouse()
    call_id = house.call(1)
    async with (
        house.open(),
        wire_to(house.url.removesuffix("/calls")) as (url, wire),
        chromium.visit("", expect=(*_REFUSED, "ERR_")) as visit,
    ):
        page = visit.page
        await page.clock.install()
        await page.goto(url + "/calls")
        await is_live(page)
        made = wire.connections
        wire.stall()
        house.tell(call_id, CallerWords("a", "Are you there?"))
        await page.clock.fast_forward(46_000)
        await until(lambda: wire.connections > made, "it is tried again")
        wire.flow()
        await expect(page.locator(row(page, call_id))).to_contain_text("Are you there?")


# --- Many calls, small pages


async def test_of_a_hundred_rows_only_the_changed_one_is_touched(chromium: Chromium) -> None:
    house = CallsHouse()
    calls = [house.call(number, ago=500 - number) for number in range(100)]
    for call_id in calls:
        talk(house, call_id)
    async with house.open(), chromium.visit("") as visit:
        page = visit.page
        await page.goto(house.url)
        await expect(page.locator("#rows tr")).to_have_count(100)
        await choose(page, calls[40])
        await page.locator(row(page, calls[60])).get_by_role("button").focus()
        await page.evaluate("""() => {
            globalThis.touched = new Set();
            new MutationObserver((records) => {
                for (const {target} of records) {
                    const element = target.nodeType === Node.ELEMENT_NODE ? target : target.parentElement;
                    if (element.closest(".length")) continue;  // every second, each of them
                    touched.add(element.closest("tr")?.dataset.callId ?? element.id);
                }
            }).observe(document.getElementById("rows"),
                {subtree: true, childList: true, attributes: true, characterData: true});
        }""")
        house.tell(calls[70], CallerWords("more", "And on Sundays?"))
        await expect(page.locator(row(page, calls[70]))).to_contain_text("And on Sundays?")
        assert await page.evaluate("[...touched]") == [calls[70]]
        await expect(page.locator(row(page, calls[60])).get_by_role("button")).to_be_focused()
        await expect(page.locator("tr.is-chosen")).to_have_attribute("data-call-id", calls[40])
        house.end(calls[10])
        new = house.call(101)
        await expect(page.locator(row(page, new))).to_be_attached()
        await expect(page.locator(row(page, calls[60])).get_by_role("button")).to_be_focused()


@pytest.mark.parametrize("width", [320, 390])
async def test_on_a_phone_rows_are_cards_and_one_call_takes_the_page(chromium: Chromium, width: int) -> None:
    house = CallsHouse()
    calls = [house.call(1, ago=60), house.call(2, caller="sip:anna@telephones.of.example.com", ago=30)]
    for call_id in calls:
        talk(house, call_id)
    async with house.open(), chromium.visit(house.url, width=width, height=800) as visit:
        page = visit.page
        await is_live(page)
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        await visit.look(f"calls-phone-{width}")
        await choose(page, calls[0])
        await expect(page.locator("#list")).to_be_hidden()
        await expect(page.locator("#call-title")).to_be_focused()
        await expect(page.locator("#transcript li")).to_have_count(3)
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        await visit.look(f"calls-phone-{width}-one")
        await page.get_by_role("button", name="All calls").click()
        await expect(page.locator("#list")).to_be_visible()
        await expect(page.locator(row(page, calls[0])).get_by_role("button")).to_be_focused()
