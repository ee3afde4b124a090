"""Tools for the whole conversations of `test_tool_calls.py`: one that behaves, and some that do not."""

from __future__ import annotations

import asyncio

from bot.tools import tool


@tool
async def stock(what: str) -> str:
    """Look up how many of something there are.

    Args:
        what: What the caller asks for.
    """
    await asyncio.sleep(0.3)
    return f"There are 3 {what}."


@tool
async def slow_stock() -> str:
    """Look it up, and take six seconds."""
    await asyncio.sleep(6)
    return "There are 3 at last."


@tool
def raises() -> str:
    """Fail."""
    raise RuntimeError("the password is swordfish")


@tool(seconds=3)
async def hangs() -> str:
    """Never answer."""
    await asyncio.Event().wait()
    return "never"


@tool
def megabyte() -> str:
    """Answer with far too much."""
    return "x" * 1_000_000
