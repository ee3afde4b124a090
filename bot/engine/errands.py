"""What the receptionist can do by tools: put a caller through, and look an order up. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bot.engine.parts import Brief, Call, Line

END_CALL, TRANSFER_CALL, ORDER_STATUS = "end_call", "transfer_call", "order_status"
NO_HUMAN = "I am sorry, nobody can come to the phone right now. Please call again during our opening hours."
NO_ORDERS = "I am sorry, I cannot look up orders here."
NO_SUCH_ORDER = "I am sorry, I find no order with this number. Please say or press it again."
_FAILED = re.compile(r"^\W*error\b|fail|unknown|no such|not possible|cannot|can be transferred to", re.IGNORECASE)
_OVERTAKEN = "Not done"  # how the bot begins the result of a wish that the caller has talked over


@dataclass(frozen=True, slots=True)
class Offer:
    """What this call's tools allow. targets: whom a caller can be put through to, by name."""

    tools: frozenset[str] = frozenset()
    targets: tuple[str, ...] = ()

    @classmethod
    def of(cls, brief: Brief) -> Offer:
        """Read it from the tools that the session was given."""
        transfer = next((tool for tool in brief.tools if tool.name == TRANSFER_CALL), None)
        target = transfer.parameters.get("properties", {}).get("target", {}) if transfer is not None else {}
        names = target.get("enum", ()) if isinstance(target, Mapping) else ()
        return cls(
            frozenset(tool.name for tool in brief.tools), tuple(name for name in names if isinstance(name, str))
        )

    def named(self, words: str) -> str:
        """The target that the caller names; empty where none is."""
        said = f" {' '.join(re.findall('[a-z0-9]+', words.lower()))} "
        return next((name for name in self.targets if f" {spoken(name)} " in said), "")

    def whom(self) -> str:
        """The question whom to call."""
        keys = " or ".join(f"{_NUMBERS[at]} for {spoken(name)}" for at, name in enumerate(self.targets[:9]))
        return f"Whom would you like to speak to? Press {keys}."

    def numbered(self, digit: str) -> str:
        """The target that was offered by this key; empty where none was."""
        at = int(digit) - 1 if len(digit) == 1 and digit.isdecimal() else -1
        return self.targets[at] if 0 <= at < min(9, len(self.targets)) else ""


_NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


class Result(StrEnum):
    """How a tool ended."""

    DONE = "done"
    FAILED = "failed"
    OVERTAKEN = "overtaken"


def spoken(name: str) -> str:
    """A target's name as it is said."""
    return " ".join(re.findall("[a-z0-9]+", name.lower()))


def transfer(at: int, target: str, booked: Sequence[str]) -> Call:
    """The call that puts somebody through. at: how long the conversation is; booked: what was agreed before."""
    summary = f"A caller who has booked {booked[-1]} asks for you." if booked else "A caller asks to speak to you."
    arguments = {"target": target, "summary": summary} if target else {}
    return Call(f"call_{at}_{TRANSFER_CALL}", TRANSFER_CALL, json.dumps(arguments))


def look_up(at: int, number: str) -> Call:
    """The call that looks an order up."""
    return Call(f"call_{at}_{ORDER_STATUS}", ORDER_STATUS, json.dumps({"number": number}))


def name_of(result: Line, conversation: Sequence[Line]) -> str:
    """Which tool this is the result of."""
    calls = (line.name for line in conversation if line.role == "assistant" and line.call_id == result.call_id)
    return next((name for name in calls if name), "")


def outcome(text: str) -> Result:
    """How a tool ended, by what it says."""
    if text.startswith(_OVERTAKEN):
        return Result.OVERTAKEN
    return Result.FAILED if _FAILED.search(text) else Result.DONE


def order_in_words(text: str) -> str:
    """What the tool says of an order; empty where there is none by that number."""
    if outcome(text) is not Result.DONE:
        return "" if "no order" in text else "I am sorry, I cannot look that up right now."
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    match found:
        case {"state": str(state), "arrives": str(arrives)}:
            return f"Your order is {state}, and arrives {arrives}."
        case dict():
            return " ".join(f"{str(name).replace('_', ' ')}: {value}." for name, value in found.items())
    return text if text.endswith((".", "!")) else f"{text}."
