"""axe-core, run in a page: what it finds that keeps somebody from using it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

_SCRIPT = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"


@cache
def _source() -> str:
    if not _SCRIPT.is_file():
        pytest.fail("The accessibility tests need axe-core, and found none: run `npm ci`.", pytrace=False)
    return _SCRIPT.read_text()


async def violations(page: Page, *, only: str = "") -> list[str]:
    """What axe-core finds, a few lines for each, by every rule that it has on by itself, or by `only` one."""
    if not await page.evaluate("typeof axe === 'object'"):
        await page.evaluate(_source())  # not by a script element: the page's own policy forbids it
    options = {"resultTypes": ["violations"]} | ({"runOnly": [only]} if only else {})
    found: dict[str, Any] = await page.evaluate("(options) => axe.run(document, options)", options)
    return [_in_words(violation) for violation in found["violations"]]


def _in_words(violation: dict[str, Any]) -> str:
    places = "\n".join(f"  {node['html']}\n    {node['failureSummary']}" for node in violation["nodes"][:5])
    return f"{violation['id']} ({violation['impact']}): {violation['help']}\n{places}"
