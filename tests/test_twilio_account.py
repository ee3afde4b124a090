"""The real client against a stand-in on a real socket: pages, tokens, and every way in which it fails."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.twilio_console_stand_in import Asked, ConsoleStandIn, console
from tests.twilio_rest_stand_in import Loopback
from tests.webhooks_stand_ins import ACCOUNT, OLD_TOKEN, TOKEN
from webhooks.console.account import Account, refusal
from webhooks.console.errors import ConsoleError
from webhooks.console.numbers import every_number

NUMBERS = ("GET", "IncomingPhoneNumbers")


@pytest.fixture
def twilio(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ConsoleStandIn]:
    with console(monkeypatch, tmp_path) as stand_in:
        yield stand_in


def account(twilio: ConsoleStandIn, *tokens: str, timeout: float = 5.0) -> Account:
    return Account(ACCOUNT, tokens or (TOKEN,), http_client=Loopback(twilio.url, timeout=timeout))


def failure(account: Account) -> ConsoleError:
    with account, pytest.raises(ConsoleError) as caught:
        every_number(account)
    assert TOKEN not in str(caught.value)
    return caught.value


def test_every_page_of_a_long_list_is_read(twilio: ConsoleStandIn) -> None:
    wanted = [f"+1425555{count:04d}" for count in range(123)]
    for number in wanted:
        twilio.number(number)
    with account(twilio) as asked:
        assert [number.number for number in every_number(asked)] == wanted
    assert len(twilio.asked) == 3


def test_a_failure_on_a_later_page_is_told_in_words(twilio: ConsoleStandIn) -> None:
    for count in range(60):
        twilio.number(f"+1425555{count:04d}")
    with account(twilio) as asked:
        every_number(asked)
        twilio.fail[NUMBERS] = (429, 20429)
        with pytest.raises(ConsoleError, match="no more requests"):
            every_number(asked)


@pytest.mark.parametrize(
    ("status", "code", "says"),
    [
        (401, 20003, "a sub-account has a token of its own"),
        (401, 401, "a sub-account has a token of its own"),
        (403, 20008, "Test credentials"),
        (403, 20403, "suspended or closed"),
        (400, 10001, "suspended or closed"),
        (400, 10002, "trial account"),
        (404, 20404, "no such thing"),
        (429, 20429, "Wait a minute"),
        (429, 429, "Wait a minute"),
        (503, 503, "Try again later"),
        (400, 12345, "docs/api/errors/12345"),
        (400, 400, "The Console may say why"),
    ],
)
def test_a_refusal_of_a_list_or_of_a_record_says_what_to_do(
    twilio: ConsoleStandIn, status: int, code: int, says: str
) -> None:
    number = twilio.number("+14255550100")
    for path in ("IncomingPhoneNumbers", number["sid"]):
        twilio.fail["GET", path] = (status, code)
    of_a_list = failure(account(twilio))
    with account(twilio) as asked, pytest.raises(ConsoleError) as of_a_record:
        asked.ask(lambda account: account.incoming_phone_numbers(number["sid"]).fetch())
    assert str(of_a_list) == str(of_a_record.value)
    assert says in str(of_a_list)
    assert of_a_list.unsure is (status >= 500)


@pytest.mark.parametrize("code", [21230, 21231, 21232, 21240, 21402])
def test_a_refusal_of_what_is_written_has_words_of_its_own(code: int) -> None:
    error = refusal(400, code)
    assert f"error {code}" in str(error)
    assert "HTTP" not in str(error)
    assert not error.unsure


def test_the_second_token_is_used_where_the_first_was_rotated_out(twilio: ConsoleStandIn) -> None:
    twilio.number("+14255550100")
    with account(twilio, OLD_TOKEN, TOKEN) as asked:
        assert len(every_number(asked)) == 1
        assert len(every_number(asked)) == 1
    assert len(twilio.asked) == 3  # the old one was tried once


def test_two_wrong_tokens_are_wrong_credentials(twilio: ConsoleStandIn) -> None:
    assert failure(account(twilio, OLD_TOKEN, "another")).refused


def test_a_key_is_asked_with_itself(twilio: ConsoleStandIn) -> None:
    twilio.keys = {"SK1": "secret"}
    with account(twilio) as asked:
        assert asked.ask_with_key("SK1", "secret", lambda account: account.applications.list(limit=1)) == []
        with pytest.raises(ConsoleError):
            asked.ask_with_key("SK1", "wrong", lambda account: account.applications.list(limit=1))
    assert twilio.asked[0] == Asked("GET", "Applications", {"PageSize": "1"})


def test_silence_is_told_and_may_have_done_something(twilio: ConsoleStandIn) -> None:
    twilio.wait[NUMBERS] = 1.0
    error = failure(account(twilio, timeout=0.2))
    assert "in time" in str(error)
    assert error.unsure


def test_a_connection_that_breaks_may_have_done_something(twilio: ConsoleStandIn) -> None:
    twilio.deaf.add(NUMBERS)
    error = failure(account(twilio))
    assert "cannot be reached" in str(error)
    assert error.unsure


def test_no_connection_has_done_nothing(twilio: ConsoleStandIn) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        twilio.url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        error = failure(account(twilio))
    assert "cannot be reached" in str(error)
    assert not error.unsure


@pytest.mark.parametrize(
    "raw",
    [
        (200, "<html>sign in to the hotel's network</html>"),
        (200, "[]"),
        (200, "{}"),
        (200, '{"incoming_phone_numbers": 7, "page": 0}'),
        (200, '{"incoming_phone_numbers": [7], "page": 0}'),
        (302, ""),
        (502, "<html>a proxy</html>"),
    ],
)
def test_what_is_not_twilio_is_never_a_stack_trace(twilio: ConsoleStandIn, raw: tuple[int, str]) -> None:
    twilio.raw = raw
    assert str(failure(account(twilio))).endswith(".")


@pytest.mark.parametrize(
    ("region", "edge", "host"),
    [
        ("", "", "api.twilio.com"),
        ("ie1", "dublin", "api.dublin.ie1.twilio.com"),
        ("", "evil.example/", "api.twilio.com"),
        ("evil.example/x?", "", "api.twilio.com"),
        ("evil.example:80#", "dublin@", "api.twilio.com"),
    ],
)
def test_no_variable_can_send_the_credentials_to_anybody_but_twilio(
    monkeypatch: pytest.MonkeyPatch, region: str, edge: str, host: str
) -> None:
    monkeypatch.setenv("TWILIO_REGION", region)
    monkeypatch.setenv("TWILIO_EDGE", edge)
    asked = []

    class Client:
        def request(self, method: str, url: str, **_: object) -> None:
            asked.append((method, url))
            raise OSError

    with pytest.raises(ConsoleError, match="not Twilio"):
        Account(ACCOUNT, [TOKEN], http_client=Client()).ask(lambda account: account.fetch())
    assert asked == [("GET", f"https://{host}/2010-04-01/Accounts/{ACCOUNT}.json")]


def test_a_bundle_of_certificates_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nonexistent")
    monkeypatch.setenv("NO_PROXY", "*")
    with pytest.raises(ConsoleError, match="REQUESTS_CA_BUNDLE names are not there"):
        Account(ACCOUNT, [TOKEN]).ask(lambda account: account.fetch())  # goes out nowhere: Requests looks first
