from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from quart import Quart

from tests.webhooks_stand_ins import settings
from tests.webhooks_visits import FAR, SECRET, Visit
from webhooks import voice_token
from webhooks.app import VoiceApp
from webhooks.metrics import Meters
from webhooks.page_gate import PageGate
from webhooks.pages import page_routes


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "outside.js").write_text("outside")
    inside = tmp_path / "static"
    (inside / "softphone").mkdir(parents=True)
    for name, content in {
        "softphone.html": "<p>phone",
        "calls.html": "<p>calls",
        "icon.svg": "<svg/>",
        "style.css": "p {}",
        "softphone/main.js": "1",
        "notes.py": "secret",
        "plain": "no suffix",
        ".hidden": "hidden",
    }.items():
        (inside / name).write_text(content)
    return inside


def app(directory: Path, **overrides: object) -> Quart:
    chosen = settings(**overrides)
    made = VoiceApp(__name__, static_folder=None)
    gate = PageGate(chosen, Meters(CollectorRegistry()))
    made.register_blueprint(page_routes(chosen, gate, directory))
    return made


@pytest.mark.parametrize(
    ("path", "kind", "content"),
    [
        ("/", "text/html", "<p>phone"),
        ("/calls", "text/html", "<p>calls"),
        ("/assets/style.css", "text/css", "p {}"),
        ("/assets/softphone/main.js", "text/javascript", "1"),
        ("/assets/icon.svg", "image/svg+xml", "<svg/>"),
        ("/favicon.ico", "image/svg+xml", "<svg/>"),
    ],
)
async def test_a_file_is_served_as_what_it_is(directory: Path, path: str, kind: str, content: str) -> None:
    answer = await Visit(here=True, app=app(directory)).get(path)
    assert answer.status_code == 200
    assert answer.mimetype == kind
    assert await answer.get_data(as_text=True) == content
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == ("no-store" if kind == "text/html" else "no-cache")


async def test_a_file_is_sent_again_only_once_it_has_changed(directory: Path) -> None:
    visit = Visit(here=True, app=app(directory))
    tag = (await visit.get("/assets/style.css")).headers["ETag"]
    same = await visit.get("/assets/style.css", changes={"If-None-Match": tag})
    assert (same.status_code, await same.get_data()) == (304, b"")
    (directory / "style.css").write_text("p { color: red }")
    assert (await visit.get("/assets/style.css", changes={"If-None-Match": tag})).status_code == 200


@pytest.mark.parametrize("part", ["bytes=-1", "bytes=0-1", "bytes=9999-", "bytes=0-0,2-3", "rubbish"])
async def test_a_file_comes_whole_whatever_part_was_asked_for(directory: Path, part: str) -> None:
    answer = await Visit(here=True, app=app(directory)).get("/assets/style.css", changes={"Range": part})
    assert (answer.status_code, await answer.get_data(as_text=True)) == (200, "p {}")


async def test_no_header_lets_a_file_be_kept_longer_than_another(directory: Path) -> None:
    for path in ("/", "/assets/style.css"):
        assert "Expires" not in (await Visit(here=True, app=app(directory)).get(path)).headers


@pytest.mark.parametrize(
    "path",
    [
        "/assets/../outside.js",
        "/assets/%2e%2e/outside.js",
        "/assets/..%2foutside.js",
        "/assets/softphone/../../outside.js",
        "/assets/..%5coutside.js",
        "/assets/style.css%00.js",
        "/assets/" + "a" * 5000 + ".js",
        "/assets/softphone",
        "/assets/softphone/",
        "/assets/none.js",
        "/assets/notes.py",
        "/assets/plain",
        "/assets/.hidden",
        "/assets/calls.html",
        "/assets/",
    ],
)
async def test_nothing_else_is_served(directory: Path, path: str) -> None:
    assert (await Visit(here=True, app=app(directory)).get(path)).status_code == 404


async def test_a_path_from_the_root_leads_nowhere(directory: Path) -> None:
    visit = Visit(here=True, app=app(directory))
    absolute = str(directory.parent / "outside.js")
    for path in (f"/assets/{absolute}", f"/assets/%2f{absolute[1:]}"):
        answer = await visit.get(path)  # which Werkzeug may first write with one slash
        assert answer.status_code == 404 or answer.headers["Location"].endswith(f"/assets{absolute}")
    assert (await visit.get(f"/assets{absolute}")).status_code == 404


async def test_the_sign_in_has_its_looks_before_anybody_is_signed_in(directory: Path) -> None:
    offered = Visit(app=app(directory, page_secret=SECRET))
    assert (await offered.get("/assets/style.css")).status_code == 200
    assert (await Visit(app=app(directory)).get("/assets/style.css")).status_code == 404


async def test_a_page_may_run_and_load_only_what_is_ours(directory: Path) -> None:
    answer = await Visit(here=True, app=app(directory)).get("/")
    policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": "'self' ws://127.0.0.1:8000",
        "media-src": "'self' mediastream: blob:",
        "font-src": "'self'",
        "worker-src": "'self'",
        "manifest-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
    assert "microphone=(self)" in answer.headers["Permissions-Policy"]
    assert "camera=()" in answer.headers["Permissions-Policy"]
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert "Strict-Transport-Security" not in answer.headers


async def test_over_https_a_browser_is_to_stay_there() -> None:
    visit = Visit(page_secret=SECRET)
    for answer in (await visit.get("/"), await visit.get("/sign-in"), await visit.get("/assets/style.css")):
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
        assert f"wss://{FAR}" in answer.headers["Content-Security-Policy"]


async def test_a_made_up_host_gets_no_word_into_the_policy() -> None:
    visit = Visit(page_secret=SECRET)
    policy = (await visit.get("/", changes={"Host": "x; script-src *"})).headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "*" not in policy


async def test_twilio_is_in_the_policy_only_where_calls_go_through_it(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit = Visit(here=True, app=app(directory))
    assert "twilio" not in (await visit.get("/")).headers["Content-Security-Policy"]
    monkeypatch.setattr(voice_token, "missing", lambda settings: [])
    policy = (await visit.get("/")).headers["Content-Security-Policy"]
    assert "wss://voice-js.roaming.twilio.com" in policy
    assert "https://eventgw.twilio.com" in policy
    assert "media-src 'self' mediastream: blob:;" in policy  # the SDK's own sounds are not played
    assert "script-src 'self';" in policy


async def test_behind_a_path_the_missing_slash_is_added(directory: Path) -> None:
    behind = app(directory, page_secret=SECRET, public_url=f"https://{FAR}/some/bot")
    behind.prefix = "/some/bot"  # type: ignore[attr-defined] # create_app sets it
    visit = Visit(app=behind)
    answer = await visit.get("/some/bot")
    assert (answer.status_code, answer.headers["Location"]) == (308, "bot/")
    for path in ("/some/bot/", "/"):  # whether the proxy takes the path off or not
        assert (await visit.get(path)).headers["Location"] == "sign-in?next=./"
    assert (await visit.get("/some/bot/assets/style.css")).status_code == 200
