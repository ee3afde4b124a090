from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncGenerator, Callable
from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry
from quart import Quart, abort
from quart import typing as quart_typing
from quart.wrappers.base import BaseRequestWebsocket

from bot.board import Board
from bot.call.events import CallerFacts
from bot.call.reports import AssistantDraft, AssistantWords, CallerWords, Report, State, StateChanged
from bot.feed import Entry, Feed
from tests.webhooks_stand_ins import CALL, CALLED, CALLER, FakeSwitchboard, served, settings
from webhooks.live import live_routes
from webhooks.live_streams import EncodedRows, board_events, call_events, seen_of, without_superseded
from webhooks.metrics import Meters
from webhooks.page_gate import Visitor
from webhooks.sse import BEAT

DESK = "+14255550177"
OTHER = "CA" + "9" * 32


class Event:
    """One event of a stream, as a browser reads it."""

    def __init__(self, text: str) -> None:
        fields = dict(line.partition(": ")[::2] for line in text.splitlines() if not line.startswith(":"))
        self.kind, self.number = fields.get("event", ""), fields.get("id", "")
        self.data: Any = json.loads(fields["data"]) if "data" in fields else None


def events(content: bytes) -> list[Event]:
    return [Event(block) for block in content.decode().split("\n\n") if block.strip()]


class House:
    """The live view of a made-up switchboard. allowed: whether the door lets anybody in."""

    def __init__(self, *, most_viewers: int = 64, clock: Callable[[], float] = time.monotonic) -> None:
        self.board = FakeSwitchboard()
        self.registry = CollectorRegistry()
        self.allowed = True
        self.app = Quart(__name__)
        routes = live_routes(
            settings(dial_allowed=(DESK,)),
            self.board,
            self,
            Meters(self.registry),
            self.registry,
            most_viewers=most_viewers,
            clock=clock,
        )
        self.app.register_blueprint(routes)

    def require(self, request: BaseRequestWebsocket) -> Visitor:
        if not self.allowed:
            abort(401)
        return Visitor("sign-in:0123456789abcdef")

    def call(self, call_id: str = CALL) -> None:
        self.board.feeds[call_id] = Feed()
        self.board.board.begin(CallerFacts(call_id, CALLER, CALLED), 1000.0)

    def tell(self, *reports: Report, call_id: str = CALL) -> None:
        for report in reports:
            self.board.feeds[call_id].add(report, 1.23456)
            self.board.board.take(call_id, report)

    def counted(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0

    @property
    def client(self) -> quart_typing.TestClientProtocol:
        return self.app.test_client()


@pytest.fixture
def house() -> House:
    house = House()
    house.call()
    return house


def watching(board: Board, last: str = "") -> AsyncGenerator[bytes]:
    return board_events(board, EncodedRows(board, 100), last, wall_clock=lambda: 2000.0)


async def taken(stream: AsyncGenerator[bytes]) -> Event:
    return Event((await anext(stream)).decode())


def begin(board: Board, *call_ids: str) -> None:
    for call_id in call_ids:
        board.begin(CallerFacts(call_id, CALLER, CALLED), 1000.0)


# --- The board


async def test_whoever_comes_first_gets_every_call() -> None:
    board = Board("boot")
    begin(board, CALL)
    event = await taken(watching(board))
    assert (event.kind, event.number) == ("board", "boot-1")
    assert event.data["now"] == 2000.0
    assert event.data["reset"] is True
    assert event.data["calls"] == [
        {
            "call_id": CALL,
            "caller": "***23",
            "called": "***99",
            "began": 1000.0,
            "state": "connecting",
            "message": "",
            "caller_words": "",
            "assistant_words": "",
            "answer_seconds": None,
            "interruptions": 0,
            "missing_seconds": 0.0,
            "over": False,
            "outcome": "",
            "transferable": True,
        }
    ]


async def test_an_empty_house_says_so_at_once() -> None:
    event = await taken(watching(Board("boot")))
    assert event.data == {"now": 2000.0, "reset": True, "calls": []}


@pytest.mark.virtual_time
async def test_only_what_changed_is_sent_and_four_times_a_second_at_most() -> None:
    board = Board("boot")
    begin(board, CALL, OTHER)
    stream, clock = watching(board), asyncio.get_running_loop().time
    await taken(stream)
    began = clock()
    for text in ("We", "We are", "We are open"):
        board.take(OTHER, AssistantDraft("item", text))
    event = await taken(stream)
    assert clock() - began == pytest.approx(0.25)
    assert [row["assistant_words"] for row in event.data["calls"]] == ["We are open"]
    assert event.data["reset"] is False
    await stream.aclose()


@pytest.mark.virtual_time
async def test_a_quiet_board_shows_that_it_is_there() -> None:
    stream = watching(Board("boot"))
    await taken(stream)
    began = asyncio.get_running_loop().time()
    assert await anext(stream) == BEAT
    assert asyncio.get_running_loop().time() - began == pytest.approx(15.25)
    await stream.aclose()


async def test_who_comes_back_gets_what_was_missed_and_no_more() -> None:
    board = Board("boot")
    begin(board, CALL, OTHER)
    board.take(CALL, CallerWords("item", "Hello?"))
    event = await taken(watching(board, "boot-2"))
    assert event.data["reset"] is False
    assert [row["caller_words"] for row in event.data["calls"]] == ["Hello?"]


@pytest.mark.parametrize(
    "last", ["", "before-2", "boot-9", "boot-", "boot-1e3", "boot--1", "nonsense", "boot-" + "1" * 5000]
)
def test_who_saw_another_house_begins_anew(last: str) -> None:
    board = Board("boot")
    begin(board, CALL, OTHER)
    board.oldest = 1
    assert seen_of(board, last) is None
    assert seen_of(board, "boot-1") == 1


async def test_who_was_away_while_calls_were_forgotten_begins_anew() -> None:
    board = Board("boot")
    begin(board, CALL)
    for number in range(40):
        begin(board, f"CA{number}")
        board.end(f"CA{number}", "caller")
    event = await taken(watching(board, "boot-1"))
    assert event.data["reset"] is True
    assert len(event.data["calls"]) < 41


@pytest.mark.virtual_time
async def test_a_viewer_too_slow_for_calls_that_come_and_go_begins_anew() -> None:
    board = Board("boot")
    stream = watching(board)
    await taken(stream)
    for number in range(40):
        begin(board, f"CA{number}")
        board.end(f"CA{number}", "caller")
    assert (await taken(stream)).data["reset"] is True
    await stream.aclose()


@pytest.mark.virtual_time
async def test_the_board_ends_with_the_house_and_tells_the_last_of_it() -> None:
    board = Board("boot")
    begin(board, CALL)
    stream = watching(board)
    await taken(stream)
    board.end(CALL, "closing")
    board.close()
    last = [Event(chunk.decode()) async for chunk in stream]
    assert [event.data["calls"][0]["outcome"] for event in last] == ["closing"]


def test_a_row_is_encoded_once_for_all_who_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    board = Board("boot")
    begin(board, CALL, OTHER)
    rows = EncodedRows(board, 100)
    first = rows.changes(0, reset=True, now=1.0)
    board.take(CALL, CallerWords("item", "Hello?"))
    encoded: list[object] = []

    def encode(row: object) -> bytes:
        encoded.append(row)
        return b"{}"

    monkeypatch.setattr("webhooks.live_streams.msgspec.json.encode", encode)
    for _ in range(10):
        assert rows.changes(0, reset=True, now=1.0) != first
    assert len(encoded) == 1


def test_rows_of_calls_long_gone_are_not_kept() -> None:
    board = Board("boot")
    rows = EncodedRows(board, 30)
    for number in range(200):
        begin(board, f"CA{number}")
        rows.changes(0, reset=True, now=1.0)
        board.end(f"CA{number}", "caller")
    assert len(rows._encoded) <= 30


# --- One call


async def test_a_call_is_told_from_its_beginning_to_its_end(house: House) -> None:
    house.tell(StateChanged(State.READY), CallerWords("item", "Hello?"))
    house.board.feeds[CALL].close()
    response = await house.client.get(f"/calls/{CALL}/live")
    assert response.mimetype == "text/event-stream"
    opening, hello, first, second, end = events(await response.get_data(as_text=False))
    assert opening.kind == ""
    assert (hello.kind, hello.data) == ("hello", {"elapsed": 12.5})
    assert (first.number, first.data) == ("1", {"at": 1.235, "type": "StateChanged", "state": "ready", "message": ""})
    assert (second.number, second.data["text"]) == ("2", "Hello?")
    assert (end.kind, end.data) == ("end", {})


@pytest.mark.parametrize(("headers", "query"), [({"Last-Event-ID": "2"}, ""), ({}, "?after=2")])
async def test_a_call_goes_on_after_what_came_last(house: House, headers: dict[str, str], query: str) -> None:
    house.tell(*(CallerWords(f"item {number}", "Hello?") for number in range(4)))
    house.board.feeds[CALL].close()
    response = await house.client.get(f"/calls/{CALL}/live{query}", headers=headers)
    told = events(await response.get_data(as_text=False))
    assert [event.number for event in told if event.kind == "report"] == ["3", "4"]


async def test_what_the_browser_saw_last_counts_more_than_the_address(house: House) -> None:
    house.tell(*(CallerWords(f"item {number}", "Hello?") for number in range(4)))
    house.board.feeds[CALL].close()
    response = await house.client.get(f"/calls/{CALL}/live?after=1", headers={"Last-Event-ID": "3"})
    told = events(await response.get_data(as_text=False))
    assert [event.number for event in told if event.kind == "report"] == ["4"]


async def test_an_unknown_call_is_not_found(house: House) -> None:
    response = await house.client.get(f"/calls/{OTHER}/live")
    assert response.status_code == 404
    assert "not known" in (await response.get_json())["words"]


def test_drafts_that_a_later_one_replaces_are_left_out() -> None:
    entries = [
        Entry(1, 1.0, AssistantDraft("a", "We")),
        Entry(2, 1.0, StateChanged(State.SPEAKING)),
        Entry(3, 1.0, AssistantDraft("a", "We are")),
        Entry(4, 1.0, AssistantDraft("b", "Hello")),
        Entry(5, 1.0, AssistantWords("b", "Hello!")),
        Entry(6, 1.0, CallerWords("a", "Yes")),
    ]
    assert [entry.number for entry in without_superseded(entries)] == [2, 3, 5, 6]


@pytest.mark.virtual_time
async def test_a_silent_call_shows_that_it_is_there() -> None:
    stream = call_events(Feed().follow(), 0.0)
    await taken(stream)
    assert await anext(stream) == BEAT
    await stream.aclose()


# --- Who watches


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 - metrics offer no event
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("path", ["/calls/live", f"/calls/{CALL}/live"])
async def test_a_viewer_who_goes_away_leaves_nothing_behind(house: House, path: str) -> None:
    async with served(house.app) as port, aiohttp.ClientSession() as http:
        before = len(asyncio.all_tasks())
        response = await http.get(f"http://127.0.0.1:{port}{path}")
        await response.content.readuntil(b"\n\n")
        assert house.counted("voicebot_viewers") == 1
        response.close()
        await until(lambda: house.counted("voicebot_viewers") == 0 and len(asyncio.all_tasks()) <= before)


async def test_there_is_room_for_so_many_viewers_and_again_when_one_left() -> None:
    house = House(most_viewers=2)
    async with served(house.app) as port, aiohttp.ClientSession() as http:
        url = f"http://127.0.0.1:{port}/calls/live"
        watching = [await http.get(url) for _ in range(2)]
        for response in watching:
            await response.content.readuntil(b"\n\n")
        async with http.get(url) as refused:
            assert refused.status == 503
            assert "2 live views" in (await refused.json())["words"]
        assert house.counted("voicebot_refusals_total", reason="viewers") == 1
        watching.pop().close()
        await until(lambda: house.counted("voicebot_viewers") == 1)
        watching.append(await http.get(url))
        assert watching[-1].status == 200
        for response in watching:
            response.close()
        await until(lambda: house.counted("voicebot_viewers") == 0)


async def test_a_viewer_who_takes_no_data_does_not_slow_the_others(house: House) -> None:
    async with served(house.app) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(b"GET /calls/live HTTP/1.1\r\nHost: x\r\n\r\n")  # and reads nothing of the answer
        await until(lambda: house.counted("voicebot_viewers") == 1)
        for number in range(2000):
            house.call(f"CA{number}")
        async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{port}/calls/live") as response:
            async with asyncio.timeout(20):
                told = b""
                while b"CA1999" not in told:
                    told += await response.content.readany()
        writer.close()
        await until(lambda: house.counted("voicebot_viewers") == 0)


async def test_a_stream_is_let_in_anew_after_a_while() -> None:
    now = [0.0]
    house = House(clock=lambda: now[0])
    house.call()
    async with served(house.app) as port, aiohttp.ClientSession() as http:
        response = await http.get(f"http://127.0.0.1:{port}/calls/live")
        await response.content.readuntil(b"\n\n")
        now[0] = 901.0
        house.tell(StateChanged(State.READY))
        async with asyncio.timeout(20):
            await response.content.read()  # to its end


async def test_nobody_watches_or_acts_who_is_not_let_in(house: House) -> None:
    house.allowed = False
    client = house.client
    for path in ("/calls/live", f"/calls/{CALL}/live", "/calls/options"):
        assert (await client.get(path)).status_code == 401
    assert (await client.post(f"/calls/{CALL}/hang-up")).status_code == 401
    assert (await client.post(f"/calls/{CALL}/transfer", json={"to": DESK})).status_code == 401
    assert not house.board.hung_up
    assert not house.board.transferred


async def test_a_question_without_an_answer_holds_no_place(house: House) -> None:
    async with asyncio.timeout(20):
        assert (await house.client.head("/calls/live")).status_code == 405


# --- What an operator does


async def test_an_operator_hangs_up(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert (await house.client.post(f"/calls/{CALL}/hang-up")).status_code == 202
    assert house.board.hung_up == [CALL]
    assert f"call={CALL} sign-in hung up" in caplog.text
    assert house.counted("voicebot_operator_actions_total", action="hang_up") == 1


async def test_a_call_that_is_over_is_not_hung_up(house: House) -> None:
    response = await house.client.post(f"/calls/{OTHER}/hang-up")
    assert response.status_code == 404
    assert house.counted("voicebot_operator_actions_total", action="hang_up") == 0


async def test_an_operator_transfers_to_a_number_that_is_allowed(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert (await (await house.client.get("/calls/options")).get_json()) == {"transfer_to": [DESK], "sign_out": True}
    assert (await house.client.post(f"/calls/{CALL}/transfer", json={"to": DESK})).status_code == 202
    assert house.board.transferred == [(CALL, DESK)]
    assert f"call={CALL} sign-in transferred it to ***77" in caplog.text
    assert DESK not in caplog.text
    assert house.counted("voicebot_operator_actions_total", action="transfer") == 1


@pytest.mark.parametrize("to", ["+19005550100", "", DESK + " ", DESK[:-1], DESK + "\r\nX: y"])
async def test_a_transfer_goes_nowhere_else(house: House, to: str, caplog: pytest.LogCaptureFixture) -> None:
    response = await house.client.post(f"/calls/{CALL}/transfer", json={"to": to})
    assert response.status_code == 403
    assert "DIAL_ALLOWED" in (await response.get_json())["words"]
    assert not house.board.transferred
    assert "+19005550100" not in caplog.text
    assert house.counted("voicebot_operator_actions_total", action="transfer_refused") == 1


async def test_a_call_without_a_telephone_network_is_not_transferred(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(house.board, "transfer", lambda call_id, to: False)
    response = await house.client.post(f"/calls/{CALL}/transfer", json={"to": DESK})
    assert response.status_code == 409
    assert "no telephone network" in (await response.get_json())["words"]


async def test_a_call_that_is_over_is_not_transferred(house: House) -> None:
    house.board.board.end(CALL, "caller")
    assert (await house.client.post(f"/calls/{CALL}/transfer", json={"to": DESK})).status_code == 404
    assert (await house.client.post(f"/calls/{OTHER}/transfer", json={"to": DESK})).status_code == 404
    assert not house.board.transferred


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"to": 5}', b'{"number": "+14255550177"}', b"\xff"])
async def test_a_transfer_that_makes_no_sense_is_refused(house: House, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    response = await house.client.post(f"/calls/{CALL}/transfer", data=body, headers=headers)
    assert response.status_code == 400
    assert not house.board.transferred


async def test_a_form_of_another_page_transfers_nothing(house: House) -> None:
    response = await house.client.post(f"/calls/{CALL}/transfer", form={"to": DESK})
    assert response.status_code == 415
    assert not house.board.transferred
