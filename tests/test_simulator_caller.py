from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from bot.errors import SimulatorError
from bot.simulator import virtual_time
from bot.simulator.caller import place_call
from bot.simulator.line import Line
from bot.simulator.network import Network, Path, Stall
from bot.simulator.result import Outcome, PhoneCall
from bot.simulator.script import Pressed, Script, Spoken, conversation, listen
from bot.simulator.webhook import Parties
from tests.simulator_bot import STREAM, Bot, BotStream, seeded, tone, tone_pcm

TOKEN = "a-made-up-token"
GREETING = tone(1.0, 300)


def call(bot: Bot, script: Script = listen, **options: Any) -> PhoneCall:  # noqa: ANN401 - place_call's
    """One call in virtual time, after which nothing may remain."""

    async def scenario() -> PhoneCall:
        async with bot.answering() as url:
            before = asyncio.all_tasks()
            made = await place_call(url, script, rng=seeded(1), **options)
            await asyncio.sleep(0.1)  # the server's own tasks for this call end
            assert asyncio.all_tasks() <= before
        return made

    return virtual_time.run(scenario())


def greeting_bot(then: Callable[[BotStream], Awaitable[None]] | None = None, **answers: Any) -> Bot:  # noqa: ANN401
    async def on_stream(stream: BotStream) -> None:
        await stream.play(GREETING)
        await (then(stream) if then else stream.until_end())

    return Bot(on_stream, **answers)


# --- Hearing and speaking -------------------------------------------------------------------------------------------


def test_the_greeting_is_heard_exactly_and_the_caller_hangs_up_when_it_is_over() -> None:
    bot = greeting_bot()
    made = call(bot)
    assert made.ended_by == "caller"
    assert made.assistant_heard
    assert made.heard.strip(b"\xff") == GREETING.strip(b"\xff")
    assert 1.8 <= made.seconds <= 1.9  # a second of greeting and 0.8 s of silence
    assert len(made.heard) == len(made.said)
    assert bot.streams[0].messages[-1]["event"] == "stop"
    assert bot.form_of("/voice/status")["CallStatus"] == "completed"


def test_the_caller_is_sent_in_20_ms_frames_without_drift_numbered_as_strings() -> None:
    bot = greeting_bot()
    words = tone_pcm(0.5)
    made = call(bot, conversation([Spoken(words)], hang_up_after=60.0), network=Network())
    stream = bot.streams[0]
    media = stream.of("media")
    assert [message["media"]["timestamp"] for message in media] == [str(20 * n) for n in range(len(media))]
    assert [message["media"]["chunk"] for message in media] == [str(n + 1) for n in range(len(media))]
    numbers = [message["sequenceNumber"] for message in stream.messages[1:]]
    assert numbers == [str(n + 1) for n in range(len(numbers))]
    times = [at for at, message in zip(stream.times, stream.messages, strict=True) if message["event"] == "media"]
    assert times[-1] - times[0] == pytest.approx(0.02 * (len(media) - 1), abs=1e-6)
    said = b"".join(base64.b64decode(message["media"]["payload"]) for message in media)
    assert said.strip(b"\xff") == tone(0.5).strip(b"\xff")
    assert len(media) == pytest.approx(made.seconds * 50, abs=1)
    assert made.said.strip(b"\xff") == tone(0.5).strip(b"\xff")


def test_start_names_the_call_its_format_and_the_parameters() -> None:
    twiml = STREAM.replace(
        'media"/>', 'media"><Parameter name="token" value="t&amp;1"/><Parameter name="from" value="+1"/></Stream>'
    )
    bot = greeting_bot(voice=twiml)
    made = call(bot, parties=Parties(account_sid="AC" + "1" * 32))
    assert bot.streams[0].messages[0] == {"event": "connected", "protocol": "Call", "version": "1.0.0"}
    assert bot.streams[0].start == {
        "accountSid": "AC" + "1" * 32,
        "streamSid": made.stream_sids[0],
        "callSid": made.call_sid,
        "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": {"token": "t&1", "from": "+1"},
    }


def test_digits_are_sent_one_after_another() -> None:
    bot = greeting_bot()
    call(bot, conversation([Pressed("12#")], hang_up_after=2.0))
    assert [message["dtmf"]["digit"] for message in bot.streams[0].of("dtmf")] == ["1", "2", "#"]


def test_a_turns_latency_is_from_the_last_sample_said_to_the_first_sound_heard() -> None:
    async def answer(stream: BotStream) -> None:
        await stream.until_voice()
        await asyncio.sleep(2.5)
        await stream.play(b"\xff" * 800 + tone(1.0))  # a tenth of a second of silence first
        await stream.until_end()

    made = call(greeting_bot(answer), conversation([Spoken(tone_pcm(2.0) + bytes(8000), "Hm?")]))
    (turn,) = made.turns
    # Heard by the bot 20 ms after the first sample; 2.5 s later an answer with 0.1 s of silence; 2.0 s were said.
    assert turn.latency == pytest.approx(0.62, abs=0.001)
    assert [note.text for note in made.transcript if note.who == "you"] == ["Hm?"]


# --- Marks, clears and interruptions --------------------------------------------------------------------------------


async def talks_at_length_until_interrupted(stream: BotStream) -> None:
    for number in range(10):
        await stream.play(tone(1.0))
        await stream.mark(f"m{number}")
    await stream.until_voice()
    await stream.clear()
    await stream.until_end()


def test_talking_over_the_assistant_silences_it_and_every_pending_mark_comes_back() -> None:
    bot = Bot(talks_at_length_until_interrupted)
    script = conversation([Spoken(tone_pcm(1.0))], interrupt_after=3.5, hang_up_after=0.5)
    made = call(bot, script, network=Network.symmetric(delay=0.06))
    (interruption,) = made.interruptions
    assert interruption.cleared
    assert interruption.latency == pytest.approx(0.14, abs=0.021)  # a frame, there and back
    (cleared,) = made.playout.cleared[:1]
    assert made.playout.played_ms(cleared.at) == pytest.approx(3500 + 140, abs=41)
    assert made.marks == [f"m{n}" for n in range(10)]
    assert len(cleared.marks) == 7
    heard_in_time = [mark["mark"]["name"] for mark in bot.streams[0].of("mark")]
    assert heard_in_time == made.marks


def test_an_assistant_that_does_not_listen_is_not_said_to_have_fallen_silent() -> None:
    made = call(greeting_bot(), conversation([Spoken(tone_pcm(0.2))], interrupt_after=0.5, hang_up_after=2.0))
    (interruption,) = made.interruptions
    assert not interruption.cleared
    assert interruption.latency == pytest.approx(0.5, abs=0.05)


def test_a_mark_comes_back_when_what_is_before_it_has_been_played_or_at_once() -> None:
    at: dict[str, float] = {}

    async def marks(stream: BotStream) -> None:
        clock = asyncio.get_running_loop().time
        began = clock()
        await stream.mark("empty")
        await stream.until("mark")
        at["empty"] = clock() - began
        await stream.play(tone(2.0))
        await stream.mark("full")
        await stream.until("mark")
        at["full"] = clock() - began
        await stream.until_end()

    call(Bot(marks))
    assert at == pytest.approx({"empty": 0.0, "full": 2.0}, abs=1e-6)


@settings(max_examples=15)
@given(st.floats(0, 0.2), st.floats(0, 0.1), st.floats(0.1, 5.0), st.integers(0, 2**16))
def test_whatever_the_network_what_was_heard_agrees_with_the_recording(
    delay: float, jitter: float, interrupt_after: float, seed: int
) -> None:
    network = Network.symmetric(delay=delay, jitter=jitter, stalls=(Stall(seed % 4, 0.5),))
    script = conversation([Spoken(tone_pcm(0.5))], interrupt_after=interrupt_after, hang_up_after=1.0)
    made = call(Bot(talks_at_length_until_interrupted), script, network=network)
    cleared = made.playout.cleared[0]
    sounding = sum(len(piece.audio[: piece.played]) for piece in made.playout.pieces)
    assert made.playout.played(cleared.at) == cleared.played == sounding
    assert cleared.played + cleared.dropped == cleared.received == 80_000
    assert made.marks == [f"m{n}" for n in range(10)]


# --- The network ----------------------------------------------------------------------------------------------------


def test_lost_frames_leave_gaps_in_the_timestamps() -> None:
    bot = greeting_bot()
    call(bot, conversation([], hang_up_after=None, moment=5.0), network=Network(to_bot=Path(loss=0.1)))
    stamps = [int(message["media"]["timestamp"]) for message in bot.streams[0].of("media")]
    gaps = [later - earlier for earlier, later in pairwise(stamps)]
    assert set(gaps) > {20}
    assert all(gap % 20 == 0 for gap in gaps)


def test_delay_holds_the_greeting_back_by_as_much() -> None:
    at_once, delayed = call(greeting_bot()), call(greeting_bot(), network=Network.symmetric(delay=0.25))

    def onset(made: PhoneCall) -> int:
        return len(made.heard) - len(made.heard.lstrip(b"\xff"))

    assert onset(delayed) - onset(at_once) == pytest.approx(2 * 0.25 * 8000, abs=1)


# --- Signatures and addresses ---------------------------------------------------------------------------------------


def test_every_request_and_the_handshake_are_signed_for_the_public_address_and_sent_to_this_one() -> None:
    public = "https://bot.example.com"
    twiml = (
        '<Response><Connect action="/voice/after"><Stream url="wss://bot.example.com/media" '
        f'statusCallback="{public}/voice/stream-status"/></Connect></Response>'
    )
    bot = greeting_bot(voice=twiml)
    made = call(bot, auth_token=TOKEN, public_url=public)
    assert made.assistant_heard
    validator = RequestValidator(TOKEN)
    paths = sorted(asked.path for asked in bot.asked)
    assert paths == ["/voice", "/voice/status", "/voice/stream-status", "/voice/stream-status"]
    for asked in bot.asked:
        assert validator.validate(public + asked.path, asked.form, asked.headers["X-Twilio-Signature"])
        assert asked.headers["I-Twilio-Idempotency-Token"]
    handshake = bot.streams[0].headers["X-Twilio-Signature"]
    assert validator.validate("wss://bot.example.com:443/media", {}, handshake)
    first = bot.asked[0].form
    assert (first["CallSid"], first["CallStatus"], first["Direction"]) == (made.call_sid, "ringing", "inbound")
    events = {asked.form["StreamEvent"] for asked in bot.asked if asked.path == "/voice/stream-status"}
    assert events == {"stream-started", "stream-stopped"}


def test_without_a_token_nothing_is_signed() -> None:
    bot = greeting_bot()
    call(bot)
    assert "X-Twilio-Signature" not in bot.asked[0].headers
    assert "X-Twilio-Signature" not in bot.streams[0].headers


def test_get_requests_carry_and_sign_the_form_in_the_address() -> None:
    async def closes(stream: BotStream) -> None:
        await stream.socket.close()

    twiml = STREAM.replace('after"', 'after?why=it%20is" method="GET"')
    bot = Bot(closes, voice=twiml)
    call(bot, auth_token=TOKEN, parties=Parties(caller="sip:ann@example.com;x=1 2"))
    asked = next(asked for asked in bot.asked if asked.path == "/voice/after")
    assert asked.method == "GET"
    assert "From=sip%3Aann%40example.com%3Bx%3D1%202" in asked.url
    assert RequestValidator(TOKEN).validate(asked.url, {}, asked.headers["X-Twilio-Signature"])


@pytest.mark.parametrize("url", ["https://bot.example.com", "http://192.0.2.1:8000", "ftp://127.0.0.1", "127.0.0.1"])
def test_only_this_machine_is_called_unless_allowed(url: str) -> None:
    with pytest.raises(SimulatorError):
        virtual_time.run(place_call(url, listen))


def test_a_stream_or_redirect_to_another_machine_is_not_followed() -> None:
    for twiml in (
        STREAM.replace("{host}", "evil.example.com"),
        "<Response><Redirect>https://e.example.com/</Redirect></Response>",
    ):
        with pytest.raises(SimulatorError, match="not this machine"):
            call(Bot(voice=twiml))


# --- What the TwiML does --------------------------------------------------------------------------------------------


def test_when_the_bot_closes_the_stream_its_action_decides_and_what_was_buffered_is_not_heard() -> None:
    async def closes(stream: BotStream) -> None:
        await stream.until("media")
        await stream.socket.close(code=1000)

    after = "<Response><Say>Goodbye to you.</Say><Hangup/><Say>Never said.</Say></Response>"
    bot = greeting_bot(closes, voice_after=after)
    made = call(bot)
    assert made.ended_by == "bot"
    assert made.close_codes == [1000]
    assert made.stream_errors == []
    assert made.said_by_twiml == ["Goodbye to you."]
    assert len(made.heard.strip(b"\xff")) <= 320
    assert made.seconds == pytest.approx(0.02 + len("Goodbye to you.") / 14, abs=0.021)
    assert bot.form_of("/voice/after")["CallStatus"] == "in-progress"


def test_without_an_action_the_next_verb_follows() -> None:
    async def closes(stream: BotStream) -> None:
        await stream.socket.close()

    twiml = STREAM.replace(' action="/voice/after"', "").replace(
        "</Response>", "<Pause length='2'/><Say>Hm.</Say></Response>"
    )
    made = call(Bot(closes, voice=twiml))
    assert made.said_by_twiml == ["Hm."]
    assert made.requests == ["POST /voice", "POST /voice/status"]
    assert made.seconds > 2


def test_the_call_goes_on_in_a_second_stream_with_the_same_script() -> None:
    async def first_fails(stream: BotStream) -> None:
        if len(bot.streams) == 1:
            await stream.play(tone(1.0))
            await stream.until("media")
            transport = stream.socket._req.transport if stream.socket._req else None
            assert transport is not None
            transport.abort()
            return
        await stream.play(tone(0.5))
        await stream.until_end()

    bot = Bot(first_fails, voice_after=STREAM)
    made = call(bot)
    assert len(set(made.stream_sids)) == 2
    assert made.stream_errors == [31903]
    assert made.ended_by == "caller"
    assert len(made.heard.strip(b"\xff")) >= 4000


def test_a_refused_handshake_is_a_stream_error_and_the_call_goes_to_its_safety_net() -> None:
    twiml = STREAM.replace("/media", '/media" statusCallback="/voice/stream-status')
    bot = Bot(voice=twiml, voice_after="<Response><Say>Sorry.</Say></Response>")
    bot.refuse_stream = 403
    made = call(bot)
    assert made.stream_errors == [31920]
    assert made.said_by_twiml == ["Sorry."]
    assert not made.assistant_heard
    assert bot.form_of("/voice/stream-status")["StreamError"] == "31920"


def test_a_transfer_ends_the_call_and_shows_no_number() -> None:
    made = call(Bot(voice="<Response><Say>One moment.</Say><Dial>+14255550123</Dial></Response>"))
    assert made.dialled == "+14255550123"
    assert made.ended_by == "twiml"
    assert "5550123" not in str([note.text for note in made.transcript])


TRANSFER = (
    '<Response><Dial action="/voice/after" timeout="20"><Number url="/voice/whisper">+14255550123</Number></Dial>'
    "<Say>Not reached.</Say></Response>"
)
WHISPER = "<Response><Say>Ann has a flat tire.</Say></Response>"


def test_whoever_answers_hears_the_whisper_before_the_caller_is_put_through() -> None:
    bot = Bot(voice=TRANSFER, voice_whisper=WHISPER)
    made = call(bot)
    [dialled] = made.dials
    assert (dialled.outcome, dialled.rings, dialled.whispered) == ("answered", 20.0, ("Ann has a flat tire.",))
    other = bot.form_of("/voice/whisper")
    assert other["CallSid"] != made.call_sid
    assert other["ParentCallSid"] == made.call_sid
    assert (other["To"], other["Direction"]) == ("+14255550123", "outbound-dial")
    after = bot.form_of("/voice/after")
    assert (after["DialCallStatus"], after["CallSid"]) == ("completed", made.call_sid)
    assert after["DialCallSid"] == other["CallSid"]
    assert not made.said_by_twiml


@pytest.mark.parametrize(("outcome", "seconds"), [("busy", 2), ("no-answer", 20), ("failed", 2)])
def test_whoever_does_not_answer_hears_nothing_and_the_bot_is_told(outcome: Outcome, seconds: float) -> None:
    bot = Bot(voice=TRANSFER, voice_whisper=WHISPER)
    made = call(bot, dialled=[outcome])
    assert bot.form_of("/voice/after")["DialCallStatus"] == outcome
    assert [asked.path for asked in bot.asked if "whisper" in asked.path] == []
    assert made.seconds == pytest.approx(seconds, abs=0.1)


def test_each_attempt_goes_as_it_was_said_and_the_document_goes_on_without_an_action() -> None:
    dials = "<Dial>+14255550123</Dial>" * 3
    made = call(Bot(voice=f"<Response>{dials}<Say>Nobody.</Say></Response>"), dialled=["busy", "failed"])
    assert [dialled.outcome for dialled in made.dials] == ["busy", "failed", "failed"]
    assert made.said_by_twiml == ["Nobody."]


def test_a_whisper_that_cannot_be_had_is_a_transfer_that_failed() -> None:
    bot = Bot(voice=TRANSFER, voice_whisper=500)
    made = call(bot)
    assert bot.form_of("/voice/after")["DialCallStatus"] == "failed"
    assert any(note.who == "trouble" for note in made.transcript)


def test_a_caller_who_hangs_up_while_it_rings_ends_the_call() -> None:
    async def impatient(line: Line) -> None:
        await line.wait(3)

    made = call(Bot(hangs_up, voice_after=TRANSFER), impatient, dialled=["no-answer"])
    assert made.ended_by == "caller"
    assert made.dialled == "+14255550123"
    assert not made.dials


async def hangs_up(stream: BotStream) -> None:
    await stream.play(tone(0.5))
    await asyncio.sleep(1.0)


def test_keys_that_the_bot_presses_are_kept_and_the_next_stream_is_another_one() -> None:
    again = STREAM.replace("<Response>", '<Response><Play digits="1w2#"/>')
    bot = Bot(hangs_up, voice_after=again)

    async def patient(line: Line) -> None:
        await line.until_finished()  # that is, after the keys and what is said then
        await line.wait(0.5)

    made = call(bot, patient, max_seconds=20)
    assert made.pressed[0] == "1w2#"
    assert len(set(made.stream_sids)) == len(made.stream_sids) >= 2
    assert bot.streams[1].messages[1]["sequenceNumber"] == "1"


def test_redirects_are_followed_but_not_for_ever() -> None:
    made = call(
        Bot(
            voice="<Response><Redirect>/voice/other</Redirect></Response>",
            voice_other="<Response><Say>Hi.</Say></Response>",
        )
    )
    assert made.said_by_twiml == ["Hi."]
    with pytest.raises(SimulatorError, match="without an end"):
        call(Bot(voice="<Response><Redirect>/voice</Redirect></Response>"))


@pytest.mark.parametrize("broken", [500, ("text/plain", "Hello"), "<Response><Sing/></Response>"])
def test_a_broken_answer_leads_to_the_fallback(broken: Any) -> None:  # noqa: ANN401 - an Answer
    bot = Bot(voice=broken, voice_fallback="<Response><Say>We are sorry.</Say></Response>")
    made = call(bot)
    assert made.said_by_twiml == ["We are sorry."]
    assert made.trouble
    fallback = bot.form_of("/voice/fallback")
    assert fallback["ErrorCode"] in ("11200", "12100", "12300")
    assert fallback["ErrorUrl"].endswith("/voice")


def test_a_bot_that_refuses_or_is_not_there_is_said_in_one_sentence() -> None:
    with pytest.raises(SimulatorError, match="403: set TWILIO_AUTH_TOKEN"):
        call(Bot(voice=403, voice_fallback=403))
    with pytest.raises(SimulatorError, match=r"nobody answers at http://127\.0\.0\.1:9; "):
        virtual_time.run(place_call("http://127.0.0.1:9", listen))


def test_a_voice_can_be_given_to_what_twilio_says() -> None:
    async def voice(text: str) -> bytes:
        return tone_pcm(0.1 * len(text))

    made = call(Bot(voice="<Response><Say>12345</Say></Response>"), voice=voice)
    assert len(made.heard.strip(b"\xff")) == pytest.approx(4000, abs=2)
    assert not made.assistant_heard  # that was Twilio


# --- Bad messages and bad ends --------------------------------------------------------------------------------------


def test_bad_messages_are_counted_as_twilio_would_and_do_no_harm() -> None:
    async def rubbish(stream: BotStream) -> None:
        await stream.socket.send_bytes(b"\0\1")
        payload = base64.b64encode(tone(1.0)).decode()
        for text in (
            "not json",
            "[]",
            json.dumps({"event": "media", "stream_sid": stream.sid, "media": {"payload": payload}}),
            json.dumps({"event": "media", "streamSid": "MZother", "media": {"payload": payload}}),
            json.dumps({"event": "media", "streamSid": stream.sid, "media": {"payload": "*"}}),
            json.dumps({"event": "media", "streamSid": stream.sid, "media": {"payload": 7}}),
            json.dumps({"event": "mark", "streamSid": stream.sid}),
            json.dumps({"event": "sing", "streamSid": stream.sid}),
        ):
            await stream.socket.send_str(text)
        await stream.play(tone(0.5))
        await stream.until_end()

    made = call(Bot(rubbish))
    assert made.warnings == {31950: 1, 31951: 8}
    assert len(made.heard.strip(b"\xff")) == pytest.approx(4000, abs=2)


def test_a_silent_bot_is_hung_up_on_in_the_end() -> None:
    async def silent(stream: BotStream) -> None:
        await stream.until_end()

    made = call(Bot(silent), max_seconds=30)
    assert made.ended_by == "caller"
    assert made.seconds == pytest.approx(30, abs=0.1)
    assert made.silent
    assert not made.assistant_heard


def test_a_bot_that_reads_nothing_cannot_hold_the_caller() -> None:
    async def deaf(stream: BotStream) -> None:
        await asyncio.sleep(21.5)

    made = call(Bot(deaf), max_seconds=20)
    assert made.ended_by == "caller"
    assert made.seconds == pytest.approx(20, abs=0.1)


def test_the_caller_can_hang_up_while_twilio_speaks_or_in_mid_script() -> None:
    async def hangs_up(line: Line) -> None:
        await line.until_spoken_to()
        await line.hang_up()

    made = call(greeting_bot(), hangs_up)
    assert made.ended_by == "caller"
    assert made.seconds < 0.2
    patient = call(Bot(voice="<Response><Pause length='600'/></Response>"), max_seconds=3)
    assert patient.ended_by == "caller"
    assert patient.seconds == pytest.approx(3, abs=0.05)


def test_a_scripts_own_failure_is_raised_when_the_call_is_over() -> None:
    async def fails(line: Line) -> None:
        await line.until_spoken_to()
        raise ZeroDivisionError

    bot = greeting_bot()
    with pytest.raises(ZeroDivisionError):
        call(bot, fails)
    assert bot.form_of("/voice/status")["CallStatus"] == "completed"


def test_the_bots_reports_become_the_transcript() -> None:
    bot = greeting_bot()
    bot.reports = [
        '{"at": 0.1, "type": "StateChanged", "state": "ready", "message": ""}',
        '{"at": 1.0, "type": "CallerWords", "item_id": "i1", "text": "are you open"}',
        '{"at": 2.0, "type": "AssistantWords", "item_id": "i2", "heard": "We are", "unheard": "open all day"}',
        '{"at": 2.0, "type": "Interrupted", "item_id": "i2", "heard_ms": 400, "sent_ms": 2000}',
        '{"at": 2.1, "type": "Answered", "seconds": 0.5}',
        '{"at": 2.2, "type": "Trouble", "code": "lost", "detail": "the session went away"}',
        '{"at": 2.2, "type": "Unheard of"}',
        "rubbish",
    ]
    made = call(bot)
    told = [(note.who, note.text) for note in made.transcript if note.who != "call"]
    assert told == [
        ("state", "ready"),
        ("understood", "are you open"),
        ("bot", "We are"),
        ("cut", "open all day"),
        ("state", "interrupted: the assistant believes that 400 of 2000 ms were heard"),
        ("state", "answering 0.50 s after your last word"),
        ("trouble", "lost: the session went away"),
    ]


async def test_a_call_in_real_time_over_real_sockets() -> None:
    bot = Bot(talks_at_length_until_interrupted)
    async with bot.answering() as url:
        script = conversation([Spoken(tone_pcm(0.2))], interrupt_after=0.2, hang_up_after=0.2)
        made = await place_call(url, script, follow_reports=False)
    assert made.assistant_heard
    assert made.interruptions[0].cleared
    assert made.marks == [f"m{n}" for n in range(10)]
