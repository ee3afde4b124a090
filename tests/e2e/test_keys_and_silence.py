"""Whole conversations with keys that are pressed, and with nobody who speaks. In virtual time."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import pairwise

import pytest

from bot.engine.faults import Faults
from bot.engine.parts import Call, Heard, Reply, Say
from bot.engine.parts import Line as Said
from bot.engine.scripted import ScriptedParts
from bot.simulator import Line
from tests.e2e.house import conversing, spoken
from tests.e2e.manners import Answers, answering, items, manners, speech

pytestmark = pytest.mark.virtual_time

SHOP = """
[personas.shop]
default = true
greeting = "Hello!"
tools = ["end_call", "send_digits"]
idle_seconds = 8.0
idle_prompts = 2
wordless_turns = 3
"""
SECRET = SHOP + "\n[personas.shop.digits]\nlength = 4\nsecret = true\n"
LONG = "We are open from nine to five on every day of the week, and on Saturday until noon."


# --- 5. Digits in


async def test_digits_are_gathered_and_given_to_the_model_at_once_and_interrupt_speech() -> None:
    table: Answers = {"pressed 4711": "Thank you.", "hours": LONG}
    parts = ScriptedParts(heard=["Your hours?"], script=answering(table))

    async def script(line: Line) -> None:
        await line.until_finished()
        await line.say(speech())
        await line.until_interruptible(1.5)
        line.press("4711#")
        await line.until_finished()

    async with manners(parts, SHOP) as house:
        call = await house.call(script)
        assert spoken(call)[-1] == "Thank you."
        assert spoken(call, "cut")
        [note] = items(house.asked("conversation.item.create"))
        assert "pressed 4711" in str(note)


async def test_digits_that_the_persona_calls_secret_are_in_no_log_nor_any_report(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    parts = ScriptedParts(script=answering({"pressed 2580": "That is right."}))
    async with manners(parts, SECRET, voice_live_verbose=True) as house:
        call = await house.call(conversing("2580"))
        assert spoken(call)[-1] == "That is right."
        assert "2580" not in str(call.transcript)
        feed = house.switchboard.follow(call.call_sid)
        assert feed is not None
        assert "2580" not in str([entry async for entry in feed])
    ours = [record.getMessage() for record in caplog.records if record.name.startswith(("bot.", "webhooks."))]
    assert ours
    assert not any("2580" in message for message in ours)


async def test_digits_at_the_speed_of_a_script_are_one_entry_of_limited_length() -> None:
    parts = ScriptedParts(script=answering({"pressed": "A number."}))
    async with manners(parts, SHOP) as house:
        call = await house.call(conversing("1234567890" * 8, hold=3))
        assert spoken(call)[-1] == "A number."
        notes = [str(item) for item in items(house.asked("conversation.item.create"))]
        assert 1 <= len(notes) <= 4
        assert "12345678901234567890123456789012 " in notes[0]


# --- and out


async def test_keys_are_pressed_by_twilio_and_the_same_conversation_goes_on() -> None:
    def script(lines: Sequence[Said]) -> list[Reply]:
        if any("second option" in line.text for line in lines):
            return [Say("Hello sales, this is Acme.")]
        return [Say("I will choose the second option."), Call("c1", "send_digits", '{"digits": "2w#"}')]

    parts = ScriptedParts(heard=["Press two for sales."], script=script)
    async with manners(parts, SHOP) as house:
        call = await house.call(conversing(speech(), speech()))
        assert call.pressed == ["2w#"]
        assert len(call.stream_sids) == 2
        assert not call.said_by_twiml
        assert spoken(call) == ["Hello!", "I will choose the second option.", "Hello sales, this is Acme."]
        history = str(items(house.asked("conversation.item.create", session=1)))
        assert "Press two for sales." in history
        assert "I will choose" in history
        assert not house.asked("response.create", session=1)  # it waits for whoever answers
        assert call.ended_by == "caller"


@pytest.mark.parametrize("digits", ['"911; <Dial>"', '""', '"1' + "2" * 40 + '"', "7"])
async def test_keys_that_are_none_are_not_pressed(digits: str) -> None:
    table: Answers = {
        "Menu": [Call("c1", "send_digits", f'{{"digits": {digits}}}')],
        "pressed": "I cannot press that.",
    }
    parts = ScriptedParts(heard=["Menu!"], script=answering(table))
    async with manners(parts, SHOP) as house:
        call = await house.call(conversing(speech(), hold=3))
        assert not call.pressed
        assert spoken(call)[-1] == "I cannot press that."


# --- 6. Silence


async def test_a_silent_caller_is_asked_twice_and_then_hears_a_goodbye() -> None:
    async def silent(line: Line) -> None:
        await line.wait(50)

    async with manners(personas=SHOP) as house:
        call = await house.call(silent)
        still = "Are you still there?"
        assert spoken(call) == ["Hello!", still, still, "Thank you for calling. Goodbye."]
        assert call.ended_by == "bot"
        times = [note.at for note in call.transcript if note.who == "bot"]
        assert all(later - earlier >= 8.0 for earlier, later in pairwise(times))
        assert call.seconds < 40


async def test_a_caller_who_answers_the_question_has_the_whole_patience_again() -> None:
    parts = ScriptedParts(heard=["Yes, I am here.", "Goodbye."], answers=["Good.", "Goodbye."])

    async def script(line: Line) -> None:
        await line.until_finished()
        await line.until_finished()
        await line.wait(9)
        await line.until_quiet()
        await line.say(speech())
        await line.wait(30)

    async with manners(parts, SHOP) as house:
        call = await house.call(script, max_seconds=59)
        assert spoken(call).count("Are you still there?") >= 3


async def test_a_noise_without_words_resumes_what_was_being_said() -> None:
    greeting = "Hello and welcome to Acme bicycles, the best bicycles in the whole of the land."
    personas = SHOP.replace("Hello!", greeting)

    async def coughing(line: Line) -> None:
        await line.until_interruptible(2.0)
        await line.say(speech(0.3))
        await line.until_quiet(0.3)
        await line.until_finished()

    async with manners(personas=personas, faults=Faults(never_answer=True, times=1)) as house:
        call = await house.call(coughing)
        assert call.interruptions[0].cleared
        first, rest = spoken(call)[:2]
        assert greeting.startswith(first)
        assert rest.split()[-1] == "land."
        assert (first + " " + rest).replace("  ", " ").split()[-5:] == greeting.split()[-5:]
        assert house.metric("voicebot_trouble_total", code="false_alarm") == 1


async def test_music_on_hold_is_hung_up_on_after_some_turns_without_a_word() -> None:
    parts = ScriptedParts(heard=[Heard("", sure=False)] * 9, answers=["Pardon?"] * 9)

    async def music(line: Line) -> None:
        for _ in range(9):
            await line.until_finished()
            await line.say(speech(2.0))

    async with manners(parts, SHOP) as house:
        call = await house.call(music)
        assert call.ended_by == "bot"
        assert spoken(call)[-1].startswith("Thank you for calling. Goodbye.")
        assert len(call.turns) <= 4
