from pathlib import Path

import pytest

from bot.errors import SettingsError
from bot.loopback import is_loopback
from bot.settings import Settings, example, load_settings, table

ROOT = Path(__file__).parent.parent
FOR_CALLS_OUT = {
    "calls_key": "x" * 16,
    "twilio_account_sid": "AC" + "0" * 32,
    "twilio_auth_token": "t",
    "public_url": "https://example.com",
    "caller_id": "+14255550100",
}


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def problems(**overrides: object) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load_settings(overrides, env_file=None)
    return caught.value.problems


def test_with_nothing_set_the_embedded_engine_answers() -> None:
    settings = load_settings(env_file=None)
    assert settings.embedded
    assert settings.voice_live_model == "gpt-4.1-mini"
    assert settings.auth_tokens == ()


def test_settings_come_from_the_environment_and_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MAX_CALLS=7\nPORT=9000\nSOMETHING_ELSE=1\n")
    monkeypatch.setenv("PORT", "9001")
    settings = load_settings(env_file=str(tmp_path / ".env"))
    assert (settings.max_calls, settings.port) == (7, 9001)
    assert load_settings({"port": 9002}, env_file=None).port == 9002


@pytest.mark.parametrize(
    ("overrides", "names", "says"),
    [
        ({"azure_voice_live_endpoint": "http://example.com"}, "AZURE_VOICE_LIVE_ENDPOINT", "https://"),
        ({"azure_voice_live_endpoint": "example.com"}, "AZURE_VOICE_LIVE_ENDPOINT", "https://"),
        ({"azure_voice_live_endpoint": "https://u:p@example.com"}, "AZURE_VOICE_LIVE_ENDPOINT", "user"),
        ({"port": "eighty"}, "PORT", "integer"),
        ({"public_url": "https://example.com:99999"}, "PUBLIC_URL", "such as"),
        ({"public_url": "https://a b"}, "PUBLIC_URL", "such as"),
        ({"public_url": "http://[::1"}, "PUBLIC_URL", "such as"),
        ({"answer_seconds": "nan"}, "ANSWER_SECONDS", "finite"),
        ({"max_calls": "0"}, "MAX_CALLS", "greater than or equal to 1"),
        ({"voice_live_turn_detection": "magic"}, "VOICE_LIVE_TURN_DETECTION", "server_vad"),
        ({"voice_live_model": " "}, "VOICE_LIVE_MODEL", "empty"),
        ({"twilio_account_sid": "AC123"}, "TWILIO_ACCOUNT_SID", "32 hexadecimal"),
        ({"twilio_auth_token": "t"}, "PUBLIC_URL", "missing"),
        ({"twilio_auth_token_secondary": "t"}, "TWILIO_AUTH_TOKEN", "missing"),
        ({"fallback_number": "12"}, "FALLBACK_NUMBER", "+14255550100"),
        ({"calls_key": "x" * 15}, "CALLS_KEY", "16 characters"),
        ({"calls_key": "x" * 16}, "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN, PUBLIC_URL, CALLER_ID"),
        (FOR_CALLS_OUT | {"caller_id": ""}, "CALLER_ID", "missing"),
        (FOR_CALLS_OUT | {"caller_id": "sip:a@example.com"}, "CALLER_ID", "+14255550100"),
        ({"dial_prefixes": "+"}, "DIAL_PREFIXES", "+49,+1425"),
        ({"dial_prefixes": "+49,49"}, "DIAL_PREFIXES", "+49,+1425"),
        ({"dial_prefixes": "+0"}, "DIAL_PREFIXES", "+49,+1425"),
        ({"dial_per_minute": "0"}, "DIAL_PER_MINUTE", "greater than or equal to 1"),
        ({"quiet_hours": "at night"}, "QUIET_HOURS", "21:00-08:00 Europe/Berlin"),
    ],
)
def test_a_bad_value_names_its_variable_and_what_it_should_be(
    overrides: dict[str, object], names: str, says: str
) -> None:
    [problem] = problems(**overrides)
    assert problem.startswith(names + " ")
    assert says in problem


def test_calls_out_are_set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIAL_PREFIXES", " +49, +1425,")
    monkeypatch.setenv("QUIET_HOURS", "21:00-08:00 Europe/Berlin")
    settings = load_settings(FOR_CALLS_OUT, env_file=None)
    assert settings.dial_prefixes == ("+49", "+1425")
    assert settings.quiet_hours == "21:00-08:00 Europe/Berlin"


def test_several_problems_are_all_told() -> None:
    assert len(problems(port="x", max_calls="y")) == 2


def test_a_secret_is_in_no_message_and_no_picture_of_the_settings() -> None:
    settings = load_settings({"twilio_auth_token": "s3cret", "public_url": "https://example.com"}, env_file=None)
    assert "s3cret" not in repr(settings)
    assert "s3cret" not in " ".join(problems(twilio_auth_token="s3cret"))


def test_both_tokens_are_taken_the_main_one_first() -> None:
    settings = load_settings(
        {"twilio_auth_token": "a", "twilio_auth_token_secondary": "b", "public_url": "https://example.com/"},
        env_file=None,
    )
    assert settings.auth_tokens == ("a", "b")
    assert settings.public_url == "https://example.com"


def test_an_http_endpoint_is_taken_on_loopback() -> None:
    settings = load_settings({"azure_voice_live_endpoint": "http://127.0.0.1:9999"}, env_file=None)
    assert not settings.embedded


@pytest.mark.parametrize(
    ("host", "answer"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("[::1]", True),
        ("::ffff:127.0.0.1", True),
        ("10.0.0.1", False),
        ("localhost.example.com", False),
        ("", False),
    ],
)
def test_what_counts_as_this_machine(host: str, answer: bool) -> None:
    assert is_loopback(host) is answer


def test_the_readme_and_the_example_file_name_every_setting() -> None:
    assert table() in (ROOT / "README.md").read_text(encoding="utf-8"), "python -m bot.settings"
    assert (ROOT / ".env.example").read_text(encoding="utf-8") == example(), "python -m bot.settings --example"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_entry(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / ".env").write_text("PORT=1")
    monkeypatch.setattr("pydantic_settings.sources.providers.dotenv.dotenv_values", no_entry)
    with pytest.raises(SettingsError, match="cannot be read: Permission denied"):
        load_settings(env_file=str(tmp_path / ".env"))
