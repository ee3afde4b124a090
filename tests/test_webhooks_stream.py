from __future__ import annotations

import asyncio
import base64
import json
import logging
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from bot.audio import mulaw
from bot.call.commands import Outcome
from bot.call.events import CallerAudio, DigitPressed, LegEnded, LegEvent, LegStarted, MarkPlayed
from bot.errors import LegClosed, LegStalled
from bot.leg import Leg
from tests.webhooks_stand_ins import CALL, STREAM, FakeSocket, frame, media_stream, start_message
from webhooks.metrics import Meters
from webhooks.stream import MediaStream

STOP = json.dumps({"event": "stop", "streamSid": STREAM, "stop": {"callSid": CALL}})


def tone(samples: int, rate: int) -> bytes:
    wave = 8000 * np.sin(2 * math.pi * 1000 * np.arange(samples) / rate)
    return wave.astype("<i2").tobytes()


def level(pcm: bytes) -> float:
    return float(np.sqrt(np.mean(np.frombuffer(pcm, "<i2").astype(float) ** 2)))


class Line:
    """A leg, its socket and its counters."""

    def __init__(self, **limits: float) -> None:
        self.registry = CollectorRegistry()
        self.socket = FakeSocket()
        self.leg = media_stream(self.socket, Meters(self.registry), **limits)

    def says(self, *messages: object) -> None:
        self.socket.says(*(m if isinstance(m, str | bytes) else json.dumps(m) for m in messages))

    async def hear_all(self) -> list[LegEvent]:
        events: list[LegEvent] = []
        while not events or not isinstance(events[-1], LegEnded):
            events.append(await self.leg.receive())
        return events

    def counted(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"voicebot_{name}_total", labels) or 0.0


def audio_of(events: list[LegEvent]) -> bytes:
    return b"".join(event.pcm for event in events if isinstance(event, CallerAudio))


def test_it_is_a_leg() -> None:
    leg: Leg = Line().leg
    assert isinstance(leg, MediaStream)


async def test_a_call_is_told_in_order() -> None:
    line = Line()
    line.says(
        frame(0),
        {"event": "mark", "streamSid": STREAM, "mark": {"name": "a:1"}},
        {"event": "dtmf", "streamSid": STREAM, "dtmf": {"track": "inbound_track", "digit": "#"}},
        STOP,
    )
    started, audio, mark, digit, ended = await line.hear_all()
    assert isinstance(started, LegStarted)
    assert isinstance(audio, CallerAudio)
    assert len(audio.pcm) == 160 * 3 * 2
    assert mark == MarkPlayed("a:1")
    assert digit == DigitPressed("#")
    assert isinstance(ended, LegEnded)
    assert not ended.failed
    assert await line.leg.receive() == ended


async def test_the_callers_voice_arrives_at_24_khz() -> None:
    line = Line()
    ulaw = mulaw.encode(tone(1600, 8000))
    line.says(*(frame(20 * n, ulaw[160 * n : 160 * (n + 1)]) for n in range(10)), STOP)
    heard = audio_of(await line.hear_all())
    assert len(heard) == 1600 * 3 * 2
    assert level(heard) == pytest.approx(level(tone(4800, 24_000)), rel=0.05)


async def test_lost_frames_become_silence_and_repeated_ones_are_dropped() -> None:
    line = Line()
    line.says(frame(0), frame(20), frame(20), frame(80), frame(40), frame(100), STOP)
    heard = audio_of(await line.hear_all())
    assert len(heard) == 6 * 160 * 3 * 2
    assert level(heard) < 20
    assert line.counted("dropped_frames") == 2
    assert line.counted("missing_audio_seconds") == pytest.approx(0.04)


async def test_a_long_gap_is_told_a_second_at_a_time_and_ten_seconds_at_most() -> None:
    line = Line()
    line.says(frame(0), frame(60_000), STOP)
    events = await line.hear_all()
    sizes = [len(event.pcm) for event in events if isinstance(event, CallerAudio)]
    assert sizes == [960, *[48_000] * 10, 960]


BAD: list[tuple[object, str]] = [
    ("not json", "json"),
    (b"\x00\xff", "binary"),
    (b"", "binary"),
    ([1, 2], "shape"),
    ({"event": "media", "streamSid": STREAM, "media": "x"}, "shape"),
    ({"event": "media", "streamSid": STREAM, "media": {"payload": "%%%%", "timestamp": "1"}}, "base64"),
    ({"event": "media", "streamSid": STREAM, "media": {"payload": "", "timestamp": "1"}}, "empty-frame"),
    (frame("soon"), "timestamp"),
    (frame(0, stream="MZother"), "foreign-stream"),
    ({"event": "mark", "streamSid": "MZother", "mark": {"name": "a"}}, "foreign-stream"),
    ({"event": "stop", "streamSid": "MZother"}, "foreign-stream"),
    ({"event": "dtmf", "streamSid": STREAM, "dtmf": {"digit": "7x"}}, "digit"),
    ({"event": "dtmf", "streamSid": STREAM, "dtmf": {"digit": ""}}, "digit"),
    (start_message("tok"), "second-start"),
    ("x" * 70_000, "too-long"),
]


@pytest.mark.parametrize(("message", "kind"), BAD)
async def test_bad_input_is_skipped_counted_and_logged_once(
    message: object, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    line = Line()
    line.says(message, message, message, frame(0), STOP)
    with caplog.at_level(logging.INFO):
        events = await line.hear_all()
    assert [type(event) for event in events] == [LegStarted, CallerAudio, LegEnded]
    assert line.counted("bad_messages", kind=kind) == 3
    (record,) = caplog.records
    assert f"call={CALL}" in record.getMessage()
    assert kind in record.getMessage()


async def test_digits_are_never_logged(caplog: pytest.LogCaptureFixture) -> None:
    line = Line()
    line.says({"event": "dtmf", "streamSid": STREAM, "dtmf": {"digit": "8642"}}, STOP)
    with caplog.at_level(logging.DEBUG):
        await line.hear_all()
    assert "8642" not in caplog.text


async def test_what_twilio_may_send_besides_is_ignored_quietly(caplog: pytest.LogCaptureFixture) -> None:
    line = Line()
    outbound = frame(0)
    outbound["media"] = {"track": "outbound", "payload": "//8=", "timestamp": "0"}
    line.says({"event": "connected"}, {"event": "new", "x": 1}, outbound, STOP)
    assert [type(event) for event in await line.hear_all()] == [LegStarted, LegEnded]
    assert not caplog.records


async def test_more_than_a_hundred_bad_messages_in_a_row_end_the_call_as_failed() -> None:
    line = Line()
    line.says(*["?"] * 100, frame(0), *["?"] * 101, frame(20))
    events = await line.hear_all()
    assert [type(event) for event in events] == [LegStarted, CallerAudio, LegEnded]
    assert isinstance(ended := events[-1], LegEnded)
    assert ended.failed


async def test_sound_that_comes_faster_than_time_is_dropped() -> None:
    line = Line()
    line.says(*(frame(20 * number) for number in range(5000)), {"event": "stop", "streamSid": STREAM})
    events = await line.hear_all()
    assert len(audio_of(events)) == 15 * 48_000
    assert line.counted("dropped_frames") == 5000 - 15 * 50


async def test_a_socket_that_breaks_is_a_failure_and_not_a_hang_up() -> None:
    line = Line()
    line.socket.leaves()
    assert await line.leg.receive() == LegStarted()
    ended = await line.leg.receive()
    assert isinstance(ended, LegEnded)
    assert ended.failed


async def test_replies_marks_and_clears_are_sent_as_twilio_expects_them() -> None:
    line = Line()
    pcm = tone(4800, 24_000)
    for begin in range(0, len(pcm), 1002):  # chunks of odd numbers of samples
        await line.leg.play(pcm[begin : begin + 1002])
    await line.leg.mark('a"b')
    await line.leg.clear()
    *media, mark, clear = [json.loads(text) for text in line.socket.sent]
    assert {message["streamSid"] for message in [*media, mark, clear]} == {STREAM}
    ulaw = b"".join(base64.b64decode(message["media"]["payload"]) for message in media)
    assert len(ulaw) == 1600
    assert level(mulaw.decode(ulaw)) == pytest.approx(level(pcm), rel=0.1)
    assert (mark["event"], mark["mark"]) == ("mark", {"name": 'a"b'})
    assert clear["event"] == "clear"


async def test_nothing_of_the_old_reply_sounds_after_a_clear() -> None:
    line = Line()
    await line.leg.play(b"\xff\x7f" * 480)
    await line.leg.clear()
    await line.leg.play(bytes(960))
    last = base64.b64decode(json.loads(line.socket.sent[-1])["media"]["payload"])
    assert mulaw.decode(last) == bytes(320)


async def test_a_peer_that_takes_nothing_stalls_the_leg_and_not_the_call() -> None:
    line = Line(send_seconds=0.01)
    line.socket.stuck = True
    with pytest.raises(LegStalled):
        await line.leg.play(bytes(960))
    line.socket.stuck = False  # too late: what was to be heard before is lost
    with pytest.raises(LegStalled):
        await line.leg.mark("a")
    await line.leg.close(Outcome.FAILED)
    assert line.socket.closed == [(1000, "failed")]


async def test_closing_never_raises_and_never_hangs(caplog: pytest.LogCaptureFixture) -> None:
    line = Line(send_seconds=0.01)
    line.socket.stuck = True
    await line.leg.close(Outcome.FAILED)
    assert f"call={CALL}" in caplog.text
    gone = Line()
    gone.socket.leaves()
    await gone.leg.close(Outcome.FAILED)


async def test_nothing_is_sent_to_a_peer_that_has_gone() -> None:
    line = Line()
    line.socket.leaves()
    for send in (line.leg.play(bytes(960)), line.leg.mark("a"), line.leg.clear()):
        with pytest.raises(LegClosed):
            await send


async def test_closing_twice_is_harmless_and_ends_what_waits() -> None:
    line = Line()
    assert await line.leg.receive() == LegStarted()
    waiting = asyncio.create_task(line.leg.receive())
    await asyncio.sleep(0)
    await line.leg.close(Outcome.HANGUP)
    await line.leg.close(Outcome.FAILED)
    assert line.socket.closed == [(1000, "hangup")]
    assert await waiting == LegEnded("closed by us")
    with pytest.raises(LegClosed):
        await line.leg.mark("a")


@given(st.lists(st.integers(0, len(BAD) - 1), max_size=90))
def test_no_mixture_of_bad_input_changes_what_the_call_hears(picks: list[int]) -> None:
    async def scenario() -> list[LegEvent]:
        line = Line()
        for number, pick in enumerate(picks):
            line.says(BAD[pick][0])
            if number % 3 == 0:
                line.says(frame(20 * (number // 3)))
        line.says(STOP)
        return await line.hear_all()

    events = asyncio.run(scenario())
    assert len(audio_of(events)) == 960 * len(range(0, len(picks), 3))
    assert not any(isinstance(event, LegEnded) and event.failed for event in events)
