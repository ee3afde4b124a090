from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.simulator import virtual_time
from bot.simulator.network import Network, Path, Pipe, Stall, Transit
from tests.simulator_bot import seeded

_stalls = st.lists(st.builds(Stall, st.floats(0, 5), st.floats(0.1, 2)), max_size=3)


@given(
    st.lists(st.floats(0, 10), min_size=1, max_size=50),
    st.floats(0, 1),
    st.floats(0, 1),
    _stalls,
    st.integers(),
)
def test_things_arrive_in_order_late_enough_and_never_during_a_stall(
    sent: list[float], delay: float, jitter: float, stalls: list[Stall], seed: int
) -> None:
    transit = Transit(Path(delay, jitter, stalls=tuple(stalls)), seeded(seed), 0.0)
    arrivals = [transit.arrival(at) for at in sorted(sent)]
    assert arrivals == sorted(arrivals)
    for at, arrival in zip(sorted(sent), arrivals, strict=True):
        assert arrival >= at + delay
        assert not any(stall.at <= arrival < stall.at + stall.seconds for stall in stalls)


def test_without_stalls_nothing_is_later_than_delay_and_jitter() -> None:
    transit = Transit(Path(0.06, 0.03), seeded(1), 0.0)
    times = [n * 0.02 for n in range(1000)]
    lateness = [transit.arrival(at) - at for at in times]
    assert min(lateness) >= 0.06
    assert 0.085 < max(lateness) <= 0.0900001


def test_a_pipe_loses_only_what_may_be_lost_and_delivers_the_rest_on_time() -> None:
    async def scenario() -> tuple[list[int], list[float]]:
        clock = asyncio.get_running_loop().time
        began = clock()
        pipe: Pipe[int] = Pipe(Transit(Path(0.5, loss=1.0), seeded(1), began), clock=clock)
        for number in range(6):
            pipe.put(number, droppable=number % 2 == 0)
        got, times = [], []
        for _ in range(3):
            got.append(await pipe.get())
            times.append(round(clock() - began, 6))
        return got, times

    assert virtual_time.run(scenario()) == ([1, 3, 5], [0.5] * 3)


def test_loss_is_about_as_frequent_as_asked() -> None:
    transit = Transit(Path(loss=0.2), seeded(7), 0.0)
    assert 150 < sum(transit.lost() for _ in range(1000)) < 250


def test_a_full_pipe_says_so_and_makes_a_patient_sender_wait() -> None:
    async def scenario() -> list[int]:
        clock = asyncio.get_running_loop().time
        pipe: Pipe[int] = Pipe(Transit(Path(), seeded(1), clock()), clock=clock, size=1)
        pipe.put(1)
        with pytest.raises(asyncio.QueueFull):
            pipe.put(2)
        waiting = asyncio.create_task(pipe.put_when_room(3))
        got = [await pipe.get(), await pipe.get()]
        await waiting
        return got

    assert virtual_time.run(scenario()) == [1, 3]


def test_symmetric_is_the_same_each_way() -> None:
    network = Network.symmetric(delay=0.1, jitter=0.2, loss=0.3)
    assert network.to_bot == network.from_bot == Path(0.1, 0.2, 0.3)
