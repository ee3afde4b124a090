from __future__ import annotations

import logging

import pytest

from tests.webhooks_visits import SECRET, Visit, cookie_of
from webhooks.attempts import EACH, TOTAL


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def test_the_form_asks_for_one_password_and_needs_no_script() -> None:
    answer = await Visit(page_secret=SECRET).get("/sign-in")
    page = await answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert answer.mimetype == "text/html"
    assert page.count("<input") == 1
    assert 'type="password"' in page
    assert 'autocomplete="current-password"' in page
    assert '<label for="secret">' in page
    assert 'method="post"' in page
    assert "<script" not in page
    assert 'class="notice"' not in page
    assert 'aria-invalid="false"' in page
    assert "Set-Cookie" not in answer.headers


async def test_the_right_secret_gives_a_cookie_that_only_a_browser_of_ours_sends_back() -> None:
    visit = Visit(page_secret=SECRET)
    answer = await visit.sign_in()
    assert (answer.status_code, answer.headers["Location"]) == (303, "./")
    cookie, *attributes = answer.headers["Set-Cookie"].split("; ")
    assert cookie.startswith("__Host-voicebot=")
    assert {"Secure", "HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"} <= set(attributes)
    assert not any(attribute.startswith("Domain") for attribute in attributes)
    assert SECRET not in cookie


@pytest.mark.parametrize("given", ["", "guess", SECRET[:-1], SECRET + "x", SECRET.upper(), "é" * 20])
async def test_a_wrong_secret_gives_a_sentence_and_no_cookie(given: str, caplog: pytest.LogCaptureFixture) -> None:
    visit = Visit(page_secret=SECRET)
    with caplog.at_level(logging.DEBUG, logger="webhooks"):
        answer = await visit.sign_in(given)
    page = await answer.get_data(as_text=True)
    assert answer.status_code == 403
    assert "Set-Cookie" not in answer.headers
    assert "That is not the secret" in page
    assert 'type="password"' in page
    assert 'aria-invalid="true"' in page
    assert visit.refused("sign-in-wrong") == 1
    (line,) = caplog.messages
    assert "sign-in-wrong" in line
    assert "198.51.100.7" in line
    assert not given or given not in line


async def test_a_form_without_the_field_is_a_wrong_secret() -> None:
    assert (await Visit(page_secret=SECRET).post("/sign-in", {"password": SECRET})).status_code == 403
    assert (await Visit(page_secret=SECRET).post("/sign-in")).status_code == 403


async def test_what_was_typed_is_not_shown_again() -> None:
    page = await (await Visit(page_secret=SECRET).sign_in("<b>guess</b>")).get_data(as_text=True)
    assert "guess" not in page


async def test_a_pasted_secret_may_have_blanks_around_it() -> None:
    assert (await Visit(page_secret=SECRET).sign_in(f" {SECRET}\n")).status_code == 303


async def test_after_some_tries_one_has_to_wait_even_with_the_right_secret() -> None:
    clock = Clock()
    visit = Visit(page_secret=SECRET, clock=clock)
    for _ in range(EACH.at_once):
        assert (await visit.sign_in("guess")).status_code == 403
    answer = await visit.sign_in(SECRET)
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "30"
    assert "Please wait 30 seconds" in await answer.get_data(as_text=True)
    assert "Set-Cookie" not in answer.headers
    assert visit.refused("sign-in-too-often") == 1
    clock.now += 30
    assert (await visit.sign_in(SECRET)).status_code == 303


async def test_another_port_or_another_claimed_address_is_the_same_peer() -> None:
    visit = Visit(page_secret=SECRET, clock=Clock())
    codes = [
        (
            await visit.sign_in("guess", changes={"X-Forwarded-For": f"203.0.113.{n}, 198.51.100.7:{4000 + n}"})
        ).status_code
        for n in range(EACH.at_once + 1)
    ]
    assert codes == [403] * EACH.at_once + [429]
    assert (await visit.sign_in(SECRET, changes={"X-Forwarded-For": "198.51.100.8"})).status_code == 303


async def test_an_army_of_peers_is_held_back_as_one() -> None:
    visit = Visit(page_secret=SECRET, clock=Clock())
    codes = [
        (await visit.sign_in("guess", changes={"X-Forwarded-For": f"198.51.100.{n}"})).status_code
        for n in range(TOTAL.at_once + 1)
    ]
    assert codes == [403] * TOTAL.at_once + [429]


async def test_signing_in_often_is_no_guessing() -> None:
    visit = Visit(page_secret=SECRET, clock=Clock())
    for _ in range(2 * EACH.at_once):
        visit.cookie = ""
        assert (await visit.sign_in()).status_code == 303


@pytest.mark.parametrize(
    ("wanted", "to"),
    [
        ("calls", "calls"),
        ("./", "./"),
        ("", "./"),
        ("https://evil.example/", "./"),
        ("//evil.example", "./"),
        ("/calls", "./"),
        ("calls/../../x", "./"),
        ("%0d%0aSet-Cookie:x", "./"),
        ("javascript:alert(1)", "./"),
    ],
)
async def test_after_the_sign_in_one_is_on_a_page_of_ours(wanted: str, to: str) -> None:
    visit = Visit(page_secret=SECRET)
    answer = await visit.post(f"/sign-in?next={wanted}", {"secret": SECRET})
    assert (answer.status_code, answer.headers["Location"]) == (303, to)


async def test_who_needs_no_sign_in_is_sent_on() -> None:
    here = await Visit(here=True).get("/sign-in?next=calls")
    assert (here.status_code, here.headers["Location"]) == (303, "calls")
    visit = Visit(page_secret=SECRET)
    await visit.sign_in()
    again = await visit.get("/sign-in")
    assert (again.status_code, again.headers["Location"]) == (303, "./")


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": None}])
async def test_a_foreign_page_cannot_sign_anybody_in(headers: dict[str, str | None]) -> None:
    answer = await Visit(page_secret=SECRET).sign_in(SECRET, changes=headers)
    assert answer.status_code == 403
    assert "Set-Cookie" not in answer.headers


async def test_over_plain_http_no_secret_is_taken_and_no_cookie_set() -> None:
    visit = Visit(page_secret=SECRET)
    answer = await visit.sign_in(SECRET, changes={"X-Forwarded-Proto": "http"})
    assert answer.status_code == 403
    assert answer.mimetype == "text/plain"
    assert "https://" in await answer.get_data(as_text=True)
    assert "Set-Cookie" not in answer.headers


async def test_signing_out_takes_the_cookie_away() -> None:
    visit = Visit(page_secret=SECRET)
    await visit.sign_in()
    assert cookie_of(visit)
    answer = await visit.post("/sign-out")
    assert (answer.status_code, answer.headers["Location"]) == (303, "sign-in")
    gone, *attributes = answer.headers["Set-Cookie"].split("; ")
    assert gone == "__Host-voicebot="
    assert {"Max-Age=0", "Secure", "Path=/", "HttpOnly"} <= set(attributes)  # without Secure, browsers ignore it


async def test_who_is_not_signed_in_any_more_can_still_sign_out() -> None:
    answer = await Visit(page_secret=SECRET).post("/sign-out")
    assert (answer.status_code, answer.headers["Location"]) == (303, "sign-in")
    here = await Visit(here=True).post("/sign-out")
    assert here.status_code == 303
    assert "Set-Cookie" not in here.headers


async def test_a_foreign_page_cannot_sign_anybody_out() -> None:
    visit = Visit(page_secret=SECRET)
    await visit.sign_in()
    assert (await visit.post("/sign-out", changes={"Origin": "https://evil.example"})).status_code == 403
    assert (await visit.get("/sign-out")).status_code == 405


async def test_only_the_platform_can_sign_out_whom_it_signed_in() -> None:
    visit = Visit(page_trust_platform_login=True)
    answer = await visit.post("/sign-out", changes={"X-MS-CLIENT-PRINCIPAL-ID": "someone"})
    assert answer.headers["Location"] == "/.auth/logout"
    assert "Set-Cookie" not in answer.headers
