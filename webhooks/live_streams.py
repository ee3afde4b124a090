"""What the streams of the live view say: every call at a glance, and one call as it happens."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable

import msgspec

from bot.board import Board, Row
from bot.call.reports import AssistantDraft, AssistantWords
from bot.feed import Entry
from webhooks.sse import BEAT, SILENCE, Sleep, batches, event

_BOARD_GAP = 0.25  # seconds between two events of a board
_CALL_GAP = 0.1  # seconds between two batches of one call's reports: at once, to a person
_MOST_DIGITS = 15  # of a number that a browser gives back


class EncodedRows:
    """Rows of a board as JSON, each encoded once however many watch."""

    def __init__(self, board: Board, most: int) -> None:
        self._board = board
        self._most = most
        self._encoded: dict[str, tuple[Row, bytes]] = {}

    def changes(self, after: int, *, reset: bool, now: float) -> bytes:
        """One event with every row that has changed since version `after`. now: seconds since 1970."""
        rows = b",".join(self._encode(row) for row in self._board.changes(after))
        data = b'{"now":%.3f,"reset":%s,"calls":[%s]}' % (now, b"true" if reset else b"false", rows)
        return event("board", data, f"{self._board.boot}-{self._board.version}")

    def _encode(self, row: Row) -> bytes:
        known = self._encoded.pop(row.call_id, None)
        if known is None or known[0] is not row:
            known = row, msgspec.json.encode(row)
        self._encoded[row.call_id] = known
        while len(self._encoded) > self._most:
            del self._encoded[next(iter(self._encoded))]
        return known[1]


def seen_of(board: Board, last: str) -> int | None:
    """The version that a browser saw last, from the id it gives back; None where it has to begin anew."""
    boot, _, version = last.rpartition("-")
    seen = number(version)
    return seen if boot == board.boot and board.oldest <= seen <= board.version else None


async def board_events(
    board: Board,
    rows: EncodedRows,
    last: str,
    *,
    wall_clock: Callable[[], float] = time.time,
    sleep: Sleep = asyncio.sleep,
) -> AsyncGenerator[bytes]:
    """The board, from what `last` (the id of an event, or empty) has not seen, until the house closes."""
    seen = seen_of(board, last)
    while True:
        reset = seen is None or seen < board.oldest
        version = board.version
        yield rows.changes(0 if seen is None or reset else seen, reset=reset, now=wall_clock())
        seen = version  # and not what it is now: a slow viewer took its time
        await sleep(_BOARD_GAP)
        while board.version <= seen:
            if board.closed:
                return
            try:
                async with asyncio.timeout(SILENCE):
                    await board.changed(seen)
            except TimeoutError:
                yield BEAT


async def call_events(
    entries: AsyncIterator[Entry], elapsed: float, *, sleep: Sleep = asyncio.sleep
) -> AsyncGenerator[bytes]:
    """One call's reports, until it ends. elapsed: seconds since it began."""
    yield event("hello", msgspec.json.encode({"elapsed": round(elapsed, 3)}))
    reading = batches(entries, gap=_CALL_GAP, sleep=sleep)
    try:
        async for batch in reading:
            yield b"".join(_report(entry) for entry in without_superseded(batch)) or BEAT
    finally:
        await reading.aclose()
    yield event("end", b"{}")


def without_superseded(entries: list[Entry]) -> list[Entry]:
    """Leave out drafts whose item has a later draft, or its final words, among these."""
    told: set[str] = set()
    kept: list[Entry] = []
    for entry in reversed(entries):
        match entry.report:
            case AssistantDraft(item_id) if item_id in told:
                continue
            case AssistantDraft(item_id) | AssistantWords(item_id):
                told.add(item_id)
            case _:
                pass
        kept.append(entry)
    return kept[::-1]


def _report(entry: Entry) -> bytes:
    fields = msgspec.to_builtins(entry.report)
    data = {"at": round(entry.at, 3), "type": type(entry.report).__name__} | fields
    return event("report", msgspec.json.encode(data), str(entry.number))


def number(text: str) -> int:
    """A number that came from outside; 0 where it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else 0
