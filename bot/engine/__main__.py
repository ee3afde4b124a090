"""`python -m bot.engine [--port 0] [--scripted]`: the embedded engine as a process of its own.

Prints one line of JSON once it takes connections, `{"endpoint": "http://127.0.0.1:PORT", "port": PORT}`. Ends when
its input is closed, so that it never outlives whoever started it, and on SIGTERM and SIGINT.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Thread

from bot.engine.missing import PartMissing
from bot.engine.parts import Parts
from bot.engine.scripted import ScriptedParts
from bot.engine.server import EngineServer
from bot.errors import EngineError, SettingsError
from bot.settings import load_settings

_log = logging.getLogger("bot.engine")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the engine until it is told to end; returns the exit code: 1 if it cannot run, 2 if a setting is wrong."""
    parser = argparse.ArgumentParser(prog="python -m bot.engine", description="The embedded engine, on loopback.")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 for any that is free")
    parser.add_argument("--scripted", action="store_true", help="tones and an echo instead of ears, voice and mind")
    options = parser.parse_args(arguments)
    announce = _output()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("websockets").setLevel(logging.WARNING)
    try:
        asyncio.run(_run(options.port, announce, scripted=options.scripted))
    except PartMissing as problem:
        _log.error("%s. Or set AZURE_VOICE_LIVE_ENDPOINT, and do without the embedded engine.", problem)
        return 1
    except EngineError as problem:
        _log.error("%s", problem)
        return 1
    except SettingsError as problem:
        _log.error("%s", problem)
        return 2
    return 0


def _output() -> Callable[[str], None]:
    """Take the standard output for the announcement alone; what libraries print goes to standard error."""
    output = os.dup(1)
    os.dup2(2, 1)

    def announce(line: str) -> None:
        with open(output, "w", encoding="utf-8") as stream:
            stream.write(line)

    return announce


async def _run(port: int, announce: Callable[[str], None], *, scripted: bool) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    parts = await _parts(scripted=scripted)
    try:
        async with EngineServer(parts, port=port, records=0) as engine:
            announce(json.dumps({"endpoint": engine.endpoint, "port": engine.port}) + "\n")
            Thread(target=_wait_for_end_of_input, args=(loop, ended), daemon=True).start()
            await ended.wait()
    finally:
        await parts.close()


def _wait_for_end_of_input(loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    """Wait for the end of standard input, in a thread of its own: an event loop cannot watch every kind of it.

    Not through `sys.stdin`, whose lock a thread must not hold when the interpreter ends.
    """
    with suppress(OSError):
        while os.read(0, 4096):
            pass
    with suppress(RuntimeError):  # the loop has ended before the input
        loop.call_soon_threadsafe(ended.set)


async def _parts(*, scripted: bool) -> Parts:
    if scripted:
        return ScriptedParts()
    # Here, because the scripted engine runs without the models' packages.
    from bot.engine.real import open_parts

    return await open_parts(load_settings())


if __name__ == "__main__":
    sys.exit(main())
