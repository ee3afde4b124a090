from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import Locator, expect

from tests.browser.chromium import Chromium
from tests.browser.page_stand_in import ROOT, TWILIO, SoftphonePage, open_page

pytestmark = pytest.mark.asyncio(loop_scope="session")

HINT = "The line is open."


def button(page: SoftphonePage, name: str) -> Locator:
    return page.page.get_by_role("button", name=name, exact=True)


def state(page: SoftphonePage) -> Locator:
    return page.page.locator("#state")


def notice(page: SoftphonePage) -> Locator:
    return page.page.locator("#notice")


def problem(page: SoftphonePage) -> Locator:
    return page.page.get_by_role("alert")


def log_rows(page: SoftphonePage) -> Locator:
    return page.page.get_by_role("region", name="Events").locator("li:visible")


async def a_conversation(page: SoftphonePage) -> None:
    """A greeting, a question, and an answer that is cut off."""
    await page.state("speaking")
    await page.report("AssistantDraft", 1.0, item_id="a1", text="Hello, this is")
    await page.report("AssistantWords", 2.0, item_id="a1", heard="Hello, this is Northwind.", unheard="")
    await page.state("listening")
    await page.state("processing")
    await page.report("AssistantDraft", 4.0, item_id="a2", text="We are open from nine to five.")
    await page.report("CallerWords", 4.1, item_id="c1", text="When are you open?")
    await page.state("speaking")
    await page.report("AssistantWords", 6.0, item_id="a2", heard="We are open", unheard="from nine to five.")
    await page.report("Interrupted", 6.0, item_id="a2", heard_ms=700, sent_ms=2100)


# --- the buttons and the keyboard


async def test_either_call_or_hang_up_can_be_pressed_and_the_focus_follows(chromium: Chromium) -> None:
    async with open_page(chromium) as page:
        await expect(button(page, "Hang up")).to_be_disabled()
        await button(page, "Call").focus()
        await page.call()
        await expect(button(page, "Call")).to_be_disabled()
        await expect(button(page, "Hang up")).to_be_focused()
        await page.page.keyboard.press("Escape")
        assert await page.done() == []
        await page.page.keyboard.press("Enter")
        await expect(state(page)).to_have_text("Ended")
        await expect(button(page, "Hang up")).to_be_disabled()
        await expect(button(page, "Call")).to_be_focused()
        assert await page.done() == ["hang up"]


async def test_the_focus_stays_with_somebody_who_filters_the_log(chromium: Chromium) -> None:
    async with open_page(chromium) as page:
        await page.call()
        await page.page.get_by_label("Filter events by words").focus()
        await page.emit("line", state="ended", message="")
        await expect(button(page, "Call")).to_be_enabled()
        await expect(page.page.get_by_label("Filter events by words")).to_be_focused()


async def test_keys_are_sent_from_the_screen_and_the_keyboard_but_not_while_typing(chromium: Chromium) -> None:
    async with open_page(chromium) as page:
        await page.page.keyboard.press("9")
        await expect(button(page, "5")).to_be_disabled()
        await page.call()
        await button(page, "5").click()
        await button(page, "Hash").click()
        for key in ("0", "*", "#", "x", "Control+1"):
            await page.page.keyboard.press(key)
        await page.page.get_by_label("Filter events by words").press("7")
        assert await page.done() == ["5", "#", "0", "*", "#"]
        await expect(page.page.locator("#digits")).to_have_text("5#0*#")
        await expect(page.page.locator("#say-keys")).to_have_text("Sent 5 hash 0 star hash")


async def test_mute_is_a_toggle_that_is_off_again_in_the_next_call(chromium: Chromium) -> None:
    async with open_page(chromium) as page:
        mute = button(page, "Mute")
        await expect(mute).to_be_disabled()
        await page.call()
        await mute.click()
        await expect(mute).to_have_attribute("aria-pressed", "true")
        await mute.click()
        await expect(mute).to_have_attribute("aria-pressed", "false")
        await mute.click()
        await button(page, "Hang up").click()
        await expect(mute).to_have_attribute("aria-pressed", "false")
        assert await page.done() == ["mute", "unmute", "mute", "hang up"]


# --- what is shown of a call


async def test_each_state_is_said_in_words_and_colour(chromium: Chromium) -> None:
    async with open_page(chromium) as page:
        await page.call()
        await expect(state(page)).to_have_text("Connecting")
        colours = set()
        for name in ("connecting", "ready", "listening", "processing", "speaking"):
            await page.state(name)
            await expect(state(page)).to_have_text(name.capitalize())
            colours.add(await state(page).evaluate("element => getComputedStyle(element).color"))
        assert len(colours) == 5
        await expect(page.page.locator("#say-state")).to_have_text("Speaking")


async def test_the_transcript_keeps_the_order_of_speech_and_strikes_through_what_was_not_heard(
    chromium: Chromium,
) -> None:
    async with open_page(chromium) as page:
        await page.call()
        await a_conversation(page)
        turns = page.page.locator("#transcript .turn-words")
        await expect(turns).to_have_text(
            ["Hello, this is Northwind.", "When are you open?", re.compile("^We are open .*from nine to five.$")]
        )
        assert await page.page.locator("#transcript s").text_content() == "not heard: from nine to five."


async def test_a_noise_leaves_no_turn_and_a_late_draft_does_not_undo_final_words(chromium: Chromium) -> None:
    async with open_page(chromium) as page:
        await page.call()
        await page.state("listening")
        turns = page.page.locator("#transcript .turn-words")
        await expect(turns).to_have_text(["…"])
        await page.state("ready")
        await expect(turns).to_have_count(0)
        await page.report("AssistantWords", item_id="a1", heard="Yes.", unheard="")
        await page.report("AssistantDraft", item_id="a1", text="Yes. And then")
        await expect(turns).to_have_text(["Yes."])


async def test_words_are_text_and_never_markup(chromium: Chromium) -> None:
    async with open_page(chromium) as page:
        await page.call()
        await page.report("CallerWords", item_id="c1", text="<img src=x onerror=alert(1)>")
        await expect(page.page.locator("#transcript .turn-words")).to_have_text("<img src=x onerror=alert(1)>")
        assert await page.page.locator("#transcript img, #log img").count() == 0


async def test_the_meters_move_with_both_sides_and_rest_after_the_call(chromium: Chromium) -> None:
    async with open_page(chromium) as page:
        await page.call()
        you, assistant = (page.page.get_by_role("meter", name=name) for name in ("You", "Assistant"))
        await page.emit("levels", microphone=0.25, speaker=0.7)
        await expect(you).to_have_attribute("aria-valuenow", "25")
        await expect(assistant).to_have_attribute("aria-valuenow", "70")
        assert await assistant.evaluate("element => element.style.getPropertyValue('--level')") == "0.700"
        await button(page, "Hang up").click()
        await expect(assistant).to_have_attribute("aria-valuenow", "0")


async def test_the_timer_runs_from_the_open_line_to_the_end(chromium: Chromium) -> None:
    async with open_page(chromium, virtual_time=True) as page:
        timer = page.page.get_by_role("timer")
        await page.call()
        await page.page.clock.run_for(62_500)
        await expect(timer).to_have_text(re.compile("^1:0[2-9]$"))
        await button(page, "Hang up").click()
        shown = await timer.inner_text()
        await page.page.clock.run_for(9_000)
        await expect(timer).to_have_text(shown)


async def test_a_direct_call_shows_the_times_that_the_page_measured(chromium: Chromium) -> None:
    async with open_page(chromium) as page:
        await page.call()
        await page.report("Answered", seconds=0.4)  # the server's own time of the same answer
        for seconds in (0.6, 0.9, 0.7, 1.2):
            await page.emit("turn", seconds=seconds)
        await expect(page.page.locator("[data-figure=last]")).to_have_text("1.20 s")
        await expect(page.page.locator("[data-figure=median]")).to_have_text("0.80 s")
        await expect(page.page.locator(".turns-list li")).to_have_count(4)
        await expect(page.page.locator("#turns")).to_contain_text("Measured in this page")


# --- the hint


async def test_a_silent_line_is_explained_once_after_three_seconds(chromium: Chromium) -> None:
    async with open_page(chromium, virtual_time=True) as page:
        await page.call()
        await page.state("speaking")
        await page.page.clock.run_for(10_000)
        await expect(notice(page)).to_be_empty()
        await page.state("ready")
        await page.page.clock.run_for(2_000)
        await expect(notice(page)).to_be_empty()
        await page.page.clock.run_for(1_100)
        await expect(notice(page)).to_contain_text(HINT)
        await page.state("listening")
        await expect(notice(page)).to_be_empty()
        await page.state("ready")
        await page.page.clock.run_for(10_000)
        await expect(notice(page)).to_be_empty()


async def test_a_muted_caller_is_told_to_unmute(chromium: Chromium) -> None:
    async with open_page(chromium, virtual_time=True) as page:
        await page.call()
        await button(page, "Mute").click()
        await page.state("ready")
        await page.page.clock.run_for(3_100)
        await expect(notice(page)).to_contain_text("Unmute")


# --- the log


async def test_the_log_keeps_the_last_500_events(chromium: Chromium) -> None:
    async with open_page(chromium) as page:
        await page.call()
        await page.page.evaluate(
            "for (let n = 1; n <= 520; n++)"
            " standIn.call.dispatchEvent(new CustomEvent('note', {detail: {kind: 'media', text: `note ${n}.`}}))"
        )
        await expect(log_rows(page)).to_have_count(500)
        await expect(log_rows(page).first).to_contain_text("note 21.")
        await expect(log_rows(page).last).to_contain_text("note 520.")


async def test_the_log_is_filtered_copied_and_saved(chromium: Chromium, tmp_path: Path) -> None:
    async with open_page(chromium) as page:
        await page.call()
        await a_conversation(page)
        await page.report("Trouble", code="response_failed", detail="busy")
        await page.page.get_by_label("Kind of event").select_option("words")
        await expect(log_rows(page)).to_have_count(3)
        await page.page.get_by_label("Filter events by words").fill("WHEN")
        await expect(log_rows(page)).to_have_count(1)
        await button(page, "Copy").click()
        await expect(page.page.get_by_text("Copied 1 event.")).to_be_visible()
        copied = await page.page.evaluate("navigator.clipboard.readText()")
        assert re.fullmatch(r"0:0\d\.\d{3}  words     caller: When are you open\?\n", copied)
        await page.page.get_by_label("Filter events by words").fill("")
        await page.page.get_by_label("Kind of event").select_option("")
        async with page.page.expect_download() as download:
            await button(page, "Save").click()
        file = await download.value
        assert re.fullmatch(r"call-events-[\dT-]+\.txt", file.suggested_filename)
        await file.save_as(tmp_path / "events.txt")
        saved = (tmp_path / "events.txt").read_text()
        assert "trouble   response_failed: busy\n" in saved
        assert "[not heard: from nine to five.]" in saved


# --- how calls end


async def test_a_call_that_the_server_ends_says_why(chromium: Chromium) -> None:
    async with open_page(chromium) as page:
        await page.call()
        await page.emit("line", state="ended", message="The call has reached its longest time.")
        await expect(state(page)).to_have_text("Ended")
        await expect(notice(page)).to_have_text("The call has reached its longest time.")
        await expect(button(page, "Call")).to_be_enabled()


async def test_an_error_of_the_call_is_shown_with_its_message(chromium: Chromium) -> None:
    async with open_page(chromium) as page:
        await page.call()
        await page.state("error", "The assistant could not be reached.")
        await expect(state(page)).to_have_text("Error")
        await expect(problem(page)).to_have_text("The assistant could not be reached.")
        await page.emit("line", state="ended", message="")
        await expect(problem(page)).to_have_text("The assistant could not be reached.")
        await expect(button(page, "Call")).to_be_enabled()
        await page.call()
        await expect(problem(page)).to_be_empty()


async def test_a_call_that_cannot_be_made_says_what_to_do(chromium: Chromium) -> None:
    async with open_page(chromium) as page:
        await page.page.evaluate("standIn.problem = 'There is no microphone. Connect one, then call again.'")
        await button(page, "Call").click()
        await expect(problem(page)).to_have_text("There is no microphone. Connect one, then call again.")
        await expect(state(page)).to_have_text("Error")
        await expect(button(page, "Call")).to_be_enabled()


async def test_words_that_come_after_the_call_are_still_shown(chromium: Chromium) -> None:
    async with open_page(chromium) as page:
        await page.call()
        await page.report("AssistantDraft", item_id="a1", text="Hello, this is Northwind.")
        await button(page, "Hang up").click()
        await page.report("AssistantWords", item_id="a1", heard="Hello,", unheard="this is Northwind.")
        await expect(page.page.locator("#transcript s")).to_have_count(1)
        await expect(state(page)).to_have_text("Ended")


async def test_a_lost_account_of_the_call_is_said_while_it_lasts(chromium: Chromium) -> None:
    async with open_page(chromium) as page:
        await page.call()
        await page.feed("lost", message="")
        await expect(notice(page)).to_contain_text("interrupted")
        await page.feed("back")
        await expect(notice(page)).to_be_empty()


async def test_a_reload_in_mid_call_is_explained_and_ends_the_call_on_the_server(chromium: Chromium) -> None:
    async with open_page(chromium) as page:
        await page.call("CA77")
        await page.page.reload()
        await expect(notice(page)).to_have_text("The page was reloaded, so the call ended. Call again.")
        assert "POST softphone/calls/CA77/after" in page.asked
        await page.page.reload()
        await expect(page.page.locator("#way-twilio-help")).not_to_be_empty()
        await expect(notice(page)).to_be_empty()


async def test_a_second_tab_does_not_call_beside_the_first(chromium: Chromium) -> None:
    async with open_page(chromium) as page:
        await page.call()
        other = await page.another()
        await button(other, "Call").click()
        await expect(problem(other)).to_contain_text("Another tab of this browser is in a call.")
        await button(page, "Hang up").click()
        await other.call()
        await expect(button(other, "Hang up")).to_be_enabled()


async def test_an_expired_sign_in_leads_to_the_sign_in(chromium: Chromium) -> None:
    async with open_page(chromium, status=401, expect=["401"]) as page:
        await expect(problem(page)).to_contain_text("Your sign-in has expired.")
        await expect(problem(page).get_by_role("link", name="Sign in")).to_have_attribute("href", "sign-in")


# --- the ways to call


async def test_a_call_is_direct_unless_chosen_otherwise(chromium: Chromium) -> None:
    async with open_page(chromium) as page:
        await expect(page.page.get_by_label("Through Twilio")).to_be_disabled()
        await expect(page.page.locator("#options")).to_contain_text("TWILIO_API_KEY_SID, TWILIO_API_KEY_SECRET")
        await expect(page.page.get_by_label("Number to call")).to_be_hidden()
        await page.page.get_by_text("Advanced").click()
        await page.page.get_by_label("Send the microphone unprocessed").check()
        await page.call()
        assert await page.dialled() == [{"way": "direct", "rawMicrophone": True}]
        await expect(page.page.locator("#options")).to_be_hidden()


@pytest.mark.parametrize("dial", [False, True])
async def test_through_twilio_the_servers_times_are_shown_and_a_number_only_where_allowed(
    chromium: Chromium, dial: bool
) -> None:
    async with open_page(chromium, ways={**TWILIO, "dial": dial}) as page:
        number = page.page.get_by_label("Number to call")
        await page.page.get_by_label("Through Twilio").check()
        await expect(number).to_be_visible(visible=dial)
        if dial:
            await number.fill(" +14255550177 ")
        await page.call()
        [call] = await page.dialled()
        assert (call["way"], call["to"]) == ("twilio", "+14255550177" if dial else "")
        await page.report("Answered", seconds=0.45)
        await expect(page.page.locator("[data-figure=last]")).to_have_text("0.45 s")
        await expect(page.page.locator("#turns")).to_contain_text("Measured at the server")


async def test_signing_out_is_offered_only_where_there_is_a_sign_in(chromium: Chromium) -> None:
    async with open_page(chromium) as page:
        await expect(page.page.get_by_role("button", name="Sign out")).to_be_hidden()
        await expect(page.page.get_by_role("link", name="Live calls")).to_have_attribute("href", "calls")
    async with open_page(chromium, sign_out=True) as page:
        await expect(page.page.get_by_role("button", name="Sign out")).to_be_visible()


# --- for everybody


@pytest.mark.parametrize("width", [390, 320])
async def test_each_state_can_be_used_by_everybody_and_fits_the_screen(chromium: Chromium, width: int) -> None:
    async with open_page(chromium, width=width) as page:
        await page.visit.look(f"softphone-idle-{width}")
        await page.call()
        await page.visit.look(f"softphone-connecting-{width}")
        await a_conversation(page)
        await page.emit("levels", microphone=0.1, speaker=0.7)
        await page.emit("turn", seconds=0.62)
        for name in ("ready", "listening", "processing", "speaking"):
            await page.state(name)
            await page.visit.look(f"softphone-{name}-{width}")
        assert await page.page.evaluate("document.documentElement.scrollWidth") <= width
        small = await page.page.evaluate(
            "[...document.querySelectorAll('.phone button')].map(b => b.getBoundingClientRect())"
            ".filter(r => r.width < 44 || r.height < 44).length"
        )
        assert small == 0
        await page.emit("line", state="error", message="The connection was lost. Call again.")
        await page.visit.look(f"softphone-error-{width}")


async def test_every_address_of_the_page_is_relative(chromium: Chromium) -> None:
    async with open_page(chromium) as page:
        addresses = await page.page.evaluate(
            "[...document.querySelectorAll('[href], [src], [action]')]"
            ".flatMap(e => ['href', 'src', 'action'].map(name => e.getAttribute(name))).filter(Boolean)"
        )
        assert addresses
        assert [address for address in addresses if address.startswith("/") or ":" in address] == []
        assert page.page.url == ROOT
