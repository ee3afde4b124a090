"""User names and passwords that Twilio takes for SIP. No I/O."""

from __future__ import annotations

import re
import string
from collections.abc import Callable

_USER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
SHORTEST = 12
_LENGTH = 20
_LETTERS = string.ascii_letters + string.digits


def problem_of_user(user: str) -> str:
    """What is wrong with a SIP user's name; empty if nothing is."""
    if _USER.fullmatch(user):
        return ""
    return "A SIP user's name should be of 1 to 32 letters, digits, dots, hyphens or underscores, such as alice."


def problem_of_password(password: str) -> str:
    """What is wrong with a password by Twilio's rules; empty if nothing is. The password is not in it.

    https://www.twilio.com/docs/voice/sip/api/sip-credential-resource
    """
    missing = [
        what
        for what, there in {
            f"{SHORTEST} characters": len(password) >= SHORTEST,
            "a digit": any(one in string.digits for one in password),
            "a small letter": any(one in string.ascii_lowercase for one in password),
            "a capital letter": any(one in string.ascii_uppercase for one in password),
        }.items()
        if not there
    ]
    if missing:
        return f"Twilio wants a SIP password to have at least {', '.join(missing)}."
    if not password.isascii() or not password.isprintable():
        return "A SIP password should be of plain ASCII characters, as phones differ in how they send others."
    return ""


def new_password(choose: Callable[[str], str]) -> str:
    """A password that follows the rules. choose: one character of several, such as `secrets.choice`."""
    while True:
        password = "".join(choose(_LETTERS) for _ in range(_LENGTH))
        if not problem_of_password(password):
            return password
