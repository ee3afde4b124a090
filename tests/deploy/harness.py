"""Runs azdeploy.sh in a copy of the project, against the stand-ins, and sees to it that no secret gets out."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.deploy.texts import Text

PROJECT = Path(__file__).parents[2]
AZURE_PYTHON = PROJECT / ".venv/azure/bin/python"
SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
OTHER_SUBSCRIPTION = "66666666-2222-3333-4444-555555555555"
SID = "AC" + "0123456789abcdef" * 2
TOKEN = "fedcba9876543210fedcba9876543210"
GROUP = "voicelive-phone"
APP = "app-abc123"

# What the script needs beside az, azd and curl: no more than any Unix, and Git Bash, has. sh is the stand-ins' own.
BASE_TOOLS = (
    *(
        "base64",
        "bash",
        "cat",
        "cksum",
        "cp",
        "date",
        "dirname",
        "grep",
        "head",
        "mkdir",
        "mktemp",
        "rm",
        "sed",
        "sh",
    ),
    *("sort", "tail", "tar", "tr"),
)
STAND_INS = ("az", "azd", "curl", "docker", "git", "sleep")


def account(identity: str = SUBSCRIPTION, name: str = "Pay as you go") -> dict[str, Any]:
    """A subscription as `az account show` gives it."""
    return {
        "environmentName": "AzureCloud",
        "homeTenantId": "12341234-0000-0000-0000-000000000000",
        "id": identity,
        "isDefault": identity == SUBSCRIPTION,
        "name": name,
        "state": "Enabled",
        "tenantId": "12341234-0000-0000-0000-000000000000",
        "user": {"name": "ada@example.com", "type": "user"},
    }


def fresh_state() -> dict[str, Any]:
    """An empty subscription of somebody who may do everything."""
    providers = "CognitiveServices ContainerRegistry Insights KeyVault ManagedIdentity OperationalInsights Web"
    return {
        "rules": [],
        "az_version": "2.91.0",
        "azd_version": "1.20.3",
        "azd_signed_in": True,
        "subscriptions": [account()],
        "roles": ["Owner"],
        "custom_roles": {},
        "providers": {f"Microsoft.{name}": "Registered" for name in providers.split()},
        "groups": {},
        "deleted_vaults": [],
        "deleted_accounts": [],
        "environments": {},
        "vault": {},
        "settings": {},
        "runs": "",
        "images": [],
        "built": {},
        "context": [],
        "restarts": 0,
        "log": "",
        "unresolved": 0,
        "hooks": True,
        "ready": [["200", '{"status":"ready"}']],
        "git_status": "",
        "commit": "270c98a0123456789012345678901234567890ab",
    }


@dataclass(frozen=True)
class Call:
    """One recorded call of a stand-in."""

    tool: str
    argv: list[str]
    files: dict[str, dict[str, Any]]

    @property
    def line(self) -> str:
        """As it was typed, without quotes."""
        return " ".join([self.tool, *self.argv])


@dataclass(frozen=True)
class Done:
    """A run that is over."""

    code: int
    out: str
    err: str
    calls: list[Call]

    @property
    def text(self) -> str:
        """Everything that was said."""
        return self.out + self.err

    def lines(self, tool: str, beginning: str = "") -> list[str]:
        """The calls of a tool that begin so, as lines."""
        return [call.line for call in self.calls if call.line.startswith(f"{tool} {beginning}".rstrip())]

    def steps(self) -> list[str]:
        """The calls that change something, in order, by their first words."""
        changing = {
            "azd env new": "env new",
            "azd provision": "provision",
            "azd down": "down",
            "az provider register": "register",
            "az keyvault purge": "purge vault",
            "az cognitiveservices account purge": "purge account",
            "az keyvault secret set": "secret",
            "az acr build": "build",
            "docker build": "docker build",
            "docker push": "docker push",
            "az webapp config appsettings set": "settings",
            "az webapp config appsettings delete": "settings delete",
            "az webapp config set": "image",
            "az webapp restart": "restart",
        }
        return [name for call in self.calls for words, name in changing.items() if call.line.startswith(words + " ")]


@dataclass
class Cloud:
    """The stand-ins' state and the project's copy, in a folder with a space in its name."""

    folder: Path
    secrets: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)

    @classmethod
    def make(cls, folder: Path) -> Cloud:
        """Lay out project, programs and an empty cloud."""
        cloud = cls(folder)
        for place in (cloud.project, cloud.programs, cloud.temporary, cloud.home):
            place.mkdir(parents=True)
        for name in ("azdeploy.sh", ".env.example", ".dockerignore", "Dockerfile"):
            shutil.copy(PROJECT / name, cloud.project)
        (cloud.project / "scripts").mkdir()
        shutil.copytree(PROJECT / "scripts/azure", cloud.project / "scripts/azure")
        for tool in BASE_TOOLS:
            (cloud.programs / tool).symlink_to(str(shutil.which(tool)))
        stand_in = Path(__file__).with_name("stand_in.py")
        for tool in STAND_INS:
            program = cloud.programs / tool
            program.write_text(f'#!/bin/sh\nexec "{AZURE_PYTHON}" -I -S "{stand_in}" {tool} "$@"\n')
            program.chmod(0o755)
        cloud.write(fresh_state())
        return cloud

    @property
    def project(self) -> Path:
        """The copy of the project."""
        return self.folder / "a clone"

    @property
    def programs(self) -> Path:
        """The only folder on the PATH."""
        return self.folder / "bin"

    @property
    def temporary(self) -> Path:
        """TMPDIR."""
        return self.folder / "tmp of mine"

    @property
    def home(self) -> Path:
        """Where the stand-ins keep state and recordings."""
        return self.folder / "cloud"

    @property
    def state(self) -> dict[str, Any]:
        """The state as it is now."""
        state: dict[str, Any] = json.loads((self.home / "state.json").read_text())
        return state

    def write(self, state: dict[str, Any]) -> None:
        """Replace the state."""
        (self.home / "state.json").write_text(json.dumps(state))

    def set(self, **values: object) -> None:
        """Change parts of the state."""
        self.write(self.state | values)

    def without(self, tool: str) -> None:
        """Take a program off the PATH."""
        (self.programs / tool).unlink()

    def rule(
        self,
        match: str,
        text: Text | None = None,
        *,
        times: int = -1,
        after: int = 0,
        hang: bool = False,
        out: str = "",
    ) -> None:
        """Have calls whose line matches fail with a text, `times` times (-1: always), after the first `after`."""
        state = self.state
        state["rules"].append(
            {
                "match": match,
                "times": times,
                "after": after,
                "hang": hang,
                "code": text.code if text else 0,
                "err": text.text if text else "",
                "out": out or None,
            }
        )
        self.write(state)

    def env_file(self, secrets: dict[str, str] | None = None, **plain: str) -> None:
        """Write .env: secrets, which must never be seen, and the rest."""
        secrets = secrets or {}
        self.secrets += secrets.values()
        lines = [f"{name}={value}" for name, value in (plain | secrets).items()]
        (self.project / ".env").write_text("# mine\n" + "\n".join(lines) + "\n")

    def twilio(self, **plain: str) -> None:
        """Write .env with a Twilio account."""
        self.env_file({"TWILIO_AUTH_TOKEN": TOKEN}, TWILIO_ACCOUNT_SID=SID, **plain)

    def variables(self) -> dict[str, str]:
        """The environment of a run."""
        return {
            "PATH": str(self.programs),
            "HOME": str(self.folder),
            "TMPDIR": str(self.temporary),
            "STAND_IN": str(self.home),
            "LC_ALL": "C.UTF-8",
        } | self.environment

    def _command(self, arguments: Sequence[str]) -> list[str]:
        return [str(self.programs / "bash"), str(self.project / "azdeploy.sh"), *arguments]

    def run(self, *arguments: str) -> Done:
        """Run the script to its end, without a terminal."""
        start = self._recorded()
        done = subprocess.run(  # noqa: S603 - our own script
            self._command(arguments),
            env=self.variables(),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return self._over(done.returncode, done.stdout, done.stderr, start)

    def interrupt(self, *arguments: str, number: int = signal.SIGINT) -> Done:
        """Run the script until a stand-in hangs, then press Ctrl-C: the signal goes to the whole group."""
        start = self._recorded()
        (self.home / "hanging").unlink(missing_ok=True)
        process = subprocess.Popen(  # noqa: S603 - our own script
            self._command(arguments),
            env=self.variables(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        limit = time.monotonic() + 60
        while not (self.home / "hanging").exists() and process.poll() is None and time.monotonic() < limit:
            time.sleep(0.02)
        os.killpg(process.pid, number)
        try:
            out, err = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise
        return self._over(process.returncode, out, err, start)

    def type(self, *arguments: str, answers: Sequence[tuple[str, str]]) -> Done:
        """Run the script on a terminal; `answers`: what is waited for, and what is then typed."""
        start = self._recorded()
        process, terminal = pty.fork()
        if process == 0:
            os.chdir(self.folder)
            os.execve(self._command(())[0], self._command(arguments), self.variables())  # noqa: S606
        seen = b""
        waiting = list(answers)
        searched = 0
        while True:
            try:
                piece = os.read(terminal, 4096)
            except OSError:
                break
            if not piece:
                break
            seen += piece
            while waiting and (place := seen.find(waiting[0][0].encode(), searched)) >= 0:
                searched = place + len(waiting[0][0])
                os.write(terminal, waiting.pop(0)[1].encode() + b"\n")
        _, status = os.waitpid(process, 0)
        os.close(terminal)
        assert not waiting, f"never asked: {waiting}\n{seen.decode()}"
        return self._over(os.waitstatus_to_exitcode(status), seen.decode().replace("\r\n", "\n"), "", start)

    def _recorded(self) -> int:
        calls = self.home / "calls.jsonl"
        return len(calls.read_text().splitlines()) if calls.exists() else 0

    def _over(self, code: int, out: str, err: str, start: int) -> Done:
        calls = self.home / "calls.jsonl"
        lines = calls.read_text().splitlines()[start:] if calls.exists() else []
        records = [json.loads(line) for line in lines]
        done = Done(code, out, err, [Call(one["tool"], one["argv"], one["files"]) for one in records])
        self.check_that_nothing_got_out(done)
        return done

    def check_that_nothing_got_out(self, done: Done) -> None:
        """No secret in an output or a command line, no file left, no trace of a script that broke."""
        for secret in {*self.secrets, *self.state["vault"].values()}:
            assert secret not in done.text
            for call in done.calls:
                assert secret not in call.line
        assert list(self.temporary.iterdir()) == []
        for call in done.calls:
            for word, file in call.files.items():
                if (
                    str(self.temporary) in word and "/context/" not in word
                ):  # a copy of the project, in a private folder
                    assert file["mode"] == 0o600, word
        for trace in ("unbound variable", "syntax error", "command not found", "azdeploy.sh: line", ".sh: line"):
            assert trace not in done.text, done.text
