"""A mind behind an OpenAI-compatible address, in place of the script, where a person has one."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from typing import Any

import aiohttp

from bot.engine.parts import Brief, Call, Expected, Line, Reply, Say

_log = logging.getLogger("bot.engine.chat")

APOLOGY = "I am sorry, I cannot think right now. Please try again in a moment."
_SECONDS = 3.0  # the caller waits; an apology in time is better than an answer too late
_LARGEST_ANSWER = 1 << 20
_LINES = 60
"""How much of the conversation is sent: the last of it."""


class ChatMind:
    """A `Mind` that asks `endpoint`/chat/completions. It keeps nothing; the HTTP session is the owner's."""

    def __init__(
        self, http: aiohttp.ClientSession, endpoint: str, key: str, model: str, *, timeout: float = _SECONDS
    ) -> None:
        self._http = http
        self._address = f"{endpoint.rstrip('/')}/chat/completions"
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._model = model
        self._timeout = timeout

    def expected(self, conversation: Sequence[Line]) -> Expected:
        """Any sentence at all."""
        return Expected.FREE

    async def greet(self, brief: Brief, hint: str) -> list[Reply]:
        """Have the model greet."""
        return await self.answer((), brief, hint or "Greet the caller.")

    async def answer(self, conversation: Sequence[Line], brief: Brief, hint: str = "") -> list[Reply]:
        """Ask the model; an apology where it cannot be had."""
        try:
            async with asyncio.timeout(self._timeout):
                return _replies(await self._ask(conversation, brief, hint))
        except (aiohttp.ClientError, TimeoutError, ValueError, OSError) as error:
            # Never the text of the error: some servers repeat what was sent to them.
            _log.warning("the chat endpoint does not answer: %s", type(error).__name__)
            return [Say(APOLOGY)]

    async def _ask(self, conversation: Sequence[Line], brief: Brief, hint: str) -> object:
        request: dict[str, Any] = {"model": self._model, "messages": messages(conversation, brief, hint)}
        if brief.tools:
            request["tools"] = [
                {
                    "type": "function",
                    "function": {
                        "name": tool.name,
                        "description": tool.description,
                        "parameters": dict(tool.parameters) or {"type": "object", "properties": {}},
                    },
                }
                for tool in brief.tools
            ]
        async with self._http.post(
            self._address, json=request, headers=self._headers, allow_redirects=False
        ) as response:
            response.raise_for_status()
            if response.status != 200:
                raise ValueError("the answer is not 200")
            body = await response.content.read(_LARGEST_ANSWER)
        answer: object = json.loads(body)
        return answer


def messages(conversation: Sequence[Line], brief: Brief, hint: str) -> list[dict[str, Any]]:
    """The conversation as the chat format has it."""
    made: list[dict[str, Any]] = []
    for line in conversation[-_LINES:]:
        if line.role == "assistant" and line.call_id:
            call = {"id": line.call_id, "type": "function", "function": {"name": line.name, "arguments": line.text}}
            if made and made[-1]["role"] == "assistant" and "tool_calls" in made[-1]:
                made[-1]["tool_calls"].append(call)
            else:
                made.append({"role": "assistant", "content": None, "tool_calls": [call]})
        elif line.role == "tool":
            made.append({"role": "tool", "tool_call_id": line.call_id, "content": line.text})
        else:
            text = line.text if line.text or line.role != "user" else "(nothing was understood)"
            made.append({"role": line.role, "content": text})
    while made and made[0]["role"] == "tool":  # its call was cut away, and the format wants both
        del made[0]
    system = "\n\n".join(part for part in (brief.instructions, hint) if part)
    return [{"role": "system", "content": system}, *made] if system else made


def _replies(answer: object) -> list[Reply]:
    """Read an answer. ValueError where it is none."""
    if not isinstance(answer, dict):
        raise ValueError("the answer is not a chat completion")
    try:
        message = answer["choices"][0]["message"]
        replies: list[Reply] = []
        text = message.get("content")
        if isinstance(text, str) and text.strip():
            replies.append(Say(text.strip()))
        for call in message.get("tool_calls") or ():
            function = call["function"]
            replies.append(Call(str(call["id"]), str(function["name"]), str(function.get("arguments") or "{}")))
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError("the answer is not a chat completion") from error
    if not replies:
        raise ValueError("the answer says nothing")
    return replies
