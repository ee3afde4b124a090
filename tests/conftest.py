"""What all tests share: an environment without our settings, and virtual time for those that ask for it."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Mapping

import pytest
from hypothesis import settings as hypothesis_settings

from bot.settings import Settings
from bot.simulator.virtual_time import loop_factories

# How long an example takes says something of the machine, not of the code.
hypothesis_settings.register_profile("house", deadline=None)
hypothesis_settings.load_profile("house")


def pytest_configure() -> None:
    """Heed the signals that tests send to programs, whoever runs the tests: what we ignore, every child ignores.

    nohup ignores SIGHUP, and a shell without job control has its background jobs ignore SIGINT.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if sys.platform != "win32":
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """A test marked `virtual_time` runs in a loop whose time jumps."""
    return loop_factories(virtual=item.get_closest_marker("virtual_time") is not None)


@pytest.fixture(autouse=True)
def _environment_without_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
