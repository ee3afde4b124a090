"""Whole calls over real sockets, with the real SDK, in virtual time."""

import asyncio
from dataclasses import fields

import numpy as np
import pytest

from bot.engine.faults import (
    BINARY,
    NO_TYPE,
    NOT_AN_OBJECT,
    NOT_BASE64,
    NOT_JSON,
    UNKNOWN_EVENT,
    WRONG_TYPES,
    Faults,
)
from bot.engine.parts import Say
from bot.engine.scripted import ScriptedParts
from bot.simulator import Line, Network, Path, Stall, listen
from tests.e2e.house import open_house, saying

pytestmark = pytest.mark.virtual_time

RATE = 8000


def speech(seconds: float) -> bytes:
    """Something that the scripted detector takes for speech. 16-bit mono at 8 kHz."""
    wave = 8000 * np.sin(2 * np.pi * 300 * np.arange(int(seconds * RATE)) / RATE)
    return wave.astype("<i2").tobytes()


LONG_ANSWER = "We are open from nine to five on every day of the week, and on Saturday until noon."


def texts(call_transcript: object, who: str) -> list[str]:
    return [note.text for note in call_transcript if note.who == who]  # type: ignore[attr-defined]


async def test_a_caller_is_greeted_and_hangs_up_and_nothing_is_left() -> None:
    async with open_house() as house:
        call = await house.call(listen)
        await asyncio.sleep(1)
        assert call.assistant_heard
        assert call.trouble == ""
        assert call.ended_by == "caller"
        assert house.engine.sessions == 0
        assert house.switchboard.live == 0
        assert house.metric("voicebot_calls_ended_total", outcome="caller") == 1


async def test_a_question_is_understood_and_answered() -> None:
    parts = ScriptedParts(heard=["When are you open?"], answers=["From nine to five."])
    async with open_house(parts) as house:
        call = await house.call(saying(speech(1.0)))
        assert texts(call.transcript, "understood") == ["When are you open?"]
        assert texts(call.transcript, "bot") == ["Hello! How can I help you?", "From nine to five."]
        [turn] = call.turns
        assert turn.latency is not None
        assert turn.latency < 1.0
        assert not call.warnings


async def test_the_session_is_pinned_before_anything_else_and_greeted_once() -> None:
    async with open_house() as house:
        await house.call(listen)
        kinds = [event["type"] for event in house.engine.records[0] if "audio" not in str(event["type"])]
        assert kinds == ["session.update", "response.create"]


async def test_talking_over_an_answer_silences_it_and_the_model_learns_what_was_heard() -> None:
    parts = ScriptedParts(heard=["When are you open?", "Thank you."], answers=[LONG_ANSWER, "Goodbye."])
    async with open_house(parts) as house:
        call = await house.call(saying(speech(1.0), speech(1.0), interrupt_after=2.0))
        [interruption] = call.interruptions
        assert interruption.cleared
        assert interruption.latency is not None
        assert interruption.latency < 0.4
        [truncation] = house.asked("conversation.item.truncate")
        assert truncation["audio_end_ms"] == pytest.approx(2100, abs=350)
        [cut] = texts(call.transcript, "cut")
        assert LONG_ANSWER.endswith(cut.split("~~")[-1].strip() or LONG_ANSWER)
        assert not house.asked("response.cancel")


@pytest.mark.parametrize("seed", range(5))
async def test_far_away_the_truncation_is_still_where_the_caller_stopped_hearing(seed: int) -> None:
    parts = ScriptedParts(heard=["When are you open?", "Thank you."], answers=[LONG_ANSWER, "Goodbye."])
    heard_at: list[float] = []

    async def script(line: Line) -> None:
        await line.until_finished()
        await line.say(speech(1.0))
        await line.until_interruptible(1.5 + seed / 3)
        began = line.turns[-1].answered or 0.0
        await line.say(speech(1.0))
        await line.until_finished()
        [interruption] = line.interruptions
        heard_at.append((interruption.silent or 0.0) - began)

    network = Network.symmetric(delay=0.06, jitter=0.03)
    async with open_house(parts) as house:
        await house.call(script, network=network, seed=seed)
        [truncation] = house.asked("conversation.item.truncate")
    assert int(str(truncation["audio_end_ms"])) / 1000 == pytest.approx(heard_at[0], abs=0.1)


async def test_digits_are_answered_and_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    parts = ScriptedParts(answers=["You pressed some keys."])

    async def script(line: Line) -> None:
        await line.until_finished()
        line.press("4711")
        await line.until_finished()

    async with open_house(parts, voice_live_verbose=True) as house:
        call = await house.call(script)
        assert texts(call.transcript, "bot")[-1] == "You pressed some keys."
        [item] = house.asked("conversation.item.create")
        assert "4711" in str(item)
    ours = [record for record in caplog.records if record.name.startswith(("bot.", "webhooks."))]
    ours = [record for record in ours if not record.name.startswith(("bot.engine", "bot.simulator"))]
    assert any("pressed ***" in record.getMessage() for record in ours)
    assert not any("4711" in record.getMessage() for record in ours)


def what_fails(faults: Faults) -> str:
    return next(field.name for field in fields(faults) if getattr(faults, field.name) != field.default)


# --- failure: the caller always hears something within six seconds


@pytest.mark.parametrize(
    "faults",
    [
        Faults(refuse_status=401),
        Faults(refuse_status=429),
        Faults(hang_handshake=True),
        Faults(no_session_created=True),
        Faults(refuse_update="invalid_value"),
        Faults(hang_after_update=True),
        Faults(fail_response="rate_limit_exceeded"),
        Faults(rubbish=tuple(["{ not JSON"] * 30)),
    ],
    ids=what_fails,
)
async def test_whatever_fails_for_good_the_caller_hears_an_apology_in_time(faults: Faults) -> None:
    async with open_house(faults=faults) as house:
        call = await house.call(listen)
        assert call.said_by_twiml, call.transcript
        spoken = [note.at for note in call.transcript if note.who == "bot"]
        assert spoken[0] < 6.5
        assert call.ended_by == "bot"
        assert house.metric("voicebot_calls_ended_total", outcome="failed") == 1


@pytest.mark.parametrize(
    "faults",
    [
        Faults(refuse_status=503, connections=1),
        Faults(hang_handshake=True, connections=1),
        Faults(no_session_created=True, connections=1),
        Faults(refuse_update="invalid_value", connections=1),
        Faults(hang_after_update=True, connections=1),
        Faults(fail_response="server_error", times=1),
        Faults(drop_after_deltas=1, connections=1),
    ],
    ids=what_fails,
)
async def test_whatever_fails_once_the_call_goes_on(faults: Faults) -> None:
    parts = ScriptedParts(heard=["When are you open?"], script=lambda lines: [Say("From nine to five.")])
    async with open_house(parts, faults=faults) as house:
        call = await house.call(saying(speech(1.0)))
        assert not call.said_by_twiml
        assert texts(call.transcript, "bot")[-1] == "From nine to five."
        await asyncio.sleep(2)
        assert house.engine.sessions == 0


async def test_a_session_that_drops_in_mid_word_is_replaced_and_knows_what_was_said() -> None:
    parts = ScriptedParts(heard=["When are you open?"], answers=[LONG_ANSWER, "And on Saturday until noon."])
    async with open_house(parts, faults=Faults(drop_after_deltas=7, connections=1)) as house:
        call = await house.call(saying(speech(1.0)))
        assert "Sorry, the line dropped for a moment." in texts(call.transcript, "bot")
        history = house.asked("conversation.item.create", session=1)
        assert [str(event["item"]["role"]) for event in history] == ["assistant", "user", "assistant"]  # type: ignore[index]


async def test_a_question_that_is_never_answered_is_taken_up_by_another_session() -> None:
    parts = ScriptedParts(heard=["When are you open?"], answers=["From nine to five."])
    async with open_house(parts, faults=Faults(never_answer=True, connections=1)) as house:
        call = await house.call(saying(speech(1.0)))
        [turn] = call.turns
        assert turn.latency is not None
        assert turn.latency < 6


@pytest.mark.parametrize("slow", [0.8, 1.9], ids=["as a cascaded model", "as a realtime model"])
@pytest.mark.parametrize(
    "faults", [Faults(hang_handshake=True, connections=1), Faults(never_answer=True, connections=1)]
)
async def test_a_second_session_has_time_to_speak(faults: Faults, slow: float) -> None:
    parts = ScriptedParts(
        heard=["When are you open?"], script=lambda lines: [Say("From nine to five.")], speaking=slow
    )
    async with open_house(parts, faults=faults) as house:
        call = await house.call(saying(speech(1.0)))
        assert not call.said_by_twiml
        assert all(turn.latency is not None and turn.latency < 6.5 for turn in call.turns)


async def test_rubbish_among_good_events_changes_nothing() -> None:
    parts = ScriptedParts(heard=["When are you open?"], answers=["From nine to five."])
    faults = Faults(rubbish=(NOT_JSON, NOT_AN_OBJECT, BINARY, WRONG_TYPES, NOT_BASE64, NO_TYPE, UNKNOWN_EVENT))
    async with open_house(parts, faults=faults) as house:
        call = await house.call(saying(speech(1.0)))
        assert texts(call.transcript, "bot")[-1] == "From nine to five."
        assert house.engine.opened == 1


async def test_the_network_stalls_and_the_conversation_goes_on() -> None:
    parts = ScriptedParts(heard=["When are you open?"], answers=["From nine to five."])
    network = Network.symmetric(delay=0.05, jitter=0.02, loss=0.02, stalls=(Stall(at=1.0, seconds=1.5),))
    async with open_house(parts) as house:
        call = await house.call(saying(speech(1.0)), network=network)
        assert texts(call.transcript, "bot")[-1] == "From nine to five."


async def test_a_session_that_ends_by_the_clock_is_replaced_without_the_caller_noticing() -> None:
    async def script(line: Line) -> None:
        await line.until_finished()
        await line.wait(40)
        await line.say(speech(1.0))
        await line.until_finished()

    parts = ScriptedParts(heard=["Still there?"], answers=["Yes."])
    patient = '[personas.patient]\ngreeting = "Hello! How can I help you?"\nidle_seconds = 60.0\n'
    async with open_house(parts, lifetime=45, personas=patient) as house:
        call = await house.call(script)
        assert house.engine.opened == 2
        assert texts(call.transcript, "bot") == ["Hello! How can I help you?", "Yes."]


async def test_a_line_that_goes_dumb_is_closed_with_an_apology() -> None:
    async def script(line: Line) -> None:
        await line.wait(50)

    network = Network(to_bot=Path(stalls=(Stall(at=3.0, seconds=60.0),)))
    async with open_house() as house:
        call = await house.call(script, network=network)
        assert call.said_by_twiml
        assert call.seconds < 35
        assert house.metric("voicebot_trouble_total", code="leg_silent") == 1


# --- limits


async def test_one_call_too_many_hears_a_sentence() -> None:
    async with open_house(max_calls=1) as house:

        async def second(line: Line) -> None:
            await line.until_spoken_to()
            other = await house.call(listen, seed=2)
            assert other.said_by_twiml
            assert not other.assistant_heard
            await line.until_quiet()

        call = await house.call(second)
        assert call.assistant_heard
        assert house.metric("voicebot_calls_refused_total", reason="full") == 1


async def test_the_longest_call_ends_with_a_word() -> None:
    async def patient(line: Line) -> None:
        await line.wait(50)

    async with open_house(max_call_seconds=20) as house:
        call = await house.call(patient)
        assert call.said_by_twiml
        assert call.seconds < 30


async def test_a_draining_house_lets_calls_end_and_tells_new_ones() -> None:
    async with open_house() as house:

        async def script(line: Line) -> None:
            await line.until_spoken_to()
            house.switchboard.drain()
            other = await house.call(listen, seed=2)
            assert other.said_by_twiml
            await line.until_quiet()

        call = await house.call(script)
        assert call.ended_by == "caller"
        await house.switchboard.drained(10)
        assert house.switchboard.live == 0


async def test_a_fallback_number_is_dialled_when_the_assistant_fails() -> None:
    async with open_house(faults=Faults(refuse_status=401), fallback_number="+14255550123") as house:
        call = await house.call(listen)
        assert call.dialled == "+14255550123"


async def test_forty_short_calls_leave_nothing() -> None:
    async with open_house() as house:
        before = {task.get_coro().__qualname__ for task in asyncio.all_tasks()}  # type: ignore[union-attr]
        calls = await asyncio.gather(*(house.call(listen, seed=seed) for seed in range(40)))
        assert all(call.assistant_heard for call in calls)
        await asyncio.sleep(15)
        assert house.engine.sessions == 0
        assert house.switchboard.live == 0
        after = {task.get_coro().__qualname__ for task in asyncio.all_tasks()}  # type: ignore[union-attr]
        assert after == before
