"""Who may do what once it is deployed: no more than they need, and no less than the service asks for."""

import json
from fnmatch import fnmatch

from emulator.rights import ROLES
from tests.infra.bicep import Resource, Template
from tests.infra.deployed import FOLDER, environment, platform, service

# As Azure has them in every tenant: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
BUILT_IN = {
    "AcrPull": "7f951dda-4ed3-4680-a7ca-43fe172d538d",
    "AcrPush": "8311e382-0749-4cb8-b61a-304f252e45ec",
    "AzureML Data Scientist": "f6c7c914-8db3-469d-8ca1-694a8f32e121",
    "AzureML Metrics Writer": "635dd51f-9968-44d3-b7fb-6d9a6bd613ae",
    "Contributor": "b24988ac-6180-42a0-ab88-20f7382dd24c",
    "Key Vault Secrets Officer": "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
    "Key Vault Secrets User": "4633458b-17de-408a-b874-0445c86b69e6",
    "Managed Identity Operator": "f1a07417-d97a-45cb-824c-7a7467783830",
    "Monitoring Reader": "43d0d8ad-25c7-4714-9337-8ba259a9fe05",
    "Reader": "acdd72a7-3385-48ef-bd42-f606fba81ae7",
    "Storage Blob Data Contributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    "Storage Blob Data Reader": "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
}
_ML = "Microsoft.MachineLearningServices"


def test_roles_are_azures_own() -> None:
    assert json.loads((FOLDER / "roles.json").read_text()) == BUILT_IN


def test_the_api_has_its_image_and_its_secrets_and_nothing_else() -> None:
    assert granted("id-mlrelease-api") == {("AcrPull", "registries"), ("Key Vault Secrets User", "vaults")}


def test_the_worker_has_what_releases_need() -> None:
    assert granted("id-mlrelease-worker") == {
        ("AcrPull", "registries"),
        ("Key Vault Secrets User", "vaults"),  # its own secrets
        ("Key Vault Secrets Officer", "vaults"),  # the endpoints' keys, of each environment
        ("AzureML Data Scientist", "workspaces"),
        ("Monitoring Reader", "workspaces"),
        ("Managed Identity Operator", "userAssignedIdentities"),
        ("mlrelease: share to reg-shared", "registries"),
        ("mlrelease: read the quota of 00000000-0000-0000-0000-000000000001", "subscription"),
    }


def test_an_endpoint_reads_the_registry_that_its_content_comes_from() -> None:
    for name in ("dev", "prod"):
        assert granted(f"id-endpoint-{name}") == {
            ("Reader", "registries"),
            ("AcrPull", "registries"),
            ("Storage Blob Data Reader", "storageAccounts"),
            ("AzureML Metrics Writer", "workspaces"),
        }
        (read,) = [each for each in _grants_of(f"id-endpoint-{name}") if _role(each) == "Reader"]
        assert read.scope == _made(platform(), f"{_ML}/registries").id


def test_jobs_pull_images_and_use_the_workspaces_blobs() -> None:
    assert granted("id-cluster-dev") == {
        ("AcrPull", "registries"),
        ("Storage Blob Data Contributor", "storageAccounts"),
    }


def test_the_migration_has_its_image_alone() -> None:
    assert granted("id-mlrelease-migrate") == {("AcrPull", "registries")}


def test_ci_pushes_images_and_updates_the_apps() -> None:
    assert granted("id-mlrelease-ci") == {
        ("AcrPush", "registries"),
        ("Managed Identity Operator", "userAssignedIdentities"),  # an app is updated with its identity
        ("Contributor", "containerApps"),
        ("Contributor", "jobs"),
    }


def test_no_role_over_a_whole_group_or_subscription_is_given_but_reading_the_quota() -> None:
    wide = [each for each in _all_grants() if "/providers/" not in each.scope]

    assert {_role(each) for each in wide} == {"mlrelease: read the quota of 00000000-0000-0000-0000-000000000001"}


def test_who_shares_to_the_registry_cannot_delete_from_it() -> None:
    allowed = _custom("mlrelease: share to reg-shared")

    for action in ("read", "assets/read", "assets/write"):
        assert _allows(allowed, f"{_ML}/registries/{action}")
    for action in ("assets/delete", "write", "delete"):
        assert not _allows(allowed, f"{_ML}/registries/{action}")
    assert _allows(ROLES["AzureML Registry User"][0], f"{_ML}/registries/assets/delete")  # why it is not that one


def test_assignments_are_named_after_whom_they_are_for() -> None:
    """Else one that is left over from a deleted identity stands in the way of the new identity's."""
    for file in FOLDER.rglob("*.bicep"):
        text = file.read_text()
        for part in text.split("Microsoft.Authorization/roleAssignments@")[1:]:
            name = part.partition("name: guid(")[2].partition(")\n")[0]
            assert "principal" in name, f"{file.name}: {name}"


def granted(identity: str) -> set[tuple[str, str]]:
    """Each role, and the kind of resource over which the identity has it."""
    return {(_role(each), _kind(each.scope)) for each in _grants_of(identity)}


def _grants_of(identity: str) -> list[Resource]:
    return [
        each
        for each in _all_grants()
        if each.body["properties"]["principalId"].endswith(f"/userAssignedIdentities/{identity}.properties.principalId")
    ]


def _all_grants() -> list[Resource]:
    return [each for each in _all_resources() if each.type == "Microsoft.Authorization/roleAssignments"]


def _all_resources() -> list[Resource]:
    templates: list[Template] = [platform(), environment("dev"), environment("prod"), service()]
    return [each for template in templates for each in template.resources]


def _role(grant: Resource) -> str:
    wanted = grant.body["properties"]["roleDefinitionId"]
    for name, role in BUILT_IN.items():
        if wanted.endswith(f"/{role}"):
            return name
    return str(next(each.body["properties"]["roleName"] for each in _definitions() if each.id == wanted))


def _definitions() -> list[Resource]:
    return [each for each in _all_resources() if each.type == "Microsoft.Authorization/roleDefinitions"]


def _custom(name: str) -> list[str]:
    (found,) = {each.id: each for each in _definitions() if each.body["properties"]["roleName"] == name}.values()
    actions: list[str] = found.body["properties"]["permissions"][0]["actions"]
    return actions


def _allows(patterns: list[str], action: str) -> bool:
    return any(fnmatch(action.lower(), pattern.lower()) for pattern in patterns)


def _kind(scope: str) -> str:
    return scope.rsplit("/", 2)[-2] if "/providers/" in scope else "subscription"


def _made(template: Template, kind: str) -> Resource:
    (found,) = [each for each in template.resources if each.type == kind]
    return found
