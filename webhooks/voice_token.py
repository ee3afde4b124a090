"""Access tokens by which the softphone calls through Twilio, and what is missing where it cannot.

Source: https://www.twilio.com/docs/iam/access-tokens. The token lets its holder call one TwiML application, whose
voice URL is ours, and be called by nobody. What the page asks it to dial is the page's word alone: `/voice` decides.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable
from pathlib import Path

from pydantic import SecretStr
from twilio.jwt.access_token import AccessToken
from twilio.jwt.access_token.grants import VoiceGrant

from bot.settings import Settings

LIFETIME = 3600  # seconds

SCRIPT = "assets/vendor/twilio.min.js"
"""Where the page finds Twilio's Voice SDK, relative to the root."""

INTEGRITY = "sha384-LUG7DmzDPWNKRYoqyGpV4d/IByMLiya/oUhMSc/4/6hi0wbzO/8PffM4lzeFEYS8"
"""The hash of that file, of @twilio/voice-sdk 2.18.5. `scripts/voice-sdk` and the browser both compare it."""

INSTALL = "Twilio's Voice SDK: run `make voice-sdk` on the server"
"""What `missing` says where that file is not there."""

# The public edges of https://www.twilio.com/docs/global-infrastructure/edge-locations: signalling begins at
# `roaming`, and after a break comes back at the edge that took the call.
_EDGES = ("roaming", "ashburn", "umatilla", "dublin", "frankfurt", "sao-paulo", "singapore", "sydney", "tokyo")
# Where measurements of the call go: without a region until Twilio has named the account's.
_INSIGHTS = ("eventgw.twilio.com", "eventgw.us1.twilio.com", "eventgw.ie1.twilio.com", "eventgw.au1.twilio.com")

CONNECT_SOURCES = (
    *(f"wss://voice-js.{edge}.twilio.com" for edge in _EDGES),
    *(f"https://{host}" for host in _INSIGHTS),
)
"""What the page's Content-Security-Policy has to allow under `connect-src` for such a call, and nothing else."""

_VENDOR = Path(__file__).parent / "static" / "vendor"
_NEEDED = ("twilio_account_sid", "twilio_api_key_sid", "twilio_api_key_secret", "twilio_twiml_app_sid")
_IDENTITY = re.compile(r"\w{1,121}", re.ASCII)  # what Twilio takes


def missing(settings: Settings, *, vendor: Path = _VENDOR) -> list[str]:
    """What has to be done before the softphone can call through Twilio: variables by name, and INSTALL.

    vendor: folder of the SDK's file.
    """
    todo = _unset(settings)
    if not (vendor / Path(SCRIPT).name).is_file():
        todo.append(INSTALL)
    return todo


def identity(name: str) -> str:
    """What Twilio may call a visitor: always the same for the same `name`, and telling nothing of it.

    Twilio takes letters, digits and underscores only, and shows the identity as the caller, `client:<identity>`.
    """
    return "softphone_" + hashlib.sha256(name.encode()).hexdigest()[:16]


def access_token(
    settings: Settings, identity: str, *, seconds: int = LIFETIME, wall_clock: Callable[[], float] = time.time
) -> str:
    """A token for one visitor to call with, valid for `seconds`. wall_clock: seconds since 1970.

    Raises ValueError where settings are missing, or the identity is not one that Twilio takes.
    """
    if unset := _unset(settings):
        raise ValueError(f"{', '.join(unset)} not set")
    if not _IDENTITY.fullmatch(identity):
        raise ValueError("an identity is 1 to 121 letters, digits and underscores")
    now = int(wall_clock())
    token = AccessToken(
        settings.twilio_account_sid,
        settings.twilio_api_key_sid,
        settings.twilio_api_key_secret.get_secret_value(),
        grants=[VoiceGrant(outgoing_application_sid=settings.twilio_twiml_app_sid, incoming_allow=False)],
        identity=identity,
        nbf=now,
        valid_until=now + seconds,
    )
    return str(token.to_jwt())


def _unset(settings: Settings) -> list[str]:
    values = {name: getattr(settings, name) for name in _NEEDED}
    return [name.upper() for name, value in values.items() if not _text(value)]


def _text(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
