"""The manners of a whole call: keys, silence and noise."""

import pytest

from bot.call.commands import (
    AddText,
    AddToolOutput,
    CancelResponse,
    CloseLeg,
    CreateResponse,
    Farewell,
    Outcome,
    Play,
    RunTool,
)
from bot.call.events import (
    AudioDelta,
    AudioDone,
    CallerSaid,
    DigitPressed,
    ResponseCreated,
    ResponseDone,
    SessionFailed,
    SessionReady,
    SpeechStarted,
    SpeechStopped,
    ToolCalled,
    ToolFinished,
    TranscriptDelta,
)
from bot.call.policy import DigitsWanted, Policy
from bot.call.reports import KeysPressed
from tests.calls import FRAME, Telephone
from tests.manners import GOODBYE, SHOP, STILL_THERE, asked, outputs, troubles, words

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
