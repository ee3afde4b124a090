from __future__ import annotations

import pytest

from tests.doctor_stand_ins import notes, the
from webhooks.doctor.clock import examine
from webhooks.doctor.findings import Status
from webhooks.doctor.surroundings import Dated, Dates


@pytest.mark.parametrize(
    ("ours", "status", "words"),
    [
        (1000.4, Status.OK, "with Twilio"),
        (999.1, Status.OK, "with Twilio"),
        (1004.0, Status.OK, "4 s ahead of Twilio"),
        (1020.0, Status.WARN, "20 s ahead of Twilio"),
        (970.0, Status.WARN, "30 s behind Twilio"),
        (1300.0, Status.FAIL, "300 s ahead of Twilio"),
        (0.0, Status.FAIL, "1000 s behind Twilio"),
    ],
)
def test_how_far_the_clock_is_off(ours: float, status: Status, words: str) -> None:
    found = notes()
    examine([Dated("Twilio", 1000.0, ours)], found)
    assert the(found, "skew").status is status
    assert words in the(found, "skew").says


@pytest.mark.parametrize(
    "date",
    [
        "",
        "soon",
        "Mon, 99 Jan 99999999999999 00:00:00 GMT",
        "Mon, 01 Jan 2020 00:00:00 +999999999999999999",
    ],
)
def test_a_date_that_is_none_is_passed_over(date: str) -> None:
    dates = Dates(lambda: 1000.0)
    dates.note("PUBLIC_URL", date)
    dates.note("PUBLIC_URL", None)
    found = notes()
    examine(dates.seen, found)
    assert the(found, "skew").status is Status.SKIP


def test_an_answer_that_was_long_on_its_way_does_not_make_the_clock_wrong() -> None:
    found = notes()
    examine([Dated("Azure", 1000.0, 1008.0), Dated("Azure", 1010.0, 1010.5)], found)
    assert the(found, "skew").status is Status.OK


def test_every_clock_is_named_and_the_worst_decides() -> None:
    found = notes()
    examine([Dated("Azure", 1000.0, 1000.0), Dated("Twilio", 1000.0, 1100.0)], found)
    assert the(found, "skew").status is Status.FAIL
    assert "with Azure; 100 s ahead of Twilio" in the(found, "skew").says


def test_without_an_answer_nothing_is_said_of_the_clock() -> None:
    found = notes()
    examine([], found)
    assert the(found, "skew").status is Status.SKIP


def test_dates_that_are_none_are_passed_over() -> None:
    dates = Dates(lambda: 784111777.5)
    for date in (None, "", "yesterday", "Sun, 06 Nov 1994 08:49:37 GMT"):
        dates.note("it", date)
    assert dates.seen == [Dated("it", 784111777.0, 784111777.5)]
