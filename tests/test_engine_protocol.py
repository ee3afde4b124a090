"""A session without I/O: the order of its events, its errors, and what it asks of its parts."""

from __future__ import annotations

import base64
import json
from random import Random
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.engine.delivery import Cutter
from bot.engine.faults import NO_FAULTS, Faults
from bot.engine.formats import BYTES_PER_MS
from bot.engine.parts import Call, Heard, Line
from bot.engine.protocol import Session
from bot.engine.scripted import LevelDetector, tone
from bot.engine.work import (
    AbandonUtterance,
    BeginUtterance,
    FeedUtterance,
    FinishUtterance,
    Output,
    Respond,
    Send,
    StopResponding,
)
from bot.setting_kinds import TurnDetection
from bot.settings import load_settings
from bot.voicelive.configuration import session_configuration

BARE = {"modalities": ["text", "audio"], "turn_detection": {"type": "server_vad"}}


class Client:
    """A client of one session, and the parts' side of it."""

    def __init__(self, faults: Faults = NO_FAULTS) -> None:
        rng = Random(1)  # noqa: S311 - ids in a test
        self.session = Session(
            LevelDetector(), model="gpt-4.1-mini", now=1000.0, lifetime=3600.0, rng=rng, faults=faults
        )
        self.events: list[dict[str, Any]] = []
        self.work: list[Output] = []
        self.take(self.session.open())

    def take(self, outputs: list[Output]) -> list[dict[str, Any]]:
        """Keep the outputs; return the events among them."""
        events = [output.event for output in outputs if isinstance(output, Send)]
        self.events += events
        self.work += [output for output in outputs if not isinstance(output, Send)]
        return events

    def send(self, kind: str, **fields: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - any JSON
        return self.take(self.session.receive(json.dumps({"type": kind, "event_id": "mine", **fields})))

    def update(self, **fields: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - any JSON
        return self.send("session.update", session={**BARE, **fields})

    def append(self, pcm: bytes) -> list[dict[str, Any]]:
        return self.send("input_audio_buffer.append", audio=base64.b64encode(pcm).decode())

    def say(self, speech_ms: int = 800, silence_ms: int = 800) -> list[dict[str, Any]]:
        return self.append(tone(speech_ms)) + self.append(bytes(silence_ms * BYTES_PER_MS))

    def asked[T: Output](self, kind: type[T]) -> T:
        """The last request for work of one kind."""
        return next(output for output in reversed(self.work) if isinstance(output, kind))

    def ask_and_hear(self, text: str = "When do you open?") -> list[dict[str, Any]]:
        self.say()
        return self.take(self.session.heard(self.asked(FinishUtterance).item_id, Heard(text)))

    def answer(self, text: str, delivered_ms: int = 1000, *, finish: bool = True) -> str:
        """Speak the response that was asked for; returns the item's id."""
        response_id = self.asked(Respond).response_id
        self.take(self.session.says(response_id, text))
        self.take(self.session.audio(response_id, tone(delivered_ms)))
        if finish:
            self.take(self.session.said(response_id))
            self.take(self.session.finished(response_id))
        return str(kind_of(self.events, "response.output_item.added")["item"]["id"])


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


def kind_of(events: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    return next(event for event in reversed(events) if event["type"] == kind)


def error(events: list[dict[str, Any]]) -> dict[str, Any]:
    assert kinds(events) == ["error"]
    found: dict[str, Any] = events[0]["error"]
    return found


# --- A turn ---------------------------------------------------------------------------------------------------------


def test_a_turn_and_its_answer_come_in_the_order_of_the_wire() -> None:
    client = Client()
    client.update()
    client.ask_and_hear()
    client.answer("We open at nine.")
    assert kinds(client.events) == [
        "session.created",
        "session.updated",
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
        "response.audio.delta",
        "response.audio.done",
        "response.audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.done",
    ]
    assert len({event["event_id"] for event in client.events}) == len(client.events)


def test_items_of_a_turn_are_bound_by_their_ids() -> None:
    client = Client()
    client.ask_and_hear("hello there")
    item_id = client.answer("Hi.")
    started = kind_of(client.events, "input_audio_buffer.speech_started")
    created = [event for event in client.events if event["type"] == "conversation.item.created"]
    assert created[0]["item"]["id"] == started["item_id"]
    assert created[0]["item"]["content"] == [{"type": "input_audio", "transcript": "hello there"}]
    assert created[0]["previous_item_id"] is None
    assert created[1]["previous_item_id"] == started["item_id"]
    assert created[1]["item"] == {
        "id": item_id,
        "object": "realtime.item",
        "type": "message",
        "status": "incomplete",
        "role": "assistant",
        "content": [],
    }
    done = kind_of(client.events, "response.done")["response"]
    assert done["output"][0]["content"] == [{"type": "audio", "transcript": "Hi."}]
    assert done["usage"]["output_token_details"]["audio_tokens"] == 20


def test_speech_is_timed_by_the_audio_and_reaches_the_listener_with_its_pre_roll() -> None:
    client = Client()
    client.update(turn_detection={"type": "server_vad", "prefix_padding_ms": 320, "silence_duration_ms": 480})
    client.append(bytes(1600 * BYTES_PER_MS))
    client.say(640, 1000)
    started = kind_of(client.events, "input_audio_buffer.speech_started")
    stopped = kind_of(client.events, "input_audio_buffer.speech_stopped")
    assert started["audio_start_ms"] == 1600 - 320
    assert stopped["audio_end_ms"] == 1600 + 640 + 480
    begun = client.asked(BeginUtterance).pcm
    fed = b"".join(output.pcm for output in client.work if isinstance(output, FeedUtterance))
    assert begun.startswith(bytes(320 * BYTES_PER_MS))
    assert begun[320 * BYTES_PER_MS :] + fed == tone(640) + bytes(480 * BYTES_PER_MS)


def test_two_turns_in_one_append_are_two_turns() -> None:
    client = Client()
    turn = tone(500) + bytes(500 * BYTES_PER_MS)
    client.append(turn + turn)
    assert kinds(client.events).count("input_audio_buffer.committed") == 2
    assert sum(isinstance(output, FinishUtterance) for output in client.work) == 2


def test_create_response_off_leaves_answering_to_the_client() -> None:
    client = Client()
    client.update(turn_detection={"type": "server_vad", "create_response": False})
    assert kinds(client.ask_and_hear())[-1] == "conversation.item.created"
    assert kinds(client.send("response.create")) == ["response.created"]


def test_without_transcription_the_mind_still_knows_what_was_said() -> None:
    client = Client()
    client.update(input_audio_transcription=None)
    client.ask_and_hear("hello")
    assert "conversation.item.input_audio_transcription.completed" not in kinds(client.events)
    assert client.session.lines() == [Line("user", "hello")]


def test_a_turn_that_could_not_be_heard_is_answered_all_the_same() -> None:
    client = Client()
    client.say()
    item_id = client.asked(FinishUtterance).item_id
    events = client.take(client.session.not_heard(item_id, "the decoder failed"))
    assert kinds(events) == [
        "conversation.item.input_audio_transcription.failed",
        "conversation.item.created",
        "response.created",
    ]
    assert client.session.lines() == [Line("user", "", sure=False)]


def test_manual_turns_are_committed_and_answered_by_the_client() -> None:
    client = Client()
    client.update(turn_detection=None)
    client.append(tone(900))
    assert kinds(client.send("input_audio_buffer.commit")) == ["input_audio_buffer.committed"]
    assert client.asked(BeginUtterance).pcm == tone(900)
    events = client.take(client.session.heard(client.asked(FinishUtterance).item_id, Heard("hi")))
    assert kinds(events)[-1] == "conversation.item.created"
    assert error(client.send("input_audio_buffer.commit"))["code"] == "input_audio_buffer_commit_empty"


def test_a_cleared_buffer_forgets_the_turn_that_had_begun() -> None:
    client = Client()
    client.append(tone(500))
    assert kinds(client.send("input_audio_buffer.clear")) == ["input_audio_buffer.cleared"]
    client.asked(AbandonUtterance)
    assert client.append(bytes(2000 * BYTES_PER_MS)) == []


# --- Interruption ---------------------------------------------------------------------------------------------------


def test_speech_cancels_a_response_that_is_still_being_made() -> None:
    client = Client()
    client.ask_and_hear()
    item_id = client.answer("We are open from nine to five.", 500, finish=False)
    response_id = client.asked(Respond).response_id
    events = client.append(tone(200))
    assert kinds(events)[0] == "input_audio_buffer.speech_started"
    assert kinds(events)[-1] == "response.done"
    done = events[-1]["response"]
    assert done["status"] == "cancelled"
    assert done["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert done["output"][0]["status"] == "incomplete"
    assert client.asked(StopResponding) == StopResponding(response_id)
    assert client.session.audio(response_id, tone(100)) == []
    assert client.session.finished(response_id) == []
    assert kinds(client.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=300)) == [
        "conversation.item.truncated"
    ]


def test_a_finished_response_is_untouched_by_speech_and_truncated_by_the_client() -> None:
    client = Client()
    client.ask_and_hear()
    item_id = client.answer("one two three four", 1800)
    assert kinds(client.append(tone(200))) == ["input_audio_buffer.speech_started"]
    cut = {"item_id": item_id, "content_index": 0, "audio_end_ms": 900}
    events = client.send("conversation.item.truncate", **cut)
    assert {name: events[0][name] for name in cut} == cut
    assert client.session.lines()[-1] == Line("assistant", "one two")
    assert error(client.send("conversation.item.truncate", **cut))["code"] == "item_already_truncated"


def test_without_interrupt_response_the_answer_to_the_second_turn_waits_for_the_first() -> None:
    client = Client()
    client.update(turn_detection={"type": "server_vad", "interrupt_response": False})
    client.ask_and_hear("first")
    first = client.asked(Respond).response_id
    assert "response.done" not in kinds(client.ask_and_hear("second"))
    assert client.asked(Respond).response_id == first
    client.answer("the first answer")
    assert kinds(client.events)[-2:] == ["response.done", "response.created"]
    assert client.asked(Respond).response_id != first


def test_who_goes_on_speaking_is_answered_once() -> None:
    client = Client()
    client.say()
    first = client.asked(FinishUtterance).item_id
    client.append(tone(300))
    assert "response.created" not in kinds(client.take(client.session.heard(first, Heard("I would like"))))
    client.append(bytes(800 * BYTES_PER_MS))
    client.take(client.session.heard(client.asked(FinishUtterance).item_id, Heard("an appointment")))
    assert kinds(client.events).count("response.created") == 1
    assert [line.text for line in client.session.lines()] == ["I would like", "an appointment"]


# --- Responses ------------------------------------------------------------------------------------------------------


def test_a_greeting_is_spoken_as_it_stands() -> None:
    client = Client()
    message = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "Hello there."}]}
    client.send(
        "response.create", response={"pre_generated_assistant_message": message}, additional_instructions="Be brief."
    )
    asked = client.asked(Respond)
    assert (asked.say, asked.hint, asked.voice) == ("Hello there.", "Be brief.", "en-US-AvaNeural")


def test_a_second_response_is_refused_while_one_is_active() -> None:
    client = Client()
    client.send("response.create")
    problem = error(client.send("response.create"))
    assert problem["code"] == "conversation_already_has_active_response"
    assert problem["event_id"] == "mine"


def test_a_second_response_may_replace_the_first_and_bring_its_own_items() -> None:
    client = Client()
    client.send("response.create")
    first = client.asked(Respond).response_id
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "quickly"}]}
    events = client.send("response.create", response={"cancel_previous": True, "append_input_items": [item]})
    assert kinds(events) == ["response.done", "conversation.item.created", "response.created"]
    assert client.asked(StopResponding) == StopResponding(first)
    assert client.session.lines() == [Line("user", "quickly")]


def test_a_previous_call_is_given_back_with_its_result() -> None:
    client = Client()
    call = {"type": "function_call", "name": "book", "call_id": "c", "arguments": "{}"}
    client.send("conversation.item.create", item=call)
    client.send("conversation.item.create", item={"type": "function_call_output", "call_id": "c", "output": "ok"})
    assert client.session.lines() == [
        Line("assistant", "{}", call_id="c", name="book"),
        Line("tool", "ok", call_id="c"),
    ]


def test_cancelling_stops_the_response_and_cancelling_nothing_is_refused() -> None:
    client = Client()
    assert error(client.send("response.cancel"))["code"] == "response_cancel_not_active"
    client.send("response.create")
    done = client.send("response.cancel")[-1]["response"]
    assert done["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
    client.asked(StopResponding)


def test_a_response_that_failed_says_why_and_the_session_goes_on() -> None:
    client = Client()
    client.send("response.create")
    done = client.take(client.session.failed(client.asked(Respond).response_id, "server_error", "no voice"))
    assert done[-1]["response"]["status"] == "failed"
    assert done[-1]["response"]["status_details"]["error"]["code"] == "server_error"
    assert kinds(client.send("response.create")) == ["response.created"]


def test_a_tool_is_called_and_its_result_is_answered() -> None:
    client = Client()
    client.update(tools=[{"type": "function", "name": "end_call", "description": "Hang up.", "parameters": {}}])
    client.ask_and_hear("bye")
    asked = client.asked(Respond)
    assert [tool.name for tool in asked.brief.tools] == ["end_call"]
    client.take(client.session.calls(asked.response_id, Call("call_1", "end_call", "{}")))
    events = client.take(client.session.finished(asked.response_id))
    assert kinds(client.events)[-6:] == [
        "response.output_item.added",
        "conversation.item.created",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.done",
    ]
    assert events[-1]["response"]["output"][0]["arguments"] == "{}"
    result = {"type": "function_call_output", "call_id": "call_1", "output": "done"}
    assert kinds(client.send("conversation.item.create", item=result)) == ["conversation.item.created"]
    client.send("response.create")
    assert client.session.lines()[-1] == Line("tool", "done", call_id="call_1")
    unknown = {**result, "call_id": "call_2"}
    assert error(client.send("conversation.item.create", item=unknown))["code"] == "invalid_tool_call_id"


def test_a_session_without_audio_answers_in_text() -> None:
    client = Client()
    client.update(modalities=["text"])
    client.send("response.create")
    asked = client.asked(Respond)
    assert not asked.speaks
    client.take(client.session.says(asked.response_id, "Hello you."))
    client.take(client.session.said(asked.response_id))
    client.take(client.session.finished(asked.response_id))
    assert kinds(client.events)[-6:] == [
        "response.text.delta",
        "response.text.delta",
        "response.text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.done",
    ]


# --- Items ----------------------------------------------------------------------------------------------------------


def test_history_is_given_back_as_items() -> None:
    client = Client()
    for role, part, text in [
        ("user", "input_text", "hello"),
        ("assistant", "text", "hi"),
        ("system", "input_text", "x"),
    ]:
        item = {"type": "message", "role": role, "content": [{"type": part, "text": text}]}
        assert kinds(client.send("conversation.item.create", item=item)) == ["conversation.item.created"]
    assert client.session.lines() == [Line("user", "hello"), Line("assistant", "hi"), Line("system", "x")]


def test_items_are_retrieved_and_deleted() -> None:
    client = Client()
    item = {"id": "it", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "hello"}]}
    client.send("conversation.item.create", item=item)
    assert client.send("conversation.item.retrieve", item_id="it")[0]["item"]["content"][0]["text"] == "hello"
    assert client.send("conversation.item.delete", item_id="it")[0]["item_id"] == "it"
    assert error(client.send("conversation.item.delete", item_id="it"))["code"] == "item_delete_invalid_item_id"
    assert error(client.send("conversation.item.retrieve", item_id="it"))["code"] == "item_retrieve_invalid_item_id"


def test_a_turn_deleted_before_it_was_heard_does_no_harm() -> None:
    client = Client()
    client.say()
    item_id = client.asked(FinishUtterance).item_id
    client.send("conversation.item.delete", item_id=item_id)
    client.take(client.session.heard(item_id, Heard("hello")))
    assert client.session.lines() == []


# --- The session's settings -----------------------------------------------------------------------------------------


def test_a_new_session_shows_its_defaults_and_its_end() -> None:
    session = Client().events[0]["session"]
    assert session["id"].startswith("sess_")
    assert session["model"] == "gpt-4.1-mini"
    assert session["expires_at"] == 4600
    assert session["turn_detection"]["silence_duration_ms"] == 200
    assert session["input_audio_transcription"]["model"] == "azure-speech"


@pytest.mark.parametrize("detection", get_args(TurnDetection))
@pytest.mark.parametrize("voice", ["en-US-AvaNeural", "marin"])
def test_the_bots_own_configuration_is_taken(detection: TurnDetection, voice: str) -> None:
    overrides = {
        "voice_live_turn_detection": detection,
        "voice_live_voice": voice,
        "voice_live_language": "en-US",
        "voice_live_noise_reduction": "near_field",
        "voice_live_echo_cancellation": True,
    }
    chosen = load_settings(overrides, env_file=None)
    session = session_configuration(chosen, "CA1").as_dict()
    assert kinds(Client().send("session.update", session=session)) == ["session.updated"]


def test_an_update_replaces_the_whole_session() -> None:
    client = Client()
    client.update(instructions="Be kind.", turn_detection={"type": "server_vad", "silence_duration_ms": 900})
    session = client.update(temperature=0.5)[0]["session"]
    assert session["instructions"] != "Be kind."
    assert session["turn_detection"]["silence_duration_ms"] == 200
    assert session["temperature"] == 0.5


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"colour": "blue"}, "unknown_parameter", "session.colour"),
        ({"temperature": "hot"}, "invalid_type", "session.temperature"),
        ({"temperature": 9}, "invalid_value", "session.temperature"),
        ({"input_audio_format": "mp3"}, "invalid_value", "session.input_audio_format"),
        ({"input_audio_sampling_rate": 44_100}, "invalid_value", "session.input_audio_sampling_rate"),
        ({"turn_detection": {"type": "magic"}}, "invalid_value", "session.turn_detection.type"),
        ({"turn_detection": {"threshold": 0.5}}, "missing_required_parameter", "session.turn_detection.type"),
        (
            {"turn_detection": {"type": "server_vad", "threshold": 2}},
            "invalid_value",
            "session.turn_detection.threshold",
        ),
        ({"turn_detection": {"type": "server_vad", "spam": 1}}, "unknown_parameter", "session.turn_detection.spam"),
        ({"tools": [{"type": "function"}]}, "missing_required_parameter", "session.tools[0].name"),
        ({"voice": {"type": "azure-standard"}}, "missing_required_parameter", "session.voice.name"),
        ({"avatar": {}}, "unsupported_parameter", "session.avatar"),
        ({"model": "gpt-5"}, "cannot_update_field", "session.model"),
        ({"metadata": {"key": 1}}, "invalid_type", "session.metadata.key"),
        (
            {"modalities": ["text"], "input_audio_echo_cancellation": {"type": "server_echo_cancellation"}},
            "ec_not_supported",
            "session.input_audio_echo_cancellation",
        ),
        (
            {"input_audio_format": "g711_ulaw", "input_audio_sampling_rate": 24_000},
            "invalid_value",
            "session.input_audio_sampling_rate",
        ),
    ],
)
def test_bad_settings_are_refused_and_the_session_stays_as_it_was(
    fields: dict[str, Any], code: str, param: str
) -> None:
    client = Client()
    client.update(instructions="Be kind.")
    problem = error(client.update(**fields))
    assert (problem["type"], problem["code"], problem["param"]) == ("invalid_request_error", code, param)
    assert problem["event_id"] == "mine"
    client.send("response.create")
    assert client.asked(Respond).brief.instructions == "Be kind."


@pytest.mark.parametrize(
    "fields",
    [
        {"input_audio_format": "g711_ulaw"},
        {"output_audio_format": "g711_ulaw"},
        {"turn_detection": {"type": "azure_semantic_vad"}},
        {"turn_detection": None},
    ],
)
def test_formats_and_the_kind_of_turn_detection_are_fixed_once_audio_was_sent(fields: dict[str, Any]) -> None:
    client = Client()
    assert kinds(client.update(**fields)) == ["session.updated"]
    client.update()
    client.append(bytes(960))
    assert error(client.update(**fields))["code"] == "cannot_update_field"
    louder = {"type": "server_vad", "threshold": 0.7}
    assert kinds(client.update(turn_detection=louder)) == ["session.updated"]


def test_the_voice_is_fixed_once_it_has_spoken() -> None:
    client = Client()
    assert kinds(client.update(voice={"type": "azure-standard", "name": "en-US-AndrewNeural"})) == ["session.updated"]
    client.send("response.create")
    client.answer("Hello.")
    assert error(client.update(voice="alloy"))["code"] == "cannot_update_voice"


@pytest.mark.parametrize(
    ("audio_format", "rate", "size"), [("pcm16", 24_000, 48), ("pcm16", 16_000, 32), ("g711_ulaw", None, 8)]
)
def test_audio_is_taken_in_every_format(audio_format: str, rate: int | None, size: int) -> None:
    client = Client()
    client.update(input_audio_format=audio_format, input_audio_sampling_rate=rate, turn_detection=None)
    client.append(bytes(size * 1000))
    client.send("input_audio_buffer.commit")
    assert abs(len(client.asked(BeginUtterance).pcm) - 48_000) < 200


@pytest.mark.parametrize(
    ("audio_format", "size"),
    [("pcm16", 48), ("pcm16_16000hz", 32), ("pcm16_8000hz", 16), ("g711_ulaw", 8), ("g711_alaw", 8)],
)
def test_audio_is_given_in_every_format(audio_format: str, size: int) -> None:
    client = Client()
    client.update(output_audio_format=audio_format)
    client.send("response.create")
    client.answer("Hello.", delivered_ms=1000)
    delta = base64.b64decode(kind_of(client.events, "response.audio.delta")["delta"])
    assert abs(len(delta) - 1000 * size) <= 2 * size


@given(st.lists(st.binary(max_size=6000).map(lambda data: data * 8), max_size=40))
def test_deltas_have_the_sizes_of_the_wire_and_lose_nothing(pieces: list[bytes]) -> None:
    cutter = Cutter()
    deltas = [delta for piece in pieces for delta in cutter.feed(piece)]
    rest = cutter.rest()
    assert b"".join([*deltas, rest]) == b"".join(pieces)
    assert [len(delta) // BYTES_PER_MS for delta in deltas] == ([200, 300] + [500] * len(deltas))[: len(deltas)]
    assert len(rest) < 500 * BYTES_PER_MS


def test_a_client_that_asks_before_the_words_are_known_is_answered_without_them() -> None:
    client = Client()
    client.ask_and_hear("first")
    client.answer("Yes?")
    client.say()
    assert [line.text for line in client.session.lines()] == ["first", "Yes?"]


# --- Bad input and faults -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("{", "invalid_json"),
        ("[]", "invalid_event"),
        ("5", "invalid_event"),
        (b"{}", "invalid_event"),
        ("{}", "missing_required_parameter"),
        ('{"type": 5}', "invalid_type"),
        ('{"type": "session.avatar.connect"}', "invalid_value"),
        ('{"type": "session.update"}', "missing_required_parameter"),
        ('{"type": "session.update", "session": []}', "invalid_type"),
        ('{"type": "input_audio_buffer.append"}', "missing_required_parameter"),
        ('{"type": "input_audio_buffer.append", "audio": 7}', "invalid_type"),
        ('{"type": "input_audio_buffer.append", "audio": "~~~"}', "invalid_value"),
        ('{"type": "input_audio_buffer.append", "audio": "\\u00e9"}', "invalid_value"),
        ('{"type": "conversation.item.create"}', "missing_required_parameter"),
        ('{"type": "conversation.item.create", "item": {"type": "mcp_call"}}', "invalid_value"),
        ('{"type": "conversation.item.truncate", "item_id": "x"}', "missing_required_parameter"),
        ('{"type": "conversation.item.delete", "item_id": ["x"]}', "invalid_type"),
        ('{"type": "response.create", "response": {"speed": 2}}', "unknown_parameter"),
        ('{"type": "response.create", "response": {"pre_generated_assistant_message": {}}}', "invalid_value"),
        ("[" * 100_000, "invalid_json"),
    ],
)
def test_bad_frames_are_answered_with_an_error(frame: str | bytes, code: str) -> None:
    client = Client()
    assert error(client.take(client.session.receive(frame)))["code"] == code
    assert kinds(client.update()) == ["session.updated"]


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_names = st.sampled_from(
    [
        "session",
        "audio",
        "item",
        "item_id",
        "content_index",
        "audio_end_ms",
        "response",
        "previous_item_id",
        "event_id",
    ]
)
_types = st.sampled_from(
    [
        "session.update",
        "input_audio_buffer.append",
        "input_audio_buffer.commit",
        "conversation.item.create",
        "conversation.item.truncate",
        "conversation.item.delete",
        "response.create",
        "response.cancel",
    ]
)


@settings(max_examples=200)
@given(st.lists(st.tuples(_types | st.text(max_size=5), st.dictionaries(_names, _json, max_size=4)), max_size=6))
def test_nothing_a_client_sends_breaks_a_session(events: list[tuple[str, dict[str, Any]]]) -> None:
    client = Client()
    for kind, fields in events:
        client.take(client.session.receive(json.dumps({**fields, "type": kind})))
    assert kinds(client.send("input_audio_buffer.clear")) == ["input_audio_buffer.cleared"]


@settings(max_examples=60)
@given(st.lists(st.sampled_from(["speech", "silence", "heard", "reply", "finish", "create", "cancel"]), max_size=40))
def test_every_response_is_created_and_done_once_and_never_two_at_a_time(steps: list[str]) -> None:
    client = Client()
    for step in steps:
        response_id = next((o.response_id for o in reversed(client.work) if isinstance(o, Respond)), "")
        match step:
            case "speech":
                client.append(tone(160))
            case "silence":
                client.append(bytes(320 * BYTES_PER_MS))
            case "heard":
                for output in [o for o in client.work if isinstance(o, FinishUtterance)]:
                    client.work.remove(output)
                    client.take(client.session.heard(output.item_id, Heard("x")))
            case "reply":
                client.take(client.session.says(response_id, "words"))
                client.take(client.session.audio(response_id, tone(50)))
                client.take(client.session.said(response_id))
            case "finish":
                client.take(client.session.finished(response_id))
            case "create" | "cancel":
                client.send(f"response.{step}")
    active = ""
    for event in client.events:
        if event["type"] == "response.created":
            assert not active
            active = event["response"]["id"]
        elif event["type"] == "response.done":
            assert event["response"]["id"] == active
            active = ""
        elif event["type"].startswith("response."):
            assert event["response_id"] == active


def test_faults_refuse_updates_fail_responses_and_leave_sentences_unanswered() -> None:
    assert error(Client(Faults(refuse_update="server_error")).update())["code"] == "server_error"
    assert Client(Faults(no_session_created=True)).events == []
    hung = Client(Faults(hang_after_update=True))
    assert kinds(hung.events + hung.update() + hung.say()) == ["session.created"]
    failing = Client(Faults(fail_response="rate_limit_exceeded", times=1))
    done = failing.send("response.create")[-1]["response"]
    assert done["status_details"]["error"]["code"] == "rate_limit_exceeded"
    assert kinds(failing.send("response.create")) == ["response.created"]
    deaf = Client(Faults(never_answer=True))
    assert kinds(deaf.say())[-1] == "input_audio_buffer.committed"
    assert not any(isinstance(output, FinishUtterance) for output in deaf.work)
