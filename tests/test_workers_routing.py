from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhooks.workers.routing import (
    LONGEST_HEAD,
    NewCall,
    OfCall,
    OfHouse,
    OfWorker,
    Route,
    route,
    tag,
    without_tag,
)

REST = b"Host: bot.example.com\r\nI-Twilio-Idempotency-Token: 0123-abcd\r\nContent-Length: 0\r\n\r\n"
CALL = "CA" + "1" * 32

TARGETS: list[tuple[str, Route]] = [
    ("/voice", NewCall(b"0123-abcd")),
    ("/voice?CallSid=1", NewCall(b"0123-abcd")),
    ("/w/0/media", OfWorker(0)),
    ("/w/7/voice/after?again=1", OfWorker(7)),
    ("/w/63/voice", OfWorker(63)),
    ("/w/3/voice/out/status?persona=x", OfWorker(3)),
    (f"/calls/{CALL}/live?after=12", OfCall(CALL)),
    (f"/calls/{CALL}/events", OfCall(CALL)),
    (f"/calls/{CALL}/hang-up", OfCall(CALL)),
    (f"/calls/{CALL}/transfer", OfCall(CALL)),
    (f"/calls/{CALL}", OfHouse()),
    ("/calls/live", OfHouse()),
    ("/calls/options", OfHouse()),
    ("/", OfHouse()),
    ("/sign-in?next=./", OfHouse()),
    ("/softphone/calls", OfHouse()),
    ("/metrics", OfHouse()),
    ("/health", OfHouse(anyone=True)),
    ("/ready", OfHouse(anyone=True)),
    ("/media", OfHouse(anyone=True)),
    ("/voice/fallback", OfHouse(anyone=True)),
    ("/voice/status", OfHouse(anyone=True)),
    # Nobody was given these: they are asked of worker 0, which knows none of them.
    ("/w/1/sign-in", OfHouse()),
    ("/w/1/calls", OfHouse()),
    ("/w/1/softphone/calls", OfHouse()),
    ("/w/100/media", OfHouse()),
    ("/w/-1/media", OfHouse()),
    ("/w/%31/media", OfHouse()),
    ("//w/1/media", OfHouse()),
    ("/w/1/w/0/media", OfHouse()),
    ("/voices", OfHouse()),
    ("http://bot.example.com/w/1/media", OfHouse()),
    ("*", OfHouse()),
]


def request(target: str, method: str = "POST") -> bytes:
    return f"{method} {target} HTTP/1.1\r\n".encode() + REST


@pytest.mark.parametrize(("target", "expected"), TARGETS)
def test_the_path_says_whom_a_connection_is_for(target: str, expected: Route) -> None:
    assert route(request(target)) == expected
    assert route(b"\r\n\r\n" + request(target, "GET")) == expected


@pytest.mark.parametrize(("target", "expected"), [case for case in TARGETS if case[0].startswith("/")])
def test_the_public_path_may_be_there_or_not(target: str, expected: Route) -> None:
    assert route(request(target), "/bot") == expected
    assert route(request("/bot" + target), "/bot") == expected


def test_a_path_that_only_begins_alike_is_another() -> None:
    assert route(request("/bots/w/1/media"), "/bot") == OfHouse()
    assert route(request("/bot/bot/w/1/media"), "/bot") == OfHouse()


@given(case=st.sampled_from(TARGETS), cut=st.integers(0, 300), prefix=st.sampled_from(["", "/bot"]))
def test_part_of_a_request_says_the_same_as_all_of_it_or_nothing_yet(
    case: tuple[str, Route], cut: int, prefix: str
) -> None:
    target, expected = case
    assert route(request(target)[:cut], prefix) in (None, expected)


@given(st.binary(max_size=200))
def test_nothing_that_may_come_is_too_much_for_it(head: bytes) -> None:
    found = route(head)
    assert found is None or isinstance(found, NewCall | OfWorker | OfCall | OfHouse)


@given(st.binary(max_size=64).map(lambda seed: (seed or b"x") * LONGEST_HEAD))
def test_whoever_says_much_is_not_waited_for(head: bytes) -> None:
    assert route(head) is not None


@pytest.mark.parametrize(
    "head", [b"\x16\x03\x01\x02\x00\x01", b"\x00", b" /voice", b"GET\r\n", b"x" * 33, b"POST\n/voice "]
)
def test_what_is_no_http_is_handed_on_at_once(head: bytes) -> None:
    assert route(head) == OfHouse()


@pytest.mark.parametrize("head", [b"", b"\r\n", b"P", b"POST", b"POST ", b"POST /voi", b"POST /w/1/media", b"x" * 32])
def test_what_may_become_anything_is_waited_for(head: bytes) -> None:
    assert route(head) is None


def test_a_new_call_is_waited_for_until_it_says_which_delivery_it_is_or_that_it_does_not() -> None:
    first = b"POST /voice HTTP/1.1\r\n"
    assert route(first) is None
    assert route(first + b"Host: x\r\n") is None
    assert route(first + b"Host: x\r\nI-Twilio-Idempotency-Token: 01") is None
    assert route(first + b"Host: x\r\ni-twilio-idempotency-token: 01\r\n") == NewCall(b"01")
    assert route(first + b"Host: x\r\n\r\n") == NewCall()
    assert route(first + b"Host: x\r\n\r\nI-Twilio-Idempotency-Token: 01\r\n") == NewCall(), "that is the body"


def test_a_tag_is_taken_off_what_twilio_is_given_and_off_nothing_else() -> None:
    for path in ("/voice", "/voice/after", "/voice/out/answered-by", "/media"):
        assert without_tag(tag(12) + path) == path
        assert without_tag(path) == path
    for path in ("/w/1/", "/w/1/sign-in", "/w/1/voicemail", "/w/1/mediate", "/w/1/w/2/media", "/x/w/1/media"):
        assert without_tag(path) == path
