"""Media Streams messages as Twilio writes and reads them. Every number that Twilio sends is a string."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass

import msgspec

MALFORMED = 31950  # a binary frame
INVALID = 31951  # not JSON, unknown, incomplete, or for another stream


@dataclass(frozen=True, slots=True)
class Media:
    """Audio to play: μ-law at 8 kHz."""

    audio: bytes


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark to send back once what is queued has been played."""

    name: str


@dataclass(frozen=True, slots=True)
class Clear:
    """Throw the queue away."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A message that Twilio would warn of. why: for people."""

    code: int
    why: str


type Message = Media | Mark | Clear | Refused


def read(text: str, stream_sid: str) -> Message:
    """What the bot sent, as Twilio understands it."""
    try:
        message = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return Refused(INVALID, "not JSON")
    if not isinstance(message, dict):
        return Refused(INVALID, "not a JSON object")
    if message.get("streamSid") != stream_sid:
        return Refused(INVALID, "not this stream's streamSid")
    match message:
        case {"event": "media", "media": {"payload": str(payload)}}:
            try:
                return Media(base64.b64decode(payload, validate=True))
            except (binascii.Error, ValueError):
                return Refused(INVALID, "a payload that is not base64")
        case {"event": "mark", "mark": {"name": str(name)}}:
            return Mark(name)
        case {"event": "clear"}:
            return Clear()
        case {"event": "media" | "mark" as event}:
            return Refused(INVALID, f"an incomplete {event}")
        case _:
            return Refused(INVALID, "an unknown event")


class Writer:
    """Writes the messages of one stream, numbered as Twilio numbers them."""

    def __init__(self, account_sid: str, call_sid: str, stream_sid: str) -> None:
        self._account_sid = account_sid
        self._call_sid = call_sid
        self._stream_sid = stream_sid
        self._sequence = 0
        self._chunk = 0

    def connected(self) -> str:
        """The first message."""
        return json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"})

    def start(self, parameters: dict[str, str]) -> str:
        """The second, with the TwiML's parameters."""
        start = {
            "accountSid": self._account_sid,
            "streamSid": self._stream_sid,
            "callSid": self._call_sid,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": parameters,
        }
        return self._numbered("start", {"start": start})

    def media(self, audio: bytes) -> str:
        """20 ms of the caller. Written by hand: there are fifty a second for each call."""
        self._sequence += 1
        self._chunk += 1
        return (
            f'{{"event":"media","sequenceNumber":"{self._sequence}","media":{{"track":"inbound",'
            f'"chunk":"{self._chunk}","timestamp":"{(self._chunk - 1) * 20}",'
            f'"payload":"{base64.b64encode(audio).decode()}"}},"streamSid":"{self._stream_sid}"}}'
        )

    def dtmf(self, digit: str) -> str:
        """A key that the caller pressed."""
        return self._numbered("dtmf", {"dtmf": {"track": "inbound_track", "digit": digit}})

    def mark(self, name: str) -> str:
        """A mark come back."""
        return self._numbered("mark", {"mark": {"name": name}})

    def stop(self) -> str:
        """The last message, when the caller hangs up."""
        return self._numbered("stop", {"stop": {"accountSid": self._account_sid, "callSid": self._call_sid}})

    def _numbered(self, event: str, body: dict[str, object]) -> str:
        self._sequence += 1
        return json.dumps(
            {"event": event, "sequenceNumber": str(self._sequence), **body, "streamSid": self._stream_sid}
        )
