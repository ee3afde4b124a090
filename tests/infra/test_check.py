"""Whether `infra/` holds together, and whether what looks at it would notice if it did not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.infra.bicep import BicepError, read
from tests.infra.check import problems
from tests.infra.schemas import load

INFRA = Path(__file__).parents[2] / "infra"
FILES = sorted(INFRA.rglob("*.bicep"))
RESOURCES = load()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_file_holds_together(path: Path) -> None:
    assert problems(read(path), RESOURCES) == []


MISTAKES = [
    ("web", "alwaysOn:", "allwaysOn:", "allwaysOn: there is no such property"),
    ("web", "webSocketsEnabled: true", "webSocketsEnabled: 'true'", "webSocketsEnabled: 'true' is not bool"),
    ("web", "capacity: instances", "capacity: planSku", "capacity: string is not int"),
    ("web", "minTlsVersion: '1.2'", "minTlsVersion: '1.4'", "minTlsVersion: '1.4' is not"),
    ("web", "ftpsState: 'Disabled'", "ftpsState: 'Off'", "ftpsState: 'Off' is not"),
    ("web", "sites@2024-11-01'", "sites@2024-12-01'", "is not known"),
    ("web", "serverFarmId: plan.id", "serverFarmId: farm.id", "farm: there is no such name"),
    ("web", "serverFarmId: plan.id", "serverFarmId: plan.key", "there is no key"),
    ("web", "allow: false", "allow: 0", "allow: int is not bool"),
    ("web", "WEBSITES_PORT: '8000'", "WEBSITES_PORT: 8000", "WEBSITES_PORT: int is not string"),
    ("web", "union(always, twilio, pages)", "union(always, twilio)", "pages: is not used"),
    ("web", "union(always, twilio, pages)", "merge(always, twilio, pages)", "merge: is no function"),
    ("web", "param planSku string", "param planSku text", "there is no type text"),
    ("web", "param pageSecret bool", "param pageSecret string", "looks like a secret"),
    ("web", "twilioSecret\n  ?", "vaultName\n  ?", "condition: string is not bool"),
    (
        "web",
        "    siteConfig: {\n",
        "    siteConfig: {\n      healthCheckPath: '/'\n",
        "healthCheckPath: is there twice",
    ),
    ("web", "siteConfig: {", "state: 'Running'\n    siteConfig: {", "state: can only be read"),
    ("web", "httpsOnly: true", "httpsOnly: true\n    cloningInfo: always", "depends on itself"),
    ("web", "parent: site\n  name: 'ftp'", "parent: plan\n  name: 'ftp'", "its parent is another one"),
    ("web", "name: 'ftp'", "name: 'sftp'", "'sftp' is not 'ftp'"),
    ("web", "name: siteName", "name: plan.properties.status", "plan.properties is not known in time"),
    ("web", "scope: site\n", "", "cannot be in a resourceGroup"),
    ("vault", "    tenantId: tenant().tenantId\n", "", "properties.tenantId: is missing"),
    ("vault", "name: 'standard'", "name: 'basic'", "sku.name: 'basic' is not"),
    ("vault", "scope: vault", "scope: safe", "safe: there is no such name"),
    ("vault", "tenant().tenantId", "tenant().id", "there is no id"),
    ("vault", "tenant().tenantId", "'login.vault.azure.net'", "differs between clouds"),
    ("voicelive", "kind: 'AIServices'", "kind: 7", "kind: int is not string"),
    ("voicelive", "for role in voiceLiveRoles: {", "for role in name: {", "string is no array"),
    ("voicelive", "name: 'to-log-analytics'", "name: role", "role: there is no such name"),
    ("voicelive", "if (!empty(deployerId))", "if (deployerId)", "if: string is not bool"),
    ("monitoring", "DisableLocalAuth", "disableLocalAuth", "disableLocalAuth: there is no such property"),
    ("alert", "HealthCheckStatus", "HealthStatus", "metricName: 'HealthStatus' is not"),
    ("vault", "'AuditEvent'", "'AuditEvents'", "category: 'AuditEvents' is not"),
    ("alert", "'LessThan'", "'Below'", "operator: 'Below' is not"),
    ("main", "identity.outputs.id\n", "identity.outputs.key\n", "there is no key"),
    ("main", "    planSku: planSku\n", "", "web.params.planSku: is missing"),
    (
        "main",
        "    planSku: planSku\n",
        "    planSku: planSku\n    zone: 1\n",
        "params.zone: there is no such property",
    ),
    ("main", "    instances: instances\n", "    instances: planSku\n", "instances: 'B1' is not int"),
    ("main", "planSku string = 'B1'", "planSku string = 'F1'", "planSku: 'F1' is not"),
    ("main", "'modules/web.bicep'", "'modules/app.bicep'", "there is no modules/app.bicep"),
    ("main", "@minLength(1)\n@maxLength(64)", "@minLength('1')\n@maxLength(64)", "@minLength: '1' is not int"),
    (
        "main",
        "@minLength(1)\n@maxLength(64)",
        "@smallest(1)\n@maxLength(64)",
        "@smallest: there is no such decorator",
    ),
    ("main", "output WEBAPP_URL string", "output WEBAPP_URL int", "WEBAPP_URL: string is not int"),
    (
        "main",
        "  scope: group\n  params: {\n    name: 'id-",
        "  params: {\n    name: 'id-",
        "its scope is not a resource",
    ),
    ("main", "name: 'id-${token}'", "name: 'id-${tokens}'", "tokens: there is no such name"),
    ("main", "var tags =", "var unneeded = 1\nvar tags =", "unneeded: is not used"),
    ("main", "var tags =", "var token = ''\nvar tags =", "token: is declared twice"),
]


@pytest.mark.parametrize(("name", "right", "wrong", "said"), MISTAKES, ids=[f"{m[0]}-{m[3]}" for m in MISTAKES])
def test_a_mistake_is_found(name: str, right: str, wrong: str, said: str, tmp_path: Path) -> None:
    shutil.copytree(INFRA, tmp_path / "infra")
    path = next((tmp_path / "infra").rglob(f"{name}.bicep"))
    before = path.read_text(encoding="utf-8")
    assert right in before
    path.write_text(before.replace(right, wrong, 1), encoding="utf-8")
    assert any(said in problem for problem in problems(read(path), RESOURCES))


@pytest.mark.parametrize("broken", ["param name", "resource x 'A/b@1' = {", "var x = [1 2", "type Sku = string\n"])
def test_what_cannot_be_read_is_said_with_its_line(broken: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.bicep"
    path.write_text(f"// a comment\n{broken}", encoding="utf-8")
    with pytest.raises(BicepError, match=r"broken\.bicep:\d"):
        read(path)


def test_versions_are_stable_ones_where_there_are_any() -> None:
    used = {one.type for path in FILES for one in read(path).every("resource")}
    assert {name for name in used if "preview" in name} == {
        "Microsoft.Insights/diagnosticSettings@2021-05-01-preview"
    }
    assert used == set(RESOURCES), "schemas.json should have what is used, and no more"
