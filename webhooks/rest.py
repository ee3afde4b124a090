"""Twilio's REST interface, as far as calls out need it: place a call, give it other words, end it.

Twilio's blocking client, in threads of its own. Its asynchronous one measured the same (21 against 23 ms a request,
both under 5 ms of lag in the event loop), but knows no time limit and no proxy, and builds on a part of aiohttp that
aiohttp is giving up.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self

from requests.exceptions import ConnectionError as NotConnected
from requests.exceptions import ConnectTimeout, ReadTimeout
from twilio.base.exceptions import TwilioRestException, TwilioServiceException
from twilio.http import HttpClient
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

log = logging.getLogger(__name__)

SOCKET_SECONDS = 5.0  # to connect, and between two reads
REQUEST_SECONDS = 10.0  # all in all; Twilio waits 15 s for the webhook that may be behind it
_THREADS = 4
_CALM_DOWN = 5  # seconds to wait where Twilio is asked too much

_PLACES = ("TWILIO_REGION", "TWILIO_EDGE")
_PLAIN = re.compile(r"[a-z0-9-]{1,32}")

_STEPS = ["initiated", "ringing", "answered", "completed"]


class RestError(Exception):
    """Twilio did not do what it was asked. str(): why, and what to do, in a sentence; never a number or a key.

    status: of HTTP, for whoever asked us; code: Twilio's, 0 for none; gone: the call is over or was never there;
    unsure: it may have been done all the same; retry_after: seconds, 0 for none.
    """

    def __init__(
        self,
        sentence: str,
        *,
        status: int = 502,
        code: int = 0,
        gone: bool = False,
        unsure: bool = False,
        retry_after: int = 0,
    ) -> None:
        self.status = status
        self.code = code
        self.gone = gone
        self.unsure = unsure
        self.retry_after = retry_after
        super().__init__(sentence)


_BAD_NUMBER = (400, "Twilio says that this is no valid number. Check its country code and length")
_NO_COUNTRY = (403, "The Twilio account may not call this country. Allow it in the Console: Voice, Geo permissions")
_BAD_CALLER_ID = (
    502,
    "Twilio lets no calls come from CALLER_ID. It should be a number with voice of this account, or a verified one",
)
_BAD_ACCOUNT = (
    502,
    "Twilio does not know our account. Check TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, and that the account is active",
)
_BAD_ADDRESS = (502, "Twilio cannot use our address. PUBLIC_URL should be one that it reaches from outside")
_TOO_MUCH = (429, "Twilio takes no more at the moment. Try again soon, and lower DIAL_PER_MINUTE if it stays so")
_GONE = (409, "The call is over")

_IN_WORDS = {
    10004: (429, "The Twilio account holds as many calls at once as it may. Wait for one to end, or ask for more"),
    20003: _BAD_ACCOUNT,
    20404: (404, "Twilio knows no such call"),
    20429: _TOO_MUCH,
    21205: _BAD_ADDRESS,
    21210: _BAD_CALLER_ID,
    21211: _BAD_NUMBER,
    21212: _BAD_CALLER_ID,
    21213: _BAD_CALLER_ID,
    21214: (400, "Twilio cannot reach this number"),
    21215: _NO_COUNTRY,
    21216: (403, "Twilio does not call this number, because it is blocked"),
    21217: _BAD_NUMBER,
    21219: (403, "A Twilio trial account calls verified numbers only. Verify this one in the Console, or upgrade"),
    21220: _GONE,
    21408: _NO_COUNTRY,
    21606: _BAD_CALLER_ID,
    21609: _BAD_ADDRESS,
}
"""Twilio's codes: status for whoever asked us, and words. https://www.twilio.com/docs/api/errors"""


@dataclass(frozen=True, slots=True)
class Placing:
    """A call to place. url, fallback_url, status_url, machine_url: webhooks; seconds: the longest it may last."""

    to: str
    caller_id: str
    url: str
    fallback_url: str
    status_url: str
    machine_url: str
    seconds: int


class Rest(Protocol):
    """What is asked of Twilio. All raise RestError."""

    async def place(self, placing: Placing) -> str:
        """Place a call; returns its id."""
        ...

    async def say(self, call_id: str, document: str) -> None:
        """Let a running call go on with this document."""
        ...

    async def end(self, call_id: str) -> None:
        """End a call."""
        ...


class TwilioRest:
    """Implements `Rest` while it is entered.

    auth_tokens: the main one first; the other is tried where Twilio does not take it any more, so that a rotation
    loses no call. http_client: for tests. It takes half a second to make: Twilio's client loads all of Twilio.
    """

    def __init__(
        self,
        account_sid: str,
        auth_tokens: Sequence[str],
        *,
        http_client: HttpClient | None = None,
        request_seconds: float = REQUEST_SECONDS,
    ) -> None:
        self._http = http_client or TwilioHttpClient(timeout=SOCKET_SECONDS)
        self._accounts: list[Any] = [
            client_of(account_sid, token, account_sid, self._http).api.account for token in auth_tokens
        ]
        for account in self._accounts:
            _ = account.calls  # loaded now, and not while somebody talks
        self._request_seconds = request_seconds
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="twilio-rest")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        session = getattr(self._http, "session", None)
        if session is not None:
            session.close()

    async def place(self, placing: Placing) -> str:
        """Place a call; returns its id. Who answers is found out while the call goes on."""
        made = await self._do(
            lambda account: account.calls.create(
                to=placing.to,
                from_=placing.caller_id,
                url=placing.url,
                fallback_url=placing.fallback_url,
                status_callback=placing.status_url,
                status_callback_event=_STEPS,
                machine_detection="DetectMessageEnd",
                async_amd="true",
                async_amd_status_callback=placing.machine_url,
                time_limit=placing.seconds,
            )
        )
        if not isinstance(made.sid, str) or not made.sid:
            raise _nonsense()
        return made.sid

    async def say(self, call_id: str, document: str) -> None:
        """Let a running call go on with this document; its media stream ends."""
        await self._do(lambda account: account.calls(call_id).update(twiml=document))

    async def end(self, call_id: str) -> None:
        """End a call."""
        await self._do(lambda account: account.calls(call_id).update(status="completed"))

    async def _do(self, ask: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - Twilio's client has no types
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._request_seconds):
                return await loop.run_in_executor(self._threads, self._ask, ask)
        except TimeoutError:
            raise RestError("Twilio did not answer in time.", status=504, unsure=True) from None

    def _ask(self, ask: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - Twilio's client has no types
        """In a thread: ask by each token until one is taken."""
        for number, account in enumerate(self._accounts, 1):
            try:
                return ask(account)
            except TwilioRestException as error:
                if error.status == 401 and number < len(self._accounts):  # refused, so nothing was done
                    log.warning(
                        "Twilio does not take TWILIO_AUTH_TOKEN any more; TWILIO_AUTH_TOKEN_SECONDARY is tried"
                    )
                    continue
                raise in_words(error.status, error.code) from None
            except TwilioServiceException as error:
                raise in_words(error.status, error.code) from None
            except (ConnectTimeout, NotConnected) as error:
                # Of all that can go wrong with a connection only this one surely came before the request.
                unsure = not isinstance(error, ConnectTimeout) and "NewConnectionError" not in repr(error)
                raise RestError("Twilio cannot be reached from here.", status=502, unsure=unsure) from None
            except ReadTimeout:
                raise RestError("Twilio did not answer in time.", status=504, unsure=True) from None
            except (OSError, ValueError):
                raise _nonsense() from None
        raise RestError("TWILIO_AUTH_TOKEN is missing.")


def client_of(user: str, password: str, account_sid: str, http: HttpClient) -> Client:
    """Twilio's client, which asks nobody but Twilio. user: the account's SID, or that of an API key.

    It builds the host's name of TWILIO_REGION and TWILIO_EDGE in the environment, for accounts elsewhere than in US1,
    and would send the credentials wherever they say: so they are passed on only if they are plain words.
    """
    return Client(user, password, account_sid, http_client=http, environment=_places(os.environ))


def _places(environ: Mapping[str, str]) -> dict[str, str]:
    plain = {name: environ[name] for name in _PLACES if _PLAIN.fullmatch(environ.get(name, ""))}
    return {"": ""} | plain  # never empty, or the client looks for itself


def in_words(status: int, code: int | None) -> RestError:
    """What Twilio's refusal means. status: of HTTP; code: Twilio's own, which may be the status again."""
    code = code if isinstance(code, int) and code != status else 0
    if not code:
        code = {401: 20003, 404: 20404, 429: 20429}.get(status, 0)
    gone = code in (20404, 21220)
    if code in _IN_WORDS:
        ours, sentence = _IN_WORDS[code]
    elif status >= 500:
        ours, sentence = 502, f"Twilio has trouble of its own (HTTP {status}). Try again later"
    else:
        ours, sentence = 502, f"Twilio refused (HTTP {status})"
    about = f" (error {code}, https://www.twilio.com/docs/api/errors/{code})." if code else "."
    return RestError(
        sentence + about,
        status=ours,
        code=code,
        gone=gone,
        unsure=status >= 500,
        retry_after=_CALM_DOWN if ours == 429 else 0,
    )


def _nonsense() -> RestError:
    return RestError("What answered was not Twilio, or could not be understood.", unsure=True)
