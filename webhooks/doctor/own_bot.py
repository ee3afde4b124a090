"""A bot of the doctor's own, where none runs: `voicebot serve` as it is, on a free port of loopback, for one call."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from bot.errors import SimulatorError

_START_WITHIN = 40.0  # seconds; the embedded engine takes a few
_STOP_WITHIN = 8.0
# It ends itself when its input is closed, so that it never outlives a doctor who was killed.
_COMMAND = """
import os, signal, threading
def watch():
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
threading.Thread(target=watch, daemon=True).start()
from webhooks.cli import main
main()
"""
_ADDRESS = re.compile(r"\bhttp://\S+")
_LINES_KEPT = 5
_LONGEST_LINE = 300


@asynccontextmanager
async def own_bot() -> AsyncIterator[str]:
    """Start it with this folder's settings, and end it; gives its address. Raises SimulatorError.

    A process of its own: what an operator starts is what is tried, and its signals and its end are its own.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-c",
        _COMMAND,
        *("serve", "--host", "127.0.0.1", "--port", "0"),
        env={**os.environ, "LOG_LEVEL": "error", "VOICE_LIVE_VERBOSE": "false"},
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        start_new_session=True,  # a Ctrl-C is for the doctor, who ends it
    )
    said: deque[str] = deque(maxlen=_LINES_KEPT)
    listening = asyncio.create_task(_keep(process.stderr, said))
    reading: asyncio.Task[None] | None = None
    try:
        url = await _url(process, said, listening)
        reading = asyncio.create_task(_keep(process.stdout, deque(maxlen=1)))
        yield url
    finally:
        await _end(process)
        for task in (listening, reading):
            if task is not None:
                task.cancel()
                await asyncio.wait([task])


async def _url(process: Process, said: deque[str], listening: asyncio.Task[None]) -> str:
    try:
        async with asyncio.timeout(_START_WITHIN):
            first = (await process.stdout.readline()).decode("utf-8", "replace") if process.stdout else ""
            if found := _ADDRESS.search(first):
                return found[0]
            await listening
    except TimeoutError:
        raise SimulatorError(f"it was not there after {_START_WITHIN:g} s") from None
    why = next((line.partition("voicebot: ")[2] for line in said if "voicebot: " in line), "")
    raise SimulatorError(why or (said[-1] if said else "it ended at once"))


async def _keep(stream: asyncio.StreamReader | None, said: deque[str]) -> None:
    """Read to the end, so that nothing is held up, and remember the last lines."""
    while stream is not None:
        try:
            line = await stream.readline()
        except ValueError:  # a line beyond measure; its rest follows
            continue
        if not line:
            return
        said.append(line.decode("utf-8", "replace").strip()[:_LONGEST_LINE])


async def _end(process: Process) -> None:
    """As an operator does: ask it to stop, and after a while no more."""
    for insist in (process.terminate, process.kill):
        if process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            insist()
        with suppress(TimeoutError):
            async with asyncio.timeout(_STOP_WITHIN):
                await process.wait()
