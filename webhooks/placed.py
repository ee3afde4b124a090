"""The calls that the bot has placed, as far as they have come. Bounded: the oldest are forgotten."""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.call.events import CallerFacts

MOST_REMEMBERED = 1000
_RINGS_FOR = 90.0  # seconds; Twilio's 60 s of ringing, and what comes before

OVER = frozenset({"completed", "busy", "no-answer", "failed", "canceled"})


@dataclass(slots=True)
class PlacedCall:
    """One call. steps: one word for each thing that happened; answered_by: what Twilio found, once it has.

    letting_go: Twilio was told to end it, with a message or without.
    """

    facts: CallerFacts
    placed_at: float | None = None
    steps: list[str] = field(default_factory=list)
    answered_by: str = ""
    letting_go: bool = False

    @property
    def over(self) -> bool:
        """Whether the call has ended."""
        return not OVER.isdisjoint(self.steps)

    def step(self, word: str) -> bool:
        """Something happened; False where that is known already."""
        if word in self.steps:
            return False
        self.steps.append(word)
        return True


class PlacedCalls:
    """By call id.

    A webhook may speak of a call before Twilio's answer to us has told its id, or of another instance's.
    """

    def __init__(self) -> None:
        self._calls: dict[str, PlacedCall] = {}

    def find(self, call_id: str) -> PlacedCall | None:
        """What is known of the call; None: nothing."""
        return self._calls.get(call_id)

    def call(self, call_id: str) -> PlacedCall:
        """What is known of the call, to be added to."""
        if call_id not in self._calls:
            while len(self._calls) >= MOST_REMEMBERED:
                del self._calls[next(iter(self._calls))]
            self._calls[call_id] = PlacedCall(CallerFacts(call_id))
        return self._calls[call_id]

    def placed(self, facts: CallerFacts, now: float) -> None:
        """Twilio has taken the call. now: seconds, never going back."""
        call = self.call(facts.call_id)
        call.facts, call.placed_at = facts, now
        if "queued" not in call.steps:
            call.steps.insert(0, "queued")

    def ringing(self, now: float) -> int:
        """Calls that nobody has answered yet, and that will need room when somebody does."""
        return sum(
            call.placed_at is not None
            and now - call.placed_at < _RINGS_FOR
            and "answered" not in call.steps
            and not call.over
            for call in self._calls.values()
        )
