"""`voicebot twilio numbers`: what the account's numbers and SIP Domains point at, for people and for machines."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from webhooks.console.account import Account
from webhooks.console.numbers import every_number
from webhooks.console.pointing import Pointing
from webhooks.console.target import Target, shown


class Entry(msgspec.Struct, frozen=True):
    """A number or a SIP Domain, as `--json` prints it.

    answered_by: `webhook`, `application`, `trunk` or `nothing`; this_bot: whether its calls reach PUBLIC_URL; url:
    the webhook that is asked, the application's where there is one. Passwords in addresses are not shown.
    """

    name: str
    sid: str
    label: str
    voice: bool
    answered_by: str
    this_bot: bool
    url: str
    method: str
    fallback_url: str
    status_callback: str
    application: str = ""
    trunk: str = ""


class Listing(msgspec.Struct, frozen=True):
    """What an account holds. public_url: what `this_bot` was judged by; empty where it is not set."""

    account: str
    public_url: str
    numbers: list[Entry]
    sip_domains: list[Entry]


def list_all(account: Account, target: Target | None) -> Listing:
    """Ask Twilio for all of it. Raises ConsoleError."""
    numbers = every_number(account)
    applications = {}
    if any(number.pointing.voice_application_sid for number in numbers):
        applications = {one.sid: Pointing.of(one) for one in account.all(lambda account: account.applications)}
    domains = account.all(lambda account: account.sip.domains)
    return Listing(
        account.sid,
        target.base if target else "",
        [
            _entry(
                number.number,
                number.sid,
                number.name,
                number.pointing,
                target,
                voice=number.voice,
                application=applications.get(number.pointing.voice_application_sid),
            )
            for number in numbers
        ],
        [
            _entry(one.domain_name or "", one.sid or "", one.friendly_name or "", Pointing.of_domain(one), target)
            for one in domains
        ],
    )


def lines(listing: Listing) -> Iterator[str]:
    """The same for people."""
    if not listing.numbers:
        yield f"The account {listing.account} has no number. Buy one in the Console: Phone Numbers, Buy a number."
    for entry in [*listing.numbers, *listing.sip_domains]:
        label = f"  {entry.label}" if entry.label not in ("", entry.name) else ""
        yield f"{entry.name}{label}{'  <- this bot' if entry.this_bot else ''}"
        yield f"  {_in_words(entry)}"
    if not listing.public_url:
        yield "PUBLIC_URL is not set, so that none of them is known as this bot's."


def _in_words(entry: Entry) -> str:
    asked = f"{entry.method} {entry.url}" if entry.url else "nothing"
    if entry.trunk:
        return f"trunk {entry.trunk}; its webhook is ignored"
    if entry.application:
        return f"application {entry.application}, which asks {asked}; the number's own webhook is ignored"
    return asked if entry.voice else "takes no calls"


def _entry(
    name: str,
    sid: str,
    label: str,
    own: Pointing,
    target: Target | None,
    *,
    voice: bool = True,
    application: Pointing | None = None,
) -> Entry:
    by_application = own.voice_application_sid and not own.trunk_sid
    used = (application or Pointing()) if by_application else own
    if own.trunk_sid:
        answered_by = "trunk"
    elif by_application:
        answered_by = "application"
    else:
        answered_by = "webhook" if own.voice_url else "nothing"
    return Entry(
        name,
        sid,
        label,
        voice,
        answered_by,
        this_bot=bool(target and voice and not own.trunk_sid and target.is_voice(used.voice_url)),
        url=shown(used.voice_url),
        method=used.voice_method,
        fallback_url=shown(used.voice_fallback_url),
        status_callback=shown(used.status_callback),
        application=own.voice_application_sid,
        trunk=own.trunk_sid,
    )
