"""What the assistant itself does to a call: end it, hand it over, press keys. Its wishes are checked here.

The model asks by three functions that every persona may be given. What it asks for is never taken as it stands: a
transfer goes to a target of the persona's and nowhere else, and keys are keys.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from bot.call.commands import Farewell, Outcome
from bot.call.events import ToolCalled
from bot.call.policy import BUILT_IN, END_CALL, SEND_DIGITS, TRANSFER_CALL, Policy

__all__ = ["BUILT_IN", "END_CALL", "SEND_DIGITS", "TRANSFER_CALL", "NotPossible", "Parting", "parting"]

# w waits half a second: https://www.twilio.com/docs/voice/twiml/play
_KEYS = re.compile(r"[0-9*#w]{1,32}", re.ASCII)
_LONGEST_WORDS = 300  # characters of a goodbye or a summary


@dataclass(frozen=True, slots=True)
class Parting:
    """A wish that is granted once the caller has heard why. words: to be said if the model says nothing itself."""

    call: ToolCalled
    farewell: Farewell
    words: str = ""


class NotPossible(Exception):
    """The wish cannot be granted; the text tells the model why."""


def parting(call: ToolCalled, policy: Policy) -> Parting:
    """What a call of a built-in function leads to. Raises NotPossible."""
    if call.name not in policy.may:
        raise NotPossible("There is no such function. Nothing was done.")
    arguments = _arguments(call.arguments)
    if call.name == END_CALL:
        words = _text(arguments, "goodbye") or policy.phrases.goodbye
        return Parting(call, Farewell(Outcome.HANGUP, words=words), words)
    if not policy.telephone:
        raise NotPossible(
            "This call has no telephone network behind it, so this cannot be done here. Tell the caller."
        )
    if call.name == SEND_DIGITS:
        digits = _text(arguments, "digits").replace(" ", "").replace("W", "w")
        if not _KEYS.fullmatch(digits):
            raise NotPossible("digits must be 1 to 32 of 0-9, *, # and w (a pause). Nothing was pressed.")
        return Parting(call, Farewell(Outcome.DIGITS, digits=digits))
    target = policy.targets.get(_text(arguments, "target"))
    if target is None:
        names = ", ".join(policy.targets) or "nobody"
        raise NotPossible(f"There is no such target. Calls can be transferred to: {names}. Nothing was done.")
    summary = _text(arguments, "summary") if target.warm else ""
    words = policy.phrases.transferring
    return Parting(call, Farewell(Outcome.TRANSFER, target.to, target.seconds, summary, words=words), words)


def _arguments(text: str) -> dict[str, object]:
    try:
        arguments = json.loads(text or "{}")
    except (ValueError, RecursionError):
        raise NotPossible("The arguments are not JSON. Nothing was done.") from None
    if not isinstance(arguments, dict):
        raise NotPossible("The arguments must be a JSON object. Nothing was done.")
    return arguments


def _text(arguments: dict[str, object], name: str) -> str:
    value = arguments.get(name, "")
    return " ".join(value.split())[:_LONGEST_WORDS] if isinstance(value, str) else ""
