"""Which worker a connection is for, by the first bytes of what it asks. Pure: bytes in, a route out.

Each worker gives Twilio addresses of its own, `/w/3/media`, so that all of a call comes back to the worker that has
it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LONGEST_HEAD = 8 * 1024  # bytes that are looked at; Twilio's heads have one or two thousand

_BLANK = b"\r\n"
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}( |$)")  # a method, RFC 9110, section 5.6.2
_REQUEST = re.compile(rb"[^ \r\n]{1,32} ([^ ?#\r\n]*)[ ?#\r\n]")
_TAGGED = re.compile(r"/w/(\d{1,2})(/voice(?:/.*)?|/media)", re.ASCII | re.DOTALL)
_OF_CALL = re.compile(r"/calls/([\w-]{1,64})/(?:events|live|hang-up|transfer)", re.ASCII)
# Said by Twilio alike when it asks a second time: https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides
_DELIVERY = re.compile(rb"(?i)\ni-twilio-idempotency-token:[ \t]*([!-~]{1,128})[ \t]*\r?\n")


@dataclass(frozen=True, slots=True)
class NewCall:
    """A call comes in: for the worker with the fewest. delivery: alike in Twilio's second attempt; may be empty."""

    delivery: bytes = b""


@dataclass(frozen=True, slots=True)
class OfWorker:
    """It belongs to a call that worker `number` has."""

    number: int


@dataclass(frozen=True, slots=True)
class OfCall:
    """It is about a call, for the worker that has it."""

    call_id: str


@dataclass(frozen=True, slots=True)
class OfHouse:
    """Everything else, for worker 0. anyone: another will do where that one is away."""

    anyone: bool = False


type Route = NewCall | OfWorker | OfCall | OfHouse


def tag(number: int) -> str:
    """What the addresses of worker `number` begin with."""
    return f"/w/{number}"


def without_tag(path: str) -> str:
    """The route that is meant by an address that some worker gave to Twilio; any other path as it is.

    Only what Twilio is given can be asked for so: a sign-in under another worker's tag would be counted anew.
    """
    found = _TAGGED.fullmatch(path)
    return found[2] if found else path


def route(head: bytes, prefix: str = "") -> Route | None:
    """Where a connection belongs that begins with `head`; None: more of it has to come first.

    prefix: the path of PUBLIC_URL, which the proxy may have taken off or not.
    """
    start = head[:LONGEST_HEAD].lstrip(_BLANK)
    enough = len(head) >= LONGEST_HEAD
    found = _REQUEST.match(start)
    if found is None:
        hopeless = enough or (start and (b"\n" in start or not _TOKEN.match(start)))
        return OfHouse() if hopeless else None
    path = found[1].decode("latin-1")
    if prefix and path.startswith(prefix + "/"):
        path = path[len(prefix) :]
    if tagged := _TAGGED.fullmatch(path):
        return OfWorker(int(tagged[1]))
    if about := _OF_CALL.fullmatch(path):
        return OfCall(about[1])
    if path == "/voice":
        return _new_call(start, enough=enough)
    return OfHouse(anyone=path.startswith("/voice/") or path in ("/media", "/health", "/ready"))


def _new_call(start: bytes, *, enough: bool) -> NewCall | None:
    end = start.find(b"\r\n\r\n")
    delivery = _DELIVERY.search(start, 0, len(start) if end < 0 else end + 2)
    if delivery is not None:
        return NewCall(delivery[1])
    return NewCall() if enough or end >= 0 or b"\n\n" in start else None
