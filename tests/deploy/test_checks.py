"""What is looked at before anything is made, and what is said where it is not as it should be."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from tests.deploy import texts
from tests.deploy.harness import GROUP, OTHER_SUBSCRIPTION, SUBSCRIPTION, TOKEN, Cloud, Done, account


def refused(done: Done, *sentences: str, code: int = 1) -> None:
    """The run ended with this code and these sentences, and made nothing."""
    assert done.code == code, done.text
    for sentence in sentences:
        assert sentence in done.err, done.text
    assert done.steps() == []


@pytest.mark.parametrize(
    ("tool", "where"), [("az", "install-azure-cli"), ("azd", "aka.ms/azd-install"), ("curl", "packages")]
)
def test_a_program_that_is_missing_is_named(cloud: Cloud, tool: str, where: str) -> None:
    cloud.without(tool)
    refused(cloud.run("full", "--yes"), "not installed", where, code=127)


def test_docker_is_not_needed(cloud: Cloud) -> None:
    cloud.without("docker")
    assert cloud.run("plan").code == 0


@pytest.mark.parametrize(
    ("program", "version", "how"), [("az", "2.9.1", "az upgrade"), ("azd", "1.9.11", "azd-install")]
)
def test_a_program_that_is_too_old_is_named(cloud: Cloud, program: str, version: str, how: str) -> None:
    cloud.set(**{f"{program}_version": version})
    refused(cloud.run("full", "--yes"), f"{program} {version} is too old", how)


@pytest.mark.parametrize("text", [texts.EXPIRED_70043, texts.EXPIRED_700082])
def test_an_expired_login_says_how_to_sign_in(cloud: Cloud, text: texts.Text) -> None:
    cloud.rule("^az account get-access-token", text)
    refused(cloud.run("full", "--yes"), "The sign-in has expired", "az login", "asking for a token")


def test_somebody_who_never_signed_in_is_told_to(cloud: Cloud) -> None:
    cloud.rule("^az account show", texts.NOT_SIGNED_IN)
    refused(cloud.run("full", "--yes"), "Sign in again: az login")


def test_azd_has_a_sign_in_of_its_own(cloud: Cloud) -> None:
    cloud.set(azd_signed_in=False)
    refused(cloud.run("full", "--yes"), "azd is not signed in", "azd auth login")


def test_of_several_subscriptions_the_one_is_shown_that_is_used(cloud: Cloud) -> None:
    cloud.set(subscriptions=[account(), account(OTHER_SUBSCRIPTION, "The other one")])
    done = cloud.run("plan")
    assert f"subscription Pay as you go ({SUBSCRIPTION})" in done.out
    assert "one of 2 that you have; --subscription chooses another one" in done.out


def test_a_subscription_that_is_not_there_is_refused(cloud: Cloud) -> None:
    refused(cloud.run("full", "--yes", "--subscription", "nonsense"), "az account list --output table")


def test_a_disabled_subscription_is_refused(cloud: Cloud) -> None:
    cloud.set(subscriptions=[account() | {"state": "Disabled"}])
    refused(cloud.run("full", "--yes"), "Pay as you go is Disabled", "--subscription")


@pytest.mark.parametrize("region", ["northeurope", "polandcentral", "swedencentrall", "atlantis"])
def test_a_region_without_voice_live_is_refused_with_others_near_it(cloud: Cloud, region: str) -> None:
    done = cloud.run("full", "--yes", "--location", region)
    refused(done, f"not offered in the region '{region}'", "2025-11-09", "Near it are: swedencentral, francecentral")


def test_a_model_that_the_region_lacks_is_refused_with_regions_that_have_it(cloud: Cloud) -> None:
    done = cloud.run("full", "--yes", "--location", "eastus", "--model", "gpt-realtime")
    refused(done, "'gpt-realtime' is not offered in eastus", "Near it are: eastus2, centralus, westus2")


def test_the_table_can_be_overruled(cloud: Cloud) -> None:
    done = cloud.run("plan", "--location", "polandcentral", "--any-region")
    assert done.code == 0, done.text


def test_a_model_that_the_table_does_not_know_is_not_refused(cloud: Cloud) -> None:
    done = cloud.run("plan", "--model", "gpt-realtime-9")
    assert done.code == 0, done.text
    assert "gpt-realtime-9 is not in our table" in done.out


@pytest.mark.parametrize(
    ("roles", "lacking"),
    [
        (["Contributor"], "may not assign roles"),
        (["Reader"], "may not make resources and assign roles"),
        ([], "may not make resources and assign roles"),
        (["Operators"], "may not make resources and assign roles"),
    ],
)
def test_somebody_who_may_not_is_told_what_to_ask_for(cloud: Cloud, roles: list[str], lacking: str) -> None:
    cloud.set(roles=roles)
    done = cloud.run("full", "--yes")
    assert done.code == 1
    assert lacking in done.err.replace("resources in", "resources and assign roles in") or lacking in done.err
    assert "Role Based Access Control Administrator" in done.err
    assert done.steps() == []


@pytest.mark.parametrize("roles", [["Owner"], ["Contributor", "User Access Administrator"], ["Reader", "Builders"]])
def test_who_may_goes_on(cloud: Cloud, roles: list[str]) -> None:
    may = ["Microsoft.Resources/deployments/*", "Microsoft.Authorization/roleAssignments/write"]
    cloud.set(roles=roles, custom_roles={"Builders": may})
    assert cloud.run("plan").code == 0


def test_an_account_that_may_not_read_the_directory_is_not_refused_for_it(cloud: Cloud) -> None:
    cloud.rule("^az ad signed-in-user", texts.NO_GRAPH)
    done = cloud.run("plan")
    assert done.code == 0, done.text
    assert "may not read the directory" in done.out


def test_a_service_principal_is_looked_up_by_its_name(cloud: Cloud) -> None:
    robot = account() | {"user": {"name": "55555555-0000-0000-0000-000000000000", "type": "servicePrincipal"}}
    cloud.set(subscriptions=[robot])
    done = cloud.run("plan")
    assert done.code == 0, done.text
    assert any("--assignee 55555555" in line for line in done.lines("az", "role assignment list"))


def group(tag: str | None, location: str = "swedencentral") -> dict[str, Any]:
    tags = {"azd-env-name": tag} if tag else None
    return {GROUP: {"location": location, "tags": tags, "resources": []}}


def test_a_group_in_another_region_is_refused(cloud: Cloud) -> None:
    cloud.set(groups=group(GROUP, "westeurope"))
    refused(cloud.run("full", "--yes"), "is in westeurope, not in swedencentral", "--location westeurope")


@pytest.mark.parametrize("tag", [None, "somebody-else"])
def test_a_group_of_somebody_else_is_not_used_without_asking(cloud: Cloud, tag: str | None) -> None:
    cloud.set(groups=group(tag))
    done = cloud.run("full")
    refused(done, "was not made by this script", "Add --yes", code=2)


def test_an_environment_in_another_region_is_not_moved(cloud: Cloud) -> None:
    cloud.run("full", "--yes")
    refused(cloud.run("full", "--yes", "--location", "uksouth"), "was set up in swedencentral, not in uksouth")


def test_deleted_resources_that_hold_our_names_are_purged_after_the_plan(cloud: Cloud) -> None:
    place = "/subscriptions/1/resourceGroups/voicelive-phone/providers/Microsoft.KeyVault/vaults/kv-abc123"
    other = place.replace("voicelive-phone", "other").replace("kv-abc123", "kv-other")
    cloud.set(
        deleted_vaults=[
            {"name": "kv-abc123", "properties": {"location": "swedencentral", "vaultId": place, "tags": None}},
            {"name": "kv-other", "properties": {"location": "swedencentral", "vaultId": other, "tags": None}},
            {"name": "kv-x", "properties": {"location": "uksouth", "vaultId": place, "tags": {"azd-env-name": "x"}}},
        ],
        deleted_accounts=[
            {
                "name": "ai-abc123",
                "location": "swedencentral",
                "tags": {"azd-env-name": GROUP},
                "id": "/subscriptions/1/providers/Microsoft.CognitiveServices/locations/swedencentral/resourceGroups/"
                "voicelive-phone/deletedAccounts/ai-abc123",
            }
        ],
    )
    done = cloud.run("full", "--yes")
    assert done.code == 0, done.text
    assert "deleted vault kv-abc123" in done.out
    assert "deleted account ai-abc123" in done.out
    assert done.steps()[:3] == ["purge vault", "purge account", "env new"]
    assert [one["name"] for one in cloud.state["deleted_vaults"]] == ["kv-other", "kv-x"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["fly"], "'fly' is neither a command nor an option"),
        (["full", "image"], "one command, not both"),
        (["full", "--rg"], "--rg needs a value"),
        (["full", "--rg", "a b"], "The resource group's name should be"),
        (["full", "--rg", "ends."], "The resource group's name should be"),
        (["full", "--location", "../x"], "The location should be"),
        (["full", "--persona-file", "nowhere.toml"], "There is no file of personas 'nowhere.toml'"),
        ([], "no terminal for the menu"),
    ],
)
def test_wrong_usage_is_a_sentence_and_what_to_do(cloud: Cloud, arguments: list[str], sentence: str) -> None:
    done = cloud.run(*arguments)
    assert done.code == 2
    assert sentence in done.err
    assert len(done.err.strip().splitlines()) == 2
    assert done.calls == []


@pytest.mark.parametrize("word", ["--help", "-h", "help"])
def test_help_needs_nothing(cloud: Cloud, word: str) -> None:
    for tool in ("az", "azd", "curl", "docker", "git"):
        cloud.without(tool)
    done = cloud.run(word)
    assert done.code == 0
    for what in ("full", "image", "settings", "status", "logs", "remove", "--rg", "--location", "--dry-run"):
        assert what in done.out


@pytest.mark.parametrize("command", ["full", "image", "settings", "remove"])
def test_without_a_terminal_nothing_is_done_unasked(cloud: Cloud, command: str) -> None:
    cloud.run("full", "--yes")
    done = cloud.run(command)
    refused(done, "There is no terminal to ask on", "Add --yes", code=2)


@pytest.mark.parametrize("command", ["image", "settings", "status", "logs", "finish"])
def test_before_the_first_deployment_there_is_nothing_to_change(cloud: Cloud, command: str) -> None:
    done = cloud.run(command, "--yes")
    refused(done, "Nothing is deployed under the name 'voicelive-phone'", "bash azdeploy.sh full")


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ("TWILIO_ACCOUNT_SID=AC12", "TWILIO_ACCOUNT_SID should be AC and 32"),
        ("PAGE_SECRET=short", "PAGE_SECRET should be at least 16"),
        ("A sentence", "Line 1 of .env should be NAME=value"),
        ('CALLS_KEY="open', "The quote that begins on line 1 of .env is not closed"),
        ("LOG_LEVEL=${LEVEL}", "LOG_LEVEL in .env holds ${"),
    ],
)
def test_a_file_that_cannot_work_is_refused_before_anything_is_asked_of_azure(
    cloud: Cloud, lines: str, sentence: str
) -> None:
    (cloud.project / ".env").write_text(lines + "\n")
    done = cloud.run("full", "--yes")
    refused(done, sentence, code=2)
    assert done.calls == []


@pytest.mark.parametrize(("az", "azd"), [("2.86.0rc1", "1.20.3"), ("2.91.0", "1.20.0-daily.5107"), ("3", "2.beta")])
def test_a_version_with_letters_in_it_is_read_as_far_as_it_goes(cloud: Cloud, az: str, azd: str) -> None:
    cloud.set(az_version=az, azd_version=azd)
    assert cloud.run("plan").code == 0


def test_an_answer_of_az_that_is_none_is_told_in_a_sentence(cloud: Cloud) -> None:
    cloud.rule("^az account show", out="\n")
    refused(cloud.run("full", "--yes"), "cannot be understood", "az account show")


def test_a_search_path_for_folders_leads_nowhere_else(cloud: Cloud) -> None:
    elsewhere = cloud.folder / "elsewhere"
    (elsewhere / "a clone").mkdir(parents=True)
    done = subprocess.run(  # noqa: S603 - our own script
        [cloud.programs / "bash", "a clone/azdeploy.sh", "plan"],
        env=cloud.variables() | {"CDPATH": str(elsewhere)},
        cwd=cloud.folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert str(elsewhere) not in done.stdout


def test_without_a_place_for_its_files_it_says_so(cloud: Cloud) -> None:
    cloud.environment["TMPDIR"] = "/nonexistent"
    refused(cloud.run("full", "--yes"), "No temporary folder can be made in /nonexistent", "TMPDIR")


def test_words_of_others_neither_steer_the_terminal_nor_show_a_secret(cloud: Cloud) -> None:
    first, second = "a first line of it", "a second line of it"
    cloud.environment["PAGE_SECRET"] = f"{first}\n{second}"
    cloud.rule("^az account get-access-token", texts.Text(1, f"ERROR: \x1b]0;owned\x07 {first}\n{second}"))
    done = cloud.run("plan")
    assert done.code == 1
    assert "\x1b" not in done.text
    assert first not in done.text
    assert second not in done.text
    assert "***" in done.err


def test_a_trace_that_somebody_has_asked_for_shows_no_secret(cloud: Cloud) -> None:
    cloud.twilio()
    cloud.environment["SHELLOPTS"] = "xtrace"
    done = cloud.run("plan")
    assert done.code == 0, done.text
    assert TOKEN not in done.text


@pytest.mark.parametrize("command", ["status", "logs"])
def test_a_look_at_it_without_az_names_what_is_missing(deployed: Cloud, command: str) -> None:
    deployed.without("az")
    refused(deployed.run(command), "not installed", "install-azure-cli", code=127)


def test_a_log_that_cannot_be_followed_is_a_step_that_failed(deployed: Cloud) -> None:
    deployed.rule("^az webapp log tail", texts.EXPIRED_700082)
    refused(
        deployed.run("logs"),
        "This step failed: following the log",
        "The sign-in has expired",
        "bash azdeploy.sh logs",
    )
