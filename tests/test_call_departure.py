import pytest

from bot.call.commands import Farewell, Outcome
from bot.call.departure import Departure
from bot.call.events import ToolCalled

CALL = ToolCalled("r", "c", "end_call", "{}")
OWN = Departure(Farewell(Outcome.HANGUP, words="Goodbye!"), 10.0, "why", own=True, revocable=True, call=CALL)


def test_it_waits_for_the_sentence_that_is_being_spoken() -> None:
    departure = Departure(Farewell(Outcome.CLOSING), 10.0, "the house closes")
    assert not departure.due(10.1, remaining=1.0, busy=True)
    assert departure.due(10.1, remaining=0.0, busy=False)


def test_but_not_for_ever() -> None:
    departure = Departure(Farewell(Outcome.CLOSING), 10.0, "the house closes")
    assert departure.due(18.0, remaining=99.0, busy=True)


def test_a_long_goodbye_of_the_assistant_is_heard_to_its_end() -> None:
    assert not OWN.due(50.0, remaining=5.0, busy=True)
    assert OWN.due(70.0, remaining=5.0, busy=True)


def test_at_once_is_at_once() -> None:
    assert Departure(Farewell(Outcome.HANGUP), 10.0, "why", at_once=True).due(10.0, remaining=9.0, busy=True)


@pytest.mark.parametrize(("remaining", "due"), [(0.5, False), (0.0, True)])
def test_where_the_assistant_has_failed_only_what_was_sent_is_waited_for(remaining: float, due: bool) -> None:
    departure = Departure(Farewell(Outcome.FAILED), 10.0, "no session")
    assert departure.due(10.1, remaining=remaining, busy=True) is due


def test_after_a_noise_it_stands_with_what_is_still_to_be_said() -> None:
    again = OWN.again("bye!", 20.0)
    assert again.farewell == Farewell(Outcome.HANGUP, words="bye!")
    assert again.decided_at == 20.0
    assert again.call is None, "the function has been answered"
    assert again.revocable


def test_a_line_full_of_noise_does_not_hold_it_up_for_ever() -> None:
    assert not OWN.again("bye!", 20.0).again("bye!", 30.0).revocable
