from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.call.events import CallerFacts
from bot.persona import Sentences
from tests.webhooks_stand_ins import CALL, CALLED, CALLER, PUBLIC
from webhooks.addresses import Addresses
from webhooks.twiml import Documents
from webhooks.voice_request import read

FACTS = CallerFacts(CALL, CALLER, CALLED, {"Direction": "inbound"})


def documents(base: str = PUBLIC, fallback: str = "") -> Documents:
    return Documents(Addresses(base), fallback, Sentences())


def verbs(document: str) -> list[ET.Element]:
    return list(ET.fromstring(document))  # noqa: S314 - our own document


def names(document: str) -> list[str]:
    return [verb.tag for verb in verbs(document)]


def test_a_call_is_connected_to_the_stream_with_a_safety_net_and_nothing_after_it() -> None:
    (connect,) = verbs(documents().connect(FACTS, "tok"))
    assert connect.attrib == {"action": f"{PUBLIC}/voice/after", "method": "POST"}
    (stream,) = connect
    assert stream.attrib == {
        "url": "wss://bot.example.com/media",
        "statusCallback": f"{PUBLIC}/voice/stream-status",
        "statusCallbackMethod": "POST",
    }
    assert {parameter.attrib["name"]: parameter.attrib["value"] for parameter in stream} == {
        "token": "tok",
        "caller": CALLER,
        "called": CALLED,
        "Direction": "inbound",
    }


def test_a_second_stream_comes_with_a_word_and_for_the_last_time() -> None:
    say, connect = verbs(documents().connect(FACTS, "tok", again=True))
    assert say.text == Sentences().again
    assert connect.attrib["action"] == f"{PUBLIC}/voice/after?again=1"


def test_addresses_behind_a_path_and_on_loopback() -> None:
    for base, socket in (
        ("https://h/bot", "wss://h/bot/media"),
        ("http://127.0.0.1:8000", "ws://127.0.0.1:8000/media"),
    ):
        (connect,) = verbs(documents(base).connect(FACTS, "tok"))
        assert connect[0].attrib["url"] == socket
        assert connect.attrib["action"] == f"{base}/voice/after"


@pytest.mark.parametrize("name", ["busy", "sorry"])
def test_without_a_fallback_number_the_caller_hears_a_sentence(name: str) -> None:
    document = getattr(documents(), name)(FACTS)
    assert names(document) == ["Say", "Hangup"]
    assert verbs(document)[0].text == getattr(Sentences(), name)


@pytest.mark.parametrize(("fallback", "noun"), [("+14255550000", "Number"), ("sip:desk@acme.sip.twilio.com", "Sip")])
def test_with_a_fallback_number_it_is_dialled_and_its_failure_is_caught(fallback: str, noun: str) -> None:
    say, dial = verbs(documents(fallback=fallback).sorry(FACTS))
    assert say.text == Sentences().dialling
    assert dial.attrib == {"action": f"{PUBLIC}/voice/after", "method": "POST"}
    assert [(inner.tag, inner.text) for inner in dial] == [(noun, fallback)]


def test_a_caller_without_a_number_is_passed_on_under_ours() -> None:
    facts = CallerFacts(CALL, "sip:alice@acme.sip.twilio.com", CALLED)
    assert verbs(documents(fallback="+14255550000").busy(facts))[1].attrib["callerId"] == CALLED


def test_a_browser_is_passed_on_under_no_number_of_its_own_invention() -> None:
    facts = CallerFacts(CALL, "client:anna", "+19005550100")
    assert "callerId" not in verbs(documents(fallback="+14255550000").busy(facts))[1].attrib


def test_the_house_closes_with_a_redirect_or_a_sentence() -> None:
    (redirect,) = verbs(documents().closing("https://other.example"))
    assert (redirect.tag, redirect.text) == ("Redirect", "https://other.example/voice")
    assert names(documents().closing("")) == ["Say", "Hangup"]


@given(st.dictionaries(st.text(max_size=700), st.text(max_size=700), max_size=30), st.text(), st.text())
def test_whatever_a_caller_sends_the_document_can_be_read_and_keeps_to_twilios_limit(
    headers: dict[str, str], caller: str, called: str
) -> None:
    fields = {f"SipHeader_{name}": value for name, value in headers.items()}
    facts = read(fields | {"CallSid": CALL, "From": caller, "To": called}).facts
    (connect,) = verbs(documents().connect(facts, "tok"))
    parameters = {parameter.attrib["name"]: parameter.attrib["value"] for parameter in connect[0]}
    assert parameters["token"] == "tok"
    assert len(parameters) <= 20
    assert all(len(name) + len(value) < 500 for name, value in parameters.items())
