from __future__ import annotations

import pytest
from twilio.twiml.voice_response import Connect as TwilioConnect
from twilio.twiml.voice_response import Dial as TwilioDial
from twilio.twiml.voice_response import VoiceResponse

from bot.errors import SimulatorError
from bot.simulator.twiml import Connect, Dial, Hangup, Pause, Play, Redirect, Say, Stream, read


def test_what_twilios_own_library_writes_is_read_in_order() -> None:
    response = VoiceResponse()
    response.say("One & two <three>")
    connect = TwilioConnect(action="/voice/after", method="GET")
    stream = connect.stream(
        url="wss://h/media", name="s1", status_callback="https://h/voice/stream-status", status_callback_method="GET"
    )
    stream.parameter(name="token", value="a.b-c")
    stream.parameter(name="caller", value="")
    response.append(connect)
    response.pause(length=3)
    response.redirect("/again", method="GET")
    response.dial("+14255550123")
    response.hangup()
    assert read(str(response)) == [
        Say("One & two <three>"),
        Connect(
            Stream("wss://h/media", "s1", {"token": "a.b-c", "caller": ""}, "https://h/voice/stream-status", "GET"),
            "/voice/after",
            "GET",
        ),
        Pause(3.0),
        Redirect("/again", "GET"),
        Dial("+14255550123"),
        Hangup(),
    ]


def test_dial_takes_a_noun_and_reject_ends_the_call() -> None:
    document = '<Response><Dial action="/x"><Sip>sip:alice@example.com</Sip></Dial><Reject reason="busy"/></Response>'
    assert read(document) == [Dial("sip:alice@example.com", "/x"), Hangup()]


def test_all_that_a_dial_says_is_read() -> None:
    response = VoiceResponse()
    response.play(digits="1w2#")
    dial = TwilioDial(action="/after", method="GET", caller_id="+14255550199", timeout=20)
    dial.number("+14255550123", url="/whisper", method="GET")
    response.append(dial)
    dial = TwilioDial()
    dial.client("anna")
    response.append(dial)
    assert read(str(response)) == [
        Play("1w2#"),
        Dial("+14255550123", "/after", "GET", "+14255550199", 20.0, "/whisper", "GET"),
        Dial("client:anna"),
    ]


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ("<Response><Dial/></Response>", "should name somebody"),
        ("<Response><Dial><Queue>q</Queue></Dial></Response>", "<Queue>"),
        ("<Response><Dial><Number>+1</Number><Number>+2</Number></Dial></Response>", "several"),
        ('<Response><Dial timeout="soon">+1</Dial></Response>', "timeout"),
        ("<Response><Play>https://h/a.mp3</Play></Response>", "recordings"),
        ('<Response><Play digits="12x"/></Response>', "recordings"),
        ("", "not XML"),
        ("Hello", "not XML"),
        ("<Response><Say>", "not XML"),
        ("<html/>", "should be a <Response>"),
        ('<!DOCTYPE r [<!ENTITY a "b">]><Response><Say>&a;</Say></Response>', "document type"),
        ("<Response><Sing/></Response>", "<Sing>"),
        ("<Response><Connect/></Response>", "should hold one <Stream>"),
        ("<Response><Connect><Stream/></Connect></Response>", "should have a url"),
        ('<Response><Connect><Stream url="wss://h" track="both_tracks"/></Connect></Response>', "31941"),
        ('<Response><Pause length="long"/></Response>', "length"),
        ('<Response><Redirect method="PUT">/x</Redirect></Response>', "PUT"),
        (f"<Response><Say>{'x' * 65536}</Say></Response>", "64 KiB"),
        (
            '<Response><Connect><Stream url="wss://h">'
            f'<Parameter name="n" value="{"x" * 499}"/></Stream></Connect></Response>',
            "500",
        ),
    ],
)
def test_what_twilio_would_refuse_is_refused_in_a_sentence(document: str, complaint: str) -> None:
    with pytest.raises(SimulatorError, match=complaint):
        read(document)
