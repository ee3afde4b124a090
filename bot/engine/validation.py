"""What a session may be set to: the fields of `session.update`, their values, and their defaults.

The defaults are those of gpt-4.1-mini as `session.created` showed them on the wire (api-version 2025-10-01). Note the
200 ms of silence: a client that wants another has to say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.engine.checks import (
    Check,
    Json,
    Refusal,
    anything,
    boolean,
    either,
    list_of,
    number,
    one_of,
    optional,
    record,
    text,
)
from bot.engine.formats import INPUT_FORMATS, INPUT_RATES, OUTPUT_FORMATS

TURN_DETECTIONS = (
    "server_vad",
    "azure_semantic_vad",
    "azure_semantic_vad_en",
    "azure_semantic_vad_multilingual",
    "semantic_vad",
)
_MAX_METADATA = 16

_VOICE_NULLS = dict.fromkeys(
    (
        "temperature",
        "custom_lexicon_url",
        "custom_text_normalization_url",
        "prefer_locales",
        "locale",
        "style",
        "pitch",
        "rate",
        "volume",
    )
)
_TURN_DEFAULTS: dict[str, Any] = {
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 200,
    "create_response": True,
    "interrupt_response": True,
    "idle_timeout_ms": None,
    "speech_duration_ms": None,
    "end_of_utterance_detection": None,
    "auto_truncate": False,
    "appended_text_after_truncation": None,
}


def default_session() -> dict[str, Any]:
    """Every field that a client can set, as a new session has it."""
    return {
        "modalities": ["audio", "text"],
        "instructions": "You are a speech chat assistant.",
        "voice": {"name": "en-US-AvaNeural", "type": "azure-standard", **_VOICE_NULLS},
        "input_audio_format": "pcm16",
        "output_audio_format": "pcm16",
        "input_audio_sampling_rate": 24_000,
        "input_audio_transcription": {"model": "azure-speech", "language": None, "phrase_list": None},
        "input_audio_noise_reduction": None,
        "input_audio_echo_cancellation": None,
        "turn_detection": {"type": "server_vad", **_TURN_DEFAULTS},
        "tools": [],
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "temperature": 0.8,
        "max_response_output_tokens": "inf",
        "reasoning_effort": None,
        "interim_response": None,
        "animation": None,
        "avatar": None,
        "output_audio_timestamp_types": None,
        "include": None,
        "metadata": None,
    }


_milliseconds = number(0, 60_000)
_end_of_utterance = record(
    {
        "model": text(100),
        "threshold_level": optional(one_of("low", "medium", "high", "default")),
        "threshold": optional(number(0, 1)),
        "timeout_ms": optional(_milliseconds),
        "timeout": optional(number(0, 60)),
    },
    required=("model",),
)
_turn_detection = record(
    {
        "type": one_of(*TURN_DETECTIONS),
        "threshold": optional(number(0, 1)),
        "prefix_padding_ms": optional(_milliseconds),
        "silence_duration_ms": optional(_milliseconds),
        "speech_duration_ms": optional(_milliseconds),
        "create_response": optional(boolean),
        "interrupt_response": optional(boolean),
        "auto_truncate": optional(boolean),
        "remove_filler_words": optional(boolean),
        "languages": optional(list_of(text(40))),
        "end_of_utterance_detection": optional(_end_of_utterance),
        "idle_timeout_ms": optional(_milliseconds),
        "appended_text_after_truncation": optional(text(1000)),
        "eagerness": optional(one_of("low", "medium", "high", "auto")),
        "neg_threshold": optional(number(0, 1)),
        "window_size": optional(number(0, 1000)),
        "distinct_ci_phones": optional(number(0, 1000)),
        "require_vowel": optional(boolean),
    },
    required=("type",),
)
_voice = record(
    {
        "type": one_of("azure-standard", "azure-custom", "azure-personal", "azure-realtime-native", "openai"),
        "name": text(200),
        "endpoint_id": optional(text(200)),
        "model": optional(text(200)),
        **dict.fromkeys(_VOICE_NULLS, anything),
    },
    required=("type", "name"),
)
voice: Check = either(text(200), _voice)
_function = record(
    {
        "type": one_of("function", "mcp"),
        "name": text(64),
        "description": optional(text()),
        "parameters": optional(anything),
    },
    required=("type", "name"),
)
_approval = one_of("always", "never")
_server = record(
    {
        "type": one_of("mcp"),
        "server_label": text(64),
        "server_url": text(2000),
        "authorization": optional(text(10_000)),
        "headers": optional(anything),
        "allowed_tools": optional(list_of(text(64))),
        "require_approval": optional(
            either(_approval, record({"always": list_of(text(64)), "never": list_of(text(64))}))
        ),
    },
    required=("type", "server_label", "server_url"),
)


def _tool(value: Json, path: str) -> Json:
    """A function that the client calls, or an MCP server whose tools the service calls."""
    is_server = isinstance(value, dict) and value.get("type") == "mcp"
    return _server(value, path) if is_server else _function(value, path)


tools: Check = list_of(_tool)


def metadata(value: Json, path: str) -> Json:
    """At most 16 pairs, keys of 64 and values of 512 characters."""
    if not isinstance(value, dict) or len(value) > _MAX_METADATA:
        raise Refusal("invalid_value", f"Invalid '{path}': at most {_MAX_METADATA} pairs.", path)
    return {text(64)(key, path): text(512)(element, f"{path}.{key}") for key, element in value.items()}


def _nothing(value: Json, path: str) -> Json:
    if value is not None:
        raise Refusal("unsupported_parameter", f"Unsupported parameter: '{path}' has to be null here.", path)
    return value


def _input_rate(value: Json, path: str) -> Json:
    rate = number(min(INPUT_RATES), max(INPUT_RATES), whole=True)(value, path)
    if rate not in INPUT_RATES:
        raise Refusal("invalid_value", f"Invalid value: {rate}. Supported values are: 8000, 16000, 24000.", path)
    return rate


_SESSION: dict[str, Check] = {
    "model": optional(text(200)),
    "modalities": list_of(one_of("text", "audio"), longest=2),
    "instructions": optional(text()),
    "voice": optional(voice),
    "input_audio_format": one_of(*INPUT_FORMATS),
    "output_audio_format": one_of(*OUTPUT_FORMATS),
    "input_audio_sampling_rate": optional(_input_rate),
    "input_audio_transcription": optional(
        record(
            {
                "model": text(100),
                "language": optional(text(400)),
                "prompt": optional(text()),
                "custom_speech": optional(anything),
                "phrase_list": optional(list_of(text(200), longest=1000)),
            },
            required=("model",),
        )
    ),
    "input_audio_noise_reduction": optional(
        record({"type": one_of("azure_deep_noise_suppression", "near_field", "far_field")}, required=("type",))
    ),
    "input_audio_echo_cancellation": optional(
        record(
            {
                "type": one_of("server_echo_cancellation"),
                "reference_source": optional(one_of("server", "client")),
                "channels": optional(number(1, 2, whole=True)),
            },
            required=("type",),
        )
    ),
    "turn_detection": optional(_turn_detection),
    "tools": optional(tools),
    "tool_choice": optional(
        either(one_of("auto", "none", "required"), record({"type": one_of("function"), "name": text(64)}))
    ),
    "parallel_tool_calls": optional(boolean),
    "temperature": optional(number(0, 2)),
    "max_response_output_tokens": optional(either(one_of("inf"), number(1, 4096, whole=True))),
    "reasoning_effort": optional(one_of("none", "minimal", "low", "medium", "high", "xhigh")),
    "interim_response": optional(anything),
    "animation": _nothing,
    "avatar": _nothing,
    "output_audio_timestamp_types": _nothing,
    "include": optional(list_of(text(100))),
    "metadata": optional(metadata),
}

_check_session = record(_SESSION)
# Where null switches something off; any other null stands for the default.
_NULL_IS_OFF = ("turn_detection", "input_audio_transcription")
# A session's formats cannot change once it has heard something, its voice not once it has spoken (api reference).
_FIXED_BY_AUDIO = ("input_audio_format", "output_audio_format", "input_audio_sampling_rate")


def replace_session(
    update: Json, current: Mapping[str, Any], *, model: str, has_heard: bool, has_spoken: bool
) -> dict[str, Any]:
    """Read the `session` of a `session.update`; what it leaves out takes its default, whatever it was before.

    Raises Refusal; the session then stays what it was.
    """
    checked = _check_session(update, "session")
    if checked.get("model") not in (None, model):
        raise Refusal("cannot_update_field", "The model is chosen when connecting.", "session.model")
    checked.pop("model", None)
    session = default_session()
    session |= {name: value for name, value in checked.items() if value is not None or name in _NULL_IS_OFF}
    _complete(session, checked)
    _refuse_what_does_not_fit(session)
    if has_heard:
        _refuse_changes(session, current)
    if has_spoken and session["voice"] != current["voice"]:
        raise Refusal("cannot_update_voice", "The voice cannot change once it has spoken.", "session.voice")
    return session


def _complete(session: dict[str, Any], checked: Mapping[str, Any]) -> None:
    """Fill in what the objects within leave out."""
    if isinstance(session["voice"], dict):
        session["voice"] = {**_VOICE_NULLS, **session["voice"]}
    if session["turn_detection"] is not None:
        given = {name: value for name, value in session["turn_detection"].items() if value is not None}
        session["turn_detection"] = {**_TURN_DEFAULTS, **given}
    if checked.get("input_audio_sampling_rate") is None and session["input_audio_format"] != "pcm16":
        session["input_audio_sampling_rate"] = 8000


def _refuse_what_does_not_fit(session: Mapping[str, Any]) -> None:
    if session["input_audio_format"] != "pcm16" and session["input_audio_sampling_rate"] != 8000:
        raise Refusal("invalid_value", "G.711 audio has a rate of 8000.", "session.input_audio_sampling_rate")
    if session["input_audio_echo_cancellation"] is not None and "audio" not in session["modalities"]:
        param = "session.input_audio_echo_cancellation"
        raise Refusal("ec_not_supported", "Echo cancellation needs the audio modality.", param)


def _refuse_changes(session: Mapping[str, Any], current: Mapping[str, Any]) -> None:
    for name in _FIXED_BY_AUDIO:
        if session[name] != current[name]:
            raise Refusal("cannot_update_field", f"'{name}' cannot change once audio was sent.", f"session.{name}")
    if (session["turn_detection"] or {}).get("type") != (current["turn_detection"] or {}).get("type"):
        message = "The type of turn detection cannot change once audio was sent."
        raise Refusal("cannot_update_field", message, "session.turn_detection.type")
