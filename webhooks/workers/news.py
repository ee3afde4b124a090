"""What supervisor and workers tell each other: short messages, each after its length, over a pair of sockets."""

from __future__ import annotations

import asyncio
import logging
import socket
from dataclasses import dataclass

import msgspec

from webhooks.workers.figures import Family

log = logging.getLogger(__name__)

LARGEST = 4 * 1024 * 1024  # bytes of a message: the rows of some thousand calls
MOST_UNSENT = 8 * 1024 * 1024  # bytes that wait for a reader who is behind
_LENGTH = 4  # bytes


class News(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """Something that one side tells the other."""


# --- from a worker


class Ready(News, frozen=True, tag=True, array_like=True):
    """The worker takes connections."""


class Refused(News, frozen=True, tag=True, array_like=True):
    """The worker cannot begin: settings are wrong. problems: one sentence each."""

    problems: list[str]


class Leaving(News, frozen=True, tag=True, array_like=True):
    """The worker is about to end: it answers what it was given, and is to be given no more."""


class Standing(News, frozen=True, tag=True, array_like=True):
    """How the worker stands. live: calls; takes: whether it would take one; began: a call it has just taken on."""

    live: int
    takes: bool
    began: str = ""


class Figures(News, frozen=True, tag=True, array_like=True):
    """What the worker has counted so far, as `list[Family]`."""

    families: msgspec.Raw


class AskFigures(News, frozen=True, tag=True, array_like=True):
    """What has everybody else counted? question: comes back with the answer."""

    question: int


# --- both ways


class Rows(News, frozen=True, tag=True, array_like=True):
    """Rows of a worker's board that have changed. whole: those are all there are.

    worker: by its number; call_ids: of these rows; rows: `list[Row]`, which only worker 0 reads.
    """

    worker: int
    whole: bool
    call_ids: list[str]
    rows: msgspec.Raw


class Ended(News, frozen=True, tag=True, array_like=True):
    """The network has told one worker of the end of a call that another one has."""

    call_id: str


# --- from the supervisor


class Drain(News, frozen=True, tag=True, array_like=True):
    """No more calls; end when the last one has."""


class Repeat(News, frozen=True, tag=True, array_like=True):
    """Tell every row again: who knew them is gone."""


class House(News, frozen=True, tag=True, array_like=True):
    """How all workers stand together. takes: whether any of them would take a call."""

    takes: bool


class HouseFigures(News, frozen=True, tag=True, array_like=True):
    """What everybody else has counted."""

    question: int
    families: list[Family]


type FromWorker = Ready | Refused | Leaving | Standing | Figures | AskFigures | Rows | Ended
type FromSupervisor = Drain | Repeat | House | HouseFigures | Rows | Ended

_ENCODER = msgspec.msgpack.Encoder()


@dataclass(frozen=True, slots=True)
class Pair:
    """The sockets between the supervisor and one worker. news: messages, both ways; door: connections, one way."""

    news: socket.socket
    door: socket.socket

    @classmethod
    def both(cls) -> tuple[Pair, Pair]:
        """Our end and theirs."""
        news, door = socket.socketpair(), socket.socketpair()
        for end in (*news, *door):
            end.setblocking(False)
        return cls(news[0], door[0]), cls(news[1], door[1])

    def close(self) -> None:
        """Let go of both."""
        self.news.close()
        self.door.close()


class Channel[Taken]:
    """One end of the line. taken: the union of messages that come; none is answered here."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, taken: object) -> None:
        self._reader = reader
        self._writer = writer
        self._decoder: msgspec.msgpack.Decoder[Taken] = msgspec.msgpack.Decoder(taken)

    @classmethod
    async def open(cls, end: socket.socket, taken: object) -> Channel[Taken]:
        """Take over a socket of a pair."""
        reader, writer = await asyncio.open_unix_connection(sock=end)
        return cls(reader, writer, taken)

    def send(self, message: News) -> bool:
        """Send, or let it be where the other side is gone or does not listen; False then."""
        content = _ENCODER.encode(message)
        transport = self._writer.transport
        if transport.is_closing() or len(content) > LARGEST or transport.get_write_buffer_size() > MOST_UNSENT:
            return False
        self._writer.write(len(content).to_bytes(_LENGTH) + content)
        return True

    async def receive(self) -> Taken | None:
        """The next message; None: the other side has gone, or makes no sense any more."""
        try:
            length = int.from_bytes(await self._reader.readexactly(_LENGTH))
            if length <= LARGEST:
                return self._decoder.decode(await self._reader.readexactly(length))
            log.error("a message of %d bytes between supervisor and worker", length)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the usual end
        except msgspec.DecodeError as error:
            log.error("a message between supervisor and worker makes no sense: %s", error)
        return None

    async def close(self) -> None:
        """Hang up, once what was said is on its way."""
        self._writer.close()
        try:
            async with asyncio.timeout(1):
                await self._writer.wait_closed()
        except (ConnectionError, TimeoutError):
            self._writer.transport.abort()
