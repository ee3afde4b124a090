from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from bot.simulator import virtual_time
from bot.simulator.virtual_time import VirtualTimeLoop, VirtualTimeStopped


def test_hours_pass_in_order_and_exactly() -> None:
    async def scenario() -> tuple[list[str], float]:
        loop, order = asyncio.get_running_loop(), list[str]()
        began = loop.time()

        async def after(seconds: float, name: str) -> None:
            await asyncio.sleep(seconds)
            order.append(name)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(after(7200, "last"))
            tasks.create_task(after(0.001, "first"))
            tasks.create_task(after(60, "second"))
        return order, loop.time() - began

    assert virtual_time.run(scenario()) == (["first", "second", "last"], 7200.0)


def test_time_does_not_run_ahead_of_sockets() -> None:
    """A thousand exchanges over loopback TCP under a time-out of 1 ms: none may expire."""

    async def scenario() -> float:
        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while line := await reader.readline():
                writer.write(line)
            writer.close()
            await writer.wait_closed()

        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            began = asyncio.get_running_loop().time()
            for number in range(1000):
                writer.write(b"%d\n" % number)
                async with asyncio.timeout(0.001):
                    assert await reader.readline() == b"%d\n" % number
            took = asyncio.get_running_loop().time() - began
            writer.close()
            await writer.wait_closed()
        return took

    assert virtual_time.run(scenario()) == 0


def test_time_stands_still_while_a_thread_works() -> None:
    async def scenario() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.timeout(1):
            with ThreadPoolExecutor(1) as pool:
                await loop.run_in_executor(pool, time.sleep, 0.02)
            await asyncio.to_thread(time.sleep, 0.02)
        return loop.time() - began

    assert virtual_time.run(scenario()) == 0.0


def test_a_thread_nobody_waits_for_any_more_still_holds_time_until_it_ends() -> None:
    async def scenario() -> bool:
        working, ended = threading.Event(), threading.Event()

        def work() -> None:
            working.set()
            time.sleep(0.05)
            ended.set()

        task = asyncio.create_task(asyncio.to_thread(work))
        await asyncio.sleep(0)
        working.wait(10)
        task.cancel()
        await asyncio.sleep(10)
        return ended.is_set()

    assert virtual_time.run(scenario())


def test_a_thread_cancelled_before_its_turn_does_not_hold_time() -> None:
    async def scenario() -> float:
        loop = asyncio.get_running_loop()
        release = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            busy = loop.run_in_executor(pool, release.wait)
            queued = loop.run_in_executor(pool, time.sleep, 0)
            queued.cancel()
            release.set()
            await busy
            began = loop.time()
            await asyncio.sleep(5)
            return loop.time() - began

    assert virtual_time.run(scenario()) == 5.0


def test_a_deadlock_is_said_and_not_waited_out() -> None:
    loop = VirtualTimeLoop(patience=0.01)
    try:
        future = loop.create_future()
        with pytest.raises(VirtualTimeStopped, match="no timer is set"):
            loop.run_until_complete(future)
        future.cancel()
    finally:
        loop.close()


def test_a_hold_keeps_time_until_it_is_let_go() -> None:
    async def scenario() -> float:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        began = loop.time()
        done = asyncio.Event()
        thread = threading.Timer(0.02, loop.call_soon_threadsafe, [done.set])
        with loop.hold():
            thread.start()
            async with asyncio.timeout(1):
                await done.wait()
        thread.join()
        return loop.time() - began

    assert virtual_time.run(scenario()) == 0.0


def test_a_test_can_choose_its_loop() -> None:
    assert virtual_time.loop_factories(virtual=True) == {"virtual": VirtualTimeLoop}
    assert "real" in virtual_time.loop_factories(virtual=False)
