"""What `azd up` makes: it holds together, keeps to what script and image expect, and leaves no door open.

Nothing here speaks to Azure. docs/azure.md says what that leaves unchecked.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.settings import Settings
from tests.infra.bicep import File, at, body, entries, key_text, literal, parts, read, text, walk
from tests.infra.schemas import load

ROOT = Path(__file__).parents[1]
INFRA = ROOT / "infra"
FILES = sorted(INFRA.rglob("*.bicep"))
RESOURCES = load()

OUTPUTS = {
    "AZURE_RESOURCE_GROUP",
    "AZURE_CONTAINER_REGISTRY_NAME",
    "AZURE_CONTAINER_REGISTRY_ENDPOINT",
    "AZURE_KEY_VAULT_NAME",
    "AZURE_WEBAPP_NAME",
    "WEBAPP_URL",
    "AZURE_VOICE_LIVE_ENDPOINT",
    "AZURE_VOICE_LIVE_NAME",
    "AZURE_IDENTITY_CLIENT_ID",
    "AZURE_LOG_WORKSPACE_ID",
}
# Settings of the bot's that the template knows. The script adds the others.
OURS = {
    "HOST",
    "PORT",
    "PUBLIC_URL",
    "AZURE_VOICE_LIVE_ENDPOINT",
    "VOICE_LIVE_MODEL",
    "VOICE_LIVE_VOICE",
    "TWILIO_ACCOUNT_SID",
    "TWILIO_AUTH_TOKEN",
    "PAGE_SECRET",
    "DRAIN_SECONDS",
}
# Settings that are not the bot's: the platform's own, and those that libraries read.
NOT_OURS = {
    "WEBSITES_PORT",
    "WEBSITES_CONTAINER_STOP_TIME_LIMIT",
    "WEBSITES_ENABLE_APP_SERVICE_STORAGE",
    "AZURE_CLIENT_ID",
    "APPLICATIONINSIGHTS_CONNECTION_STRING",
}
ROLES = {
    "a97b65f3-24c7-4388-baec-2e87135dc908": "Cognitive Services User",
    "53ca6127-db72-4b80-b1b0-d745d6d5456d": "Foundry User",
    "7f951dda-4ed3-4680-a7ca-43fe172d538d": "AcrPull",
    "4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
    "b86a8fe4-44ce-4948-aee5-eccb2c155cd7": "Key Vault Secrets Officer",
    "3913510d-42f4-4e42-8a64-420c390055eb": "Monitoring Metrics Publisher",
}
REFERENCE = re.compile(r"@Microsoft\.KeyVault\(VaultName=\$\{vaultName\};SecretName=(?P<secret>[a-z-]+)\)")


def module(name: str) -> File:
    return read(INFRA / "modules" / f"{name}.bicep")


def value(file: File, resource: str, *path: str | int) -> str:
    """What a resource is given at a path, as it is written."""
    declared = file.one("resource", resource).value
    assert declared is not None
    return text(at(body(declared), *path))


def settings() -> dict[str, str]:
    """The app settings, by name, as they are written."""
    web = module("web")
    found: dict[str, str] = {}
    for name in ("always", "twilio", "pages"):
        declared = web.one("var", name).value
        assert declared is not None
        for node in walk(declared):
            if node.type == "object":
                found |= {key_text(key) or "": text(has) for key, has in entries(node)}
    return found


def parameters() -> dict[str, str]:
    content = json.loads((INFRA / "main.parameters.json").read_text(encoding="utf-8"))
    return {name: entry["value"] for name, entry in content["parameters"].items()}


def default_of(expression: str) -> str | None:
    """What azd takes where its environment has nothing; None where it would ask, or leave it to the template."""
    found = re.fullmatch(r"\$\{[A-Z_]+(?:=(.*))?\}", expression)
    assert found, f"{expression} is not ${{NAME}} or ${{NAME=default}}"
    return found[1]


# What the script, the image and azd expect


def test_parameters_are_those_of_the_template() -> None:
    main = read(INFRA / "main.bicep")
    assert set(parameters()) == {one.name for one in main.every("param")}


def test_what_azd_takes_by_default_is_what_the_template_takes_by_default() -> None:
    main = read(INFRA / "main.bicep")
    for name, expression in parameters().items():
        taken, declared = default_of(expression), main.one("param", name).value
        if taken is not None:
            assert declared is not None, name
            assert text(declared).strip("'") == taken, name


def test_azd_asks_for_nothing_but_name_and_region() -> None:
    main = read(INFRA / "main.bicep")
    asked = {one.name for one in main.every("param") if one.value is None}
    assert asked == {"environmentName", "location"}


def test_model_and_voice_are_the_bots_own_defaults() -> None:
    taken = parameters()
    fields = Settings.model_fields
    assert default_of(taken["voiceLiveModel"]) == fields["voice_live_model"].default
    assert default_of(taken["voiceLiveVoice"]) == fields["voice_live_voice"].default


def test_outputs_are_those_that_the_script_reads() -> None:
    assert {one.name for one in read(INFRA / "main.bicep").every("output")} == OUTPUTS


def test_every_app_setting_is_the_bots_or_the_platforms() -> None:
    ours = {name.upper() for name in Settings.model_fields}
    assert set(settings()) == OURS | NOT_OURS
    assert ours >= OURS


def test_the_bot_listens_where_the_platform_asks() -> None:
    given = settings()
    assert given["HOST"] == "'0.0.0.0'"
    assert given["PORT"] == given["WEBSITES_PORT"] == "'8000'"


def test_the_platform_waits_longer_than_goodbyes_take() -> None:
    given = {name: has.strip("'") for name, has in settings().items()}
    limit = int(given["WEBSITES_CONTAINER_STOP_TIME_LIMIT"])
    assert limit <= 120, "more is not granted"
    assert int(given["DRAIN_SECONDS"]) <= limit - 10


def test_secrets_are_referred_to_and_the_script_writes_them() -> None:
    given = settings()
    found = {name: REFERENCE.fullmatch(given[name].strip("'")) for name in ("TWILIO_AUTH_TOKEN", "PAGE_SECRET")}
    secrets = {name: match["secret"] for name, match in found.items() if match}
    assert secrets == {"TWILIO_AUTH_TOKEN": "twilio-auth-token", "PAGE_SECRET": "page-secret"}
    ask = '. "$0"; for name in $secret_settings; do echo "$name $(vault_name "$name")"; done'
    values = ROOT / "scripts" / "azure" / "values.sh"
    answer = subprocess.run(["bash", "-c", ask, values], capture_output=True, text=True, check=True)  # noqa: S603, S607 - ours
    written = dict(line.split() for line in answer.stdout.splitlines())
    assert secrets.items() <= written.items()


def test_no_secret_passes_through_the_template() -> None:
    assert not [name for name in RESOURCES if name.startswith("Microsoft.KeyVault/vaults/secrets")]
    for path in FILES:
        assert not re.search(r"list[A-Z]\w*\(|list\(", path.read_text(encoding="utf-8"))


def test_a_reference_is_made_only_once_the_vault_holds_the_secret() -> None:
    web = module("web")
    for name, when in (("twilio", "twilioSecret"), ("pages", "pageSecret")):
        choice = web.one("var", name).value
        assert choice is not None
        condition, then, otherwise = parts(choice)
        assert text(condition) == when
        assert "@Microsoft.KeyVault" in text(then)
        assert text(otherwise) == "{}"


def azure_yaml() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "azure.yaml").read_text(encoding="utf-8"))
    return content


def test_azd_finds_the_template() -> None:
    project = azure_yaml()
    assert project["name"] == "voicelive-phone"
    assert project["infra"]["provider"] == "bicep"
    assert (ROOT / project["infra"]["path"] / f"{project['infra']['module']}.bicep").is_file()
    assert (ROOT / project["infra"]["path"] / f"{project['infra']['module']}.parameters.json").is_file()


def test_azd_up_goes_on_with_the_script() -> None:
    project = azure_yaml()
    # Names that azd's own schema of the file has; it ignores any other without a word.
    assert set(project) <= {"name", "infra", "hooks"}
    assert set(project["hooks"]) == {"postprovision"}
    hook = project["hooks"]["postprovision"]
    assert hook == {"shell": "sh", "interactive": True, "run": "bash ./azdeploy.sh finish"}
    assert (ROOT / "azdeploy.sh").is_file()


# Doors


def test_nothing_takes_a_key_or_a_password() -> None:
    assert value(module("voicelive"), "account", "properties", "disableLocalAuth") == "true"
    assert value(module("registry"), "registry", "properties", "adminUserEnabled") == "false"
    assert value(module("vault"), "vault", "properties", "enableRbacAuthorization") == "true"
    assert value(module("monitoring"), "insights", "properties", "DisableLocalAuth") == "true"
    assert value(module("monitoring"), "workspace", "properties", "features", "disableLocalAuth") == "true"
    for policy in ("noFtpPassword", "noDeployPassword"):
        assert value(module("web"), policy, "properties", "allow") == "false"


def test_the_app_is_reached_by_tls_only_and_never_sleeps() -> None:
    web = module("web")
    assert value(web, "site", "properties", "httpsOnly") == "true"
    wanted = {
        "alwaysOn": "true",
        "webSocketsEnabled": "true",
        "healthCheckPath": "'/health'",
        "minTlsVersion": "'1.2'",
        "scmMinTlsVersion": "'1.2'",
        "ftpsState": "'Disabled'",
        "acrUseManagedIdentityCreds": "true",
        "acrUserManagedIdentityID": "identityClientId",
    }
    for name, has in wanted.items():
        assert value(web, "site", "properties", "siteConfig", name) == has
    assert value(web, "site", "properties", "keyVaultReferenceIdentity") == "identityId"


def test_the_parts_are_of_the_right_sort() -> None:
    web, voice = module("web"), module("voicelive")
    assert value(voice, "account", "kind") == "'AIServices'"
    assert value(voice, "account", "sku", "name") == "'S0'"
    assert text(voice.one("output", "endpoint").value).endswith("}.services.ai.azure.com'")
    assert value(web, "plan", "kind") == "'linux'"
    assert value(web, "site", "kind") == "'app,linux,container'"
    assert value(web, "plan", "properties", "reserved") == value(web, "site", "properties", "reserved") == "true"
    assert value(web, "site", "properties", "siteConfig", "linuxFxVersion").startswith("'DOCKER|${")


def test_no_size_that_sleeps_is_offered() -> None:
    allowed = next(
        parts(parts(one)[1])[0]
        for one in read(INFRA / "main.bicep").one("param", "planSku").decorators
        if text(parts(one)[0]) == "allowed"
    )
    sizes = [literal(size) or "" for size in parts(allowed)]
    assert sizes[0] == "B1"
    assert all(size[0] in "BSP" for size in sizes)


def test_the_vault_can_be_purged() -> None:
    with pytest.raises(KeyError):
        value(module("vault"), "vault", "properties", "enablePurgeProtection")


def test_logs_have_no_column_for_cookies() -> None:
    for path in FILES:
        strings = [literal(node) for one in read(path).declarations if one.value for node in walk(one.value)]
        assert "AppServiceHTTPLogs" not in strings


def test_roles_are_these_and_on_one_resource_each() -> None:
    given: dict[str, set[str]] = {}
    for path in FILES:
        file = read(path)
        for found in re.findall(r"'([0-9a-f]{8}-[0-9a-f-]{27})'", path.read_text(encoding="utf-8")):
            given.setdefault(path.stem, set()).add(ROLES[found])
        for one in file.every("resource"):
            if one.type.startswith("Microsoft.Authorization/roleAssignments"):
                assert one.value is not None
                scope = text(at(body(one.value), "scope"))
                assert scope in {other.name for other in file.every("resource")}
                definition = text(at(body(one.value), "properties", "roleDefinitionId"))
                assert definition.startswith("subscriptionResourceId('Microsoft.Authorization/roleDefinitions', ")
    assert given == {
        "monitoring": {"Monitoring Metrics Publisher"},
        "voicelive": {"Cognitive Services User", "Foundry User"},
        "registry": {"AcrPull"},
        "vault": {"Key Vault Secrets User", "Key Vault Secrets Officer"},
    }


def test_who_deploys_gets_no_role_where_nobody_is_named() -> None:
    for name, role in (("vault", "deployerWrites"), ("voicelive", "deployerRoles")):
        declared = module(name).one("resource", role).value
        assert declared is not None
        conditions = [text(node) for node in walk(declared) if node.type == "if_statement"]
        assert len(conditions) == 1
        assert conditions[0].startswith("if (!empty(deployerId))")


def test_everything_that_can_be_tagged_says_whose_it_is() -> None:
    main = read(INFRA / "main.bicep")
    tags = main.one("var", "tags").value
    assert tags is not None
    assert text(at(tags, "azd-env-name")) == "environmentName"
    for path in FILES:
        for one in read(path).every("resource"):
            form = next(iter(RESOURCES[one.type].forms.values()))
            if "tags" in form.properties:
                assert value(read(path), one.name, "tags") == "tags", one.name


def test_names_come_from_a_hash_and_are_as_long_as_they_may_be() -> None:
    longest = {"kv-": 24, "cr": 50, "voicebot-": 60, "plan-": 60, "voice-": 64, "log-": 63, "appi-": 255, "id-": 128}
    main = (INFRA / "main.bicep").read_text(encoding="utf-8")
    found = set(re.findall(r"'([a-z-]+)\$\{token\}'", main))
    assert found == {*longest, "unhealthy-"}
    # A hash of uniqueString has thirteen characters.
    assert all(len(prefix) + 13 <= limit for prefix, limit in longest.items())
