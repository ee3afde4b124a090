"""The live view of several workers: their calls are in one list, and an operator's hand reaches each of them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.chromium import Chromium
from tests.e2e.test_workers import Caller, crew_of

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_an_operator_hangs_up_on_the_callers_of_every_worker(chromium: Chromium, tmp_path: Path) -> None:
    async with crew_of(tmp_path) as crew, chromium.visit("") as visit:
        page = visit.page
        await page.goto(crew.url + "/calls")
        callers = [Caller(crew) for _ in range(2)]
        for caller in callers:
            await caller.talking()
        rows = page.locator("tr[data-call-id]")
        await expect(rows).to_have_count(2)
        for number in range(2):
            await rows.nth(number).click()
            await expect(page.locator(".transcript")).to_contain_text("Hello! How can I help you?")
            await page.get_by_role("button", name="Hang up").click()
            await page.get_by_role("dialog").get_by_role("button", name="Hang up").click()
            await expect(rows.nth(number)).to_contain_text("Hung up")
        for caller in callers:
            assert (await asyncio.wait_for(caller.task, 20)).ended_by == "bot"
