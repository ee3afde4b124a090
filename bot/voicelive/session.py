"""One open Voice Live session: events out, commands in, each send bounded in time, and an end that is never missed.

The SDK carries the messages. Its own iterator is not used: it takes a connection that breaks for one that has ended.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping

from azure.ai.voicelive.aio import ConnectionClosed, VoiceLiveConnection
from azure.core.exceptions import AzureError

from bot.call.commands import SessionCommand
from bot.call.events import SessionEvent, SessionFailed, SessionReady
from bot.errors import SessionLost
from bot.framing import masked_text_frame
from bot.voicelive.messages import Rubbish, ServerEvent, shortened
from bot.voicelive.wire import Reader, append_message, command_event, shown

SEND_SECONDS = 5.0  # longest time for one message to be taken
CLOSE_SECONDS = 0.5  # longest wait for the service to answer our goodbye
_MASKS_AT_ONCE = 200  # bytes: a second of frames
_MOST_UNSENT = 65_536  # bytes, about a second of frames: what asyncio has for TCP; for TLS it has eight times that
RUBBISH_LIMIT = 20  # unreadable messages in a row that end a session

_logger = logging.getLogger(__name__)


def _socket_of(connection: VoiceLiveConnection) -> asyncio.WriteTransport | None:
    """What lies beneath a connection. Neither the SDK nor aiohttp has a public way to it.

    None if another version keeps it elsewhere: then audio goes by the SDK, and a socket may stay until the service
    lets go of it.
    """
    try:
        beneath = connection._connection._response.connection  # noqa: SLF001 - see above
    except AttributeError:
        return None
    return None if beneath is None else beneath.transport


class Session:
    """One conversation with the service. `receive` and `execute` may run at the same time; one task calls each."""

    ready: SessionReady
    rubbish: int  # unreadable messages so far

    def __init__(self, connection: VoiceLiveConnection, call_id: str, *, verbose: bool) -> None:
        self.ready = SessionReady()
        self.rubbish = 0
        self._connection = connection
        self._socket = _socket_of(connection)
        if self._socket is not None:
            self._socket.set_write_buffer_limits(_MOST_UNSENT)
        self._call_id = call_id
        self._verbose = verbose
        self._reader = Reader(call_id)
        self._masks = b""
        self._rubbish_in_a_row = 0
        self._over = ""  # why nothing more will come
        self._closing: asyncio.Task[None] | None = None

    async def receive(self) -> SessionEvent:
        """Wait for what happens next.

        When the connection ends without `close`, the last event is SessionFailed. Raises SessionLost if asked
        for more after that, or after `close`.
        """
        while not self._over:
            try:
                message = await self._next_message()
            except SessionLost as error:
                if self._closing is not None:
                    raise
                return SessionFailed(str(error))
            try:
                event = self._reader.event(message)
            except Rubbish as error:
                self._count_rubbish(error)
                continue
            self._rubbish_in_a_row = 0
            if event is not None:
                return event
        raise SessionLost(self._over)

    async def next_event(self) -> ServerEvent | None:
        """The next message as the service meant it, before the session is open. Raises SessionLost."""
        while True:
            message = await self._next_message()
            try:
                event = self._reader.decode(message)
            except Rubbish as error:
                self._count_rubbish(error)
                continue
            self._rubbish_in_a_row = 0
            return event

    def hear(self, pcm: bytes) -> bool:
        """Send a stretch of the caller, at once; False where it would have to wait, and so needs `execute`.

        pcm: 16-bit little-endian mono at 24 kHz. This is done fifty times a second, so it goes past the SDK and
        aiohttp to the socket beneath them, as one frame in one write. Where nothing waits to be sent, a frame cannot
        be held up, and needs no time limit.
        """
        socket = self._socket
        if socket is None or socket.is_closing() or socket.get_write_buffer_size() or self._over or self._verbose:
            return False
        if not self._masks:
            self._masks = os.urandom(_MASKS_AT_ONCE)  # a system call, so not for every frame
        mask, self._masks = self._masks[:4], self._masks[4:]
        socket.write(masked_text_frame(append_message(pcm), mask))
        return True

    async def execute(self, command: SessionCommand) -> None:
        """Carry out a command of the call, in at most 5 s. OpenSession and CloseSession are not taken: TypeError.

        Raises SessionLost.
        """
        await self.send(command_event(command))

    async def send(self, event: Mapping[str, object]) -> None:
        """Send one client event, in at most 5 s. Raises SessionLost."""
        if self._verbose:
            _logger.info("call=%s sent %s", self._call_id, shown(event))
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._connection.send(event)
        except TimeoutError:
            raise SessionLost(f"took no data for {SEND_SECONDS:g} s") from None
        except (AzureError, OSError) as error:
            raise SessionLost(shortened(str(error))) from None

    async def close(self, *, patience: float = CLOSE_SECONDS) -> None:
        """End the session. Never raises, and is done even if cancelled; closing twice is harmless.

        patience: seconds that the service has to answer our goodbye.
        """
        if self._closing is None:
            self._over = self._over or "closed"
            self._closing = asyncio.create_task(self._close(patience))
        # Not half a close: who is cancelled while closing waits these few moments all the same.
        cancelled: asyncio.CancelledError | None = None
        while not self._closing.done():
            try:
                await asyncio.wait({self._closing})
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is not None:
            raise cancelled

    async def _close(self, patience: float) -> None:
        try:
            try:
                async with asyncio.timeout(patience):
                    await self._connection.close()
            except TimeoutError:
                # Cut short, the SDK has not got round to its HTTP session. A second close finds the WebSocket closed
                # and goes on to that.
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self._connection.close()
        except (AzureError, OSError) as error:
            _logger.warning("call=%s closing: %s", self._call_id, shortened(str(error)) or type(error).__name__)
        finally:
            # A socket with unsent data outlives its closing until the other side reads; one that hangs never does.
            if self._socket is not None:
                self._socket.abort()

    async def _next_message(self) -> bytes:
        """The next message as it came. Raises SessionLost at the end, with what is known of why."""
        if self._rubbish_in_a_row >= RUBBISH_LIMIT:
            self._over = f"{RUBBISH_LIMIT} unreadable messages in a row"
            raise SessionLost(self._over)
        try:
            message = await self._connection.recv_bytes()
        except ConnectionClosed as error:
            # The SDK knows a reason only where there was no closing handshake.
            self._over = self._over or shortened(f"ended with code {error.code} {error.reason}")
            raise SessionLost(self._over) from None
        except (AzureError, OSError) as error:
            self._over = self._over or shortened(str(error)) or type(error).__name__
            raise SessionLost(self._over) from None
        if not message:  # the SDK's answer to a socket that is being closed
            self._over = self._over or "ended while closing"
            raise SessionLost(self._over)
        if self._verbose:
            _logger.info("call=%s received %s", self._call_id, shown(message))
        return message

    def _count_rubbish(self, error: Rubbish) -> None:
        self.rubbish += 1
        self._rubbish_in_a_row += 1
        _logger.warning("call=%s unreadable message (%d): %s", self._call_id, self.rubbish, error)
