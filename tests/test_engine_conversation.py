"""Items of a conversation: order, truncation, deletion, and what the mind is told of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.engine import conversation as conversations
from bot.engine.checks import Refusal
from bot.engine.conversation import Conversation, Item, cut_words
from bot.engine.parts import Line

TEXT = "We are open from nine to five, Monday to Friday."


def spoken(item_id: str = "msg_1", audio_ms: float = 3000, text: str = TEXT) -> Item:
    return Item(item_id, role="assistant", content="audio", text=text, audio_ms=audio_ms)


def user(item_id: str, text: str = "hello") -> Item:
    return Item(item_id, role="user", content="input_audio", text=text)


def refusal(conversation: Conversation, item_id: str, end_ms: int, index: int = 0) -> Refusal:
    with pytest.raises(Refusal) as raised:
        conversation.truncate(item_id, index, end_ms)
    return raised.value


def test_truncation_forgets_the_words_that_were_not_heard() -> None:
    conversation = Conversation()
    conversation.add(user("u"))
    conversation.add(spoken())
    conversation.truncate("msg_1", 0, 1500)
    assert conversation.lines() == [Line("user", "hello"), Line("assistant", "We are open from nine to")]
    assert conversation.get("msg_1").wire()["content"] == [
        {"type": "audio", "transcript": "We are open from nine to"}
    ]


def test_truncation_at_the_very_end_keeps_every_word() -> None:
    conversation = Conversation()
    conversation.add(spoken())
    conversation.truncate("msg_1", 0, 3000)
    assert conversation.lines() == [Line("assistant", TEXT)]


def test_truncation_beyond_the_end_says_how_long_the_audio_is() -> None:
    conversation = Conversation()
    conversation.add(spoken(audio_ms=3000))
    problem = refusal(conversation, "msg_1", 4000)
    assert problem.message == "Audio content of 3000 ms is already shorter than 4000 ms"
    assert conversation.lines() == [Line("assistant", TEXT)]


def test_truncating_twice_is_refused_as_already_truncated() -> None:
    conversation = Conversation()
    conversation.add(spoken())
    conversation.truncate("msg_1", 0, 1500)
    assert refusal(conversation, "msg_1", 1000).code == "item_already_truncated"


@pytest.mark.parametrize(
    ("item", "end_ms", "code"),
    [
        (spoken(), 0, "invalid_value"),
        (spoken(), -5, "invalid_value"),
        (spoken(audio_ms=0), 100, "invalid_value"),
        (user("msg_1"), 100, "invalid_item_for_truncate"),
        (Item("msg_1", role="assistant", content="text", text="typed"), 100, "invalid_item_for_truncate"),
        (Item("msg_1", "function_call", "assistant", name="f"), 100, "invalid_item_for_truncate"),
        (spoken("other"), 100, "item_truncate_invalid_item_id"),
    ],
)
def test_what_has_no_audio_before_the_cut_cannot_be_truncated(item: Item, end_ms: int, code: str) -> None:
    conversation = Conversation()
    conversation.add(item)
    assert refusal(conversation, "msg_1", end_ms).code == code


def test_a_reply_that_was_stopped_is_known_as_far_as_it_was_delivered() -> None:
    item = Item("m", role="assistant", content="audio", text="one two three four", status="incomplete")
    item.audio_ms = 18 * 60 / 2
    assert item.line().text == "one two"


def test_a_deleted_item_is_gone_and_a_second_deletion_is_refused() -> None:
    conversation = Conversation()
    conversation.add(spoken())
    conversation.delete("msg_1")
    assert "msg_1" not in conversation
    assert conversation.lines() == []
    with pytest.raises(Refusal) as raised:
        conversation.delete("msg_1")
    assert raised.value.code == "item_delete_invalid_item_id"


def test_items_can_be_put_in_between_and_first() -> None:
    conversation = Conversation()
    assert conversation.add(user("a", "a")) is None
    assert conversation.add(user("c", "c")) == "a"
    assert conversation.add(user("b", "b"), after="a") == "a"
    assert conversation.add(user("0", "0"), after="root") is None
    assert [line.text for line in conversation.lines()] == ["0", "a", "b", "c"]
    with pytest.raises(Refusal):
        conversation.add(user("d"), after="nowhere")
    with pytest.raises(Refusal):
        conversation.add(user("a"))


def test_a_conversation_forgets_its_oldest_items(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "MAX_ITEMS", 3)
    conversation = Conversation()
    for number in range(5):
        conversation.add(user(f"item_{number}", str(number)))
    assert [line.text for line in conversation.lines()] == ["2", "3", "4"]


def test_calls_and_their_results_are_lines() -> None:
    conversation = Conversation()
    conversation.add(Item("1", "function_call", "assistant", text='{"a":1}', name="book", call_id="call_1"))
    conversation.add(Item("2", "function_call_output", "assistant", text="done", call_id="call_1"))
    assert conversation.lines() == [
        Line("assistant", '{"a":1}', call_id="call_1", name="book"),
        Line("tool", "done", call_id="call_1"),
    ]
    assert conversation.has_call("call_1")
    assert not conversation.has_call("call_2")


@given(st.text(alphabet="ab ,.\n", max_size=80), st.floats(0, 1.5))
def test_cut_words_are_a_beginning_of_whole_words(text: str, fraction: float) -> None:
    cut = cut_words(text, fraction)
    assert text.startswith(cut)
    assert len(cut) <= max(len(text) * fraction, 0) or cut == text
    assert cut == text or text[len(cut)].isspace() or not cut


@given(st.integers(1, 60_000), st.integers(1, 60_000))
def test_never_more_is_kept_than_was_heard(audio_ms: int, end_ms: int) -> None:
    conversation = Conversation()
    conversation.add(spoken(audio_ms=audio_ms))
    if end_ms > audio_ms + 1:
        assert refusal(conversation, "msg_1", end_ms).code == "invalid_value"
        return
    conversation.truncate("msg_1", 0, end_ms)
    heard = conversation.get("msg_1").heard
    assert TEXT.startswith(heard)
    assert len(heard) <= len(TEXT) * end_ms / audio_ms or heard == TEXT
