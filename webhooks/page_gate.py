"""Who may open the pages: this machine, who has signed in, or whom the platform in front of us has signed in.

A browser sends its cookies, and a proxy its headers, with whatever some other web page makes it send. So whoever is
known must also have been sent here by a page of ours, wherever a request changes something or opens a socket.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import urlsplit

from itsdangerous import BadSignature, URLSafeSerializer
from quart import Response, abort, jsonify
from quart.wrappers.base import BaseRequestWebsocket

from bot.loopback import is_loopback
from bot.settings import Settings
from webhooks.gate import outside
from webhooks.metrics import Meters

log = logging.getLogger(__name__)

COOKIE = "__Host-voicebot"  # the prefix: a browser takes it over https only, and from no other host
SIGNED_IN = 12 * 3600  # seconds

# How each page is called relative to the others, and so the only places to go to after signing in.
PAGES = {"/": "./", "/calls": "calls"}
_FOR_PEOPLE = frozenset({"/sign-in", "/sign-out"})  # what else a person may come to read

# Set by App Service and Container Apps, which take it off what comes from outside:
# https://learn.microsoft.com/azure/app-service/configure-authentication-user-identities
PLATFORM_ID = "X-MS-CLIENT-PRINCIPAL-ID"
PLATFORM_NAME = "X-MS-CLIENT-PRINCIPAL-NAME"

_PURPOSE = b"voicelive-phone: sign-in"
_CLOCKS_DIFFER = 60.0  # seconds, between instances
_PLAIN = re.compile(r"[!-~]{1,200}")


@dataclass(frozen=True, slots=True)
class Visitor:
    """Whoever was let in. name: what a token is bound to; shown: what a person may be called, often empty."""

    name: str
    shown: str = ""

    @property
    def kind(self) -> str:
        """How they came in, for the log: `loopback`, `sign-in` or `platform`."""
        return self.name.partition(":")[0]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why somebody is not let in. kind: one word for the metric; words: a sentence for whoever reads the answer."""

    kind: str
    status: int
    words: str


_NO_PAGES = Refusal("page-closed", 404, "There is nothing here.")
_NOT_SECURE = Refusal(
    "page-insecure",
    403,
    "This page is served over https only. Open it by its https:// address; if you did, the proxy in front of the bot "
    "does not say so in X-Forwarded-Proto.",
)
_FOREIGN = Refusal("page-origin", 403, "This was sent by a web page from elsewhere.")
_HIDDEN_PROXY = Refusal(
    "page-hidden-proxy",
    403,
    "The proxy in front of the bot hides who asks, so that everybody looks like this machine and may open the pages. "
    "Have it send X-Forwarded-For and X-Forwarded-Proto.",
)
_NOBODY = Refusal("page-sign-in", 401, "You are not signed in. Reload the page to sign in again.")

_LEVELS = {_FOREIGN: logging.WARNING, _HIDDEN_PROXY: logging.ERROR}


class SignIns:
    """Makes and reads the cookie of who knew the secret. Another secret makes every cookie worthless.

    wall_clock: seconds since 1970.
    """

    def __init__(self, secret: str, *, wall_clock: Callable[[], float] = time.time) -> None:
        self._serializer = URLSafeSerializer(
            hmac.digest(secret.encode(), _PURPOSE, "sha256"),
            salt=_PURPOSE,
            signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"},
        )
        self._digest = hashlib.sha256(secret.encode()).digest()
        self._now = wall_clock

    def knows(self, given: str) -> bool:
        """Whether `given` is the secret. Takes as long whether it is or not."""
        return hmac.compare_digest(hashlib.sha256(given.strip().encode()).digest(), self._digest)

    def cookie(self) -> str:
        """The cookie of a new sign-in."""
        return self._serializer.dumps([secrets.token_hex(16), self._now()])

    def read(self, cookie: str) -> str:
        """The sign-in that a cookie stands for; empty: none."""
        try:
            sign_in, began = self._serializer.loads(cookie)
        except (BadSignature, ValueError, TypeError):
            return ""
        return str(sign_in) if -_CLOCKS_DIFFER <= self._now() - began <= SIGNED_IN else ""


class PageGate:
    """Decides, counts and logs, as `webhooks.gate.Gate` does for Twilio's requests.

    wall_clock: seconds since 1970, for the cookies.
    """

    def __init__(self, settings: Settings, meters: Meters, *, wall_clock: Callable[[], float] = time.time) -> None:
        secret = settings.page_secret.get_secret_value()
        self.sign_ins = SignIns(secret, wall_clock=wall_clock) if secret else None
        self._trusts_platform = settings.page_trust_platform_login
        self._public_url = settings.public_url
        self._public_origin = _origin_of(settings.public_url)
        if is_loopback(urlsplit(self._public_origin).hostname or ""):
            self._public_origin = ""  # who comes by it is on this machine
        self._meters = meters

    def visitor(self, request: BaseRequestWebsocket) -> Visitor | None:
        """Who asks; None where that is nobody who may."""
        found = self._closed_to(request) or self._known(request)
        return found if isinstance(found, Visitor) else None

    def require(self, request: BaseRequestWebsocket) -> Visitor:
        """Who asks. Aborts where that is nobody who may.

        A socket gets 403; a page 303 to the sign-in; anything else JSON with 401, 403, or 404 where no page is
        offered to this peer.
        """
        found = self._closed_to(request) or self._known(request)
        if isinstance(found, Refusal):
            self._refuse(request, found)
        return found

    def offer(self, request: BaseRequestWebsocket) -> None:
        """Abort unless there is a page, or a sign-in, for this peer; who it is does not matter."""
        if refusal := self._closed_to(request):
            self._refuse(request, refusal)

    def _closed_to(self, request: BaseRequestWebsocket) -> Refusal | None:
        here = not outside(request)
        if not here and self.sign_ins is None and not self._trusts_platform:
            return _NO_PAGES
        if not here and not is_secure(request):
            return _NOT_SECURE
        if here and self._came_by_the_public_address(request):
            return _HIDDEN_PROXY
        return None if self._sent_by_ours(request, here=here) else _FOREIGN

    def _came_by_the_public_address(self, request: BaseRequestWebsocket) -> bool:
        """Whether a page of ours, opened from far away, sent what seems to come from this machine.

        That is how a proxy is noticed that adds no header, as nginx does since 1.29.7 unless told to. It keeps nobody
        out who means ill and leaves the headers away: it breaks the page of whoever set the proxy up, in time.
        """
        said = request.headers.get("Origin") or request.headers.get("Referer", "")
        return bool(self._public_origin) and _origin_of(said) == self._public_origin

    def _sent_by_ours(self, request: BaseRequestWebsocket, *, here: bool) -> bool:
        """Whether no foreign page had a part in it.

        Browsers name the page's origin with every POST and every socket. On this machine a POST may do without: it
        then comes from a program such as curl.
        """
        headers = request.headers
        socket = request.scope["type"] == "websocket"
        changes = socket or request.method not in ("GET", "HEAD")
        origin = headers.get("Origin")
        if origin is not None and origin not in self._origins(request, here=here):
            return False
        if origin is None and changes and (socket or not here):
            return False
        site = headers.get("Sec-Fetch-Site")
        if site is None or site == "same-origin" or socket:  # a socket's Origin was equal, and says it all
            return True
        if changes:
            return False
        # What a person typed, and a link that was followed. A frame, an image or a script of another page is neither.
        return site == "none" or (headers.get("Sec-Fetch-Mode"), headers.get("Sec-Fetch-Dest")) == (
            "navigate",
            "document",
        )

    def _origins(self, request: BaseRequestWebsocket, *, here: bool) -> set[str]:
        """What a browser writes as the origin of our pages: the host asked for, or, if a proxy changed it, ours."""
        scheme = "http" if here else "https"
        hosts = {request.headers.get("Host", "")}
        if not here and (public := urlsplit(self._public_url).netloc):
            hosts.add(public)
        default = ":80" if here else ":443"
        return {f"{scheme}://{host.lower().removesuffix(default)}" for host in hosts if host}

    def _known(self, request: BaseRequestWebsocket) -> Visitor | Refusal:
        if not outside(request):
            return Visitor("loopback")
        if self._trusts_platform and (visitor := _platform_visitor(request)):
            return visitor
        if self.sign_ins is not None and (sign_in := self.sign_ins.read(request.cookies.get(COOKIE, ""))):
            return Visitor(f"sign-in:{sign_in}")
        return _NOBODY

    def _refuse(self, request: BaseRequestWebsocket, refusal: Refusal) -> NoReturn:
        self._meters.refusals.labels(refusal.kind).inc()
        log.log(
            _LEVELS.get(refusal, logging.INFO),  # most of it is what any scanner causes
            "refused %.10s %.80r: %s",
            request.method,
            request.path,
            refusal.words if refusal is _HIDDEN_PROXY else refusal.kind,
        )
        if request.scope["type"] == "websocket":
            abort(403)
        if refusal is _NO_PAGES:
            abort(404)
        page = PAGES.get(request.path)
        if page and refusal is _NOBODY and self.sign_ins is not None:
            abort(Response(status=303, headers={"Location": f"sign-in?next={page}"}))
        if page or request.path in _FOR_PEOPLE:
            abort(Response(refusal.words + "\n", refusal.status, mimetype="text/plain"))
        answer = jsonify(error=refusal.kind.removeprefix("page-"), words=refusal.words)
        answer.status_code = refusal.status
        abort(answer)


def is_secure(request: BaseRequestWebsocket) -> bool:
    """Whether the client speaks https, by what the last proxy says of it, or else by our own connection."""
    said = ",".join(request.headers.getlist("X-Forwarded-Proto")) or str(request.scope.get("scheme", ""))
    return said.rpartition(",")[2].strip().lower() in ("https", "wss")


def _origin_of(address: str) -> str:
    """The origin of an address, as a browser writes it; empty: it has none."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    host = parts.netloc.lower()
    default = ":443" if parts.scheme == "https" else ":80"
    return f"{parts.scheme}://{host.removesuffix(default)}" if host else ""


def _platform_visitor(request: BaseRequestWebsocket) -> Visitor | None:
    ids = request.headers.getlist(PLATFORM_ID)
    if len(ids) != 1 or not _PLAIN.fullmatch(ids[0]):  # two: somebody else has written one of them
        return None
    name = request.headers.get(PLATFORM_NAME, "")
    return Visitor(f"platform:{ids[0]}", "".join(letter for letter in name[:80] if letter.isprintable()))
