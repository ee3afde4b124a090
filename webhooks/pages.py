"""The pages and what they are made of, with the headers that keep a browser from doing anything else with them."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from quart import Blueprint, Response, abort, request, send_from_directory
from quart.wrappers.response import DataBody, FileBody

from bot.settings import Settings
from webhooks import voice_token
from webhooks.addresses import prefix_of
from webhooks.page_gate import PageGate, is_secure

STATIC = Path(__file__).parent / "static"

# What the pages are made of. Nothing else in the directory is handed out; the pages themselves go by the gate.
_KINDS = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}

_NAME = re.compile(r"(?=.{1,200}$)(?:\w[\w.-]*/)*\w[\w.-]*", re.ASCII)  # no way up, nothing hidden, nothing odd

# Only names that browsers know: they complain of any other, in the console.
_NOT_NEEDED = (
    "accelerometer", "camera", "display-capture", "encrypted-media", "geolocation", "gyroscope", "hid",
    "idle-detection", "local-fonts", "magnetometer", "midi", "payment", "picture-in-picture",
    "publickey-credentials-get", "serial", "usb", "xr-spatial-tracking",
)  # fmt: skip
_NEEDED = ("microphone", "autoplay", "clipboard-write")

_FIXED = {
    "Permissions-Policy": ", ".join([f"{name}=(self)" for name in _NEEDED] + [f"{name}=()" for name in _NOT_NEEDED]),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Origin-Agent-Cluster": "?1",
    # With `no-referrer`, a browser sends our own forms with `Origin: null`, as if they came from elsewhere:
    # https://fetch.spec.whatwg.org/#append-a-request-origin-header
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_STRICT_TRANSPORT = "max-age=31536000"  # a year; says nothing of other hosts of the same domain

_HOST = re.compile(r"(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?", re.ASCII)


class PageHeaders:
    """Writes the headers of what a browser shows or runs."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def add(self, response: Response) -> Response:
        """Put them onto the answer to the request at hand. What is not there says nothing of pages."""
        if response.status_code == 404:
            return response
        secure = is_secure(request)
        response.headers.update(_FIXED)
        response.headers["Content-Security-Policy"] = self._policy(request.headers.get("Host", ""), secure=secure)
        if secure:
            response.headers["Strict-Transport-Security"] = _STRICT_TRANSPORT
        return response

    def _policy(self, host: str, *, secure: bool) -> str:
        twilio = not voice_token.missing(self._settings)
        connects = voice_token.CONNECT_SOURCES if twilio else ()
        # Safari before 15.4 does not take a socket of the same host for 'self'.
        socket = (f"{'wss' if secure else 'ws'}://{host}",) if _HOST.fullmatch(host) else ()
        sources = {
            "default-src": ("'none'",),
            "script-src": ("'self'",),
            "style-src": ("'self'",),
            "img-src": ("'self'", "data:"),
            "connect-src": ("'self'", *socket, *connects),
            "media-src": ("'self'", "mediastream:", "blob:"),
            "font-src": ("'self'",),
            "worker-src": ("'self'",),
            "manifest-src": ("'self'",),
            "base-uri": ("'none'",),
            "form-action": ("'self'",),
            "frame-ancestors": ("'none'",),
        }
        return "; ".join(f"{name} {' '.join(allowed)}" for name, allowed in sources.items())


def page_routes(settings: Settings, page_gate: PageGate, directory: Path = STATIC) -> Blueprint:
    """`/`, `/calls`, `/assets/...` and the icon. directory: where the files are."""
    routes = Blueprint("pages", __name__)
    routes.after_request(PageHeaders(settings).add)

    @routes.get("/")
    async def softphone() -> Response:
        page_gate.require(request)
        return await _file(directory, "softphone.html", "text/html", caching="no-store")

    @routes.get("/calls")
    async def calls() -> Response:
        page_gate.require(request)
        return await _file(directory, "calls.html", "text/html", caching="no-store")

    @routes.get("/assets/<path:name>")
    async def asset(name: str) -> Response:
        page_gate.offer(request)  # signed in or not: the sign-in is made of them too
        kind = _KINDS.get(Path(name).suffix)
        if kind is None or not _NAME.fullmatch(name):
            abort(404)
        return await _file(directory, name, kind)

    @routes.get("/favicon.ico")
    async def icon() -> Response:
        page_gate.offer(request)
        return await _file(directory, "icon.svg", _KINDS[".svg"])

    if prefix := prefix_of(settings.public_url):

        @routes.get(prefix)
        async def without_slash() -> Response:
            """`/bot` is not where `assets/...` is relative to; `/bot/` is."""
            page_gate.offer(request)
            return Response(status=308, headers={"Location": prefix.rpartition("/")[2] + "/"})

    return routes


async def _file(directory: Path, name: str, kind: str, *, caching: str = "no-cache") -> Response:
    """A file below the directory. Aborts with 404.

    caching: `no-cache` asks again each time, and sends it only where it has changed; `no-store` also keeps the way
    back to a page, with all that it showed, from whoever comes after the sign-out.
    """
    response = await send_from_directory(directory, name, mimetype=kind, conditional=False)
    del response.headers["Expires"]  # Quart's twelve hours say something else than `caching`
    # Never a part of it: the files are small, and Quart fails where its end is asked for (`Range: bytes=-1`).
    await response.make_conditional(request)
    if isinstance(body := response.response, FileBody):
        # Whole and at once: the files are small, and Quart's own way leaves one open where the browser goes away.
        response.response = DataBody(await asyncio.to_thread(body.file_path.read_bytes))
    response.headers["Cache-Control"] = caching
    return response
