"""The engine over a real socket, with the unmodified SDK as its client."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from random import Random
from typing import Any

import aiohttp
import pytest
from azure.ai.voicelive.aio import ConnectionError as ConnectionRefused
from azure.ai.voicelive.aio import VoiceLiveConnection, connect
from azure.ai.voicelive.models import (
    AssistantMessageItem,
    FunctionCallOutputItem,
    FunctionTool,
    InputTextContentPart,
    OutputTextContentPart,
    RequestSession,
    ResponseCreateParams,
    ServerEvent,
    ServerEventType,
    ServerVad,
    UserMessageItem,
)
from azure.core.credentials import AzureKeyCredential

from bot.engine import connection as connections
from bot.engine import faults
from bot.engine.faults import NO_FAULTS, Faults, Stall
from bot.engine.formats import BYTES_PER_MS
from bot.engine.parts import Brief, Call, Heard, Line, Reply, Say
from bot.engine.scripted import ScriptedMind, ScriptedParts, tone
from bot.engine.server import PATH, EngineServer
from bot.errors import EngineError
from bot.simulator import virtual_time

SESSION = RequestSession(
    modalities=["text", "audio"],
    instructions="Be brief.",
    turn_detection=ServerVad(silence_duration_ms=300),
    tools=[FunctionTool(name="end_call", description="Hang up.", parameters={"type": "object", "properties": {}})],
)


@asynccontextmanager
async def client(engine: EngineServer, *, update: bool = True) -> AsyncIterator[VoiceLiveConnection]:
    """The SDK's connection, with its session updated."""
    credential = AzureKeyCredential("any key")
    async with connect(endpoint=engine.endpoint, credential=credential, model="gpt-4.1-mini") as connection:
        if update:
            await connection.session.update(session=SESSION)
            await until(connection, "session.updated")
        yield connection


async def until(connection: VoiceLiveConnection, kind: str) -> list[Any]:
    """Everything up to the first event of a type, checked to be of the SDK's own class for it."""
    events: list[Any] = []
    async with asyncio.timeout(20):
        while True:
            event = await connection.recv()
            assert type(event) is not ServerEvent, f"the SDK has no model for {event.type}"
            events.append(event)
            if event.type == kind:
                return events


async def no_sessions(engine: EngineServer) -> None:
    async with asyncio.timeout(5):
        while engine.sessions:  # noqa: ASYNC110 - the engine tells nobody
            await asyncio.sleep(0.01)


async def say(connection: VoiceLiveConnection, speech_ms: int = 600, silence_ms: int = 600) -> None:
    for pcm in (tone(speech_ms), bytes(silence_ms * BYTES_PER_MS)):
        await connection.input_audio_buffer.append(audio=base64.b64encode(pcm).decode())


def kinds(events: list[Any]) -> list[str]:
    return [str(event.type.value if isinstance(event.type, ServerEventType) else event.type) for event in events]


def of(events: list[Any], kind: str) -> Any:  # noqa: ANN401 - one of the SDK's many models
    return next(event for event in events if event.type == kind)


def engine_of(parts: ScriptedParts, fault: Faults = NO_FAULTS, **options: Any) -> EngineServer:  # noqa: ANN401 - options
    rng = Random(7)  # noqa: S311 - ids in a test
    return EngineServer(parts, faults=fault, rng=rng, **options)


# --- What the SDK sees ----------------------------------------------------------------------------------------------


async def test_a_conversation_reads_as_models_of_the_sdk() -> None:
    parts = ScriptedParts(heard=["When do you open?"], answers=["We open at nine."])
    async with engine_of(parts, wall_clock=lambda: 1000.0) as engine, client(engine, update=False) as connection:
        created = of(await until(connection, "session.created"), "session.created").session
        assert created.id.startswith("sess_")
        assert created.expires_at.timestamp() == 4600
        await connection.session.update(session=SESSION)
        updated = of(await until(connection, "session.updated"), "session.updated").session
        assert (updated.instructions, updated.turn_detection.silence_duration_ms) == ("Be brief.", 300)
        assert updated.tools[0].name == "end_call"
        await say(connection)
        events = await until(connection, "response.done")
    assert kinds(events) == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.input_audio_transcription.completed",
        "conversation.item.created",
        "response.created",
        "response.output_item.added",
        "conversation.item.created",
        "response.content_part.added",
        *["response.audio_transcript.delta"] * 4,
        *["response.audio.delta"] * 3,
        "response.audio.done",
        "response.audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.done",
    ]
    deltas = [event.delta for event in events if event.type == "response.audio.delta"]
    assert [len(delta) // BYTES_PER_MS for delta in deltas] == [200, 300, 460]
    assert b"".join(deltas) == tone(len("We open at nine.") * 60)
    response = events[-1].response
    assert response.status == "completed"
    assert response.output[0].content[0].transcript == "We open at nine."
    assert response.usage.output_token_details.audio_tokens == 19
    assert of(events, "conversation.item.created").item.content[0].transcript == "When do you open?"


async def test_a_greeting_a_tool_and_a_goodbye() -> None:
    parts = ScriptedParts(heard=["bye"], answers=[[Call("call_1", "end_call", '{"why": "done"}')], "Goodbye!"])
    async with engine_of(parts) as engine, client(engine) as connection:
        greeting = AssistantMessageItem(content=[OutputTextContentPart(text="Hello there.")])
        await connection.response.create(response=ResponseCreateParams(pre_generated_assistant_message=greeting))
        spoken = of(await until(connection, "response.done"), "response.audio_transcript.done")
        assert spoken.transcript == "Hello there."
        await say(connection)
        called = await until(connection, "response.done")
        assert of(called, "response.output_item.added").item.name == "end_call"
        assert of(called, "response.function_call_arguments.done").arguments == '{"why": "done"}'
        await connection.conversation.item.create(item=FunctionCallOutputItem(call_id="call_1", output="ok"))
        await until(connection, "conversation.item.created")
        await connection.response.create()
        await until(connection, "response.done")
    assert parts.speaker.spoken == ["Hello there.", "Goodbye!"]
    lines, brief, _ = parts.minds[0].asked[-1]
    assert [tool.name for tool in brief.tools] == ["end_call"]
    assert lines == [
        Line("assistant", "Hello there."),
        Line("user", "bye"),
        Line("assistant", '{"why": "done"}', call_id="call_1", name="end_call"),
        Line("tool", "ok", call_id="call_1"),
    ]


async def test_the_mind_knows_what_was_heard_of_an_interrupted_answer() -> None:
    parts = ScriptedParts(heard=["first", "second"], answers=["one two three four five six", "right"])
    async with engine_of(parts) as engine, client(engine) as connection:
        await say(connection)
        item_id = of(await until(connection, "response.done"), "response.audio.done").item_id
        await say(connection, 300, 0)
        assert kinds(await until(connection, "input_audio_buffer.speech_started"))
        await connection.conversation.item.truncate(item_id=item_id, content_index=0, audio_end_ms=500)
        assert (await until(connection, "conversation.item.truncated"))[-1].audio_end_ms == 500
        await connection.conversation.item.truncate(item_id=item_id, content_index=0, audio_end_ms=900)
        assert (await until(connection, "error"))[-1].error.code == "item_already_truncated"
        await say(connection, 100, 500)
        await until(connection, "response.done")
        truncations = engine.received("conversation.item.truncate")
    assert parts.minds[0].asked[-1][0][-2:] == [Line("assistant", "one two"), Line("user", "second")]
    assert [event["audio_end_ms"] for event in truncations] == [500, 900]


async def test_speech_during_a_response_cancels_it() -> None:
    parts = ScriptedParts(heard=["first"], answers=["a very long answer " * 20])
    async with engine_of(parts, speed=1.0) as engine, client(engine) as connection:
        await say(connection)
        await until(connection, "response.audio.delta")
        await say(connection, 200, 0)
        events = await until(connection, "response.done")
        assert kinds(events).index("input_audio_buffer.speech_started") >= 0
        done = events[-1].response
        assert (done.status, done.status_details.reason) == ("cancelled", "turn_detected")
        await connection.response.cancel()
        assert (await until(connection, "error"))[-1].error.code == "response_cancel_not_active"


async def test_history_is_taken_from_the_client_and_the_mind_greets_where_there_is_none() -> None:
    parts = ScriptedParts(greeting="Good morning.")
    async with engine_of(parts) as engine, client(engine) as connection:
        await connection.response.create(additional_instructions="Sound awake.")
        await until(connection, "response.done")
        await connection.conversation.item.create(item=UserMessageItem(content=[InputTextContentPart(text="hi")]))
        await connection.response.create()
        await until(connection, "response.done")
    assert parts.speaker.spoken == ["Good morning.", "You said: hi"]
    assert parts.minds[0].asked[0][2] == "Sound awake."


async def test_a_bad_event_is_answered_with_an_error_that_names_it() -> None:
    async with engine_of(ScriptedParts()) as engine, client(engine) as connection:
        await connection.send({"type": "session.update", "event_id": "mine", "session": {"colour": "blue"}})
        problem = (await until(connection, "error"))[-1].error
        assert (problem.code, problem.param, problem.event_id) == ("unknown_parameter", "session.colour", "mine")
        await connection.response.create()
        await until(connection, "response.done")


# --- Parts that fail ------------------------------------------------------------------------------------------------


class BrokenMind(ScriptedMind):
    async def answer(self, conversation: Any, brief: Brief, hint: str = "") -> list[Reply]:  # noqa: ANN401 - unused
        raise RuntimeError("no idea")


class Broken(ScriptedParts):
    """Parts whose mind fails on the first answer, or whose listener fails on the first turn."""

    def __init__(self, *, mind: bool = False, listener: bool = False) -> None:
        super().__init__(heard=["one", "two"])
        self._broken_mind, self._broken_listener = mind, listener

    def mind(self) -> ScriptedMind:
        return BrokenMind() if self._broken_mind else super().mind()

    def listener(self) -> Any:  # noqa: ANN401 - a listener whose script raises
        listener = super().listener()
        if self._broken_listener:
            listener._lines = (str(1 / 0) for _ in range(1))
        return listener


async def test_a_mind_that_raises_fails_the_response_and_nothing_else() -> None:
    async with engine_of(Broken(mind=True)) as engine, client(engine) as connection:
        for _ in range(2):
            await say(connection)
            done = (await until(connection, "response.done"))[-1].response
            assert (done.status, done.status_details.error["code"]) == ("failed", "server_error")


async def test_a_listener_that_raises_fails_the_transcription_and_the_turn_is_answered() -> None:
    async with engine_of(Broken(listener=True)) as engine, client(engine) as connection:
        await say(connection)
        events = await until(connection, "response.done")
        assert "conversation.item.input_audio_transcription.failed" in kinds(events)


class BrokenDetector:
    def probability(self, pcm: bytes) -> list[float]:
        raise RuntimeError("no ears")


async def test_a_detector_that_raises_costs_one_event_and_not_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = ScriptedParts()
    monkeypatch.setattr(parts, "detector", BrokenDetector)
    async with engine_of(parts) as engine, client(engine) as connection:
        await connection.input_audio_buffer.append(audio=base64.b64encode(tone(20)).decode())
        assert (await until(connection, "error"))[-1].error.type == "server_error"
        await connection.response.create()
        await until(connection, "response.done")


async def test_a_client_that_does_not_read_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_MOST_FRAMES", 16)
    async with (
        engine_of(ScriptedParts()) as engine,
        aiohttp.ClientSession() as http,
        http.ws_connect(engine.endpoint + PATH, headers={"api-key": "x"}) as socket,
    ):
        bad = json.dumps({"type": "x" * 100, "padding": "y" * 1000})
        with suppress(ConnectionError):
            for _ in range(100_000):
                await socket.send_str(bad)
            pytest.fail("the engine took everything and gave up nothing")
        await no_sessions(engine)


# --- The server -----------------------------------------------------------------------------------------------------


async def test_sessions_are_counted_and_nothing_is_left_of_them() -> None:
    parts = ScriptedParts(answers=["long " * 200])
    before = asyncio.all_tasks()
    async with engine_of(parts) as engine:
        async with client(engine), client(engine) as connection:
            assert (engine.sessions, engine.opened) == (2, 2)
            await connection.response.create()
            await until(connection, "response.audio.delta")
        await no_sessions(engine)
    assert asyncio.all_tasks() == before


async def test_closing_the_engine_ends_its_sessions() -> None:
    async with engine_of(ScriptedParts()) as engine:
        connection = await connect(
            endpoint=engine.endpoint, credential=AzureKeyCredential("any"), model="m"
        ).__aenter__()
    assert engine.sessions == 0
    await connection.close()


async def test_only_loopback_is_served() -> None:
    with pytest.raises(EngineError, match="loopback"):
        EngineServer(ScriptedParts(), host="0.0.0.0")  # noqa: S104 - what must not be


async def test_a_taken_port_is_an_error_with_its_number() -> None:
    async with engine_of(ScriptedParts()) as engine:
        with pytest.raises(EngineError, match=str(engine.port)):
            await EngineServer(ScriptedParts(), port=engine.port).__aenter__()


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [("/elsewhere", {"api-key": "x"}, 404), (PATH, {}, 401), (PATH + "?model=m&api-key=x", {}, 101)],
)
async def test_upgrades_are_checked_as_the_service_would(path: str, headers: dict[str, str], status: int) -> None:
    async with engine_of(ScriptedParts()) as engine, aiohttp.ClientSession() as http:
        upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
        key = {"Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode()}
        async with http.get(engine.endpoint + path, headers=headers | upgrade | key) as response:
            assert response.status == status


async def test_full_means_too_many_requests() -> None:
    async with engine_of(ScriptedParts(), max_sessions=1) as engine, client(engine):
        with pytest.raises(ConnectionRefused, match="429"):
            async with client(engine):
                pass


async def test_an_oversized_event_is_answered_and_the_connection_lives() -> None:
    async with (
        engine_of(ScriptedParts()) as engine,
        aiohttp.ClientSession() as http,
        http.ws_connect(engine.endpoint + PATH, headers={"api-key": "x"}) as socket,
    ):
        assert (await socket.receive_json(timeout=5))["type"] == "session.created"
        await socket.send_str('{"type": "' + "x" * (16 * 1024 * 1024) + '"}')
        assert (await socket.receive_json(timeout=10))["error"]["code"] == "event_too_large"
        await socket.send_str("not JSON")
        assert (await socket.receive_json(timeout=5))["error"]["code"] == "invalid_json"
        await socket.send_bytes(b"\x00")
        assert (await socket.receive_json(timeout=5))["error"]["code"] == "invalid_event"


# --- Faults ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [401, 429])
async def test_upgrades_are_refused_on_request_and_then_no_more(status: int) -> None:
    async with engine_of(ScriptedParts(), Faults(connections=1, refuse_status=status)) as engine:
        with pytest.raises(ConnectionRefused, match=str(status)):
            async with client(engine):
                pass
        async with client(engine):
            assert engine.opened == 1


async def test_a_handshake_hangs_on_request_and_the_engine_still_closes() -> None:
    async with engine_of(ScriptedParts(), Faults(hang_handshake=True)) as engine, aiohttp.ClientSession() as http:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2), http.ws_connect(engine.endpoint + PATH, headers={"api-key": "x"}):
                pass


async def test_a_connection_drops_in_mid_word_on_request() -> None:
    parts = ScriptedParts(answers=["long " * 50])
    async with engine_of(parts, Faults(connections=1, drop_after_deltas=2)) as engine:
        async with client(engine) as connection:
            await connection.response.create(
                response=ResponseCreateParams(
                    pre_generated_assistant_message=AssistantMessageItem(
                        content=[OutputTextContentPart(text="a long sentence that is cut off")]
                    )
                )
            )
            deltas = [event async for event in connection if event.type == "response.audio.delta"]
        assert len(deltas) == 2
        async with client(engine):
            pass


@pytest.mark.parametrize("frame", [faults.NOT_JSON, faults.BINARY, faults.NOT_AN_OBJECT, faults.NOT_BASE64])
async def test_rubbish_is_sent_as_it_is(frame: str | bytes) -> None:
    async with (
        engine_of(ScriptedParts(), Faults(rubbish=(frame,), rubbish_after="session.created")) as engine,
        aiohttp.ClientSession() as http,
        http.ws_connect(engine.endpoint + PATH, headers={"api-key": "x"}) as socket,
    ):
        assert json.loads(await socket.receive_str(timeout=5))["type"] == "session.created"
        assert (await socket.receive(timeout=5)).data == frame


def test_a_short_session_expires_in_virtual_time() -> None:
    async def call() -> tuple[float, list[str]]:
        loop = asyncio.get_running_loop()
        fault = Faults(lifetime=30.0)
        async with engine_of(ScriptedParts(), fault) as engine, client(engine) as connection:
            began = loop.time()
            events: list[Any] = [event async for event in connection]
            return loop.time() - began, [event.error.code for event in events]

    lasted, codes = virtual_time.run(call())
    assert lasted == pytest.approx(30, abs=0.1)
    assert codes == ["session_expired"]


def delivery(fault: Faults = NO_FAULTS, speed: float = 11.0) -> list[tuple[float, float]]:
    """When each delta of a 7.8 s answer comes, in virtual time: (seconds since the first, seconds of audio in it)."""

    async def call() -> list[tuple[float, float]]:
        clock: Callable[[], float] = asyncio.get_running_loop().time
        parts = ScriptedParts(heard=["hm"], answers=["thirteen chars" * 9 + "!!!!"])
        async with engine_of(parts, fault, speed=speed) as engine, client(engine) as connection:
            await say(connection)
            seen = []
            event: Any = None
            while event is None or event.type != "response.done":
                event = await connection.recv()
                if event.type == "response.audio.delta":
                    seen.append((clock(), len(event.delta) / BYTES_PER_MS / 1000))
            return [(at - seen[0][0], seconds) for at, seconds in seen]

    return virtual_time.run(call())


def test_audio_is_delivered_eleven_times_faster_than_it_plays() -> None:
    deltas = delivery()
    assert [round(seconds, 3) for _, seconds in deltas][:4] == [0.2, 0.3, 0.5, 0.5]
    played = 0.0
    for at, seconds in deltas:
        assert at == pytest.approx(played / 11, abs=0.02)
        played += seconds
    assert played == pytest.approx(7.8)


def test_audio_can_be_delivered_as_fast_as_it_is_made() -> None:
    assert delivery(speed=0)[-1][0] == pytest.approx(0, abs=0.02)


def test_a_reply_stalls_on_request() -> None:
    deltas = delivery(Faults(stall=Stall(after_ms=500, seconds=1.2)))
    gaps = [later - earlier for (earlier, _), (later, _) in pairwise(deltas)]
    assert gaps[1] == pytest.approx(1.2 + 0.3 / 11, abs=0.03)
    assert max(gaps[2:]) < 0.1


async def test_an_unsure_turn_reaches_the_mind_as_unsure() -> None:
    parts = ScriptedParts(heard=[Heard("mumble", sure=False)], answers=[[Say("Pardon?"), Say("  "), Say("Again?")]])
    async with engine_of(parts) as engine, client(engine) as connection:
        await say(connection)
        await until(connection, "response.done")
    assert parts.minds[0].asked[0][0] == [Line("user", "mumble", sure=False)]
    assert parts.speaker.spoken == ["Pardon? Again?"]
