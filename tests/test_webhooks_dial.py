"""`voicebot dial` as a person runs it, with a stand-in for the bot."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from click.testing import CliRunner, Result

from tests.twilio_rest_stand_in import in_a_thread
from tests.webhooks_stand_ins import CALL
from webhooks import dial as module
from webhooks.dial import dial_command

KEY = "a key of more than sixteen letters"
THEIRS = "+14255550123"


class BotStandIn:
    """Places a call that comes further at every look. looks: the steps that each look shows."""

    def __init__(self, *looks: list[str], over: bool = True) -> None:
        self.looks = list(looks)
        self.over = over
        self.answer: tuple[int, Any] = (202, {"call_id": CALL})
        self.failures = 0
        self.looked = 0
        self.orders: list[dict[str, Any]] = []
        self.keys: list[str] = []

    async def place(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == f"Bearer {KEY}"
        self.orders.append(await request.json())
        self.keys.append(request.headers["Idempotency-Key"])
        status, body = self.answer
        return web.json_response(body, status=status) if status != 302 else web.Response(status=302, headers=body)

    async def look(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == f"Bearer {KEY}"
        assert request.match_info["call"] == CALL
        self.looked += 1
        if self.failures:
            self.failures -= 1
            return web.Response(status=502, text="<html>a proxy</html>")
        last = len(self.looks) == 1
        steps = self.looks[0] if last else self.looks.pop(0)
        return web.json_response({"call_id": CALL, "steps": steps, "over": self.over and last})

    @contextmanager
    def answering(self) -> Iterator[str]:
        app = web.Application()
        app.router.add_post("/bot/calls", self.place)
        app.router.add_get("/bot/calls/{call}", self.look)
        with in_a_thread(app) as url:
            yield f"{url}/bot/"


@pytest.fixture(autouse=True)
def key_and_haste(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "CALLS_KEY": KEY,
        "TWILIO_ACCOUNT_SID": "AC" + "2" * 32,
        "TWILIO_AUTH_TOKEN": "t",
        "PUBLIC_URL": "https://bot.example.com",
        "CALLER_ID": "+14255550199",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(module, "_LOOK_EVERY", 0.01)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(dial_command, arguments)


def told(result: Result) -> list[str]:
    """The lines, without their times."""
    return [re.sub(r"^ +\d+\.\d  ", "", line) for line in result.output.splitlines()]


def test_a_call_is_followed_to_its_end_and_each_step_is_told_once() -> None:
    far = ["queued", "dialling", "ringing", "answered", "human"]
    bot = BotStandIn(far[:1], far[:3], far[:3], far[:5], [*far, "completed"])
    with bot.answering() as url:
        result = run(THEIRS, "--persona", "sales", "--parameter", "order=four=4", "--url", url)
    assert result.exit_code == 0
    assert told(result) == [
        f"the call is {CALL}",
        "queued",
        "dialling",
        "ringing",
        "answered",
        "a person answered",
        "ended",
    ]
    assert bot.orders == [{"to": THEIRS, "persona": "sales", "parameters": {"order": "four=4"}}]


@pytest.mark.parametrize(
    ("steps", "last", "code"),
    [
        (["queued", "busy"], "ended: busy", 1),
        (["queued", "no-answer"], "ended: nobody answered", 1),
        (["answered", "machine", "completed"], "ended", 0),
    ],
)
def test_how_it_ended_is_told_and_is_the_exit_code(steps: list[str], last: str, code: int) -> None:
    with BotStandIn(steps).answering() as url:
        result = run(THEIRS, "--url", url)
    assert told(result)[-1] == last
    assert result.exit_code == code


def test_two_calls_are_two_requests() -> None:
    bot = BotStandIn(["completed"])
    with bot.answering() as url:
        run(THEIRS, "--url", url)
        run(THEIRS, "--url", url)
    assert len(set(bot.keys)) == 2


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (403, {"error": "Nobody is called from 21:00 to 08:00."}, "Nobody is called"),
        (401, {"error": "Authorization should be: Bearer, and CALLS_KEY."}, "CALLS_KEY"),
        (404, {}, "places no calls"),
        (500, "broken", "HTTP 500"),
        (202, {}, "HTTP 202"),
        (302, {"Location": "https://elsewhere.example"}, "HTTP 302"),
    ],
)
def test_a_refusal_is_told_as_it_is(status: int, body: object, says: str) -> None:
    bot = BotStandIn(["queued"])
    bot.answer = (status, body)
    with bot.answering() as url:
        result = run(THEIRS, "--url", url)
    assert result.exit_code == 1
    assert says in result.output


def test_a_bot_that_cannot_be_asked_for_a_moment_is_asked_again() -> None:
    bot = BotStandIn(["answered"], ["answered", "completed"])
    bot.failures = 4
    with bot.answering() as url:
        assert run(THEIRS, "--url", url).exit_code == 0


def test_a_bot_that_is_lost_is_given_up() -> None:
    bot = BotStandIn(["queued"], over=False)
    bot.failures = 1000
    with bot.answering() as url:
        result = run(THEIRS, "--url", url)
    assert result.exit_code == 1
    assert "HTTP 502" in result.output
    assert bot.looked == 5


def test_a_bot_that_does_not_run_is_a_sentence() -> None:
    with BotStandIn(["queued"]).answering() as url:
        pass
    result = run(THEIRS, "--url", url)
    assert result.exit_code == 1
    assert "voicebot serve" in result.output


def test_without_a_key_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CALLS_KEY")
    result = run(THEIRS)
    assert result.exit_code == 2
    assert "CALLS_KEY is missing" in result.output


def test_on_another_machine_the_key_is_all_it_takes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("CALLS_KEY", "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "PUBLIC_URL", "CALLER_ID"):
        monkeypatch.delenv(name)
    (tmp_path / ".env").write_text(f"CALLS_KEY={KEY}\n")
    with BotStandIn(["queued", "answered", "completed"]).answering() as url:
        assert run(THEIRS, "--url", url).exit_code == 0


@pytest.mark.parametrize("key", ["a key\nX-Header: 1", "Schlüssel-mit-Umlaut"])
def test_a_key_that_no_header_can_hold_is_told(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("CALLS_KEY", key)
    result = run(THEIRS)
    assert result.exit_code == 2
    assert "CALLS_KEY should be" in result.output
    assert key not in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        ["--url", "http://bot.example.com"],
        ["--url", "bot.example.com"],
        ["--url", "http://[::1"],
        ["--url", "https://bot.example.com?x=1"],
        ["--parameter", "order"],
    ],
)
def test_a_wrong_option_is_told_before_anything_is_asked(arguments: list[str]) -> None:
    assert run(THEIRS, *arguments).exit_code == 2


def test_the_key_is_never_shown() -> None:
    with BotStandIn(["completed"]).answering() as url:
        assert KEY not in run(THEIRS, "--url", url).output
