"""Which 20 ms that came is which 20 ms that was sent, recognised by how loud they are.

Audio has no names, and counting bytes goes wrong with the first frame that is lost. Every frame of the load is louder
or softer than its neighbours in an order that does not repeat soon, and no conversion between sample rates changes
that. A converter's delay of a part of a frame mixes neighbours; that part is found first, once for a stretch.

Then the way through the frames is found that explains best what came: mostly one after the other, sometimes a jump
over what was lost. It is the Viterbi algorithm over the offset between the two, in a band that moves along.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

type Numbers = NDArray[np.int64]
type _Floats = NDArray[np.float64]

UNKNOWN = -1

_FLOOR = 6.0  # RMS below which loudness says nothing
_WORST = 2.0  # octaves of power by which one frame can speak against a match
_GOOD = 0.45  # what frames that belong together differ by on average, at most
_WINDOW = 16  # frames, over which that average is taken
_JUMP = 4.0  # what a jump costs: two frames that do not fit cost as much
_SHARES = np.arange(16) / 16  # of a frame, by which a converter may delay
# How many frames the beginning is found by, and how many may be lost before it: the likely first, half a minute last.
# Where much is lost, few frames in a row are there to find it by.
_SEARCHES = ((60, 100), (14, 100), (60, 1500), (14, 1500))
_LIKELY = 12
_ALIKE = 0.3  # octaves: what varies less has no frame to recognise
_GAIN = 0.2  # what an octave of power between the two costs: most servers leave the loudness alone
_SEGMENT, _KEPT = 240, 200
_BACK, _AHEAD, _FURTHEST = 6, 72, 1000


def fits(sent: Sequence[int], came: Sequence[int]) -> bool:
    """Whether what came is what was sent, by its beginning."""
    if len(came) < _WINDOW or len(sent) < _WINDOW:
        return False
    guess = _begins(_power(sent), np.log2(_power(came[:_SEGMENT])), *_SEARCHES[0])
    return guess.cost <= _GOOD


class _Guess(NamedTuple):
    """share: of a frame, by which the stretch is delayed; offset: the first frame; gain: octaves of power louder."""

    cost: float
    share: float
    offset: int
    gain: float

    def expected(self, sent: _Floats) -> _Floats:
        """What should come of each frame, log2 of its power."""
        return np.log2(_delayed(sent, self.share)) + self.gain


def match(sent: Sequence[int], came: Sequence[int]) -> Numbers | None:
    """For every 20 ms that came the number of the one that was sent, or UNKNOWN.

    sent, came: RMS of each. None: they have so little in common that nothing can be said.
    """
    if not len(came) or not len(sent):
        return np.empty(0, np.int64)
    power_sent, power_came = _power(sent), np.log2(_power(came))
    if len(came) > 1 and power_came.std() < _ALIKE:
        return None
    guesses: list[_Guess] = []
    for count, latest in _SEARCHES:
        guess = _begins(power_sent, power_came, count, latest)
        places = guess.offset + np.arange(len(came))
        inside = places < len(sent)
        cost = np.full(len(came), _WORST)
        cost[inside] = _differences(power_came[inside], guess.expected(power_sent)[places[inside]])
        if sliding_window_view(cost, min(_WINDOW, len(cost))).mean(axis=1).max() <= _GOOD:
            return np.where(inside, places, UNKNOWN)
        guesses.append(guess)
        if guess.cost <= _GOOD / 2:
            break
    # Much was lost, so that no few frames in a row tell how it begins: see which guess leads on.
    guesses += [_Guess(0.0, share, 0, 0.0) for share in _SHARES[::2]]
    ways = [_follow(guess, power_sent, power_came[:_SEGMENT]) for guess in guesses]
    _, number = min((cost, number) for number, (_, cost) in enumerate(ways))
    found, cost_of_way = _follow(guesses[number], power_sent, power_came)
    return None if cost_of_way > _GOOD else found


def _power(levels: Sequence[int]) -> _Floats:
    return np.asarray(levels, np.float64) ** 2 + _FLOOR**2


def _delayed(power: _Floats, share: float) -> _Floats:
    """What 20 ms sound like that begin `share` of a frame before the frame does."""
    return (1 - share) * power + share * np.concatenate((power[:1], power[:-1]))


def _differences(came: _Floats, expected: _Floats) -> _Floats:
    return np.minimum(np.abs(came - expected), _WORST)


def _begins(sent: _Floats, came: _Floats, count: int, latest: int) -> _Guess:
    """How it begins, by so many of the frames that came first, and where at most so many were lost before."""
    sent = sent[: latest + count]
    first = came[: min(count, len(sent))]
    likely: Numbers = np.unique([place for share in (0.0, 0.5) for place in _likeliest(sent, first, share, latest)])
    best = _Guess(np.inf, 0.0, 0, 0.0)
    for share in _SHARES:
        windows = sliding_window_view(np.log2(_delayed(sent, share)), len(first))[likely]
        gains = np.median(first - windows, axis=1)
        costs = _differences(first, windows + gains[:, np.newaxis]).mean(axis=1) + _GAIN * np.abs(gains)
        place = int(np.argmin(costs))
        if costs[place] < best.cost:
            best = _Guess(float(costs[place]), float(share), int(likely[place]), float(gains[place]))
    return best


def _likeliest(sent: _Floats, first: _Floats, share: float, latest: int) -> Numbers:
    """Where `first` may begin in what was sent, by a quick look."""
    windows = sliding_window_view(np.log2(_delayed(sent, share))[: latest + len(first)], len(first))
    differences = first - windows
    differences -= np.median(differences, axis=1, keepdims=True)
    return np.argsort(np.minimum(np.abs(differences), _WORST).mean(axis=1), kind="stable")[:_LIKELY]


def _follow(guess: _Guess, sent: _Floats, came: _Floats) -> tuple[Numbers, float]:
    """Find the way, a stretch at a time, and what it costs for each frame."""
    expected, offset = guess.expected(sent), guess.offset
    found = np.full(len(came), UNKNOWN, np.int64)
    at = 0
    while at < len(came):
        part = came[at : at + _SEGMENT]
        left_over = (len(expected) - offset) - len(came)  # so many were lost from here on, if nothing else is amiss
        ahead = min(max(_AHEAD, left_over + _BACK), _FURTHEST)
        offsets = np.arange(max(-at, offset - _BACK), offset + ahead)
        way = _best_way(expected, part, at, offsets, offset)
        kept = len(part) if at + len(part) == len(came) else _KEPT
        places = at + np.arange(kept) + way[:kept]
        inside = (places >= 0) & (places < len(expected))
        found[at : at + kept] = np.where(inside, places, UNKNOWN)
        offset = int(way[kept - 1])
        at += kept
    cost = np.where(found >= 0, _differences(came, expected[found]), _WORST)
    found[cost >= _WORST] = UNKNOWN
    return found, float(cost.mean())


def _best_way(expected: _Floats, came: _Floats, at: int, offsets: Numbers, begins: int) -> Numbers:
    """The offset of each frame of one stretch. begins: the offset before it."""
    places = at + np.arange(len(came))[:, np.newaxis] + offsets
    inside = (places >= 0) & (places < len(expected))
    cost = np.where(
        inside, _differences(came[:, np.newaxis], expected[np.clip(places, 0, len(expected) - 1)]), 1.5 * _WORST
    )
    before = np.where(offsets == begins, 0.0, _JUMP)
    source = np.empty(cost.shape, np.int64)
    stay = np.arange(len(offsets))
    for row, here in enumerate(cost):
        cheapest = int(before.argmin())
        jumps = before[cheapest] + _JUMP < before
        source[row] = np.where(jumps, cheapest, stay)
        before = np.where(jumps, before[cheapest] + _JUMP, before) + here
    way = np.empty(len(came), np.int64)
    column = int(before.argmin())
    for row in range(len(came) - 1, -1, -1):
        way[row] = offsets[column]
        column = int(source[row, column])
    return way
