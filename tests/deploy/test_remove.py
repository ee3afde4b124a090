"""Back to nothing."""

from __future__ import annotations

from tests.deploy import texts
from tests.deploy.harness import GROUP, OTHER_SUBSCRIPTION, SUBSCRIPTION, Cloud, account


def test_everything_goes_and_what_goes_is_said_first(deployed: Cloud) -> None:
    done = deployed.run("remove", "--yes")
    assert done.code == 0, done.text
    assert done.steps() == ["down"]
    assert done.lines("azd", "down") == [f"azd down --environment {GROUP} --purge --force --no-prompt"]
    assert done.out.index("Microsoft.Web/sites  app-abc123") < done.out.index("→ removing everything")
    assert "voicebot twilio disconnect NUMBER" in done.out
    assert deployed.state["groups"] == {}


def test_after_it_a_deployment_begins_afresh(deployed: Cloud) -> None:
    deployed.run("remove", "--yes")
    values = deployed.state["environments"][GROUP]
    assert (values["BOT_IMAGE"], values["TWILIO_SECRET_SET"], values["PAGE_SECRET_SET"]) == ("", "false", "false")
    again = deployed.run("full", "--yes")
    assert again.code == 0, again.text
    assert again.steps() == ["provision", "secret", "secret", "build", "settings", "image", "restart"]


def test_a_plan_of_it_removes_nothing(deployed: Cloud) -> None:
    done = deployed.run("remove", "--dry-run")
    assert done.code == 0
    assert done.steps() == []
    assert "This goes, for good" in done.out


def test_what_others_have_put_into_the_group_is_pointed_out(deployed: Cloud) -> None:
    groups = deployed.state["groups"]
    groups[GROUP]["resources"].append({"type": "Microsoft.Sql/servers", "name": "payroll", "tags": None})
    deployed.set(groups=groups)
    assert "Microsoft.Sql/servers  payroll   (not made by this script)" in deployed.run("remove", "--dry-run").out


def test_names_that_are_still_held_are_purged(deployed: Cloud) -> None:
    place = f"/subscriptions/1/resourceGroups/{GROUP}/providers/Microsoft.KeyVault/vaults/kv-abc123"
    vault = {"name": "kv-abc123", "properties": {"location": "swedencentral", "vaultId": place, "tags": None}}
    deployed.set(deleted_vaults=[vault])
    done = deployed.run("remove", "--yes")
    assert done.steps() == ["down", "purge vault"]
    assert deployed.state["deleted_vaults"] == []


def test_where_nothing_is_nothing_is_removed(cloud: Cloud) -> None:
    done = cloud.run("remove", "--yes")
    assert done.code == 0
    assert "nothing to remove" in done.out
    assert done.steps() == []


def test_a_group_that_azd_does_not_know_is_left_alone(deployed: Cloud) -> None:
    deployed.set(environments={})
    done = deployed.run("remove", "--yes")
    assert done.code == 1
    assert f"az group delete --name {GROUP}" in done.err
    assert done.steps() == []


def test_a_group_that_is_gone_already_only_clears_what_azd_remembers(deployed: Cloud) -> None:
    deployed.set(groups={})
    done = deployed.run("remove", "--yes")
    assert done.code == 0, done.text
    assert "is gone already" in done.out


def test_a_removal_that_is_busy_is_tried_again_and_one_that_fails_says_what_may_be_half_gone(deployed: Cloud) -> None:
    deployed.rule("^azd down", texts.CONFLICT_409, times=1)
    deployed.rule("^azd down", texts.OTHER)
    done = deployed.run("remove", "--yes")
    assert done.code == 4
    assert len(done.lines("azd", "down")) == 2
    assert "Part of it may be gone and part not" in done.err
    assert "bash azdeploy.sh remove" in done.err


def test_what_others_have_put_there_is_not_removed_unasked(deployed: Cloud) -> None:
    groups = deployed.state["groups"]
    smart = {"type": "microsoft.alertsmanagement/smartDetectorAlertRules", "name": "Failure Anomalies", "tags": None}
    groups[GROUP]["resources"] += [smart, {"type": "Microsoft.Sql/servers", "name": "payroll", "tags": None}]
    deployed.set(groups=groups)
    done = deployed.run("remove", "--yes")
    assert (done.code, done.steps()) == (1, [])
    assert "did not make (payroll)" in done.err
    typed = deployed.type("remove", answers=[("Type the resource group's name", GROUP)])
    assert (typed.code, typed.steps()) == (0, ["down"])


def test_what_insights_makes_of_its_own_accord_goes_along(deployed: Cloud) -> None:
    groups = deployed.state["groups"]
    smart = {"type": "microsoft.alertsmanagement/smartDetectorAlertRules", "name": "Failure Anomalies", "tags": None}
    groups[GROUP]["resources"].append(smart)
    deployed.set(groups=groups)
    assert deployed.run("remove", "--yes").steps() == ["down"]


def test_it_looks_where_azd_would_remove_whatever_az_has_chosen_meanwhile(deployed: Cloud) -> None:
    other = account(OTHER_SUBSCRIPTION, "Of somebody else")
    deployed.set(subscriptions=[account(), other | {"isDefault": True}])
    deployed.environment["AZURE_SUBSCRIPTION_ID"] = OTHER_SUBSCRIPTION
    done = deployed.run("remove", "--dry-run")
    assert done.code == 0, done.text
    for words in ("group exists", "resource list"):
        [line] = done.lines("az", words)
        assert f"--subscription {SUBSCRIPTION}" in line


def test_another_subscription_than_the_deployments_is_refused(deployed: Cloud) -> None:
    deployed.set(subscriptions=[account(), account(OTHER_SUBSCRIPTION, "Of somebody else")])
    done = deployed.run("remove", "--yes", "--subscription", OTHER_SUBSCRIPTION)
    assert (done.code, done.steps()) == (1, [])
    assert f"--subscription {SUBSCRIPTION}" in done.err
