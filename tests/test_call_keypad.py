from bot.call.keypad import Keypad


def test_digits_are_gathered_until_the_caller_pauses() -> None:
    keypad = Keypad()
    keypad.press("1", 0.0)
    keypad.press("2", 1.4)
    assert keypad.take(2.8) == ""
    assert keypad.take(2.9) == "12"
    assert keypad.take(9.0) == ""


def test_a_hash_ends_a_number_and_alone_is_a_key_like_others() -> None:
    keypad = Keypad()
    keypad.press("5", 0.0)
    keypad.press("#", 0.1)
    assert keypad.take(0.1) == "5"
    keypad.press("#", 1.0)
    assert keypad.take(1.0) == ""
    assert keypad.take(3.0) == "#"


def test_a_script_that_presses_for_ever_does_not_fill_the_memory() -> None:
    keypad = Keypad()
    for _ in range(1000):
        keypad.press("1", 0.0)
    assert keypad.take(2.0) == "1" * 32
