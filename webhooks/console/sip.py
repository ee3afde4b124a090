"""A SIP Domain for phones that register and for calls from them: the domain, a credential list, both mappings."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from webhooks.console.account import Account
from webhooks.console.changes import Changes
from webhooks.console.errors import ConsoleError
from webhooks.console.files import private_folder, write_private
from webhooks.console.passwords import new_password, problem_of_password
from webhooks.console.pointing import Pointing, difference
from webhooks.console.target import Target

type Show = Callable[[str], None]

_SUFFIX = ".sip.twilio.com"
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class User:
    """Who may register and call.

    password: empty to leave that of a user who is there; file: what keeps it, where a person does not; written:
    whether the file has it already.
    """

    name: str
    password: str = ""
    file: Path | None = None
    written: bool = False

    @classmethod
    def kept_in(cls, file: Path, name: str, choose: Callable[[str], str], *, fresh: bool) -> User:
        """A user whose password a file keeps: the one that an earlier try left there, or a new one.

        choose: one character of several, such as `secrets.choice`; fresh: only a new one will do.
        Raises ConsoleError.
        """
        try:
            password = file.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return cls(name, new_password(choose), file)
        except (OSError, UnicodeDecodeError):
            password = ""
        if fresh or problem_of_password(password):
            raise ConsoleError(f"{file} is there already. Move it away, or choose another file with --password-file.")
        return cls(name, password, file, written=True)


@dataclass(frozen=True, slots=True)
class Found:
    """What the account has already, as Twilio's records, each None where there is none."""

    domain: Any
    credentials: Any
    user: Any
    calls_mapped: bool
    registrations_mapped: bool


def domain_name(given: str) -> str:
    """`acme` or `acme.sip.twilio.com` as the whole name. Raises ConsoleError."""
    label = given.strip().lower().removesuffix(_SUFFIX)
    if not _LABEL.fullmatch(label):
        raise ConsoleError(
            f"{given} is no name of a SIP Domain. Use letters, digits and hyphens, such as acme for acme{_SUFFIX}.",
            exit_code=2,
        )
    return label + _SUFFIX


def look(account: Account, name: str, user: str) -> Found:
    """What there is of it. Raises ConsoleError."""
    domain = _first(account.all(lambda account: account.sip.domains), "domain_name", name)
    credentials = _first(account.all(lambda account: account.sip.credential_lists), "friendly_name", name)
    if credentials is None:
        return Found(domain, None, None, calls_mapped=False, registrations_mapped=False)
    users = account.all(lambda account: account.sip.credential_lists(credentials.sid).credentials)
    mapped = {"calls": False, "registrations": False}
    for kind in mapped if domain else ():
        records = account.all(lambda account, kind=kind: _mappings(account, domain.sid, kind))  # type: ignore[misc]
        mapped[kind] = any(record.sid == credentials.sid for record in records)
    return Found(
        domain,
        credentials,
        _first(users, "username", user),
        calls_mapped=mapped["calls"],
        registrations_mapped=mapped["registrations"],
    )


def refuse_elsewhere(name: str, found: Found, target: Target) -> None:
    """Raises ConsoleError where the domain is there and points at something else."""
    before = Pointing.of_domain(found.domain) if found.domain else Pointing()
    if before.voice_url and not target.is_voice(before.voice_url):
        raise ConsoleError(
            f"{name} is there already, and points at: {before.gist}. Choose another name, or add --replace to point "
            "it at this bot."
        )


def set_up(
    account: Account,
    name: str,
    user: User,
    found: Found,
    target: Target,
    changes: Changes,
    show: Show,
    *,
    secure: bool | None = None,
    dry_run: bool = False,
) -> None:
    """Make what is missing of a SIP Domain, and bring the rest up to date. Raises ConsoleError.

    Credentials first and mappings last, so that an end in the middle leaves a domain that lets nobody in.
    secure: TLS and SRTP only; None leaves a domain that is there as it is.
    """
    before = Pointing.of_domain(found.domain) if found.domain else Pointing()
    wanted = Pointing.at(target)
    settled = _settings(found, before, wanted, secure)
    _show_plan(name, user, found, before, wanted, settled, show)
    if dry_run:
        show("Nothing was changed (--dry-run).")
        return
    credentials = found.credentials
    if credentials is None:
        with changes.making(f"the credential list {name} was made"):
            credentials = account.ask(lambda account: account.sip.credential_lists.create(friendly_name=name))
    _put_user(account, credentials.sid, user, found.user, changes)
    domain = found.domain
    if domain is None:
        with changes.making(f"the SIP Domain {name} was made"):
            domain = account.ask(
                lambda account: account.sip.domains.create(domain_name=name, friendly_name=name, **settled)
            )
    elif settled:
        with changes.making(f"the SIP Domain {name} was pointed at this bot"):
            account.ask(lambda account: account.sip.domains(domain.sid).update(**settled))
    for kind, mapped in {"calls": found.calls_mapped, "registrations": found.registrations_mapped}.items():
        if not mapped:
            with changes.making(f"its credential list was mapped for {kind}"):
                account.ask(
                    lambda account, kind=kind: _mappings(account, domain.sid, kind).create(  # type: ignore[misc]
                        credential_list_sid=credentials.sid
                    )
                )
    show(f"Done. A phone registers as {user.name} at {name}, and calls sip:anything@{name} (docs/sip-domain.md).")
    if "IP_ACL" in (getattr(domain, "auth_type", None) or ""):
        show("An IP access control list is mapped too: calls need both, an address of the list and the password.")


def _settings(found: Found, before: Pointing, wanted: Pointing, secure: bool | None) -> dict[str, Any]:
    """The fields of the domain that have to be sent; none where all is right."""
    fields: dict[str, Any] = wanted.addresses
    fields["voice_status_callback_url"] = fields.pop("status_callback")
    fields["voice_status_callback_method"] = fields.pop("status_callback_method")
    fields["sip_registration"] = True
    if found.domain is None:
        return fields | {"secure": bool(secure)}
    if secure is not None and secure != bool(found.domain.secure):
        return fields | {"secure": secure}
    return {} if before == wanted and found.domain.sip_registration else fields


def _show_plan(
    name: str,
    user: User,
    found: Found,
    before: Pointing,
    wanted: Pointing,
    settled: dict[str, Any],
    show: Show,
) -> None:
    show(f"SIP Domain {name} {found.domain.sid if found.domain else '(new)'}")
    for line in difference(before, wanted):
        show(line)
    if "secure" in settled:
        show(f"  {'TLS and SRTP':<16} {'required' if settled['secure'] else 'not required'}")
    kept = "stays as it is" if found.user and not user.password else "gets a new password" if found.user else "(new)"
    show(f"  {'user':<16} {user.name} {kept}" + (f", password in {user.file}" if user.file else ""))
    for kind, mapped in {"calls": found.calls_mapped, "registrations": found.registrations_mapped}.items():
        show(f"  {kind:<16} {'mapped' if mapped else 'to be mapped'}")


def _put_user(account: Account, list_sid: str, user: User, there: Any, changes: Changes) -> None:  # noqa: ANN401 - Twilio's client has no types
    if not user.password:
        return
    writing = f"the password of {user.name} was written to {user.file}"
    if user.file and not user.written:  # before Twilio has it, as nobody else does
        try:
            with changes.making(writing):
                if not user.file.parent.exists():
                    private_folder(user.file.parent)
                write_private(user.file, f"{user.password}\n".encode())
        except OSError as error:
            raise ConsoleError(
                f"{user.file} cannot be written ({error.strerror}). Choose another file with --password-file."
            ) from None
    try:
        if there is None:
            with changes.making(f"the user {user.name} was made"):
                account.ask(
                    lambda account: account.sip.credential_lists(list_sid).credentials.create(
                        username=user.name, password=user.password
                    )
                )
        else:
            with changes.making(f"the user {user.name} was given the new password"):
                account.ask(
                    lambda account: (
                        account.sip.credential_lists(list_sid).credentials(there.sid).update(password=user.password)
                    )
                )
    except ConsoleError as error:
        if user.file and not user.written and not error.unsure:
            user.file.unlink(missing_ok=True)
            changes.undone(writing)
        raise


def _mappings(account: Any, domain_sid: str, kind: str) -> Any:  # noqa: ANN401 - as above
    return getattr(account.sip.domains(domain_sid).auth, kind).credential_list_mappings


def _first(records: list[Any], field: str, value: str) -> Any:  # noqa: ANN401 - as above
    return next((record for record in records if getattr(record, field, None) == value), None)
