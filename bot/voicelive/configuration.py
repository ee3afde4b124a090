"""The session that is pinned: everything the service is told before the first word.

The service's own defaults differ from model to model (`gpt-realtime-2` does not even write down what the caller
says), so every option that matters to a phone call is sent. Noise reduction and echo cancellation are the
exceptions: they are off for every model, and being left out is how the service is told so.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from azure.ai.voicelive.models import (
    AudioEchoCancellation,
    AudioInputTranscriptionOptions,
    AudioNoiseReduction,
    AzureSemanticVad,
    AzureSemanticVadEn,
    AzureSemanticVadMultilingual,
    AzureStandardVoice,
    FunctionTool,
    InputAudioFormat,
    MCPServer,
    Modality,
    OpenAIVoice,
    OutputAudioFormat,
    RequestSession,
    ServerVad,
    TurnDetection,
)

from bot.errors import SettingsError
from bot.persona import McpServer
from bot.settings import Settings, environment
from bot.tools import ToolDefinition

SAMPLE_RATE = 24_000  # Hz, of the PCM16 audio both ways

_VALUE_CHARS = 512  # longest value that the service takes in `metadata`
_WITH_THRESHOLD = {
    "server_vad": ServerVad,
    "azure_semantic_vad": AzureSemanticVad,
    "azure_semantic_vad_en": AzureSemanticVadEn,
    "azure_semantic_vad_multilingual": AzureSemanticVadMultilingual,
}
# `gpt-realtime-2` and its successors take `azure-speech` with these only: "turn_detection must be of type
# AzureSemanticVAD or AzureMultilingualSemanticVAD".
_GOES_WITH_AZURE_SPEECH = ("azure_semantic_vad", "azure_semantic_vad_multilingual")

_logger = logging.getLogger(__name__)


def compatible(settings: Settings) -> Settings:
    """The settings, with a turn detection or transcription that the model takes where the default is not one.

    Whoever sets nothing but `VOICE_LIVE_MODEL=gpt-realtime-2` would be refused by the service because of a default,
    so the default gives way, with a warning. What was asked for by name is never changed: SettingsError, then.
    """
    detection = settings.voice_live_turn_detection
    if detection == "semantic_vad":
        _logger.warning(
            "VOICE_LIVE_TURN_DETECTION=semantic_vad is known not to report that the caller begins to speak, "
            "so the assistant may not stop when interrupted; azure_semantic_vad does"
        )
    if (
        not settings.voice_live_model.startswith("gpt-realtime-2")
        or settings.voice_live_transcription != "azure-speech"
        or detection in _GOES_WITH_AZURE_SPEECH
    ):
        return settings
    change = {}
    if "voice_live_turn_detection" not in settings.model_fields_set:
        change = {"voice_live_turn_detection": "azure_semantic_vad"}
    elif "voice_live_transcription" not in settings.model_fields_set:
        change = {"voice_live_transcription": "gpt-4o-transcribe"}
    if not change:
        raise SettingsError(
            [
                f"VOICE_LIVE_TURN_DETECTION should be {' or '.join(_GOES_WITH_AZURE_SPEECH)}, because "
                f"{settings.voice_live_model} takes no other with VOICE_LIVE_TRANSCRIPTION=azure-speech"
            ]
        )
    for name, value in change.items():
        _logger.warning("%s takes %s=%s in place of the default", settings.voice_live_model, name.upper(), value)
    return settings.model_copy(update=change)


def session_configuration(
    settings: Settings,
    call_id: str = "",
    *,
    tools: Sequence[ToolDefinition] = (),
    servers: Sequence[McpServer] = (),
) -> RequestSession:
    """Everything the one `session.update` of a call holds.

    call_id: for the service's own logs; tools: functions that the model may call; servers: MCP servers whose tools
    the service calls itself.
    """
    session = RequestSession(
        modalities=[Modality.TEXT, Modality.AUDIO],
        instructions=settings.voice_live_instructions,
        voice=_voice(settings.voice_live_voice),
        input_audio_format=InputAudioFormat.PCM16,
        input_audio_sampling_rate=SAMPLE_RATE,
        output_audio_format=OutputAudioFormat.PCM16,
        input_audio_transcription=_transcription(settings),
        turn_detection=_turn_detection(settings),
    )
    if settings.voice_live_noise_reduction != "off":
        session.input_audio_noise_reduction = AudioNoiseReduction(type=settings.voice_live_noise_reduction)
    if settings.voice_live_echo_cancellation:
        session.input_audio_echo_cancellation = AudioEchoCancellation()
    if tools or servers:
        session.tools = [*map(_function, tools), *map(_server, servers)]
    if call_id:
        session.metadata = {"call_id": call_id[:_VALUE_CHARS]}
    return session


def _function(tool: ToolDefinition) -> FunctionTool:
    return FunctionTool(name=tool.name, description=tool.description, parameters=dict(tool.parameters))


def _server(server: McpServer) -> MCPServer:
    """An MCP server. The service asks about each tool, and the persona answers; without that it asks nobody."""
    headers = server.filled_headers(environment())
    return MCPServer(
        server_label=server.label,
        server_url=server.url,
        allowed_tools=list(server.allowed_tools) or None,
        headers=headers or None,
        require_approval="always",
    )


def _voice(name: str) -> AzureStandardVoice | OpenAIVoice:
    """Azure's voices are named after their language, `en-US-AvaNeural`; OpenAI's have plain names, `marin`."""
    return AzureStandardVoice(name=name) if "-" in name else OpenAIVoice(name=name)


def _transcription(settings: Settings) -> AudioInputTranscriptionOptions:
    options = AudioInputTranscriptionOptions(model=settings.voice_live_transcription)
    if settings.voice_live_language:
        options.language = settings.voice_live_language
    return options


def _turn_detection(settings: Settings) -> TurnDetection:
    """The chosen detection. An interruption ends a response that is still being made.

    auto_truncate is off: the service would cut at what it believes was played, and only the bot knows what was.
    """
    chosen = _WITH_THRESHOLD.get(settings.voice_live_turn_detection)
    if chosen is None:
        # OpenAI's own detection: the SDK has no class for it, and it takes no threshold and no times.
        return TurnDetection(
            {"type": settings.voice_live_turn_detection, "create_response": True, "interrupt_response": True}
        )
    detection: TurnDetection = chosen(
        threshold=settings.voice_live_vad_threshold,
        prefix_padding_ms=settings.voice_live_vad_prefix_ms,
        silence_duration_ms=settings.voice_live_vad_silence_ms,
        create_response=True,
        interrupt_response=True,
        auto_truncate=False,
    )
    return detection
