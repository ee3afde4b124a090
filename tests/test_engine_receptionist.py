from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.engine import receptionist as desk
from bot.engine.booking import MORE
from bot.engine.errands import NO_HUMAN, NO_ORDERS, NO_SUCH_ORDER
from bot.engine.parts import Brief, Call, Expected, Line, Reply, Say, Tool
from bot.engine.receptionist import Receptionist

WEDNESDAY = date(2026, 3, 4)
TOOLS = Brief(tools=(Tool("end_call"), Tool("transfer_call")))


def tools(*targets: str, order: bool = False) -> Brief:
    """What a session is given whose persona has these targets."""
    schema = {"type": "object", "properties": {"target": {"type": "string", "enum": list(targets)}}}
    offered = (Tool("end_call"), Tool("transfer_call", parameters=schema))
    return Brief(tools=(*offered, Tool("order_status")) if order else offered)


class Conversation:
    """A caller and the receptionist, whose mind is a new one for each answer."""

    def __init__(self, brief: Brief = TOOLS) -> None:
        self.lines: list[Line] = [Line("assistant", "Hello! How can I help you?")]
        self.brief = brief
        self.mind = Receptionist(lambda: WEDNESDAY)

    async def replies(self, text: str, *, sure: bool = True) -> list[Reply]:
        self.lines.append(Line("user", text, sure=sure))
        self.mind = Receptionist(lambda: WEDNESDAY)
        replies = await self.mind.answer(self.lines, self.brief)
        self._keep(replies)
        return replies

    async def told(self, call: Reply, result: str) -> str:
        """The words after a tool has answered."""
        assert isinstance(call, Call)
        self.lines.append(Line("tool", result, call.call_id))
        self.mind = Receptionist(lambda: WEDNESDAY)
        replies = await self.mind.answer(self.lines, self.brief)
        self._keep(replies)
        return " ".join(reply.text for reply in replies if isinstance(reply, Say))

    def _keep(self, replies: list[Reply]) -> None:
        for reply in replies:
            if isinstance(reply, Say):
                self.lines.append(Line("assistant", reply.text))
            elif isinstance(reply, Call):
                self.lines.append(Line("assistant", reply.arguments, reply.call_id, reply.name))

    async def says(self, text: str, *, sure: bool = True) -> str:
        return " ".join(reply.text for reply in await self.replies(text, sure=sure) if isinstance(reply, Say))

    async def presses(self, digits: str) -> str:
        return await self.says(f"The caller pressed {digits} on the keypad.")

    def expected(self) -> Expected:
        return self.mind.expected(self.lines)


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
    assert "did not understand" in await Conversation().says("where are you", sure=False)


async def test_it_repeats_its_last_answer() -> None:
    caller = Conversation()
    assert await caller.says("repeat that") == "Hello! How can I help you?"
    await caller.says("where are you")
    assert await caller.says("can you repeat that") == desk.ADDRESS


@pytest.mark.parametrize(
    ("words", "tool", "said"),
    [("goodbye", "end_call", desk.GOODBYE), ("put me through", "transfer_call", desk.TRANSFER)],
)
async def test_goodbye_and_a_human_are_said_before_the_tool_is_called(words: str, tool: str, said: str) -> None:
    say, call = await Conversation().replies(words)
    assert say == Say(said)
    assert isinstance(call, Call)
    assert call.name == tool


async def test_without_tools_it_says_so() -> None:
    assert await Conversation(Brief()).replies("operator") == [Say(NO_HUMAN)]
    assert await Conversation(Brief()).replies("goodbye") == [Say(desk.GOODBYE)]


async def test_no_ends_the_call_only_where_something_more_was_offered() -> None:
    caller = Conversation()
    assert "did not understand" in await caller.says("no")
    await caller.says("thank you")
    assert await caller.says("no") == desk.GOODBYE


async def test_a_transfer_that_failed_is_owned_up_to() -> None:
    caller = Conversation()
    _, call = await caller.replies("put me through")
    assert isinstance(call, Call)
    lines = [
        *caller.lines,
        Line("assistant", call.arguments, call.call_id, call.name),
        Line("tool", '{"error": "no number is set"}', call.call_id),
    ]
    assert await Receptionist().answer(lines, TOOLS) == [Say(f"I am sorry, I could not put you through. {MORE}")]
    lines[-1] = Line("tool", '{"ok": true}', call.call_id)
    assert await Receptionist().answer(lines, TOOLS) == []


@pytest.mark.parametrize("words", ["bye", "i said goodbye to my old bicycle"])
async def test_one_word_that_may_be_misheard_does_not_end_the_call(words: str) -> None:
    caller = Conversation()
    assert await caller.replies(words) == [Say("Did you want to end the call?")]
    assert caller.expected() is Expected.YES_NO
    say, call = await caller.replies("yes")
    assert say == Say(desk.GOODBYE)
    assert isinstance(call, Call)
    assert call.name == "end_call"


async def test_a_goodbye_that_was_hardly_understood_is_asked_about_and_the_question_before_comes_back() -> None:
    caller = Conversation()
    await caller.says("i need a repair")
    assert await caller.says("goodbye", sure=False) == "Did you want to end the call?"
    assert await caller.says("no") == "All right. Which day would suit you?"
    assert await caller.says("tuesday") == "What time on Tuesday?"


async def test_a_caller_who_asks_for_something_else_instead_of_yes_or_no_is_answered() -> None:
    caller = Conversation()
    await caller.says("bye")
    assert await caller.says("where are you") == desk.ADDRESS
    assert caller.expected() is Expected.ANYTHING


async def test_goodbye_said_again_is_a_yes_and_keys_do_as_well() -> None:
    for answer in ("goodbye", "The caller pressed 1 on the keypad."):
        caller = Conversation()
        await caller.says("bye")
        assert desk.GOODBYE in await caller.says(answer)


@pytest.mark.parametrize("words", ["operator", "zero"])
async def test_one_word_does_not_hand_the_caller_over_either(words: str) -> None:
    caller = Conversation(tools("workshop"))
    assert await caller.replies(words) == [Say("Shall I put you through to somebody?")]
    assert await caller.says("no thank you") == "All right. How can I help you?"
    await caller.says(words)
    say, call = await caller.replies("yes please")
    assert say == Say(desk.TRANSFER)
    assert isinstance(call, Call)
    assert '"target": "workshop"' in call.arguments


async def test_of_several_people_the_caller_chooses_by_name_or_by_key() -> None:
    caller = Conversation(tools("workshop", "new_bikes"))
    question = "Whom would you like to speak to? Press one for workshop or two for new bikes."
    assert await caller.says("can i talk to a human") == question
    assert "Whom would you like" in await caller.says("my uncle")
    _, call = await caller.replies("The caller pressed 2 on the keypad.")
    assert isinstance(call, Call)
    assert '"target": "new_bikes"' in call.arguments
    _, call = await Conversation(tools("workshop", "new_bikes")).replies("put me through to the workshop please")
    assert isinstance(call, Call)
    assert '"target": "workshop"' in call.arguments


async def test_whoever_takes_a_transfer_is_told_of_the_appointment() -> None:
    caller = Conversation(tools("workshop"))
    await caller.says("book an appointment for tuesday at ten")
    await caller.says("yes")
    _, call = await caller.replies("put me through")
    assert isinstance(call, Call)
    assert "who has booked Tuesday at ten" in call.arguments


async def test_an_order_is_looked_up_by_its_spoken_number() -> None:
    caller = Conversation(tools(order=True))
    assert "number of your order" in await caller.says("where is my order")
    assert caller.expected() is Expected.DIGITS
    say, call = await caller.replies("four seven one one")
    assert say == Say(desk.LOOKING)
    assert isinstance(call, Call)
    assert (call.name, call.arguments) == ("order_status", '{"number": "4711"}')
    found = await caller.told(call, '{"state":"on its way","arrives":"tomorrow"}')
    assert found == f"Your order is on its way, and arrives tomorrow. {MORE}"
    assert await caller.says("no") == desk.GOODBYE


async def test_an_order_that_there_is_not_is_asked_for_again_and_pressed() -> None:
    caller = Conversation(tools(order=True))
    await caller.says("what about my order")
    _, call = await caller.replies("The caller pressed 9999 on the keypad.")
    said = await caller.told(call, "Error: there is no order with this number; ask the caller to check it.")
    assert said == NO_SUCH_ORDER
    assert caller.expected() is Expected.DIGITS
    _, call = await caller.replies("The caller pressed 4711# on the keypad.")
    assert isinstance(call, Call)
    assert "4711" in call.arguments


async def test_an_order_cannot_be_looked_up_where_there_is_no_tool_or_it_fails() -> None:
    assert await Conversation().says("where is my order") == NO_ORDERS
    caller = Conversation(tools(order=True))
    await caller.says("where is my order")
    _, call = await caller.replies("one")
    assert "cannot look that up right now" in await caller.told(call, "Error: the tool failed.")


async def test_whoever_talks_over_a_goodbye_has_the_conversation_back() -> None:
    caller = Conversation()
    _, call = await caller.replies("goodbye")
    result = "Not done: the caller spoke before it was. Go on with the conversation."
    assert await caller.told(call, result) == "I am still here. How can I help you?"
    assert await caller.says("what are your opening hours") == desk.HOURS


async def test_whoever_comes_back_from_a_transfer_is_asked_what_else_can_be_done() -> None:
    lines = [Line("user", "put me through"), Line("assistant", desk.TRANSFER)]
    hint = "The transfer was not answered. The caller is with you again."
    assert await Receptionist().answer(lines, TOOLS, hint) == [Say("What can I do for you instead?")]


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
                *("today", "where are you", "bye", "my order", "one two", "The caller pressed 77 on the keypad."),
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
