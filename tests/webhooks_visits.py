"""A browser's requests without a browser: from this machine, or through a proxy from far away."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Literal

from prometheus_client import CollectorRegistry
from quart import Quart, Response

from tests.webhooks_stand_ins import LOOPBACK, FakeSwitchboard, settings
from webhooks.app import create_app
from webhooks.page_gate import COOKIE

SECRET = "a secret of these tests"
HERE = "127.0.0.1:8000"
FAR = "bot.example.com"
NO_CHANGES: Mapping[str, str | None] = {}
NO_FORM: Mapping[str, str] = {}
THROUGH_A_PROXY = {"X-Forwarded-For": "198.51.100.7", "X-Forwarded-Proto": "https"}


class Visit:
    """A browser at one address of one bot. It keeps the cookie that it is given.

    here: from this machine; otherwise through a proxy that speaks https with the browser.
    """

    def __init__(
        self,
        *,
        here: bool = False,
        switchboard: FakeSwitchboard | None = None,
        app: Quart | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
        **overrides: object,
    ) -> None:
        self.registry = CollectorRegistry()
        self.switchboard = switchboard or FakeSwitchboard()
        self.app = app or create_app(
            settings(**overrides), self.switchboard, clock=clock, wall_clock=wall_clock, registry=self.registry
        )
        self.cookie = ""
        self.origin = f"http://{HERE}" if here else f"https://{FAR}"
        self.always = {"Host": HERE} if here else {"Host": FAR, **THROUGH_A_PROXY}

    async def get(self, path: str, changes: Mapping[str, str | None] = NO_CHANGES) -> Response:
        """Ask for a page. changes: headers; None takes one away."""
        return await self._ask("GET", path, {}, {}, changes)

    async def post(
        self, path: str, form: Mapping[str, str] = NO_FORM, changes: Mapping[str, str | None] = NO_CHANGES
    ) -> Response:
        """Send a form as a page of ours does."""
        own = {"Origin": self.origin, "Sec-Fetch-Site": "same-origin"}
        return await self._ask("POST", path, own, form, changes)

    async def sign_in(self, secret: str = SECRET, changes: Mapping[str, str | None] = NO_CHANGES) -> Response:
        """Send the form, and keep the cookie."""
        answer = await self.post("/sign-in", {"secret": secret}, changes)
        if given := answer.headers.get("Set-Cookie", ""):
            self.cookie = given.partition(";")[0]
        return answer

    async def _ask(
        self,
        method: Literal["GET", "POST"],
        path: str,
        own: Mapping[str, str],
        form: Mapping[str, str],
        changes: Mapping[str, str | None],
    ) -> Response:
        cookie = {"Cookie": self.cookie} if self.cookie else {}
        wanted = {**self.always, **own, **cookie, **changes}
        headers = {name: value for name, value in wanted.items() if value is not None}
        http = self.app.test_client(use_cookies=False)
        ask = http.get if method == "GET" else http.post
        answer = await ask(path, headers=headers, form=dict(form) or None, scope_base=LOOPBACK)
        assert isinstance(answer, Response)
        return answer

    def refused(self, reason: str) -> float:
        """How often that reason was counted."""
        return self.registry.get_sample_value("voicebot_refusals_total", {"reason": reason}) or 0.0

    def answered(self, how: str) -> float:
        """How often a call was answered so."""
        return self.registry.get_sample_value("voicebot_answers_total", {"how": how}) or 0.0


def cookie_of(visit: Visit) -> str:
    """The value of the cookie that a visit keeps."""
    return visit.cookie.removeprefix(f"{COOKIE}=")
