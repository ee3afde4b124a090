"""`voicebot doctor` as a process of its own, as an operator runs it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from tests.doctor_stand_ins import authority, house_behind_a_proxy, port_of, without_upgrade
from tests.e2e.house import ACCOUNT, TOKEN, House, open_house

COMMAND = Path(sys.executable).with_name("voicebot")
WITHIN = 120  # seconds; generous, for a machine that others use too
_NOT_OURS = ("TWILIO_", "AZURE_", "VOICE_LIVE_", "IDENTITY_", "MSI_")


@asynccontextmanager
async def doctor(*arguments: str, folder: Path, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_OURS)}
    process = await asyncio.create_subprocess_exec(
        COMMAND,
        "doctor",
        *arguments,
        cwd=folder,
        env={**inherited, "PORT": "0", **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def examined(*arguments: str, folder: Path, **environment: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    async with doctor(*arguments, folder=folder, **environment) as process:
        out, err = await asyncio.wait_for(process.communicate(), WITHIN)
        assert process.returncode is not None
        assert b"Traceback" not in out + err
        return process.returncode, out.decode(), err.decode()


def checks(out: str) -> dict[str, str]:
    """What a JSON report says, status by name; the worst where a check has several lines."""
    order = ["ok", "skip", "warn", "fail"]
    found: dict[str, str] = {}
    for check in json.loads(out)["checks"]:
        name = f"{check['group']}.{check['check']}"
        found[name] = max(found.get(name, "ok"), check["status"], key=order.index)
    return found


def as_the_bot_has_them(house: House) -> dict[str, str]:
    return {
        "PORT": str(port_of(house)),
        "PUBLIC_URL": house.settings.public_url,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "AZURE_VOICE_LIVE_ENDPOINT": house.engine.endpoint,
    }


def left_running(mark: str) -> list[int]:
    """Processes whose environment holds this mark."""
    found = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark.encode() in environ.read_bytes():
                found.append(int(environ.parent.name))
        except OSError:
            continue
    return found


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
async def test_on_a_bare_machine_a_call_works_and_nothing_is_left_running(tmp_path: Path) -> None:
    mark = f"doctor-{uuid4()}"
    code, out, _ = await examined(folder=tmp_path, MARK=mark)
    assert code == 0, out
    assert "call.heard" in out
    assert "call.speech" in out
    assert "A call would work" in out.splitlines()[-1]
    assert "voicebot serve" in out.splitlines()[-1]
    assert left_running(mark) == []
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
async def test_ctrl_c_leaves_nothing_running(tmp_path: Path) -> None:
    mark = f"doctor-{uuid4()}"
    async with doctor("--only", "machine", "--only", "call", folder=tmp_path, MARK=mark) as process:
        assert process.stdout is not None
        while b"machine.files" not in (await asyncio.wait_for(process.stdout.readline(), WITHIN)):
            pass
        async with asyncio.timeout(WITHIN):
            while len(left_running(mark)) < 2:  # noqa: ASYNC110 - its own bot; /proc has no event for it
                await asyncio.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, err = await asyncio.wait_for(process.communicate(), WITHIN)
    assert process.returncode == 2
    assert err == b"Stopped. Nothing was left running.\n"
    assert left_running(mark) == []


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
async def test_a_doctor_who_is_killed_leaves_nothing_running(tmp_path: Path) -> None:
    mark = f"doctor-{uuid4()}"
    async with doctor("--only", "machine", "--only", "call", folder=tmp_path, MARK=mark) as process:
        async with asyncio.timeout(WITHIN):
            while len(left_running(mark)) < 2:  # noqa: ASYNC110 - its own bot; /proc has no event for it
                await asyncio.sleep(0.02)
        process.kill()
        await process.wait()
    async with asyncio.timeout(WITHIN):
        while left_running(mark):  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.05)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="writes to /dev/full")
@pytest.mark.parametrize("form", [(), ("--json",)])
async def test_lines_that_cannot_be_written_are_no_verdict(form: tuple[str, ...], tmp_path: Path) -> None:
    script = '"$0" doctor --only settings "$@" >/dev/full'
    process = await asyncio.create_subprocess_exec(
        "sh", "-c", script, COMMAND, *form, cwd=tmp_path, stderr=asyncio.subprocess.PIPE
    )
    _, err = await asyncio.wait_for(process.communicate(), WITHIN)
    assert process.returncode == 2
    assert err == b"The lines cannot be written (No space left on device). Make room, or send them elsewhere.\n"


async def test_number_to_url_to_this_very_server_by_tls(tmp_path: Path) -> None:
    ca = authority(tmp_path)
    async with house_behind_a_proxy(tls=ca.serving()) as house:
        code, out, err = await examined(
            "--json", "--skip", "twilio", folder=tmp_path, SSL_CERT_FILE=str(ca.file), **as_the_bot_has_them(house)
        )
        assert house.metric("voicebot_calls_live") == 0
    report = json.loads(out)
    assert (code, report["verdict"], report["heard"]) == (0, "works", True), out
    assert err == ""
    told = checks(out)
    for name in (
        "server.port",
        "voice-live.session",
        "address.tls",
        "address.websocket",
        "call.heard",
        "call.server",
    ):
        assert told[name] == "ok", name
    assert "this very bot" in out
    assert TOKEN not in out
    assert {"format", "verdict", "exit_code", "summary", "heard", "seconds", "checks"} == set(report)
    assert all(check["do"] for check in report["checks"] if check["status"] in ("warn", "fail"))


async def test_a_proxy_that_refuses_upgrades_keeps_calls_away(tmp_path: Path) -> None:
    async with house_behind_a_proxy(head=without_upgrade) as house:
        code, out, _ = await examined("--json", "--only", "address", folder=tmp_path, **as_the_bot_has_them(house))
    assert code == 1
    told = checks(out)
    assert told["address.health"] == "ok"
    assert told["address.websocket"] == "fail"


async def test_an_expired_certificate_keeps_calls_away(tmp_path: Path) -> None:
    ca = authority(tmp_path)
    async with house_behind_a_proxy(tls=ca.serving(since=-90, days=-1)) as house:
        code, out, _ = await examined(
            "--json",
            "--only",
            "address",
            "--only",
            "call",
            folder=tmp_path,
            SSL_CERT_FILE=str(ca.file),
            **as_the_bot_has_them(house),
        )
    assert code == 1
    assert "has expired" in out
    assert checks(out)["call.way"] == "fail"


async def test_a_bot_that_answers_counts_more_than_what_is_wrong_in_this_shell(tmp_path: Path) -> None:
    async with open_house() as house:
        here = as_the_bot_has_them(house) | {"AZURE_VOICE_LIVE_ENDPOINT": "http://127.0.0.1:9"}
        code, out, _ = await examined("--skip", "twilio", folder=tmp_path, **here)
    assert code == 0, out
    assert "fail  voice-live.session" in out
    assert "this shell" in out.splitlines()[-1]


async def test_wrong_settings_are_told_one_by_one(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("TWILO_AUTH_TOKEN=t0ken-1\nPUBLIC_URL=nonsense\n", encoding="utf-8")
    code, out, _ = await examined(folder=tmp_path, MAX_CALLS="many")
    assert code == 1
    assert "Did you mean TWILIO_AUTH_TOKEN?" in out
    assert "PUBLIC_URL should be an address" in out
    assert "MAX_CALLS should be" in out
    assert "t0ken-1" not in out
    assert "call." not in out


async def test_offline_with_azure_it_cannot_tell(tmp_path: Path) -> None:
    code, out, _ = await examined(
        "--offline",
        folder=tmp_path,
        AZURE_VOICE_LIVE_ENDPOINT="https://voice.invalid",
        AZURE_VOICE_LIVE_API_KEY="a key of these tests",
    )
    assert code == 2, out
    assert "--offline" in out
    assert "a key of these tests" not in out
    assert "cannot be told" in out.splitlines()[-1]


@pytest.mark.parametrize(
    "arguments", [["--only", "nonsense"], ["--only", "call", "--skip", "call"], ["--no-such-option"]]
)
async def test_a_wrong_option_is_exit_code_2(arguments: list[str], tmp_path: Path) -> None:
    code, out, err = await examined(*arguments, folder=tmp_path)
    assert (code, out) == (2, "")
    assert "Usage" in err
