"""Voice Live: a real session, opened by the code and with the configuration of a call, and closed at once.

Nothing is said in it, so that it costs nothing but one of the connections that the service allows in a minute.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

import aiohttp

from bot.call.events import CallerFacts
from bot.engine.process import EngineProcess
from bot.errors import EngineError, SessionError, SettingsError
from bot.loopback import is_loopback
from bot.plan import CallPlan, Planner
from bot.settings import Settings
from bot.voicelive import VoiceLive
from webhooks.doctor.findings import Notes
from webhooks.doctor.refusals import explained
from webhooks.doctor.sign_in import sign_in
from webhooks.doctor.surroundings import Surroundings

OPEN_WITHIN = 10.0  # seconds for one session; a call waits half of that
_SLOW = 1.5  # seconds; from there on a caller may notice
_MOST_SESSIONS = 5
_DATE_WITHIN = aiohttp.ClientTimeout(total=5)
_FACTS = CallerFacts("doctor")


async def examine(settings: Settings, planner: Planner, around: Surroundings, notes: Notes) -> None:
    """Sign in, and open one session for each model that a persona answers with."""
    async with AsyncExitStack() as stack:
        if settings.embedded:
            endpoint = await _engine(stack, around, notes)
            if not endpoint:
                return
            voice_live = VoiceLive(settings, endpoint=endpoint)
            if settings.chat_endpoint:
                await _chat(settings, around, notes)
        else:
            remote = settings.azure_voice_live_endpoint
            notes.ok("endpoint", remote)
            if around.offline and not _here(remote):
                notes.skip("session", "not opened: it is not on this machine (--offline)")
                return
            may_go_on, credential = await sign_in(settings, around, notes)
            if not may_go_on:
                notes.skip("session", "not tried without a sign-in")
                return
            await _date(remote, around)
            try:
                voice_live = VoiceLive(settings, credential=credential)
            except SettingsError as error:
                notes.fail("session", error.problems[0], "Change that setting.")
                return
        stack.push_async_callback(voice_live.close)
        for plan in _plans(planner):
            await _open(voice_live, plan, settings, around, notes)


async def _engine(stack: AsyncExitStack, around: Surroundings, notes: Notes) -> str:
    """Start the embedded engine; its address, or nothing where it does not start."""
    began = around.clock()
    try:
        engine = await stack.enter_async_context(EngineProcess(around.engine_arguments))
    except EngineError as error:
        notes.fail(
            "engine",
            str(error),
            "Run `make setup` again (an image: build it with ENGINE=1), or set AZURE_VOICE_LIVE_ENDPOINT; `python -m "
            "bot.engine` shows what is missing.",
        )
        return ""
    notes.ok("engine", "no AZURE_VOICE_LIVE_ENDPOINT: the embedded engine starts", seconds=around.clock() - began)
    return engine.endpoint


def _plans(planner: Planner) -> Sequence[CallPlan]:
    """What calls would be opened with: for each model one, as each may be refused for itself."""
    first = planner.plan(_FACTS)
    plans = {first.persona.model: first}
    for persona in planner.personas.all:
        plans.setdefault(persona.model, planner.plan(_FACTS, persona.name))
    return list(plans.values())[:_MOST_SESSIONS]


async def _open(
    voice_live: VoiceLive, plan: CallPlan, settings: Settings, around: Surroundings, notes: Notes
) -> None:
    model = plan.persona.model
    who = f"{plan.persona.name} by the embedded engine" if settings.embedded else f"{plan.persona.name} by {model}"
    began = around.clock()
    try:
        session = await voice_live.open(_FACTS, limit=OPEN_WITHIN, persona=plan.persona, tools=plan.tools)
    except SessionError as error:
        by_key = bool(settings.azure_voice_live_api_key.get_secret_value())
        says, do = explained(error, settings, model, by_key=by_key)
        notes.fail("session", f"{says}, for {who}", do)
        return
    took = around.clock() - began
    await session.close()
    lifetime = session.ready.lifetime
    lasts = f"; it lasts {lifetime / 60:.0f} min" if lifetime is not None else ""
    says = f"connected, created and configured for {who}{lasts}"
    if took > _SLOW:
        notes.warn("session", says, "Callers wait for this: choose a region nearer to the bot.", seconds=took)
    else:
        notes.ok("session", says, seconds=took)


async def _chat(settings: Settings, around: Surroundings, notes: Notes) -> None:
    """See whether what answers in place of the embedded script is there. Its list of models costs nothing."""
    if around.offline and not _here(settings.chat_endpoint):
        notes.skip("chat", "CHAT_ENDPOINT was not asked (--offline)")
        return
    key = settings.chat_api_key.get_secret_value()
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    began = around.clock()
    try:
        async with (
            aiohttp.ClientSession(timeout=_DATE_WITHIN) as http,
            http.get(f"{settings.chat_endpoint}/models", headers=headers, allow_redirects=False) as answer,
        ):
            status = answer.status
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        notes.fail("chat", "nobody answers at CHAT_ENDPOINT", "Start what should be there, or correct the address.")
        return
    if status in (401, 403):
        notes.fail("chat", f"CHAT_ENDPOINT does not take the key (HTTP {status})", "Correct CHAT_API_KEY.")
    elif status >= 500:
        notes.warn("chat", f"CHAT_ENDPOINT has trouble (HTTP {status})", "Look at its log, or try again.")
    else:  # not every server of this kind lists its models
        notes.ok("chat", "CHAT_ENDPOINT answers", seconds=around.clock() - began)


async def _date(endpoint: str, around: Surroundings) -> None:
    """Hear what time it is there; whatever it answers has a date."""
    try:
        async with (
            aiohttp.ClientSession(timeout=_DATE_WITHIN) as http,
            http.get(endpoint, allow_redirects=False) as answer,
        ):
            around.dates.note("Azure", answer.headers.get("Date"))
    except (aiohttp.ClientError, TimeoutError, OSError):
        return  # the session says why


def _here(url: str) -> bool:
    return is_loopback(urlsplit(url).hostname or "")
