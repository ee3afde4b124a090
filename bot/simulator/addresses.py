"""Which address a request goes to, and which is signed.

Twilio signs the address it was given. A bot behind a tunnel is given its public one, while this caller reaches it at
another: so every address has two forms.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit, urlunsplit

from twilio.request_validator import RequestValidator

from bot.errors import SimulatorError
from bot.loopback import is_loopback

_PLAIN = {"ws": "http", "wss": "https"}


@dataclass(frozen=True, slots=True)
class Address:
    """signed: as Twilio would know it; called: where it is reached from here."""

    signed: str
    called: str


class Addresses:
    """The bot's addresses. url: where the bot is reached; public_url: where Twilio would reach it, if elsewhere.

    Raises SimulatorError where `url` is no web address, or not of this machine and `allow_remote` is not set.
    """

    def __init__(self, url: str, public_url: str = "", *, allow_remote: bool = False) -> None:
        self._url = _checked(url.rstrip("/"))
        self._public = _checked(public_url.rstrip("/")) if public_url else self._url
        self._allow_remote = allow_remote
        self._refuse_remote(self._url)

    def of_path(self, path: str) -> Address:
        """The address of one of the bot's own routes."""
        return Address(self._public + path, self._url + path)

    def of_reference(self, reference: str, base: Address) -> Address:
        """The address that a document fetched from `base` names. The fragment is Twilio's own and is sent nowhere."""
        signed = urljoin(base.signed, reference)
        return Address(_without(signed, fragment=True), self._called(_without(signed, fragment=True)))

    def of_stream(self, reference: str, base: Address) -> Address:
        """The address of a stream. Twilio drops its query string before it connects."""
        if urlsplit(reference).scheme:
            signed = reference
        else:
            joined = urlsplit(urljoin(base.signed, reference))
            signed = urlunsplit(joined._replace(scheme="wss" if joined.scheme == "https" else "ws"))
        return Address(signed, self._called(_without(signed, fragment=True, query=True)))

    def _called(self, signed: str) -> str:
        parts, public, reached = urlsplit(signed), urlsplit(self._public), urlsplit(self._url)
        plain = _PLAIN.get(parts.scheme, parts.scheme)
        if plain not in ("http", "https"):
            raise SimulatorError(f"the TwiML names {signed}, which is no web address")
        if parts.netloc == public.netloc and parts.path.startswith(public.path):
            path = reached.path + parts.path.removeprefix(public.path)
            secure = reached.scheme == "https"
            scheme = ("wss" if secure else "ws") if parts.scheme in _PLAIN else reached.scheme
            return urlunsplit(parts._replace(scheme=scheme, netloc=reached.netloc, path=path))
        self._refuse_remote(urlunsplit(parts._replace(scheme=plain)))
        return signed

    def _refuse_remote(self, url: str) -> None:
        host = urlsplit(url).hostname or ""
        if not self._allow_remote and not is_loopback(host):
            raise SimulatorError(f"{host} is not this machine; allow it with --allow-remote")


def sign(token: str, url: str, form: dict[str, str]) -> dict[str, str]:
    """The signature header for a request to `url` with this form; none without a token."""
    return {"X-Twilio-Signature": RequestValidator(token).compute_signature(url, form)} if token else {}


def _without(url: str, *, fragment: bool = False, query: bool = False) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(fragment="" if fragment else parts.fragment, query="" if query else parts.query))


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise SimulatorError(f"{url} should be an address such as http://127.0.0.1:8000")
    return url
