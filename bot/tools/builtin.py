"""The tools that every persona may be given without a line of Python: end the call, transfer it, press keys.

The call machine reads what a model asks for, and does it (`bot.call.parting`). Here is what a model is told of them:
the docstrings of `EndCall`, `TransferCall` and `SendDigits`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated

from pydantic import Field

from bot.call.parting import END_CALL, SEND_DIGITS, TRANSFER_CALL
from bot.tools.schema import Arguments, ToolDefinition, describe

_MOST_WORDS = 1000  # characters of what is said


@dataclass(frozen=True, slots=True)
class EndCall:
    """End the phone call, when the caller has said goodbye or needs nothing more. Say goodbye first."""

    goodbye: Annotated[
        str,
        "The goodbye to speak before the line closes, if you have not said one.",
        Field(max_length=_MOST_WORDS),
    ] = ""


@dataclass(frozen=True, slots=True)
class TransferCall:
    """Put the caller through to somebody else. Tell the caller first whom you are calling."""

    target: Annotated[str, "Whom to call."]
    summary: Annotated[
        str,
        "One sentence for the person who answers: who calls, and why.",
        Field(max_length=_MOST_WORDS),
    ] = ""


@dataclass(frozen=True, slots=True)
class SendDigits:
    """Press keys on the phone, for a menu at the other end. The line is silent for some seconds meanwhile."""

    digits: Annotated[
        str,
        "The keys to press, one after the other; w waits half a second.",
        Field(pattern="^[0-9*#w]{1,32}$"),  # Twilio's <Play digits>
    ]


_REQUESTS: Mapping[str, type[EndCall | TransferCall | SendDigits]] = MappingProxyType(
    {END_CALL: EndCall, TRANSFER_CALL: TransferCall, SEND_DIGITS: SendDigits}
)
_ARGUMENTS: Mapping[str, Arguments] = MappingProxyType(
    {name: describe(request) for name, request in _REQUESTS.items()}
)


def built_in_definition(name: str, transfer: Mapping[str, str]) -> ToolDefinition | None:
    """What a model is told of a built-in tool; None where it has nobody to transfer to.

    transfer: the persona's targets, name to description. Raises KeyError where `name` is not built in.
    """
    arguments = _ARGUMENTS[name]
    parameters = arguments.parameters
    if name == TRANSFER_CALL:
        if not transfer:
            return None
        whom = "; ".join(
            f"{target}: {description}" if description else target for target, description in transfer.items()
        )
        target = {"type": "string", "enum": list(transfer), "description": f"Whom to call. {whom}"}
        parameters = {**parameters, "properties": {**parameters["properties"], "target": target}}
    return ToolDefinition(name, arguments.description, parameters)
