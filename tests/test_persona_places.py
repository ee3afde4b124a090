from __future__ import annotations

import tomllib

import pytest

from bot.persona.places import Path, Places

TEXT = '''# a comment
modules = ["a"]

[personas.one]
numbers = [ # two of them
  "+14255550100",
  """x]""",
]
instructions = """
[personas.two]
voice = "not a key, but [text]"
"""
voice = "marin"
digits = { pause = 1.0, length = 3 }
log.words = true

[[personas.one.mcp]]
label = "a"
[personas.one.mcp.headers]
X = "Y"
[[personas.one.mcp]]
label = "b"

[personas."odd name".transfer.sales]
to = "x"
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("modules",), 2),
        (("modules", 0), 2),
        (("personas", "one"), 4),
        (("personas", "one", "numbers"), 5),
        (("personas", "one", "numbers", 1), 5),
        (("personas", "one", "instructions"), 9),
        (("personas", "one", "voice"), 13),
        (("personas", "one", "digits", "pause"), 14),
        (("personas", "one", "log", "words"), 15),
        (("personas", "one", "mcp", 0, "label"), 18),
        (("personas", "one", "mcp", 0, "headers", "X"), 20),
        (("personas", "one", "mcp", 1), 21),
        (("personas", "one", "mcp", 1, "label"), 22),
        (("personas", "one", "mcp", 1, "url"), 21),
        (("personas", "odd name", "transfer", "sales", "to"), 25),
        (("personas", "one", "missing"), 4),
        ((), None),
        (("nothing",), None),
    ],
)
def test_a_value_is_found_or_what_it_is_in(path: Path, line: int | None) -> None:
    tomllib.loads(TEXT)
    assert Places(TEXT).line(path) == line


def test_lines_are_counted_as_editors_count_them() -> None:
    text = "a = '\u2028\u0085'\r\nb = '''\r\nx\r\n'''\r\nc = 1"
    places = Places(text)
    assert [places.line((key,)) for key in "abc"] == [1, 2, 5]


def test_a_file_that_is_long_and_strange_only_loses_lines() -> None:
    text = '"a[b" = """\n' + "x ] y\n" * 50 + '"""\nc = 1\n'
    assert Places(text).line(("zzz",)) is None
