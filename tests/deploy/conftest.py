"""A cloud of its own for each test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.deploy.harness import AZURE_PYTHON, Cloud


@pytest.fixture(scope="session", autouse=True)
def _azure_command_line() -> None:
    assert AZURE_PYTHON.exists(), "make the Azure command line's environment: scripts/bootstrap --azure .venv/azure"


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    """An empty subscription, and a clone to deploy from."""
    return Cloud.make(tmp_path / "somebody's folder")


@pytest.fixture(scope="session")
def after_deployment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The cloud's state after a first deployment with a Twilio account."""
    cloud = Cloud.make(tmp_path_factory.mktemp("first") / "deployment")
    cloud.twilio()
    done = cloud.run("full", "--yes")
    assert done.code == 0, done.text
    return cloud.state


@pytest.fixture
def deployed(cloud: Cloud, after_deployment: dict[str, Any]) -> Cloud:
    """A cloud in which the bot runs already."""
    cloud.twilio()
    cloud.write(after_deployment)
    return cloud
