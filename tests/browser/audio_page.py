"""The bot's part, played by the tests: an empty page, our scripts, and the contract by which they are served.

It keeps what the page sent and sends what a test says, so that every failure of a server can be had on demand.
"""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from math import gcd
from pathlib import Path
from typing import Any

import audioop
import numpy as np
from aiohttp import WSCloseCode, WSMsgType, web
from playwright.async_api import Page

from tests.browser.listening import Sound, at_phone_rate

STATIC = Path(__file__).parents[2] / "webhooks" / "static"

CALL, STREAM, ACCOUNT, TOKEN = "CA" + "1" * 32, "MZ" + "2" * 32, "AC" + "3" * 32, "a token"

# As strict as the bot's own: what breaks under it breaks here.
_POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'; img-src data:"
_PAGE = "<!doctype html><html lang=en><title>Sound</title><link rel=icon href='data:,'><p>Sound</p></html>"

PATIENCE = 20.0
"""Seconds that guard against hanging; nothing is measured by them."""


@dataclass
class Bot:
    """A stand-in for the bot. `answer` and `after` are what the next POST gets: a status and a JSON body."""

    url: str = ""
    answer: tuple[int, object] = field(
        default=(
            201,
            {"call_id": CALL, "stream_id": STREAM, "account": ACCOUNT, "token": TOKEN, "socket": "media"},
        )
    )
    after: tuple[int, object] = (200, {"outcome": "caller", "words": ""})
    sockets: bool = True  # whether the WebSocket is taken
    refuse: bool = False  # whether the token is found bad
    delay: float = 0.0  # seconds before the POST is answered
    missing: str = ""  # the name of a script that cannot be had
    reserved: int = 0
    over: list[str] = field(default_factory=list)  # calls after which was asked
    got: list[dict[str, Any]] = field(default_factory=list)
    closed: list[int | None] = field(default_factory=list)
    socket: web.WebSocketResponse | None = None

    async def say(self, event: str, **body: object) -> None:
        """Send a message of the stream."""
        assert self.socket is not None
        await self.socket.send_str(json.dumps({"event": event, "streamSid": STREAM, **body}))

    async def play(self, ulaw: bytes) -> None:
        await self.say("media", media={"payload": b64encode(ulaw).decode()})

    async def mark(self, name: str) -> None:
        await self.say("mark", mark={"name": name})

    async def clear(self) -> None:
        await self.say("clear")

    async def close(self, code: int = 1000, reason: str = "") -> None:
        assert self.socket is not None
        await self.socket.close(code=code, message=reason.encode())

    def events(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.got if message["event"] == kind]

    def marks(self) -> list[str]:
        return [message["mark"]["name"] for message in self.events("mark")]

    def frames(self) -> list[bytes]:
        return [b64decode(message["media"]["payload"]) for message in self.events("media")]

    async def until(self, what: Callable[[], object]) -> None:
        """Wait for something to become true. Raises TimeoutError."""
        async with asyncio.timeout(PATIENCE):
            while not what():  # noqa: ASYNC110 - what is waited for has no event
                await asyncio.sleep(0.01)


@asynccontextmanager
async def stand_in() -> AsyncIterator[Bot]:
    """A Bot on loopback."""
    bot = Bot()

    async def page(_: web.Request) -> web.Response:
        headers = {"Content-Security-Policy": _POLICY}
        return web.Response(text=_PAGE, content_type="text/html", headers=headers)

    async def recorder(_: web.Request) -> web.Response:
        return web.Response(text=_RECORDER, content_type="text/javascript")

    async def reserve(_: web.Request) -> web.Response:
        bot.reserved += 1
        await asyncio.sleep(bot.delay)
        status, body = bot.answer
        return web.json_response(body, status=status)

    async def after(request: web.Request) -> web.Response:
        bot.over.append(request.match_info["call"])
        status, body = bot.after
        return web.json_response(body, status=status)

    @web.middleware
    async def lose(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if bot.missing and request.path.endswith(bot.missing):
            raise web.HTTPNotFound
        return await handler(request)

    async def media(request: web.Request) -> web.StreamResponse:
        if not bot.sockets:
            return web.Response(status=503)
        socket = web.WebSocketResponse(timeout=1)
        await socket.prepare(request)
        bot.socket = socket
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                bot.got.append(json.loads(message.data))
                if bot.refuse and bot.got[-1]["event"] == "start":
                    await socket.close(code=WSCloseCode.POLICY_VIOLATION)
        bot.closed.append(socket.close_code)
        return socket

    app = web.Application(middlewares=[lose])
    app.router.add_get("/", page)
    app.router.add_get("/recorder.js", recorder)
    app.router.add_static("/assets/", STATIC)
    app.router.add_post("/softphone/calls", reserve)
    app.router.add_post("/softphone/calls/{call}/after", after)
    app.router.add_get("/media", media)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        bot.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        yield bot
    finally:
        await runner.cleanup()


def speech_like(seconds: float, seed: int = 1) -> bytes:
    """Sound with the rhythm of syllables that is like itself nowhere else; mu-law at 8 kHz."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * 8000)) / 8000
    noise = np.convolve(rng.standard_normal(len(time)), np.hanning(9) / 4.5, "same")
    sound = noise * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * time)) * 0.2
    return audioop.lin2ulaw((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes(), 2)


# Recorded in the audio thread and numbered there, so that a page that is slow to listen loses nothing.
_RECORDER = """
registerProcessor("recorder", class extends AudioWorkletProcessor {
  process([[samples]]) {
    if (samples?.some((sample) => sample !== 0)) this.port.postMessage([currentFrame, samples.slice()]);
    return true;
  }
});
"""

RECORD = """
window.recorded = { played: [], microphone: [], rate: 0, frames: 0 };
const connectAsBefore = AudioNode.prototype.connect;
AudioNode.prototype.connect = function (target, ...more) {
  const played = target instanceof AudioDestinationNode && this instanceof AudioWorkletNode;
  const microphone = this instanceof MediaStreamAudioSourceNode && target instanceof AudioWorkletNode;
  const context = this.context;
  if (played || microphone) {
    recorded.context = context;
    context.recorders ??= context.audioWorklet.addModule("recorder.js");
    context.recorders.then(() => {
      const recorder = new AudioWorkletNode(context, "recorder", { channelCount: 1, channelCountMode: "explicit" });
      recorder.port.onmessage = ({ data }) => recorded[played ? "played" : "microphone"].push(data);
      connectAsBefore.call(recorder, context.destination);
      connectAsBefore.call(this, recorder);
    }, () => {}); // the call was over before
  }
  return connectAsBefore.call(this, target, ...more);
};
window.recordedAs = (kind) => {
  const { sampleRate, currentTime } = recorded.context;
  const sound = new Float32Array(Math.ceil(currentTime * sampleRate) + 128);
  for (const [frame, samples] of recorded[kind]) samples.forEach((sample, i) => { sound[frame + i] += sample; });
  const bytes = new Uint8Array(sound.buffer);
  let binary = "";
  for (let i = 0; i < bytes.length; i += 4096) binary += String.fromCharCode(...bytes.subarray(i, i + 4096));
  return [sampleRate, btoa(binary)];
};
"""

_SCRIPT = """
async (options) => {
  const { DirectCall } = await import(new URL("assets/softphone/direct.js", document.baseURI).href);
  const call = new DirectCall(options);
  const events = [];
  for (const type of ["line", "levels", "note", "turn", "call"]) {
    call.addEventListener(type, ({ detail }) => events.push([type, detail]));
  }
  Object.assign(window, { call, events });
}
"""


class Caller:
    """A page's DirectCall, from outside."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def prepare(self, **options: object) -> None:
        """Make `call`. options: DirectCall's."""
        await self.page.evaluate(_SCRIPT, {"rawMicrophone": True, **options})

    async def dial(self, **options: object) -> str:
        """Make a call; what its problem says, empty where the line is open."""
        await self.prepare(**options)
        said: str = await self.page.evaluate(
            "call.dial().then(() => '', ({ name, message }) => `${name}: ${message}`)"
        )
        return said

    async def recorded(self, kind: str) -> Sound:
        """What was "played" or came from the "microphone" since the sound began, at 8 kHz. Needs RECORD."""
        rate, text = await self.page.evaluate("(kind) => recordedAs(kind)", kind)
        sound = np.frombuffer(b64decode(text), dtype="<f4").astype(float)
        whole = len(sound) - len(sound) % (rate // gcd(rate, 8000))  # or the end would be stretched by a fraction
        return at_phone_rate(sound[:whole], rate)

    async def do(self, expression: str) -> Any:  # noqa: ANN401 - whatever JavaScript gives
        """Evaluate something about `call`."""
        return await self.page.evaluate(expression)

    async def events(self, kind: str) -> list[dict[str, Any]]:
        """What was told so far."""
        told: list[dict[str, Any]] = await self.page.evaluate(
            "kind => events.filter(([type]) => type === kind).map(([, detail]) => detail)", kind
        )
        return told

    async def notes(self, kind: str) -> list[str]:
        return [note["text"] for note in await self.events("note") if note["kind"] == kind]

    async def until(self, expression: str) -> None:
        """Wait for something in the page to become true."""
        async with asyncio.timeout(PATIENCE):  # playwright's own way of waiting is against the page's policy
            while not await self.page.evaluate(expression):  # noqa: ASYNC110 - what is waited for is in the page
                await asyncio.sleep(0.02)

    async def end(self) -> dict[str, str]:
        """Wait for the end; the last `line`."""
        await self.until("events.some(([type, { state }]) => type === 'line' && /ended|error/.test(state))")
        last: dict[str, str] = (await self.events("line"))[-1]
        return last
