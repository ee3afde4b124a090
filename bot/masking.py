"""Phone numbers and addresses as a log may show them."""

from __future__ import annotations

import re

_SHOWN = 2
_SIP = re.compile(r"(sips?:)(?:[^@]*)@([A-Za-z0-9.\-\[\]:]+)")


def mask(number: str) -> str:
    """Hide who is meant, but leave enough to tell two callers apart.

    A number keeps its last two digits, a SIP address its host, a client only that it is one, anything else nothing.
    Empty stays empty.
    """
    if not number:
        return ""
    if number.startswith("client:"):
        return "client:***"
    if sip := _SIP.match(number):
        return f"{sip[1]}***@{sip[2]}"
    digits = re.sub(r"\D", "", number)
    if re.fullmatch(r"(?:tel:)?\+?[\d\s().-]+", number) and len(digits) > 2 * _SHOWN:
        return f"***{digits[-_SHOWN:]}"
    return "***"
