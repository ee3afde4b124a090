from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.board import Board
from bot.call.events import CallerFacts
from bot.call.reports import CallerWords
from webhooks.workers import news
from webhooks.workers.gallery import LOST, Gallery, Teller, nothing_of
from webhooks.workers.news import Rows


class House:
    """Worker 0's board, and those of workers 1 and 2."""

    def __init__(self) -> None:
        self.shown = Board("shown")
        self.gallery = Gallery(self.shown)
        self.boards = {1: Board("one"), 2: Board("two")}
        self.tellers = {number: Teller(board, number) for number, board in self.boards.items()}

    def tell(self, number: int, *, whole: bool = False) -> bool:
        """Have a worker tell of its rows; whether there was anything to tell."""
        rows = self.tellers[number].news(whole=whole)
        if rows is None:
            return False
        sent = msgspec.msgpack.decode(msgspec.msgpack.encode(rows), type=news.FromSupervisor)
        assert isinstance(sent, Rows)
        self.gallery.take(sent)
        return True

    def running(self) -> set[str]:
        return {row.call_id for row in self.shown.changes(0) if not row.over}

    def outcome(self, call_id: str) -> str:
        return next(row.outcome for row in self.shown.changes(0) if row.call_id == call_id)


@pytest.fixture
def house() -> House:
    return House()


def begin(board: Board, *call_ids: str) -> None:
    for call_id in call_ids:
        board.begin(CallerFacts(call_id, "+14255550123", "+14255550199"), 1000.0)


def test_rows_are_shown_as_their_worker_has_them(house: House) -> None:
    begin(house.boards[1], "CA1")
    begin(house.boards[2], "CA2")
    begin(house.shown, "CA0")
    assert house.tell(1)
    assert house.tell(2)
    house.boards[1].take("CA1", CallerWords("item", "Hello?"))
    assert house.tell(1)
    assert house.running() == {"CA0", "CA1", "CA2"}
    assert house.shown.changes(0)[-1] == house.boards[1].changes(0)[-1]
    assert not house.tell(1), "nothing is new"


def test_a_call_ends_on_both_boards(house: House) -> None:
    begin(house.boards[1], "CA1")
    house.tell(1)
    house.boards[1].end("CA1", "caller")
    house.tell(1)
    assert house.running() == set()
    assert house.outcome("CA1") == "caller"
    house.gallery.take(nothing_of(1))
    assert house.outcome("CA1") == "caller"


def test_the_calls_of_a_worker_that_is_gone_are_over(house: House) -> None:
    begin(house.boards[1], "CA1")
    begin(house.boards[2], "CA2")
    house.tell(1)
    house.tell(2)
    house.gallery.take(nothing_of(1))
    assert house.running() == {"CA2"}
    assert house.outcome("CA1") == LOST


def test_a_caller_who_went_on_with_another_worker_is_not_ended_with_the_first(house: House) -> None:
    begin(house.boards[1], "CA1")
    house.tell(1)
    house.gallery.take(nothing_of(1))
    begin(house.boards[2], "CA1")
    house.tell(2)
    house.gallery.take(nothing_of(1))
    assert house.running() == {"CA1"}


def test_a_new_worker_0_is_told_everything_again(house: House) -> None:
    begin(house.boards[1], "CA1", "CA2")
    house.tell(1)
    house.shown = Board("new")
    house.gallery = Gallery(house.shown)
    house.tell(1, whole=True)
    assert house.running() == {"CA1", "CA2"}


def test_who_missed_the_end_of_a_call_learns_of_it_all_the_same(house: House) -> None:
    begin(house.boards[1], "CA1")
    house.tell(1)
    house.boards[1].end("CA1", "caller")
    for number in range(30):  # more than a board keeps of what is over
        begin(house.boards[1], f"CB{number}")
        house.boards[1].end(f"CB{number}", "caller")
    house.tell(1)
    assert house.running() == set()


@given(st.lists(st.tuples(st.sampled_from([1, 2]), st.sampled_from("bet"), st.sampled_from("ABCDE"))))
def test_in_the_end_the_same_calls_run_here_as_there(moves: list[tuple[int, str, str]]) -> None:
    house = House()
    for number, move, call_id in moves:
        match move:
            case "b":
                begin(house.boards[number], f"{number}{call_id}")
            case "e":
                house.boards[number].end(f"{number}{call_id}", "caller")
            case _:
                house.tell(number)
    for number in house.boards:
        house.tell(number)
    theirs = {row.call_id for board in house.boards.values() for row in board.changes(0) if not row.over}
    assert house.running() == theirs
