"""One page, opened by one test: what it logged, how it looks, and whether everybody can use it."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from playwright.async_api import ConsoleMessage, Error, Page

from tests.browser.axe import violations

_HERE = Path(__file__).parent
_IMAGES = _HERE.parents[1] / "docs" / "images"
_SCHEMES = ("light", "dark")


class Visit:
    """page: playwright's. expect: regular expressions for the errors on the console that the test is about."""

    def __init__(self, page: Page, expect: Sequence[str] = ()) -> None:
        self.page = page
        self.errors: list[str] = []
        """What the console and the page's own faults said, a line each."""
        self._expected = [re.compile(pattern) for pattern in expect]
        self.watch(page)

    def watch(self, page: Page) -> None:
        """Collect the errors of another page of this visit, such as a second tab."""
        page.on("console", self._logged)
        page.on("pageerror", self._failed)

    def _logged(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            place = message.location
            self.errors.append(f"{message.text} ({place['url']}:{place['lineNumber']})")

    def _failed(self, error: Error) -> None:
        self.errors.append(f"fault in the page: {error.message}\n{error.stack or ''}")

    def check(self) -> None:
        """Fail where the page logged an error that was not expected."""
        surprises = [line for line in self.errors if not any(pattern.search(line) for pattern in self._expected)]
        assert not surprises, "the page logged errors:\n" + "\n".join(surprises)

    async def look(self, name: str, *, accessible: bool = True) -> None:
        """Keep a picture of this state in light and dark, and fail where axe-core finds something in either.

        It takes a second of both processors: not while sound is measured.
        """
        folder = screenshots()
        for scheme in _SCHEMES:
            await self.page.emulate_media(
                color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce"
            )
            await self.page.screenshot(path=folder / f"{name}-{scheme}.png", full_page=True)
            if accessible:
                # What a colour scheme changes is the contrast.
                found = await violations(self.page, only="" if scheme == "light" else "color-contrast")
                assert not found, f"axe-core about {name}, {scheme}:\n" + "\n".join(found)
        await self.page.emulate_media(color_scheme="light", reduced_motion="reduce")

    async def picture(self, name: str) -> None:
        """Keep what is seen now as a picture for the README, if the environment says UPDATE_SCREENSHOTS=1."""
        if os.environ.get("UPDATE_SCREENSHOTS") == "1":
            _IMAGES.mkdir(parents=True, exist_ok=True)
            await self.page.screenshot(path=_IMAGES / f"{name}.png")


def screenshots() -> Path:
    """The folder for pictures: SCREENSHOTS, or one beside the tests."""
    folder = Path(os.environ.get("SCREENSHOTS") or _HERE / "screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
