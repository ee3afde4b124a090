from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from bot.call.events import CallerFacts
from bot.errors import SettingsError
from bot.persona import Personas
from bot.persona.template import OUTSIDE
from bot.settings import load_settings

NOON = 1_795_435_200.0  # 2026-11-23 12:00 UTC
CALL = CallerFacts("CA1", "+14255550123", "+14255550100", {"CallerName": "ANNA"})
GOOD = (
    "[personas.a]\ngreeting = 'Hello {name}, it is {time}.'\ninstructions = 'Talk to {name}.'\nzone = 'Asia/Tokyo'\n"
)


class House:
    """Personas with a file, which changes as told; each change has a time of its own."""

    def __init__(self, path: Path, text: str = GOOD) -> None:
        self.path = path
        self._changes = 0
        self.write(text)
        self.personas = Personas(path, load_settings(env_file=None), wall_clock=lambda: NOON, environ={})

    def write(self, text: str) -> None:
        self.path.write_text(text, encoding="utf-8")
        self._changes += 1
        os.utime(self.path, ns=(self._changes * 10**9, self._changes * 10**9))

    @property
    def answers(self) -> str:
        return self.personas.for_call(CALL).name


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "voicebot.toml")


def refused(path: Path) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        Personas(path, load_settings(env_file=None), environ={})
    return caught.value.problems


def test_without_a_file_the_settings_answer_word_for_word() -> None:
    settings = load_settings({"voice_live_greeting": "Hi {there}", "voice_live_instructions": "{}"}, env_file=None)
    persona = Personas(None, settings).for_call(CALL)
    assert (persona.greeting, persona.instructions) == ("Hi {there}", "{}")


def test_templates_are_rendered_for_the_call_in_the_personas_zone(house: House) -> None:
    persona = house.personas.for_call(CALL)
    assert persona.greeting == "Hello ANNA, it is 21:00."
    assert persona.instructions == f'Talk to ⟦"ANNA"⟧.\n\n{OUTSIDE}'
    assert house.personas.all[0].greeting == "Hello {name}, it is {time}."


def test_a_persona_is_found_by_its_name_for_a_call_out(house: House) -> None:
    persona = house.personas.named("a", CALL)
    assert persona is not None
    assert persona.greeting == "Hello ANNA, it is 21:00."
    assert house.personas.named("b", CALL) is None


def test_a_change_is_for_the_next_call_and_not_for_those_that_run(house: House) -> None:
    running = house.personas.for_call(CALL)
    house.write("modules = ['m']\n[personas.b]\n")
    assert house.answers == "b"
    assert running.name == "a"
    assert house.personas.modules == ("m",)


def test_a_file_that_did_not_change_is_not_read_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: pytest.fail("it was read"))
    assert house.answers == "a"


def test_a_broken_file_keeps_the_last_good_one_and_says_once_where(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.write("[personas.b]\nvoice = ''\n")
    assert [house.answers, house.answers] == ["a", "a"]
    assert (
        house.personas.problem == f"{house.path}:2: personas.b.voice: should not be empty; remove it for the default"
    )
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert house.personas.problem in record.getMessage()
    house.write("[personas.b]\n")
    assert (house.answers, house.personas.problem) == ("b", "")


def test_a_file_that_is_deleted_keeps_the_last_good_one_and_comes_back(
    house: House, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    house.path.rename(tmp_path / "elsewhere")
    assert [house.answers, house.answers] == ["a", "a"]
    assert "No such file" in house.personas.problem
    assert len([record for record in caplog.records if record.levelno == logging.ERROR]) == 1
    (tmp_path / "elsewhere").rename(house.path)
    assert (house.answers, house.personas.problem) == ("a", "")


def test_a_file_caught_half_written_is_read_again_when_it_is_whole(house: House) -> None:
    house.write("[personas.b]\ninstructions = '''half")
    assert house.answers == "a"
    house.write("[personas.b]\ninstructions = '''half and half'''")
    assert house.answers == "b"


def test_a_file_that_could_not_be_read_is_tried_again_as_it_is(house: House) -> None:
    house.write("[personas.b]\n")
    with pytest.MonkeyPatch.context() as for_once:
        for_once.setattr(Path, "read_text", _forbidden)
        assert house.answers == "a"
    assert house.personas.problem == f"{house.path}: cannot be read: Permission denied"
    assert (house.answers, house.personas.problem) == ("b", "")


def _forbidden(*_: object, **__: object) -> str:
    raise PermissionError(13, "Permission denied")


@pytest.mark.parametrize("content", [b"\xff\xfe", b"#" * 200_000, b""], ids=["not UTF-8", "huge", "empty"])
def test_a_file_that_turns_into_something_else_keeps_the_last_good_one(house: House, content: bytes) -> None:
    house.path.write_bytes(content)
    assert house.answers == "a"
    assert house.personas.problem.startswith(f"{house.path}: ")


def test_at_the_start_a_broken_file_is_refused_with_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "voicebot.toml"
    path.write_text("[personas.a]\nvoice = ''\nzone = 'x'\n")
    assert [problem.split(" ")[0] for problem in refused(path)] == [f"{path}:2:", f"{path}:3:"]


def test_at_the_start_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    assert refused(tmp_path / "none.toml") == [f"{tmp_path / 'none.toml'}: cannot be read: No such file or directory"]
    assert refused(tmp_path) == [f"{tmp_path}: should be a file of at most 128 KiB"]


def test_a_byte_order_mark_is_no_matter(tmp_path: Path) -> None:
    path = tmp_path / "voicebot.toml"
    path.write_bytes(b"\xef\xbb\xbf[personas.a]\r\nvoice = 'marin'\r\n")
    assert Personas(path, load_settings(env_file=None)).for_call(CALL).voice == "marin"
