"""The engine as a child process: its ears and voice block and crash there, not in the process that carries calls."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from bot.errors import EngineError

_log = logging.getLogger(__name__)

_BACKOFF = (0.1, 0.5, 1.0, 2.0, 5.0)  # seconds before each new try; the last one for all that follow
_HEALTHY_SECONDS = 30.0  # an engine that lived so long had no trouble of its own: begin at the first again


class EngineProcess:
    """Runs `python -m bot.engine`, and again when it dies, on the same port. An asynchronous context manager.

    Entering it waits until the engine takes connections; raises EngineError where it does not within `start_seconds`.
    arguments: for the command line, such as `--scripted`. sleep, clock: seconds.
    """

    def __init__(
        self,
        arguments: Sequence[str] = (),
        *,
        port: int = 0,
        start_seconds: float = 30.0,
        stop_seconds: float = 5.0,
        sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._arguments = tuple(arguments)
        self._port = port
        self._endpoint = ""
        self._start_seconds = start_seconds
        self._stop_seconds = stop_seconds
        self._sleep = sleep
        self._clock = clock
        self._process: Process | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self.starts = 0
        """How often an engine was started and took connections."""

    @property
    def endpoint(self) -> str:
        """The address to connect to, `http://127.0.0.1:PORT`; the same for as long as this is entered."""
        return self._endpoint

    @property
    def pid(self) -> int | None:
        """Process id of the engine that runs now, if one does."""
        alive = self._process is not None and self._process.returncode is None
        return self._process.pid if self._process is not None and alive else None

    async def __aenter__(self) -> Self:
        await self._start()
        self._supervisor = asyncio.create_task(self._supervise(), name="embedded engine")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._supervisor is not None:
            self._supervisor.cancel()
            with suppress(asyncio.CancelledError):
                await self._supervisor
        await self._stop()

    async def _start(self) -> None:
        command = [sys.executable, "-m", "bot.engine", "--port", str(self._port), *self._arguments]
        try:
            # In a session of its own: a Ctrl-C at the terminal is for the bot, which lets live calls end first.
            self._process = await asyncio.create_subprocess_exec(
                *command, stdin=PIPE, stdout=PIPE, start_new_session=True
            )
        except OSError as problem:
            raise EngineError(f"The embedded engine cannot be started: {problem}") from problem
        try:
            async with asyncio.timeout(self._start_seconds):
                self._endpoint, self._port = await _address(self._process)
        except TimeoutError:
            await self._stop()
            raise EngineError(f"The embedded engine did not start within {self._start_seconds:g} s.") from None
        except BaseException:
            await self._stop()
            raise
        self.starts += 1

    async def _supervise(self) -> None:
        """Start the engine again whenever it ends."""
        clock = self._clock or asyncio.get_running_loop().time
        failures = 0
        while True:
            began = clock()
            code = await self._process.wait() if self._process is not None else None
            failures = 0 if clock() - began >= _HEALTHY_SECONDS else failures
            wait = _BACKOFF[min(failures, len(_BACKOFF) - 1)]
            _log.error("the embedded engine ended with code %s; starting it again in %g s", code, wait)
            failures += 1
            await self._sleep(wait)
            try:
                await self._start()
            except EngineError as problem:
                _log.error("%s", problem)
            else:
                _log.info("the embedded engine is back")

    async def _stop(self) -> None:
        """End the engine: ask by closing its input, then by signal, then by force."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        for insist in (None, process.terminate, process.kill):
            if process.returncode is None and insist is not None:
                with suppress(ProcessLookupError):
                    insist()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._stop_seconds):
                    await process.wait()
                    return


async def _address(process: Process) -> tuple[str, int]:
    """The address that the engine prints once it takes connections."""
    line = await process.stdout.readline() if process.stdout is not None else b""
    try:
        announced = json.loads(line)
        return str(announced["endpoint"]), int(announced["port"])
    except (ValueError, KeyError, TypeError):
        raise EngineError("The embedded engine ended before it took connections.") from None
