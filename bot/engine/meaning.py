"""What a sentence of the caller's means, whether it was recognised, typed or pressed. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_HOURS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_DIGITS = {name: str(value) for value, name in enumerate(("zero", *_HOURS[:9]))} | {"oh": "0"}
_MINUTES = {"": 0, "o'clock": 0, "fifteen": 15, "thirty": 30, "forty five": 45}
_EARLIEST_HOUR = 8
"""Without "a m" or "p m", seven and less is the afternoon: nobody brings a bicycle before eight."""


class Wish(StrEnum):
    """What the caller wants."""

    HOURS = "hours"
    ADDRESS = "address"
    BOOK = "book"
    HUMAN = "human"
    ORDER = "order"
    GOODBYE = "goodbye"
    THANKS = "thanks"
    REPEAT = "repeat"
    HELP = "help"
    CANCEL = "cancel"
    HELLO = "hello"


_WISHES: tuple[tuple[Wish, str], ...] = (
    # The first that matches counts: "thank you, goodbye" is a goodbye, "book a repair" no question.
    (
        Wish.HUMAN,
        r"\b(speak|talk) (to|with)\b|\b(connect|transfer) me\b|put me through|\b(operator|agent|human|real person)\b",
    ),
    (Wish.ORDER, r"\bmy order\b|\border (status|number)\b|\b(status of|about|where is) (an|the|that) order\b"),
    (
        Wish.REPEAT,
        r"\brepeat\b|\b(say|tell me) (that |it )?again\b|\bpardon\b|come again|what did you say|once more"
        r"|did not (understand|hear|catch)|didn't (understand|hear|catch)",
    ),
    (
        Wish.BOOK,
        r"\b(book|booking|make an?|schedule|appointment|repair|repaired|fixed|broken|flat tire)\b"
        r"|\b(an?) (service|visit)\b|bring my bike|\bhave a time\b",
    ),
    (Wish.HOURS, r"\b(hours|opening times|open|close)\b"),
    (Wish.ADDRESS, r"\baddress\b|where (are|is|can|do)\b|(get to|find) you\b|get there"),
    (Wish.CANCEL, r"never mind|forget it|\b(cancel|stop)\b"),
    (Wish.HELP, r"\bhelp\b|what can (you|i)\b|\b(options|menu)\b"),
    (Wish.GOODBYE, r"good ?bye\b|\bbye\b|that's all|that (is|was) all|nothing else|have a nice day"),
    (Wish.THANKS, r"\b(thank you|thanks)\b"),
    (Wish.HELLO, r"\b(hello|hi|good (morning|afternoon|evening))\b"),
)
# What can hardly be meant otherwise; "bye" alone sounds like many another word.
_CLEAR_GOODBYE = re.compile(
    r"(?:no |okay |ok |all right |thank you |thanks |very much |so much |a lot |and )*"
    r"(?:good ?bye|bye bye|that's all|that (?:is|was) all|nothing else|have a nice day|thank you bye|thanks bye)"
    r"(?: thank you| thanks| very much| so much| a lot| and| good ?bye| bye| have a nice day)*"
)
_CLEAR_HUMAN = re.compile(r"\b(?:speak|talk) (?:to|with) \w|\b(?:connect|transfer) me\b|\bput me through\b")
_YES = re.compile(
    r"^(yes|yeah|yep|sure|correct|right|exactly|ok|okay|sounds good|of course"
    r"|(that is|that's) (right|correct|fine))\b"
)
_NO = re.compile(r"\b(no|nope|not|wrong)\b")
_PRESSED = re.compile(r"the caller pressed ([0-9*#a-d]+) on the keypad", re.IGNORECASE)
_DAY = re.compile(rf"\b(the day after tomorrow|today|tomorrow|{'|'.join(WEEKDAYS)})\b")
_HALF = r"(?: (a m|am|p m|pm|in the (?:morning|afternoon|evening)))?"
_CLOCK = re.compile(
    rf"\b(?:(half|quarter) (past|to) )?({'|'.join(_HOURS)})(?: (o'clock|fifteen|thirty|forty five))?{_HALF}(?: |$)"
)
_NUMERALS = re.compile(r"\b([01]?\d|2[0-3])(?:[:.]([0-5]\d))?\s?(?:o'clock)?" + _HALF + r"(?: |$)")
_SPOKEN_DIGITS = re.compile(rf"^(?:(?:number|option|press) )?((?:(?:{'|'.join(_DIGITS)}) ?)+)$")


@dataclass(frozen=True, slots=True)
class Meaning:
    """What was understood; every part is empty where nothing was said of it.

    day: a weekday's name, "today", "tomorrow" or "the day after tomorrow". time: (hour, minute) of 24 hours.
    digits: spoken or pressed. answer: yes or no. doubtful: better ask before a wish is granted that ends the talk.
    """

    wish: Wish | None = None
    day: str = ""
    time: tuple[int, int] | None = None
    answer: bool | None = None
    digits: str = ""
    pressed: bool = False
    doubtful: bool = False

    @property
    def nothing(self) -> bool:
        """Whether nothing at all was understood."""
        return self == Meaning()


def meaning(text: str) -> Meaning:
    """Understand one sentence. Never raises; words it does not know mean nothing."""
    if pressed := _PRESSED.search(text):
        return Meaning(digits=pressed[1], pressed=True)
    plain = _plain(text)
    day = _DAY.search(plain)
    wish = next((wish for wish, pattern in _WISHES if re.search(pattern, plain)), None)
    return Meaning(
        wish=wish,
        day=day[1] if day else "",
        time=_time(plain),
        answer=_answer(plain),
        digits=_digits(plain),
        doubtful=wish is not None and wish in _CLEAR and not _CLEAR[wish](plain),
    )


def _plain(text: str) -> str:
    words = re.sub(r"[^a-z0-9':. ]", " ", text.lower().replace("\u2019", "'"))
    return " ".join(words.replace(". ", " ").split()).rstrip(".")


_CLEAR: Mapping[Wish, Callable[[str], object]] = {
    Wish.GOODBYE: _CLEAR_GOODBYE.fullmatch,
    Wish.HUMAN: _CLEAR_HUMAN.search,
}


def _answer(plain: str) -> bool | None:
    if _NO.search(plain):
        return False
    return True if _YES.match(plain) else None


def _digits(plain: str) -> str:
    if re.fullmatch(r"\d{1,4}", plain):
        return plain
    spoken = _SPOKEN_DIGITS.match(plain)
    return "".join(_DIGITS[word] for word in spoken[1].split()) if spoken else ""


def _time(plain: str) -> tuple[int, int] | None:
    if "noon" in plain.split():
        return 12, 0
    if found := _CLOCK.search(plain):
        fraction, side, hour_name, minutes, half_day = found.groups()
        hour, minute = _HOURS.index(hour_name) + 1, _MINUTES[minutes or ""]
        if fraction:
            hour, minute = _fraction(hour, fraction, side)
        return _half_day(hour, half_day), minute
    if found := _NUMERALS.search(plain):
        return _half_day(int(found[1]), found[3]), int(found[2] or 0)
    return None


def _fraction(hour: int, fraction: str, side: str) -> tuple[int, int]:
    minute = 30 if fraction == "half" else 15
    return (hour, minute) if side == "past" else ((hour - 2) % 12 + 1, 60 - minute)


def _half_day(hour: int, half_day: str | None) -> int:
    if hour > 12:
        return hour
    if half_day is None:
        return hour + 12 if hour < _EARLIEST_HOUR else hour
    morning = half_day.startswith("a") or half_day.endswith("morning")
    return hour % 12 + (0 if morning else 12)


def pressed_time(digits: str) -> tuple[int, int] | None:
    """The time that digits stand for: `9` and `10` are hours, `930` and `1430` hours and minutes."""
    if not digits.isdecimal() or len(digits) > 4:
        return None
    hour, minute = (int(digits), 0) if len(digits) <= 2 else (int(digits[:-2]), int(digits[-2:]))
    if hour > 23 or minute > 59:
        return None
    return _half_day(hour, None), minute
