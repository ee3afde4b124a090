"""Back to nothing."""

from __future__ import annotations

from tests.deploy import texts
from tests.deploy.harness import GROUP, Cloud


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
