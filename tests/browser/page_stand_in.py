"""The softphone's page alone: its own files and headers, and what a test makes of calls and server."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import BrowserContext, Page, Route
from quart import Quart

import webhooks
from tests.browser.chromium import Chromium
from tests.browser.visit import Visit
from tests.webhooks_stand_ins import settings
from webhooks.pages import PageHeaders

ROOT = "http://127.0.0.1:9/bot/"
"""Nothing listens there: playwright answers. Loopback, so a secure context; behind a prefix, as the bot may be."""

_STATIC = Path(webhooks.__file__).parent / "static"
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

# The last call that was made is `standIn.call`; `standIn.feed` is the server's account of it.
_STAND_IN = "globalThis.standIn = { call: null, feed: null, dialled: [], done: [], problem: null };"
_CALL = """
import { CallProblem } from "./problem.js";
export class %s extends EventTarget {
  callId = "";
  constructor(options) {
    super();
    standIn.call = this;
    document.documentElement.dataset.dialled = "";
    standIn.dialled.push({ way: "%s", ...options });
  }
  async dial() {
    if (standIn.problem) throw new CallProblem(standIn.problem);
  }
  hangUp() { standIn.done.push("hang up"); }
  press(digit) { standIn.done.push(digit); }
  mute(on) { standIn.done.push(on ? "mute" : "unmute"); }
}
"""
_FEED = """
export class LiveFeed extends EventTarget {
  constructor(url) {
    super();
    this.url = url;
    standIn.feed = this;
  }
  close() { this.closed = true; }
}
"""
_MODULES = {
    "assets/softphone/direct.js": _CALL % ("DirectCall", "direct"),
    "assets/softphone/twilio.js": _CALL % ("TwilioCall", "twilio"),
    "assets/live_feed.js": _FEED,
}

NO_TWILIO = {"ready": False, "missing": ["TWILIO_API_KEY_SID", "TWILIO_API_KEY_SECRET"], "dial": False}
TWILIO = {"ready": True, "missing": [], "dial": False, "script": "", "integrity": ""}


class SoftphonePage:
    """visit: the page. ways, status: what the server answers when it is asked for the ways to call."""

    def __init__(self, visit: Visit, ways: dict[str, Any], policy: str) -> None:
        self.visit = visit
        self.page = visit.page
        self.ways = ways
        self.status = 200
        self.asked: list[str] = []
        """What the page asked the server for, besides its files: method and path."""
        self._policy = policy

    async def answer(self, route: Route) -> None:
        """Play the server."""
        path = route.request.url.removeprefix(ROOT).partition("#")[0]
        if path in _MODULES:
            await route.fulfill(body=_MODULES[path], content_type="text/javascript")
        elif path in {"", "calls", "sign-in"} or path.startswith("assets/"):
            file = _STATIC / ("softphone.html" if not path.startswith("assets/") else path.removeprefix("assets/"))
            headers = {"Content-Security-Policy": self._policy, "Content-Type": _TYPES[file.suffix]}
            await route.fulfill(body=file.read_bytes(), headers=headers)
        else:
            self.asked.append(f"{route.request.method} {path}")
            answer = self.ways if path == "softphone/ways" else {"outcome": "caller", "words": ""}
            await route.fulfill(status=self.status, body=json.dumps(answer), content_type="application/json")

    # --- what happens on the line, and what the server tells

    async def call(self, call_id: str = "CA1") -> None:
        """Press Call, and have the line opened."""
        await self.page.evaluate("delete document.documentElement.dataset.dialled")
        await self.page.get_by_role("button", name="Call", exact=True).click()
        await self.page.locator("html[data-dialled]").wait_for()
        await self.emit("line", state="asking", message="Allow the microphone, if the browser asks for it.")
        await self.emit("line", state="connecting", message="Connecting.")
        await self.emit("call", callId=call_id)
        await self.emit("line", state="open", message="The line is open.")
        await self.feed("hello", elapsed=0.0)

    async def emit(self, kind: str, /, **detail: object) -> None:
        """Have the call say something."""
        await self.page.evaluate(
            "([k, detail]) => standIn.call.dispatchEvent(new CustomEvent(k, {detail}))", [kind, detail]
        )

    async def feed(self, kind: str, /, **detail: object) -> None:
        """Have the server's account of the call say something."""
        await self.page.evaluate(
            "([k, detail]) => standIn.feed.dispatchEvent(new CustomEvent(k, {detail}))", [kind, detail]
        )

    async def report(self, kind: str, at: float = 1.0, /, **fields: object) -> None:
        """Have the server report on the call."""
        await self.feed("report", type=kind, at=at, **fields)

    async def state(self, state: str, message: str = "") -> None:
        """Have the server report another state."""
        await self.report("StateChanged", state=state, message=message)

    async def dialled(self) -> list[dict[str, Any]]:
        """The calls that were made, with what they were told."""
        dialled: list[dict[str, Any]] = await self.page.evaluate("standIn.dialled")
        return dialled

    async def done(self) -> list[str]:
        """What calls were asked to do: `hang up`, `mute`, `unmute`, or a digit."""
        done: list[str] = await self.page.evaluate("standIn.done")
        return done

    async def another(self) -> SoftphonePage:
        """The same page in a second tab of the same browser."""
        page = await self.page.context.new_page()
        self.visit.watch(page)
        await page.goto(ROOT)
        return SoftphonePage(Visit(page), self.ways, self._policy)


@asynccontextmanager
async def open_page(
    chromium: Chromium,
    *,
    ways: dict[str, Any] | None = None,
    sign_out: bool = False,
    status: int = 200,
    width: int = 1280,
    height: int = 800,
    virtual_time: bool = False,
    expect: Sequence[str] = (),
) -> AsyncIterator[SoftphonePage]:
    """Open the softphone's page. virtual_time: the page's clock stands still until the test moves it."""
    async with chromium.visit("", width=width, height=height, scripts=[_STAND_IN], expect=expect) as visit:
        context: BrowserContext = visit.page.context
        await context.grant_permissions(["clipboard-read", "clipboard-write"], origin=ROOT)
        softphone = SoftphonePage(visit, {"twilio": ways or NO_TWILIO, "sign_out": sign_out}, await _policy())
        softphone.status = status
        await context.route(f"{ROOT}**", softphone.answer)
        if virtual_time:
            await visit.page.clock.install()
        await visit.page.goto(ROOT)
        await _settled(visit.page)
        yield softphone


async def _policy() -> str:
    """The Content-Security-Policy that the page really gets."""
    app = Quart(__name__)
    app.after_request(PageHeaders(settings()).add)

    @app.get("/")
    async def page() -> str:
        return ""

    response = await app.test_client().get("/")
    return response.headers["Content-Security-Policy"]


async def _settled(page: Page) -> None:
    """The page has asked for the ways to call, and shows the answer."""
    await page.locator("#way-twilio-help:not(:empty), #way-twilio:enabled").first.wait_for(state="attached")
