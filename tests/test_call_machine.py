import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.call.commands import (
    AddText,
    AddToolOutput,
    AnswerApproval,
    CancelResponse,
    Clear,
    CloseLeg,
    CloseSession,
    CreateResponse,
    DeleteItem,
    Farewell,
    Mark,
    OpenSession,
    Outcome,
    Play,
    RunTool,
    SendAudio,
    Truncate,
    Turn,
)
from bot.call.events import (
    ApprovalAsked,
    AudioDelta,
    AudioDone,
    AudioLost,
    CallerAudio,
    CallerSaid,
    DigitPressed,
    Event,
    Leave,
    LegEnded,
    LegStarted,
    MarkPlayed,
    ResponseCreated,
    ResponseDone,
    ResponseRefused,
    ResponseRejected,
    ServerToolEnded,
    ServiceError,
    SessionFailed,
    SessionReady,
    SpeechStarted,
    SpeechStopped,
    Tick,
    ToolCalled,
    ToolFinished,
    TranscriptDelta,
)
from bot.call.playback import BYTES_PER_SECOND
from bot.call.policy import BUILT_IN, DigitsWanted, Policy, Target
from bot.call.reports import (
    Answered,
    AssistantDraft,
    AssistantWords,
    AudioMissing,
    CallerWords,
    Interrupted,
    State,
    Trouble,
)
from tests.calls import FRAME, LOUD_FRAME, Scene


def test_a_session_is_opened_and_greets_when_both_sides_are_ready() -> None:
    scene = Scene()
    assert OpenSession() in scene.happens(LegStarted())
    assert CreateResponse(say="Hello! How can I help you?") in scene.happens(SessionReady())


def test_without_a_set_greeting_the_model_greets_in_its_own_words() -> None:
    scene = Scene(Policy(greeting=""))
    [request] = [out for out in scene.answered().out if isinstance(out, CreateResponse)]
    assert not request.say
    assert "Greet" in request.instructions


def test_states_are_shown_as_people_know_them() -> None:
    scene = Scene().greeted()
    scene.happens(SpeechStarted("q"))
    scene.happens(SpeechStopped("q"))
    scene.reply("answer", 1.0)
    scene.now += 1.0
    scene.hears_everything()
    scene.happens(LegEnded("hung up"))
    assert scene.states == [
        State.PROCESSING,
        State.SPEAKING,
        State.READY,
        State.LISTENING,
        State.PROCESSING,
        State.SPEAKING,
        State.READY,
        State.ENDED,
    ]


def test_what_the_caller_says_before_the_session_is_ready_is_kept_and_sent() -> None:
    scene = Scene()
    scene.happens(LegStarted(), CallerAudio(b"\x01\x00" * 480), CallerAudio(b"\x02\x00" * 480))
    out = scene.happens(SessionReady())
    assert SendAudio(b"\x01\x00" * 480 + b"\x02\x00" * 480) in out
    assert scene.happens(CallerAudio(FRAME)) == [SendAudio(FRAME)]


def test_only_the_last_five_seconds_are_kept() -> None:
    scene = Scene(Policy(longest_silence=60, idle_after=0))
    scene.happens(LegStarted(), *(CallerAudio(FRAME) for _ in range(500)))
    [kept] = [out for out in scene.happens(SessionReady()) if isinstance(out, SendAudio)]
    assert len(kept.pcm) == 5 * BYTES_PER_SECOND


def test_an_interruption_clears_first_and_then_tells_the_model_what_was_heard() -> None:
    scene = Scene().greeted()
    scene.reply("answer", 4.0, "We are open from nine to five on every day of the week but Sunday.")
    scene.network_answers(0.05)
    for _ in range(7):
        scene.network_answers(0.2)
    scene.now += 0.05
    out = scene.happens(SpeechStarted("q"))
    assert isinstance(out[0], Clear)
    [truncate] = [o for o in out if isinstance(o, Truncate)]
    assert truncate.item_id == "item of answer"
    assert truncate.audio_end_ms == pytest.approx(1500, abs=60)
    [words] = [o for o in out if isinstance(o, AssistantWords)]
    assert words.heard.startswith("We are open")
    assert words.unheard.endswith("Sunday.")
    assert not any(isinstance(o, CancelResponse) for o in out)


def test_a_reply_of_which_nothing_was_heard_is_deleted() -> None:
    scene = Scene().greeted()
    scene.reply("answer", 4.0)
    assert DeleteItem("item of answer") in scene.happens(SpeechStarted("q"))


def test_late_audio_of_an_interrupted_reply_is_dropped() -> None:
    scene = Scene().greeted()
    scene.reply("answer", 1.0, done=False)
    scene.happens(SpeechStarted("q"))
    assert scene.happens(AudioDelta("answer", "item of answer", 0, FRAME)) == []
    assert scene.happens(AudioDelta("answer", "another item", 0, FRAME)) == []


def test_an_interruption_with_nothing_to_play_clears_nothing() -> None:
    scene = Scene().greeted()
    out = scene.happens(SpeechStarted("q"))
    assert not any(isinstance(o, Clear | Truncate | DeleteItem) for o in out)


def test_two_replies_in_the_buffer_are_each_settled() -> None:
    scene = Scene().greeted()
    scene.reply("one", 1.0)
    scene.reply("two", 1.0)
    scene.network_answers(0.05)
    scene.now += 0.1
    settled = [o for o in scene.happens(SpeechStarted("q")) if isinstance(o, Truncate | DeleteItem)]
    assert [type(o) for o in settled] == [Truncate, DeleteItem]
    assert [o.item_id for o in settled] == ["item of one", "item of two"]


def test_the_time_to_an_answer_is_reported_once() -> None:
    scene = Scene().greeted()
    scene.happens(SpeechStarted("q"), SpeechStopped("q"))
    scene.now += 0.8
    scene.reply("answer", 2.0)
    assert [report.seconds for report in scene.of(Answered)] == pytest.approx([0.8])


def test_words_are_reported_once_however_often_they_come() -> None:
    scene = Scene().greeted()
    scene.happens(SpeechStarted("q"), SpeechStopped("q"), CallerSaid("q", "Hello?"), CallerSaid("q", "Hello?"))
    scene.happens(CallerSaid("p", " "))
    assert scene.of(CallerWords) == [CallerWords("q", "Hello?")]


def test_a_refused_request_is_repeated_after_the_response_that_was_in_its_way() -> None:
    scene = Scene().answered()
    scene.happens(ResponseRefused(), ResponseCreated("other"))
    scene.happens(AudioDelta("other", "i", 0, FRAME), AudioDone("other", "i"))
    greeting = CreateResponse(say="Hello! How can I help you?")
    assert greeting not in scene.out[scene.out.index(greeting) + 1 :]
    assert greeting in scene.happens(ResponseDone("other", "completed"))


def test_a_response_that_was_asked_for_before_the_caller_spoke_is_cancelled() -> None:
    scene = Scene().answered()
    scene.happens(SpeechStarted("q"))
    assert scene.happens(ResponseCreated("greeting")) == [CancelResponse()]
    assert scene.happens(AudioDelta("greeting", "i", 0, FRAME)) == []


# --- digits


def test_digits_are_given_to_the_model_as_text_after_a_pause() -> None:
    scene = Scene().greeted()
    scene.happens(DigitPressed("1"))
    scene.passes(0.5)
    scene.happens(DigitPressed("2"))
    assert not any(isinstance(o, AddText) for o in scene.passes(1.3))
    out = scene.passes(0.4)
    assert AddText("The caller pressed 12 on the keypad.") in out
    assert CreateResponse() in out


def test_a_hash_sends_the_digits_at_once() -> None:
    scene = Scene().greeted()
    scene.happens(DigitPressed("7"))
    assert AddText("The caller pressed 7 on the keypad.") in scene.happens(DigitPressed("#"))


def test_a_digit_interrupts_and_cancels_the_reply() -> None:
    scene = Scene().greeted()
    scene.reply("answer", 3.0, done=False)
    out = scene.happens(DigitPressed("1"))
    assert isinstance(out[0], Clear)
    assert CancelResponse() in out


def test_digits_are_not_in_any_report() -> None:
    scene = Scene().greeted()
    scene.happens(DigitPressed("4"), DigitPressed("2"), DigitPressed("#"))
    assert not scene.of(CallerWords)


# --- never dead air


def silence_before_something_is_done(scene: Scene) -> float:
    """Play time until the caller is let go; returns how long that took."""
    began = scene.now
    while not scene.call.over and scene.now < began + 60:
        scene.passes(0.1)
    return scene.now - began


def test_a_session_that_cannot_be_had_twice_sends_the_caller_to_the_safety_net_at_once() -> None:
    scene = Scene()
    scene.happens(LegStarted())
    assert OpenSession() in scene.happens(SessionFailed("refused"))
    out = scene.happens(SessionFailed("refused"))
    assert CloseLeg(Farewell(Outcome.FAILED)) in out
    assert CloseSession() in out
    assert scene.call.state is State.ERROR


def test_a_session_that_hangs_is_tried_again_and_given_up_within_six_seconds() -> None:
    scene = Scene()
    scene.happens(LegStarted())
    assert silence_before_something_is_done(scene) < 6.0
    assert len(scene.of(OpenSession)) == 2
    assert scene.of(CloseLeg) == [CloseLeg(Farewell(Outcome.FAILED))]


def test_a_greeting_that_never_comes_leads_to_another_session() -> None:
    scene = Scene().answered()
    assert silence_before_something_is_done(scene) < 6.0
    assert len(scene.of(OpenSession)) == 2


def test_a_finished_sentence_that_is_not_answered_is_asked_again_then_reconnected() -> None:
    scene = Scene().greeted()
    scene.happens(SpeechStarted("q"), SpeechStopped("q"), CallerSaid("q", "When are you open?"))
    assert CreateResponse() in scene.passes(2.0)
    out = scene.passes(1.1)
    assert OpenSession((Turn("assistant", "Hello! How can I help you?"), Turn("user", "When are you open?"))) in out
    out = scene.happens(SessionReady())
    assert CreateResponse(say="Sorry, the line dropped for a moment.") in out
    # Once the excuse is spoken, the question is taken up.
    assert CreateResponse() in scene.reply("excuse", 1.0)


def test_an_answer_in_time_needs_no_help() -> None:
    scene = Scene(Policy(idle_after=0)).greeted()
    before = len(scene.of(CreateResponse))
    scene.happens(SpeechStarted("q"), SpeechStopped("q"), ResponseCreated("answer"))
    scene.passes(3.4)
    scene.happens(AudioDelta("answer", "i", 0, FRAME), AudioDone("answer", "i"), ResponseDone("answer", "completed"))
    scene.hears_everything()
    scene.passes(20)
    assert len(scene.of(CreateResponse)) == before
    assert len(scene.of(OpenSession)) == 1


def test_a_session_lost_in_mid_word_goes_on_in_another_after_an_excuse() -> None:
    scene = Scene().greeted()
    scene.happens(SpeechStarted("q"), SpeechStopped("q"), CallerSaid("q", "When are you open?"))
    scene.reply("answer", 1.0, "We are open from nine to five.", done=False)
    out = scene.happens(SessionFailed("connection lost"))
    [again] = [o for o in out if isinstance(o, OpenSession)]
    assert [turn.role for turn in again.history] == ["assistant", "user", "assistant"]
    assert not any(isinstance(o, Clear) for o in out), "what was sent is still heard"
    out = scene.happens(SessionReady())
    assert CreateResponse(say="Sorry, the line dropped for a moment.") in out
    out = scene.reply("excuse", 1.0, "Sorry, the line dropped for a moment.")
    assert any(isinstance(o, CreateResponse) and "rest" in o.instructions for o in out)


def test_a_lost_session_is_not_told_of_items_it_never_knew() -> None:
    scene = Scene().greeted()
    scene.reply("answer", 3.0, done=False)
    scene.happens(SessionFailed("lost"), SessionReady())
    out = scene.happens(SpeechStarted("q"))
    assert any(isinstance(o, Clear) for o in out)
    assert not any(isinstance(o, Truncate | DeleteItem) for o in out)


def test_words_still_in_the_buffer_are_heard_before_the_caller_is_let_go() -> None:
    scene = Scene().greeted()
    scene.reply("answer", 2.0, done=False)
    scene.happens(SessionFailed("lost"))
    assert not any(isinstance(o, CloseLeg) for o in scene.happens(SessionFailed("refused")))
    assert not any(isinstance(o, CloseLeg) for o in scene.passes(1.8))
    assert CloseLeg(Farewell(Outcome.FAILED)) in scene.passes(0.5)


def test_sessions_that_drop_one_after_another_are_given_up() -> None:
    scene = Scene().greeted()
    for number in range(10):
        scene.happens(SessionFailed("lost"), SessionReady())
        scene.reply(f"excuse {number}", 0.1, done=False)
        scene.passes(1)
    assert scene.call.over
    assert len(scene.of(OpenSession)) <= 5


def test_a_reply_that_stalls_for_good_leads_to_another_session() -> None:
    scene = Scene().greeted()
    scene.happens(SpeechStarted("q"), SpeechStopped("q"))
    scene.reply("answer", 0.5, "We are open", done=False)
    scene.passes(0.6)
    scene.hears_everything()
    out = scene.passes(4.5)
    assert any(isinstance(o, OpenSession) for o in out)


def test_a_failed_response_is_asked_for_once_more_and_then_in_another_session() -> None:
    scene = Scene().answered()
    out = scene.happens(ResponseCreated("a"), ResponseDone("a", "failed", "rate_limit_exceeded"))
    assert CreateResponse(say="Hello! How can I help you?") in out
    out = scene.happens(ResponseCreated("b"), ResponseDone("b", "failed", "rate_limit_exceeded"))
    assert any(isinstance(o, OpenSession) for o in out)
    assert [t.code for t in scene.of(Trouble)] == ["response_failed", "response_failed"]


def test_a_blocked_answer_is_replaced_by_a_sentence() -> None:
    scene = Scene().greeted()
    scene.happens(SpeechStarted("q"), SpeechStopped("q"))
    out = scene.happens(ResponseCreated("a"), ResponseDone("a", "incomplete", "content_filter"))
    assert any(isinstance(o, CreateResponse) and "can't help" in o.say for o in out)


def test_an_error_that_means_nothing_to_the_call_is_trouble_and_no_more() -> None:
    scene = Scene().greeted()
    assert scene.happens(ServiceError("odd", "thing")) == [Trouble("service_error", "odd: thing")]


def test_speech_that_never_stops_is_taken_as_stopped_when_the_line_is_quiet() -> None:
    scene = Scene().greeted()
    scene.happens(SpeechStarted("q"))
    assert not any(isinstance(o, CreateResponse) for o in scene.passes(30, loud=True))
    assert CreateResponse() in scene.passes(4.5)


def test_on_a_line_that_is_never_quiet_it_is_taken_as_stopped_after_a_minute() -> None:
    scene = Scene().greeted()
    scene.happens(SpeechStarted("q"))
    assert not any(isinstance(o, CreateResponse) for o in scene.passes(59, loud=True))
    assert CreateResponse() in scene.passes(5, loud=True)


def test_words_that_were_understood_prove_that_speech_has_stopped() -> None:
    scene = Scene().greeted()
    scene.happens(SpeechStarted("q"), CallerSaid("q", "Hello?"))
    assert scene.happens(ResponseCreated("answer")) == []
    assert any(isinstance(o, Play) for o in scene.happens(AudioDelta("answer", "i", 0, FRAME)))


def test_a_session_that_has_gone_deaf_is_asked_and_then_replaced() -> None:
    scene = Scene().greeted()
    scene.passes(8, loud=True)
    scene.passes(1.9)
    assert not scene.of(OpenSession)[1:]
    out = scene.passes(4)
    assert CreateResponse() in out
    assert any(isinstance(o, OpenSession) for o in out)


def test_the_echo_of_the_assistant_is_nobody_who_waits() -> None:
    scene = Scene().greeted()
    scene.reply("answer", 5.0)
    scene.passes(5, loud=True)
    scene.hears_everything()
    assert not any(isinstance(o, CreateResponse) for o in scene.passes(10))


def test_a_question_whose_words_were_lost_with_the_session_is_asked_for_again() -> None:
    scene = Scene().greeted()
    scene.happens(SpeechStarted("q"), SpeechStopped("q"), SessionFailed("lost"), SessionReady())
    out = scene.reply("excuse", 1.0, "Sorry, the line dropped for a moment.")
    assert any(isinstance(o, CreateResponse) and "say it again" in o.instructions for o in out)


@pytest.mark.parametrize("first_audio", [0.8, 1.9])
def test_a_session_that_replaces_a_hanging_one_has_time_to_speak(first_audio: float) -> None:
    scene = Scene()
    scene.happens(LegStarted())
    while len(scene.of(OpenSession)) < 2:
        scene.passes(0.1)
    scene.passes(0.65)
    scene.happens(SessionReady(), ResponseCreated("greeting"))
    scene.passes(first_audio)
    assert any(isinstance(o, Play) for o in scene.happens(AudioDelta("greeting", "i", 0, FRAME)))
    assert scene.now < 6


def test_a_session_that_replaces_a_silent_one_has_time_to_speak() -> None:
    scene = Scene().greeted()
    scene.happens(SpeechStarted("q"), SpeechStopped("q"), CallerSaid("q", "When?"))
    stopped = scene.now
    while len(scene.of(OpenSession)) < 2:
        scene.passes(0.1)
    scene.passes(0.65)
    scene.happens(SessionReady(), ResponseCreated("excuse"))
    scene.passes(1.9)
    assert any(isinstance(o, Play) for o in scene.happens(AudioDelta("excuse", "i", 0, FRAME)))
    assert scene.now - stopped < 6


def test_digits_do_not_stop_the_clock_of_a_caller_who_waits() -> None:
    scene = Scene()
    scene.happens(LegStarted())
    scene.passes(0.5)
    scene.happens(DigitPressed("1"))
    assert silence_before_something_is_done(scene) < 5.5


def test_a_response_with_words_and_no_sound_is_no_answer() -> None:
    scene = Scene().greeted()
    scene.happens(SpeechStarted("q"), SpeechStopped("q"), ResponseCreated("a"), TranscriptDelta("a", "i", "Hello"))
    assert CreateResponse() in scene.happens(ResponseDone("a", "completed"))


def test_a_request_that_is_refused_after_the_other_response_was_announced_is_repeated() -> None:
    scene = Scene().greeted()
    scene.happens(DigitPressed("1"), DigitPressed("#"), ResponseCreated("other"), ResponseRefused())
    scene.happens(AudioDelta("other", "i", 0, FRAME), AudioDone("other", "i"))
    assert CreateResponse() in scene.happens(ResponseDone("other", "completed"))


def test_a_service_that_speaks_no_given_words_is_asked_in_other_words_from_then_on() -> None:
    scene = Scene().answered()
    [again] = [o for o in scene.happens(ResponseRejected("unknown_parameter")) if isinstance(o, CreateResponse)]
    assert "Hello! How can I help you?" in again.instructions
    scene.reply("greeting", 1.0, "Hello! How can I help you?")
    scene.happens(SessionFailed("lost"))
    [excuse] = [o for o in scene.happens(SessionReady()) if isinstance(o, CreateResponse)]
    assert not excuse.say


def test_a_service_that_takes_no_request_at_all_is_left() -> None:
    scene = Scene(Policy(greeting="")).answered()
    assert any(isinstance(o, OpenSession) for o in scene.happens(ResponseRejected("unknown_parameter")))


def test_who_waits_for_an_answer_when_the_house_closes_is_not_left_waiting() -> None:
    scene = Scene().greeted()
    scene.happens(SpeechStarted("q"), SpeechStopped("q"), ResponseCreated("answer"))
    assert CloseLeg(Farewell(Outcome.CLOSING)) in scene.happens(Leave("the house closes"))


def test_a_renewal_that_hangs_is_noticed_before_the_caller_does() -> None:
    scene = Scene(Policy(idle_after=0))
    scene.happens(LegStarted(), SessionReady("s", lifetime=360))
    scene.reply("greeting", 1.0, "Hello!")
    scene.now += 1
    scene.hears_everything()
    scene.passes(305)
    assert len(scene.of(OpenSession)) == 3


def test_of_a_reply_that_broke_off_the_next_session_is_told_what_was_sent() -> None:
    scene = Scene().greeted()
    text = "We are open from nine to five on every day of the week but Sunday, and on Saturday until noon."
    scene.reply("answer", 2.0, text, done=False)
    [again] = [o for o in scene.happens(SessionFailed("lost")) if isinstance(o, OpenSession)]
    assert text.startswith(again.history[-1].text)
    assert len(again.history[-1].text) < 35


def test_a_greeting_of_which_nothing_was_heard_is_given_again_without_an_excuse() -> None:
    scene = Scene().answered()
    scene.happens(ResponseCreated("g"), TranscriptDelta("g", "i", "Hello!"), SessionFailed("lost"))
    assert CreateResponse(say="Hello! How can I help you?") in scene.happens(SessionReady())


def test_audio_held_up_on_the_way_is_cleared_when_the_caller_speaks() -> None:
    scene = Scene().greeted()
    scene.reply("answer", 1.0)
    scene.passes(6)  # no mark comes back
    assert [t.code for t in scene.of(Trouble)] == ["marks_missing"]
    assert Clear() in scene.happens(SpeechStarted("q"))


def test_a_leg_that_is_silent_is_reported_once() -> None:
    scene = Scene().greeted()
    scene.reply("answer", 30.0)
    scene.passes(25, audio=False)
    assert [t.code for t in scene.of(Trouble)].count("leg_silent") == 1


# --- limits


def test_the_longest_call_ends_after_the_sentence_that_is_being_spoken() -> None:
    scene = Scene(Policy(longest_call=10)).greeted()
    scene.passes(8.5)
    scene.reply("answer", 3.0)
    assert not any(isinstance(o, CloseLeg) for o in scene.passes(1.0))
    assert CloseLeg(Farewell(Outcome.LIMIT)) in scene.hears_everything()


def test_the_house_closes_with_a_word() -> None:
    scene = Scene().greeted()
    assert CloseLeg(Farewell(Outcome.CLOSING)) in scene.happens(Leave("the house closes"))


def test_an_operator_ends_a_call_in_the_middle_of_a_sentence() -> None:
    scene = Scene().greeted()
    scene.reply("answer", 8.0, "We are open from nine to five on every day of the week.")
    scene.passes(1.0)
    transfer = Farewell(Outcome.TRANSFER, "+14255550100")
    out = scene.happens(Leave("an operator transferred", transfer, at_once=True))
    assert CloseLeg(transfer) in out
    [words] = [o for o in out if isinstance(o, AssistantWords)]
    assert words.unheard
    assert scene.call.over


def test_an_operator_need_not_wait_for_a_house_that_closes_politely() -> None:
    scene = Scene().greeted()
    scene.reply("answer", 8.0)
    assert not any(isinstance(o, CloseLeg) for o in scene.happens(Leave("the house closes")))
    hang_up = Farewell(Outcome.HANGUP)
    assert CloseLeg(hang_up) in scene.happens(Leave("an operator hung up", hang_up, at_once=True))


def test_a_reply_is_shown_while_it_grows_and_struck_out_where_nothing_of_it_was_heard() -> None:
    scene = Scene().greeted()
    scene.happens(ResponseCreated("r"), TranscriptDelta("r", "i", "We are"), TranscriptDelta("r", "i", " open."))
    assert scene.of(AssistantDraft)[-2:] == [AssistantDraft("i", "We are"), AssistantDraft("i", "We are open.")]
    scene.happens(SpeechStarted("q"))
    assert scene.of(AssistantWords)[-1] == AssistantWords("i", "", "We are open.")
    late = scene.happens(TranscriptDelta("r", "i", " From nine."))
    assert not late


def test_the_time_to_answer_counts_from_the_last_word_and_not_from_the_silence_that_proves_it() -> None:
    scene = Scene().greeted()
    scene.happens(SpeechStarted("q"))
    scene.passes(1.0, loud=True)
    scene.passes(0.5)
    scene.happens(SpeechStopped("q"))
    scene.passes(0.3)
    scene.reply("answer", 1.0)
    [answered] = scene.of(Answered)
    assert answered.seconds == pytest.approx(0.8)


def test_missing_audio_is_reported() -> None:
    assert AudioMissing(0.5) in Scene().greeted().happens(AudioLost(0.5))


def test_a_session_near_its_end_is_replaced_in_a_pause_without_a_word() -> None:
    scene = Scene(Policy(idle_after=0))
    scene.happens(LegStarted(), SessionReady("s", lifetime=360))
    scene.reply("greeting", 1.0, "Hello!")
    scene.now += 1
    scene.hears_everything()
    assert not any(isinstance(o, OpenSession) for o in scene.passes(298))
    while len(scene.of(OpenSession)) < 2:
        scene.passes(0.1)
    assert scene.of(OpenSession)[-1] == OpenSession((Turn("assistant", "Hello!"),))
    out = scene.happens(SessionReady("t", lifetime=360))
    assert not any(isinstance(o, CreateResponse) for o in out)


def test_a_session_at_its_end_is_replaced_even_in_mid_conversation() -> None:
    scene = Scene()
    scene.happens(LegStarted(), SessionReady("s", lifetime=30))
    scene.reply("greeting", 1.0, "Hello!")
    scene.passes(1)
    scene.hears_everything()
    scene.happens(SpeechStarted("q"))
    assert not any(isinstance(o, OpenSession) for o in scene.passes(27, loud=True))
    assert any(isinstance(o, OpenSession) for o in scene.passes(1.5, loud=True))


def test_a_leg_that_sends_nothing_is_closed() -> None:
    scene = Scene().greeted()
    out = scene.passes(16, audio=False)
    assert CloseLeg(Farewell(Outcome.FAILED)) in out
    assert Trouble("leg_silent") in out


def test_after_the_end_nothing_is_asked_for() -> None:
    scene = Scene().greeted()
    assert CloseSession() in scene.happens(LegEnded("hung up"))
    assert scene.happens(SpeechStarted("q"), Tick(), SessionFailed("late"), CallerAudio(FRAME)) == []


# --- any schedule

ITEMS = st.integers(0, 5)
EVENTS = st.one_of(
    st.builds(lambda i: ResponseCreated(f"r{i}"), ITEMS),
    st.builds(lambda i, n: AudioDelta(f"r{i}", f"i{i}", 0, bytes(n * 2)), ITEMS, st.integers(0, 12000)),
    st.builds(lambda i: AudioDone(f"r{i}", f"i{i}"), ITEMS),
    st.builds(
        lambda i, s: ResponseDone(f"r{i}", s),
        ITEMS,
        st.sampled_from(["completed", "cancelled", "failed", "incomplete"]),
    ),
    st.builds(SpeechStarted, st.sampled_from(["a", "b"])),
    st.builds(SpeechStopped, st.sampled_from(["a", "b"])),
    st.builds(CallerSaid, st.sampled_from(["a", "b"]), st.sampled_from(["", "words"])),
    st.builds(DigitPressed, st.sampled_from("0123456789*#")),
    st.just(CallerAudio(FRAME)),
    st.just(Tick()),
    st.just(ResponseRefused()),
    st.just(ResponseRejected("why")),
    st.just(CallerAudio(LOUD_FRAME)),
    st.just(SessionFailed("lost")),
    st.just(SessionReady()),
    st.builds(
        lambda i, c, name, arguments: ToolCalled(f"r{i}", f"c{c}", name, arguments),
        ITEMS,
        st.integers(0, 9),
        st.sampled_from(["weather", "check_pin", "end_call", "transfer_call", "send_digits"]),
        st.sampled_from(["", "{}", "[]", "{", '{"target": "sales"}', '{"digits": "1"}', '{"goodbye": "Bye!"}'])
        | st.text(max_size=20),
    ),
    st.builds(lambda c, text: ToolFinished(f"c{c}", text), st.integers(0, 9), st.text(max_size=9)),
    st.builds(
        lambda i, q, tool: ApprovalAsked(f"r{i}", f"q{q}", "shop", tool),
        ITEMS,
        st.integers(0, 999),
        st.sampled_from(["search", "delete"]),
    ),
    st.builds(ServerToolEnded, st.just("m"), st.booleans()),
    st.builds(lambda at_once: Leave("why", at_once=at_once), st.booleans()),
    st.sampled_from(["oldest", "newest"]),  # a mark that comes back
)
ANY_SCHEDULE = st.lists(st.tuples(st.floats(0, 1), EVENTS), max_size=60)
BUSY = Policy(
    longest_silence=60,
    idle_after=0,
    targets={"sales": Target("+14255550100")},
    tool_digits={"check_pin": DigitsWanted(length=2, secret=True)},
    approves={"shop": lambda tool: tool == "search"},
)


@settings(max_examples=400)
@given(ANY_SCHEDULE)
def test_whatever_happens_each_item_is_settled_once_and_never_beyond_what_was_sent(
    schedule: list[tuple[float, Event | str]],
) -> None:
    scene = Scene(BUSY)
    scene.happens(LegStarted())
    sent: dict[str, float] = {}
    settled: list[str] = []
    waiting: list[str] = []
    for pause, event in schedule:
        scene.now += pause
        if isinstance(event, str):
            if not waiting:
                continue
            event = MarkPlayed(waiting.pop(0 if event == "oldest" else -1))
        out = scene.happens(event)
        waiting += [o.name for o in out if isinstance(o, Mark)]
        if isinstance(event, AudioDelta):
            played = sum(len(o.pcm) for o in out if isinstance(o, Play)) / BYTES_PER_SECOND
            sent[event.item_id] = sent.get(event.item_id, 0) + played
            assert not (played and event.item_id in settled), "an item that was cut off is heard again"
        for o in out:
            if isinstance(o, Truncate):
                assert 0 < o.audio_end_ms <= sent[o.item_id] * 1000 + 1
            if isinstance(o, Truncate | DeleteItem):
                assert o.item_id not in settled
                settled.append(o.item_id)
            if isinstance(o, Interrupted):
                assert 0 <= o.heard_ms <= o.sent_ms
        clears = [index for index, o in enumerate(out) if isinstance(o, Clear)]
        truncations = [index for index, o in enumerate(out) if isinstance(o, Truncate | DeleteItem)]
        assert not clears or not truncations or clears[0] < truncations[0]


@settings(max_examples=300)
@given(ANY_SCHEDULE)
def test_whatever_happens_each_function_is_answered_once_at_most_and_nothing_is_asked_for_after_the_end(
    schedule: list[tuple[float, Event | str]],
) -> None:
    scene = Scene(BUSY)
    scene.happens(LegStarted())
    called: set[str] = set()
    answered: list[str] = []
    approvals: list[str] = []
    listening = False
    for pause, event in schedule:
        scene.now += pause
        if isinstance(event, str):
            continue
        over = scene.call.over
        out = scene.happens(event)
        assert not (over and out)
        if isinstance(event, ToolCalled):
            called.add(event.call_id)
        for o in out:
            if isinstance(o, RunTool):
                assert o.call_id in called
                assert o.name not in BUILT_IN
                assert (o.digits is not None) == (o.name == "check_pin")
            if isinstance(o, AddToolOutput):
                assert o.call_id in called
                answered.append(o.call_id)
            if isinstance(o, CloseLeg) and o.farewell.outcome is Outcome.TRANSFER:
                assert o.farewell.transfer_to == "+14255550100"
            if isinstance(o, AnswerApproval):
                approvals.append(o.request_id)
        if isinstance(event, ApprovalAsked) and listening and not over:
            assert approvals[-1] == event.request_id
        if isinstance(event, SessionReady | SessionFailed) or any(isinstance(o, OpenSession) for o in out):
            listening = isinstance(event, SessionReady)
    assert len(answered) == len(set(answered))
