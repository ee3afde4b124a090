from __future__ import annotations

import pytest

from webhooks.console.errors import ConsoleError
from webhooks.console.target import Target, public_target, shown

TARGET = Target("https://example.com/bot")


def test_the_voice_address_asks_twilio_to_try_again_and_the_others_are_plain() -> None:
    assert TARGET.voice == "https://example.com/bot/voice#rc=2&rp=all"
    assert TARGET.fallback == "https://example.com/bot/voice/fallback"
    assert TARGET.status == "https://example.com/bot/voice/status"


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/bot/voice",
        "https://example.com/bot/voice#rc=5",
        "https://EXAMPLE.com:443/bot/voice",
    ],
)
def test_an_address_is_this_bots_whatever_its_overrides(url: str) -> None:
    assert TARGET.is_voice(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://example.com/voice",
        "https://example.com/bot/voice?x=1",
        "http://example.com/bot/voice",
        "https://example.com:8443/bot/voice",
        "https://example.com:x/bot/voice",
        "https://example.com/bot/Voice",
    ],
)
def test_another_address_is_not_this_bots(url: str) -> None:
    assert not TARGET.is_voice(url)


def test_a_public_address_is_taken() -> None:
    assert public_target("https://bot.example.com/") == Target("https://bot.example.com")
    assert public_target("https://8.8.8.8") == Target("https://8.8.8.8")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "PUBLIC_URL is missing"),
        ("http://bot.example.com", "should begin with https://"),
        ("bot.example.com", "should be an address"),
        ("https://bot.example.com/?x=1", "no user, query or fragment"),
        ("http://localhost:8000", "cannot reach"),
        ("https://localhost", "cannot reach"),
        ("https://127.0.0.1:8000", "cannot reach"),
        ("https://[::1]", "cannot reach"),
        ("https://192.168.1.7", "cannot reach"),
        ("https://10.0.0.1", "cannot reach"),
        ("https://nas", "cannot reach"),
        ("https://nas.local", "cannot reach"),
    ],
)
def test_an_address_that_twilio_cannot_use_is_refused_with_what_to_do(url: str, says: str) -> None:
    with pytest.raises(ConsoleError) as caught:
        public_target(url)
    assert says in str(caught.value)
    assert "Start a tunnel or deploy the bot" in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("https://a.example/v?x=@", "https://a.example/v?x=@"),
        ("https://me:secret@a.example/v", "https://***@a.example/v"),
        ("https://me:sec@ret@a.example", "https://***@a.example"),
        ("", ""),
    ],
)
def test_a_password_in_an_address_is_not_shown(url: str, seen: str) -> None:
    assert shown(url) == seen
