"""Twilio's requests to the bot: signed forms, one repetition, the fallback, and the TwiML that comes back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random
from urllib.parse import quote

import aiohttp
from yarl import URL

from bot.errors import SimulatorError
from bot.simulator.addresses import Address, Addresses, sign
from bot.simulator.result import PhoneCall
from bot.simulator.twiml import LARGEST_DOCUMENT, Verb, read

# Twilio's own limits and its default of one repetition when no connection can be made (connection overrides).
_TIMEOUT = aiohttp.ClientTimeout(total=15, sock_connect=5)
_SIP = re.compile(r"sips?:([^@;]+)@([^;:]+)")
_XML = ("text/xml", "application/xml", "text/html")


class RequestFailed(SimulatorError):
    """One request did not bring what it should. code: Twilio's error; the message is one sentence."""

    def __init__(self, code: int, message: str) -> None:
        self.code = code
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Parties:
    """Who calls whom, as Twilio's form says it: numbers, SIP URIs, or `client:` and a name.

    more: further fields, such as SipHeader_X-Reason.
    """

    caller: str = "+14255550100"
    called: str = "+14255550199"
    account_sid: str = "AC" + "0" * 32
    more: tuple[tuple[str, str], ...] = ()

    def form(self, call_sid: str) -> dict[str, str]:
        """The fields that each of Twilio's requests for this call carries."""
        common = {
            "AccountSid": self.account_sid,
            "ApiVersion": "2010-04-01",
            "CallSid": call_sid,
            "Called": self.called,
            "Caller": self.caller,
            "Direction": "inbound",
            "From": self.caller,
            "To": self.called,
        }
        return common | self._network(call_sid) | dict(self.more)

    def _network(self, call_sid: str) -> dict[str, str]:
        """What only a call of this kind carries."""
        if self.caller.startswith("client:"):
            return {"ApplicationSid": "AP" + "0" * 32}
        if sip := _SIP.match(self.caller):
            domain = _SIP.match(self.called) or sip
            return {
                "SipCallId": f"{call_sid[2:14]}@192.0.2.1",
                "SipDomain": domain[2],
                "SipDomainSid": "SD" + "0" * 32,
                "SipSourceIp": "192.0.2.1",
                "SipUsername": sip[1],
            }
        countries = dict.fromkeys(("CalledCountry", "CallerCountry", "FromCountry", "ToCountry"), "US")
        return countries | {"StirVerstat": "TN-Validation-Passed-A"}


@dataclass(frozen=True, slots=True)
class Document:
    """TwiML and where it came from, which is what its relative addresses build on."""

    address: Address
    verbs: list[Verb]


class Webhooks:
    """The requests of one call. form: the fields that every one of them carries."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        addresses: Addresses,
        call: PhoneCall,
        *,
        form: dict[str, str],
        token: str,
        rng: Random,
    ) -> None:
        self._http = http
        self._addresses = addresses
        self._call = call
        self._form = form
        self._token = token
        self._rng = rng

    async def document(
        self, address: Address, fields: dict[str, str], *, method: str = "POST", fallback: str = "/voice/fallback"
    ) -> Document:
        """Ask for TwiML; where that fails, ask the fallback, as Twilio does, if there is one.

        Raises RequestFailed with the first cause.
        """
        try:
            return await self._document(address, fields, method)
        except RequestFailed as failure:
            self._call.trouble = str(failure)
            if not fallback:
                raise
            spare = self._addresses.of_path(fallback)
            told = {"ErrorCode": str(failure.code), "ErrorUrl": address.signed}
            try:
                return await self._document(spare, fields | told, "POST")
            except RequestFailed:
                raise failure from None

    async def report(self, address: Address, fields: dict[str, str], *, method: str = "POST") -> None:
        """Tell the bot something whose answer does not matter."""
        try:
            await self._ask(address, fields, method)
        except RequestFailed as failure:
            self._call.trouble = self._call.trouble or str(failure)

    async def _document(self, address: Address, fields: dict[str, str], method: str) -> Document:
        kind, text = await self._ask(address, fields, method)
        if kind not in _XML and text:
            raise RequestFailed(12300, f"{_path(address)} answered with {kind}, which should be text/xml")
        try:
            return Document(address, read(text) if text.strip() else [])
        except SimulatorError as error:
            raise RequestFailed(12100, f"{_path(address)}: {error}") from None

    async def _ask(self, address: Address, fields: dict[str, str], method: str) -> tuple[str, str]:
        self._call.requests.append(f"{method} {_path(address)}")
        form = self._form | fields
        headers = {
            "I-Twilio-Idempotency-Token": f"{self._rng.getrandbits(128):032x}",
            "User-Agent": "TwilioProxy/1.1",
        }
        if method == "GET":
            # The signature is over the address with its query, so aiohttp must send that very string.
            query = "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in form.items())
            signed, called = (f"{url}{'&' if '?' in url else '?'}{query}" for url in (address.signed, address.called))
            headers |= sign(self._token, signed, {})
            return await self._tried_twice("GET", called, headers, None)
        headers |= sign(self._token, address.signed, form)
        return await self._tried_twice("POST", address.called, headers, form)

    async def _tried_twice(
        self, method: str, url: str, headers: dict[str, str], form: dict[str, str] | None
    ) -> tuple[str, str]:
        try:
            return await self._once(method, url, headers, form)
        except aiohttp.ClientConnectorError:
            pass
        try:
            return await self._once(method, url, headers, form)
        except aiohttp.ClientConnectorError:
            raise RequestFailed(11200, f"nobody answers at {_origin(url)}; start the bot with `make run`") from None

    async def _once(
        self, method: str, url: str, headers: dict[str, str], form: dict[str, str] | None
    ) -> tuple[str, str]:
        try:
            async with self._http.request(
                method,
                URL(url, encoded=True),
                data=form,
                headers=headers,
                timeout=_TIMEOUT,
                allow_redirects=method == "GET",
            ) as answer:
                body = await answer.content.read(LARGEST_DOCUMENT + 1)
                while len(body) <= LARGEST_DOCUMENT and not answer.content.at_eof():
                    body += await answer.content.read(LARGEST_DOCUMENT + 1)
                status, kind = answer.status, answer.content_type
        except aiohttp.ClientConnectorError:
            raise
        except TimeoutError:
            raise RequestFailed(11205, f"the bot did not answer {_without_query(url)} within 15 s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise RequestFailed(11200, f"{_without_query(url)} broke off: {type(error).__name__}") from None
        if status == 403:
            hint = "set TWILIO_AUTH_TOKEN and PUBLIC_URL as the bot has them"
            raise RequestFailed(11200, f"the bot refused {_without_query(url)} with 403: {hint}")
        if status >= 300:
            raise RequestFailed(11200, f"the bot answered {_without_query(url)} with {status}")
        return kind, body.decode("utf-8", "replace")


def _path(address: Address) -> str:
    return URL(address.called, encoded=True).path


def _origin(url: str) -> str:
    return str(URL(url, encoded=True).origin())


def _without_query(url: str) -> str:
    return url.partition("?")[0]


def _quoted(text: str) -> str:
    return quote(text, safe="")
