"""The account at Twilio: one blocking request after the other, and what goes wrong with them in words."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

from requests.exceptions import ConnectionError as NotConnected
from requests.exceptions import ConnectTimeout, ReadTimeout, SSLError
from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException
from twilio.http import HttpClient
from twilio.http.http_client import TwilioHttpClient

from webhooks.console.errors import ConsoleError
from webhooks.rest import client_of, in_words

SOCKET_SECONDS = 10.0  # to connect, and between two reads; somebody sits and waits, but no caller
PAGE = 100  # records asked for at once; Twilio gives 50 unasked, and 1000 at most
MOST = 10_000  # records read of one kind, in case pages never end

_INACTIVE = "The Twilio account is suspended or closed. The Console says why, and how it becomes active again"
_CREDENTIALS = (
    "Twilio does not take these credentials. Set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN to the pair on the "
    "Console's home page; a sub-account has a token of its own, and neither test credentials nor an API key's secret "
    "will do"
)
_SLOWER = "Twilio takes no more requests at the moment. Wait a minute, and run the same command again"
_IN_WORDS = {
    10001: _INACTIVE,
    10002: "A Twilio trial account may not do this. Upgrade it in the Console, or do without",
    20003: _CREDENTIALS,
    20005: _INACTIVE,
    20006: _CREDENTIALS,
    20008: "Test credentials cannot do this. Set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN to the live ones",
    20403: _INACTIVE,
    20404: "Twilio knows no such thing in this account any more. `voicebot twilio numbers` shows what there is",
    20429: _SLOWER,
    21230: "The account holds 100 SIP Domains, which is all it may. Delete one in the Console",
    21231: "Twilio does not accept these settings of a SIP Domain. Compare them with docs/twilio.md",
    21232: "This SIP Domain is taken, by you or by somebody else, or no valid name. Choose another",
    21240: (
        "Twilio does not accept this credential. Its name should be of 32 characters at most and not in use, its "
        "password of 12 or more with upper and lower case and a digit"
    ),
    21402: "Twilio cannot use our address. Set PUBLIC_URL to one that it reaches from outside",
}
"""Twilio's codes in words, before those of webhooks/rest.py. https://www.twilio.com/docs/api/errors"""
_BY_STATUS = {401: 20003, 403: 20403, 404: 20404, 429: 20429}


class Account:
    """An account, asked while it is entered. Every method raises ConsoleError.

    auth_tokens: the main one first; the other is tried where Twilio does not take it any more.
    http_client: for tests.
    """

    def __init__(
        self, account_sid: str, auth_tokens: Sequence[str], *, http_client: HttpClient | None = None
    ) -> None:
        self.sid = account_sid
        self._http = http_client or TwilioHttpClient(timeout=SOCKET_SECONDS)
        self._tokens = list(auth_tokens)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        session = getattr(self._http, "session", None)
        if session is not None:
            session.close()

    def ask(self, ask: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - Twilio's client has no types
        """Have `ask` make one request of Twilio's `account` resource; returns what Twilio answered."""
        try:
            return self._ask(ask, self.sid, self._tokens[0])
        except ConsoleError as error:
            if not error.refused or len(self._tokens) == 1:
                raise
        self._tokens.pop(0)  # rotated out: refused, so nothing was done
        return self.ask(ask)

    def is_trial(self) -> bool:
        """Whether it is a trial account, whose calls cannot be streamed."""
        return bool(self.ask(lambda account: account.fetch()).type == "Trial")

    def all(self, which: Callable[[Any], Any], **only: str) -> list[Any]:
        """Every record of a list, page by page. which: the list of Twilio's `account`; only: filters."""
        records: list[Any] = self.ask(lambda account: which(account).list(limit=MOST, page_size=PAGE, **only))
        return records

    def ask_with_key(self, key_sid: str, secret: str, ask: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - as above
        """As `ask`, but with an API key, to see whether it is one of this account and fits its secret."""
        return self._ask(ask, key_sid, secret)

    def _ask(self, ask: Callable[[Any], Any], user: str, password: str) -> Any:  # noqa: ANN401 - as above
        try:
            return ask(client_of(user, password, self.sid, self._http).api.account)
        except (TwilioRestException, TwilioServiceException) as error:
            raise refusal(error.status, error.code) from None
        except TwilioException as error:
            raise _of_a_page(error) from None
        except SSLError:
            raise ConsoleError(
                "The connection to Twilio is not secure. If a proxy opens connections here, name its certificate in "
                "REQUESTS_CA_BUNDLE."
            ) from None
        except (ConnectTimeout, NotConnected) as error:
            # Of all that can go wrong with a connection only this one surely came before the request.
            unsure = not isinstance(error, ConnectTimeout) and "NewConnectionError" not in repr(error)
            raise ConsoleError(
                "Twilio cannot be reached from here. Check the network, and the proxy if there is one.", unsure=unsure
            ) from None
        except ReadTimeout:
            raise ConsoleError("Twilio did not answer in time. Try again in a minute.", unsure=True) from None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            if isinstance(error, OSError) and "CA certificate" in str(error):  # Requests knows no finer word for it
                raise ConsoleError(
                    "The certificates that REQUESTS_CA_BUNDLE names are not there. Correct it, or take it out."
                ) from None
            raise _nonsense() from None


def refusal(status: int, code: object) -> ConsoleError:
    """What Twilio's refusal means. status: of HTTP; code: Twilio's own, or nothing, or the status again."""
    known = code if isinstance(code, int) and code != status else _BY_STATUS.get(status, 0)
    sentences = (
        f"{_IN_WORDS[known]} (error {known}, https://www.twilio.com/docs/api/errors/{known})."
        if known in _IN_WORDS
        else str(in_words(status, known or None))
    )
    if not known and status < 500:
        sentences += " The Console may say why, under Monitor, Logs, Errors."
    return ConsoleError(
        sentences,
        code=known,
        missing=status == 404,
        refused=status == 401,
        unsure=status >= 500,
    )


def _of_a_page(error: TwilioException) -> ConsoleError:
    """Twilio's client says what went wrong with a page of a list in a way of its own: text, and the response."""
    response = error.args[1] if len(error.args) > 1 else None
    status = getattr(response, "status_code", 0)
    if status in (0, 200):
        return _nonsense()
    try:
        code = json.loads(response.text)["code"] if response is not None else None
    except (ValueError, KeyError, TypeError):
        code = None
    return refusal(status, code)


def _nonsense() -> ConsoleError:
    return ConsoleError(
        "What answered was not Twilio, or could not be understood. Check the proxy, if there is one, and try again.",
        unsure=True,
    )
