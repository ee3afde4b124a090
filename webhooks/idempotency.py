"""Requests with an `Idempotency-Key`: sent twice, they are done once."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import replace
from typing import Any

from webhooks.dial_rules import Answer, refusal

MOST_REMEMBERED = 1000
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


class Answers:
    """The answers that bind us, by key; the oldest are forgotten. tasks: owns what is being done.

    A refusal binds nobody and is not kept: the same request may go through later.
    """

    def __init__(self, tasks: asyncio.TaskGroup) -> None:
        self._tasks = tasks
        self._asked: dict[str, tuple[Hashable, asyncio.Task[Answer]]] = {}

    async def once(self, key: str, asked: Hashable, do: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
        """Do it, to its end even where whoever asked goes away, or give the first answer. do: never raises.

        key: empty for none. asked: what the request says; the same key with another request is refused.
        """
        if not key:
            return await asyncio.shield(self._tasks.create_task(do()))
        if not _KEY.fullmatch(key):
            return refusal(400, "key", "Idempotency-Key should be 1 to 255 printable ASCII characters, no blanks.")
        if key in self._asked:
            before, doing = self._asked[key]
            if before != asked:
                return refusal(422, "key", "This Idempotency-Key was used for another request. Take a new one.")
            return replace(await asyncio.shield(doing), how="repeated")
        doing = self._tasks.create_task(self._keep(key, do))
        while len(self._asked) >= MOST_REMEMBERED:
            del self._asked[next(iter(self._asked))]
        self._asked[key] = (asked, doing)
        return await asyncio.shield(doing)

    async def _keep(self, key: str, do: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
        answer = await do()
        if not answer.binding:
            self._asked.pop(key, None)
        return answer
