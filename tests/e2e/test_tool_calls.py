"""Whole conversations in which the assistant uses tools, and in which tools and models misbehave. In virtual time."""

from __future__ import annotations

import json
import logging

import pytest

from bot.engine.parts import Call, ServerCall
from bot.engine.scripted import ScriptedParts, ScriptedServer
from bot.errors import EngineError
from bot.simulator import Line, PhoneCall, listen
from tests.e2e.house import House, conversing, spoken
from tests.e2e.manners import Answers, answering, items, manners, speech

pytestmark = pytest.mark.virtual_time

TOOLS = """
modules = ["tests.e2e.tools", "examples.order_status"]

[personas.shop]
default = true
greeting = "Hello!"
tools = ["stock", "slow_stock", "raises", "hangs", "megabyte", "cancel_order", "end_call"]
tool_seconds = 8.0
"""
MCP = """
[personas.shop]
default = true
greeting = "Hello!"

[[personas.shop.mcp]]
label = "orders"
url = "https://tools.example.com/mcp"
approval = ["find_order"]
"""
FOUND = "They say: it is on its way."


def outputs(house: House, session: int = -1) -> list[str]:
    """What tools have answered, as the service was told."""
    made = items(house.asked("conversation.item.create", session))
    return [str(item["output"]) for item in made if item["type"] == "function_call_output"]


async def ask(house: House, *steps: bytes | str, hold: float = 1.0) -> PhoneCall:
    call = await house.call(conversing(speech(), *steps, hold=hold))
    assert call.ended_by == "caller", call.transcript
    return call


async def test_a_tool_is_called_and_its_answer_spoken() -> None:
    table: Answers = {"How many": [Call("c1", "stock", '{"what": "bells"}')], "3 bells": "We have three bells."}
    parts = ScriptedParts(heard=["How many bells?"], script=answering(table))
    async with manners(parts, TOOLS) as house:
        call = await ask(house)
        assert spoken(call) == ["Hello!", "We have three bells."]
        assert outputs(house) == ["There are 3 bells."]
        assert len(house.asked("response.create")) == 2  # the greeting, and the answer
        [session] = [update["session"] for update in house.asked("session.update")]
        assert isinstance(session, dict)
        assert session["tools"][0]["parameters"]["properties"]["what"]["description"] == "What the caller asks for."


async def test_calls_in_parallel_are_all_answered_before_the_model_speaks() -> None:
    calls = [Call("c1", "slow_stock"), Call("c2", "stock", '{"what": "bells"}'), Call("c3", "raises")]
    parts = ScriptedParts(heard=["All?"], script=answering({"All?": calls, "at last": "Three of each."}))
    async with manners(parts, TOOLS) as house:
        call = await ask(house, hold=8)
        assert spoken(call)[-1] == "Three of each."
        assert sorted(outputs(house)) == ["Error: the tool failed.", "There are 3 at last.", "There are 3 bells."]
        kinds = [str(event["type"]) for event in house.engine.records[-1]]
        last_output = max(at for at, kind in enumerate(kinds) if kind == "conversation.item.create")
        assert [kind for kind in kinds[last_output:] if kind == "response.create"] == ["response.create"]


async def test_a_tool_that_takes_long_is_bridged_by_a_word() -> None:
    parts = ScriptedParts(
        heard=["Slow?"], script=answering({"Slow?": [Call("c1", "slow_stock")], "at last": "Three."})
    )
    async with manners(parts, TOOLS) as house:
        call = await ask(house, hold=8)
        said = spoken(call)
        assert said[0] == "Hello!"
        assert "One moment, please." in said[1:-1]
        assert said[-1] == "Three."


@pytest.mark.parametrize(
    ("tool", "arguments", "told"),
    [
        ("raises", "{}", "Error: the tool failed."),
        ("hangs", "{}", "Error: the tool did not answer within 3 seconds."),
        ("megabyte", "{}", "the whole has 1000000 characters"),
        ("stock", "bells, please", "Error: wrong arguments"),
        ("stock", '{"what": 7, "colour": "red"}', "Error: wrong arguments"),
        ("stock", "[" * 5000, "Error: wrong arguments"),
        ("order_status", '{"number": "1"}', "Error: there is no such tool."),
        ("os.system", "{}", "Error: there is no such tool."),
    ],
    ids=["raises", "hangs", "a megabyte", "no JSON", "wrong", "brackets", "not offered", "made up"],
)
async def test_a_tool_that_misbehaves_costs_a_sentence_and_not_the_call(
    tool: str, arguments: str, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    table: Answers = {"Try it.": [Call("c1", tool, arguments)], told: "That did not work.", "Still": "Yes, I am."}
    parts = ScriptedParts(heard=["Try it.", "Still there?"], script=answering(table))
    async with manners(parts, TOOLS) as house:
        call = await ask(house, speech())
        assert [line for line in spoken(call) if "moment" not in line] == [
            "Hello!",
            "That did not work.",
            "Yes, I am.",
        ]
        [output] = outputs(house)
        assert told in output
        assert len(output) < 10_000
        assert "swordfish" not in output + caplog.text


# --- Digits for a tool


async def test_digits_for_a_tool_are_secret_from_the_model_and_every_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    cancel = [Call("c1", "cancel_order", json.dumps({"number": "4711"}))]
    table: Answers = {"Cancel": "Please press your PIN.", "Now": cancel, "is cancelled": "It is cancelled."}
    parts = ScriptedParts(heard=["Cancel my order.", "Now."], script=answering(table))

    async def script(line: Line) -> None:
        for _ in range(2):
            await line.until_finished()
            await line.say(speech())
        await line.wait(2)  # the tool waits for its keys, and nobody speaks
        line.press("2580")
        await line.until_finished()

    async with manners(parts, TOOLS, voice_live_verbose=True) as house:
        call = await house.call(script)
        assert spoken(call)[-1] == "It is cancelled."
        assert outputs(house) == ["Order 4711 is cancelled."]
        assert "2580" not in str(house.engine.records[-1])
    assert caplog.records
    assert not any("2580" in record.getMessage() for record in caplog.records)


# --- MCP servers


def orders(name: str, arguments: str) -> str:
    if name == "find_order":
        return f"Order {json.loads(arguments)['number']} is on its way."
    raise EngineError("the order system is down")


def server(delay: float = 0.0) -> ScriptedServer:
    return ScriptedServer(["find_order", "cancel_order"], orders, delay)


def mcp_parts(played: ScriptedServer, tool: str) -> ScriptedParts:
    call = [ServerCall("orders", tool, '{"number": "4711"}')]
    table: Answers = {
        "my order": call,
        "on its way": FOUND,
        "not be used": "I may not do that.",
        "Error": "It failed.",
    }
    return ScriptedParts(heard=["Where is my order?"], script=answering(table), servers={"orders": played})


async def test_an_mcp_tool_that_the_persona_approves_is_called_and_spoken_of() -> None:
    played = server()
    async with manners(mcp_parts(played, "find_order"), MCP) as house:
        call = await ask(house)
        assert played.called == [("find_order", '{"number": "4711"}')]
        assert spoken(call) == ["Hello!", FOUND]
        [answer] = items(house.asked("conversation.item.create"))
        assert answer["type"] == "mcp_approval_response"
        assert answer["approve"] is True


async def test_an_mcp_tool_that_is_not_approved_is_not_called_and_the_caller_hears_so() -> None:
    played = server()
    async with manners(mcp_parts(played, "cancel_order"), MCP) as house:
        call = await ask(house)
        assert not played.called
        assert spoken(call) == ["Hello!", "I may not do that."]


async def test_an_mcp_tool_that_takes_long_is_bridged_by_a_word() -> None:
    async with manners(mcp_parts(server(delay=6.0), "find_order"), MCP) as house:
        call = await ask(house, hold=8)
        said = spoken(call)
        assert "One moment, please." in said[1:-1]
        assert said[-1] == FOUND


async def test_an_mcp_tool_that_fails_is_owned_up_to() -> None:
    always = MCP.replace('["find_order"]', '"always"')
    async with manners(mcp_parts(server(), "cancel_order"), always) as house:
        call = await ask(house)
        assert spoken(call) == ["Hello!", "It failed."]


async def test_what_an_mcp_server_is_told_of_us_is_in_no_log(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("ORDERS_AUTHORIZATION", "Bearer swordfish")
    with_key = MCP + 'headers = { Authorization = "ORDERS_AUTHORIZATION" }\n'
    async with manners(mcp_parts(server(), "find_order"), with_key, voice_live_verbose=True) as house:
        await ask(house)
        assert "swordfish" in str(house.asked("session.update"))
    ours = [record.getMessage() for record in caplog.records if record.name.startswith(("bot.", "webhooks."))]
    assert ours
    assert not any("swordfish" in message for message in ours)


async def test_an_engine_that_reaches_no_mcp_server_talks_without_it() -> None:
    parts = ScriptedParts(heard=["Where is my order?"], answers=["I cannot look."])
    async with manners(parts, MCP) as house:
        call = await ask(house)
        assert spoken(call) == ["Hello!", "I cannot look."]


async def test_a_call_without_words_uses_no_tool() -> None:
    async with manners(personas=TOOLS) as house:
        await house.call(listen)
        assert not outputs(house)
