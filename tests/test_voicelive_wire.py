from __future__ import annotations

import base64
import json
import logging

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.call.commands import (
    AddText,
    CancelResponse,
    CloseSession,
    CreateResponse,
    DeleteItem,
    OpenSession,
    SendAudio,
    SessionCommand,
    Truncate,
    Turn,
)
from bot.call.events import (
    AudioDelta,
    AudioDone,
    CallerSaid,
    ResponseCreated,
    ResponseDone,
    ResponseRefused,
    ServiceError,
    SessionEvent,
    SpeechStarted,
    SpeechStopped,
    TranscriptDelta,
)
from bot.voicelive.messages import Rubbish
from bot.voicelive.wire import Reader, command_event, shown, turn_event


def read(message: object) -> SessionEvent | None:
    return Reader("CA1").event(json.dumps(message).encode())


def delta(pcm: bytes) -> dict[str, object]:
    return {
        "type": "response.audio.delta",
        "event_id": "event_9",
        "response_id": "resp_1",
        "item_id": "item_1",
        "output_index": 0,
        "content_index": 2,
        "delta": base64.b64encode(pcm).decode(),
    }


@pytest.mark.parametrize(
    ("message", "event"),
    [
        (
            {"type": "input_audio_buffer.speech_started", "audio_start_ms": 10, "item_id": "i"},
            SpeechStarted("i"),
        ),
        ({"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 90, "item_id": "i"}, SpeechStopped("i")),
        (
            {
                "type": "conversation.item.input_audio_transcription.completed",
                "item_id": "i",
                "content_index": 0,
                "transcript": "Hello?",
            },
            CallerSaid("i", "Hello?"),
        ),
        (
            {"type": "conversation.item.input_audio_transcription.completed", "item_id": "i", "transcript": None},
            CallerSaid("i", ""),
        ),
        (
            {
                "type": "conversation.item.input_audio_transcription.failed",
                "item_id": "i",
                "error": {"code": "audio_unintelligible", "message": "no"},
            },
            CallerSaid("i", "", known=False),
        ),
        ({"type": "response.created", "response": {"id": "r", "status": "in_progress"}}, ResponseCreated("r")),
        (
            {"type": "response.audio_transcript.delta", "response_id": "r", "item_id": "i", "delta": "Good "},
            TranscriptDelta("r", "i", "Good "),
        ),
        ({"type": "response.audio.done", "response_id": "r", "item_id": "i"}, AudioDone("r", "i")),
    ],
)
def test_events_that_matter_reach_the_call(message: dict[str, object], event: SessionEvent) -> None:
    assert read(message) == event


@pytest.mark.parametrize("kind", ["started", "stopped"])
def test_speech_without_an_item_is_still_heard(kind: str) -> None:
    event = SpeechStarted("") if kind == "started" else SpeechStopped("")

    assert read({"type": f"input_audio_buffer.speech_{kind}", "item_id": None}) == event
    assert read({"type": f"input_audio_buffer.speech_{kind}"}) == event


@given(st.binary(max_size=4000).filter(lambda pcm: len(pcm) > 1))
def test_audio_arrives_as_whole_samples(pcm: bytes) -> None:
    whole = len(pcm) // 2 * 2

    assert read(delta(pcm)) == AudioDelta("resp_1", "item_1", 2, pcm[:whole])


def test_audio_of_less_than_a_sample_is_nothing() -> None:
    assert read(delta(b"")) is None
    assert read(delta(b"x")) is None


def test_half_a_sample_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    reader = Reader("CA1")
    for _ in range(3):
        reader.event(json.dumps(delta(b"abc")).encode())

    assert [record.getMessage() for record in caplog.records] == [
        "call=CA1 audio of an odd length: half a sample is dropped"
    ]


@pytest.mark.parametrize(
    ("response", "event"),
    [
        ({"id": "r", "status": "completed", "status_details": None}, ResponseDone("r", "completed")),
        (
            {
                "id": "r",
                "status": "cancelled",
                "status_details": {"type": "cancelled", "reason": "turn_detected"},
            },
            ResponseDone("r", "cancelled", "turn_detected"),
        ),
        (
            {
                "id": "r",
                "status": "incomplete",
                "status_details": {"type": "incomplete", "reason": "content_filter"},
            },
            ResponseDone("r", "incomplete", "content_filter"),
        ),
        (
            {
                "id": "r",
                "status": "failed",
                "status_details": {"type": "failed", "error": {"code": "rate_limit_exceeded", "message": "slow"}},
            },
            ResponseDone("r", "failed", "rate_limit_exceeded"),
        ),
        ({"id": "r", "status": "failed", "status_details": {"error": "boom"}}, ResponseDone("r", "failed")),
        ({"id": "r", "status": "failed", "status_details": [7]}, ResponseDone("r", "failed")),
        ({"id": "r", "status": "parked"}, ResponseDone("r", "failed", "status 'parked'")),
        ({"id": "r"}, ResponseDone("r", "failed", "status None")),
    ],
)
def test_the_end_of_a_response_is_never_missed(response: dict[str, object], event: ResponseDone) -> None:
    assert read({"type": "response.done", "response": response}) == event


def error(code: object, message: str = "no") -> dict[str, object]:
    return {"type": "error", "error": {"type": "invalid_request_error", "code": code, "message": message}}


def test_a_refused_response_is_told_apart() -> None:
    assert read(error("conversation_already_has_active_response")) == ResponseRefused()


@pytest.mark.parametrize(
    "message",
    [
        error("response_cancel_not_active"),
        error("item_already_truncated"),
        error("input_audio_buffer_commit_empty"),
        error("item_delete_invalid_item_id"),
        error("invalid_value", "Audio content of 1200ms is already shorter than 1400ms"),
    ],
)
def test_the_outcome_of_a_race_is_no_error(message: dict[str, object]) -> None:
    assert read(message) is None


@pytest.mark.parametrize(
    ("message", "event"),
    [
        (error("server_error", "Oh dear."), ServiceError("server_error", "Oh dear.")),
        (error(None), ServiceError("invalid_request_error", "no")),
        (error(429), ServiceError("429", "no")),
        (error("e", "x" * 500), ServiceError("e", "x" * 200 + "…")),
        ({"type": "error"}, ServiceError("", "")),
    ],
)
def test_other_errors_are_reported(message: dict[str, object], event: ServiceError) -> None:
    assert read(message) == event


def test_a_warning_of_the_service_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    assert read({"type": "warning", "warning": {"code": "slow", "message": "soon\nover"}}) is None
    assert "call=CA1 the service warns: slow: soon over" in caplog.text


def test_unknown_events_are_logged_once_for_each_kind(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    reader = Reader("CA1")
    for kind in ["new.thing", "new.thing", "other.thing", "new.thing", "response.output_item.added"]:
        assert reader.event(json.dumps({"type": kind, "field": [1]}).encode()) is None

    assert [record.getMessage() for record in caplog.records] == [
        "call=CA1 unknown event 'new.thing' is ignored",
        "call=CA1 unknown event 'other.thing' is ignored",
    ]


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"hello",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"7",
        b"{}",
        b'{"type": 7}',
        b'{"type": null}',
        b'{"type": "response.created"}',
        b'{"type": "response.created", "response": {"id": 7}}',
        b'{"type": "response.done", "response": "r"}',
        b'{"type": "response.audio.delta", "response_id": "r", "item_id": "i", "delta": "AAAA"}',
        b'{"type": "response.audio.delta", "response_id": "r", "item_id": "i", "content_index": 0, "delta": "*"}',
        b'{"type": "response.audio.delta", "response_id": "r", "item_id": "i", "content_index": 0, "delta": 7}',
        b'{"type": "response.audio_transcript.delta", "response_id": "r", "item_id": "i", "delta": ["x"]}',
        b'{"type": "input_audio_buffer.speech_started", "item_id": {}}',
        b"[" * 100_000,
        b'{"type": "new.thing", "deep": ' + b"[" * 100_000,
        b'{"type": "response.done", "response": {"id": "r", "status_details": ' + b"[" * 100_000,
    ],
)
def test_rubbish_is_called_rubbish(message: bytes) -> None:
    with pytest.raises(Rubbish):
        Reader("CA1").event(message)


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(message: bytes) -> None:
    try:
        Reader("CA1").event(message)
    except Rubbish:
        return


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "x", "é"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "code", "error"]), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(
    st.sampled_from(
        ["error", "warning", "response.done", "response.created", "session.updated", "response.audio.delta"]
    ),
    st.dictionaries(
        st.sampled_from(["error", "warning", "response", "session", "item_id", "response_id", "delta"]), json_values
    ),
)
def test_no_shape_of_a_known_event_breaks_the_reader(kind: str, fields: dict[str, object]) -> None:
    try:
        Reader("CA1").event(msgspec.json.encode({**fields, "type": kind}))
    except Rubbish:
        return


@pytest.mark.parametrize(
    ("command", "event"),
    [
        (SendAudio(b"\x01\x02\xff"), {"type": "input_audio_buffer.append", "audio": "AQL/"}),
        (
            AddText("I pressed 4"),
            {
                "type": "conversation.item.create",
                "item": {
                    "type": "message",
                    "role": "user",
                    "content": [{"type": "input_text", "text": "I pressed 4"}],
                },
            },
        ),
        (CreateResponse(), {"type": "response.create", "event_id": "response-create"}),
        (
            CreateResponse(instructions="Say goodbye."),
            {
                "type": "response.create",
                "event_id": "response-create",
                "additional_instructions": "Say goodbye.",
            },
        ),
        (
            CreateResponse(say="Hello!"),
            {
                "type": "response.create",
                "event_id": "response-create",
                "response": {
                    "pre_generated_assistant_message": {
                        "type": "message",
                        "role": "assistant",
                        "content": [{"type": "text", "text": "Hello!"}],
                    }
                },
            },
        ),
        (CancelResponse(), {"type": "response.cancel"}),
        (
            Truncate("i", 0, 1200),
            {"type": "conversation.item.truncate", "item_id": "i", "content_index": 0, "audio_end_ms": 1200},
        ),
        (DeleteItem("i"), {"type": "conversation.item.delete", "item_id": "i"}),
    ],
)
def test_commands_are_said_in_the_words_of_the_service(command: SessionCommand, event: dict[str, object]) -> None:
    assert command_event(command) == event


def test_the_sdk_would_say_the_same() -> None:
    from azure.ai.voicelive.models import (
        AssistantMessageItem,
        ClientEventConversationItemCreate,
        ClientEventConversationItemDelete,
        ClientEventConversationItemTruncate,
        ClientEventInputAudioBufferAppend,
        ClientEventResponseCancel,
        ClientEventResponseCreate,
        InputTextContentPart,
        OutputTextContentPart,
        ResponseCreateParams,
        UserMessageItem,
    )

    hello = AssistantMessageItem(content=[OutputTextContentPart(text="Hello!")])
    question = UserMessageItem(content=[InputTextContentPart(text="Open?")])
    said = ResponseCreateParams(pre_generated_assistant_message=hello)
    pairs = [
        (command_event(SendAudio(b"abcd")), ClientEventInputAudioBufferAppend(audio="YWJjZA==")),
        (command_event(CreateResponse(say="Hello!")), ClientEventResponseCreate(response=said)),
        (command_event(CreateResponse(instructions="x")), ClientEventResponseCreate(additional_instructions="x")),
        (command_event(CancelResponse()), ClientEventResponseCancel()),
        (
            command_event(Truncate("i", 0, 9)),
            ClientEventConversationItemTruncate(item_id="i", content_index=0, audio_end_ms=9),
        ),
        (command_event(DeleteItem("i")), ClientEventConversationItemDelete(item_id="i")),
        (turn_event(Turn("assistant", "Hello!")), ClientEventConversationItemCreate(item=hello)),
        (turn_event(Turn("user", "Open?")), ClientEventConversationItemCreate(item=question)),
    ]
    for ours, theirs in pairs:
        assert {**ours, "event_id": None} == {**theirs.as_dict(), "event_id": None}


@pytest.mark.parametrize("command", [OpenSession(), CloseSession()])
def test_what_is_not_for_a_session_is_refused(command: SessionCommand) -> None:
    with pytest.raises(TypeError, match="is not for a session to carry out"):
        command_event(command)


def test_a_shown_event_holds_no_audio() -> None:
    assert (
        shown(command_event(SendAudio(bytes(960)))) == '{"type": "input_audio_buffer.append", "audio": "960 bytes"}'
    )
    assert '"delta": "480 bytes"' in shown(json.dumps(delta(bytes(480))).encode())
    assert shown(b'{"type": "response.created"}') == '{"type": "response.created"}'


@pytest.mark.parametrize("message", [b"nonsense", b"[]", b"{}", b'{"type": []}', b"\xff", b"[" * 100_000])
def test_rubbish_can_be_shown(message: bytes) -> None:
    assert shown(message) == f"rubbish, {len(message)} bytes"


def test_a_shown_event_stays_on_one_line() -> None:
    assert "\n" not in shown({"type": "x", "text": "a\nb"})


def test_digits_that_the_assistant_presses_are_in_no_log() -> None:
    event = {"type": "response.function_call_arguments.done", "arguments": '{"digits": "1w4711#"}'}
    assert "4711" not in shown(event)
    assert "4711" not in shown(json.dumps(event).encode())


def test_what_an_mcp_server_is_sent_is_in_no_log() -> None:
    tool = {"server_label": "docs", "headers": {"Authorization": "swordfish"}, "authorization": "trout"}
    line = shown({"type": "session.update", "session": {"tools": [tool, "odd"]}})
    assert "docs" in line
    assert "swordfish" not in line
    assert "trout" not in line
