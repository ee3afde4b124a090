"""One worker's process and the lines to it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from typing import ClassVar

from bot.settings import Settings, environment
from webhooks.workers import news
from webhooks.workers.news import Channel, Pair

log = logging.getLogger(__name__)

_END_WITHIN = 5.0  # seconds for a process that has said its last word


class WorkerProcess:
    """A process that runs, or has just ended. line: what is told to it and heard from it."""

    START_WITHIN: ClassVar[float] = 60.0  # seconds, of a machine with other things to do

    def __init__(self, number: int, process: Process, line: Channel[news.FromWorker], door: socket.socket) -> None:
        self.number = number
        self.line = line
        self._process = process
        self._door = door

    @classmethod
    async def start(cls, number: int, settings: Settings, endpoint: str) -> WorkerProcess:
        """Start it: a new interpreter, never a copy of this one, which may hold locks and threads.

        It sees the settings as they were when the supervisor began, whatever has become of `.env`.
        """
        ours, theirs = Pair.both()
        ends = theirs.news.fileno(), theirs.door.fileno()
        arguments = [str(number), str(settings.workers), *map(str, ends), *([endpoint] if endpoint else [])]
        chosen = {"HOST": settings.host, "PORT": str(settings.port)}
        try:
            # In a session of its own: a Ctrl-C at the terminal is for the supervisor.
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "webhooks.workers", *arguments,
                stdin=DEVNULL, pass_fds=ends, start_new_session=True, env=environment() | chosen,
            )  # fmt: skip
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        line: Channel[news.FromWorker] = await Channel.open(ours.news, news.FromWorker)
        return cls(number, process, line, ours.door)

    def hand(self, connection: socket.socket) -> bool:
        """Pass a connection on; False where the worker is gone, or so far behind that its door is full."""
        try:
            socket.send_fds(self._door, [b"\0"], [connection.fileno()])
        except OSError as error:
            log.warning("worker %d takes no connection: %s", self.number, error.strerror)
            return False
        return True

    def kill(self) -> None:
        """End it now."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def end(self) -> int | None:
        """It has hung up, or is to: wait for the end of the process, or bring it about. Returns its exit code."""
        self._door.close()
        await self.line.close()
        try:
            async with asyncio.timeout(_END_WITHIN):
                return await self._process.wait()
        except BaseException as error:  # a time limit, or whoever waits is cancelled: nothing may be left behind
            self.kill()
            if not isinstance(error, TimeoutError):
                raise
        return await self._process.wait()
