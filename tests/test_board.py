import asyncio

from hypothesis import given
from hypothesis import strategies as st

from bot.board import Board, Row
from bot.call.events import CallerFacts
from bot.call.reports import (
    Answered,
    AssistantDraft,
    AssistantWords,
    AudioMissing,
    CallerWords,
    Interrupted,
    State,
    StateChanged,
    Trouble,
)


def board_of(*call_ids: str) -> Board:
    board = Board("boot")
    for call_id in call_ids:
        board.begin(CallerFacts(call_id, "+14255550123"), 1000.0)
    return board


def test_a_row_holds_what_a_person_would_ask() -> None:
    board = board_of("CA1")
    for report in (
        StateChanged(State.SPEAKING),
        CallerWords("q", "When are you open?"),
        AssistantDraft("a", "From nine to five."),
        Answered(0.7),
        Interrupted("a", 400, 900),
        AssistantWords("a", "From nine", "to five."),
        AudioMissing(0.25),
        AudioMissing(0.25),
        Trouble("asked_again"),
    ):
        board.take("CA1", report)
    board.end("CA1", "caller")
    assert board.changes(0) == [
        Row(
            "CA1",
            "***23",
            "",
            1000.0,
            State.ENDED,
            "",
            "When are you open?",
            "From nine",
            0.7,
            1,
            0.5,
            True,
            "caller",
        )
    ]


def test_a_row_tells_whether_its_caller_can_be_transferred() -> None:
    board = Board("boot")
    board.begin(CallerFacts("CA1", transferable=False), 1000.0)
    [row] = board.changes(0)
    assert not row.transferable


def test_an_error_stays_one_when_the_call_is_over() -> None:
    board = board_of("CA1")
    board.take("CA1", StateChanged(State.ERROR, "the assistant cannot be reached"))
    board.end("CA1", "failed")
    [row] = board.changes(0)
    assert (row.state, row.message) == (State.ERROR, "the assistant cannot be reached")


def test_a_watcher_gets_only_the_rows_that_changed_since() -> None:
    board = board_of("CA1", "CA2", "CA3")
    seen = board.version
    board.take("CA1", Answered(1.0))
    board.take("CA3", Answered(1.0))
    board.take("CA1", Answered(2.0))
    assert [row.call_id for row in board.changes(seen)] == ["CA3", "CA1"]
    assert board.changes(board.version) == []


def test_of_calls_that_are_over_the_last_ones_stay_and_who_missed_one_can_tell() -> None:
    board = board_of(*(f"CA{number}" for number in range(30)))
    for number in range(29):
        board.end(f"CA{number}", "caller")
    rows = board.changes(0)
    assert [row.call_id for row in rows if row.over] == [f"CA{number}" for number in range(9, 29)]
    assert [row.call_id for row in rows if not row.over] == ["CA29"]
    assert board.oldest > 30
    board.take("CA unknown", Answered(1.0))
    board.end("CA unknown", "caller")


def test_a_call_that_is_taken_up_again_runs_again() -> None:
    board = board_of("CA1")
    board.end("CA1", "broken")
    board.begin(CallerFacts("CA1"), 1001.0)
    [row] = board.changes(0)
    assert not row.over


async def test_watchers_sleep_until_something_happens_or_the_house_closes() -> None:
    board = board_of("CA1")
    waiting = asyncio.create_task(board.changed(board.version))
    await asyncio.sleep(0)
    assert not waiting.done()
    board.take("CA1", Answered(1.0))
    await waiting
    waiting = asyncio.create_task(board.changed(board.version))
    await asyncio.sleep(0)
    board.close()
    await waiting


@given(st.lists(st.tuples(st.sampled_from(["begin", "answer", "end", "watch"]), st.integers(0, 40)), max_size=200))
def test_a_watcher_who_looks_now_and_then_sees_the_same_as_one_who_looks_once(moves: list[tuple[str, int]]) -> None:
    board, known, seen = Board("boot"), dict[str, Row](), 0
    for move, number in [*moves, ("watch", 0)]:
        match move:
            case "begin":
                board.begin(CallerFacts(f"CA{number}"), 1.0)
            case "answer":
                board.take(f"CA{number}", Answered(float(number)))
            case "end":
                board.end(f"CA{number}", "caller")
            case _:
                if seen < board.oldest:
                    known, seen = {}, 0
                known |= {row.call_id: row for row in board.changes(seen)}
                seen = board.version
    assert known == {row.call_id: row for row in board.changes(0)}
