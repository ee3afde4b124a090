from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import jwt
import pytest

from bot.settings import Settings
from tests.webhooks_stand_ins import ACCOUNT, settings
from webhooks import voice_token
from webhooks.voice_token import CONNECT_SOURCES, INSTALL, INTEGRITY, SCRIPT, access_token, identity, missing

ROOT = Path(__file__).parent.parent
KEY = "SK" + "4" * 32
APPLICATION = "AP" + "5" * 32
SECRET = "the secret of the API key, long enough for HS256"
VARIABLES = {
    "twilio_account_sid": ACCOUNT,
    "twilio_api_key_sid": KEY,
    "twilio_api_key_secret": SECRET,
    "twilio_twiml_app_sid": APPLICATION,
}
NOW = 1_800_000_000


def configured(**without: str) -> Settings:
    return settings(**{**VARIABLES, **without})


def made(**how: int) -> tuple[dict[str, object], dict[str, object]]:
    """Header and claims of a token, its signature verified."""
    token = access_token(configured(), "softphone_1", wall_clock=lambda: NOW + 0.9, **how)
    claims = jwt.decode(token, SECRET, algorithms=["HS256"], options={"verify_exp": False, "verify_nbf": False})
    return jwt.get_unverified_header(token), claims


def test_the_token_lets_its_holder_call_our_application_and_nothing_else() -> None:
    _, claims = made()
    assert claims["grants"] == {
        "identity": "softphone_1",
        "voice": {"outgoing": {"application_sid": APPLICATION}},
    }


def test_the_token_is_signed_by_the_api_key_for_the_account_as_twilio_wants_it() -> None:
    header, claims = made()
    assert (header["alg"], header["typ"], header["cty"]) == ("HS256", "JWT", "twilio-fpa;v=1")
    assert (claims["iss"], claims["sub"]) == (KEY, ACCOUNT)


def test_the_token_is_valid_for_an_hour_or_as_long_as_asked() -> None:
    _, claims = made()
    assert (claims["nbf"], claims["exp"]) == (NOW, NOW + 3600)
    _, claims = made(seconds=60)
    assert claims["exp"] == NOW + 60


@pytest.mark.parametrize("name", ["", "with space", "a:b", "a@b", "é", "a" * 122, "a\n"])
def test_an_identity_that_twilio_does_not_take_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="letters"):
        access_token(configured(), name)


@pytest.mark.parametrize("name", ["loopback", "sign-in:Zm9v", "platform:somebody@example.com", "", "é" * 500])
def test_every_visitor_has_an_identity_that_twilio_takes_and_that_tells_nothing(name: str) -> None:
    access_token(configured(), identity(name))
    assert identity(name) == identity(name)
    assert not name or name not in identity(name)


def test_two_visitors_have_two_identities() -> None:
    assert identity("sign-in:a") != identity("sign-in:b")


@pytest.mark.parametrize("name", VARIABLES)
def test_a_variable_that_is_not_set_is_named_and_no_token_is_made(name: str, tmp_path: Path) -> None:
    (tmp_path / "twilio.min.js").touch()
    incomplete = configured(**{name: ""})
    assert missing(incomplete, vendor=tmp_path) == [name.upper()]
    with pytest.raises(ValueError, match=name.upper()) as caught:
        access_token(incomplete, "softphone_1")
    assert SECRET not in str(caught.value)


def test_with_nothing_set_all_is_named_in_the_order_of_the_settings(tmp_path: Path) -> None:
    assert missing(settings(), vendor=tmp_path) == [*(name.upper() for name in VARIABLES), INSTALL]


def test_where_the_sdk_is_not_installed_it_says_what_to_run(tmp_path: Path) -> None:
    assert missing(configured(), vendor=tmp_path) == [INSTALL]
    assert "make voice-sdk" in INSTALL


def test_with_everything_in_place_nothing_is_missing(tmp_path: Path) -> None:
    (tmp_path / "twilio.min.js").touch()
    assert missing(configured(), vendor=tmp_path) == []


def test_the_page_is_sent_where_the_file_is_looked_for() -> None:
    assert ROOT / "webhooks" / "static" / SCRIPT.removeprefix("assets/") == voice_token._VENDOR / "twilio.min.js"


def test_the_policy_needs_twilio_s_hosts_alone() -> None:
    assert "wss://voice-js.roaming.twilio.com" in CONNECT_SOURCES
    assert all(source.endswith(".twilio.com") and "*" not in source for source in CONNECT_SOURCES)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What `scripts/voice-sdk` reads of the project, with a package in node_modules that only has its hash."""
    for name in ("scripts/voice-sdk", "webhooks/voice_token.py", "package.json", "package-lock.json", ".npmrc"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    package = tmp_path / "node_modules" / "@twilio" / "voice-sdk"
    shutil.copytree(ROOT / "node_modules" / "@twilio" / "voice-sdk" / "dist", package / "dist")
    (package / "LICENSE.md").write_text("Apache License\n")
    return tmp_path


def run_script(checkout: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own script
        ["/bin/sh", checkout / "scripts" / "voice-sdk"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def programs(folder: Path, **scripts: str) -> str:
    """A PATH on which some programs are stand-ins, and only the plain ones of the system besides."""
    folder.mkdir()
    for name in ("sh", "dirname", "sed", "mkdir", "cp", "chmod", "mv", "rm", "mktemp", "cat", "node"):
        (folder / name).symlink_to(str(shutil.which(name)))
    for name, body in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / name).chmod(0o755)
    return str(folder)


def test_the_script_installs_the_file_of_the_known_hash_and_its_licence(checkout: Path) -> None:
    ran = run_script(checkout)
    assert ran.returncode == 0, ran.stderr
    vendor = checkout / "webhooks" / "static" / "vendor"
    assert sorted(path.name for path in vendor.iterdir()) == ["twilio.LICENSE.md", "twilio.min.js"]
    assert (vendor / "twilio.min.js").stat().st_size > 100_000
    assert "already" in run_script(checkout).stdout


def test_the_script_never_installs_a_file_of_another_hash(checkout: Path, tmp_path: Path) -> None:
    # npm, in its place, fetches what is in node_modules.
    path = programs(tmp_path / "bin", npm=f'cp -R "{checkout}/node_modules" .')
    with (checkout / "node_modules/@twilio/voice-sdk/dist/twilio.min.js").open("a") as script:
        script.write("\nalert(1);\n")
    ran = run_script(checkout, PATH=path)
    assert ran.returncode == 1
    assert "hash" in ran.stderr
    assert not (checkout / "webhooks" / "static" / "vendor").exists()


def test_the_script_replaces_a_file_of_another_hash(checkout: Path) -> None:
    vendor = checkout / "webhooks" / "static" / "vendor"
    vendor.mkdir(parents=True)
    (vendor / "twilio.min.js").write_text("an old version")
    assert run_script(checkout).returncode == 0
    assert (vendor / "twilio.min.js").stat().st_size > 100_000


def test_the_script_fetches_by_npm_without_running_what_it_fetches(checkout: Path, tmp_path: Path) -> None:
    fetched = tmp_path / "fetched"
    shutil.move(checkout / "node_modules", fetched)
    path = programs(tmp_path / "bin", npm=f'echo "$@" > "{tmp_path}/asked"; cp -R "{fetched}" node_modules')
    ran = run_script(checkout, PATH=path)
    assert ran.returncode == 0, ran.stderr
    asked = (tmp_path / "asked").read_text().split()
    assert asked[:3] == ["ci", "--ignore-scripts", "--omit=dev"]
    assert not (checkout / "node_modules").exists()


def test_without_npm_the_script_says_what_to_install(checkout: Path, tmp_path: Path) -> None:
    ran = run_script(checkout, PATH=programs(tmp_path / "bin"))
    assert ran.returncode == 1
    assert "npm was not found" in ran.stderr
    assert "Node.js" in ran.stderr


def test_the_lock_file_pins_by_hash_and_names_no_registry() -> None:
    lock = (ROOT / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert "://" not in lock.replace('"url": "https://tidelift.com/funding/github/npm/loglevel"', "")
    assert lock.count('"integrity": "sha512-') == lock.count('"node_modules/')


def test_the_hash_is_one_that_a_script_element_takes() -> None:
    assert INTEGRITY.startswith("sha384-")
    assert len(INTEGRITY) == len("sha384-") + 64
