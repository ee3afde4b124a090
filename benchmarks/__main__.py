"""Every benchmark in one run, as one Markdown table: `python -m benchmarks` or `make bench`.

Names choose some of them: `python -m benchmarks latency load`.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from time import monotonic

import uvloop

from benchmarks import asgi, instructions, latency, load, memory, resampler, truncation, viewers
from benchmarks.figures import Figure, conditions, table
from benchmarks.watched import cores

BENCHMARKS = {
    "latency": latency.run,
    "load": load.run,
    "truncation": truncation.run,
    "viewers": viewers.run,
    "memory": memory.run,
}
BY_NAME = {"asgi": asgi.run, "instructions": instructions.run}
"""Those that run when they are named: what the server was chosen by, and what the tests hold fast."""

ALL = BENCHMARKS | BY_NAME

LONGEST = 290.0  # seconds for all of them; they are stopped then


async def measure(names: list[str]) -> list[Figure]:
    """Run these benchmarks, one after the other. Raises TimeoutError where they take too long."""
    figures: list[Figure] = []
    async with asyncio.timeout(LONGEST):
        for name in names:
            began = monotonic()
            figures += await ALL[name]()
            print(f"{name}: {monotonic() - began:.0f} s", file=sys.stderr)
    return figures


def main() -> int:
    """Measure and print. Exit code 2 where nothing can be measured; a missed target is only told."""
    chosen = sys.argv[1:] or list(BENCHMARKS)
    if unknown := [name for name in chosen if name not in ALL]:
        print(f"unknown: {', '.join(unknown)}; there are {', '.join(ALL)}", file=sys.stderr)
        return 2
    if sys.platform != "linux":
        print("The benchmarks look at processes by /proc, so they need Linux.", file=sys.stderr)
        return 2
    measured, loading = cores()
    told = conditions(
        f"the bot on core {measured}, callers and the Voice Live stand-in in one process on core {loading}"
    )
    os.sched_setaffinity(0, {loading})
    # What watches is not to pause while it looks.
    gc.freeze()
    gc.disable()
    figures = uvloop.run(measure(chosen))
    print(f"{told}\n\n{table(figures)}", flush=True)
    if not sys.argv[1:]:
        print()
        resampler.main()
    return 0


if __name__ == "__main__":
    sys.exit(main())
