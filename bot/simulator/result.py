"""What a simulated call was like: its outcome, its words with times, and its measurements.

Times are seconds since the call was placed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from bot.simulator.playout import PlayOut, leading_quiet

type EndedBy = Literal["caller", "bot", "twiml", "failure"]
type Outcome = Literal["answered", "busy", "no-answer", "failed"]
"""How it goes when somebody is dialled."""


@dataclass(frozen=True, slots=True)
class Note:
    """One line of the transcript. who: "call", "state", "you", "understood", "bot", "cut" or "trouble"."""

    at: float
    who: str
    text: str


@dataclass(slots=True)
class Turn:
    """One line of the caller's. began, ended: its first and last sample that are not silence."""

    text: str
    began: float
    ended: float
    answered: float | None = None  # the first sound, of what was sent after `ended`, that the caller heard

    @property
    def latency(self) -> float | None:
        """Seconds from the end of the line to the first sound of its answer."""
        return None if self.answered is None else self.answered - self.ended


@dataclass(slots=True)
class Interruption:
    """The caller began to speak while the assistant was heard."""

    began: float
    silent: float | None = None  # when the assistant was heard no more
    cleared: bool = False  # because it cleared its audio, and not because it had finished

    @property
    def latency(self) -> float | None:
        """Seconds from the caller's first sound to silence."""
        return None if self.silent is None else self.silent - self.began


@dataclass(frozen=True, slots=True)
class Dialled:
    """Somebody whom Twilio was told to dial. shown: the caller id; rings: seconds at most.

    whispered: what Twilio said to whoever answered, before the caller was put through.
    """

    target: str
    shown: str
    rings: float
    outcome: Outcome
    whispered: tuple[str, ...] = ()


@dataclass(slots=True)
class PhoneCall:
    """One call, while it goes on and after it.

    heard, said: what the caller heard and said from beginning to end, μ-law at 8 kHz, of equal length.
    warnings: how many messages Twilio would have warned of, by code. stream_errors: as the stream's status callback
    reports them. close_codes: of each stream's socket, in order. dialled: who was dialled last; dials: everybody,
    with how it went. pressed: the keys that the bot had pressed, each time. playout: knows at which moment what
    had been heard.
    """

    call_sid: str
    playout: PlayOut
    stream_sids: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)  # the webhooks asked, by path and method, in order
    said_by_twiml: list[str] = field(default_factory=list)
    dialled: str = ""
    dials: list[Dialled] = field(default_factory=list)
    pressed: list[str] = field(default_factory=list)
    ended_by: EndedBy = "twiml"
    trouble: str = ""  # one sentence, where the call did not go through to its end
    seconds: float = 0.0
    heard: bytes = b""
    said: bytes = b""
    transcript: list[Note] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    interruptions: list[Interruption] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)  # sent back, in order
    warnings: Counter[int] = field(default_factory=Counter)
    stream_errors: list[int] = field(default_factory=list)
    close_codes: list[int | None] = field(default_factory=list)
    assistant_heard: bool = False  # a sound that came by a stream, not the TwiML's own <Say>

    @property
    def silent(self) -> bool:
        """Whether the caller heard nothing at all."""
        return leading_quiet(self.heard) == len(self.heard)
