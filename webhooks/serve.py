"""Runs the bot as a process: engine, switchboard and web server, and their orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncGenerator, Callable, Generator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from uvicorn import Config, Server

from bot.engine.process import EngineProcess
from bot.errors import SettingsError
from bot.metrics import CallMetrics
from bot.plan import Planner
from bot.settings import Settings
from bot.switchboard import Switchboard
from bot.voicelive import VoiceLive
from webhooks.app import create_app
from webhooks.dialler import Dialler
from webhooks.health import Others
from webhooks.protocols import LARGEST_MESSAGE, PromptHttp, SteadyWebSocket
from webhooks.rest import TwilioRest

if sys.platform == "win32":
    new_loop = asyncio.new_event_loop
else:
    from uvloop import new_event_loop as new_loop

__all__ = ["Bot", "Stop", "listen", "log_to_stderr", "new_loop", "open_bot", "serve", "server", "signals"]

log = logging.getLogger(__name__)


class _Server(Server):
    """uvicorn, but the signals are ours: its own way closes every live call's socket at once."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


def listen(settings: Settings) -> socket.socket:
    """The socket to take requests on. Raises SettingsError where the address cannot be had."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listener = socket.create_server((settings.host, settings.port), family=family, backlog=2048)
        # asyncio sets it on sockets it made itself only; without it, small messages wait 40 ms in the kernel.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except OSError as error:
        # A name that is not found has a negative number, and words of its own.
        why = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        raise SettingsError(
            [f"HOST and PORT should be a free address: {settings.host}:{settings.port} is not ({why})"]
        ) from error


def log_to_stderr(settings: Settings, who: str = "") -> None:
    """Begin to log. who: which of several processes this is."""
    form = f"%(asctime)s %(levelname)-7s {f'{who} ' if who else ''}%(name)s %(message)s"
    logging.basicConfig(level=settings.log_level.upper(), format=form, stream=sys.stderr)
    # What these say in their own words of requests may hold keys or numbers.
    for name in ("azure", "aiohttp", "twilio", "urllib3", "uvicorn"):
        logging.getLogger(name).setLevel(logging.WARNING)


def server(app: object) -> Server:
    """The ASGI server as the bot needs it; chosen by measurement (`benchmarks/asgi.py`)."""
    config = Config(
        app,  # type: ignore[arg-type]  # uvicorn's and Quart's ASGI types differ in name only
        lifespan="off",
        http=PromptHttp,
        ws=SteadyWebSocket,
        ws_max_size=LARGEST_MESSAGE,
        ws_ping_interval=None,  # a call whose audio stops is noticed sooner than a ping would
        ws_per_message_deflate=False,
        proxy_headers=False,  # who the peer is decides what is taken unsigned
        server_header=False,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=5,
    )
    return _Server(config)


@dataclass(frozen=True, slots=True)
class Bot:
    """Everything that answers in one process, but for its engine and its listening socket."""

    switchboard: Switchboard
    voice_live: VoiceLive
    registry: CollectorRegistry
    web: Server


@contextlib.asynccontextmanager
async def open_bot(
    settings: Settings,
    *,
    endpoint: str = "",
    kind: type[Switchboard] = Switchboard,
    tag: str = "",
    others: Others | None = None,
    places_calls: bool = True,
) -> AsyncGenerator[Bot]:
    """Put the bot together, and take it apart again.

    endpoint: of the embedded engine, where that answers; kind, tag, others: of a worker, one of several;
    places_calls: whether this process places the calls out, if there are any.
    """
    registry = CollectorRegistry()
    metrics = CallMetrics(registry)
    planner = Planner.of(settings, watch=metrics.tool_used)
    async with contextlib.AsyncExitStack() as house:
        voice_live = VoiceLive(settings, endpoint=endpoint)
        house.push_async_callback(voice_live.close)
        switchboard = await house.enter_async_context(
            kind(voice_live, planner, metrics, max_calls=settings.max_calls)
        )
        dialler = None
        if settings.calls_key.get_secret_value() and places_calls:
            rest = house.enter_context(TwilioRest(settings.twilio_account_sid, settings.auth_tokens))
            dialler = await house.enter_async_context(Dialler(settings, switchboard, planner.personas, rest, tag=tag))
        app = create_app(settings, switchboard, registry=registry, dialler=dialler, tag=tag, others=others)
        yield Bot(switchboard, voice_live, registry, server(app))


async def serve(settings: Settings, listener: socket.socket, *, when_open: Callable[[], None]) -> None:
    """Answer calls until a signal says to stop. when_open: called once everything that answers is there.

    The first SIGTERM or SIGINT drains: no new calls, live ones go on until they end or `DRAIN_SECONDS` are over. A
    second one ends the process now.
    """
    async with contextlib.AsyncExitStack() as house:
        endpoint = ""
        if settings.embedded:
            engine = await house.enter_async_context(EngineProcess())
            endpoint = engine.endpoint
        bot = await house.enter_async_context(open_bot(settings, endpoint=endpoint))
        async with asyncio.TaskGroup() as tasks:
            warming = tasks.create_task(bot.voice_live.warm())
            with Stop(tasks, bot, settings.drain_seconds).at_signals():
                when_open()
                log.info("listening on %s:%d", *listener.getsockname()[:2])
                await bot.web.serve(sockets=[listener])
            warming.cancel()


class Stop:
    """The orderly end. tasks: owns it while it goes on; drain_seconds: that live calls have.

    drained: called when the last call is over, while everything still answers.
    """

    def __init__(
        self,
        tasks: asyncio.TaskGroup,
        bot: Bot,
        drain_seconds: float,
        *,
        drained: Callable[[], object] = lambda: None,
    ) -> None:
        self._tasks = tasks
        self._bot = bot
        self._drain_seconds = drain_seconds
        self._drained = drained

    def begin(self) -> None:
        """Drain: no new calls, and the end when the last one is over. A second time, nothing more."""
        if not self._bot.switchboard.draining:
            self._drain(self._drain_seconds)

    def hurry(self) -> None:
        """Let the calls go now, by the safety net."""
        self._drain(0.0)

    def _drain(self, seconds: float) -> None:
        switchboard, web = self._bot.switchboard, self._bot.web

        async def drain() -> None:
            await switchboard.drained(seconds)
            self._drained()
            web.should_exit = True

        switchboard.drain()
        self._tasks.create_task(drain())

    @contextlib.contextmanager
    def at_signals(self) -> Generator[None]:
        """Take the signals: drain at the first, end at the second."""

        def stop(number: int) -> None:
            if self._bot.switchboard.draining:
                log.warning("a second signal: ending now")
                logging.shutdown()
                os._exit(128 + number)  # now; the engine ends when its input does
            self.begin()

        with signals(stop):
            yield


@contextlib.contextmanager
def signals(stop: Callable[[int], None]) -> Generator[None]:
    """Have `stop` take SIGTERM and SIGINT."""
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, stop, number)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
