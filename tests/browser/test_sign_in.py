"""Away from loopback, behind a load balancer that ends TLS: the secret lets in, and calls work with it."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from bot.engine.scripted import ScriptedParts
from tests.browser.callers import Callers
from tests.browser.chromium import Chromium
from tests.browser.houses import house_of, nothing_left
from tests.browser.phone import Phone
from tests.browser.proxy import load_balancer

pytestmark = pytest.mark.asyncio(loop_scope="session")

SECRET = "correct horse battery staple"
GREETING = "Hello! How can I help you?"


async def sign_in(page: Page, secret: str) -> None:
    await page.get_by_label("Secret").fill(secret)
    await page.get_by_role("button", name="Sign in").click()


async def test_without_a_secret_there_is_no_page_away_from_loopback(chromium: Chromium) -> None:
    async with house_of() as house, load_balancer(house.url) as away, chromium.visit("", expect=["404"]) as visit:
        for path in ("/", "/calls", "/sign-in", "/calls/live", "/softphone/ways"):
            answer = await visit.page.goto(away + path)
            assert answer is not None
            assert answer.status == 404, path


async def test_a_wrong_secret_is_refused_and_the_right_one_lets_in(chromium: Chromium) -> None:
    async with (
        house_of(page_secret=SECRET) as house,
        load_balancer(house.url) as away,
        chromium.visit(away + "/", expect=["401", "403"]) as visit,
    ):
        page = visit.page
        await expect(page).to_have_url(re.compile("sign-in"))
        await visit.look("sign-in")
        await sign_in(page, "an entirely wrong secret")
        await expect(page.get_by_role("alert")).to_contain_text(re.compile(r"\w+.*\."))
        await visit.look("sign-in-refused")
        assert not await page.context.cookies()
        await sign_in(page, SECRET)
        await expect(page.get_by_role("button", name="Call", exact=True)).to_be_visible()
        [cookie] = await page.context.cookies()
        assert cookie["secure"]
        assert cookie["httpOnly"]
        assert cookie["sameSite"] in ("Strict", "Lax")
        assert SECRET not in cookie["value"]


async def test_a_call_over_the_load_balancer_with_the_sign_in(chromium: Chromium, callers: Callers) -> None:
    parts = ScriptedParts(answers=["You pressed a key."])
    voice = await callers.silence()
    async with (
        house_of(parts, page_secret=SECRET) as house,
        load_balancer(house.url) as away,
        chromium.visit(away + "/", voice=voice) as visit,
    ):
        page = visit.page
        await sign_in(page, SECRET)
        phone = Phone(page)
        await phone.call()
        await phone.says(GREETING)
        await phone.is_in("ready")
        await phone.key("1").click()
        await phone.key("Hash").click()
        await phone.says("You pressed a key.")
        await phone.hang_up()
        await nothing_left(house)
        await page.get_by_role("link", name="Live calls").click()
        await expect(page.get_by_role("heading", level=1)).to_be_visible()
        await expect(page).to_have_url(re.compile(r"/calls$"))
        await page.get_by_role("button", name="Sign out").click()
        await page.goto(away + "/calls")
        await expect(page.get_by_label("Secret")).to_be_visible()


async def test_guessing_is_slowed_down_and_said_so(chromium: Chromium) -> None:
    async with (
        house_of(page_secret=SECRET) as house,
        load_balancer(house.url) as away,
        chromium.visit(away + "/", expect=["401", "403", "429"]) as visit,
    ):
        for number in range(30):
            async with visit.page.expect_response(re.compile("/sign-in")) as answered:
                await sign_in(visit.page, f"a wrong secret, number {number}")
            if (await answered.value).status == 429:
                break
        else:
            pytest.fail("thirty guesses were taken")
        await expect(visit.page.get_by_role("alert")).to_contain_text(re.compile("minute|second|later"))
        await visit.look("sign-in-limited")


async def test_without_tls_nobody_is_let_in(chromium: Chromium) -> None:
    async with (
        house_of(page_secret=SECRET) as house,
        load_balancer(house.url, tls=False) as away,
        chromium.visit(away + "/", expect=["403", "Cross-Origin-Opener-Policy"]) as visit,
    ):
        if await visit.page.get_by_label("Secret").count():
            await sign_in(visit.page, SECRET)
        await expect(visit.page.get_by_role("button", name="Call", exact=True)).to_have_count(0)
        assert not await visit.page.context.cookies()


async def test_the_platforms_word_is_taken_only_where_a_setting_says_so(chromium: Chromium) -> None:
    said = {"X-MS-CLIENT-PRINCIPAL-ID": "11111111-2222-3333-4444-555555555555"}
    async with (
        house_of() as house,
        load_balancer(house.url, more=said) as away,
        chromium.visit("", expect=["404"]) as visit,
    ):
        answer = await visit.page.goto(away + "/")
        assert answer is not None
        assert answer.status == 404
    async with (
        house_of(page_trust_platform_login=True) as house,
        load_balancer(house.url, more=said) as away,
        chromium.visit(away + "/") as visit,
    ):
        await expect(visit.page.get_by_role("button", name="Call", exact=True)).to_be_visible()
