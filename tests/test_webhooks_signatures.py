from __future__ import annotations

import pytest
from twilio.request_validator import RequestValidator
from werkzeug.datastructures import MultiDict

from tests.webhooks_stand_ins import OLD_TOKEN, TOKEN
from webhooks.signatures import Signatures, signed_addresses

FORM = MultiDict([("CallSid", "CA1"), ("Digits", "1"), ("Digits", "2"), ("Digits", "1"), ("Name", "Zoë")])


def accepted(base: str, target: str, signed_url: str, *, socket: bool = False, token: str = TOKEN) -> bool:
    form: MultiDict[str, str] = MultiDict() if socket else FORM
    signature: str = RequestValidator(token).compute_signature(signed_url, form)
    return Signatures([TOKEN, OLD_TOKEN]).genuine(signature, signed_addresses(base, target, socket=socket), form)


@pytest.mark.parametrize(
    ("base", "target", "signed_url"),
    [
        ("https://h.example", "/voice", "https://h.example/voice"),
        ("https://h.example", "/voice", "https://h.example:443/voice"),
        ("https://h.example:443", "/voice", "https://h.example/voice"),
        ("https://h.example:8443", "/voice", "https://h.example:8443/voice"),
        ("https://h.example:8443", "/voice", "https://h.example/voice"),
        ("https://h.example", "/voice#rc=2&rp=all", "https://h.example/voice"),
        ("https://h.example", "/voice?a=b%20c&d=%C3%AB", "https://h.example/voice?a=b%20c&d=%C3%AB"),
        ("https://h.example", "/vo%69ce?a=b+c", "https://h.example/vo%69ce?a=b+c"),
        ("https://h.example/bot", "/voice", "https://h.example/bot/voice"),
        ("https://h.example/bot", "/bot/voice", "https://h.example/bot/voice"),
        ("http://127.0.0.1:8000", "/voice", "http://127.0.0.1:8000/voice"),
        ("http://[::1]:8000", "/voice", "http://[::1]:8000/voice"),
    ],
)
def test_a_webhook_is_accepted_as_twilio_may_have_signed_it(base: str, target: str, signed_url: str) -> None:
    assert accepted(base, target, signed_url)


@pytest.mark.parametrize(
    "signed_url",
    [
        "wss://h.example/media",
        "wss://h.example:443/media",
        "wss://h.example/media/",
        "https://h.example/media",
        "https://h.example:443/media/",
    ],
)
def test_a_handshake_is_accepted_as_twilio_may_have_signed_it(signed_url: str) -> None:
    assert accepted("https://h.example", "/media", signed_url, socket=True)


def test_a_loopback_handshake_is_signed_as_ws() -> None:
    assert accepted("http://127.0.0.1:8000", "/media", "ws://127.0.0.1:8000/media", socket=True)


@pytest.mark.parametrize(
    ("target", "signed_url"),
    [
        ("/voice", "https://evil.example/voice"),
        ("/voice", "http://h.example/voice"),
        ("/voice", "https://h.example:80/voice"),
        ("/voice", "https://h.example/voice/"),
        ("/voice", "https://h.example/voice/after"),
        ("/voice?a=b", "https://h.example/voice"),
        ("/voice?a=b%20c", "https://h.example/voice?a=b+c"),
        ("//evil.example/voice", "https://evil.example/voice"),
    ],
)
def test_another_address_is_refused(target: str, signed_url: str) -> None:
    assert not accepted("https://h.example", target, signed_url)


def test_while_tokens_rotate_both_are_taken_and_no_third() -> None:
    url = "https://h.example/voice"
    assert accepted("https://h.example", "/voice", url, token=OLD_TOKEN)
    assert not accepted("https://h.example", "/voice", url, token="f" * 32)


@pytest.mark.parametrize("signature", ["", "x", "é" * 28, "=" * 28])
def test_a_signature_that_is_none_is_refused_without_a_fuss(signature: str) -> None:
    assert not Signatures([TOKEN]).genuine(signature, ["https://h.example/voice"], FORM)


def test_one_changed_field_is_noticed() -> None:
    signature: str = RequestValidator(TOKEN).compute_signature("https://h.example/voice", FORM)
    changed = MultiDict(FORM)
    changed["CallSid"] = "CA2"
    assert not Signatures([TOKEN]).genuine(signature, ["https://h.example/voice"], changed)
