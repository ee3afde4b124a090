from __future__ import annotations

from typing import Any

import pytest

from bot.errors import SettingsError
from bot.settings import Settings, load_settings
from bot.voicelive.configuration import compatible, session_configuration


def settings(**overrides: object) -> Settings:
    return load_settings(overrides, env_file=None)


def sent(**overrides: object) -> dict[str, Any]:
    return dict(session_configuration(settings(**overrides)).as_dict())


def test_the_whole_session_is_pinned() -> None:
    configuration = session_configuration(settings(voice_live_instructions="Be kind."), call_id="CA1")

    assert configuration.as_dict() == {
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
    }


@pytest.mark.parametrize(
    "kind", ["server_vad", "azure_semantic_vad", "azure_semantic_vad_en", "azure_semantic_vad_multilingual"]
)
def test_turn_detection_takes_the_settings(kind: str) -> None:
    detection = sent(
        voice_live_turn_detection=kind,
        voice_live_vad_threshold=0.7,
        voice_live_vad_prefix_ms=200,
        voice_live_vad_silence_ms=900,
    )["turn_detection"]

    assert detection == {
        "type": kind,
        "threshold": 0.7,
        "prefix_padding_ms": 200,
        "silence_duration_ms": 900,
        "create_response": True,
        "interrupt_response": True,
        "auto_truncate": False,
    }


def test_openai_turn_detection_is_sent_no_field_that_it_does_not_know() -> None:
    detection = sent(voice_live_turn_detection="semantic_vad")["turn_detection"]

    assert detection == {"type": "semantic_vad", "create_response": True, "interrupt_response": True}


def test_an_openai_voice_is_told_from_an_azure_voice() -> None:
    assert sent(voice_live_voice="marin")["voice"] == {"type": "openai", "name": "marin"}


def test_what_is_off_by_default_can_be_turned_on() -> None:
    configuration = sent(
        voice_live_noise_reduction="far_field", voice_live_echo_cancellation=True, voice_live_language="de-DE"
    )

    assert configuration["input_audio_noise_reduction"] == {"type": "far_field"}
    assert configuration["input_audio_echo_cancellation"] == {"type": "server_echo_cancellation"}
    assert configuration["input_audio_transcription"] == {"model": "azure-speech", "language": "de-DE"}


def test_a_long_call_id_is_cut_to_what_the_service_takes() -> None:
    configuration = session_configuration(settings(), call_id="x" * 600)

    assert configuration.as_dict()["metadata"] == {"call_id": "x" * 512}


def test_a_default_gives_way_to_the_model(caplog: pytest.LogCaptureFixture) -> None:
    chosen = compatible(settings(voice_live_model="gpt-realtime-2"))

    assert (chosen.voice_live_turn_detection, chosen.voice_live_transcription) == (
        "azure_semantic_vad",
        "azure-speech",
    )
    assert "VOICE_LIVE_TURN_DETECTION=azure_semantic_vad" in caplog.text


def test_the_turn_detection_that_was_asked_for_stays(caplog: pytest.LogCaptureFixture) -> None:
    chosen = compatible(settings(voice_live_model="gpt-realtime-2.1", voice_live_turn_detection="server_vad"))

    assert (chosen.voice_live_turn_detection, chosen.voice_live_transcription) == ("server_vad", "gpt-4o-transcribe")
    assert "VOICE_LIVE_TRANSCRIPTION=gpt-4o-transcribe" in caplog.text


def test_a_combination_asked_for_that_the_service_refuses_is_an_error() -> None:
    asked = settings(
        voice_live_model="gpt-realtime-2",
        voice_live_turn_detection="server_vad",
        voice_live_transcription="azure-speech",
    )

    with pytest.raises(SettingsError, match="VOICE_LIVE_TURN_DETECTION should be azure_semantic_vad or"):
        compatible(asked)


@pytest.mark.parametrize("model", ["gpt-4.1-mini", "gpt-realtime", "gpt-realtime-mini"])
def test_other_models_take_the_defaults(model: str) -> None:
    asked = settings(voice_live_model=model)

    assert compatible(asked) is asked


def test_the_detection_that_does_not_hear_interruptions_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    compatible(settings(voice_live_turn_detection="semantic_vad"))

    assert "may not stop when interrupted" in caplog.text
