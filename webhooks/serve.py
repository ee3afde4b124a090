"""Runs the bot as a process: engine, switchboard and web server, and their orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Callable, Generator

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
from webhooks.protocols import LARGEST_MESSAGE, PromptHttp, SteadyWebSocket
from webhooks.rest import TwilioRest

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


async def serve(settings: Settings, listener: socket.socket, *, when_open: Callable[[], None]) -> None:
    """Answer calls until a signal says to stop. when_open: called once everything that answers is there.

    The first SIGTERM or SIGINT drains: no new calls, live ones go on until they end or `DRAIN_SECONDS` are over. A
    second one ends the process now.
    """
    registry = CollectorRegistry()
    metrics = CallMetrics(registry)
    planner = Planner.of(settings, watch=metrics.tool_used)
    async with contextlib.AsyncExitStack() as house:
        endpoint = ""
        if settings.embedded:
            engine = await house.enter_async_context(EngineProcess())
            endpoint = engine.endpoint
        voice_live = VoiceLive(settings, endpoint=endpoint)
        house.push_async_callback(voice_live.close)
        switchboard = await house.enter_async_context(
            Switchboard(voice_live, planner, metrics, max_calls=settings.max_calls)
        )
        dialler = None
        if settings.calls_key.get_secret_value():
            rest = house.enter_context(TwilioRest(settings.twilio_account_sid, settings.auth_tokens))
            dialler = await house.enter_async_context(Dialler(settings, switchboard, planner.personas, rest))
        web = server(create_app(settings, switchboard, registry=registry, dialler=dialler))
        async with asyncio.TaskGroup() as tasks:
            warming = tasks.create_task(voice_live.warm())
            with _signals(tasks, switchboard, web, settings.drain_seconds):
                when_open()
                log.info("listening on %s:%d", *listener.getsockname()[:2])
                await web.serve(sockets=[listener])
            warming.cancel()


@contextlib.contextmanager
def _signals(
    tasks: asyncio.TaskGroup, switchboard: Switchboard, web: Server, drain_seconds: float
) -> Generator[None]:
    """Take the signals: drain at the first, end at the second."""

    async def drain() -> None:
        switchboard.drain()
        await switchboard.drained(drain_seconds)
        web.should_exit = True

    def stop(number: int) -> None:
        if switchboard.draining:
            log.warning("a second signal: ending now")
            logging.shutdown()
            os._exit(128 + number)  # now; the engine ends when its input does
        tasks.create_task(drain())

    loop = asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, stop, number)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
