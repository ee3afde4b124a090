from __future__ import annotations

import pytest

from webhooks.console.changes import Changes
from webhooks.console.errors import ConsoleError


def test_nothing_done_is_said_to_be_nothing() -> None:
    assert Changes().so_far() == "Nothing was changed."


def test_what_was_done_is_told_with_what_to_do_next() -> None:
    changes = Changes()
    with changes.making("the app was made"):
        pass
    assert "Done before that: the app was made." in changes.so_far()
    assert "The same command again" in changes.so_far()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ConsoleError("no answer", unsure=True)])
def test_what_ended_without_an_answer_may_have_been_done(error: BaseException) -> None:
    changes = Changes()
    with pytest.raises(type(error)), changes.making("the key was made"):
        raise error
    assert "Perhaps done" in changes.so_far()
    assert "the key was made" in changes.so_far()


def test_what_was_clearly_refused_was_not_done() -> None:
    changes = Changes()
    with pytest.raises(ConsoleError), changes.making("the key was made"):
        raise ConsoleError("no")
    assert changes.so_far() == "Nothing was changed."


def test_what_was_taken_back_is_not_told() -> None:
    changes = Changes()
    with changes.making("the key was made"):
        pass
    changes.undone("the key was made")
    assert changes.so_far() == "Nothing was changed."
