"""What went in on one side and came out on the other: a call's record and its session's, laid side by side."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bot.load.matching import Numbers, fits, match
from bot.load.record import FRAME_BYTES, FRAME_SECONDS, CallRecord, Reply, SessionRecord

LATE = FRAME_SECONDS  # a frame that takes longer than it lasts
_SAMPLES_A_MS = 8
_ON_ITS_WAY = 1.0  # seconds; what was sent so shortly before the end may be under way then


@dataclass(slots=True)
class OneWay:
    """One direction.

    delays: seconds; missing, late, before: how many frames of `sent` did not come, came later than LATE, or were sent
    before anything came. unrecognised: the sound told nothing, so bytes were counted.
    """

    delays: list[float] = field(default_factory=list)
    sent: int = 0
    missing: int = 0
    late: int = 0
    before: int = 0
    unrecognised: bool = False


def to_model(call: CallRecord, session: SessionRecord, since: float) -> OneWay:
    """From the caller's frames that left after `since` to the appends that brought the last of each."""
    way = OneWay()
    if not call.sent or not session.append_at:
        way.missing = way.sent = int(np.count_nonzero(np.asarray(call.sent) >= since))
        return way
    sent = np.asarray(call.sent)
    at, counts = np.asarray(session.append_at), np.asarray(session.append_bytes)
    blocks = int(counts[-1]) // session.frame_bytes
    places = match(call.levels, session.levels[:blocks])
    if places is None:
        way.unrecognised, places = True, np.arange(blocks)
    came = at[np.searchsorted(counts, (np.arange(blocks) + 1) * session.frame_bytes)]
    known = np.flatnonzero((places >= 0) & (places < len(sent)))
    if not len(known):
        return way
    # The first append may hold all that waited for the session, and tells nothing of how long one frame takes.
    way.before = int(places[known[0]])
    since = max(since, float(at[0]))
    until = min(call.ended, session.ended or call.ended) - _ON_ITS_WAY
    if came[known[-1]] > until:  # audio came to the end, so what was sent later was on its way, however slowly
        until = min(until, float(sent[places[known[-1]]]))
    chosen = known[(sent[places[known]] >= since) & (sent[places[known]] < until)]
    way.delays = (came[chosen] - sent[places[chosen]]).tolist()
    way.late = int(np.count_nonzero(np.asarray(way.delays) > LATE))
    way.sent = int(np.count_nonzero((sent >= since) & (sent < until)))
    if len(chosen):
        first, last = chosen[0], chosen[-1]
        between = int(places[last] - places[first]) - int(last - first)
        after = int(np.count_nonzero(sent[int(places[last]) + 1 :] < until))
        way.missing = max(0, between) + after
    else:
        way.missing = way.sent
    return way


def pairs(calls: Iterable[CallRecord], sessions: Iterable[SessionRecord]) -> dict[str, SessionRecord]:
    """The session of each call, by CallSid: the one that says so in its metadata, or else the one with its sound."""
    found: dict[str, SessionRecord] = {}
    nameless: list[SessionRecord] = []
    for session in sessions:
        if not session.call_sid:
            nameless.append(session)
            continue
        known = found.get(session.call_sid)  # a session that was lost was followed by another
        if known is None or len(known.append_at) < len(session.append_at):
            found[session.call_sid] = session
    for call in calls:
        if call.call_sid in found or call.started is None:
            continue
        nameless.sort(key=lambda session: abs(session.opened - (call.started or 0.0)))
        mine = next((session for session in nameless if fits(call.levels, session.levels)), None)
        if mine is not None:
            found[call.call_sid] = mine
            nameless.remove(mine)
    return found


@dataclass(slots=True)
class FromModel:
    """What came of the replies. truncation: milliseconds that the model was told too much (or too little, negative).

    untold: replies that were cut off, of which the model was told nothing.
    """

    way: OneWay = field(default_factory=OneWay)
    truncation: list[float] = field(default_factory=list)
    untold: int = 0


def from_model(call: CallRecord, session: SessionRecord, since: float) -> FromModel:
    """From each delta that left after `since` to the first message with sound of it, and what was heard of it.

    What a bot throws away of a reply that the caller cut off is not missing.
    """
    result = FromModel()
    way = result.way
    replies = [reply for reply in session.replies if reply.deltas]
    if not replies:
        return result
    levels = np.concatenate([np.asarray(reply.levels, np.int64) for reply in replies])
    places = match(levels.tolist(), call.heard_levels)
    if places is None:
        way.unrecognised, places = True, np.arange(min(len(call.heard_levels), len(levels)))
    came, counts = np.asarray(call.media_at), np.asarray(call.media_bytes)
    ends = np.asarray(call.heard_ends)[: len(places)]
    played = _Played(call)
    until = min(call.ended, session.ended or call.ended) - _ON_ITS_WAY
    known = np.flatnonzero(places >= 0)
    if len(known) and came[np.searchsorted(counts, ends[known[-1]])] > until:
        firsts = np.cumsum([len(reply.levels) for reply in replies])
        last_reply = replies[int(np.searchsorted(firsts, places[known[-1]], side="right"))]
        until = min(until, last_reply.deltas[-1][0])  # the rest of it was on its way
    first = 0
    for reply in replies:
        last = first + len(reply.levels)
        mine = np.flatnonzero((places >= first) & (places < last))
        cut = reply.cut_off or reply.told_ms is not None
        if len(mine):
            heard = played.ms(int(ends[mine[0]]) - FRAME_BYTES, int(ends[mine[-1]]))
            cleared = any(at > reply.deltas[0][0] for at in call.clears)  # and not only dropped by hanging up
            cut = cut or (cleared and played.dropped(int(ends[mine[-1]])))
            if reply.deltas[0][0] >= since and reply.deltas[-1][0] < until:
                _judge_deltas(way, reply, places[mine] - first, came[np.searchsorted(counts, ends[mine])], cut=cut)
        else:
            heard = 0.0
            if not cut and reply.deltas[-1][0] < until:
                way.sent += len(reply.levels)
                way.missing += len(reply.levels)
        if cut and reply.deltas[-1][0] < until:
            if reply.told_ms is None:
                result.untold += 1
            told = reply.sent_ms if reply.told_ms is None else reply.told_ms
            result.truncation.append(told - heard)
        first = last
    return result


def _judge_deltas(way: OneWay, reply: Reply, places: Numbers, came: NDArray[np.float64], *, cut: bool) -> None:
    """Enter one reply. places: of the frames of it that came; came: when each did; cut: the rest need not come."""
    before = 0
    ratio_frames = np.diff([sent for _, sent in reply.deltas] + [reply.ended])
    frame = int(ratio_frames.sum()) // len(reply.levels)  # bytes
    for (at, _), size in zip(reply.deltas, ratio_frames, strict=True):
        length = int(size) // frame
        mine = np.flatnonzero((places >= before) & (places < before + length))
        if len(mine):
            delay = float(came[mine[0]]) - at
            way.delays.append(delay)
            way.late += delay > LATE
        before += length
    expected = int(places[-1]) + 1 if cut else len(reply.levels)
    way.sent += expected
    way.missing += max(0, expected - len(places))


class _Played:
    """What was really played of the bytes that came."""

    def __init__(self, call: CallRecord) -> None:
        count = len(call.played)
        self._ends = np.asarray(call.media_bytes)[:count]
        self._begins = np.concatenate(([0], self._ends[:-1]))[:count]
        self._played = np.asarray(call.played)

    def ms(self, first: int, last: int) -> float:
        """Milliseconds that were heard of the bytes from `first` to before `last`."""
        heard = np.minimum(self._begins + self._played, last) - np.maximum(self._begins, first)
        return float(np.maximum(heard, 0).sum()) / _SAMPLES_A_MS

    def dropped(self, last: int) -> bool:
        """Whether the byte before `last` was thrown away by a clear."""
        piece = int(np.searchsorted(self._ends, last))
        return piece < len(self._ends) and bool(self._begins[piece] + self._played[piece] < last)
