"""The supervisor: holds the port, hands each connection to a worker, and keeps the workers alive.

It is no part of any call's way: once a connection is handed over, nothing of it passes here.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import time
from collections.abc import AsyncGenerator, Callable

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge

from bot.engine.process import EngineProcess
from bot.errors import SettingsError, VoicebotError
from bot.settings import Settings
from webhooks.addresses import prefix_of
from webhooks.serve import signals
from webhooks.workers import news
from webhooks.workers.crew import Crew, Member
from webhooks.workers.figures import Family, added, families_of, lasting
from webhooks.workers.gallery import nothing_of
from webhooks.workers.porch import Porch
from webhooks.workers.process import WorkerProcess
from webhooks.workers.routing import Route

log = logging.getLogger(__name__)

_BACKOFF = (0.1, 0.5, 1.0, 2.0, 5.0)  # seconds before each new try; the last one for all that follow
_HEALTHY = 30.0  # seconds; a worker that lived so long had no trouble of its own: begin at the first again
_WAIT = 10.0  # seconds that a connection waits for a worker; Twilio waits 15
_LOOK_AGAIN = 0.05  # seconds
_MOST_WAITING = 256

_FAMILIES = msgspec.msgpack.Decoder(list[Family])


class WorkerFailed(VoicebotError):
    """A worker ended before the bot began to answer."""


class Meters:
    """What is counted of the workers."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.up = Gauge("voicebot_workers", "Workers that take connections.", registry=self.registry)
        self.restarts = Counter(
            "voicebot_worker_restarts", "Workers that died and were started again.", registry=self.registry
        )
        self.handed = Counter(
            "voicebot_connections", "Connections handed to workers.", ["worker"], registry=self.registry
        )
        self.dropped = Counter(
            "voicebot_connections_dropped",
            "Connections that no worker got, by why.",
            ["reason"],
            registry=self.registry,
        )


class Supervisor:
    """Runs workers until all have ended. tasks: owns everything that goes on."""

    def __init__(self, settings: Settings, endpoint: str, tasks: asyncio.TaskGroup) -> None:
        self.meters = Meters()
        self.crew = Crew(settings.workers, time.monotonic)
        self._settings = settings
        self._endpoint = endpoint
        self._tasks = tasks
        self._processes: dict[int, WorkerProcess] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self._begun = [asyncio.Event() for _ in self.crew.members]
        self._departed: list[Family] = []  # what was counted by workers that are gone
        self._draining = asyncio.Event()
        self._waiting: set[asyncio.Task[None]] = set()  # connections for which nobody is there yet
        self._missed = False  # whether worker 0 could not be told of a row

    # --- from beginning to end

    async def begin(self) -> None:
        """Start all workers, and wait until all take connections. A failure ends the task group."""
        self._keepers = [self._tasks.create_task(self._keep(member)) for member in self.crew.members]
        for begun in self._begun:
            await begun.wait()

    async def ended(self) -> None:
        """Wait until every worker has drained. Who still waits for one is let go."""
        await asyncio.wait(self._keepers)
        for waiting in self._waiting:
            waiting.cancel()

    def stop(self, number: int) -> None:
        """A signal: the first drains, the second ends everything now."""
        if self._draining.is_set():
            log.warning("a second signal: ending now")
            for process in self._processes.values():
                process.kill()
            logging.shutdown()
            os._exit(128 + number)
        self._draining.set()
        log.info("draining %d workers", len(self.crew.up))
        for process in self._processes.values():
            process.line.send(news.Drain())

    # --- connections

    def hand(self, connection: socket.socket, route: Route) -> None:
        """Give a connection to whom it is for, or have it wait until somebody is there."""
        if self._handed(connection, route):
            return
        if len(self._waiting) >= _MOST_WAITING:
            self._drop(connection, "crowded")
            return
        waiting = self._tasks.create_task(self._hand_later(connection, route))
        self._waiting.add(waiting)
        waiting.add_done_callback(self._waiting.discard)

    async def _hand_later(self, connection: socket.socket, route: Route) -> None:
        try:
            async with asyncio.timeout(_WAIT):
                while not self._handed(connection, route):  # noqa: ASYNC110 - also for one that is only behind
                    await asyncio.sleep(_LOOK_AGAIN)
        except TimeoutError:
            self._drop(connection, "nobody")
        except asyncio.CancelledError:
            connection.close()
            raise

    def _handed(self, connection: socket.socket, route: Route) -> bool:
        member = self.crew.choose(route)
        if member is None or not self._processes[member.number].hand(connection):
            return False
        connection.close()  # our copy
        self.meters.handed.labels(str(member.number)).inc()
        return True

    def _drop(self, connection: socket.socket, why: str) -> None:
        self.meters.dropped.labels(why).inc()
        log.warning("a connection is closed: no worker takes it (%s)", why)
        connection.close()

    # --- workers

    async def _keep(self, member: Member) -> None:
        """Run a worker, and again when it dies."""
        failures = 0
        while not self._draining.is_set():
            began = time.monotonic()
            code = await self._run(member)
            if self._draining.is_set():
                log.info("worker %d has ended with code %s", member.number, code)
                return
            failures = 0 if time.monotonic() - began >= _HEALTHY else failures
            wait = _BACKOFF[min(failures, len(_BACKOFF) - 1)]
            log.error("worker %d ended with code %s; starting it again in %g s", member.number, code, wait)
            failures += 1
            self.meters.restarts.inc()
            await asyncio.sleep(wait)

    async def _run(self, member: Member) -> int | None:
        """Run a worker once, to its end. Raises where it never took a connection, and none did before it."""
        try:
            process = await WorkerProcess.start(member.number, self._settings, self._endpoint)
        except OSError as error:  # out of memory or descriptors: the others go on, and it is tried again
            if not self._begun[member.number].is_set():
                raise WorkerFailed(f"Worker {member.number} cannot be started: {error.strerror}.") from error
            log.error("worker %d cannot be started: %s", member.number, error.strerror)
            return None
        self._processes[member.number] = process
        if self._draining.is_set():
            process.line.send(news.Drain())
        problems: list[str] = []
        try:
            async with asyncio.timeout(process.START_WITHIN) as patience:
                while (message := await process.line.receive()) is not None:
                    if isinstance(message, news.Refused):
                        problems = message.problems
                    elif isinstance(message, news.Ready):
                        patience.reschedule(None)
                        self._take_up(member)
                    else:
                        self._hear(member, process, message)
        except TimeoutError:
            log.error("worker %d did not begin within %g s", member.number, process.START_WITHIN)
        finally:
            self._let_go(member)
            code = await process.end()
        if not self._begun[member.number].is_set() and not self._draining.is_set():
            if problems:
                raise SettingsError(problems)
            raise WorkerFailed(
                f"Worker {member.number} ended with code {code} before it could answer. The lines above say why."
            )
        return code

    def _take_up(self, member: Member) -> None:
        member.up = member.takes = True
        member.heard = time.monotonic()
        self.meters.up.set(len(self.crew.up))
        if self._begun[member.number].is_set():
            log.info("worker %d is back", member.number)
        self._begun[member.number].set()
        self._missed |= member.number == 0  # it has never been told of any
        self._tell_house()

    def _let_go(self, member: Member) -> None:
        self._departed = added([self._departed, lasting(member.families)])
        member.gone()
        self.crew.forget_calls(member.number)
        self.meters.up.set(len(self.crew.up))
        self._tell(0, nothing_of(member.number))
        self._tell_house()

    def _hear(self, member: Member, process: WorkerProcess, message: news.FromWorker) -> None:
        match message:
            case news.Standing(live, takes, began):
                stood = self.crew.takes
                member.live, member.takes, member.given = live, takes, 0
                member.heard = time.monotonic()
                if began:
                    self.crew.call_is_of(began, member.number)
                if self.crew.takes is not stood:
                    self._tell_house()
                if member.number == 0 and self._missed:
                    self._missed = False
                    self._tell_all(news.Repeat(), but=0)
            case news.Leaving():
                member.up = member.takes = False
                self.meters.up.set(len(self.crew.up))
                self._tell_house()
            case news.Rows():
                for call_id in message.call_ids:
                    self.crew.call_is_of(call_id, member.number)
                self._missed |= not self._tell(0, message)
            case news.Ended():
                self._tell_all(message, but=member.number)
            case news.Figures(families):
                member.families = _FAMILIES.decode(families)
            case news.AskFigures(question):
                others = [other.families for other in self.crew.members if other is not member]
                sum_of = added([families_of(self.meters.registry), self._departed, *others])
                process.line.send(news.HouseFigures(question, sum_of))
            case _:
                log.error("worker %d says what nobody expects: %s", member.number, type(message).__name__)

    def _tell(self, number: int, message: news.News) -> bool:
        """Whether it could be told: a worker may be away, or not be listening."""
        return self.crew.members[number].up and self._processes[number].line.send(message)

    def _tell_all(self, message: news.News, *, but: int = -1) -> None:
        for member in self.crew.up:
            if member.number != but:
                self._tell(member.number, message)

    def _tell_house(self) -> None:
        self._tell_all(news.House(self.crew.takes))


async def supervise(settings: Settings, listener: socket.socket, *, when_open: Callable[[], None]) -> None:
    """Answer calls by `settings.workers` processes until a signal says to stop, as `webhooks.serve.serve` by one.

    Raises SettingsError, EngineError or WorkerFailed, in groups, where it cannot begin.
    """
    async with _engine(settings) as endpoint, asyncio.TaskGroup() as tasks:
        supervisor = Supervisor(settings, endpoint, tasks)
        with signals(supervisor.stop):
            await supervisor.begin()
            dropped = supervisor.meters.dropped
            porch = Porch(
                listener,
                supervisor.hand,
                prefix=prefix_of(settings.public_url),
                dropped=lambda why: dropped.labels(why).inc(),
            )
            porch.open()
            when_open()
            log.info("listening on %s:%d with %d workers", *listener.getsockname()[:2], settings.workers)
            try:
                await supervisor.ended()
            finally:
                porch.close()


@contextlib.asynccontextmanager
async def _engine(settings: Settings) -> AsyncGenerator[str]:
    """The address of the embedded engine, one for all workers; empty where another service answers."""
    if not settings.embedded:
        yield ""
        return
    async with EngineProcess() as engine:
        yield engine.endpoint
