import pytest

from bot.call.false_alarm import FalseAlarm


def silenced(rest: str = "the rest", item: str = "n") -> FalseAlarm:
    alarm = FalseAlarm()
    alarm.silenced(item, rest)
    return alarm


def test_the_rest_is_due_a_while_after_the_noise_and_once() -> None:
    alarm = silenced()
    alarm.stopped(10.0)
    assert alarm.take(11.4) is None
    assert alarm.take(11.5) == "the rest"
    assert alarm.take(99.0) is None


def test_it_is_due_at_once_where_the_service_says_that_there_were_no_words() -> None:
    alarm = silenced()
    alarm.no_words("n", 10.0)
    alarm.stopped(10.1)  # the news may come in either order
    assert alarm.take(10.2) == "the rest"


@pytest.mark.parametrize("item", ["n", "second"])
def test_words_in_any_of_the_noises_end_it(item: str) -> None:
    alarm = silenced()
    alarm.silenced("second", "")
    alarm.stopped(10.0)
    alarm.words(item)
    assert alarm.take(20.0) is None


def test_late_words_of_an_earlier_turn_say_nothing_of_the_noise() -> None:
    alarm = silenced()
    alarm.stopped(10.0)
    alarm.words("question before")
    alarm.no_words("question before", 10.0)
    assert alarm.take(10.1) is None
    assert alarm.take(11.6) == "the rest"


def test_a_second_noise_keeps_the_rest_of_the_first() -> None:
    alarm = silenced()
    alarm.stopped(10.0)
    alarm.silenced("second", "")
    assert alarm.take(20.0) is None, "it goes on"
    alarm.stopped(20.0)
    assert alarm.take(21.6) == "the rest"


def test_a_noise_that_cut_nothing_off_is_none() -> None:
    alarm = silenced("")
    alarm.stopped(10.0)
    assert alarm.take(20.0) is None


def test_one_that_holds_up_the_end_of_the_call_is_due_though_nothing_is_left_to_say() -> None:
    alarm = silenced("")
    alarm.holds_up("")
    alarm.stopped(10.0)
    assert alarm.take(11.6) == ""


def test_what_was_cut_off_goes_before_what_was_to_be_said() -> None:
    alarm = silenced("you for calling.")
    alarm.holds_up("Thank you for calling.")
    alarm.stopped(10.0)
    assert alarm.take(11.6) == "you for calling."


def test_a_key_is_no_noise() -> None:
    alarm = FalseAlarm()
    alarm.holds_up("Goodbye.")
    alarm.stopped(10.0)
    assert alarm.take(20.0) is None
