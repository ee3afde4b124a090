"""Quart's WebSockets made fit for calls: nothing between the server and the handler, and an end that comes in order.

Out of the box Quart moves every message through a task and an unbounded queue of its own, fails on an empty binary
message, gives way to all other tasks before it sends, and cancels the handler the moment the peer is gone. Here the
handler reads what the server has, at which the server's own bound holds, and learns of the end by `receive`. It is
cancelled only if it does not finish.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import cast

from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable
from quart.asgi import ASGIWebsocketConnection
from quart.wrappers import Websocket
from quart.wrappers.base import ClientDisconnectedError
from quart.wrappers.websocket import Buffer

from bot.errors import LegClosed

LONGEST_GOODBYE = 10.0  # seconds a handler may take to finish once the peer is gone


class PeerGone(ClientDisconnectedError, LegClosed):
    """The peer has gone: the same news to Quart and to a leg."""


class DirectBuffer(Buffer):
    """In the place of Quart's queue: the server's own, read by the handler itself."""

    def __init__(self) -> None:
        super().__init__()
        self.gone = asyncio.Event()
        self._begun = asyncio.Event()
        self._receive: ASGIReceiveCallable
        self._when_gone: Callable[[], None]

    def begin(self, receive: ASGIReceiveCallable, when_gone: Callable[[], None]) -> None:
        """Read from here. when_gone: called before the handler learns that the peer has gone."""
        self._receive, self._when_gone = receive, when_gone
        self._begun.set()

    async def get(self) -> bytes | str:
        """Wait for the next message. Raises PeerGone once the peer has gone, and ever after."""
        if not self._begun.is_set():
            await self._begun.wait()
        while not self.gone.is_set():
            event = await self._receive()
            if event["type"] == "websocket.receive":
                text = event.get("text")
                return text if text is not None else event.get("bytes") or b""
            if event["type"] == "websocket.disconnect":
                self._when_gone()
                self.gone.set()
        raise PeerGone("the socket has closed")


class DirectWebsocket(Websocket):
    """A WebSocket that reads and writes without delay. It has to be accepted before."""

    buffer_class = DirectBuffer
    buffer: DirectBuffer

    async def send_now(self, text: str) -> None:
        """Send before any other task has its turn."""
        await self._send(text)


class OrderlyConnection(ASGIWebsocketConnection):
    """A connection whose handler may finish what it is doing after the peer has gone."""

    async def handle_messages(
        self, websocket: Websocket, receive: ASGIReceiveCallable, websocket_task: asyncio.Task[None]
    ) -> None:
        """Let the handler read until the peer goes; then see it out."""
        buffer = cast(DirectWebsocket, websocket).buffer  # the class that the application names
        websocket_task.add_done_callback(lambda _: buffer.gone.set())
        buffer.begin(receive, self._peer_gone)
        await buffer.gone.wait()
        await asyncio.wait({websocket_task}, timeout=LONGEST_GOODBYE)
        websocket_task.cancel()

    async def handle_websocket(self, websocket: Websocket, send: ASGISendCallable) -> None:
        """Run the handler. A goodbye to a peer who has gone, which nobody had noticed, is no fault of ours."""
        with suppress(ClientDisconnectedError):
            await super().handle_websocket(websocket, send)

    def _peer_gone(self) -> None:
        self._disconnected = self._closed = True


class QuartSocket:
    """A Quart WebSocket as a leg sees it (`webhooks.stream.Socket`): text out, and one error when it is over."""

    def __init__(self, websocket: DirectWebsocket) -> None:
        self._websocket = websocket

    def receive(self) -> Coroutine[None, None, str | bytes]:
        """Wait for the next message. Raises LegClosed."""
        # Not a coroutine around another: each would be gone through anew for every frame.
        return self._websocket.buffer.get()

    async def send(self, text: str) -> None:
        """Send one message. Raises LegClosed."""
        try:
            await self._websocket.send_now(text)
        except (ClientDisconnectedError, RuntimeError):  # uvicorn: RuntimeError after it closed the socket itself
            raise LegClosed("the socket has closed") from None

    async def close(self, code: int, reason: str) -> None:
        """Close the socket. Raises LegClosed where it is closed already."""
        try:
            await self._websocket.close(code, reason)
        except (ClientDisconnectedError, RuntimeError):
            raise LegClosed("the socket has closed") from None
