from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from webhooks.sse import BEAT, OPENING, batches, event, stream


class Source:
    """Gives what the test puts; notes that it was closed."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[int | None] = asyncio.Queue()
        self.closed = False

    def put(self, *numbers: int | None) -> None:
        for number in numbers:
            self.queue.put_nowait(number)

    async def items(self) -> AsyncGenerator[int]:
        try:
            while (number := await self.queue.get()) is not None:
                yield number
        finally:
            self.closed = True


def test_an_event_has_its_kind_its_data_and_its_number() -> None:
    assert event("report", b'{"at":1}', "7") == b'id: 7\nevent: report\ndata: {"at":1}\n\n'
    assert event("end", b"{}") == b"event: end\ndata: {}\n\n"


def test_a_beat_is_a_comment_and_an_event_that_changes_no_number() -> None:
    assert BEAT.startswith(b":")
    assert b"id:" not in BEAT
    assert BEAT.endswith(b"\n\n")
    assert OPENING.startswith(b"retry: ")


async def test_a_stream_is_not_kept_by_anybody_on_the_way() -> None:
    async def body() -> AsyncGenerator[bytes]:
        yield b""

    response = stream(body())
    assert response.mimetype == "text/event-stream"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Accel-Buffering"] == "no"


@pytest.mark.virtual_time
async def test_the_first_comes_at_once_and_what_follows_comes_together() -> None:
    source = Source()
    reading = batches(source.items(), gap=0.1)
    clock = asyncio.get_running_loop().time
    began = clock()
    source.put(1)
    assert await anext(reading) == [1]
    assert clock() == began
    source.put(2, 3, 4)
    assert await anext(reading) == [2, 3, 4]
    assert clock() == pytest.approx(began + 0.1)
    await reading.aclose()


@pytest.mark.virtual_time
async def test_silence_is_told_again_and_again() -> None:
    source = Source()
    reading = batches(source.items(), gap=0.1, silence=15)
    clock = asyncio.get_running_loop().time
    began = clock()
    assert [await anext(reading), await anext(reading)] == [[], []]
    assert clock() == pytest.approx(began + 30)
    source.put(1)
    assert await anext(reading) == [1]
    await reading.aclose()


async def test_everything_comes_before_the_end() -> None:
    source = Source()
    source.put(1, 2, None)
    assert [batch async for batch in batches(source.items(), gap=0)] == [[1, 2]]
    assert source.closed


async def test_what_breaks_the_source_is_raised() -> None:
    async def broken() -> AsyncGenerator[int]:
        yield 1
        raise ValueError("broken")

    reading = batches(broken(), gap=0)
    assert await anext(reading) == [1]
    with pytest.raises(ValueError, match="broken"):
        await anext(reading)


@pytest.mark.parametrize("waiting", [0, 1, 5000])
async def test_closing_leaves_nothing_behind(waiting: int) -> None:
    source = Source()
    reading = batches(source.items(), gap=0)
    source.put(*range(1 + waiting))
    await anext(reading)
    await reading.aclose()
    assert source.closed
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_viewer_who_takes_nothing_holds_a_bounded_number() -> None:
    source = Source()
    source.put(*range(5000))
    reading = batches(source.items(), gap=0)
    first = await anext(reading)
    assert len(first) <= 500
    assert source.queue.qsize() > 4000
    await reading.aclose()
