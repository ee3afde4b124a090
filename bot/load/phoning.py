"""One call from its webhook to its end, as Twilio goes about it. Gives its record, whatever happens."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from random import Random

import aiohttp

from bot.errors import SimulatorError
from bot.load.caller import Caller
from bot.load.metronome import Metronome
from bot.load.record import CallRecord
from bot.load.script import Script
from bot.load.stream_socket import StreamSocket
from bot.load.target import Target
from bot.simulator.addresses import Address, Addresses, sign
from bot.simulator.playout import PlayOut
from bot.simulator.result import PhoneCall
from bot.simulator.stream import CLOSED_WITH_ERROR
from bot.simulator.twiml import Connect, Redirect, Say, Stream
from bot.simulator.webhook import Document, Parties, Webhooks

_MOST_REDIRECTS = 5
_CLOSED_AS_AGREED = (1000, 1001, 1005)
_PATIENCE = 5.0  # seconds after which a caller who has heard nothing has been left in silence


class Phone:
    """Places the calls of one process, one at a time or many.

    levels: keep how loud everything is; http: for the webhooks.
    """

    def __init__(
        self,
        target: Target,
        script: Script,
        metronome: Metronome,
        http: aiohttp.ClientSession,
        clock: Callable[[], float],
        *,
        levels: bool,
    ) -> None:
        self._target = target
        self._script = script
        self._metronome = metronome
        self._http = http
        self._clock = clock
        self._levels = levels

    async def call(self, number: int, hang_up: asyncio.Event) -> CallRecord:
        """Hold one call until its script or the bot ends it, or `hang_up` is set. number: of this call in the run."""
        record = CallRecord(number, f"CA{secrets.token_hex(16)}", self._clock())
        try:
            if self._target.stream:
                await self._hold(record, self._target.stream, self._target.stream, self._target.parameters, hang_up)
            else:
                await self._phone(record, hang_up)
        except SimulatorError as error:
            record.failure = record.failure or str(error)
        finally:
            record.ended = record.ended or self._clock()
        return record

    async def _phone(self, record: CallRecord, hang_up: asyncio.Event) -> None:
        target = self._target
        addresses = Addresses(target.base, target.public_url, allow_remote=target.allow_remote)
        asked = PhoneCall(record.call_sid, PlayOut(record.placed))
        webhooks = Webhooks(
            self._http,
            addresses,
            asked,
            form=Parties(account_sid=target.account_sid).form(record.call_sid),
            token=target.auth_token,
            rng=Random(record.call_sid),  # noqa: S311 - names of requests
        )
        document, connect = await self._connect(webhooks, addresses, record, hang_up)
        if document is None or connect is None:
            return
        stream = connect.stream
        address = addresses.of_stream(stream.url, document.address)
        reports = _Reports(webhooks, addresses, document.address, stream, record)
        try:
            await self._hold(record, address.called, address.signed, stream.parameters, hang_up, reports.began)
        except SimulatorError as error:
            await reports.tell("stream-error", {"StreamError": str(error)[:5]})
            raise
        finally:
            record.ended = self._clock()
            await reports.close()
        if record.ended_by_bot and connect.action:
            after = addresses.of_reference(connect.action, document.address)
            await webhooks.report(after, {"CallStatus": "in-progress"}, method=connect.method)
        await webhooks.report(addresses.of_path("/voice/status"), {"CallStatus": "completed"})

    async def _connect(
        self, webhooks: Webhooks, addresses: Addresses, record: CallRecord, hang_up: asyncio.Event
    ) -> tuple[Document | None, Connect | None]:
        """Ask for TwiML until it connects to a stream. Raises SimulatorError where it does something else."""
        address, method, said = addresses.of_path(self._target.entrance), "POST", ""
        status = "ringing"
        for _ in range(_MOST_REDIRECTS):
            fields = {"CallStatus": status}
            document = await webhooks.document(address, fields, method=method, fallback="")
            record.answered = record.answered or self._clock()
            status = "in-progress"
            for verb in document.verbs:
                if hang_up.is_set():
                    return None, None
                match verb:
                    case Connect():
                        return document, verb
                    case Redirect(url, method):
                        address = addresses.of_reference(url, document.address)
                        break
                    case Say(text):
                        said = text
                    case _:
                        raise SimulatorError(_not_taken(said))
            else:
                raise SimulatorError(_not_taken(said))
        raise SimulatorError("the webhook redirects without end")

    async def _hold(
        self,
        record: CallRecord,
        url: str,
        signed: str,
        parameters: dict[str, str],
        hang_up: asyncio.Event,
        began: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Hold the stream. Raises SimulatorError where it cannot be opened, or breaks."""
        caller = Caller(
            record,
            self._script,
            self._metronome,
            self._clock,
            account_sid=self._target.account_sid,
            levels=self._levels,
        )
        socket = StreamSocket(
            url,
            sign(self._target.auth_token, signed, {}),
            clock=self._clock,
            heard=caller.hear,
            binary=caller.hear_binary,
        )
        await socket.open()
        record.opened = self._clock()
        began(caller.stream_sid)
        caller.begin(socket, parameters)
        socket.closed.add_done_callback(lambda _: caller.end())
        hanging_up = asyncio.ensure_future(hang_up.wait())
        over = asyncio.ensure_future(caller.over.wait())
        try:
            await asyncio.wait({hanging_up, over}, return_when=asyncio.FIRST_COMPLETED)
            by_caller = not socket.closed.done()
            caller.hang_up()
            record.ended = self._clock()
            await socket.close()
        finally:
            caller.end()
            socket.abort()
            hanging_up.cancel()
            over.cancel()
            await asyncio.gather(hanging_up, over, return_exceptions=True)
        if not by_caller and not record.failure:
            self._judge_end(record, socket.close_code)
        elif not record.failure and record.first_sound is None and self._expected_a_word(record):
            record.failure = "the caller heard nothing"

    def _judge_end(self, record: CallRecord, code: int | None) -> None:
        if code in (None, 1006):
            raise SimulatorError("31903: the server broke the stream off without a word")
        if code not in _CLOSED_AS_AGREED:
            raise SimulatorError(f"{CLOSED_WITH_ERROR}: the server broke the stream off with {code}")
        record.ended_by_bot = True
        if record.first_sound is None:
            record.failure = f"the server closed the stream ({code}) before a sound was heard"

    @staticmethod
    def _expected_a_word(record: CallRecord) -> bool:
        """Whether the caller stayed long enough to be spoken to."""
        return record.ended - (record.started or record.ended) >= _PATIENCE


class _Reports:
    """The stream's status callbacks, which nobody waits for while the call goes on."""

    def __init__(
        self, webhooks: Webhooks, addresses: Addresses, base: Address, stream: Stream, record: CallRecord
    ) -> None:
        self._webhooks = webhooks
        self._addresses = addresses
        self._base = base
        self._stream = stream
        self._record = record
        self._sid = ""
        self._began: asyncio.Task[None] | None = None

    def began(self, stream_sid: str) -> None:
        """The stream is open."""
        self._sid = stream_sid
        self._began = asyncio.create_task(self.tell("stream-started"))

    async def close(self) -> None:
        """The stream is over."""
        if self._began is not None:
            await self._began
            await self.tell("stream-stopped")

    async def tell(self, event: str, more: dict[str, str] | None = None) -> None:
        """Send one report, where the TwiML asks for them."""
        if not self._stream.status_callback:
            return
        fields = {"StreamSid": self._sid, "StreamEvent": event, "StreamName": self._stream.name or self._sid}
        address = self._addresses.of_reference(self._stream.status_callback, self._base)
        await self._webhooks.report(address, fields | (more or {}), method=self._stream.status_callback_method)


def _not_taken(said: str) -> str:
    return f'the bot did not take the call and had Twilio say: "{said}"' if said else "the bot did not take the call"
