"""The three addresses that Twilio is given, and what counts as pointing at this bot. No I/O."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from bot.loopback import is_loopback
from bot.setting_kinds import WebAddress
from webhooks.addresses import Addresses
from webhooks.console.errors import ConsoleError

OVERRIDES = "#rc=2&rp=all"
"""Twilio tries a call's webhook three times, whatever fails. The bot answers each attempt alike.

https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides
"""

_TUNNEL = "Start a tunnel or deploy the bot, and set PUBLIC_URL to the https:// address"


@dataclass(frozen=True, slots=True)
class Target:
    """Where calls should go. base: PUBLIC_URL, such as `https://bot.example.com`."""

    base: str

    @property
    def voice(self) -> str:
        """Asked what to do with a call."""
        return Addresses(self.base).web("/voice") + OVERRIDES

    @property
    def fallback(self) -> str:
        """Asked when `voice` cannot be used."""
        return Addresses(self.base).web("/voice/fallback")

    @property
    def status(self) -> str:
        """Told when a call is over."""
        return Addresses(self.base).web("/voice/status")

    def is_voice(self, url: str) -> bool:
        """Whether `url` is this bot's webhook for calls, whatever its connection overrides."""
        return _plain(url) == _plain(self.voice)


def public_target(public_url: str) -> Target:
    """The target that PUBLIC_URL names. Raises ConsoleError where Twilio could not reach it."""
    if not public_url:
        raise ConsoleError(f"PUBLIC_URL is missing: Twilio needs an address of the bot. {_TUNNEL}.", exit_code=2)
    try:
        base: str = TypeAdapter(WebAddress).validate_python(public_url)
    except ValidationError as error:
        problem = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise ConsoleError(f"PUBLIC_URL {problem}. {_TUNNEL}.", exit_code=2) from None
    parts = urlsplit(base)
    if _only_here(parts.hostname or ""):
        raise ConsoleError(
            f"PUBLIC_URL ({base}) is an address that Twilio cannot reach from outside. {_TUNNEL}.", exit_code=2
        )
    if parts.scheme != "https":
        raise ConsoleError(f"PUBLIC_URL should begin with https://. {_TUNNEL}.", exit_code=2)
    return Target(base)


def shown(url: str) -> str:
    """An address as a terminal may show it: a name and password in it are not."""
    scheme, separator, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}{separator}***@{authority.rpartition('@')[2]}{slash}{path}" if "@" in authority else url


def _only_here(host: str) -> bool:
    if is_loopback(host):
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host.strip(".") or host.endswith((".local", ".internal", ".localhost", ".lan"))


def _plain(url: str) -> tuple[str, str, int | None, str, str]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return (url, "", None, "", "")
    port = None if port == {"http": 80, "https": 443}.get(parts.scheme) else port
    return (parts.scheme, parts.hostname or "", port, parts.path, parts.query)
