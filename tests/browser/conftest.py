"""What the tests in a real browser share.

Fixtures, all of them for the whole run: a test that asks for one runs in the run's own event loop, by
`pytestmark = pytest.mark.asyncio(loop_scope="session")` in its module.

chromium: a `tests.browser.chromium.Chromium`. `async with chromium.visit(url, voice=wav) as visit:` opens a page in a
profile of its own (`visit.page` is playwright's) and fails the test where the page logged an error not expected.
callers: a `tests.browser.callers.Callers`. `await callers.says(3.0, "Where are you?", 8.0)` gives the WAV file of a
microphone: seconds of silence and sentences in turn.
real_parts: the engine's own ears and voice, for `house_of(...)` in `tests.browser.houses`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from bot.engine.real import RealParts, open_parts
from bot.settings import load_settings
from tests.browser.callers import Callers
from tests.browser.chromium import Chromium, open_chromium


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Chromium]:
    async with open_chromium() as chromium:
        yield chromium


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def callers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Callers]:
    callers = Callers(Path(tmp_path_factory.mktemp("callers")))
    yield callers
    await callers.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def real_parts() -> AsyncIterator[RealParts]:
    parts = await open_parts(load_settings(env_file=None))
    yield parts
    await parts.close()
