import logging

import pytest
from prometheus_client import CollectorRegistry

from bot.call.reports import AssistantWords, CallerWords, KeysPressed, Report, ToolUsed, Trouble
from bot.metrics import CallMetrics
from bot.record import record

SAID: list[Report] = [CallerWords("q", "My name is Ann."), AssistantWords("a", "Hello Ann!", "How")]


def logged(caplog: pytest.LogCaptureFixture, *reports: Report, words: bool = False) -> str:
    with caplog.at_level(logging.DEBUG):
        for report in reports:
            record("CA1", report, CallMetrics(CollectorRegistry()), words=words)
    return caplog.text


def test_what_is_said_is_logged_only_where_the_persona_lets_it(caplog: pytest.LogCaptureFixture) -> None:
    assert "Ann" not in logged(caplog, *SAID)
    text = logged(caplog, *SAID, words=True)
    assert "call=CA1 caller: My name is Ann." in text
    assert "call=CA1 assistant: Hello Ann!" in text


def test_keys_are_never_logged(caplog: pytest.LogCaptureFixture) -> None:
    assert "4711" not in logged(caplog, KeysPressed("4711"), words=True)


def test_tools_and_trouble_are_logged_with_the_calls_id(caplog: pytest.LogCaptureFixture) -> None:
    text = logged(caplog, ToolUsed("order_status", "ok"), Trouble("asked_again"))
    assert "call=CA1 tool 'order_status': ok" in text
    assert "call=CA1 asked_again" in text


def test_nobody_but_us_writes_a_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    forged = "First:\n2026 INFO call=CA2 ended\r\N{LINE SEPARATOR}\x1b[2J"
    said: list[Report] = [CallerWords("q", forged), AssistantWords("a", forged), Trouble("service_error", forged)]
    logged(caplog, *said, words=True)
    lines = [record.getMessage() for record in caplog.records]
    assert [len(line.splitlines()) for line in lines] == [1, 1, 1]
    assert not any("\x1b" in line for line in lines)
