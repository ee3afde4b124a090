"""Which persona answers which call. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

from bot.call.events import CallerFacts
from bot.persona.persona import Persona

_SIP = re.compile(
    r"(?:[^<]*<)?\s*sips?:(?P<user>[^@;:>\s]*)(?:;[^@>\s]*|:[^@>\s]*)?@(?P<host>\[[^\]]*\]|[^;:>?\s]*)", re.I
)
_NUMBER = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
# `acme.sip.dublin.twilio.com` and `acme.sip.us1.twilio.com` are the domain `acme.sip.twilio.com` by another edge:
# https://www.twilio.com/docs/voice/api/sending-sip
_EDGE = re.compile(r"(?P<domain>[^.]+)\.sip\.[^.]+\.twilio\.com")


@dataclass(frozen=True, slots=True)
class Address:
    """What a call can be for. value: as it is compared."""

    kind: Literal["number", "sip", "client"]
    value: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A persona answers calls for `address`. key, position: where its table says so."""

    address: Address
    key: str
    position: int


def claims(persona: Persona) -> Iterator[Claim]:
    """Every address that a persona says is its own."""
    for position, number in enumerate(persona.numbers):
        yield Claim(Address("number", number), "numbers", position)
    for position, name in enumerate(persona.sip):
        user, _, host = name.partition("@")
        yield Claim(_sip(user, host), "sip", position)
    for position, name in enumerate(persona.clients):
        yield Claim(Address("client", name), "clients", position)


def wanted(facts: CallerFacts) -> Iterator[Address]:
    """What a call is for, the best first: whom it calls, and, by SIP or from a client, who calls.

    A caller's number is not among them: it says nothing of whom the caller wants.
    """
    yield from _read(facts.called)
    yield from (address for address in _read(facts.caller) if address.kind != "number")


def choose(personas: Sequence[Persona], facts: CallerFacts) -> Persona:
    """Who answers this call. personas: one of them the default, or only one."""
    owners = {claim.address: persona for persona in personas for claim in claims(persona)}
    for address in wanted(facts):
        if address in owners:
            return owners[address]
    return next((persona for persona in personas if persona.default), personas[0])


def _read(text: str) -> Iterator[Address]:
    """The addresses that Twilio's `From` or `To` stands for, the narrowest first."""
    if text.startswith("client:"):
        yield Address("client", text.removeprefix("client:"))
    elif found := _SIP.match(text):
        user = unquote(found["user"])
        yield _sip(user, found["host"])
        yield _sip(user, "")
        if _NUMBER.fullmatch(user):
            yield Address("number", user)
    elif _NUMBER.fullmatch(text):
        yield Address("number", text)


def _sip(user: str, host: str) -> Address:
    """A SIP address without regard to case, scheme, port, parameters and Twilio's edge."""
    host = host.lower().rstrip(".")
    if edge := _EDGE.fullmatch(host):
        host = f"{edge['domain']}.sip.twilio.com"
    return Address("sip", f"{user.casefold()}@{host}" if host else user.casefold())
