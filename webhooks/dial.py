"""`voicebot dial`: has a running bot call somebody, and shows how far the call has come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit
from uuid import uuid4

import aiohttp
import click
import msgspec

from bot.loopback import is_loopback
from bot.settings import environment

_LOOK_EVERY = 1.0  # seconds
_ASK_WITHIN = 15.0  # seconds; the bot itself waits 10 s for Twilio
_MOST_MISSED = 5  # looks in a row that the bot does not answer
_IN_WORDS = {
    "human": "a person answered",
    "machine": "an answering machine answered",
    "fax": "a fax answered",
    "unknown": "whether a person answered is not known",
    "completed": "ended",
    "busy": "ended: busy",
    "no-answer": "ended: nobody answered",
    "failed": "ended: it failed; Twilio's Console says why",
    "canceled": "ended: canceled",
}

type Show = Callable[[float, str], None]


class DialError(Exception):
    """The call could not be placed or followed; str() is a sentence."""


class _Made(msgspec.Struct):
    """What the bot answers. steps, over: of a call that it has placed."""

    call_id: str = ""
    error: str = ""
    steps: list[str] = []
    over: bool = False


class Bot:
    """A running bot, asked with its key. url: of the bot, such as `http://127.0.0.1:8000`."""

    def __init__(self, url: str, key: str, http: aiohttp.ClientSession) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}"}
        self._http = http

    async def place(self, to: str, persona: str, parameters: dict[str, str]) -> str:
        """Have it call somebody; returns the call's id. Raises DialError."""
        order = msgspec.json.encode({"to": to, "persona": persona, "parameters": parameters})
        headers = {"Content-Type": "application/json", "Idempotency-Key": str(uuid4())}
        status, made = await self._ask("POST", "/calls", order, headers)
        if status == 404:
            raise DialError("The bot places no calls: it has no CALLS_KEY, or --url is not its address.")
        if status != 202 or not made.call_id:
            raise DialError(made.error or f"The bot answered with HTTP {status}.")
        return made.call_id

    async def look(self, call_id: str) -> _Made:
        """How far the call has come. Raises DialError."""
        status, made = await self._ask("GET", f"/calls/{call_id}")
        if status != 200:
            raise DialError(made.error or f"The bot answered with HTTP {status}.")
        return made

    async def _ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, _Made]:
        try:
            async with self._http.request(
                method, self._url + path, data=body, headers=self._headers | (headers or {}), allow_redirects=False
            ) as response:
                content = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError):
            raise DialError(f"No bot answers at {self._url}. Is `voicebot serve` running?") from None
        try:
            return response.status, msgspec.json.decode(content, type=_Made)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return response.status, _Made()


async def dial(
    bot: Bot,
    to: str,
    persona: str,
    parameters: dict[str, str],
    show: Show,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> bool:
    """Place a call and follow it to its end; returns whether it was answered. Raises DialError.

    show: is told the seconds since the call was placed, and a few words.
    """
    call_id = await bot.place(to, persona, parameters)
    began = clock()
    show(0.0, f"the call is {call_id}")
    shown: list[str] = []
    missed = 0
    while True:
        try:
            now = await bot.look(call_id)
            missed = 0
        except DialError:
            missed += 1
            if missed >= _MOST_MISSED:
                raise
        else:
            for step in now.steps:
                if step not in shown:
                    show(clock() - began, _IN_WORDS.get(step, step))
                    shown.append(step)
            if now.over:
                return "answered" in shown or "completed" in shown
        await sleep(_LOOK_EVERY)


def _url(_: click.Context, __: click.Parameter, value: str) -> str:
    try:
        parts = urlsplit(value)
    except ValueError:
        parts = urlsplit("")
    host = parts.hostname or ""
    if not host or parts.scheme not in ("http", "https") or parts.query or parts.fragment:
        raise click.BadParameter("should be an address such as https://bot.example.com")
    if parts.scheme == "http" and not is_loopback(host):
        raise click.BadParameter("should begin with https://, because the key travels with it")
    return value


def _parameters(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    if not all("=" in value for value in values):
        raise click.BadParameter("should be NAME=VALUE")
    return dict(value.split("=", 1) for value in values)


@click.command("dial")
@click.argument("number")
@click.option("--persona", default="assistant", show_default=True, metavar="NAME", help="Who speaks.")
@click.option(
    "--parameter",
    "parameters",
    multiple=True,
    callback=_parameters,
    metavar="NAME=VALUE",
    help="For {parameter.NAME} in the persona's texts. Repeatable.",
)
@click.option(
    "--url", default="http://127.0.0.1:8000", show_default=True, callback=_url, help="Where the bot is reached."
)
def dial_command(number: str, persona: str, parameters: dict[str, str], url: str) -> None:
    """Have a running bot call NUMBER, such as +14255550100, and follow the call to its end.

    The key is CALLS_KEY of the environment or of `.env`. Exit code: 0 if the call was answered, 1 if not, 2 for a
    wrong option or key. Ctrl-C stops following; the call goes on.
    """
    try:
        # Alone: on another machine than the bot's there are no settings of Twilio's.
        key = environment().get("CALLS_KEY", "")
    except UnicodeDecodeError:
        raise _failure(".env should be a text file in UTF-8", 2) from None
    if not (key.isascii() and key.isprintable()):  # such a header cannot be sent
        raise _failure("CALLS_KEY should be of printable ASCII characters.", 2)
    if not key:
        raise _failure("CALLS_KEY is missing: it should be the one of the bot that places the call.", 2)

    async def call() -> bool:
        limit = aiohttp.ClientTimeout(total=_ASK_WITHIN)
        async with aiohttp.ClientSession(timeout=limit, trust_env=True) as http:
            return await dial(Bot(url, key, http), number, persona, parameters, _show)

    try:
        answered = asyncio.run(call())
    except DialError as error:
        raise _failure(str(error), 1) from None
    except KeyboardInterrupt:
        raise _failure("No longer followed; the call goes on.", 1) from None
    if not answered:
        raise SystemExit(1)


def _show(at: float, what: str) -> None:
    click.echo(f"{at:7.1f}  {what}")


def _failure(sentence: str, code: int) -> SystemExit:
    click.echo(sentence, err=True)
    return SystemExit(code)
