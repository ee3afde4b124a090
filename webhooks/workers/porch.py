"""Connections that have not said yet what they want: accepted, looked at without being read, and handed on.

Nobody waits for anybody: a connection is looked at when something comes, for so long and no longer, and there are
only so many of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass

from webhooks.workers.routing import LONGEST_HEAD, Route, route

log = logging.getLogger(__name__)

WITHIN = 10.0  # seconds to say what is wanted
MOST = 512  # connections that have not; then the one that has waited longest goes
_AT_ONCE = 64  # accepted before anything else gets its turn
_SCARCE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_BREATH = 0.1  # seconds without accepting, where descriptors are scarce


@dataclass(slots=True)
class _Guest:
    seen: int  # bytes
    timer: asyncio.TimerHandle


class Porch:
    """Takes connections of `listener` from `open` to `close`.

    hand: is given each connection, which is its own from then on, and its route. prefix: the path of PUBLIC_URL.
    dropped: told in one word why a connection was closed here.
    """

    def __init__(
        self,
        listener: socket.socket,
        hand: Callable[[socket.socket, Route], None],
        *,
        prefix: str = "",
        within: float = WITHIN,
        most: int = MOST,
        dropped: Callable[[str], None] = lambda _why: None,
    ) -> None:
        self._listener = listener
        self._hand = hand
        self._prefix = prefix
        self._within = within
        self._most = most
        self._dropped = dropped
        self._guests: dict[socket.socket, _Guest] = {}  # who came first stands first
        self._loop = asyncio.get_running_loop()
        self._pause: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> int:
        """Connections that have not said yet what they want."""
        return len(self._guests)

    def open(self) -> None:
        """Begin to accept."""
        self._listener.setblocking(False)
        self._loop.add_reader(self._listener, self._accept)

    def close(self) -> None:
        """Accept no more, and let go of who still waits."""
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._listener)
        for guest in list(self._guests):
            self._drop(guest, "closing")

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                connection, _ = self._listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno not in _SCARCE:
                    continue  # it was gone before we came
                log.error("no connection can be accepted: %s", error.strerror)
                self._drop_oldest("scarce")
                self._loop.remove_reader(self._listener)
                self._pause = self._loop.call_later(_BREATH, self.open)
                return
            self._welcome(connection)

    def _welcome(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        if len(self._guests) >= self._most:
            self._drop_oldest("crowded")
        timer = self._loop.call_later(self._within, self._drop, connection, "silent")
        self._guests[connection] = _Guest(0, timer)
        self._loop.add_reader(connection, self._look, connection)

    def _look(self, connection: socket.socket) -> None:
        guest = self._guests[connection]
        try:
            head = connection.recv(LONGEST_HEAD, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            head = b""
        if len(head) <= guest.seen:  # woken though nothing more has come: nothing more will
            self._drop(connection, "gone")
            return
        found = route(head, self._prefix)
        if found is None:
            guest.seen = len(head)
            # The kernel wakes us for what is new only: what was seen stays where it is.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, guest.seen + 1)
            return
        if guest.seen:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
        self._forget(connection)
        self._hand(connection, found)

    def _drop_oldest(self, why: str) -> None:
        if self._guests:
            self._drop(next(iter(self._guests)), why)

    def _drop(self, connection: socket.socket, why: str) -> None:
        self._forget(connection)
        self._dropped(why)
        with contextlib.suppress(OSError):
            connection.close()

    def _forget(self, connection: socket.socket) -> None:
        self._guests.pop(connection).timer.cancel()
        self._loop.remove_reader(connection)
