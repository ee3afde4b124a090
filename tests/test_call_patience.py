from bot.call.patience import Patience, Progress, Step

NOTHING = Progress.NOTHING


def test_each_step_comes_once_and_in_order() -> None:
    patience = Patience(10.0)
    patience.owe(0.0)
    steps = [patience.due(now / 10, NOTHING) for now in range(100)]
    assert [step for step in steps if step is not None] == [Step.ASK_AGAIN, Step.RECONNECT, Step.GIVE_UP]
    assert steps.index(Step.GIVE_UP) == 90


def test_what_is_further_on_its_way_is_given_longer() -> None:
    first: dict[Progress, float] = {}
    for progress in Progress:
        patience = Patience(10.0)
        patience.owe(0.0)
        first[progress] = next(now / 10 for now in range(100) if patience.due(now / 10, progress) is Step.RECONNECT)
    assert first[Progress.CONNECTING] < first[Progress.NOTHING] < first[Progress.RESPONSE]


def test_a_clock_that_jumps_takes_the_last_step_it_has_passed() -> None:
    patience = Patience(10.0)
    patience.owe(0.0)
    assert patience.due(9.5, NOTHING) is Step.GIVE_UP


def test_whoever_is_owed_nothing_does_not_wait() -> None:
    patience = Patience(10.0)
    assert patience.due(100.0, NOTHING) is None
    patience.owe(0.0)
    patience.settle()
    assert patience.due(100.0, NOTHING) is None


def test_a_wait_that_has_begun_goes_on() -> None:
    patience = Patience(10.0)
    patience.owe(0.0)
    patience.owe(2.9)
    assert patience.due(3.0, NOTHING) is Step.ASK_AGAIN


def test_a_wait_may_begin_when_playback_ends() -> None:
    patience = Patience(10.0)
    patience.owe(5.0)
    assert patience.due(7.9, NOTHING) is None
    assert patience.due(8.0, NOTHING) is Step.ASK_AGAIN
