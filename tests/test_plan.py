import logging
from pathlib import Path

import pytest

from bot.call.commands import RunTool
from bot.call.events import CallerFacts
from bot.errors import SettingsError
from bot.plan import Planner
from bot.settings import load_settings

FILE = """
modules = ["orders_of_this_test"]

[personas.reception]
default = true
greeting = "Hello {caller}!"
tools = ["end_call", "transfer_call", "pin"]
tool_seconds = 3.0
idle_seconds = 7.0
digits = { pause = 2.0, length = 4, secret = true }
sentences = { moment = "Just a second." }

[personas.reception.transfer.desk]
to = "+14255550100"
warm = true

[personas.sales]
numbers = ["+14255550199"]
tools = []
"""
TOOLS = '''
from bot.tools import Digits, DigitsWanted, tool

@tool(digits=DigitsWanted(length=6, secret=True))
def pin(given: Digits) -> str:
    """Check a PIN."""
    return f"{len(given)} keys"
'''
CALL = CallerFacts("CA1", "+14255550123", "+14255550111")


def planner(folder: Path, text: str = FILE) -> Planner:
    (folder / "voicebot.toml").write_text(text, encoding="utf-8")
    (folder / "orders_of_this_test.py").write_text(TOOLS, encoding="utf-8")
    settings = load_settings(
        {"persona_file": str(folder / "voicebot.toml"), "answer_seconds": 5.0, "env_file": None}, env_file=None
    )
    return Planner.of(settings, watch=lambda name, outcome, seconds: None)


def test_a_plan_says_who_answers_how_and_with_which_tools(tmp_path: Path) -> None:
    plan = planner(tmp_path).plan(CALL)
    assert plan.persona.name == "reception"
    assert plan.policy.greeting == "Hello +14255550123!"
    assert [tool.name for tool in plan.tools] == ["end_call", "transfer_call", "pin"]
    policy = plan.policy
    assert (policy.longest_silence, policy.idle_after, policy.digits.length) == (5.0, 7.0, 4)
    assert policy.phrases.moment == "Just a second."
    assert policy.targets["desk"].warm
    assert policy.tool_digits["pin"].length == 6
    assert policy.may == {"end_call", "transfer_call"}


def test_an_assistant_may_do_only_what_its_persona_offers(tmp_path: Path) -> None:
    plan = planner(tmp_path).plan(CallerFacts("CA1", "", "+14255550199"))
    assert plan.persona.name == "sales"
    assert plan.tools == ()
    assert not plan.policy.may


def test_a_call_without_a_telephone_network_is_planned_so(tmp_path: Path) -> None:
    assert not planner(tmp_path).plan(CallerFacts("CA1", transferable=False)).policy.telephone


def test_a_call_out_has_the_persona_that_was_asked_for_or_the_default(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plans = planner(tmp_path)
    assert plans.plan(CALL, "sales").persona.name == "sales"
    assert plans.plan(CALL, "gone").persona.name == "reception"
    assert "call=CA1 there is no persona 'gone'" in caplog.text


def test_a_tool_that_the_file_names_later_waits_for_a_restart(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plans = planner(tmp_path)
    (tmp_path / "voicebot.toml").write_text(FILE.replace('"pin"]', '"pin", "later"]'), encoding="utf-8")
    with caplog.at_level(logging.ERROR):
        plan = plans.plan(CALL)
    assert "later" not in [tool.name for tool in plan.tools]
    assert "no such tools until a restart: later" in caplog.text


def test_a_file_that_names_a_tool_that_is_none_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="later"):
        planner(tmp_path, FILE.replace('"pin"]', '"pin", "later"]'))


def test_a_file_that_is_named_and_not_there_stops_the_start(tmp_path: Path) -> None:
    settings = load_settings({"persona_file": str(tmp_path / "none.toml")}, env_file=None)
    with pytest.raises(SettingsError, match=r"none\.toml"):
        Planner.of(settings, watch=lambda name, outcome, seconds: None)


def test_without_a_file_the_settings_say_who_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load_settings({"voice_live_greeting": "Hi {there}!"}, env_file=None)
    plan = Planner.of(settings, watch=lambda name, outcome, seconds: None).plan(CALL)
    assert plan.policy.greeting == "Hi {there}!"
    assert [tool.name for tool in plan.tools] == ["end_call"]


async def test_a_tool_gets_its_keys_and_a_stranger_is_told_so(tmp_path: Path) -> None:
    plans = planner(tmp_path)
    tools = plans.tools(plans.plan(CALL))
    finished = await tools.run(RunTool("c1", "pin", "{}", "471147"))
    assert (finished.call_id, finished.output, finished.outcome) == ("c1", "6 keys", "ok")
    unknown = await tools.run(RunTool("c2", "rm", "{}"))
    assert unknown.outcome == "failed"
