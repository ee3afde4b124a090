"""The kinds of values that settings have, each with its check and a sentence that says what it should be."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_settings import NoDecode

from bot.loopback import is_loopback
from bot.quiet_hours import QuietHours

LogLevel = Literal["debug", "info", "warning", "error"]
TurnDetection = Literal[
    "server_vad",
    "azure_semantic_vad",
    "azure_semantic_vad_en",
    "azure_semantic_vad_multilingual",
    "semantic_vad",
]
NoiseReduction = Literal["off", "azure_deep_noise_suppression", "near_field", "far_field"]

_DIALLABLE = re.compile(r"\+[1-9]\d{6,14}|sips?:[^\s@<>\"]+@[^\s@<>\"]+")
_PREFIX = re.compile(r"\+[1-9]\d{0,14}", re.ASCII)
NUMBER = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
_HOST = re.compile(r"[\w.:-]+")
_SHORTEST_SECRET = 16  # characters of what opens something to the whole world


def _web_address(value: str) -> str:
    """Accept nothing, an https address, or an http address on loopback; no query, fragment or credentials."""
    if not value:
        return ""
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018 - raises where it is none
    except ValueError:
        raise ValueError("should be an address such as https://example.com") from None
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(parts.hostname or "") or parts.port == 0:
        raise ValueError("should be an address such as https://example.com")
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ValueError("should begin with https:// (http:// is taken on loopback only)")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("should hold no user, query or fragment")
    return value.rstrip("/")


def _diallable(value: str) -> str:
    if value and not _DIALLABLE.fullmatch(value):
        raise ValueError("should be a number such as +14255550100, or a SIP address")
    return value


def _each_diallable(value: object) -> object:
    """Split a list as it stands in the environment; anything else is checked as it is."""
    if not isinstance(value, str):
        return value
    return tuple(_diallable(entry.strip()) for entry in value.split(",") if entry.strip())


def _prefixes(value: object) -> object:
    """Split a list as it stands in the environment; anything else is checked as it is."""
    if not isinstance(value, str):
        return value
    prefixes = tuple(entry.strip() for entry in value.split(",") if entry.strip())
    if not all(_PREFIX.fullmatch(prefix) for prefix in prefixes):
        raise ValueError("should be the beginnings of numbers, such as +49,+1425")
    return prefixes


def _quiet_hours(value: str) -> str:
    if value.strip():
        QuietHours.parse(value)
    return value.strip()


def _sid(prefix: str) -> AfterValidator:
    form = re.compile(prefix + "[0-9a-fA-F]{32}")

    def check(value: str) -> str:
        if value and not form.fullmatch(value):
            raise ValueError(f"should be {prefix} and 32 hexadecimal digits")
        return value

    return AfterValidator(check)


def _long_enough(value: SecretStr) -> SecretStr:
    if 0 < len(value.get_secret_value()) < _SHORTEST_SECRET:
        raise ValueError(
            f"should be at least {_SHORTEST_SECRET} characters, such as `openssl rand -base64 24` prints"
        )
    return value


def _words(value: str) -> str:
    if not value.strip():
        raise ValueError("should not be empty; remove it for the default")
    return value.strip()


def _stripped(value: SecretStr) -> SecretStr:
    return SecretStr(value.get_secret_value().strip())


Secret = Annotated[SecretStr, AfterValidator(_stripped)]
WebAddress = Annotated[str, NoDecode, AfterValidator(_web_address)]
Diallable = Annotated[str, NoDecode, AfterValidator(_diallable)]
DiallableList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_each_diallable)]
AccountSid = Annotated[str, NoDecode, _sid("AC")]
ApiKeySid = Annotated[str, NoDecode, _sid("SK")]
ApplicationSid = Annotated[str, NoDecode, _sid("AP")]
LongSecret = Annotated[Secret, AfterValidator(_long_enough)]
PrefixList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_prefixes)]
Hours = Annotated[str, NoDecode, AfterValidator(_quiet_hours)]
Words = Annotated[str, NoDecode, AfterValidator(_words)]
