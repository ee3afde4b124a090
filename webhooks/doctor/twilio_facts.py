"""What Twilio says of the account, its numbers and the softphone's application and key: asked, not judged.

By Twilio's own client, which blocks: for a thread. Only GET is ever sent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from requests.exceptions import RequestException
from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException
from twilio.http import HttpClient
from twilio.http.response import Response

from webhooks.doctor.surroundings import Dates
from webhooks.rest import client_of, in_words

_MOST_NUMBERS = 400
_PAGE = 100
_UNAUTHORISED = 401


class NotAnswered(Exception):
    """Twilio did not say. says, do: how it is and the next step; status: of HTTP, 0 where there was no answer."""

    def __init__(self, says: str, do: str, status: int = 0) -> None:
        self.says = says
        self.do = do
        self.status = status
        super().__init__(says)


@dataclass(frozen=True, slots=True)
class Number:
    """Where a number, or a SIP domain, sends its calls. application, trunk: what wins over its URL."""

    shown: str
    url: str
    method: str = "POST"
    fallback: str = ""
    status: str = ""
    application: str = ""
    trunk: str = ""
    voice: bool = True


@dataclass(frozen=True, slots=True)
class Application:
    """A TwiML application."""

    sid: str
    url: str
    fallback: str = ""
    status: str = ""
    method: str = "POST"


@dataclass
class TwilioFacts:
    """An account as Twilio describes it. kind: `Full` or `Trial`; problems: what could not be asked."""

    status: str = ""
    kind: str = ""
    secondary_only: bool = False
    balance: float | None = None
    currency: str = ""
    numbers: list[Number] = field(default_factory=list)
    domains: list[Number] = field(default_factory=list)
    applications: dict[str, Application] = field(default_factory=dict)
    more_numbers: bool = False
    key_taken: bool | None = None
    problems: dict[str, NotAnswered] = field(default_factory=dict)


class Dating:
    """Twilio's HTTP client, which also keeps the dates of the answers."""

    def __init__(self, inner: HttpClient, dates: Dates) -> None:
        self._inner = inner
        self._dates = dates
        self.is_async = False

    def request(self, *arguments: Any, **named: Any) -> Response:  # noqa: ANN401 - as Twilio's client has it
        """Ask as the client within does."""
        answer = self._inner.request(*arguments, **named)
        headers = getattr(answer, "headers", None)
        self._dates.note("Twilio", headers.get("Date") if headers is not None else None)
        return answer


def ask(
    account_sid: str,
    tokens: Sequence[str],
    http: Any,  # noqa: ANN401 - Twilio's client has no types
    *,
    application: str = "",
    key: tuple[str, str] = ("", ""),
) -> TwilioFacts:
    """Ask for everything. Raises NotAnswered where the account itself cannot be seen.

    tokens: the main one first; application: sid of the softphone's TwiML application; key: its API key and secret.
    """
    facts = TwilioFacts()
    client = _account(account_sid, tokens, http, facts)
    steps: dict[str, Callable[[], None]] = {
        "balance": lambda: _balance(client, facts),
        "numbers": lambda: _numbers(client, facts),
        "domains": lambda: _domains(client, facts),
    }
    if application:
        steps["application"] = lambda: _application(client, application, facts)
    if all(key):
        steps["key"] = lambda: _key(account_sid, key, http, facts)
    for name, step in steps.items():
        try:
            _asked(step)
        except NotAnswered as problem:
            facts.problems[name] = problem
    return facts


def _account(account_sid: str, tokens: Sequence[str], http: Any, facts: TwilioFacts) -> Any:  # noqa: ANN401 - see above
    for number, token in enumerate(tokens, 1):
        client = client_of(account_sid, token, account_sid, http)
        try:
            account = _asked(client.api.accounts(account_sid).fetch)
        except NotAnswered as problem:
            if problem.status != _UNAUTHORISED or number == len(tokens):
                raise
            continue
        facts.status, facts.kind = str(account.status), str(account.type)
        facts.secondary_only = number > 1
        return client
    raise NotAnswered("there is no token to ask Twilio with", "Set TWILIO_AUTH_TOKEN.")


def _balance(client: Any, facts: TwilioFacts) -> None:  # noqa: ANN401 - see above
    balance = client.api.account.balance.fetch()
    facts.balance, facts.currency = float(balance.balance), str(balance.currency)


def _numbers(client: Any, facts: TwilioFacts) -> None:  # noqa: ANN401 - see above
    found = client.api.account.incoming_phone_numbers.list(limit=_MOST_NUMBERS + 1, page_size=_PAGE)
    facts.more_numbers = len(found) > _MOST_NUMBERS
    for one in found[:_MOST_NUMBERS]:
        application = one.voice_application_sid or ""
        facts.numbers.append(
            Number(
                one.phone_number or "",
                one.voice_url or "",
                one.voice_method or "POST",
                one.voice_fallback_url or "",
                one.status_callback or "",
                application,
                one.trunk_sid or "",
                bool((one.capabilities or {}).get("voice", True)),
            )
        )
        if application and application not in facts.applications:
            _application(client, application, facts)


def _domains(client: Any, facts: TwilioFacts) -> None:  # noqa: ANN401 - see above
    for one in client.api.account.sip.domains.list(limit=_MOST_NUMBERS, page_size=_PAGE):
        facts.domains.append(
            Number(
                one.domain_name or "",
                one.voice_url or "",
                one.voice_method or "POST",
                one.voice_fallback_url or "",
                one.voice_status_callback_url or "",
            )
        )


def _application(client: Any, sid: str, facts: TwilioFacts) -> None:  # noqa: ANN401 - see above
    one = client.api.account.applications(sid).fetch()
    facts.applications[sid] = Application(
        sid,
        one.voice_url or "",
        one.voice_fallback_url or "",
        one.status_callback or "",
        one.voice_method or "POST",
    )


def _key(account_sid: str, key: tuple[str, str], http: Any, facts: TwilioFacts) -> None:  # noqa: ANN401 - see above
    """A standard key may not see accounts and keys, but applications it may."""
    client = client_of(*key, account_sid, http)
    try:
        client.api.account.applications.list(limit=1)
    except TwilioException as error:
        if _status(error)[0] != _UNAUTHORISED:
            raise
        facts.key_taken = False
    else:
        facts.key_taken = True


def _asked[T](step: Callable[[], T]) -> T:
    try:
        return step()
    except TwilioException as error:
        status, code = _status(error)
        if not status:
            raise _nonsense() from None
        sentence, _, rest = str(in_words(status, code)).partition(". ")
        raise NotAnswered(sentence, rest or "Look at https://status.twilio.com.", status) from None
    except (ValueError, TypeError, AttributeError):  # TypeError: a field that it must have
        raise _nonsense() from None
    except (RequestException, OSError):
        raise NotAnswered(
            "Twilio cannot be reached from here", "See that this machine gets out to api.twilio.com by port 443."
        ) from None


def _nonsense() -> NotAnswered:
    return NotAnswered(
        "what answered was not Twilio, or could not be understood", "Look for a proxy between here and Twilio."
    )


def _status(error: TwilioException) -> tuple[int, int | None]:
    """HTTP's status and Twilio's code; lists bring the whole answer in place of them. 0: it was no refusal."""
    if isinstance(error, TwilioRestException | TwilioServiceException):
        return error.status, error.code
    answer = next((part for part in error.args if isinstance(part, Response)), None)
    return (answer.status_code if answer is not None else 0), None
