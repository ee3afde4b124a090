"""Quart's WebSockets made fit for calls: bounded queues, and an end that comes in order.

Out of the box Quart queues without limit, fails on an empty binary message, and cancels the handler the moment the
peer is gone. Here the handler learns of the end by `receive`, and is cancelled only if it does not finish.
"""

from __future__ import annotations

import asyncio

from hypercorn.typing import ASGIReceiveCallable
from quart.asgi import ASGIWebsocketConnection
from quart.wrappers import Websocket
from quart.wrappers.base import ClientDisconnectedError
from quart.wrappers.websocket import Buffer

from bot.errors import LegClosed

MOST_WAITING = 256  # messages; five seconds of frames. Then the peer is read no further until we catch up.
LONGEST_GOODBYE = 10.0  # seconds a handler may take to finish once the peer is gone


class BoundedBuffer(Buffer):
    """Messages on their way to the handler. After the end, what is queued can still be read."""

    def __init__(self) -> None:
        super().__init__()
        self._queue = asyncio.Queue[bytes | str](MOST_WAITING)

    async def put(self, data: bytes | str) -> None:
        """Wait for room; drop the message where nobody will read it any more."""
        try:
            await self._queue.put(data)
        except asyncio.QueueShutDown:
            return


class BoundedWebsocket(Websocket):
    """A WebSocket with a bounded queue."""

    buffer_class = BoundedBuffer


class OrderlyConnection(ASGIWebsocketConnection):
    """A connection whose handler may finish what it is doing after the peer has gone."""

    async def handle_messages(
        self, websocket: Websocket, receive: ASGIReceiveCallable, websocket_task: asyncio.Task[None]
    ) -> None:
        """Pass messages on until the peer goes; then see the handler out."""
        websocket_task.add_done_callback(lambda _: websocket.buffer.disconnect())
        while True:
            event = await receive()
            if event["type"] == "websocket.receive":
                text = event.get("text")
                await websocket.buffer.put(text if text is not None else event.get("bytes") or b"")
            elif event["type"] == "websocket.disconnect":
                self._disconnected = self._closed = True
                websocket.buffer.disconnect()
                await asyncio.wait({websocket_task}, timeout=LONGEST_GOODBYE)
                websocket_task.cancel()
                return


class QuartSocket:
    """A Quart WebSocket as a leg sees it (`webhooks.stream.Socket`): text out, and one error when it is over."""

    def __init__(self, websocket: Websocket) -> None:
        self._websocket = websocket

    async def receive(self) -> str | bytes:
        """Wait for the next message. Raises LegClosed."""
        try:
            return await self._websocket.receive()
        except ClientDisconnectedError:
            raise LegClosed("the socket has closed") from None

    async def send(self, text: str) -> None:
        """Send one message. Raises LegClosed."""
        try:
            await self._websocket.send(text)
        except (ClientDisconnectedError, RuntimeError):  # uvicorn: RuntimeError after it closed the socket itself
            raise LegClosed("the socket has closed") from None

    async def close(self, code: int, reason: str) -> None:
        """Close the socket. Raises LegClosed where it is closed already."""
        try:
            await self._websocket.close(code, reason)
        except (ClientDisconnectedError, RuntimeError):
            raise LegClosed("the socket has closed") from None
