from bot.call.idle import Idle, IdleStep


def steps(idle: Idle, seconds: int, *, start: int = 0, quiet: bool = True) -> list[tuple[int, IdleStep]]:
    found = []
    for now in range(start, start + seconds):
        step = idle.look(float(now), quiet=quiet)
        if step is not None:
            found.append((now, step))
    return found


def test_it_asks_twice_and_then_says_goodbye() -> None:
    assert [step for _, step in steps(Idle(10.0, 2), 40)] == [IdleStep.ASK, IdleStep.ASK, IdleStep.GOODBYE]


def test_time_counts_from_the_first_quiet_moment() -> None:
    idle = Idle(10.0, 2)
    steps(idle, 100, quiet=False)
    assert steps(idle, 12, start=100) == [(110, IdleStep.ASK)]


def test_a_person_who_answers_is_asked_twice_again() -> None:
    idle = Idle(10.0, 2)
    steps(idle, 25)
    idle.heard()
    assert [step for _, step in steps(idle, 36, start=25)] == [IdleStep.ASK, IdleStep.ASK, IdleStep.GOODBYE]


def test_noise_without_words_is_nobody() -> None:
    idle = Idle(10.0, 2)
    steps(idle, 25)
    idle.noise()
    idle.no_words()
    assert [step for _, step in steps(idle, 12, start=25)] == [IdleStep.GOODBYE]


def test_whoever_is_heard_and_not_understood_may_be_a_person() -> None:
    idle = Idle(10.0, 2)
    steps(idle, 25)
    idle.noise()
    assert [step for _, step in steps(idle, 12, start=25)] == [IdleStep.ASK]


def test_without_a_time_it_never_asks() -> None:
    assert steps(Idle(0.0, 2), 1000) == []


def test_without_questions_it_says_goodbye_at_once() -> None:
    assert [step for _, step in steps(Idle(10.0, 0), 12)] == [IdleStep.GOODBYE]
