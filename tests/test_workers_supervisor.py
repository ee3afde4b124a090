"""The supervisor with made-up workers: lines and doors are real, processes are not."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from bot.errors import SettingsError
from bot.settings import Settings
from tests.webhooks_stand_ins import settings
from webhooks.workers import news, supervisor
from webhooks.workers.figures import Family
from webhooks.workers.gallery import nothing_of
from webhooks.workers.news import Channel, Pair
from webhooks.workers.process import WorkerProcess
from webhooks.workers.routing import NewCall, OfCall, OfHouse, OfWorker, Route
from webhooks.workers.supervisor import Supervisor, WorkerFailed


class Process(WorkerProcess):
    """A worker that is this test."""

    def __init__(self, number: int, line: Channel[news.FromWorker], ours: Pair, theirs: Pair) -> None:
        self.number = number
        self.line = line
        self._door = ours.door
        self.theirs = theirs
        self.far: Channel[news.FromSupervisor]

    async def says(self, *messages: news.News) -> None:
        for message in messages:
            assert self.far.send(message)
        await asyncio.sleep(0.02)

    async def hears(self, kind: type[news.News]) -> news.News:
        """The next message of a kind."""
        while not isinstance(message := await asyncio.wait_for(self.far.receive(), 5), kind):
            assert message is not None
        return message

    def was_given(self) -> int:
        """How many connections came through the door."""
        number = 0
        while True:
            try:
                _, passed, _, _ = socket.recv_fds(self.theirs.door, 1, 1)
            except BlockingIOError:
                return number
            for descriptor in passed:
                socket.close(descriptor)
            number += 1

    async def dies(self) -> None:
        await self.far.close()
        await asyncio.sleep(0.02)

    async def end(self) -> int | None:
        self._door.close()
        self.theirs.door.close()
        await self.line.close()
        await self.far.close()
        return 9


class House:
    """A supervisor of two."""

    def __init__(self, supervisor: Supervisor) -> None:
        self.supervisor = supervisor
        self.started: dict[int, list[Process]] = {0: [], 1: []}

    async def start(self, number: int, _: Settings, __: str) -> Process:
        ours, theirs = Pair.both()
        line: Channel[news.FromWorker] = await Channel.open(ours.news, news.FromWorker)
        process = Process(number, line, ours, theirs)
        process.far = await Channel.open(theirs.news, news.FromSupervisor)
        self.started[number].append(process)
        return process

    def worker(self, number: int) -> Process:
        return self.started[number][-1]

    async def ready(self, *numbers: int) -> None:
        await asyncio.sleep(0.02)
        for number in numbers:
            await self.worker(number).says(news.Ready())

    def connects(self, route: Route) -> socket.socket:
        here, there = socket.socketpair()
        there.setblocking(False)
        here.settimeout(5)
        self.supervisor.hand(there, route)
        return here

    def counted(self, name: str, **labels: str) -> float:
        return self.supervisor.meters.registry.get_sample_value(name, labels) or 0.0


@asynccontextmanager
async def house_of(monkeypatch: pytest.MonkeyPatch, *ready: int) -> AsyncIterator[House]:
    monkeypatch.setattr(supervisor, "_BACKOFF", (0.05,))
    async with asyncio.TaskGroup() as tasks:
        house = House(Supervisor(settings(workers=2), "", tasks))
        monkeypatch.setattr(WorkerProcess, "start", house.start)
        beginning = tasks.create_task(house.supervisor.begin())
        await house.ready(*ready)
        assert beginning.done() is (len(ready) == 2)
        yield house
        house.supervisor.stop(15)
        for processes in house.started.values():
            await processes[-1].dies()
        await house.supervisor.ended()
        beginning.cancel()


async def test_it_has_begun_when_all_are_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    async with house_of(monkeypatch, 0, 1) as house:
        with house.connects(NewCall()), house.connects(NewCall()), house.connects(OfWorker(1)):
            assert (house.worker(0).was_given(), house.worker(1).was_given()) == (1, 2)
        assert house.counted("voicebot_workers") == 2
        assert house.counted("voicebot_connections_total", worker="1") == 2


@pytest.mark.parametrize("problems", [[], ["WORKERS should be less", "and so should this"]])
async def test_a_worker_that_cannot_begin_ends_it_all(problems: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.RaisesGroup(SettingsError if problems else WorkerFailed) as failed:
        async with house_of(monkeypatch, 0) as house:
            if problems:
                await house.worker(1).says(news.Refused(problems))
            await house.worker(1).dies()
            await asyncio.sleep(5)
    error = failed.value.exceptions[0]
    assert error.problems == problems if isinstance(error, SettingsError) else "code 9" in str(error)


async def test_a_connection_waits_for_a_worker_that_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    async with house_of(monkeypatch, 0, 1) as house:
        await house.worker(0).dies()
        with house.connects(OfHouse()), house.connects(OfHouse(anyone=True)):
            await asyncio.sleep(0.1)
            assert house.worker(1).was_given() == 1, "whoever is there will do for that one"
            await house.ready(0)
            await asyncio.sleep(0.1)
            assert house.worker(0).was_given() == 1
        assert house.counted("voicebot_worker_restarts_total") == 1


async def test_a_connection_for_which_nobody_comes_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "_WAIT", 0.1)
    monkeypatch.setattr(supervisor, "_MOST_WAITING", 1)
    async with house_of(monkeypatch, 0, 1) as house:
        await house.worker(0).dies()
        with house.connects(OfHouse()) as waits, house.connects(OfHouse()) as crowded:
            assert await asyncio.to_thread(crowded.recv, 1) == b""
            assert await asyncio.to_thread(waits.recv, 1) == b""
        for reason in ("nobody", "crowded"):
            assert house.counted("voicebot_connections_dropped_total", reason=reason) == 1


async def test_rows_go_to_worker_0_and_requests_to_who_told_of_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = news.Rows(1, False, ["CA1"], nothing_of(1).rows)
    async with house_of(monkeypatch, 0, 1) as house:
        await house.worker(1).says(rows, news.Standing(1, True, "CA2"))
        assert await house.worker(0).hears(news.Rows) == rows
        with house.connects(OfCall("CA1")), house.connects(OfCall("CA2")), house.connects(OfCall("CA3")):
            assert (house.worker(0).was_given(), house.worker(1).was_given()) == (1, 2)
        await house.worker(1).dies()
        assert await house.worker(0).hears(news.Rows) == nothing_of(1)
        with house.connects(OfCall("CA1")):
            assert house.worker(0).was_given() == 1


async def test_a_new_worker_0_has_everything_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async with house_of(monkeypatch, 0, 1) as house:
        await house.worker(0).dies()
        await house.worker(1).says(nothing_of(1))  # to nobody
        await asyncio.sleep(0.1)
        await house.ready(0)
        await house.worker(0).says(news.Standing(0, True))
        await house.worker(1).hears(news.Repeat)


async def test_the_end_of_a_call_is_told_to_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    async with house_of(monkeypatch, 0, 1) as house:
        await house.worker(0).says(news.Ended("CA1"))
        assert await house.worker(1).hears(news.Ended) == news.Ended("CA1")


async def test_all_are_told_whether_anybody_would_take_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    async with house_of(monkeypatch, 0, 1) as house:
        assert await house.worker(0).hears(news.House) == news.House(True)
        await house.worker(0).says(news.Standing(5, False))
        await house.worker(1).says(news.Leaving())
        while await house.worker(0).hears(news.House) != news.House(False):
            pass
        with house.connects(NewCall()):
            assert house.worker(0).was_given() == 1, "who is about to leave is given nothing more"


async def test_what_a_dead_worker_counted_stays_in_the_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    def counted(calls: float) -> news.Figures:
        families = [
            Family("x", "", "counter", [("x_total", {}, calls)]),
            Family("live", "", "gauge", [("live", {}, calls)]),
        ]
        return news.Figures(msgspec.Raw(msgspec.msgpack.encode(families)))

    async def others(house: House) -> dict[str, float]:
        await house.worker(0).says(news.AskFigures(3))
        answer = await house.worker(0).hears(news.HouseFigures)
        assert isinstance(answer, news.HouseFigures)
        assert answer.question == 3
        return {name: value for family in answer.families for name, _, value in family.samples}

    async with house_of(monkeypatch, 0, 1) as house:
        await house.worker(0).says(counted(100))
        await house.worker(1).says(counted(5), counted(7))
        told = await others(house)
        assert (told["x_total"], told["live"], told["voicebot_workers"]) == (7, 7, 2)
        await house.worker(1).dies()
        told = await others(house)
        assert (told["x_total"], told.get("live", 0), told["voicebot_workers"]) == (7, 0, 1)
        await asyncio.sleep(0.1)
        await house.ready(1)
        await house.worker(1).says(counted(2))
        assert (await others(house))["x_total"] == 9


async def test_a_machine_that_has_no_room_for_a_moment_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async with house_of(monkeypatch, 0, 1) as house:
        start, poor = house.start, [True]

        async def scarce(number: int, chosen: Settings, endpoint: str) -> Process:
            if poor.pop():
                poor.append(False)
                raise OSError(errno.ENOMEM, "Cannot allocate memory")
            poor.append(False)
            return await start(number, chosen, endpoint)

        monkeypatch.setattr(WorkerProcess, "start", scarce)
        await house.worker(1).dies()
        await asyncio.sleep(0.2)
        await house.ready(1)
        assert house.counted("voicebot_workers") == 2


async def test_a_worker_that_never_begins_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async with house_of(monkeypatch, 0, 1) as house:
        monkeypatch.setattr(WorkerProcess, "START_WITHIN", 0.05)
        await house.worker(1).dies()
        async with asyncio.timeout(5):
            while len(house.started[1]) < 4:  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.02)
        assert house.counted("voicebot_worker_restarts_total") >= 3
