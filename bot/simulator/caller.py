"""Places a call to a bot as Twilio would: asks its webhooks, follows their TwiML, and holds the stream.

    call = await place_call("http://127.0.0.1:8000", listen)

The clock is the running loop's, so that a call fits into virtual time (`bot.simulator.virtual_time`).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from random import Random

import aiohttp
import audioop

from bot.errors import SimulatorError
from bot.simulator import reports
from bot.simulator.addresses import Address, Addresses, sign
from bot.simulator.dialling import LETTERS_PER_SECOND, Exchange
from bot.simulator.line import HungUp, Line
from bot.simulator.messages import Writer
from bot.simulator.network import Network
from bot.simulator.playout import RATE, SILENCE, PlayOut
from bot.simulator.result import Note, Outcome, PhoneCall
from bot.simulator.script import Script, Voice
from bot.simulator.stream import MediaStream, connect
from bot.simulator.twiml import Connect, Dial, Hangup, Pause, Play, Redirect, Say, Stream
from bot.simulator.webhook import Document, Parties, Webhooks

_MOST_DOCUMENTS = 50  # a redirect to itself ends here
_SECONDS_OF_A_KEY = 0.25  # that Twilio presses; a pause, `w`, has half a second
_LAST_REPORTS = 1.0


async def place_call(
    url: str,
    script: Script,
    *,
    network: Network | None = None,
    auth_token: str = "",
    public_url: str = "",
    parties: Parties | None = None,
    dialled: Sequence[Outcome] = (),
    entrance: str = "/voice",
    call_sid: str = "",
    max_seconds: float = 120.0,
    voice: Voice | None = None,
    allow_remote: bool = False,
    follow_reports: bool = True,
    on_note: Callable[[Note], None] | None = None,
    rng: Random | None = None,
    clock: Callable[[], float] | None = None,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> PhoneCall:
    """Call the bot at `url` and hold the call until either side ends it, or the caller hangs up after `max_seconds`.

    dialled: how it goes when the TwiML dials somebody, one attempt after the other; the last stands for all others,
    and without any somebody answers. entrance: the webhook that is asked first; call_sid: of a call that the bot has
    placed itself, and that is answered now. voice: speaks the TwiML's `<Say>` into what is heard; without it, silence
    of a fitting length is heard. on_note: told every line of the transcript as it happens. `clock` and `sleep` must
    keep the running loop's time.

    Raises SimulatorError where the bot cannot be called at all, and whatever `script` raises.
    """
    clock = clock or asyncio.get_running_loop().time
    rng = rng or Random()  # noqa: S311 - a test caller's jitter and identifiers, no secrets
    addresses = Addresses(url, public_url, allow_remote=allow_remote)
    timeouts = aiohttp.ClientTimeout(total=15, sock_connect=5)
    async with aiohttp.ClientSession(timeout=timeouts, connector=aiohttp.TCPConnector(limit=0)) as http:
        call = _Call(
            http,
            addresses,
            script,
            network or Network(),
            auth_token,
            parties or Parties(),
            call_sid,
            dialled,
            rng,
            clock,
            sleep,
        )
        call.voice, call.on_note, call.entrance = voice, on_note, entrance
        return await call.run(max_seconds, follow_reports=follow_reports)


class _Call:
    def __init__(
        self,
        http: aiohttp.ClientSession,
        addresses: Addresses,
        script: Script,
        network: Network,
        token: str,
        parties: Parties,
        call_sid: str,
        dialled: Sequence[Outcome],
        rng: Random,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]],
    ) -> None:
        self.voice: Voice | None = None
        self.on_note: Callable[[Note], None] | None = None
        self.entrance = "/voice"
        self._http = http
        self._addresses = addresses
        self._script = script
        self._network = network
        self._token = token
        self._parties = parties
        self._rng = rng
        self._clock = clock
        self._sleep = sleep
        self._call = PhoneCall(call_sid or f"CA{rng.getrandbits(128):032x}", PlayOut(clock()))
        self._line = Line(self._call.playout, clock, self._note)
        self._webhooks = Webhooks(
            http, addresses, self._call, form=parties.form(self._call.call_sid), token=token, rng=rng
        )
        self._exchange = Exchange(
            self._webhooks,
            addresses,
            self._call,
            dialled,
            caller=parties.caller,
            note=self._note,
            rng=rng,
            sleep=sleep,
        )
        self._stream: MediaStream | None = None
        self._failure: Exception | None = None  # of the script
        self._tasks = asyncio.TaskGroup()
        self._playing_script: asyncio.Task[None] | None = None
        self._follows_reports = False
        self._watching: list[asyncio.Task[None]] = []  # the reports of each stream

    async def run(self, max_seconds: float, *, follow_reports: bool) -> PhoneCall:
        """The whole call."""
        call, trouble = self._call, None
        self._note("call", f"{call.call_sid} to {self._addresses.of_path('').called}")
        async with self._tasks as tasks:
            ticking = tasks.create_task(self._line.keep_time(self._send, self._sleep, max_seconds))
            self._follows_reports = follow_reports
            try:
                await self._follow_documents()
            except HungUp:
                call.ended_by = "caller"
            except SimulatorError as error:
                trouble = error
            ended = self._line.hung_up_at if self._line.hung_up_at is not None else self._clock()
            ticking.cancel()
            if self._playing_script:
                self._playing_script.cancel()
            await self._finish(ended, trouble)
            if self._watching:
                await asyncio.wait(self._watching, timeout=_LAST_REPORTS)
            for watching in self._watching:
                watching.cancel()
        if self._failure:
            raise self._failure
        if trouble and self._never_answered(trouble):
            raise trouble
        return call

    def _never_answered(self, trouble: SimulatorError | None) -> bool:
        return trouble is not None and not self._call.said_by_twiml and not self._call.stream_sids

    async def _finish(self, ended: float, trouble: SimulatorError | None) -> None:
        call, playout = self._call, self._call.playout
        if trouble:
            call.ended_by, call.trouble = "failure", str(trouble)
        playout.clear(ended)
        call.seconds = ended - playout.began
        call.heard, call.said = playout.heard(ended), self._line.said(ended)
        call.turns, call.interruptions = self._line.turns, self._line.interruptions
        self._note("call", f"ended by the {call.ended_by}" if not trouble else f"failed: {trouble}")
        if not self._never_answered(trouble):
            fields = {"CallStatus": "completed", "CallDuration": str(math.ceil(call.seconds))}
            await self._webhooks.report(self._addresses.of_path("/voice/status"), fields)

    # --- The TwiML ------------------------------------------------------------------------------------------------

    async def _follow_documents(self) -> None:
        address = self._addresses.of_path(self.entrance)
        fields = {"CallStatus": "ringing" if self.entrance == "/voice" else "in-progress"}
        document = await self._line.unless_hung_up(self._webhooks.document(address, fields))
        for _ in range(_MOST_DOCUMENTS):
            following = await self._follow(document)
            if following is None:
                return
            document = following
        raise SimulatorError(f"the TwiML went on to {_MOST_DOCUMENTS} documents without an end")

    async def _follow(self, document: Document) -> Document | None:
        """Carry the verbs out; the next document, or None where the call is over."""
        for verb in document.verbs:
            match verb:
                case Say(text):
                    await self._line.held(self._hear(text))
                case Pause(seconds):
                    await self._line.unless_hung_up(self._pass(seconds))
                case Hangup():
                    return None
                case Play(digits):
                    await self._line.held(self._press(digits))
                case Dial(action=action, method=method):
                    how = await self._line.held(self._exchange.dial(verb, document.address))
                    if action:
                        return await self._ask(action, document.address, method, how)
                case Redirect(url, method):
                    return await self._ask(url, document.address, method)
                case Connect(stream, action, method):
                    await self._hold_stream(stream, document.address)
                    if action:
                        return await self._ask(action, document.address, method)
        return None

    async def _ask(self, reference: str, base: Address, method: str, more: dict[str, str] | None = None) -> Document:
        address = self._addresses.of_reference(reference, base)
        fields = {"CallStatus": "in-progress"} | (more or {})
        return await self._line.unless_hung_up(self._webhooks.document(address, fields, method=method))

    async def _hear(self, text: str) -> None:
        self._call.said_by_twiml.append(text)
        self._note("bot", f"{text} (said by Twilio)")
        length = int(max(0.5, len(text) / LETTERS_PER_SECOND) * RATE)
        audio = audioop.lin2ulaw(await self.voice(text), 2) if self.voice else SILENCE * length
        self._call.playout.receive(audio, self._clock())
        await self._pass(self._call.playout.ran_dry_at - self._clock())

    async def _press(self, digits: str) -> None:
        self._call.pressed.append(digits)
        self._note("call", f"the bot presses {digits}")
        await self._pass(sum(0.5 if digit in "wW" else _SECONDS_OF_A_KEY for digit in digits))

    async def _pass(self, seconds: float) -> None:
        await self._sleep(max(0.0, seconds))

    # --- The stream -----------------------------------------------------------------------------------------------

    async def _hold_stream(self, stream: Stream, base: Address) -> None:
        call = self._call
        address = self._addresses.of_stream(stream.url, base)
        sid = f"MZ{self._rng.getrandbits(128):032x}"
        call.stream_sids.append(sid)
        if self._follows_reports:
            self._watching.append(self._tasks.create_task(self._follow_reports()))
        headers = sign(self._token, address.signed, {})
        socket = await self._line.unless_hung_up(connect(self._http, address.called, headers))
        if isinstance(socket, int):
            self._stream_failed(socket, stream, base, sid)
            call.close_codes.append(None)
            return
        writer = Writer(self._parties.account_sid, call.call_sid, sid)
        self._stream = MediaStream(
            socket, call, writer, network=self._network, rng=self._rng, clock=self._clock, sleep=self._sleep
        )
        self._tell_stream(stream, base, sid, "stream-started")
        began = self._clock()
        try:
            ended = await self._stream.run(stream.parameters, self._line.hung_up, self._play_script)
        finally:
            self._stream = None
            await socket.close()
        call.close_codes.append(ended.code)
        call.assistant_heard |= call.playout.first_sound(began, self._clock()) is not None
        if ended.error:
            self._stream_failed(ended.error, stream, base, sid)
        else:
            self._tell_stream(stream, base, sid, "stream-stopped")
        if ended.hung_up:
            raise HungUp
        call.ended_by = "bot"
        self._note("call", f"the bot closed the stream ({ended.code})")

    def _stream_failed(self, code: int, stream: Stream, base: Address, sid: str) -> None:
        self._call.stream_errors.append(code)
        self._note("trouble", f"stream error {code}")
        self._tell_stream(stream, base, sid, "stream-error", {"StreamError": str(code)})

    def _tell_stream(
        self, stream: Stream, base: Address, sid: str, event: str, more: dict[str, str] | None = None
    ) -> None:
        if not stream.status_callback:
            return
        fields = {
            "CallStatus": "in-progress",
            "StreamSid": sid,
            "StreamName": stream.name or sid,
            "StreamEvent": event,
            "Timestamp": datetime.now(UTC).isoformat(),
        }
        address = self._addresses.of_reference(stream.status_callback, base)
        report = self._webhooks.report(address, fields | (more or {}), method=stream.status_callback_method)
        self._tasks.create_task(report)

    # --- The caller -----------------------------------------------------------------------------------------------

    def _play_script(self) -> None:
        self._note("call", "the stream is open")
        if self._playing_script is None:
            self._playing_script = self._tasks.create_task(self._run_script())

    async def _run_script(self) -> None:
        try:
            await self._script(self._line)
        except Exception as failure:  # noqa: BLE001 - the script's own error, raised again when the call is over
            self._failure = failure
        self._line.put_down()

    def _send(self, frame: bytes, digit: str) -> None:
        if self._stream:
            self._stream.speak(frame)
            if digit:
                self._stream.press(digit)

    # --- Telling --------------------------------------------------------------------------------------------------

    async def _follow_reports(self) -> None:
        address = self._addresses.of_path(f"/calls/{self._call.call_sid}/events")
        headers = sign(self._token, address.signed, {})
        await reports.follow(self._http, address.called, headers, self._note, self._sleep)

    def _note(self, who: str, text: str) -> Note:
        note = Note(self._clock() - self._call.playout.began, who, text)
        self._call.transcript.append(note)
        if self.on_note:
            self.on_note(note)
        return note
