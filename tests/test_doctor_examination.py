"""All groups together: order, limits, and what is left out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from pathlib import Path

import pytest

from bot.errors import SimulatorError
from tests.e2e.house import TOKEN, open_house
from webhooks.doctor import call, examination, own_bot, voice_live
from webhooks.doctor.examination import Examination, Examined
from webhooks.doctor.findings import Finding, Group, HeardFrom, Notes, Status, Verdict
from webhooks.doctor.surroundings import Surroundings


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PORT", "0")


async def examined(wanted: Collection[Group]) -> tuple[Examined, list[Finding]]:
    told: list[Finding] = []
    around = Surroundings(engine_arguments=("--scripted",))
    return await Examination(around, wanted, told.append).run(), told


async def test_groups_are_told_in_order_whichever_is_done_first(monkeypatch: pytest.MonkeyPatch) -> None:
    released = asyncio.Event()

    async def slow(*arguments: object) -> None:
        await released.wait()
        notes = arguments[-1]
        assert isinstance(notes, Notes)
        notes.ok("session", "late")

    monkeypatch.setattr(voice_live, "examine", slow)
    wanted = [Group.MACHINE, Group.VOICE_LIVE, Group.TWILIO, Group.ADDRESS, Group.CLOCK]
    asyncio.get_running_loop().call_later(0.2, released.set)
    done, told = await examined(wanted)
    order = list(dict.fromkeys(found.group for found in told))
    assert order == wanted
    assert told == done.findings
    assert done.verdict is Verdict.UNKNOWN


async def test_a_group_that_hangs_is_given_up_and_keeps_what_it_found(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hanging(*arguments: object) -> None:
        notes = arguments[-1]
        assert isinstance(notes, Notes)
        notes.ok("endpoint", "found before")
        await asyncio.Event().wait()

    monkeypatch.setattr(voice_live, "examine", hanging)
    monkeypatch.setitem(examination._LIMITS, Group.VOICE_LIVE, 0.1)
    done, _ = await examined([Group.VOICE_LIVE])
    assert [(found.check, found.status) for found in done.findings] == [
        ("endpoint", Status.OK),
        ("time", Status.FAIL),
    ]
    assert "--only voice-live" in done.findings[-1].do


async def test_only_what_is_wanted_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def heard(*_: object) -> HeardFrom:
        return HeardFrom.RUNNING

    monkeypatch.setattr(call, "examine", heard)
    done, told = await examined([Group.CALL])
    assert told == []
    assert done.verdict is Verdict.WORKS


async def test_wrong_settings_end_it_even_where_they_were_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_CALLS", "many")
    done, told = await examined([Group.MACHINE, Group.CALL])
    assert done.verdict is Verdict.FAILS
    assert {found.group for found in told} == {Group.SETTINGS, Group.MACHINE}


async def test_a_group_that_breaks_off_is_a_line_and_the_others_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("with the-key-of-this-test in it")

    monkeypatch.setattr(voice_live, "examine", broken)
    done, told = await examined([Group.MACHINE, Group.VOICE_LIVE, Group.CLOCK])
    [trouble] = [found for found in told if found.group is Group.VOICE_LIVE]
    assert (trouble.check, trouble.status) == ("trouble", Status.FAIL)
    assert "RuntimeError" in trouble.says
    assert "the-key" not in trouble.says
    assert told[-1].group is Group.CLOCK
    assert done.verdict is Verdict.FAILS


async def test_a_secret_in_somebody_elses_words_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_VOICE_LIVE_API_KEY", "the-key-of-this-test")

    async def telling(*arguments: object) -> None:
        notes = arguments[-1]
        assert isinstance(notes, Notes)
        notes.fail("session", "no: the-key-of-this-test from +14255550123", "Ask the-key-of-this-test.")

    monkeypatch.setattr(voice_live, "examine", telling)
    _, [told] = await examined([Group.VOICE_LIVE])
    assert (told.says, told.do) == ("no: *** from ***23", "Ask ***.")


async def test_a_bot_of_its_own_that_does_not_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_CALLS", "many")
    with pytest.raises(SimulatorError, match="MAX_CALLS should be"):
        async with own_bot.own_bot():
            raise AssertionError("it did start")


async def test_a_wrong_clock_is_found_by_what_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_house() as house:
        monkeypatch.setenv("PUBLIC_URL", house.url)
        monkeypatch.setenv("TWILIO_AUTH_TOKEN", TOKEN)
        around = Surroundings(wall_clock=lambda: time.time() - 300)
        done = await Examination(around, [Group.ADDRESS, Group.CLOCK], lambda _: None).run()
    [skew] = [found for found in done.findings if found.group is Group.CLOCK]
    assert skew.status is Status.FAIL
    assert "behind PUBLIC_URL" in skew.says
    assert done.verdict is Verdict.FAILS
