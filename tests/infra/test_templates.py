"""What would be deployed: types, versions, names and required properties as Azure's own types have them.

The tables are from Azure/bicep-types-az and Azure/bicep-registry-modules (Azure Verified Modules), as of August 2026.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from tests.infra.bicep import Resource, Template, parsed
from tests.infra.deployed import FOLDER, environment, parameters, platform, service

# type → version that we deploy, what its name must be, which properties must be there.
KNOWN: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "Microsoft.OperationalInsights/workspaces": ("2025-02-01", r"[A-Za-z0-9-]{4,63}", ("location",)),
    "Microsoft.Insights/components": ("2020-02-02", r".{1,260}", ("location", "kind", "properties.Application_Type", "properties.WorkspaceResourceId")),
    "Microsoft.Storage/storageAccounts": ("2025-01-01", r"[a-z0-9]{3,24}", ("location", "kind", "sku.name")),
    "Microsoft.KeyVault/vaults": ("2024-11-01", r"[a-zA-Z][a-zA-Z0-9-]{1,22}[a-zA-Z0-9]", ("location", "properties.tenantId", "properties.sku.family", "properties.sku.name")),
    "Microsoft.ContainerRegistry/registries": ("2025-11-01", r"[a-zA-Z0-9]{5,50}", ("location", "sku.name")),
    "Microsoft.MachineLearningServices/workspaces": ("2025-09-01", r"[a-zA-Z0-9][a-zA-Z0-9_-]{2,32}", ("location", "identity.type", "properties.storageAccount", "properties.keyVault", "properties.applicationInsights", "properties.containerRegistry")),
    "Microsoft.MachineLearningServices/workspaces/computes": ("2024-10-01", r"[a-zA-Z][a-zA-Z0-9-]{1,31}", ("location", "properties.computeType", "properties.properties.vmSize", "properties.properties.scaleSettings.maxNodeCount")),
    "Microsoft.MachineLearningServices/registries": ("2024-10-01", r"[a-zA-Z0-9][a-zA-Z0-9_-]{2,32}", ("location", "properties.regionDetails")),
    "Microsoft.ManagedIdentity/userAssignedIdentities": ("2024-11-30", r"[a-zA-Z0-9][a-zA-Z0-9_-]{2,127}", ("location",)),
    "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials": ("2024-11-30", r"[a-zA-Z0-9][a-zA-Z0-9_-]{2,119}", ("properties.issuer", "properties.subject", "properties.audiences")),
    "Microsoft.Authorization/roleAssignments": ("2022-04-01", r"[0-9a-f-]{36}", ("properties.principalId", "properties.roleDefinitionId", "properties.principalType")),
    "Microsoft.Authorization/roleDefinitions": ("2022-04-01", r"[0-9a-f-]{36}", ("properties.roleName", "properties.type", "properties.permissions", "properties.assignableScopes")),
    "Microsoft.DBforPostgreSQL/flexibleServers": ("2025-08-01", r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", ("location", "sku.name", "sku.tier", "properties.version", "properties.authConfig.tenantId")),
    "Microsoft.DBforPostgreSQL/flexibleServers/administrators": ("2025-08-01", r"[0-9a-f-]{36}", ("properties.principalName", "properties.principalType", "properties.tenantId")),
    "Microsoft.DBforPostgreSQL/flexibleServers/databases": ("2025-08-01", r"[a-z]+", ()),
    "Microsoft.DBforPostgreSQL/flexibleServers/firewallRules": ("2025-08-01", r"[a-zA-Z0-9_-]{1,128}", ("properties.startIpAddress", "properties.endIpAddress")),
    "Microsoft.App/managedEnvironments": ("2026-01-01", r"[a-z][a-z0-9-]{1,59}", ("location",)),
    "Microsoft.App/containerApps": ("2026-01-01", r"[a-z][a-z0-9-]{1,31}", ("location", "properties.environmentId", "properties.template.containers")),
    "Microsoft.App/jobs": ("2026-01-01", r"[a-z][a-z0-9-]{1,31}", ("location", "properties.environmentId", "properties.configuration.triggerType", "properties.configuration.replicaTimeout")),
    "Microsoft.Insights/diagnosticSettings": ("2021-05-01-preview", r".{1,260}", ("properties.workspaceId",)),
}  # fmt: skip
# What Azure Resource Manager takes for a resource's region and identity at the top of its body.
_TOP = {"location", "tags", "sku", "kind", "identity", "properties", "managedBy", "zones"}
TEMPLATES: dict[str, Callable[[], Template]] = {"platform": platform, "dev": lambda: environment("dev"), "prod": lambda: environment("prod"), "service": service}  # fmt: skip


@pytest.mark.parametrize("name", TEMPLATES)
def test_each_resource_is_one_that_azure_takes(name: str) -> None:
    for resource in TEMPLATES[name]().resources:
        version, pattern, required = KNOWN[resource.type]
        assert resource.version == version, resource
        assert re.fullmatch(pattern, resource.name), resource
        if not resource.existing:
            assert set(resource.body) <= _TOP, resource
            missing = [path for path in required if _at(resource.body, path) is None]
            assert not missing, f"{resource.type} {resource.name} lacks {missing}"


@pytest.mark.parametrize("name", TEMPLATES)
def test_no_two_resources_are_the_same(name: str) -> None:
    made = Counter(each.id for each in TEMPLATES[name]().resources if not each.existing)

    assert [each for each, times in made.items() if times > 1] == []


def test_what_a_template_expects_to_be_there_was_made_by_those_before_it() -> None:
    there = {each.id for each in platform().resources if not each.existing}
    for template in (environment("dev"), environment("prod"), service()):
        made = {each.id for each in template.resources if not each.existing}
        assert {each.id for each in template.resources if each.existing} <= there | made


def test_each_file_is_used() -> None:
    modules = {each.name for each in (FOLDER / "modules").glob("*.bicep")}
    written = "".join(each.read_text() for each in FOLDER.rglob("*.bicep"))

    assert modules == set(re.findall(r"'modules/([\w-]+\.bicep)'", written))
    for file in FOLDER.rglob("*.bicep"):
        parsed(file)


def test_a_workspace_is_in_a_region_of_its_registry() -> None:
    assert _one(environment("prod"), "Microsoft.MachineLearningServices/workspaces").body["location"] in parameters("platform")["registryRegions"]  # fmt: skip


def test_the_registry_is_in_each_region_and_at_home_in_the_first() -> None:
    body = _one(platform(), "Microsoft.MachineLearningServices/registries").body

    assert body["location"] == body["properties"]["regionDetails"][0]["location"]
    for region in body["properties"]["regionDetails"]:
        images = region["acrDetails"][0]["systemCreatedAcrAccount"]
        account = region["storageAccountDetails"][0]["systemCreatedStorageAccount"]
        assert images["acrAccountSku"] == "Premium"
        assert re.fullmatch(KNOWN["Microsoft.ContainerRegistry/registries"][1], images["acrAccountName"])
        assert account["allowBlobPublicAccess"] is False
        assert re.fullmatch(KNOWN["Microsoft.Storage/storageAccounts"][1], account["storageAccountName"])


def test_a_cluster_costs_nothing_at_rest() -> None:
    for name in ("dev", "prod"):
        scale = _one(environment(name), "Microsoft.MachineLearningServices/workspaces/computes").body["properties"]["properties"]["scaleSettings"]  # fmt: skip
        assert scale["minNodeCount"] == 0
        assert scale["nodeIdleTimeBeforeScaleDown"].startswith("PT")


def test_vaults_and_accounts_are_closed_to_strangers() -> None:
    for template in (platform(), environment("prod")):
        for vault in _all(template, "Microsoft.KeyVault/vaults"):
            assert vault.body["properties"]["enableRbacAuthorization"] is True
            assert vault.body["properties"]["enablePurgeProtection"] is True  # Azure refuses false
        for account in _all(template, "Microsoft.Storage/storageAccounts"):
            assert account.body["properties"]["allowBlobPublicAccess"] is False
            assert "isHnsEnabled" not in account.body["properties"]
        for images in _all(template, "Microsoft.ContainerRegistry/registries"):
            assert images.body["properties"]["adminUserEnabled"] is False


def test_the_database_knows_no_passwords() -> None:
    server = _one(platform(), "Microsoft.DBforPostgreSQL/flexibleServers").body["properties"]

    assert server["authConfig"] | {"tenantId": ""} == {"activeDirectoryAuth": "Enabled", "passwordAuth": "Disabled", "tenantId": ""}  # fmt: skip
    assert "administratorLogin" not in server
    assert _all(platform(), "Microsoft.DBforPostgreSQL/flexibleServers/administrators")


def test_no_secret_is_in_a_template_or_comes_out_of_one() -> None:
    telling = re.compile(r"listKeys|listCredentials|listSecrets|sharedKey|administratorLoginPassword|primaryKey|accountKey", re.I)  # fmt: skip
    for file in [*FOLDER.rglob("*.bicep"), *FOLDER.rglob("*.json")]:
        assert not telling.search(file.read_text()), file.name


def test_ci_logs_in_without_a_secret() -> None:
    credentials = _all(platform(), "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials")

    assert credentials
    for each in credentials:
        assert each.body["properties"]["audiences"] == ["api://AzureADTokenExchange"]
        assert re.fullmatch(r"repo:[^:*]+:environment:[\w-]+", each.body["properties"]["subject"])


def _one(template: Template, kind: str) -> Resource:
    (found,) = _all(template, kind)
    return found


def _all(template: Template, kind: str) -> list[Resource]:
    return list(_of(template.resources, kind))


def _of(resources: list[Resource], kind: str) -> Iterator[Resource]:
    return (each for each in resources if each.type == kind and not each.existing)


def _at(body: Mapping[str, Any], path: str) -> Any:
    found: Any = body
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found
