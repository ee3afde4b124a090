"""A wire between a browser and a server that a test can stall, cut and pull out: TCP, whatever is spoken on it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_PIECE = 65_536


class Wire:
    """One end listens on loopback, the other connects to `target`, a port on loopback."""

    def __init__(self, target: int) -> None:
        self.port = 0
        self.connections = 0
        """How many were made so far."""
        self._target = target
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._relays: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def plug_in(self) -> None:
        """Take connections, on the same port as before."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def pull_out(self) -> None:
        """Take no more connections, and cut those that there are."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.cut()
        await asyncio.gather(*self._relays, return_exceptions=True)

    def cut(self) -> None:
        """Break every connection, on both sides. New ones are taken."""
        for writer in self._writers:
            writer.transport.abort()

    def stall(self) -> None:
        """Carry nothing more until `flow`."""
        self._flowing.clear()

    def flow(self) -> None:
        """Carry what has been held back, and what comes."""
        self._flowing.set()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._relays.add(task)
            task.add_done_callback(self._relays.discard)
        self.connections += 1
        self._writers.add(writer)
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            self._writers.discard(writer)
            return
        self._writers.add(far_writer)
        try:
            await asyncio.gather(self._relay(reader, far_writer), self._relay(far_reader, writer))
        finally:
            for end in (writer, far_writer):
                self._writers.discard(end)
                end.close()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_PIECE):
                await self._flowing.wait()
                writer.write(data)
                await writer.drain()
            writer.write_eof()
            return
        writer.transport.abort()


@asynccontextmanager
async def wire_to(url: str) -> AsyncIterator[tuple[str, Wire]]:
    """A wire to the server at `url`, and the address at which it is found through the wire."""
    scheme, _, rest = url.partition("://")
    host, _, port = rest.rstrip("/").rpartition(":")
    wire = Wire(int(port))
    await wire.plug_in()
    try:
        yield f"{scheme}://{host}:{wire.port}", wire
    finally:
        wire.flow()
        await wire.pull_out()
