"""How a call ends and is handed over, and what a noise over the goodbye changes."""

import pytest

from bot.call.commands import (
    AddToolOutput,
    Clear,
    CloseLeg,
    CreateResponse,
    Farewell,
    OpenSession,
    Outcome,
    Turn,
)
from bot.call.events import (
    AudioDelta,
    AudioDone,
    CallerSaid,
    DigitPressed,
    Leave,
    LegStarted,
    ResponseCreated,
    ResponseDone,
    SessionFailed,
    SessionReady,
    SpeechStarted,
    SpeechStopped,
    ToolCalled,
    ToolFinished,
)
from bot.call.opening import Returning
from bot.call.policy import Policy
from tests.calls import FRAME, Telephone
from tests.manners import GOODBYE, SHOP, STILL_THERE, TRANSFERRING, asked, outputs, troubles, words

# --- ending well


def test_a_call_that_the_model_ends_without_a_word_ends_with_a_goodbye_that_is_heard() -> None:
    phone = Telephone().greeted()
    assert CreateResponse(say=GOODBYE) in phone.calls("end_call")
    phone.passes(0.8)
    phone.reply("goodbye", 1.5, GOODBYE)
    phone.passes(1.3)
    assert not phone.of(CloseLeg), "it is still being heard"
    phone.passes(0.4)
    assert phone.farewell == Farewell(Outcome.HANGUP)


def test_the_model_may_choose_the_words_of_the_goodbye() -> None:
    phone = Telephone().greeted()
    assert CreateResponse(say="See you on Monday!") in phone.calls("end_call", '{"goodbye": "See you on Monday!"}')


def test_a_goodbye_that_the_model_has_spoken_is_not_spoken_again() -> None:
    phone = Telephone().greeted()
    phone.calls("end_call", '{"goodbye": "Bye!"}', speaks=2.0, words="Goodbye, and thank you.")
    phone.passes(1.8)
    assert not phone.of(CloseLeg)
    phone.passes(0.5)
    assert phone.farewell == Farewell(Outcome.HANGUP)
    assert not phone.said[1:]


def test_a_goodbye_of_half_a_minute_is_heard_to_its_end() -> None:
    phone = Telephone().greeted()
    phone.calls("end_call", speaks=30.0)
    phone.passes(29.5)
    assert not phone.of(CloseLeg)
    phone.passes(1.0)
    assert phone.farewell == Farewell(Outcome.HANGUP)


def test_a_goodbye_whose_marks_never_come_back_does_not_hold_the_line() -> None:
    phone = Telephone().greeted()
    phone.calls("end_call", speaks=1.0)
    phone.loses_marks()
    phone.passes(4.0)
    assert phone.farewell == Farewell(Outcome.HANGUP)


def test_a_goodbye_that_never_comes_is_left_to_the_safety_net_before_the_silence_is_long() -> None:
    phone = Telephone().greeted()
    phone.calls("end_call")
    began = phone.now
    phone.passes(6.0)
    assert phone.farewell == Farewell(Outcome.HANGUP, words=GOODBYE)
    assert phone.now - began < 6.0


def test_a_goodbye_that_stalls_in_the_middle_is_not_said_twice() -> None:
    phone = Telephone().greeted()
    phone.calls("end_call")
    phone.happens(ResponseCreated("goodbye"), AudioDelta("goodbye", "g", 0, FRAME * 30))
    phone.passes(6.0)
    assert phone.farewell == Farewell(Outcome.HANGUP)


def test_a_session_that_is_lost_in_the_goodbye_is_not_replaced() -> None:
    phone = Telephone().greeted()
    phone.calls("end_call", speaks=2.0)
    phone.passes(0.5)
    phone.happens(SessionFailed("lost"))
    phone.passes(2.0)
    assert phone.farewell == Farewell(Outcome.HANGUP)
    assert len(phone.of(OpenSession)) == 1


def test_a_session_that_is_lost_before_the_goodbye_leaves_it_to_the_safety_net() -> None:
    phone = Telephone().greeted()
    phone.calls("end_call")
    phone.happens(SessionFailed("lost"))
    phone.passes(0.1)
    assert phone.farewell == Farewell(Outcome.HANGUP, words=GOODBYE)


def test_a_key_pressed_when_the_session_is_lost_does_not_trap_the_caller() -> None:
    phone = Telephone().greeted()
    phone.calls("end_call", speaks=3.0)
    phone.passes(0.5)
    phone.happens(SessionFailed("lost"), DigitPressed("1"))
    phone.passes(6.0)
    assert phone.call.over


def test_a_caller_who_talks_over_the_goodbye_gets_the_conversation_back() -> None:
    phone = Telephone().greeted()
    phone.calls("end_call", speaks=3.0)
    phone.passes(1.0)
    out = phone.happens(SpeechStarted("q"))
    assert isinstance(out[0], Clear)
    [answer] = outputs(out)
    assert answer.call_id == "end_call"
    assert "the caller spoke" in answer.output
    phone.happens(SpeechStopped("q"), CallerSaid("q", "Wait, one more thing!"))
    phone.passes(0.8)
    phone.reply("answer", 2.0)
    phone.passes(9.0)
    assert not phone.call.over
    assert len(phone.of(AddToolOutput)) == 1


def test_a_caller_who_speaks_before_the_goodbye_is_asked_for_gets_the_conversation_back() -> None:
    phone = Telephone().greeted()
    phone.calls("end_call", done=False)
    out = phone.happens(SpeechStarted("q"))
    assert len(outputs(out)) == 1
    phone.happens(SpeechStopped("q"), ResponseDone("response of end_call", "completed"))
    phone.passes(1.0)
    assert not phone.call.over
    assert not phone.said[1:]


def test_a_key_over_the_goodbye_takes_it_back_too() -> None:
    phone = Telephone().greeted()
    phone.calls("end_call", speaks=3.0)
    phone.passes(1.0)
    out = phone.happens(DigitPressed("1"))
    assert len(outputs(out)) == 1
    out = phone.passes(2.0)
    assert not phone.call.over
    assert asked(out) == [CreateResponse()], "the key is answered, and nothing before it"


def test_a_response_that_was_cancelled_ends_nothing() -> None:
    phone = Telephone().greeted()
    phone.calls("end_call", done=False)
    out = phone.happens(ResponseDone("response of end_call", "cancelled"))
    assert len(outputs(out)) == 1
    phone.passes(1.0)
    assert not phone.call.over


def test_the_end_of_another_response_is_not_the_end_of_this_one() -> None:
    phone = Telephone().greeted()
    phone.calls("end_call", done=False)
    phone.happens(ResponseDone("greeting", "completed"))
    assert CreateResponse(say=GOODBYE) in phone.happens(ResponseDone("response of end_call", "completed"))


def test_a_wish_whose_response_never_ends_is_granted_when_another_begins() -> None:
    phone = Telephone().greeted()
    phone.calls("end_call", done=False)
    phone.reply("other", 1.0)
    phone.passes(8.0)
    assert phone.farewell is not None


def test_a_wish_that_comes_after_its_response_is_granted_at_once() -> None:
    phone = Telephone().greeted()
    phone.reply("answer", 1.0)
    assert CreateResponse(say=GOODBYE) in phone.happens(ToolCalled("answer", "c", "end_call", "{}"))


def test_of_two_wishes_the_first_is_granted_and_the_second_answered() -> None:
    phone = Telephone(SHOP).greeted()
    phone.happens(ResponseCreated("r"), ToolCalled("r", "a", "transfer_call", '{"target": "sales"}'))
    [answer] = outputs(phone.happens(ToolCalled("r", "b", "end_call", "{}")))
    assert answer.call_id == "b"
    out = phone.happens(ResponseDone("r", "completed"))
    assert asked(out) == [CreateResponse(say=TRANSFERRING)]


def test_a_function_that_was_called_with_the_end_is_not_torn_down_by_it() -> None:
    phone = Telephone().greeted()
    phone.happens(ResponseCreated("r"), ToolCalled("r", "a", "save_order", "{}"))
    phone.happens(AudioDelta("r", "i", 0, FRAME * 50), AudioDone("r", "i"), ToolCalled("r", "b", "end_call", "{}"))
    phone.happens(ResponseDone("r", "completed"))
    phone.passes(1.5)
    assert not phone.of(CloseLeg)
    assert not asked(phone.happens(ToolFinished("a", "saved"))), "nobody speaks after the goodbye"
    phone.passes(0.2)
    assert phone.farewell == Farewell(Outcome.HANGUP)


def test_nor_does_it_keep_the_caller_in_silence() -> None:
    phone = Telephone().greeted()
    phone.happens(ResponseCreated("r"), ToolCalled("r", "a", "save_order", "{}"))
    phone.happens(ToolCalled("r", "b", "end_call", "{}"), ResponseDone("r", "completed"))
    phone.reply("goodbye", 1.0)
    phone.passes(5.0)
    assert phone.farewell == Farewell(Outcome.HANGUP)


# --- noise over the goodbye


@pytest.mark.parametrize("news", ["empty words", "nothing", "no end"])
def test_noise_over_the_goodbye_is_no_caller_and_the_call_still_ends(news: str) -> None:
    phone = Telephone().greeted()
    phone.calls("end_call", speaks=3.0, words="Thank you very much for calling us today. Goodbye!")
    phone.passes(1.0)
    phone.happens(SpeechStarted("n"))
    if news != "no end":
        phone.passes(0.3)
        phone.happens(SpeechStopped("n"))
    if news == "empty words":
        phone.happens(CallerSaid("n", ""))
    phone.passes(2.0)
    [rest] = phone.said[1:]
    assert rest.endswith("Goodbye!")
    assert not rest.startswith("Thank")
    phone.reply("rest", 2.0, rest)
    phone.passes(2.5)
    assert phone.farewell == Farewell(Outcome.HANGUP)


def test_a_rest_of_the_goodbye_that_never_comes_is_said_by_the_safety_net() -> None:
    phone = Telephone().greeted()
    phone.calls("end_call", speaks=3.0, words="Thank you very much for calling us today. Goodbye!")
    phone.passes(1.0)
    phone.happens(*words("n", ""))
    phone.passes(4.0)
    assert phone.farewell is not None
    assert phone.farewell.words == phone.said[-1]


def test_noise_before_the_first_sound_of_the_goodbye_does_not_lose_it() -> None:
    phone = Telephone().greeted()
    phone.calls("end_call")
    phone.happens(SpeechStarted("n"), ResponseCreated("goodbye"))
    phone.happens(ResponseDone("goodbye", "cancelled"), SpeechStopped("n"), CallerSaid("n", ""))
    phone.passes(0.2)
    assert phone.said[1:] == [GOODBYE, GOODBYE]
    phone.reply("again", 1.0)
    phone.passes(1.2)
    assert phone.farewell == Farewell(Outcome.HANGUP)


def test_noise_over_a_goodbye_of_which_nothing_is_left_to_say_ends_the_call_all_the_same() -> None:
    phone = Telephone().greeted()
    phone.calls("end_call", speaks=1.0)  # its words are not known
    phone.passes(0.9)
    phone.happens(*words("n", ""))
    phone.passes(1.0)
    assert phone.farewell == Farewell(Outcome.HANGUP)


def test_words_over_the_rest_of_the_goodbye_still_take_it_back() -> None:
    phone = Telephone().greeted()
    phone.calls("end_call", speaks=3.0, words="Thank you very much for calling us today. Goodbye!")
    phone.passes(1.0)
    phone.happens(*words("n", ""))
    phone.passes(0.2)
    phone.reply("rest", 2.0, phone.said[-1])
    phone.passes(0.5)
    phone.happens(*words("q", "Wait!"))
    phone.reply("answer", 1.0)
    phone.passes(5.0)
    assert not phone.call.over


def test_a_line_full_of_noise_is_let_go() -> None:
    phone = Telephone(Policy(wordless_turns=0)).greeted()
    phone.calls("end_call", speaks=3.0, words="Thank you very much for calling us today. Goodbye!")
    for n in range(6):
        phone.passes(0.5)
        phone.happens(*words(f"n{n}", ""))
        phone.passes(0.3)
        if not phone.call.over and phone.said[1:]:
            phone.reply(f"rest {n}", 2.0, phone.said[-1])
    assert phone.call.over


def test_an_answer_to_the_noise_keeps_the_call_and_a_later_noise_does_not_end_it() -> None:
    phone = Telephone().greeted()
    phone.calls("end_call", speaks=3.0, words="Goodbye, and thank you for calling!")
    phone.passes(1.0)
    phone.happens(SpeechStarted("n"), SpeechStopped("n"))
    phone.passes(0.5)
    phone.reply("answer", 3.0, "Yes? Is there anything else that I can do for you?")
    phone.passes(1.0)
    phone.happens(*words("m", ""))
    phone.passes(0.2)
    phone.reply("rest", 1.0, phone.said[-1])
    phone.passes(3.0)
    assert not phone.call.over


# --- handing over


def test_a_transfer_is_announced_heard_and_made() -> None:
    phone = Telephone(SHOP).greeted()
    assert CreateResponse(say=TRANSFERRING) in phone.calls("transfer_call", '{"target": "sales"}')
    phone.passes(0.8)
    phone.reply("announcement", 1.5)
    phone.passes(1.3)
    assert not phone.of(CloseLeg)
    phone.passes(0.4)
    assert phone.farewell == Farewell(Outcome.TRANSFER, "+14255550100", 25)


def test_an_announcement_that_never_comes_does_not_hold_up_the_transfer() -> None:
    phone = Telephone(SHOP).greeted()
    phone.calls("transfer_call", '{"target": "sales"}')
    phone.passes(5.0)
    assert phone.farewell == Farewell(Outcome.TRANSFER, "+14255550100", 25, words=TRANSFERRING)


def test_a_caller_who_speaks_over_the_announcement_is_not_transferred() -> None:
    phone = Telephone(SHOP).greeted()
    phone.calls("transfer_call", '{"target": "sales"}', speaks=3.0)
    phone.passes(1.0)
    phone.happens(*words("q", "No, wait."))
    phone.reply("answer", 1.0)
    phone.passes(5.0)
    assert not phone.call.over


def test_a_number_that_the_model_made_up_is_not_dialled_and_the_model_says_so() -> None:
    phone = Telephone(SHOP).greeted()
    out = phone.calls("transfer_call", '{"target": "+19005550199"}')
    [answer] = outputs(out)
    assert "sales" in answer.output
    assert asked(out) == [CreateResponse()]
    assert "tool_refused" in troubles(phone)
    phone.passes(2.0)
    assert not phone.of(CloseLeg)


@pytest.mark.parametrize("name", ["transfer_call", "send_digits"])
def test_in_a_call_from_a_browser_the_model_is_told_that_it_cannot(name: str) -> None:
    phone = Telephone(Policy(targets=SHOP.targets, telephone=False)).greeted()
    out = phone.calls(name, '{"target": "sales", "digits": "1"}')
    assert "no telephone network" in outputs(out)[0].output
    assert asked(out) == [CreateResponse()]


def test_keys_are_sent_by_the_network_and_the_caller_comes_back() -> None:
    phone = Telephone(SHOP).greeted()
    phone.calls("send_digits", '{"digits": "1w2"}')
    assert phone.farewell == Farewell(Outcome.DIGITS, digits="1w2")


def test_a_house_that_closes_lets_a_transfer_go_on_and_nobody_takes_it_back() -> None:
    phone = Telephone(SHOP).greeted()
    phone.calls("transfer_call", '{"target": "sales"}', speaks=3.0)
    phone.happens(Leave("the house closes"))
    phone.passes(1.0)
    phone.happens(SpeechStarted("q"))
    assert phone.passes(0.2)
    assert phone.farewell is not None
    assert phone.farewell.outcome is Outcome.TRANSFER


def test_an_operator_ends_a_goodbye() -> None:
    phone = Telephone(SHOP).greeted()
    phone.calls("transfer_call", '{"target": "sales"}', speaks=3.0)
    phone.happens(Leave("an operator hung up", Farewell(Outcome.HANGUP), at_once=True))
    assert phone.farewell == Farewell(Outcome.HANGUP)


def test_after_a_transfer_that_nobody_took_the_assistant_knows_and_has_the_first_word() -> None:
    history = (Turn("user", "A human, please."),)
    phone = Telephone(returning=Returning(history, "Nobody answered. Say so."))
    assert OpenSession(history) in phone.happens(LegStarted())
    assert asked(phone.happens(SessionReady())) == [CreateResponse(instructions="Nobody answered. Say so.")]


def test_after_keys_were_sent_it_waits_for_the_other_end_and_then_asks() -> None:
    phone = Telephone(returning=Returning((Turn("user", "Press one."),)))
    phone.happens(LegStarted(), SessionReady())
    assert not phone.of(CreateResponse)
    phone.passes(9.5)
    assert not phone.of(CreateResponse)
    phone.passes(1.0)
    assert phone.said == [STILL_THERE]


def test_coming_back_counts_once() -> None:
    phone = Telephone(returning=Returning((Turn("user", "A human, please."),), "Nobody answered. Say so."))
    phone.happens(LegStarted(), SessionReady())
    phone.reply("back", 1.0, "I am sorry, nobody answered.")
    phone.passes(1.5)
    phone.happens(SessionFailed("lost"))
    assert asked(phone.happens(SessionReady())) == [CreateResponse(say=Policy().phrases.reconnected)]
