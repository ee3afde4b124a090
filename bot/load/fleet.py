"""A whole run: the callers, in this process or in several, the model's side, and the process that is watched."""

from __future__ import annotations

import asyncio
import pickle
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from time import process_time

import msgspec

from bot.errors import SimulatorError
from bot.load.crowd import GRACE, Crowd, Share, no_pauses
from bot.load.model import ModelSide, model_side
from bot.load.model_session import Manner
from bot.load.record import CallRecord, SessionRecord
from bot.load.target import Plan
from bot.load.watching import Watch, watch
from bot.load.worker import READY, Order

_START_SECONDS = 30.0


@dataclass(slots=True)
class Run:
    """What a run has left.

    began, steady, ended: when it did, when every call should have stood, and when it was over. sessions: None where
    the model was not ours. generators: of each process that called, the share of a core it took; model_share: that of
    the model's side, where it had a process of its own.
    """

    plan: Plan
    began: float
    steady: float
    ended: float = 0.0
    calls: list[CallRecord] = field(default_factory=list)
    sessions: list[SessionRecord] | None = None
    watched: Watch | None = None
    generators: list[float] = field(default_factory=list)
    model_share: float | None = None
    interrupted: bool = False

    def add(self, share: Share) -> None:
        """Enter what one process did."""
        self.calls += share.calls
        if share.seconds:
            self.generators.append(share.cpu / share.seconds)


async def run(
    plan: Plan,
    *,
    clock: Callable[[], float],
    enough: asyncio.Event,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    model_port: int | None = None,
    manner: Manner | None = None,
    pid: int | None = None,
    ready: Callable[[ModelSide | None], Awaitable[None]] | None = None,
) -> Run:
    """Carry a plan out.

    enough: set to end it early. model_port: where the Voice Live stand-in listens, None for none. pid: a process to
    watch. ready: awaited once the model's side is there, before the first call. Raises SimulatorError where nothing
    can be begun.
    """
    plan.check()
    async with AsyncExitStack() as stack:
        watching = watch(pid, clock()) if pid is not None else None
        model: ModelSide | None = None
        if model_port is not None:
            model = await stack.enter_async_context(model_side(model_port, manner, clock=clock))
        if ready is not None:
            await ready(model)
        if plan.processes == 1:
            result = await _alone(plan, clock, sleep, enough, watching)
        else:
            result = await _together(plan, clock, sleep, enough, watching)
        if model is not None:
            result.sessions = model.records
    result.watched = watching
    result.interrupted = enough.is_set() and result.ended - result.began < plan.seconds
    result.calls.sort(key=lambda call: call.number)
    return result


async def _alone(
    plan: Plan,
    clock: Callable[[], float],
    sleep: Callable[[float], Awaitable[object]],
    enough: asyncio.Event,
    watching: Watch | None,
) -> Run:
    crowd = Crowd(plan, range(plan.calls), clock=clock, sleep=sleep)
    crowd.warm()
    began = clock()
    result = Run(plan, began, _steady(plan, began))

    async def until_enough() -> None:
        await enough.wait()
        crowd.stop()

    with no_pauses():
        async with _meanwhile(until_enough(), *_watching(watching, clock, sleep)):
            share = await crowd.run(began)
            result.ended = clock()
    result.add(share)
    return result


async def _together(
    plan: Plan,
    clock: Callable[[], float],
    sleep: Callable[[float], Awaitable[object]],
    enough: asyncio.Event,
    watching: Watch | None,
) -> Run:
    workers = [await _start(plan, index) for index in range(plan.processes)]
    try:
        for worker in workers:
            await _until_ready(worker)
        began = clock()
        result = Run(plan, began, _steady(plan, began))
        for worker in workers:
            _tell(worker, msgspec.json.encode(began) + b"\n")

        async def until_enough() -> None:
            await enough.wait()
            for worker in workers:
                if worker.stdin is not None:
                    worker.stdin.close()

        with no_pauses():
            async with _meanwhile(until_enough(), *_watching(watching, clock, sleep)):
                used = process_time()
                async with asyncio.timeout(plan.seconds + 2 * GRACE):
                    shares = await asyncio.gather(*(_share(worker) for worker in workers))
                result.ended = clock()
                result.model_share = (process_time() - used) / (result.ended - began)
    except TimeoutError:
        raise SimulatorError("a process of the load did not come to an end") from None
    finally:
        for worker in workers:
            if worker.returncode is None:
                worker.kill()
            await worker.wait()
    for share in shares:
        result.add(share)
    return result


def _steady(plan: Plan, began: float) -> float:
    """When every call should stand: a second after the last was placed, or a little less in a short run."""
    return began + plan.ramp + min(1.0, (plan.seconds - plan.ramp) / 4)


def _watching(
    watching: Watch | None, clock: Callable[[], float], sleep: Callable[[float], Awaitable[object]]
) -> list[Awaitable[None]]:
    return [watching.follow(clock, sleep)] if watching is not None else []


@asynccontextmanager
async def _meanwhile(*work: Awaitable[None]) -> AsyncIterator[None]:
    """Have this done beside the scope, and no longer."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


# --- Other processes --------------------------------------------------------------------------------------------


async def _start(plan: Plan, index: int) -> Process:
    # A session of its own, so that Ctrl-C in the terminal reaches this process only.
    worker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot.load.worker"), stdin=PIPE, stdout=PIPE, start_new_session=True
    )
    _tell(worker, msgspec.json.encode(Order(plan, index)) + b"\n")  # by a pipe: it holds the token
    return worker


async def _until_ready(worker: Process) -> None:
    line = b""
    with suppress(TimeoutError):
        async with asyncio.timeout(_START_SECONDS):
            line = await _out(worker).readline()
    if line != READY:
        raise SimulatorError("a process of the load did not start")


async def _share(worker: Process) -> Share:
    pickled = await _out(worker).read()
    try:
        share = pickle.loads(pickled)  # noqa: S301 - by our own child, from a pipe that nobody else has
    except (EOFError, pickle.UnpicklingError):
        raise SimulatorError("a process of the load ended without a word") from None
    if not isinstance(share, Share):
        raise SimulatorError("a process of the load said something else than it should")
    return share


def _out(worker: Process) -> asyncio.StreamReader:
    assert worker.stdout is not None  # noqa: S101 - it was asked for
    return worker.stdout


def _tell(worker: Process, line: bytes) -> None:
    assert worker.stdin is not None  # noqa: S101 - it was asked for
    worker.stdin.write(line)
