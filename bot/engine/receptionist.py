"""The scripted receptionist of a bicycle workshop: hours, address, appointments, orders, a human, goodbye. Pure.

What has been agreed so far follows from what the caller said, line by line, so a conversation that another session
began is simply read again. What was said back is read only to repeat it.

It ends or hands over a call only when it was asked to in words that can hardly mean anything else; otherwise it asks
first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date

from bot.engine import errands
from bot.engine.booking import MORE, Question, State, book, question_of
from bot.engine.diary import day_in_words, resolve_day
from bot.engine.errands import NO_HUMAN, NO_ORDERS, NO_SUCH_ORDER, Offer, Result
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
GOODBYE = "Thank you for calling. Goodbye!"
TRANSFER = "One moment, I will put you through."
LOOKING = "Let me look."
STILL_HERE = "I am still here."
_PATIENCE = 2
"""Failures to understand before the keypad is offered."""

_KEYS = {"1": Wish.HOURS, "2": Wish.ADDRESS, "3": Wish.BOOK, "0": Wish.HUMAN}
_EXPECTED = {
    Question.WISH: Expected.ANYTHING,
    Question.DAY: Expected.DAY,
    Question.TIME: Expected.TIME,
    Question.CONFIRM: Expected.YES_NO,
    Question.END: Expected.YES_NO,
    Question.PERSON: Expected.YES_NO,
    Question.WHOM: Expected.ANYTHING,
    Question.ORDER: Expected.DIGITS,
}


class Receptionist:
    """A `Mind` with a script. today: the caller's date, for "tomorrow"."""

    def __init__(self, today: Callable[[], date] = date.today) -> None:
        self._today = today
        self._offer = Offer()

    def expected(self, conversation: Sequence[Line]) -> Expected:
        """The grammar for what was asked last."""
        return _EXPECTED[self._state(conversation).question]

    async def greet(self, brief: Brief, hint: str) -> list[Reply]:
        """The first words; a `hint` with words in quotation marks is spoken as it stands."""
        return [Say(_quoted(hint) or GREETING)]

    async def answer(self, conversation: Sequence[Line], brief: Brief, hint: str = "") -> list[Reply]:
        """Answer the last line."""
        self._offer = Offer.of(brief)
        if not conversation:
            return await self.greet(brief, hint)
        last = conversation[-1]
        state = self._state(conversation)
        if last.role not in ("user", "tool"):  # asked to speak although nobody has said anything new
            return [Say(_quoted(hint) or _unasked(hint, question_of(state, self._today())))]
        call = self._call(state, len(conversation))
        spoken: list[Reply] = [Say(state.said)] if state.said else []
        return [*spoken, call] if call is not None and call.name in self._offer.tools else spoken

    def _call(self, state: State, at: int) -> Call | None:
        match state.act:
            case Wish.GOODBYE:
                return Call(f"call_{at}_{errands.END_CALL}", errands.END_CALL)
            case Wish.HUMAN:
                return errands.transfer(at, state.whom, state.booked)
            case Wish.ORDER:
                return errands.look_up(at, state.number)
        return None

    def _state(self, conversation: Sequence[Line]) -> State:
        first = conversation[0] if conversation else None
        state = State(said=first.text if first and first.role == "assistant" and first.text else GREETING)
        for line in conversation:
            if line.role == "user":
                state = respond(state, _understood(line), self._today(), self._offer, self._offer.named(line.text))
            elif line.role == "tool":
                state = _after_tool(state, line.text, errands.name_of(line, conversation), self._today())
        return state


_ALL = Offer(frozenset({errands.END_CALL, errands.TRANSFER_CALL}))


def respond(state: State, said: Meaning, today: date, offer: Offer = _ALL, whom: str = "") -> State:
    """What the receptionist says, and waits for, after `said`. whom: a target of the offer's that was named."""
    said = _keys_in_context(state, said)
    state = replace(state, act=None)
    answer = _in_between(state, said, today, offer, whom)
    if answer is None and state.question in _IN_BETWEEN and said.wish is not None:
        state = replace(state, question=state.before)
    if answer is None:
        answer = book(state, said, today)
    if answer is None and said.wish is not None:
        answer = _wish(state, said, today, offer, whom)
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
        case Question.ORDER | Question.WHOM:
            return Meaning(digits=digits)
        case Question.CONFIRM | Question.END | Question.PERSON if digits in ("1", "2"):
            return Meaning(answer=digits == "1")
    return Meaning(wish=_KEYS.get(digits), doubtful=not said.pressed)


def _understood(line: Line) -> Meaning:
    """What is taken of a line; of one that was hardly understood, only what is asked about before it is done."""
    said = meaning(line.text)
    if line.sure:
        return said
    return Meaning(wish=said.wish, doubtful=True) if said.wish in (Wish.GOODBYE, Wish.HUMAN) else Meaning()


def _in_between(state: State, said: Meaning, today: date, offer: Offer, whom: str) -> State | None:
    """Take an answer to a question that was put in between; None where `said` is about something else."""
    open_again = replace(state, question=state.before, failures=0)
    match state.question:
        case Question.END if said.answer is True or said.wish is Wish.GOODBYE:
            return _leave(state)
        case Question.PERSON if said.answer is True or said.wish is Wish.HUMAN:
            return _put_through(replace(state, question=state.before), offer, whom)
        case Question.WHOM if target := whom or offer.numbered(said.digits):
            return _put_through(replace(state, question=state.before), offer, target)
        case Question.ORDER if said.digits:
            return replace(open_again, said=LOOKING, act=Wish.ORDER, number=said.digits)
        case question if question in _IN_BETWEEN and said.answer is False and said.wish in (None, Wish.THANKS):
            return replace(open_again, said=f"All right. {question_of(open_again, today)}")
    return None


_IN_BETWEEN = (Question.END, Question.PERSON, Question.WHOM, Question.ORDER)


def _between(state: State, question: Question, said: str) -> State:
    before = state.before if state.question in _IN_BETWEEN else state.question
    return replace(state, question=question, before=before, said=said, failures=0)


def _put_through(state: State, offer: Offer, whom: str) -> State:
    """Begin a transfer, once it is clear to whom."""
    if not whom and len(offer.targets) > 1:
        return _between(state, Question.WHOM, offer.whom())
    target = whom or next(iter(offer.targets), "")
    return State(said=TRANSFER, act=Wish.HUMAN, whom=target, booked=state.booked)


def _wish(state: State, said: Meaning, today: date, offer: Offer, whom: str) -> State | None:
    again = "" if state.question is Question.WISH else f" {question_of(state, today)}"
    calm = replace(state, failures=0)
    match said.wish:
        case Wish.HOURS:
            return replace(calm, said=_hours(said, today) + again)
        case Wish.ADDRESS:
            return replace(calm, said=ADDRESS + again)
        case Wish.HELP:
            return replace(calm, said=HELP + again)
        case Wish.REPEAT:
            return calm if state.said else replace(calm, said=question_of(state, today))
        case Wish.THANKS:
            return replace(calm, said="You are welcome." + (again or f" {MORE}"))
        case Wish.HELLO:
            return replace(calm, said=f"Hello! {question_of(state, today)}")
        case Wish.CANCEL:
            return State(said=f"All right. {MORE}", booked=state.booked)
        case Wish.HUMAN if errands.TRANSFER_CALL not in offer.tools:
            return replace(calm, said=NO_HUMAN + again)
        case Wish.HUMAN if said.doubtful:
            return _between(state, Question.PERSON, question_of(state, today, Question.PERSON))
        case Wish.HUMAN:
            return _put_through(state, offer, whom)
        case Wish.ORDER if errands.ORDER_STATUS not in offer.tools:
            return replace(calm, said=NO_ORDERS + again)
        case Wish.ORDER:
            return _between(state, Question.ORDER, question_of(state, today, Question.ORDER))
        case Wish.GOODBYE if said.doubtful:
            return _between(state, Question.END, question_of(state, today, Question.END))
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
        words = f"Sorry, I did not understand. {question_of(state, today)}"
    else:
        keys = {
            Question.WISH: KEYS,
            Question.DAY: "Please press one for Monday, two for Tuesday, and so on; seven is Sunday.",
            Question.TIME: "Please press the hour on your keypad, such as nine, or one zero for ten o'clock.",
            Question.WHOM: question_of(state, today),
            Question.ORDER: question_of(state, today),
        }
        yes_or_no = f"{question_of(state, today)} Press one for yes, or two for no."
        words = f"Sorry, I still did not understand. {keys.get(state.question, yes_or_no)}"
    return replace(state, failures=failures, said=words)


def _after_tool(state: State, result: str, tool: str, today: date) -> State:
    """After a tool: what it found, an apology where it failed, or a word to a caller who has come back."""
    state = replace(state, act=None)
    if tool == errands.ORDER_STATUS:
        found = errands.order_in_words(result)
        return replace(state, said=f"{found} {MORE}") if found else _between(state, Question.ORDER, NO_SUCH_ORDER)
    match errands.outcome(result):
        case Result.OVERTAKEN:
            return replace(state, said=f"{STILL_HERE} {question_of(state, today)}")
        case Result.FAILED if tool == errands.TRANSFER_CALL:
            return replace(state, said=f"I am sorry, I could not put you through. {MORE}")
        case Result.FAILED:
            return replace(state, said=f"I am sorry, that did not work. {MORE}")
    return replace(state, said="" if tool in (errands.END_CALL, errands.TRANSFER_CALL) else f"{result} {MORE}")


def _unasked(hint: str, question: str) -> str:
    """The words to a caller who has said nothing new: why they are asked for, the hint says, where there is one."""
    if "transfer" in hint:
        return "What can I do for you instead?"
    if "again" in hint:
        return f"Sorry, could you say that again? {question}"
    return question if hint else f"Are you still there? {question}"


def _quoted(hint: str) -> str:
    found = re.search(r"[\"\u201c]([^\"\u201d]+)[\"\u201d]", hint)
    return found[1] if found else ""
