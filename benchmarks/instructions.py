"""What a frame costs in instructions: a figure that no busy neighbour changes, as a ratio to the floor.

Bot and relay run under valgrind's callgrind, which counts what the program executes; the machine's speed, its load
and, in the ratio, the build of Python do not matter. One call is held in real time, with replies, at each of them.

`python -m benchmarks.instructions` prints the ratio beside the committed one, of which tests/test_frame_cost.py lets
it be a fifth more; with `--commit` the ratio is written down as the new one.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import uvloop

from benchmarks.caller_side import call
from benchmarks.figures import Figure
from benchmarks.floor import relay
from benchmarks.watched import Watched, bot
from bot.load.model import model_side
from bot.load.model_session import Manner

BASELINE = Path(__file__).parent / "frame_cost.json"
MAY_GROW = 1.2  # times the committed ratio

_SECONDS = 6.0  # of a call, that are counted
_REPLY = 1.5  # seconds, twice in that time
_SETTLE = 2.0  # the greeting and what is done once in a call are not counted

type _Start = Callable[[str, Sequence[str]], AbstractAsyncContextManager[Watched]]


@dataclass(frozen=True, slots=True)
class FrameCost:
    """Instructions for each frame of the caller, all that a call does in 20 ms included."""

    bot: float
    floor: float

    @property
    def ratio(self) -> float:
        """The bot's, in the floor's."""
        return self.bot / self.floor


async def measure() -> FrameCost:
    """Count, one after the other. Raises RuntimeError where valgrind is missing or does not count."""
    if shutil.which("callgrind_control") is None:
        raise RuntimeError("valgrind is missing: apt install valgrind")
    return FrameCost(
        await _instructions(lambda url, under: bot(url, under=under, PYTHONHASHSEED="0", UV_USE_IO_URING="0")),
        await _instructions(lambda url, under: relay(url, under=under)),
    )


async def run() -> list[Figure]:
    """The lines of the table."""
    cost = await measure()
    return [
        Figure("instructions for each 20 ms of a call", "thousand", [cost.bot / 1000], digits=0),
        Figure("floor: instructions for each 20 ms of a call", "thousand", [cost.floor / 1000], digits=0),
        Figure("times the floor's instructions", "times", [cost.ratio]),
    ]


async def _instructions(start: _Start) -> float:
    with tempfile.TemporaryDirectory() as folder:
        counted = Path(folder) / "counted"
        under = ("valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={counted}")
        async with (
            model_side(manner=Manner(greeting=1.0, hears=False)) as model,
            start(model.url, under) as watched,
            aiohttp.ClientSession() as http,
            call(http, watched.url, 1) as caller,
        ):
            session = await model.session(caller.call_id)
            await asyncio.sleep(_SETTLE)
            await _count(watched, "on")
            before = len(session.record.append_at)
            for _ in range(2):
                await session.reply(_REPLY)
                await asyncio.sleep(_SECONDS / 2)
            frames = len(session.record.append_at) - before
            await _count(watched, "off")
        return _total(counted) / frames


async def _count(watched: Watched, whether: str) -> None:
    done = await asyncio.create_subprocess_exec(
        "callgrind_control", "-i", whether, str(watched.pid), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    said, _ = await done.communicate()
    if done.returncode or b"OK" not in said:
        raise RuntimeError(f"callgrind cannot be told to count: {said.decode(errors='replace').strip()}")


def _total(counted: Path) -> int:
    for line in counted.read_text().splitlines():
        if line.startswith("totals:"):
            return int(line.split()[1])
    raise RuntimeError("callgrind has counted nothing")


def committed() -> float:
    """The ratio that was committed."""
    return float(json.loads(BASELINE.read_text())["times_the_floor"])


def main() -> int:
    """Measure; print, and with `--commit` write down, the ratio."""
    cost = uvloop.run(measure())
    print(f"bot {cost.bot:.0f}, floor {cost.floor:.0f} instructions a frame: {cost.ratio:.3f} times the floor")
    if "--commit" in sys.argv[1:]:
        BASELINE.write_text(json.dumps({"times_the_floor": round(cost.ratio, 3)}) + "\n")
    else:
        print(f"committed: {committed():.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
