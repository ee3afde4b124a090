"""A page with a TwilioCall on one side, what it calls on the other: our server, Twilio, and who takes the call."""

from __future__ import annotations

import math
import os
import struct
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from playwright.async_api import Browser, Page, async_playwright

from tests.browser.chromium import program
from tests.browser.twilio_stand_in import FarEnd, Switchable, TwilioNetwork, tls_of_nobody
from tests.test_webhooks_voice_token import configured
from webhooks.voice_token import CONNECT_SOURCES, INTEGRITY, SCRIPT, access_token, identity

ROOT = Path(__file__).parent.parent.parent
STATIC = ROOT / "webhooks" / "static"
SDK = ROOT / "node_modules" / "@twilio" / "voice-sdk" / "dist" / "twilio.min.js"
VOICE = 1000
"""Hz: what the microphone hears."""
PREFIX = "/bot"  # the pages may live behind a path

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        f"connect-src 'self' {' '.join(CONNECT_SOURCES)}",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)


@dataclass
class House:
    """Our server as far as the page needs it. sdk: the file served, None: not installed. tokens: those given out.

    refusal: status and body in place of a token.
    """

    ready: bool = True
    missing: list[str] = field(default_factory=list)
    dial: bool = False
    integrity: str = INTEGRITY
    sdk: Path | None = SDK
    refusal: tuple[int, dict[str, object]] | None = None
    tokens: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path.removeprefix(PREFIX)
        self.requests.append(f"{request.method} {path}")
        response = self._answer(request.method, path) if request.path.startswith(PREFIX) else web.Response(status=404)
        response.headers["Content-Security-Policy"] = POLICY
        return response

    def _answer(self, method: str, path: str) -> web.StreamResponse:
        match method, path:
            case "GET", "/":
                head = '<!doctype html><html lang="en"><title>Phone</title><link rel="icon" href="assets/icon.svg">'
                return web.Response(text=head, content_type="text/html")
            case "GET", "/softphone/ways":
                return web.json_response({"twilio": self.ways()})
            case "POST", "/softphone/twilio-token":
                return self._token()
            case "GET" | "HEAD", "/assets/vendor/twilio.min.js":
                return web.FileResponse(self.sdk) if self.sdk else web.Response(status=404)
            case "GET", _ if path.startswith("/assets/"):
                return web.FileResponse(STATIC / path.removeprefix("/assets/"))
            case _:
                return web.Response(status=404)

    def ways(self) -> dict[str, object]:
        return {
            "ready": self.ready,
            "missing": self.missing,
            "script": SCRIPT,
            "integrity": self.integrity,
            "dial": self.dial,
        }

    def _token(self) -> web.Response:
        if self.refusal:
            status, body = self.refusal
            return web.json_response(body, status=status)
        who = identity(f"visitor {len(self.tokens)}")  # another token each time
        self.tokens.append(access_token(configured(), who))
        return web.json_response({"token": self.tokens[-1], "identity": who, "seconds": 3600})


@dataclass
class Machinery:
    """What all tests here share."""

    browser: Browser
    house: Switchable
    twilio: Switchable
    url: str


@asynccontextmanager
async def open_machinery(folder: Path) -> AsyncIterator[Machinery]:
    """Both servers and a Chromium. folder: for a certificate and a WAV file. Fails where the SDK is not there."""
    assert SDK.is_file(), "Twilio's Voice SDK is not in node_modules: run `npm ci`"
    house, twilio = Switchable(), Switchable()
    async with (
        async_playwright() as playwright,
        house.serving() as port,
        twilio.serving(tls_of_nobody(folder)) as twilio_port,
    ):
        browser = await playwright.chromium.launch(
            executable_path=program(),
            args=[
                "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-audio-capture={tone(folder / 'voice.wav', VOICE)}",
                "--autoplay-policy=no-user-gesture-required",  # the far end is no page that anybody clicks on
                "--allow-loopback-in-peer-connection",
                "--disable-features=WebRtcHideLocalIpsWithMdns",
                f"--host-resolver-rules=MAP *.twilio.com 127.0.0.1:{twilio_port}",
                "--ignore-certificate-errors",
                *(["--no-sandbox"] if os.geteuid() == 0 else []),
            ],
        )
        yield Machinery(browser, house, twilio, f"http://127.0.0.1:{port}{PREFIX}/")
        await browser.close()


def tone(path: Path, hertz: int) -> Path:
    rate = 48_000
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        wanted = (int(9000 * math.sin(2 * math.pi * hertz * n / rate)) for n in range(rate))
        out.writeframes(b"".join(struct.pack("<h", sample) for sample in wanted))
    return path


PAGE = """
async (options) => {
  const { TwilioCall, PATIENCE } = await import("./assets/softphone/twilio.js");
  const { twilio: ways } = await (await fetch("softphone/ways")).json();
  const call = new TwilioCall({ ways, ...options, patience: { ...PATIENCE, ...options.patience } });
  window.heard = { line: [], levels: [], note: [], call: [] };
  for (const [type, list] of Object.entries(window.heard)) {
    call.addEventListener(type, ({ detail }) => list.push(detail));
  }
  window.call = call;
  window.dialled = call.dial().then(
    () => "open",
    ({ name, message, cancelled }) => ({ name, message, cancelled }),
  );
}
"""


class Phone:
    """A page with a TwilioCall, what it told, and both sides of the call."""

    def __init__(self, page: Page, house: House, twilio: TwilioNetwork, far_end: FarEnd) -> None:
        self.page = page
        self.house = house
        self.twilio = twilio
        self.far_end = far_end
        self.console: list[str] = []
        self.uncaught: list[str] = []
        page.on("console", lambda message: self._logged(message.type, message.text))
        page.on("pageerror", lambda error: self.uncaught.append(str(error)))

    def _logged(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.console.append(text)

    async def call(self, **options: object) -> None:
        """Begin to dial."""
        await self.page.evaluate(PAGE, options)

    async def open(self, **options: object) -> None:
        """Dial, and wait until the line is open."""
        await self.call(**options)
        assert await self.dialled() == "open"

    async def dialled(self) -> str | dict[str, Any]:
        """What became of dial(): "open", or what it rejected with."""
        dialled: str | dict[str, Any] = await self.page.evaluate("() => window.dialled")
        return dialled

    async def problem(self, **options: object) -> str:
        """Dial, which has to fail. Returns the sentence, which is also what the line says last."""
        await self.call(**options)
        dialled = await self.dialled()
        assert isinstance(dialled, dict)
        assert dialled["name"] == "CallProblem"
        assert not dialled["cancelled"]
        assert (await self.heard("line"))[-1] == {"state": "error", "message": dialled["message"]}
        return str(dialled["message"])

    async def heard(self, what: str) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = await self.page.evaluate("(what) => window.heard[what]", what)
        return listed

    async def until(self, condition: str) -> None:
        """Wait for a JavaScript expression over `heard` and `call` to hold."""
        await self.page.wait_for_function(
            f"() => {{ const {{ heard, call }} = window; return {condition}; }}", polling=20
        )

    async def states(self) -> list[str]:
        return [line["state"] for line in await self.heard("line")]

    async def do(self, what: str) -> None:
        await self.page.evaluate(f"() => window.call.{what}")

    async def microphone_is_off(self) -> None:
        await self.page.wait_for_function("() => window.tracks.every((track) => track.readyState === 'ended')")


WATCH_MICROPHONE = """
window.tracks = [];
const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (constraints) => {
  const stream = await ask(constraints);
  window.tracks.push(...stream.getTracks());
  return stream;
};
let unplugged = false;
const list = navigator.mediaDevices.enumerateDevices.bind(navigator.mediaDevices);
navigator.mediaDevices.enumerateDevices = async () => {
  const devices = await list();
  return unplugged ? devices.slice(0, 1) : devices;
};
window.unplug = () => {
  unplugged = true;
  for (const track of window.tracks) track.stop();
  navigator.mediaDevices.dispatchEvent(new Event("devicechange"));
};
"""


@asynccontextmanager
async def opened(machinery: Machinery, *, allowed: bool = True, house: House | None = None) -> AsyncIterator[Phone]:
    house = house or House()
    ours = await machinery.browser.new_context(base_url=machinery.url)
    theirs = await machinery.browser.new_context()
    far_end = FarEnd(await theirs.new_page())
    twilio = TwilioNetwork(far_end.answer)
    machinery.house.handler = house.handle
    machinery.twilio.handler = twilio.handle
    try:
        await far_end.settle()
        await ours.grant_permissions(["microphone" if allowed else "geolocation"])
        await ours.add_init_script(WATCH_MICROPHONE)
        phone = Phone(await ours.new_page(), house, twilio, far_end)
        await phone.page.goto("./")
        yield phone
        assert phone.uncaught == []
    finally:
        await ours.close()
        await theirs.close()
