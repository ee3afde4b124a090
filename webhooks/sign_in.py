"""Signing in and out: one form, one secret, and not too many tries."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from html import escape
from pathlib import Path

from quart import Blueprint, Response, abort, request

from bot.settings import Settings
from webhooks.attempts import Attempts, peer_key
from webhooks.metrics import Meters
from webhooks.page_gate import COOKIE, PAGES, SIGNED_IN, PageGate
from webhooks.pages import STATIC, PageHeaders

log = logging.getLogger(__name__)

FIELD = "secret"
WRONG = "That is not the secret. Please look at what you typed, and try again."
TOO_OFTEN = "Too many tries. Please wait {wait}, then try again."

_PROBLEM = "<!-- problem -->"  # where the page has room for a sentence
_VALID, _INVALID = 'aria-invalid="false"', 'aria-invalid="true"'
_PLATFORM_SIGN_OUT = "/.auth/logout"  # of App Service and Container Apps, at the root of the host


class SignInDesk:
    """Takes the secret, and gives a cookie for it. form: the page's HTML."""

    def __init__(self, page_gate: PageGate, meters: Meters, form: str, clock: Callable[[], float]) -> None:
        self._gate = page_gate
        self._meters = meters
        self._form = form
        self._clock = clock
        self._attempts = Attempts()

    async def show(self) -> Response:
        """The form; or, to whom needs none, the page that was wanted."""
        self._gate.offer(request)
        if self._gate.visitor(request) is not None:
            return _go_to(_wanted())
        if self._gate.sign_ins is None:
            abort(404)
        return self._page("")

    async def sign_in(self) -> Response:
        """The form was sent."""
        self._gate.offer(request)
        if (sign_ins := self._gate.sign_ins) is None or self._gate.visitor(request) is not None:
            return await self.show()
        peer = _peer()
        if wait := self._attempts.take(peer, self._clock()):
            return self._refuse("sign-in-too-often", peer, TOO_OFTEN.format(wait=_in_words(wait)), 429, wait)
        given = (await request.form).get(FIELD, "")
        if not sign_ins.knows(given):
            return self._refuse("sign-in-wrong", peer, WRONG, 403)
        self._attempts.forgive(peer)
        log.info("signed in: %s", peer)
        answer = _go_to(_wanted())
        answer.set_cookie(
            COOKIE, sign_ins.cookie(), max_age=SIGNED_IN, path="/", secure=True, httponly=True, samesite="Strict"
        )
        return answer

    async def sign_out(self) -> Response:
        """Forget who this is. Whom the platform has signed in, only it can sign out."""
        self._gate.offer(request)
        visitor = self._gate.visitor(request)
        if visitor is not None and visitor.kind == "platform":
            return _go_to(_PLATFORM_SIGN_OUT)
        answer = _go_to("sign-in")
        if visitor is None or visitor.kind == "sign-in":
            answer.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="Strict")
        return answer

    def _refuse(self, kind: str, peer: str, words: str, status: int, wait: float = 0.0) -> Response:
        self._meters.refusals.labels(kind).inc()
        log.warning("refused a sign-in by %s: %s", peer, kind)
        answer = self._page(words, status)
        if wait:
            answer.headers["Retry-After"] = str(math.ceil(wait))
        return answer

    def _page(self, problem: str, status: int = 200) -> Response:
        page = self._form
        if problem:
            notice = f'<p class="notice" data-tone="danger">{escape(problem)}</p>'
            page = page.replace(_PROBLEM, notice).replace(_VALID, _INVALID)
        return Response(page.replace(_PROBLEM, ""), status, mimetype="text/html")


def sign_in_routes(
    settings: Settings,
    page_gate: PageGate,
    meters: Meters,
    directory: Path = STATIC,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> Blueprint:
    """`/sign-in` and `/sign-out`. directory: where sign-in.html is; clock: seconds, never going back."""
    desk = SignInDesk(page_gate, meters, (directory / "sign-in.html").read_text("utf-8"), clock)
    routes = Blueprint("sign_in", __name__)
    routes.add_url_rule("/sign-in", "show", desk.show, methods=["GET"])
    routes.add_url_rule("/sign-in", "sign_in", desk.sign_in, methods=["POST"])
    routes.add_url_rule("/sign-out", "sign_out", desk.sign_out, methods=["POST"])
    routes.after_request(PageHeaders(settings).add)
    return routes


def _wanted() -> str:
    """The page that the person came for: one of ours, whatever the address says."""
    wanted = request.args.get("next", "")
    return wanted if wanted in PAGES.values() else PAGES["/"]


def _go_to(place: str) -> Response:
    return Response(status=303, headers={"Location": place})


def _peer() -> str:
    client = request.scope.get("client")
    return peer_key(client[0] if client else "", ",".join(request.headers.getlist("X-Forwarded-For")))


def _in_words(seconds: float) -> str:
    return f"{math.ceil(seconds)} seconds" if seconds > 1 else "a second"
