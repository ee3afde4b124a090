"""One board with the calls of all workers: rows are told by those who have them, and shown by worker 0."""

from __future__ import annotations

import msgspec

from bot.board import Board, Row
from webhooks.workers.news import Rows

LOST = "broken"  # the outcome of calls whose worker is gone

_ENCODER = msgspec.msgpack.Encoder()
_ROWS = msgspec.msgpack.Decoder(list[Row])


class Teller:
    """Says what has changed on a worker's board since it was last said. number: of the worker."""

    def __init__(self, board: Board, number: int) -> None:
        self._board = board
        self._number = number
        self._told = 0

    def news(self, *, whole: bool = False) -> Rows | None:
        """The rows that have changed, or all of them; None where there are none.

        Who has missed rows that are gone gets all there are, and knows by that which are not any more.
        """
        whole = whole or self._told < self._board.oldest
        changed = self._board.changes(0 if whole else self._told)
        self._told = self._board.version
        if not changed and not whole:
            return None
        return Rows(self._number, whole, [row.call_id for row in changed], msgspec.Raw(_ENCODER.encode(changed)))


class Gallery:
    """Puts other workers' rows on this worker's board, which is then everybody's."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._whose: dict[str, int] = {}  # calls that are not over, by whom

    def take(self, news: Rows) -> None:
        """A worker has told of its rows."""
        if news.whole:
            here = set(news.call_ids)
            lost = [
                call_id for call_id, worker in self._whose.items() if worker == news.worker and call_id not in here
            ]
            for call_id in lost:
                del self._whose[call_id]
                self._board.end(call_id, LOST)
        for row in _ROWS.decode(news.rows):
            self._board.show(row)
            if row.over:
                self._whose.pop(row.call_id, None)
            else:
                self._whose[row.call_id] = news.worker


def nothing_of(worker: int) -> Rows:
    """What is told in place of a worker that is gone."""
    return Rows(worker, True, [], msgspec.Raw(_ENCODER.encode([])))
