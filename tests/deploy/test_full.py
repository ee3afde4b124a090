"""From nothing to a bot that answers, and again."""

from __future__ import annotations

import re

import pytest

from bot.settings import Settings
from tests.deploy.harness import GROUP, OTHER_SUBSCRIPTION, PROJECT, SID, TOKEN, Cloud, account


def test_everything_is_made_in_order_and_the_bot_answers(cloud: Cloud) -> None:
    cloud.twilio()
    done = cloud.run("full", "--yes")
    assert done.code == 0, done.text
    assert done.steps() == ["env new", "provision", "secret", "secret", "build", "settings", "image", "restart"]
    state = cloud.state
    assert state["vault"]["twilio-auth-token"] == TOKEN
    reference = "@Microsoft.KeyVault(VaultName=kv-abc123;SecretName=twilio-auth-token)"
    assert state["settings"]["TWILIO_AUTH_TOKEN"] == reference
    assert state["settings"]["TWILIO_ACCOUNT_SID"] == SID
    assert state["runs"] == f"DOCKER|crabc123.azurecr.io/{state['images'][0]}"
    assert re.fullmatch(r"voicebot:\d{14}-270c98a", state["images"][0])
    assert state["restarts"] == 1


def test_the_plan_comes_before_anything_is_made(cloud: Cloud) -> None:
    cloud.twilio()
    done = cloud.run("full", "--yes")
    plan = done.out.index("This will be there afterwards")
    assert plan < done.out.index("→ making azd's environment")
    for what in ("resource group", "Voice Live", "registry", "App Service plan B1", "Key Vault", "identity", "Log"):
        assert what in done.out[plan:]


def test_it_ends_with_addresses_and_what_is_left_to_do(cloud: Cloud) -> None:
    cloud.twilio()
    end = cloud.run("full", "--yes").out.partition("The bot is on Azure.")[2]
    assert "Page:     https://app-abc123.azurewebsites.net" in end
    assert "Webhook:  https://app-abc123.azurewebsites.net/voice#rc=2&rp=all" in end
    assert "voicebot twilio connect NUMBER" in end
    assert "voicebot doctor" in end
    assert "az keyvault secret show --vault-name kv-abc123 --name page-secret" in end


@pytest.mark.parametrize("arguments", [("plan",), ("full", "--dry-run")])
def test_a_plan_makes_nothing(cloud: Cloud, arguments: tuple[str, ...]) -> None:
    done = cloud.run(*arguments)
    assert done.code == 0, done.text
    assert "This will be there afterwards" in done.out
    assert done.steps() == []
    assert cloud.state["environments"] == {}


def test_the_second_time_only_what_the_template_took_away_is_put_back(cloud: Cloud) -> None:
    cloud.twilio(LOG_LEVEL="debug")
    cloud.run("full", "--yes")
    again = cloud.run("full", "--yes")
    assert again.code == 0, again.text
    assert again.steps() == ["provision", "settings", "restart"]
    assert "the image is of this commit already" in again.out


def test_the_second_time_with_nothing_of_ones_own_nothing_restarts(cloud: Cloud) -> None:
    cloud.twilio()
    cloud.run("full", "--yes")
    again = cloud.run("full", "--yes")
    assert again.steps() == ["provision"]
    assert "nothing has changed" in again.out


def test_a_changed_folder_is_built_again(cloud: Cloud) -> None:
    cloud.twilio()
    cloud.run("full", "--yes")
    cloud.set(git_status=" M bot/runner.py\n")
    assert "build" in cloud.run("full", "--yes").steps()


def test_without_a_commit_the_image_has_its_time_for_a_name(cloud: Cloud) -> None:
    cloud.without("git")
    assert cloud.run("full", "--yes").code == 0
    assert re.fullmatch(r"voicebot:\d{14}", cloud.state["images"][0])


def test_without_a_twilio_account_the_page_works_and_the_rest_is_said(cloud: Cloud) -> None:
    done = cloud.run("full", "--yes")
    assert done.code == 0, done.text
    assert "no Twilio token yet" in done.out
    assert "Put TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN into .env" in done.out
    assert list(cloud.state["vault"]) == ["page-secret"]
    assert "TWILIO_AUTH_TOKEN" not in cloud.state["settings"]


def test_what_is_chosen_reaches_the_template(cloud: Cloud) -> None:
    options = [
        "--rg",
        "my-group",
        "--location=East US 2",
        "--model",
        "gpt-realtime",
        "--voice",
        "marin",
        "--sku",
        "P0v3",
    ]
    done = cloud.run("full", "--yes", *options)
    assert done.code == 0, done.text
    values = cloud.state["environments"]["my-group"]
    assert values["AZURE_RESOURCE_GROUP"] == "my-group"
    assert values["AZURE_LOCATION"] == "eastus2"
    assert values["VOICE_LIVE_MODEL"] == "gpt-realtime"
    assert values["VOICE_LIVE_VOICE"] == "marin"
    assert values["PLAN_SKU"] == "P0v3"


def test_flags_win_over_the_environment_and_the_environment_over_the_file(cloud: Cloud) -> None:
    cloud.env_file(VOICE_LIVE_MODEL="gpt-4o", VOICE_LIVE_VOICE="alloy")
    cloud.environment = {"AZURE_RESOURCE_GROUP": "from-env", "AZURE_LOCATION": "uksouth", "VOICE_LIVE_MODEL": "gpt-5"}
    done = cloud.run("plan", "--location", "westus2")
    assert "resource group from-env in westus2" in done.out
    assert "model gpt-5, voice alloy" in done.out


def test_what_was_chosen_once_stays_chosen(cloud: Cloud) -> None:
    cloud.run("full", "--yes", "--model", "gpt-realtime", "--sku", "S1")
    done = cloud.run("plan")
    assert "model gpt-realtime" in done.out
    assert "App Service plan S1" in done.out


def test_another_subscription_is_used_when_named(cloud: Cloud) -> None:
    cloud.set(subscriptions=[account(), account(OTHER_SUBSCRIPTION, "The other one")])
    done = cloud.run("full", "--yes", "--subscription", OTHER_SUBSCRIPTION)
    assert done.code == 0, done.text
    assert cloud.state["environments"][GROUP]["AZURE_SUBSCRIPTION_ID"] == OTHER_SUBSCRIPTION
    commands = [line for line in done.lines("az") if "keyvault" in line or "webapp" in line]
    assert all(OTHER_SUBSCRIPTION in line for line in commands)


def test_azd_up_goes_the_same_way(cloud: Cloud) -> None:
    """What azd runs after it has made the resources, with its values in the environment."""
    cloud.twilio()
    cloud.run("full", "--yes")
    cloud.set(environments={"mine": cloud.state["environments"][GROUP] | {"BOT_IMAGE": ""}}, vault={}, settings={})
    cloud.environment = {"AZURE_ENV_NAME": "mine", "AZURE_LOCATION": "swedencentral"}
    done = cloud.run("finish")
    assert done.code == 0, done.text
    assert done.steps() == ["secret", "secret", "build", "settings", "image", "restart"]
    assert "What is left to do" in done.out
    assert "postprovision" in (PROJECT / "azure.yaml").read_text()
    assert "run: bash ./azdeploy.sh finish" in (PROJECT / "azure.yaml").read_text()


def test_where_the_hook_did_not_run_the_script_finishes_itself(cloud: Cloud) -> None:
    cloud.twilio()
    cloud.set(hooks=False)
    done = cloud.run("full", "--yes")
    assert done.code == 0, done.text
    assert done.steps()[-4:] == ["build", "settings", "image", "restart"]


def test_providers_that_are_missing_are_registered_after_the_plan(cloud: Cloud) -> None:
    providers = cloud.state["providers"] | {"Microsoft.Web": "NotRegistered"}
    del providers["Microsoft.KeyVault"]
    cloud.set(providers=providers)
    done = cloud.run("full", "--yes")
    assert "registered in the subscription: Microsoft.KeyVault Microsoft.Web" in done.out
    assert done.steps()[:3] == ["register", "register", "env new"]


def test_an_image_of_a_deployment_that_is_gone_is_forgotten(cloud: Cloud) -> None:
    cloud.twilio()
    cloud.run("full", "--yes")
    cloud.set(groups={}, vault={})
    done = cloud.run("full", "--yes")
    assert done.code == 0, done.text
    lines = done.lines("azd", "env set")
    cleared = [line for line in lines if re.match(r"azd env set (BOT_IMAGE|TWILIO_SECRET_SET) (false )?", line)]
    assert done.calls.index(next(call for call in done.calls if call.line == cleared[0])) < next(
        place for place, call in enumerate(done.calls) if call.line.startswith("azd provision")
    )
    assert "build" in done.steps()


def test_another_file_of_personas_goes_into_the_image_in_place_of_the_usual_one(cloud: Cloud) -> None:
    elsewhere = cloud.folder / "shop.toml"
    elsewhere.write_text("# the shop\n")
    (cloud.project / "voicebot.toml").write_text("# the usual\n")
    (cloud.project / ".azure").mkdir()
    cloud.twilio()
    done = cloud.run("full", "--yes", "--persona-file", str(elsewhere))
    assert done.code == 0, done.text
    assert cloud.state["built"]["voicebot.toml"] == "# the shop\n"
    assert not {".env", ".azure", ".git"} & set(cloud.state["context"])
    assert "Dockerfile" in cloud.state["context"]
    cloud.run("image", "--yes")
    assert cloud.state["built"]["voicebot.toml"] == "# the shop\n"


def test_every_secret_that_the_bot_knows_goes_into_the_vault() -> None:
    text = (PROJECT / "scripts/azure/values.sh").read_text()
    listed = set(re.search(r'^secret_settings="(.*)"$', text, re.MULTILINE)[1].split())  # type: ignore[index]
    known = {name.upper() for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)}
    assert listed == known - {"AZURE_VOICE_LIVE_API_KEY"}
