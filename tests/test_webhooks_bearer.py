from __future__ import annotations

import pytest

from webhooks.bearer import shows

KEY = "0123456789abcdef"


@pytest.mark.parametrize("header", [f"Bearer {KEY}", f"bearer {KEY}", f"Bearer  {KEY} "])
def test_the_key_opens(header: str) -> None:
    assert shows(header, KEY)


@pytest.mark.parametrize(
    "header", ["", KEY, "Bearer", "Bearer ", f"Basic {KEY}", f"Bearer {KEY}x", f"Bearer {KEY[1:]}"]
)
def test_nothing_else_does(header: str) -> None:
    assert not shows(header, KEY)


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Bearer x"])
def test_an_empty_key_is_shown_by_nobody(header: str) -> None:
    assert not shows(header, "")
