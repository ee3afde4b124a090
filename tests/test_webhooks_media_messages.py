from __future__ import annotations

import base64
import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.webhooks_stand_ins import CALL, STREAM, frame, start_message
from webhooks.media_messages import BadMessage, Connected, Dtmf, Mark, Media, Start, Stop, Unknown, Writer, parse


def told(message: object) -> str:
    return json.dumps(message)


def kind_of(raw: str | bytes) -> str:
    with pytest.raises(BadMessage) as caught:
        parse(raw)
    return caught.value.kind


def test_twilios_own_examples_are_understood() -> None:
    assert isinstance(parse('{"event":"connected","protocol":"Call","version":"1.0.0"}'), Connected)
    start = parse(told(start_message("tok")))
    assert isinstance(start, Start)
    assert (start.stream, start.start.call_sid, start.start.media_format.telephone) == (STREAM, CALL, True)
    assert start.start.custom_parameters["token"] == "tok"
    media = parse(told(frame("5", b"\x00\x7f")))
    assert isinstance(media, Media)
    assert (media.media.payload, media.media.milliseconds, media.stream_sid) == (b"\x00\x7f", 5, STREAM)
    key = {"event": "dtmf", "streamSid": STREAM, "dtmf": {"track": "inbound_track", "digit": "1"}}
    assert isinstance(heard := parse(told(key)), Dtmf)
    assert heard.dtmf.digit == "1"
    assert isinstance(mark := parse(told({"event": "mark", "streamSid": STREAM, "mark": {"name": "a"}})), Mark)
    assert mark.mark.name == "a"
    assert isinstance(parse(told({"event": "stop", "stop": {"callSid": CALL}, "streamSid": STREAM})), Stop)


def test_an_event_that_twilio_may_add_is_no_error() -> None:
    assert isinstance(parse('{"event":"whisper","x":[1,2]}'), Unknown)


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"\x00\x01", "binary"),
        (b"", "binary"),
        ("", "json"),
        ("hello", "json"),
        ('{"event":"media"', "json"),
        ('{"event":"\ud800"}', "json"),
        ('{"event":"media","x":' + "[" * 50_000, "json"),
        ("null", "shape"),
        ("[]", "shape"),
        ("{}", "shape"),
        ('{"event":7}', "shape"),
        ('{"event":"media"}', "shape"),
        ('{"event":"media","media":[]}', "shape"),
        ('{"event":"media","media":{"payload":7}}', "shape"),
        ('{"event":"media","media":{"payload":"////","timestamp":5}}', "shape"),
        ('{"event":"start","start":{"callSid":null}}', "shape"),
        ('{"event":"start","start":{"callSid":"CA1","customParameters":{"token":1}}}', "shape"),
        ('{"event":"dtmf","dtmf":{"digit":1}}', "shape"),
        ('{"event":"mark","mark":{}}', "shape"),
        ('{"event":"media","media":{"payload":"!!!!"}}', "base64"),
        ('{"event":"media","media":{"payload":"AAA"}}', "base64"),
        ('{"event":"media","media":{"payload":"AA\\nAA"}}', "base64"),
        ('"' + "x" * 65_536 + '"', "too-long"),
    ],
)
def test_nonsense_has_a_name(raw: str | bytes, kind: str) -> None:
    assert kind_of(raw) == kind


@pytest.mark.parametrize("timestamp", ["-1", "1.5", "nan", "1e9", " 5", "٣", "9" * 13])
def test_a_timestamp_that_is_no_number_is_refused(timestamp: str) -> None:
    media = parse(told(frame(timestamp)))
    assert isinstance(media, Media)
    with pytest.raises(BadMessage):
        _ = media.media.milliseconds


@given(st.text(max_size=300) | st.binary(max_size=300))
def test_no_message_raises_anything_else(raw: str | bytes) -> None:
    with contextlib.suppress(BadMessage):
        parse(raw)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["media", "payload"]), inner),
    max_leaves=6,
)


@given(st.sampled_from(["connected", "start", "media", "dtmf", "mark", "stop", "new"]), _json, _json)
def test_no_shape_raises_anything_else(event: str, part: object, sid: object) -> None:
    with contextlib.suppress(BadMessage):
        parse(told({"event": event, event: part, "streamSid": sid}))


@given(st.binary(max_size=2000), st.text(max_size=50), st.text(max_size=50))
def test_what_we_send_is_what_twilio_expects(ulaw: bytes, stream: str, name: str) -> None:
    writer = Writer(stream)
    assert json.loads(writer.media(ulaw)) == {
        "event": "media",
        "streamSid": stream,
        "media": {"payload": base64.b64encode(ulaw).decode()},
    }
    assert json.loads(writer.mark(name)) == {"event": "mark", "streamSid": stream, "mark": {"name": name}}
    assert json.loads(writer.clear) == {"event": "clear", "streamSid": stream}
