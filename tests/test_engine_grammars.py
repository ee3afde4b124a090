from __future__ import annotations

import re
from pathlib import Path

import pocketsphinx
import pytest

from bot.engine.grammars import LENIENT, STRICT, Noise, grammar, search, words
from bot.engine.parts import Expected

GRAMMARS = [expected for expected in Expected if expected is not Expected.FREE]


def test_every_word_is_in_the_dictionary_of_the_model() -> None:
    dictionary = Path(pocketsphinx.get_model_path(), "en-us", "cmudict-en-us.dict").read_text()
    known = {line.partition(" ")[0] for line in dictionary.splitlines()}
    assert words() - known == set()


def test_each_grammar_has_a_name_of_its_own() -> None:
    names = {search(expected, noise) for expected in GRAMMARS for noise in (STRICT, LENIENT)}
    assert len(names) == 2 * len(GRAMMARS)


@pytest.mark.parametrize("noise", [STRICT, LENIENT])
@pytest.mark.parametrize("expected", GRAMMARS)
def test_every_rule_that_is_used_is_there(expected: Expected, noise: Noise) -> None:
    text = grammar(expected, noise)
    assert set(re.findall(r"<(\w+)>", text)) == set(re.findall(r"^(?:public )?<(\w+)> =", text, re.MULTILINE))


def test_dictation_has_no_grammar() -> None:
    with pytest.raises(KeyError):
        grammar(Expected.FREE)
