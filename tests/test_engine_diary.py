from __future__ import annotations

from datetime import date

import pytest

from bot.engine.diary import closed_because, day_in_words, resolve_day, time_in_words

WEDNESDAY = date(2026, 3, 4)


@pytest.mark.parametrize(
    ("day", "resolved"),
    [
        ("wednesday", 4),
        ("thursday", 5),
        ("tuesday", 10),
        ("today", 4),
        ("tomorrow", 5),
        ("the day after tomorrow", 6),
    ],
)
def test_a_day_is_the_next_of_its_name(day: str, resolved: int) -> None:
    assert resolve_day(day, WEDNESDAY) == date(2026, 3, resolved)


def test_days_and_times_are_spoken() -> None:
    assert day_in_words("tomorrow", WEDNESDAY) == "Thursday"
    spoken = [time_in_words(time) for time in [(10, 0), (12, 0), (14, 30), (15, 45), (12, 15), (9, 5), (10, 20)]]
    assert spoken == [
        "ten", "noon", "half past two", "a quarter to four", "a quarter past twelve", "nine oh 5", "ten 20",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("day", "time", "opened"),
    [
        ("wednesday", (9, 0), True),
        ("wednesday", (8, 45), False),
        ("wednesday", (18, 0), False),
        ("saturday", (13, 45), True),
        ("saturday", (14, 0), False),
        ("sunday", (10, 0), False),
        ("sunday", None, False),
        ("saturday", None, True),
    ],
)
def test_when_it_is_open(day: str, time: tuple[int, int] | None, opened: bool) -> None:
    assert (closed_because(resolve_day(day, WEDNESDAY), time) is None) is opened
