from __future__ import annotations

from types import SimpleNamespace

from webhooks.console.pointing import Pointing, difference
from webhooks.console.target import Target

OURS = Pointing.at(Target("https://bot.example.com"))
TRUNK, APP = "TK" + "1" * 32, "AP" + "1" * 32


def test_what_twilio_leaves_empty_is_empty_whether_it_says_null_or_nothing() -> None:
    record = SimpleNamespace(voice_url=None, voice_method=None, status_callback="", trunk_sid=None)
    assert Pointing.of(record) == Pointing()


def test_a_trunk_is_removed_only_where_there_is_one() -> None:
    assert "trunk_sid" not in OURS.change_from(Pointing())
    assert OURS.change_from(Pointing(trunk_sid=TRUNK))["trunk_sid"] == ""
    assert OURS.change_from(Pointing(voice_application_sid=APP))["voice_application_sid"] == ""


def test_a_trunk_put_back_is_not_removed_again_by_an_empty_application() -> None:
    change = Pointing(voice_url="https://old.example", trunk_sid=TRUNK).change_from(OURS)
    assert change["trunk_sid"] == TRUNK
    assert "voice_application_sid" not in change
    change = Pointing(voice_application_sid=APP).change_from(OURS)
    assert change["voice_application_sid"] == APP
    assert "trunk_sid" not in change


def test_addresses_that_were_empty_are_sent_as_empty() -> None:
    change = Pointing(voice_url="https://old.example", voice_method="GET").change_from(OURS)
    assert change["voice_url"] == "https://old.example"
    assert change["voice_method"] == "GET"
    assert change["voice_fallback_url"] == ""
    assert change["status_callback"] == ""


def test_a_difference_shows_before_and_after_and_what_stays() -> None:
    before = Pointing(voice_url="https://u:p@old.example/v", status_callback=OURS.status_callback, trunk_sid=TRUNK)
    lines = "\n".join(difference(before, OURS))
    assert "before: POST https://***@old.example/v" in lines
    assert "after:  POST https://bot.example.com/voice#rc=2&rp=all" in lines
    assert "before: nothing" in lines
    assert f"before: {TRUNK}" in lines
    assert "u:p" not in lines
    assert lines.count("/voice/status") == 1


def test_who_answers_is_the_trunk_then_the_application_then_the_webhook() -> None:
    assert TRUNK in Pointing(voice_url="https://old.example", trunk_sid=TRUNK).gist
    assert APP in Pointing(voice_url="https://old.example", voice_application_sid=APP).gist
    assert Pointing(voice_url="https://old.example").gist == "POST https://old.example"
    assert Pointing().gist == "nothing"


def test_a_sip_domains_status_callback_is_found_under_its_own_name() -> None:
    record = SimpleNamespace(
        voice_url=OURS.voice_url,
        voice_method="POST",
        voice_fallback_url=OURS.voice_fallback_url,
        voice_fallback_method="POST",
        voice_status_callback_url=OURS.status_callback,
        voice_status_callback_method="POST",
    )
    assert Pointing.of_domain(record) == OURS
