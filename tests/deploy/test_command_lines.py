"""Every command line that the script can issue is one that the real programs take."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.deploy import texts
from tests.deploy.harness import AZURE_PYTHON, GROUP, OTHER_SUBSCRIPTION, PROJECT, Call, Cloud, account

PARSER = Path(__file__).with_name("az_parser.py")

# What `azd COMMAND --help` lists, from the snapshots in azure-dev's sources
# (cli/azd/cmd/testdata/TestUsage-azd-*.snap, revision ae35809). `--output` belongs to those that can print JSON.
AZD_COMMANDS = {
    "version": {"--output"},
    "auth login": {"--check-status", "--output", "--use-device-code", "--tenant-id"},
    "env list": {"--output"},
    "env new": {"--location", "--subscription", "--no-prompt"},
    "env select": {"--no-prompt"},
    "env set": {"--environment", "--file", "--no-prompt"},
    "env get-values": {"--environment", "--output", "--no-prompt"},
    "provision": {"--environment", "--no-prompt", "--preview", "--no-state", "--location", "--subscription"},
    "down": {"--environment", "--force", "--purge", "--no-prompt"},
}


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> list[Call]:
    """The calls of a life: refused and busy moments, every command, every branch that has a command of its own."""
    cloud = Cloud.make(tmp_path_factory.mktemp("lines") / "a life")
    robot = account(OTHER_SUBSCRIPTION) | {"user": {"name": "5555", "type": "servicePrincipal"}}
    place = f"/subscriptions/1/resourceGroups/{GROUP}/"
    providers = cloud.state["providers"] | {"Microsoft.Web": "NotRegistered"}
    cloud.set(
        subscriptions=[account(), robot],
        roles=["Builders"],
        custom_roles={"Builders": ["*"]},
        providers=providers,
        unresolved=1,
        deleted_vaults=[{"name": "kv", "properties": {"location": "uksouth", "vaultId": place, "tags": {}}}],
        deleted_accounts=[{"name": "ai", "location": "uksouth", "id": place, "tags": {}}],
    )
    cloud.twilio(MAX_CALLS="7")
    runs = [cloud.run("full", "--yes")]
    runs.append(cloud.run("full", "--yes"))
    runs.append(cloud.run("plan", "--subscription", OTHER_SUBSCRIPTION, "--rg", "other"))
    cloud.twilio(LOG_LEVEL="debug")
    runs.append(cloud.run("settings", "--yes"))
    cloud.rule("^az acr build", texts.NO_TASKS, times=1)
    cloud.set(ready=[["503", ""]] * 60 + [["200", '{"status":"ready"}']])
    runs.append(cloud.run("image", "--yes"))
    runs.append(cloud.run("status"))
    runs.append(cloud.run("remove", "--yes"))
    assert [run.code for run in runs] == [0, 0, 0, 0, 1, 0, 0], [run.text for run in runs if run.code]
    return [call for run in runs for call in run.calls]


def command_of(argv: list[str]) -> str:
    words = []
    for word in argv:
        if word.startswith("-") or not re.fullmatch(r"[a-z-]+", word):
            break
        words.append(word)
    return " ".join(words)


def test_the_real_az_takes_every_line(calls: list[Call], tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text("{}")
    lines = {}
    for call in calls:
        if call.tool == "az":
            argv = [f"@{file}" if word.startswith("@") else word for word in call.argv]
            lines[command_of(argv), *sorted(word for word in argv if word.startswith("--"))] = argv
    wrong = [["webapp", "config", "set", "--linux-fx", "x", "--no-such-flag"], ["webapp", "confg", "set"]]
    done = subprocess.run(  # noqa: S603 - our own program
        [str(AZURE_PYTHON), "-W", "ignore", str(PARSER)],
        input=json.dumps([*lines.values(), *wrong]),
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    *answers, flag, command = json.loads(done.stdout)
    refused = {" ".join(line): answer for line, answer in zip(lines.values(), answers, strict=True) if answer}
    assert refused == {}
    assert len(answers) > 25
    assert flag.startswith("exit 2"), "the parser takes anything"
    assert command, "the parser takes anything"


def test_every_az_in_the_source_was_among_them(calls: list[Call]) -> None:
    """With its flags: a line that no test reaches is a line that no parser has seen."""
    seen: dict[str, set[str]] = {}
    for call in calls:
        if call.tool == "az":
            flags = {word for word in call.argv if word.startswith("--")}
            seen.setdefault(command_of(call.argv), set()).update(flags)
    found = 0
    for path in [PROJECT / "azdeploy.sh", *(PROJECT / "scripts/azure").glob("*.sh")]:
        text = re.sub(r"\\\n\s*", " ", path.read_text())
        for line in text.splitlines():
            code = (
                re.sub(r'"[^"]*\baz [^"]*"', '""', line)
                if re.search(r"\b(say|warn|note|refuse|echo)\b", line)
                else line
            )
            for start in re.finditer(r"(?<![\w.\"'`-])az ((?:[a-z-]+ )*[a-z-]+)(?= )(.*)", code):
                if code.lstrip().startswith("#") or start[1].split()[0] not in {name.split()[0] for name in seen}:
                    continue
                command = start[1]
                while command and command not in seen:
                    command = command.rpartition(" ")[0]
                assert command, f"{path.name}: az {start[1]} is in no recording"
                flags = set(re.findall(r"(?<=\s)--[a-z-]+", start[2]))
                assert flags <= seen[command], f"{path.name}: az {command}: {flags - seen[command]} in no recording"
                found += 1
    assert found >= 30


def test_azd_is_called_as_its_sources_say(calls: list[Call]) -> None:
    used = set()
    for call in calls:
        if call.tool != "azd":
            continue
        command = command_of(call.argv)
        name = max((known for known in AZD_COMMANDS if f"{command} ".startswith(f"{known} ")), key=len, default="")
        assert name, call.line
        flags = {word for word in call.argv if word.startswith("--")}
        assert flags <= AZD_COMMANDS[name], call.line
        used.add(name)
    assert used == set(AZD_COMMANDS)
