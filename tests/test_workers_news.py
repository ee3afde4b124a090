from __future__ import annotations

import socket

import msgspec
import pytest

from webhooks.workers import news
from webhooks.workers.figures import Family
from webhooks.workers.news import LARGEST, MOST_UNSENT, Channel, Pair

ROWS = msgspec.Raw(msgspec.msgpack.encode([]))


async def line() -> tuple[Channel[news.FromSupervisor], Channel[news.FromWorker]]:
    """A worker's end and the supervisor's."""
    ours, theirs = Pair.both()
    ours.door.close()
    theirs.door.close()
    return await Channel.open(theirs.news, news.FromSupervisor), await Channel.open(ours.news, news.FromWorker)


@pytest.mark.parametrize(
    "message",
    [
        news.Ready(),
        news.Leaving(),
        news.Refused(["WORKERS should be less"]),
        news.Standing(3, takes=True, began="CA1"),
        news.Figures(ROWS),
        news.AskFigures(7),
        news.Rows(2, whole=True, call_ids=["CA1"], rows=ROWS),
        news.Ended("CA1"),
    ],
)
async def test_what_a_worker_says_arrives(message: news.News) -> None:
    worker, supervisor = await line()
    assert worker.send(message)
    assert worker.send(message)
    assert [await supervisor.receive(), await supervisor.receive()] == [message, message]
    await worker.close()
    assert await supervisor.receive() is None
    await supervisor.close()


@pytest.mark.parametrize(
    "message",
    [
        news.Drain(),
        news.Repeat(),
        news.House(takes=False),
        news.HouseFigures(7, [Family("x", "", "counter", [("x_total", {"a": "b"}, 1.0)])]),
        news.Rows(2, whole=False, call_ids=[], rows=ROWS),
        news.Ended("CA1"),
    ],
)
async def test_what_the_supervisor_says_arrives(message: news.News) -> None:
    worker, supervisor = await line()
    assert supervisor.send(message)
    assert await worker.receive() == message
    await supervisor.close()
    await worker.close()


@pytest.mark.parametrize(
    "content", [b"\xff\xff\xff\xff", b"\x00\x00\x00\x02hi", b"\x00\x00\x00\x01\xc1", b"\x00\x00"]
)
async def test_who_makes_no_sense_is_not_listened_to(content: bytes) -> None:
    ours, theirs = Pair.both()
    channel: Channel[news.FromWorker] = await Channel.open(ours.news, news.FromWorker)
    theirs.news.send(content)
    theirs.close()
    ours.door.close()
    assert await channel.receive() is None
    await channel.close()


async def test_nothing_is_said_to_who_is_gone_or_does_not_listen() -> None:
    worker, supervisor = await line()
    assert not worker.send(news.Ended("x" * LARGEST))
    large = news.Ended("x" * (LARGEST - 100))
    sent = 0
    while worker.send(large):
        sent += 1
    assert 0 < sent <= MOST_UNSENT // LARGEST + 2
    await supervisor.close()
    await worker.close()
    assert not worker.send(news.Ready())


async def test_a_door_passes_a_connection_on() -> None:
    ours, theirs = Pair.both()
    here, there = socket.socketpair()
    socket.send_fds(ours.door, [b"\0"], [there.fileno()])
    there.close()
    _, (passed,), _, _ = socket.recv_fds(theirs.door, 1, 1)
    with socket.socket(fileno=passed) as again:
        here.send(b"hello")
        assert again.recv(5) == b"hello"
    here.close()
    ours.close()
    theirs.close()
