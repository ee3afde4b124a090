from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from webhooks.console.errors import ConsoleError
from webhooks.console.pointing import Pointing
from webhooks.console.remembered import Memory, Remembered
from webhooks.console.target import Target

WAS = Pointing(voice_url="https://old.example", trunk_sid="TK" + "1" * 32)
CHANGE = Remembered.change("+14255550100", WAS, Pointing.at(Target("https://bot.example.com")))


def test_what_is_kept_is_found_until_it_is_forgotten(tmp_path: Path) -> None:
    memory = Memory(tmp_path / ".voicebot")
    assert memory.look("PN1") is None
    memory.keep("PN1", CHANGE)
    memory.keep("PN2", CHANGE)
    kept = Memory(tmp_path / ".voicebot").look("PN1")
    assert kept is not None
    assert (kept.before, kept.after) == (WAS, Pointing.at(Target("https://bot.example.com")))
    memory.forget("PN1")
    assert memory.look("PN1") is None
    assert memory.look("PN2") == CHANGE


def test_the_file_is_for_its_owner_alone_and_git_does_not_see_it(tmp_path: Path) -> None:
    memory = Memory(tmp_path / ".voicebot")
    memory.keep("PN1", CHANGE)
    assert memory.path.stat().st_mode & 0o777 == 0o600
    status = ["git", "status", "--porcelain", "--untracked-files=all"]
    for command in (["git", "init", "--quiet"], status):
        done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)  # noqa: S603 - as they stand here
        assert done.stdout == b""


@pytest.mark.parametrize("content", ["", "[]", '{"PN1": 7}', '{"PN1": {"number": "", "was": {"x": ""}, "ours": {}}}'])
def test_a_damaged_file_is_refused_and_left_as_it_is(tmp_path: Path, content: str) -> None:
    memory = Memory(tmp_path)
    memory.path.write_text(content)
    with pytest.raises(ConsoleError, match="is damaged"):
        memory.keep("PN2", CHANGE)
    assert memory.path.read_text() == content


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / ".voicebot").write_text("a file")
    with pytest.raises(ConsoleError, match=r"cannot be (read|written)"):
        Memory(tmp_path / ".voicebot").keep("PN1", CHANGE)
