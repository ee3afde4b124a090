"""Hearing when somebody begins and stops to speak: `server_vad` from a detector's probabilities.

Times are milliseconds of audio since the session's first sample, as `audio_start_ms` and `audio_end_ms` are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Silero's own default distance between the threshold that begins speech and the one that ends it.
_HYSTERESIS = 0.15
# A click on the line fills one window of a detector; a word fills many. `speech_duration_ms` replaces it.
_SHORTEST_SPEECH_MS = 60.0


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """How turns are told apart. The defaults are those that gpt-4.1-mini's `session.created` shows."""

    threshold: float = 0.5
    prefix_padding_ms: float = 300.0
    silence_duration_ms: float = 200.0
    speech_duration_ms: float = _SHORTEST_SPEECH_MS
    create_response: bool = True
    interrupt_response: bool = True

    @classmethod
    def from_wire(cls, turn_detection: Mapping[str, Any]) -> TurnSettings:
        """Read a validated `turn_detection`; what is absent or null takes its default."""
        names = cls.__dataclass_fields__
        return cls(**{name: value for name, value in turn_detection.items() if name in names and value is not None})


@dataclass(frozen=True, slots=True)
class SpeechBegan:
    """Somebody speaks. start_ms: where the turn's audio begins, padding included."""

    start_ms: float


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """Nobody speaks any more. end_ms: where the turn's audio ends, the observed silence included."""

    end_ms: float


class TurnDetector:
    """Turns probabilities of speech into beginnings and ends of speech. Pure: its only clock is the audio."""

    def __init__(self, settings: TurnSettings, *, longest_ms: float = 60_000.0) -> None:
        self.settings = settings
        self.speaking = False
        self._longest_ms = longest_ms
        self._heard_ms = 0.0  # where the audio looked at so far ends
        self._loud_ms = 0.0  # uninterrupted speech at the end of it
        self._quiet_ms = 0.0  # uninterrupted silence at the end of it
        self._began_ms = 0.0

    @property
    def heard_ms(self) -> float:
        """Where the audio that has been looked at ends."""
        return self._heard_ms

    def hear(self, probability: float, duration_ms: float) -> SpeechBegan | SpeechEnded | None:
        """Take the probability that the next `duration_ms` of audio are speech."""
        self._heard_ms += duration_ms
        floor = self.settings.threshold - (_HYSTERESIS if self.speaking else 0.0)
        if probability >= floor and probability > 0.0:
            self._loud_ms += duration_ms
            self._quiet_ms = 0.0
        else:
            self._quiet_ms += duration_ms
            self._loud_ms = 0.0
        if not self.speaking:
            return self._began()
        return self._ended()

    def reset(self) -> None:
        """Forget a turn that has begun: its audio was cleared or committed by hand."""
        self.speaking = False
        self._loud_ms = self._quiet_ms = 0.0

    def _began(self) -> SpeechBegan | None:
        if self._loud_ms <= 0.0 or self._loud_ms < self.settings.speech_duration_ms:
            return None
        self.speaking = True
        self._began_ms = self._heard_ms - self._loud_ms
        return SpeechBegan(max(0.0, self._began_ms - self.settings.prefix_padding_ms))

    def _ended(self) -> SpeechEnded | None:
        too_long = self._heard_ms - self._began_ms >= self._longest_ms
        if self._quiet_ms < self.settings.silence_duration_ms and not too_long:
            return None
        if self._quiet_ms <= 0.0 and not too_long:
            return None  # a silence of 0 ms still has to be heard
        self.reset()
        return SpeechEnded(self._heard_ms)
