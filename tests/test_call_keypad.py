import pytest

from bot.call.events import ToolCalled
from bot.call.keypad import Keypad, Keys
from bot.call.policy import DigitsWanted

PIN = ToolCalled("r", "c", "check_pin", "{}")


def taken(keypad: Keypad, now: float) -> str | None:
    keys = keypad.take(now)
    return keys.digits if keys is not None else None


def test_digits_are_gathered_until_the_caller_pauses() -> None:
    keypad = Keypad(DigitsWanted())
    keypad.press("1", 0.0)
    keypad.press("2", 1.4)
    assert taken(keypad, 2.8) is None
    assert taken(keypad, 2.9) == "12"
    assert taken(keypad, 9.0) is None


def test_a_hash_ends_a_number_and_alone_is_a_key_like_others() -> None:
    keypad = Keypad(DigitsWanted())
    keypad.press("5", 0.0)
    keypad.press("#", 0.1)
    assert taken(keypad, 0.1) == "5"
    keypad.press("#", 1.0)
    assert taken(keypad, 1.0) is None
    assert taken(keypad, 3.0) == "#"


def test_digits_are_complete_at_their_greatest_length() -> None:
    keypad = Keypad(DigitsWanted(length=2))
    keypad.press("1", 0.0)
    assert taken(keypad, 0.1) is None
    keypad.press("2", 0.2)
    assert taken(keypad, 0.2) == "12"


def test_a_hash_out_of_habit_after_the_last_digit_is_no_key_of_its_own() -> None:
    keypad = Keypad(DigitsWanted(length=2))
    assert keypad.press("1", 0.0)
    assert keypad.press("2", 0.2)
    assert taken(keypad, 0.2) == "12"
    assert not keypad.press("#", 0.9)
    assert not keypad.busy
    assert keypad.press("3", 3.0), "after a pause it listens again"


def test_a_script_that_presses_for_ever_gets_one_number_in() -> None:
    keypad = Keypad(DigitsWanted())
    numbers = []
    for n in range(5000):
        keypad.press("1", n / 1000)
        numbers += [digits for digits in [taken(keypad, n / 1000)] if digits]
    assert numbers == ["1" * 32]


def test_what_is_secret_is_shown_as_bullets() -> None:
    assert Keys("1234", secret=True).shown == "••••"
    assert Keys("1234", secret=False).shown == "1234"


def test_a_function_gets_the_keys_that_it_waits_for_and_the_next_ones_are_for_nobody() -> None:
    keypad = Keypad(DigitsWanted())
    keypad.want(PIN, DigitsWanted(length=2, secret=True), 0.0)
    keypad.press("4", 1.0)
    keypad.press("2", 1.1)
    assert keypad.take(1.1) == Keys("42", secret=True, call=PIN)
    assert keypad.wanted_by is None
    keypad.press("7", 5.0)
    assert keypad.take(7.0) == Keys("7", secret=False)


def test_what_was_pressed_ahead_is_for_the_function_that_asks_for_it() -> None:
    keypad = Keypad(DigitsWanted())
    keypad.press("4", 0.0)
    keypad.want(PIN, DigitsWanted(length=2, secret=True), 0.5)
    keypad.press("2", 1.0)
    assert keypad.take(1.0) == Keys("42", secret=True, call=PIN)


def test_a_function_waits_for_keys_only_so_long_and_not_while_the_caller_is_being_asked() -> None:
    keypad = Keypad(DigitsWanted())
    keypad.want(PIN, DigitsWanted(), 0.0)
    keypad.being_asked(15.0)
    assert keypad.take(30.0) is None
    assert keypad.take(35.0) == Keys("", secret=False, call=PIN)


@pytest.mark.parametrize("pressed_at", [34.0, 34.9])
def test_who_presses_at_the_last_moment_may_finish(pressed_at: float) -> None:
    keypad = Keypad(DigitsWanted())
    keypad.want(PIN, DigitsWanted(), 15.0)
    keypad.press("1", pressed_at)
    assert taken(keypad, 35.2) is None
    assert taken(keypad, pressed_at + 1.5) == "1"
