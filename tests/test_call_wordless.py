from bot.call.wordless import Wordless


def test_so_many_turns_without_a_word_are_enough() -> None:
    wordless = Wordless(3)
    for item in "ab":
        wordless.no_words(item)
    assert not wordless.too_many
    wordless.no_words("c")
    assert wordless.too_many


def test_one_turn_counts_once_however_often_it_is_reported() -> None:
    wordless = Wordless(3)
    for _ in range(9):
        wordless.no_words("a")
    assert not wordless.too_many


def test_a_word_begins_the_count_again() -> None:
    wordless = Wordless(2)
    wordless.no_words("a")
    wordless.endless()
    wordless.words()
    wordless.no_words("b")
    assert not wordless.too_many


def test_a_noise_without_an_end_counts_too() -> None:
    wordless = Wordless(2)
    wordless.endless()
    wordless.endless()
    assert wordless.too_many


def test_where_there_is_no_limit_nothing_is_too_much() -> None:
    wordless = Wordless(0)
    for item in range(100):
        wordless.no_words(str(item))
    assert not wordless.too_many
