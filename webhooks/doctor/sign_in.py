"""Signing in to Azure: by key, by Entra ID, or not at all on loopback; and which of many credentials did it."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Mapping
from typing import Any

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError

from bot.settings import Settings
from webhooks.doctor.findings import Notes
from webhooks.doctor.surroundings import Surroundings

SCOPE = "https://ai.azure.com/.default"
_WITHIN = 30.0  # seconds; a managed identity that is not there takes several to be given up, `az` a few more

_BY = {
    "EnvironmentCredential": "a service principal in the environment (AZURE_CLIENT_ID and its secret)",
    "WorkloadIdentityCredential": "a workload identity",
    "ManagedIdentityCredential": "a managed identity",
    "AzureCliCredential": "`az login`",
    "AzureDeveloperCliCredential": "`azd auth login`",
    "AzurePowerShellCredential": "Azure PowerShell",
    "VisualStudioCodeCredential": "Visual Studio Code",
}
_ENTRA_ERROR = re.compile(r"AADSTS\d+")
_SIGN_IN_AGAIN = frozenset({"AADSTS50173", "AADSTS70043", "AADSTS700082", "AADSTS50076", "AADSTS50078"})
"""Expired, revoked, or asking for a second factor. https://learn.microsoft.com/entra/identity-platform/reference-error-codes"""


def needs_none(settings: Settings) -> bool:
    """Whether Voice Live is on loopback and takes whoever comes: the SDK is given no credential then."""
    return settings.azure_voice_live_endpoint.startswith("http:") and not _key(settings)


async def sign_in(settings: Settings, around: Surroundings, notes: Notes) -> tuple[bool, AsyncTokenCredential | None]:
    """Get a token as the bot does; whether it may go on, and the credential to go on with, if it takes one.

    Whoever asked closes the credential.
    """
    if _key(settings):
        notes.ok("sign-in", "by AZURE_VOICE_LIVE_API_KEY; whether it is taken shows the session below")
        return True, None
    if needs_none(settings):
        notes.ok("sign-in", "none is needed on loopback")
        return True, None
    credential = around.credential()
    began = around.clock()
    try:
        async with asyncio.timeout(_WITHIN):
            token = await credential.get_token(SCOPE)
    except TimeoutError:
        notes.fail(
            "sign-in",
            f"Entra ID gave no token within {_WITHIN:g} s",
            "Run `az login`, or see that login.microsoftonline.com can be reached from here.",
        )
    except (AzureError, OSError, ValueError) as error:
        says, do = refusal(str(error))
        notes.fail("sign-in", says, do)
    else:
        who = f"by {_BY.get(name, name) if (name := _chosen(credential)) else 'Entra ID'}"
        left = max(0, token.expires_on - around.wall_clock()) / 60
        audience = claims(token.token).get("aud", SCOPE.removesuffix("/.default"))
        notes.ok(
            "sign-in",
            f"{who}, with a token for {audience}, good for {left:.0f} min",
            seconds=around.clock() - began,
        )
        return True, credential
    await credential.close()
    return False, None


def refusal(message: str) -> tuple[str, str]:
    """What azure-identity's long message comes down to, and the next step."""
    code = found[0] if (found := _ENTRA_ERROR.search(message)) else ""
    if code in _SIGN_IN_AGAIN:
        return f"Entra ID wants a new sign-in ({code})", "Run `az login` again."
    if code:
        return (
            f"Entra ID gave no token ({code})",
            "Check AZURE_TENANT_ID, AZURE_CLIENT_ID and its secret, or remove them and run `az login`; "
            f"https://login.microsoftonline.com/error?code={code.removeprefix('AADSTS')} explains the code.",
        )
    return (
        f"there is no credential here that Entra ID gives a token for {SCOPE} to",
        "Run `az login` on your machine; in Azure, give the app a managed identity and its id as AZURE_CLIENT_ID; "
        "or set AZURE_VOICE_LIVE_API_KEY.",
    )


def claims(token: str) -> Mapping[str, Any]:
    """What a token says of itself, unchecked; nothing where it is no JWT. Only its audience is ever shown."""
    try:
        body = token.split(".")[1]
        found = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (IndexError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _chosen(credential: AsyncTokenCredential) -> str:
    """The class of the credential that gave the token; azure-identity keeps it here, and tells it to its log only."""
    chosen = getattr(credential, "_successful_credential", None)
    return type(chosen).__name__ if chosen is not None else ""


def _key(settings: Settings) -> str:
    return settings.azure_voice_live_api_key.get_secret_value()
