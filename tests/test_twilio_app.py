"""`voicebot twilio app`, as a person runs it."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from dotenv import dotenv_values

from bot.settings import load_settings
from tests.twilio_console_stand_in import FALLBACK, KEY_SECRET, STATUS, VOICE, ConsoleStandIn, console, wait_until
from webhooks.console import env_file

KEY = ("POST", "Keys")


@pytest.fixture
def twilio(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ConsoleStandIn]:
    with console(monkeypatch, tmp_path) as stand_in:
        yield stand_in


@pytest.fixture
def env(tmp_path: Path) -> Path:
    return tmp_path / ".env"


def test_the_app_and_a_key_are_made_and_written_beside_what_was_there(twilio: ConsoleStandIn, env: Path) -> None:
    env.write_text("# mine\nPORT=8123\n")
    result = twilio.run("app")
    assert result.exit_code == 0
    [app], [key] = twilio.of("Applications"), twilio.of("Keys")
    assert (app["voice_url"], app["voice_fallback_url"], app["status_callback"]) == (VOICE, FALLBACK, STATUS)
    assert app["voice_method"] == "POST"
    assert env.read_text() == (
        f"# mine\nPORT=8123\nTWILIO_TWIML_APP_SID={app['sid']}\nTWILIO_API_KEY_SID={key['sid']}\n"
        f"TWILIO_API_KEY_SECRET={KEY_SECRET}\n"
    )
    assert env.stat().st_mode & 0o777 == 0o600
    settings = load_settings()
    assert (settings.twilio_twiml_app_sid, settings.twilio_api_key_sid) == (app["sid"], key["sid"])


def test_again_changes_nothing(twilio: ConsoleStandIn, env: Path) -> None:
    twilio.run("app")
    writes, written = len(twilio.writes), env.read_bytes()
    result = twilio.run("app")
    assert result.exit_code == 0
    assert "right already" in result.stdout
    assert (len(twilio.writes), env.read_bytes()) == (writes, written)


def test_a_new_address_is_given_to_the_app_that_is_there(
    twilio: ConsoleStandIn, env: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    twilio.run("app")
    written = env.read_bytes()
    monkeypatch.setenv("PUBLIC_URL", "https://other-tunnel.example.com")
    assert twilio.run("app").exit_code == 0
    [app] = twilio.of("Applications")
    assert app["voice_url"] == "https://other-tunnel.example.com/voice#rc=2&rp=all"
    assert len(twilio.of("Keys")) == 1
    assert env.read_bytes() == written


def test_an_app_in_the_settings_that_is_not_ours_is_left_alone_and_replaced_there(
    twilio: ConsoleStandIn, env: Path
) -> None:
    twilio.run("app")
    theirs = twilio.application("somebody's", voice_url="https://old.example")
    env.write_text(env.read_text().replace(twilio.of("Applications")[0]["sid"], theirs["sid"]))
    assert twilio.run("app").exit_code == 0
    assert theirs["voice_url"] == "https://old.example"
    assert dotenv_values(env)["TWILIO_TWIML_APP_SID"] == twilio.of("Applications")[0]["sid"]
    assert len(twilio.of("Keys")) == 1


@pytest.mark.parametrize("why", ["the secret is wrong", "the key is gone", "asked for"])
def test_another_key_is_made_where_the_one_in_the_settings_is_no_good(
    twilio: ConsoleStandIn, env: Path, why: str
) -> None:
    twilio.run("app")
    old = twilio.of("Keys")[0]["sid"]
    if why == "the secret is wrong":
        env.write_text(env.read_text().replace(KEY_SECRET, "another"))
    elif why == "the key is gone":
        del twilio.keys[old]
    result = twilio.run("app", *(["--new-key"] if why == "asked for" else []))
    assert result.exit_code == 0
    assert f"{old}, was left alone" in result.stdout
    assert dotenv_values(env)["TWILIO_API_KEY_SID"] == twilio.of("Keys")[1]["sid"] != old
    assert dotenv_values(env)["TWILIO_API_KEY_SECRET"] == KEY_SECRET


def test_a_dry_run_writes_nothing_anywhere(twilio: ConsoleStandIn, env: Path) -> None:
    dry = twilio.run("app", "--dry-run")
    assert dry.exit_code == 0
    assert twilio.writes == []
    assert not env.exists()
    real = twilio.run("app")
    assert dry.stdout.splitlines()[:-1] == real.stdout.splitlines()[:-1]


def test_two_apps_of_that_name_are_not_guessed_between(twilio: ConsoleStandIn) -> None:
    for _ in range(2):
        twilio.application("voicebot softphone")
    result = twilio.run("app")
    assert result.exit_code == 1
    assert "2 TwiML Apps named" in result.stderr
    assert twilio.writes == []
    assert twilio.run("app", "--name", "another").exit_code == 0


def test_a_file_that_cannot_be_written_is_noticed_before_anything_is_made(twilio: ConsoleStandIn, env: Path) -> None:
    env.mkdir()
    result = twilio.run("app")
    assert result.exit_code == 1
    assert ".env is not a file of its own" in result.stderr
    assert twilio.writes == []


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_key_whose_secret_cannot_be_kept_is_deleted_again(
    twilio: ConsoleStandIn, env: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    env.write_text("PORT=8123\n")

    def full(*_: object) -> None:
        raise error

    monkeypatch.setattr(env_file, "write_private", full)
    result = twilio.run("app")
    assert result.exit_code == 1
    assert twilio.of("Keys") == []
    assert "was deleted again, as its secret could not be kept" in result.stderr
    assert 'Done before that: the TwiML App "voicebot softphone" was made' in result.stderr
    assert env.read_text() == "PORT=8123\n"


def test_ctrl_c_just_behind_the_writing_keeps_the_key_that_was_written(
    twilio: ConsoleStandIn, env: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(path: Path, content: bytes) -> None:
        path.write_bytes(content)
        raise KeyboardInterrupt

    monkeypatch.setattr(env_file, "write_private", write)
    result = twilio.run("app")
    assert result.exit_code == 1
    assert dotenv_values(env)["TWILIO_API_KEY_SID"] == twilio.of("Keys")[0]["sid"]
    assert "were written to .env" in result.stderr
    assert "delete it" not in result.stderr


def test_a_key_that_cannot_be_deleted_again_is_named(twilio: ConsoleStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(env_file, "write_private", full)
    twilio.fail["DELETE", ""] = (503, 503)
    result = twilio.run("app")
    assert result.exit_code == 1
    assert f"{twilio.of('Keys')[0]['sid']} could not be deleted again. Delete it in the Console" in result.stderr


def test_a_refused_key_is_told_with_the_app_that_was_made(twilio: ConsoleStandIn, env: Path) -> None:
    twilio.fail[KEY] = (403, 20403)
    result = twilio.run("app")
    assert result.exit_code == 1
    assert 'Done before that: the TwiML App "voicebot softphone" was made' in result.stderr
    assert "Perhaps" not in result.stderr
    assert not env.exists()
    twilio.fail.clear()
    assert twilio.run("app").exit_code == 0
    assert len(twilio.of("Applications")) == 1


def test_ctrl_c_between_the_app_and_the_key_says_what_there_is(twilio: ConsoleStandIn, env: Path) -> None:
    twilio.wait[KEY] = 3.0
    process = twilio.started("app", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_until(lambda: any(request.path == "Keys" for request in twilio.asked))
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 1
    assert said.startswith('Stopped. Done before that: the TwiML App "voicebot softphone" was made.')
    assert 'Perhaps done, as Twilio\'s answer was not seen: an API key "voicebot softphone" was made' in said
    assert "delete it in the Console" in said
    assert "Traceback" not in said
    assert not env.exists()


def test_a_variable_that_hides_what_was_written_is_named(
    twilio: ConsoleStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWILIO_API_KEY_SID", "SK" + "9" * 32)
    result = twilio.run("app")
    assert result.exit_code == 0
    assert "the environment sets TWILIO_API_KEY_SID too, and wins over .env" in result.stdout
