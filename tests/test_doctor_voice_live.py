"""A session for the doctor: by the real SDK, against a stand-in that does its work or does not, on a real socket."""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

import pytest
from aiohttp import web
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError
from azure.identity.aio import DefaultAzureCredential

from bot.plan import Planner
from bot.settings import Settings
from bot.voicelive import VoiceLive, connection
from tests.doctor_stand_ins import notes, statuses, the
from tests.twilio_rest_stand_in import in_a_thread
from tests.voicelive_stand_in import CREATED, UPDATED, Line, StandIn, obliging, silent
from tests.webhooks_stand_ins import settings
from webhooks.doctor import sign_in, voice_live
from webhooks.doctor.findings import Notes, Status
from webhooks.doctor.surroundings import Surroundings

KEY = "the key of these tests"
AUDIENCE = "https://ai.azure.com"


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("AZURE_", "IDENTITY_", "MSI_"))]:
        monkeypatch.delenv(name)


def planner(those: Settings) -> Planner:
    return Planner.of(those, watch=lambda *_: None)


async def examined(those: Settings, around: Surroundings | None = None) -> Notes:
    found = notes()
    await voice_live.examine(those, planner(those), around or Surroundings(), found)
    return found


def with_key(stand_in: StandIn, **more: object) -> Settings:
    return settings(azure_voice_live_endpoint=stand_in.endpoint, azure_voice_live_api_key=KEY, **more)


async def test_a_session_is_opened_as_for_a_call_and_closed_at_once() -> None:
    async with StandIn() as stand_in:
        those = with_key(stand_in, voice_live_instructions="Be brief.")
        found = await examined(those)
        await stand_in.until(lambda: stand_in.closed_with != [])
        configured, *rest = stand_in.heard
        real = VoiceLive(those)
        plan = planner(those).plan(voice_live._FACTS)
        session = await real.open(plan.facts, limit=5, persona=plan.persona, tools=plan.tools)
        await session.close()
        await stand_in.until(lambda: len(stand_in.heard) == 2)
    assert statuses(found) == {"endpoint": Status.OK, "sign-in": Status.OK, "session": Status.OK}
    assert the(found, "session").seconds is not None
    assert rest == [], "nothing is said"
    assert configured["session"] == stand_in.heard[1]["session"], "configured as a call is"
    assert configured["session"]["instructions"].startswith("Be brief.")


async def test_how_long_a_session_lasts_is_told() -> None:
    async def limited(line: Line) -> None:
        ends = {"id": "s", "expires_at": time.time() + 1800}
        await line.say({"type": "session.created", "session": ends})
        await line.hear()
        await line.say(UPDATED)
        await line.listen()

    async with StandIn(script=limited) as stand_in:
        found = await examined(with_key(stand_in))
    assert "it lasts 30 min" in the(found, "session").says


@pytest.mark.parametrize(
    ("status", "says", "do"),
    [
        (HTTPStatus.UNAUTHORIZED, "does not take the key (HTTP 401)", "AZURE_VOICE_LIVE_API_KEY"),
        (HTTPStatus.FORBIDDEN, "HTTP 403", "Entra ID"),
        (HTTPStatus.NOT_FOUND, "no such model (HTTP 404)", "gpt-9"),
        (HTTPStatus.TOO_MANY_REQUESTS, "HTTP 429", "quota"),
        (HTTPStatus.SERVICE_UNAVAILABLE, "trouble of its own (HTTP 503)", "status.azure.com"),
        (HTTPStatus.BAD_REQUEST, "HTTP 400", "gpt-9"),
    ],
)
async def test_a_refusal_has_words_and_a_next_step(status: HTTPStatus, says: str, do: str) -> None:
    async with StandIn(status=status) as stand_in:
        found = await examined(with_key(stand_in, voice_live_model="gpt-9"))
    assert the(found, "session").status is Status.FAIL
    assert says in the(found, "session").says
    assert do in the(found, "session").do
    assert KEY not in repr(found.found)


@pytest.mark.parametrize(
    ("message", "do"),
    [
        ("The model 'gpt-9' is not supported in this region.", "offers gpt-9"),
        ("Voice 'en-US-NobodyNeural' was not found.", "VOICE_LIVE_VOICE"),
        ("Unknown field.", "VOICE_LIVE_*"),
    ],
)
async def test_an_error_in_place_of_a_session_is_told(message: str, do: str) -> None:
    async def refusing(line: Line) -> None:
        await line.say(CREATED)
        await line.hear()
        await line.say({"type": "error", "error": {"code": "invalid_value", "message": message}})
        await line.listen()

    async with StandIn(script=refusing) as stand_in:
        found = await examined(with_key(stand_in, voice_live_model="gpt-9"))
    assert message in the(found, "session").says
    assert do in the(found, "session").do


async def test_a_service_that_stalls_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voice_live, "OPEN_WITHIN", 0.3)
    async with StandIn(script=silent) as stand_in:
        found = await examined(with_key(stand_in))
        await stand_in.until(lambda: stand_in.connected == 0)
    assert the(found, "session").status is Status.FAIL
    assert "waiting for session.created" in the(found, "session").says


async def test_an_address_where_nobody_is_is_told() -> None:
    async with StandIn() as stand_in:
        gone = with_key(stand_in)
    found = await examined(gone)
    assert the(found, "session").status is Status.FAIL
    assert "AZURE_VOICE_LIVE_ENDPOINT" in the(found, "session").do


PERSONAS = """
[personas.desk]
default = true
model = "gpt-a"
[personas.shop]
numbers = ["+14255550101"]
model = "gpt-b"
[personas.lab]
numbers = ["+14255550102"]
model = "gpt-a"
"""


@pytest.fixture
def _personas(tmp_path: Path) -> None:
    (tmp_path / "voicebot.toml").write_text(PERSONAS, encoding="utf-8")


@pytest.mark.usefixtures("_personas")
async def test_each_model_of_the_personas_is_tried_once() -> None:

    async def only_a(line: Line) -> None:
        if "gpt-b" in stand_in.requests[-1].path:
            await line.say({"type": "error", "error": {"code": "model_not_found", "message": "no such model"}})
        await obliging(line)

    async with StandIn(script=only_a) as stand_in:
        found = await examined(with_key(stand_in))
    sessions = [each for each in found.found if each.check == "session"]
    assert [each.status for each in sessions] == [Status.OK, Status.FAIL]
    assert "shop by gpt-b" in sessions[1].says


async def test_the_clock_of_the_service_is_noted() -> None:
    around = Surroundings(wall_clock=lambda: time.time() + 600)
    async with StandIn() as stand_in:
        await examined(with_key(stand_in), around)
    [dated] = around.dates.seen
    assert dated.who == "Azure"
    assert 590 < dated.ours - dated.theirs < 610


async def test_offline_nobody_elsewhere_is_asked() -> None:
    found = await examined(
        settings(azure_voice_live_endpoint="https://voice.example.com"), Surroundings(offline=True)
    )
    assert statuses(found) == {"endpoint": Status.OK, "session": Status.SKIP}


async def test_the_embedded_engine_is_started_and_asked_likewise() -> None:
    found = await examined(settings(), Surroundings(engine_arguments=("--scripted",)))
    assert statuses(found) == {"engine": Status.OK, "session": Status.OK}
    assert "embedded engine" in the(found, "session").says


async def test_an_engine_that_does_not_start_is_told() -> None:
    found = await examined(settings(), Surroundings(engine_arguments=("--no-such-option",)))
    assert statuses(found) == {"engine": Status.FAIL}


# --- Signing in by Entra ID ---------------------------------------------------------------------------------------


def jwt(**claims: object) -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'none'})}.{part(claims)}.c2lnbmF0dXJl"


@contextmanager
def app_service_identity(monkeypatch: pytest.MonkeyPatch, status: int = 200) -> Iterator[list[str]]:
    """The managed identity endpoint of App Service, as azure-identity asks it; gives what was asked for."""
    asked: list[str] = []

    async def token(request: web.Request) -> web.Response:
        asked.append(request.query["resource"])
        if status != 200:
            return web.json_response({"statusCode": status, "message": "no"}, status=status)
        made = {
            "access_token": jwt(aud=AUDIENCE),
            "expires_on": str(int(time.time()) + 3600),
            "resource": request.query["resource"],
            "token_type": "Bearer",
        }
        return web.json_response(made)

    app = web.Application()
    app.router.add_get("/msi/token", token)
    with in_a_thread(app) as url:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{url}/msi/token")
        monkeypatch.setenv("IDENTITY_HEADER", "header of these tests")
        monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "ManagedIdentityCredential")
        yield asked


def remote() -> Settings:
    return settings(azure_voice_live_endpoint="https://voice.example.com")


async def test_which_credential_gave_the_token_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    found = notes()
    with app_service_identity(monkeypatch) as asked:
        may_go_on, credential = await sign_in.sign_in(remote(), Surroundings(), found)
        assert credential is not None
        await credential.close()
    assert may_go_on
    assert asked == [AUDIENCE]
    assert "by a managed identity" in the(found, "sign-in").says
    assert AUDIENCE in the(found, "sign-in").says
    assert "60 min" in the(found, "sign-in").says


async def test_an_identity_that_gives_no_token_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    found = notes()
    with app_service_identity(monkeypatch, status=400):
        may_go_on, credential = await sign_in.sign_in(remote(), Surroundings(), found)
    assert (may_go_on, credential) == (False, None)
    assert "az login" in the(found, "sign-in").do


class Identity:
    """A credential that gives a token, or raises."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.closed = False

    async def get_token(self, *_: str, **__: object) -> AccessToken:
        if self.error is not None:
            raise self.error
        return AccessToken(jwt(aud=AUDIENCE), int(time.time()) + 3600)

    async def close(self) -> None:
        self.closed = True

    async def __aenter__(self) -> Identity:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


@pytest.mark.parametrize(
    ("message", "says", "do"),
    [
        ("…AADSTS700082: The refresh token has expired…", "AADSTS700082", "az login"),
        ("…AADSTS7000215: Invalid client secret provided…", "AADSTS7000215", "AZURE_CLIENT_ID"),
        (
            "failed to retrieve a token from the included credentials.\nEnvironmentCredential: …",
            "no credential",
            "az login",
        ),
    ],
)
async def test_why_there_is_no_token_is_told_in_a_line(message: str, says: str, do: str) -> None:
    identity = Identity(ClientAuthenticationError(message))
    found = await examined(remote(), Surroundings(credential=lambda: identity))
    assert statuses(found) == {"endpoint": Status.OK, "sign-in": Status.FAIL, "session": Status.SKIP}
    assert says in the(found, "sign-in").says
    assert do in the(found, "sign-in").do
    assert identity.closed


@pytest.mark.parametrize("status", [HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN])
async def test_who_is_signed_in_but_not_let_in_is_told_the_roles(
    status: HTTPStatus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_in, "needs_none", lambda _: False)  # the stand-in is on loopback, where none is needed
    identity = Identity()
    async with StandIn(status=status) as stand_in:
        those = settings(azure_voice_live_endpoint=stand_in.endpoint)
        found = await examined(those, Surroundings(credential=lambda: identity))
        assert stand_in.requests[-1].headers["Authorization"].startswith("Bearer ")
    assert f"HTTP {status}" in the(found, "session").says
    assert "Cognitive Services User and Foundry User" in the(found, "session").do
    assert identity.closed


def test_the_token_is_for_what_calls_ask_for() -> None:
    assert sign_in.SCOPE == connection._TOKEN_SCOPE
    assert Surroundings().credential is DefaultAzureCredential


@pytest.mark.parametrize("token", ["", "opaque", "a.b.c", "a.e30", "a.W10.c"])
def test_a_token_that_is_no_jwt_says_nothing(token: str) -> None:
    assert dict(sign_in.claims(token)) == {}


@pytest.mark.parametrize(
    ("status", "outcome"), [(200, Status.OK), (404, Status.OK), (401, Status.FAIL), (503, Status.WARN)]
)
async def test_the_chat_behind_the_engine_is_asked_for_its_models(status: int, outcome: Status) -> None:
    asked: list[str] = []

    async def models(request: web.Request) -> web.Response:
        asked.append(request.headers["Authorization"])
        return web.json_response({"data": []}, status=status)

    app = web.Application()
    app.router.add_get("/v1/models", models)
    with in_a_thread(app) as url:
        those = settings(chat_endpoint=f"{url}/v1", chat_api_key=KEY)
        found = await examined(those, Surroundings(engine_arguments=("--scripted",)))
    assert statuses(found)["chat"] is outcome
    assert asked == [f"Bearer {KEY}"]


async def test_a_chat_that_is_not_there_is_told() -> None:
    those = settings(chat_endpoint="http://127.0.0.1:9/v1")
    found = await examined(those, Surroundings(engine_arguments=("--scripted",)))
    assert statuses(found)["chat"] is Status.FAIL
