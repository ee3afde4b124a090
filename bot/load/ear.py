"""What the caller hears: the play-out buffer, and the measures that are taken at it.

`PlayOut` of the simulator does Twilio's part. It keeps every sound; so that an hour of calls does not, a new one
takes over whenever it has run dry.
"""

from __future__ import annotations

from bot.load.record import FRAME_BYTES, CallRecord
from bot.load.sound import level_of
from bot.simulator.playout import RATE, PlayOut, leading_quiet, sounding_length

LONGEST_GAP = 1.0  # seconds; a longer silence is one between two replies
SHORTEST_GAP = 0.002  # less is how exactly this caller keeps time

# A pause of the voice. Where a server sends its audio as it is spoken, what follows is not there yet.
_HOLE = 0.2


class Ear:
    """One caller's ear. `record` takes what is measured; with `levels`, the loudness of all that comes too.

    sound_until: when the last sound that is there will have been heard; heard_since: when the assistant began to
    speak; pauses shorter than `_HOLE` count as speaking.
    """

    def __init__(self, record: CallRecord, *, levels: bool) -> None:
        self.sound_until = 0.0
        self.heard_since = 0.0
        self.last_loud = float("-inf")  # when the caller's last loud frame left
        self._record = record
        self._playout = PlayOut(record.placed)
        self._levels = levels
        self._rest = b""
        self._cleared = False

    # --- What the server sends ------------------------------------------------------------------------------------

    def receive(self, audio: bytes, now: float) -> bool:
        """Queue audio, mu-law at 8 kHz. False: it would be more than ten minutes, and was thrown away."""
        playout, record = self._playout, self._record
        if not audio:
            return True
        dry_at = playout.ran_dry_at
        if not playout.playing(now) and playout.next_due() is None:
            self._turn_page()
            playout = self._playout
        starts = max(now, dry_at)
        if not playout.receive(audio, now):
            return False
        gap = starts - dry_at
        if (
            record.media_at
            and SHORTEST_GAP <= gap < LONGEST_GAP
            and not self._cleared
            and self.last_loud < self.heard_since
        ):
            record.gaps.append(gap)
        self._cleared = False
        if sounding := sounding_length(audio):
            first = starts + leading_quiet(audio) / RATE
            if record.first_sound is None:
                record.first_sound = first
            if record.lines and record.lines[-1].answered is None:
                record.lines[-1].answered = first
            if first - self.sound_until > _HOLE:
                self.heard_since = first
            self.sound_until = starts + sounding / RATE
        came = (record.media_bytes[-1] if record.media_bytes else 0) + len(audio)
        record.media_at.append(now)
        record.media_bytes.append(came)
        if self._levels:
            self._note_levels(audio, came)
        return True

    def mark(self, name: str) -> None:
        """Set a mark behind what is queued."""
        self._playout.mark(name)

    def next_mark(self) -> float | None:
        """When the first pending mark is due; None without one."""
        return self._playout.next_due()

    def due(self, now: float) -> list[str]:
        """Take the marks before which everything has been played."""
        return self._playout.due(now)

    def clear(self, now: float) -> list[str]:
        """Throw away what has not been played; gives back every mark that was pending."""
        marks = self._playout.due(now) + self._playout.clear(now)
        self._record.clears.append(now)
        self._cleared, self._rest = True, b""
        self.sound_until = min(self.sound_until, now)
        return marks

    def hang_up(self, now: float) -> None:
        """The end: what has not been played is never heard."""
        self._playout.clear(now)
        self._turn_page()
        self.sound_until = min(self.sound_until, now)

    # --- What is true at a moment ---------------------------------------------------------------------------------

    def speaking(self, now: float) -> bool:
        """Whether the assistant is being heard, or pauses for a breath."""
        return self.sound_until > 0 and now < self.sound_until + _HOLE

    def spoken_for(self, now: float) -> float:
        """For how many seconds the assistant has been speaking; 0 while it is not."""
        return now - self.heard_since if self.speaking(now) else 0.0

    def quiet_for(self, now: float) -> float:
        """For how many seconds the assistant has been quiet; what is queued and not yet heard counts as speech."""
        return max(0.0, now - self.sound_until)

    def _turn_page(self) -> None:
        """Write down what was played, and go on with an empty buffer."""
        record = self._record
        for piece in self._playout.pieces:
            record.starts.append(piece.start)
            record.played.append(piece.played)
        self._playout = PlayOut(record.placed)

    def _note_levels(self, audio: bytes, came: int) -> None:
        audio = self._rest + audio
        whole = len(audio) - len(audio) % FRAME_BYTES
        record = self._record
        for at in range(0, whole, FRAME_BYTES):
            record.heard_levels.append(level_of(audio[at : at + FRAME_BYTES]))
            record.heard_ends.append(came - len(audio) + at + FRAME_BYTES)
        self._rest = audio[whole:]
