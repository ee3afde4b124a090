"""The play-out buffer of Twilio's side, and the exact truth of what the caller heard.

Audio is played in the order received and in real time, so where every byte will sound is known the moment it
arrives: after all that is queued, or now. Nothing here ticks; every method is told the time.

Times are seconds on the caller's clock; positions are samples since the buffer began. Audio is μ-law at 8 kHz,
one byte a sample. Sources: Twilio's WebSocket messages page; error 31931 for the limit of ten minutes.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import audioop

RATE = 8000
SILENCE = b"\xff"  # μ-law zero
LONGEST_QUEUE = 600 * RATE

# Below this a sample counts as silence: 200 of 32768 is -44 dBFS, above dither and codec noise, below any speech.
_QUIET_BELOW = 200
_LEVELS = memoryview(audioop.ulaw2lin(bytes(range(256)), 2)).cast("h")  # native order, as audioop gives it
_QUIET = bytes(code for code in range(256) if abs(_LEVELS[code]) < _QUIET_BELOW)

# A hole shorter than this, from jitter or a late delta, does not end a stretch of speech.
_HOLE = 0.3


def leading_quiet(audio: bytes) -> int:
    """How many samples at the beginning of μ-law `audio` are silence."""
    return len(audio) - len(audio.lstrip(_QUIET))


def sounding_length(audio: bytes) -> int:
    """How many samples there are up to and with the last that is not silence; audio: μ-law."""
    return len(audio.rstrip(_QUIET))


@dataclass(slots=True)
class Piece:
    """One `media` message. `played` is less than its length only where a clear cut it."""

    audio: bytes
    received: int  # position at which it arrived
    start: int  # position at which its first byte plays
    played: int


@dataclass(frozen=True, slots=True)
class Cleared:
    """A clear, as it took effect. received, played: bytes since the buffer began; dropped: bytes, by this one."""

    at: float
    received: int
    played: int
    dropped: int
    marks: tuple[str, ...]


class PlayOut:
    """The buffer. `began` is the time of position 0."""

    def __init__(self, began: float) -> None:
        self.began = began
        self.pieces: list[Piece] = []
        self.cleared: list[Cleared] = []
        self.received = 0
        self._tail = 0  # position after the last queued byte
        self._stretch = 0  # position at which the present stretch of speech began
        self._marks: deque[tuple[int, str]] = deque()

    def position(self, now: float) -> int:
        """The position being played at `now`. The allowance is for binary fractions of a second."""
        return max(0, int((now - self.began) * RATE + 1e-3))

    def time(self, position: int) -> float:
        """When `position` is played."""
        return self.began + position / RATE

    # --- What the bot sends ---------------------------------------------------------------------------------------

    def receive(self, audio: bytes, now: float) -> bool:
        """Queue `audio`. False: it would be more than ten minutes, and was thrown away."""
        here = self.position(now)
        if max(self._tail, here) - here + len(audio) > LONGEST_QUEUE:
            return False
        if not self.pieces or here - self._tail > _HOLE * RATE:
            self._stretch = here
        start = max(self._tail, here)
        if audio:
            self.pieces.append(Piece(audio, here, start, len(audio)))
            self._tail = start + len(audio)
            self.received += len(audio)
        return True

    def mark(self, name: str) -> None:
        """Set a mark behind what is queued; `due` gives it back, at once where nothing is."""
        self._marks.append((self._tail, name))

    def due(self, now: float) -> list[str]:
        """Take the marks before which everything has been played."""
        here = self.position(now)
        names: list[str] = []
        while self._marks and self._marks[0][0] <= here:
            names.append(self._marks.popleft()[1])
        return names

    def next_due(self) -> float | None:
        """When the first pending mark is due; None without one."""
        return self.time(self._marks[0][0]) if self._marks else None

    def clear(self, now: float) -> list[str]:
        """Throw away what has not been played, and give back every pending mark, in order."""
        here = self.position(now)
        dropped = 0
        for piece in reversed(self.pieces):
            kept = min(piece.played, max(0, here - piece.start))
            if kept == piece.played:
                break
            dropped += piece.played - kept
            piece.played = kept
        self._tail = min(self._tail, here)
        marks = [name for _, name in self._marks]
        self._marks.clear()
        self.cleared.append(Cleared(now, self.received, self.played(now), dropped, tuple(marks)))
        return marks

    # --- What is true at a moment ---------------------------------------------------------------------------------

    def playing(self, now: float) -> bool:
        """Whether something is being played."""
        return self._tail > self.position(now)

    @property
    def ran_dry_at(self) -> float:
        """When the buffer ran, or will run, empty."""
        return self.time(self._tail)

    def quiet_for(self, now: float) -> float:
        """For how many seconds nothing has been played."""
        return max(0.0, now - self.ran_dry_at)

    def playing_for(self, now: float) -> float:
        """For how many seconds the present stretch of speech has been going on; 0 where nothing is played."""
        return now - self.time(self._stretch) if self.playing(now) else 0.0

    def played(self, now: float, first: int = 0, last: int | None = None) -> int:
        """Of the bytes received from number `first` up to before `last`, how many had been played at `now`."""
        here, offset, total = self.position(now), 0, 0
        for piece in self.pieces:
            heard = min(piece.played, max(0, here - piece.start))
            begin = max(first, offset)
            end = offset + heard if last is None else min(last, offset + heard)
            total += max(0, end - begin)
            offset += len(piece.audio)
        return total

    def played_ms(self, now: float, first: int = 0, last: int | None = None) -> float:
        """The same in milliseconds."""
        return self.played(now, first, last) * 1000 / RATE

    def first_sound(self, since: float, now: float) -> float | None:
        """When the first sample that is not silence, of audio received after `since`, was played; None: not yet."""
        after, here = self.position(since), self.position(now)
        found: int | None = None
        for piece in reversed(self.pieces):
            if piece.received < after:
                break
            quiet = leading_quiet(piece.audio[: piece.played])
            if quiet < piece.played and piece.start + quiet < here:
                found = piece.start + quiet
        return None if found is None else self.time(found)

    def heard(self, until: float) -> bytes:
        """Everything that was heard from the beginning to `until`, silence included: μ-law at 8 kHz."""
        end = self.position(until)
        sound = bytearray(SILENCE * end)
        for piece in self.pieces:
            length = min(piece.played, end - piece.start)
            if length > 0:
                sound[piece.start : piece.start + length] = piece.audio[:length]
        return bytes(sound)
