"""The caller's audio, from what is appended to the turns within it: the input audio buffer and turn detection.

pcm: 16-bit little-endian mono at 24 kHz; times: milliseconds of audio since the session's first sample.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bot.engine.checks import Refusal
from bot.engine.formats import BYTES_PER_MS, Decoder
from bot.engine.parts import WINDOW_BYTES, WINDOW_MS, Detector
from bot.engine.turns import SpeechBegan, SpeechEnded, TurnDetector, TurnSettings

LONGEST_TURN_MS = 60_000.0
_SHORTEST_COMMIT_MS = 100.0
_SLACK_MS = 100.0  # kept besides what a turn can reach back for


@dataclass(frozen=True, slots=True)
class TurnBegan:
    """The caller speaks. pcm: the turn's audio so far, from `start_ms` on."""

    start_ms: float
    pcm: bytes


@dataclass(frozen=True, slots=True)
class TurnGoesOn:
    """More of the turn."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """The turn is over at `end_ms`; it has `audio_ms` of audio."""

    end_ms: float
    audio_ms: float


type Heard = TurnBegan | TurnGoesOn | TurnEnded


class Hearing:
    """One session's input: at most `LONGEST_TURN_MS` of it is kept, the oldest goes first."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._decoder = Decoder()
        self._turns: TurnDetector | None = TurnDetector(TurnSettings(), longest_ms=LONGEST_TURN_MS)
        self._kept = bytearray()
        self._taken_in = 0  # bytes since the session began
        self._turn_start_ms = 0.0
        self._last_end_ms = 0.0

    @property
    def has_heard(self) -> bool:
        """Whether any audio has come."""
        return self._taken_in > 0

    @property
    def speaking(self) -> bool:
        """Whether the caller is within a turn."""
        return self._turns is not None and self._turns.speaking

    @property
    def answers(self) -> bool:
        """Whether a turn that ended is to be answered (`create_response`)."""
        return self._turns is not None and self._turns.settings.create_response

    @property
    def interrupts(self) -> bool:
        """Whether a turn that begins stops the response (`interrupt_response`)."""
        return self._turns is not None and self._turns.settings.interrupt_response

    def configure(self, session: Mapping[str, Any]) -> None:
        """Take the session's settings, which were validated."""
        if not self.has_heard:
            self._decoder = Decoder(session["input_audio_format"], session["input_audio_sampling_rate"])
        if session["turn_detection"] is None:
            self._turns = None
            return
        settings = TurnSettings.from_wire(session["turn_detection"])
        if self._turns is None:
            self._turns = TurnDetector(settings, longest_ms=LONGEST_TURN_MS)
        self._turns.settings = settings

    def append(self, data: bytes) -> Iterator[Heard]:
        """Take more audio, in the session's format; yields what became of it, one detector window at a time."""
        pcm = self._decoder.decode(data)
        for at in range(0, len(pcm), WINDOW_BYTES):
            yield from self._take_in(pcm[at : at + WINDOW_BYTES])

    def commit(self) -> tuple[TurnBegan | None, TurnEnded]:
        """The client ends the turn itself. Raises Refusal where there is (nearly) nothing to commit."""
        end_ms = self._taken_in / BYTES_PER_MS
        if self._turns is None:
            audio_ms = len(self._kept) / BYTES_PER_MS
        else:
            audio_ms = end_ms - self._turn_start_ms if self._turns.speaking else 0.0
        if audio_ms < _SHORTEST_COMMIT_MS:
            message = f"Error committing input audio buffer: buffer too small. It has {audio_ms:.2f}ms of audio."
            raise Refusal("input_audio_buffer_commit_empty", message)
        began = TurnBegan(end_ms - audio_ms, bytes(self._kept)) if self._turns is None else None
        self._forget(end_ms)
        return began, TurnEnded(end_ms, audio_ms)

    def clear(self) -> bool:
        """Forget what was not committed; returns whether that was a turn which had begun."""
        was_speaking = self.speaking
        self._forget(self._taken_in / BYTES_PER_MS)
        return was_speaking

    def _take_in(self, pcm: bytes) -> Iterator[Heard]:
        self._kept += pcm
        self._taken_in += len(pcm)
        if self._turns is None:
            self._keep(LONGEST_TURN_MS)
            return
        if self._turns.speaking:
            yield TurnGoesOn(pcm)
        for probability in self._detector.probability(pcm):
            match self._turns.hear(probability, WINDOW_MS):
                case SpeechBegan(start_ms):
                    self._turn_start_ms = max(start_ms, self._last_end_ms)
                    yield TurnBegan(self._turn_start_ms, self._since(self._turn_start_ms))
                case SpeechEnded(end_ms):
                    self._last_end_ms = end_ms
                    yield TurnEnded(end_ms, end_ms - self._turn_start_ms)
        settings = self._turns.settings
        self._keep(settings.prefix_padding_ms + settings.speech_duration_ms + _SLACK_MS)

    def _since(self, start_ms: float) -> bytes:
        start = int(start_ms) * BYTES_PER_MS - (self._taken_in - len(self._kept))
        return bytes(self._kept[max(0, start) :])

    def _keep(self, last_ms: float) -> None:
        size = int(last_ms) * BYTES_PER_MS
        if len(self._kept) > size:
            del self._kept[: len(self._kept) - size]

    def _forget(self, end_ms: float) -> None:
        self._kept.clear()
        self._last_end_ms = end_ms
        if self._turns is not None:
            self._turns.reset()
