"""What a call that the bot places carries with it, in the addresses of its webhooks.

Nothing of it is kept here, so that a restarted process or another instance can go on with the call. Twilio signs the
whole address: what comes back is what we wrote. Letters that an address may hold as they are, and no others: whoever
writes an address anew on the way would break the signature.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import msgspec

MOST_PARAMETERS = 10
LONGEST_VALUE = 200  # characters
LONGEST_PACKED = 2000  # characters of an address

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}", re.ASCII)
_PACKED = re.compile(rf"[A-Za-z0-9_-]{{1,{LONGEST_PACKED}}}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Carried:
    """persona: who speaks, empty for a call that came in; parameters: what its templates may name."""

    persona: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Self:
        """Read the query of a webhook. What makes no sense is left out."""
        persona = query.get("persona", "")
        if not _NAME.fullmatch(persona):
            return cls()
        return cls(persona, _unpacked(query.get("with", "")))

    @property
    def query(self) -> str:
        """The query to append to an address; empty where there is nothing to carry."""
        if not self.persona:
            return ""
        return f"persona={self.persona}" + (f"&with={_packed(self.parameters)}" if self.parameters else "")


def problem(parameters: Mapping[str, str]) -> str:
    """Why these parameters cannot be carried, in a sentence; empty where they can."""
    if len(parameters) > MOST_PARAMETERS:
        return f"`parameters` should be at most {MOST_PARAMETERS}."
    if not all(_NAME.fullmatch(name) for name in parameters):
        return "The names of `parameters` should be letters, digits, - and _, and begin with a letter."
    if not all(len(value) <= LONGEST_VALUE and value.isprintable() for value in parameters.values()):
        return f"The values of `parameters` should be at most {LONGEST_VALUE} letters in one line."
    if len(_packed(parameters)) > LONGEST_PACKED:
        return "`parameters` are too long together."
    return ""


def _packed(parameters: Mapping[str, str]) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(parameters)).decode().rstrip("=")


def _unpacked(text: str) -> dict[str, str]:
    if not _PACKED.fullmatch(text):
        return {}
    try:
        packed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        parameters = msgspec.json.decode(packed, type=dict[str, str])
    except (binascii.Error, msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return {} if problem(parameters) else parameters
