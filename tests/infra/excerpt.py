"""Makes `schemas.json`: of the resource types that `infra/` uses, what Azure takes and gives.

    npm install --prefix SOMEWHERE @azure/mcp-linux-x64@2.0.5
    python -m tests.infra.excerpt SOMEWHERE/node_modules/@azure/mcp-linux-x64/dist/azmcp

That package of Microsoft's (MIT) has in it the very types that the Bicep compiler checks against, and says them for
the newest stable version of each resource. Descriptions and what nothing refers to are left out. Run it again to move
to newer versions, and put those into `infra/`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

WANTED = (
    "Microsoft.Authorization/roleAssignments",
    "Microsoft.CognitiveServices/accounts",
    "Microsoft.ContainerRegistry/registries",
    "Microsoft.Insights/components",
    "Microsoft.KeyVault/vaults",
    "Microsoft.ManagedIdentity/userAssignedIdentities",
    "Microsoft.OperationalInsights/workspaces",
    "Microsoft.Resources/resourceGroups",
    "Microsoft.Web/serverfarms",
    "Microsoft.Web/sites",
    "Microsoft.Web/sites/basicPublishingCredentialsPolicies",
    "Microsoft.Web/sites/config",
)
# Of `sites/config`, which is a dozen things by their names, the one that is used.
ELEMENTS = {"Microsoft.Web/sites/config": ("appsettings",)}
FLAGS = {"Required": "!", "ReadOnly": "<", "WriteOnly": ">", "DeployTimeConstant": "="}
SOURCE = "npm: @azure/mcp-linux-x64 2.0.5, Copyright (c) Microsoft Corporation, MIT License; see excerpt.py"


def asked(program: str, resource: str) -> list[dict[str, Any]]:
    """The program's answer: the resource, and after it the types that it refers to."""
    # It speaks to nobody for this, and is told not to report home either.
    environment = os.environ | {
        "AZURE_MCP_COLLECT_TELEMETRY": "false",
        "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1",
    }
    command = [program, "bicepschema", "get", "--resource-type", resource]
    answer = subprocess.run(command, env=environment, capture_output=True, check=True, timeout=60)  # noqa: S603 - ours
    entries: list[dict[str, Any]] = json.loads(answer.stdout)["results"]["BicepSchemaResult"]
    return entries


def short(properties: list[dict[str, str]]) -> dict[str, str]:
    """Name to type, with flags as one sign each behind it."""
    return {
        p["name"]: p["type"] + "".join(FLAGS[flag] for flag in p.get("flags", "").split(", ") if flag)
        for p in properties
    }


def record(entry: dict[str, Any]) -> dict[str, Any]:
    """A type: what it has by name, and of what type anything else in it may be."""
    others = entry.get("additionalPropertiesType")
    return {"has": short(entry["properties"])} | ({"others": others} if others else {})


def reachable(bodies: list[dict[str, Any]], types: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The types that the bodies mention, and those that they mention."""
    found: dict[str, dict[str, Any]] = {}
    waiting = list(bodies)
    while waiting:
        one = waiting.pop()
        for text in [*one["has"].values(), one.get("others", "")]:
            for name in re.findall(r"\w+", text):
                if name in types and name not in found:
                    found[name] = types[name]
                    waiting.append(types[name])
    return dict(sorted(found.items()))


def excerpt(program: str, resource: str) -> tuple[str, dict[str, Any]]:
    """One resource with its version, as it stands in `schemas.json`."""
    entries = asked(program, resource)
    types = {entry["name"]: record(entry) for entry in entries if entry["$type"] == "Object"}
    found = next(entry for entry in entries if entry["$type"] == "Resource")
    body = found["bodyType"]
    forms = [record(form) for form in body["elements"]] if "elements" in body else [record(body)]
    if wanted := ELEMENTS.get(resource):
        forms = [form for form in forms if form["has"]["name"].rstrip("!=") in wanted]
    scopes = found["writableScopes"]
    return found["name"], {"scopes": scopes, "forms": forms, "types": reachable(forms, types)}


def main() -> None:
    """Write the file beside this one."""
    resources = dict(excerpt(sys.argv[1], resource) for resource in WANTED)
    text = json.dumps({"source": SOURCE, "resources": resources}, indent=1, sort_keys=True)
    # A record's properties on one line: a new version is then a readable difference.
    text = re.sub(r'(?<="has": )\{[^{}]*\}', lambda has: re.sub(r"\s*\n\s*", " ", has.group()), text)
    Path(__file__).with_name("schemas.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
