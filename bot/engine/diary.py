"""The workshop's calendar: days and times in words, and when it is open. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from bot.engine.meaning import WEEKDAYS

_SUNDAY, _SATURDAY = 6, 5
_OPENS = 9
_NUMBERS = ("twelve", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven")
_RELATIVE = {"today": 0, "tomorrow": 1, "the day after tomorrow": 2}


@dataclass(frozen=True, slots=True)
class Closed:
    """Why no appointment is possible then. keeps_day: another time of that day would do."""

    words: str
    keeps_day: bool


def resolve_day(day: str, today: date) -> date:
    """The next date that `day` names: a weekday, "today", "tomorrow" or "the day after tomorrow"."""
    if day in _RELATIVE:
        return today + timedelta(days=_RELATIVE[day])
    return today + timedelta(days=(WEEKDAYS.index(day) - today.weekday()) % 7)


def day_in_words(day: str, today: date) -> str:
    """The weekday's name, to be spoken."""
    return WEEKDAYS[resolve_day(day, today).weekday()].capitalize()


def time_in_words(time: tuple[int, int]) -> str:
    """A time as it is spoken: "ten", "half past two", "a quarter to four", "ten twenty"."""
    hour, minute = time
    name, following = _NUMBERS[hour % 12], _NUMBERS[(hour + 1) % 12]
    match minute:
        case 0:
            return "noon" if hour == 12 else name
        case 15:
            return f"a quarter past {name}"
        case 30:
            return f"half past {name}"
        case 45:
            return f"a quarter to {following}"
    return f"{name} {'oh ' if minute < 10 else ''}{minute}"


def closed_because(day: date | None, time: tuple[int, int] | None) -> Closed | None:
    """Why nobody is there on `day` at `time`, either of which may still be open; None where somebody is."""
    if day is not None and day.weekday() == _SUNDAY:
        return Closed("On Sunday we are closed.", keeps_day=False)
    saturday = day is not None and day.weekday() == _SATURDAY
    closes = 14 if saturday else 18
    if time is not None and not _OPENS <= time[0] < closes:
        hours = "On Saturday we are open from nine to two." if saturday else "We are open from nine to six."
        return Closed(hours, keeps_day=True)
    return None
