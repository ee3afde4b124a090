"""What Twilio's voice webhooks say, checked and cleaned. Pure: fields in, a typed value out.

Source: https://www.twilio.com/docs/usage/webhooks/voice-webhooks. Every field is optional there, and several are the
caller's own words (SIP headers, names): they are cut to size and lose everything unprintable.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.call.events import CallerFacts
from webhooks.carried import Carried

_SID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_TOLD = frozenset(
    {"CallerName", "Direction", "ForwardedFrom", "FromCity", "FromCountry", "FromState", "SipDomain", "StirVerstat"}
)
_OVER = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
_ERROR_CODE = re.compile(r"(?<!\d)[1-9]\d{4}(?!\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class VoiceRequest:
    """One request about one call.

    dialled: how dialling somebody went, empty if it was not tried; transfer: it was a transfer;
    about: the call that another one is about; carried: of a call that the bot placed; answered_by: who, by Twilio's
    answering machine detection.
    """

    facts: CallerFacts
    account: str = ""
    status: str = ""
    dialled: str = ""
    again: bool = False
    transfer: bool = False
    about: str = ""
    carried: Carried = field(default_factory=Carried)
    answered_by: str = ""
    stream_event: str = ""
    error_code: str = ""

    @property
    def call_id(self) -> str:
        """The CallSid; empty where it was missing or is none."""
        return self.facts.call_id

    @property
    def over(self) -> bool:
        """Whether nobody is on the line any more."""
        return self.status in _OVER


def read(fields: Mapping[str, str], query: Mapping[str, str] | None = None) -> VoiceRequest:
    """Make sense of a webhook's fields.

    fields: of query and form together; query: that of the address alone, which is ours: a form may hold what a
    softphone made up.
    """
    carried = Carried.of(query or {})
    call_id = fields.get("CallSid", "")
    facts = CallerFacts(
        call_id=call_id if _SID.fullmatch(call_id) else "",
        caller=clean(fields.get("From", "")),
        called=clean(fields.get("To", "")),
        parameters=dict(carried.parameters)
        | {
            clean(name): clean(value)
            for name, value in fields.items()
            if value and (name in _TOLD or name.startswith("SipHeader_"))
        },
    )
    return VoiceRequest(
        facts=facts,
        account=fields.get("AccountSid", ""),
        status=fields.get("CallStatus", ""),
        dialled=fields.get("DialCallStatus", ""),
        again=fields.get("again", "") == "1",
        transfer=fields.get("transfer", "") == "1",
        carried=carried,
        answered_by=clean(fields.get("AnsweredBy", ""))[:40],
        about=about if _SID.fullmatch(about := fields.get("call", "")) else "",
        stream_event=clean(fields.get("StreamEvent", ""))[:40],
        error_code=error_code(fields.get("ErrorCode", "") or fields.get("StreamError", "")),
    )


def clean(value: str) -> str:
    """Text without control characters, at most 499 characters long."""
    return "".join(letter for letter in value[:499] if letter.isprintable())


def error_code(text: str) -> str:
    """The five digits of a Twilio error in `text`, or `unknown`."""
    found = _ERROR_CODE.search(text)
    return found[0] if found else "unknown"
