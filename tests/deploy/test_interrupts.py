"""Ctrl-C at each step: what is there, what is half done, and how to go on. No secret stays in a file."""

from __future__ import annotations

import signal

import pytest

from tests.deploy import texts
from tests.deploy.harness import Cloud

STEPS = [
    ("^az account show", "looking up the subscription", "Nothing was made or changed.", "bash azdeploy.sh full"),
    ("^azd env new", "making azd's environment", "Nothing was made or changed.", "bash azdeploy.sh full"),
    ("^azd provision", "making the resources", "az resource list --resource-group", "bash azdeploy.sh full"),
    ("^az keyvault secret set", "writing the secret", "the web app is not finished", "bash azdeploy.sh finish"),
    ("^az acr build", "building the image", "the web app is not finished", "bash azdeploy.sh finish"),
    ("^az webapp config appsettings set", "writing the settings", "not finished", "bash azdeploy.sh finish"),
    ("^az webapp config set", "pointing the web app at", "not finished", "bash azdeploy.sh finish"),
    ("^az rest", "asking how far it is", "not finished", "bash azdeploy.sh finish"),
    ("^az webapp restart", "restarting the web app", "not finished", "bash azdeploy.sh finish"),
    ("^curl", "waiting until the bot is ready", "not finished", "bash azdeploy.sh finish"),
]


@pytest.mark.parametrize(("command", "step", "what", "then"), STEPS)
def test_ctrl_c_says_what_is_there_and_how_to_go_on(
    cloud: Cloud, command: str, step: str, what: str, then: str
) -> None:
    cloud.twilio()
    cloud.rule(command, hang=True)
    done = cloud.interrupt("full", "--yes")
    assert done.code == 130, done.text
    assert f"Stopped in the middle of: {step}" in done.text
    assert what in done.text
    assert f"To go on: {then}" in done.text


def test_what_was_done_before_is_listed(cloud: Cloud) -> None:
    cloud.twilio()
    cloud.rule("^az webapp config set", hang=True)
    done = cloud.interrupt("full", "--yes")
    assert "done: secrets in the vault" in done.text
    assert "done: building the image by a task of the registry" in done.text
    assert "done: writing the settings" in done.text


def test_a_deployment_that_was_stopped_goes_on(cloud: Cloud) -> None:
    cloud.twilio()
    cloud.rule("^az acr build", hang=True)
    cloud.interrupt("full", "--yes")
    cloud.set(rules=[])
    done = cloud.run("full", "--yes")
    assert done.code == 0, done.text
    assert "build" in done.steps()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_other_signals_clean_up_too(cloud: Cloud, number: int, code: int) -> None:
    cloud.twilio()
    cloud.rule("^az keyvault secret list", hang=True)
    done = cloud.interrupt("full", "--yes", number=number)
    assert done.code == code
    assert "Stopped in the middle of" in done.text


def test_ctrl_c_while_removing(cloud: Cloud) -> None:
    cloud.run("full", "--yes")
    cloud.rule("^azd down", hang=True)
    done = cloud.interrupt("remove", "--yes")
    assert done.code == 130
    assert "Part of it may be gone and part not" in done.text
    assert "bash azdeploy.sh remove" in done.text


def test_ctrl_c_in_a_pause(cloud: Cloud) -> None:
    cloud.rule("^azd provision", texts.NO_MACHINE)
    cloud.rule("^sleep", hang=True)
    done = cloud.interrupt("full", "--yes")
    assert done.code == 130
    assert "Stopped in the middle of: making the resources" in done.text
