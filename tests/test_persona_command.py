from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bot.persona.command import persona

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def _no_env_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def check(file: Path) -> Result:
    return CliRunner().invoke(persona, ["check", str(file)])


def test_the_example_passes_and_each_persona_says_what_it_answers() -> None:
    result = check(ROOT / "voicebot.example.toml")
    assert result.exit_code == 0
    assert (
        "reception\n"
        "  answers      +14255550100, +14255550101, sip:reception@acme.sip.twilio.com, client:reception, "
        "all other calls\n"
    ) in result.stdout
    assert "empfang\n  answers      +4930555010\n" in result.stdout
    assert "transfers to workshop, sales" in result.stdout
    assert "+14255550120" not in result.stdout  # whom callers are sent to is nobody's business


def test_each_problem_is_a_line_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "voicebot.toml"
    file.write_text("[personas.a]\nvoice = ''\n[personas.b]\nnumbers = ['12']\n")
    result = check(file)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        f"{file}:2: personas.a.voice: should not be empty; remove it for the default",
        f"{file}:4: personas.b.numbers[1]: should be a number such as +14255550100",
    ]


def test_a_model_and_a_turn_detection_that_do_not_go_together_are_told(tmp_path: Path) -> None:
    file = tmp_path / "voicebot.toml"
    file.write_text(
        "[personas.a]\nmodel='gpt-realtime-2'\nturn_detection='server_vad'\ntranscription='azure-speech'\n"
    )
    result = check(file)
    assert result.exit_code == 1
    assert "a: turn_detection should be" in result.stderr


def test_settings_that_are_wrong_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "eighty")
    result = check(tmp_path / "voicebot.toml")
    assert result.exit_code == 1
    assert result.stderr.startswith("voicebot: PORT should be")


def test_a_persona_without_an_address_of_its_own_says_so(tmp_path: Path) -> None:
    file = tmp_path / "voicebot.toml"
    file.write_text("[personas.a]\ndefault = true\n[personas.b]\ngreeting = ''\ntools = []\n")
    result = check(file)
    assert "b\n  answers      no call" in result.stdout
    assert "may          only talk" in result.stdout
    assert "in the model's own words" in result.stdout


def test_tools_that_are_not_there_are_told_before_the_bot_refuses_to_start(tmp_path: Path) -> None:
    file = tmp_path / "voicebot.toml"
    file.write_text("modules = ['no_such_module']\n[personas.a]\ntools = ['look_up']\n")
    result = check(file)
    assert result.exit_code == 1
    assert "'no_such_module': there is no such module" in result.stderr
    (tmp_path / "a_module_for_the_check.py").write_text(
        'from bot.tools import tool\n@tool\ndef find() -> str:\n    """Find it."""\n    return ""\n'
    )
    file.write_text("modules = ['a_module_for_the_check']\n[personas.a]\ntools = ['look_up']\n")
    result = check(file)
    assert result.exit_code == 1
    assert "'look_up' is no tool" in result.stderr


def test_a_header_of_a_server_may_stand_in_the_env_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DOCS_MCP_AUTHORIZATION=Bearer abc\n")
    file = tmp_path / "voicebot.toml"
    file.write_text(
        "[[personas.a.mcp]]\nlabel = 'docs'\nurl = 'https://mcp.example.com'\n"
        "headers = { Authorization = 'DOCS_MCP_AUTHORIZATION' }\n"
    )
    result = check(file)
    assert result.exit_code == 0, result.stderr
    assert "Bearer" not in result.output
