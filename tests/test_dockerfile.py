"""The image's recipe and what is let into a build. The build itself: `scripts/container-check`."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

import pytest
from docker.utils import exclude_paths

HOUSE = Path(__file__).parents[1]
DOCKERFILE = (HOUSE / "Dockerfile").read_text(encoding="utf-8")
AZURE_PYTHON = HOUSE / ".venv/azure/bin/python"

NEEDED = (
    *("LICENSE", "README.md", "pyproject.toml", "package.json", "package-lock.json", "scripts/voice-sdk"),
    *("requirements/bot.txt", "requirements/engine.txt", "requirements/build.txt"),
)
SECRETS = (
    *(".env", ".env.local", ".env.example", "prod.env", "bot/.env", "webhooks/static/.env.production", ".npmrc"),
    *(".netrc", ".pypirc", "bot/.npmrc", ".git/config", ".azure/azureProfile.json", "bot/.aws/credentials"),
    *("key.pem", "bot/tls.pem", "webhooks/server.key", "webhooks/static/cert.pfx", "requirements/me.p12"),
    *("id_rsa", "id_ed25519", "bot/id_ed25519", "bot/credentials.json", "webhooks/client_secret.json"),
    *("credentials.py", "my_secrets.py", "secrets.json", "secret.toml", "terraform.tfstate", "calls.sqlite"),
)
NOT_OURS = (
    *("tests/test_settings.py", "node_modules/x/index.js", ".venv/bin/python", ".venv/lib/site.py", "docs/deploy.md"),
    *(
        "benchmarks/asgi.py",
        "infra/main.bicep",
        "azdeploy.sh",
        "examples/order_status.py",
        "heard.wav",
        "bot/heard.wav",
    ),
    *("bot/__pycache__/leg.cpython-313.pyc", "webhooks/static/vendor/twilio.min.js", "scripts/bootstrap"),
)
BROUGHT_ALONG = ("voicebot.toml", "order_status.py")
ITSELF = {"Dockerfile", ".dockerignore"}  # sent by Docker's clients whatever is ignored, for the builder to read


def source_files() -> set[str]:
    """What the bot is made of, as the wheel should have it."""
    kept = (path for room in ("bot", "webhooks") for path in (HOUSE / room).rglob("*") if path.is_file())
    return {
        path.relative_to(HOUSE).as_posix()
        for path in kept
        if not {"__pycache__", "vendor"} & set(path.parts) and not path.name.startswith(".")
    }


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """A folder like this one, as far as names go, with all that should stay at home."""
    folder = tmp_path / "context"
    for name in (*NEEDED, *SECRETS, *NOT_OURS, *BROUGHT_ALONG, *source_files(), "Dockerfile"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x", encoding="utf-8")
    shutil.copy(HOUSE / ".dockerignore", folder)
    return folder


def expected() -> set[str]:
    return {*NEEDED, *BROUGHT_ALONG, *source_files()}


def test_docker_is_sent_what_the_build_needs_and_no_secret(context: Path) -> None:
    patterns = [
        line
        for line in (context / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    sent = {name for name in exclude_paths(str(context), patterns) if (context / name).is_file()}
    assert sent - ITSELF == expected()


def test_azure_is_sent_what_the_build_needs_and_no_secret(context: Path, tmp_path: Path) -> None:
    """By the code of `az acr build` itself, which reads .dockerignore in a way of its own."""
    packing = (
        "import sys; from azure.cli.command_modules.acr._archive_utils import _pack_source_code as pack; "
        "pack(sys.argv[1], sys.argv[2], sys.argv[1] + '/Dockerfile', 'Dockerfile')"
    )
    assert AZURE_PYTHON.exists(), "make the Azure command line's environment: scripts/bootstrap --azure .venv/azure"
    archive = tmp_path / "context.tar.gz"
    subprocess.run([AZURE_PYTHON, "-c", packing, context, archive], check=True, capture_output=True)  # noqa: S603
    with tarfile.open(archive) as tar:
        sent = {member.name for member in tar if member.isfile()}
    assert sent - ITSELF == expected()


def test_the_linter_has_nothing_to_say() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    said = subprocess.run([hadolint, HOUSE / "Dockerfile"], capture_output=True, text=True, check=False)  # noqa: S603
    assert (said.returncode, said.stdout + said.stderr) == (0, "")


def test_docker_s_classic_builder_can_read_it() -> None:
    """`az acr build` uses it: https://github.com/Azure/acr/issues/721."""
    instructions = "\n".join(line for line in DOCKERFILE.splitlines() if not line.startswith("#"))
    assert not re.search(r"--(mount|chmod|link|parents|exclude|network|security|checksum)\b|<<", instructions)


def test_its_version_is_that_of_the_project() -> None:
    project = tomllib.loads((HOUSE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (version,) = re.findall(r'image\.version="([^"]+)"', DOCKERFILE)
    (description,) = re.findall(r'image\.description="([^"]+)"', DOCKERFILE)
    assert (version, description) == (project["version"], project["description"])


def test_every_copied_file_is_let_into_the_build() -> None:
    copied = [line.split()[1:-1] for line in DOCKERFILE.splitlines() if re.match("COPY (?!--from)", line)]
    plain = {name.rstrip("/") for names in copied for name in names if "[" not in name}
    allowed = {
        line[1:] for line in (HOUSE / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] == "!"
    }
    assert {name for name in plain if name not in allowed and Path(name).parts[0] not in allowed} == set()


def test_the_init_and_the_bot_are_started_without_a_shell() -> None:
    joined = DOCKERFILE.replace("\\\n", "")
    commands = re.findall(r"^(ENTRYPOINT|CMD|HEALTHCHECK .*?CMD) (.*)$", joined, re.MULTILINE)
    assert [json.loads(command)[0] for _, command in commands] == ["python", "tini", "serve"]


@pytest.mark.parametrize("name", ["bot", "engine"])
def test_the_image_is_installed_from_what_was_tested(name: str) -> None:
    """Every version that it can hold is one that the tests ran with."""
    pin = re.compile(r"^[a-z0-9][a-z0-9.-]*==[^ ;]+", re.MULTILINE)
    locked = (HOUSE / f"requirements/{name}.txt").read_text(encoding="utf-8")
    tested = (HOUSE / "requirements/all.txt").read_text(encoding="utf-8")
    assert set(pin.findall(locked)) <= set(pin.findall(tested))


@pytest.mark.parametrize("name", ["bot", "engine", "build"])
def test_what_is_installed_has_hashes_and_names_no_registry(name: str) -> None:
    locked = (HOUSE / f"requirements/{name}.txt").read_text(encoding="utf-8")
    entries = re.split(r"\n(?=[a-z0-9])", locked.split("make lock\n")[1])
    assert entries
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in locked
