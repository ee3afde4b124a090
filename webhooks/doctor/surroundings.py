"""What the doctor finds around it, and what a test puts in its place: clocks, credentials, Twilio's HTTP client."""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

from azure.core.credentials_async import AsyncTokenCredential
from azure.identity.aio import DefaultAzureCredential
from twilio.http import HttpClient
from twilio.http.http_client import TwilioHttpClient

_TWILIO_SECONDS = 5.0  # to connect, and between two reads


@dataclass(frozen=True, slots=True)
class Dated:
    """What somebody's clock said in an answer, and ours then: seconds since 1970."""

    who: str
    theirs: float
    ours: float


class Dates:
    """The dates of answers, from wherever there were any. Threads may add to it."""

    def __init__(self, wall_clock: Callable[[], float]) -> None:
        self.seen: list[Dated] = []
        self._now = wall_clock

    def note(self, who: str, date: str | None) -> None:
        """Keep the `Date` of an answer that has just come; one that is none is passed over."""
        try:
            theirs = parsedate_to_datetime(date or "").timestamp()
        except (ValueError, OverflowError):  # the latter for years beyond a computer's
            return
        self.seen.append(Dated(who, theirs, self._now()))


def _twilio_http() -> HttpClient:
    return TwilioHttpClient(timeout=_TWILIO_SECONDS)


@dataclass(frozen=True)
class Surroundings:
    """offline: nothing may leave this machine. tls: whom to trust; engine_arguments: of the embedded engine."""

    offline: bool = False
    env_file: str = ".env"
    clock: Callable[[], float] = time.monotonic
    wall_clock: Callable[[], float] = time.time
    credential: Callable[[], AsyncTokenCredential] = DefaultAzureCredential
    twilio_http: Callable[[], HttpClient] = _twilio_http
    tls: Callable[[], ssl.SSLContext] = ssl.create_default_context
    engine_arguments: tuple[str, ...] = ()
    dates: Dates = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "dates", Dates(self.wall_clock))


async def in_thread[T](work: Callable[[], T]) -> T:
    """Do what blocks in a thread of its own that nobody waits for at the end, so that giving up is giving up."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if done.done():  # whoever asked has gone
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type] # there is a result where there is no error

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except BaseException as raised:  # noqa: BLE001 - handed to whoever waits, as asyncio's own threads do
            error = raised
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, name="doctor", daemon=True).start()
    return await done
