"""Follows the bot's own reports of a call, where it offers them, for the transcript."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

import aiohttp

_AGAIN_AFTER = 0.25
_LONGEST_LINE = 64 * 1024


async def follow(
    http: aiohttp.ClientSession,
    url: str,
    headers: dict[str, str],
    note: Callable[[str, str], object],
    sleep: Callable[[float], Awaitable[object]],
) -> None:
    """Read reports from `url`, one JSON object a line, until they end. A bot without them is left alone."""
    while True:
        try:
            async with http.get(url, headers=headers, timeout=aiohttp.ClientTimeout(total=None)) as answer:
                if answer.status == 200:
                    async for line in answer.content:
                        if len(line) < _LONGEST_LINE:
                            _tell(line, note)
                    return
                if answer.status != 404:
                    return
        except (aiohttp.ClientError, OSError, ValueError):
            return
        await sleep(_AGAIN_AFTER)


def _tell(line: bytes, note: Callable[[str, str], object]) -> None:
    try:
        report = json.loads(line)
    except ValueError:
        return
    match report:
        case {"type": "StateChanged", "state": str(state), **rest}:
            message = rest.get("message")
            note("state", f"{state}: {message}" if message else state)
        case {"type": "CallerWords", "text": str(text)} if text:
            note("understood", text)
        case {"type": "AssistantWords", "heard": str(heard), **rest}:
            if heard:
                note("bot", heard)
            if unheard := rest.get("unheard"):
                note("cut", str(unheard))
        case {"type": "Interrupted", "heard_ms": heard, "sent_ms": sent}:
            note("state", f"interrupted: the assistant believes that {heard} of {sent} ms were heard")
        case {"type": "Answered", "seconds": int() | float() as seconds}:
            note("state", f"answering {seconds:.2f} s after your last word")
        case {"type": "Trouble", "code": str(code), **rest}:
            detail = rest.get("detail")
            note("trouble", f"{code}: {detail}" if detail else code)
        case _:
            pass
