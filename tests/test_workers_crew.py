from __future__ import annotations

import pytest

from webhooks.workers.crew import MOST_CALLS, MOST_DELIVERIES, QUIET, Crew
from webhooks.workers.routing import NewCall, OfCall, OfHouse, OfWorker, Route


class House:
    """Three workers who are all there, and a clock."""

    def __init__(self) -> None:
        self.now = 100.0
        self.crew = Crew(3, lambda: self.now)
        for member in self.crew.members:
            member.up = member.takes = True
            member.heard = self.now

    def chosen(self, route: Route) -> int | None:
        member = self.crew.choose(route)
        return member.number if member is not None else None

    def calls(self, number: int) -> list[int | None]:
        return [self.chosen(NewCall()) for _ in range(number)]

    def stands(self, number: int, *, live: int = 0, takes: bool = True) -> None:
        member = self.crew.members[number]
        member.live, member.takes, member.given, member.heard = live, takes, 0, self.now


@pytest.fixture
def house() -> House:
    return House()


def test_equals_take_turns(house: House) -> None:
    assert house.calls(7) == [0, 1, 2, 0, 1, 2, 0]
    for number in range(3):
        house.stands(number)
    assert house.calls(2) == [1, 2]


def test_the_one_with_the_fewest_calls_is_chosen(house: House) -> None:
    for number, live in enumerate([5, 3, 4]):
        house.stands(number, live=live)
    assert house.calls(4) == [1, 2, 1, 2]


def test_whoever_takes_none_is_left_out_while_another_does(house: House) -> None:
    house.stands(1, takes=False)
    house.stands(2, live=9)
    assert house.calls(2) == [0, 0]
    house.stands(0, live=1, takes=False)
    house.stands(2, live=9, takes=False)
    assert house.chosen(NewCall()) == 1, "somebody has to say that there is no room"


def test_whoever_is_not_heard_of_gets_no_new_calls(house: House) -> None:
    house.now += QUIET
    house.stands(2, live=5)
    assert house.calls(2) == [2, 2]
    house.now += QUIET
    assert None not in house.calls(3), "if nobody is heard of, anybody is better than nobody"


def test_a_call_stays_where_it_is(house: House) -> None:
    assert [house.chosen(OfWorker(number)) for number in (2, 0, 1)] == [2, 0, 1]
    house.crew.call_is_of("CA1", 2)
    assert house.chosen(OfCall("CA1")) == 2
    assert house.chosen(OfCall("CA2")) == 0
    assert house.chosen(OfHouse()) == 0


def test_a_call_whose_worker_is_gone_is_answered_by_another(house: House) -> None:
    house.crew.members[1].gone()
    house.stands(0, live=3)
    assert house.chosen(OfWorker(1)) == 2
    assert house.chosen(OfWorker(63)) == 2, "there were more workers once"
    assert [house.chosen(NewCall()) for _ in range(2)] == [2, 2]


def test_pages_wait_for_worker_0_and_calls_do_not(house: House) -> None:
    house.crew.members[0].gone()
    assert house.chosen(OfHouse()) is None
    assert house.chosen(OfHouse(anyone=True)) in (1, 2)
    for member in house.crew.members:
        member.gone()
    for route in (NewCall(), OfWorker(1), OfHouse(anyone=True)):
        assert house.chosen(route) is None
    assert not house.crew.takes


def test_a_second_delivery_goes_where_the_first_went(house: House) -> None:
    first = house.chosen(NewCall(b"token"))
    assert house.calls(2) == [1, 2]
    assert house.chosen(NewCall(b"token")) == first == 0
    house.crew.members[0].gone()
    assert house.chosen(NewCall(b"token")) == 1


def test_calls_of_a_worker_that_is_gone_are_forgotten(house: House) -> None:
    house.crew.call_is_of("CA1", 1)
    house.crew.call_is_of("CA2", 2)
    house.crew.forget_calls(1)
    assert house.chosen(OfCall("CA1")) == 0
    assert house.chosen(OfCall("CA2")) == 2


def test_only_so_much_is_remembered(house: House) -> None:
    for number in range(MOST_CALLS + 10):
        house.crew.call_is_of(str(number), 1)
        house.chosen(NewCall(str(number).encode()))
    assert len(house.crew._calls) == MOST_CALLS
    assert len(house.crew._deliveries) == MOST_DELIVERIES
    assert house.chosen(OfCall("9")) == 0
    assert house.chosen(OfCall("10")) == 1
