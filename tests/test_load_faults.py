"""The load against a server with known faults: the report shows just those. Real sockets, virtual time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot.load import fleet
from bot.load.measures import Findings, find
from bot.load.model import ModelSide, model_side
from bot.load.target import Plan, Target
from tests.e2e.house import TOKEN, open_house
from tests.load_bridge import Bridge, Faults, bridge

pytestmark = pytest.mark.virtual_time


async def load(
    server: Bridge, *, calls: int = 2, seconds: float = 18.0, script: str = "", stream: bool = False
) -> tuple[fleet.Run, Findings]:
    """Call the server, and judge."""
    url = "" if stream else server.url
    socket = server.url.replace("http", "ws") + "/media" if stream else ""
    plan = Plan(Target(url, socket), calls, 1.0, seconds, script=script, levels=True)

    async def ready(model: ModelSide | None) -> None:
        assert model is not None
        server.model_url = model.url

    loop = asyncio.get_running_loop()
    run = await fleet.run(plan, clock=loop.time, enough=asyncio.Event(), model_port=0, ready=ready)
    return run, find(run.calls, run.sessions, run.steady, phoned=not stream)


def value(found: Findings, key: str, statistic: str) -> float:
    measured = found.distributions[key].statistic(statistic)
    assert measured is not None, key
    return measured


FLAWLESS = (
    *("failed", "unanswered", "gaps", "warnings", "unrecognised", "unpaired"),
    *("missing_frames", "late_frames", "missing_audio", "late_audio"),
    *("unheeded", "never_silent", "untold"),
)


def flaws(found: Findings) -> set[str]:
    """The counts that are not as they are with a good server."""
    return {key for key in FLAWLESS if found.counts[key]}


@pytest.mark.parametrize("ulaw", [False, True], ids=["24 kHz", "mu-law"])
async def test_a_good_server_has_no_flaw(ulaw: bool) -> None:
    async with bridge(ulaw=ulaw) as server:
        _, found = await load(server)
    assert not flaws(found)
    assert found.counts["calls"] == 2
    assert found.counts["frames"] > 1400
    assert found.counts["audio"] > 500
    assert found.counts["barge_ins"] >= 2
    assert value(found, "frame", "max") < 1
    assert value(found, "delta", "max") < 1
    assert value(found, "truncation", "max") <= 1
    assert value(found, "silence", "max") < 1
    assert value(found, "stream_greeting", "max") < 21
    # The model takes half a second without a word for the end of the caller's speech.
    assert 460 < value(found, "response", "p50") < 520


async def test_frames_that_the_server_holds_back_are_late_at_the_model() -> None:
    async with bridge(Faults(frames_late=0.05)) as server:
        _, found = await load(server)
    assert flaws(found) == {"late_frames"}
    assert value(found, "frame", "p50") == pytest.approx(50, abs=1)
    assert value(found, "frame", "p99") == pytest.approx(50, abs=1)
    assert found.counts["late_frames"] == found.distributions["frame"].statistic("n")
    assert value(found, "delta", "max") < 1
    assert value(found, "silence", "p50") == pytest.approx(50, abs=1)


async def test_what_is_on_its_way_at_the_end_is_late_and_not_missing() -> None:
    async with bridge(Faults(frames_late=1.6, audio_late=1.6)) as server:
        _, found = await load(server)
    assert found.counts["missing_frames"] == found.counts["missing_audio"] == 0
    assert value(found, "frame", "p50") == pytest.approx(1600, abs=2)
    assert value(found, "delta", "p50") == pytest.approx(1600, abs=2)


async def test_audio_that_the_server_holds_back_is_late_at_the_caller() -> None:
    async with bridge(Faults(audio_late=0.05)) as server:
        _, found = await load(server)
    assert "late_audio" in flaws(found)
    assert not flaws(found) & {"late_frames", "missing_frames", "missing_audio", "gaps"}
    assert value(found, "delta", "p50") == pytest.approx(50, abs=1)
    assert value(found, "frame", "max") < 1


@pytest.mark.parametrize("every", [10, 50, 333])
async def test_frames_that_the_server_drops_are_missing_and_make_no_other_late(every: int) -> None:
    async with bridge(Faults(drop_frames_every=every)) as server:
        _, found = await load(server)
        dropped = sum(stream.dropped_frames for stream in server.streams)
    # Those of the ramp and of the last second are not counted.
    assert found.counts["missing_frames"] == pytest.approx(dropped * 15.5 / 17.5, abs=0.06 * dropped + 2)
    assert found.counts["unrecognised"] == 0
    assert value(found, "frame", "p90") < 1
    assert found.counts["missing_audio"] == 0


async def test_audio_that_the_server_drops_is_missing_at_the_caller() -> None:
    async with bridge(Faults(drop_audio_every=9)) as server:
        _, found = await load(server)
        dropped = sum(stream.dropped_audio for stream in server.streams)
    assert dropped
    assert 0 < found.counts["missing_audio"] <= dropped
    assert found.counts["missing_frames"] == 0
    assert value(found, "delta", "p90") < 1


async def test_a_server_that_never_clears_is_told_from_one_that_does() -> None:
    async with bridge(Faults(never_clears=True)) as server:
        _, found = await load(server)
    assert found.counts["unheeded"] == found.counts["barge_ins"] > 0
    assert found.distributions["clear"].statistic("n") == 0
    assert value(found, "silence", "p50") > 1000
    assert value(found, "truncation", "p50") > 1000  # it says what was heard by then, and all was heard


@pytest.mark.parametrize("wrong", [200, -200])
async def test_what_the_server_says_was_heard_is_held_against_what_was(wrong: int) -> None:
    async with bridge(Faults(tells_more_ms=wrong)) as server:
        _, found = await load(server)
    assert not flaws(found)
    assert value(found, "truncation", "p50") == pytest.approx(200, abs=2)
    assert value(found, "truncation", "max") == pytest.approx(200, abs=2)


async def test_a_model_that_is_told_nothing_believes_that_all_was_heard() -> None:
    async with bridge(Faults(never_tells=True)) as server:
        _, found = await load(server)
    assert flaws(found) == {"untold"}
    assert found.counts["untold"] == found.distributions["truncation"].statistic("n")
    assert value(found, "truncation", "p50") > 1000


async def test_a_reply_that_comes_too_slowly_has_gaps() -> None:
    async with bridge(Faults(stalls=0.15)) as server:
        _, found = await load(server)
    assert found.counts["gaps"] >= 8
    assert value(found, "gap", "p50") == pytest.approx(150, abs=2)
    assert found.counts["missing_audio"] == 0


async def test_a_server_that_dies_fails_its_calls() -> None:
    async with bridge(Faults(dies_after=5.0)) as server:
        run, found = await load(server)
    assert found.counts["failed"] == 2
    assert list(found.failures) == ["31903: the server broke the stream off without a word"]
    assert all(call.ended - call.placed == pytest.approx(5, abs=0.1) for call in run.calls)
    assert found.counts["missing_frames"] == 0


async def test_a_server_that_ends_the_call_in_good_order_has_not_failed() -> None:
    async with bridge(Faults(closes_after=6.0)) as server:
        run, found = await load(server)
        asked = [path for path, _ in server.asked]
    assert not found.failures
    assert found.ended_by_bot == 2
    assert all(call.ended_by_bot for call in run.calls)
    assert asked.count("/after") == 2


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        (Faults(webhook_status=503), "with 503"),
        (Faults(twiml="<Response><Say>All lines are busy.</Say><Hangup/></Response>"), "All lines are busy."),
        (Faults(twiml="<Response><Nonsense/></Response>"), "<Nonsense>"),
        (Faults(refuses_socket=True), "31920"),
        (Faults(twiml='<Response><Connect><Stream url="ws://127.0.0.1:1/media"/></Connect></Response>'), "31902"),
    ],
    ids=["webhook", "busy", "TwiML", "handshake", "nobody there"],
)
async def test_a_server_that_refuses_fails_its_calls_with_the_reason(faults: Faults, words: str) -> None:
    async with bridge(faults) as server:
        _, found = await load(server, seconds=4)
    assert found.counts["failed"] == found.counts["calls"] == 2
    assert [words in sentence for sentence in found.failures] == [True]


async def test_a_caller_who_is_left_in_silence_is_a_failed_call() -> None:
    async with bridge(Faults(mute=True)) as server:
        _, found = await load(server)
    assert found.failures == {"the caller heard nothing": 2}
    assert found.counts["missing_audio"] > 0


async def test_messages_that_twilio_would_warn_of_are_counted() -> None:
    async with bridge(Faults(nonsense=True)) as server:
        _, found = await load(server)
    assert flaws(found) == {"warnings"}
    assert set(found.warnings) == {31950, 31951}


async def test_a_session_without_the_name_of_its_call_is_still_told_by_its_sound() -> None:
    async with bridge(named=False) as server:
        _, found = await load(server, calls=3)
    assert not flaws(found)
    assert value(found, "frame", "max") < 1


async def test_a_stream_is_called_without_a_webhook() -> None:
    async with bridge() as server:
        run, found = await load(server, stream=True)
        assert not server.asked
    assert not flaws(found)
    assert found.distributions["answer"].statistic("n") == 0
    assert value(found, "stream_greeting", "max") < 21
    assert all(call.answered is None for call in run.calls)


async def test_the_real_bot_with_its_own_engine_has_no_flaw(tmp_path: Path) -> None:
    file = tmp_path / "short answers.toml"
    steps = ['do = "listen"', 'do = "speak"', 'do = "interrupt"\nafter = 0.4', 'do = "listen"']
    file.write_text("".join(f"[[step]]\n{step}\n" for step in steps))
    async with open_house() as house:
        target = Target(house.url, auth_token=TOKEN, public_url=house.url)
        plan = Plan(target, 3, 1.0, 20.0, script=str(file))
        loop = asyncio.get_running_loop()
        run = await fleet.run(plan, clock=loop.time, enough=asyncio.Event())
        assert house.metric("voicebot_calls_live") == 0
    found = find(run.calls, run.sessions, run.steady, phoned=True)
    assert not found.failures
    assert found.counts["barge_ins"] >= 3
    assert [found.counts[key] for key in ("unheeded", "never_silent", "unanswered", "gaps", "warnings")] == [0] * 5
    assert found.distributions["greeting"].statistic("n") == 3
    assert found.distributions["answer"].statistic("n") == 3


async def test_a_script_that_does_not_repeat_has_callers_phone_again(tmp_path: Path) -> None:
    file = tmp_path / "short.toml"
    file.write_text('repeat = false\n[[step]]\ndo = "listen"\n[[step]]\ndo = "press"\ndigits = "12"\n')
    async with bridge() as server:
        run, found = await load(server, script=str(file))
        assert [message["dtmf"]["digit"] for _, message in server.streams[0].of("dtmf")] == ["1", "2"]
    assert not flaws(found)
    assert found.counts["calls"] > 10
    assert len({call.call_sid for call in run.calls}) == found.counts["calls"]
    assert len({call.number for call in run.calls}) == found.counts["calls"]


async def test_no_more_calls_are_placed_than_allowed(tmp_path: Path) -> None:
    file = tmp_path / "short.toml"
    file.write_text('repeat = false\n[[step]]\ndo = "pause"\nseconds = 0.5\n')
    async with bridge() as server, model_side(clock=asyncio.get_running_loop().time) as model:
        server.model_url = model.url
        plan = Plan(Target(server.url), 3, 0.0, 20.0, most=7, script=str(file))
        run = await fleet.run(plan, clock=asyncio.get_running_loop().time, enough=asyncio.Event())
    assert len(run.calls) == 7
    assert run.ended - run.began < 5
