"""Media Streams messages as typed values, and the three that we send. No I/O.

Source: https://www.twilio.com/docs/voice/media-streams/websocket-messages. All numbers but those of the media format
are strings there; fields that we do not read are ignored, since Twilio may add some at any time.
"""

from __future__ import annotations

import msgspec
from pybase64 import b64encode_as_string

LONGEST_MESSAGE = 65_536  # characters
DIGITS = frozenset("0123456789*#ABCD")

_LONGEST_NUMBER = 12  # digits of a time in milliseconds


class BadMessage(Exception):
    """A message that makes no sense. kind: one word for the log and the metric, never the peer's own."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        super().__init__(kind)


class Connected(msgspec.Struct, tag="connected", tag_field="event"):
    """The first message: nothing is known yet."""


class MediaFormat(msgspec.Struct, rename="camel"):
    """What the frames hold."""

    encoding: str = "audio/x-mulaw"
    sample_rate: int = 8000
    channels: int = 1

    @property
    def telephone(self) -> bool:
        """Whether this is the one format that Twilio documents."""
        return (self.encoding, self.sample_rate, self.channels) == ("audio/x-mulaw", 8000, 1)


class StartFacts(msgspec.Struct, rename="camel"):
    """Which call the stream belongs to, and what our TwiML sent along."""

    call_sid: str
    stream_sid: str = ""
    account_sid: str = ""
    media_format: MediaFormat = msgspec.field(default_factory=MediaFormat)
    custom_parameters: dict[str, str] = msgspec.field(default_factory=dict)


class Start(msgspec.Struct, tag="start", tag_field="event", rename="camel"):
    """The stream begins."""

    start: StartFacts
    stream_sid: str = ""

    @property
    def stream(self) -> str:
        """The stream's id, wherever it was given; may be empty."""
        return self.stream_sid or self.start.stream_sid


class Frame(msgspec.Struct):
    """A stretch of what the caller says. payload: mu-law, 8 kHz, mono, of any length."""

    payload: bytes
    timestamp: str = ""
    track: str = "inbound"

    @property
    def milliseconds(self) -> int | None:
        """When the stretch began, since the stream's start; None where that was not said.

        Raises BadMessage where it is no number.
        """
        if not (said := self.timestamp):
            return None
        if not (said.isascii() and said.isdigit()) or len(said) > _LONGEST_NUMBER:
            raise BadMessage("timestamp")
        return int(said)


class Media(msgspec.Struct, tag="media", tag_field="event", rename="camel"):
    """Sound of the caller's side."""

    media: Frame
    stream_sid: str = ""


class Key(msgspec.Struct):
    """A key of the caller's telephone."""

    digit: str


class Dtmf(msgspec.Struct, tag="dtmf", tag_field="event", rename="camel"):
    """The caller pressed a key."""

    dtmf: Key
    stream_sid: str = ""


class Label(msgspec.Struct):
    """The name we gave a mark."""

    name: str


class Mark(msgspec.Struct, tag="mark", tag_field="event", rename="camel"):
    """Everything queued before our mark was played, or cleared."""

    mark: Label
    stream_sid: str = ""


class Stop(msgspec.Struct, tag="stop", tag_field="event", rename="camel"):
    """The stream ended, most often because the caller hung up."""

    stream_sid: str = ""


class Unknown:
    """An event that this bot does not know. Twilio may add some: not an error."""


type Message = Connected | Start | Media | Dtmf | Mark | Stop | Unknown


class _AnyEvent(msgspec.Struct):
    event: str


_KNOWN = frozenset({"connected", "start", "media", "dtmf", "mark", "stop"})
_message: msgspec.json.Decoder[Connected | Start | Media | Dtmf | Mark | Stop] = msgspec.json.Decoder(
    Connected | Start | Media | Dtmf | Mark | Stop
)
_any_event = msgspec.json.Decoder(_AnyEvent)


def parse(raw: str | bytes) -> Message:
    """Read one message of Twilio's. Raises BadMessage, and nothing else."""
    if not isinstance(raw, str):
        raise BadMessage("binary")
    if len(raw) > LONGEST_MESSAGE:
        raise BadMessage("too-long")
    try:
        return _message.decode(raw)
    except msgspec.ValidationError as error:
        if "base64" in str(error):
            raise BadMessage("base64") from None
    except (ValueError, RecursionError):
        raise BadMessage("json") from None
    return _unknown(raw)


def _unknown(raw: str) -> Unknown:
    try:
        event = _any_event.decode(raw).event
    except (ValueError, RecursionError):
        raise BadMessage("shape") from None
    if event in _KNOWN:
        raise BadMessage("shape")
    return Unknown()


class Writer:
    """Makes the messages we send on one stream. The audio path costs one join and no JSON encoder."""

    def __init__(self, stream_sid: str) -> None:
        sid = _quoted(stream_sid)
        self._media = f'{{"event":"media","streamSid":{sid},"media":{{"payload":"'
        self._mark = f'{{"event":"mark","streamSid":{sid},"mark":{{"name":'
        self.clear = f'{{"event":"clear","streamSid":{sid}}}'

    def media(self, ulaw: bytes) -> str:
        """Have Twilio queue this. ulaw: mu-law, 8 kHz, mono, no header."""
        return f'{self._media}{b64encode_as_string(ulaw)}"}}}}'

    def mark(self, name: str) -> str:
        """Have Twilio send `name` back when all before it has been played."""
        return f"{self._mark}{_quoted(name)}}}}}"


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()
