"""What is kept of one call and of one session of the model: raw times and counts, to be judged after the run.

Nothing is computed while callers talk. All times are seconds on one clock, `time.monotonic` unless a test gives
another; it is the same in every process of one machine.
"""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field

FRAME_SECONDS = 0.02
FRAME_BYTES = 160  # of mu-law at 8 kHz


def _times() -> array[float]:
    return array("d")


def _counts() -> array[int]:
    return array("q")


def _levels() -> array[int]:
    return array("H")


@dataclass(slots=True)
class BargeIn:
    """The caller began to speak over the assistant.

    began: when the first loud frame left. cleared: when a `clear` came; silent: the last sound that was heard.
    """

    began: float
    cleared: float | None = None
    silent: float | None = None


@dataclass(slots=True)
class Line:
    """Something that the caller said without talking over anybody. answered: the first sound after it."""

    ended: float
    answered: float | None = None


@dataclass(slots=True)
class CallRecord:
    """One call.

    placed: the webhook was asked, or without one the socket; answered: its TwiML was there; opened: the socket was;
    started: `start` left; first_due: when the first frame should have left, the others every 20 ms after it.

    sent, levels: of each caller's frame, when it left and how loud it is (RMS, 16 bits). media_at, media_bytes: of
    each message with audio, when it came and how many bytes had come with it; starts, played: the position at which
    it plays (samples since `placed`) and how much of it was played. heard_levels, heard_ends: of each 20 ms of
    what came, its loudness and how many bytes had come with it.
    """

    number: int
    call_sid: str
    placed: float
    answered: float | None = None
    opened: float | None = None
    started: float | None = None
    first_due: float = 0.0
    first_sound: float | None = None
    ended: float = 0.0
    ended_by_bot: bool = False
    failure: str = ""
    sent: array[float] = field(default_factory=_times)
    levels: array[int] = field(default_factory=_levels)
    media_at: array[float] = field(default_factory=_times)
    media_bytes: array[int] = field(default_factory=_counts)
    starts: array[int] = field(default_factory=_counts)
    played: array[int] = field(default_factory=_counts)
    heard_levels: array[int] = field(default_factory=_levels)
    heard_ends: array[int] = field(default_factory=_counts)
    clears: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)  # seconds without sound in the middle of a reply
    barge_ins: list[BargeIn] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    warnings: Counter[int] = field(default_factory=Counter)  # as Twilio numbers them


@dataclass(slots=True)
class Reply:
    """One reply of the model.

    deltas: of each, when it left and how many bytes of the session's audio had left before it; levels: of each 20 ms;
    ended: how many bytes had left with the last; told_ms: how much was heard by what the bot said, None where it said
    nothing; cut_off: the caller spoke while it was being made.
    """

    item_id: str
    response_id: str
    deltas: list[tuple[float, int]] = field(default_factory=list)
    levels: array[int] = field(default_factory=_levels)
    ended: int = 0
    sent_ms: int = 0
    cut_off: bool = False
    told_ms: int | None = None


@dataclass(slots=True)
class SessionRecord:
    """One session of the model's stand-in.

    frame_bytes: 20 ms of the caller, as the session asked for it; ratio: bytes of its audio for one of mu-law.
    append_at, append_bytes: of each append, when it came and how many bytes had come with it; levels: of each
    20 ms of them. speech_started: when the bot was told that the caller began to speak.
    """

    call_sid: str
    opened: float
    frame_bytes: int = 960
    ratio: int = 6
    ended: float = 0.0
    append_at: array[float] = field(default_factory=_times)
    append_bytes: array[int] = field(default_factory=_counts)
    levels: array[int] = field(default_factory=_levels)
    replies: list[Reply] = field(default_factory=list)
    speech_started: list[float] = field(default_factory=list)
    errors: int = 0  # appends that could not be read
