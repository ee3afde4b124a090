"""Twilio's side of the load: callers with 20 ms frames on an absolute schedule, and a play-out buffer each.

The simulator's parts (messages, play-out buffer, network) do the work; only the times are kept here, taken as close
to the socket as can be. All times are `time.monotonic`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from random import Random
from time import monotonic

import aiohttp
import audioop
import numpy as np
from twilio.request_validator import RequestValidator

from benchmarks.watched import AUTH_TOKEN
from bot.simulator import Network, PlayOut
from bot.simulator.messages import Clear, Mark, Media, Refused, Writer, read
from bot.simulator.network import Pipe, Transit
from bot.simulator.twiml import Connect
from bot.simulator.twiml import read as read_twiml

FRAME_SECONDS = 0.02
FRAME_BYTES = 160  # mu-law at 8 kHz

_ACCOUNT = "AC" + "0" * 32
_validator = RequestValidator(AUTH_TOKEN)


class Caller:
    """One call.

    placed: when the webhook was asked; sent: when each frame left; media: when audio came, and how many bytes had
    come by then; clears: when they came; cleared: set by each clear.
    """

    def __init__(
        self, socket: aiohttp.ClientWebSocketResponse, call_id: str, network: Network | None, *, polite: bool
    ) -> None:
        self.call_id = call_id
        self.placed = 0.0
        self._polite = polite
        self.sent: list[float] = []
        self.media: list[tuple[float, int]] = []
        self.clears: list[float] = []
        self.cleared = asyncio.Event()
        self.playout = PlayOut(monotonic())
        self._socket = socket
        self._sid = "MZ" + call_id[2:]
        self._writer = Writer(_ACCOUNT, call_id, self._sid)
        self._marks_changed = asyncio.Event()
        self._to_bot: Pipe[str] | None = None
        self._from_bot: Pipe[str] | None = None
        if network is not None:
            rng, began = Random(call_id), monotonic()  # noqa: S311 - jitter
            self._to_bot = Pipe(Transit(network.to_bot, rng, began), clock=monotonic)
            self._from_bot = Pipe(Transit(network.from_bot, rng, began), clock=monotonic)

    async def run(self, parameters: dict[str, str], hung_up: asyncio.Event, phase: float) -> None:
        """Hold the stream until the caller hangs up. phase: seconds to wait before the first frame."""
        await self._send(self._writer.connected())
        await self._send(self._writer.start(parameters))
        work = [self._speak(phase), self._listen(), self._return_marks()]
        if self._to_bot is not None and self._from_bot is not None:
            work += [self._write(self._to_bot), self._arrive(self._from_bot)]
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(each) for each in work]
            await hung_up.wait()
            for task in running:
                task.cancel()
        if self._polite and not self._socket.closed:
            await self._socket.send_str(self._writer.stop())

    async def _speak(self, phase: float) -> None:
        due = monotonic() + phase
        for number in range(1 << 30):
            await asyncio.sleep(due - monotonic())
            due += FRAME_SECONDS
            message = self._writer.media(_FRAMES[number % len(_FRAMES)])
            self.sent.append(monotonic())
            await self._send(message)

    async def _send(self, message: str) -> None:
        if self._to_bot is not None:
            self._to_bot.put(message)
        else:
            await self._socket.send_str(message)

    async def _write(self, pipe: Pipe[str]) -> None:
        while True:
            await self._socket.send_str(await pipe.get())

    async def _listen(self) -> None:
        async for message in self._socket:
            if self._from_bot is not None:
                await self._from_bot.put_when_room(message.data)
            else:
                await self._obey(message.data, monotonic())
        raise RuntimeError(f"the bot closed the stream of {self.call_id}: {self._socket.close_code}")

    async def _arrive(self, pipe: Pipe[str]) -> None:
        while True:
            text = await pipe.get()
            await self._obey(text, monotonic())

    async def _obey(self, text: str, now: float) -> None:
        match read(text, self._sid):
            case Media(audio):
                self.playout.receive(audio, now)
                self.media.append((now, self.playout.received))
            case Mark(name):
                self.playout.mark(name)
                self._marks_changed.set()
            case Clear():
                self.clears.append(now)
                for name in self.playout.due(now) + self.playout.clear(now):
                    await self._send(self._writer.mark(name))
                self._marks_changed.set()
                self.cleared.set()
            case Refused(code, why):
                raise RuntimeError(f"Twilio would not take this: {code} {why}")

    async def _return_marks(self) -> None:
        while True:
            self._marks_changed.clear()
            for name in self.playout.due(monotonic()):
                await self._send(self._writer.mark(name))
            due = self.playout.next_due()
            with suppress(TimeoutError):
                async with asyncio.timeout(None if due is None else max(0.0, due - monotonic())):
                    await self._marks_changed.wait()


@asynccontextmanager
async def call(
    http: aiohttp.ClientSession,
    url: str,
    number: int,
    *,
    phase: float = 0,
    network: Network | None = None,
    polite: bool = True,
) -> AsyncIterator[Caller]:
    """Place a call to the bot at `url`, and hang up when the scope ends. number: makes its CallSid.

    phase: seconds to wait before the first frame, so that many callers do not speak in step; polite: say `stop` at
    the end, and not only close the socket.
    """
    call_id = f"CA{number:032x}"
    form = {"CallSid": call_id, "AccountSid": _ACCOUNT, "From": "+14255550100", "To": "+14255550101"}
    placed = monotonic()
    verbs = read_twiml(await _post(http, f"{url}/voice", {**form, "CallStatus": "ringing"}))
    if not isinstance(connect := verbs[0], Connect):
        raise RuntimeError(f"the bot does not take the call: {verbs}")
    stream = connect.stream
    hung_up = asyncio.Event()
    async with http.ws_connect(stream.url, headers=_signed(stream.url, {}), max_msg_size=0) as socket:
        caller = Caller(socket, call_id, network, polite=polite)
        caller.placed = placed
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(caller.run(stream.parameters, hung_up, phase))
            try:
                yield caller
            finally:
                hung_up.set()
    if connect.action:
        await _post(http, connect.action, {**form, "CallStatus": "completed"})


async def _post(http: aiohttp.ClientSession, url: str, form: dict[str, str]) -> str:
    async with http.post(url, data=form, headers=_signed(url, form)) as response:
        response.raise_for_status()
        return await response.text()


def _signed(url: str, form: dict[str, str]) -> dict[str, str]:
    return {"X-Twilio-Signature": _validator.compute_signature(url, form)}


def _talk() -> tuple[bytes, ...]:
    """A second of noise as loud as speech, in frames of mu-law."""
    noise = np.random.default_rng(2).normal(0, 3000, 8000).clip(-32768, 32767).astype("<i2").tobytes()
    ulaw = audioop.lin2ulaw(noise, 2)
    return tuple(ulaw[start : start + FRAME_BYTES] for start in range(0, len(ulaw), FRAME_BYTES))


_FRAMES = _talk()
