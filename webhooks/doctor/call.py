"""One short call, as Twilio would place it: to PUBLIC_URL, or to the bot here, or to one started for it.

Signed webhook, TwiML, signed stream, a voice without words that is to be heard, and the greeting. It is hung up once
both ways are known to work, and after a quarter of a minute whatever happens.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random, SystemRandom
from urllib.parse import urlsplit

import aiohttp

from bot.errors import SimulatorError
from bot.loopback import is_loopback
from bot.settings import Settings
from bot.simulator import Line, Parties, PhoneCall, place_call
from bot.simulator.addresses import sign
from webhooks.doctor.findings import HeardFrom, Notes
from webhooks.doctor.local_server import Answers, LocalServer
from webhooks.doctor.own_bot import own_bot
from webhooks.doctor.speech import babble
from webhooks.doctor.surroundings import Surroundings

_LONGEST = 15.0  # seconds of call, unless ANSWER_SECONDS lets callers wait longer
_TO_SPEAK = 9.0  # seconds more, to hear and to be heard
_SPEAKS_FOR = 1.2  # seconds
_LETS_TALK = 0.5  # seconds of greeting before it is talked over
_HEEDED_WITHIN = 3.0  # seconds from the first sound of the voice to any sign that it was heard
_SLOW = 4.0  # seconds from the call to the first sound
_ASK = aiohttp.ClientTimeout(total=5)
_IN_WORDS = {
    31901: "the media socket could not be opened in time (31901)",
    31902: "the media socket was refused (31902)",
    31903: "the stream broke off (31903)",
    31910: "TLS failed for the media socket (31910)",
    31920: "the media socket got no 101 Switching Protocols (31920)",
    31921: "the bot closed the stream with an error (31921)",
}


@dataclass
class _Heard:
    """What the caller notices. Seconds since the call was placed."""

    stream: float | None = None
    first: float | None = None
    heeded: float | None = None  # since the caller's first sound


async def examine(settings: Settings, local: LocalServer, around: Surroundings, notes: Notes) -> HeardFrom:
    """Place it, and say how it went."""
    public = settings.public_url
    if public and not (around.offline and not is_loopback(urlsplit(public).hostname or "")):
        return await _call(public, "PUBLIC_URL", settings, local, around, notes)
    if local.answers is Answers.A_BOT:
        return await _call(local.url, "the bot here", settings, local, around, notes)
    if around.offline and not settings.embedded and not _here(settings.azure_voice_live_endpoint):
        notes.skip("way", "no call: it would need Voice Live (--offline)")
        return HeardFrom.NOBODY
    try:
        async with own_bot() as url:
            heard = await _call(url, "a bot started for this call", settings, local, around, notes, own=True)
    except SimulatorError as error:
        notes.fail(
            "way", f"a bot started for this call did not come up: {error}", "Start `voicebot serve` and read its log."
        )
        return HeardFrom.NOBODY
    return HeardFrom.OWN if heard else heard


async def _call(
    url: str,
    whom: str,
    settings: Settings,
    local: LocalServer,
    around: Surroundings,
    notes: Notes,
    *,
    own: bool = False,
) -> HeardFrom:
    heard = _Heard()
    rng: Random = SystemRandom()
    # Nobody who has not placed this call knows its id, so that a bot that knows it is the one that took it.
    call_sid = f"CA{rng.getrandbits(128):032x}"
    usual = Parties()
    parties = Parties(
        usual.caller, settings.caller_id or usual.called, settings.twilio_account_sid or usual.account_sid
    )
    try:
        made = await place_call(
            url,
            lambda line: _talk(line, heard),
            auth_token=next(iter(settings.auth_tokens), ""),
            public_url=settings.public_url,
            parties=parties,
            call_sid=call_sid,
            max_seconds=max(_LONGEST, settings.answer_seconds + _TO_SPEAK),
            allow_remote=True,
            rng=rng,
        )
    except SimulatorError as error:
        notes.fail("way", f"{whom} took no call: {_without_advice(error)}", _next_step(str(error), local, own=own))
        return HeardFrom.NOBODY
    if not made.assistant_heard:
        says, do = _why_unheard(made)
        notes.fail("heard", says, do)
        return HeardFrom.NOBODY
    if not own:
        await _whose(call_sid, url, settings, local, notes)
    _tell(made, heard, whom, notes)
    return HeardFrom.RUNNING


async def _talk(line: Line, heard: _Heard) -> None:
    """Hear the greeting begin, talk over it, see whether that is noticed, and hang up."""
    heard.stream = line.now
    await line.until_spoken_to()
    began = line.playout.began
    first = line.playout.first_sound(began, began + line.now)
    heard.first = line.now if first is None else first - began
    await line.wait(_LETS_TALK)
    spoke = line.now

    def heeded() -> bool:
        if heard.heeded is None:
            cuts = [cut.at - began for cut in line.playout.cleared if cut.at >= began + spoke]
            answers = [turn.answered for turn in line.turns if turn.answered is not None]
            heard.heeded = min((at - spoke for at in cuts + answers), default=None)
        return heard.heeded is not None

    await line.say(babble(_SPEAKS_FOR))
    await line.until(lambda: heeded() or line.now - spoke > _SPEAKS_FOR + _HEEDED_WITHIN)


def _tell(made: PhoneCall, heard: _Heard, whom: str, notes: Notes) -> None:
    opened = f"the stream was open after {heard.stream:.2f} s" if heard.stream is not None else ""
    first = heard.first if heard.first is not None else made.seconds
    says = f"the assistant was heard through {whom}; {opened}, and this is the time to its first sound"
    if first > _SLOW:
        notes.warn(
            "heard",
            says,
            "Look at the session's and the way's times above: callers take silence for a fault.",
            seconds=first,
        )
    else:
        notes.ok("heard", says, seconds=first)
    troubles = [note.text for note in made.transcript if note.who == "trouble"]
    if heard.heeded is not None:
        notes.ok("speech", "it noticed a voice that talked over it", seconds=heard.heeded)
    else:
        notes.warn(
            "speech",
            "nothing shows that it heard the voice; this one has no words, and may not have passed for one",
            'Say something yourself: `voicebot call --say "Hello"`, or the softphone.',
        )
    if troubles:
        notes.warn("trouble", f"the bot had trouble meanwhile: {troubles[0]}", "Look at its log.")
    if made.warnings:
        codes = ", ".join(str(code) for code in sorted(made.warnings))
        notes.warn(
            "warnings",
            f"Twilio would have warned of {codes}",
            "https://www.twilio.com/docs/api/errors tells what they mean.",
        )


async def _whose(call_sid: str, url: str, settings: Settings, local: LocalServer, notes: Notes) -> None:
    """Whether it was the bot here that took the call: then it knows of it, and tells whoever holds the token."""
    if url == local.url:
        notes.ok("server", f"it was the bot at {local.url}")
        return
    if local.answers is not Answers.A_BOT:
        notes.ok("server", "a bot took it that does not run here, and that has this Twilio token")
        return
    path = f"/calls/{call_sid}/events"
    headers = sign(next(iter(settings.auth_tokens), ""), settings.public_url + path, {})
    try:
        async with aiohttp.ClientSession(timeout=_ASK) as http, http.get(local.url + path, headers=headers) as answer:
            status = answer.status
    except (aiohttp.ClientError, TimeoutError, OSError):
        status = 0
    if status == 200:
        notes.ok("server", f"it was this very bot, at {local.url}, that PUBLIC_URL leads to")
    elif status == 404:
        notes.warn(
            "server",
            f"PUBLIC_URL leads to another bot with the same Twilio token, not to the one at {local.url}",
            "If it should be this one: correct PUBLIC_URL or where the tunnel sends to. Behind a load balancer it is "
            "one of the others.",
        )
    else:
        notes.warn(
            "server",
            f"the bot at {local.url} has other settings than this shell, and does not say whether it took the call",
            "Restart it where `.env` is the same.",
        )


def _why_unheard(made: PhoneCall) -> tuple[str, str]:
    if made.stream_errors:
        code = made.stream_errors[-1]
        return (
            f"the assistant was not heard: {_IN_WORDS.get(code, f'stream error {code}')}",
            f"See the line `address.websocket`, the bot's log, and https://www.twilio.com/docs/api/errors/{code}.",
        )
    if made.said_by_twiml:
        return (
            f'the assistant was not heard; the bot had Twilio say: "{made.said_by_twiml[-1]}"',
            "Look at the lines `voice-live` and `server.ready`, and at the bot's log.",
        )
    if made.trouble:
        return f"the call did not go through: {made.trouble}", "Look at the bot's log."
    return "the stream was open, but brought no sound", "Look at the line `voice-live.session`, and at the bot's log."


def _without_advice(error: SimulatorError) -> str:
    """The simulator advises too, for another command."""
    return str(error).partition("; start the bot")[0].partition(": set TWILIO_AUTH_TOKEN")[0]


def _next_step(words: str, local: LocalServer, *, own: bool) -> str:
    if " 403" in words:
        return (
            "Give the bot that runs the same TWILIO_AUTH_TOKEN, TWILIO_ACCOUNT_SID and PUBLIC_URL as this shell, and "
            "restart it; a proxy in front must not change the path."
        )
    if not own and local.answers is Answers.NOBODY:
        return "Start the bot with `voicebot serve`, and the proxy or the tunnel that leads to it."
    return "The lines `address` say where the way ends; otherwise look at the bot's log."


def _here(endpoint: str) -> bool:
    return is_loopback(urlsplit(endpoint).hostname or "")
