"""The manners of a whole call: ending it, handing it over, functions, keys, silence and noise."""

import pytest

from bot.call.commands import (
    AddText,
    AddToolOutput,
    AnswerApproval,
    CancelResponse,
    Clear,
    CloseLeg,
    CreateResponse,
    Farewell,
    OpenSession,
    Outcome,
    Play,
    RunTool,
    Turn,
)
from bot.call.events import (
    ApprovalAsked,
    AudioDelta,
    AudioDone,
    CallerSaid,
    DigitPressed,
    Leave,
    LegStarted,
    ResponseCreated,
    ResponseDone,
    ResponseRejected,
    ServerToolEnded,
    SessionFailed,
    SessionReady,
    SpeechStarted,
    SpeechStopped,
    ToolCalled,
    ToolFinished,
    TranscriptDelta,
)
from bot.call.machine import Output
from bot.call.opening import Returning
from bot.call.policy import DigitsWanted, Policy, Target
from bot.call.reports import KeysPressed, ToolUsed, Trouble
from tests.calls import FRAME, Telephone

GOODBYE = Policy().phrases.goodbye
MOMENT = Policy().phrases.moment
STILL_THERE = Policy().phrases.still_there
TRANSFERRING = Policy().phrases.transferring
SHOP = Policy(
    targets={"sales": Target("+14255550100", seconds=25)},
    tool_digits={"check_pin": DigitsWanted(pause=1.5, length=4, secret=True)},
    approves={"shop": lambda tool: tool == "search"},
)


def outputs(out: list[Output]) -> list[AddToolOutput]:
    return [o for o in out if isinstance(o, AddToolOutput)]


def asked(out: list[Output]) -> list[CreateResponse]:
    return [o for o in out if isinstance(o, CreateResponse)]


def troubles(phone: Telephone) -> list[str]:
    return [trouble.code for trouble in phone.of(Trouble)]


def words(item: str, text: str) -> list[SpeechStarted | SpeechStopped | CallerSaid]:
    return [SpeechStarted(item), SpeechStopped(item), CallerSaid(item, text)]


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


# --- functions


def test_parallel_functions_are_all_answered_before_the_model_is_asked_to_speak_once() -> None:
    phone = Telephone().greeted()
    phone.happens(ResponseCreated("r"), ToolCalled("r", "a", "f", "{}"), ToolCalled("r", "b", "g", "{}"))
    phone.happens(ResponseDone("r", "completed"))
    assert not asked(phone.happens(ToolFinished("b", "2")))
    out = phone.happens(ToolFinished("a", "1"))
    assert asked(out) == [CreateResponse()]
    assert [o.call_id for o in phone.of(AddToolOutput)] == ["b", "a"]
    phone.reply("answer", 1.0)
    phone.passes(3.0)
    assert len(phone.of(CreateResponse)) == 2  # and the greeting


def test_one_that_answers_before_the_next_is_announced_does_not_begin_the_answer() -> None:
    phone = Telephone().greeted()
    phone.happens(ResponseCreated("r"), ToolCalled("r", "a", "f", "{}"))
    assert not asked(phone.happens(ToolFinished("a", "1")))
    assert not asked(phone.happens(ToolCalled("r", "b", "g", "{}"), ResponseDone("r", "completed")))
    assert asked(phone.happens(ToolFinished("b", "2"))) == [CreateResponse()]


def test_a_call_that_is_announced_twice_is_run_once() -> None:
    phone = Telephone().greeted()
    phone.happens(ResponseCreated("r"), *[ToolCalled("r", "a", "f", "{}")] * 2)
    phone.happens(ResponseDone("r", "completed"), *[ToolFinished("a", "1")] * 2)
    phone.happens(ToolCalled("r", "a", "f", "{}"))
    assert len(phone.of(RunTool)) == len(phone.of(AddToolOutput)) == 1


def test_a_response_that_only_repeats_a_call_is_no_failure() -> None:
    phone = Telephone(SHOP).greeted()
    phone.calls("check_pin")
    for n in range(3):
        phone.happens(ResponseCreated(f"again {n}"), ToolCalled(f"again {n}", "check_pin", "check_pin", "{}"))
        phone.happens(ResponseDone(f"again {n}", "completed"))
    assert len(phone.of(OpenSession)) == 1
    assert not [code for code in troubles(phone) if code == "response_failed"]


def test_a_result_that_comes_while_the_caller_speaks_waits_for_the_turn_to_be_answered() -> None:
    phone = Telephone().greeted()
    phone.calls("f")
    phone.happens(SpeechStarted("q"))
    assert not asked(phone.happens(ToolFinished("f", "1")))
    assert not asked(phone.happens(SpeechStopped("q"), CallerSaid("q", "And hurry.")))
    assert not asked(phone.passes(0.5))
    assert not asked(phone.reply("answer", 1.0)), "the answer to the turn speaks of it"
    assert not asked(phone.passes(3.0))


def test_a_result_between_the_turn_and_its_answer_does_not_ask_for_a_second_answer() -> None:
    phone = Telephone().greeted()
    phone.calls("f")
    phone.happens(*words("q", "And hurry."))
    assert not asked(phone.happens(ToolFinished("f", "1")))
    phone.reply("answer", 1.0)
    assert not asked(phone.passes(3.0))


def test_a_result_after_a_noise_is_spoken_of() -> None:
    phone = Telephone().greeted()
    phone.calls("f", speaks=3.0, words="Let me look that up for you in our big book.")
    phone.passes(1.0)
    phone.happens(SpeechStarted("n"), ToolFinished("f", "1"), SpeechStopped("n"), CallerSaid("n", ""))
    phone.passes(0.2)
    rest = phone.said[-1]
    assert "book" in rest
    out = phone.reply("rest", 1.0, rest)
    assert asked(out) == [CreateResponse()]


def test_a_result_while_a_response_is_made_is_spoken_of_after_it() -> None:
    phone = Telephone().greeted()
    phone.calls("f")
    phone.happens(*words("q", "Hello?"))
    phone.happens(ResponseCreated("other"), AudioDelta("other", "i", 0, FRAME))
    assert not asked(phone.happens(ToolFinished("f", "1")))
    out = phone.happens(AudioDone("other", "i"), ResponseDone("other", "completed"))
    assert asked(out) == [CreateResponse()]


def test_a_function_of_a_response_that_the_caller_cut_off_is_not_run() -> None:
    phone = Telephone().greeted()
    phone.happens(ResponseCreated("r"), SpeechStarted("q"))
    out = phone.happens(ToolCalled("r", "a", "f", "{}"))
    assert "the caller spoke" in outputs(out)[0].output
    phone.happens(ResponseDone("r", "cancelled"), SpeechStopped("q"))
    assert not asked(phone.passes(1.0)), "the service answers the turn of itself"
    assert not phone.of(RunTool)


def test_no_step_of_the_ladder_is_taken_because_a_function_runs() -> None:
    phone = Telephone(Policy(moment_after=0)).greeted()
    phone.calls("f")
    phone.passes(60.0)
    assert len(phone.of(OpenSession)) == 1
    assert len(phone.of(CreateResponse)) == 1
    assert not phone.call.over


def test_a_function_that_takes_long_is_bridged_again_and_again() -> None:
    phone = Telephone().greeted()
    phone.calls("f")
    phone.passes(1.8)
    assert not phone.said[1:]
    silent = 0.0
    for n in range(4):
        began = phone.now
        while len(phone.said) < n + 2:
            phone.passes(0.1)
            assert phone.now - began < 6.0
        silent = max(silent, phone.now - began)
        phone.passes(0.5)
        phone.reply(f"moment {n}", 1.0, MOMENT)
        phone.passes(1.1)
    assert silent + 0.5 < 6.0
    assert phone.said[1:] == [MOMENT] * 4
    assert asked(phone.happens(ToolFinished("f", "1"))) == [CreateResponse()]


def test_a_result_that_comes_while_the_caller_is_told_to_wait_is_spoken_of_next() -> None:
    phone = Telephone().greeted()
    phone.calls("f")
    phone.passes(2.1)
    phone.happens(ResponseCreated("m"), AudioDelta("m", "i", 0, FRAME * 50), ToolFinished("f", "1"))
    assert asked(phone.happens(AudioDone("m", "i"), ResponseDone("m", "completed"))) == [CreateResponse()]


def test_a_word_to_wait_that_never_comes_is_noticed() -> None:
    phone = Telephone().greeted()
    phone.calls("f")
    phone.passes(5.5)
    assert len(phone.of(OpenSession)) == 2


def test_a_model_that_calls_one_function_after_another_does_not_leave_the_caller_in_silence() -> None:
    phone = Telephone().greeted()
    for n in range(10):
        phone.calls("f", call=f"f{n}")
        phone.passes(0.3)
        phone.happens(ToolFinished(f"f{n}", "again"))
        phone.passes(0.6)
        if MOMENT in phone.said:
            break
    assert MOMENT in phone.said
    assert phone.now < 1.2 + 6.0
    assert asked(phone.reply("moment", 1.0, MOMENT)) == [CreateResponse()]


def test_a_session_that_is_lost_while_a_function_runs_is_replaced_and_told_the_result_once() -> None:
    phone = Telephone().greeted()
    phone.happens(*words("q", "Book a table."))
    phone.calls("book")
    phone.happens(SessionFailed("lost"))
    phone.happens(ToolFinished("book", "booked"))  # while the next one is opened, with a history of before
    out = phone.happens(SessionReady())
    assert AddText("(book has answered: booked)") in out
    assert not outputs(out)
    out = phone.reply("excuse", 1.0, "Sorry, the line dropped for a moment.")
    assert asked(out) == [CreateResponse()]
    out = phone.reply("answer", 1.0, "Your table is booked.")
    assert not asked(out)
    out = phone.happens(SessionFailed("lost again"))
    [again] = [o for o in out if isinstance(o, OpenSession)]
    assert [turn.text for turn in again.history].count("(book has answered: booked)") == 1


def test_a_result_that_comes_when_the_next_session_listens_is_a_note_too() -> None:
    phone = Telephone().greeted()
    phone.calls("book")
    phone.happens(SessionFailed("lost"), SessionReady())
    phone.reply("excuse", 1.0)
    phone.passes(1.2)
    out = phone.happens(ToolFinished("book", "booked"))
    assert AddText("(book has answered: booked)") in out
    assert asked(out) == [CreateResponse()]


def test_what_a_lost_session_was_told_and_had_not_said_is_in_the_history_of_the_next() -> None:
    phone = Telephone().greeted()
    phone.calls("book")
    phone.happens(ToolFinished("book", "booked"))
    [again] = [o for o in phone.happens(SessionFailed("lost")) if isinstance(o, OpenSession)]
    assert again.history[-1] == Turn("user", "(book has answered: booked)")


def test_a_session_is_not_renewed_in_a_pause_while_a_function_runs() -> None:
    phone = Telephone(Policy(idle_after=0, moment_after=0))
    phone.happens(LegStarted(), SessionReady("s", lifetime=600))
    phone.reply("greeting", 1.0)
    phone.passes(530)
    phone.calls("f")
    phone.passes(30)
    assert len(phone.of(OpenSession)) == 1


def test_a_function_that_answers_when_the_call_is_over_changes_nothing() -> None:
    phone = Telephone().greeted()
    phone.calls("f")
    phone.happens(Leave("an operator hung up", Farewell(Outcome.HANGUP), at_once=True))
    assert phone.happens(ToolFinished("f", "1")) == []


def test_a_failed_response_that_called_a_function_is_not_asked_for_twice() -> None:
    phone = Telephone().greeted()
    phone.happens(ResponseCreated("r"), ToolCalled("r", "a", "f", "{}"))
    assert not asked(phone.happens(ResponseDone("r", "failed", "server_error")))
    assert asked(phone.happens(ToolFinished("a", "1"))) == [CreateResponse()]


def test_a_service_that_speaks_no_given_words_still_speaks_of_the_result() -> None:
    phone = Telephone().answered()
    phone.happens(ResponseRejected("unknown_parameter"))
    phone.reply("greeting", 1.0)
    phone.passes(1.2)
    phone.calls("f")
    phone.passes(2.1)
    phone.happens(ToolFinished("f", "1"))
    assert CreateResponse() in phone.reply("moment", 1.0)


# --- MCP servers


def test_an_approval_is_answered_and_the_result_is_spoken_of() -> None:
    phone = Telephone(SHOP).greeted()
    out = phone.happens(ResponseCreated("r"), ApprovalAsked("r", "q", "shop", "search"))
    assert AnswerApproval("q", approve=True) in out
    assert not asked(phone.happens(ResponseDone("r", "completed")))
    assert not asked(phone.passes(1.0))
    assert asked(phone.happens(ServerToolEnded("i"))) == [CreateResponse()]
    assert ToolUsed("mcp", "ok") in phone.out


def test_what_is_not_approved_is_refused_and_the_caller_is_not_left_in_silence() -> None:
    phone = Telephone(SHOP).greeted()
    out = phone.happens(ResponseCreated("r"), ApprovalAsked("r", "q", "shop", "delete"))
    assert AnswerApproval("q", approve=False) in out
    assert asked(phone.happens(ResponseDone("r", "completed"))) == [CreateResponse()]


def test_a_server_that_takes_long_is_bridged_and_nobody_is_asked_whether_they_are_there() -> None:
    phone = Telephone(SHOP).greeted()
    phone.happens(ResponseCreated("r"), ApprovalAsked("r", "q", "shop", "search"), ResponseDone("r", "completed"))
    for n in range(3):
        phone.passes(4.0)
        phone.reply(f"moment {n}", 1.0, MOMENT)
        phone.passes(1.0)
    assert phone.said[1:] == [MOMENT] * 3


def test_an_approval_that_is_asked_for_while_the_caller_speaks_is_answered() -> None:
    phone = Telephone(SHOP).greeted()
    phone.happens(ResponseCreated("r"), SpeechStarted("q"))
    assert AnswerApproval("q", approve=True) in phone.happens(ApprovalAsked("r", "q", "shop", "search"))


# --- keys


def test_a_function_that_wants_keys_gets_them_and_the_model_does_not_see_them() -> None:
    phone = Telephone(SHOP).greeted()
    phone.calls("check_pin", speaks=1.0, words="Please enter your PIN.")
    phone.passes(1.5)
    for digit in "4711#":
        phone.happens(DigitPressed(digit))
        phone.passes(0.2)
    [run] = phone.of(RunTool)
    assert run.digits == "4711"
    assert phone.of(KeysPressed) == [KeysPressed("••••")]
    assert not phone.of(AddText)
    assert not any("4711" in turn.text for turn in phone.call.history)
    assert asked(phone.happens(ToolFinished("check_pin", "right"))) == [CreateResponse()]
    phone.reply("answer", 1.0)
    phone.passes(2.0)
    assert not phone.of(AddText), "the # out of habit is no news"


def test_a_caller_who_was_not_told_what_to_press_is_told() -> None:
    phone = Telephone(SHOP).greeted()
    [request] = asked(phone.calls("check_pin"))
    assert "keys" in request.instructions
    assert not phone.of(AddToolOutput)


def test_a_caller_who_presses_nothing_is_not_waited_for_without_end() -> None:
    phone = Telephone(SHOP).greeted()
    phone.calls("check_pin", speaks=1.0)
    phone.passes(20.0)
    assert not phone.of(AddToolOutput)
    out = phone.passes(2.5)
    assert outputs(out) == [AddToolOutput("check_pin", "The caller pressed no keys.")]
    assert asked(out) == [CreateResponse()]
    assert not phone.said[1:], "and is not asked whether anybody is there meanwhile"


def test_two_functions_that_want_keys_do_not_get_them_at_once() -> None:
    phone = Telephone(SHOP).greeted()
    phone.happens(ResponseCreated("r"), AudioDelta("r", "i", 0, FRAME), ToolCalled("r", "a", "check_pin", "{}"))
    out = phone.happens(ToolCalled("r", "b", "check_pin", "{}"))
    assert [o.call_id for o in outputs(out)] == ["b"]
    assert not asked(phone.happens(ResponseDone("r", "completed"))), "the first is still waiting"


def test_keys_for_a_function_whose_session_is_lost_reach_it_and_its_result_the_next() -> None:
    phone = Telephone(SHOP).greeted()
    phone.calls("check_pin", speaks=1.0)
    phone.happens(SessionFailed("lost"), SessionReady())
    phone.reply("excuse", 1.0)
    phone.passes(1.2)
    for digit in "4711":
        phone.happens(DigitPressed(digit))
    assert phone.of(RunTool)[0].digits == "4711"
    assert AddText("(check_pin has answered: right)") in phone.happens(ToolFinished("check_pin", "right"))
    assert not phone.of(AddToolOutput)


def test_keys_at_the_speed_of_a_script_are_one_number_and_few_commands() -> None:
    phone = Telephone().greeted()
    phone.reply("answer", 3.0, done=False)
    before = len(phone.out)
    for n in range(3000):
        phone.now += 0.001
        phone.happens(DigitPressed(str(n % 10)))
    out = phone.out[before:]
    assert len([o for o in out if isinstance(o, CancelResponse)]) == 1
    assert len([o for o in out if isinstance(o, AddText)]) == 1
    assert len(out) < 20


def test_a_slow_presser_is_not_talked_into() -> None:
    phone = Telephone(Policy(digits=DigitsWanted(pause=5.0))).greeted()
    phone.happens(DigitPressed("1"))
    assert not asked(phone.passes(4.5))
    phone.happens(DigitPressed("2"))
    out = phone.passes(5.5)
    assert AddText("The caller pressed 12 on the keypad.") in out
    assert asked(out) == [CreateResponse()]


def test_a_reply_that_begins_while_keys_are_pressed_is_not_heard() -> None:
    phone = Telephone().greeted()
    phone.happens(*words("q", "My number is"), DigitPressed("1"))
    assert CancelResponse() in phone.happens(ResponseCreated("answer"))
    assert not any(isinstance(o, Play) for o in phone.happens(AudioDelta("answer", "i", 0, FRAME)))


def test_a_reply_that_was_asked_for_before_a_key_is_not_heard_after_it() -> None:
    phone = Telephone(Policy(digits=DigitsWanted(length=1))).answered()
    phone.happens(DigitPressed("1"))
    assert CancelResponse() in phone.happens(ResponseCreated("greeting"))
    assert CreateResponse() in phone.happens(ResponseDone("greeting", "cancelled"))


def test_secret_keys_are_shown_as_bullets() -> None:
    phone = Telephone(Policy(digits=DigitsWanted(secret=True))).greeted()
    phone.happens(DigitPressed("4"), DigitPressed("2"), DigitPressed("#"))
    assert phone.of(KeysPressed) == [KeysPressed("••")]


# --- silence


def test_are_you_still_there_counts_from_the_end_of_playback() -> None:
    phone = Telephone().greeted()
    phone.reply("answer", 30.0)
    phone.passes(39.5)
    assert not phone.said[1:]
    phone.passes(1.0)
    assert phone.said[1:] == [STILL_THERE]


def test_a_caller_who_is_not_there_is_asked_twice_and_let_go_with_a_goodbye() -> None:
    phone = Telephone().greeted()
    for n in range(2):
        phone.passes(10.5)
        assert phone.said[1:] == [STILL_THERE] * (n + 1)
        phone.reply(f"there {n}", 1.0, STILL_THERE)
        phone.passes(1.0)
    phone.passes(10.5)
    assert phone.said[3:] == [GOODBYE]
    phone.reply("goodbye", 1.0, GOODBYE)
    phone.passes(1.5)
    assert phone.farewell == Farewell(Outcome.HANGUP)
    assert "caller_silent" in troubles(phone)


def test_a_person_who_answers_begins_the_count_again() -> None:
    phone = Telephone().greeted()
    for n in range(6):
        phone.passes(10.5)
        phone.reply(f"there {n}", 1.0, STILL_THERE)
        phone.passes(1.0)
        phone.happens(*words(f"q{n}", "Yes."))
        phone.reply(f"answer {n}", 1.0)
        phone.passes(1.0)
    assert not phone.call.over


def test_a_person_whose_words_are_never_written_down_is_not_taken_for_nobody() -> None:
    phone = Telephone().greeted()
    for n in range(6):
        phone.passes(10.5)
        phone.reply(f"there {n}", 1.0, STILL_THERE)
        phone.passes(1.0)
        phone.happens(SpeechStarted(f"q{n}"), SpeechStopped(f"q{n}"), CallerSaid(f"q{n}", "", known=False))
        phone.reply(f"answer {n}", 1.0)
        phone.passes(1.0)
    assert not phone.call.over


def test_a_person_who_speaks_over_the_goodbye_of_nobody_is_somebody() -> None:
    phone = Telephone(Policy(idle_prompts=0)).greeted()
    phone.passes(10.5)
    phone.reply("goodbye", 2.0, GOODBYE)
    phone.passes(0.5)
    phone.happens(*words("q", "I am here!"))
    phone.reply("answer", 1.0)
    phone.passes(5.0)
    assert not phone.call.over


def test_whoever_presses_keys_is_there() -> None:
    phone = Telephone(Policy(digits=DigitsWanted(pause=20.0))).greeted()
    phone.passes(9.0)
    phone.happens(DigitPressed("1"))
    phone.passes(15.0)
    assert not phone.said[1:]


def test_without_a_session_nobody_is_asked() -> None:
    phone = Telephone(Policy(longest_silence=60.0)).greeted()
    phone.happens(SessionFailed("lost"))
    phone.passes(15.0)
    assert not phone.said[1:]


# --- noise


LONG = "We are open from nine to five on every day of the week but Sunday."


@pytest.mark.parametrize("news", ["empty words", "nothing", "no end"])
def test_a_noise_makes_the_assistant_pause_and_go_on_within_two_seconds(news: str) -> None:
    phone = Telephone().greeted()
    phone.reply("answer", 4.0, LONG)
    phone.passes(1.5)
    phone.happens(SpeechStarted("n"))
    if news != "no end":
        phone.passes(0.2)
        phone.happens(SpeechStopped("n"))
    ended = phone.now
    if news == "empty words":
        phone.happens(CallerSaid("n", ""))
    while len(phone.said) < 2:
        phone.passes(0.1)
    assert phone.now - ended <= 2.0 + 1e-6
    assert LONG.endswith(phone.said[1])
    assert 20 < len(phone.said[1]) < 60
    phone.passes(0.8)
    phone.reply("rest", 2.0, phone.said[1])
    phone.passes(6.0)
    assert len(phone.said) == 2, "once"
    assert troubles(phone).count("false_alarm") == 1


def test_words_are_no_noise() -> None:
    phone = Telephone().greeted()
    phone.reply("answer", 4.0, LONG)
    phone.passes(1.5)
    phone.happens(*words("q", "And on Sunday?"))
    phone.passes(1.7)
    assert not phone.said[1:]


def test_words_that_could_not_be_written_down_are_no_noise() -> None:
    phone = Telephone().greeted()
    phone.reply("answer", 4.0, LONG)
    phone.passes(1.5)
    phone.happens(SpeechStarted("q"), SpeechStopped("q"), CallerSaid("q", "", known=False))
    phone.passes(1.7)
    assert not phone.said[1:]


def test_nothing_goes_on_while_the_service_makes_an_answer() -> None:
    phone = Telephone().greeted()
    phone.reply("answer", 4.0, LONG)
    phone.passes(1.5)
    phone.happens(SpeechStarted("q"), SpeechStopped("q"), ResponseCreated("next"))
    phone.passes(2.0)
    phone.happens(AudioDelta("next", "i", 0, FRAME), AudioDone("next", "i"), ResponseDone("next", "completed"))
    phone.passes(3.0)
    assert not phone.said[1:]


def test_late_words_of_an_earlier_turn_do_not_stop_it() -> None:
    phone = Telephone().greeted()
    phone.happens(SpeechStarted("q"), SpeechStopped("q"))
    phone.reply("answer", 4.0, LONG)
    phone.passes(1.0)
    phone.happens(SpeechStarted("n"), CallerSaid("q", "When are you open?"), SpeechStopped("n"))
    phone.passes(1.6)
    assert len(phone.said) == 2


def test_a_key_after_a_noise_is_answered_and_nothing_goes_on() -> None:
    phone = Telephone().greeted()
    phone.reply("answer", 4.0, LONG)
    phone.passes(1.5)
    phone.happens(SpeechStarted("n"), SpeechStopped("n"), DigitPressed("1"))
    phone.passes(3.0)
    assert not phone.said[1:]


def test_after_a_session_is_lost_the_excuse_comes_and_nothing_of_before() -> None:
    phone = Telephone().greeted()
    phone.reply("answer", 4.0, LONG)
    phone.passes(1.5)
    phone.happens(SpeechStarted("n"), SpeechStopped("n"), SessionFailed("lost"))
    phone.passes(1.0)
    phone.happens(SessionReady())
    phone.reply("excuse", 1.0)
    phone.passes(1.5)
    assert phone.said[1:] == [Policy().phrases.reconnected]


def test_so_many_turns_without_a_word_end_the_call_with_a_goodbye() -> None:
    phone = Telephone(Policy(wordless_turns=3)).greeted()
    for n in range(3):
        phone.happens(*words(f"n{n}", ""))
        if n < 2:
            phone.reply(f"pardon {n}", 1.0)
            phone.passes(1.2)
    assert phone.said[1:] == [GOODBYE]
    phone.reply("goodbye", 1.0, GOODBYE)
    phone.passes(1.5)
    assert phone.farewell == Farewell(Outcome.HANGUP)
    assert "nobody_speaks" in troubles(phone)


def test_music_that_goes_on_over_the_goodbye_does_not_keep_the_line() -> None:
    phone = Telephone(Policy(wordless_turns=3)).greeted()
    for n in range(3):
        phone.happens(*words(f"n{n}", ""))
        phone.passes(0.5)
    phone.reply("goodbye", 2.0, GOODBYE)
    phone.passes(0.5)
    phone.happens(SpeechStarted("more"))
    phone.passes(0.5)
    assert phone.call.over


def test_a_word_in_between_begins_the_count_again() -> None:
    phone = Telephone(Policy(wordless_turns=3)).greeted()
    for n in range(12):
        phone.happens(*words(f"n{n}", "Hello?" if n % 3 == 2 else ""))
        phone.reply(f"pardon {n}", 1.0)
        phone.passes(1.2)
    assert not phone.call.over


def test_nothing_is_asked_for_after_the_end() -> None:
    phone = Telephone().greeted()
    phone.calls("end_call", speaks=1.0)
    phone.passes(3.0)
    assert isinstance(phone.of(CloseLeg)[0], CloseLeg)
    assert phone.happens(DigitPressed("1"), *words("q", "Hello?"), TranscriptDelta("r", "i", "x")) == []
