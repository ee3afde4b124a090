"""Twilio's side of a browser call, on loopback: signalling, measurements, and somebody who takes the call.

`TwilioNetwork` speaks the signalling protocol of @twilio/voice-sdk 2.18 as far as a call needs it (its `pstream.js`,
version 1.6, says what is sent and taken). Messages are `{"type", "version", "payload"}`: the SDK sends `listen` with
its token and gets `connected`; sends `invite` with an SDP offer and gets `ringing` and `answer`; either side ends by
`hangup`. It speaks TLS on loopback; Chromium is told to find Twilio's hosts there. `FarEnd` is a second page of the
same Chromium with a plain RTCPeerConnection, so the sound is real WebRTC.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from playwright.async_api import Page

CALL = "CA" + "7" * 32
RECONNECT = "a token to come back with"
_PATIENCE = 20.0  # seconds; only against hanging

Message = dict[str, Any]
Answer = Callable[[str], Awaitable[str]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Plan:
    """How Twilio behaves, until a test says otherwise.

    ttl: seconds that a token is said to be valid still. refuse: error code in place of `connected`. deaf: says
    nothing at all. hold: rings and does not answer. failure: error code in place of an answer. telephone_events:
    whether digits can go as RTP events.
    """

    ttl: int = 3600
    refuse: int = 0
    deaf: bool = False
    hold: bool = False
    failure: int = 0
    telephone_events: bool = True


@dataclass
class TwilioNetwork:
    """Twilio as the SDK meets it. answer: makes an SDP answer to an offer.

    messages: what the SDK has sent. hosts: of the signalling connections, in order. events: names of the
    measurements. strange: requests for anything else, which should be none.
    """

    answer: Answer
    plan: Plan = field(default_factory=Plan)
    messages: list[Message] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)
    _sockets: set[web.WebSocketResponse] = field(default_factory=set)
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def sent(self, kind: str, count: int = 1) -> Message:
        """The payload of the SDK's `count`th message of this type, waited for."""
        return await self._waited(lambda: self._of(kind), count, kind)

    async def connections(self, count: int) -> str:
        """The host that the SDK asked for when it connected for the `count`th time."""
        return await self._waited(lambda: self.hosts, count, "connection")

    async def nobody_is_connected(self) -> None:
        """Wait until every signalling connection was closed."""
        async with asyncio.timeout(_PATIENCE), self._news:
            await self._news.wait_for(lambda: not self._sockets)

    async def say(self, kind: str, **payload: object) -> None:
        """Send a message to every SDK that is connected."""
        for socket in list(self._sockets):
            await _send(socket, kind, payload)

    async def drop(self) -> None:
        """Break every signalling connection."""
        for socket in list(self._sockets):
            await socket.close(code=1012)

    def _of(self, kind: str) -> list[Message]:
        return [message["payload"] for message in self.messages if message["type"] == kind]

    async def _waited[T](self, listing: Callable[[], list[T]], count: int, what: str) -> T:
        try:
            async with asyncio.timeout(_PATIENCE), self._news:
                await self._news.wait_for(lambda: len(listing()) >= count)
        except TimeoutError:
            raise AssertionError(f"no {what} number {count}; got {[m['type'] for m in self.messages]}") from None
        return listing()[count - 1]

    async def _signal(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets.add(socket)
        await self._tell(lambda: self.hosts.append(request.host))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT and message.data != "\n":
                    await self._take(socket, json.loads(message.data))
        finally:
            await self._tell(lambda: self._sockets.discard(socket))
        return socket

    async def _tell(self, news: Callable[[], None]) -> None:
        async with self._news:
            news()
            self._news.notify_all()

    async def _take(self, socket: web.WebSocketResponse, message: Message) -> None:
        await self._tell(lambda: self.messages.append(message))
        plan, payload = self.plan, message["payload"]
        match message["type"]:
            case "listen" if plan.deaf:
                pass
            case "listen" if plan.refuse:
                await _send(socket, "error", {"error": {"code": plan.refuse, "message": "refused"}})
            case "listen":
                token = {"identity": "softphone", "ttl": plan.ttl}
                await _send(socket, "connected", {"region": "US_EAST_VIRGINIA", "edge": "ashburn", "token": token})
            case "invite" if "reconnect" in payload:
                await _send(socket, "answer", {"callsid": CALL, "reconnect": RECONNECT})
            case "invite" if plan.failure:
                error = {"code": plan.failure, "message": "failed"}
                await _send(socket, "hangup", {"callsid": payload["callsid"], "error": error})
            case "invite":
                await _send(socket, "ringing", {"callsid": CALL})
                if not plan.hold:
                    sdp = await self.answer(payload["sdp"])
                    if not plan.telephone_events:
                        sdp = without_telephone_events(sdp)
                    await _send(socket, "answer", {"callsid": CALL, "reconnect": RECONNECT, "sdp": sdp})

    async def _measurement(self, request: web.Request) -> web.Response:
        headers = {
            "Access-Control-Allow-Origin": request.headers.get("Origin", "*"),
            "Access-Control-Allow-Headers": "content-type, x-twilio-token",
        }
        if request.method == "POST":
            event = await request.json()
            self.events.append(f"{event['group']}:{event['name']}")
        return web.Response(headers=headers)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer as whichever of Twilio's hosts was asked."""
        if request.path == "/signal":
            return await self._signal(request)
        if request.path.startswith("/v4/"):
            return await self._measurement(request)
        self.strange.append(f"{request.host}{request.path}")
        return web.Response(status=404)


async def _send(socket: web.WebSocketResponse, kind: str, payload: Message) -> None:
    await socket.send_str(json.dumps({"type": kind, "version": "1.6", "payload": payload}))


def without_telephone_events(sdp: str) -> str:
    """An SDP of somebody who takes no digits as RTP events, so that the SDK has to send them by its signalling."""
    lines = sdp.split("\r\n")
    payloads = {
        line[9:].split(" ")[0] for line in lines if line.startswith("a=rtpmap:") and "telephone-event" in line
    }
    kept = [line for line in lines if not any(line.startswith((f"a=rtpmap:{n} ", f"a=fmtp:{n} ")) for n in payloads)]
    return "\r\n".join(
        " ".join(part for part in line.split(" ") if part not in payloads) if line.startswith("m=audio") else line
        for line in kept
    )


async def _nobody(request: web.Request) -> web.StreamResponse:
    return web.Response(status=503)


class Switchable:
    """A server that outlives a test. handler: what stands behind it at the moment."""

    def __init__(self) -> None:
        self.handler: Handler = _nobody

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        return await self.handler(request)

    @asynccontextmanager
    async def serving(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
        """Serve on loopback; yields the port."""
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(application, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
            yield int(runner.addresses[0][1])
        finally:
            await runner.cleanup()


def tls_of_nobody(folder: Path) -> ssl.SSLContext:
    """A certificate that nobody vouches for; Chromium is told not to mind."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "twilio stand-in")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain)
    (folder / "key.pem").write_bytes(private)
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(encoding))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return context


_FAR_END = """
() => {
  const context = new AudioContext();
  const analyser = new AnalyserNode(context, { fftSize: 4096, smoothingTimeConstant: 0 });
  const bins = new Float32Array(analyser.frequencyBinCount);
  window.answer = async (sdp, hertz) => {
    const peer = new RTCPeerConnection();
    const speech = new OscillatorNode(context, { frequency: hertz });
    const mouth = new MediaStreamAudioDestinationNode(context);
    speech.connect(new GainNode(context, { gain: 0.3 })).connect(mouth);
    speech.start();
    peer.addTrack(mouth.stream.getAudioTracks()[0], mouth.stream);
    peer.addEventListener("track", ({ streams: [stream] }) => {
      const ear = new Audio(); // without it Chromium gives the graph no sound of a peer
      ear.muted = true;
      ear.srcObject = stream;
      ear.play();
      new MediaStreamAudioSourceNode(context, { mediaStream: stream }).connect(analyser);
    });
    await peer.setRemoteDescription({ type: "offer", sdp });
    await peer.setLocalDescription();
    while (peer.iceGatheringState !== "complete") {
      await new Promise((resolve) => peer.addEventListener("icegatheringstatechange", resolve, { once: true }));
    }
    return peer.localDescription.sdp;
  };
  window.loudness = (hertz) => {
    analyser.getFloatFrequencyData(bins);
    const bin = Math.round((hertz * analyser.fftSize) / context.sampleRate);
    return Math.max(...bins.slice(bin - 2, bin + 3)); // dB
  };
}
"""


class FarEnd:
    """Somebody who takes the call in a page of their own and says one long tone. tone: its frequency in Hz."""

    tone = 440

    def __init__(self, page: Page) -> None:
        self.page = page

    async def settle(self) -> None:
        """Make the page ready. Has to be called once."""
        await self.page.evaluate(_FAR_END)

    async def answer(self, sdp: str) -> str:
        """The SDP answer to an offer, all candidates in it."""
        answer = await self.page.evaluate("([sdp, hertz]) => window.answer(sdp, hertz)", [sdp, self.tone])
        return str(answer)

    async def hears(self, *hertz: int, louder_than: int = -60) -> None:
        """Wait until all these frequencies are heard at once. louder_than: in dB."""
        await self._waits(f"{list(hertz)}.every((hertz) => window.loudness(hertz) > {louder_than})")

    async def hears_nothing_of(self, hertz: int, quieter_than: int = -90) -> None:
        """Wait until a frequency has gone. quieter_than: in dB."""
        await self._waits(f"window.loudness({hertz}) < {quieter_than}")

    async def _waits(self, expression: str) -> None:
        await self.page.wait_for_function(f"() => {expression}", polling=20, timeout=_PATIENCE * 1000)
