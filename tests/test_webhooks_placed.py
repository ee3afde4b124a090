from __future__ import annotations

from bot.call.events import CallerFacts
from webhooks.placed import MOST_REMEMBERED, PlacedCalls


def test_a_step_is_taken_once() -> None:
    call = PlacedCalls().call("CA1")
    assert call.step("ringing")
    assert not call.step("ringing")
    assert call.steps == ["ringing"]


def test_only_an_end_is_the_end() -> None:
    call = PlacedCalls().call("CA1")
    for word in ("queued", "dialling", "ringing", "answered", "machine"):
        call.step(word)
    assert not call.over
    call.step("no-answer")
    assert call.over


def test_the_oldest_calls_are_forgotten() -> None:
    calls = PlacedCalls()
    for number in range(MOST_REMEMBERED + 1):
        calls.placed(CallerFacts(f"CA{number}"), now=0.0)
    assert calls.find("CA0") is None
    assert calls.find("CA1") is not None
    assert calls.find(f"CA{MOST_REMEMBERED}") is not None


def test_a_call_rings_until_it_is_answered_or_over_or_forgotten_by_twilio() -> None:
    calls = PlacedCalls()
    for call_id in ("CA1", "CA2", "CA3"):
        calls.placed(CallerFacts(call_id), now=10.0)
    calls.call("CA4").step("ringing")  # of another instance
    assert calls.ringing(10.0) == 3
    calls.call("CA1").step("answered")
    calls.call("CA2").step("busy")
    assert calls.ringing(99.0) == 1
    assert calls.ringing(100.0) == 0
