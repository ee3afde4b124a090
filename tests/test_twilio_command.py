"""What all of `voicebot twilio` shares: settings, and what is said of them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.twilio_console_stand_in import SETTINGS, ConsoleStandIn, console
from tests.webhooks_stand_ins import TOKEN
from webhooks.console import command

NUMBER = "+14255550100"
EACH = {
    "numbers": ("numbers",),
    "connect": ("connect", NUMBER),
    "disconnect": ("disconnect", NUMBER),
    "app": ("app",),
    "sip": ("sip", "acme", "--user", "alice", "--generate-password"),
}
each_command = pytest.mark.parametrize("arguments", EACH.values(), ids=EACH)
each_that_writes = pytest.mark.parametrize(
    "arguments", [EACH[name] for name in ("connect", "app", "sip")], ids=["connect", "app", "sip"]
)


@pytest.fixture
def twilio(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ConsoleStandIn]:
    with console(monkeypatch, tmp_path) as stand_in:
        yield stand_in


@each_command
@pytest.mark.parametrize("name", ["TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"])
def test_a_missing_credential_is_named_with_where_it_is_found(
    twilio: ConsoleStandIn, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], name: str
) -> None:
    monkeypatch.delenv(name)
    result = twilio.run(*arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"{name} is missing. Copy it from the home page of https://console.twilio.com")
    assert twilio.asked == []


@pytest.mark.parametrize("sid", ["SK" + "1" * 32, "ACshort"])
def test_what_is_no_account_is_not_sent_anywhere(
    twilio: ConsoleStandIn, monkeypatch: pytest.MonkeyPatch, sid: str
) -> None:
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", sid)
    result = twilio.run("numbers")
    assert result.exit_code == 2
    assert "TWILIO_ACCOUNT_SID should be AC" in result.stderr
    assert twilio.asked == []


def test_a_token_that_no_header_can_hold_is_told(twilio: ConsoleStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "t\u00f6ken")
    assert "plain ASCII" in twilio.run("numbers").stderr


@each_that_writes
@pytest.mark.parametrize("url", ["", "http://bot.example.com", "http://127.0.0.1:8000", "https://localhost"])
def test_without_an_address_that_twilio_reaches_nothing_is_asked(
    twilio: ConsoleStandIn, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], url: str
) -> None:
    monkeypatch.setenv("PUBLIC_URL", url)
    result = twilio.run(*arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("PUBLIC_URL ")
    assert twilio.asked == []


@each_command
def test_wrong_credentials_are_told_in_two_sentences(twilio: ConsoleStandIn, arguments: tuple[str, ...]) -> None:
    twilio.keys.clear()
    result = twilio.run(*arguments)
    assert result.exit_code == 1
    assert "Twilio does not take these credentials" in result.stderr
    assert "Nothing was changed." in result.stderr
    assert twilio.writes == []


@each_command
def test_a_network_that_is_gone_is_told(twilio: ConsoleStandIn, arguments: tuple[str, ...]) -> None:
    twilio.url = "http://127.0.0.1:1"
    result = twilio.run(*arguments)
    assert result.exit_code == 1
    assert "Twilio cannot be reached from here. Check the network" in result.stderr


@each_that_writes
def test_a_trial_account_is_warned_that_it_streams_no_calls(
    twilio: ConsoleStandIn, arguments: tuple[str, ...]
) -> None:
    twilio.number(NUMBER)
    assert "trial account" not in twilio.run(*arguments, "--dry-run").output
    twilio.kind = "Trial"
    result = twilio.run(*arguments)
    assert result.exit_code == 0
    assert "This is a trial account. Twilio says that it streams no calls there" in result.stderr


def test_the_settings_come_from_the_file_as_well(
    twilio: ConsoleStandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in SETTINGS:
        monkeypatch.delenv(name)
    (tmp_path / ".env").write_text("".join(f"{name.lower()}={value}\n" for name, value in SETTINGS.items()))
    twilio.number(NUMBER)
    assert NUMBER in twilio.run("numbers").stdout


def test_a_file_of_settings_that_is_no_text_is_told(twilio: ConsoleStandIn, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"\xff\xfe")
    result = twilio.run("numbers")
    assert result.exit_code == 2
    assert "UTF-8" in result.stderr


def test_an_unrelated_setting_that_is_wrong_is_not_in_the_way(
    twilio: ConsoleStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUIET_HOURS", "sometimes")
    assert twilio.run("numbers").exit_code == 0


def test_it_runs_as_a_command_of_its_own(twilio: ConsoleStandIn) -> None:
    twilio.number(NUMBER)
    process = twilio.started("connect", NUMBER, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    said, wrong = process.communicate(timeout=30)
    assert (process.returncode, wrong) == (0, "")
    assert said.startswith(NUMBER)
    assert TOKEN not in said
    assert [request.path for request in twilio.writes] == [f"IncomingPhoneNumbers/PN{1:032x}"]


def test_the_help_does_not_load_twilios_client() -> None:
    code = "import sys, webhooks.console.command; sys.exit('twilio' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[1])  # noqa: S603 - our own code


def test_what_others_have_named_cannot_steer_the_terminal(twilio: ConsoleStandIn) -> None:
    hostile = "\x1b[2J\x1b]0;owned\x07\nDone.\u202e\x9b"
    twilio.number("+14255550100", friendly_name=hostile, voice_url=f"https://old.example/{hostile}")
    for arguments in (("numbers",), ("connect", "+14255550100", "--dry-run")):
        result = twilio.run(*arguments)
        assert result.exit_code == 0, result.output
        assert "old.example" in result.output
        assert all(letter.isprintable() for letter in result.output.replace("\n", ""))
        assert "Done." not in result.output.splitlines()


def test_an_env_file_that_cannot_be_read_is_said(twilio: ConsoleStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(_: str) -> dict[str, str]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(command, "environment", unreadable)
    result = twilio.run("numbers")
    assert result.exit_code == 2
    assert result.stderr == ".env cannot be read (Permission denied). Put that right, and run the command again.\n"
