"""MCP servers as a client of the engine sees them."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import msgspec
import pytest

from bot.engine.asking import ask_server
from bot.engine.parts import ServerCall, Tool
from bot.engine.protocol import Session
from bot.engine.scripted import LevelDetector, ScriptedParts, ScriptedServer
from bot.engine.work import CallServer, ListTools, Output, Respond, Send
from bot.errors import EngineError

SERVER = {
    "type": "mcp",
    "server_label": "orders",
    "server_url": "https://tools.example.com/mcp",
    "headers": {"Authorization": "a secret"},
}
FIND = ServerCall("orders", "find", '{"number": 1}')


class Client:
    """Somebody who talks to one session of the engine."""

    def __init__(self, **server: object) -> None:
        self.session = Session(LevelDetector(), model="m", now=0, lifetime=60, rng=Random(1))  # noqa: S311 - ids
        self.work: list[Output] = []
        self.sent: list[dict[str, Any]] = []
        self.send("session.update", session={"tools": [{**SERVER, **server}]})

    def take(self, outputs: Sequence[Output]) -> None:
        self.sent += [output.event for output in outputs if isinstance(output, Send)]
        self.work += [output for output in outputs if not isinstance(output, Send)]

    def send(self, kind: str, **fields: object) -> None:

        self.take(self.session.receive(msgspec.json.encode({"type": kind, **fields}).decode()))

    def asked[T: Output](self, kind: type[T]) -> T:
        found = [output for output in self.work if isinstance(output, kind)]
        return found[-1]

    def kinds(self) -> list[str]:
        return [str(event["type"]) for event in self.sent]

    def of(self, kind: str) -> dict[str, Any]:
        return [event for event in self.sent if event["type"] == kind][-1]

    def listed(self, *names: str) -> None:
        tools = [Tool(name, f"{name}s things", {"type": "object"}) for name in names]
        self.take(self.session.tools_listed(self.asked(ListTools).item_id, tools))

    def model_calls(self, call: ServerCall) -> None:
        self.send("response.create")
        response_id = self.asked(Respond).response_id
        self.take(self.session.calls_server(response_id, call))
        self.take(self.session.finished(response_id))

    def approve(self, approve: bool) -> None:
        answer = {"type": "mcp_approval_response", "approval_request_id": self.request_id(), "approve": approve}
        self.send("conversation.item.create", item=answer)

    def request_id(self) -> str:
        items = [event["item"] for event in self.sent if event["type"] == "response.output_item.done"]
        [request] = [item for item in items if item["type"] == "mcp_approval_request"]
        return str(request["id"])


def test_a_server_is_listed_and_its_headers_are_shown_to_nobody() -> None:
    client = Client(allowed_tools=["find"])
    assert client.kinds()[-2:] == ["session.updated", "mcp_list_tools.in_progress"]
    client.listed("find", "cancel")
    assert client.kinds()[-2:] == ["conversation.item.created", "mcp_list_tools.completed"]
    item = client.of("conversation.item.created")["item"]
    assert item["server_label"] == "orders"
    assert [tool["name"] for tool in item["tools"]] == ["find"]
    assert "a secret" not in str(client.sent)


def test_a_server_that_cannot_be_reached_is_a_list_that_failed() -> None:
    client = Client()
    client.take(client.session.server_failed(client.asked(ListTools).item_id, "nobody there"))
    assert client.kinds()[-1] == "mcp_list_tools.failed"


def test_without_a_word_on_approval_the_client_is_asked_and_a_yes_calls_the_tool() -> None:
    client = Client()
    client.listed("find")
    client.model_calls(FIND)
    assert client.kinds()[-1] == "response.done"
    assert not any(isinstance(output, CallServer) for output in client.work)
    client.approve(True)
    called = client.asked(CallServer)
    assert (called.label, called.name, called.arguments) == ("orders", "find", '{"number": 1}')
    assert client.kinds()[-1] == "response.mcp_call.in_progress"
    assert client.session.lines() == []  # nothing to speak of yet
    client.take(client.session.server_answered(called.item_id, "It is on its way."))
    assert client.kinds()[-2:] == ["response.mcp_call.completed", "response.output_item.done"]
    done = client.of("response.output_item.done")["item"]
    assert (done["output"], done["approval_request_id"]) == ("It is on its way.", client.request_id())
    [line] = client.session.lines()
    assert (line.role, line.text, line.name) == ("tool", "It is on its way.", "find")


def test_a_no_calls_nothing_and_the_model_is_told() -> None:
    client = Client()
    client.listed("find")
    client.model_calls(FIND)
    client.approve(False)
    assert not any(isinstance(output, CallServer) for output in client.work)
    [line] = client.session.lines()
    assert "may not be used" in line.text


def test_a_question_is_answered_once_and_one_that_was_not_asked_never() -> None:
    client = Client()
    client.listed("find")
    client.model_calls(FIND)
    client.approve(True)
    client.approve(True)
    assert client.of("error")["error"]["code"] == "invalid_approval_request_id"
    assert len([output for output in client.work if isinstance(output, CallServer)]) == 1


@pytest.mark.parametrize(
    ("rule", "asks"),
    [
        ("always", True),
        ("never", False),
        ({"never": ["find"]}, False),
        ({"never": ["cancel"]}, True),
        ({"always": ["find"]}, True),
    ],
)
def test_who_is_asked_is_the_servers_rule(rule: object, asks: bool) -> None:
    client = Client(require_approval=rule)
    client.listed("find")
    client.model_calls(FIND)
    assert any(isinstance(output, CallServer) for output in client.work) is not asks


def test_a_tool_that_there_is_not_fails_without_anybody_being_called() -> None:
    client = Client(require_approval="never")
    client.listed("cancel")
    client.model_calls(FIND)
    assert client.of("response.mcp_call.failed")
    assert not any(isinstance(output, CallServer) for output in client.work)
    assert "no such tool" in client.session.lines()[-1].text


def test_an_answer_that_comes_late_is_the_last_line() -> None:
    client = Client(require_approval="never")
    client.listed("find")
    client.model_calls(FIND)
    said = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello?"}]}
    client.send("conversation.item.create", item=said)
    client.take(client.session.server_answered(client.asked(CallServer).item_id, "Here."))
    assert [line.text for line in client.session.lines()] == ["Hello?", "Here."]


def test_the_same_server_is_not_asked_twice_what_it_offers() -> None:
    client = Client()
    client.listed("find")
    client.send("session.update", session={"tools": [SERVER]})
    assert len([output for output in client.work if isinstance(output, ListTools)]) == 1


@pytest.mark.parametrize("item", [{}, {"approval_request_id": "x"}, {"approval_request_id": "x", "approve": "yes"}])
def test_an_answer_that_is_none_is_refused(item: dict[str, object]) -> None:
    client = Client()
    client.send("conversation.item.create", item={"type": "mcp_approval_response", **item})
    assert client.kinds()[-1] == "error"


async def test_a_server_that_fails_or_hangs_costs_one_call_and_no_more() -> None:
    def broken(name: str, arguments: str) -> str:
        raise {"ours": EngineError("down"), "any": ValueError("a secret")}[name]

    parts = ScriptedParts(servers={"orders": ScriptedServer(["find"], broken)})
    for name, error in (("ours", "down"), ("any", "the server failed")):
        client = Client(require_approval="never")
        client.listed(name)
        client.model_calls(ServerCall("orders", name))
        client.take(await ask_server(parts, client.session, client.asked(CallServer), 1.0))
        assert error in client.session.lines()[-1].text
        assert "a secret" not in str(client.sent)


async def test_an_engine_without_servers_says_so() -> None:
    client = Client()
    client.take(await ask_server(ScriptedParts(), client.session, client.asked(ListTools), 1.0))
    assert client.kinds()[-1] == "mcp_list_tools.failed"
