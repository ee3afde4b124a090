import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.call.commands import Turn
from bot.call.conversation import Conversation, LastWord
from bot.call.playback import Cut
from bot.call.reports import AssistantWords, CallerWords


def cut(heard: float, sent: float, *, complete: bool = True) -> Cut:
    return Cut("reply", 0, heard, sent, complete, orphan=False)


def test_turns_stand_in_the_order_in_which_they_began() -> None:
    conversation = Conversation()
    conversation.caller_began("question")
    conversation.assistant_words("reply", "From nine ")
    conversation.assistant_words("reply", "to five.")
    # The words of the caller often come after the answer has begun.
    assert conversation.caller_said("question", "When?") == [CallerWords("question", "When?")]
    assert conversation.history() == (Turn("user", "When?"), Turn("assistant", "From nine to five."))


def test_a_reply_keeps_the_words_that_were_heard() -> None:
    conversation = Conversation()
    conversation.assistant_words("reply", "one two three four")
    assert conversation.cut(cut(1.0, 2.0)) == [AssistantWords("reply", "one two", "three four")]
    assert conversation.history() == (Turn("assistant", "one two"),)
    assert conversation.cut(cut(2.0, 2.0)) == []
    assert conversation.heard_out("reply") == []


def test_where_the_length_is_not_known_words_are_judged_by_the_pace_of_speech() -> None:
    conversation = Conversation()
    conversation.assistant_words("reply", "word " * 40)
    [report] = conversation.cut(cut(2.0, 2.5, complete=False))
    assert len(report.heard) == pytest.approx(30, abs=5)


def test_late_words_of_a_settled_reply_are_not_added() -> None:
    conversation = Conversation()
    conversation.assistant_words("reply", "one two")
    conversation.heard_out("reply")
    conversation.assistant_words("reply", " three")
    assert conversation.history() == (Turn("assistant", "one two"),)


def test_who_has_the_last_word_is_known() -> None:
    conversation = Conversation()
    assert conversation.last_word() is LastWord.NOBODY
    conversation.caller_began("question")
    assert conversation.last_word() is LastWord.CALLER_UNHEARD
    conversation.caller_said("question", "When?")
    assert conversation.last_word() is LastWord.CALLER
    conversation.assistant_words("reply", "At nine.")
    assert conversation.last_word() is LastWord.ASSISTANT


def test_of_a_session_that_is_lost_only_what_was_sent_is_remembered() -> None:
    conversation = Conversation()
    conversation.assistant_words("heard", "This was said.")
    conversation.assistant_words("reply", "word " * 40)
    conversation.assistant_words("unspoken", "Nobody heard this.")
    [report, unspoken] = conversation.broken_off([cut(1.0, 1.0, complete=False)], {"heard", "reply"})
    assert len(report.heard) < 20
    assert unspoken == AssistantWords("unspoken", "", "Nobody heard this.")
    assert [turn.text for turn in conversation.history()] == ["This was said.", report.heard]


def test_notes_stay_in_their_places_however_many_there_are() -> None:
    conversation = Conversation()
    for number in range(500):
        conversation.note(f"note {number}")
    assert [turn.text for turn in conversation.history()] == [f"note {number}" for number in range(440, 500)]


def test_a_long_call_is_remembered_by_its_last_turns() -> None:
    conversation = Conversation()
    for number in range(1000):
        conversation.caller_said(f"q{number}", f"word {number}")
    history = conversation.history()
    assert len(history) == 60
    assert history[-1] == Turn("user", "word 999")


@given(st.text(max_size=60), st.floats(0, 10), st.floats(0.01, 10), st.booleans())
def test_heard_and_unheard_make_up_the_whole(text: str, heard: float, sent: float, complete: bool) -> None:
    conversation = Conversation()
    conversation.assistant_words("reply", text)
    for report in conversation.cut(cut(min(heard, sent), sent, complete=complete)):
        assert text.startswith(report.heard)
        assert text.endswith(report.unheard) or text.rstrip().endswith(report.unheard)
        assert "".join((report.heard + report.unheard).split()) == "".join(text.split())
