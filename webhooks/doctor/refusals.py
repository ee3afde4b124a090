"""Why Voice Live opened no session, and what to do about it. Pure."""

from __future__ import annotations

import re

from bot.errors import SessionError, SessionRefused, SessionTimeout
from bot.settings import Settings

_STATUS = re.compile(r"\AHTTP (\d{3})\b")
_ABOUT_MODEL = re.compile(r"\b(model|deployment)", re.IGNORECASE)
_ABOUT_VOICE = re.compile(r"\bvoice\b", re.IGNORECASE)
_REGIONS = "https://learn.microsoft.com/azure/ai-services/speech-service/regions?tabs=voice-live"
_ROLES = (
    "Give the identity the roles Cognitive Services User and Foundry User (Azure AI User in older portals) on the "
    "resource, and wait some minutes until they count."
)


def explained(error: SessionError, settings: Settings, model: str, *, by_key: bool) -> tuple[str, str]:
    """How it is, and the next step. model: asked for; by_key: signed in by a key, not by Entra ID."""
    words = str(error)
    if isinstance(error, SessionTimeout):
        return (
            f"Voice Live went silent ({words})",
            "Try again. If it stays so, look at the resource's health in the portal, and at proxies and firewalls "
            "that let a WebSocket open but nothing through.",
        )
    if not isinstance(error, SessionRefused):
        return _unreachable(words)
    if words.startswith("no access"):
        return "Entra ID gives no token", "Run `az login`, or give the app a managed identity."
    status = int(found[1]) if (found := _STATUS.match(words)) else 0
    match status:
        case 401 if by_key:
            return (
                "Voice Live does not take the key (HTTP 401)",
                "Copy AZURE_VOICE_LIVE_API_KEY of this very resource anew; where keys are switched off (local "
                "authentication), remove it and sign in by Entra ID.",
            )
        case 403 if by_key:
            return (
                "Voice Live lets the key not in (HTTP 403)",
                "Where keys are switched off (local authentication), remove AZURE_VOICE_LIVE_API_KEY and sign in by "
                "Entra ID; otherwise look at the resource's network rules.",
            )
        case 401 | 403:
            return f"Voice Live knows who asks, but does not let it in (HTTP {status})", _ROLES
        case 404:
            return (
                "there is no Voice Live at the endpoint, or it has no such model (HTTP 404)",
                "AZURE_VOICE_LIVE_ENDPOINT should be https://NAME.services.ai.azure.com of an AI Foundry resource; "
                + _other_model(model),
            )
        case 429:
            return (
                "Voice Live takes no more sessions now (HTTP 429); 30 new ones a minute are the default",
                "Wait a minute; if it stays so, ask for a higher quota of the resource.",
            )
        case _ if status >= 500:
            return (
                f"Voice Live has trouble of its own (HTTP {status})",
                "Try again; https://status.azure.com tells more.",
            )
        case _ if status:
            return f"Voice Live refuses ({words})", _other_model(model)
    if _ABOUT_MODEL.search(words):
        return f"Voice Live refuses the session ({words})", _other_model(model)
    if _ABOUT_VOICE.search(words):
        return f"Voice Live refuses the session ({words})", "Choose a voice of this region: VOICE_LIVE_VOICE."
    return (
        f"Voice Live refuses the session ({words})",
        "Change the setting that it names; VOICE_LIVE_* or the persona.",
    )


def _other_model(model: str) -> str:
    return (
        f"check that the resource's region offers {model} ({_REGIONS}), or set VOICE_LIVE_MODEL=gpt-4.1-mini, which "
        "most regions have."
    )


def _unreachable(words: str) -> tuple[str, str]:
    return (
        f"Voice Live {words}" if words.startswith("cannot") else f"Voice Live hung up ({words})",
        "Check the name in AZURE_VOICE_LIVE_ENDPOINT, and that this machine gets out to it by port 443.",
    )
