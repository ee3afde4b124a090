"""`voicebot load` as a person runs it: options, refusals, files and exit codes; and the bot under load. Real time."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from bot.errors import SimulatorError
from bot.load.command import load
from bot.load.target import Plan, Target
from bot.load.watching import watch
from tests.e2e.test_process import voicebot


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory without a .env."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(load, arguments)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--url", "http://bot.example.com"], "bot.example.com is not this machine"),
        (["--stream", "wss://bot.example.com/media"], "costs somebody money"),
        (["--url", "http://127.0.0.1:1", "--stream", "ws://127.0.0.1:1"], "give either --url"),
        (["--url", "ftp://127.0.0.1"], "should be an address such as http://"),
        (["--stream", "http://127.0.0.1"], "should be an address such as ws://"),
        (["--stream", "ws://127.0.0.1:99999"], "should be an address"),
        (["--parameter", "a=b"], "--parameter goes with --stream"),
        (["--stream", "ws://127.0.0.1/x", "--parameter", "a=" + 500 * "b"], "fewer than 500 characters"),
        (["--stream", "ws://127.0.0.1/x", "--parameter", "=b"], "should be NAME=VALUE"),
        (["--ramp", "30", "--seconds", "30"], "--ramp should be shorter than --seconds"),
        (["--ramp", "nan"], "--ramp should be shorter"),
        (["--seconds", "nan"], "--seconds should be at most 3600"),
        (["--seconds", "0"], "--seconds"),
        (["--calls", "0"], "--calls"),
        (["--calls", "2", "--processes", "3"], "--processes should be no more than --calls"),
        (["--calls", "9", "--most", "3"], "--most should be no less than --calls"),
        (["--script", "nowhere.toml"], "nowhere.toml cannot be read"),
        (["--fail-over", "p99_speed=1"], "there is no measure speed"),
        (["--picture", "load.png"], "should be the name of an .svg file"),
        (["--pid", "99999999"], "is no process of this machine"),
        (["--url", "https://bot.example.com", "--allow-remote", "--calls", "51"], "at most 50 at bot.example.com"),
    ],
)
def test_nonsense_is_refused_in_a_sentence(arguments: list[str], words: str) -> None:
    done = run(*arguments)
    assert done.exit_code == 2
    assert words in " ".join(done.output.split())
    assert "Traceback" not in done.output


def test_a_call_elsewhere_is_for_who_asks_for_it_and_is_counted() -> None:
    target = Target("https://bot.example.com/voice?x=1", allow_remote=True)
    Plan(target, 50, 0.0, 30.0).check()
    assert target.base == "https://bot.example.com"
    assert target.entrance == "/voice?x=1"
    assert Target("http://127.0.0.1:8000/").entrance == "/voice"
    with pytest.raises(SimulatorError, match="at most 50"):
        Plan(target, 51, 0.0, 30.0).check()


def test_nobody_there_is_a_failed_call_and_exit_code_1() -> None:
    done = run("--url", "http://127.0.0.1:9", "--calls", "2", "--seconds", "1")
    assert done.exit_code == 1
    assert "2 failed: nobody answers at http://127.0.0.1:9" in done.output
    assert "0 of 2 calls worked" in done.output


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
async def test_a_process_is_watched_with_its_children() -> None:
    program = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'x = bytearray(60_000_000); input()'])"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdin=asyncio.subprocess.PIPE)
    assert process.stdin
    loop = asyncio.get_running_loop()
    watching = watch(process.pid, 0.0)
    async with asyncio.timeout(20):
        while (look := watching.look(loop.time())).processes < 2 or look.rss < 60:  # noqa: ASYNC110 - no event there
            await asyncio.sleep(0.05)
    assert look.cpu >= watching.looks[0].cpu
    assert 50 < look.pss <= look.rss
    following = asyncio.create_task(watching.follow(loop.time))
    process.stdin.close()
    await process.wait()
    await asyncio.wait_for(following, 20)
    assert watching.gone
    with pytest.raises(SimulatorError, match="no process of this machine"):
        watch(process.pid, 0.0)


async def free_port() -> int:
    server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    port = int(server.sockets[0].getsockname()[1])
    server.close()
    await server.wait_closed()
    return port


async def test_the_real_bot_under_load_from_two_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, port = await free_port(), await free_port()
    url = f"http://127.0.0.1:{port}"
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "token of these tests")
    monkeypatch.setenv("PUBLIC_URL", url)
    monkeypatch.setenv("AZURE_VOICE_LIVE_ENDPOINT", f"http://127.0.0.1:{model}")
    bot = await voicebot("serve", "--port", str(port), folder=tmp_path)
    try:
        assert bot.stdout is not None
        await asyncio.wait_for(bot.stdout.readline(), 60)
        loading = await voicebot(
            *("load", "--url", url, "--calls", "4", "--ramp", "1", "--seconds", "13", "--processes", "2"),
            *("--model-port", str(model), "--pid", str(bot.pid), "--json", "load.json", "--picture", "load.svg"),
            *("--fail-over", "missing_frames=0", "--fail-over", "missing_audio=0", "--fail-over", "failed=0"),
            folder=tmp_path,
        )
        out, err = await asyncio.wait_for(loading.communicate(), 90)
    finally:
        bot.terminate()
        await bot.communicate()
    assert loading.returncode == 0, out.decode() + err.decode()
    assert "4 of 4 calls worked" in out.decode()
    report: dict[str, Any] = json.loads((tmp_path / "load.json").read_text())
    counts = report["counts"]
    assert counts["frames"] > 1500
    assert counts["audio"] > 500
    assert counts["barge_ins"] == 4
    assert [counts[key] for key in ("unheeded", "never_silent", "untold", "unpaired", "unrecognised")] == [0] * 5
    for key in (
        "answer",
        "greeting",
        "stream_greeting",
        "frame",
        "delta",
        "clear",
        "silence",
        "truncation",
        "lateness",
    ):
        assert report["measures"][key]["n"], key
    assert report["measures"]["truncation"]["p50"] < 150
    assert len(report["generator"]["cores"]) == 2
    assert report["process"]["rss_most"] > 20
    assert report["process"]["cores"] > 0
    svg = ElementTree.parse(tmp_path / "load.svg")  # noqa: S314 - our own
    assert svg.getroot().tag.endswith("svg")


async def test_ctrl_c_ends_the_run_with_the_report_so_far(tmp_path: Path) -> None:
    bot = await voicebot("serve", "--port", "0", folder=tmp_path)
    try:
        assert bot.stdout is not None
        line = (await asyncio.wait_for(bot.stdout.readline(), 60)).decode()
        url = next(word for word in line.split() if word.startswith("http://"))
        loading = await voicebot("load", "--url", url, "--calls", "2", "--seconds", "600", folder=tmp_path)
        await asyncio.sleep(6)
        os.kill(loading.pid, signal.SIGINT)
        out, err = await asyncio.wait_for(loading.communicate(), 30)
    finally:
        bot.terminate()
        await bot.communicate()
    assert loading.returncode == 0, out.decode() + err.decode()
    assert "ended early" in out.decode()
    assert "2 of 2 calls worked" in out.decode()
    assert "webhook asked → first sound" in out.decode()
