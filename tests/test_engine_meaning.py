from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.engine.meaning import Meaning, Wish, meaning, pressed_time


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What are your opening hours?", Meaning(wish=Wish.HOURS)),
        ("are you open on sunday", Meaning(wish=Wish.HOURS, day="sunday")),
        ("Where are you?", Meaning(wish=Wish.ADDRESS)),
        ("I'd like to book an appointment for Tuesday at ten.", Meaning(wish=Wish.BOOK, day="tuesday", time=(10, 0))),
        ("can i speak to the owner", Meaning(wish=Wish.HUMAN)),
        ("thank you, good bye", Meaning(wish=Wish.GOODBYE)),
        ("That\u2019s all.", Meaning(wish=Wish.GOODBYE)),
        ("could you say that again", Meaning(wish=Wish.REPEAT)),
        ("yes please", Meaning(answer=True)),
        ("that's right", Meaning(answer=True)),
        ("no that's wrong", Meaning(answer=False)),
        ("that's not right", Meaning(answer=False)),
        ("the day after tomorrow", Meaning(day="the day after tomorrow")),
        ("number three", Meaning(digits="3", time=(15, 0))),
        ("one oh", Meaning(digits="10", time=(13, 0))),
        ("The caller pressed 1 on the keypad.", Meaning(digits="1", pressed=True)),
        ("The caller pressed *12# on the keypad.", Meaning(digits="*12#", pressed=True)),
        ("my hovercraft is full of eels", Meaning()),
        ("", Meaning()),
    ],
)
def test_a_sentence_means(text: str, expected: Meaning) -> None:
    assert meaning(text) == expected


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("at ten", (10, 0)),
        ("ten thirty", (10, 30)),
        ("half past two", (14, 30)),
        ("quarter to four", (15, 45)),
        ("quarter to one", (12, 45)),
        ("half past twelve", (12, 30)),
        ("noon", (12, 0)),
        ("nine in the morning", (9, 0)),
        ("three p m", (15, 0)),
        ("twelve a m", (0, 0)),
        ("10:30", (10, 30)),
        ("2 pm", (14, 0)),
        ("14:15", (14, 15)),
        ("two in the afternoon", (14, 0)),
    ],
)
def test_a_time_of_day(text: str, time: tuple[int, int]) -> None:
    assert meaning(text).time == time


@pytest.mark.parametrize(
    ("digits", "time"),
    [
        ("9", (9, 0)),
        ("2", (14, 0)),
        ("10", (10, 0)),
        ("930", (9, 30)),
        ("1430", (14, 30)),
        ("99", None),
        ("*1", None),
    ],
)
def test_a_pressed_time(digits: str, time: tuple[int, int] | None) -> None:
    assert pressed_time(digits) == time


@given(st.text())
def test_any_text_has_a_meaning(text: str) -> None:
    time = meaning(text).time
    assert time is None or (0 <= time[0] <= 23 and 0 <= time[1] <= 59)
