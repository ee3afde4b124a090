"""uvicorn's two protocols, made fit for calls: HTTP for the prompt, WebSockets with a short way for short texts."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import h11
from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import OPEN

from bot.framing import Frames, text_frame

LARGEST_MESSAGE = 64 * 1024  # bytes, of one WebSocket message; Twilio's are under 1 KiB

_MOST_UNREAD = 16  # messages
_GOODBYE_WITHIN = 5.0  # seconds for a peer to take what was said before our goodbye
_REQUEST_WITHIN = 10.0  # seconds from a connection, or from an answer, to the next complete request


class Inbox(asyncio.Queue[ASGIReceiveEvent]):
    """A queue with one reader, which is all that a connection has; it costs a third of asyncio's."""

    def __init__(self) -> None:
        super().__init__()
        self._events: deque[ASGIReceiveEvent] = deque()
        self._news: asyncio.Future[None] | None = None

    def qsize(self) -> int:
        """How many events wait."""
        return len(self._events)

    def empty(self) -> bool:
        """Whether none waits."""
        return not self._events

    def put_nowait(self, item: ASGIReceiveEvent) -> None:
        """Add an event."""
        self._events.append(item)
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    async def get(self) -> ASGIReceiveEvent:
        """Wait for the next event."""
        while not self._events:
            self._news = asyncio.get_running_loop().create_future()
            await self._news
        return self._events.popleft()


class SteadyWebSocket(WebSocketsSansIOProtocol):
    """uvicorn's WebSockets, quicker for the short texts of which a media stream is made.

    Those pass by its parser, both ways. And uvicorn stops reading the socket at every message until the application
    has taken it, which costs two system calls; here it stops when some wait.
    """

    def __init__(self, *args: Any, **more: Any) -> None:  # noqa: ANN401 - whatever uvicorn gives its protocols
        super().__init__(*args, **more)
        self.queue: Inbox = Inbox()
        self._frames = Frames(LARGEST_MESSAGE)
        self._asked = False

    def data_received(self, data: bytes) -> None:
        """Take what came from the peer."""
        if not self.handshake_complete:
            if self._asked:  # it speaks before it was answered: there is no telling where its frames begin
                self._frames.hand_on()
            self._asked = True
            super().data_received(data)
            return
        for piece in self._frames.feed(data):
            if isinstance(piece, bytes):
                super().data_received(piece)
                if self.transport.is_closing():  # what follows is nothing to anybody
                    return
            elif not self.close_sent:
                self.queue.put_nowait({"type": "websocket.receive", "text": piece})
                self._pause_reading_if_behind()

    def send_receive_event_to_app(self) -> None:
        """Hand on a message that came in several frames, or in bytes."""
        paused, self.read_paused = self.read_paused, True  # so that it is not paused there
        super().send_receive_event_to_app()
        self.read_paused = paused
        self._pause_reading_if_behind()

    def handle_ping(self) -> None:
        """Answer, but not a peer who takes nothing: the answers would pile up in memory."""
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()

    def _pause_reading_if_behind(self) -> None:
        # Once we have said goodbye nobody takes what waits, and the answer is still to come.
        if not self.read_paused and self.queue.qsize() >= _MOST_UNREAD and not self.close_sent:
            self.read_paused = True
            self.transport.pause_reading()

    async def send(self, message: ASGISendEvent) -> None:
        """Send what the application says."""
        if (
            message["type"] == "websocket.send"
            and (text := message.get("text")) is not None
            and self.conn.state is OPEN
            and self.handshake_complete
            and not (self.close_sent or self.disconnected)
            and self.writable.is_set()
        ):
            self.transport.write(text_frame(text))
        else:
            if message["type"] == "websocket.close":
                await self._have_room_or_drop()
            await super().send(message)

    async def _have_room_or_drop(self) -> None:
        """Drop a peer who takes nothing: the goodbye would wait as long as it likes, and hold all of the call."""
        try:
            async with asyncio.timeout(_GOODBYE_WITHIN):
                await self.writable.wait()
        except TimeoutError:
            self.transport.abort()


class PromptHttp(H11Protocol):
    """uvicorn's HTTP, for peers who say what they want: a connection without a request is closed."""

    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Begin to wait."""
        super().connection_made(transport)
        self._wait_for_another(None)

    def on_response_complete(self) -> None:
        """Wait again: uvicorn's own timer stops at the first byte that comes, whatever comes after it."""
        answered = self.cycle
        super().on_response_complete()
        self._wait_for_another(answered)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more: a timer would keep what was asked in memory."""
        super().connection_lost(exc)
        self._wait_no_more()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Wait no more: what comes from here on is not HTTP."""
        super().handle_websocket_upgrade(event)
        self._wait_no_more()

    def _wait_for_another(self, last: RequestResponseCycle | None) -> None:
        self._wait_no_more()
        if not self.transport.is_closing():
            self._patience = self.loop.call_later(_REQUEST_WITHIN, self._close_if_idle, last)

    def _wait_no_more(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _close_if_idle(self, last: RequestResponseCycle | None) -> None:
        asked = self.cycle is not last  # each request has a cycle of its own
        if not asked and self.transport.get_protocol() is self:
            self.transport.close()
