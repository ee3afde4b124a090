"""What the softphone needs for calls through Twilio: a TwiML App, and an API key whose secret stands in `.env`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from webhooks.console.account import Account
from webhooks.console.changes import Changes
from webhooks.console.env_file import EnvFile
from webhooks.console.errors import ConsoleError
from webhooks.console.pointing import Pointing, difference
from webhooks.console.target import Target

type Show = Callable[[str], None]

NAME = "voicebot softphone"
APP, KEY, SECRET = "TWILIO_TWIML_APP_SID", "TWILIO_API_KEY_SID", "TWILIO_API_KEY_SECRET"
SETTINGS = (APP, KEY, SECRET)
_NO_GOOD = (20403, 70051)  # of a key that may do less than a standard one; softphones cannot use such


def set_up(
    account: Account,
    target: Target,
    env_file: EnvFile,
    environment: Mapping[str, str],
    changes: Changes,
    show: Show,
    *,
    name: str = NAME,
    new_key: bool = False,
    dry_run: bool = False,
) -> None:
    """Make both, or bring what is there up to date, and write the three settings. Raises ConsoleError.

    environment: settings as they are now; name: by which the application is found again; new_key: make another key
    even if the one in the settings works.
    """
    env_file.check()
    found = _find(account, name)
    before, wanted = Pointing.of(found) if found else Pointing(), Pointing.at(target)
    keep_key = not new_key and _works(account, environment.get(KEY, ""), environment.get(SECRET, ""))
    show(f'TwiML App "{name}" {found.sid if found else "(new)"}')
    for line in difference(before, wanted):
        show(line)
    show(f"API key {environment[KEY]}: works, and stays." if keep_key else f'API key "{name}" (new)')
    show(f"{env_file.path}: {APP if keep_key else ', '.join(SETTINGS)}")
    if dry_run:
        show("Nothing was changed (--dry-run).")
        return
    app_sid = _application(account, found, name, before, wanted, changes)
    if keep_key and environment.get(APP) == app_sid:
        show("Done. The settings were right already.")
        return
    if keep_key:
        with changes.making(f"{APP} was written to {env_file.path}"):
            env_file.put({APP: app_sid})
    else:
        _make_key(account, env_file, name, app_sid, changes)
        if environment.get(KEY):
            show(
                f"The key used before, {environment[KEY]}, was left alone. Delete it in the Console if nothing else "
                "uses it."
            )
    show("Done. Start the bot again, and the softphone offers calls through Twilio (docs/softphone.md).")


def _find(account: Account, name: str) -> Any:  # noqa: ANN401 - Twilio's client has no types
    records = account.all(lambda account: account.applications, friendly_name=name)
    found = [record for record in records if record.friendly_name == name]
    if len(found) > 1:
        raise ConsoleError(
            f'The account has {len(found)} TwiML Apps named "{name}": {", ".join(str(one.sid) for one in found)}. '
            "Rename or delete all but one in the Console, or choose another name with --name."
        )
    return found[0] if found else None


def _application(
    account: Account,
    found: Any,  # noqa: ANN401 - Twilio's client has no types
    name: str,
    before: Pointing,
    wanted: Pointing,
    changes: Changes,
) -> str:
    """The application's SID, once it points here."""
    if found is not None and before == wanted:
        return str(found.sid)
    fields = wanted.addresses
    if found is None:
        with changes.making(f'the TwiML App "{name}" was made'):
            record = account.ask(lambda account: account.applications.create(friendly_name=name, **fields))
    else:
        with changes.making(f'the TwiML App "{name}" was pointed at this bot'):
            record = account.ask(lambda account: account.applications(found.sid).update(**fields))
    if not isinstance(record.sid, str) or not record.sid.startswith("AP"):
        raise ConsoleError("What answered was not Twilio. Look for the TwiML App in the Console.", unsure=True)
    return record.sid


def _works(account: Account, key_sid: str, secret: str) -> bool:
    """Whether these are a key of this account and its secret."""
    if not key_sid or not secret:
        return False
    try:
        account.ask_with_key(key_sid, secret, lambda account: account.applications.list(limit=1, page_size=1))
    except ConsoleError as error:
        if error.refused or error.code in _NO_GOOD:
            return False
        raise
    return True


def _make_key(account: Account, env_file: EnvFile, name: str, app_sid: str, changes: Changes) -> None:
    """Make a key and write it down. Twilio shows its secret this once: what cannot be written is deleted again."""
    making = f'an API key "{name}" was made (delete it in the Console, as nobody has its secret)'
    key = None
    try:
        with changes.making(making):
            key = account.ask(lambda account: account.new_keys.create(friendly_name=name))
        if not key.sid or not key.secret:
            raise ConsoleError("Twilio showed no secret for the new key. Try again.")
        with changes.making(f"{APP}, {KEY} and {SECRET} were written to {env_file.path}"):
            env_file.put({APP: app_sid, KEY: key.sid, SECRET: key.secret})
    except (ConsoleError, ValueError, KeyboardInterrupt) as error:
        if key is None:
            raise
        if _is_written(env_file, key.secret):
            changes.undone(making)
            raise
        told = _take_back(account, str(key.sid), making, changes)
        if isinstance(error, KeyboardInterrupt):
            raise ConsoleError(f"Stopped. {told}") from None
        raise ConsoleError(f"{error} {told}") from None


def _is_written(env_file: EnvFile, secret: str) -> bool:
    """Whether the file has it after all: Ctrl-C may have come just behind the writing."""
    try:
        return bool(secret) and secret in env_file.path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False


def _take_back(account: Account, key_sid: str, making: str, changes: Changes) -> str:
    try:
        account.ask(lambda account: account.keys(key_sid).delete())
    except (ConsoleError, KeyboardInterrupt):
        told = f"The new API key {key_sid} could not be deleted again."
        return f"{told} Delete it in the Console, as nobody has its secret."
    changes.undone(making)
    return f"The new API key {key_sid} was deleted again, as its secret could not be kept."
