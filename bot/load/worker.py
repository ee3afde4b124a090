"""One process of several: `python -m bot.load.worker`, started by `bot.load.fleet` and by nobody else.

In, on standard input: the plan and which process this is, one JSON line; then when to begin, another; the end of the
input means that it is enough. Out, on standard output: a line once it is ready, and at the end the pickled share.
"""

from __future__ import annotations

import asyncio
import pickle
import signal
import sys
from time import monotonic

import msgspec

from bot.errors import SimulatorError
from bot.load.crowd import Crowd, Share, no_pauses
from bot.load.target import Plan

READY = b"ready\n"
_LONGEST_LINE = 1 << 20


class Order(msgspec.Struct):
    """What to do. index: which of the plan's processes this is."""

    plan: Plan
    index: int


async def work(order: Order, orders: asyncio.StreamReader) -> Share:
    """Call until it is enough."""
    plan = order.plan
    crowd = Crowd(plan, range(order.index, plan.calls, plan.processes), clock=monotonic)
    crowd.warm()
    sys.stdout.buffer.write(READY)
    sys.stdout.buffer.flush()
    began = msgspec.json.decode(await orders.readline(), type=float)

    async def until_enough() -> None:
        await orders.read()
        crowd.stop()

    listening = asyncio.ensure_future(until_enough())
    try:
        with no_pauses():
            return await crowd.run(began)
    finally:
        listening.cancel()


async def _main() -> Share:
    orders = asyncio.StreamReader(limit=_LONGEST_LINE)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    return await work(msgspec.json.decode(await orders.readline(), type=Order), orders)


def main() -> int:
    """Do what the first process says. Exit code 1 where it has gone."""
    from bot.load.loop import new_loop

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the first process's to take
    try:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            share = runner.run(_main())
    except (SimulatorError, msgspec.DecodeError):
        return 1
    sys.stdout.buffer.write(pickle.dumps(share))
    sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
