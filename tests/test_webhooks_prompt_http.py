"""What the web server keeps of connections that are gone."""

import asyncio
import gc
import socket
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from quart import Quart, websocket

from webhooks.serve import server


@asynccontextmanager
async def _served() -> AsyncIterator[tuple[str, Callable[[], Awaitable[None]]]]:
    """An address, and a wait until the server has forgotten every HTTP connection it had."""
    app = Quart(__name__, static_folder=None)

    @app.get("/")
    async def index() -> str:
        return "here"

    @app.websocket("/media")
    async def media() -> None:
        await websocket.receive()

    web = server(app)
    known: weakref.WeakSet[object] = weakref.WeakSet()
    made = 0
    prompt: Any = web.config.http

    class Remembered(prompt):  # type: ignore[misc]  # a class that is found while running
        def connection_made(self, transport: asyncio.Transport) -> None:
            nonlocal made
            made += 1
            known.add(self)
            super().connection_made(transport)

    async def forgotten() -> None:
        assert made
        for _ in range(40):
            gc.collect()
            if not known:
                return
            await asyncio.sleep(0.05)
        raise AssertionError("a connection is kept")

    web.config.http = Remembered
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(web.serve(sockets=[listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", forgotten
        finally:
            web.should_exit = True
            await serving


async def test_nothing_is_kept_of_a_connection_that_was_closed_after_its_answer() -> None:
    async with _served() as (url, forgotten):
        async with aiohttp.ClientSession() as http, http.get(url) as response:
            assert await response.text() == "here"
        await forgotten()


async def test_nothing_is_kept_of_a_connection_that_never_asked_for_anything() -> None:
    async with _served() as (url, forgotten):
        host, _, port = url.removeprefix("http://").partition(":")
        _, writer = await asyncio.open_connection(host, int(port))
        async with aiohttp.ClientSession() as http, http.get(url) as response:
            assert response.status == 200  # so the first has been taken by now
        writer.close()
        await writer.wait_closed()
        await forgotten()


async def test_nothing_is_kept_of_the_request_that_opened_a_websocket_while_it_is_open() -> None:
    async with (
        _served() as (url, forgotten),
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{url}/media") as open_socket,
    ):
        await forgotten()
        await open_socket.send_str("enough")
