"""Debian's Chromium under playwright: found, launched once for each microphone, a fresh profile for each test."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from enum import StrEnum
from pathlib import Path

import pytest
from playwright.async_api import Browser, Playwright, async_playwright
from playwright.async_api import expect as expectation

from tests.browser.listening import TAP
from tests.browser.visit import Visit

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_INSTALL = (
    "The browser tests need Chromium, and found none: `apt-get install chromium`, or set CHROMIUM to the program. "
    "They fail rather than be skipped, because what they prove nothing else proves."
)

# So that a microphone of the machine that runs the tests is not found.
_NO_SOUND_SERVER = {
    "ALSA_CONFIG_PATH": "/dev/null",
    "PULSE_SERVER": "unix:/dev/null",
    "PIPEWIRE_RUNTIME_DIR": "/dev/null",
}

_PATIENCE = 15_000  # ms; guards against hanging, nothing more

AWAY = "bot.example"
"""A name that this Chromium finds on this machine. A page asked for by it is away from loopback: without TLS it is
an insecure origin."""


class Microphone(StrEnum):
    """What asking for the microphone leads to."""

    GRANTED = "granted"
    REFUSED = "refused"
    ABSENT = "absent"


class Chromium:
    """Browsers by microphone. A WAV file is a switch of the command line, so each has a process of its own."""

    def __init__(self, playwright: Playwright, program: str) -> None:
        self._playwright = playwright
        self._program = program
        self._browsers: dict[tuple[Path | None, Microphone], Browser] = {}

    async def _browser(self, voice: Path | None, microphone: Microphone) -> Browser:
        key = (voice, microphone)
        if key not in self._browsers:
            self._browsers[key] = await self._playwright.chromium.launch(
                executable_path=self._program,
                args=_switches(voice, microphone),
                env={**os.environ, **_NO_SOUND_SERVER} if microphone is Microphone.ABSENT else None,
            )
        return self._browsers[key]

    @asynccontextmanager
    async def visit(
        self,
        url: str,
        *,
        voice: Path | None = None,
        microphone: Microphone = Microphone.GRANTED,
        width: int = 1280,
        height: int = 800,
        touch: bool = False,
        listen: bool = False,
        scripts: Sequence[str] = (),
        expect: Sequence[str] = (),
    ) -> AsyncIterator[Visit]:
        """Open a page in a profile of its own.

        url: what to open; empty: nothing yet. touch: as on a telephone, without a mouse. voice: WAV file that the
        microphone hears; none: silence, and a beep each second. scripts: JavaScript to be run before the page's own.
        expect: regular expressions for errors on the console that the test is about; any other error fails the test
        when it ends. listen: to what it plays, see `tests.browser.listening`.
        """
        browser = await self._browser(voice, microphone)
        context = await browser.new_context(
            viewport={"width": width, "height": height},
            has_touch=touch,
            is_mobile=touch,
            reduced_motion="reduce",  # no colour is caught half-way
            ignore_https_errors=True,
            bypass_csp=listen,
            accept_downloads=True,
            locale="en-GB",
        )
        context.set_default_timeout(_PATIENCE)
        try:
            if listen:
                await context.add_init_script(TAP)
            for script in scripts:
                await context.add_init_script(script)
            visit = Visit(await context.new_page(), expect)
            if url:
                await visit.page.goto(url)
            yield visit
            visit.check()
        finally:
            await context.close()

    async def close(self) -> None:
        """End every process."""
        for browser in self._browsers.values():
            await browser.close()


def _switches(voice: Path | None, microphone: Microphone) -> list[str]:
    answer = "=deny" if microphone is Microphone.REFUSED else ""
    switches = [f"--use-fake-ui-for-media-stream{answer}", f"--host-resolver-rules=MAP {AWAY} 127.0.0.1"]
    if microphone is not Microphone.ABSENT:
        switches.append("--use-fake-device-for-media-stream")
    if voice is not None:
        switches.append(f"--use-file-for-fake-audio-capture={voice}%noloop")
    if os.geteuid() == 0:
        switches.append("--no-sandbox")  # Chromium's sandbox refuses root, whom containers run as
    return switches


def program() -> str:
    """The path of Chromium. Fails the test where there is none."""
    if named := os.environ.get("CHROMIUM"):
        return named
    for name in _NAMES:
        if path := shutil.which(name):
            return path
    pytest.fail(_INSTALL, pytrace=False)


@asynccontextmanager
async def open_chromium() -> AsyncIterator[Chromium]:
    """A Chromium for a whole run."""
    path = program()
    expectation.set_options(timeout=_PATIENCE)
    async with async_playwright() as playwright:
        chromium = Chromium(playwright, path)
        try:
            yield chromium
        finally:
            await chromium.close()
