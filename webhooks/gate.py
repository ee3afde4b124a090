"""Who may come in: whoever holds Twilio's token, or, where none is set, this machine itself."""

from __future__ import annotations

import logging
from urllib.parse import quote, urlsplit

from quart import abort
from quart.wrappers.base import BaseRequestWebsocket
from werkzeug.datastructures import Headers, MultiDict

from bot.loopback import is_loopback
from bot.settings import Settings
from webhooks.addresses import Addresses
from webhooks.metrics import Meters
from webhooks.signatures import Signatures, signed_addresses

log = logging.getLogger(__name__)

SIGNATURE = "X-Twilio-Signature"

# What proxies, load balancers and tunnels add. With any of these a loopback peer speaks for somebody else.
_FORWARDING = frozenset({"forwarded", "via", "cdn-loop", "true-client-ip", "x-real-ip", "x-client-ip"})
_FORWARDING_PREFIXES = (
    "x-forwarded", "x-original-", "x-envoy-", "x-amzn-", "x-azure-", "x-arr-", "x-ms-", "x-cluster-",
    "cf-", "fly-", "fastly-", "ngrok-", "tailscale-", "x-cloud-trace-",
)  # fmt: skip


def stranger(request: BaseRequestWebsocket) -> str:
    """Why `request` may come from outside this machine, in one word; empty: it cannot.

    A tunnel connects from loopback, a rebound name points to loopback, and a page in a local browser posts from
    loopback: so the peer's address alone proves nothing.
    """
    return outside(request) or ("origin" if _from_a_foreign_page(request.headers) else "")


def outside(request: BaseRequestWebsocket) -> str:
    """As `stranger`, but for whoever judges by itself which web page sent the request."""
    peer = request.scope.get("client")
    if not peer or not is_loopback(peer[0]):
        return "peer"
    headers = request.headers
    if any(_forwards(name.lower()) for name in headers.keys()):  # noqa: SIM118 - a Headers iterates over pairs
        return "forwarded"
    if (
        request.scope.get("http_version") == "1.0"
    ):  # no browser: nginx before 1.29.7, which as it comes adds no header
        return "forwarded"
    return "" if _names_loopback(f"//{headers.get('Host', '')}") else "host"


def _forwards(header: str) -> bool:
    return header in _FORWARDING or header.startswith(_FORWARDING_PREFIXES)


def _names_loopback(address: str) -> bool:
    try:
        return is_loopback(urlsplit(address).hostname or "")
    except ValueError:
        return False


def _from_a_foreign_page(headers: Headers) -> bool:
    origin = headers.get("Origin")
    if origin is not None and not _names_loopback(origin):
        return True
    return headers.get("Sec-Fetch-Site", "none") == "cross-site"


class Gate:
    """Decides, counts and logs. The socket's handshake is judged like a webhook, before it is accepted.

    tag: what the addresses begin with that this worker gives to Twilio, where it is one of several.
    """

    def __init__(self, settings: Settings, meters: Meters, *, tag: str = "") -> None:
        self._public_url = settings.public_url
        self._tag = tag
        self._signatures = Signatures(settings.auth_tokens) if settings.auth_tokens else None
        self._meters = meters

    def check(self, request: BaseRequestWebsocket, form: MultiDict[str, str] | None = None) -> None:
        """Raise Forbidden (403) unless the request is to be trusted. form: what was posted, for POST."""
        if reason := self._refusal(request, form if form is not None else MultiDict()):
            self._meters.refusals.labels(reason).inc()
            log.warning("refused %s %.80r: %s", request.method, request.path, _IN_WORDS[reason])
            abort(403)

    def _refusal(self, request: BaseRequestWebsocket, form: MultiDict[str, str]) -> str:
        if self._signatures is None:
            return stranger(request)
        signature = request.headers.get(SIGNATURE, "")
        if not signature:
            return "unsigned"
        addresses = signed_addresses(self._public_url, _target(request), socket=request.scope["type"] == "websocket")
        return "" if self._signatures.genuine(signature, addresses, form) else "signature"

    def addresses(self, request: BaseRequestWebsocket) -> Addresses:
        """The addresses to give to Twilio: of PUBLIC_URL or, without one, of the loopback host just asked."""
        return Addresses((self._public_url or f"http://{request.headers.get('Host', '')}") + self._tag)


_IN_WORDS = {
    "peer": "without TWILIO_AUTH_TOKEN only this machine may call",
    "forwarded": "it came through a proxy or a tunnel; set TWILIO_AUTH_TOKEN and PUBLIC_URL for that",
    "host": "without TWILIO_AUTH_TOKEN the host asked for must be 127.0.0.1, [::1] or localhost",
    "origin": "it was sent by a web page from elsewhere",
    "unsigned": "it has no X-Twilio-Signature",
    "signature": "its X-Twilio-Signature does not fit PUBLIC_URL and TWILIO_AUTH_TOKEN",
}


def _target(request: BaseRequestWebsocket) -> str:
    """Path and query as they stood in the request, not decoded."""
    raw: bytes = request.scope.get("raw_path") or quote(request.path).encode()
    query = request.query_string
    return (raw + b"?" + query if query else raw).decode("latin-1")
