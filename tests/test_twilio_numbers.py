"""`voicebot twilio connect` and `disconnect`, as a person runs them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.twilio_console_stand_in import FALLBACK, STATUS, VOICE, ConsoleStandIn, Record, console
from tests.webhooks_stand_ins import ACCOUNT
from webhooks.console.errors import ConsoleError
from webhooks.console.numbers import parse

NUMBER = "+14255550100"
TRUNK = "TK" + "1" * 32
OLD = {"voice_url": "https://old.example/v", "voice_method": "GET", "status_callback": "https://old.example/s"}
WRITE = ("POST", "1")  # the first record's


@pytest.fixture
def twilio(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ConsoleStandIn]:
    with console(monkeypatch, tmp_path) as stand_in:
        yield stand_in


def points(record: Record) -> dict[str, Any]:
    names = (
        "voice_url",
        "voice_method",
        "voice_fallback_url",
        "status_callback",
        "voice_application_sid",
        "trunk_sid",
    )
    return {name: record[name] or "" for name in names}


def ours(record: Record) -> bool:
    return points(record) == {
        "voice_url": VOICE,
        "voice_method": "POST",
        "voice_fallback_url": FALLBACK,
        "status_callback": STATUS,
        "voice_application_sid": "",
        "trunk_sid": "",
    }


@pytest.mark.parametrize(
    "given", ["+1 (425) 555-0100", "001 425 555 0100", "+1.425.555.0100", "+1\u2011425\u20115550100"]
)
def test_a_number_is_understood_however_it_is_written(given: str) -> None:
    assert parse(given) == NUMBER


@pytest.mark.parametrize(
    "given", ["(425) 555-0100", "4255550100", "0421 12345", "sales", "", "+0421", "+1425555010x"]
)
def test_a_number_without_its_country_is_refused_and_nothing_is_asked(twilio: ConsoleStandIn, given: str) -> None:
    with pytest.raises(ConsoleError, match="country code"):
        parse(given)
    result = twilio.run("connect", "--", given)
    assert result.exit_code == 2
    assert twilio.asked == []


def test_connecting_points_all_three_addresses_here_and_shows_what_was_there(twilio: ConsoleStandIn) -> None:
    number = twilio.number(NUMBER, **OLD)
    result = twilio.run("connect", "+1 425 555 0100")
    assert result.exit_code == 0
    assert ours(number)
    assert "before: GET https://old.example/v" in result.stdout
    assert f"after:  POST {VOICE}" in result.stdout
    assert f"disconnect {NUMBER}" in result.stdout


def test_disconnecting_puts_everything_back_and_forgets(twilio: ConsoleStandIn) -> None:
    number = twilio.number(NUMBER, **OLD)
    before = points(number)
    twilio.run("connect", NUMBER)
    result = twilio.run("disconnect", NUMBER)
    assert result.exit_code == 0
    assert points(number) == before
    again = twilio.run("disconnect", NUMBER)
    assert again.exit_code == 1
    assert "not remembered" in again.stderr


def test_connecting_again_changes_nothing(twilio: ConsoleStandIn) -> None:
    twilio.number(NUMBER, **OLD)
    twilio.run("connect", NUMBER)
    writes = len(twilio.writes)
    result = twilio.run("connect", NUMBER)
    assert result.exit_code == 0
    assert "already" in result.stdout
    assert len(twilio.writes) == writes


def test_a_new_tunnels_address_does_not_make_it_forget_what_was_there_first(
    twilio: ConsoleStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = twilio.number(NUMBER, **OLD)
    before = points(number)
    twilio.run("connect", NUMBER)
    monkeypatch.setenv("PUBLIC_URL", "https://other-tunnel.example.com")
    twilio.run("connect", NUMBER)
    assert number["voice_url"] == "https://other-tunnel.example.com/voice#rc=2&rp=all"
    twilio.run("disconnect", NUMBER)
    assert points(number) == before


@pytest.mark.parametrize("command", ["connect", "disconnect"])
def test_a_dry_run_shows_the_same_and_writes_nothing(twilio: ConsoleStandIn, command: str, tmp_path: Path) -> None:
    number = twilio.number(NUMBER, trunk_sid=TRUNK, **OLD)
    if command == "disconnect":
        twilio.run("connect", NUMBER, "--replace")
    before, writes = points(number), len(twilio.writes)
    kept = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    dry = twilio.run(command, NUMBER, "--replace", "--dry-run")
    assert dry.exit_code == 0
    assert "Nothing was changed (--dry-run)." in dry.stdout
    assert (points(number), len(twilio.writes)) == (before, writes)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == kept
    real = twilio.run(command, NUMBER, "--replace")
    assert dry.stdout.splitlines()[:-1] == real.stdout.splitlines()[:-1]
    assert len(twilio.writes) == writes + 1


def test_a_number_of_a_trunk_is_left_there_until_replace_and_goes_back_to_it(twilio: ConsoleStandIn) -> None:
    number = twilio.number(NUMBER, trunk_sid=TRUNK, **OLD)
    refused = twilio.run("connect", NUMBER)
    assert refused.exit_code == 1
    assert TRUNK in refused.stderr
    assert "ignores a webhook" in refused.stderr
    assert "--replace" in refused.stderr
    assert twilio.writes == []
    assert twilio.run("connect", NUMBER, "--replace").exit_code == 0
    assert ours(number)
    assert twilio.run("disconnect", NUMBER).exit_code == 0
    assert (number["trunk_sid"], number["voice_url"]) == (TRUNK, OLD["voice_url"])


def test_a_number_of_an_application_is_left_there_until_replace_and_goes_back_to_it(twilio: ConsoleStandIn) -> None:
    application = twilio.application("Switchboard", voice_url="https://old.example/app")
    number = twilio.number(NUMBER, voice_application_sid=application["sid"])
    refused = twilio.run("connect", NUMBER)
    assert refused.exit_code == 1
    assert f'application {application["sid"]} "Switchboard"' in refused.stderr
    assert twilio.writes == []
    assert twilio.run("connect", NUMBER, "--replace").exit_code == 0
    assert ours(number)
    assert twilio.run("disconnect", NUMBER).exit_code == 0
    assert number["voice_application_sid"] == application["sid"]


def test_a_number_that_reaches_the_bot_by_an_application_is_told_so(twilio: ConsoleStandIn) -> None:
    application = twilio.application("Bot", voice_url=VOICE)
    twilio.number(NUMBER, voice_application_sid=application["sid"])
    assert "reaches this bot already" in twilio.run("connect", NUMBER).stderr


def test_an_application_that_is_no_more_is_no_riddle(twilio: ConsoleStandIn) -> None:
    twilio.number(NUMBER, voice_application_sid="AP" + "9" * 32)
    assert "which is no more" in twilio.run("connect", NUMBER).stderr


def test_a_number_without_voice_is_refused(twilio: ConsoleStandIn) -> None:
    twilio.number(NUMBER, capabilities={"voice": False, "sms": True})
    assert "takes no calls" in twilio.run("connect", NUMBER).stderr
    assert twilio.writes == []


def test_a_longer_number_that_begins_alike_is_not_taken_for_it(twilio: ConsoleStandIn) -> None:
    twilio.number(NUMBER + "9")
    result = twilio.run("connect", NUMBER)
    assert result.exit_code == 1
    assert f"not a number of the account {ACCOUNT}" in result.stderr
    assert "sub-account" in result.stderr


def test_what_somebody_changed_since_is_not_overwritten_without_replace(twilio: ConsoleStandIn) -> None:
    number = twilio.number(NUMBER, **OLD)
    twilio.run("connect", NUMBER)
    number["voice_url"] = "https://new.example/v"
    refused = twilio.run("disconnect", NUMBER)
    assert refused.exit_code == 1
    assert "was changed since" in refused.stderr
    assert number["voice_url"] == "https://new.example/v"
    assert twilio.run("disconnect", NUMBER, "--replace").exit_code == 0
    assert number["voice_url"] == OLD["voice_url"]


def test_connecting_what_somebody_changed_since_remembers_their_change(twilio: ConsoleStandIn) -> None:
    number = twilio.number(NUMBER, **OLD)
    twilio.run("connect", NUMBER)
    number["voice_url"] = "https://new.example/v"
    twilio.run("connect", NUMBER)
    twilio.run("disconnect", NUMBER)
    assert number["voice_url"] == "https://new.example/v"


def test_a_refused_write_leaves_nothing_remembered(twilio: ConsoleStandIn) -> None:
    twilio.number(NUMBER, **OLD)
    twilio.fail[WRITE] = (400, 21402)
    result = twilio.run("connect", NUMBER)
    assert result.exit_code == 1
    assert "Set PUBLIC_URL" in result.stderr
    assert "Nothing was changed." in result.stderr
    assert "not remembered" in twilio.run("disconnect", NUMBER).stderr


def test_a_refused_write_keeps_what_was_remembered_before(
    twilio: ConsoleStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = twilio.number(NUMBER, **OLD)
    twilio.run("connect", NUMBER)
    monkeypatch.setenv("PUBLIC_URL", "https://other-tunnel.example.com")
    twilio.fail[WRITE] = (429, 20429)
    assert twilio.run("connect", NUMBER).exit_code == 1
    twilio.fail.clear()
    twilio.run("disconnect", NUMBER)
    assert number["voice_url"] == OLD["voice_url"]


def test_a_write_whose_answer_never_comes_is_told_and_can_still_be_undone(twilio: ConsoleStandIn) -> None:
    number = twilio.number(NUMBER, **OLD)
    twilio.deaf.add(WRITE)
    result = twilio.run("connect", NUMBER)
    assert result.exit_code == 1
    assert "Perhaps done" in result.stderr
    assert f"{NUMBER} was pointed at this bot" in result.stderr
    assert ours(number)
    twilio.deaf.clear()
    assert twilio.run("disconnect", NUMBER).exit_code == 0
    assert number["voice_url"] == OLD["voice_url"]


def test_a_write_that_twilio_takes_but_does_not_keep_is_not_called_done(twilio: ConsoleStandIn) -> None:
    twilio.number(NUMBER, trunk_sid=TRUNK)
    twilio.ignored.add("trunk_sid")
    result = twilio.run("connect", NUMBER, "--replace")
    assert result.exit_code == 1
    assert f"points now at: trunk {TRUNK}" in result.stderr
    assert "Done." not in result.stdout


def test_a_working_folder_that_cannot_remember_stops_before_twilio_is_changed(
    twilio: ConsoleStandIn, tmp_path: Path
) -> None:
    twilio.number(NUMBER, **OLD)
    (tmp_path / ".voicebot").write_text("a file")
    result = twilio.run("connect", NUMBER)
    assert result.exit_code == 1
    assert ".voicebot/twilio.json" in result.stderr
    assert twilio.writes == []
