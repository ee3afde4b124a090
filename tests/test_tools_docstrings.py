from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.tools.docstrings import read_docstring

GOOGLE = """Look up an order,
    wherever it is.

    More that nobody needs.

    Args:
        number: The number, digits
            only.
        day (str, optional): When: a date.

    Returns:
        text: Where it is.
    """
REST = """Look up an order,
    wherever it is.

    :param number: The number, digits
        only.
    :param str day: When: a date.
    :returns: Where it is.
    """


@pytest.mark.parametrize("docstring", [GOOGLE, REST])
def test_both_styles_say_the_same(docstring: str) -> None:
    documentation = read_docstring(docstring)
    assert documentation.summary == "Look up an order, wherever it is."
    assert documentation.parameters == {"number": "The number, digits only.", "day": "When: a date."}


@pytest.mark.parametrize(
    ("docstring", "summary", "parameters"),
    [
        ("", "", {}),
        ("One line.", "One line.", {}),
        ("\nArgs:\n    x: Only this.", "", {"x": "Only this."}),
        (
            "Text.\nArgs:\n    x:\n        On the next line.\n    y: Why.",
            "Text.",
            {"x": "On the next line.", "y": "Why."},
        ),
        (
            "Text.\n\nArgs:\n    x: First.\n\n    y: Second.\n\nNotes:\n    z: none.",
            "Text.",
            {"x": "First.", "y": "Second."},
        ),
        ("Text.\n\n:param dict[str, int] x: Counts.", "Text.", {"x": "Counts."}),
        (":class:`Order` is looked up.", ":class:`Order` is looked up.", {}),
        ("Text.\n\nx: is no section.", "Text.", {}),
    ],
)
def test_a_docstring_of_another_shape(docstring: str, summary: str, parameters: dict[str, str]) -> None:
    documentation = read_docstring(docstring)
    assert (documentation.summary, documentation.parameters) == (summary, parameters)


@given(st.text(alphabet=" \n:()ArgsPparamx,*`.", max_size=200))
def test_no_docstring_is_an_error(docstring: str) -> None:
    documentation = read_docstring(docstring)
    assert "\n" not in documentation.summary
