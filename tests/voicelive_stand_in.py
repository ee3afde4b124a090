"""A stand-in for the Voice Live service on a real loopback socket. Each test scripts what it does, or fails to do."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Self

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

type Event = dict[str, Any]
type Script = Callable[[Line], Awaitable[None]]

CREATED: Event = {"type": "session.created", "session": {"id": "sess_1", "model": "gpt-4.1-mini"}}
UPDATED: Event = {"type": "session.updated", "session": {"id": "sess_1", "model": "gpt-4.1-mini"}}


class Line:
    """One client's connection, as the script sees it."""

    def __init__(self, connection: ServerConnection, heard: list[Event]) -> None:
        self._connection = connection
        self._heard = heard

    async def say(self, *messages: Event | str | bytes) -> None:
        for message in messages:
            await self._connection.send(json.dumps(message) if isinstance(message, dict) else message)

    async def hear(self) -> Event:
        event = json.loads(await self._connection.recv())
        assert isinstance(event, dict), "a client event is an object"
        self._heard.append(event)
        return event

    async def accept(self) -> None:
        """The opening of a session that goes well."""
        await self.say(CREATED)
        await self.hear()
        await self.say(UPDATED)

    async def listen(self) -> None:
        """Hear everything until the client goes."""
        while True:
            await self.hear()

    async def hang_up(self, code: int, reason: str = "") -> None:
        await self._connection.close(code, reason)

    def drop(self) -> None:
        """Break the connection without a closing handshake."""
        self._connection.transport.abort()

    def stop_reading(self) -> None:
        """Take no more of what the client sends, as a process that was suspended."""
        self._connection.transport.pause_reading()


async def obliging(line: Line) -> None:
    """Open the session and listen."""
    await line.accept()
    await line.listen()


async def silent(line: Line) -> None:
    """Never even say `session.created`."""
    await line.listen()


@dataclass
class StandIn:
    """The running stand-in. heard: every client event of every connection, in order."""

    script: Script = obliging
    status: HTTPStatus | None = None  # answer the upgrade with this
    hangs_in_upgrade: bool = False
    tls: ssl.SSLContext | None = None  # of a certificate for localhost
    endpoint: str = ""
    heard: list[Event] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    connected: int = 0  # clients on the line now
    closed_with: list[int] = field(default_factory=list)  # code of each connection that has ended
    _server: Server | None = None
    _over: asyncio.Event = field(default_factory=asyncio.Event)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def __aenter__(self) -> Self:
        self._server = await serve(
            self._serve,
            "127.0.0.1",
            0,
            process_request=self._upgrade,
            close_timeout=0.2,
            compression=None,
            ssl=self.tls,
        )
        address = "http://127.0.0.1" if self.tls is None else "https://localhost"
        self.endpoint = f"{address}:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._over.set()
        self._server.close()
        await self._server.wait_closed()

    async def _upgrade(self, connection: ServerConnection, request: Request) -> Response | None:
        self.requests.append(request)
        self._changed.set()
        if self.hangs_in_upgrade:
            await self._over.wait()
        return None if self.status is None else connection.respond(self.status, "no\n")

    async def _serve(self, connection: ServerConnection) -> None:
        self.connected += 1
        self._changed.set()
        playing = asyncio.ensure_future(self.script(Line(connection, self.heard)))
        gone = asyncio.ensure_future(connection.wait_closed())
        try:
            await asyncio.wait({playing, gone}, return_when=asyncio.FIRST_COMPLETED)
            if playing.done():
                await gone_or_over(gone, self._over)
        finally:
            for task in (playing, gone):
                task.cancel()
            outcome, _ = await asyncio.gather(playing, gone, return_exceptions=True)
            self.connected -= 1
            self.closed_with.append(connection.close_code or 0)
            self._changed.set()
        if isinstance(outcome, Exception) and not isinstance(outcome, ConnectionClosed):
            raise outcome

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something about this stand-in is so."""
        async with asyncio.timeout(5):
            while not condition():
                self._changed.clear()
                try:
                    async with asyncio.timeout(0.01):
                        await self._changed.wait()
                except TimeoutError:
                    continue

    def kinds(self) -> list[str]:
        return [event["type"] for event in self.heard]


async def gone_or_over(gone: asyncio.Future[None], over: asyncio.Event) -> None:
    """Keep the line after the script's end, until the client or the test goes."""
    ending = asyncio.ensure_future(over.wait())
    either: set[asyncio.Future[Any]] = {gone, ending}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    ending.cancel()


@asynccontextmanager
async def deaf_host() -> AsyncIterator[str]:
    """An address whose kernel takes the connection, and nobody answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
