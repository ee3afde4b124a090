"""The scripted receptionist of a bicycle workshop: hours, address, appointments, a human, goodbye. Pure.

What has been agreed so far follows from what the caller said, line by line, so a conversation that another session
began is simply read again. What was said back is read only to repeat it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum

from bot.engine.diary import closed_because, day_in_words, resolve_day, time_in_words
from bot.engine.meaning import WEEKDAYS, Meaning, Wish, meaning, pressed_time
from bot.engine.parts import Brief, Call, Expected, Line, Reply, Say

GREETING = "Hello, this is Riverside Bicycles. How can I help you?"
HOURS = "We are open Monday to Friday from nine to six, and Saturday from nine to two. On Sunday we are closed."
ADDRESS = "You find us at twelve Mill Lane, right beside the old bridge."
HELP = "You can ask for our opening hours or our address, book an appointment, or speak to a human."
KEYS = (
    "Please use the keypad: press one for opening hours, two for the address, three for an appointment, or zero for "
    "a human."
)
MORE = "Is there anything else I can do for you?"
GOODBYE = "Thank you for calling. Goodbye!"
TRANSFER = "One moment, I will put you through."
NO_HUMAN = "I am sorry, nobody can come to the phone right now. Please call again during our opening hours."
_PATIENCE = 2
"""Failures to understand before the keypad is offered."""

_KEYS = {"1": Wish.HOURS, "2": Wish.ADDRESS, "3": Wish.BOOK, "0": Wish.HUMAN}
_TOOLS = {Wish.GOODBYE: "end_call", Wish.HUMAN: "transfer_call"}


class Question(StrEnum):
    """What the receptionist waits to hear."""

    WISH = "wish"
    DAY = "day"
    TIME = "time"
    CONFIRM = "confirm"


_EXPECTED = {
    Question.WISH: Expected.ANYTHING,
    Question.DAY: Expected.DAY,
    Question.TIME: Expected.TIME,
    Question.CONFIRM: Expected.YES_NO,
}


@dataclass(frozen=True, slots=True)
class State:
    """Where the conversation stands. said: the words of the last answer; act: what it asks of a tool."""

    question: Question = Question.WISH
    day: str = ""
    time: tuple[int, int] | None = None
    failures: int = 0
    said: str = GREETING
    act: Wish | None = None
    booked: tuple[str, ...] = field(default=())


class Receptionist:
    """A `Mind` with a script. today: the caller's date, for "tomorrow"."""

    def __init__(self, today: Callable[[], date] = date.today) -> None:
        self._today = today

    def expected(self, conversation: Sequence[Line]) -> Expected:
        """The grammar for what was asked last."""
        return _EXPECTED[self._state(conversation).question]

    async def greet(self, brief: Brief, hint: str) -> list[Reply]:
        """The first words; a `hint` with words in quotation marks is spoken as it stands."""
        return [Say(_quoted(hint) or GREETING)]

    async def answer(self, conversation: Sequence[Line], brief: Brief, hint: str = "") -> list[Reply]:
        """Answer the last line."""
        if not conversation:
            return await self.greet(brief, hint)
        last = conversation[-1]
        state = self._state(conversation)
        if last.role == "tool":
            return _after_tool(last, conversation)
        if last.role != "user":  # asked to speak although nobody has said anything: the caller is silent
            return [Say(_quoted(hint) or f"Are you still there? {_question(state, self._today())}")]
        offered = {tool.name for tool in brief.tools}
        said = NO_HUMAN if state.said == TRANSFER and _TOOLS[Wish.HUMAN] not in offered else state.said
        tool = _TOOLS[state.act] if state.act else ""
        return [Say(said), Call(f"call_{len(conversation)}_{tool}", tool)] if tool in offered else [Say(said)]

    def _state(self, conversation: Sequence[Line]) -> State:
        first = conversation[0] if conversation else None
        state = State(said=first.text if first and first.role == "assistant" and first.text else GREETING)
        for line in conversation:
            if line.role == "user":
                state = respond(state, meaning(line.text) if line.sure else Meaning(), self._today())
        return state


def respond(state: State, said: Meaning, today: date) -> State:
    """What the receptionist says, and waits for, after `said`."""
    said = _keys_in_context(state, said)
    state = replace(state, act=None)
    answer = _booking(state, said, today)
    if answer is None and said.wish is not None:
        answer = _wish(state, said, today)
    if answer is None and said.answer is False and state.said.endswith(MORE):
        answer = _leave(replace(state, failures=0))
    if answer is None and said.answer is True and state.question is Question.WISH:
        answer = replace(state, said="What can I do for you?", failures=0)
    return answer if answer is not None else _not_understood(state, today)


def _keys_in_context(state: State, said: Meaning) -> Meaning:
    """Read digits as a wish, a day, an hour, or yes and no, by what was asked."""
    digits = said.digits.strip("*#") if said.pressed else said.digits
    if not digits:
        return said
    match state.question:
        case Question.DAY if len(digits) == 1 and digits in "1234567":
            return Meaning(day=WEEKDAYS[int(digits) - 1])
        case Question.TIME if not said.pressed and said.time is not None:
            return Meaning(time=said.time)
        case Question.TIME:
            return Meaning(time=pressed_time(digits)) if digits != "0" else Meaning(wish=Wish.HUMAN)
        case Question.CONFIRM if digits in ("1", "2"):
            return Meaning(answer=digits == "1")
    return Meaning(wish=_KEYS.get(digits))


def _booking(state: State, said: Meaning, today: date) -> State | None:
    """Take a day or a time towards an appointment, or a yes or no to one; None where `said` is about neither."""
    if state.question is Question.CONFIRM and not said.day and said.time is None and said.wish is None:
        if said.answer is True and state.time is not None:
            when = f"{day_in_words(state.day, today)} at {time_in_words(state.time)}"
            return State(said=f"Your appointment is booked for {when}. {MORE}", booked=(*state.booked, when))
        if said.answer is False:
            return _ask(replace(state, day="", time=None, failures=0), today)
        return None
    wants = said.wish is Wish.BOOK or (state.question is not Question.WISH and said.wish is None)
    if not wants or not (said.day or said.time or said.wish):
        return None
    started = state if state.question is not Question.WISH else replace(state, day="", time=None)
    return _ask(replace(started, day=said.day or started.day, time=said.time or started.time, failures=0), today)


def _ask(state: State, today: date) -> State:
    """Ask for what is still missing of an appointment, or whether it is right."""
    day, time = state.day, state.time
    apology = ""
    if problem := closed_because(resolve_day(day, today) if day else None, time):
        apology = f"{problem.words} "
        day, time = (day, None) if problem.keeps_day else ("", time)
    missing = Question.DAY if not day else Question.TIME if time is None else Question.CONFIRM
    state = replace(state, day=day, time=time, question=missing)
    return replace(state, said=apology + _question(state, today))


def _question(state: State, today: date) -> str:
    match state.question:
        case Question.DAY:
            return "Which day would suit you?"
        case Question.TIME:
            return f"What time on {day_in_words(state.day, today)}?"
        case Question.CONFIRM if state.time is not None:
            return f"{day_in_words(state.day, today)} at {time_in_words(state.time)}, is that right?"
    return "How can I help you?"


def _wish(state: State, said: Meaning, today: date) -> State | None:
    again = "" if state.question is Question.WISH else f" {_question(state, today)}"
    calm = replace(state, failures=0)
    match said.wish:
        case Wish.HOURS:
            return replace(calm, said=_hours(said, today) + again)
        case Wish.ADDRESS:
            return replace(calm, said=ADDRESS + again)
        case Wish.HELP:
            return replace(calm, said=HELP + again)
        case Wish.REPEAT:
            return calm
        case Wish.THANKS:
            return replace(calm, said="You are welcome." + (again or f" {MORE}"))
        case Wish.HELLO:
            return replace(calm, said=f"Hello! {_question(state, today)}")
        case Wish.CANCEL:
            return State(said=f"All right. {MORE}", booked=state.booked)
        case Wish.HUMAN:
            return State(said=TRANSFER, act=Wish.HUMAN, booked=state.booked)
        case Wish.GOODBYE:
            return _leave(state)
    return None


def _leave(state: State) -> State:
    return State(said=GOODBYE, act=Wish.GOODBYE, booked=state.booked)


def _hours(said: Meaning, today: date) -> str:
    if not said.day:
        return HOURS
    day = resolve_day(said.day, today)
    name = day_in_words(said.day, today)
    if day.weekday() == 6:
        return f"{name} is a day off: we are closed. {HOURS}"
    return f"{name} we are open from nine to {'two' if day.weekday() == 5 else 'six'}."


def _not_understood(state: State, today: date) -> State:
    failures = state.failures + 1
    if failures < _PATIENCE:
        words = f"Sorry, I did not understand. {_question(state, today)}"
    else:
        keys = {
            Question.WISH: KEYS,
            Question.DAY: "Please press one for Monday, two for Tuesday, and so on; seven is Sunday.",
            Question.TIME: "Please press the hour on your keypad, such as nine, or one zero for ten o'clock.",
            Question.CONFIRM: f"{_question(state, today)} Press one for yes, or two for no.",
        }
        words = f"Sorry, I still did not understand. {keys[state.question]}"
    return replace(state, failures=failures, said=words)


def _after_tool(result: Line, conversation: Sequence[Line]) -> list[Reply]:
    """After a tool: nothing more to say where it worked, an apology where it failed."""
    if not re.search(r"error|fail|unknown|not ", result.text, re.IGNORECASE):
        return []
    name = next((line.name for line in conversation if line.call_id == result.call_id and line.name), "")
    if name == _TOOLS[Wish.HUMAN]:
        return [Say(f"I am sorry, I could not put you through. {MORE}")]
    return [Say(f"I am sorry, that did not work. {MORE}")]


def _quoted(hint: str) -> str:
    found = re.search(r"[\"\u201c]([^\"\u201d]+)[\"\u201d]", hint)
    return found[1] if found else ""
