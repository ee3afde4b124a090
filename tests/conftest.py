"""What all tests share: an environment without our settings, and virtual time for those that ask for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import pytest

from bot.settings import Settings
from bot.simulator.virtual_time import loop_factories


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """A test marked `virtual_time` runs in a loop whose time jumps."""
    return loop_factories(virtual=item.get_closest_marker("virtual_time") is not None)


@pytest.fixture(autouse=True)
def _environment_without_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
