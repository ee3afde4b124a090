"""What goes wrong for who calls by browser: a sentence says what to do, and nothing is left on the server."""

from __future__ import annotations

import asyncio
import re

import pytest
from playwright.async_api import Route, expect

from bot.engine.faults import Faults
from bot.engine.scripted import ScriptedParts
from tests.browser.callers import Callers
from tests.browser.chromium import AWAY, Chromium, Microphone
from tests.browser.houses import house_of, nothing_left, until
from tests.browser.phone import Phone
from tests.browser.wire import wire_to

pytestmark = pytest.mark.asyncio(loop_scope="session")

GREETING = "Hello! How can I help you?"
LONG_ANSWER = "We are open from nine to five on every day of the week, and on Saturday until noon, as ever. " * 4
NO_AUDIO_WORKLET = """
delete window.AudioWorkletNode; delete window.AudioWorklet; delete BaseAudioContext.prototype.audioWorklet;
"""


@pytest.mark.parametrize(
    ("microphone", "words"),
    [(Microphone.REFUSED, "allow the microphone"), (Microphone.ABSENT, "Connect one")],
)
async def test_without_a_microphone_the_page_says_what_to_do_and_the_bot_holds_no_call(
    chromium: Chromium, microphone: Microphone, words: str
) -> None:
    async with house_of() as house, chromium.visit(house.url, microphone=microphone) as visit:
        phone = Phone(visit)
        await phone.call_button.click()
        await phone.complains(words)
        await visit.look(f"softphone-microphone-{microphone}")
        await nothing_left(house)


async def test_a_browser_without_audio_worklet_is_told_so(chromium: Chromium) -> None:
    async with house_of() as house, chromium.visit(house.url, scripts=[NO_AUDIO_WORKLET]) as visit:
        phone = Phone(visit)
        await phone.call_button.click()
        await phone.complains("current Chrome, Edge, Firefox or Safari")
        await visit.look("softphone-old-browser")
        await nothing_left(house)


async def test_an_insecure_origin_is_told_to_use_https(chromium: Chromium) -> None:
    """Only this machine itself is offered the page without TLS; its own name for itself may yet be insecure."""
    async with house_of() as house:
        insecure = "Object.defineProperty(window, 'isSecureContext', {value: false});"
        async with chromium.visit(house.url, scripts=[insecure]) as visit:
            phone = Phone(visit)
            await phone.call_button.click()
            await phone.complains("https://")
            await nothing_left(house)
        async with chromium.visit("", expect=["404"]) as visit:
            answer = await visit.page.goto(house.url.replace("127.0.0.1", AWAY))
            assert answer is not None
            assert answer.status == 404


async def test_a_server_that_goes_away_in_mid_call_is_missed_at_once(chromium: Chromium, callers: Callers) -> None:
    voice = await callers.silence()
    async with house_of() as house, wire_to(house.url) as (url, wire):
        errors = ["WebSocket", "ERR_CONNECTION_REFUSED", "Failed to load resource"]
        async with chromium.visit(url, voice=voice, expect=errors) as visit:
            phone = Phone(visit)
            await phone.call()
            await phone.says(GREETING)
            await wire.pull_out()
            await phone.complains("connection to the bot was lost")
            await phone.is_in("error", "ended")
            await visit.look("softphone-server-gone")
            await nothing_left(house)
            await wire.plug_in()
            await phone.call()
            await phone.says(GREETING)
            await phone.hang_up()


async def test_a_cut_connection_ends_the_call_with_a_sentence(chromium: Chromium, callers: Callers) -> None:
    voice = await callers.silence()
    async with (
        house_of() as house,
        wire_to(house.url) as (url, wire),
        chromium.visit(url, voice=voice, expect=["WebSocket", "Failed to load resource"]) as visit,
    ):
        phone = Phone(visit)
        await phone.call()
        await phone.says(GREETING)
        wire.cut()
        await phone.complains("connection to the bot was lost")
        await nothing_left(house)


async def test_three_seconds_without_a_network_are_survived(chromium: Chromium, callers: Callers) -> None:
    parts = ScriptedParts(answers=["You pressed a key."])
    voice = await callers.silence()
    async with (
        house_of(parts) as house,
        wire_to(house.url) as (url, wire),
        chromium.visit(url, voice=voice) as visit,
    ):
        phone = Phone(visit)
        await phone.call()
        await phone.says(GREETING)
        await phone.is_in("ready")
        wire.stall()
        await asyncio.sleep(3)
        wire.flow()
        await phone.key("1").click()
        await phone.key("Hash").click()
        await phone.says("You pressed a key.")
        await phone.hang_up()
        await nothing_left(house)


async def test_a_reload_in_mid_call_ends_it_on_the_server(chromium: Chromium, callers: Callers) -> None:
    voice = await callers.silence()
    async with house_of() as house, chromium.visit(house.url, voice=voice) as visit:
        phone = Phone(visit)
        await phone.call()
        await phone.says(GREETING)
        await phone.page.reload()
        await nothing_left(house)
        await expect(phone.call_button).to_be_enabled()
        await phone.call()
        await phone.hang_up()


async def test_a_tab_that_is_closed_in_mid_call_ends_it_on_the_server(chromium: Chromium, callers: Callers) -> None:
    voice = await callers.silence()
    async with house_of() as house, chromium.visit(house.url, voice=voice) as visit:
        phone = Phone(visit)
        await phone.call()
        await phone.page.close()
        await nothing_left(house)


async def test_a_second_tab_is_told_of_the_call_in_the_first_and_does_not_disturb_it(
    chromium: Chromium, callers: Callers
) -> None:
    voice = await callers.silence()
    async with house_of() as house, chromium.visit(house.url, voice=voice) as visit:
        second = await visit.page.context.new_page()
        visit.watch(second)
        await second.goto(house.url)
        one, other = Phone(visit), Phone(second)
        await one.call()
        await other.call_button.click()
        await other.complains("Another tab")
        assert house.switchboard.live == 1
        await one.hang_up()
        await other.call()
        await other.hang_up()


async def test_two_browsers_hold_two_calls(chromium: Chromium, callers: Callers) -> None:
    voice = await callers.silence()
    async with (
        house_of() as house,
        chromium.visit(house.url, voice=voice) as one_visit,
        chromium.visit(house.url, voice=voice) as other_visit,
    ):
        one, other = Phone(one_visit), Phone(other_visit)
        await one.call()
        await other.call()
        await until(lambda: house.switchboard.live == 2, "two calls run")
        await other.says(GREETING)
        await other.hang_up()
        await until(lambda: house.switchboard.live == 1, "one call runs")
        await one.is_in("ready", "speaking")
        await one.hang_up()


async def test_a_wrong_token_is_refused_with_a_sentence(chromium: Chromium, callers: Callers) -> None:
    voice = await callers.silence()

    async def forge(route: Route) -> None:
        answer = await route.fetch()
        line = await answer.json()
        await route.fulfill(response=answer, json={**line, "token": line["token"][:-6] + "AAAAAA"})

    async with house_of() as house, chromium.visit(house.url, voice=voice, expect=["WebSocket"]) as visit:
        await visit.page.route("**/softphone/calls", forge)
        phone = Phone(visit)
        await phone.call_button.click()
        await phone.complains("did not let this call in")
        await nothing_left(house)


async def test_a_token_opens_one_line_once(chromium: Chromium, callers: Callers) -> None:
    voice = await callers.silence()
    lines: list[str] = []

    async def repeat(route: Route) -> None:
        if not lines:
            lines.append(await (await route.fetch()).text())
        await route.fulfill(status=201, content_type="application/json", body=lines[0])

    async with house_of() as house, chromium.visit(house.url, voice=voice, expect=["WebSocket"]) as visit:
        await visit.page.route("**/softphone/calls", repeat)
        phone = Phone(visit)
        await phone.call()
        await phone.hang_up()
        await phone.call_button.click()
        await phone.complains("used before")
        assert house.metric("voicebot_refusals_total", reason="token-reused") == 1


async def test_where_every_line_is_busy_the_page_says_so(chromium: Chromium, callers: Callers) -> None:
    voice = await callers.silence()
    async with (
        house_of(max_calls=1) as house,
        chromium.visit(house.url, voice=voice) as one_visit,
        chromium.visit(house.url, voice=voice, expect=["503"]) as other_visit,
    ):
        one, other = Phone(one_visit), Phone(other_visit)
        await one.call()
        await other.call_button.click()
        await other.complains(re.compile(r"busy|lines"))
        await one.hang_up()


async def test_an_assistant_that_fails_is_told_in_words_and_not_in_silence(
    chromium: Chromium, callers: Callers
) -> None:
    voice = await callers.silence()
    async with (
        house_of(faults=Faults(refuse_status=401)) as house,
        chromium.visit(house.url, voice=voice) as visit,
    ):
        phone = Phone(visit)
        await phone.call_button.click()
        await phone.complains("something went wrong on our side", within=30)
        await visit.look("softphone-error")
        await nothing_left(house)


async def test_a_long_answer_does_not_outlive_the_hang_up(chromium: Chromium, callers: Callers) -> None:
    parts = ScriptedParts(answers=[LONG_ANSWER])
    voice = await callers.silence()
    async with house_of(parts) as house, chromium.visit(house.url, voice=voice) as visit:
        phone = Phone(visit)
        await phone.call()
        await phone.says(GREETING)
        await phone.is_in("ready")
        await phone.key("1").click()
        await phone.key("Hash").click()
        await phone.is_in("speaking")
        await phone.hang_up()
        await nothing_left(house, within=3)
