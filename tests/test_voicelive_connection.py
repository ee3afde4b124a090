"""The real SDK over real loopback sockets, against the stand-in. No test looks at how long anything took."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
from asyncio.selector_events import _SelectorTransport  # type: ignore[attr-defined]  # no public name
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus

import aiohttp
import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError

from bot.call.commands import AddText, CloseSession, CreateResponse, SendAudio, Turn
from bot.call.events import (
    AudioDelta,
    CallerFacts,
    ResponseCreated,
    SessionFailed,
    SessionReady,
    SpeechStarted,
)
from bot.errors import SessionError, SessionLost, SessionRefused, SessionTimeout, SettingsError
from bot.settings import load_settings
from bot.voicelive import Session, VoiceLive, connection
from bot.voicelive import session as session_module
from tests.voicelive_stand_in import CREATED, UPDATED, Event, Line, Script, StandIn, deaf_host, obliging, silent

FACTS = CallerFacts("CA1")
PATIENT = 5.0  # a limit that is not reached
SHORT = 0.1  # a limit that is


def voice_live(endpoint: str, **settings: object) -> VoiceLive:
    return VoiceLive(load_settings(settings, env_file=None), endpoint=endpoint, wall_clock=lambda: 1000.0)


def then(*messages: Event | str | bytes) -> Script:
    """Open the session, say these, and listen."""

    async def script(line: Line) -> None:
        await line.accept()
        await line.say(*messages)
        await line.listen()

    return script


def delta(number: int) -> Event:
    return {
        "type": "response.audio.delta",
        "response_id": "r",
        "item_id": "i",
        "content_index": 0,
        "delta": b64encode(bytes([number, 0])).decode(),
    }


STARTED: Event = {"type": "input_audio_buffer.speech_started", "item_id": "i"}


def sockets() -> list[object]:
    """The remote ports of all sockets that are still open."""
    transports = [thing for thing in gc.get_objects() if issubclass(type(thing), _SelectorTransport)]
    return [it.get_extra_info("peername", (None, None))[1] for it in transports if it._sock is not None]


async def nothing_is_left(endpoint: str = "") -> None:
    """No task, no HTTP session, and no socket, or at least none to `endpoint`: its own side may still be closing."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    gc.collect()
    things = gc.get_objects()
    assert [thing for thing in things if type(thing) is aiohttp.ClientSession and not thing.closed] == []
    if endpoint:
        assert int(endpoint.rpartition(":")[2]) not in sockets()
    else:
        assert sockets() == []
        assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.fixture(autouse=True)
async def nothing_is_left_of_a_test() -> AsyncIterator[None]:
    yield
    await nothing_is_left()


# --- Opening ----------------------------------------------------------------------------------------------------


async def test_the_configuration_is_the_first_thing_said_and_history_the_second() -> None:
    history = [Turn("assistant", "Hello!"), Turn("user", "Are you open?")]
    async with StandIn() as service:
        session = await voice_live(service.endpoint, voice_live_instructions="Be kind.").open(
            FACTS, history, limit=PATIENT
        )
        await service.until(lambda: len(service.heard) == 3)
        await session.close()

    assert service.heard == [
        {
            "type": "session.update",
            "session": {
                "modalities": ["text", "audio"],
                "instructions": "Be kind.",
                "voice": {"type": "azure-standard", "name": "en-US-AvaNeural"},
                "input_audio_format": "pcm16",
                "input_audio_sampling_rate": 24000,
                "output_audio_format": "pcm16",
                "input_audio_transcription": {"model": "azure-speech"},
                "turn_detection": {
                    "type": "server_vad",
                    "threshold": 0.5,
                    "prefix_padding_ms": 300,
                    "silence_duration_ms": 500,
                    "create_response": True,
                    "interrupt_response": True,
                    "auto_truncate": False,
                },
                "metadata": {"call_id": "CA1"},
            },
        },
        {
            "type": "conversation.item.create",
            "item": {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "Hello!"}]},
        },
        {
            "type": "conversation.item.create",
            "item": {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "Are you open?"}],
            },
        },
    ]
    assert service.closed_with == [1000]


async def test_the_model_and_the_key_are_named() -> None:
    async with StandIn() as service:
        settings = {
            "azure_voice_live_endpoint": service.endpoint,
            "azure_voice_live_api_key": "k1",
            "voice_live_model": "gpt-4o",
        }
        await (await voice_live("", **settings).open(FACTS, limit=PATIENT)).close()

    (request,) = service.requests
    assert request.headers["api-key"] == "k1"
    assert request.path.startswith("/voice-live/realtime?")
    assert "model=gpt-4o" in request.path.split("?")[1].split("&")


@pytest.mark.parametrize("as_setting", [True, False])
async def test_no_key_is_needed_on_loopback(as_setting: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(connection, "DefaultAzureCredential")  # any use of it would be an error
    async with StandIn() as service:
        if as_setting:
            calls = voice_live("", azure_voice_live_endpoint=service.endpoint)
        else:
            # A key that is set without an endpoint is not the engine's to see.
            calls = voice_live(service.endpoint, azure_voice_live_api_key="k1")
        await calls.warm()
        await (await calls.open(FACTS, limit=PATIENT)).close()
        await calls.close()

    assert service.requests[0].headers["api-key"] == "embedded"


def test_an_address_is_needed() -> None:
    with pytest.raises(SettingsError, match="AZURE_VOICE_LIVE_ENDPOINT is missing"):
        voice_live("")


def test_what_the_service_refuses_is_refused_at_once() -> None:
    with pytest.raises(SettingsError, match="VOICE_LIVE_TURN_DETECTION"):
        voice_live(
            "http://127.0.0.1:9",
            voice_live_model="gpt-realtime-2",
            voice_live_turn_detection="server_vad",
            voice_live_transcription="azure-speech",
        )


@pytest.mark.parametrize(
    ("created", "updated", "lifetime"),
    [
        (None, None, None),
        (4600, None, 3600.0),
        (4600, 8200, 7200.0),
        (900, None, None),
        ("soon", None, None),
        (10**400, None, None),
        (None, {}, None),
    ],
)
async def test_the_lifetime_is_what_the_service_says(
    created: object, updated: object, lifetime: float | None
) -> None:
    async def script(line: Line) -> None:
        await line.say({"type": "session.created", "session": {"id": "a", "expires_at": created}})
        await line.hear()
        await line.say({"type": "session.updated", "session": {"id": "b", "expires_at": updated}})

    async with StandIn(script) as service:
        session = await voice_live(service.endpoint).open(FACTS, limit=PATIENT)
        assert session.ready == SessionReady("b", lifetime)
        await session.close()


async def test_what_comes_before_the_session_stands_is_no_hindrance() -> None:
    async def script(line: Line) -> None:
        await line.say("rubbish", {"type": "rate_limits.updated"}, CREATED)
        await line.hear()
        await line.say({"type": "warning", "warning": {"message": "slow"}}, b"\x00", UPDATED)

    async with StandIn(script) as service:
        session = await voice_live(service.endpoint).open(FACTS, limit=PATIENT)
        assert session.rubbish == 2
        await session.close()


@pytest.mark.parametrize("status", [HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.OK])
async def test_a_refused_upgrade_says_its_status(status: HTTPStatus) -> None:
    async with StandIn(status=status) as service:
        with pytest.raises(SessionRefused, match=f"HTTP {status}"):
            await voice_live(service.endpoint).open(FACTS, limit=PATIENT)


async def test_a_redirect_is_not_followed() -> None:
    async with StandIn(status=HTTPStatus.TEMPORARY_REDIRECT) as service:
        with pytest.raises(SessionError):
            await voice_live(service.endpoint).open(FACTS, limit=PATIENT)

    assert len(service.requests) == 1


async def test_a_refused_configuration_says_why() -> None:
    async def script(line: Line) -> None:
        await line.say(CREATED)
        await line.hear()
        await line.say({"type": "error", "error": {"code": "invalid_voice", "message": "No such voice."}})
        await line.listen()

    async with StandIn(script) as service:
        with pytest.raises(SessionRefused, match=r"invalid_voice: No such voice\."):
            await voice_live(service.endpoint).open(FACTS, limit=PATIENT)
        await service.until(lambda: not service.connected)

    assert service.kinds() == ["session.update"]


async def hangs_up(line: Line) -> None:
    await line.hang_up(1011, "no capacity")


async def drops_at_the_configuration(line: Line) -> None:
    await line.say(CREATED)
    await line.hear()
    line.drop()


async def babbles(line: Line) -> None:
    while True:
        await line.say("rubbish")
        await asyncio.sleep(0)  # everything is on one loop here; let the other side live


@pytest.mark.parametrize(
    ("script", "reason"),
    [(hangs_up, "code 1011"), (drops_at_the_configuration, "ended"), (babbles, "20 unreadable")],
)
async def test_a_service_that_goes_while_opening_is_lost(script: Script, reason: str) -> None:
    async with StandIn(script) as service:
        with pytest.raises(SessionLost, match=reason):
            await voice_live(service.endpoint).open(FACTS, limit=PATIENT)
        await service.until(lambda: not service.connected)


async def test_a_service_that_is_not_there_is_lost() -> None:
    async with StandIn() as service:
        endpoint = service.endpoint
    with pytest.raises(SessionLost, match="cannot be reached"):
        await voice_live(endpoint).open(FACTS, limit=PATIENT)


# --- Time limits and cancellation, in each phase ----------------------------------------------------------------


async def never_updates(line: Line) -> None:
    await line.say(CREATED)
    await line.listen()


async def reads_no_history(line: Line) -> None:
    await line.accept()
    line.stop_reading()
    await asyncio.Event().wait()


LONG_HISTORY = [Turn("user", "x" * 1_000_000)] * 20


@pytest.mark.parametrize(
    ("make", "stage"),
    [
        (lambda: StandIn(hangs_in_upgrade=True), "connecting"),
        (lambda: StandIn(silent), r"session\.created"),
        (lambda: StandIn(never_updates), r"session\.updated"),
        (lambda: StandIn(reads_no_history), "said before"),
    ],
    ids=["upgrade", "created", "updated", "history"],
)
@pytest.mark.parametrize("ending", ["limit", "cancelled"])
async def test_nothing_is_left_of_an_opening_that_is_given_up(
    make: Callable[[], StandIn], stage: str, ending: str
) -> None:
    async with make() as service:
        calls = voice_live(service.endpoint)
        if ending == "limit":
            with pytest.raises(SessionTimeout, match=stage):
                await calls.open(FACTS, LONG_HISTORY, limit=SHORT)
        else:
            await given_up(calls.open(FACTS, LONG_HISTORY, limit=PATIENT))
        await nothing_is_left(service.endpoint)


@pytest.mark.parametrize("ending", ["limit", "cancelled"])
async def test_nothing_is_left_of_a_connection_that_nobody_takes(ending: str) -> None:
    async with deaf_host() as endpoint:
        calls = voice_live(endpoint)
        if ending == "limit":
            with pytest.raises(SessionTimeout, match="connecting"):
                await calls.open(FACTS, limit=SHORT)
        else:
            await given_up(calls.open(FACTS, limit=PATIENT))


async def test_cancelling_at_any_step_leaves_nothing() -> None:
    """Cancels the opening after one turn of the loop, after two, and so on until it is through."""
    async with StandIn() as service:
        calls = voice_live(service.endpoint)
        for turns in range(1, 400):
            opening = asyncio.ensure_future(calls.open(FACTS, limit=PATIENT))
            for _ in range(turns):
                await asyncio.sleep(0)
            if opening.done():
                await opening.result().close()
                break
            opening.cancel()
            with pytest.raises(asyncio.CancelledError):
                await opening
        else:
            pytest.fail("the opening never came through")
        await service.until(lambda: not service.connected)


async def given_up(opening: Awaitable[object]) -> None:
    task = asyncio.ensure_future(opening)
    await asyncio.sleep(SHORT)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


# --- Entra ID ---------------------------------------------------------------------------------------------------


class Credential:
    """A stand-in for Entra ID's credential, with an HTTP session of its own as the real one has."""

    def __init__(self, *, fails: bool = False, hangs: bool = False) -> None:
        self.fails = fails
        self.hangs = hangs
        self.scopes: list[str] = []
        self.closed = 0
        self.http = aiohttp.ClientSession()

    async def get_token(self, *scopes: str, **_: object) -> AccessToken:
        session = self.http  # a local of this name, as in the SDK's own frame
        assert not session.closed
        self.scopes += scopes
        if self.hangs:
            await asyncio.Event().wait()
        if self.fails:
            raise ClientAuthenticationError("no identity\nin this house")
        return AccessToken("t1", 2**40)

    async def close(self) -> None:
        self.closed += 1
        await self.http.close()

    async def __aenter__(self) -> Credential:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def with_credential(endpoint: str, credential: Credential) -> VoiceLive:
    return VoiceLive(load_settings(env_file=None), endpoint=endpoint, credential=credential)


async def test_one_credential_serves_all_calls_and_is_closed_once() -> None:
    credential = Credential()
    async with StandIn() as service:
        calls = with_credential(service.endpoint, credential)
        await calls.warm()
        for _ in range(2):
            await (await calls.open(FACTS, limit=PATIENT)).close()
        await calls.close()
        await calls.close()

    assert credential.scopes == ["https://ai.azure.com/.default"] * 3
    assert [request.headers["Authorization"] for request in service.requests] == ["Bearer t1"] * 2
    assert credential.closed == 1


async def test_a_token_that_does_not_come_counts_against_the_limit() -> None:
    credential = Credential(hangs=True)
    calls = with_credential("http://127.0.0.1:9", credential)
    with pytest.raises(SessionTimeout, match="connecting"):
        await calls.open(FACTS, limit=SHORT)

    assert not credential.http.closed, "the credential is shared; one call's end is not its end"
    await calls.close()


async def test_a_token_that_is_refused_is_a_refusal() -> None:
    calls = with_credential("http://127.0.0.1:9", Credential(fails=True))
    with pytest.raises(SessionRefused, match="no access: no identity in this house"):
        await calls.open(FACTS, limit=PATIENT)
    await calls.close()


async def test_warming_without_an_identity_is_only_logged(caplog: pytest.LogCaptureFixture) -> None:
    calls = with_credential("http://127.0.0.1:9", Credential(fails=True))
    await calls.warm()
    await calls.close()

    assert "no Entra ID token yet: no identity in this house" in caplog.text


async def test_without_a_key_entra_id_is_asked_once_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Credential] = []

    def make() -> Credential:
        made.append(Credential())
        return made[-1]

    monkeypatch.setattr(connection, "DefaultAzureCredential", make)
    calls = voice_live("", azure_voice_live_endpoint="https://voice.example")
    assert made == []
    await calls.warm()
    await calls.warm()
    await calls.close()

    assert len(made) == 1
    assert made[0].closed == 1


# --- Talking ----------------------------------------------------------------------------------------------------


async def opened(service: StandIn, **settings: object) -> Session:
    return await voice_live(service.endpoint, **settings).open(FACTS, limit=PATIENT)


async def test_audio_goes_both_ways() -> None:
    async with StandIn(then(delta(7))) as service:
        session = await opened(service)
        assert await session.receive() == AudioDelta("r", "i", 0, b"\x07\x00")
        await session.execute(SendAudio(b"\x01\x00"))
        await session.execute(CreateResponse(say="Hello!"))
        await service.until(lambda: len(service.heard) == 3)
        await session.close()

    assert service.kinds() == ["session.update", "input_audio_buffer.append", "response.create"]
    assert service.heard[1]["audio"] == "AQA="


async def test_what_needs_no_answer_is_passed_over() -> None:
    ignored: list[Event] = [{"type": "new.thing"}, {"type": "error", "error": {"code": "response_cancel_not_active"}}]
    async with StandIn(then(*ignored, delta(7))) as service:
        session = await opened(service)
        assert await session.receive() == AudioDelta("r", "i", 0, b"\x07\x00")
        await session.close()


async def test_a_connection_that_drops_in_mid_word_fails_once() -> None:
    async def script(line: Line) -> None:
        await line.accept()
        await line.say(delta(1), delta(2))
        await line.hear()
        line.drop()

    async with StandIn(script) as service:
        session = await opened(service)
        assert [await session.receive(), await session.receive()] == [
            AudioDelta("r", "i", 0, b"\x01\x00"),
            AudioDelta("r", "i", 0, b"\x02\x00"),
        ]
        await session.execute(SendAudio(b"\x00\x00"))
        assert isinstance(await session.receive(), SessionFailed)
        with pytest.raises(SessionLost):
            await session.receive()
        with pytest.raises(SessionLost):
            await session.execute(SendAudio(b"\x00\x00"))
        await session.close()


@pytest.mark.parametrize("code", [1000, 1001, 1011, 4000])
async def test_a_goodbye_that_is_not_ours_is_a_failure_with_its_code(code: int) -> None:
    async def script(line: Line) -> None:
        await line.accept()
        await line.hang_up(code)

    async with StandIn(script) as service:
        session = await opened(service)
        failure = await session.receive()
        assert isinstance(failure, SessionFailed)
        assert str(code) in failure.reason
        await session.close()


async def test_a_message_beyond_all_measure_is_a_failure() -> None:
    async with StandIn(then("x" * 5_000_000)) as service:
        session = await opened(service)
        assert isinstance(await session.receive(), SessionFailed)
        await session.close()


async def test_an_empty_message_is_a_failure() -> None:
    async with StandIn(then("")) as service:
        session = await opened(service)
        assert isinstance(await session.receive(), SessionFailed)
        await session.close()


async def test_a_little_rubbish_is_skipped_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    rubbish: list[str | bytes] = ["no json", "[1]", b"\xff", json.dumps({**delta(1), "delta": "*"}), '{"type": 1}']
    rubbish *= 3
    async with StandIn(then(*rubbish, STARTED, *rubbish, STARTED)) as service:
        session = await opened(service)
        assert await session.receive() == SpeechStarted("i")
        assert await session.receive() == SpeechStarted("i")
        assert session.rubbish == 30
        await session.close()

    assert caplog.text.count("call=CA1 unreadable message") == 30


async def test_nothing_but_rubbish_is_a_failure() -> None:
    async with StandIn(then(*["rubbish"] * 20)) as service:
        session = await opened(service)
        assert await session.receive() == SessionFailed("20 unreadable messages in a row")
        with pytest.raises(SessionLost):
            await session.receive()
        await session.close()


async def test_a_service_that_takes_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(line: Line) -> None:
        await line.accept()
        line.stop_reading()
        await asyncio.Event().wait()

    async with StandIn(script) as service:
        session = await opened(service)
        monkeypatch.setattr(session_module, "SEND_SECONDS", SHORT)
        text = AddText("x" * 1_000_000)

        async def talk() -> None:
            while True:
                await session.execute(text)

        with pytest.raises(SessionLost, match="took no data"):
            await talk()
        await session.close()
        await nothing_is_left(service.endpoint)


async def test_the_runners_commands_are_not_taken() -> None:
    async with StandIn() as service:
        session = await opened(service)
        with pytest.raises(TypeError, match="CloseSession"):
            await session.execute(CloseSession())
        await session.close()


async def test_verbose_shows_everything_but_audio(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    audio = bytes(range(1, 241))
    async with StandIn(then({"type": "response.created", "response": {"id": "r"}}, delta(1))) as service:
        session = await opened(service, voice_live_verbose=True, azure_voice_live_api_key="k-secret")
        await session.execute(SendAudio(audio))
        assert await session.receive() == ResponseCreated("r")
        await session.receive()
        await session.close()

    ours = [record.getMessage() for record in caplog.records if record.name.startswith("bot.")]
    assert 'call=CA1 sent {"type": "input_audio_buffer.append", "audio": "240 bytes"}' in ours
    assert any(line.startswith('call=CA1 sent {"type": "session.update"') for line in ours)
    assert any(line.startswith('call=CA1 received {"type": "response.created"') for line in ours)
    assert b64encode(audio).decode() not in caplog.text
    assert "k-secret" not in caplog.text


async def test_nothing_is_logged_of_a_call_that_goes_well(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with StandIn(then(delta(1))) as service:
        session = await opened(service)
        await session.receive()
        await session.close()

    assert [record for record in caplog.records if record.name.startswith("bot.")] == []


# --- Closing ----------------------------------------------------------------------------------------------------


async def test_a_closed_session_has_no_more_to_say() -> None:
    async with StandIn() as service:
        session = await opened(service)
        listening = asyncio.ensure_future(session.receive())
        await asyncio.sleep(0)
        await session.close()
        await session.close()
        with pytest.raises(SessionLost, match="closed"):
            await listening
        with pytest.raises(SessionLost, match="closed"):
            await session.receive()
        await service.until(lambda: not service.connected)

    assert service.closed_with == [1000]


async def test_closing_while_cancelled_closes_all_the_same() -> None:
    async def script(line: Line) -> None:
        await line.accept()
        line.stop_reading()
        await asyncio.Event().wait()

    async with StandIn(script) as service:
        session = await opened(service)
        closing = asyncio.ensure_future(session.close())
        for _ in range(3):
            await asyncio.sleep(0)
            closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        await nothing_is_left(service.endpoint)


async def test_a_failed_opening_does_not_touch_its_neighbour() -> None:
    turn = iter([obliging, silent, obliging])

    async def script(line: Line) -> None:
        await next(turn)(line)

    async with StandIn(script) as service:
        calls = voice_live(service.endpoint)
        first = await calls.open(FACTS, limit=PATIENT)
        with pytest.raises(SessionError):
            await calls.open(CallerFacts("CA2"), limit=SHORT)
        third = await calls.open(CallerFacts("CA3"), limit=PATIENT)
        for session in (first, third):
            await session.execute(CreateResponse())
        await service.until(lambda: service.kinds().count("response.create") == 2)
        for session in (first, third):
            await session.close()
