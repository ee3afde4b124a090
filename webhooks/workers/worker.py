"""A worker: the whole bot but for the listening socket. Connections come through its door, already accepted.

`python -m webhooks.workers` runs it; the supervisor starts it and is asked for nothing else.
"""

from __future__ import annotations

import array
import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry

from bot import garbage
from bot.board import Board
from bot.call.events import CallerFacts
from bot.errors import SettingsError
from bot.settings import Settings
from bot.switchboard import Switchboard
from webhooks.serve import Bot, Stop, open_bot
from webhooks.workers import news
from webhooks.workers.figures import Family, added, families_of, registry_of
from webhooks.workers.gallery import Gallery, Teller
from webhooks.workers.news import Channel, Pair
from webhooks.workers.routing import tag

log = logging.getLogger(__name__)

PULSE = 1.0  # seconds between two signs of life, and between two reports of what was counted
_ROWS_GAP = 0.1  # seconds between two reports of rows
_ANSWER_WITHIN = 2.0  # seconds for what the others have counted
_AT_ONCE = 32  # connections taken before anything else gets its turn
_CLOSE_ON_EXEC = getattr(socket, "MSG_CMSG_CLOEXEC", 0)

type Line = Channel[news.FromSupervisor]


def share(calls: int, workers: int) -> int:
    """How many of `calls` at once one of so many workers takes."""
    return -(-calls // workers)


class Sharing(Switchboard):
    """The switchboard of a worker: it says at once what another worker's part depends on."""

    tell: Callable[[news.News], object] = staticmethod(lambda _message: None)

    def expect(self, facts: CallerFacts, *, returns: str | None = None, persona: str = "") -> bool:
        """As the switchboard does; and requests about this call are for us from now on."""
        taken = super().expect(facts, returns=returns, persona=persona)
        if taken:
            self.tell(self.standing(facts.call_id))
        return taken

    def ended(self, call_id: str) -> None:
        """The network says so: here, where the number's own status webhook comes, or to the worker with the call."""
        if self.elapsed(call_id) is None:
            self.tell(news.Ended(call_id))
        else:
            super().ended(call_id)

    def ended_elsewhere(self, call_id: str) -> None:
        """The network said so to another worker."""
        super().ended(call_id)

    def standing(self, began: str = "") -> news.Standing:
        """How this worker stands."""
        return news.Standing(self.live, self.ready, began)


@dataclass
class Beside:
    """The workers beside this one, as far as it knows of them."""

    line: Line
    take: bool = False
    asked: dict[int, asyncio.Future[list[Family]]] = field(default_factory=dict)
    _questions: int = 0

    async def figures(self, registry: CollectorRegistry) -> CollectorRegistry:
        """What all have counted; where nobody answers, what this one has."""
        self._questions += 1
        question, answer = self._questions, asyncio.get_running_loop().create_future()
        self.asked[question] = answer
        self.line.send(news.AskFigures(question))
        others: list[Family] = []
        try:
            async with asyncio.timeout(_ANSWER_WITHIN):
                others = await answer
        except TimeoutError:
            log.warning("the metrics are of this worker alone: the supervisor does not say the others'")
        finally:
            del self.asked[question]
        return registry_of(added([families_of(registry), others]))


class Door:
    """Takes connections that the supervisor has accepted, and makes them the web server's own."""

    def __init__(self, door: socket.socket, bot: Bot, tasks: asyncio.TaskGroup) -> None:
        self._door = door
        self._bot = bot
        self._tasks = tasks
        self._loop = asyncio.get_running_loop()

    def open(self) -> None:
        """Begin. The web server has to be started."""
        self._loop.add_reader(self._door, self._take)

    def close(self) -> None:
        """Take no more."""
        self._loop.remove_reader(self._door)

    def _take(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                passed = _received(self._door)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                log.error("a connection is lost: %s", error.strerror)
                return
            if passed is None:
                self.close()  # the supervisor is gone
                return
            if passed >= 0:
                connection = socket.socket(fileno=passed)
                connection.setblocking(False)
                self._tasks.create_task(self._enter(connection))

    async def _enter(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._protocol, connection)
        except OSError as error:
            log.debug("a connection was gone before it began: %s", error)
            connection.close()

    def _protocol(self) -> asyncio.Protocol:
        web = self._bot.web
        # As uvicorn's own listening sockets have it: uvicorn.server.Server.startup.
        make: Any = web.config.http_protocol_class
        protocol: asyncio.Protocol = make(
            config=web.config, server_state=web.server_state, app_state=web.lifespan.state
        )
        return protocol


def _received(door: socket.socket) -> int | None:
    """A descriptor from the door; None: nobody is there any more; -1: one was lost on the way."""
    content, passed, _, _ = door.recvmsg(1, socket.CMSG_SPACE(array.array("i").itemsize), _CLOSE_ON_EXEC)
    if not content:
        return None
    found = array.array("i")
    for level, kind, data in passed:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            found.frombytes(data[: found.itemsize])
    return found[0] if found else -1


class Reporter:
    """Tells the supervisor how this worker stands, what is on its board, and what it has counted."""

    def __init__(self, line: Line, bot: Bot, switchboard: Sharing, number: int) -> None:
        self._line = line
        self._bot = bot
        self._switchboard = switchboard
        self._number = number
        self._teller = Teller(switchboard.board, number)

    async def run(self) -> None:
        """Report until cancelled: at once, then at most ten times a second, and at least once."""
        clock = asyncio.get_running_loop().time
        board: Board = self._switchboard.board
        counted = -PULSE
        while True:
            version = board.version
            self._line.send(self._switchboard.standing())
            self.tell_rows()
            if clock() - counted >= PULSE:
                counted = clock()
                self.tell_figures()
            await asyncio.sleep(_ROWS_GAP)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PULSE - _ROWS_GAP):
                    await board.changed(version)

    def tell_rows(self, *, whole: bool = False) -> None:
        """Tell of what has changed on our board; worker 0 shows them all, and need not be told its own."""
        if self._number and (rows := self._teller.news(whole=whole)) is not None:
            self._line.send(rows)

    def tell_figures(self) -> None:
        """Tell what was counted so far."""
        self._line.send(news.Figures(msgspec.Raw(msgspec.msgpack.encode(families_of(self._bot.registry)))))


async def work(settings: Settings, number: int, of: int, pair: Pair, endpoint: str) -> int:
    """Be worker `number` of so many, until told to drain, or until the supervisor is gone. Returns the exit code."""
    line: Line = await Channel.open(pair.news, news.FromSupervisor)
    beside = Beside(line)
    mine = settings.model_copy(update={"max_calls": share(settings.max_calls, of)})
    code = 0
    try:
        async with open_bot(
            mine, endpoint=endpoint, kind=Sharing, tag=tag(number), others=beside, places_calls=number == 0
        ) as bot:
            await _serve(mine, number, bot, line, beside, pair.door)
    except* SettingsError as group:
        code = 2
        line.send(news.Refused([problem for error in singly(group) for problem in error.problems]))
    finally:
        await line.close()
    return code


async def _serve(
    settings: Settings, number: int, bot: Bot, line: Line, beside: Beside, passed: socket.socket
) -> None:
    switchboard = bot.switchboard
    assert isinstance(switchboard, Sharing)  # noqa: S101 - for the type checker: as `work` asked for
    switchboard.tell = line.send
    reporter = Reporter(line, bot, switchboard, number)
    async with asyncio.TaskGroup() as tasks:
        stop = Stop(tasks, bot, settings.drain_seconds, drained=lambda: line.send(news.Leaving()))
        door = Door(passed, bot, tasks)
        others = [
            tasks.create_task(bot.voice_live.warm()),
            tasks.create_task(_listen(line, switchboard, beside, reporter, stop)),
            tasks.create_task(_open(door, bot, line, reporter)),
        ]
        with stop.at_signals():
            await bot.web.serve(sockets=[])
        reporter.tell_figures()
        door.close()
        for task in others:
            task.cancel()


async def _open(door: Door, bot: Bot, line: Line, reporter: Reporter) -> None:
    while not bot.web.started:  # noqa: ASYNC110 - uvicorn offers no event for it
        await asyncio.sleep(0.01)
    door.open()
    garbage.settle()
    line.send(news.Ready())
    await reporter.run()


async def _listen(line: Line, switchboard: Sharing, beside: Beside, reporter: Reporter, stop: Stop) -> None:
    """Hear what the supervisor says, to its end."""
    gallery = Gallery(switchboard.board)
    while (message := await line.receive()) is not None:
        match message:
            case news.Rows():
                gallery.take(message)
            case news.House(takes):
                beside.take = takes
            case news.Ended(call_id):
                switchboard.ended_elsewhere(call_id)
            case news.Repeat():
                reporter.tell_rows(whole=True)
            case news.HouseFigures(question, families):
                if question in beside.asked and not beside.asked[question].done():
                    beside.asked[question].set_result(families)
            case news.Drain():
                stop.begin()
    log.error("the supervisor is gone: calls are let go")
    stop.hurry()


def singly[E: BaseException](group: BaseExceptionGroup[E]) -> list[E]:
    """Every error of a group, and of the groups in it."""
    found: list[E] = []
    for error in group.exceptions:
        found += singly(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found
