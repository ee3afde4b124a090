"""Steps that fail: what passes by itself is tried again with a limit, the rest is named with the next step."""

from __future__ import annotations

import subprocess

import pytest

from tests.deploy import texts
from tests.deploy.harness import GROUP, PROJECT, TOKEN, Cloud

REASONS = [
    ("^azd provision", texts.NO_MACHINE, "no free machine"),
    ("^azd provision", texts.NO_CAPACITY, "no capacity for the model"),
    ("^azd provision", texts.PRINCIPAL, "identity is not yet known"),
    ("^azd provision", texts.CONFLICT_409, "still at work"),
    ("^azd provision", texts.BUSY_429, "slow down"),
    ("^azd provision", texts.BUSY_503, "busy"),
    ("^az keyvault secret list", texts.VAULT_FORBIDDEN, "role in the new vault is not yet effective"),
    ("^az keyvault secret set", texts.VAULT_FORBIDDEN, "role in the new vault is not yet effective"),
    ("^az keyvault secret list", texts.VAULT_UNKNOWN, "name of the new resource is not yet known"),
    ("^az acr build", texts.REGISTRY_UNKNOWN, "registry is not yet known"),
    ("^az acr build", texts.BUSY_429, "slow down"),
    ("^az webapp config set", texts.BUSY_503, "busy"),
    ("^az webapp restart", texts.CONFLICT_409, "still at work"),
]


@pytest.mark.parametrize(("step", "text", "reason"), REASONS)
def test_what_is_busy_is_tried_again_and_said_why(cloud: Cloud, step: str, text: texts.Text, reason: str) -> None:
    cloud.twilio()
    cloud.rule(step, text, times=2)
    done = cloud.run("full", "--yes")
    assert done.code == 0, done.text
    assert reason in done.out
    assert "Try 2 of 8 in 10 s" in done.out
    assert "Try 3 of 8 in 20 s" in done.out
    assert done.lines("sleep")[:2] == ["sleep 10", "sleep 20"]


def test_what_is_busy_for_ever_is_given_up(cloud: Cloud) -> None:
    cloud.rule("^azd provision", texts.NO_MACHINE)
    done = cloud.run("full", "--yes")
    assert done.code == 1
    assert len(done.lines("azd", "provision")) == 8
    assert [line.split()[1] for line in done.lines("sleep")] == ["10", "20", "30", "60", "60", "60", "60"]
    assert "still after 8 tries" in done.err
    assert "azdeploy: This step failed: making the resources (exit code 1)." in done.err
    assert "To repeat the step: azd provision --environment voicelive-phone --no-prompt" in done.err
    assert "To go on from here:  bash azdeploy.sh full" in done.err


def test_a_vault_that_stays_closed_is_given_up_with_the_command_that_goes_on(cloud: Cloud) -> None:
    cloud.twilio()
    cloud.rule("^az keyvault secret set", texts.VAULT_FORBIDDEN)
    done = cloud.run("full", "--yes")
    assert done.code == 1
    assert len(done.lines("az", "keyvault secret set")) == 8
    assert "To repeat the step: bash azdeploy.sh settings" in done.text
    assert "To go on from here:  bash azdeploy.sh finish" in done.text
    assert TOKEN not in done.text


FINAL = [
    (texts.NO_ROLE, "Your account may not do this"),
    (texts.SOFT_DELETED, "A deleted resource still holds the name"),
    (texts.SOFT_DELETED_VAULT, "A deleted resource still holds the name"),
    (texts.VAULT_TAKEN, "unique in all of Azure"),
    (texts.SITE_TAKEN, "unique in all of Azure"),
    (texts.REGISTRY_TAKEN, "unique in all of Azure"),
    (texts.NO_QUOTA, "no quota for this App Service plan"),
    (texts.MODEL_NOT_HERE, "The model is not offered in this region"),
    (texts.POLICY, "A policy of your organisation"),
    (texts.EXPIRED_70043, "The sign-in has expired"),
    (texts.OTHER, "This step failed: making the resources"),
]


@pytest.mark.parametrize(("text", "sentence"), FINAL)
def test_what_does_not_pass_is_explained_at_once(cloud: Cloud, text: texts.Text, sentence: str) -> None:
    cloud.rule("^azd provision", text)
    done = cloud.run("full", "--yes")
    assert done.code == text.code
    assert len(done.lines("azd", "provision")) == 1
    assert done.lines("sleep") == []
    assert sentence in done.err
    assert text.text.splitlines()[0] in done.out
    assert "az resource list --resource-group voicelive-phone" in done.err


STEPS = [
    ("^az provider list", "listing the resource providers"),
    ("^azd env new", "making azd's environment"),
    ("^azd env set PLAN_SKU", "writing PLAN_SKU into azd's environment"),
    ("^az keyvault secret list", "listing the secrets in the vault"),
    ("^az keyvault secret set .*page-secret", "writing the secret page-secret"),
    ("^az acr build", "building the image by a task of the registry"),
    ("^az webapp config appsettings list", "reading the web app's settings"),
    ("^az webapp config appsettings set", "writing the settings"),
    ("^az webapp config show", "asking which image the web app runs"),
    ("^az webapp config set", "pointing the web app at"),
    ("^az rest", "asking how far it is"),
    ("^az webapp restart", "restarting the web app"),
]


@pytest.mark.parametrize(("command", "name"), STEPS)
def test_every_step_is_named_with_its_code_and_the_command_that_repeats_it(
    cloud: Cloud, command: str, name: str
) -> None:
    cloud.twilio()
    cloud.rule(command, texts.OTHER)
    done = cloud.run("full", "--yes")
    assert done.code == 4, done.text
    assert f"This step failed: {name}" in done.text
    assert "(exit code 4)" in done.text
    assert "To repeat the step: az" in done.text or "To repeat the step: bash azdeploy.sh" in done.text
    assert "Something that nobody has seen before" in done.text


def test_a_command_is_shown_as_it_can_be_typed(cloud: Cloud) -> None:
    cloud.rule("^az webapp config set", texts.OTHER)
    done = cloud.run("full", "--yes")
    assert "--linux-fx-version 'DOCKER|crabc123.azurecr.io/voicebot:" in done.text


@pytest.mark.parametrize("word", ["plain", "two words", "it's", "", 'a "b" | $c', "*"])
def test_a_word_that_is_shown_is_typed_back_as_it_was(word: str) -> None:
    script = 'source scripts/azure/say.sh; typed=$(as_typed printf %s "$1"); eval "$typed"'
    done = subprocess.run(  # noqa: S603 - our own function
        ["/bin/bash", "-c", script, "bash", word], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert done.stdout == word


def test_a_build_that_fails_is_shown_and_the_web_app_is_left_alone(cloud: Cloud) -> None:
    cloud.twilio()
    cloud.run("full", "--yes")
    before = cloud.state["runs"]
    cloud.rule("^az acr build", texts.BUILD_FAILED)
    done = cloud.run("image", "--yes")
    assert done.code == 1
    assert "THESE PACKAGES DO NOT MATCH" in done.out
    assert "This step failed: building the image" in done.err
    assert "To repeat the step: bash azdeploy.sh image" in done.err
    assert done.steps() == ["build"]
    assert cloud.state["runs"] == before


def test_a_hook_that_fails_gives_its_code_and_is_not_tried_again(cloud: Cloud) -> None:
    cloud.rule("^az webapp config set", texts.OTHER)
    done = cloud.run("full", "--yes")
    assert done.code == 4
    assert len(done.lines("azd", "provision")) == 1
    assert "The resources are there, but what comes after failed" in done.err
    assert "To go on from there: bash azdeploy.sh finish" in done.err
    cloud.set(rules=[])
    assert cloud.run("finish").code == 0


def test_a_subscription_that_may_not_run_tasks_builds_with_docker(cloud: Cloud) -> None:
    cloud.rule("^az acr build", texts.NO_TASKS)
    done = cloud.run("full", "--yes")
    assert done.code == 0, done.text
    assert "it builds here" in done.out
    assert [line.split()[1] for line in done.lines("docker")] == ["build", "push"]
    assert "--platform linux/amd64" in done.lines("docker", "build")[0]
    assert cloud.state["runs"].startswith("DOCKER|crabc123.azurecr.io/voicebot:")


def test_without_docker_it_says_that_docker_would_help(cloud: Cloud) -> None:
    cloud.without("docker")
    cloud.rule("^az acr build", texts.NO_TASKS)
    done = cloud.run("full", "--yes")
    assert done.code == 1
    assert "Install and start Docker, then run bash azdeploy.sh image" in done.text


def test_what_goes_on_is_said_with_what_was_chosen(cloud: Cloud) -> None:
    cloud.rule("^azd provision", texts.OTHER)
    done = cloud.run("full", "--yes", "--rg", "mine", "--location", "uksouth")
    assert "bash azdeploy.sh full --rg mine --location uksouth" in done.err


@pytest.mark.parametrize("content", [None, "node_modules\n", ".env\n", "*\n!.env\n"])
def test_a_build_that_would_send_secrets_along_is_refused(cloud: Cloud, content: str | None) -> None:
    path = cloud.project / ".dockerignore"
    path.unlink()
    if content:
        path.write_text(content)
    done = cloud.run("full", "--yes")
    assert done.code == 1
    assert ".dockerignore does not keep .env and .azure out" in done.text
    assert "build" not in done.steps()


def test_a_secret_in_an_error_is_masked(cloud: Cloud) -> None:
    cloud.twilio()
    cloud.rule("^az webapp config appsettings set", texts.Text(1, f"ERROR: bad value {TOKEN} in settings"))
    done = cloud.run("full", "--yes")
    assert "bad value *** in settings" in done.text


def test_the_group_is_named_where_the_failure_leaves_things_behind(cloud: Cloud) -> None:
    cloud.rule("^azd provision", texts.OTHER)
    done = cloud.run("full", "--yes")
    assert f"az resource list --resource-group {GROUP}" in done.err
    assert "bash azdeploy.sh remove" in done.err
