"""The settings: what is wrong with them in words, names that are probably misspelt, and who would answer."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path

from dotenv import dotenv_values

from bot.errors import SettingsError
from bot.plan import Planner
from bot.settings import Settings, load_settings
from webhooks.doctor.findings import Notes

_ALIKE = 0.84  # difflib's ratio from which a name is taken for a misspelt one
# What is in `.env` for the SDKs and the platform, and looks like a setting of ours.
_OTHERS = frozenset(
    {
        "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_TENANT_ID", "AZURE_CLIENT_CERTIFICATE_PATH",
        "AZURE_TOKEN_CREDENTIALS", "AZURE_AUTHORITY_HOST", "APPLICATIONINSIGHTS_CONNECTION_STRING",
        "WEBSITES_PORT", "SSL_CERT_FILE", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY",
    }
)  # fmt: skip
# The shell's environment holds much that is not ours; only what begins like this is looked at.
_OURS_BEGIN_WITH = ("VOICE_LIVE_", "TWILIO_", "AZURE_VOICE", "TWILO", "VOICELIVE")


def misspelt(names: Iterable[str]) -> dict[str, str]:
    """Names that are no settings but look like one, each with the setting that was probably meant."""
    known = {name.upper() for name in Settings.model_fields}
    found = {}
    for name in names:
        if name.upper() in known | _OTHERS:
            continue
        if alike := difflib.get_close_matches(name.upper(), known, n=1, cutoff=_ALIKE):
            found[name] = alike[0]
    return found


def examine(env_file: str, environ: Mapping[str, str], notes: Notes) -> tuple[Settings, Planner] | None:
    """Look at the settings and at who answers; None where the bot would not start with them. Blocks: it imports."""
    try:
        _look_for_misspelt_names(env_file, environ, notes)
        settings = load_settings(env_file=env_file)
    except OSError as error:
        notes.fail(
            "values", f"`{env_file}` cannot be read ({error.strerror})", "Let the user who starts the bot read it."
        )
        return None
    except SettingsError as error:
        for problem in error.problems:
            notes.fail("values", problem, f"Change it in `{env_file}` or the environment; the README has the table.")
        return None
    place = f"`{env_file}` and the environment" if Path(env_file).exists() else "the environment (there is no `.env`)"
    notes.ok("values", f"read from {place}: {_in_short(settings)}")
    try:
        planner = Planner.of(settings, watch=lambda *_: None)
    except SettingsError as error:
        for problem in error.problems:
            notes.fail("persona", problem, f"Change it, then try `voicebot persona check {settings.persona_file}`.")
        return None
    named = Path(settings.persona_file)
    personas = ", ".join(one.name for one in planner.personas.all)
    if named.exists():
        modules = len(planner.personas.modules)
        tools = f"; {modules} module{'s' * (modules != 1)} with tools" if modules else ""
        notes.ok("persona", f"{named.name} is valid: {personas}{tools}")
    else:
        notes.ok("persona", "one assistant, made of the settings")
    return settings, planner


def _look_for_misspelt_names(env_file: str, environ: Mapping[str, str], notes: Notes) -> None:
    try:
        in_file = [name for name, value in dotenv_values(env_file).items() if value is not None]
    except UnicodeDecodeError:
        in_file = []  # said by the settings themselves
    for name, meant in misspelt(in_file).items():
        notes.warn("names", f"{name} in `{env_file}` is no setting", f"Did you mean {meant}?")
    here = [name for name in environ if name.startswith(_OURS_BEGIN_WITH) and name not in in_file]
    for name, meant in misspelt(here).items():
        notes.warn("names", f"{name} in the environment is no setting", f"Did you mean {meant}?")


def _in_short(settings: Settings) -> str:
    by = "the embedded engine" if settings.embedded else settings.voice_live_model
    if not settings.auth_tokens:
        return f"calls are answered by {by}, from this machine only, because there is no TWILIO_AUTH_TOKEN"
    return f"calls are answered by {by}, and Twilio's signature is asked for"
