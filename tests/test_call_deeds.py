"""What the assistant does besides talk: functions and the tools of MCP servers."""

from bot.call.commands import (
    AddText,
    AddToolOutput,
    AnswerApproval,
    CreateResponse,
    Farewell,
    OpenSession,
    Outcome,
    RunTool,
    Turn,
)
from bot.call.events import (
    ApprovalAsked,
    AudioDelta,
    AudioDone,
    CallerSaid,
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
)
from bot.call.policy import Policy
from bot.call.reports import ToolUsed
from tests.calls import FRAME, Telephone
from tests.manners import MOMENT, SHOP, asked, outputs, troubles, words

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
