"""Calls from the softphone, from dial to hang-up, with a WAV file as the microphone and the engine's own ears."""

from __future__ import annotations

import asyncio
import re

import pytest
from playwright.async_api import expect

from bot.engine.real import RealParts
from bot.engine.receptionist import ADDRESS, HOURS
from bot.engine.scripted import ScriptedMind, ScriptedParts, ToneSpeaker
from tests.browser.callers import Callers, recorded, seconds
from tests.browser.chromium import Chromium
from tests.browser.houses import Overheard, house_of, nothing_left, until
from tests.browser.listening import first_sound, found, pcm16, silent_from
from tests.browser.phone import Phone

pytestmark = pytest.mark.asyncio(loop_scope="session")

GREETING = "Hello! How can I help you?"
LONG_ANSWER = "We are open from nine to five on every day of the week, and on Saturday until noon, as ever. " * 2
LIKE = 0.95
SILENT_WITHIN = 0.3  # seconds from the caller's first sound


async def test_a_person_calls_asks_talks_over_the_answer_and_hangs_up(
    chromium: Chromium, callers: Callers, real_parts: RealParts
) -> None:
    voice = await callers.says(3.0, "When are you open?", 3.0, "Where are you?", 12.0)
    parts = Overheard(real_parts)
    async with house_of(parts) as house, chromium.visit(house.url, voice=voice, listen=True) as visit:
        phone = Phone(visit)
        await phone.call()
        await phone.says(GREETING)
        await phone.understands(re.compile("when are you open", re.IGNORECASE))
        await phone.understands(re.compile("where are you", re.IGNORECASE))
        await expect(phone.cut_off).to_have_count(1)
        [cut] = await phone.not_heard()
        assert HOURS.endswith(cut), "what was not heard is the end of the answer"
        await phone.says(ADDRESS)
        await phone.is_in("ready")
        assert await phone.has_played(parts.reply(ADDRESS)) > LIKE
        await expect(phone.page.locator(".turns-list li")).to_have_count(2)
        await expect(phone.log).to_contain_text("interrupted")
        await expect(phone.page.get_by_role("timer")).not_to_have_text("0:00")
        await phone.hang_up()
        await nothing_left(house)
        assert house.metric("voicebot_calls_ended_total", outcome="caller") == 1
        assert len(house.asked("conversation.item.truncate")) == 1


async def test_talking_over_the_assistant_silences_the_page_at_once(
    chromium: Chromium, callers: Callers, real_parts: RealParts
) -> None:
    """The ears are the engine's own; the voice is a tone without pauses, so that silence is silence."""
    before, between = 3.0, 3.0
    question = "When are you open?"
    voice = await callers.says(before, question, between, "Excuse me, where are you?", 4.0)
    mind = ScriptedMind(answers=[LONG_ANSWER, "Here."], greeting=GREETING)
    parts = Overheard(real_parts, mind=mind, speaker=ToneSpeaker())
    async with house_of(parts) as house, chromium.visit(house.url, voice=voice, listen=True) as visit:
        phone = Phone(visit)
        await phone.call(raw=True)
        await phone.understands(re.compile("when are you open", re.IGNORECASE))
        await expect(phone.cut_off).to_have_count(1, timeout=15_000)
        await asyncio.sleep(1)
        sound = await phone.sound.heard()
        await phone.hang_up()
        alone = await callers.says(question)
        alike, asked = found(recorded(alone), sound.microphone)  # a loaded machine's microphone crackles before it
        assert alike > 0.5, "the question was asked"
        spoken = seconds(alone)
        cut_in = first_sound(sound.microphone, asked + spoken + between / 2)
        assert cut_in is not None
        assert first_sound(sound.played, cut_in - 0.2) == pytest.approx(cut_in - 0.2, abs=0.05), "it was speaking"
        silent = silent_from(sound.played, cut_in)
        assert silent is not None
        assert 0 < silent - cut_in < SILENT_WITHIN
        [truncation] = house.asked("conversation.item.truncate")
        began = first_sound(sound.played, asked + spoken)
        assert began is not None
        assert int(str(truncation["audio_end_ms"])) == pytest.approx((silent - began) * 1000, abs=200)


async def test_digits_are_pressed_on_the_screen_and_on_the_keyboard(chromium: Chromium, callers: Callers) -> None:
    parts = ScriptedParts(answers=["You pressed some keys."])
    voice = await callers.silence()
    async with house_of(parts) as house, chromium.visit(house.url, voice=voice) as visit:
        phone = Phone(visit)
        await phone.call()
        await phone.says(GREETING)
        await phone.is_in("ready")
        await phone.key("4").click()
        await phone.key("Star").click()
        await phone.page.keyboard.press("1")
        await phone.page.keyboard.press("#")  # ends a number at once
        await phone.says("You pressed some keys.")
        [item] = house.asked("conversation.item.create")
        assert "4*1" in str(item)
        await phone.hang_up()


async def test_while_muted_the_bot_hears_silence(chromium: Chromium, callers: Callers) -> None:
    parts = Overheard(ScriptedParts())
    voice = await callers.says(1.0, *["I have a lot to say and I go on saying it. "] * 8)

    def heard_lately() -> float:
        lately = bytes(parts.callers[-1][-36_000:])  # three quarters of a second
        return float(abs(pcm16(lately)).max()) if lately else 0.0

    async with house_of(parts) as house, chromium.visit(house.url, voice=voice) as visit:
        phone = Phone(visit)
        await phone.call()
        await until(lambda: heard_lately() > 0.05, "the bot hears the caller")
        await phone.mute_button.click()
        await expect(phone.mute_button).to_have_attribute("aria-pressed", "true")
        await until(lambda: heard_lately() < 0.001, "the bot hears silence")
        count = len(parts.callers[-1])
        await until(lambda: len(parts.callers[-1]) > count + 24_000, "silence is sent, and not nothing")
        assert heard_lately() < 0.001
        await phone.mute_button.click()
        await until(lambda: heard_lately() > 0.05, "the bot hears the caller again")
        await phone.hang_up()


async def test_a_silent_caller_is_gently_told_to_speak(chromium: Chromium, callers: Callers) -> None:
    voice = await callers.silence()
    async with house_of(ScriptedParts()) as house, chromium.visit(house.url, voice=voice) as visit:
        phone = Phone(visit)
        await phone.call()
        await expect(phone.notice).to_contain_text("The line is open", timeout=10_000)
        await phone.hang_up()
        await expect(phone.notice).to_be_empty()


async def test_one_page_calls_again_and_again(chromium: Chromium, callers: Callers) -> None:
    voice = await callers.silence()
    async with house_of(ScriptedParts()) as house, chromium.visit(house.url, voice=voice) as visit:
        phone = Phone(visit)
        for number in range(1, 4):
            await phone.call()
            await phone.says(GREETING)
            await expect(phone.said_by_assistant).to_have_count(1)
            await phone.hang_up()
            await nothing_left(house)
            assert house.metric("voicebot_calls_ended_total", outcome="caller") == number


async def test_the_event_log_is_filtered_and_saved(chromium: Chromium, callers: Callers) -> None:
    voice = await callers.silence()
    async with house_of(ScriptedParts()) as house, chromium.visit(house.url, voice=voice) as visit:
        phone = Phone(visit)
        await phone.call()
        await phone.says(GREETING)
        await phone.key("5").click()
        await phone.hang_up()
        rows = phone.log.locator("li:visible")
        everything = await rows.count()
        await phone.page.get_by_label("Filter events by words").fill("Hello")
        await expect(rows).not_to_have_count(everything)
        assert all("hello" in text.lower() for text in await rows.all_inner_texts())
        async with phone.page.expect_download() as download:
            await phone.page.get_by_role("button", name="Save").click()
        saved = (await (await download.value).path()).read_text()
        assert len(saved.splitlines()) == await rows.count()
