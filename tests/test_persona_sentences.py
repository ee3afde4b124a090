from __future__ import annotations

from dataclasses import fields

from bot.persona.sentences import WORDED, Sentences, is_english


def test_every_sentence_has_an_english_default() -> None:
    english = Sentences()
    assert is_english(english.language)
    assert all(getattr(english, name).endswith((".", "?")) for name in WORDED)
    assert {"language", *WORDED} == {field.name for field in fields(Sentences)}


def test_who_is_let_go_hears_a_goodbye() -> None:
    english = Sentences()
    for name in ("busy", "closing", "limit", "sorry", "nobody", "goodbye"):
        assert getattr(english, name).endswith("Goodbye.")


def test_english_is_english_wherever_it_is_spoken() -> None:
    assert is_english("en")
    assert is_english("EN-gb")
    assert not is_english("enm")
    assert not is_english("de-DE")
