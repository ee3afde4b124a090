from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from webhooks.workers.porch import Porch
from webhooks.workers.routing import LONGEST_HEAD, NewCall, OfHouse, OfWorker, Route

REQUEST = b"GET /w/2/voice/after HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


class Listener(socket.socket):
    """A listening socket. poor: next time, its process has no descriptor left."""

    def __init__(self) -> None:
        super().__init__(fileno=socket.create_server(("127.0.0.1", 0)).detach())
        self.poor = False

    def accept(self) -> tuple[socket.socket, object]:
        if self.poor:
            self.poor = False
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return super().accept()


class Door:
    """A porch, and what it has handed on."""

    def __init__(self, listener: Listener, *, within: float, most: int) -> None:
        self.listener = listener
        self.handed: list[tuple[socket.socket, Route]] = []
        self.dropped: list[str] = []
        self.porch = Porch(
            listener,
            lambda connection, route: self.handed.append((connection, route)),
            within=within,
            most=most,
            dropped=self.dropped.append,
        )
        self.guests: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def guest(self, *says: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(*self.listener.getsockname())
        self.guests.append((reader, writer))
        for words in says:
            writer.write(words)
            await writer.drain()
            await asyncio.sleep(0.02)
        return reader, writer

    async def until(self, handed: int = 0, dropped: int = 0, waiting: int = 0) -> None:
        async with asyncio.timeout(10):
            while (len(self.handed), len(self.dropped), self.porch.waiting) != (handed, dropped, waiting):  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.01)


@asynccontextmanager
async def a_porch(*, within: float = 10.0, most: int = 100) -> AsyncIterator[Door]:
    with Listener() as listener:
        door = Door(listener, within=within, most=most)
        door.porch.open()
        try:
            yield door
        finally:
            door.porch.close()
            for connection, _ in door.handed:
                connection.close()
            for _, writer in door.guests:
                writer.close()
                await asyncio.gather(writer.wait_closed(), return_exceptions=True)


async def test_a_connection_is_handed_on_with_all_that_it_said_unread() -> None:
    async with a_porch() as door:
        await door.guest(REQUEST)
        await door.until(handed=1)
        connection, route = door.handed[0]
        assert route == OfWorker(2)
        assert connection.recv(1000) == REQUEST
        assert connection.getpeername() == door.guests[0][1].get_extra_info("sockname")
        assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT) == 1


async def test_a_line_in_pieces_is_waited_for() -> None:
    async with a_porch() as door:
        await door.guest(*(bytes([byte]) for byte in REQUEST[:20]))
        _, writer = await door.guest(b"POST /voice HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n")
        await door.until(waiting=2)
        writer.write(b"\r\n")
        door.guests[0][1].write(REQUEST[20:])
        await door.until(handed=2)
        assert {type(route) for _, route in door.handed} == {NewCall, OfWorker}
        connection = next(connection for connection, route in door.handed if isinstance(route, OfWorker))
        assert connection.recv(1000) == REQUEST
        assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT) == 1


async def test_waiting_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0
    look = Porch._look

    def counted(porch: Porch, connection: socket.socket) -> None:
        nonlocal looks
        looks += 1
        look(porch, connection)

    monkeypatch.setattr(Porch, "_look", counted)
    async with a_porch() as door:
        await door.guest(b"POST /voi")
        await door.until(waiting=1)
        await asyncio.sleep(0.3)
        assert looks <= 2, "what was seen does not wake it again"


async def test_who_says_half_a_line_or_nothing_is_let_go_in_time() -> None:
    async with a_porch(within=0.2) as door:
        await door.guest(b"POST /voi")
        await door.guest()
        await door.guest(REQUEST)
        await door.until(handed=1, dropped=2)
        assert door.dropped == ["silent", "silent"]
        assert await door.guests[1][0].read() == b""


async def test_who_leaves_is_let_go() -> None:
    async with a_porch() as door:
        for says in (b"", b"POST /voi"):
            _, writer = await door.guest(says)
            writer.close()
        _, half = await door.guest(b"POST /voi")
        half.write_eof()
        await door.until(dropped=3)
        assert set(door.dropped) == {"gone"}


async def test_who_says_very_much_is_handed_on() -> None:
    async with a_porch() as door:
        await door.guest(b"GET /" + b"x" * 2 * LONGEST_HEAD)
        await door.until(handed=1)
        assert door.handed[0][1] == OfHouse()


async def test_where_there_is_no_room_who_waits_longest_goes() -> None:
    async with a_porch(most=3) as door:
        for _ in range(5):
            await door.guest(b"POST /voi")
        await door.guest(REQUEST)
        await door.until(handed=1, dropped=3, waiting=2)
        assert set(door.dropped) == {"crowded"}


async def test_scarce_descriptors_stop_it_for_a_moment_only() -> None:
    async with a_porch() as door:
        await door.guest(b"POST /voi")
        await door.until(waiting=1)
        door.listener.poor = True
        await door.guest(REQUEST)
        await door.until(handed=1, dropped=1)
        assert door.dropped == ["scarce"]


async def test_who_still_waits_at_the_end_is_let_go() -> None:
    async with a_porch() as door:
        await door.guest(b"POST /voi")
        await door.until(waiting=1)
        door.porch.close()
        assert door.dropped == ["closing"]
        door.porch.open()
