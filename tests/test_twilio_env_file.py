from __future__ import annotations

import io
from pathlib import Path

import pytest
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as st

from webhooks.console.env_file import EnvFile, with_values
from webhooks.console.errors import ConsoleError

NEW = {"TWILIO_API_KEY_SID": "SK1", "TWILIO_API_KEY_SECRET": "s3cret"}


def test_a_variable_is_changed_where_it_stands_and_others_come_at_the_end() -> None:
    text = "# mine\nPORT=8000\n\nexport TWILIO_API_KEY_SID=SK0  # old\nLAST='a\nb'"
    assert with_values(text, NEW) == (
        "# mine\nPORT=8000\n\nexport TWILIO_API_KEY_SID=SK1  # old\nLAST='a\nb'\nTWILIO_API_KEY_SECRET=s3cret\n"
    )


def test_a_variable_that_stands_there_twice_is_changed_twice() -> None:
    assert with_values("A=1\nB=2\nA=3\n", {"A": "4"}) == "A=4\nB=2\nA=4\n"


def test_a_variable_that_is_only_a_comment_or_part_of_a_name_or_value_is_left_alone() -> None:
    text = "# A=1\nMY_A=1\nTEXT='\nA=1\n'\n"
    assert with_values(text, {"A": "4"}) == text + "A=4\n"


def test_line_ends_and_a_byte_order_mark_stay() -> None:
    assert with_values("\ufeffA=1\r\nB=2\r\n", {"A": "4", "C": "5"}) == "\ufeffA=4\r\nB=2\r\nC=5\r\n"


@pytest.mark.parametrize("text", ['A="old # not a comment"\n', "A='old'\n", "A = old\n", "A=\n", "A\n"])
def test_the_value_is_replaced_whatever_its_quotes(text: str) -> None:
    assert dotenv_values(stream=io.StringIO(with_values(text, {"A": "4"}))) == {"A": "4"}


@given(
    before=st.dictionaries(st.from_regex(r"[A-Z][A-Z_]{0,6}", fullmatch=True), st.text("ab '\"#=\\\n$é", max_size=8)),
    stray=st.text("A= '\"#\n", max_size=6),
)
def test_whatever_the_file_holds_the_new_values_are_read_back_and_the_others_stay(
    before: dict[str, str], stray: str
) -> None:
    escaped = {name: value.replace("\\", "\\\\").replace("'", "\\'") for name, value in before.items()}
    text = "".join(f"{name}='{value}'\n" for name, value in escaped.items()) + stray.replace("'", "").replace('"', "")

    def read(text: str) -> dict[str, str | None]:
        return dict(dotenv_values(stream=io.StringIO(text), interpolate=False))

    assert read(with_values(text, NEW)) == read(text) | NEW


def test_a_file_that_is_not_there_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    file = EnvFile(tmp_path / ".env")
    file.check()
    file.put(NEW)
    assert dotenv_values(file.path) == NEW
    assert file.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("content", "says"), [(b"\xff\xfe", "UTF-8"), (None, "not a file of its own")])
def test_a_file_that_cannot_be_kept_is_refused_before_anything(
    tmp_path: Path, content: bytes | None, says: str
) -> None:
    path = tmp_path / ".env"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(ConsoleError, match=says):
        EnvFile(path).check()


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConsoleError, match="cannot be written"):
        EnvFile(tmp_path / "gone" / ".env").check()
