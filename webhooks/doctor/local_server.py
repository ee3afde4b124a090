"""HOST and PORT: whether a bot answers there, somebody else, or nobody yet."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import aiohttp

from bot.errors import SettingsError
from bot.settings import Settings
from webhooks.doctor.findings import Notes
from webhooks.serve import listen

_WITHIN = aiohttp.ClientTimeout(total=5, sock_connect=2)
_LARGEST = 4096  # bytes read of an answer
_OPEN_TO_ALL = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound
_NOT_READY = {
    "full": "Wait for a call to end, or raise MAX_CALLS.",
    "draining": "It was told to stop and lets its calls end; start another with `voicebot serve`.",
    "starting": "Try again in a few seconds.",
}


class Answers(Enum):
    """Who answers at HOST and PORT."""

    NOBODY = 1
    A_BOT = 2
    ANOTHER = 3


@dataclass(frozen=True, slots=True)
class LocalServer:
    """What is at HOST and PORT. url: where it is reached from here."""

    url: str
    answers: Answers


def url_of(settings: Settings) -> str:
    """Where a bot with these settings is reached from this machine."""
    host = _OPEN_TO_ALL.get(settings.host, settings.host)
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


async def examine(settings: Settings, notes: Notes) -> LocalServer:
    """See who is there; where nobody is, whether the bot could be."""
    url = url_of(settings)
    if settings.port == 0:
        notes.skip("port", "PORT is 0: the bot takes any that is free")
        return LocalServer(url, Answers.NOBODY)
    async with aiohttp.ClientSession(timeout=_WITHIN) as http:
        answers = await _who(http, url)
        if answers is Answers.A_BOT:
            notes.ok("port", f"a bot runs at {url}")
            await _ready(http, url, notes)
            return LocalServer(url, answers)
    if answers is Answers.ANOTHER:
        notes.fail("port", f"another program has {url}", "Stop it, or choose another PORT.")
        return LocalServer(url, answers)
    try:
        listen(settings).close()
    except SettingsError as error:
        notes.fail("port", error.problems[0], "Choose another HOST or PORT.")
    else:
        notes.ok("port", f"no bot runs at {url}, and the port is free; start one with `voicebot serve`")
    return LocalServer(url, Answers.NOBODY)


async def _who(http: aiohttp.ClientSession, url: str) -> Answers:
    try:
        async with http.get(f"{url}/health", allow_redirects=False) as answer:
            body = await beginning(answer)
            return Answers.A_BOT if is_a_bot(answer.status, body) else Answers.ANOTHER
    except aiohttp.ClientConnectorError:
        return Answers.NOBODY
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return Answers.ANOTHER


async def beginning(answer: aiohttp.ClientResponse) -> bytes:
    """The first `_LARGEST` bytes of a body, or all of a shorter one, in however many pieces it comes."""
    body = b""
    while len(body) < _LARGEST and (piece := await answer.content.read(_LARGEST - len(body))):
        body += piece
    return body


def is_a_bot(status: int, body: bytes) -> bool:
    """Whether this is what our `/health` answers."""
    return status == 200 and body.replace(b" ", b"").strip() == b'{"status":"alive"}'


async def _ready(http: aiohttp.ClientSession, url: str, notes: Notes) -> None:
    try:
        async with http.get(f"{url}/ready") as answer:
            words = (await beginning(answer)).decode("utf-8", "replace")
            status = answer.status
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        notes.fail("ready", "the bot does not say whether it would take a call", "Look at its log, and restart it.")
        return
    reason = next((word for word in _NOT_READY if word in words), "")
    if status == 200:
        notes.ok("ready", "it would take a call")
    else:
        notes.fail("ready", f"it takes no call now: {reason or status}", _NOT_READY.get(reason, "Look at its log."))
