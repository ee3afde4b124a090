"""One WebSocket to the server, with as little between the frame and the wire as a Python program can have.

The `websockets` library speaks the protocol, without its tasks and queues: a message is masked and written at once,
and what comes is handed on in the same turn of the loop. At fifty messages a second and call, that is what lets one
core hold hundreds of calls.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Mapping
from typing import cast
from urllib.parse import urlsplit

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidHandshake, InvalidURI
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.uri import parse_uri

from bot.errors import SimulatorError

HANDSHAKE_SECONDS = 10.0
_GOODBYE_SECONDS = 2.0
_LARGEST_MESSAGE = 64 << 20
_MOST_UNSENT = 256 * 1024  # bytes that the server has not taken; at 18 KB a second of talk, 14 seconds of it

# The library would write down what goes over the wire.
_silent = logging.Logger("bot.load.stream_socket", logging.CRITICAL + 1)


class StreamSocket(asyncio.Protocol):
    """One socket. heard: is told every text message, and when it came; binary: of one that is not text.

    closed: done once the connection has gone.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        clock: Callable[[], float],
        heard: Callable[[str, float], None],
        binary: Callable[[], None],
    ) -> None:
        loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[None] = loop.create_future()
        self._opened: asyncio.Future[None] = loop.create_future()
        try:
            self._protocol = ClientProtocol(parse_uri(url), max_size=_LARGEST_MESSAGE, logger=_silent)
        except (InvalidURI, ValueError):
            raise SimulatorError(f"{url} should be an address such as ws://127.0.0.1:8000/media") from None
        self._url = url
        self._headers = headers
        self._clock = clock
        self._heard = heard
        self._binary = binary
        self._parts: list[bytes] = []
        self._transport: asyncio.Transport | None = None

    async def open(self) -> None:
        """Connect. Raises SimulatorError with what Twilio would report of it."""
        parts = urlsplit(self._url)
        secure = parts.scheme == "wss"
        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                await asyncio.get_running_loop().create_connection(
                    lambda: self,
                    parts.hostname or "",
                    parts.port or (443 if secure else 80),
                    ssl=ssl.create_default_context() if secure else None,
                )
                await self._opened
        except TimeoutError:
            self.abort()
            raise SimulatorError("31901: the stream's socket did not open in time") from None
        except ssl.SSLError:
            raise SimulatorError("31910: the stream's certificate is not valid") from None
        except InvalidHandshake:
            self.abort()
            raise SimulatorError("31920: the stream's handshake was refused") from None
        except OSError:
            raise SimulatorError("31902: nobody answers at the stream's address") from None

    @property
    def usable(self) -> bool:
        """Whether something can be sent."""
        return self._protocol.state is State.OPEN and not self.closed.done()

    @property
    def stuck(self) -> bool:
        """Whether the server has long not taken what was sent."""
        return self._transport is not None and self._transport.get_write_buffer_size() > _MOST_UNSENT

    @property
    def close_code(self) -> int | None:
        """How the socket was closed, once it is."""
        return self._protocol.close_code

    def send(self, message: bytes) -> None:
        """Send a text message now. Does nothing on a socket that is closing."""
        if self.usable:
            self._protocol.send_text(message)
            self._write()

    async def close(self) -> None:
        """Say goodbye, and wait for the answer a moment."""
        if self.usable:
            self._protocol.send_close(1000)
            self._write()
        if self._transport is not None:
            await asyncio.wait({self.closed}, timeout=_GOODBYE_SECONDS)
        self.abort()

    def abort(self) -> None:
        """Let the connection go as it is."""
        if self._transport is not None:
            self._transport.abort()

    # --- Called by the event loop ----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass of it
        request = self._protocol.connect()
        for name, value in self._headers.items():
            request.headers[name] = value
        self._protocol.send_request(request)
        self._write()

    def data_received(self, data: bytes) -> None:
        """Take what has come, whole messages or parts of them."""
        now = self._clock()
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                self._take(event, now)
            elif isinstance(event, Response):
                self._shake_hands()
        self._write()

    def eof_received(self) -> None:
        """The server sends nothing more."""
        self._protocol.receive_eof()
        self._write()

    def connection_lost(self, exc: Exception | None) -> None:
        """The end."""
        self._protocol.receive_eof()  # it knows how it was closed only then
        if not self._opened.done():
            self._opened.set_exception(InvalidHandshake())
            self._opened.exception()  # somebody may have given up waiting
        if not self.closed.done():
            self.closed.set_result(None)

    def _shake_hands(self) -> None:
        if self._opened.done():
            return
        if self._protocol.handshake_exc is None:
            self._opened.set_result(None)
        else:
            self._opened.set_exception(InvalidHandshake())

    def _take(self, frame: Frame, now: float) -> None:
        match frame.opcode:
            case Opcode.TEXT if frame.fin:
                self._heard(bytes(frame.data).decode("utf-8", "replace"), now)
            case Opcode.BINARY:
                self._binary()
            case Opcode.TEXT:
                self._parts = [bytes(frame.data)]
            case Opcode.CONT if self._parts:
                self._parts.append(bytes(frame.data))
                if frame.fin:
                    text, self._parts = b"".join(self._parts), []
                    self._heard(text.decode("utf-8", "replace"), now)
            case _:
                pass  # pings are answered by the library

    def _write(self) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        for data in self._protocol.data_to_send():
            if data:
                transport.write(data)
            elif transport.can_write_eof():
                transport.write_eof()
