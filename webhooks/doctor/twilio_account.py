"""What the account's facts mean for a call: pure, but for the asking in `examine`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from bot.masking import mask
from bot.settings import Settings
from webhooks.doctor.findings import Notes
from webhooks.doctor.surroundings import Surroundings, in_thread
from webhooks.doctor.twilio_facts import Application, Dating, NotAnswered, Number, TwilioFacts, ask

_WITHIN = 25.0  # seconds for everything that is asked
_LOW = 2.0  # of whatever currency: less than an hour of a call in most countries
_MOST_TOLD = 5  # numbers that are told one by one
# https://www.twilio.com/docs/usage/trials/try-out-voice, "Custom TwiML during trial"
_TRIAL = (
    "a trial account: only numbers that you have verified can call it and be called, 5 calls at once, 10 minutes "
    "each; Twilio's documentation says that it opens no media stream (<Stream>) and dials nobody"
)
_UPGRADE = (
    "Upgrade it in the Console. `voicebot call` and the softphone's direct calls do without Twilio; `--skip twilio` "
    "judges without this, if yours is an older trial that still streams."
)


async def examine(settings: Settings, around: Surroundings, notes: Notes) -> None:
    """Ask Twilio, and say what it means."""
    if not settings.auth_tokens or not settings.twilio_account_sid:
        missing = "TWILIO_AUTH_TOKEN" if not settings.auth_tokens else "TWILIO_ACCOUNT_SID"
        if settings.auth_tokens or settings.twilio_account_sid:
            notes.warn("account", f"{missing} is missing", "Copy it from the home page of the Twilio Console.")
        else:
            notes.skip("account", "no Twilio account is set: no phone reaches the bot", "docs/twilio.md")
        return
    if around.offline:
        notes.skip("account", "not asked (--offline)")
        return
    key = (settings.twilio_api_key_sid, settings.twilio_api_key_secret.get_secret_value())
    http = Dating(around.twilio_http(), around.dates)
    began = around.clock()
    try:
        async with asyncio.timeout(_WITHIN):
            facts = await in_thread(
                lambda: ask(
                    settings.twilio_account_sid,
                    settings.auth_tokens,
                    http,
                    application=settings.twilio_twiml_app_sid,
                    key=key,
                )
            )
    except TimeoutError:
        notes.fail(
            "account",
            f"Twilio did not answer within {_WITHIN:g} s",
            "See that this machine gets out to api.twilio.com by port 443, and https://status.twilio.com.",
        )
        return
    except NotAnswered as problem:
        notes.fail("account", problem.says, problem.do)
        return
    judge(facts, settings, notes, seconds=around.clock() - began)


def judge(facts: TwilioFacts, settings: Settings, notes: Notes, *, seconds: float | None = None) -> None:
    """Say what the facts mean."""
    if facts.status != "active":
        notes.fail("account", f"the account is {facts.status}", "Look into the Twilio Console: it says what is owed.")
    elif facts.kind == "Trial":
        notes.fail("account", _TRIAL, _UPGRADE, seconds=seconds)
    else:
        notes.ok(
            "account",
            "active and paid; how many calls it holds at once depends on its customer profile (2 without an approved "
            "one, 3 for a person, no such limit for a business)",
            seconds=seconds,
        )
    if facts.secondary_only:
        notes.warn(
            "token",
            "Twilio takes TWILIO_AUTH_TOKEN_SECONDARY only",
            "It was promoted: make it TWILIO_AUTH_TOKEN, and remove the old one.",
        )
    if facts.balance is not None:
        if facts.balance < _LOW:
            notes.warn("balance", f"{facts.balance:.2f} {facts.currency} are left", "Top the account up.")
        else:
            notes.ok("balance", f"{facts.balance:.2f} {facts.currency}")
    _where_calls_go(facts, settings, notes)
    _softphone(facts, settings, notes)
    for name, problem in facts.problems.items():
        notes.warn(name, problem.says, problem.do)


def voice_url(settings: Settings) -> str:
    """What a number should have as its voice URL, but for a fragment."""
    return f"{settings.public_url}/voice"


def leads_here(url: str, settings: Settings) -> bool:
    """Whether calls that go to this address come to PUBLIC_URL."""
    return _plain(url) == voice_url(settings)


def _plain(url: str) -> str:
    """An address without the connection overrides behind its `#`, and a host without regard to capitals."""
    address = url.partition("#")[0].rstrip("/")
    scheme, separator, rest = address.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme.lower()}{separator}{host.lower().removesuffix(':443')}{slash}{path}"


def _where_calls_go(facts: TwilioFacts, settings: Settings, notes: Notes) -> None:
    here = [number for number in facts.numbers if _leads(number, facts.applications, settings)]
    trapped = [number for number in facts.numbers if number.trunk and leads_here(number.url, settings)]
    overruled = [
        number
        for number in facts.numbers
        if number.application and not number.trunk and leads_here(number.url, settings) and number not in here
    ]
    domains = [domain for domain in facts.domains if leads_here(domain.url, settings)]
    for number in trapped[:_MOST_TOLD]:
        notes.warn(
            "number",
            f"{mask(number.shown)} names this bot, but belongs to a SIP trunk, which gets its calls instead",
            "Take the number out of the trunk in the Console, or send the trunk's calls to a SIP domain.",
        )
    for number in overruled[:_MOST_TOLD]:
        notes.warn(
            "number",
            f"{mask(number.shown)} names this bot, but has a TwiML application too, which wins and leads elsewhere",
            "`voicebot twilio connect` that number: setting its URL takes the application off.",
        )
    for number in here[:_MOST_TOLD]:
        _number_here(number, facts.applications, settings, notes)
    if len(here) > _MOST_TOLD:
        notes.ok("number", f"and {len(here) - _MOST_TOLD} more come here")
    for domain in domains[:_MOST_TOLD]:
        notes.ok("domain", f"SIP calls to {domain.shown} come here")
    if here or domains or "numbers" in facts.problems:
        return
    if facts.more_numbers:
        notes.warn("number", "none of the first 400 numbers leads here", "`voicebot twilio numbers` lists them.")
    elif _softphone_leads_here(facts, settings):
        notes.warn(
            "number", "no number leads here; softphone calls do", "`voicebot twilio connect NUMBER` points one here."
        )
    elif not facts.numbers:
        notes.fail(
            "number",
            "the account has no number, and no SIP domain that leads here",
            "Buy one with Voice in the Console (Phone Numbers), then `voicebot twilio connect NUMBER`.",
        )
    else:
        notes.fail(
            "number",
            f"none of the account's {len(facts.numbers)} numbers leads to PUBLIC_URL{_instead(facts.numbers)}",
            "`voicebot twilio connect NUMBER` points one here.",
        )


def _leads(number: Number, applications: Mapping[str, Application], settings: Settings) -> bool:
    if number.trunk or not number.voice:
        return False
    if number.application:
        application = applications.get(number.application)
        return application is not None and leads_here(application.url, settings)
    return leads_here(number.url, settings)


def _number_here(number: Number, applications: Mapping[str, Application], settings: Settings, notes: Notes) -> None:
    by = applications.get(number.application) if number.application else None
    method, fallback = (by.method, by.fallback) if by is not None else (number.method, number.fallback)
    status = by.status if by is not None else number.status
    whose = f"{mask(number.shown)} leads here{' by a TwiML application' if by is not None else ''}"
    if _plain(fallback) != f"{voice_url(settings)}/fallback":
        notes.warn(
            "number",
            f"{whose}, but without our fallback: when the bot is away, callers hear Twilio's error",
            f"`voicebot twilio connect` it again, or set *Primary handler fails* to {voice_url(settings)}/fallback.",
        )
    elif _plain(status) != f"{voice_url(settings)}/status":
        notes.warn(
            "number",
            f"{whose}, but does not report when a call is over",
            f"`voicebot twilio connect` it again, or set *Call status changes* to {voice_url(settings)}/status.",
        )
    else:
        notes.ok("number", f"{whose} by {method}, with fallback and status")


def _instead(numbers: Sequence[Number]) -> str:
    """A number that looks as if it was meant for us."""
    for number in numbers:
        url = number.url.partition("#")[0].partition("?")[0].rstrip("/")
        if url.endswith("/voice"):
            return f"; {mask(number.shown)} leads to {url}"
    return ""


def _softphone_leads_here(facts: TwilioFacts, settings: Settings) -> bool:
    application = facts.applications.get(settings.twilio_twiml_app_sid)
    return application is not None and leads_here(application.url, settings)


def _softphone(facts: TwilioFacts, settings: Settings, notes: Notes) -> None:
    parts = {
        "TWILIO_API_KEY_SID": settings.twilio_api_key_sid,
        "TWILIO_API_KEY_SECRET": settings.twilio_api_key_secret.get_secret_value(),
        "TWILIO_TWIML_APP_SID": settings.twilio_twiml_app_sid,
    }
    missing = [name for name, value in parts.items() if not value]
    if len(missing) == len(parts):
        return
    if missing:
        notes.warn("softphone", f"{missing[0]} is missing", "`voicebot twilio app` makes all three.")
        return
    if "key" not in facts.problems:
        if facts.key_taken:
            notes.ok("softphone", "Twilio takes the API key")
        else:
            notes.warn(
                "softphone",
                "Twilio does not take TWILIO_API_KEY_SID with its secret",
                "Make a new key: `voicebot twilio app`.",
            )
    if "application" in facts.problems:
        return
    if _softphone_leads_here(facts, settings):
        notes.ok("softphone", "its TwiML application leads here")
    else:
        notes.warn(
            "softphone",
            "TWILIO_TWIML_APP_SID is an application that does not lead to PUBLIC_URL",
            f"`voicebot twilio app`, or set its Voice request URL to {voice_url(settings)}.",
        )
