from __future__ import annotations

import logging

import pytest
from prometheus_client import CollectorRegistry

from tests.webhooks_stand_ins import settings
from tests.webhooks_visits import FAR, HERE, SECRET, Visit
from webhooks.metrics import Meters
from webhooks.page_gate import COOKIE, PLATFORM_ID, SIGNED_IN, PageGate, SignIns, Visitor

PAGES = ["/", "/calls"]
API = "/softphone/ways"
EVERYTHING = [*PAGES, API, "/assets/style.css", "/sign-in", "/favicon.ico"]


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


# --- this machine ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [*PAGES, API])
async def test_on_this_machine_anyone_may(path: str) -> None:
    assert (await Visit(here=True).get(path)).status_code == 200


async def test_on_this_machine_nobody_has_to_sign_in_where_others_do() -> None:
    assert (await Visit(here=True, page_secret=SECRET).get("/")).status_code == 200


@pytest.mark.parametrize("host", ["evil.example:8000", "127.0.0.1.evil.example", "10.0.0.1:8000", ""])
@pytest.mark.parametrize("path", EVERYTHING)
async def test_a_name_that_was_rebound_to_this_machine_finds_nothing(path: str, host: str) -> None:
    assert (await Visit(here=True).get(path, changes={"Host": host})).status_code == 404


async def test_a_proxy_on_this_machine_that_adds_no_header_is_still_a_proxy() -> None:
    """nginx as it comes: the peer and the Host are ours, but it speaks HTTP/1.0."""
    visit = Visit(here=True)
    http = visit.app.test_client(use_cookies=False)
    base = {"client": ("127.0.0.1", 1), "http_version": "1.0"}
    assert (await http.get("/", headers={"Host": HERE}, scope_base=base)).status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:3000"},  # another server on this machine is not us
        {"Origin": "http://localhost:8000"},  # nor is another name of this machine, whose pages are others
        {"Origin": f"https://{HERE}"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": None, "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
    ],
)
async def test_a_foreign_page_cannot_make_a_local_browser_change_anything(headers: dict[str, str | None]) -> None:
    visit = Visit(here=True)
    answer = await visit.post("/softphone/calls", changes=headers)
    assert answer.status_code == 403
    assert not visit.switchboard.expected
    assert visit.refused("page-origin") == 1


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": None}, {"Origin": None, "Sec-Fetch-Site": None}])
async def test_a_program_on_this_machine_may_post_without_an_origin(headers: dict[str, str | None]) -> None:
    assert (await Visit(here=True).post("/softphone/calls", changes=headers)).status_code == 201


@pytest.mark.parametrize("here", [True, False])
async def test_a_link_from_elsewhere_opens_the_page_but_a_frame_or_an_image_does_not(here: bool) -> None:
    visit = Visit(here=here, page_secret=SECRET)
    await visit.sign_in()
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert (await visit.get("/calls", changes=link)).status_code == 200
    assert (await visit.get("/calls", changes=link | {"Sec-Fetch-Dest": "iframe"})).status_code == 403
    image = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
    assert (await visit.get("/assets/icon.svg", changes=image)).status_code == 403
    assert (await visit.get(API, changes={"Origin": "https://evil.example"})).status_code == 403


# --- away from this machine -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", EVERYTHING)
async def test_without_a_secret_there_is_nothing_to_be_found_from_outside(path: str) -> None:
    visit = Visit()
    answer = await visit.get(path)
    nowhere = await visit.get("/no-such-thing")
    assert answer.status_code == 404
    assert await answer.get_data() == await nowhere.get_data()
    assert dict(answer.headers) == dict(nowhere.headers)


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out", "/softphone/calls", "/softphone/twilio-token"])
async def test_without_a_secret_nothing_can_be_posted_from_outside(path: str) -> None:
    assert (await Visit().post(path)).status_code == 404


@pytest.mark.parametrize(("path", "to"), [("/", "sign-in?next=./"), ("/calls", "sign-in?next=calls")])
async def test_a_page_sends_whoever_is_not_signed_in_to_the_sign_in(path: str, to: str) -> None:
    answer = await Visit(page_secret=SECRET).get(path)
    assert (answer.status_code, answer.headers["Location"]) == (303, to)


async def test_an_endpoint_says_that_nobody_is_signed_in() -> None:
    visit = Visit(page_secret=SECRET)
    answer = await visit.get(API)
    assert (answer.status_code, (await answer.get_json())["error"]) == (401, "sign-in")
    assert visit.refused("page-sign-in") == 1


@pytest.mark.parametrize("path", [*PAGES, API])
async def test_who_has_signed_in_may(path: str) -> None:
    visit = Visit(page_secret=SECRET)
    await visit.sign_in()
    assert (await visit.get(path)).status_code == 200


@pytest.mark.parametrize("proto", ["http", "", "https, http", "httpsx"])
@pytest.mark.parametrize("path", [*PAGES, API, "/sign-in", "/assets/style.css"])
async def test_nothing_is_served_unencrypted_and_the_answer_says_why(path: str, proto: str) -> None:
    visit = Visit(page_secret=SECRET, page_trust_platform_login=True)
    await visit.sign_in()
    answer = await visit.get(path, changes={"X-Forwarded-Proto": proto, PLATFORM_ID: "someone"})
    assert answer.status_code == 403
    assert "https" in await answer.get_data(as_text=True)


async def test_the_last_proxy_says_how_it_was_reached() -> None:
    visit = Visit(page_secret=SECRET)
    await visit.sign_in()
    assert (await visit.get("/", changes={"X-Forwarded-Proto": "http, https"})).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": None},
        {"Origin": None, "Sec-Fetch-Site": None},
        {"Origin": "null"},
        {"Origin": f"http://{FAR}"},
        {"Origin": f"https://{FAR}.evil.example"},
        {"Origin": "https://sub.bot.example.com", "Sec-Fetch-Site": "same-site"},
    ],
)
async def test_a_foreign_page_cannot_use_somebodys_sign_in(headers: dict[str, str | None]) -> None:
    visit = Visit(page_secret=SECRET)
    await visit.sign_in()
    assert (await visit.post("/softphone/calls", changes=headers)).status_code == 403
    assert (await visit.post("/softphone/calls")).status_code == 201


async def test_a_proxy_that_changes_the_host_does_not_shut_our_own_pages_out() -> None:
    visit = Visit(page_secret=SECRET, public_url=f"https://{FAR}/bot")
    await visit.sign_in(changes={"Host": "internal:8000"})
    assert (await visit.post("/softphone/calls", changes={"Host": "internal:8000"})).status_code == 201
    assert (
        await visit.post("/softphone/calls", changes={"Host": "internal:8000", "Origin": "https://evil"})
    ).status_code == 403


async def test_the_default_port_may_be_written_or_not() -> None:
    visit = Visit(page_secret=SECRET)
    await visit.sign_in()
    assert (await visit.post("/softphone/calls", changes={"Host": f"{FAR}:443"})).status_code == 201
    assert (await visit.post("/softphone/calls", changes={"Host": f"{FAR}:444"})).status_code == 403


# --- the platform's sign-in -----------------------------------------------------------------------------------------


async def test_the_platforms_word_counts_only_where_a_setting_says_so() -> None:
    assert (await Visit().get("/", changes={PLATFORM_ID: "someone"})).status_code == 404
    with_secret = Visit(page_secret=SECRET)
    assert (await with_secret.get("/", changes={PLATFORM_ID: "someone"})).status_code == 303
    assert (await with_secret.get(API, changes={PLATFORM_ID: "someone"})).status_code == 401
    assert (await Visit(page_trust_platform_login=True).get("/", changes={PLATFORM_ID: "someone"})).status_code == 200


async def test_whom_the_platform_does_not_know_gets_no_page() -> None:
    visit = Visit(page_trust_platform_login=True)
    assert (await visit.get("/")).status_code == 401
    assert (await visit.get("/", changes={PLATFORM_ID: ""})).status_code == 401
    assert (await visit.get("/", changes={PLATFORM_ID: "two words"})).status_code == 401
    assert (await visit.get("/sign-in")).status_code == 404


async def test_two_names_for_one_request_are_none() -> None:
    visit = Visit(page_trust_platform_login=True)
    http = visit.app.test_client(use_cookies=False)
    headers = [*visit.always.items(), (PLATFORM_ID, "a"), (PLATFORM_ID, "b")]
    assert (await http.get(API, headers=headers, scope_base={"client": ("10.0.0.1", 1)})).status_code == 401


async def test_a_platform_visitor_has_a_name_of_their_own() -> None:
    visit = Visit(page_trust_platform_login=True)
    async with visit.app.test_request_context(
        "/", headers={**visit.always, PLATFORM_ID: "0af-7", "X-MS-CLIENT-PRINCIPAL-NAME": "Ann\x07 <a@b>"}
    ) as context:
        gate = PageGate(settings(page_trust_platform_login=True), Meters(CollectorRegistry()))
        visitor = gate.visitor(context.request)
    assert visitor == Visitor("platform:0af-7", "Ann <a@b>")
    assert visitor.kind == "platform"


# --- the cookie -----------------------------------------------------------------------------------------------------


def test_a_cookie_is_good_for_twelve_hours() -> None:
    clock = Clock()
    desk = SignIns(SECRET, wall_clock=clock)
    cookie = desk.cookie()
    sign_in = desk.read(cookie)
    assert len(sign_in) == 32
    clock.now += SIGNED_IN
    assert desk.read(cookie) == sign_in
    clock.now += 1
    assert desk.read(cookie) == ""


def test_a_cookie_of_the_future_is_none_but_clocks_may_differ_a_little() -> None:
    ahead, clock = Clock(), Clock()
    ahead.now += 30
    cookie = SignIns(SECRET, wall_clock=ahead).cookie()
    assert SignIns(SECRET, wall_clock=clock).read(cookie)
    ahead.now += 3600
    assert not SignIns(SECRET, wall_clock=clock).read(SignIns(SECRET, wall_clock=ahead).cookie())


def test_another_secret_ends_every_sign_in_and_the_same_one_holds_on_every_instance() -> None:
    cookie = SignIns(SECRET).cookie()
    assert SignIns(SECRET).read(cookie)
    assert not SignIns(SECRET + "!").read(cookie)


def test_each_sign_in_is_another() -> None:
    desk = SignIns(SECRET)
    assert desk.read(desk.cookie()) != desk.read(desk.cookie())


@pytest.mark.parametrize("cookie", ["", "x", "a.b", "é", "\x00", "." * 5000, "W10.x", "bnVsbA.x"])
def test_a_made_up_cookie_is_none(cookie: str) -> None:
    assert SignIns(SECRET).read(cookie) == ""


def test_no_changed_letter_of_a_cookie_is_overlooked() -> None:
    desk = SignIns(SECRET)
    cookie = desk.cookie()
    for place in range(len(cookie) - 1):  # the last letter holds bits that mean nothing
        letter = "A" if cookie[place] != "A" else "B"
        assert not desk.read(cookie[:place] + letter + cookie[place + 1 :]), place


async def test_a_stream_token_is_no_sign_in() -> None:
    visit = Visit(page_secret=SECRET)
    await visit.sign_in()
    token = (await (await visit.post("/softphone/calls")).get_json())["token"]
    visit.cookie = f"{COOKIE}={token}"
    assert (await visit.get(API)).status_code == 401


async def test_a_refusal_is_one_line_whatever_was_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    visit = Visit(page_secret=SECRET)
    with caplog.at_level(logging.INFO):
        await visit.post("/softphone/calls/%0aWARNING%20all%20is%20well/after")
    (record,) = [record for record in caplog.records if record.name == "webhooks.page_gate"]
    assert "\n" not in record.getMessage()
    assert "page-sign-in" in record.getMessage()


HIDDEN = [
    ("/assets/style.css", {"Referer": f"https://{FAR}/bot/"}),
    ("/calls/live", {"Referer": f"https://{FAR}/calls"}),
    ("/calls", {"Origin": f"https://{FAR}"}),
]


@pytest.mark.parametrize(("path", "headers"), HIDDEN)
async def test_a_proxy_that_makes_the_world_look_like_this_machine_is_noticed(
    path: str, headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    # As nginx does since 1.29.7 where its configuration says `proxy_pass http://127.0.0.1:8000` and no more.
    visit = Visit(here=True, public_url=f"https://{FAR}:443/bot")
    answer = await visit.get(path, changes=headers)
    assert answer.status_code == 403
    assert "X-Forwarded-For" in await answer.get_data(as_text=True)
    assert visit.refused("page-hidden-proxy") == 1
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "X-Forwarded-For" in caplog.text


@pytest.mark.parametrize("public", ["", "http://127.0.0.1:8000", "https://other.example"])
async def test_a_public_address_alone_keeps_nobody_on_this_machine_out(public: str) -> None:
    visit = Visit(here=True, public_url=public)
    for referer in ("http://127.0.0.1:8000/", "http://127.0.0.1:8000/calls", "https://[", None):
        assert (await visit.get("/calls", changes={"Referer": referer})).status_code == 200
