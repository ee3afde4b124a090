"""A hundred calls with nobody watching and with ten viewers, in turns within one run, so that noise meets both alike.

The viewers are a process of their own on the core of the load: `python -m benchmarks.viewers URL`. Each of them reads
the board and one call, as a browser does with the live view open. They come with SIGUSR1 and leave with SIGUSR2.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

import aiohttp

from benchmarks.caller_side import FRAME_SECONDS, Caller, call
from benchmarks.delays import MS, frame_to_append
from benchmarks.figures import Figure
from benchmarks.watched import Watched, bot
from bot.load.model import ModelSide, model_side
from bot.load.model_session import Manner, Session

CALLS = 100
VIEWERS = 10
ROUNDS = 3  # each a phase without viewers and one with them, the order changing
PHASE = 3.0  # seconds measured in each phase

_TURN = 8.0  # seconds: a reply, the rest of it being played, and the caller's next words
_REPLY = 3.0
_SPEAKS, _SILENT = 6.0, 7.4  # when in a turn the caller speaks
_SETTLE = 0.7
_LONGEST_START = 25.0


@dataclass(slots=True)
class _Phase:
    """What was measured without viewers, or with them. cpu: milliseconds for each call and second, one a phase."""

    cpu: list[float] = field(default_factory=list)
    append: list[float] = field(default_factory=list)  # ms
    p99: list[float] = field(default_factory=list)  # ms, one a phase


async def run() -> list[Figure]:
    """Hold a hundred calls, and let ten viewers come and go."""
    alone, watched = _Phase(), _Phase()
    read = 0
    async with (
        model_side(manner=Manner(greeting=1.0, hears=False)) as model,
        bot(model.url) as program,
        AsyncExitStack() as stack,
    ):
        http = await stack.enter_async_context(aiohttp.ClientSession())
        viewers = await stack.enter_async_context(_viewers(program.url))
        calls: list[tuple[Caller, Session]] = []
        enough = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            for number in range(CALLS):
                tasks.create_task(_converse(model, http, program.url, number, calls, enough))
            async with asyncio.timeout(_LONGEST_START):
                while len(calls) < CALLS:  # noqa: ASYNC110 - a benchmark's own start
                    await asyncio.sleep(0.1)
            for turn in range(ROUNDS):
                for watching in (False, True) if turn % 2 == 0 else (True, False):
                    viewers.send_signal(signal.SIGUSR1 if watching else signal.SIGUSR2)
                    await _measure(program, calls, watched if watching else alone)
            viewers.send_signal(signal.SIGTERM)
            told, _ = await viewers.communicate()
            read = int(told or b"0")
            enough.set()
    if read < ROUNDS * PHASE * VIEWERS:
        raise RuntimeError(f"the viewers have read only {read} events")
    each, with_, ratio = (
        f"{CALLS} calls, nobody watching: ",
        f"{CALLS} calls, {VIEWERS} viewers: ",
        "with / without: ",
    )
    return [
        Figure(f"{each}CPU for each call and second", "ms", alone.cpu),
        Figure(f"{with_}CPU for each call and second", "ms", watched.cpu),
        Figure(f"{ratio}CPU, each round", "times", _ratios(watched.cpu, alone.cpu)),
        Figure(f"{each}caller frame in → `append` out", "ms", alone.append),
        Figure(f"{with_}caller frame in → `append` out", "ms", watched.append),
        Figure(f"{ratio}p99 of frame → `append`, each round", "times", _ratios(watched.p99, alone.p99)),
    ]


def _ratios(with_: list[float], without: list[float]) -> list[float]:
    return [one / other for one, other in zip(with_, without, strict=True)]


async def _measure(program: Watched, calls: list[tuple[Caller, Session]], phase: _Phase) -> None:
    await asyncio.sleep(_SETTLE)
    began, used = monotonic(), program.cpu_seconds()
    await asyncio.sleep(PHASE)
    until = monotonic()
    phase.cpu.append(MS * (program.cpu_seconds() - used) / (until - began) / CALLS)
    await asyncio.sleep(0.2)  # for what is under way
    delays = [
        delay
        for caller, session in calls
        for delay in frame_to_append(caller.sent, session.record, since=began, until=until)
    ]
    phase.append += delays
    phase.p99.append(Figure("", "", delays).value("p99"))


async def _converse(
    model: ModelSide,
    http: aiohttp.ClientSession,
    url: str,
    number: int,
    calls: list[tuple[Caller, Session]],
    enough: asyncio.Event,
) -> None:
    """Hold one call: every 8 s a reply of 3 s and the caller's next words, as in `load`."""
    await asyncio.sleep(number * _TURN / CALLS)
    async with call(http, url, number, phase=number * FRAME_SECONDS / CALLS) as caller:
        session = await model.session(caller.call_id)
        calls.append((caller, session))
        begins = monotonic()
        while not enough.is_set():
            await session.reply(_REPLY)
            if await _until(begins + _SPEAKS, enough):
                await session.speech_started()
            if await _until(begins + _SILENT, enough):
                await session.speech_stopped()
            begins += _TURN
            await _until(begins, enough)
    model.forget(caller.call_id)


async def _until(at: float, enough: asyncio.Event) -> bool:
    """Wait for this moment; False where it is enough before then."""
    with suppress(TimeoutError):
        async with asyncio.timeout(max(0.0, at - monotonic())):
            await enough.wait()
    return not enough.is_set()


# --- The viewers' process


@asynccontextmanager
async def _viewers(url: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the viewers, who do not watch yet. They stay on the core of the load, as whoever starts them."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.viewers", url),
        cwd=Path(__file__).parent.parent,
        env={"PATH": os.environ.get("PATH", "")},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _watch(url: str) -> int:
    """Watch when told to. Returns how many events were read."""
    loop = asyncio.get_running_loop()
    orders: asyncio.Queue[bool | None] = asyncio.Queue()
    for number, order in ((signal.SIGUSR1, True), (signal.SIGUSR2, False), (signal.SIGTERM, None)):
        loop.add_signal_handler(number, orders.put_nowait, order)
    read = 0

    async def follow(http: aiohttp.ClientSession, path: str) -> None:
        nonlocal read
        async with http.get(f"{url}{path}") as response:
            response.raise_for_status()
            while await response.content.readuntil(b"\n\n"):
                read += 1

    limits = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=limits, timeout=aiohttp.ClientTimeout(), read_bufsize=2**21) as http:
        watching: list[asyncio.Task[None]] = []
        while (order := await orders.get()) is not None:
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)
            paths = [path for number in range(VIEWERS) for path in ("/calls/live", f"/calls/CA{number:032x}/live")]
            watching = [asyncio.create_task(follow(http, path)) for path in paths] if order else []
        failed = [task for task in watching if task.done()]
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
    for task in failed:
        task.result()
    return read


if __name__ == "__main__":
    os.nice(5)  # the callers on this core keep the time; who only watches should not make them late
    print(asyncio.run(_watch(sys.argv[1])))
