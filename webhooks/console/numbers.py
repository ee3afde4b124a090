"""The account's numbers: what they point at, pointed at this bot, and back again."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bot.setting_kinds import NUMBER
from webhooks.console.account import Account
from webhooks.console.changes import Changes
from webhooks.console.errors import ConsoleError
from webhooks.console.pointing import Pointing, difference
from webhooks.console.remembered import Memory, Remembered
from webhooks.console.target import Target

type Show = Callable[[str], None]

_PUNCTUATION = re.compile(r"[\s().\-/\u00a0\u2010-\u2015]")


@dataclass(frozen=True, slots=True)
class Number:
    """A number of the account. number: in E.164; voice: whether it can be called at all."""

    sid: str
    number: str
    name: str
    voice: bool
    pointing: Pointing

    @classmethod
    def of(cls, record: Any) -> Number:  # noqa: ANN401 - Twilio's client has no types
        """As Twilio has it."""
        able = record.capabilities
        voice = bool(able.get("voice", True)) if isinstance(able, dict) else True
        return cls(
            record.sid or "", record.phone_number or "", record.friendly_name or "", voice, Pointing.of(record)
        )


def parse(given: str) -> str:
    """A number as a person writes it, in E.164. Raises ConsoleError where its country is missing."""
    number = _PUNCTUATION.sub("", given)
    number = f"+{number[2:]}" if number.startswith("00") else number
    if not NUMBER.fullmatch(number):
        raise ConsoleError(
            f"{given} is no number with its country code. Write it as `voicebot twilio numbers` shows it, such as "
            "+14255550100.",
            exit_code=2,
        )
    return number


def every_number(account: Account) -> list[Number]:
    """All numbers of the account. Raises ConsoleError."""
    return [Number.of(record) for record in account.all(lambda account: account.incoming_phone_numbers)]


def find(account: Account, number: str) -> Number:
    """One number of the account. Raises ConsoleError."""
    # Twilio takes this for a pattern, and finds longer numbers too.
    records = account.all(lambda account: account.incoming_phone_numbers, phone_number=number)
    for found in map(Number.of, records):
        if found.number == number:
            return found
    raise ConsoleError(
        f"{number} is not a number of the account {account.sid}. `voicebot twilio numbers` lists those that are; for "
        "a number of a sub-account, set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN to the sub-account's."
    )


def connect(
    account: Account,
    e164: str,
    target: Target,
    memory: Memory,
    changes: Changes,
    show: Show,
    *,
    replace: bool = False,
    dry_run: bool = False,
) -> None:
    """Point a number at this bot, and remember what it pointed at. Raises ConsoleError.

    replace: take it away from a trunk or an application, which would make the webhook ineffective.
    """
    number = find(account, e164)
    before, wanted = number.pointing, Pointing.at(target)
    if not number.voice:
        raise ConsoleError(f"{number.number} takes no calls, messages only. Choose or buy a number with voice.")
    if not replace:
        _refuse_what_is_in_the_way(account, number, target)
    show(_titled(number))
    for line in difference(before, wanted):
        show(line)
    if before == wanted:
        show("It points at this bot already; nothing was changed.")
        return
    if dry_run:
        show("Nothing was changed (--dry-run).")
        return
    known = memory.look(number.sid)
    # Where it is ours since an earlier time, such as by another address, what was there before that is remembered.
    first = known.before if known and known.after == before else before
    with changes.making(f"what {number.number} pointed at was remembered in {memory.path}"):
        memory.keep(number.sid, Remembered.change(number.number, first, wanted))
    try:
        with changes.making(f"{number.number} was pointed at this bot"):
            _write(account, number, before, wanted)
    except ConsoleError as error:
        if not error.unsure:
            _remember_again(memory, number.sid, known)
            changes.undone(f"what {number.number} pointed at was remembered in {memory.path}")
        raise
    show(f"Done. `voicebot twilio disconnect {number.number}` puts back what was there before.")


def disconnect(
    account: Account,
    e164: str,
    memory: Memory,
    changes: Changes,
    show: Show,
    *,
    replace: bool = False,
    dry_run: bool = False,
) -> None:
    """Put back what a number pointed at before it was connected. Raises ConsoleError.

    replace: even if somebody has changed it since.
    """
    number = find(account, e164)
    known = memory.look(number.sid)
    if known is None:
        raise ConsoleError(
            f"What {number.number} pointed at before is not remembered in {memory.path}. Run this in the folder "
            "where it was connected, or set it in the Console; now it points at: " + number.pointing.gist + "."
        )
    before, wanted = number.pointing, known.before
    if before not in (wanted, known.after) and not replace:
        raise ConsoleError(
            f"{number.number} was changed since it was connected, and points at: {before.gist}. Leave it, or add "
            f"--replace to put back what was there before: {wanted.gist}."
        )
    show(_titled(number))
    for line in difference(before, wanted):
        show(line)
    if dry_run:
        show("Nothing was changed (--dry-run).")
        return
    if before != wanted:
        with changes.making(f"{number.number} was put back to what it pointed at before"):
            _write(account, number, before, wanted)
    memory.forget(number.sid)
    show("Done. It points again at what it pointed at before.")


def _refuse_what_is_in_the_way(account: Account, number: Number, target: Target) -> None:
    pointing = number.pointing
    if pointing.trunk_sid:
        raise ConsoleError(
            f"{number.number} belongs to the Elastic SIP trunk {pointing.trunk_sid}, and Twilio ignores a webhook "
            "there. Take it off the trunk in the Console (Elastic SIP Trunking, Manage, Trunks, Numbers), or add "
            "--replace: `disconnect` gives it back to the trunk."
        )
    if sid := pointing.voice_application_sid:
        try:
            application = account.ask(lambda account: account.applications(sid).fetch())
            name, ours = f' "{application.friendly_name}"', target.is_voice(application.voice_url or "")
        except ConsoleError as error:
            if not error.missing:
                raise
            name, ours = ", which is no more", False
        if ours:
            raise ConsoleError(
                f"{number.number} reaches this bot already, by the application {sid}{name}. Leave it so, or add "
                "--replace to point it here without the application."
            )
        raise ConsoleError(
            f"{number.number} is answered by the application {sid}{name}, and Twilio ignores the number's own "
            "webhook then. Change the application in the Console, or add --replace: `disconnect` gives the number "
            "back to it."
        )


def _write(account: Account, number: Number, before: Pointing, wanted: Pointing) -> None:
    change = wanted.change_from(before)
    record = account.ask(lambda account: account.incoming_phone_numbers(number.sid).update(**change))
    now = Pointing.of(record)
    if now != wanted:
        raise ConsoleError(
            f"Twilio took the change, but {number.number} points now at: {now.gist}. Look at it in the Console.",
            unsure=True,
        )


def _remember_again(memory: Memory, number_sid: str, known: Remembered | None) -> None:
    if known is None:
        memory.forget(number_sid)
    else:
        memory.keep(number_sid, known)


def _titled(number: Number) -> str:
    plain = _PUNCTUATION.sub("", number.name)
    named = plain and plain not in number.number
    return f"{number.number} ({number.name})" if named else number.number
