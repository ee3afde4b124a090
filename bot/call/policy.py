"""What the settings say about a call, and what the model is told in moments that the settings do not know."""

from __future__ import annotations

from dataclasses import dataclass

GREET = "Greet the caller in one short sentence and ask how you can help."
ASK_TO_REPEAT = "You missed what the caller just said. Ask the caller to say it again, in one short sentence."
CONTINUE = "A fault cut off your last reply. Give the caller the rest of it, briefly, without greeting."


@dataclass(frozen=True, slots=True)
class Policy:
    """What the settings say about a call. Times in seconds."""

    greeting: str = "Hello! How can I help you?"
    longest_silence: float = 6.0
    longest_call: float = 3600.0
    reconnected: str = "Sorry, the line dropped for a moment."
    blocked: str = "I'm sorry, I can't help with that. Is there anything else?"
