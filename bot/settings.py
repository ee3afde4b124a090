"""Settings from the environment and a `.env` file, each variable declared and documented once.

The README's table and `.env.example` are made from the descriptions here (`python -m bot.settings`), and a test
keeps them the same.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated, Literal, get_args, get_origin

from dotenv import dotenv_values
from pydantic import BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.errors import SettingsError
from bot.setting_kinds import (
    NUMBER,
    AccountSid,
    ApiKeySid,
    ApplicationSid,
    Diallable,
    DiallableList,
    Hours,
    LogLevel,
    LongSecret,
    NoiseReduction,
    PrefixList,
    Secret,
    TurnDetection,
    WebAddress,
    Words,
)

_FOR_CALLS_OUT = ("twilio_account_sid", "twilio_auth_token", "public_url", "caller_id")


class Settings(BaseSettings):
    """Everything that an operator can set. Field names in capitals are the variables' names."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True, hide_input_in_errors=True
    )

    # Azure Voice Live
    azure_voice_live_endpoint: WebAddress = Field(
        "", description="Resource address, `https://NAME.services.ai.azure.com`. Empty: the embedded engine."
    )
    azure_voice_live_api_key: Secret = Field(
        SecretStr(""), description="Key of the resource. Empty: Entra ID (managed identity, `az login`)."
    )
    voice_live_model: Words = Field("gpt-4.1-mini", description="Model that answers.")
    voice_live_voice: Words = Field(
        "en-US-AvaNeural", description="Azure neural voice (with a `-` in it) or OpenAI voice (`marin`)."
    )
    voice_live_instructions: Words = Field(
        "You answer the phone for a small company. Be friendly and brief: one or two short sentences at a time, "
        "no lists, no markup. If you did not understand, say so and ask again.",
        description="What the assistant is told to be.",
    )
    voice_live_greeting: str = Field(
        "Hello! How can I help you?",
        description="First words, spoken as they stand. Empty: the model greets in its own words.",
    )
    voice_live_transcription: Words = Field(
        "azure-speech", description="Model that writes down what the caller says."
    )
    voice_live_language: str = Field(
        "", description="Language of the caller for the transcription, such as `en-US`. Empty: detected."
    )
    voice_live_turn_detection: TurnDetection = Field(
        "server_vad", description="How the service hears that the caller has finished."
    )
    voice_live_vad_threshold: float = Field(0.5, ge=0, le=1, description="How sure it must be of speech, 0 to 1.")
    voice_live_vad_prefix_ms: int = Field(300, ge=0, le=5000, description="Milliseconds kept from before the speech.")
    voice_live_vad_silence_ms: int = Field(
        500, ge=100, le=5000, description="Milliseconds of silence that end a turn."
    )
    voice_live_noise_reduction: NoiseReduction = Field(
        "off", description="Noise reduction of the service; on phone audio it does more harm than good."
    )
    voice_live_echo_cancellation: bool = Field(False, description="Echo cancellation of the service.")
    voice_live_verbose: bool = Field(
        False, description="Log every Voice Live event but audio. It shows what is said on the phone."
    )

    persona_file: Words = Field(
        "voicebot.toml", description="Who answers which number, where there is such a file; `docs/personas.md`."
    )

    # Twilio
    twilio_account_sid: AccountSid = Field("", description="Account whose requests are taken, `AC…`.")
    twilio_auth_token: Secret = Field(
        SecretStr(""), description="Token that signs Twilio's requests. Empty: only unsigned loopback calls."
    )
    twilio_auth_token_secondary: Secret = Field(
        SecretStr(""), description="Second token, taken too while you rotate."
    )
    public_url: WebAddress = Field("", description="Address by which Twilio reaches the bot; needed with a token.")
    fallback_number: Diallable = Field(
        "", description="Number or SIP address dialled when the assistant fails for good."
    )
    dial_allowed: DiallableList = Field(
        (),
        description="Numbers and SIP addresses, with commas between, that an operator may transfer a caller to and "
        "the softphone may dial. Empty: none.",
    )
    caller_id: Diallable = Field(
        "",
        description="Your Twilio number, shown to whom the bot calls, and dials for a caller without a number of its "
        "own.",
    )

    # The pages: softphone and live view
    page_secret: LongSecret = Field(
        SecretStr(""),
        description="Secret that opens the softphone and the live view away from this machine. Empty: nobody.",
    )
    page_trust_platform_login: bool = Field(
        False,
        description="Open the pages to whom App Service or Container Apps authentication has signed in. Only behind "
        "it: elsewhere anyone can send its header.",
    )
    twilio_api_key_sid: ApiKeySid = Field("", description="API key for softphone calls through Twilio, `SK…`.")
    twilio_api_key_secret: Secret = Field(SecretStr(""), description="Secret of that key.")
    twilio_twiml_app_sid: ApplicationSid = Field(
        "", description="TwiML application whose voice URL is this bot's `/voice`, `AP…`."
    )

    # Calls out
    calls_key: LongSecret = Field(
        SecretStr(""),
        description="Bearer key for `POST /calls` and `voicebot dial`; `docs/calls-out.md`. Empty: no calls out.",
    )
    dial_prefixes: PrefixList = Field(
        (), description="How numbers may begin that the bot calls, such as `+49,+1425`. Empty: none is called."
    )
    dial_per_minute: int = Field(10, ge=1, le=1000, description="Calls that the bot places in a minute at most.")
    quiet_hours: Hours = Field(
        "", description="When nobody is called, such as `21:00-08:00 Europe/Berlin`. Empty: no such hours."
    )

    # The house
    host: str = Field("127.0.0.1", min_length=1, description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on.")
    workers: int = Field(
        1,
        ge=1,
        le=64,
        description="Processes that answer, for more than one core; `docs/workers.md`. 1: this process alone.",
    )
    max_calls: int = Field(50, ge=1, le=10_000, description="Calls at once; one more hears a sentence.")
    max_call_seconds: int = Field(3600, ge=10, le=86_400, description="Longest call.")
    answer_seconds: float = Field(
        6.0,
        ge=4,
        le=60,
        allow_inf_nan=False,
        description="Longest silence before the caller hears something, whatever fails.",
    )
    drain_seconds: int = Field(300, ge=0, le=86_400, description="How long live calls may go on after SIGTERM.")
    drain_redirect_url: WebAddress = Field(
        "", description="Another instance's address, given new calls while this one drains."
    )
    metrics_token: Secret = Field(SecretStr(""), description="Bearer token for `/metrics` away from loopback.")
    log_level: Annotated[LogLevel, BeforeValidator(str.lower)] = Field("info", description="How much is logged.")

    # The embedded engine
    chat_endpoint: WebAddress = Field(
        "", description="OpenAI-compatible address (`…/v1`) that answers in place of the embedded script."
    )
    chat_api_key: Secret = Field(SecretStr(""), description="Key for that address.")
    chat_model: Words = Field("gpt-4.1-mini", description="Model asked there.")

    @model_validator(mode="after")
    def _what_belongs_together(self) -> Settings:
        if self.twilio_auth_token_secondary.get_secret_value() and not self.twilio_auth_token.get_secret_value():
            raise ValueError("TWILIO_AUTH_TOKEN is missing: TWILIO_AUTH_TOKEN_SECONDARY alone is not used")
        if self.auth_tokens and not self.public_url:
            raise ValueError(
                "PUBLIC_URL is missing: with TWILIO_AUTH_TOKEN it should be the address that Twilio calls, "
                "such as https://bot.example.com, because Twilio signs that address"
            )
        missing = [name.upper() for name in _FOR_CALLS_OUT if not self._has(name)]
        if self._has("calls_key") and missing:
            raise ValueError(f"{missing[0]} is missing: calls out (CALLS_KEY) need {', '.join(missing)}")
        if self._has("calls_key") and not NUMBER.fullmatch(self.caller_id):
            raise ValueError(
                "CALLER_ID should be a number such as +14255550100, from which calls out (CALLS_KEY) come"
            )
        return self

    def _has(self, name: str) -> bool:
        value = getattr(self, name)
        return bool(value.get_secret_value() if isinstance(value, SecretStr) else value)

    @property
    def auth_tokens(self) -> tuple[str, ...]:
        """The Twilio tokens that a signature may be made with, the main one first."""
        tokens = (self.twilio_auth_token, self.twilio_auth_token_secondary)
        return tuple(token.get_secret_value() for token in tokens if token.get_secret_value())

    @property
    def embedded(self) -> bool:
        """Whether the bot answers by the embedded engine."""
        return not self.azure_voice_live_endpoint


def environment(env_file: str = ".env") -> dict[str, str]:
    """The environment as settings see it: with what `.env` adds. For secrets that the file of personas names."""
    return {name: value for name, value in dotenv_values(env_file).items() if value is not None} | dict(os.environ)


def load_settings(overrides: Mapping[str, object] | None = None, *, env_file: str | None = ".env") -> Settings:
    """Read the settings; `overrides`, by field name, win over the environment.

    Raises SettingsError with one line for each problem.
    """
    try:
        return Settings(_env_file=env_file, **dict(overrides or {}))  # type: ignore[call-arg, arg-type]
    except ValidationError as error:
        raise SettingsError([_in_words(problem["loc"], problem["msg"]) for problem in error.errors()]) from None
    except UnicodeDecodeError:
        raise SettingsError([f"{env_file} should be a text file in UTF-8"]) from None
    except OSError as error:
        raise SettingsError([f"{env_file} cannot be read: {error.strerror}"]) from None


def _in_words(place: tuple[int | str, ...], message: str) -> str:
    message = message.removeprefix("Value error, ").removeprefix("Input ")
    return f"{str(place[0]).upper()} {message}" if place else message


def _explained(field: FieldInfo) -> str:
    """A setting's description, and the values that it may have where those can be listed."""
    values = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
    return (
        f"{field.description} One of {', '.join(f'`{value}`' for value in values)}."
        if values
        else f"{field.description}"
    )


def _default(field: FieldInfo) -> str:
    """A setting's default as it would be written in `.env`."""
    match field.default:
        case SecretStr() as secret:
            return secret.get_secret_value()
        case bool() as switch:
            return str(switch).lower()
        case tuple() as several:
            return ",".join(several)
        case other:
            return str(other)


def table() -> str:
    """Every setting as rows of a Markdown table, for the README."""
    rows = ["| Variable | Default | What it is for |", "| --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        default = _default(field)
        shown = f"`{default}`" if default else ""
        rows.append(f"| `{name.upper()}` | {shown if len(shown) < 40 else 'a short text'} | {_explained(field)} |")
    return "\n".join(rows)


def example() -> str:
    """The content of `.env.example`: every variable, commented out, at its default."""
    lines = ["# Copy to .env and remove the # of what you set. The README's table says more."]
    for name, field in Settings.model_fields.items():
        lines += ["", f"# {_explained(field)}", f"# {name.upper()}={_default(field)}"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    import sys

    sys.stdout.write(example() if "--example" in sys.argv else table() + "\n")
