"""Several workers behind one port, as processes of their own: a call stays with its worker, the rest is one bot."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import aiohttp
import pytest

from bot.engine.scripted import ScriptedParts
from bot.engine.server import EngineServer
from bot.simulator import Line, Parties, PhoneCall, place_call
from tests.e2e.house import ACCOUNT, TOKEN
from tests.e2e.test_process import voicebot

pytestmark = pytest.mark.skipif(not hasattr(socket, "send_fds"), reason="connections cannot be handed over here")

BEHIND_A_PATH = "https://bot.example.com/bot"

_TAG = re.compile(r"/w/(\d)/")
_SESSIONS = "voicebot_connect_seconds_count"
_ENTRANCE = re.compile(r"call=(CA\w+) from ")


class Crew:
    """A bot of several workers that runs, and what it has logged so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.url = ""
        self.process = process
        self.log: list[str] = []

    async def listen(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            self.log.append(line.decode())

    async def get(self, path: str) -> tuple[int, str]:
        async with aiohttp.ClientSession() as http, http.get(self.url + path) as answer:
            return answer.status, await answer.text()

    async def post(self, path: str) -> tuple[int, str]:
        async with aiohttp.ClientSession() as http, http.post(self.url + path) as answer:
            return answer.status, await answer.text()

    async def metric(self, name: str) -> float:
        """The sum over all labels."""
        _, text = await self.get("/metrics")
        lines = [line for line in text.splitlines() if re.match(rf"{name}(\{{|\s)", line)]
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    def pid(self, number: int) -> int:
        """The process id of a worker."""
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            mine = parent == self.process.pid and b"webhooks.workers" in words
            if mine and words[words.index(b"webhooks.workers") + 1] == str(number).encode():
                return int(entry.name)
        raise LookupError(number)


@asynccontextmanager
async def crew_of(folder: Path, environment: Mapping[str, str] = MappingProxyType({})) -> AsyncIterator[Crew]:
    async with EngineServer(ScriptedParts()) as engine:
        process = await voicebot(
            "serve", "--port", "0", folder=folder, LOG_LEVEL="debug", WORKERS="2",
            AZURE_VOICE_LIVE_ENDPOINT=engine.endpoint, **environment,
        )  # fmt: skip
        assert process.stdout is not None
        crew = Crew(process)
        listening = asyncio.create_task(crew.listen())
        try:
            line = (await asyncio.wait_for(process.stdout.readline(), 60)).decode()
            crew.url = next((word for word in line.split() if word.startswith("http://")), "")
            assert crew.url, crew.log
            yield crew
        finally:
            for _ in range(2):  # the second signal ends it at once
                if process.returncode is None:
                    process.terminate()
                    await asyncio.sleep(0.2)
            await asyncio.wait_for(process.wait(), 40)
            await asyncio.wait_for(listening, 10)
            await process.stdout.read()


async def until(true: Callable[[], bool | Awaitable[bool]], within: float = 20) -> None:
    """Wait for what another process does, by looking at it from outside."""
    async with asyncio.timeout(within):
        while True:
            found = true()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.1)


def workers_of(call: PhoneCall) -> set[str]:
    """The workers under whose addresses a call's webhooks were asked."""
    return {found[1] for request in call.requests if (found := _TAG.search(request))}


def taken_on_by(crew: Crew) -> dict[str, str]:
    """By call, the worker whose log says that it came in."""
    return {
        found[1]: line.split()[3].removeprefix("w")
        for line in crew.log
        if (found := _ENTRANCE.search(line)) is not None
    }


class Caller:
    """Somebody on the line who stays until told to go."""

    def __init__(self, crew: Crew, token: str = "", public_url: str = "", account: str = ACCOUNT) -> None:
        self.spoken_to = asyncio.Event()
        self.leaves = asyncio.Event()
        self.task = asyncio.create_task(
            place_call(
                crew.url,
                self.stay,
                auth_token=token,
                public_url=public_url,
                parties=Parties(account_sid=account),
            )
        )

    async def stay(self, line: Line) -> None:
        await line.until_spoken_to()
        self.spoken_to.set()
        await self.leaves.wait()

    async def talking(self) -> None:
        await asyncio.wait_for(self.spoken_to.wait(), 20)

    async def call(self) -> PhoneCall:
        self.leaves.set()
        return await asyncio.wait_for(self.task, 30)


async def watched(crew: Crew, path: str, enough: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
    """The events of a stream until there are enough."""
    events: list[dict[str, Any]] = []
    timeout = aiohttp.ClientTimeout(total=20)
    async with aiohttp.ClientSession(timeout=timeout) as http, http.get(crew.url + path) as answer:
        assert answer.status == 200
        async for line in answer.content:
            if line.startswith(b"data: "):
                events.append(json.loads(line[6:]))
                if enough(events):
                    return events
    raise AssertionError(events)


def rows_of(events: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = {}
    for event in events:
        rows |= {row["call_id"]: row for row in event["calls"]}
    return rows


# --- Calls


async def test_calls_spread_over_the_workers_and_each_stays_with_its_own(tmp_path: Path) -> None:
    async with crew_of(tmp_path) as crew:
        callers = [Caller(crew) for _ in range(4)]
        for caller in callers:
            await caller.talking()
        calls = [await caller.call() for caller in callers]
        await until(lambda: len(taken_on_by(crew)) == 4)
        entrances = taken_on_by(crew)
    assert sorted(entrances.values()) == ["0", "0", "1", "1"]
    for call in calls:
        assert call.ended_by == "caller"
        assert call.trouble == ""
        assert workers_of(call) == {entrances[call.call_sid]}


@pytest.mark.parametrize("stripped", [False, True], ids=["the proxy passes the path on", "the proxy takes it off"])
async def test_signed_calls_behind_a_path_stay_with_their_worker(stripped: bool, tmp_path: Path) -> None:
    signed = {"TWILIO_AUTH_TOKEN": TOKEN, "TWILIO_ACCOUNT_SID": ACCOUNT, "PUBLIC_URL": BEHIND_A_PATH}
    async with crew_of(tmp_path, signed) as crew:
        if not stripped:
            crew.url += "/bot"
        callers = [Caller(crew, TOKEN, BEHIND_A_PATH) for _ in range(2)]
        for caller in callers:
            await caller.talking()
        # A wrong signature is one for every worker.
        assert (await crew.post("/voice"))[0] == 403
        assert (await crew.post("/w/1/voice/after"))[0] == 403
        calls = [await caller.call() for caller in callers]
    assert [call.trouble for call in calls] == ["", ""]
    assert sorted(worker for call in calls for worker in workers_of(call)) == ["0", "1"]


async def test_a_webhook_that_comes_twice_comes_to_the_same_worker(tmp_path: Path) -> None:
    form = {"CallSid": "CA" + "7" * 32, "AccountSid": ACCOUNT, "From": "+14255550100", "To": "+14255550199"}
    headers = {"I-Twilio-Idempotency-Token": "0" * 32}
    async with crew_of(tmp_path) as crew, aiohttp.ClientSession() as http:
        answers = []
        for _ in range(2):
            async with http.post(crew.url + "/voice", data=form, headers=headers) as answer:
                assert answer.headers["Connection"] == "close"
                answers.append(await answer.text())
        assert answers[0] == answers[1]
        await until(lambda: _counted(crew, "voicebot_calls_live", 1))


# --- One bot


async def test_one_board_one_set_of_metrics_and_an_operators_hand_on_every_call(tmp_path: Path) -> None:
    async with crew_of(tmp_path) as crew:
        callers = [Caller(crew) for _ in range(2)]
        for caller in callers:
            await caller.talking()
        board = await watched(crew, "/calls/live", lambda events: len(rows_of(events)) == 2)
        rows = rows_of(board)
        assert {row["over"] for row in rows.values()} == {False}
        await until(lambda: _counted(crew, "voicebot_calls_live", 2))
        await until(lambda: _counted(crew, _SESSIONS, 2))
        for call_id in rows:
            events = await watched(crew, f"/calls/{call_id}/live", lambda events: len(events) > 1)
            assert events[1]["type"]
            assert (await crew.post(f"/calls/{call_id}/hang-up"))[0] == 202
        calls = [await asyncio.wait_for(caller.task, 30) for caller in callers]
        assert [call.ended_by for call in calls] == ["bot", "bot"]
        after = await watched(
            crew, "/calls/live", lambda events: all(row["over"] for row in rows_of(events).values())
        )
        assert {row["outcome"] for row in rows_of(after).values()} == {"hangup"}
        await until(lambda: _counted(crew, "voicebot_calls_ended_total", 2))


async def _counted(crew: Crew, name: str, number: int) -> bool:
    return await crew.metric(name) == number


async def test_the_house_is_full_when_all_workers_are(tmp_path: Path) -> None:
    async with crew_of(tmp_path, {"MAX_CALLS": "2"}) as crew:
        one = Caller(crew)
        await one.talking()
        assert (await crew.get("/ready"))[0] == 200
        other = Caller(crew)
        await other.talking()
        await until(lambda: _stands(crew, 503))
        third = await place_call(crew.url, one.stay)
        assert third.said_by_twiml
        await one.call()
        await until(lambda: _stands(crew, 200))
        await other.call()


async def _stands(crew: Crew, status: int) -> bool:
    return (await crew.get("/ready"))[0] == status


async def test_what_is_counted_once_cannot_be_asked_of_another_worker(tmp_path: Path) -> None:
    async with crew_of(tmp_path) as crew:
        assert (await crew.get("/calls/options"))[0] == 200
        for path in (
            "/w/1/",
            "/w/1/sign-in",
            "/w/1/calls",
            "/w/1/softphone/ways",
            "/w/1/calls/options",
            "/w/1/metrics",
        ):
            assert (await crew.get(path))[0] == 404


# --- The end of a worker


async def test_a_worker_that_dies_takes_only_its_own_calls_along(tmp_path: Path) -> None:
    async with crew_of(tmp_path) as crew:
        callers = [Caller(crew) for _ in range(2)]
        for caller in callers:
            await caller.talking()
        await until(lambda: len(taken_on_by(crew)) == 2)
        await until(lambda: _counted(crew, _SESSIONS, 2))
        rows = rows_of(await watched(crew, "/calls/live", lambda events: len(rows_of(events)) == 2))
        of_worker_1 = next(call_id for call_id, worker in taken_on_by(crew).items() if worker == "1")
        before = crew.pid(1)
        os.kill(before, signal.SIGKILL)
        # Its caller hears a word and goes on with whoever is there.
        await until(lambda: any(f"call={of_worker_1} after the stream: unknown" in line for line in crew.log))
        late = Caller(crew)
        await late.talking()
        await until(lambda: any("worker 1 is back" in line for line in crew.log))
        assert crew.pid(1) != before
        calls = [await caller.call() for caller in (*callers, late)]
        assert [call.ended_by for call in calls] == ["caller"] * 3
        unharmed = next(call for call in calls if call.call_sid in rows and call.call_sid != of_worker_1)
        assert unharmed.trouble == ""
        assert unharmed.said_by_twiml == []
        assert await crew.metric("voicebot_worker_restarts_total") == 1
        # What it had counted is not forgotten: a sum that falls looks like a burst to whoever draws it.
        assert await crew.metric(_SESSIONS) >= 2
        await until(lambda: _counted(crew, "voicebot_calls_live", 0))


async def test_worker_0_learns_again_what_the_others_have(tmp_path: Path) -> None:
    async with crew_of(tmp_path) as crew:
        callers = [Caller(crew) for _ in range(2)]
        for caller in callers:
            await caller.talking()
        await until(lambda: len(taken_on_by(crew)) == 2)
        of_worker_1 = next(call_id for call_id, worker in taken_on_by(crew).items() if worker == "1")
        os.kill(crew.pid(0), signal.SIGKILL)
        assert (await crew.get("/health"))[0] == 200, "somebody answers meanwhile"
        board = await watched(crew, "/calls/live", lambda events: of_worker_1 in rows_of(events))
        assert not rows_of(board)[of_worker_1]["over"]
        for caller in callers:
            assert (await caller.call()).ended_by == "caller"


async def test_without_its_supervisor_no_worker_stays(tmp_path: Path) -> None:
    async with crew_of(tmp_path) as crew:
        caller = Caller(crew)
        await caller.talking()
        pids = [crew.pid(number) for number in range(2)]
        crew.process.kill()
        call = await asyncio.wait_for(caller.task, 30)
        assert call.ended_by == "failure"

        async def gone() -> bool:
            return not any(_runs(pid) for pid in pids)

        await until(gone, 30)


def _runs(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


async def test_a_worker_that_is_told_to_end_is_replaced_when_its_call_is_over(tmp_path: Path) -> None:
    async with crew_of(tmp_path) as crew:
        callers = [Caller(crew) for _ in range(2)]
        for caller in callers:
            await caller.talking()
        await until(lambda: len(taken_on_by(crew)) == 2)
        before = crew.pid(1)
        os.kill(before, signal.SIGTERM)
        await until(lambda: any("draining: 1 calls" in line for line in crew.log))
        more = [Caller(crew) for _ in range(2)]
        for caller in more:
            await caller.talking()
        assert list(taken_on_by(crew).values())[2:] == ["0", "0"]
        calls = [await caller.call() for caller in (*callers, *more)]
        assert [(call.ended_by, call.trouble) for call in calls] == [("caller", "")] * 4
        await until(lambda: any("worker 1 is back" in line for line in crew.log))
        assert crew.pid(1) != before


# --- The end of all


async def test_all_drain_at_the_first_signal(tmp_path: Path) -> None:
    async with crew_of(tmp_path) as crew:
        callers = [Caller(crew) for _ in range(2)]
        for caller in callers:
            await caller.talking()
        crew.process.send_signal(signal.SIGTERM)
        await until(lambda: _stands(crew, 503))
        late = await place_call(crew.url, callers[0].stay)
        assert late.said_by_twiml
        assert not late.assistant_heard
        for caller in callers:
            call = await caller.call()
            assert (call.ended_by, call.trouble) == ("caller", "")
        assert await asyncio.wait_for(crew.process.wait(), 30) == 0


async def test_a_second_signal_ends_all_now(tmp_path: Path) -> None:
    async with crew_of(tmp_path) as crew:
        callers = [Caller(crew) for _ in range(2)]
        for caller in callers:
            await caller.talking()
        pids = [crew.pid(number) for number in range(2)]
        crew.process.send_signal(signal.SIGTERM)
        await until(lambda: any("draining 2 workers" in line for line in crew.log))
        crew.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(crew.process.wait(), 30) == 128 + signal.SIGTERM
        for caller in callers:
            assert (await asyncio.wait_for(caller.task, 30)).ended_by == "failure"
        assert not any(_runs(pid) for pid in pids)


async def test_a_wrong_setting_that_only_workers_notice_is_said_once(tmp_path: Path) -> None:
    process = await voicebot(
        "serve", "--port", "0", folder=tmp_path, WORKERS="2", AZURE_VOICE_LIVE_ENDPOINT="https://example.com",
        VOICE_LIVE_MODEL="gpt-realtime-2", VOICE_LIVE_TURN_DETECTION="server_vad",
        VOICE_LIVE_TRANSCRIPTION="azure-speech",
    )  # fmt: skip
    _, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 2
    assert err.decode().count("VOICE_LIVE_TURN_DETECTION should be") == 1
    assert "Traceback" not in err.decode()


# --- The porch


async def test_whoever_says_half_a_line_holds_up_nobody(tmp_path: Path) -> None:
    async with crew_of(tmp_path) as crew:
        port = int(crew.url.rpartition(":")[2])
        slow = [await asyncio.open_connection("127.0.0.1", port) for _ in range(50)]
        for _, writer in slow:
            writer.write(b"POST /voi")
        call = Caller(crew)
        await call.talking()
        assert (await crew.get("/health"))[0] == 200
        assert (await call.call()).ended_by == "caller"
        async with asyncio.timeout(20):
            answers = await asyncio.gather(*(reader.read() for reader, _ in slow), return_exceptions=True)
        assert all(answer == b"" or isinstance(answer, ConnectionResetError) for answer in answers)
        for _, writer in slow:
            writer.close()
        assert await crew.metric("voicebot_connections_dropped_total") == 50


async def test_a_thousand_connections_leave_nothing_open_in_the_supervisor(tmp_path: Path) -> None:
    async with crew_of(tmp_path) as crew:
        port = int(crew.url.rpartition(":")[2])

        def descriptors() -> int:
            return len(list(Path(f"/proc/{crew.process.pid}/fd").iterdir()))

        await crew.get("/health")
        before = descriptors()
        for number in range(1000):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            path = f"/w/{number % 2}/voice/nothing" if number % 3 else "/health"
            writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            assert (await reader.read()).startswith(b"HTTP/1.1 ")
            writer.close()
        await until(lambda: descriptors() <= before)
        assert await crew.metric("voicebot_connections_total") >= 1000
