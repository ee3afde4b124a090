"""Who answers a call. Every value has a default, and says itself what it may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict, Field

from bot.persona.checks import (
    Approval,
    ClientName,
    Diallable,
    Flag,
    HeaderName,
    InstructionTemplate,
    Languages,
    Name,
    Number,
    ServerAddress,
    SipName,
    SpokenTemplate,
    VariableName,
    Words,
    ZoneName,
)
from bot.persona.sentences import Sentences
from bot.persona.template import escape
from bot.setting_kinds import NoiseReduction, TurnDetection
from bot.settings import Settings

_NO_OTHERS = ConfigDict(extra="forbid")


_DEFAULTS: Mapping[str, Any] = {name: field.default for name, field in Settings.model_fields.items()}
"""So that the default of a setting stands in one place."""


@dataclass(frozen=True, slots=True)
class McpServer:
    """A server of tools, called by the service itself.

    label: its name towards the model. allowed_tools: those that the model sees; empty: all. headers: from the name of
    a header to that of the environment variable whose whole value it gets. approval: the answer where the service
    asks whether a tool may run: "always" yes, "never", or yes for the tools named.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _NO_OTHERS

    label: Name
    url: ServerAddress
    allowed_tools: tuple[Name, ...] = ()
    headers: dict[HeaderName, VariableName] = field(default_factory=dict)
    approval: Approval = "never"

    def approves(self, tool: str) -> bool:
        """Whether `tool` may run."""
        if self.allowed_tools and tool not in self.allowed_tools:
            return False
        return self.approval == "always" or (self.approval != "never" and tool in self.approval)

    def filled_headers(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The headers with their values, which are secrets. A variable that is not set is left out."""
        return {name: environ[variable] for name, variable in self.headers.items() if environ.get(variable)}


@dataclass(frozen=True, slots=True)
class TransferTarget:
    """Where callers may be sent. to: `+14255550100`, `sip:USER@HOST` or `client:NAME`.

    description: for the model, when to choose it. warm: whoever answers hears a sentence of summary first. seconds:
    how long it rings.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _NO_OTHERS

    to: Diallable
    description: Annotated[str, Field(max_length=500)] = ""
    warm: Flag = False
    seconds: Annotated[int, Field(strict=True, ge=5, le=120)] = 20


@dataclass(frozen=True, slots=True)
class DigitRules:
    """How pressed digits are collected.

    pause: seconds without one that end them; length: the most that are collected; secret: masked in logs and views.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _NO_OTHERS

    pause: Annotated[float, Field(strict=True, ge=0.3, le=10, allow_inf_nan=False)] = 1.5
    length: Annotated[int, Field(strict=True, ge=1, le=64)] = 32
    secret: Flag = False


@dataclass(frozen=True, slots=True)
class LogRules:
    """What may be logged. words: what caller and assistant say."""

    __pydantic_config__: ClassVar[ConfigDict] = _NO_OTHERS

    words: Flag = False


@dataclass(frozen=True, slots=True)
class Persona:
    """Who answers, and how.

    numbers, sip, clients: the calls it answers: by called number, by SIP user or USER@HOST, by client name; default:
    and all others. instructions, greeting, voicemail: templates until `Personas` has rendered them for a call; an
    empty greeting leaves the first words to the model, an empty voicemail hangs up on an answering machine.
    Names that end in _ms are milliseconds; all other times are seconds.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _NO_OTHERS

    name: Name = "assistant"

    numbers: tuple[Number, ...] = ()
    sip: tuple[SipName, ...] = ()
    clients: tuple[ClientName, ...] = ()
    default: Flag = False

    instructions: InstructionTemplate = _DEFAULTS["voice_live_instructions"]
    greeting: SpokenTemplate = _DEFAULTS["voice_live_greeting"]
    voicemail: SpokenTemplate = ""
    zone: ZoneName = "UTC"
    sentences: Sentences = Sentences()  # noqa: RUF009 - frozen, of another module

    voice: Words = _DEFAULTS["voice_live_voice"]
    model: Words = _DEFAULTS["voice_live_model"]
    language: Languages = _DEFAULTS["voice_live_language"]
    transcription: Words = _DEFAULTS["voice_live_transcription"]
    turn_detection: TurnDetection = _DEFAULTS["voice_live_turn_detection"]
    vad_threshold: Annotated[float, Field(strict=True, ge=0, le=1)] = _DEFAULTS["voice_live_vad_threshold"]
    vad_prefix_ms: Annotated[int, Field(strict=True, ge=0, le=5000)] = _DEFAULTS["voice_live_vad_prefix_ms"]
    vad_silence_ms: Annotated[int, Field(strict=True, ge=100, le=5000)] = _DEFAULTS["voice_live_vad_silence_ms"]
    noise_reduction: NoiseReduction = _DEFAULTS["voice_live_noise_reduction"]
    echo_cancellation: Flag = _DEFAULTS["voice_live_echo_cancellation"]

    tools: tuple[Name, ...] = ("end_call",)
    tool_seconds: Annotated[float, Field(strict=True, ge=0.5, le=120, allow_inf_nan=False)] = 10.0
    moment_after: Annotated[float, Field(strict=True, ge=0.5, le=30, allow_inf_nan=False)] = 2.0
    mcp: Annotated[tuple[McpServer, ...], Field(max_length=16)] = ()
    transfer: dict[Name, TransferTarget] = field(default_factory=dict)

    max_call_seconds: Annotated[int, Field(strict=True, ge=10, le=86_400)] = _DEFAULTS["max_call_seconds"]
    idle_seconds: Annotated[float, Field(strict=True, ge=2, le=600, allow_inf_nan=False)] = 10.0
    idle_prompts: Annotated[int, Field(strict=True, ge=0, le=10)] = 2
    wordless_turns: Annotated[int, Field(strict=True, ge=1, le=100)] = 6

    digits: DigitRules = DigitRules()
    log: LogRules = LogRules()

    @classmethod
    def of(cls, settings: Settings) -> Persona:
        """Who answers where there is no file: all from the settings, whose texts are no templates."""
        return cls(
            default=True,
            instructions=escape(settings.voice_live_instructions),
            greeting=escape(settings.voice_live_greeting),
            max_call_seconds=settings.max_call_seconds,
            **{name: getattr(settings, f"voice_live_{name}") for name in SETTLED},
        )

    def onto(self, settings: Settings) -> Settings:
        """The settings with what this persona, rendered, says in the place of theirs."""
        own = {f"voice_live_{name}": getattr(self, name) for name in SETTLED}
        return settings.model_copy(update=own | {"voice_live_instructions": self.instructions})


SETTLED = (
    "voice",
    "model",
    "language",
    "transcription",
    "turn_detection",
    "vad_threshold",
    "vad_prefix_ms",
    "vad_silence_ms",
    "noise_reduction",
    "echo_cancellation",
)
"""The values whose defaults are the settings VOICE_LIVE_<name>, as they stand."""
