"""Scripts against a line that the test plays by itself: no socket, one frame at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from bot.errors import SimulatorError
from bot.simulator import virtual_time
from bot.simulator.line import Line
from bot.simulator.playout import PlayOut
from bot.simulator.result import Note
from bot.simulator.script import Script, Spoken, conversation, listen
from tests.simulator_bot import tone, tone_pcm

LINE = Spoken(tone_pcm(0.5))


def play(script: Script, assistant: Callable[[Line], Coroutine[Any, Any, None]]) -> tuple[Line, float]:
    """Run a script against an assistant; the line, and how long it took."""

    async def scenario() -> tuple[Line, float]:
        clock = asyncio.get_running_loop().time
        line = Line(PlayOut(clock()), clock, lambda who, text: Note(0, who, text))
        ticking = asyncio.create_task(line.keep_time(lambda *_: None, asyncio.sleep, 60))
        speaking = asyncio.create_task(assistant(line))
        async with asyncio.timeout(60):
            await script(line)
        took = line.now
        ticking.cancel()
        speaking.cancel()
        await asyncio.gather(ticking, speaking, return_exceptions=True)
        return line, took

    return virtual_time.run(scenario())


def speaks(*stretches: tuple[float, float]) -> Callable[[Line], Coroutine[Any, Any, None]]:
    """An assistant that says so many seconds at such times."""

    async def assistant(line: Line) -> None:
        for at, seconds in stretches:
            await asyncio.sleep(at - line.now)
            line.playout.receive(tone(seconds), line.playout.began + line.now)

    return assistant


def test_each_line_waits_for_the_assistant_to_finish_and_the_last_answer_is_heard_out() -> None:
    line, took = play(conversation([LINE, LINE], moment=1.0), speaks((1, 2), (5, 1), (8.5, 2)))
    assert [turn.began for turn in line.turns] == pytest.approx([3.8, 6.8], abs=0.021)
    assert [turn.answered for turn in line.turns] == pytest.approx([5.0, 8.5], abs=1e-3)
    assert took == pytest.approx(8.5 + 2 + 0.8 + 1.0, abs=0.041)


def test_a_short_hole_in_an_answer_is_not_its_end() -> None:
    line, _ = play(conversation([LINE]), speaks((1, 2), (3.7, 2), (8, 1)))
    assert line.turns[0].began == pytest.approx(6.5, abs=0.021)


def test_interrupting_begins_in_mid_answer_but_not_in_the_greeting() -> None:
    line, _ = play(conversation([LINE, LINE], interrupt_after=1.5, hang_up_after=0.1), speaks((0, 3), (5, 4)))
    assert [turn.began for turn in line.turns] == pytest.approx([3.8, 6.5], abs=0.021)
    assert [round(interruption.began, 1) for interruption in line.interruptions] == [6.5]


def test_the_only_line_interrupts_the_greeting_and_a_short_one_is_waited_out() -> None:
    line, _ = play(conversation([LINE], interrupt_after=1.0, hang_up_after=0.1), speaks((0, 3)))
    assert line.turns[0].began == pytest.approx(1.0, abs=0.021)
    line, _ = play(conversation([LINE], interrupt_after=1.0, hang_up_after=0.1), speaks((0, 0.5)))
    assert line.turns[0].began == pytest.approx(1.3, abs=0.021)
    assert line.interruptions == []


def test_at_once_does_not_wait_for_the_greeting() -> None:
    line, _ = play(conversation([LINE], at_once=True), speaks((3, 1)))
    assert line.turns[0].began == pytest.approx(0, abs=0.021)


def test_hanging_up_after_a_time_does_not_wait_for_an_answer() -> None:
    _, took = play(conversation([LINE], hang_up_after=2.0), speaks((0, 1)))
    assert took == pytest.approx(1.8 + 0.5 + 2.0, abs=0.041)


def test_a_recording_answered_before_its_noisy_end_does_not_hold_the_line() -> None:
    noisy = Spoken(tone_pcm(4.0))
    _, took = play(conversation([noisy], at_once=True), speaks((2, 1)))
    assert took == pytest.approx(3 + 3 + 0.5, abs=0.05)


def test_listening_hears_the_greeting_out() -> None:
    _, took = play(listen, speaks((1, 2)))
    assert took == pytest.approx(3.8, abs=0.021)


def test_what_no_phone_could_send_is_refused() -> None:
    async def half_a_sample(line: Line) -> None:
        await line.say(b"\0\0\0")

    async def no_key(line: Line) -> None:
        line.press("1x")
        await line.wait(0)

    for script in (half_a_sample, no_key):
        with pytest.raises(SimulatorError, match="should be"):
            play(script, speaks())
