from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bot.engine.chat import APOLOGY, ChatMind, messages
from bot.engine.parts import Brief, Call, Expected, Line, Say, Tool

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def mind(handler: Handler, timeout: float = 5.0) -> AsyncIterator[ChatMind]:
    app = web.Application()
    app.router.add_post("/v1/chat/completions", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    async with aiohttp.ClientSession() as http:
        yield ChatMind(http, f"http://127.0.0.1:{port}/v1", "key", "model", timeout=timeout)
    await runner.cleanup()


async def test_it_asks_with_the_conversation_and_the_tools_and_speaks_the_answer() -> None:
    asked: dict[str, Any] = {}

    async def handler(request: web.Request) -> web.StreamResponse:
        asked.update(await request.json(), key=request.headers["Authorization"])
        call = {"id": "c1", "type": "function", "function": {"name": "end_call", "arguments": "{}"}}
        return web.json_response({"choices": [{"message": {"content": " Bye! ", "tool_calls": [call]}}]})

    brief = Brief("Be brief.", (Tool("end_call", "Ends it"),))
    async with mind(handler) as chat:
        assert chat.expected(()) is Expected.FREE
        assert await chat.answer([Line("user", "bye")], brief, "Be warm.") == [
            Say("Bye!"),
            Call("c1", "end_call", "{}"),
        ]
    assert asked["key"] == "Bearer key"
    assert asked["messages"] == [
        {"role": "system", "content": "Be brief.\n\nBe warm."},
        {"role": "user", "content": "bye"},
    ]
    assert asked["tools"][0]["function"]["name"] == "end_call"


def test_tool_calls_and_their_results_are_given_back() -> None:
    lines = [
        Line("tool", "of a call cut away", "c0"),
        Line("user", "", sure=False),
        Line("assistant", '{"a":1}', "c1", "look"),
        Line("assistant", "{}", "c2", "see"),
        Line("tool", "found", "c1"),
    ]
    roles = [message["role"] for message in messages(lines, Brief(), "")]
    assert roles == ["user", "assistant", "tool"]
    assert [call["id"] for call in messages(lines, Brief(), "")[1]["tool_calls"]] == ["c1", "c2"]


@pytest.mark.parametrize(
    "body",
    [
        "no json",
        "[]",
        "{}",
        '{"choices":[]}',
        '{"choices":[{"message":{}}]}',
        '{"choices":[{"message":{"tool_calls":[1]}}]}',
    ],
)
async def test_rubbish_becomes_an_apology(body: str) -> None:
    async def handler(_request: web.Request) -> web.StreamResponse:
        return web.Response(text=body)

    async with mind(handler) as chat:
        assert await chat.answer([Line("user", "hello")], Brief()) == [Say(APOLOGY)]


@pytest.mark.parametrize("status", [302, 401, 500])
async def test_a_refusal_becomes_an_apology_and_shows_no_words_in_the_log(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text=json.dumps("my secret"), headers={"Location": "/elsewhere"})

    async with mind(handler) as chat:
        assert await chat.greet(Brief(), "") == [Say(APOLOGY)]
    assert "secret" not in caplog.text


async def test_an_endpoint_that_never_answers_becomes_an_apology() -> None:
    ended = asyncio.Event()

    async def handler(_request: web.Request) -> web.StreamResponse:
        await ended.wait()
        return web.Response()

    async with mind(handler, timeout=0.05) as chat:
        assert await chat.answer([Line("user", "hello")], Brief()) == [Say(APOLOGY)]
        ended.set()
