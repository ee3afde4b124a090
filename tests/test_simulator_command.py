"""`voicebot call` as a person runs it: a process's view of arguments, output and exit code, in real time."""

from __future__ import annotations

import asyncio
import sys
import threading
import types
import wave
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bot.simulator.command import call
from bot.simulator.playout import leading_quiet
from tests.simulator_bot import Bot, BotStream, tone, tone_pcm


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory without a .env, and an environment without settings."""
    for name in ("TWILIO_AUTH_TOKEN", "TWILIO_AUTH_TOKEN_SECONDARY", "TWILIO_ACCOUNT_SID", "PUBLIC_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@contextmanager
def answering(bot: Bot) -> Iterator[str]:
    """The stand-in in a thread of its own: the command runs its own loop."""
    ready, over = threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        async with bot.answering():
            loops.append(asyncio.get_running_loop())
            ready.set()
            await over.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    ready.wait(10)
    try:
        yield bot.url
    finally:
        loops[0].call_soon_threadsafe(over.set)
        thread.join(10)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(call, arguments)


def said(monkeypatch: pytest.MonkeyPatch, seconds: float) -> list[str]:
    """Give the caller a voice: a tone of so many seconds. Returns what it was asked to say."""
    texts: list[str] = []

    class Speaker:
        async def speak(self, text: str, voice: str) -> AsyncIterator[bytes]:
            texts.append(f"{voice}: {text}")
            if text != "...":
                yield tone_pcm(seconds, rate=24000)

        async def close(self) -> None:
            texts.append("closed")

    module = types.ModuleType("bot.engine.speech")
    module.__dict__.update(CALLER="caller", caller_speaker=Speaker)
    monkeypatch.setitem(sys.modules, "bot.engine.speech", module)
    return texts


async def converses(stream: BotStream) -> None:
    await stream.play(tone(0.3))
    await stream.until_voice()
    await asyncio.sleep(0.3)
    await stream.play(tone(0.3))
    await stream.until_end()


def test_a_conversation_is_shown_summed_up_and_recorded(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = said(monkeypatch, 0.2)
    with answering(Bot(converses)) as url:
        result = run("--url", url, "--say", "Are you open?", "--stereo")
    assert result.exit_code == 0, result.output
    assert texts == ["caller: Are you open?", "closed"]
    assert 'you       "Are you open?"' in result.output
    assert "an answer was heard" in result.output
    assert "1 of 1 lines answered" in result.output
    with wave.open(str(elsewhere / "heard.wav")) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (2, 8000, 2)
        assert file.getnframes() > 8000


def test_a_recording_is_sent_as_it_is(elsewhere: Path) -> None:
    with wave.open("asks.wav", "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(24000)
        file.writeframes(tone_pcm(0.2, rate=24000))
    bot = Bot(converses)
    with answering(bot) as url:
        result = run(
            "--url", url, "--wav", "asks.wav", "--hang-up-after", "0.2", "--digits", "1", "--record", "r.wav"
        )
    assert result.exit_code == 0, result.output
    assert '"(asks.wav)"' in result.output
    assert bot.streams[0].of("dtmf")
    assert (elsewhere / "r.wav").exists()


def test_keys_and_sentences_go_in_the_order_in_which_they_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    said(monkeypatch, 0.2)

    async def answers_four_times(stream: BotStream) -> None:
        for what in ("greeting", "1", "Hello", "23"):
            await stream.play(tone(0.3))
            if what == "Hello":
                await stream.until_voice()
            elif what != "greeting":
                for _ in what:
                    await stream.until("dtmf")
        await stream.play(tone(0.3))
        await stream.until_end()

    bot = Bot(answers_four_times)
    with answering(bot) as url:
        result = run("--url", url, "--press", "1", "--say", "Hello", "--press", "23", "--max-seconds", "20")
    assert result.exit_code == 0, result.output
    assert result.output.index("you press 1 key") < result.output.index('"Hello"')
    assert result.output.index('"Hello"') < result.output.index("you press 2 keys")


def test_a_sip_call_carries_its_headers_and_a_dial_goes_as_it_is_told() -> None:
    bot = Bot(voice='<Response><Dial action="/voice/after" timeout="1">+14255550123</Dial></Response>')
    who, whom = "sip:alice@acme.sip.twilio.com", "sip:desk@acme.sip.twilio.com"
    with answering(bot) as url:
        result = run(
            *("--url", url, "--from", who, "--to", whom, "--header", "X-Account-Id=7=8"), "--dialled", "busy"
        )
    form = bot.form_of("/voice")
    assert (form["From"], form["To"], form["SipHeader_X-Account-Id"]) == (who, whom, "7=8")
    assert form["SipDomain"] == "acme.sip.twilio.com"
    assert form["SipUsername"] == "alice"
    assert "FromCountry" not in form
    assert "***23: busy" in result.output


def test_a_silent_bot_is_a_failure_said_in_one_sentence() -> None:
    async def silent(stream: BotStream) -> None:
        await stream.until_end()

    with answering(Bot(silent)) as url:
        result = run("--url", url, "--max-seconds", "0.3")
    assert result.exit_code == 1
    assert result.stderr == "The assistant was not heard: the stream brought no sound.\n"


def test_a_full_bot_is_a_failure_that_quotes_it() -> None:
    with answering(Bot(voice="<Response><Say>We are full.</Say></Response>")) as url:
        result = run("--url", url)
    assert result.exit_code == 1
    assert result.stderr == 'The assistant was not heard; the bot had Twilio say: "We are full."\n'


def test_a_refused_stream_is_a_failure_with_its_number() -> None:
    bot = Bot()
    bot.refuse_stream = 503
    with answering(bot) as url:
        result = run("--url", url)
    assert result.exit_code == 1
    assert "stream failed with error 31920" in result.stderr


def test_no_bot_is_a_failure_that_says_how_to_start_one() -> None:
    result = run("--url", "http://127.0.0.1:9")
    assert result.exit_code == 1
    assert result.stderr == "nobody answers at http://127.0.0.1:9; start the bot with `make run`\n"


def test_a_text_without_words_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    said(monkeypatch, 0.2)
    result = run("--say", "...")
    assert result.exit_code == 1
    assert "should hold words" in result.stderr


def test_without_the_engines_voice_say_is_a_failure_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "bot.engine.speech", None)
    result = run("--say", "Hello")
    assert result.exit_code == 1
    assert "make setup" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--url", "https://bot.example.com"], "--allow-remote"),
        (["--url", "nonsense"], "should be an address"),
        (["--wav", "none.wav"], "cannot be read"),
        (["--digits", "12x"], "should be made of"),
        (["--press", ""], "should be made of"),
        (["--header", "X-Account-Id=7"], "--from sip:"),
        (["--from", "sip:a@b.c", "--header", "From=x"], "X-NAME=VALUE"),
        (["--dialled", "perhaps"], "--dialled"),
        (["--stall", "soon"], "AT:SECONDS"),
        (["--stall", "-1:2"], "AT:SECONDS"),
        (["--stall", "nan:2"], "AT:SECONDS"),
        (["--max-seconds", "0"], "--max-seconds"),
        (["--loss", "101"], "--loss"),
        (["--delay", "nan"], "--delay"),
        (["--unheard-of"], "--unheard-of"),
    ],
)
def test_wrong_arguments_exit_with_2_and_a_sentence(arguments: list[str], complaint: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert complaint in result.stderr
    assert "Traceback" not in result.output


def test_a_wrong_setting_exits_with_2_and_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "t")
    result = run()
    assert result.exit_code == 2
    assert result.stderr.startswith("PUBLIC_URL is missing")


def test_the_token_and_the_public_address_come_from_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "t")
    monkeypatch.setenv("PUBLIC_URL", "https://bot.example.com")
    bot = Bot(voice="<Response><Hangup/></Response>")
    with answering(bot) as url:
        run("--url", url)
    assert bot.asked[0].headers["X-Twilio-Signature"]


def test_quiet_is_not_sound() -> None:
    assert leading_quiet(b"\xff\x7f\xfe" + tone(0.1)) == 3
