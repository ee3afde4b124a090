from __future__ import annotations

from pathlib import Path

import pytest

from tests.doctor_stand_ins import notes, statuses, the
from webhooks.doctor import settings_checks
from webhooks.doctor.findings import Status
from webhooks.doctor.settings_checks import examine, misspelt


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(text: str) -> str:
    Path(".env").write_text(text, encoding="utf-8")
    return ".env"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("TWILO_AUTH_TOKEN", "TWILIO_AUTH_TOKEN"),
        ("TWILIO_AUTHTOKEN", "TWILIO_AUTH_TOKEN"),
        ("AZURE_VOICELIVE_ENDPOINT", "AZURE_VOICE_LIVE_ENDPOINT"),
        ("PUBLIC_URI", "PUBLIC_URL"),
        ("voice_live_modell", "VOICE_LIVE_MODEL"),
    ],
)
def test_a_misspelt_name_is_told_with_what_was_meant(name: str, meant: str) -> None:
    assert misspelt([name]) == {name: meant}


@pytest.mark.parametrize(
    "name", ["twilio_auth_token", "AZURE_CLIENT_ID", "SHOP_API_KEY", "ORDERS_TOKEN", "AZURE_TENANT_ID", "PATH"]
)
def test_a_setting_or_a_name_of_somebody_else_is_no_misspelling(name: str) -> None:
    assert misspelt([name]) == {}


def test_misspelt_names_are_found_in_the_file_and_in_the_environment() -> None:
    found = notes()
    examine(write("TWILO_AUTH_TOKEN=secret\n"), {"VOICE_LIVE_VOISE": "x", "HOSTS": "y"}, found)
    told = [(each.says, each.do) for each in found.found if each.check == "names"]
    assert told == [
        ("TWILO_AUTH_TOKEN in `.env` is no setting", "Did you mean TWILIO_AUTH_TOKEN?"),
        ("VOICE_LIVE_VOISE in the environment is no setting", "Did you mean VOICE_LIVE_VOICE?"),
    ]


def test_without_a_file_the_embedded_engine_answers() -> None:
    found = notes()
    read = examine(".env", {}, found)
    assert read is not None
    assert "there is no `.env`" in the(found, "values").says
    assert "embedded engine" in the(found, "values").says
    assert "this machine only" in the(found, "values").says
    assert statuses(found) == {"values": Status.OK, "persona": Status.OK}


def test_every_problem_has_a_line_and_none_shows_a_value() -> None:
    found = notes()
    assert examine(write("PORT=eighty\nPUBLIC_URL=nonsense-9\nPAGE_SECRET=short-1\n"), {}, found) is None
    says = [each.says for each in found.found]
    assert len(says) == 3
    assert all(each.status is Status.FAIL for each in found.found)
    assert {"PORT", "PUBLIC_URL", "PAGE_SECRET"} == {words.split()[0] for words in says}
    assert not any(value in " ".join(says) for value in ("eighty", "nonsense-9", "short-1"))


def test_a_file_that_is_no_text_is_said_so() -> None:
    Path(".env").write_bytes(b"\xff\xfe\x00P")
    found = notes()
    assert examine(".env", {}, found) is None
    assert "UTF-8" in the(found, "values").says


def test_a_persona_file_is_checked() -> None:
    Path("voicebot.toml").write_text('[personas.desk]\nvoyce = "x"\n', encoding="utf-8")
    found = notes()
    assert examine(".env", {}, found) is None
    assert statuses(found)["persona"] is Status.FAIL
    assert "voicebot persona check voicebot.toml" in next(each for each in found.found if each.check == "persona").do


def test_a_module_with_tools_that_cannot_be_imported_is_told() -> None:
    Path("voicebot.toml").write_text(
        'modules = ["doctor_no_such_module"]\n[personas.desk]\ndefault = true\n', encoding="utf-8"
    )
    found = notes()
    assert examine(".env", {}, found) is None
    assert any("doctor_no_such_module" in each.says for each in found.found if each.status is Status.FAIL)


def test_a_file_that_cannot_be_read_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(_: str) -> dict[str, str]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(settings_checks, "dotenv_values", unreadable)
    found = notes()
    assert examine(write("PORT=0"), {}, found) is None
    assert the(found, "values").status is Status.FAIL
    assert "`.env` cannot be read (Permission denied)" in the(found, "values").says
