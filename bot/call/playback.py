"""The ledger of what the caller has really heard.

A reply arrives many times faster than it is spoken, so when the caller interrupts, seconds of it lie unplayed at the
far end. To say how much was heard, the ledger keeps a schedule of playback and corrects it by marks:

- Audio is cut into *stretches*; a mark follows every 200 ms of audio and the end of an item. A stretch begins when
  it was sent or when the one before it ends, whichever is later. A *run* is audio played without a gap.
- A mark goes ahead of every run. Nothing is buffered then, so it comes back at once, and the time it takes is the
  round trip of the network alone.
- A mark that comes back says where playback was one round trip ago (counting the way out of a `clear` sent now), and
  the schedule is shifted to agree. Between marks playback runs on the clock, and where a mark is overdue, never past
  that mark.
- A clear begins a new *generation*: marks of an older one come back because the far end empties its queue, and
  prove nothing.

Positions are seconds, times are seconds on the call's clock.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import count

from bot.call.commands import Mark, Play

BYTES_PER_SECOND = 48_000  # 16-bit mono at 24 kHz
MARK_EVERY = 0.2
_MARK_BYTES = int(MARK_EVERY * BYTES_PER_SECOND)

_FIRST_ROUND_TRIP = 0.1  # believed until a mark has come back
_LONGEST_ROUND_TRIP = 0.6  # a longer one is a stall, not a distance
_MOST_JITTER = 0.1
_MARK_GIVEN_UP = 2.0  # a mark this late will not come: the far end lost it


@dataclass(slots=True)
class _Item:
    """One reply, as far as it was sent."""

    content_index: int
    sent: float = 0.0
    open: bool = True  # more audio may come
    orphan: bool = False  # the session that knew it is gone


@dataclass(slots=True)
class _Stretch:
    item_id: str
    offset: float  # where in its item it begins
    length: float
    sent_at: float
    begins: float
    mark: str = ""  # follows the stretch

    @property
    def ends(self) -> float:
        return self.begins + self.length


@dataclass(frozen=True, slots=True)
class Cut:
    """What was heard of one item when playback was cut off. orphan: the session no longer knows the item."""

    item_id: str
    content_index: int
    heard: float
    sent: float
    complete: bool  # `sent` is all there was
    orphan: bool


class Playback:
    """Keeps the ledger of one leg."""

    def __init__(self) -> None:
        self._items: dict[str, _Item] = {}
        self._queue: deque[_Stretch] = deque()  # sent and not known to have been played, in order
        self._tail = 0.0  # when the last audio sent will have been played
        self._unmarked = 0  # bytes sent since the last mark
        self._generation = 0
        self._serial = count(1)
        self._round_trips: deque[float] = deque(maxlen=5)
        self._lateness: deque[float] = deque(maxlen=16)
        self._heard_out: list[str] = []
        self._given_up = False  # the marks of what was sent are far overdue

    # --- what is sent

    def add(self, item_id: str, content_index: int, pcm: bytes, now: float) -> list[Play | Mark]:
        """Enter audio that leaves now; returns it with its marks. pcm: 16-bit little-endian mono at 24 kHz."""
        out: list[Play | Mark] = []
        item = self._items.get(item_id)
        if item is None:
            item = self._items[item_id] = _Item(content_index)
        self._given_up = False
        if now >= self._tail:
            # The far end has run dry: a new run begins, behind the mark that measures the round trip.
            out.append(self._mark(self._append(item_id, item.sent, 0.0, now)))
        start = 0
        while start < len(pcm):
            piece = pcm[start : start + _MARK_BYTES - self._unmarked]
            start += len(piece)
            length = len(piece) / BYTES_PER_SECOND
            stretch = self._append(item_id, item.sent, length, now)
            item.sent += length
            out.append(Play(piece))
            self._unmarked += len(piece)
            if self._unmarked >= _MARK_BYTES:
                out.append(self._mark(stretch))
        return out

    def finish(self, item_id: str) -> list[Mark]:
        """No more audio of this item will come; its last stretch gets a mark if it has none."""
        item = self._items.get(item_id)
        if item is None or not item.open:
            return []
        item.open = False
        self._settle({item_id})
        last = self._queue[-1] if self._queue else None
        return [self._mark(last)] if last is not None and last.item_id == item_id and not last.mark else []

    def mark_tail(self, now: float) -> list[Mark]:
        """A mark for the last audio, if it has none and has been played by now: a reply that stalls."""
        last = self._queue[-1] if self._queue else None
        return [self._mark(last)] if last is not None and not last.mark and now >= self._tail else []

    def disown(self) -> tuple[list[Mark], list[Cut]]:
        """The session is gone: what it sent is still played, but can no longer be truncated there.

        Returns the marks that are due now, and the items that were broken off, as far as they were sent.
        """
        marks: list[Mark] = []
        broken_off: list[Cut] = []
        for item_id, item in list(self._items.items()):
            item.orphan = True
            if item.open:
                broken_off.append(Cut(item_id, item.content_index, item.sent, item.sent, complete=False, orphan=True))
            marks += self.finish(item_id)
        return marks, broken_off

    def ping(self, now: float) -> Mark:
        """A mark ahead of any audio, to learn the round trip when the leg starts."""
        return self._mark(self._append("", 0.0, 0.0, now))

    def _append(self, item_id: str, offset: float, length: float, now: float) -> _Stretch:
        stretch = _Stretch(item_id, offset, length, now, max(now, self._tail))
        self._tail = stretch.ends
        self._queue.append(stretch)
        return stretch

    def _mark(self, stretch: _Stretch) -> Mark:
        offset_ms = round((stretch.offset + stretch.length) * 1000)
        stretch.mark = f"{self._generation}:{next(self._serial)}:{stretch.item_id}:{offset_ms}"
        self._unmarked = 0
        return Mark(stretch.mark)

    # --- what comes back

    def played(self, name: str, now: float) -> None:
        """Take a mark that came back; one of an older generation, or none of ours, changes nothing."""
        if not any(stretch.mark == name for stretch in self._queue):
            return
        confirmed = [self._queue.popleft()]
        while confirmed[-1].mark != name:
            confirmed.append(self._queue.popleft())
        anchor = confirmed[-1]
        if anchor.length == 0:
            self._round_trips.append(min(now - anchor.sent_at, _LONGEST_ROUND_TRIP))
        self._lateness.append(min(max(now - anchor.ends - self.round_trip, 0.0), _MOST_JITTER))
        ends = max(now - self.round_trip, anchor.sent_at)
        for stretch in self._queue:
            stretch.begins = max(stretch.sent_at, ends)
            ends = stretch.ends
        self._tail = ends
        self._settle({stretch.item_id for stretch in confirmed})

    def expire(self, now: float) -> bool:
        """Wait no more for marks that are far overdue; whether there are any, once.

        What they stood for stays in the ledger: it may yet be played, after a stall, and then be cleared.
        """
        if self._given_up or not self._queue or now < self._tail + self.round_trip + _MARK_GIVEN_UP:
            return False
        self._given_up = True
        return True

    def heard_out(self) -> list[str]:
        """The items that were heard to their end since this was last asked."""
        heard, self._heard_out = self._heard_out, []
        return heard

    def _settle(self, item_ids: set[str]) -> None:
        pending = {stretch.item_id for stretch in self._queue}
        for item_id in [known for known in self._items if known in item_ids and known not in pending]:
            if not self._items[item_id].open:
                del self._items[item_id]
                self._heard_out.append(item_id)

    # --- what is known

    @property
    def round_trip(self) -> float:
        """The network's round trip: the second smallest of the last ones, since a stall only ever adds."""
        if not self._round_trips:
            return _FIRST_ROUND_TRIP
        return sorted(self._round_trips)[min(1, (len(self._round_trips) - 1) // 2)]

    @property
    def items(self) -> frozenset[str]:
        """The items of which audio was sent and that are not known to be heard out."""
        return frozenset(self._items)

    @property
    def busy(self) -> bool:
        """Whether audio is being played, or its marks are still waited for."""
        return self.unconfirmed and not self._given_up

    @property
    def unconfirmed(self) -> bool:
        """Whether any audio is not known to have been played."""
        return any(stretch.length for stretch in self._queue)

    def remaining(self, now: float) -> float:
        """Seconds until everything sent will have been played, as far as the clock tells."""
        return max(0.0, self._tail - now) if self.busy else 0.0

    def cut(self, now: float) -> list[Cut]:
        """Settle every item that is not known to be heard out, as of a clear sent now, and begin a new generation.

        An item that was complete and, by the clock, heard to its end is not in the list: it was not interrupted.
        """
        overdue = self._overdue(now)
        beyond_overdue = False
        heard = {item_id: item.sent for item_id, item in self._items.items()}
        for stretch in self._queue:
            played = 0.0 if beyond_overdue else min(max(now - stretch.begins, 0.0), stretch.length)
            if played < stretch.length:
                heard[stretch.item_id] = min(heard[stretch.item_id], stretch.offset + played)
            beyond_overdue = beyond_overdue or stretch is overdue
        cuts: list[Cut] = []
        for item_id, item in self._items.items():
            if item.open or heard[item_id] < item.sent:
                cuts.append(Cut(item_id, item.content_index, heard[item_id], item.sent, not item.open, item.orphan))
            else:
                self._heard_out.append(item_id)
        self._items.clear()
        self._queue.clear()
        self._tail = now
        self._unmarked = 0
        self._given_up = False
        self._generation += 1
        return cuts

    def _overdue(self, now: float) -> _Stretch | None:
        """The first mark, if it should have come back by now: playback has not got past it."""
        first = next((stretch for stretch in self._queue if stretch.mark), None)
        patience = self.round_trip + max(self._lateness, default=_MOST_JITTER / 2)
        return first if first is not None and now > first.ends + patience else None
