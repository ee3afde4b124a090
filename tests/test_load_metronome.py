"""The clock of many callers. Virtual time."""

from __future__ import annotations

import asyncio

import pytest

from bot.load.metronome import Metronome

pytestmark = pytest.mark.virtual_time


async def test_what_comes_again_does_not_drift_and_is_never_early() -> None:
    loop = asyncio.get_running_loop()
    metronome, began = Metronome(loop.time), loop.time()
    done: list[float] = []

    def work(due: float) -> float | None:
        done.append(loop.time() - due)
        return due + 0.02 if len(done) < 500 else None

    metronome.at(began + 0.0137, work)
    await asyncio.sleep(11)
    assert len(done) == 500
    assert all(-1e-5 < late < 0.0011 for late in done)


async def test_many_are_served_in_the_order_in_which_they_are_due() -> None:
    loop = asyncio.get_running_loop()
    metronome, began = Metronome(loop.time), loop.time()
    order: list[int] = []

    def at(number: int) -> None:
        def work(_: float) -> None:
            order.append(number)

        metronome.at(began + number / 100, work)

    for number in (5, 1, 9, 3, 7):
        at(number)
    await asyncio.sleep(0.02)
    at(2)
    await asyncio.sleep(1)
    assert order == [1, 2, 3, 5, 7, 9]


async def test_something_sooner_is_not_kept_waiting() -> None:
    loop = asyncio.get_running_loop()
    metronome, began, done = Metronome(loop.time), loop.time(), list[float]()
    metronome.at(began + 100, lambda _: done.append(100))
    metronome.at(began + 1, lambda _: done.append(loop.time() - began))
    await asyncio.sleep(2)
    assert done == pytest.approx([1], abs=0.002)
    metronome.close()
    await asyncio.sleep(200)
    assert len(done) == 1


async def test_one_that_fails_does_not_stop_the_others() -> None:
    loop = asyncio.get_running_loop()
    metronome, began, done = Metronome(loop.time), loop.time(), list[float]()
    told: list[str] = []
    loop.set_exception_handler(lambda _, context: told.append(str(context.get("exception"))))

    def fails(_: float) -> float | None:
        raise ValueError("this one")

    metronome.at(began + 0.1, fails)
    metronome.at(began + 0.2, done.append)
    await asyncio.sleep(1)
    assert done == [began + 0.2]
    assert told == ["this one"]
