"""`voicebot twilio`: the numbers, the softphone's application and a SIP Domain, set up from here.

Twilio's client is loaded by the commands and not with this module. Tests give the group their HTTP client as click's
`obj`, as in `main(arguments, obj=client)`: no option and no variable can send the credentials anywhere but to Twilio.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec
from dotenv import dotenv_values
from pydantic import TypeAdapter, ValidationError

from bot.setting_kinds import AccountSid
from bot.settings import environment
from webhooks.console.changes import Changes
from webhooks.console.errors import ConsoleError
from webhooks.console.passwords import problem_of_password, problem_of_user
from webhooks.console.remembered import FOLDER, Memory
from webhooks.console.target import Target, public_target

if TYPE_CHECKING:
    from webhooks.console.account import Account

_ENV = Path(".env")
_dry_run = click.option("--dry-run", is_flag=True, help="Only look and show; change nothing, at Twilio or here.")


class Work:
    """What every command works with: the settings, what was changed so far, and the account."""

    def __init__(self, http_client: object) -> None:
        self.changes = Changes()
        self._http_client = http_client
        try:
            self.settings = {name.upper(): value.strip() for name, value in environment(str(_ENV)).items()}
        except UnicodeDecodeError:
            raise ConsoleError(
                f"{_ENV} is not a text file in UTF-8. Save it as one, and run the command again.", exit_code=2
            ) from None
        except OSError as error:
            raise ConsoleError(
                f"{_ENV} cannot be read ({error.strerror}). Put that right, and run the command again.", exit_code=2
            ) from None

    @property
    def target(self) -> Target:
        """Where calls should go. Raises ConsoleError."""
        return public_target(self.settings.get("PUBLIC_URL", ""))

    def account(self) -> Account:
        """The account of the settings, to be entered. Raises ConsoleError."""
        sid = self.settings.get("TWILIO_ACCOUNT_SID", "")
        tokens = [self.settings.get(name, "") for name in ("TWILIO_AUTH_TOKEN", "TWILIO_AUTH_TOKEN_SECONDARY")]
        for name, value in {"TWILIO_ACCOUNT_SID": sid, "TWILIO_AUTH_TOKEN": tokens[0]}.items():
            if not value:
                raise ConsoleError(
                    f"{name} is missing. Copy it from the home page of https://console.twilio.com into {_ENV}.",
                    exit_code=2,
                )
        try:
            TypeAdapter(AccountSid).validate_python(sid)
        except ValidationError:
            raise ConsoleError(
                "TWILIO_ACCOUNT_SID should be AC and 32 hexadecimal digits. Copy it from the home page of "
                "https://console.twilio.com; the SID of an API key (SK…) will not do.",
                exit_code=2,
            ) from None
        if not all(token.isascii() and token.isprintable() for token in tokens):
            raise ConsoleError(
                "TWILIO_AUTH_TOKEN should be of plain ASCII characters. Copy it again from the Console.", exit_code=2
            )
        from webhooks.console.account import Account  # loads Twilio's client

        return Account(sid, [token for token in tokens if token], http_client=self._http_client)


@contextmanager
def _working(context: click.Context) -> Iterator[Work]:
    """Around a command: whatever ends it early is told in sentences, with what was changed until then."""
    work = None
    try:
        work = Work(context.find_root().obj)
        yield work
    except ConsoleError as error:
        _say(str(error), err=True)
        if work and error.exit_code != 2:
            _say(work.changes.so_far(), err=True)
        raise SystemExit(error.exit_code) from None
    except (KeyboardInterrupt, click.Abort):
        _say(f"Stopped. {work.changes.so_far() if work else 'Nothing was changed.'}", err=True)
        raise SystemExit(1) from None


def _say(line: str, *, err: bool = False) -> None:
    """One line to the terminal. Names and addresses in it are others' words: they cannot steer the terminal."""
    click.echo("".join(letter if letter.isprintable() else " " for letter in line), err=err)


@click.group("twilio")
def twilio_command() -> None:
    """Point Twilio at this bot: numbers, the softphone's application, a SIP Domain.

    The account is TWILIO_ACCOUNT_SID with TWILIO_AUTH_TOKEN, the bot's address is PUBLIC_URL, of the environment or
    of `.env`. Exit code: 0 if it was done, 1 if not, 2 for a wrong option or setting. `docs/twilio.md` says more.
    """


_TRIAL = (
    "This is a trial account. Twilio says that it streams no calls there: the caller hears that the verb is not "
    "available, and never the assistant. Upgrade the account in the Console."
)


def _warn_of_trial(account: Account) -> None:
    if account.is_trial():
        click.echo(_TRIAL, err=True)


@twilio_command.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_context
def numbers(context: click.Context, as_json: bool) -> None:
    """List the account's numbers and SIP Domains, and what answers their calls now. Changes nothing."""
    with _working(context) as work:
        target = work.target if work.settings.get("PUBLIC_URL") else None
        with work.account() as account:
            from webhooks.console.listing import lines, list_all

            listing = list_all(account, target)
        if as_json:
            click.echo(msgspec.json.format(msgspec.json.encode(listing), indent=2))
        else:
            for line in lines(listing):
                _say(line)


@twilio_command.command()
@click.argument("number")
@click.option("--replace", is_flag=True, help="Even if it takes the number from a trunk or an application.")
@_dry_run
@click.pass_context
def connect(context: click.Context, number: str, replace: bool, dry_run: bool) -> None:
    """Point NUMBER, such as +14255550100, at this bot (PUBLIC_URL). `disconnect` puts back what was there."""
    with _working(context) as work:
        target = work.target
        with work.account() as account:
            from webhooks.console.numbers import connect as change
            from webhooks.console.numbers import parse

            e164 = parse(number)
            _warn_of_trial(account)
            change(account, e164, target, Memory(), work.changes, _say, replace=replace, dry_run=dry_run)


@twilio_command.command()
@click.argument("number")
@click.option("--replace", is_flag=True, help="Even if somebody has changed the number since.")
@_dry_run
@click.pass_context
def disconnect(context: click.Context, number: str, replace: bool, dry_run: bool) -> None:
    """Put back what NUMBER pointed at before `connect`. Run it in the folder where that was run."""
    with _working(context) as work, work.account() as account:
        from webhooks.console.numbers import disconnect as change
        from webhooks.console.numbers import parse

        change(account, parse(number), Memory(), work.changes, _say, replace=replace, dry_run=dry_run)


@twilio_command.command()
@click.option(
    "--name", default="voicebot softphone", show_default=True, help="Name of the application and of the key."
)
@click.option("--new-key", is_flag=True, help="Make another API key even if the one in the settings works.")
@_dry_run
@click.pass_context
def app(context: click.Context, name: str, new_key: bool, dry_run: bool) -> None:
    """Make the TwiML App and the API key for softphone calls, and write them to `.env`.

    Run again, it brings them up to date.
    """
    with _working(context) as work:
        if not 0 < len(name) <= 64:
            raise ConsoleError("The name should be of 1 to 64 characters. Choose another with --name.", exit_code=2)
        target = work.target
        with work.account() as account:
            from webhooks.console.app import SETTINGS, set_up
            from webhooks.console.env_file import EnvFile

            _warn_of_trial(account)
            set_up(
                account,
                target,
                EnvFile(_ENV),
                work.settings,
                work.changes,
                _say,
                name=name,
                new_key=new_key,
                dry_run=dry_run,
            )
        written = dotenv_values(_ENV)
        hiding = [
            one for one in SETTINGS if one in os.environ and written.get(one, os.environ[one]) != os.environ[one]
        ]
        if hiding:
            click.echo(f"But the environment sets {', '.join(hiding)} too, and wins over {_ENV}: take it out there.")


@twilio_command.command()
@click.argument("domain")
@click.option("--user", help="Name of the SIP user; asked for if left out.")
@click.option("--generate-password", is_flag=True, help="Make a password and write it to a file, and ask for none.")
@click.option(
    "--password-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help=f"That file; by default in {FOLDER}, and ignored by git.",
)
@click.option("--new-password", is_flag=True, help="Change the password of a user who is there already.")
@click.option(
    "--secure/--no-secure", default=None, help="Take calls by TLS with SRTP only.  [default: as it is, or no]"
)
@click.option("--replace", is_flag=True, help="Even if the domain is there and points elsewhere.")
@_dry_run
@click.pass_context
def sip(
    context: click.Context,
    domain: str,
    user: str | None,
    generate_password: bool,
    password_file: Path | None,
    new_password: bool,
    secure: bool | None,
    replace: bool,
    dry_run: bool,
) -> None:
    """Make the SIP Domain DOMAIN, such as acme for acme.sip.twilio.com, with a user who may register and call."""
    with _working(context) as work:
        target = work.target
        user = user or _asked("SIP user")
        if problem := problem_of_user(user):
            raise ConsoleError(problem, exit_code=2)
        with work.account() as account:
            from webhooks.console.sip import User, domain_name, look, refuse_elsewhere, set_up

            name = domain_name(domain)
            _warn_of_trial(account)
            found = look(account, name, user)
            if not replace:
                refuse_elsewhere(name, found, target)
            who = User(user)
            if found.user is None or new_password:
                if generate_password or password_file:
                    file = password_file or FOLDER / f"sip-{name}-{user}.txt"
                    who = User.kept_in(file, user, secrets.choice, fresh=new_password)
                else:
                    who = User(user, "not asked for" if dry_run else _asked_password(user))
            set_up(
                account,
                name,
                who,
                found,
                target,
                work.changes,
                _say,
                secure=secure,
                dry_run=dry_run,
            )


def _asked(what: str, *, hidden: bool = False) -> str:
    """What a person types. Raises ConsoleError where there is nobody to ask, click.Abort at Ctrl-C."""
    if not sys.stdin.isatty():
        raise ConsoleError(
            f"There is no terminal to ask for the {what} on. Give --user and --generate-password.", exit_code=2
        )
    answer: str = click.prompt(what, hide_input=hidden, confirmation_prompt=hidden)
    return answer


def _asked_password(user: str) -> str:
    while problem := problem_of_password(password := _asked(f"password of {user}", hidden=True)):
        click.echo(problem, err=True)
    return password
