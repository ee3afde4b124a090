"""Reads the TwiML that a bot answers with, as far as Twilio would act on it here: verbs in document order."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from bot.errors import SimulatorError

LARGEST_DOCUMENT = 64 * 1024  # Twilio's error 11750
LONGEST_PARAMETER = 500  # name and value of one <Parameter>, together
_KEYS = re.compile(r"[0-9*#wW]{1,1000}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Say:
    """Twilio itself speaks `text`."""

    text: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Silence, in seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Stream:
    """What a `<Connect>` connects to."""

    url: str
    name: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    status_callback: str = ""
    status_callback_method: str = "POST"


@dataclass(frozen=True, slots=True)
class Connect:
    """Holds the call until the stream ends; then `action` is asked what to do, if there is one."""

    stream: Stream
    action: str = ""
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Play:
    """Twilio presses these keys; `w` waits half a second."""

    digits: str


@dataclass(frozen=True, slots=True)
class Dial:
    """The call goes to somebody else: a number, a SIP address, or `client:` and a name.

    action: is asked what comes next, once that is over; without it the document goes on. caller_id: what is shown to
    whoever is called, empty for the caller's own. timeout: seconds of ringing. whisper: address of a document that
    whoever answers hears before the caller is put through.
    """

    target: str
    action: str = ""
    method: str = "POST"
    caller_id: str = ""
    timeout: float = 30.0
    whisper: str = ""
    whisper_method: str = "POST"


@dataclass(frozen=True, slots=True)
class Redirect:
    """Goes on with another document."""

    url: str
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Hangup:
    """Ends the call; `<Reject>` ends it too."""


type Verb = Say | Pause | Play | Connect | Dial | Redirect | Hangup


def read(document: str) -> list[Verb]:
    """The verbs of `document`, in order. Raises SimulatorError where Twilio would refuse it."""
    if len(document.encode()) > LARGEST_DOCUMENT:
        raise SimulatorError("the TwiML is larger than 64 KiB")
    if "<!DOCTYPE" in document or "<!ENTITY" in document:
        raise SimulatorError("the TwiML holds a document type definition, which is not taken")
    try:
        root = ElementTree.fromstring(document.strip())  # noqa: S314 - no DTD, so no entities; bounded above
    except ElementTree.ParseError as error:
        raise SimulatorError(f"the TwiML is not XML: {error}") from None
    if root.tag != "Response":
        raise SimulatorError(f"the TwiML should be a <Response>, not <{root.tag}>")
    return [_verb(element) for element in root]


def _verb(element: Element) -> Verb:
    match element.tag:
        case "Say":
            return Say(_text(element))
        case "Pause":
            return Pause(_seconds(element.get("length", "1"), "<Pause> should have a length"))
        case "Connect":
            return Connect(_stream(element), element.get("action", ""), _method(element.get("method")))
        case "Play":
            return Play(_keys(element))
        case "Dial":
            return _dial(element)
        case "Redirect":
            return Redirect(_text(element), _method(element.get("method")))
        case "Hangup" | "Reject":
            return Hangup()
        case other:
            raise SimulatorError(f"the TwiML holds <{other}>, which this caller does not know")


def _dial(dial: Element) -> Dial:
    nouns = list(dial)
    if len(nouns) > 1:
        raise SimulatorError("<Dial> with several nouns is not known to this caller")
    noun = nouns[0] if nouns else dial
    if noun.tag not in ("Dial", "Number", "Sip", "Client"):
        raise SimulatorError(f"<Dial> holds <{noun.tag}>, which this caller does not know")
    whom = _text(noun)
    if not whom:
        raise SimulatorError("<Dial> should name somebody")
    return Dial(
        f"client:{whom}" if noun.tag == "Client" else whom,
        dial.get("action", ""),
        _method(dial.get("method")),
        dial.get("callerId", ""),
        _seconds(dial.get("timeout", "30"), "<Dial> should have a timeout"),
        noun.get("url", "") if noun is not dial else "",
        _method(noun.get("method")),
    )


def _keys(play: Element) -> str:
    digits = play.get("digits", "")
    if not _KEYS.fullmatch(digits):
        raise SimulatorError(
            "<Play> should have digits of 0 to 9, *, # and w; recordings are not known to this caller"
        )
    return digits


def _stream(connect: Element) -> Stream:
    nouns = list(connect)
    if len(nouns) != 1 or nouns[0].tag != "Stream":
        raise SimulatorError("<Connect> should hold one <Stream>")
    stream = nouns[0]
    url = stream.get("url", "")
    if not url:
        raise SimulatorError("<Stream> should have a url")
    if stream.get("track", "inbound_track") != "inbound_track":
        raise SimulatorError("<Stream> in <Connect> takes only track inbound_track (31941)")
    parameters: dict[str, str] = {}
    for parameter in stream:
        name, value = parameter.get("name", ""), parameter.get("value", "")
        if parameter.tag != "Parameter" or not name:
            raise SimulatorError("<Stream> should hold only <Parameter>s with a name")
        if len(name) + len(value) >= LONGEST_PARAMETER:
            raise SimulatorError(f"<Parameter> {name} has 500 characters or more with its value")
        parameters[name] = value
    return Stream(
        url,
        stream.get("name", ""),
        parameters,
        stream.get("statusCallback", ""),
        _method(stream.get("statusCallbackMethod")),
    )


def _text(element: Element) -> str:
    return " ".join("".join(element.itertext()).split())


def _method(value: str | None) -> str:
    method = (value or "POST").upper()
    if method not in ("GET", "POST"):
        raise SimulatorError(f"the TwiML asks for method {method}, which should be GET or POST")
    return method


def _seconds(value: str, what: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 3600:
        raise SimulatorError(f"{what} in seconds, at most an hour")
    return seconds
