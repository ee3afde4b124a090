from __future__ import annotations

import asyncio
import wave
from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import audioop
import numpy as np
import pytest
import pytest_asyncio

from tests.browser.audio_page import ACCOUNT, CALL, RECORD, STREAM, TOKEN, Bot, Caller, speech_like, stand_in
from tests.browser.chromium import AWAY, Chromium, Microphone
from tests.browser.listening import Sound, first_sound, found, pcm16

pytestmark = pytest.mark.asyncio(loop_scope="session")

# Everything of a call that could be left behind.
_KEEP = """
window.kept = { sockets: [], contexts: [], tracks: [], timers: new Set() };
const remember = (name, list, also) => {
  const Native = window[name];
  window[name] = class extends Native {
    constructor(...given) { super(...given); list.push(this); }
  };
};
remember("WebSocket", kept.sockets);
if (window.AudioContext) remember("AudioContext", kept.contexts);
const devices = navigator.mediaDevices;
if (devices) {
  const ask = devices.getUserMedia.bind(devices);
  devices.getUserMedia = async (constraints) => {
    kept.constraints = constraints;
    const stream = await ask(constraints);
    kept.tracks.push(...stream.getTracks());
    return stream;
  };
}
for (const kind of ["Interval", "Timeout"]) {
  const [set, clear] = [window[`set${kind}`], window[`clear${kind}`]];
  window[`set${kind}`] = (work, ...more) => {
    const id = set((...given) => { if (kind === "Timeout") kept.timers.delete(id); work(...given); }, ...more);
    kept.timers.add(id);
    return id;
  };
  window[`clear${kind}`] = (id) => { kept.timers.delete(id); clear(id); };
}
window.nothingLeft = () =>
  kept.sockets.every(({ readyState }) => readyState === 3) &&
  kept.contexts.every(({ state }) => state === "closed") &&
  kept.tracks.every(({ readyState }) => readyState === "ended") &&
  kept.timers.size === 0;
"""


@pytest_asyncio.fixture(loop_scope="session")
async def bot() -> AsyncIterator[Bot]:
    async with stand_in() as bot:
        yield bot


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A microphone that hears 2 s of silence, 2 s of `_SPOKEN`, and silence again."""
    path = tmp_path_factory.mktemp("voice") / "voice.wav"
    silence = bytes(2 * 48000 * 2)
    spoken = audioop.ratecv(audioop.ulaw2lin(speech_like(2.0, seed=3), 2), 2, 1, 8000, 48000, None)[0]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48000)
        file.writeframes(silence + spoken + silence * 10)
    return path


@asynccontextmanager
async def caller_of(
    chromium: Chromium,
    bot: Bot,
    *,
    url: str = "",
    voice: Path | None = None,
    microphone: Microphone = Microphone.GRANTED,
    scripts: Sequence[str] = (),
    expect: Sequence[str] = (),
) -> AsyncIterator[Caller]:
    """A page on which a call can be made."""
    everything = [_KEEP, RECORD, *scripts]
    async with chromium.visit(
        url or bot.url, voice=voice, microphone=microphone, scripts=everything, expect=expect
    ) as visit:
        yield Caller(visit.page)


@asynccontextmanager
async def open_line(
    chromium: Chromium, bot: Bot, *, voice: Path | None = None, expect: Sequence[str] = (), **options: object
) -> AsyncIterator[Caller]:
    """A call whose line is open. In the end, nothing of it may be left."""
    async with caller_of(chromium, bot, voice=voice, expect=expect) as caller:
        assert await caller.dial(**options) == ""
        await bot.until(lambda: bot.events("media"))
        yield caller
        await caller.do("call.hangUp()")
        await caller.until("nothingLeft()")


def sound_of(ulaw: bytes) -> Sound:
    return pcm16(audioop.ulaw2lin(ulaw, 2))


# --- What the bot gets ----------------------------------------------------------------------------------------------


async def test_a_call_begins_as_twilio_begins_it_and_ends_with_stop(chromium: Chromium, bot: Bot) -> None:
    bot.after = (200, {"outcome": "caller", "words": "Thank you for calling."})
    async with open_line(chromium, bot) as caller:
        assert [detail["state"] for detail in await caller.events("line")] == ["asking", "connecting", "open"]
        assert await caller.events("call") == [{"callId": CALL}]
        assert await caller.do("call.callId") == CALL
        await caller.do("call.hangUp()")
        last = (await caller.events("line"))[-1]
        assert last == {"state": "ended", "message": "Thank you for calling."}
        await bot.until(lambda: bot.closed)
    connected, start, *media, stop = bot.got
    assert connected == {"event": "connected", "protocol": "Call", "version": "1.0.0"}
    assert start == {
        "event": "start",
        "sequenceNumber": "1",
        "start": {
            "accountSid": ACCOUNT,
            "streamSid": STREAM,
            "callSid": CALL,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": {"token": TOKEN},
        },
        "streamSid": STREAM,
    }
    assert {message["event"] for message in media} == {"media"}
    assert stop["event"] == "stop"
    assert stop["stop"] == {"accountSid": ACCOUNT, "callSid": CALL}
    assert [message["sequenceNumber"] for message in bot.got[1:]] == [str(i + 1) for i in range(len(bot.got) - 1)]
    assert bot.closed == [1000]
    assert bot.over == [CALL]


async def test_the_microphone_arrives_in_frames_of_20_ms_as_it_sounded(
    chromium: Chromium, bot: Bot, voice: Path
) -> None:
    async with open_line(chromium, bot, voice=voice) as caller:
        spoken = sound_of(speech_like(2.0, seed=3))
        await bot.until(lambda: first_sound(sound_of(b"".join(bot.frames()))) is not None)
        begun = len(bot.frames())
        await bot.until(lambda: len(bot.frames()) > begun + 110)
        media = [message["media"] for message in bot.events("media")]
        assert {len(frame) for frame in bot.frames()} == {160}
        assert [frame["chunk"] for frame in media] == [str(i + 1) for i in range(len(media))]
        assert [frame["timestamp"] for frame in media] == [str(20 * i) for i in range(len(media))]
        assert {frame["track"] for frame in media} == {"inbound"}
        alike, _ = found(spoken, sound_of(b"".join(bot.frames())))
        assert alike > 0.95
        levels = [detail["microphone"] for detail in await caller.events("levels")]
        assert min(levels) == 0
        assert 0.5 < max(levels) < 1


async def test_the_microphone_is_asked_for_with_or_without_the_browsers_improvements(
    chromium: Chromium, bot: Bot
) -> None:
    for raw in (True, False):
        async with open_line(chromium, bot, rawMicrophone=raw) as caller:
            audio = await caller.do("kept.constraints.audio")
            assert [audio[name] for name in ("echoCancellation", "noiseSuppression", "autoGainControl")] == [
                not raw
            ] * 3
        bot.got.clear()


async def test_muted_there_is_silence_and_time_goes_on(chromium: Chromium, bot: Bot) -> None:
    async with open_line(chromium, bot) as caller:  # a microphone that beeps every second
        await bot.until(lambda: any(set(frame) != {0xFF} for frame in bot.frames()))
        await caller.do("call.mute(true); call.press('1')")
        await bot.until(lambda: bot.events("dtmf"))
        [pressed] = bot.events("dtmf")  # what was on its way has come before it
        muted = sum(message["event"] == "media" for message in bot.got[: bot.got.index(pressed)])
        await bot.until(lambda: len(bot.frames()) > muted + 75)
        assert {code for frame in bot.frames()[muted:] for code in frame} == {0xFF}
        await caller.do("call.mute(false)")
        again = len(bot.frames())
        await bot.until(lambda: any(set(frame) != {0xFF} for frame in bot.frames()[again:]))
        stamps = [int(message["media"]["timestamp"]) for message in bot.events("media")]
        assert stamps == list(range(0, 20 * len(stamps), 20))


async def test_digits_arrive_and_what_is_none_does_not(chromium: Chromium, bot: Bot) -> None:
    async with open_line(chromium, bot) as caller:
        await caller.do("for (const key of ['1', '*', '#', 'x', '', '12']) call.press(key)")
        await bot.until(lambda: len(bot.events("dtmf")) == 3)
        assert [message["dtmf"] for message in bot.events("dtmf")] == [
            {"track": "inbound_track", "digit": digit} for digit in "1*#"
        ]
        assert not any("1" in text for text in await caller.notes("digit")), "a log is no place for digits"


async def test_a_stuck_network_costs_frames_and_not_their_time(chromium: Chromium, bot: Bot) -> None:
    async with open_line(chromium, bot, limits={"stuck": 60}) as caller:
        await caller.do(
            "Object.defineProperty(kept.sockets[0], 'bufferedAmount', { value: 1e6, configurable: true })"
        )
        await caller.until("events.some(([, { text }]) => /network is stuck/.test(text))")
        await caller.do("delete kept.sockets[0].bufferedAmount")
        before = len(bot.frames())
        await bot.until(lambda: len(bot.frames()) > before + 10)
        media = [message["media"] for message in bot.events("media")]
        stamps = np.array([int(frame["timestamp"]) for frame in media])
        steps = np.diff(stamps)
        assert (steps > 20).sum() == 1
        assert steps.max() >= 400
        assert not (stamps % 20).any()
        assert [frame["chunk"] for frame in media] == [str(i + 1) for i in range(len(media))]


# --- What the person hears ------------------------------------------------------------------------------------------


async def test_an_answer_that_comes_eleven_times_too_fast_is_played_whole_and_in_time(
    chromium: Chromium, bot: Bot
) -> None:
    answer = speech_like(3.0)
    async with open_line(chromium, bot) as caller:
        clock = asyncio.get_running_loop().time
        returned: dict[str, float] = {}
        await bot.mark("ahead")
        await bot.until(lambda: bot.marks() == ["ahead"])
        began = clock()
        for number, at in enumerate(range(0, len(answer), 800)):
            await bot.play(answer[at : at + 800])
            if number % 2:
                await bot.mark(f"m{number}")
            await asyncio.sleep(0.1 / 11)
        await bot.mark("end")

        def note_marks() -> bool:
            for name in bot.marks():
                returned.setdefault(name, clock() - began)
            return "end" in returned

        await bot.until(note_marks)
        assert bot.marks() == ["ahead", *[f"m{number}" for number in range(1, 30, 2)], "end"]
        assert returned["end"] > 2.7, "a mark proves that all before it was played"
        assert 0.3 < returned["m15"] / returned["end"] < 0.75  # half of the sound
        await caller.until("events.filter(([type]) => type === 'levels').at(-1)[1].speaker === 0")
        played = await caller.recorded("played")
        alike, _ = found(sound_of(answer), played)
        assert alike > 0.95, await caller.notes("trouble")
        assert max(detail["speaker"] for detail in await caller.events("levels")) > 0.5
        assert any("sound came in" in text for text in await caller.notes("media"))
        assert len(await caller.notes("media")) < 10, "frames are summed up"


async def test_a_clear_silences_the_page_and_gives_back_every_mark(chromium: Chromium, bot: Bot) -> None:
    first, second = speech_like(20.0), speech_like(1.0, seed=2)
    async with open_line(chromium, bot) as caller:
        for at in range(0, len(first), 1600):
            await bot.play(first[at : at + 1600])
            await bot.mark(f"m{at // 1600}")
        await bot.until(lambda: "m1" in bot.marks())
        assert "m50" not in bot.marks()
        await bot.clear()
        await bot.until(lambda: "m99" in bot.marks())
        assert bot.marks() == [f"m{number}" for number in range(100)]
        await bot.mark("empty")
        await bot.until(lambda: "empty" in bot.marks())
        assert len(await caller.notes("clear")) == 1
        await asyncio.sleep(0.3)
        await bot.play(second)
        await bot.mark("second")
        await bot.until(lambda: "second" in bot.marks())
        played = await caller.recorded("played")
        _, begins = found(sound_of(first[:3200]), played)
        alike, resumes = found(sound_of(second), played)
        assert alike > 0.95
        assert resumes - begins < 15, "the rest of the first is gone"


async def test_nonsense_from_the_bot_is_noted_and_harms_nothing(chromium: Chromium, bot: Bot) -> None:
    async with open_line(chromium, bot) as caller:
        assert bot.socket is not None
        await bot.socket.send_bytes(b"\x00\x01")
        for text in ("nonsense", "[]", "null", '{"event":"media"}', '{"event":"mark","streamSid":"MZ"}'):
            await bot.socket.send_str(text)
        await bot.say("media", media={"payload": "***"})
        await bot.say("media", media={"payload": 7})
        await bot.say("mark", mark={})
        await bot.say("news")
        await bot.mark("still here")
        await bot.until(lambda: bot.marks() == ["still here"])
        await caller.until("events.some(([, { text }]) => /10 messages of the bot not understood/.test(text))")


async def test_the_time_from_the_last_sound_to_the_answer_is_measured(
    chromium: Chromium, bot: Bot, voice: Path
) -> None:
    async with open_line(chromium, bot, voice=voice) as caller:
        await bot.play(speech_like(0.3))  # a greeting answers nobody

        def silence_after_speech() -> bool:
            sound = sound_of(b"".join(bot.frames()))
            return bool(
                np.abs(sound[:-6400]).max(initial=0) > 0.05
                and len(sound) > 6400
                and np.abs(sound[-6400:]).max() < 0.01
            )

        await bot.until(silence_after_speech)
        await bot.play(speech_like(1.0, seed=2))
        await bot.mark("played")
        await bot.until(lambda: bot.marks() == ["played"])
        (turn,) = await caller.events("turn")
        spoken, said = sound_of(speech_like(2.0, seed=3)), sound_of(speech_like(1.0, seed=2))
        _, began = found(spoken, await caller.recorded("microphone"))
        _, answered = found(said, await caller.recorded("played"))
        assert turn["seconds"] > 0.8
        assert turn["seconds"] == pytest.approx(answered - (began + 2), abs=0.08)


# --- What goes wrong before the line is open ------------------------------------------------------------------------


async def fails(caller: Caller, **options: object) -> str:
    """What a call that cannot be made says; nothing of it is left, and the line tells the same."""
    problem = await caller.dial(**options)
    assert problem.startswith("CallProblem: ")
    last = (await caller.events("line"))[-1]
    assert last == {"state": "error", "message": problem.removeprefix("CallProblem: ")}
    await caller.until("nothingLeft()")
    return str(last["message"])


async def test_a_refused_microphone_reserves_no_line(chromium: Chromium, bot: Bot) -> None:
    async with caller_of(chromium, bot, microphone=Microphone.REFUSED) as caller:
        assert "allow the microphone, then call again" in await fails(caller)
    assert bot.reserved == 0


async def test_without_a_microphone_it_says_to_connect_one(chromium: Chromium, bot: Bot) -> None:
    async with caller_of(chromium, bot, microphone=Microphone.ABSENT) as caller:
        assert await fails(caller) == "There is no microphone. Connect one, then call again."
    assert bot.reserved == 0


@pytest.mark.parametrize(
    ("name", "message", "words"),
    [
        ("NotReadableError", "", "another program has it"),
        ("NotAllowedError", "Permission dismissed", "left unanswered"),
        ("NotAllowedError", "Permission denied by system", "privacy settings"),
        ("InvalidStateError", "", "(InvalidStateError)"),
    ],
)
async def test_each_reason_for_no_microphone_has_its_words(
    chromium: Chromium, bot: Bot, name: str, message: str, words: str
) -> None:
    script = f"navigator.mediaDevices.getUserMedia = async () => {{ throw new DOMException('{message}', '{name}'); }}"
    async with caller_of(chromium, bot, scripts=[script]) as caller:
        assert words in await fails(caller)


async def test_an_insecure_origin_is_told_to_use_https(chromium: Chromium, bot: Bot) -> None:
    url = bot.url.replace("127.0.0.1", AWAY)
    async with caller_of(chromium, bot, url=url) as caller:
        assert "Open this page by https://" in await fails(caller)


async def test_a_browser_without_an_audio_worklet_is_told_so(chromium: Chromium, bot: Bot) -> None:
    async with caller_of(chromium, bot, scripts=["delete window.AudioWorkletNode"]) as caller:
        assert "no AudioWorklet" in await fails(caller)


async def test_a_question_left_unanswered_ends_and_a_late_yes_opens_nothing(chromium: Chromium, bot: Bot) -> None:
    script = """
    const soon = navigator.mediaDevices.getUserMedia;
    const asked = new Promise((resolve) => { window.allow = resolve; });
    navigator.mediaDevices.getUserMedia = (wish) => asked.then(() => soon(wish));
    """
    async with caller_of(chromium, bot, scripts=[script]) as caller:
        assert "left unanswered" in await fails(caller, limits={"permission": 0.2})
        await caller.do("allow()")
        await caller.until("kept.tracks.length === 1 && nothingLeft()")
    assert bot.reserved == 0


async def test_worklets_that_cannot_be_loaded_are_told_and_the_line_is_given_back(
    chromium: Chromium, bot: Bot
) -> None:
    bot.delay = 0.5
    bot.missing = "capture_worklet.js"
    async with caller_of(chromium, bot, expect=["the server responded with a status of"]) as caller:
        assert "Reload the page" in await fails(caller)
        await bot.until(lambda: bot.over == [CALL])


async def test_sound_that_the_browser_withholds_ends_the_waiting(chromium: Chromium, bot: Bot) -> None:
    script = """
    AudioContext.prototype.resume = () => new Promise(() => {});
    Object.defineProperty(AudioContext.prototype, "state", { get: () => "suspended" });
    window.kept.contexts = [];
    """
    async with caller_of(chromium, bot, scripts=[script]) as caller:
        assert "lets this page play no sound" in await caller.dial(limits={"sound": 0.3})


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((401, {}), "sign in, then call again"),
        ((403, {}), "does not take calls from this page"),
        ((404, {}), "offers no calls to this page"),
        (
            (503, {"error": "busy", "words": "All lines are busy. Try in a minute."}),
            "All lines are busy. Try in a minute.",
        ),
        ((429, {"error": "too-often", "words": "Wait 6 s, then call again."}), "Wait 6 s, then call again."),
        ((503, "no JSON object"), "takes no call at the moment"),
        ((500, {}), "(HTTP 500)"),
        ((201, {"call_id": ""}), "(HTTP 201)"),
    ],
)
async def test_a_line_that_is_not_given_is_explained(
    chromium: Chromium, bot: Bot, answer: tuple[int, object], words: str
) -> None:
    bot.answer = answer
    async with caller_of(chromium, bot, expect=["the server responded with a status of"]) as caller:
        assert words in await fails(caller)
    assert bot.over == []


async def test_a_server_that_is_away_is_told(chromium: Chromium, bot: Bot) -> None:
    async with caller_of(chromium, bot, expect=["Failed to load resource"]) as caller:
        await caller.page.route("**/softphone/calls", lambda route: route.abort())
        assert "cannot be reached" in await fails(caller)


async def test_a_server_that_does_not_answer_is_given_up(chromium: Chromium, bot: Bot) -> None:
    bot.delay = 1.0
    async with caller_of(chromium, bot) as caller:
        assert "did not answer in time" in await fails(caller, limits={"line": 0.2})
        await bot.until(lambda: bot.over == [CALL])  # the line that came too late is given back


async def test_a_socket_that_cannot_be_opened_is_told_and_the_call_ended(chromium: Chromium, bot: Bot) -> None:
    bot.sockets = False
    async with caller_of(chromium, bot, expect=["WebSocket connection"]) as caller:
        assert "no proxy stops WebSockets" in await fails(caller)
    assert bot.over == [CALL]


async def test_a_call_given_up_while_it_is_made_leaves_nothing(chromium: Chromium, bot: Bot) -> None:
    bot.delay = 1.0
    async with caller_of(chromium, bot) as caller:
        await caller.prepare()
        await caller.do("void (window.dialled = call.dial().catch((problem) => problem))")
        await bot.until(lambda: bot.reserved)
        await caller.do("call.hangUp()")
        assert await caller.do("dialled.then(({ name, cancelled }) => [name, cancelled])") == ["CallProblem", True]
        assert (await caller.events("line"))[-1]["state"] == "ended"
        await caller.until("nothingLeft()")
        await bot.until(lambda: bot.over == [CALL])
    assert bot.socket is None


async def test_a_call_object_makes_one_call(chromium: Chromium, bot: Bot) -> None:
    async with open_line(chromium, bot) as caller:
        assert await caller.do("call.dial().catch(({ message }) => message)") == "This call is over. Make a new one."
        assert (await caller.events("line"))[-1]["state"] == "open"


# --- What goes wrong in mid-call ------------------------------------------------------------------------------------


async def test_a_token_that_is_refused_says_to_call_again(chromium: Chromium, bot: Bot) -> None:
    bot.refuse = True
    async with caller_of(chromium, bot) as caller:
        assert await caller.dial() == ""
        assert "did not let this call in" in (await caller.end())["message"]
        await caller.until("nothingLeft()")
    assert bot.over == [CALL]


@pytest.mark.parametrize(
    ("reason", "words", "state", "message"),
    [
        ("hangup", "", "ended", "The assistant hung up."),
        ("limit", "The call was too long.", "ended", "The call was too long."),
        ("closing", "", "ended", "The bot is being restarted. Call again in a minute."),
        ("failed", "Something broke. Sorry.", "error", "Something broke. Sorry."),
        ("", "", "ended", "The call has ended."),
    ],
)
async def test_how_the_bot_ended_the_call_is_told_in_its_words(
    chromium: Chromium, bot: Bot, reason: str, words: str, state: str, message: str
) -> None:
    bot.after = (200, {"outcome": reason, "words": words})
    async with open_line(chromium, bot) as caller:
        await bot.close(1000, reason)
        assert await caller.end() == {"state": state, "message": message}
    assert bot.over == [CALL]


async def test_a_connection_lost_in_mid_call_ends_it_on_both_sides(chromium: Chromium, bot: Bot) -> None:
    bot.after = (200, {"outcome": "caller", "words": "Goodbye."})
    async with open_line(chromium, bot) as caller:
        assert bot.socket is not None
        transport = bot.socket._req and bot.socket._req.transport
        assert transport
        transport.abort()
        last = await caller.end()
        assert last["state"] == "error"
        assert "connection to the bot was lost" in last["message"]
    assert bot.over == [CALL]


async def test_an_unplugged_microphone_ends_the_call_on_both_sides(chromium: Chromium, bot: Bot) -> None:
    async with open_line(chromium, bot) as caller:
        await caller.do("kept.tracks[0].dispatchEvent(new Event('ended'))")
        assert "unplugged" in (await caller.end())["message"]
        await bot.until(lambda: bot.events("stop"))
    assert bot.over == [CALL]


async def test_sound_taken_away_for_a_moment_is_asked_back(chromium: Chromium, bot: Bot) -> None:
    async with open_line(chromium, bot) as caller:
        await caller.do("kept.contexts[0].suspend()")
        await caller.until("kept.contexts[0].state === 'running'")
        frames = len(bot.frames())
        await bot.until(lambda: len(bot.frames()) > frames + 10)
        assert any("asking for it back" in text for text in await caller.notes("trouble"))


async def test_sound_taken_away_for_good_ends_the_call(chromium: Chromium, bot: Bot) -> None:
    async with open_line(chromium, bot, limits={"frames": 0.5}) as caller:
        await caller.do("void (kept.contexts[0].resume = () => new Promise(() => {})); kept.contexts[0].suspend()")
        assert "has stopped this page's sound" in (await caller.end())["message"]
    assert bot.over == [CALL]


async def test_a_bot_that_sends_nothing_ends_the_call(chromium: Chromium, bot: Bot) -> None:
    async with open_line(chromium, bot, limits={"answer": 0.5}) as caller:
        assert "sent no sound" in (await caller.end())["message"]


async def test_a_network_stuck_for_too_long_ends_the_call(chromium: Chromium, bot: Bot) -> None:
    async with open_line(chromium, bot, limits={"stuck": 0.5}) as caller:
        await caller.do("Object.defineProperty(kept.sockets[0], 'bufferedAmount', { value: 1e6 })")
        assert "The network has carried nothing for too long" in (await caller.end())["message"]


async def test_a_computer_that_slept_ends_the_call(chromium: Chromium, bot: Bot) -> None:
    async with open_line(chromium, bot) as caller:
        await caller.do("{ const now = Date.now; Date.now = () => now() + 60_000; }")
        assert "was asleep" in (await caller.end())["message"]
    assert bot.over == [CALL]


async def test_a_page_that_is_left_ends_the_call_on_the_server(chromium: Chromium, bot: Bot) -> None:
    async with caller_of(chromium, bot) as caller:
        assert await caller.dial() == ""
        await bot.until(lambda: bot.events("media"))
        await caller.page.reload()
        await bot.until(lambda: bot.events("stop") and bot.closed and bot.over)
        assert bot.over == [CALL]
        assert await caller.dial() == "", "the next call is not hindered"
        await caller.do("call.hangUp()")


async def test_the_end_is_told_although_the_server_says_nothing(chromium: Chromium, bot: Bot) -> None:
    async with open_line(chromium, bot, expect=["the server responded with a status of"]) as caller:
        bot.after = (500, {})
        await caller.do("call.hangUp()")
        assert (await caller.events("line"))[-1] == {"state": "ended", "message": "You hung up."}


# --- The pure parts -------------------------------------------------------------------------------------------------


async def test_turns_are_measured_over_the_noise_of_the_room(chromium: Chromium, bot: Bot) -> None:
    script = """
    async () => {
      const { TurnClock } = await import(new URL("assets/softphone/turn_clock.js", document.baseURI).href);
      const after = (noise, level, frames) => {
        const clock = new TurnClock();
        let at = 0;
        const hear = (loudness, count) => {
          for (let i = 0; i < count; i += 1) clock.caller(loudness, (at += 0.02));
        };
        hear(noise, 100);
        for (let i = 0; i < frames; i += 10) {
          hear(noise, frames > 10 ? 2 : 0); // between syllables
          hear(level, Math.min(8, frames));
        }
        const last = at;
        hear(noise, 40);
        const seconds = clock.answer(last + 1);
        return [seconds && Math.round(seconds * 100) / 100, clock.answer(last + 2)];
      };
      return {
        speech: after(0.0001, 0.1, 100),
        inNoise: after(0.01, 0.1, 100),
        longSentence: after(0.001, 0.1, 600),
        click: after(0.0001, 0.5, 3),
        noiseOnly: after(0.01, 0.012, 100),
        nobody: after(0, 0, 0),
      };
    }
    """
    async with caller_of(chromium, bot) as caller:
        assert await caller.do(script) == {
            "speech": [1, None],
            "inNoise": [1, None],
            "longSentence": [1, None],
            "click": [None, None],
            "noiseOnly": [None, None],
            "nobody": [None, None],
        }


async def test_a_late_timer_of_a_page_in_the_background_is_no_sleep(chromium: Chromium, bot: Bot) -> None:
    script = """
    async () => {
      const { Watch } = await import(new URL("assets/softphone/watch.js", document.baseURI).href);
      const watch = new Watch(0);
      watch.heard();
      for (let now = 0; now < 60; now += 0.02) if (watch.frame(now)) return "slept";
      return watch.tick(60.01);
    }
    """
    async with caller_of(chromium, bot) as caller:
        assert await caller.do(script) == ""


async def test_what_is_summed_up_is_counted_in_words(chromium: Chromium, bot: Bot) -> None:
    script = """
    async () => {
      const { Tally } = await import(new URL("assets/softphone/tally.js", document.baseURI).href);
      const tally = new Tally();
      const said = () => tally.take(0).map(({ text }) => text);
      tally.media(160);
      tally.marks(["a"]);
      tally.odd();
      const once = said();
      for (let i = 0; i < 2; i += 1) {
        tally.media(160);
        tally.odd();
      }
      tally.marks(["b", "c"]);
      return [once, said(), said()];
    }
    """
    async with caller_of(chromium, bot) as caller:
        assert await caller.do(script) == [
            [
                "0.02 s of sound came in 1 message; 0.00 s wait to be played",
                "1 mark given back as played, the last is a",
                "1 message of the bot not understood",
            ],
            [
                "0.04 s of sound came in 2 messages; 0.00 s wait to be played",
                "2 marks given back as played, the last is c",
                "2 messages of the bot not understood",
            ],
            [],
        ]


async def test_the_longest_message_of_the_microphone_is_small(chromium: Chromium, bot: Bot) -> None:
    async with open_line(chromium, bot):
        assert max(len(str(message)) for message in bot.events("media")) < 400
        assert len(b64encode(bot.frames()[0])) == 216
