from __future__ import annotations

import re
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhooks.carried import LONGEST_VALUE, Carried, problem

NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,63}", fullmatch=True)
VALUES = st.text(max_size=40).filter(str.isprintable)


@given(NAMES, st.dictionaries(NAMES, VALUES, max_size=4))
def test_what_is_carried_comes_back_through_an_address_that_nobody_writes_anew(
    persona: str, parameters: dict[str, str]
) -> None:
    if problem(parameters):
        return
    carried = Carried(persona, parameters)
    assert re.fullmatch(r"[A-Za-z0-9_=&-]+", carried.query)
    assert Carried.of(dict(parse_qsl(carried.query))) == carried


def test_a_call_that_came_in_carries_nothing() -> None:
    assert Carried().query == ""
    assert Carried.of({}) == Carried()
    assert Carried.of({"with": "eyJhIjoiYiJ9"}) == Carried()


@given(st.text(max_size=60), st.text(max_size=60) | st.from_regex(r"[A-Za-z0-9_-]{1,80}", fullmatch=True))
def test_nonsense_is_left_out_and_never_an_error(persona: str, packed: str) -> None:
    carried = Carried.of({"persona": persona, "with": packed})
    assert not problem(carried.parameters)


@pytest.mark.parametrize("packed", ["eyJhIjo1fQ", "W10", "eyJhIGIiOiJ4In0", "eyJhIjoiXG4ifQ", "====", "A"])
def test_what_is_no_set_of_parameters_is_none(packed: str) -> None:
    assert Carried.of({"persona": "sales", "with": packed}) == Carried("sales")


def test_together_they_fit_into_an_address() -> None:
    assert not problem({f"a{n}": "x" * 100 for n in range(10)})
    assert "together" in problem({f"a{n}": "ä" * LONGEST_VALUE for n in range(10)})
