"""A small Azure on disk, behind stand-ins of the programs that azdeploy.sh calls.

Run as `stand_in.py TOOL ARGUMENTS…`. Every call is recorded in `$STAND_IN/calls.jsonl`; the
state is `$STAND_IN/state.json`. Answers have the shapes that az 2.91 and azd 1.x give, `--query` and `--output`
included. A rule in the state makes a call fail, wait for ever, or answer something else.

It runs some seventy times for a deployment, so it imports late and little.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

HOME = os.environ["STAND_IN"]
SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
PROVISIONED = {
    "AZURE_CONTAINER_REGISTRY_NAME": "crabc123",
    "AZURE_CONTAINER_REGISTRY_ENDPOINT": "crabc123.azurecr.io",
    "AZURE_KEY_VAULT_NAME": "kv-abc123",
    "AZURE_WEBAPP_NAME": "app-abc123",
    "WEBAPP_URL": "https://app-abc123.azurewebsites.net",
    "AZURE_VOICE_LIVE_ENDPOINT": "https://ai-abc123.services.ai.azure.com",
    "AZURE_VOICE_LIVE_NAME": "ai-abc123",
    "AZURE_IDENTITY_CLIENT_ID": "99999999-0000-0000-0000-000000000000",
    "AZURE_LOG_WORKSPACE_ID": "88888888-0000-0000-0000-000000000000",
}


class Failed(Exception):
    """The call fails: exit code and what is said on standard error."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


def option(argv: list[str], name: str, default: str = "") -> str:
    return argv[argv.index(name) + 1] if name in argv else default


def read(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


def write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def load() -> dict[str, Any]:
    state: dict[str, Any] = json.loads(read(f"{HOME}/state.json"))
    return state


def save(state: dict[str, Any]) -> None:
    write(f"{HOME}/state.json", json.dumps(state))


def record(tool: str, argv: list[str]) -> None:
    """Write the call down, with the files that it names: what they hold, and who may read them."""
    files = {}
    for word in argv:
        path = word.removeprefix("@")
        if path.startswith("/") and os.path.isfile(path) and os.stat(path).st_size < 100_000:
            files[word] = {"text": read(path), "mode": os.stat(path).st_mode & 0o777}
    line = json.dumps({"tool": tool, "argv": argv, "files": files})
    with open(f"{HOME}/calls.jsonl", "a", encoding="utf-8") as file:
        file.write(line + "\n")


def obey_rules(state: dict[str, Any], tool: str, argv: list[str]) -> None:
    if not state["rules"]:
        return
    import re

    line = " ".join([tool, *argv])
    for rule in state["rules"]:
        if rule["times"] == 0 or not re.search(rule["match"], line):
            continue
        if rule["after"] > 0:
            rule["after"] -= 1
            save(state)
            continue
        rule["times"] -= 1
        save(state)
        if rule["hang"]:
            write(f"{HOME}/hanging", line)
            time.sleep(60)
        if rule["out"] is not None:
            sys.stdout.write(rule["out"])
        if rule["code"] or rule["err"]:
            raise Failed(rule["code"], rule["err"])
        if rule["out"] is not None:
            sys.exit(0)


def show(argv: list[str], answer: object) -> None:
    """Print as az does: `--query` by JMESPath, `--output` tsv, json or none."""
    if query := option(argv, "--query"):
        # Started without site-packages, which takes half the time.
        venv = os.path.dirname(os.path.dirname(sys.executable))
        sys.path.append(f"{venv}/lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages")
        import jmespath  # type: ignore[import-untyped] # of the Azure environment

        answer = jmespath.search(query, answer)
    match option(argv, "--output", "json"):
        case "none":
            return
        case "tsv":
            for row in answer if isinstance(answer, list) else [] if answer is None else [answer]:
                cells = row if isinstance(row, list) else [row]
                sys.stdout.write("\t".join(_cell(cell) for cell in cells) + "\n")
        case _:
            sys.stdout.write(json.dumps(answer, indent=2, ensure_ascii=False) + "\n")


def _cell(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else "" if isinstance(value, dict) else str(value)


def az(state: dict[str, Any], argv: list[str]) -> None:
    words = []
    for word in argv:
        if word.startswith("-"):
            break
        words.append(word)
    wanted = option(argv, "--subscription", SUBSCRIPTION)
    if wanted not in {entry["id"] for entry in state["subscriptions"]}:
        raise Failed(1, f"ERROR: The subscription of '{wanted}' doesn't exist in cloud 'AzureCloud'.")
    group = option(argv, "--resource-group") or option(argv, "--name")
    secrets = state["vault"]
    name = option(argv, "--name")
    match " ".join(words):
        case "version":
            show(argv, {"azure-cli": state["az_version"], "azure-cli-core": "2.91.0", "extensions": {}})
        case "account show":
            show(argv, next(entry for entry in state["subscriptions"] if entry["id"] == wanted))
        case "account list":
            show(argv, state["subscriptions"])
        case "account get-access-token":
            show(argv, {"accessToken": "eyJ0eXAi-token-of-az", "expiresOn": "2026-11-22 23:59:59.000000"})
        case "ad signed-in-user show":
            show(argv, {"id": "77777777-0000-0000-0000-000000000000", "userPrincipalName": "ada@example.com"})
        case "role assignment list":
            show(argv, [{"roleDefinitionName": role, "principalType": "User"} for role in state["roles"]])
        case "role definition list":
            show(argv, [{"roleName": name, "permissions": [{"actions": state["custom_roles"].get(name, [])}]}])
        case "provider list":
            show(argv, [{"namespace": key, "registrationState": how} for key, how in state["providers"].items()])
        case "provider register":
            state["providers"][option(argv, "--namespace")] = "Registered"
        case "group exists":
            show(argv, group in state["groups"])
        case "group show":
            show(argv, {"name": group, **state["groups"][group]})
        case "resource list":
            show(argv, state["groups"][group]["resources"])
        case "keyvault list-deleted":
            show(argv, state["deleted_vaults"])
        case "keyvault purge":
            state["deleted_vaults"] = [one for one in state["deleted_vaults"] if one["name"] != name]
        case "cognitiveservices account list-deleted":
            show(argv, state["deleted_accounts"])
        case "cognitiveservices account purge":
            state["deleted_accounts"] = [one for one in state["deleted_accounts"] if one["name"] != name]
        case "keyvault secret list":
            show(argv, [{"name": key, "id": f"https://kv-abc123.vault.azure.net/secrets/{key}"} for key in secrets])
        case "keyvault secret show":
            if name not in secrets:
                raise Failed(
                    3, f"ERROR: (SecretNotFound) A secret with (name/id) {name} was not found in this key vault."
                )
            show(argv, {"name": name, "value": secrets[name]})
        case "keyvault secret set":
            secrets[name] = read(option(argv, "--file"))
            show(argv, {"name": name, "value": secrets[name]})
        case "acr build":
            sys.stderr.write(
                "WARNING: Packing source code into tar to upload...\nWARNING: Queued a build with ID: ca1\n"
            )
            sys.stdout.write(
                "Step 1/20 : ARG PYTHON_IMAGE=python:3.13-slim\nRun ID: ca1 was successful after 2m11s\n"
            )
            state["images"].append(option(argv, "--image"))
            state["context"] = sorted(os.listdir(argv[-1]))
            files = [one for one in state["context"] if one.endswith(".toml")]
            state["built"] = {one: read(f"{argv[-1]}/{one}") for one in files}
        case "acr login":
            sys.stdout.write("Login Succeeded\n")
        case "webapp show":
            show(argv, {"name": name, "state": "Running", "availabilityState": "Normal"})
        case "webapp config show":
            show(argv, {"linuxFxVersion": state["runs"], "alwaysOn": True})
        case "webapp config set":
            state["runs"] = option(argv, "--linux-fx-version")
            show(argv, {"linuxFxVersion": state["runs"]})
        case "webapp config appsettings list":
            rows = [{"name": key, "slotSetting": False, "value": text} for key, text in state["settings"].items()]
            show(argv, rows)
        case "webapp config appsettings set":
            state["settings"] |= json.loads(read(option(argv, "--settings").removeprefix("@")))
        case "webapp config appsettings delete":
            begin = argv.index("--setting-names") + 1
            for key in argv[begin : argv.index("--output")]:
                state["settings"].pop(key)
        case "webapp restart":
            state["restarts"] += 1
        case "webapp log tail":
            sys.stdout.write("2026-11-22T22:00:00 voicebot: TWILIO_AUTH_TOKEN is wrong\n" + state["log"])
            sys.stdout.flush()
            write(f"{HOME}/tailing", "")
            save(state)
            time.sleep(60)
        case "rest":
            if option(argv, "--method") == "get":
                status = "Resolved" if state["unresolved"] <= 0 else "AccessToKeyVaultDenied"
                state["unresolved"] -= 1
                held = [key for key, text in state["settings"].items() if text.startswith("@Microsoft.KeyVault")]
                show(argv, {"value": [{"name": key, "properties": {"status": status}} for key in held]})
        case other:
            raise Failed(2, f"ERROR: '{other}' is misspelled or not recognized by the system.")


def azd(state: dict[str, Any], argv: list[str]) -> None:
    environments = state["environments"]
    name = option(argv, "--environment")
    match argv:
        case ["version", *_]:
            sys.stdout.write(
                f"azd version {state['azd_version']} (commit ae35809f496491989273d0edefdeb70f245f399b)\n"
            )
        case ["auth", "login", "--check-status", *_]:
            status = "success" if state["azd_signed_in"] else "unauthenticated"
            sys.stdout.write(json.dumps({"status": status}, indent=2) + "\n")
        case ["env", "list", *_]:
            rows = [{"Name": key, "DotEnvPath": f"/x/.azure/{key}/.env", "IsDefault": True} for key in environments]
            sys.stdout.write(json.dumps(rows, indent=2) + "\n")
        case ["env", "new", new, *_]:
            if new in environments:
                raise Failed(1, f"ERROR: environment '{new}' already exists")
            environments[new] = {
                "AZURE_ENV_NAME": new,
                "AZURE_SUBSCRIPTION_ID": option(argv, "--subscription"),
                "AZURE_LOCATION": option(argv, "--location"),
            }
        case ["env", "select", chosen, *_]:
            if chosen not in environments:
                raise Failed(1, f"ERROR: environment '{chosen}' does not exist")
        case ["env", "set", key, value, *_]:
            environments[name][key] = value
        case ["env", "get-values", *_]:
            for key, value in environments[name].items():
                sys.stdout.write(f'{key}="{value}"\n')
        case ["provision", *_]:
            provision(state, name)
        case ["down", *_]:
            group = environments[name].get("AZURE_RESOURCE_GROUP", "")
            state["groups"].pop(group, None)
            state["vault"].clear()
            sys.stdout.write("SUCCESS: Your application was removed from Azure in 6 minutes 40 seconds.\n")
        case _:
            raise Failed(1, f"ERROR: unknown command {argv}")


def provision(state: dict[str, Any], name: str) -> None:
    """Make what the template makes, then run the hook as azd does: its values in the environment."""
    values = state["environments"][name]
    group = values["AZURE_RESOURCE_GROUP"]
    tags = {"azd-env-name": name}
    resources = [{"type": "Microsoft.Web/sites", "name": "app-abc123", "tags": tags}]
    state["groups"].setdefault(group, {"location": values["AZURE_LOCATION"], "tags": tags, "resources": resources})
    values |= PROVISIONED
    image = values.get("BOT_IMAGE") or "mcr.microsoft.com/appsvc/staticsite:latest"
    state["runs"] = f"DOCKER|{image}"
    state["settings"] = {
        "HOST": "0.0.0.0",  # noqa: S104 - a setting of the web app
        "PORT": "8000",
        "PUBLIC_URL": PROVISIONED["WEBAPP_URL"],
        "DRAIN_SECONDS": "110",
        "VOICE_LIVE_MODEL": values.get("VOICE_LIVE_MODEL", "gpt-4.1-mini"),
        "VOICE_LIVE_VOICE": values.get("VOICE_LIVE_VOICE", "en-US-AvaNeural"),
        "TWILIO_ACCOUNT_SID": values.get("TWILIO_ACCOUNT_SID", ""),
    }
    for flag, setting in (("TWILIO_SECRET_SET", "TWILIO_AUTH_TOKEN"), ("PAGE_SECRET_SET", "PAGE_SECRET")):
        if values.get(flag) == "true":
            secret = setting.lower().replace("_", "-")
            state["settings"][setting] = f"@Microsoft.KeyVault(VaultName=kv-abc123;SecretName={secret})"
    save(state)
    sys.stdout.write("Provisioning Azure resources (azd provision)\n  (✓) Done: Resource group\n")
    sys.stdout.flush()
    if not state["hooks"]:
        return
    import subprocess

    done = subprocess.run(["bash", "./azdeploy.sh", "finish"], env=os.environ | values, check=False)  # noqa: S607
    if done.returncode:
        path = "/tmp/azd-postprovision-1.sh"  # noqa: S108 - as azd writes it
        raise Failed(
            1,
            f"ERROR: 'postprovision' hook failed with exit code: '{done.returncode}', Path: '{path}'. : "
            f"exit code: {done.returncode}",
        )


def curl(state: dict[str, Any], argv: list[str]) -> None:
    answers = state["ready"]
    status, body = answers.pop(0) if len(answers) > 1 else answers[0]
    write(option(argv, "--output"), body)
    sys.stdout.write(status)


def git(state: dict[str, Any], argv: list[str]) -> None:
    match argv:
        case ["status", *_]:
            sys.stdout.write(state["git_status"])
        case ["rev-parse", "--short", *_]:
            sys.stdout.write(state["commit"][:7] + "\n")
        case ["rev-parse", "HEAD"]:
            sys.stdout.write(state["commit"] + "\n")


def sleep(argv: list[str]) -> None:
    """No waiting; but where the log is being followed, until its lines have come."""
    if argv == ["30"]:
        for _ in range(500):
            if os.path.exists(f"{HOME}/tailing"):
                break
            time.sleep(0.01)


def main() -> None:
    tool, *argv = sys.argv[1:]
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # gone at once, whatever it has started
    record(tool, argv)
    state = load()
    try:
        obey_rules(state, tool, argv)
        before = json.dumps(state)
        match tool:
            case "az":
                az(state, argv)
            case "azd":
                azd(state, argv)
            case "curl":
                curl(state, argv)
            case "git":
                git(state, argv)
            case "sleep":
                sleep(argv)
        # What a provision changed is saved already, and its hook went on from there.
        if (tool, argv[0]) != ("azd", "provision") and json.dumps(state) != before:
            save(state)
    except Failed as failure:
        sys.stderr.write(failure.text.rstrip("\n") + "\n" if failure.text else "")
        sys.exit(failure.code)


main()
