from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.engine import receptionist as desk
from bot.engine.parts import Brief, Call, Expected, Line, Reply, Say, Tool
from bot.engine.receptionist import Receptionist

WEDNESDAY = date(2026, 3, 4)
TOOLS = Brief(tools=(Tool("end_call"), Tool("transfer_call")))


class Conversation:
    """A caller and the receptionist, whose mind is a new one for each line."""

    def __init__(self, brief: Brief = TOOLS) -> None:
        self.lines: list[Line] = [Line("assistant", "Hello! How can I help you?")]
        self.brief = brief

    async def replies(self, text: str, *, sure: bool = True) -> list[Reply]:
        self.lines.append(Line("user", text, sure=sure))
        replies = await Receptionist(lambda: WEDNESDAY).answer(self.lines, self.brief)
        self.lines += [Line("assistant", reply.text) for reply in replies if isinstance(reply, Say)]
        return replies

    async def says(self, text: str, *, sure: bool = True) -> str:
        return " ".join(reply.text for reply in await self.replies(text, sure=sure) if isinstance(reply, Say))

    async def presses(self, digits: str) -> str:
        return await self.says(f"The caller pressed {digits} on the keypad.")

    def expected(self) -> Expected:
        return Receptionist(lambda: WEDNESDAY).expected(self.lines)


async def test_it_greets() -> None:
    assert await Receptionist().greet(Brief(), "") == [Say(desk.GREETING)]
    assert await Receptionist().greet(Brief(), 'Say "Good day!" now.') == [Say("Good day!")]


async def test_it_tells_opening_hours_and_address() -> None:
    caller = Conversation()
    assert await caller.says("what are your opening hours") == desk.HOURS
    assert await caller.says("where are you") == desk.ADDRESS
    assert "nine to two" in await caller.says("are you open on saturday")
    assert "closed" in await caller.says("are you open on sunday")


async def test_an_appointment_is_asked_for_step_by_step_and_confirmed() -> None:
    caller = Conversation()
    assert caller.expected() is Expected.ANYTHING
    assert await caller.says("i would like to book an appointment") == "Which day would suit you?"
    assert caller.expected() is Expected.DAY
    assert await caller.says("tuesday") == "What time on Tuesday?"
    assert caller.expected() is Expected.TIME
    assert await caller.says("ten") == "Tuesday at ten, is that right?"
    assert caller.expected() is Expected.YES_NO
    assert "booked for Tuesday at ten" in await caller.says("yes")
    assert caller.expected() is Expected.ANYTHING


async def test_an_appointment_in_one_sentence_and_a_correction() -> None:
    caller = Conversation()
    assert "Tuesday at ten, is that right?" in await caller.says("book an appointment for tuesday at ten")
    assert "Wednesday at ten, is that right?" in await caller.says("no on wednesday")
    assert "Which day" in await caller.says("no")
    assert "What time on Thursday" in await caller.says("tomorrow")


async def test_nobody_is_booked_while_the_workshop_is_closed() -> None:
    caller = Conversation()
    assert "closed" in await caller.says("book an appointment for sunday at ten")
    assert caller.expected() is Expected.DAY
    assert await caller.says("saturday") == "Saturday at ten, is that right?"
    assert "nine to two" in await caller.says("saturday at three")
    assert caller.expected() is Expected.TIME


async def test_a_question_in_the_middle_of_a_booking_does_not_lose_it() -> None:
    caller = Conversation()
    await caller.says("i need a repair")
    assert await caller.says("what is your address") == f"{desk.ADDRESS} Which day would suit you?"
    assert caller.expected() is Expected.DAY


async def test_a_booking_with_the_keypad_alone() -> None:
    caller = Conversation()
    assert "Which day" in await caller.presses("3")
    assert "What time on Tuesday" in await caller.presses("2")
    assert "Tuesday at half past ten" in await caller.presses("1030")
    assert "booked" in await caller.presses("1")


async def test_the_menu_keys() -> None:
    assert await Conversation().presses("1") == desk.HOURS
    assert await Conversation().presses("2") == desk.ADDRESS
    assert await Conversation().says("number two") == desk.ADDRESS
    assert await Conversation().presses("0#") == desk.TRANSFER


async def test_it_asks_again_and_then_offers_the_keypad() -> None:
    caller = Conversation()
    first = await caller.says("", sure=False)
    assert "did not understand" in first
    assert "keypad" not in first
    assert desk.KEYS in await caller.says("my hovercraft is full of eels")
    assert await caller.presses("1") == desk.HOURS
    assert desk.KEYS not in await caller.says("", sure=False)


async def test_unsure_words_are_not_acted_upon() -> None:
    assert "did not understand" in await Conversation().says("goodbye", sure=False)


async def test_it_repeats_its_last_answer() -> None:
    caller = Conversation()
    assert await caller.says("repeat that") == "Hello! How can I help you?"
    await caller.says("where are you")
    assert await caller.says("can you repeat that") == desk.ADDRESS


@pytest.mark.parametrize(
    ("words", "tool", "said"), [("goodbye", "end_call", desk.GOODBYE), ("operator", "transfer_call", desk.TRANSFER)]
)
async def test_goodbye_and_a_human_are_said_before_the_tool_is_called(words: str, tool: str, said: str) -> None:
    say, call = await Conversation().replies(words)
    assert say == Say(said)
    assert isinstance(call, Call)
    assert call.name == tool


async def test_without_tools_it_says_so() -> None:
    assert await Conversation(Brief()).replies("operator") == [Say(desk.NO_HUMAN)]
    assert await Conversation(Brief()).replies("goodbye") == [Say(desk.GOODBYE)]


async def test_no_ends_the_call_only_where_something_more_was_offered() -> None:
    caller = Conversation()
    assert "did not understand" in await caller.says("no")
    await caller.says("thank you")
    assert await caller.says("no") == desk.GOODBYE


async def test_a_transfer_that_failed_is_owned_up_to() -> None:
    caller = Conversation()
    _, call = await caller.replies("operator")
    assert isinstance(call, Call)
    lines = [
        *caller.lines,
        Line("assistant", call.arguments, call.call_id, call.name),
        Line("tool", '{"error": "no number is set"}', call.call_id),
    ]
    assert await Receptionist().answer(lines, TOOLS) == [Say(f"I am sorry, I could not put you through. {desk.MORE}")]
    lines[-1] = Line("tool", '{"ok": true}', call.call_id)
    assert await Receptionist().answer(lines, TOOLS) == []


@given(
    st.lists(
        st.sampled_from(
            [
                *("book an appointment", "sunday", "tuesday at ten", "half past nine", "yes", "no", "repeat that"),
                *(
                    "never mind",
                    "help",
                    "goodbye",
                    "operator",
                    "what",
                    "hello",
                    "number three",
                    "five in the morning",
                ),
                *("today", "where are you", "The caller pressed 77 on the keypad."),
                *("The caller pressed ## on the keypad.", "The caller pressed 2 on the keypad."),
            ]
        ),
        max_size=12,
    )
)
async def test_every_conversation_has_an_answer(said: list[str]) -> None:
    caller = Conversation()
    for words in said:
        assert (await caller.says(words)).strip()
        assert caller.expected() in Expected
