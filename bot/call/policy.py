"""What the persona says about a call, and what the model is told in moments that no persona knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

GREET = "Greet the caller in one short sentence and ask how you can help."
ASK_TO_REPEAT = "You missed what the caller just said. Ask the caller to say it again, in one short sentence."
ASK_FOR_KEYS = "Ask the caller, in one short sentence, to press what you need on the keys of the phone. Then wait."
CONTINUE = "A fault cut off your last reply. Give the caller the rest of it, briefly, without greeting."

END_CALL = "end_call"
TRANSFER_CALL = "transfer_call"
SEND_DIGITS = "send_digits"
BUILT_IN = frozenset({END_CALL, TRANSFER_CALL, SEND_DIGITS})


@dataclass(frozen=True, slots=True)
class Target:
    """Who a caller may be transferred to. to: a number, SIP address or client; seconds: how long it may ring.

    warm: whoever answers hears a summary first.
    """

    to: str
    warm: bool = False
    seconds: int = 20


@dataclass(frozen=True, slots=True)
class DigitsWanted:
    """Keys that a tool or a persona waits for. pause: seconds after a key that end them; length: as many at most."""

    pause: float = 1.5
    length: int = 32
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Phrases:
    """What the assistant says word for word in moments that the model does not decide."""

    reconnected: str = "Sorry, the line dropped for a moment."
    blocked: str = "I'm sorry, I can't help with that. Is there anything else?"
    moment: str = "One moment, please."
    still_there: str = "Are you still there?"
    goodbye: str = "Thank you for calling. Goodbye!"
    transferring: str = "One moment please, I am connecting you."


@dataclass(frozen=True, slots=True)
class Policy:
    """What the persona says about a call. Times in seconds; 0 or none: never."""

    greeting: str = "Hello! How can I help you?"
    longest_silence: float = 6.0
    longest_call: float = 3600.0
    phrases: Phrases = field(default_factory=Phrases)
    idle_after: float = 10.0  # in which neither side speaks
    idle_prompts: int = 2
    wordless_turns: int = 6  # in a row
    moment_after: float = 2.0  # of a tool that takes long
    digits: DigitsWanted = field(default_factory=DigitsWanted)
    tool_digits: Mapping[str, DigitsWanted] = field(default_factory=dict)  # tools that want keys, by name
    targets: Mapping[str, Target] = field(default_factory=dict)
    approves: Mapping[str, Callable[[str], bool]] = field(
        default_factory=dict
    )  # a tool of an MCP server, by its label
    may: frozenset[str] = BUILT_IN  # what the assistant itself may do to the call
    telephone: bool = True  # a network is behind the leg that can dial and press keys
