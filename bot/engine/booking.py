"""What the receptionist has agreed with the caller so far, and how an appointment is made. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum

from bot.engine.diary import closed_because, day_in_words, resolve_day, time_in_words
from bot.engine.meaning import Meaning, Wish

MORE = "Is there anything else I can do for you?"


class Question(StrEnum):
    """What the receptionist waits to hear."""

    WISH = "wish"
    DAY = "day"
    TIME = "time"
    CONFIRM = "confirm"
    END = "end"
    PERSON = "person"
    WHOM = "whom"
    ORDER = "order"


_BOOKING = (Question.DAY, Question.TIME, Question.CONFIRM)


@dataclass(frozen=True, slots=True)
class State:
    """Where the conversation stands. said: the words of the last answer; act: what it asks of a tool.

    before: the question that was open before one in between; number: of the order that is looked up; whom: to put the
    caller through to.
    """

    question: Question = Question.WISH
    before: Question = Question.WISH
    number: str = ""
    whom: str = ""
    day: str = ""
    time: tuple[int, int] | None = None
    failures: int = 0
    said: str = ""
    act: Wish | None = None
    booked: tuple[str, ...] = field(default=())


def book(state: State, said: Meaning, today: date) -> State | None:
    """Take a day or a time towards an appointment, or a yes or no to one; None where `said` is about neither."""
    if state.question is Question.CONFIRM and not said.day and said.time is None and said.wish is None:
        if said.answer is True and state.time is not None:
            when = f"{day_in_words(state.day, today)} at {time_in_words(state.time)}"
            return State(said=f"Your appointment is booked for {when}. {MORE}", booked=(*state.booked, when))
        if said.answer is False:
            return ask(replace(state, day="", time=None, failures=0), today)
        return None
    wants = said.wish is Wish.BOOK or (state.question in _BOOKING and said.wish is None)
    if not wants or not (said.day or said.time or said.wish):
        return None
    started = state if state.question in _BOOKING else replace(state, day="", time=None)
    return ask(replace(started, day=said.day or started.day, time=said.time or started.time, failures=0), today)


def ask(state: State, today: date) -> State:
    """Ask for what is still missing of an appointment, or whether it is right."""
    day, time = state.day, state.time
    apology = ""
    if problem := closed_because(resolve_day(day, today) if day else None, time):
        apology = f"{problem.words} "
        day, time = (day, None) if problem.keeps_day else ("", time)
    missing = Question.DAY if not day else Question.TIME if time is None else Question.CONFIRM
    state = replace(state, day=day, time=time, question=missing)
    return replace(state, said=apology + question_of(state, today))


def question_of(state: State, today: date, question: Question | None = None) -> str:
    """The words of the question that is open, or of another."""
    match question or state.question:
        case Question.END:
            return "Did you want to end the call?"
        case Question.PERSON:
            return "Shall I put you through to somebody?"
        case Question.WHOM:
            return "Whom would you like to speak to?"
        case Question.ORDER:
            return "Please say or press the number of your order."
        case Question.DAY:
            return "Which day would suit you?"
        case Question.TIME:
            return f"What time on {day_in_words(state.day, today)}?"
        case Question.CONFIRM if state.time is not None:
            return f"{day_in_words(state.day, today)} at {time_in_words(state.time)}, is that right?"
    return "How can I help you?"
