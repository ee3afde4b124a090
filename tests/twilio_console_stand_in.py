"""A stand-in for the part of Twilio's REST interface that `voicebot twilio` uses, for Twilio's real client.

It keeps records as Twilio does, in the shapes of Twilio's OpenAPI description, and writes down every request, so that
a test can prove that none was a write. `run` is the command as a person runs it, in this process; `started` in one of
its own: `python -m tests.twilio_console_stand_in ADDRESS ARGUMENTS…`.
"""

from __future__ import annotations

import asyncio
import base64
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp import web
from click.testing import CliRunner, Result

from tests.twilio_rest_stand_in import Loopback, in_a_thread
from tests.webhooks_stand_ins import ACCOUNT, PUBLIC, TOKEN
from webhooks.cli import main

type Record = dict[str, Any]

ROOT = f"/2010-04-01/Accounts/{ACCOUNT}"
VOICE, FALLBACK, STATUS = f"{PUBLIC}/voice#rc=2&rp=all", f"{PUBLIC}/voice/fallback", f"{PUBLIC}/voice/status"
SETTINGS = {"TWILIO_ACCOUNT_SID": ACCOUNT, "TWILIO_AUTH_TOKEN": TOKEN, "PUBLIC_URL": PUBLIC}
KEY_SECRET = "TheSecretThatIsShownOnlyThisOnce"

_KINDS = {  # where it is: how a SID begins, the name of the list, fields that are never shown
    "IncomingPhoneNumbers": ("PN", "incoming_phone_numbers"),
    "Applications": ("AP", "applications"),
    "Keys": ("SK", "keys"),
    "SIP/Domains": ("SD", "domains"),
    "SIP/CredentialLists": ("CL", "credential_lists"),
}
_HIDDEN = ("secret", "password")


@dataclass(frozen=True)
class Asked:
    """A request. path: below the account, without `.json`; fields: as posted or in the query."""

    method: str
    path: str
    fields: dict[str, str]


@dataclass
class ConsoleStandIn:
    """An account with what tests put into it.

    keys: user names and passwords that are taken; largest_page: records that a page holds at most; fail: the
    HTTP status and code with which a request is refused, by method and the end of its path; wait: seconds before the
    answer to such a request; deaf: requests that are done but never answered; ignored: fields that a write leaves;
    kind: of the account, `Full` or `Trial`.
    """

    keys: dict[str, str] = field(default_factory=lambda: {ACCOUNT: TOKEN})
    largest_page: int = 50
    fail: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    wait: dict[tuple[str, str], float] = field(default_factory=dict)
    deaf: set[tuple[str, str]] = field(default_factory=set)
    ignored: set[str] = field(default_factory=set)
    raw: tuple[int, str] | None = None
    kind: str = "Full"
    asked: list[Asked] = field(default_factory=list)
    records: dict[str, list[Record]] = field(default_factory=dict)
    url: str = ""

    @property
    def writes(self) -> list[Asked]:
        """The requests that change something, or would."""
        return [request for request in self.asked if request.method != "GET"]

    def number(self, number: str, **fields: Any) -> Record:  # noqa: ANN401 - as JSON is
        """Give the account a number that points at nothing but what `fields` say."""
        record = {
            "account_sid": ACCOUNT,
            "capabilities": {"voice": True, "sms": True, "mms": True, "fax": False},
            "friendly_name": f"({number[2:5]}) {number[5:8]}-{number[8:]}",
            "phone_number": number,
            "voice_url": None,
            "voice_method": "POST",
            "voice_fallback_url": None,
            "voice_fallback_method": "POST",
            "status_callback": "",
            "status_callback_method": "POST",
            "voice_application_sid": "",
            "trunk_sid": None,
        }
        return self._add("IncomingPhoneNumbers", record | fields)

    def application(self, name: str, **fields: Any) -> Record:  # noqa: ANN401 - as JSON is
        """Give the account a TwiML App."""
        return self._add("Applications", {"friendly_name": name} | fields)

    def domain(self, name: str, **fields: Any) -> Record:  # noqa: ANN401 - as JSON is
        """Give the account a SIP Domain."""
        fields = {"domain_name": name, "friendly_name": name, "sip_registration": False, "secure": False} | fields
        return self._add("SIP/Domains", fields)

    def of(self, path: str) -> list[Record]:
        """All records of a path such as `SIP/Domains`."""
        return self.records.setdefault(path, [])

    def _add(self, path: str, fields: Record, sid: str = "") -> Record:
        start = _KINDS.get(path, ("CR",))[0]
        count = sum(len(several) for several in self.records.values()) + 1
        record = {"sid": sid or f"{start}{count:032x}"} | fields
        self.of(path).append(record)
        return record

    async def answer(self, request: web.Request) -> web.Response:
        path = request.path.removeprefix(ROOT).removesuffix(".json").strip("/")
        posted = await request.post()
        fields = {name: str(value) for name, value in (posted or request.query).items()}
        self.asked.append(Asked(request.method, path, fields))
        credentials = base64.b64decode(request.headers.get("Authorization", "").removeprefix("Basic ")).decode()
        user, _, password = credentials.partition(":")
        if not request.path.startswith(ROOT) or self.keys.get(user) != password:
            return _refusal(20003, 401)
        if self.raw:
            return web.Response(status=self.raw[0], text=self.raw[1])
        for (method, end), seconds in self.wait.items():
            if method == request.method and path.endswith(end):
                await asyncio.sleep(seconds)
        for (method, end), (status, code) in self.fail.items():
            if method == request.method and path.endswith(end):
                return _refusal(code, status)
        if not path:
            return web.json_response({"sid": ACCOUNT, "status": "active", "type": self.kind, "auth_token": TOKEN})
        answer = self._done(request.method, path, fields)
        if any(method == request.method and path.endswith(end) for method, end in self.deaf):
            assert request.transport
            request.transport.close()
        return answer

    def _done(self, method: str, path: str, fields: dict[str, str]) -> web.Response:
        parent, _, sid = path.rpartition("/")
        record = next((one for one in self.of(parent) if one["sid"] == sid), None)
        if method == "GET" and record is None and _is_list(path):
            return self._page(path, fields)
        if method == "POST" and record is None and _is_list(path):
            return self._made(path, _snake(fields))
        if record is None:
            return _refusal(20404, 404)
        if method == "DELETE":
            self.of(parent).remove(record)
            return web.Response(status=204)
        if method == "POST":
            change = {name: value for name, value in _snake(fields).items() if name not in self.ignored}
            if change.get("trunk_sid"):
                record["voice_application_sid"] = ""
            if change.get("voice_application_sid"):
                record["trunk_sid"] = None
            record |= change
        return web.json_response(_public(record))

    def _page(self, path: str, fields: dict[str, str]) -> web.Response:
        wanted = self.of(path)
        if only := fields.get("PhoneNumber"):  # a pattern, for Twilio
            wanted = [record for record in wanted if only in record["phone_number"]]
        if only := fields.get("FriendlyName"):
            wanted = [record for record in wanted if record["friendly_name"] == only]
        size, page = min(int(fields.get("PageSize", "50")), self.largest_page), int(fields.get("Page", "0"))
        more = len(wanted) > (page + 1) * size
        following = fields | {"PageSize": str(size), "Page": str(page + 1), "PageToken": f"PA{page}"}
        return web.json_response(
            {
                _KINDS.get(path, ("", "credentials" if path.endswith("Credentials") else "contents"))[1]: [
                    _public(record) for record in wanted[page * size : (page + 1) * size]
                ],
                "page": page,
                "page_size": size,
                "start": page * size,
                "end": min(len(wanted), (page + 1) * size) - 1,
                "uri": f"{ROOT}/{path}.json",
                "first_page_uri": f"{ROOT}/{path}.json?PageSize={size}&Page=0",
                "next_page_uri": f"{ROOT}/{path}.json?{urlencode(following)}" if more else None,
                "previous_page_uri": None,
            }
        )

    def _made(self, path: str, fields: Record) -> web.Response:
        if path == "Keys":
            record = self._add(path, fields | {"secret": KEY_SECRET})
            self.keys[record["sid"]] = KEY_SECRET
            return web.json_response(record, status=201)
        if path == "SIP/Domains" and any(one["domain_name"] == fields["domain_name"] for one in self.of(path)):
            return _refusal(21232, 400)
        if path.endswith("CredentialListMappings"):
            return web.json_response(self._add(path, {}, fields["credential_list_sid"]), status=201)
        return web.json_response(_public(self._add(path, fields)), status=201)

    @contextmanager
    def answering(self) -> Iterator[ConsoleStandIn]:
        """Answer on a port of its own."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.answer)
        with in_a_thread(app) as self.url:
            yield self

    def run(self, *arguments: str, timeout: float = 5.0) -> Result:
        """Run `voicebot twilio` with these arguments, in this process; it waits `timeout` seconds for an answer."""
        result = CliRunner().invoke(main, ["twilio", *arguments], obj=Loopback(self.url, timeout=timeout))
        assert isinstance(result.exception, SystemExit | None), result.exception
        assert not any(secret in result.output for secret in (TOKEN, KEY_SECRET)), "a secret was shown"
        return result

    def started(self, *arguments: str, **streams: Any) -> subprocess.Popen[str]:  # noqa: ANN401 - as Popen takes them
        """Start it in a process of its own."""
        command = [sys.executable, "-m", "tests.twilio_console_stand_in", self.url, "twilio", *arguments]
        return subprocess.Popen(command, text=True, **streams)  # noqa: S603 - our own module


@contextmanager
def console(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[ConsoleStandIn]:
    """The stand-in, with its account in the settings and `folder` as the working folder."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    with ConsoleStandIn().answering() as stand_in:
        yield stand_in


def wait_until(there: Callable[[], object]) -> None:
    """Wait for what another thread or process does, 20 s at most."""
    for _ in range(2000):
        if there():
            return
        time.sleep(0.01)
    raise AssertionError("it never came")


def _is_list(path: str) -> bool:
    return path.rpartition("/")[2][:1].isupper() and not path.rpartition("/")[2][2:3].isdigit()


def _snake(fields: dict[str, str]) -> Record:
    """Fields as Twilio gives them back: in lower case, and switches as JSON's."""
    words = {
        "".join("_" + one.lower() if one.isupper() else one for one in name)[1:]: fields[name] for name in fields
    }
    return {name: {"true": True, "false": False}.get(value, value) for name, value in words.items()}


def _public(record: Record) -> Record:
    return {name: value for name, value in record.items() if name not in _HIDDEN}


def _refusal(code: int, status: int) -> web.Response:
    # Twilio's message may repeat what was sent.
    return web.json_response(
        {"code": code, "message": f"no: {TOKEN}", "more_info": "https://…", "status": status}, status=status
    )


if __name__ == "__main__":
    main(sys.argv[2:], obj=Loopback(sys.argv[1]))
